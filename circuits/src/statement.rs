//! What every claim's circuit begins and ends with: seven public inputs, the canary, the fingerprint.
//!
//! **Relation.** `popw_claims::statement`; `docs/protocol.md` section 5. Public inputs in order: `[epoch_tag, registry_root,
//! parameters_hash, zone, out_commit, z, y]`.
//!
//! **Cost.** Canary 1, outputs 4; the fingerprint one row for each coefficient but the last.
//!
//! **Why it is sound.** Four inputs are outputs of the circuit, each bound by a row; the other three are used by every claim: the tag by
//! the canary and what is signed, the zone by what is signed, z by the fingerprint.

use crate::builder::Output;
use crate::{Builder, Lc};
use ark_bn254::Fr;
use ark_ff::Field;
use popw_claims::statement::{PACKED_SCORE_BITS, SCORES_PER_ELEMENT};

/// The public inputs that a circuit is given.
pub struct Inputs {
    /// The epoch tag; not 0.
    pub epoch_tag: Lc<Fr>,
    /// The zone; any field element until the claim bounds it.
    pub zone: Lc<Fr>,
    /// Where the fingerprint is taken.
    pub z: Lc<Fr>,
}

/// The public inputs that a circuit computes and binds with [`Builder::bind_output`].
pub struct Outputs {
    /// REG.
    pub registry_root: Output,
    /// `params_hash`.
    pub parameters_hash: Output,
    /// Commitment to scores and digests.
    pub out_commit: Output,
    /// The fingerprint.
    pub y: Output,
}

/// Allocates the seven public inputs, and asserts that the epoch tag is not 0: a proof for 0 would show that the setup is
/// forged.
pub fn public_inputs(cs: &mut Builder<Fr>, epoch_tag: Fr, zone: u64, z: Fr) -> (Inputs, Outputs) {
    let epoch_tag = cs.public("epoch_tag", epoch_tag);
    let registry_root = cs.public_output("registry_root");
    let parameters_hash = cs.public_output("parameters_hash");
    let zone = cs.public("zone", Fr::from(zone));
    let out_commit = cs.public_output("out_commit");
    let z = cs.public("z", z);
    let y = cs.public_output("y");
    cs.scope("canary", None, |cs| cs.assert_nonzero("inverse", &epoch_tag));
    let outputs = Outputs {
        registry_root,
        parameters_hash,
        out_commit,
        y,
    };
    (Inputs { epoch_tag, zone, z }, outputs)
}

/// The fingerprint: the polynomial with these coefficients, lowest first, at z.
pub fn fingerprint<'a>(
    cs: &mut Builder<Fr>,
    z: &Lc<Fr>,
    coefficients: impl DoubleEndedIterator<Item = &'a Lc<Fr>>,
) -> Lc<Fr> {
    let mut value = Lc::zero();
    for coefficient in coefficients.rev() {
        value = cs.mul("horner", &value, z) + coefficient;
    }
    value
}

/// 12 scores of 21 bits to an element, index 0 lowest.
pub fn pack_scores<'a>(scores: impl IntoIterator<Item = &'a Lc<Fr>>) -> Vec<Lc<Fr>> {
    let scores: Vec<&Lc<Fr>> = scores.into_iter().collect();
    let weight = Fr::from(1u64 << PACKED_SCORE_BITS);
    let packed = |chunk: &[&Lc<Fr>]| {
        let mut sum = Lc::zero();
        let mut power = Fr::ONE;
        for score in chunk {
            sum.add_scaled(score, power);
            power *= weight;
        }
        sum
    };
    scores.chunks(SCORES_PER_ELEMENT).map(packed).collect()
}
