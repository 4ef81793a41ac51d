//! Many proofs under one key, in one pairing equation.
//!
//! Each proof's equation is raised to a random power `rho_i` and all are multiplied. With `s = sum rho_i`:
//!
//! ```text
//! prod e(rho_i A_i, B_i) * e(s alpha, -beta) * e(s IC_0 + sum_j (sum_i rho_i x_ij) IC_(j+1), -gamma)
//!                        * e(sum rho_i C_i, -delta) = 1
//! ```
//!
//! so that a proof costs one Miller loop instead of three, and all share the final exponentiation. A product of factors
//! that are not all 1 is 1 for one of the 2^128 values of some `rho_i` at most (the small exponents test of Bellare,
//! Garay and Rabin, "Fast batch verification for modular exponentiation and digital signatures", EUROCRYPT 1998). It
//! needs a group of prime order, so every point is checked first, exactly as for a single proof.
//!
//! The powers are squeezed from SHAKE256 over the key, all inputs and all proofs: whoever chose the proofs could not
//! know them, and no source of randomness is needed. Who tries T batches offline passes a false one with
//! probability T / 2^128 at most.
//!
//! If the product is not 1, halves are tested until groups of four are left, whose members are verified one by one. The
//! Miller loops of the proofs are kept: a test costs those of the three constants and a final exponentiation, whatever its
//! size. If every proof is false, that comes on top of verifying each alone.
//!
//! Depends on [`crate::verify`]. With the feature `parallel` the work on proofs is shared among rayon's threads.

use crate::{
    verify::{Verifier, VerifyError, check_points, sum_of_multiples},
    words::{self, Word},
};
use alloc::vec::Vec;
use ark_bn254::{Bn254, Fr, G1Projective};
use ark_ec::{
    CurveGroup,
    pairing::{MillerLoopOutput, Pairing},
};
use ark_ff::{BigInt, PrimeField, Zero};
use ark_groth16::Proof;
use sha3::{
    Shake256,
    digest::{ExtendableOutput, Update, XofReader},
};
use thiserror::Error;

/// Names the hash's use, so that no other hash of the same bytes gives the same powers.
const DOMAIN: &[u8] = b"popw batch verification 1";

/// Proofs that share the squarings of their Miller loops, and are told apart by single verification.
const GROUP: usize = 4;

/// A proof and the public inputs it is said to hold for.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// As many as the key has.
    pub inputs: &'a [Fr],
    /// The proof.
    pub proof: &'a Proof<Bn254>,
}

/// A proof of a batch that is refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("proof {index} of the batch: {error}")]
pub struct Refusal {
    /// Its place in the batch, from 0.
    pub index: usize,
    /// What [`Verifier::verify`] says about it.
    pub error: VerifyError,
}

/// Why a batch is refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum BatchError {
    /// There is no proof in it: whoever asks has lost them on the way.
    #[error("batch: there are no proofs, expected at least one")]
    Empty,
    /// Some proofs are refused. All others hold.
    #[error("batch: {} of {count} proofs are refused, the first: {}", .refused.len(), first(.refused))]
    Refused {
        /// How many proofs the batch has.
        count: usize,
        /// All that are refused, in the order of the batch; not empty.
        refused: Vec<Refusal>,
    },
}

fn first(refused: &[Refusal]) -> &dyn core::fmt::Display {
    refused.first().map_or(&"none", |refusal| refusal)
}

/// A well-formed proof with its place and its power.
struct Term<'a> {
    index: usize,
    entry: &'a Entry<'a>,
    power: BigInt<2>,
}

/// What some proofs contribute to the equation.
#[derive(Clone)]
struct Share {
    /// `prod e(rho_i A_i, B_i)`, before the final exponentiation.
    miller: <Bn254 as Pairing>::TargetField,
    /// `sum rho_i`, then `sum_i rho_i x_ij` of each input: the multiples of the IC points.
    inputs: Vec<Fr>,
    /// `sum rho_i C_i`.
    c: G1Projective,
}

/// Up to [`GROUP`] proofs and their share.
struct Group<'a> {
    terms: &'a [Term<'a>],
    share: Share,
}

impl Verifier {
    /// `Ok` if every proof of the batch holds for its inputs; else which do not, each with the reason that
    /// [`Verifier::verify`] gives.
    ///
    /// A false proof passes with probability 2^-128, see the [module](crate::batch). The same proof may stand in a
    /// batch several times.
    ///
    /// # Errors
    /// [`BatchError::Empty`] without proofs, [`BatchError::Refused`] if any is refused.
    pub fn verify_batch(&self, batch: &[Entry<'_>]) -> Result<(), BatchError> {
        if batch.is_empty() {
            return Err(BatchError::Empty);
        }
        let mut refused = Vec::new();
        let mut terms = Vec::with_capacity(batch.len());
        let checks = map(batch, |entry| self.check_entry(entry));
        for ((index, entry), check) in batch.iter().enumerate().zip(checks) {
            match check {
                Ok(()) => terms.push(Term {
                    index,
                    entry,
                    power: BigInt([0; 2]),
                }),
                Err(error) => refused.push(Refusal { index, error }),
            }
        }
        self.draw_powers(&mut terms);
        let groups: Vec<_> = terms.chunks(GROUP).collect();
        let groups = map(&groups, |terms| Group {
            terms,
            share: self.share(terms),
        });
        self.search(&groups, &mut refused);
        if refused.is_empty() {
            return Ok(());
        }
        refused.sort_unstable_by_key(|refusal| refusal.index);
        Err(BatchError::Refused {
            count: batch.len(),
            refused,
        })
    }

    /// What [`Verifier::verify`] checks before the equation.
    fn check_entry(&self, entry: &Entry<'_>) -> Result<(), VerifyError> {
        self.check_count(entry.inputs)?;
        check_points(entry.proof)
    }

    /// Powers from everything that the equation depends on. The encoding has one meaning: all is of fixed size once the
    /// numbers of inputs and of proofs are known, and no point is the identity.
    fn draw_powers(&self, terms: &mut [Term<'_>]) {
        let mut hash = Shake256::default();
        let absorb = |hash: &mut Shake256, words: &[Word]| words.iter().for_each(|word| hash.update(word));
        let key = self.key();
        hash.update(DOMAIN);
        for count in [self.input_count(), terms.len()] {
            hash.update(&(count as u64).to_be_bytes());
        }
        for point in core::iter::once(&key.alpha_g1).chain(&key.gamma_abc_g1) {
            absorb(&mut hash, &words::g1_to_words(point));
        }
        for point in [&key.beta_g2, &key.gamma_g2, &key.delta_g2] {
            absorb(&mut hash, &words::g2_to_words(point));
        }
        for term in terms.iter() {
            absorb(&mut hash, &words::inputs_to_be_bytes(term.entry.inputs));
            absorb(&mut hash, &words::proof_to_words(term.entry.proof));
        }
        let mut powers = hash.finalize_xof();
        for term in terms {
            for limb in &mut term.power.0 {
                let mut bytes = [0; 8];
                powers.read(&mut bytes);
                *limb = u64::from_le_bytes(bytes);
            }
        }
    }

    fn share(&self, terms: &[Term<'_>]) -> Share {
        let multiples: Vec<_> = terms
            .iter()
            .map(|term| sum_of_multiples(&[(term.entry.proof.a, term.power)]))
            .collect();
        let MillerLoopOutput(miller) = Bn254::multi_miller_loop(
            G1Projective::normalize_batch(&multiples),
            terms.iter().map(|term| term.entry.proof.b),
        );
        let mut inputs = alloc::vec![Fr::zero(); self.key().gamma_abc_g1.len()];
        for term in terms {
            let BigInt([low, high]) = term.power;
            let power = Fr::new(BigInt([low, high, 0, 0]));
            let products = term.entry.inputs.iter().map(|input| power * input);
            for (sum, product) in inputs.iter_mut().zip(core::iter::once(power).chain(products)) {
                *sum += product;
            }
        }
        let c: Vec<_> = terms
            .iter()
            .map(|term| (term.entry.proof.c, term.power))
            .collect();
        Share {
            miller,
            inputs,
            c: sum_of_multiples(&c),
        }
    }

    /// Adds the false proofs of these groups to `refused`.
    fn search(&self, groups: &[Group<'_>], refused: &mut Vec<Refusal>) {
        let Some((first, rest)) = groups.split_first() else {
            return;
        };
        let mut share = first.share.clone();
        for group in rest {
            share.multiply(&group.share);
        }
        if self.holds(&share) {
            return;
        }
        if rest.is_empty() {
            refused.extend(first.terms.iter().filter_map(|term| {
                let error = self.verify(term.entry.inputs, term.entry.proof).err()?;
                let index = term.index;
                Some(Refusal { index, error })
            }));
            return;
        }
        let (left, right) = groups.split_at(groups.len() / 2);
        self.search(left, refused);
        self.search(right, refused);
    }

    /// Whether the equation holds for these proofs.
    fn holds(&self, share: &Share) -> bool {
        let key = self.key();
        let terms: Vec<_> = key
            .gamma_abc_g1
            .iter()
            .zip(&share.inputs)
            .map(|(base, sum)| (*base, sum.into_bigint()))
            .collect();
        let powers = share.inputs.first().copied().unwrap_or_default();
        let points = [key.alpha_g1 * powers, sum_of_multiples(&terms), share.c];
        let MillerLoopOutput(constants) =
            Bn254::multi_miller_loop(G1Projective::normalize_batch(&points), self.minus_constants());
        Bn254::final_exponentiation(MillerLoopOutput(constants * share.miller))
            .is_some_and(|product| product.is_zero())
    }
}

impl Share {
    fn multiply(&mut self, other: &Self) {
        self.miller *= other.miller;
        self.c += other.c;
        for (sum, value) in self.inputs.iter_mut().zip(&other.inputs) {
            *sum += value;
        }
    }
}

/// In the order of the items; by all of rayon's threads with the feature `parallel`.
#[cfg(feature = "parallel")]
fn map<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Send + Sync) -> Vec<R> {
    use rayon::prelude::*;
    items.par_iter().map(work).collect()
}

/// In the order of the items; by all of rayon's threads with the feature `parallel`.
#[cfg(not(feature = "parallel"))]
fn map<T, R>(items: &[T], work: impl Fn(&T) -> R) -> Vec<R> {
    items.iter().map(work).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that fails shall stop")]

    use super::{BatchError, Entry, Term, Verifier};
    use alloc::vec::Vec;
    use ark_bn254::{Bn254, Fr, G1Affine, G2Affine};
    use ark_ec::{AffineRepr, CurveGroup};
    use ark_ff::{BigInt, Field, PrimeField};
    use ark_groth16::{Proof, VerifyingKey};

    type Claimed = (Vec<Fr>, Proof<Bn254>);

    fn g1(secret: impl Into<Fr>) -> G1Affine {
        (G1Affine::generator() * secret.into()).into_affine()
    }

    fn g2(secret: impl Into<Fr>) -> G2Affine {
        (G2Affine::generator() * secret.into()).into_affine()
    }

    /// A key of one input whose secrets are small numbers.
    fn key() -> VerifyingKey<Bn254> {
        VerifyingKey {
            alpha_g1: g1(2),
            beta_g2: g2(3),
            gamma_g2: g2(5),
            delta_g2: g2(7),
            gamma_abc_g1: [11, 13].map(g1).to_vec(),
        }
    }

    /// `a b = 2 * 3 + (11 + 13 x) * 5 + 7 c`.
    fn prove(x: u64, a: u64, b: u64) -> Claimed {
        let [x, a, b] = [x, a, b].map(Fr::from);
        let l = Fr::from(11) + Fr::from(13) * x;
        let c = (a * b - Fr::from(6) - l * Fr::from(5)) * Fr::from(7).inverse().unwrap();
        let (a, b, c) = (g1(a), g2(b), g1(c));
        (alloc::vec![x], Proof { a, b, c })
    }

    fn terms<'a>(entries: &'a [Entry<'a>]) -> Vec<Term<'a>> {
        let term = |(index, entry)| Term {
            index,
            entry,
            power: BigInt([0; 2]),
        };
        entries.iter().enumerate().map(term).collect()
    }

    fn entries(batch: &[Claimed]) -> Vec<Entry<'_>> {
        batch
            .iter()
            .map(|(inputs, proof)| Entry { inputs, proof })
            .collect()
    }

    fn powers(key: VerifyingKey<Bn254>, batch: &[Claimed]) -> Vec<BigInt<2>> {
        let entries = entries(batch);
        let mut terms = terms(&entries);
        Verifier::new(key).unwrap().draw_powers(&mut terms);
        terms.iter().map(|term| term.power).collect()
    }

    /// No power stays if anything of the key, the inputs or the proofs changes: else somebody could choose the rest after
    /// the power.
    #[test]
    fn every_power_depends_on_everything() {
        let batch = [prove(1, 2, 3), prove(4, 5, 6), prove(7, 8, 9)];
        let mut drawn = powers(key(), &batch);
        let mut draw = |key: &dyn Fn(&mut VerifyingKey<Bn254>), change: &dyn Fn(&mut Vec<Claimed>)| {
            let (mut other_key, mut other) = (self::key(), batch.to_vec());
            key(&mut other_key);
            change(&mut other);
            drawn.extend(powers(other_key, &other));
        };
        let same = |_: &mut Vec<_>| ();
        draw(&|key| key.alpha_g1 = g1(17), &same);
        draw(&|key| key.beta_g2 = g2(17), &same);
        draw(&|key| key.gamma_g2 = g2(17), &same);
        draw(&|key| key.delta_g2 = g2(17), &same);
        draw(&|key| key.gamma_abc_g1[0] = g1(17), &same);
        draw(&|key| key.gamma_abc_g1[1] = g1(17), &same);
        for index in 0..3 {
            draw(&|_| (), &|batch| batch[index].0[0] += Fr::ONE);
            draw(&|_| (), &|batch| batch[index].1.a = g1(17));
            draw(&|_| (), &|batch| batch[index].1.a = -batch[index].1.a);
            draw(&|_| (), &|batch| batch[index].1.b = g2(17));
            draw(&|_| (), &|batch| batch[index].1.c = g1(17));
            draw(&|_| (), &|batch| batch.swap(index, (index + 1) % 3));
            draw(&|_| (), &|batch| drop(batch.remove(index)));
        }
        draw(&|_| (), &|batch| batch.push(batch[2].clone()));
        let count = drawn.len();
        drawn.sort_unstable();
        drawn.dedup();
        assert_eq!(drawn.len(), count);
    }

    /// Two false proofs that cancel under the powers of an earlier batch: with those the equation holds, so it is the hash
    /// that finds them.
    #[test]
    fn powers_known_beforehand_would_be_fooled() {
        let verifier = Verifier::new(key()).unwrap();
        let mut batch = [prove(1, 2, 3), prove(4, 5, 6)];
        let known = powers(key(), &batch);
        let [first, second] = [0, 1].map(|index: usize| {
            let BigInt([low, high]) = known[index];
            Fr::from_bigint(BigInt([low, high, 0, 0])).unwrap()
        });
        batch[0].1.c = (batch[0].1.c + g1(second)).into_affine();
        batch[1].1.c = (batch[1].1.c - g1(first)).into_affine();
        let entries = entries(&batch);
        let mut terms = terms(&entries);
        for (term, power) in terms.iter_mut().zip(known) {
            term.power = power;
        }
        assert!(verifier.holds(&verifier.share(&terms)));
        terms[0].power.0[0] ^= 1;
        assert!(!verifier.holds(&verifier.share(&terms)));
        let Err(BatchError::Refused { refused, .. }) = verifier.verify_batch(&entries) else {
            unreachable!("both are false")
        };
        let indices: Vec<_> = refused.iter().map(|refusal| refusal.index).collect();
        assert_eq!(indices, [0, 1]);
    }
}
