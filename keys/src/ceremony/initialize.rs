//! The initial key of a circuit and a phase 1: no coin is tossed, anybody gets the same bytes, and they are those of
//! `snarkjs zkey new`.
//!
//! With L_i the Lagrange bases that a prepared `.ptau` holds, and gamma = delta = 1:
//!
//! ```text
//! A_s = sum a_is L_i     B_s = sum b_is L_i     C_s, IC_s = sum a_is beta L_i + b_is alpha L_i + c_is L_i
//! H_i = L'_(2i+1), L' the Lagrange bases of twice the domain
//! ```
//!
//! Row constraints + s of A puts 1 on the public wire s. **This key must never be used**: with delta = gamma anybody forges.
//!
//! Depends on: [`crate::ptau`], [`crate::r1cs`], `combine`. Where to go next: [`super::contribute`].

use super::CeremonyError;
use super::circuit_hash::CircuitHash;
use super::combine::{Group, Term, combine};
use crate::ptau::Ptau;
use crate::r1cs::{Matrix, R1csFile};
use crate::zkey::{Contributions, Header, Layout, NewKey, domain_size};
use ark_bn254::{Fr, G1Affine, G2Affine};
use ark_ec::AffineRepr;
use ark_ff::Field;
use popw_kernels::{Backend, Control, Curve, G1, G2, KernelError};

/// Makes the initial key of a circuit, in the threads of the current rayon pool.
///
/// # Errors
/// If the circuit cannot be read, the phase 1 is too small or not prepared, or the caller cancels.
pub fn initialize(
    r1cs_file: &[u8],
    ptau: &Ptau,
    backend: &dyn Backend,
    control: &Control<'_>,
) -> Result<NewKey, CeremonyError> {
    let r1cs = R1csFile::read(r1cs_file)?;
    let domain = domain_size(&r1cs).map_err(|rows| CeremonyError::TooLarge { rows })?;
    let level = domain.trailing_zeros();
    if level > ptau.power() {
        return Err(CeremonyError::PowersTooFew {
            needed: level,
            got: ptau.power(),
        });
    }
    let (Some(lagrange), Some(lagrange_g2), Some(alpha), Some(beta), Some(doubled)) = (
        ptau.lagrange_g1(level),
        ptau.lagrange_g2(level),
        ptau.lagrange_alpha(level),
        ptau.lagrange_beta(level),
        ptau.lagrange_g1(level + 1),
    ) else {
        return Err(CeremonyError::NotPrepared);
    };
    let wires = r1cs.header().wires;
    // Wires are counted in 32 bits, and public ones are some of them.
    let public = u32::try_from(r1cs.header().public()).unwrap_or(wires);
    let (one, two) = (G1Affine::generator(), G2Affine::generator());
    let header = Header {
        wires,
        public,
        domain_size: domain,
        alpha_g1: G1::read(first(ptau.alpha_tau_g1(), G1::POINT_BYTES)),
        beta_g1: G1::read(first(ptau.beta_tau_g1(), G1::POINT_BYTES)),
        beta_g2: G2::read(first(ptau.beta_g2(), G2::POINT_BYTES)),
        gamma_g2: two,
        delta_g1: one,
        delta_g2: two,
    };
    let [matrix_a, matrix_b, matrix_c] = r1cs.matrices();
    let rows = r1cs.header().constraints;
    let inputs = (0..=public).map(|wire| Term {
        point: rows + wire,
        output: wire,
        coefficient: Fr::ONE,
    });
    // In points of the first group; one of the second is the work of three.
    let part = |part: f64| control.advance(part / 8.0);
    let part = Control::new(control.cancel_token(), &part);
    let a_terms = || terms(matrix_a, 0).chain(inputs.clone());
    let a = combined::<G1>(backend, lagrange, wires, a_terms(), &part)?;
    let b1 = combined::<G1>(backend, lagrange, wires, terms(matrix_b, 0), &part)?;
    let b2 = {
        let part = |part: f64| control.advance(part * 3.0 / 8.0);
        let part = Control::new(control.cancel_token(), &part);
        combined::<G2>(backend, lagrange_g2, wires, terms(matrix_b, 0), &part)?
    };
    let mixed = {
        let part = |part: f64| control.advance(part * 3.0 / 8.0);
        let part = Control::new(control.cancel_token(), &part);
        let points = [beta, alpha, lagrange].concat();
        let a = a_terms();
        let b = terms(matrix_b, domain);
        let c = terms(matrix_c, 2 * domain);
        combined::<G1>(backend, &points, wires, a.chain(b).chain(c), &part)?
    };
    let (ic, c) = mixed.split_at((public as usize + 1) * G1::POINT_BYTES);
    let h: Vec<u8> = doubled
        .chunks_exact(2 * G1::POINT_BYTES)
        .flat_map(|pair| &pair[G1::POINT_BYTES..])
        .copied()
        .collect();
    let mut hash = CircuitHash::new(&header);
    hash.g1(ic);
    hash.differences(
        backend,
        ptau.tau_g1(),
        &ptau.behind_tau_g1(),
        domain as usize,
        &control.within(),
    )?;
    for points in [c, &a, &b1] {
        hash.g1(points);
    }
    hash.g2(&b2);
    Ok(NewKey {
        header,
        contributions: Contributions::none(hash.finish()),
        ic: ic.chunks_exact(G1::POINT_BYTES).map(G1::read).collect(),
        c: c.to_vec(),
        a,
        b1,
        b2,
        h,
        layout: Layout::NEW,
        r1cs,
    })
}

fn first(points: &[u8], bytes: usize) -> &[u8] {
    points.get(..bytes).unwrap_or_default()
}

/// The terms of a matrix: row i takes point `first + i`.
fn terms(matrix: &Matrix, first: u32) -> impl Iterator<Item = Term> + Clone {
    (first..).zip(matrix.rows()).flat_map(|(point, terms)| {
        terms.iter().map(move |(wire, coefficient)| Term {
            point,
            output: *wire,
            coefficient: *coefficient,
        })
    })
}

fn combined<C: Group>(
    backend: &dyn Backend,
    points: &[u8],
    wires: u32,
    terms: impl Iterator<Item = Term>,
    control: &Control<'_>,
) -> Result<Vec<u8>, KernelError> {
    combine::<C>(backend, points, wires as usize, terms, control)
}
