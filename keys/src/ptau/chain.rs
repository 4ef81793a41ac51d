//! Every contribution against the one before it: proofs of knowledge, secrets multiplied on, beacons made again.
//!
//! For each secret with factor x: r = hash_to_g2(blake2b(number of the secret | challenge | s | s x)), then
//! e(s, r x) = e(s x, r) shows that the contributor knew x, e(before, r x) = e(left, r) that it went into what is left in G1,
//! and e(s, left) = e(s x, before) the same in G2. (Bowe, Gabizon, Miers, eprint 2017/1050, section 4.)
//!
//! Depends on: `contributions`, [`crate::ceremony`] for hashes and pairings. Where to go next: `challenge`, for what the first
//! contribution answers.

use super::contributions::{Accumulator, Contribution, PublicKey};
use super::error::{Fault, PtauError, SecretName};
use crate::ceremony::contribution::same_ratio;
use crate::ceremony::encoding::{Hash512, Source, blake2b, hash_to_g2, uncompressed_g1};
use crate::ceremony::secret::ITERATIONS_LOG2;
use crate::zkey::ContributionKind;
use ark_bn254::G2Affine;
use ark_ec::{AffineRepr, CurveGroup};
use popw_kernels::{Control, KernelError};
use rayon::prelude::*;

/// Checks all contributions; `first` is the challenge that the first one answers.
pub(super) fn check(
    contributions: &[Contribution],
    first: &Hash512,
    control: &Control<'_>,
) -> Result<(), PtauError> {
    let initial = Accumulator::initial();
    let broken = (0..contributions.len()).into_par_iter().find_map_first(|index| {
        let contribution = contributions.get(index)?;
        let (before, challenge) = match index.checked_sub(1).and_then(|before| contributions.get(before)) {
            Some(before) => (&before.left, &before.next_challenge),
            None => (&initial, first),
        };
        let fault = match fault(contribution, before, challenge, control) {
            Err(error) => return Some(error.into()),
            Ok(fault) => fault?,
        };
        Some(PtauError::Contribution {
            index,
            name: contribution.name.clone().unwrap_or_default(),
            fault,
        })
    });
    broken.map_or(Ok(()), Err)
}

/// What is wrong with a contribution, if anything is.
fn fault(
    contribution: &Contribution,
    before: &Accumulator,
    challenge: &Hash512,
    control: &Control<'_>,
) -> Result<Option<Fault>, KernelError> {
    control.check()?;
    let left = &contribution.left;
    if let Some(what) = infinity(left, &contribution.keys) {
        return Ok(Some(Fault::Infinity { what }));
    }
    let [tau, alpha, beta] = &contribution.keys;
    let mut r = [G2Affine::zero(); 3];
    for ((key, r), secret) in [tau, alpha, beta].into_iter().zip(&mut r).zip(SecretName::ALL) {
        *r = challenge_point(secret, challenge, key);
        if !same_ratio(key.s, key.s_x, *r, key.r_x) {
            return Ok(Some(Fault::Knowledge { secret }));
        }
    }
    let g1 = [
        ("tau in G1", before.tau_g1, left.tau_g1, r[0], tau.r_x),
        ("alpha in G1", before.alpha_g1, left.alpha_g1, r[1], alpha.r_x),
        ("beta in G1", before.beta_g1, left.beta_g1, r[2], beta.r_x),
    ];
    let g2 = [
        ("tau in G2", tau.s, tau.s_x, before.tau_g2, left.tau_g2),
        ("beta in G2", beta.s, beta.s_x, before.beta_g2, left.beta_g2),
    ];
    let mut ratios = g1.into_iter().chain(g2);
    if let Some((what, ..)) = ratios.find(|(_, a, b, x, y)| !same_ratio(*a, *b, *x, *y)) {
        return Ok(Some(Fault::Follows { what }));
    }
    // Last, since it may be long work.
    match contribution.kind {
        ContributionKind::Beacon => beacon_fault(contribution, challenge, control),
        ContributionKind::Contributor => Ok(None),
    }
}

/// The point r of a proof.
pub(super) fn challenge_point(secret: SecretName, challenge: &Hash512, key: &PublicKey) -> G2Affine {
    let (s, s_x) = (uncompressed_g1(&key.s), uncompressed_g1(&key.s_x));
    hash_to_g2(&blake2b(&[&[secret as u8], &challenge[..], &s, &s_x].concat()))
}

/// The first point that must not be infinity and is.
fn infinity(left: &Accumulator, keys: &[PublicKey; 3]) -> Option<&'static str> {
    let g1 = [
        ("tau in G1", left.tau_g1),
        ("alpha in G1", left.alpha_g1),
        ("beta in G1", left.beta_g1),
    ];
    let g2 = [("tau in G2", left.tau_g2), ("beta in G2", left.beta_g2)];
    let of_keys = keys.iter().flat_map(|key| {
        [
            ("a point s", key.s.is_zero()),
            ("a point s * x", key.s_x.is_zero()),
            ("a point r * x", key.r_x.is_zero()),
        ]
    });
    let g1 = g1.iter().map(|(what, point)| (*what, point.is_zero()));
    let g2 = g2.iter().map(|(what, point)| (*what, point.is_zero()));
    let mut all = g1.chain(g2).chain(of_keys);
    all.find_map(|(what, is_zero)| is_zero.then_some(what))
}

/// Makes the public keys of a beacon again: three secrets are drawn, then for each a point s.
fn beacon_fault(
    contribution: &Contribution,
    challenge: &Hash512,
    control: &Control<'_>,
) -> Result<Option<Fault>, KernelError> {
    let (Some(beacon), Some(iterations_log2)) = (&contribution.beacon, contribution.iterations_log2) else {
        return Ok(Some(Fault::BeaconIncomplete));
    };
    if !ITERATIONS_LOG2.contains(&iterations_log2) {
        return Ok(Some(Fault::BeaconIterations { got: iterations_log2 }));
    }
    let cancelled = || control.check().is_err();
    let Some(mut source) = Source::from_beacon(beacon, iterations_log2, cancelled) else {
        return Err(KernelError::Cancelled);
    };
    let secrets = [source.scalar(), source.scalar(), source.scalar()];
    for ((x, found), secret) in secrets.iter().zip(&contribution.keys).zip(SecretName::ALL) {
        let s = source.g1();
        let mut key = PublicKey {
            s,
            s_x: (s * x).into_affine(),
            r_x: G2Affine::zero(),
        };
        key.r_x = (challenge_point(secret, challenge, &key) * x).into_affine();
        if *found != key {
            return Ok(Some(Fault::Beacon { secret }));
        }
    }
    Ok(None)
}
