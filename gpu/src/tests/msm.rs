//! Sums against arkworks, through the reference backend.

use super::gpus;
use super::{WAYS, options};
use crate::msm::{DeviceCurve, DeviceScalars, Msm, Part, Resident};
use crate::{Form, Gpu, GpuOptions};
use ark_bn254::Fr;
use ark_ec::{AffineRepr, CurveGroup, PrimeGroup};
use ark_ff::{AdditiveGroup, One, PrimeField, UniformRand};
use ark_std::rand::Rng;
use ark_std::test_rng;
use popw_kernels::{Bases, CancelToken, Control, Curve, G1, G2, Scalar, backend};

fn bytes_of<C: Curve>(points: &[C::Affine]) -> Vec<u8> {
    let mut bytes = vec![0; points.len() * C::POINT_BYTES];
    points
        .iter()
        .zip(bytes.chunks_exact_mut(C::POINT_BYTES))
        .for_each(|(point, bytes)| C::write(point, bytes));
    bytes
}

/// Points i G for i = 1.., so that neighbours meet their doubles and opposites often.
fn points<C: Curve>(count: usize) -> Vec<C::Affine> {
    let generator = C::Affine::generator();
    let mut sum = C::Projective::default();
    let all: Vec<_> = (0..count)
        .map(|_| {
            sum += generator;
            sum
        })
        .collect();
    C::Projective::normalize_batch(&all)
}

fn random_points<C: Curve>(count: usize) -> Vec<C::Affine> {
    let mut rng = test_rng();
    let step = C::Projective::generator() * Fr::rand(&mut rng);
    let mut sum = C::Projective::generator() * Fr::rand(&mut rng);
    let all: Vec<_> = (0..count)
        .map(|_| {
            sum += step;
            sum
        })
        .collect();
    C::Projective::normalize_batch(&all)
}

fn integers(scalars: &[Fr]) -> Vec<Scalar> {
    scalars.iter().map(|scalar| scalar.into_bigint()).collect()
}

/// Compares a sum with the fast CPU backend, which its own tests compare with arkworks.
fn check(gpu: &Gpu, msm: &Msm, name: &str, scalars: &[Fr], g1: &[Bases<'_, G1>], g2: &[Bases<'_, G2>]) {
    let scalars = integers(scalars);
    let token = CancelToken::new();
    let control = Control::silent(&token);
    let expected = backend::by_name("portable")
        .unwrap()
        .msm(&scalars, g1, g2, &control)
        .unwrap();
    let bytes: Vec<u8> = scalars
        .iter()
        .flat_map(|scalar| scalar.0)
        .flat_map(u64::to_le_bytes)
        .collect();
    let buffer = gpu.upload("scalars", &bytes).unwrap();
    let device = DeviceScalars {
        buffer: &buffer,
        count: scalars.len(),
    };
    let g1: Vec<_> = g1
        .iter()
        .map(|bases| Resident::new(gpu, bases).unwrap())
        .collect();
    let g2: Vec<_> = g2
        .iter()
        .map(|bases| Resident::new(gpu, bases).unwrap())
        .collect();
    let first: Vec<_> = g1.iter().map(Part::all).collect();
    let second: Vec<_> = g2.iter().map(Part::all).collect();
    let got = msm
        .sums(gpu, &[device], &first, &second, &control)
        .unwrap()
        .remove(0);
    assert_eq!(
        got.g1,
        expected.g1,
        "{name}, {} scalars, {:?}",
        scalars.len(),
        gpu.form()
    );
    assert_eq!(
        got.g2,
        expected.g2,
        "{name}, {} scalars, {:?}",
        scalars.len(),
        gpu.form()
    );
}

/// Scalars that make buckets heavy, empty, opposite.
fn shapes(count: usize) -> Vec<(&'static str, Vec<Fr>)> {
    let mut rng = test_rng();
    let one = Fr::one();
    vec![
        ("zeros", vec![Fr::ZERO; count]),
        ("ones", vec![one; count]),
        ("minus ones", vec![-one; count]),
        (
            "ones and minus ones",
            (0..count).map(|i| if i % 2 == 0 { one } else { -one }).collect(),
        ),
        ("one value", vec![Fr::rand(&mut rng); count]),
        (
            "bits",
            (0..count).map(|_| Fr::from(rng.r#gen::<bool>())).collect(),
        ),
        (
            "small",
            (0..count).map(|_| Fr::from(rng.r#gen::<u16>())).collect(),
        ),
        ("random", (0..count).map(|_| Fr::rand(&mut rng)).collect()),
    ]
}

fn group<C: DeviceCurve>(gpu: &Gpu, sizes: &[usize], check: impl Fn(&Msm, &str, &[Fr], &[u8])) {
    let msm = Msm::new(gpu).unwrap();
    for size in sizes {
        let bases = [
            ("multiples", points::<C>(*size)),
            ("random", random_points::<C>(*size)),
        ];
        let equal = vec![C::Affine::generator(); *size];
        let mut opposite = equal.clone();
        opposite
            .iter_mut()
            .step_by(2)
            .for_each(|point| *point = (-point.into_group()).into_affine());
        let mut infinite = random_points::<C>(*size);
        infinite
            .iter_mut()
            .step_by(3)
            .for_each(|point| *point = C::Affine::zero());
        let odd = [("equal", equal), ("opposite", opposite), ("infinite", infinite)];
        for (name, points) in bases.iter().chain(&odd) {
            let bytes = bytes_of::<C>(points);
            for (shape, scalars) in shapes(*size) {
                check(&msm, &format!("{shape} times {name} bases"), &scalars, &bytes);
            }
        }
    }
}

#[test]
fn sums_of_the_first_group_are_those_of_the_cpu() {
    for gpu in gpus() {
        group::<G1>(&gpu, &[1, 2, 7, 64, 300], |msm, name, scalars, bytes| {
            check(&gpu, msm, name, scalars, &[Bases::new(bytes, 0).unwrap()], &[]);
        });
    }
}

#[test]
fn sums_of_the_second_group_are_those_of_the_cpu() {
    for gpu in gpus() {
        let sizes: &[usize] = if gpu.form() == Form::Wide {
            &[1, 3, 65, 200]
        } else {
            &[33]
        };
        group::<G2>(&gpu, sizes, |msm, name, scalars, bytes| {
            check(&gpu, msm, name, scalars, &[], &[Bases::new(bytes, 0).unwrap()]);
        });
    }
}

#[test]
fn sums_of_2_to_the_14() {
    for gpu in gpus() {
        let msm = Msm::new(&gpu).unwrap();
        let bytes = bytes_of::<G1>(&random_points::<G1>(1 << 14));
        for (name, scalars) in shapes(1 << 14) {
            check(&gpu, &msm, name, &scalars, &[Bases::new(&bytes, 0).unwrap()], &[]);
        }
    }
}

/// Sets that begin later and end earlier share the digits of the longest.
#[test]
fn sets_share_their_scalars() {
    for gpu in gpus() {
        let msm = Msm::new(&gpu).unwrap();
        let g1 = bytes_of::<G1>(&random_points::<G1>(500));
        let g2 = bytes_of::<G2>(&random_points::<G2>(500));
        let (_, scalars) = shapes(500).pop().unwrap();
        let sets = [
            Bases::new(&g1, 0).unwrap(),
            Bases::new(&g1[64 * 20..], 20).unwrap(),
            Bases::new(&g1[..64 * 100], 7).unwrap(),
        ];
        let seconds: &[Bases<'_, G2>] = match gpu.form() {
            Form::Wide => &[
                Bases::new(&g2[128 * 20..], 20).unwrap(),
                Bases::new(&g2[..0], 0).unwrap(),
            ],
            Form::Narrow => &[],
        };
        check(&gpu, &msm, "sets", &scalars, &sets, seconds);
    }
}

/// Tables of multiples collapse windows.
#[test]
fn tables_give_the_same_sums() {
    let token = CancelToken::new();
    let points = random_points::<G1>(200);
    for gpu in gpus() {
        let msm = Msm::new(&gpu).unwrap();
        for span in [64u32, 32, 127, 20] {
            let mut bytes = bytes_of::<G1>(&points);
            let mut block = bytes.clone();
            for _ in 1..254u32.div_ceil(span) {
                let cpu = backend::by_name("portable").unwrap();
                block = cpu
                    .scale_g1(&block, &power_of_two(span), &Control::silent(&token))
                    .unwrap();
                bytes.extend_from_slice(&block);
            }
            let table = Bases::with_multiples(&bytes, 200, 0, span).unwrap();
            for (name, scalars) in shapes(200) {
                check(
                    &gpu,
                    &msm,
                    &format!("{name} with a table of {span}"),
                    &scalars,
                    &[table],
                    &[],
                );
            }
        }
    }
}

fn power_of_two(span: u32) -> Scalar {
    let mut value = Scalar::default();
    value.0[span as usize / 64] = 1 << (span % 64);
    value
}

/// A binding of 64 KiB holds 512 bases of the second group and the entries of 16 windows of as many scalars.
#[test]
fn sums_in_pieces_and_in_runs_of_windows() {
    let options = GpuOptions {
        memory: Some(1 << 18),
        ..options(WAYS[0])
    };
    let Some(gpu) = super::opened(Gpu::open(&options)) else {
        return;
    };
    let msm = Msm::new(&gpu).unwrap();
    assert!(msm.is_cut(&gpu, 1100), "the test's own figures");
    let g1 = bytes_of::<G1>(&random_points::<G1>(1100));
    let g2 = bytes_of::<G2>(&random_points::<G2>(1100));
    for (name, scalars) in shapes(1100) {
        let g1 = [
            Bases::new(&g1, 0).unwrap(),
            Bases::new(&g1[64 * 600..], 600).unwrap(),
        ];
        let g2 = [Bases::new(&g2[128 * 30..128 * 700], 30).unwrap()];
        check(&gpu, &msm, name, &scalars, &g1, &g2);
    }
}
