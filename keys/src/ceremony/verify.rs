//! The whole transcript of a key: made from this circuit and this phase 1, by these contributions and nothing else.
//!
//! 1. The initial key is made again ([`super::initialize`]); what no contribution touches must be equal byte for byte.
//! 2. Each contribution's transcript hash, proof of knowledge and step of delta are checked; a beacon's scalar is computed again.
//! 3. The header's delta is the last contribution's, in both groups.
//! 4. C and H are the initial ones over delta: random sums with 128-bit factors (snarkjs takes 32 bits) must be in the ratio of
//!    delta; H perhaps without its last coefficient, as [`super::bellman`] leaves it. The factors come from the key's hash, so that a check can be repeated; nobody can choose 128 bits of it.
//!
//! Depends on: `initialize`, `contribution`. Where to go next: [`super::manifest`], which says what was verified.

use super::bellman::without_last;
use super::contribution::{PublicKey, Transcript, same_ratio};
use super::encoding::{Hash512, hash_to_g2};
use super::secret::Secret;
use super::{CeremonyError, Fault, initialize};
use crate::ptau::Ptau;
use crate::zkey::{Contribution, ContributionKind, Contributions, Header, NewKey, Part, Zkey, points::write};
use ark_bn254::{G1Affine, G1Projective, G2Affine};
use ark_ec::{AffineRepr, CurveGroup};
use popw_kernels::{Backend, Bases, Control, G1, KernelError, Scalar};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use rayon::prelude::*;

/// A contribution that was verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// Who made it, by his own word.
    pub name: Option<String>,
    /// What he published, if he did.
    pub hash: Hash512,
    /// The public value and the rounds of hashing, for a beacon.
    pub beacon: Option<(Vec<u8>, u8)>,
}

/// A key whose transcript was verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transcribed {
    /// What contributions are bound to.
    pub circuit_hash: Hash512,
    /// Oldest first.
    pub contributions: Vec<Verified>,
}

/// Verifies a key's transcript, in the threads of the current rayon pool. Whether the phase 1 is a good one is
/// [`crate::ptau`]'s question, and must be asked too.
///
/// # Errors
/// The first thing that is wrong; [`Fault`] tells tampered keys apart.
pub fn verify(
    key: &Zkey,
    r1cs_file: &[u8],
    ptau: &Ptau,
    backend: &dyn Backend,
    control: &Control<'_>,
) -> Result<Transcribed, CeremonyError> {
    key.check(&|_, _| {})?;
    let part = |part: f64| control.advance(part * 0.7);
    let part = Control::new(control.cancel_token(), &part);
    let initial = initialize(r1cs_file, ptau, backend, &part)?;
    compare(key, &initial)?;
    let contributions = verify_contributions(key, control)?;
    control.advance(0.1);
    verify_ratio(key, &initial, backend, control)?;
    control.advance(0.2);
    Ok(Transcribed {
        circuit_hash: hash_of(key.contributions().circuit_hash()),
        contributions,
    })
}

/// The contributions of a key, each against those before it and against the header: all that can be verified without the circuit
/// and the phase 1.
///
/// # Errors
/// The first contribution that is wrong, and how.
pub fn verify_contributions(key: &Zkey, control: &Control<'_>) -> Result<Vec<Verified>, CeremonyError> {
    verify_listed(key.header(), key.contributions(), control)
}

/// The same, of a key that is not a file yet.
pub(super) fn verify_listed(
    header: &Header,
    contributions: &Contributions,
    control: &Control<'_>,
) -> Result<Vec<Verified>, CeremonyError> {
    let keys: Vec<PublicKey> = contributions
        .list()
        .iter()
        .map(|contribution| PublicKey::read(contributions, contribution))
        .collect();
    let deltas: Vec<G1Affine> = std::iter::once(G1Affine::generator())
        .chain(keys.iter().map(|key| key.delta))
        .collect();
    let mut transcript = Transcript::new(contributions.circuit_hash());
    let expected: Vec<Hash512> = keys
        .iter()
        .map(|key| {
            let hash = transcript.challenge(&key.s, &key.s_times);
            transcript.add(key);
            hash
        })
        .collect();
    let broken = (0..keys.len()).into_par_iter().find_map_first(|index| {
        let fault = match control.check() {
            Err(error) => return Some(error.into()),
            Ok(()) => fault(&keys[index], index, expected[index], &deltas),
        };
        let contribution = &contributions.list()[index];
        let fault = fault
            .map(Ok)
            .or_else(|| beacon_fault(contribution, &keys[index], control));
        fault.map(|fault| match fault {
            Ok(fault) => CeremonyError::Contribution {
                index,
                name: contribution.name.clone().unwrap_or_default(),
                fault,
            },
            Err(error) => error.into(),
        })
    });
    if let Some(error) = broken {
        return Err(error);
    }
    let last = deltas[keys.len()];
    if header.delta_g1 != last {
        return Err(CeremonyError::Delta);
    }
    if !same_ratio(
        G1Affine::generator(),
        last,
        G2Affine::generator(),
        header.delta_g2,
    ) {
        return Err(CeremonyError::DeltaG2);
    }
    let verified = |(key, contribution): (&PublicKey, &Contribution)| Verified {
        name: contribution.name.clone(),
        hash: key.hash(),
        beacon: contribution.beacon.clone().zip(contribution.iterations_log2),
    };
    Ok(keys.iter().zip(contributions.list()).map(verified).collect())
}

/// What is wrong with a contribution, as precisely as its own words allow.
fn fault(key: &PublicKey, index: usize, expected: Hash512, deltas: &[G1Affine]) -> Option<Fault> {
    // Its proof is about the transcript hash that it names.
    let r = hash_to_g2(&key.transcript);
    if !key.knows(r) {
        return Some(match key.transcript == expected {
            true => Fault::Knowledge,
            false => Fault::Changed,
        });
    }
    let follows = |before: &G1Affine| key.follows(*before, r);
    match (follows(&deltas[index]), key.transcript == expected) {
        (true, true) => None,
        (true, false) => Some(Fault::History),
        (false, _) => Some(match deltas.iter().position(follows) {
            Some(0) => Fault::Reordered { after: None },
            Some(before) => Fault::Reordered {
                after: Some(before - 1),
            },
            None => Fault::Missing,
        }),
    }
}

fn beacon_fault(
    contribution: &Contribution,
    key: &PublicKey,
    control: &Control<'_>,
) -> Option<Result<Fault, KernelError>> {
    if contribution.kind == ContributionKind::Contributor {
        return None;
    }
    let (Some(beacon), Some(iterations)) = (&contribution.beacon, contribution.iterations_log2) else {
        return Some(Ok(Fault::Beacon));
    };
    if super::contribute::check_beacon(beacon, iterations).is_err() {
        return Some(Ok(Fault::Beacon));
    }
    match Secret::beacon(beacon, iterations, || control.check().is_err()) {
        None => Some(Err(KernelError::Cancelled)),
        Some((secret, s)) => (s != key.s || secret.times(s) != key.s_times).then_some(Ok(Fault::Beacon)),
    }
}

/// What no contribution touches.
fn compare(key: &Zkey, initial: &NewKey) -> Result<(), CeremonyError> {
    let (found, made) = (key.header(), &initial.header);
    let numbers = [
        ("wires", found.wires, made.wires),
        ("public wires", found.public, made.public),
        ("rows of the domain", found.domain_size, made.domain_size),
    ];
    for (what, found, made) in numbers {
        if found != made {
            return Err(CeremonyError::OtherCircuit { what, found, made });
        }
    }
    if (found.alpha_g1, found.beta_g1, found.beta_g2) != (made.alpha_g1, made.beta_g1, made.beta_g2) {
        return Err(CeremonyError::OtherPhase1);
    }
    if found.gamma_g2 != made.gamma_g2 {
        return Err(CeremonyError::Gamma);
    }
    let coefficients = key.coefficients();
    if coefficients.len() != initial.coefficients().len()
        || coefficients
            .iter()
            .zip(initial.coefficients())
            .any(|(found, made)| found != Ok(made))
    {
        return Err(CeremonyError::Section {
            section: Part::Coefficients.name(),
        });
    }
    let ic: Vec<u8> = initial.ic.iter().flat_map(write::<G1>).collect();
    let sections = [
        (Part::Ic, &ic),
        (Part::A, &initial.a),
        (Part::B1, &initial.b1),
        (Part::B2, &initial.b2),
    ];
    for (part, made) in sections {
        if key.section(part) != made {
            return Err(CeremonyError::Section { section: part.name() });
        }
    }
    if key.contributions().circuit_hash() != initial.contributions.circuit_hash() {
        return Err(CeremonyError::CircuitHash);
    }
    Ok(())
}

/// C and H, times delta, are what they were at first.
fn verify_ratio(
    key: &Zkey,
    initial: &NewKey,
    backend: &dyn Backend,
    control: &Control<'_>,
) -> Result<(), CeremonyError> {
    let mut factors = ChaCha20Rng::from_seed(key.sha256());
    for (part, found, made) in [(Part::C, key.c(), &initial.c), (Part::H, key.h(), &initial.h)] {
        let scalars: Vec<Scalar> = (0..found.len() / 64)
            .map(|_| Scalar::new([factors.next_u64(), factors.next_u64(), 0, 0]))
            .collect();
        let bases = |points| Bases::<G1>::new(points, 0);
        let (Ok(found), Ok(made)) = (bases(found), bases(made)) else {
            return Err(CeremonyError::Section { section: part.name() });
        };
        let sums = backend.msm(&scalars, &[found, made], &[], &control.within())?;
        let [found, whole] = sums.g1.as_slice() else {
            return Err(CeremonyError::Section { section: part.name() });
        };
        let found = found.into_affine();
        let is_ratio = |made: &G1Projective| {
            let made = made.into_affine();
            let empty = found.is_zero() && made.is_zero();
            empty || same_ratio(found, made, G2Affine::generator(), key.header().delta_g2)
        };
        let mut holds = is_ratio(whole);
        if !holds
            && part == Part::H
            && let Some(scalars) = without_last(&scalars, backend)
        {
            let sums = backend.msm(&scalars, &[made], &[], &control.within())?;
            holds = sums.g1.first().is_some_and(is_ratio);
        }
        if !holds {
            return Err(CeremonyError::Ratio { section: part.name() });
        }
    }
    Ok(())
}

/// Whether a key's contributions begin with those of another: a coordinator takes a new key only if it extends the last one,
/// or else a contributor could drop those before him.
///
/// # Errors
/// If it does not, or both have the same contributions.
pub fn extends(new: &Zkey, old: &Zkey) -> Result<(), CeremonyError> {
    if new.contributions().circuit_hash() != old.contributions().circuit_hash() {
        return Err(CeremonyError::CircuitHash);
    }
    let (longer, shorter) = (new.contributions(), old.contributions());
    for (index, before) in shorter.list().iter().enumerate() {
        let kept = longer
            .list()
            .get(index)
            .is_some_and(|contribution| longer.bytes_of(contribution) == shorter.bytes_of(before));
        if !kept {
            return Err(CeremonyError::NotExtended { index });
        }
    }
    match longer.list().len() > shorter.list().len() {
        true => Ok(()),
        false => Err(CeremonyError::NothingNew),
    }
}

fn hash_of(bytes: &[u8]) -> Hash512 {
    let mut hash = [0; 64];
    hash.copy_from_slice(bytes);
    hash
}
