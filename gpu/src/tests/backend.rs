//! The backend: what the device does is what the CPU does, and so is what the device fails to do.

use super::{WAYS, gpu, opened, options};
use crate::msm::{DeviceScalars, Msm, Part, Resident};
use crate::{FailPoint, GpuError, GpuOptions, Wgpu};
use ark_bn254::{Fr, G1Affine, G1Projective, G2Affine};
use ark_ec::AffineRepr;
use ark_ff::UniformRand;
use ark_std::test_rng;
use popw_kernels::{
    Backend, Bases, CancelToken, Control, G1, G2, KernelError, Residence, Scalar, Sums, Transform, backend,
};
use std::ops::Range;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Whoever has no answer by then never will: the work takes seconds.
const STUCK: Duration = Duration::from_secs(300);

type Warnings = Arc<Mutex<Vec<GpuError>>>;

/// A proof's work.
struct Work {
    values: Vec<Fr>,
    scalars: Vec<Scalar>,
    g1: Vec<u8>,
    g2: Vec<u8>,
    name: Residence,
}

/// What it gives.
#[derive(Debug, PartialEq)]
struct Outcome {
    quotient: Vec<Scalar>,
    quotient_sum: G1Projective,
    sums: Sums,
    transformed: Vec<Fr>,
}

impl Work {
    fn new(size: usize) -> Self {
        let mut rng = test_rng();
        let token = CancelToken::new();
        let control = Control::silent(&token);
        let cpu = backend::fastest();
        let values: Vec<Fr> = (0..size).map(|_| Fr::rand(&mut rng)).collect();
        let scalars = cpu.canonical(&values);
        Self {
            g1: cpu
                .fixed_base_g1(G1Affine::generator(), &scalars, &control)
                .unwrap(),
            g2: cpu
                .fixed_base_g2(G2Affine::generator(), &scalars, &control)
                .unwrap(),
            values,
            scalars,
            name: Residence::new(),
        }
    }

    fn bases(&self) -> (Vec<Bases<'_, G1>>, Vec<Bases<'_, G2>>) {
        let first = Bases::new(&self.g1, 0).unwrap().kept(&self.name);
        let later = Bases::new(&self.g1[64 * 3..], 3).unwrap().kept(&self.name);
        (
            vec![first, later],
            vec![Bases::new(&self.g2, 0).unwrap().kept(&self.name)],
        )
    }

    fn rows(&self, range: Range<usize>, a: &mut [Fr], b: &mut [Fr]) {
        a.copy_from_slice(&self.values[range.clone()]);
        b.iter_mut()
            .zip(range)
            .for_each(|(b, index)| *b = self.values[self.values.len() - 1 - index]);
    }

    /// The part without sums.
    fn transform(
        &self,
        backend: &dyn Backend,
        token: &CancelToken,
    ) -> Result<(Vec<Fr>, Vec<Scalar>), KernelError> {
        let control = Control::silent(token);
        let mut transformed = self.values.clone();
        backend.ntt(&mut transformed, Transform::OddCoset, &control)?;
        let rows = |range: Range<usize>, a: &mut [Fr], b: &mut [Fr]| self.rows(range, a, b);
        Ok((transformed, backend.quotient(self.values.len(), &rows, &control)?))
    }

    fn run(&self, backend: &dyn Backend, token: &CancelToken) -> Result<Outcome, KernelError> {
        let control = Control::silent(token);
        let size = self.values.len();
        let rows = |range: Range<usize>, a: &mut [Fr], b: &mut [Fr]| self.rows(range, a, b);
        let (g1, g2) = self.bases();
        let (transformed, quotient) = self.transform(backend, token)?;
        Ok(Outcome {
            quotient,
            quotient_sum: backend.quotient_sum(size, &rows, &g1[0], &control)?,
            sums: backend.msm(&self.scalars, &g1, &g2, &control)?,
            transformed,
        })
    }

    fn expected(&self) -> Outcome {
        self.run(backend::fastest().as_ref(), &CancelToken::new())
            .unwrap()
    }
}

/// A backend that leaves nothing to the CPU by size, and what it warned of.
fn wgpu(options: GpuOptions) -> Option<(Arc<Wgpu>, Warnings)> {
    let warnings = Warnings::default();
    let kept = warnings.clone();
    let warn = Arc::new(move |error: &GpuError| kept.lock().unwrap().push(error.clone()));
    let options = GpuOptions {
        scalars_min: Some(0),
        ..options
    };
    Some((opened(Wgpu::with_warnings(&options, warn))?, warnings))
}

#[test]
fn every_way_gives_what_the_cpu_gives() {
    let work = Work::new(1 << 9);
    for way in WAYS {
        let Some((wgpu, warnings)) = wgpu(options(way)) else {
            continue;
        };
        for _ in 0..3 {
            assert_eq!(
                work.run(wgpu.as_ref(), &CancelToken::new()).unwrap(),
                work.expected(),
                "{way:?}"
            );
        }
        assert!(wgpu.is_in_use() && warnings.lock().unwrap().is_empty(), "{way:?}");
        assert_eq!(
            wgpu.kept_bytes(),
            ((2 * 64 + 128) << 9) - 3 * 64,
            "the bases are there once"
        );
    }
}

#[test]
fn a_device_that_is_lost_loses_no_work() {
    let work = Work::new(1 << 9);
    let mut lost = 0;
    for after in (0..40).step_by(4) {
        let options = GpuOptions {
            fail: Some(FailPoint::Lost(after)),
            ..options(WAYS[0])
        };
        let Some((wgpu, warnings)) = wgpu(options) else {
            return;
        };
        for _ in 0..2 {
            assert_eq!(
                work.run(wgpu.as_ref(), &CancelToken::new()).unwrap(),
                work.expected(),
                "after {after}"
            );
        }
        let warnings = warnings.lock().unwrap();
        match wgpu.is_in_use() {
            true => assert!(warnings.is_empty(), "after {after}: {warnings:?}"),
            false => {
                lost += 1;
                assert!(
                    matches!(warnings.as_slice(), [GpuError::Lost { .. }]),
                    "after {after} one warning, not {warnings:?}"
                );
            }
        }
    }
    assert!(
        (5..10).contains(&lost),
        "lost {lost} times: all through the work, not after it"
    );
}

#[test]
fn a_device_that_computes_wrongly_is_not_used() {
    let work = Work::new(1 << 9);
    let options = GpuOptions {
        fail: Some(FailPoint::Wrong(0)),
        ..options(WAYS[0])
    };
    let Some((wgpu, warnings)) = wgpu(options) else {
        return;
    };
    assert!(!wgpu.is_in_use());
    assert!(matches!(
        warnings.lock().unwrap().as_slice(),
        [GpuError::SelfTest { .. }]
    ));
    assert_eq!(
        work.run(wgpu.as_ref(), &CancelToken::new()).unwrap(),
        work.expected()
    );
}

#[test]
fn a_device_that_is_distrusted_is_not_used() {
    let work = Work::new(1 << 9);
    let Some((wgpu, warnings)) = wgpu(options(WAYS[0])) else {
        return;
    };
    assert_eq!(wgpu.fallback().unwrap().name(), backend::fastest().name());
    wgpu.distrust();
    assert!(wgpu.fallback().is_none());
    assert!(!wgpu.is_in_use() && warnings.lock().unwrap().len() == 1);
    assert_eq!(
        work.run(wgpu.as_ref(), &CancelToken::new()).unwrap(),
        work.expected()
    );
}

/// With 12 MiB the bases cannot all be kept at once, and those of the second group are more than a binding: they are cut. With 16 KiB nothing fits, the CPU does
/// the work, and the device is asked the next time.
#[test]
fn little_memory_is_enough() {
    let work = Work::new(1 << 15);
    let expected = work.expected();
    for (memory, fits) in [(12 << 20, true), (16 << 10, false)] {
        let options = GpuOptions {
            memory: Some(memory),
            ..options(WAYS[0])
        };
        let Some((wgpu, warnings)) = wgpu(options) else {
            return;
        };
        warnings.lock().unwrap().clear();
        assert_eq!(
            work.run(wgpu.as_ref(), &CancelToken::new()).unwrap(),
            expected,
            "{memory} bytes"
        );
        assert!(wgpu.is_in_use());
        let warnings = warnings.lock().unwrap();
        assert!(
            warnings
                .iter()
                .all(|error| matches!(error, GpuError::Memory { .. })),
            "{warnings:?}"
        );
        assert_eq!(warnings.is_empty(), fits, "{memory} bytes: {warnings:?}");
    }
}

#[test]
fn callers_that_come_together_get_their_own_sums() {
    let works: Vec<Work> = (0..2).map(|_| Work::new(1 << 9)).collect();
    for way in WAYS {
        let Some((wgpu, warnings)) = wgpu(options(way)) else {
            continue;
        };
        std::thread::scope(|scope| {
            for index in 0..4usize {
                let (wgpu, work) = (&wgpu, &works[index % 2]);
                scope.spawn(move || {
                    let mut scalars = work.scalars.clone();
                    scalars.rotate_left(index);
                    let (g1, g2) = work.bases();
                    let token = CancelToken::new();
                    let control = Control::silent(&token);
                    let expected = backend::fastest().msm(&scalars, &g1, &g2, &control).unwrap();
                    for _ in 0..2 {
                        assert_eq!(
                            wgpu.msm(&scalars, &g1, &g2, &control).unwrap(),
                            expected,
                            "{way:?}"
                        );
                        assert_eq!(
                            work.run(wgpu.as_ref(), &token).unwrap(),
                            work.expected(),
                            "{way:?}"
                        );
                    }
                });
            }
        });
        assert!(wgpu.is_in_use() && warnings.lock().unwrap().is_empty(), "{way:?}");
    }
}

/// Proofs that share a pool: a worker that waits for a part of one takes up another, and must not hold what that one waits for.
#[test]
fn callers_that_share_a_pool_do_not_wait_for_themselves() {
    // Rows of several pieces, so that there is something to wait for. Sums of so many take software minutes: those are of fewer.
    let (large, small) = (Arc::new(Work::new(1 << 15)), Arc::new(Work::new(1 << 9)));
    let transformed = large.transform(backend::fastest().as_ref(), &CancelToken::new());
    let expected = Arc::new((transformed, small.expected()));
    for way in [WAYS[0], WAYS[2]] {
        let Some((wgpu, warnings)) = wgpu(options(way)) else {
            continue;
        };
        let pool = rayon::ThreadPoolBuilder::new().num_threads(4).build().unwrap();
        let (sender, receiver) = std::sync::mpsc::channel();
        let callers = 12;
        for _ in 0..callers {
            let (wgpu, sender) = (wgpu.clone(), sender.clone());
            let (large, small, expected) = (large.clone(), small.clone(), expected.clone());
            pool.spawn(move || {
                let transformed = large.transform(wgpu.as_ref(), &CancelToken::new());
                let all = small.run(wgpu.as_ref(), &CancelToken::new()).unwrap();
                sender.send((transformed, all) == *expected).unwrap();
            });
        }
        for _ in 0..callers {
            let same = receiver.recv_timeout(STUCK);
            assert_eq!(same, Ok(true), "{way:?}");
        }
        assert!(wgpu.is_in_use() && warnings.lock().unwrap().is_empty(), "{way:?}");
    }
}

#[test]
fn lists_that_are_summed_together_are_those_that_are_summed_alone() {
    let work = Work::new(300);
    let (token, cpu) = (CancelToken::new(), backend::fastest());
    let control = Control::silent(&token);
    let Some(gpu) = gpu(WAYS[0]) else { return };
    let msm = Msm::new(&gpu).unwrap();
    let (g1, g2) = work.bases();
    let lists: Vec<Vec<Scalar>> = (0..5)
        .map(|turns| {
            let mut scalars = work.scalars.clone();
            scalars.rotate_left(turns * 17);
            scalars
        })
        .collect();
    let expected: Vec<Sums> = lists
        .iter()
        .map(|scalars| cpu.msm(scalars, &g1, &g2, &control).unwrap())
        .collect();
    let buffers: Vec<_> = lists
        .iter()
        .map(|scalars| gpu.upload("scalars", crate::memory::words(scalars)).unwrap())
        .collect();
    let lists: Vec<_> = buffers
        .iter()
        .map(|buffer| DeviceScalars { buffer, count: 300 })
        .collect();
    let g1: Vec<_> = g1
        .iter()
        .map(|bases| Resident::new(&gpu, bases).unwrap())
        .collect();
    let g2: Vec<_> = g2
        .iter()
        .map(|bases| Resident::new(&gpu, bases).unwrap())
        .collect();
    let (g1, g2): (Vec<_>, Vec<_>) = (
        g1.iter().map(Part::all).collect(),
        g2.iter().map(Part::all).collect(),
    );
    for count in [1, 2, 5] {
        let got = msm.sums(&gpu, &lists[..count], &g1, &g2, &control).unwrap();
        assert_eq!(got, expected[..count], "{count} lists");
    }
    assert!(msm.sums(&gpu, &[], &g1, &g2, &control).unwrap().is_empty());
}

#[test]
fn cancelled_work_is_no_failure_of_the_device() {
    let work = Work::new(1 << 9);
    let Some((wgpu, warnings)) = wgpu(options(WAYS[0])) else {
        return;
    };
    let token = CancelToken::new();
    token.cancel();
    assert_eq!(
        work.run(wgpu.as_ref(), &token).unwrap_err(),
        KernelError::Cancelled
    );
    assert!(wgpu.is_in_use() && warnings.lock().unwrap().is_empty());
}

#[test]
fn wrong_sizes_are_the_callers_mistakes() {
    let work = Work::new(1 << 4);
    let Some((wgpu, warnings)) = wgpu(options(WAYS[0])) else {
        return;
    };
    let (token, cpu) = (CancelToken::new(), backend::fastest());
    let control = Control::silent(&token);
    let (g1, g2) = work.bases();
    let few = &work.scalars[..7];
    assert_eq!(
        wgpu.msm(few, &g1, &g2, &control),
        cpu.msm(few, &g1, &g2, &control)
    );
    let rows = |_: Range<usize>, _: &mut [Fr], _: &mut [Fr]| {};
    for size in [0, 3, 12] {
        let mut values = vec![Fr::from(1u64); size];
        let expected = cpu.ntt(&mut values.clone(), Transform::Forward, &control);
        assert_eq!(wgpu.ntt(&mut values, Transform::Forward, &control), expected);
        assert_eq!(
            wgpu.quotient(size, &rows, &control),
            cpu.quotient(size, &rows, &control)
        );
    }
    assert!(wgpu.is_in_use() && warnings.lock().unwrap().is_empty());
}
