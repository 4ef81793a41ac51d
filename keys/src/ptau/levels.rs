//! Lagrange levels: each is the Lagrange basis of the powers in front of it.
//!
//! A level of n points L_j belongs to powers P_i if L_j is the sum of w^(-ij) / n P_i, so that for any coefficients f_i the sum of
//! f_i P_i is the sum of f(w^j) L_j. With f_i = c^i for the random c of `powers`, f(w^j) is (c^n - 1) / (c w^j - 1), and the sum
//! of the powers is known: a wrong level passes with a chance below n / r.
//!
//! The last level of section 12 has one power more than section 2: tau^(n-1) or 0, see [`super`]. What is missing is
//! either nothing or c^(n-1) tau times the last power, which a pairing tells.
//!
//! Depends on: `powers`. Where to go next: `transform`, which makes levels.

use super::error::PtauError;
use super::powers::{CHUNK, Prefixes, Sections, Sums, geometric, point, scalars};
use super::{Part, Ptau};
use crate::ceremony::contribution::same_ratio;
use ark_bn254::{Fr, G2Affine};
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::{FftField, Field, Zero, batch_inversion_and_mul};
use popw_kernels::{Backend, Control, G1, G2, KernelError};

/// Checks all levels of a prepared file; whether the field has roots for the last one too, and it could be checked.
pub(super) fn check(
    ptau: &Ptau,
    prefixes: &Prefixes,
    backend: &dyn Backend,
    control: &Control<'_>,
) -> Result<bool, PtauError> {
    let [g1, g2, alpha, beta] = Part::PREPARED;
    let sections = Sections {
        g1: [g1, alpha, beta].map(|part| ptau.section(part)),
        g2: ptau.section(g2),
    };
    for (level, expected) in (0..).zip(&prefixes.levels) {
        let Some(found) = sum(sections, level, prefixes.c, backend, &control.within())? else {
            return Ok(false);
        };
        control.advance(0.5_f64.powf(f64::from(ptau.power() + 1 - level)) / 2.0);
        let wrong = |part| Err(PtauError::Lagrange { part, level });
        if level > ptau.power() {
            // Sections 13 to 15 do not have this level.
            let missing = found.g1[0] - expected.g1[0];
            if !missing.is_zero() && !is_next_power(ptau, prefixes.c, missing.into_affine()) {
                return wrong(g1);
            }
            break;
        }
        for ((part, found), expected) in [g1, alpha, beta].into_iter().zip(found.g1).zip(expected.g1) {
            if found != expected {
                return wrong(part);
            }
        }
        if found.g2 != expected.g2 {
            return wrong(g2);
        }
    }
    Ok(true)
}

/// The sum of f(w^j) L_j over a level; none if there is no such w.
fn sum(
    sections: Sections<'_>,
    level: u32,
    c: Fr,
    backend: &dyn Backend,
    control: &Control<'_>,
) -> Result<Option<Sums>, KernelError> {
    let count = 1_usize << level;
    let Some(w) = Fr::get_root_of_unity(count as u64) else {
        return Ok(None);
    };
    let numerator = c.pow([count as u64]) - Fr::ONE;
    let mut total = Sums::default();
    for start in (0..count).step_by(CHUNK) {
        let end = count.min(start + CHUNK);
        let factors = scalars(backend, end - start, |place, values| {
            geometric(c * w.pow([(start + place) as u64]), w, values);
            for value in values.iter_mut() {
                *value -= Fr::ONE;
            }
            // That c is one of the roots has a chance of 2^-226: then the level would be refused.
            batch_inversion_and_mul(values, &numerator);
        });
        // Level l begins at point 2^l - 1.
        let points = sections.range(count - 1 + start..count - 1 + end);
        total += points.sum(backend, &factors, control)?;
    }
    Ok(Some(total))
}

/// Is a point c^(n-1) tau^(n-1), with tau^(n-2) the last power of section 2?
fn is_next_power(ptau: &Ptau, c: Fr, found: ark_bn254::G1Affine) -> bool {
    let last = (2_usize << ptau.power()) - 2;
    let factor = c.pow([last as u64 + 1]);
    let scaled = (point::<G1>(ptau.tau_g1(), last) * factor).into_affine();
    same_ratio(
        scaled,
        found,
        G2Affine::generator(),
        point::<G2>(ptau.tau_g2(), 1),
    )
}
