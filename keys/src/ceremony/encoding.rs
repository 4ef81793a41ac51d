//! What a transcript hashes, and what is drawn from a hash: the bytes of points, BLAKE2b, ChaCha.
//!
//! All of it is snarkjs's, so that each side verifies the other's files:
//!
//! - A point is hashed uncompressed: coordinates as big-endian integers, the higher coefficient of a coordinate in the second
//!   group first; infinity is zeros.
//! - Field elements are drawn from the words of ChaCha20: four times 64 bits, each the higher word first, the lowest limb
//!   first, cut to 254 bits, drawn again until they are below the prime; **what is drawn is the element times 2^256**, since
//!   snarkjs takes the drawn bytes as its Montgomery form.
//! - A point is an x, a bit that chooses the larger y, drawn again until there is a y; in the second group times the cofactor.
//!
//! Depends on: `blake2`, `rand_chacha`. Where to go next: [`super::contribution`].

use ark_bn254::{Fq, Fq2, Fr, G1Affine, G2Affine};
use ark_ec::AffineRepr;
use ark_ec::short_weierstrass::{Affine, SWCurveConfig};
use ark_ff::{AdditiveGroup, BigInt, BigInteger, Field, Fp, MontBackend, MontConfig, PrimeField};
use blake2::{Blake2b512, Digest};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use sha2::Sha256;
use zeroize::Zeroizing;

/// A BLAKE2b hash of 512 bits.
pub type Hash512 = [u8; 64];

/// The hash of bytes.
pub fn blake2b(bytes: &[u8]) -> Hash512 {
    Blake2b512::digest(bytes).into()
}

/// A point of the first group as a transcript hashes it.
pub(crate) fn uncompressed_g1(point: &G1Affine) -> [u8; 64] {
    let mut bytes = [0; 64];
    if let Some((x, y)) = point.xy() {
        put(&x, &mut bytes[..32]);
        put(&y, &mut bytes[32..]);
    }
    bytes
}

/// A point of the second group as a transcript hashes it.
pub(crate) fn uncompressed_g2(point: &G2Affine) -> [u8; 128] {
    let mut bytes = [0; 128];
    if let Some((x, y)) = point.xy() {
        for (value, bytes) in [x.c1, x.c0, y.c1, y.c0].iter().zip(bytes.chunks_exact_mut(32)) {
            put(value, bytes);
        }
    }
    bytes
}

fn put(value: &Fq, bytes: &mut [u8]) {
    bytes.copy_from_slice(&value.into_bigint().to_bytes_be());
}

/// A field that can be drawn.
pub(super) trait Draw: Field {
    /// Draws an element.
    fn draw(source: &mut Source) -> Self;
    /// Is it the larger of itself and its negative?
    fn is_larger(&self) -> bool;
}

impl<P: MontConfig<4>> Draw for Fp<MontBackend<P, 4>, 4> {
    fn draw(source: &mut Source) -> Self {
        loop {
            let mut limbs = [(); 4].map(|()| source.word64());
            // Both primes have 254 bits.
            limbs[3] &= u64::MAX >> 2;
            let value = BigInt::new(limbs);
            if value < P::MODULUS {
                return Self::new_unchecked(value);
            }
        }
    }

    fn is_larger(&self) -> bool {
        self.into_bigint() > Self::MODULUS_MINUS_ONE_DIV_TWO
    }
}

impl Draw for Fq2 {
    fn draw(source: &mut Source) -> Self {
        let c0 = Fq::draw(source);
        Self::new(c0, Fq::draw(source))
    }

    fn is_larger(&self) -> bool {
        match self.c1 == Fq::ZERO {
            true => self.c0.is_larger(),
            false => self.c1.is_larger(),
        }
    }
}

/// A source of field elements and points.
pub(crate) struct Source(ChaCha20Rng);

impl Source {
    /// From eight words, big-endian.
    pub(crate) fn new(seed: &[u8; 32]) -> Self {
        // ChaCha's own seed has little-endian words.
        let mut words = Zeroizing::new(*seed);
        words
            .as_chunks_mut::<4>()
            .0
            .iter_mut()
            .for_each(|word| word.reverse());
        Self(ChaCha20Rng::from_seed(*words))
    }

    /// From a beacon after 2^`iterations_log2` rounds of SHA-256, fewer than 2^64. `None` if `cancelled` said so.
    pub(crate) fn from_beacon(
        beacon: &[u8],
        iterations_log2: u8,
        cancelled: impl Fn() -> bool,
    ) -> Option<Self> {
        let mut hash: [u8; 32] = Sha256::digest(beacon).into();
        for iteration in 1..1_u64 << iterations_log2 {
            hash = Sha256::digest(hash).into();
            if iteration.is_multiple_of(1 << 16) && cancelled() {
                return None;
            }
        }
        Some(Self::new(&hash))
    }

    fn word64(&mut self) -> u64 {
        let high = u64::from(self.0.next_u32());
        high << 32 | u64::from(self.0.next_u32())
    }

    /// A scalar.
    pub(crate) fn scalar(&mut self) -> Fr {
        Fr::draw(self)
    }

    /// A point of the first group.
    pub(crate) fn g1(&mut self) -> G1Affine {
        self.point()
    }

    /// A point of the second group.
    pub(crate) fn g2(&mut self) -> G2Affine {
        self.point::<ark_bn254::g2::Config>().mul_by_cofactor()
    }

    fn point<P: SWCurveConfig>(&mut self) -> Affine<P>
    where
        P::BaseField: Draw,
    {
        loop {
            let x = P::BaseField::draw(self);
            let larger = self.0.next_u32() & 1 == 1;
            if let Some(y) = (x.square() * x + P::COEFF_B).sqrt() {
                let y = if y.is_larger() == larger { y } else { -y };
                return Affine::new_unchecked(x, y);
            }
        }
    }
}

/// The point of the second group that belongs to a hash: from its first 32 bytes.
pub(crate) fn hash_to_g2(hash: &Hash512) -> G2Affine {
    let (seed, _) = hash.split_first_chunk::<32>().unwrap_or((&[0; 32], &[]));
    Source::new(seed).g2()
}
