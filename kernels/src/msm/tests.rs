//! Sums of lists against plain additions.

use super::lists::sum_lists;
use crate::bases::{Curve, G1, G2, Lists};
use crate::control::{CancelToken, Control};
use crate::field::{Arch, Field};
use ark_ec::{AffineRepr, CurveGroup, PrimeGroup};
use ark_std::rand::Rng;

/// Lists of random lengths over few points, so that equal and opposite ones meet; `distinct` gives up the collisions.
fn check<C: Curve, A: Arch, F: Field>(arch: A, lengths: &[usize], distinct: bool)
where
    C::Affine: AffineRepr<BaseField = F::Scalar>,
{
    let mut rng = ark_std::test_rng();
    let total: usize = lengths.iter().sum();
    let count = if distinct { total.max(1) } else { 3 };
    let generator = C::Projective::generator();
    let mut point = generator;
    let mut points = vec![0; count * C::POINT_BYTES];
    for bytes in points.chunks_exact_mut(C::POINT_BYTES) {
        C::write(&point.into_affine(), bytes);
        point += generator;
    }
    let mut items = Vec::new();
    let mut starts = vec![0];
    let mut expected = Vec::new();
    for length in lengths {
        let mut sum = C::Projective::default();
        for _ in 0..*length {
            let index = if distinct {
                items.len()
            } else {
                rng.gen_range(0..count)
            };
            let negative = rng.gen_bool(0.5);
            let point = C::read(&points[index * C::POINT_BYTES..][..C::POINT_BYTES]);
            if negative {
                sum -= point
            } else {
                sum += point
            }
            items.push(2 * index as u32 + u32::from(negative));
        }
        starts.push(items.len() as u32);
        expected.push(sum.into_affine());
    }
    let token = CancelToken::new();
    let lists = Lists::new(&points, &items, &starts).unwrap();
    let sums = sum_lists::<C, A, F>(arch, lists, &Control::silent(&token)).unwrap();
    for (list, (sum, expected)) in sums.chunks_exact(C::POINT_BYTES).zip(&expected).enumerate() {
        assert_eq!(
            C::read(sum),
            *expected,
            "list {list} of {} items, distinct {distinct}",
            lengths[list]
        );
    }
}

fn all<A: Arch>(arch: A) {
    let mut rng = ark_std::test_rng();
    let mut cases: Vec<Vec<usize>> = vec![
        vec![],
        vec![0],
        vec![1],
        vec![2],
        vec![1; 8],
        vec![2; 9],
        vec![3; 17],
        vec![0, 5, 0],
    ];
    cases.push((0..40).collect());
    cases.push(vec![127, 128, 129, 257, 1000]);
    cases.push((0..60).map(|_| rng.gen_range(0..50)).collect());
    for lengths in &cases {
        for distinct in [true, false] {
            check::<G1, A, A::Fq>(arch, lengths, distinct);
            check::<G2, A, A::Fq2>(arch, lengths, distinct);
        }
    }
}

#[test]
fn portable_sums_are_sums() {
    all(crate::field::portable::Portable::detect());
}

#[cfg(target_arch = "x86_64")]
#[test]
fn ifma_sums_are_sums() {
    match crate::field::ifma::Avx512Ifma::detect() {
        Some(arch) => all(arch),
        None => eprintln!("SKIPPED: this machine has no AVX-512 IFMA"),
    }
}
