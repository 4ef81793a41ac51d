//! A contribution to a key: delta times d, C and H over d. By a person with a secret, or from a beacon.
//!
//! **Points before secrets.** A secret is multiplied with points that somebody else made. A point off its curve, or outside the
//! subgroup, would tell something about the secret (invalid-curve and small-subgroup attacks), so every point that the
//! secret meets is checked first.
//!
//! Depends on: `secret`, `contribution`, the kernels' `scale`. Where to go next: [`super::verify`].

use super::CeremonyError;
use super::contribution::{PublicKey, Transcript};
use super::encoding::Hash512;
use super::secret::{BEACON_BYTES_MAX, ITERATIONS_LOG2, Secret, random_point};
use crate::error::{FileError, WriteError};
use crate::hash::Hash;
use crate::zkey::{
    ContributionKind, Contributions, Header, Layout, Zkey, ZkeyParts, save_changed, write_changed,
};
use ark_bn254::G1Affine;
use popw_kernels::{Backend, Control, KernelError};
use rand_chacha::rand_core::{CryptoRng, RngCore};
use std::path::Path;

/// Most characters of a contributor's name: snarkjs cuts longer ones.
pub const NAME_CHARS_MAX: usize = 64;

/// A key with one contribution more than the one it was made from.
pub struct Contributed<'a> {
    pub(super) before: &'a Zkey,
    pub(super) header: Header,
    pub(super) contributions: Contributions,
    pub(super) c: Vec<u8>,
    pub(super) h: Vec<u8>,
    pub(super) hash: Hash512,
    pub(super) layout: Layout,
}

/// Contributes a secret, which is consumed and forgotten. `rng` gives the public point of the proof. Runs in the threads of the
/// current rayon pool.
///
/// # Errors
/// If a point of the key is none, the name is too long, or the caller cancels.
pub fn contribute<'a>(
    before: &'a Zkey,
    name: &str,
    secret: Secret,
    rng: &mut (impl RngCore + CryptoRng),
    backend: &dyn Backend,
    control: &Control<'_>,
) -> Result<Contributed<'a>, CeremonyError> {
    before.check_delta_points()?;
    let s = random_point(rng);
    Contributed::new(before, name, &secret, s, None, backend, control)
}

/// Contributes a public random value that nobody could know before the last contribution, hashed 2^`iterations_log2` times, so
/// that nobody could choose among many either.
///
/// # Errors
/// If the value is empty or too long, the iterations are out of range, a point of the key is none, or the caller cancels.
pub fn beacon<'a>(
    before: &'a Zkey,
    name: &str,
    beacon: &[u8],
    iterations_log2: u8,
    backend: &dyn Backend,
    control: &Control<'_>,
) -> Result<Contributed<'a>, CeremonyError> {
    check_beacon(beacon, iterations_log2)?;
    before.check_delta_points()?;
    let made = Secret::beacon(beacon, iterations_log2, || control.check().is_err());
    let (secret, s) = made.ok_or(KernelError::Cancelled)?;
    let public = Some((beacon, iterations_log2));
    Contributed::new(before, name, &secret, s, public, backend, control)
}

/// Whether a beacon is one that snarkjs takes too.
pub(super) fn check_beacon(beacon: &[u8], iterations_log2: u8) -> Result<(), CeremonyError> {
    if beacon.is_empty() || beacon.len() > BEACON_BYTES_MAX {
        return Err(CeremonyError::BeaconLength { got: beacon.len() });
    }
    if !ITERATIONS_LOG2.contains(&iterations_log2) {
        return Err(CeremonyError::BeaconIterations { got: iterations_log2 });
    }
    Ok(())
}

/// Whether the format can hold a name.
pub(super) fn check_name(name: &str) -> Result<(), CeremonyError> {
    let got = name.chars().count();
    match got > NAME_CHARS_MAX || name.len() > usize::from(u8::MAX) {
        true => Err(CeremonyError::Name { got }),
        false => Ok(()),
    }
}

impl<'a> Contributed<'a> {
    fn new(
        before: &'a Zkey,
        name: &str,
        secret: &Secret,
        s: G1Affine,
        public: Option<(&[u8], u8)>,
        backend: &dyn Backend,
        control: &Control<'_>,
    ) -> Result<Self, CeremonyError> {
        check_name(name)?;
        let mut header = before.header().clone();
        let key = PublicKey::prove(
            secret,
            s,
            header.delta_g1,
            &Transcript::of(before.contributions()),
        );
        header.delta_g1 = key.delta;
        header.delta_g2 = secret.times(header.delta_g2);
        let inverse = secret.inverse();
        let half = |part: f64| control.advance(part / 2.0);
        let half = Control::new(control.cancel_token(), &half);
        let c = backend.scale_g1(before.c(), &inverse.0, &half)?;
        let h = backend.scale_g1(before.h(), &inverse.0, &half)?;
        let kind = match public {
            None => ContributionKind::Contributor,
            Some(_) => ContributionKind::Beacon,
        };
        Ok(Self {
            header,
            contributions: before.contributions().extended(&key.bytes(), kind, name, public),
            c,
            h,
            hash: key.hash(),
            layout: Layout::default(),
            before,
        })
    }

    /// The contribution hash: what the contributor publishes, so that everybody can see his contribution in the final key.
    pub fn hash(&self) -> &Hash512 {
        &self.hash
    }

    /// How many contributions the key has that the one before had not.
    pub fn added(&self) -> usize {
        self.contributions.list().len() - self.before.contributions().list().len()
    }

    /// Was it a beacon's?
    pub fn is_beacon(&self) -> bool {
        let last = self.contributions.list().last();
        last.is_some_and(|last| last.kind == ContributionKind::Beacon)
    }

    /// Writes the key to a file, whole or not at all, and its hash beside it.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn save(&self, path: &Path) -> Result<Hash, FileError> {
        save_changed(path, self.before, &self.parts())
    }

    /// The bytes of the key's file.
    ///
    /// # Errors
    /// None that a key before would not have had.
    pub fn to_bytes(&self) -> Result<Vec<u8>, WriteError> {
        let mut bytes = Vec::new();
        write_changed(&mut bytes, self.before, &self.parts())?;
        Ok(bytes)
    }

    fn parts(&self) -> ZkeyParts<'_> {
        ZkeyParts {
            header: &self.header,
            c: &self.c,
            h: &self.h,
            contributions: &self.contributions,
            layout: self.layout,
            ..self.before.parts()
        }
    }
}
