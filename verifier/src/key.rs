//! Which verifying keys are refused: the ones under which proofs can be made up.
//!
//! [`check`] stands before every verifier that leaves this crate: [`crate::Verifier::new`] and the exporters for chains.
//! It needs only the key. A key can pass and still be worthless (whoever knows its trapdoor forges at will): where a
//! key comes from is its manifest's business, not this module's.
//!
//! With `L = IC_0 + sum x_i IC_(i+1)` the equation is `e(A, B) = e(alpha, beta) e(L, gamma) e(C, delta)`. Under these
//! keys it is satisfied for any inputs, without a witness and without the trapdoor (`tests/forgery.rs` does it):
//!
//! | key | A | B | C |
//! |---|---|---|---|
//! | `gamma = delta` (phase 2 never run; the cause of the losses of 2026) | `alpha` | `beta` | `-L` |
//! | `gamma = -delta` | `alpha` | `beta` | `L` |
//! | `beta = delta` | `L` | `gamma` | `-alpha` |
//! | `beta = gamma` | `alpha + L` | `beta + delta` | `alpha + L` |
//!
//! and likewise with the other signs. A generator or the identity in the place of a random point means that the setup
//! was not run: a secret is 1, -1 or 0. Only `gamma` may be the generator: the multi-party setup of BGM17 (eprint
//! 2017/1050), and with it every key made by snarkjs, has gamma = 1 and a random delta. An IC point that is the
//! identity leaves its input unconstrained, two that are equal or opposite let value move from one input to the
//! other.

use ark_bn254::{Bn254, G1Affine, G2Affine};
use ark_ec::{AffineRepr, short_weierstrass::Affine};
use ark_groth16::VerifyingKey;
use core::fmt;
use thiserror::Error;

/// A point of a verifying key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyPoint {
    /// `alpha`, in G1.
    Alpha,
    /// `beta`, in G2.
    Beta,
    /// `gamma`, in G2.
    Gamma,
    /// `delta`, in G2.
    Delta,
    /// `IC_i`, in G1: the constant for 0, else of public input i - 1.
    Ic(usize),
}

impl fmt::Display for KeyPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Alpha => f.write_str("alpha"),
            Self::Beta => f.write_str("beta"),
            Self::Gamma => f.write_str("gamma"),
            Self::Delta => f.write_str("delta"),
            Self::Ic(index) => write!(f, "IC[{index}]"),
        }
    }
}

/// Why a verifying key is refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum KeyError {
    /// There is no IC point, not even that of the constant.
    #[error("verifying key: IC is empty, expected one point more than there are public inputs")]
    EmptyIc,
    /// The coordinates do not satisfy the curve's equation.
    #[error("verifying key: {point} is not on its curve")]
    NotOnCurve {
        /// Which point.
        point: KeyPoint,
    },
    /// On the curve, but not in the subgroup of order r (G2 only: G1 is all of its curve).
    #[error("verifying key: {point} is not in the subgroup of order r")]
    NotInSubgroup {
        /// Which point.
        point: KeyPoint,
    },
    /// `alpha`, `beta`, `gamma` or `delta` is the identity.
    #[error("verifying key: {point} is the identity, so its secret is 0: no setup makes such a key")]
    Identity {
        /// Which point.
        point: KeyPoint,
    },
    /// `alpha`, `beta` or `delta` is the group's generator (or its negative): the secret is 1 (or -1). `gamma` may
    /// be.
    #[error(
        "verifying key: {point} is the generator of its group, so its secret is known; \
         was a phase 2 with at least one contribution run?"
    )]
    Generator {
        /// Which point.
        point: KeyPoint,
    },
    /// `gamma` equals `delta` (or its negative).
    #[error(
        "verifying key: gamma equals delta up to sign: anyone can forge proofs under this key; \
         was a phase 2 with at least one contribution run?"
    )]
    GammaEqualsDelta,
    /// `beta` equals `gamma` or `delta` (or its negative).
    #[error("verifying key: beta equals {other} up to sign: anyone can forge proofs under this key")]
    BetaEquals {
        /// Gamma or delta.
        other: KeyPoint,
    },
    /// An IC point is the identity: the input of this index does not enter the equation.
    #[error("verifying key: IC[{index}] is the identity: its public input would be unconstrained")]
    IdentityIc {
        /// Index in IC.
        index: usize,
    },
    /// Two IC points are equal.
    #[error("verifying key: IC[{first}] equals IC[{second}]: value could move between their public inputs")]
    DuplicateIc {
        /// The smaller index in IC.
        first: usize,
        /// The larger index in IC.
        second: usize,
    },
    /// Two IC points are each other's negative.
    #[error(
        "verifying key: IC[{first}] is the negative of IC[{second}]: value could move between their public inputs"
    )]
    OppositeIc {
        /// The smaller index in IC.
        first: usize,
        /// The larger index in IC.
        second: usize,
    },
}

/// Refuses a degenerate verifying key.
///
/// # Errors
/// The first defect found, see [`KeyError`].
pub fn check(vk: &VerifyingKey<Bn254>) -> Result<(), KeyError> {
    let ic = &vk.gamma_abc_g1;
    if ic.is_empty() {
        return Err(KeyError::EmptyIc);
    }
    check_g1(KeyPoint::Alpha, &vk.alpha_g1)?;
    for (point, value) in [
        (KeyPoint::Beta, &vk.beta_g2),
        (KeyPoint::Gamma, &vk.gamma_g2),
        (KeyPoint::Delta, &vk.delta_g2),
    ] {
        check_g2(point, value)?;
    }
    for (index, value) in ic.iter().enumerate() {
        on_curve(KeyPoint::Ic(index), value)?;
    }

    // First what names its cause best: the initial state of a phase 2 has gamma = delta = generator.
    if equal_up_to_sign(&vk.gamma_g2, &vk.delta_g2) {
        return Err(KeyError::GammaEqualsDelta);
    }
    if equal_up_to_sign(&vk.alpha_g1, &G1Affine::generator()) {
        return Err(KeyError::Generator {
            point: KeyPoint::Alpha,
        });
    }
    for (point, value) in [(KeyPoint::Beta, &vk.beta_g2), (KeyPoint::Delta, &vk.delta_g2)] {
        if equal_up_to_sign(value, &G2Affine::generator()) {
            return Err(KeyError::Generator { point });
        }
    }
    for (other, value) in [(KeyPoint::Gamma, &vk.gamma_g2), (KeyPoint::Delta, &vk.delta_g2)] {
        if equal_up_to_sign(&vk.beta_g2, value) {
            return Err(KeyError::BetaEquals { other });
        }
    }
    for (second, value) in ic.iter().enumerate() {
        if value.is_zero() {
            return Err(KeyError::IdentityIc { index: second });
        }
        if let Some(first) = ic[..second].iter().position(|earlier| earlier.x == value.x) {
            return Err(if ic[first] == *value {
                KeyError::DuplicateIc { first, second }
            } else {
                KeyError::OppositeIc { first, second }
            });
        }
    }
    Ok(())
}

fn check_g1(point: KeyPoint, value: &G1Affine) -> Result<(), KeyError> {
    on_curve(point, value)?;
    not_identity(point, value)
}

fn check_g2(point: KeyPoint, value: &G2Affine) -> Result<(), KeyError> {
    on_curve(point, value)?;
    if !value.is_in_correct_subgroup_assuming_on_curve() {
        return Err(KeyError::NotInSubgroup { point });
    }
    not_identity(point, value)
}

fn on_curve<P: ark_ec::short_weierstrass::SWCurveConfig>(
    point: KeyPoint,
    value: &Affine<P>,
) -> Result<(), KeyError> {
    if value.is_on_curve() {
        Ok(())
    } else {
        Err(KeyError::NotOnCurve { point })
    }
}

fn not_identity(point: KeyPoint, value: &impl AffineRepr) -> Result<(), KeyError> {
    if value.is_zero() {
        Err(KeyError::Identity { point })
    } else {
        Ok(())
    }
}

/// For points that are on the curve: equal, or each other's negative.
fn equal_up_to_sign<P: ark_ec::short_weierstrass::SWCurveConfig>(
    left: &Affine<P>,
    right: &Affine<P>,
) -> bool {
    left == right || *left == -*right
}
