//! [`Wgpu`]: the device as a [`Backend`], with the CPU beside it and behind it.
//!
//! Beside: small work stays on the CPU, and of a large sum in the second group the CPU takes the share that lets both end together ([`crate::share`]). Behind:
//! whatever the device cannot do, the CPU does, and the caller is warned: a device that is lost or whose results are wrong is not asked again, one that is
//! short of memory is asked the next time. No work is lost, since the inputs of every call are the caller's until it ends.
//!
//! Depends on: [`crate::msm`], [`crate::ntt`], [`crate::memory`].

use crate::device::{Gpu, GpuOptions, SCALARS_MIN};
use crate::error::GpuError;
use crate::kernel::{Arena, Batch};
use crate::lock;
use crate::memory::{Keep, scalars_of, words};
use crate::msm::Msm;
use crate::ntt::Transforms;
use crate::queue::{Queue, TOGETHER, Task};
use crate::share::Shares;
use ark_bn254::{Fr, G1Affine, G1Projective, G2Affine, G2Projective};
use ark_ff::Field;
use popw_kernels::{
    Backend, Bases, BasesError, CancelToken, Control, Curve, G1, G2, KernelError, Lists, Rows, Scalar, Sums,
    Transform, backend,
};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Is told why work goes to the CPU that was meant for the device.
pub type Warn = Arc<dyn Fn(&GpuError) + Send + Sync>;

/// See the module.
pub struct Wgpu {
    gpu: Gpu,
    cpu: Arc<dyn Backend>,
    msm: Msm,
    transforms: Transforms,
    keep: Keep,
    shares: Shares,
    queue: Queue,
    /// Where scalars are uploaded to.
    uploads: Mutex<Arena>,
    scalars_min: usize,
    /// The device is not asked any more.
    out: AtomicBool,
    warn: Warn,
}

/// The buffer of scalars.
const UPLOAD: &str = "scalars";

/// Shares of small sums are whole numbers of these.
const SHARE_STEPS: f64 = 16.0;

/// Scalars and values of the self-test.
const SELF_TEST_LOG_SIZE: u32 = 9;

impl Wgpu {
    /// Opens a device, compiles its kernels and tests them. Warnings go to standard error.
    ///
    /// # Errors
    /// If there is no adapter that can be used. A device that computes wrongly is no error: the CPU does all the work, after a warning.
    pub fn open(options: &GpuOptions) -> Result<Arc<Self>, GpuError> {
        let warn: Warn = Arc::new(|error| eprintln!("warning: {error}; the CPU goes on"));
        Self::with_warnings(options, warn)
    }

    /// The same; warnings go to `warn`.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn with_warnings(options: &GpuOptions, warn: Warn) -> Result<Arc<Self>, GpuError> {
        let gpu = Gpu::open(options)?;
        let made = Arc::new(Self {
            cpu: backend::fastest(),
            msm: Msm::new(&gpu)?,
            transforms: Transforms::new(&gpu)?,
            keep: Keep::default(),
            shares: Shares::default(),
            queue: Queue::default(),
            uploads: Mutex::default(),
            scalars_min: options.scalars_min.unwrap_or(SCALARS_MIN),
            out: AtomicBool::new(false),
            gpu,
            warn,
        });
        if let Err(error) = made.self_test() {
            made.fail(&error);
        }
        // A cache that cannot be written costs time, nothing else.
        let _ = made.gpu.save_cache();
        Ok(made)
    }

    /// The device.
    pub fn gpu(&self) -> &Gpu {
        &self.gpu
    }

    /// Is the device still asked?
    pub fn is_in_use(&self) -> bool {
        !self.out.load(Ordering::Relaxed)
    }

    /// Bytes of keys that lie on the device.
    pub fn kept_bytes(&self) -> u64 {
        self.keep.bytes()
    }

    /// How long each kernel's compilation took.
    pub fn compilations(&self) -> Vec<(&'static str, Duration)> {
        self.msm
            .compilations()
            .into_iter()
            .chain(self.transforms.compilations())
            .collect()
    }

    /// Compares a sum in each group, a transform and a quotient with the CPU's.
    ///
    /// # Errors
    /// [`GpuError::SelfTest`] if one differs, or the device's failure.
    pub fn self_test(&self) -> Result<(), GpuError> {
        let token = CancelToken::new();
        let control = Control::silent(&token);
        let size = 1usize << SELF_TEST_LOG_SIZE;
        let mut state = Fr::from(5u64);
        let values: Vec<Fr> = (0..size)
            .map(|_| {
                state = state.square() + Fr::from(1u64);
                state
            })
            .collect();
        let scalars = self.cpu.canonical(&values);
        let generators = (
            <G1Affine as ark_ec::AffineRepr>::generator(),
            <G2Affine as ark_ec::AffineRepr>::generator(),
        );
        let g1 = self.cpu.fixed_base_g1(generators.0, &scalars, &control)?;
        let g2 = self.cpu.fixed_base_g2(generators.1, &scalars, &control)?;
        let bases = |_| GpuError::SelfTest { kernel: "bases" };
        let g1 = [Bases::<G1>::new(&g1, 0).map_err(bases)?];
        let g2 = [Bases::<G2>::new(&g2, 0).map_err(bases)?];
        let test = |same: bool, kernel| {
            if same {
                Ok(())
            } else {
                Err(GpuError::SelfTest { kernel })
            }
        };
        let expected = self.cpu.msm(&scalars, &g1, &g2, &control)?;
        let (got, _) = self.device_msm(&scalars, &g1, &g2, &[size], &control)?;
        test(got.g1 == expected.g1, "the sum in G1")?;
        test(got.g2 == expected.g2, "the sum in G2")?;
        for transform in [Transform::Forward, Transform::Inverse, Transform::OddCoset] {
            let (mut expected, mut got) = (values.clone(), values.clone());
            self.cpu.ntt(&mut expected, transform, &control)?;
            self.transforms.transform(&self.gpu, &mut got, transform)?;
            test(got == expected, "the transform")?;
        }
        let rows = |range: std::ops::Range<usize>, a: &mut [Fr], b: &mut [Fr]| {
            a.copy_from_slice(&values[range.clone()]);
            b.iter_mut()
                .zip(range)
                .for_each(|(b, index)| *b = values[size - 1 - index]);
        };
        let expected = self.cpu.quotient_sum(size, &rows, &g1[0], &control)?;
        let got = self.device_quotient_sum(size, &rows, &g1[0], &control)?;
        test(got == expected, "the quotient")
    }

    /// What the device gives, or, if it cannot, what the CPU does.
    fn either<T>(
        &self,
        size: usize,
        device: impl FnOnce() -> Result<T, GpuError>,
        cpu: impl FnOnce() -> Result<T, KernelError>,
    ) -> Result<T, KernelError> {
        if size < self.scalars_min || !self.is_in_use() {
            return cpu();
        }
        match device() {
            Ok(result) => Ok(result),
            Err(GpuError::Kernel(error)) => Err(error),
            Err(error) => {
                self.fail(&error);
                cpu()
            }
        }
    }

    /// Warns. A device that is short of memory lets go of what it keeps; with any other failure it is out.
    fn fail(&self, error: &GpuError) {
        (self.warn)(error);
        let _turn = self.gpu.turn();
        self.keep.clear();
        self.msm.release();
        self.transforms.release();
        lock(&self.uploads).clear();
        if !matches!(error, GpuError::Memory { .. }) || self.gpu.check().is_err() {
            self.out.store(true, Ordering::Relaxed);
        }
    }

    /// The sums, and how long the device took. Of each set in the second group, only so many bases as `cuts` says.
    fn device_msm(
        &self,
        scalars: &[Scalar],
        g1: &[Bases<'_, G1>],
        g2: &[Bases<'_, G2>],
        cuts: &[usize],
        control: &Control<'_>,
    ) -> Result<(Sums, Duration), GpuError> {
        let (gpu, keep) = (&self.gpu, &self.keep);
        let _turn = gpu.turn();
        let g1 = g1.iter().map(|bases| keep.get(gpu, bases));
        let g2 = g2
            .iter()
            .zip(cuts)
            .map(|(bases, cut)| Ok((keep.get(gpu, bases)?, *cut)));
        let (g1, g2) = (
            g1.collect::<Result<_, _>>()?,
            g2.collect::<Result<_, GpuError>>()?,
        );
        let bytes = words(scalars);
        let buffer = lock(&self.uploads).take(gpu, UPLOAD, bytes.len() as u64)?;
        gpu.write(&buffer, 0, bytes);
        let task = Task {
            scalars: buffer.clone(),
            count: scalars.len(),
            g1,
            g2,
        };
        let result = self.queue.sum(gpu, &self.msm, task, control);
        self.erase(&buffer)?;
        lock(&self.uploads).put(UPLOAD, buffer);
        result
    }

    /// Overwrites what is made of a witness.
    fn erase(&self, buffer: &wgpu::Buffer) -> Result<(), GpuError> {
        let mut batch = Batch::new(&self.gpu);
        batch.clear(buffer, buffer.size());
        batch.submit()
    }

    /// The sums of the first group and most of the second on the device, the rest of the second on the CPU.
    fn shared_msm(
        &self,
        scalars: &[Scalar],
        g1: &[Bases<'_, G1>],
        g2: &[Bases<'_, G2>],
        control: &Control<'_>,
    ) -> Result<Sums, GpuError> {
        let count = |len: usize| len.min(scalars.len());
        let (first, second): (usize, usize) = (
            g1.iter().map(|bases| count(bases.len())).sum(),
            g2.iter().map(|bases| count(bases.len())).sum(),
        );
        let whole = g2.iter().all(|bases| bases.multiples() == 1);
        let share = if second == 0 || !whole {
            0.0
        } else {
            let share = self.shares.of_cpu(first, second);
            // Small sums run together only if the same bases are left to the CPU.
            match scalars.len() < TOGETHER {
                true => (share * SHARE_STEPS).floor() / SHARE_STEPS,
                false => share,
            }
        };
        // The last bases of each set are the CPU's. The device keeps all of them: the share changes from call to call.
        let cut = |bases: &Bases<'_, G2>| bases.len() - (bases.len() as f64 * share) as usize;
        let cuts: Vec<usize> = g2.iter().map(cut).collect();
        let mut rest = Vec::new();
        for (bases, cut) in g2.iter().zip(&cuts) {
            let bytes = bases.bytes().get(cut * G2::POINT_BYTES..).unwrap_or_default();
            let not_points = |error: BasesError| GpuError::Driver {
                reason: error.to_string(),
            };
            rest.push(Bases::<G2>::new(bytes, bases.first() + cut).map_err(not_points)?);
        }
        let ours: usize = rest.iter().map(Bases::len).sum();
        std::thread::scope(|scope| {
            let device = scope.spawn(|| self.device_msm(scalars, g1, g2, &cuts, control));
            let started = Instant::now();
            let cpu = match ours {
                0 => Ok(Sums {
                    g1: Vec::new(),
                    g2: vec![G2Projective::default(); g2.len()],
                }),
                _ => self.cpu.msm(scalars, &[], &rest, &control.within()),
            };
            if ours > 0 {
                self.shares.cpu(ours, started.elapsed());
            }
            let ended = |_| GpuError::Driver {
                reason: "the device's thread ended abnormally".into(),
            };
            let (mut sums, time) = device.join().map_err(ended)??;
            self.shares.device(first, second - ours, time);
            sums.g2
                .iter_mut()
                .zip(cpu?.g2)
                .for_each(|(sum, rest)| *sum += rest);
            Ok(sums)
        })
    }

    fn device_quotient_sum(
        &self,
        size: usize,
        rows: &Rows<'_>,
        bases: &Bases<'_, G1>,
        control: &Control<'_>,
    ) -> Result<G1Projective, GpuError> {
        let gpu = &self.gpu;
        let bases = {
            let _turn = gpu.turn();
            self.keep.get(gpu, bases)?
        };
        let values = self.transforms.quotient(gpu, size, rows, control)?;
        let _turn = gpu.turn();
        control.advance(0.5);
        let half = |part: f64| control.advance(part / 2.0);
        let halves = Control::new(control.cancel_token(), &half);
        let task = Task {
            scalars: values.clone(),
            count: size,
            g1: vec![bases],
            g2: Vec::new(),
        };
        let result = self.queue.sum(gpu, &self.msm, task, &halves);
        self.erase(&values)?;
        self.transforms.put_quotient(values);
        Ok(result?.0.g1.first().copied().unwrap_or_default())
    }
}

impl Backend for Wgpu {
    fn name(&self) -> &'static str {
        "wgpu"
    }

    fn msm(
        &self,
        scalars: &[Scalar],
        g1: &[Bases<'_, G1>],
        g2: &[Bases<'_, G2>],
        control: &Control<'_>,
    ) -> Result<Sums, KernelError> {
        let ends = g1.iter().map(|bases| (bases.first(), bases.len()));
        let ends = ends.chain(g2.iter().map(|bases| (bases.first(), bases.len())));
        // The CPU has the error for bases without scalars.
        let complete = ends.clone().all(|(first, len)| first + len <= scalars.len());
        let size = if complete {
            ends.map(|(_, len)| len).max().unwrap_or(0)
        } else {
            0
        };
        let cpu = || self.cpu.msm(scalars, g1, g2, control);
        match complete {
            true => self.either(size, || self.shared_msm(scalars, g1, g2, control), cpu),
            false => cpu(),
        }
    }

    fn ntt(&self, values: &mut [Fr], transform: Transform, control: &Control<'_>) -> Result<(), KernelError> {
        control.check()?;
        let mut result = values.to_vec();
        // The device works on a copy: what fails half way leaves the values as they were.
        let on_device = self.either(
            values.len(),
            || {
                self.transforms
                    .transform(&self.gpu, &mut result, transform)
                    .map(|()| true)
            },
            || self.cpu.ntt(values, transform, &control.within()).map(|()| false),
        )?;
        if on_device {
            values.copy_from_slice(&result);
        }
        control.advance(1.0);
        Ok(())
    }

    fn quotient(
        &self,
        size: usize,
        rows: &Rows<'_>,
        control: &Control<'_>,
    ) -> Result<Vec<Scalar>, KernelError> {
        let device = || {
            let values = self.transforms.quotient(&self.gpu, size, rows, control)?;
            let turn = self.gpu.turn();
            let bytes = self.gpu.read(&values, 32 * size as u64)?;
            self.erase(&values)?;
            self.transforms.put_quotient(values);
            drop(turn);
            control.advance(1.0);
            Ok(scalars_of(&bytes))
        };
        self.either(size, device, || self.cpu.quotient(size, rows, control))
    }

    fn quotient_sum(
        &self,
        size: usize,
        rows: &Rows<'_>,
        bases: &Bases<'_, G1>,
        control: &Control<'_>,
    ) -> Result<G1Projective, KernelError> {
        let complete = bases.first() + bases.len() <= size;
        let cpu = || self.cpu.quotient_sum(size, rows, bases, control);
        match complete {
            true => self.either(size, || self.device_quotient_sum(size, rows, bases, control), cpu),
            false => cpu(),
        }
    }

    fn fallback(&self) -> Option<Arc<dyn Backend>> {
        self.is_in_use().then(|| self.cpu.clone())
    }

    fn distrust(&self) {
        self.fail(&GpuError::SelfTest { kernel: "a proof" });
    }

    fn fixed_base_g1(
        &self,
        base: G1Affine,
        scalars: &[Scalar],
        control: &Control<'_>,
    ) -> Result<Vec<u8>, KernelError> {
        self.cpu.fixed_base_g1(base, scalars, control)
    }

    fn fixed_base_g2(
        &self,
        base: G2Affine,
        scalars: &[Scalar],
        control: &Control<'_>,
    ) -> Result<Vec<u8>, KernelError> {
        self.cpu.fixed_base_g2(base, scalars, control)
    }

    fn scale_g1(
        &self,
        points: &[u8],
        scalar: &Scalar,
        control: &Control<'_>,
    ) -> Result<Vec<u8>, KernelError> {
        self.cpu.scale_g1(points, scalar, control)
    }

    fn scale_g2(
        &self,
        points: &[u8],
        scalar: &Scalar,
        control: &Control<'_>,
    ) -> Result<Vec<u8>, KernelError> {
        self.cpu.scale_g2(points, scalar, control)
    }

    fn sums_g1(&self, lists: Lists<'_, G1>, control: &Control<'_>) -> Result<Vec<u8>, KernelError> {
        self.cpu.sums_g1(lists, control)
    }

    fn sums_g2(&self, lists: Lists<'_, G2>, control: &Control<'_>) -> Result<Vec<u8>, KernelError> {
        self.cpu.sums_g2(lists, control)
    }

    fn multiply(&self, left: &mut [Fr], right: &[Fr]) {
        self.cpu.multiply(left, right);
    }

    fn canonical(&self, values: &[Fr]) -> Vec<Scalar> {
        self.cpu.canonical(values)
    }
}
