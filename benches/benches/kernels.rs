//! Each kernel of each backend that runs here, one at a time, by criterion: for working on a kernel. Comparisons with others are
//! `popw-benches -- kernels`.
//!
//! ```text
//! cargo bench -p popw-benches -- msm-g1/portable
//! POPW_BENCH_SIZES=16,20 RAYON_NUM_THREADS=1 cargo bench -p popw-benches
//! ```
//!
//! Sizes are logarithms, 10 and 14 unless `POPW_BENCH_SIZES` says otherwise; the backend `reference`, which is slow on purpose,
//! does only the first. Bases, scalars and rows are those of the comparison.

// The lints of the house against unwrap and expect are for products; a bench that cannot prepare has nothing to say.
#![allow(missing_docs, reason = "criterion's macros make public functions")]
#![allow(clippy::expect_used, reason = "a bench that cannot prepare must stop")]

use ark_bn254::{Fr, G1Affine, G1Projective, G2Affine, G2Projective};
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::PrimeField;
use criterion::{BenchmarkId, Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use popw_benches::kernel::{Msm, vector};
use popw_benches::statement::{Kind, Statement};
use popw_kernels::bases::Curve;
use popw_kernels::{Backend, Bases, CancelToken, Control, G1, G2, KernelError, Scalar, Transform, backend};

fn sizes() -> Vec<u32> {
    let text = std::env::var("POPW_BENCH_SIZES").unwrap_or_else(|_| "10,14".to_owned());
    let sizes = text
        .split(',')
        .map(|size| size.trim().parse().ok().filter(|size| (7..=24).contains(size)));
    sizes
        .collect::<Option<_>>()
        .expect("POPW_BENCH_SIZES holds logarithms from 7 to 24, such as 10,14")
}

/// Measures `work(backend, size)` for every backend and size. `prepare` makes what a size needs once for all backends.
fn each<T>(
    criterion: &mut Criterion,
    name: &str,
    prepare: impl Fn(u32) -> T,
    work: impl Fn(&dyn Backend, &mut T, &Control<'_>) -> Result<(), KernelError>,
) {
    let mut group = criterion.benchmark_group(name);
    group.sample_size(10).sampling_mode(SamplingMode::Flat);
    for (place, log2) in sizes().into_iter().enumerate() {
        let mut input = prepare(log2);
        group.throughput(Throughput::Elements(1 << log2));
        for backend in backend::available() {
            if backend.name() == "reference" && place > 0 {
                continue;
            }
            let cancel = CancelToken::new();
            let control = Control::silent(&cancel);
            group.bench_function(BenchmarkId::new(backend.name(), log2), |bencher| {
                bencher.iter(|| {
                    work(backend.as_ref(), &mut input, &control).expect("a kernel refused its input")
                });
            });
        }
    }
    group.finish();
}

fn integers(values: &[Fr]) -> Vec<Scalar> {
    values.iter().map(|value| value.into_bigint()).collect()
}

fn msm_input<C: Curve<Affine = G::Affine>, G: CurveGroup<ScalarField = Fr>>(
    log2: u32,
) -> (Vec<Scalar>, Vec<u8>) {
    let msm = Msm::<G>::new(1 << log2);
    let mut bytes = vec![0; msm.bases.len() * C::POINT_BYTES];
    for (bytes, base) in bytes.chunks_exact_mut(C::POINT_BYTES).zip(&msm.bases) {
        C::write(base, bytes);
    }
    (integers(&msm.scalars), bytes)
}

fn msm(criterion: &mut Criterion) {
    each(
        criterion,
        "msm-g1",
        msm_input::<G1, G1Projective>,
        |backend, (scalars, bases), control| {
            let bases = Bases::new(bases, 0).expect("whole points");
            backend.msm(scalars, &[bases], &[], control).map(drop)
        },
    );
    each(
        criterion,
        "msm-g2",
        msm_input::<G2, G2Projective>,
        |backend, (scalars, bases), control| {
            let bases = Bases::new(bases, 0).expect("whole points");
            backend.msm(scalars, &[], &[bases], control).map(drop)
        },
    );
}

fn transforms(criterion: &mut Criterion) {
    // In place again and again: random values stay random.
    each(
        criterion,
        "ntt",
        |log2| vector::<Fr>(1_usize << log2),
        |backend, values, control| backend.ntt(values, Transform::Forward, control),
    );
    each(
        criterion,
        "quotient",
        |log2| {
            (
                Statement::new(Kind::Chain, log2).expect("a size from 7 to 24"),
                1 << log2,
            )
        },
        |backend, (statement, size), control| {
            let rows = |rows, a: &mut [Fr], b: &mut [Fr]| statement.evaluate(rows, a, b);
            backend.quotient(*size, &rows, control).map(drop)
        },
    );
}

fn fixed_base(criterion: &mut Criterion) {
    let prepare = |log2: u32| integers(&vector::<Fr>(1_usize << log2));
    each(
        criterion,
        "fixed-base-g1",
        prepare,
        |backend, scalars, control| {
            backend
                .fixed_base_g1(G1Affine::generator(), scalars, control)
                .map(drop)
        },
    );
    each(
        criterion,
        "fixed-base-g2",
        prepare,
        |backend, scalars, control| {
            backend
                .fixed_base_g2(G2Affine::generator(), scalars, control)
                .map(drop)
        },
    );
}

fn scale(criterion: &mut Criterion) {
    let scalar = integers(&vector::<Fr>(1))[0];
    each(
        criterion,
        "scale-g1",
        msm_input::<G1, G1Projective>,
        |backend, (_, points), control| backend.scale_g1(points, &scalar, control).map(drop),
    );
    each(
        criterion,
        "scale-g2",
        msm_input::<G2, G2Projective>,
        |backend, (_, points), control| backend.scale_g2(points, &scalar, control).map(drop),
    );
}

criterion_group!(kernels, msm, transforms, fixed_base, scale);
criterion_main!(kernels);
