//! How fast a device is: the kernels' rates, for `popw gpu bench` and for the split of work.
//!
//! Depends on: every kernel.

use crate::device::{Gpu, Profile};
use crate::error::GpuError;
use crate::kernel::{Access, Batch, Kernel};
use crate::memory::words;
use crate::msm::{DeviceCurve, DeviceScalars, Msm, Part, Resident};
use crate::ntt::Transforms;
use crate::shader::field::Field;
use ark_bn254::{Fq, Fr};
use ark_ec::AffineRepr;
use ark_ff::Field as _;
use popw_kernels::{Backend, Bases, CancelToken, Control, G1, G2, Scalar, Transform, backend};
use std::time::{Duration, Instant};

/// Products that a thread makes one after the other.
const CHAIN: u32 = 256;

/// Which product is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Product {
    /// Of two elements of Fq, `f_mul`.
    Base,
    /// Of two elements of Fr.
    Scalar,
    /// A square in Fq.
    Square,
}

/// Montgomery products a second, the best of some runs, and how long the kernel's compilation took.
///
/// # Errors
/// If the device fails.
pub fn products(gpu: &Gpu, product: Product, threads: u32) -> Result<(f64, Duration), GpuError> {
    let (field, expression) = match product {
        Product::Base => (Field::new::<Fq>(gpu.form(), "F"), "f_mul(a, b)"),
        Product::Scalar => (Field::new::<Fr>(gpu.form(), "F"), "f_mul(a, b)"),
        Product::Square => (Field::new::<Fq>(gpu.form(), "F"), "f_sqr(a)"),
    };
    let source = format!(
        "{}
struct Given {{ count: u32, chain: u32 }}
var<immediate> given: Given;
@group(0) @binding(0) var<storage, read_write> values: array<array<vec4<u32>, 2>>;
@compute @workgroup_size(GROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {{
    let t = thread(group, groups, local);
    if t >= given.count {{ return; }}
    var a = f_unpack(values[t]);
    let b = a;
    for (var i = 0u; i < given.chain; i++) {{ a = {expression}; }}
    values[t] = f_pack(a);
}}",
        field.source()
    );
    let kernel = Kernel::new(gpu, "products", &source, &[Access::Write], 64)?;
    let values = mixed(threads as usize);
    let buffer = gpu.upload("values", words(&values))?;
    gpu.wait()?;
    let mut best = Duration::MAX;
    for _ in 0..4 {
        let started = Instant::now();
        let mut batch = Batch::new(gpu);
        batch.run(&kernel, &[&buffer], &[threads, CHAIN], u64::from(threads));
        batch.submit()?;
        gpu.wait()?;
        best = best.min(started.elapsed());
    }
    Ok((
        f64::from(threads) * f64::from(CHAIN) / best.as_secs_f64(),
        kernel.compilation().1,
    ))
}

/// What a transform took.
#[derive(Clone, Debug)]
pub struct TransformReport {
    /// Compilation of each kernel.
    pub compilations: Vec<(&'static str, Duration)>,
    /// The best of some runs, values on the device before and after.
    pub time: Duration,
    /// Are all three transforms the CPU's?
    pub correct: bool,
}

/// Transforms 2^`log_size` values.
///
/// # Errors
/// If the device fails.
pub fn transform(gpu: &Gpu, log_size: u32, runs: u32) -> Result<TransformReport, GpuError> {
    let token = CancelToken::new();
    let control = Control::silent(&token);
    let values: Vec<Fr> = mixed(1 << log_size);
    let transforms = Transforms::new(gpu)?;
    let cpu = backend::fastest();
    let mut correct = true;
    for transform in [Transform::Forward, Transform::Inverse, Transform::OddCoset] {
        let (mut got, mut expected) = (values.clone(), values.clone());
        transforms.transform(gpu, &mut got, transform)?;
        cpu.ntt(&mut expected, transform, &control)?;
        correct &= got == expected;
    }
    let time = transforms.time(gpu, &values, runs)?;
    Ok(TransformReport {
        compilations: transforms.compilations(),
        time,
        correct,
    })
}

/// Full-size values that differ.
fn mixed(count: usize) -> Vec<Fr> {
    let mut state = Fr::from(7u64);
    (0..count)
        .map(|_| {
            state = state.square() + Fr::from(1u64);
            state
        })
        .collect()
}

/// What a sum took.
#[derive(Clone, Debug)]
pub struct SumReport {
    /// Compilation of each kernel.
    pub compilations: Vec<(&'static str, Duration)>,
    /// The best of some runs, from scalars on the device to the sum on the CPU.
    pub time: Duration,
    /// One more run, kernel by kernel.
    pub kernels: Profile,
    /// Is the sum the CPU's?
    pub correct: bool,
}

/// Sums 2^`log_size` random scalars times random bases of the first group, or of the second.
///
/// # Errors
/// If the device fails.
pub fn sum(gpu: &Gpu, second: bool, log_size: u32, runs: u32) -> Result<SumReport, GpuError> {
    match second {
        false => sum_of::<G1>(gpu, log_size, runs),
        true => sum_of::<G2>(gpu, log_size, runs),
    }
}

fn sum_of<C: Measured>(gpu: &Gpu, log_size: u32, runs: u32) -> Result<SumReport, GpuError> {
    let cpu = backend::fastest();
    let token = CancelToken::new();
    let control = Control::silent(&token);
    let scalars = cpu.canonical(&mixed(1 << log_size));
    let bytes = C::multiples(cpu.as_ref(), &scalars, &control)?;
    let bases = Bases::<C>::new(&bytes, 0).map_err(|error| GpuError::Driver {
        reason: error.to_string(),
    })?;
    let expected = C::cpu(cpu.as_ref(), &scalars, bases, &control)?;
    let buffer = gpu.upload("scalars", words(&scalars))?;
    let device = DeviceScalars {
        buffer: &buffer,
        count: scalars.len(),
    };
    let resident = Resident::new(gpu, &bases)?;
    let msm = Msm::new(gpu)?;
    let once = || C::sum(&msm, gpu, &device, &resident, &control);
    let mut correct = once()? == expected;
    let mut time = Duration::MAX;
    for _ in 0..runs {
        let started = Instant::now();
        correct &= once()? == expected;
        time = time.min(started.elapsed());
    }
    gpu.profile();
    correct &= once()? == expected;
    let kernels = gpu.profiled();
    Ok(SumReport {
        compilations: msm.compilations(),
        time,
        kernels,
        correct,
    })
}

/// What [`sum`] asks of a group.
trait Measured: DeviceCurve {
    fn multiples(cpu: &dyn Backend, scalars: &[Scalar], control: &Control<'_>) -> Result<Vec<u8>, GpuError>;
    fn cpu(
        cpu: &dyn Backend,
        scalars: &[Scalar],
        bases: Bases<'_, Self>,
        control: &Control<'_>,
    ) -> Result<Self::Projective, GpuError>;
    fn sum(
        msm: &Msm,
        gpu: &Gpu,
        scalars: &DeviceScalars<'_>,
        bases: &Resident,
        control: &Control<'_>,
    ) -> Result<Self::Projective, GpuError>;
}

impl Measured for G1 {
    fn multiples(cpu: &dyn Backend, scalars: &[Scalar], control: &Control<'_>) -> Result<Vec<u8>, GpuError> {
        Ok(cpu.fixed_base_g1(ark_bn254::G1Affine::generator(), scalars, control)?)
    }
    fn cpu(
        cpu: &dyn Backend,
        scalars: &[Scalar],
        bases: Bases<'_, Self>,
        control: &Control<'_>,
    ) -> Result<Self::Projective, GpuError> {
        Ok(cpu.msm(scalars, &[bases], &[], control)?.g1.remove(0))
    }
    fn sum(
        msm: &Msm,
        gpu: &Gpu,
        scalars: &DeviceScalars<'_>,
        bases: &Resident,
        control: &Control<'_>,
    ) -> Result<Self::Projective, GpuError> {
        let mut sums = msm.sums(gpu, &[*scalars], &[Part::all(bases)], &[], control)?;
        Ok(sums.remove(0).g1.remove(0))
    }
}

impl Measured for G2 {
    fn multiples(cpu: &dyn Backend, scalars: &[Scalar], control: &Control<'_>) -> Result<Vec<u8>, GpuError> {
        Ok(cpu.fixed_base_g2(ark_bn254::G2Affine::generator(), scalars, control)?)
    }
    fn cpu(
        cpu: &dyn Backend,
        scalars: &[Scalar],
        bases: Bases<'_, Self>,
        control: &Control<'_>,
    ) -> Result<Self::Projective, GpuError> {
        Ok(cpu.msm(scalars, &[], &[bases], control)?.g2.remove(0))
    }
    fn sum(
        msm: &Msm,
        gpu: &Gpu,
        scalars: &DeviceScalars<'_>,
        bases: &Resident,
        control: &Control<'_>,
    ) -> Result<Self::Projective, GpuError> {
        let mut sums = msm.sums(gpu, &[*scalars], &[], &[Part::all(bases)], control)?;
        Ok(sums.remove(0).g2.remove(0))
    }
}
