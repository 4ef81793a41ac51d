//! Random inputs of a kernel, and what tells whether a result is right.
//!
//! - `msm-g1`, `msm-g2`: random full-size scalars; base i is (offset + i) times the generator with a random offset, so that the
//!   sum is known and no two bases are equal or opposite.
//! - `additions-g1`: 2^(k-1) lists of 33 random bases, signs random: 16 * 2^k affine additions, as the buckets of a multi-scalar
//!   multiplication need them; their total is known.
//! - `ntt`: random coefficients to values; the value at w is known by Horner's rule.
//! - `quotient`: the rows of the statement `chain`, so that two evaluations of two terms belong to each value.
//!
//! Depends on: arkworks. gnark-crypto makes the same inputs itself: `peers/gnark/kernels.go`.

use ark_bn254::Fr;
use ark_ec::scalar_mul::BatchMulPreprocessing;
use ark_ec::{CurveGroup, PrimeGroup};
use ark_ff::{FftField, Field, One, PrimeField, UniformRand, batch_inversion};
use ark_std::rand::rngs::StdRng;
use ark_std::rand::{Rng, SeedableRng};

/// Which kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Kernel {
    /// Multi-scalar multiplication in the first group.
    MsmG1,
    /// In the second.
    MsmG2,
    /// Sums of short lists in the first group: what buckets are.
    AdditionsG1,
    /// Number-theoretic transform, forward.
    Ntt,
    /// Two sparse products, six transforms: the scalars of the H query.
    Quotient,
}

impl Kernel {
    /// Additions of points in one run, where the kernel is nothing else.
    pub fn additions(self, log2: u32) -> Option<u64> {
        (self == Self::AdditionsG1).then_some(16 << log2)
    }

    /// The name in commands and results.
    pub fn name(self) -> &'static str {
        match self {
            Self::MsmG1 => "msm-g1",
            Self::MsmG2 => "msm-g2",
            Self::AdditionsG1 => "additions-g1",
            Self::Ntt => "ntt",
            Self::Quotient => "quotient",
        }
    }
}

/// A multi-scalar multiplication with a known sum.
pub struct Msm<G: CurveGroup> {
    /// The scalars.
    pub scalars: Vec<G::ScalarField>,
    /// As many points, all different.
    pub bases: Vec<G::Affine>,
    /// The sum of the products.
    pub sum: G,
}

impl<G: CurveGroup> Msm<G> {
    /// A sum of `size` products.
    pub fn new(size: usize) -> Self {
        let mut random = generator(size);
        let multiples: Vec<G::ScalarField> = neighbours(&mut random, size);
        let scalars: Vec<G::ScalarField> = multiples
            .iter()
            .map(|_| G::ScalarField::rand(&mut random))
            .collect();
        let sum: G::ScalarField = scalars.iter().zip(&multiples).map(|(a, b)| *a * b).sum();
        let generator = <G as PrimeGroup>::generator();
        Self {
            bases: BatchMulPreprocessing::new(generator, size).batch_mul(&multiples),
            sum: generator * sum,
            scalars,
        }
    }
}

/// Lists of points with a known total.
pub struct PointLists<G: CurveGroup> {
    /// Points, all different.
    pub bases: Vec<G::Affine>,
    /// Twice the index of a base, plus one where it is subtracted.
    pub items: Vec<u32>,
    /// List l is `items[starts[l]..starts[l + 1]]`.
    pub starts: Vec<u32>,
    /// The sum of all items.
    pub total: G,
}

impl<G: CurveGroup> PointLists<G> {
    /// `size / 2` lists over `size` points.
    pub fn new(size: usize) -> Self {
        let mut random = generator(size);
        let multiples: Vec<G::ScalarField> = neighbours(&mut random, size);
        // Sizes are at most 2^24.
        let count = u32::try_from(size).unwrap_or(u32::MAX / 33);
        let starts: Vec<u32> = (0..=count / 2).map(|list| 33 * list).collect();
        let items: Vec<u32> = (0..33 * (count / 2))
            .map(|_| random.gen_range(0..2 * count))
            .collect();
        let total: G::ScalarField = items
            .iter()
            .map(|item| {
                let multiple = multiples[(item >> 1) as usize];
                if item & 1 == 1 { -multiple } else { multiple }
            })
            .sum();
        let generator = <G as PrimeGroup>::generator();
        Self {
            bases: BatchMulPreprocessing::new(generator, size).batch_mul(&multiples),
            items,
            starts,
            total: generator * total,
        }
    }
}

/// Random field elements.
pub fn vector<F: PrimeField>(size: usize) -> Vec<F> {
    let mut random = generator(size);
    (0..size).map(|_| F::rand(&mut random)).collect()
}

/// The value of a polynomial, by Horner's rule.
pub fn value(coefficients: &[Fr], point: Fr) -> Fr {
    coefficients
        .iter()
        .rfold(Fr::from(0_u64), |value, coefficient| value * point + coefficient)
}

/// As many elements, each one more than the last.
fn neighbours<F: PrimeField>(random: &mut StdRng, size: usize) -> Vec<F> {
    std::iter::successors(Some(F::rand(random)), |last| Some(*last + F::one()))
        .take(size)
        .collect()
}

fn generator(size: usize) -> StdRng {
    StdRng::seed_from_u64(size as u64)
}

/// a b - c at the point `index` of the odd coset, where c agrees with a b on the domain, from the values of a and b on the domain.
/// By the barycentric formula: with u w^index = z, and z^n = -1, a(z) = -2/n sum of a_i w^i / (z - w^i).
pub fn quotient(a: &[Fr], b: &[Fr], index: u64) -> Option<Fr> {
    let size = a.len() as u64;
    let root = Fr::get_root_of_unity(size)?;
    let point = Fr::get_root_of_unity(2 * size)? * root.pow([index]);
    let powers: Vec<Fr> = std::iter::successors(Some(Fr::one()), |last| Some(*last * root))
        .take(a.len())
        .collect();
    let mut weights: Vec<Fr> = powers.iter().map(|power| point - power).collect();
    batch_inversion(&mut weights);
    let mut sums = [Fr::from(0_u64); 3];
    for (i, (power, weight)) in powers.iter().zip(&weights).enumerate() {
        let weight = *power * weight;
        for (sum, value) in sums.iter_mut().zip([a[i], b[i], a[i] * b[i]]) {
            *sum += value * weight;
        }
    }
    let factor = -Fr::from(2_u64) / Fr::from(size);
    let [a, b, c] = sums.map(|sum| sum * factor);
    Some(a * b - c)
}

#[cfg(test)]
mod tests {
    use super::Msm;
    use ark_bn254::{G1Projective, G2Projective};
    use ark_ec::CurveGroup;

    fn the_sum_is_right<G: CurveGroup>() {
        let msm = Msm::<G>::new(33);
        let sum: G = msm
            .bases
            .iter()
            .zip(&msm.scalars)
            .map(|(base, scalar)| *base * scalar)
            .sum();
        assert_eq!(sum, msm.sum);
        assert_eq!((msm.bases.len(), msm.scalars.len()), (33, 33));
    }

    #[test]
    fn the_sums_are_right() {
        the_sum_is_right::<G1Projective>();
        the_sum_is_right::<G2Projective>();
    }
}
