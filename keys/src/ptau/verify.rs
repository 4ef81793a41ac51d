//! Everything that a phase 1 can be asked: whether it is what its contributors say, and nobody's alone.
//!
//! In this order: every point on its own; the contributions, one after the other; the first points, which are what the last
//! contribution left; all powers, which follow from these; all Lagrange levels; and for a file that was not cut the hash of all
//! points, which the last contribution names.
//!
//! What no check can show: that one of the contributors forgot their secrets. That is what the list of names is for.
//!
//! Depends on: `points`, `chain`, `challenge`, `powers`, `levels`. Where to go next: [`crate::ceremony`].

use super::contributions::Contribution;
use super::error::{PtauError, SecretName};
use super::powers::{self, Prefixes, point};
use super::{Part, Ptau, Published, chain, challenge, levels, points, published};
use crate::ceremony::contribution::same_ratio;
use crate::ceremony::encoding::Hash512;
use crate::ceremony::inspect::is_example_beacon;
use crate::zkey::ContributionKind;
use ark_bn254::{G1Affine, G2Affine};
use ark_ec::AffineRepr;
use popw_kernels::{Backend, Control, G1, G2};
use std::fmt;

/// What to spend on the challenge that the first contribution answers: the hash of an accumulator full of generators.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Effort {
    /// For a ceremony of power 28 it is taken from this crate; for smaller ones it is computed (power 27: about a minute).
    #[default]
    Usual,
    /// It is computed in any case. For power 28 these are 96 GiB to hash: some minutes.
    Thorough,
}

/// What was found in a phase 1 that passed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The file is for domains of up to 2^power rows.
    pub power: u32,
    /// The power that the contributors worked on.
    pub ceremony_power: u32,
    /// Whether the Lagrange levels are there. They were checked.
    pub prepared: bool,
    /// The contributions, oldest first.
    pub contributions: Vec<Contribution>,
    /// The file's hash.
    pub blake2b: Hash512,
    /// The public file that has this hash.
    pub published: Option<Published>,
    /// What to beware of.
    pub warnings: Vec<Warning>,
}

/// What to beware of in a phase 1 that passes.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Warning {
    /// Nobody but beacons contributed, or nobody at all: the secrets are public. [`Ptau::verify`] refuses such a file.
    NoContributor,
    /// Only one contributor: whoever trusts the file trusts that one.
    OneContributor,
    /// The last contribution is no beacon.
    NoBeacon,
    /// A beacon that was known to everybody.
    ExampleBeacon {
        /// Its place in the list, from 0.
        index: usize,
    },
    /// A level that no transform reaches: not checked.
    LevelUnchecked {
        /// The level of section 12.
        level: u32,
    },
}

impl Warning {
    /// Does it mean that anybody can forge?
    pub fn is_fatal(&self) -> bool {
        matches!(self, Self::NoContributor)
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoContributor => f.write_str(
                "no person contributed: tau, alpha and beta are known to everybody, so ANYONE CAN FORGE proofs under its keys",
            ),
            Self::OneContributor => f.write_str(
                "one person contributed: whoever knows their secrets can forge proofs under every key made of it",
            ),
            Self::NoBeacon => f.write_str(
                "the last contribution is no beacon: its contributor could choose among several outcomes",
            ),
            Self::ExampleBeacon { index } => write!(
                f,
                "contribution {} is the example beacon of the tools' documentation: everybody knew it before",
                index + 1
            ),
            Self::LevelUnchecked { level } => write!(
                f,
                "level {level} of Lagrange tauG1 was not checked: the field has no roots of unity for it"
            ),
        }
    }
}

impl Ptau {
    /// What to beware of, as far as the contributions tell. Nothing is verified.
    pub fn warnings(&self) -> Vec<Warning> {
        let list = self.contributions();
        let is_beacon = |contribution: &Contribution| contribution.kind == ContributionKind::Beacon;
        let people = list
            .iter()
            .filter(|contribution| !is_beacon(contribution))
            .count();
        let mut warnings = Vec::new();
        match people {
            0 => warnings.push(Warning::NoContributor),
            1 => warnings.push(Warning::OneContributor),
            _ => {}
        }
        if !list.last().is_some_and(is_beacon) {
            warnings.push(Warning::NoBeacon);
        }
        let is_example = |contribution: &Contribution| {
            let beacon = contribution.beacon.as_deref();
            beacon.is_some_and(is_example_beacon)
        };
        let examples = list.iter().enumerate().filter(|(_, one)| is_example(one));
        warnings.extend(examples.map(|(index, _)| Warning::ExampleBeacon { index }));
        warnings
    }

    /// Looks at everything in the file, in the threads of the current rayon pool.
    ///
    /// # Errors
    /// The first thing that is wrong, or that the caller cancelled.
    pub fn verify(
        &self,
        backend: &dyn Backend,
        effort: Effort,
        control: &Control<'_>,
    ) -> Result<Report, PtauError> {
        let mut warnings = self.warnings();
        let last = self.contributions().last();
        let last = last.filter(|_| !warnings.contains(&Warning::NoContributor));
        let last = last.ok_or(PtauError::NoContributor)?;
        let blake2b = self.blake2b();
        let part = |share: f64| move |part: f64| control.advance(part * share);
        let (tenth, rest) = (part(0.1), part(if self.is_prepared() { 0.35 } else { 0.7 }));
        let tenth = Control::new(control.cancel_token(), &tenth);
        let rest = Control::new(control.cancel_token(), &rest);

        if let Some(error) = points::check_curves(self, &tenth)? {
            return Err(error.into());
        }
        let first = match effort {
            Effort::Usual => challenge::first(self.ceremony_power(), control)?,
            Effort::Thorough => challenge::compute_first(self.ceremony_power(), control)?,
        };
        chain::check(self.contributions(), &first, control)?;
        control.advance(0.1);
        self.check_first_points(last)?;
        let (seed, _) = blake2b.split_first_chunk().unwrap_or((&[0; 32], &[]));
        if let Some(error) = points::check_subgroups(self, seed, backend, control)? {
            return Err(error.into());
        }
        control.advance(0.1);
        let prefixes = Prefixes::new(self, powers::challenge(&blake2b), backend, &rest)?;
        prefixes.check(self)?;
        if self.is_prepared() && !levels::check(self, &prefixes, backend, &rest)? {
            let level = self.power() + 1;
            warnings.push(Warning::LevelUnchecked { level });
        }
        if self.power() == self.ceremony_power()
            && challenge::next(self, &last.response, control)? != last.next_challenge
        {
            return Err(PtauError::NextChallenge);
        }
        Ok(Report {
            power: self.power(),
            ceremony_power: self.ceremony_power(),
            prepared: self.is_prepared(),
            contributions: self.contributions().to_vec(),
            blake2b,
            published: published(&blake2b),
            warnings,
        })
    }

    /// The points that powers begin with are 1 and what the last contribution left, which is the same in both groups.
    fn check_first_points(&self, last: &Contribution) -> Result<(), PtauError> {
        let (one, two) = (G1Affine::generator(), G2Affine::generator());
        if point::<G1>(self.tau_g1(), 0) != one {
            let part = Part::TauG1;
            return Err(PtauError::Generator { part });
        }
        if point::<G2>(self.tau_g2(), 0) != two {
            let part = Part::TauG2;
            return Err(PtauError::Generator { part });
        }
        let left = &last.left;
        let g1 = [
            (Part::TauG1, 1, left.tau_g1),
            (Part::AlphaTauG1, 0, left.alpha_g1),
            (Part::BetaTauG1, 0, left.beta_g1),
        ];
        let g2 = [(Part::TauG2, 1, left.tau_g2), (Part::BetaG2, 0, left.beta_g2)];
        let g1 = g1.map(|(part, index, left)| (part, index, point::<G1>(self.section(part), index) == left));
        let g2 = g2.map(|(part, index, left)| (part, index, point::<G2>(self.section(part), index) == left));
        if let Some((part, index, _)) = g1.into_iter().chain(g2).find(|(.., same)| !same) {
            return Err(PtauError::Last { part, index });
        }
        let groups = [
            ("tau", left.tau_g1, left.tau_g2),
            ("beta", left.beta_g1, left.beta_g2),
        ];
        let mut groups = groups.into_iter();
        if let Some((what, ..)) = groups.find(|(_, g1, g2)| !same_ratio(one, *g1, two, *g2)) {
            return Err(PtauError::Groups { what });
        }
        let secrets = [left.tau_g1, left.alpha_g1, left.beta_g1];
        let mut secrets = SecretName::ALL.into_iter().zip(secrets);
        match secrets.find(|(_, secret)| *secret == one) {
            Some((secret, _)) => Err(PtauError::Trivial { secret }),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that fails shall stop")]

    use super::Effort;
    use crate::ceremony::encoding::{Hash512, uncompressed_g1, uncompressed_g2};
    use crate::container::{write_base_prime, write_section};
    use crate::ptau::chain::challenge_point;
    use crate::ptau::contributions::Accumulator;
    use crate::ptau::error::SecretName;
    use crate::ptau::read::{FORMAT, HEADER_BYTES};
    use crate::ptau::resume::Blake2b;
    use crate::ptau::{Part, Ptau, PtauError, PublicKey, challenge};
    use crate::zkey::points::write;
    use ark_bn254::{Fr, G1Affine, G2Affine};
    use ark_ec::{AffineRepr, CurveGroup};
    use popw_kernels::backend::detect;
    use popw_kernels::{CancelToken, Control, G1, G2};
    use std::io::Write;

    /// A ceremony of power 1 with one contribution, which multiplies with these numbers.
    fn ceremony(factors: [u64; 3], token: &CancelToken) -> Vec<u8> {
        let control = Control::silent(token);
        let [tau, alpha, beta] = factors.map(Fr::from);
        let g1 = |number: Fr| (G1Affine::generator() * number).into_affine();
        let g2 = |number: Fr| (G2Affine::generator() * number).into_affine();
        let powers_g1 = |first: Fr, count: u64| -> Vec<u8> {
            let powers = (0..count).scan(first, |next, _| Some(std::mem::replace(next, *next * tau)));
            powers.flat_map(|power| write::<G1>(&g1(power))).collect()
        };
        let one = Fr::from(1);
        let tau_g2 = [write::<G2>(&g2(one)), write::<G2>(&g2(tau))].concat();
        let beta_g2 = write::<G2>(&g2(beta));
        let left = Accumulator {
            tau_g1: g1(tau),
            tau_g2: g2(tau),
            alpha_g1: g1(alpha),
            beta_g1: g1(beta),
            beta_g2: g2(beta),
        };
        let first: Hash512 = challenge::first(1, &control).unwrap();
        let keys = [tau, alpha, beta].map(|x| PublicKey {
            s: g1(Fr::from(7)),
            s_x: g1(Fr::from(7) * x),
            r_x: G2Affine::zero(),
        });
        let mut proofs = SecretName::ALL.into_iter().zip([tau, alpha, beta]).zip(&keys);
        let r_x = [(); 3].map(|()| {
            let ((secret, x), key) = proofs.next().unwrap();
            (challenge_point(secret, &first, key) * x).into_affine()
        });
        let mut hash = Blake2b::new();
        hash.update(b"all points of a response, of which nothing is kept");
        let state = hash.state();
        for key in &keys {
            hash.update(&uncompressed_g1(&key.s));
            hash.update(&uncompressed_g1(&key.s_x));
        }
        for r_x in &r_x {
            hash.update(&uncompressed_g2(r_x));
        }
        let response = hash.finish();
        let contribution = |next_challenge: &Hash512| {
            let mut bytes = 1_u32.to_le_bytes().to_vec();
            bytes.extend(write::<G1>(&left.tau_g1));
            bytes.extend(write::<G2>(&left.tau_g2));
            bytes.extend(write::<G1>(&left.alpha_g1));
            bytes.extend(write::<G1>(&left.beta_g1));
            bytes.extend(write::<G2>(&left.beta_g2));
            for key in &keys {
                bytes.extend([write::<G1>(&key.s), write::<G1>(&key.s_x)].concat());
            }
            bytes.extend(r_x.iter().flat_map(write::<G2>));
            bytes.extend(state);
            bytes.extend(next_challenge);
            bytes.extend([0; 8]);
            bytes
        };
        let file = |next_challenge: &Hash512| {
            let sections = [
                (Part::TauG1, powers_g1(one, 3)),
                (Part::TauG2, tau_g2.clone()),
                (Part::AlphaTauG1, powers_g1(alpha, 2)),
                (Part::BetaTauG1, powers_g1(beta, 2)),
                (Part::BetaG2, beta_g2.clone()),
                (Part::Contributions, contribution(next_challenge)),
            ];
            let mut bytes = Vec::new();
            let body = |out: &mut std::io::BufWriter<&mut Vec<u8>>| {
                write_section(out, Part::Header.id(), HEADER_BYTES)?;
                write_base_prime(out)?;
                out.write_all(&[1, 0, 0, 0, 1, 0, 0, 0])?;
                sections.iter().try_for_each(|(part, bytes)| {
                    write_section(out, part.id(), bytes.len() as u64)?;
                    out.write_all(bytes)
                })
            };
            FORMAT.write(&mut bytes, 7, body).unwrap();
            bytes
        };
        let unfinished = Ptau::from_bytes(file(&[0; 64])).unwrap();
        let next_challenge = challenge::next(&unfinished, &response, &control).unwrap();
        file(&next_challenge)
    }

    #[test]
    fn secrets_that_are_one_are_refused() {
        let (backend, token) = (detect().unwrap(), CancelToken::new());
        let verify = |factors| {
            let ptau = Ptau::from_bytes(ceremony(factors, &token)).unwrap();
            let control = Control::silent(&token);
            ptau.verify(backend.as_ref(), Effort::Usual, &control).map(|_| ())
        };
        assert_eq!(verify([2, 3, 5]), Ok(()));
        for (place, secret) in SecretName::ALL.into_iter().enumerate() {
            let mut factors = [2, 3, 5];
            factors[place] = 1;
            assert_eq!(verify(factors), Err(PtauError::Trivial { secret }));
        }
    }
}
