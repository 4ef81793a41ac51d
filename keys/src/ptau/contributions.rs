//! Section 7: who contributed to a phase 1, what each left behind, and the proofs that each knew their secrets.
//!
//! ```text
//! contributions u32 | contributions *
//!     { what it left: tau G1 | tau G2 | alpha G1 | beta G1 | beta G2
//!     | public keys: s, s * x of tau, alpha, beta, G1 | r * x of tau, alpha, beta, G2
//!     | state of the response's hash [216] | hash of the next challenge [64]
//!     | kind u32 | length of parameters u32 | parameters }
//! ```
//!
//! A contributor multiplies each secret with an x of their own and shows that they know it: r is a point of G2 that hangs on the
//! challenge they answer and on s and s x (`chain`). A response is the hash of the challenge, all points compressed, and the
//! public keys; the file keeps the hash's state before the public keys (`resume`).
//!
//! Depends on: `container`, [`crate::zkey`] for points and parameters, `resume`. Where to go next: `chain`.

use super::resume::{Blake2b, STATE_BYTES};
use crate::ceremony::encoding::{Hash512, uncompressed_g1, uncompressed_g2};
use crate::container::Section;
use crate::error::{ContributionFault, Problem, ReadError};
use crate::zkey::{ContributionKind, Parameters, point};
use ark_bn254::{G1Affine, G2Affine};
use ark_ec::AffineRepr;
use popw_kernels::{G1, G2};

/// The most contributions that are read. The largest ceremonies have some thousands.
const CONTRIBUTIONS_MAX: u32 = 1 << 16;

/// What shows that a contributor knew the factor x of a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey {
    /// A random point.
    pub s: G1Affine,
    /// The same times x.
    pub s_x: G1Affine,
    /// The point that the challenge, s and s x hash to, times x.
    pub r_x: G2Affine,
}

/// The state of an accumulator, in its first points.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accumulator {
    /// tau, in G1.
    pub tau_g1: G1Affine,
    /// tau, in G2.
    pub tau_g2: G2Affine,
    /// alpha, in G1.
    pub alpha_g1: G1Affine,
    /// beta, in G1.
    pub beta_g1: G1Affine,
    /// beta, in G2.
    pub beta_g2: G2Affine,
}

impl Accumulator {
    /// Before the first contribution: all secrets are 1.
    pub(super) fn initial() -> Self {
        let (one, two) = (G1Affine::generator(), G2Affine::generator());
        Self {
            tau_g1: one,
            tau_g2: two,
            alpha_g1: one,
            beta_g1: one,
            beta_g2: two,
        }
    }
}

/// A contribution to a phase 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contribution {
    /// What it made of the secrets.
    pub left: Accumulator,
    /// The proofs for tau, alpha and beta.
    pub keys: [PublicKey; 3],
    /// The hash of the contributor's response: what contributors publish.
    pub response: Hash512,
    /// The hash of the accumulator that it left, which the next contribution answers.
    pub next_challenge: Hash512,
    /// A person's or a beacon's.
    pub kind: ContributionKind,
    /// The name that the contributor gave.
    pub name: Option<String>,
    /// How often the beacon is hashed, as a power of two.
    pub iterations_log2: Option<u8>,
    /// The public random value.
    pub beacon: Option<Vec<u8>>,
}

pub(super) fn read_contributions(mut section: Section<'_>) -> Result<Vec<Contribution>, ReadError> {
    let start = section.offset();
    let count = section.u32()?;
    if count > CONTRIBUTIONS_MAX {
        let (most, got) = (CONTRIBUTIONS_MAX.into(), count.into());
        let what = "contributions";
        return Err(section.error(start, Problem::Limit { what, most, got }));
    }
    let list = (0..count).map(|index| read_contribution(&mut section, index));
    let list = list.collect::<Result<_, _>>()?;
    section.finish()?;
    Ok(list)
}

fn read_contribution(section: &mut Section<'_>, index: u32) -> Result<Contribution, ReadError> {
    let start = section.offset();
    let name = |what: &'static str| move || format!("{what} of contribution {index}");
    let left = Accumulator {
        tau_g1: point::<G1>(section, name("tau in G1"))?,
        tau_g2: point::<G2>(section, name("tau in G2"))?,
        alpha_g1: point::<G1>(section, name("alpha in G1"))?,
        beta_g1: point::<G1>(section, name("beta in G1"))?,
        beta_g2: point::<G2>(section, name("beta in G2"))?,
    };
    let mut pairs = [(G1Affine::zero(), G1Affine::zero()); 3];
    for (s, s_x) in &mut pairs {
        *s = point::<G1>(section, name("a point s"))?;
        *s_x = point::<G1>(section, name("a point s * x"))?;
    }
    let mut keys = pairs.map(|(s, s_x)| PublicKey {
        s,
        s_x,
        r_x: G2Affine::zero(),
    });
    for key in &mut keys {
        key.r_x = point::<G2>(section, name("a point r * x"))?;
    }
    let state = Blake2b::resume(&section.array::<STATE_BYTES>()?);
    let next_challenge = section.array()?;
    let kind = section.u32()?;
    let length = section.u32()?;
    let parameters = section.take(length.into())?;
    let read = || {
        let mut state = state.ok_or(ContributionFault::HashState)?;
        for key in &keys {
            state.update(&uncompressed_g1(&key.s));
            state.update(&uncompressed_g1(&key.s_x));
        }
        for key in &keys {
            state.update(&uncompressed_g2(&key.r_x));
        }
        let kind = ContributionKind::read(kind)?;
        Ok((state.finish(), kind, Parameters::read(parameters)?))
    };
    let (response, kind, parameters) =
        read().map_err(|fault| section.error(start, Problem::Contribution { index, fault }))?;
    Ok(Contribution {
        left,
        keys,
        response,
        next_challenge,
        kind,
        name: parameters.name,
        iterations_log2: parameters.iterations_log2,
        beacon: parameters.beacon,
    })
}
