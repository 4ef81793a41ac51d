//! [`Secret`]: what a contribution multiplies delta with. Whoever knows the secrets of all contributions can forge; one that
//! is forgotten is enough for nobody to.
//!
//! A secret is not `Clone`, not `Debug`, never written, and overwritten when it is dropped; the entropy it came from likewise.
//! What cannot be promised: registers and stack copies that the compiler makes, and the digits of the scalar while
//! points are multiplied, which are overwritten too but not in constant time. Contribute on a machine that nobody else uses.
//!
//! Depends on: `encoding`. Where to go next: [`super::contribute`].

use super::encoding::Source;
use ark_bn254::{Fr, G1Affine};
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::{AdditiveGroup, Field, PrimeField};
use blake2::{Blake2b512, Digest};
use popw_kernels::Scalar;
use rand_chacha::rand_core::{CryptoRng, RngCore};
use zeroize::{Zeroize, Zeroizing};

/// Fewest and most doublings of the work behind a beacon, and most bytes of it: what snarkjs takes.
pub const ITERATIONS_LOG2: std::ops::RangeInclusive<u8> = 10..=63;
/// Most bytes of a beacon.
pub const BEACON_BYTES_MAX: usize = 255;

/// A secret scalar, neither 0 nor 1.
pub struct Secret(Fr);

impl Drop for Secret {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl Secret {
    /// Draws a secret from 64 bytes of `rng` and whatever the contributor typed: as unpredictable as the better of the two.
    pub fn draw(rng: &mut (impl RngCore + CryptoRng), typed: &[u8]) -> Self {
        let mut bytes = Zeroizing::new([0; 64]);
        loop {
            rng.fill_bytes(&mut *bytes);
            let mut hash = Blake2b512::new();
            hash.update(*bytes);
            hash.update(typed);
            let mut digest: [u8; 64] = hash.finalize().into();
            // 512 bits: no residue is noticeably more likely than another.
            let secret = Self(Fr::from_le_bytes_mod_order(&digest));
            digest.zeroize();
            if secret.0 != Fr::ZERO && secret.0 != Fr::ONE {
                return secret;
            }
        }
    }

    /// The scalar of a beacon, which is no secret, and the point s that goes with it: drawn from the beacon after
    /// 2^`iterations_log2` rounds of SHA-256. `None` if `cancelled` said so.
    pub(super) fn beacon(
        beacon: &[u8],
        iterations_log2: u8,
        cancelled: impl Fn() -> bool,
    ) -> Option<(Self, G1Affine)> {
        let mut source = Source::from_beacon(beacon, iterations_log2, cancelled)?;
        Some((Self(source.scalar()), source.g1()))
    }

    /// A point times the secret.
    pub(super) fn times<A: AffineRepr<ScalarField = Fr>>(&self, point: A) -> A {
        (point * self.0).into_affine()
    }

    /// One over the secret, as kernels take it.
    pub(super) fn inverse(&self) -> Zeroizing<Inverse> {
        let mut inverse = self.0.inverse().unwrap_or_default();
        let scalar = Zeroizing::new(Inverse(inverse.into_bigint()));
        inverse.zeroize();
        scalar
    }
}

/// One over a secret.
pub(super) struct Inverse(pub(super) Scalar);

impl Zeroize for Inverse {
    fn zeroize(&mut self) {
        self.0.0.zeroize();
    }
}

/// A point that nothing is known about, for the proof of knowledge.
pub(super) fn random_point(rng: &mut (impl RngCore + CryptoRng)) -> G1Affine {
    let mut seed = [0; 32];
    rng.fill_bytes(&mut seed);
    Source::new(&seed).g1()
}

const _: () = {
    // Compiles for types that are not Clone only: for one that is, `is_clone` is ambiguous.
    trait NotClone<Marker> {
        const OK: () = ();
    }
    struct IsClone;
    impl<T: ?Sized> NotClone<()> for T {}
    impl<T: Clone> NotClone<IsClone> for T {}
    <Secret as NotClone<_>>::OK
};

const _: () = {
    // The same for Debug.
    trait NotDebug<Marker> {
        const OK: () = ();
    }
    struct IsDebug;
    impl<T: ?Sized> NotDebug<()> for T {}
    impl<T: std::fmt::Debug> NotDebug<IsDebug> for T {}
    <Secret as NotDebug<_>>::OK
};
