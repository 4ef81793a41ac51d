//! What a key says about itself, anybody's key, and what to beware of. Nothing is proven here: [`super::verify`] does that, and
//! needs circuit and phase 1.
//!
//! Depends on: `popw-verifier` for what makes a key degenerate, [`super::verify`] for contributions. Where to go next:
//! `popw keys inspect`.

use super::encoding::Hash512;
use super::verify::{Verified, verify_contributions};
use crate::zkey::{ContributionKind, Zkey};
use ark_bn254::{Fq, G1Affine};
use ark_ec::AffineRepr;
use ark_ff::MontFp;
use popw_kernels::Control;
use popw_verifier::key;
use std::fmt;

/// x of alpha of every key that comes from the Hermez ceremony's phase 1 (2020, 54 contributions and a beacon): alpha is the
/// same at every power. It can be read from any such key, or from section 4 of a `.ptau`.
const HERMEZ_ALPHA_X: Fq =
    MontFp!("20491192805390485299153009773594534940189261866228447918068658471970481763042");

/// How the beacon of snarkjs's README begins, which many keys have: known for years before they were made.
const EXAMPLE_BEACON: [u8; 16] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16];

/// Is this the beacon of the tools' documentation, perhaps continued?
pub fn is_example_beacon(beacon: &[u8]) -> bool {
    beacon.starts_with(&EXAMPLE_BEACON)
}

/// What anybody can see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inspection {
    /// What contributions are bound to.
    pub circuit_hash: Hash512,
    /// The phase 1, if alpha tells.
    pub phase1: Option<&'static str>,
    /// The contributions, if each follows from those before it.
    pub contributions: Vec<Verified>,
    /// What to beware of, worst first.
    pub warnings: Vec<Warning>,
}

/// What to beware of.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Warning {
    /// delta = 1.
    NoPhase2,
    /// Proofs can be made up.
    Degenerate(key::KeyError),
    /// A contribution does not hold.
    Contributions(super::CeremonyError),
    /// No contribution, and delta is not 1.
    Dev,
    /// Nobody but beacons contributed: the secret is public.
    BeaconsOnly,
    /// The last contribution is no beacon.
    NoBeacon,
    /// A beacon that was known to everybody.
    ExampleBeacon {
        /// Its place in the list, from 0.
        index: usize,
    },
}

impl Warning {
    /// Does it mean that somebody, or anybody, can forge?
    pub fn is_fatal(&self) -> bool {
        !matches!(self, Self::NoBeacon | Self::ExampleBeacon { .. })
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoPhase2 => f.write_str(
                "no contribution was ever made: delta is 1 (and equals gamma), so ANYONE CAN FORGE proofs under this key",
            ),
            Self::Degenerate(error) => write!(f, "{error}"),
            Self::Contributions(error) => write!(f, "the list of contributions does not hold: {error}"),
            Self::Dev => f.write_str(
                "grade dev: no contribution is on record, so whoever made this key knows its secrets and can forge",
            ),
            Self::BeaconsOnly => f.write_str(
                "only beacons contributed: delta's secret can be computed from the file, so ANYONE CAN FORGE proofs under this key",
            ),
            Self::NoBeacon => f.write_str(
                "the last contribution is no beacon: its contributor could choose among several outcomes",
            ),
            Self::ExampleBeacon { index } => write!(
                f,
                "contribution {} is the example beacon of the tools' documentation: everybody knew it before",
                index + 1
            ),
        }
    }
}

/// Looks at a key.
///
/// # Errors
/// None of the key's: they are warnings. Only if the caller cancels.
pub fn inspect(zkey: &Zkey, control: &Control<'_>) -> Result<Inspection, super::CeremonyError> {
    control.check()?;
    let mut warnings = Vec::new();
    let list = zkey.contributions().list();
    let header = zkey.header();
    let initial = header.delta_g1 == G1Affine::generator();
    if initial {
        warnings.push(Warning::NoPhase2);
    }
    if let Err(error) = key::check(zkey.verifying_key())
        && !initial
    {
        warnings.push(Warning::Degenerate(error));
    }
    let contributions = match list.is_empty() {
        true => Vec::new(),
        false => match verify_contributions(zkey, control) {
            Ok(verified) => verified,
            Err(super::CeremonyError::Kernel(error)) => return Err(error.into()),
            Err(error) => {
                warnings.push(Warning::Contributions(error));
                Vec::new()
            }
        },
    };
    let is_beacon = |kind| kind == ContributionKind::Beacon;
    match list.last() {
        None if !initial => warnings.push(Warning::Dev),
        None => {}
        Some(last) => {
            if list.iter().all(|contribution| is_beacon(contribution.kind)) {
                warnings.push(Warning::BeaconsOnly);
            }
            if !is_beacon(last.kind) {
                warnings.push(Warning::NoBeacon);
            }
        }
    }
    for (index, contribution) in list.iter().enumerate() {
        if contribution.beacon.as_deref().is_some_and(is_example_beacon) {
            warnings.push(Warning::ExampleBeacon { index });
        }
    }
    let mut circuit_hash = [0; 64];
    circuit_hash.copy_from_slice(zkey.contributions().circuit_hash());
    Ok(Inspection {
        circuit_hash,
        phase1: (header.alpha_g1.x == HERMEZ_ALPHA_X).then_some("powersOfTau28_hez_final (Hermez)"),
        contributions,
        warnings,
    })
}
