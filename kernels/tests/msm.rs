//! The law suite of multi-scalar multiplication: every backend that this machine runs against the reference, on random input
//! and at the edges.

#![allow(clippy::unwrap_used, reason = "a test that panics says where it failed")]

mod common;
#[path = "common/points.rs"]
mod points;

use ark_bn254::{Fr, G1Affine, G2Affine};
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::{BigInteger, PrimeField, UniformRand};
use ark_std::rand::rngs::StdRng;
use ark_std::rand::{Rng, SeedableRng};
use common::{fast, reference, rounds};
use points::{bytes, points, scalars};
use popw_kernels::backend::available;
use popw_kernels::{Bases, CancelToken, Control, G1, G2, KernelError, Lists, ListsError, Scalar};

/// The same bases in both groups would need the same generator multiples; two lists, one set of scalars.
fn agree(what: &str, g1: &[G1Affine], g2: &[G2Affine], scalars: &[Scalar]) {
    let token = CancelToken::new();
    let control = Control::silent(&token);
    let (b1, b2) = (bytes::<G1>(g1), bytes::<G2>(g2));
    let (b1, b2) = (Bases::new(&b1, 0).unwrap(), Bases::new(&b2, 0).unwrap());
    let expected = reference().msm(scalars, &[b1], &[b2], &control).unwrap();
    for backend in fast() {
        let got = backend.msm(scalars, &[b1], &[b2], &control).unwrap();
        assert_eq!(got, expected, "{} on {what}", backend.name());
    }
}

#[test]
fn random_input_of_all_lengths() {
    let mut rng = StdRng::seed_from_u64(1);
    let mut lengths = vec![0, 1, 2, 3, 7, 8, 9, 500];
    for log2 in [4, 5, 6, 8, 10, 12] {
        lengths.extend([(1 << log2) - 1, 1 << log2, (1 << log2) + 1]);
    }
    for length in lengths {
        for _ in 0..rounds(1) {
            let (g1, g2) = (
                points::<G1>(&mut rng, length),
                points::<G2>(&mut rng, length.min(300)),
            );
            agree(
                &format!("{length} random pairs"),
                &g1,
                &g2,
                &scalars(&mut rng, length),
            );
        }
    }
}

#[test]
fn the_edge_corpus() {
    let mut rng = StdRng::seed_from_u64(2);
    let order = Fr::MODULUS;
    let less = |n: u64| {
        let mut value = order;
        value.sub_with_borrow(&Scalar::from(n));
        value
    };
    let half = Fr::MODULUS_MINUS_ONE_DIV_TWO;
    let mut above_half = half;
    above_half.add_with_carry(&Scalar::from(1u64));
    let mut edges = vec![
        Scalar::from(0u64),
        Scalar::from(1u64),
        Scalar::from(2u64),
        less(1),
        less(2),
        half,
        above_half,
    ];
    // Digits at the ends of every window of every width.
    for bit in 0..254 {
        let mut power = Scalar::from(1u64);
        power <<= bit;
        if power < order {
            edges.push(power);
            let mut before = power;
            before.sub_with_borrow(&Scalar::from(1u64));
            edges.push(before);
        }
    }
    let count = 300;
    let (g1, g2) = (points::<G1>(&mut rng, count), points::<G2>(&mut rng, count));
    for scalar in edges.iter().take(7) {
        agree(&format!("all scalars {scalar}"), &g1, &g2, &vec![*scalar; count]);
    }
    let wide = points::<G1>(&mut rng, edges.len());
    agree("edge scalars", &wide, &g2, &edges);

    let random = scalars(&mut rng, count);
    let equal = (vec![g1[0]; count], vec![g2[0]; count]);
    agree("equal bases", &equal.0, &equal.1, &random);
    agree(
        "equal bases in one bucket",
        &equal.0,
        &equal.1,
        &vec![Scalar::from(5u64); count],
    );
    let signs = |index: usize| index.is_multiple_of(3);
    let opposite1: Vec<G1Affine> = (0..count)
        .map(|index| if signs(index) { -g1[0] } else { g1[0] })
        .collect();
    let opposite2: Vec<G2Affine> = (0..count)
        .map(|index| if signs(index) { -g2[0] } else { g2[0] })
        .collect();
    agree(
        "P and -P in one bucket",
        &opposite1,
        &opposite2,
        &vec![Scalar::from(1u64); count],
    );
    agree("P and -P", &opposite1, &opposite2, &random);
    let alternating1: Vec<G1Affine> = (0..count)
        .map(|index| if index % 2 == 0 { -g1[0] } else { g1[0] })
        .collect();
    agree(
        "P and -P that cancel whole lists",
        &alternating1,
        &opposite2,
        &vec![Scalar::from(1u64); count],
    );
    let infinity = (
        vec![G1Affine::identity(); count],
        vec![G2Affine::identity(); count],
    );
    agree("only infinity", &infinity.0, &infinity.1, &random);
    let holes1: Vec<G1Affine> = g1
        .iter()
        .enumerate()
        .map(|(index, point)| {
            if index % 5 == 2 {
                G1Affine::identity()
            } else {
                *point
            }
        })
        .collect();
    let holes2: Vec<G2Affine> = g2
        .iter()
        .enumerate()
        .map(|(index, point)| {
            if index % 2 == 0 {
                G2Affine::identity()
            } else {
                *point
            }
        })
        .collect();
    agree("some infinity", &holes1, &holes2, &random);
    let sparse: Vec<Scalar> = (0..count)
        .map(|index| {
            if index % 7 == 0 {
                random[index]
            } else {
                Scalar::from((index % 2) as u64)
            }
        })
        .collect();
    agree("bits and a few numbers", &g1, &g2, &sparse);
}

#[test]
fn one_bucket_with_more_than_a_piece() {
    let mut rng = StdRng::seed_from_u64(3);
    let count = 20_000;
    let g1 = points::<G1>(&mut rng, count);
    let g2 = points::<G2>(&mut rng, 700);
    agree("all in one bucket", &g1, &g2, &vec![Scalar::from(3u64); count]);
    let scalars: Vec<Scalar> = (0..count)
        .map(|_| Scalar::from(u64::from(rng.gen_bool(0.5))))
        .collect();
    agree("bits", &g1, &g2, &scalars);
}

#[test]
fn several_sets_share_their_scalars() {
    let mut rng = StdRng::seed_from_u64(4);
    let token = CancelToken::new();
    let control = Control::silent(&token);
    let scalars = scalars(&mut rng, 1000);
    let (a, b, c) = (
        bytes::<G1>(&points::<G1>(&mut rng, 1000)),
        bytes::<G1>(&points::<G1>(&mut rng, 700)),
        bytes::<G1>(&points::<G1>(&mut rng, 0)),
    );
    let d = bytes::<G2>(&points::<G2>(&mut rng, 990));
    let g1 = [
        Bases::new(&a, 0).unwrap(),
        Bases::new(&b, 300).unwrap(),
        Bases::new(&c, 0).unwrap(),
    ];
    let g2 = [Bases::new(&d, 10).unwrap()];
    let expected = reference().msm(&scalars, &g1, &g2, &control).unwrap();
    for backend in fast() {
        assert_eq!(
            backend.msm(&scalars, &g1, &g2, &control).unwrap(),
            expected,
            "{}",
            backend.name()
        );
        let error = backend.msm(&scalars[..999], &g1, &[], &control).unwrap_err();
        assert_eq!(
            error,
            KernelError::Scalars {
                needed: 999,
                got: 999
            }
        );
    }
}

#[test]
fn tables_of_multiples_give_the_same_sums() {
    let mut rng = StdRng::seed_from_u64(5);
    let token = CancelToken::new();
    let control = Control::silent(&token);
    let count = 300;
    let plain = points::<G1>(&mut rng, count);
    let scalars = scalars(&mut rng, count + 2);
    let base = bytes::<G1>(&plain);
    let expected = reference()
        .msm(&scalars, &[Bases::new(&base, 2).unwrap()], &[], &control)
        .unwrap();
    for blocks in [2u32, 3, 4, 8, 16, 32] {
        let span = 254u32.div_ceil(blocks);
        if 254u32.div_ceil(span) != blocks {
            continue;
        }
        let mut table = Vec::new();
        let mut points: Vec<_> = plain.iter().map(|point| point.into_group()).collect();
        for _ in 0..blocks {
            table.extend(bytes::<G1>(&ark_bn254::G1Projective::normalize_batch(&points)));
            for point in &mut points {
                *point *= Fr::from(2u64).pow_span(span);
            }
        }
        let bases = Bases::<G1>::with_multiples(&table, count, 2, span).unwrap();
        let plain = Bases::new(&base, 2).unwrap();
        for backend in fast() {
            let sums = backend.msm(&scalars, &[bases, plain], &[], &control).unwrap();
            assert_eq!(
                sums.g1,
                [expected.g1[0], expected.g1[0]],
                "{} with {blocks} blocks",
                backend.name()
            );
        }
    }
}

trait PowSpan {
    fn pow_span(self, span: u32) -> Self;
}

impl PowSpan for Fr {
    fn pow_span(self, span: u32) -> Self {
        use ark_ff::Field;
        self.pow([u64::from(span)])
    }
}

#[test]
fn fixed_base_multiples() {
    let mut rng = StdRng::seed_from_u64(6);
    let token = CancelToken::new();
    let control = Control::silent(&token);
    for count in [0, 1, 5, 1100] {
        let mut scalars = scalars(&mut rng, count);
        scalars.extend([0u64, 1, 2, 255, 256].map(Scalar::from));
        let (g1, g2) = (G1Affine::rand(&mut rng), G2Affine::rand(&mut rng));
        let short = &scalars[scalars.len().saturating_sub(300)..];
        let expected1 = reference().fixed_base_g1(g1, &scalars, &control).unwrap();
        let expected2 = reference().fixed_base_g2(g2, short, &control).unwrap();
        for backend in fast() {
            assert!(
                backend.fixed_base_g1(g1, &scalars, &control).unwrap() == expected1,
                "{}",
                backend.name()
            );
            assert!(
                backend.fixed_base_g2(g2, short, &control).unwrap() == expected2,
                "{}",
                backend.name()
            );
            let zeros = backend
                .fixed_base_g1(G1Affine::identity(), short, &control)
                .unwrap();
            assert!(zeros.iter().all(|byte| *byte == 0));
        }
    }
}

/// Random lists of few points of both signs, so that items collide, with lists of none, of one and of many.
fn random_lists(rng: &mut StdRng, points: u32, lists: usize) -> (Vec<u32>, Vec<u32>) {
    let (mut items, mut starts) = (Vec::new(), vec![0]);
    for list in 0..lists {
        let length = match list % 5 {
            0 => 0,
            1 => 1,
            4 if list % 50 == 4 => rng.gen_range(100..400),
            _ => rng.gen_range(2..20),
        };
        items.extend((0..length).map(|_| rng.gen_range(0..2 * points)));
        starts.push(items.len().try_into().unwrap());
    }
    (items, starts)
}

#[test]
fn sums_of_lists() {
    let mut rng = StdRng::seed_from_u64(9);
    let token = CancelToken::new();
    let control = Control::silent(&token);
    for (count, lists) in [(1u32, 9), (3, 50), (200, 700)] {
        let mut g1 = points::<G1>(&mut rng, count as usize);
        let mut g2 = points::<G2>(&mut rng, count as usize);
        if count > 2 {
            g1[1] = G1Affine::identity();
            g2[0] = -g2[2];
        }
        let (g1, g2) = (bytes::<G1>(&g1), bytes::<G2>(&g2));
        let (items, starts) = random_lists(&mut rng, count, lists);
        let (lists1, lists2) = (
            Lists::new(&g1, &items, &starts).unwrap(),
            Lists::new(&g2, &items, &starts).unwrap(),
        );
        let expected1 = reference().sums_g1(lists1, &control).unwrap();
        let expected2 = reference().sums_g2(lists2, &control).unwrap();
        for backend in fast() {
            let name = backend.name();
            assert!(
                backend.sums_g1(lists1, &control).unwrap() == expected1,
                "{name} {count}"
            );
            assert!(
                backend.sums_g2(lists2, &control).unwrap() == expected2,
                "{name} {count}"
            );
        }
    }
}

#[test]
fn lists_of_nothing() {
    let point = bytes::<G1>(&[G1Affine::generator()]);
    let error = Lists::<G1>::new(&point, &[0, 3], &[0, 2]).unwrap_err();
    assert_eq!(error, ListsError::Item { index: 1, points: 1 });
    for starts in [[0, 3], [1, 0]] {
        let error = Lists::<G1>::new(&point, &[0, 1], &starts).unwrap_err();
        let end = starts[1] as usize;
        assert_eq!(
            error,
            ListsError::End {
                list: 0,
                end,
                items: 2
            }
        );
    }
    let token = CancelToken::new();
    for starts in [&[][..], &[0], &[0, 0]] {
        let lists = Lists::<G1>::new(&point, &[0, 1], starts).unwrap();
        assert_eq!(lists.is_empty(), starts.len() < 2);
        for backend in available() {
            let sums = backend.sums_g1(lists, &Control::silent(&token)).unwrap();
            assert_eq!(sums, vec![0; 64 * lists.len()], "{}", backend.name());
        }
    }
}

#[test]
fn a_cancelled_call_says_so() {
    let mut rng = StdRng::seed_from_u64(7);
    let token = CancelToken::new();
    token.cancel();
    let control = Control::silent(&token);
    let base = bytes::<G1>(&points::<G1>(&mut rng, 100));
    let scalars = scalars(&mut rng, 100);
    for backend in available() {
        let bases = [Bases::new(&base, 0).unwrap()];
        assert_eq!(
            backend.msm(&scalars, &bases, &[], &control),
            Err(KernelError::Cancelled),
            "{}",
            backend.name()
        );
        assert_eq!(
            backend.fixed_base_g1(G1Affine::generator(), &scalars, &control),
            Err(KernelError::Cancelled)
        );
        assert_eq!(
            backend.scale_g1(&base, &scalars[0], &control),
            Err(KernelError::Cancelled)
        );
    }
}
