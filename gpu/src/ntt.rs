//! Number-theoretic transforms on the device, and the numerator of Groth16's quotient, which stays there: [`Transforms`].
//!
//! The quotient's transforms need no reversal of bits: each inverse goes from natural order to reversed bits, the values are multiplied by the powers of the
//! coset's shift in that order, and the transform onto the coset goes back to natural order. The three polynomials lie side by side in one buffer, so that each
//! pass is one dispatch.
//!
//! No lock is held while rayon works, and all work for rayon is outside of [`Gpu::turn`], which says why.
//!
//! Depends on: [`crate::kernel`], [`crate::shader::ntt`]. Where to go next: [`crate::backend`].

use crate::device::Gpu;
use crate::error::GpuError;
use crate::kernel::{Access, Arena, Batch, Kernel};
use crate::lock;
use crate::memory::{scalars_of, words};
use crate::shader::ntt::{self as shader, Direction, LEVELS_MAX};
use ark_bn254::Fr;
use ark_ff::{FftField, Field};
use popw_kernels::{Control, KernelError, Rows, Transform};
use rayon::prelude::*;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use wgpu::Buffer;
use zeroize::Zeroizing;

/// Threads of a group.
const GROUP: u32 = 64;

/// The field has no roots for larger domains.
const LOG_SIZE_MAX: u32 = Fr::TWO_ADICITY;

/// Rows that are evaluated and uploaded at once.
const PIECE: usize = 1 << 14;

/// Powers that one task computes.
const POWERS: usize = 1 << 12;

/// Tables of a domain, on the device.
struct Domain {
    roots: Buffer,
    inverse_roots: Buffer,
    /// Powers of the odd coset's shift u, u^2 = w; in order, for a transform.
    shifts: Buffer,
    /// The same divided by the size, in the order of reversed bits, for the quotient.
    reversed_shifts: Buffer,
    one: Buffer,
    inverse_size: Buffer,
}

impl Domain {
    fn new(gpu: &Gpu, log_size: u32) -> Result<Self, GpuError> {
        let size = 1usize << log_size;
        let error = || KernelError::Domain { got: size };
        let root = Fr::get_root_of_unity(size as u64).ok_or_else(error)?;
        // The largest domain has no odd coset; the reference refuses it too.
        let shift = Fr::get_root_of_unity(2 * size as u64).unwrap_or(Fr::from(0u64));
        let inverse = |value: Fr| value.inverse().unwrap_or_default();
        let inverse_size = inverse(Fr::from(size as u64));
        let form = gpu.form();
        let one = Fr::from(1u64);
        let table = |first, base, count| powers(shader::factor(form, first), base, count);
        let roots = table(one, root, size.div_ceil(2));
        let inverse_roots = table(one, inverse(root), size.div_ceil(2));
        let plain_shifts = table(one, shift, size);
        let shifts = powers(shader::factor(form, inverse_size), shift, size);
        let reversed: Vec<Fr> = (0..size)
            .into_par_iter()
            .map(|i| shifts[reverse_bits(i, log_size)])
            .collect();
        let _turn = gpu.turn();
        Ok(Self {
            roots: gpu.upload("roots", words(&roots))?,
            inverse_roots: gpu.upload("inverse roots", words(&inverse_roots))?,
            shifts: gpu.upload("shifts", words(&plain_shifts))?,
            reversed_shifts: gpu.upload("reversed shifts", words(&reversed))?,
            one: gpu.upload("one", words(&[shader::factor(form, one)]))?,
            inverse_size: gpu.upload("inverse size", words(&[shader::factor(form, inverse_size)]))?,
        })
    }
}

fn reverse_bits(index: usize, bits: u32) -> usize {
    index.reverse_bits().checked_shr(usize::BITS - bits).unwrap_or(0)
}

/// `first` times the powers of `base`.
fn powers(first: Fr, base: Fr, count: usize) -> Vec<Fr> {
    let mut values = vec![first; count];
    values
        .par_chunks_mut(POWERS)
        .enumerate()
        .for_each(|(chunk, values)| {
            let mut power = first * base.pow([(chunk * POWERS) as u64]);
            for value in values {
                *value = power;
                power *= base;
            }
        });
    values
}

/// Buffers that work takes for itself.
const VALUES: &str = "values";
const REVERSED: &str = "reversed";
const POLYNOMIALS: &str = "polynomials";
const QUOTIENT: &str = "quotient";

/// The kernels, and the tables of the domains that were asked for.
pub(crate) struct Transforms {
    /// By direction, then by levels.
    passes: [Vec<Kernel>; 2],
    reverse: Kernel,
    product: Kernel,
    quotient: Kernel,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    domains: HashMap<u32, Arc<Domain>>,
    arena: Arena,
}

fn log_size(size: usize) -> Result<u32, GpuError> {
    match size.is_power_of_two() && size.trailing_zeros() <= LOG_SIZE_MAX {
        true => Ok(size.trailing_zeros()),
        false => Err(KernelError::Domain { got: size }.into()),
    }
}

impl Transforms {
    /// Compiles all kernels.
    pub(crate) fn new(gpu: &Gpu) -> Result<Self, GpuError> {
        use Access::{Read, Write};
        let form = gpu.form();
        let passes = |direction| {
            (1..=LEVELS_MAX)
                .map(|levels| {
                    Kernel::new(
                        gpu,
                        "pass",
                        &shader::pass(form, direction, levels),
                        &[Write, Read, Read],
                        GROUP,
                    )
                })
                .collect::<Result<Vec<_>, _>>()
        };
        Ok(Self {
            passes: [passes(Direction::Frequency)?, passes(Direction::Time)?],
            reverse: Kernel::new(
                gpu,
                "reverse",
                &shader::reverse(form),
                &[Read, Read, Write],
                GROUP,
            )?,
            product: Kernel::new(gpu, "product", &shader::product(form), &[Write], GROUP)?,
            quotient: Kernel::new(gpu, "quotient", &shader::quotient(form), &[Read, Write], GROUP)?,
            state: Mutex::default(),
        })
    }

    /// How long each kernel's compilation took.
    pub(crate) fn compilations(&self) -> Vec<(&'static str, Duration)> {
        let rest = [&self.reverse, &self.product, &self.quotient];
        self.passes
            .iter()
            .flatten()
            .chain(rest)
            .map(Kernel::compilation)
            .collect()
    }

    /// Gives all memory back.
    pub(crate) fn release(&self) {
        *lock(&self.state) = State::default();
    }

    /// The tables of a domain. Two callers may make the same ones at once: neither waits.
    fn domain(&self, gpu: &Gpu, log_size: u32) -> Result<Arc<Domain>, GpuError> {
        if let Some(domain) = lock(&self.state).domains.get(&log_size) {
            return Ok(domain.clone());
        }
        let domain = Arc::new(Domain::new(gpu, log_size)?);
        let _turn = gpu.turn();
        let domains = &mut lock(&self.state).domains;
        // Two sizes at most: a proof has one.
        if domains.len() > 1 {
            domains.clear();
        }
        domains.insert(log_size, domain.clone());
        Ok(domain)
    }

    /// A buffer that is the caller's until [`Self::put`], both in the caller's turn.
    fn take(&self, gpu: &Gpu, label: &'static str, bytes: u64) -> Result<Buffer, GpuError> {
        lock(&self.state).arena.take(gpu, label, bytes)
    }

    fn put(&self, label: &'static str, buffer: Buffer) {
        lock(&self.state).arena.put(label, buffer);
    }

    /// All passes over `count` transforms of 2^`log_size` values that lie side by side.
    fn run(
        &self,
        batch: &mut Batch<'_>,
        direction: Direction,
        log_size: u32,
        count: u64,
        buffers: (&Buffer, &Buffer, Option<&Buffer>),
    ) {
        let (values, roots, factors) = buffers;
        let mut done = 0;
        while done < log_size {
            let levels = LEVELS_MAX.min(log_size - done);
            let log_stride = match direction {
                Direction::Frequency => log_size - done - levels,
                Direction::Time => done,
            };
            let scaled = done == 0 && factors.is_some();
            let threads = count << (log_size - levels);
            batch.run(
                &self.passes[direction as usize][levels as usize - 1],
                &[values, roots, factors.filter(|_| scaled).unwrap_or(roots)],
                &[threads as u32, log_size, log_stride, u32::from(scaled)],
                threads,
            );
            done += levels;
        }
    }

    /// A transform in place, in natural order on both sides.
    pub(crate) fn transform(
        &self,
        gpu: &Gpu,
        values: &mut [Fr],
        transform: Transform,
    ) -> Result<(), GpuError> {
        let log_size = log_size(values.len())?;
        if transform == Transform::OddCoset && log_size == LOG_SIZE_MAX {
            return Err(KernelError::Domain { got: values.len() }.into());
        }
        let domain = self.domain(gpu, log_size)?;
        let bytes = 32 * values.len() as u64;
        let turn = gpu.turn();
        let (from, to) = (self.take(gpu, VALUES, bytes)?, self.take(gpu, REVERSED, bytes)?);
        gpu.write(&from, 0, words(values));
        let mut batch = Batch::new(gpu);
        let (roots, factors, factor) = match transform {
            Transform::Forward => (&domain.roots, None, &domain.one),
            Transform::Inverse => (&domain.inverse_roots, None, &domain.inverse_size),
            Transform::OddCoset => (&domain.roots, Some(&domain.shifts), &domain.one),
        };
        self.run(
            &mut batch,
            Direction::Frequency,
            log_size,
            1,
            (&from, roots, factors),
        );
        let given = [values.len() as u32, log_size];
        batch.run(&self.reverse, &[&from, factor, &to], &given, values.len() as u64);
        batch.submit()?;
        let result = gpu.read(&to, bytes)?;
        self.put(VALUES, from);
        self.put(REVERSED, to);
        drop(turn);
        let result = scalars_of(&result);
        values
            .par_iter_mut()
            .zip(result)
            .for_each(|(value, words)| *value = Fr::new_unchecked(words));
        Ok(())
    }

    /// The passes of a transform over values that are on the device already, as often as asked: the shortest time.
    pub(crate) fn time(&self, gpu: &Gpu, values: &[Fr], runs: u32) -> Result<Duration, GpuError> {
        let log_size = log_size(values.len())?;
        let domain = self.domain(gpu, log_size)?;
        let _turn = gpu.turn();
        let buffer = self.take(gpu, VALUES, 32 * values.len() as u64)?;
        gpu.write(&buffer, 0, words(values));
        let mut best = Duration::MAX;
        for _ in 0..=runs {
            gpu.wait()?;
            let started = Instant::now();
            let mut batch = Batch::new(gpu);
            self.run(
                &mut batch,
                Direction::Frequency,
                log_size,
                1,
                (&buffer, &domain.roots, None),
            );
            batch.submit()?;
            gpu.wait()?;
            best = best.min(started.elapsed());
        }
        self.put(VALUES, buffer);
        Ok(best)
    }

    /// See [`popw_kernels::Backend::quotient`]: the values, eight words each, on the device, in a buffer that the caller gives back with [`Self::put_quotient`].
    pub(crate) fn quotient(
        &self,
        gpu: &Gpu,
        size: usize,
        rows: &Rows<'_>,
        control: &Control<'_>,
    ) -> Result<Buffer, GpuError> {
        let log_size = log_size(size)?;
        if log_size == LOG_SIZE_MAX {
            return Err(KernelError::Domain { got: size }.into());
        }
        let domain = self.domain(gpu, log_size)?;
        let bytes = 32 * size as u64;
        let (values, result) = {
            let _turn = gpu.turn();
            (
                self.take(gpu, POLYNOMIALS, 3 * bytes)?,
                self.take(gpu, QUOTIENT, bytes)?,
            )
        };
        let uploaded = upload_rows(gpu, size, rows, control, &values);
        let _turn = gpu.turn();
        let mut batch = Batch::new(gpu);
        if let Err(error) = uploaded {
            batch.clear(&values, 3 * bytes);
            batch.submit()?;
            self.put(POLYNOMIALS, values);
            self.put(QUOTIENT, result);
            return Err(error.into());
        }
        let count = [size as u32];
        batch.run(&self.product, &[&values], &count, size as u64);
        self.run(
            &mut batch,
            Direction::Frequency,
            log_size,
            3,
            (&values, &domain.inverse_roots, None),
        );
        let shifts = Some(&domain.reversed_shifts);
        self.run(
            &mut batch,
            Direction::Time,
            log_size,
            3,
            (&values, &domain.roots, shifts),
        );
        batch.run(&self.quotient, &[&values, &result], &count, size as u64);
        // The polynomials are made of the witness.
        batch.clear(&values, 3 * bytes);
        batch.submit()?;
        self.put(POLYNOMIALS, values);
        Ok(result)
    }

    /// Takes a quotient's buffer back, in the caller's turn.
    pub(crate) fn put_quotient(&self, quotient: Buffer) {
        self.put(QUOTIENT, quotient);
    }
}

/// Evaluates all rows and writes those of A to the first polynomial, those of B to the second.
fn upload_rows(
    gpu: &Gpu,
    size: usize,
    rows: &Rows<'_>,
    control: &Control<'_>,
    values: &Buffer,
) -> Result<(), KernelError> {
    type Piece = (usize, [Zeroizing<Vec<Fr>>; 2]);
    let empty = |piece: usize| -> Piece {
        let start = piece * PIECE;
        let count = PIECE.min(size - start);
        (
            start,
            [(); 2].map(|()| Zeroizing::new(vec![Fr::default(); count])),
        )
    };
    let evaluate = |piece: &mut Piece| {
        control.check()?;
        let (start, [a, b]) = piece;
        rows(*start..*start + a.len(), a, b);
        Ok::<_, KernelError>(())
    };
    let write = |(start, polynomials): &Piece| {
        for (polynomial, part) in polynomials.iter().enumerate() {
            gpu.write(values, 32 * (polynomial * size + start) as u64, words(part));
        }
    };
    let pieces = (0..size.div_ceil(PIECE)).into_par_iter().map(empty);
    let evaluated = pieces.map(|mut piece| evaluate(&mut piece).map(|()| piece));
    if !gpu.is_single_threaded() {
        return evaluated.try_for_each(|piece| piece.map(|piece| write(&piece)));
    }
    // Whoever evaluates is a worker of rayon's and must not wait for a turn.
    let pieces = evaluated.collect::<Result<Vec<Piece>, KernelError>>()?;
    let _turn = gpu.turn();
    pieces.iter().for_each(write);
    Ok(())
}
