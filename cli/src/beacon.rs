//! drand's randomness, natively: what `DrandBeacon.sol` checks on chain, and signatures of a network of our own for
//! tests and demonstrations.
//!
//! For networks of the scheme `bls-unchained-g1-rfc9380`, as drand's quicknet: BLS12-381, signatures in G1, the public key
//! in G2, `signature = key H(sha256(round as 8 bytes))` with RFC 9380's `hash_to_curve` as H, `randomness =
//! sha256(signature, compressed)`. Compressed points are those of the IETF's BLS drafts; contracts want them encoded as in
//! EIP-2537: 64 bytes a coordinate, big-endian, G1 as x, y, G2 as x.c0, x.c1, y.c0, y.c1.
//!
//! Depends on arkworks only. Next: `verifier/contracts/src/DrandBeacon.sol`; `cli/tests/beacon.rs` compares the two.

use ark_bls12_381::{Bls12_381, Fq, Fr, G1Affine, G1Projective, G2Affine, g1};
use ark_ec::{
    AffineRepr, CurveGroup,
    hashing::{
        HashToCurve, HashToCurveError, curve_maps::wb::WBMap, map_to_curve_hasher::MapToCurveBasedHasher,
    },
    pairing::Pairing,
};
use ark_ff::{BigInteger, PrimeField, Zero, field_hashers::DefaultFieldHasher};
use ark_serialize::CanonicalDeserialize;
use sha2::{Digest, Sha256};
use thiserror::Error;

/// Bytes of a compressed point of G1.
pub const G1_COMPRESSED: usize = 48;
/// Bytes of a compressed point of G2.
pub const G2_COMPRESSED: usize = 96;
/// Bytes of a point of G1 as EIP-2537 encodes it.
pub const G1_ENCODED: usize = 128;
/// Bytes of a point of G2 as EIP-2537 encodes it.
pub const G2_ENCODED: usize = 256;

/// The domain of the scheme's hash.
const DOMAIN: &[u8] = b"BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_NUL_";
/// The public key of quicknet, from its chain info (chain hash
/// 52db9ba70e0cc0f6eaf7803dd07447a1f5477735fd3f661792ba94600c84e971).
const QUICKNET_KEY: &str = "83cf0f2896adee7eb8b5f01fcad3912212c437e0073e911fb90022d3e760183c8c4b450b6a0a6c3ac6a5776a2d1064510d1fec758c921cc22b0e17e63aaf4bcb5ed66304de9cf809bd274ca73bab4af5a6e9c76a4bc09e76eae8991ef5ece45a";
const QUICKNET_GENESIS: u64 = 1_692_803_367;
const QUICKNET_PERIOD: u32 = 3;

type Hasher = MapToCurveBasedHasher<G1Projective, DefaultFieldHasher<Sha256>, WBMap<g1::Config>>;

/// Why a key, a round or a signature is refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum BeaconError {
    /// Not the compressed form of a point of the group other than infinity.
    #[error("{what}: not a point of the group in its compressed form: {reason}")]
    NotAPoint {
        /// What should be a point.
        what: &'static str,
        /// Why it is none.
        reason: String,
    },
    /// The first round is number 1.
    #[error("round 0: the first round is 1")]
    RoundIsZero,
    /// Not the network's signature of this round.
    #[error("round {round}: the signature is not the network's")]
    Signature {
        /// The round.
        round: u64,
    },
    /// arkworks cannot hash to the curve. A fault of this build.
    #[error("hash to curve: {0}")]
    Hash(String),
}

impl From<HashToCurveError> for BeaconError {
    fn from(error: HashToCurveError) -> Self {
        Self::Hash(error.to_string())
    }
}

/// A drand network: whose signatures count, and when they come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Network {
    key: G2Affine,
    /// When round 1 was emitted, Unix seconds.
    pub genesis: u64,
    /// From one round to the next, seconds; not 0.
    pub period: u32,
}

impl Network {
    /// A network from its chain info.
    ///
    /// # Errors
    /// The key is no point of G2.
    pub fn new(key: &[u8; G2_COMPRESSED], genesis: u64, period: u32) -> Result<Self, BeaconError> {
        let key = point(key, "public key")?;
        Ok(Self { key, genesis, period })
    }

    /// drand's quicknet: a round every three seconds since 23 August 2023.
    ///
    /// # Errors
    /// None in a build that passes its tests.
    pub fn quicknet() -> Result<Self, BeaconError> {
        let mut key = [0; G2_COMPRESSED];
        hex::decode_to_slice(QUICKNET_KEY, &mut key).map_err(|error| BeaconError::NotAPoint {
            what: "public key of quicknet",
            reason: error.to_string(),
        })?;
        Self::new(&key, QUICKNET_GENESIS, QUICKNET_PERIOD)
    }

    /// The public key as EIP-2537 encodes it.
    #[must_use]
    pub fn encoded_key(&self) -> [u8; G2_ENCODED] {
        // Infinity cannot be a key, so there are coordinates.
        let (x, y) = self.key.xy().unwrap_or_default();
        encode([x.c0, x.c1, y.c0, y.c1])
    }

    /// The first round that is emitted at `time` (Unix seconds) or later.
    #[must_use]
    pub fn round_at(&self, time: u64) -> u64 {
        match time.checked_sub(self.genesis) {
            None | Some(0) => 1,
            Some(after) => (after - 1) / u64::from(self.period.max(1)) + 2,
        }
    }

    /// When a round is emitted, Unix seconds.
    #[must_use]
    pub fn time_of(&self, round: u64) -> u64 {
        let after = round.saturating_sub(1).saturating_mul(self.period.into());
        self.genesis.saturating_add(after)
    }

    /// The randomness of a round.
    ///
    /// # Errors
    /// The round is 0, or the signature is not the network's for this round.
    pub fn randomness(&self, round: u64, signature: &Signature) -> Result<[u8; 32], BeaconError> {
        let left = [signature.0, hash(round)?];
        let right = [-G2Affine::generator(), self.key];
        if !Bls12_381::multi_pairing(left, right).is_zero() {
            return Err(BeaconError::Signature { round });
        }
        Ok(Sha256::digest(signature.compressed()).into())
    }
}

/// A signature of a round: a point of G1 other than infinity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signature(G1Affine);

impl Signature {
    /// From the form in which drand publishes it.
    ///
    /// # Errors
    /// It is no point of G1, is infinity, or is not written in the one right way.
    pub fn from_compressed(bytes: &[u8; G1_COMPRESSED]) -> Result<Self, BeaconError> {
        Ok(Self(point(bytes, "signature")?))
    }

    /// The form in which drand publishes it.
    #[must_use]
    pub fn compressed(&self) -> [u8; G1_COMPRESSED] {
        let (x, y) = self.0.xy().unwrap_or_default();
        let mut bytes = [0; G1_COMPRESSED];
        bytes.copy_from_slice(&encode::<64>([x])[64 - G1_COMPRESSED..]);
        // "Compressed", and "y is the larger of the two".
        bytes[0] |= if y > -y { 0xa0 } else { 0x80 };
        bytes
    }

    /// As EIP-2537 encodes it.
    #[must_use]
    pub fn encoded(&self) -> [u8; G1_ENCODED] {
        let (x, y) = self.0.xy().unwrap_or_default();
        encode([x, y])
    }
}

/// The key of a network of our own. Whoever has the seed can sign any round: for tests and demonstrations.
#[derive(Clone, Debug)]
pub struct TestKey(Fr);

impl TestKey {
    /// A key that follows from a seed.
    #[must_use]
    pub fn from_seed(seed: &[u8]) -> Self {
        Self(Fr::from_be_bytes_mod_order(&Sha256::digest(seed)))
    }

    /// The network that has this key.
    #[must_use]
    pub fn network(&self, genesis: u64, period: u32) -> Network {
        let key = (G2Affine::generator() * self.0).into_affine();
        Network { key, genesis, period }
    }

    /// The network's signature of a round.
    ///
    /// # Errors
    /// The round is 0.
    pub fn sign(&self, round: u64) -> Result<Signature, BeaconError> {
        Ok(Signature((hash(round)? * self.0).into_affine()))
    }
}

/// What is signed for a round, on the curve.
fn hash(round: u64) -> Result<G1Affine, BeaconError> {
    if round == 0 {
        return Err(BeaconError::RoundIsZero);
    }
    Ok(Hasher::new(DOMAIN)?.hash(&Sha256::digest(round.to_be_bytes()))?)
}

/// Reads a compressed point; arkworks checks that it is canonical and in the subgroup.
fn point<P: AffineRepr + CanonicalDeserialize>(bytes: &[u8], what: &'static str) -> Result<P, BeaconError> {
    let not_a_point = |reason: String| BeaconError::NotAPoint { what, reason };
    let point = P::deserialize_compressed(bytes).map_err(|error| not_a_point(error.to_string()))?;
    if point.is_zero() {
        return Err(not_a_point("the point at infinity".into()));
    }
    Ok(point)
}

/// Coordinates, 64 bytes each, big-endian.
fn encode<const BYTES: usize>(coordinates: impl IntoIterator<Item = Fq>) -> [u8; BYTES] {
    let mut bytes = [0; BYTES];
    for (place, coordinate) in bytes.chunks_exact_mut(64).zip(coordinates) {
        place[64 - 48..].copy_from_slice(&coordinate.into_bigint().to_bytes_be());
    }
    bytes
}
