//! What a contribution leaves in a key, and what it proves.
//!
//! A contributor with secret d picks a point s, and shows (s, s d), and r d for the point r of the second group that the
//! transcript hash gives: e(s, r d) = e(s d, r) proves that he knows d (Bowe, Gabizon, Miers, eprint 2017/1050, section 3),
//! and e(delta before, r d) = e(delta after, r) that delta was multiplied with the same d.
//!
//! ```text
//! transcript = blake2b(circuit hash | keys of all contributions before | s | s d),  r = hash_to_g2(transcript)
//! key = delta after | s | s d | r d | transcript            contribution hash = blake2b(key)
//! ```
//!
//! Depends on: `encoding`, [`crate::zkey`]. Where to go next: [`super::verify`].

use super::encoding::{Hash512, blake2b, hash_to_g2, uncompressed_g1, uncompressed_g2};
use super::secret::Secret;
use crate::zkey::{Contribution, Contributions};
use ark_bn254::{Bn254, G1Affine, G2Affine};
use ark_ec::AffineRepr;
use ark_ec::pairing::Pairing;
use ark_ff::Zero;
use popw_kernels::{Curve, G1, G2};

/// The public part of a contribution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PublicKey {
    /// delta in the first group, with this contribution in it.
    pub(super) delta: G1Affine,
    pub(super) s: G1Affine,
    pub(super) s_times: G1Affine,
    pub(super) r_times: G2Affine,
    pub(super) transcript: Hash512,
}

impl PublicKey {
    /// Bytes in a `.zkey`.
    pub(super) const BYTES: usize = 3 * 64 + 128 + 64;

    /// From a key's bytes.
    pub(super) fn read(contributions: &Contributions, contribution: &Contribution) -> Self {
        let bytes = contributions.bytes_of(contribution);
        let at = |start: usize, length: usize| bytes.get(start..start + length).unwrap_or_default();
        let mut transcript = [0; 64];
        transcript.copy_from_slice(at(320, 64));
        Self {
            delta: G1::read(at(0, 64)),
            s: G1::read(at(64, 64)),
            s_times: G1::read(at(128, 64)),
            r_times: G2::read(at(192, 128)),
            transcript,
        }
    }

    /// As a key holds it.
    pub(super) fn bytes(&self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        G1::write(&self.delta, &mut bytes[..64]);
        G1::write(&self.s, &mut bytes[64..128]);
        G1::write(&self.s_times, &mut bytes[128..192]);
        G2::write(&self.r_times, &mut bytes[192..320]);
        bytes[320..].copy_from_slice(&self.transcript);
        bytes
    }

    /// As a transcript holds it.
    pub(super) fn hashed(&self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        bytes[..64].copy_from_slice(&uncompressed_g1(&self.delta));
        bytes[64..128].copy_from_slice(&uncompressed_g1(&self.s));
        bytes[128..192].copy_from_slice(&uncompressed_g1(&self.s_times));
        bytes[192..320].copy_from_slice(&uncompressed_g2(&self.r_times));
        bytes[320..].copy_from_slice(&self.transcript);
        bytes
    }

    /// The contribution hash: what a contributor publishes.
    pub(super) fn hash(&self) -> Hash512 {
        blake2b(&self.hashed())
    }

    /// The contribution of a secret to a key whose delta and transcript are these.
    pub(super) fn prove(secret: &Secret, s: G1Affine, delta: G1Affine, so_far: &Transcript) -> Self {
        let s_times = secret.times(s);
        let transcript = so_far.challenge(&s, &s_times);
        Self {
            delta: secret.times(delta),
            s,
            s_times,
            r_times: secret.times(hash_to_g2(&transcript)),
            transcript,
        }
    }

    /// Does its own proof hold, with the transcript hash that it names?
    pub(super) fn knows(&self, r: G2Affine) -> bool {
        same_ratio(self.s, self.s_times, r, self.r_times)
    }

    /// Did it make its delta from this one?
    pub(super) fn follows(&self, before: G1Affine, r: G2Affine) -> bool {
        same_ratio(before, self.delta, r, self.r_times)
    }
}

/// Is b = d a and y = d x for one d, none of them infinity?
pub(crate) fn same_ratio(a: G1Affine, b: G1Affine, x: G2Affine, y: G2Affine) -> bool {
    let some = !(a.is_zero() || b.is_zero() || x.is_zero() || y.is_zero());
    some && Bn254::multi_pairing([a, -b], [y, x]).is_zero()
}

/// The circuit hash and the keys of contributions, in a row.
#[derive(Clone)]
pub(super) struct Transcript(blake2::Blake2b512);

impl Transcript {
    /// Of a key without contributions.
    pub(super) fn new(circuit_hash: &[u8]) -> Self {
        use blake2::Digest;
        Self(blake2::Blake2b512::new_with_prefix(circuit_hash))
    }

    /// Of a key with all its contributions.
    pub(super) fn of(contributions: &Contributions) -> Self {
        let mut transcript = Self::new(contributions.circuit_hash());
        for contribution in contributions.list() {
            transcript.add(&PublicKey::read(contributions, contribution));
        }
        transcript
    }

    /// Adds a contribution.
    pub(super) fn add(&mut self, key: &PublicKey) {
        use blake2::Digest;
        self.0.update(key.hashed());
    }

    /// The transcript hash of the next contribution.
    pub(super) fn challenge(&self, s: &G1Affine, s_times: &G1Affine) -> Hash512 {
        use blake2::Digest;
        let mut hash = self.0.clone();
        hash.update(uncompressed_g1(s));
        hash.update(uncompressed_g1(s_times));
        hash.finalize().into()
    }
}
