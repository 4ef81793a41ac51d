//! Multi-scalar multiplication on the device: [`Msm::sums`].
//!
//! For each piece of the scalars and each run of windows: digits are counted, scanned and scattered into a list sorted by bucket, once for all sets of bases;
//! then, for each set, equal parts of the list are summed whatever buckets they belong to, parts of one bucket are joined, and buckets are reduced to a few
//! points a window, which the CPU finishes. docs/gpu.md has the passes and the memory.
//!
//! Depends on: [`crate::kernel`], [`crate::shader::msm`]. Where to go next: [`crate::backend`].

use crate::device::Gpu;
use crate::error::GpuError;
use crate::kernel::{Access, Arena, Batch, Kernel};
use crate::lock;
use crate::shader::curve::Group;
use crate::shader::msm::{self as shader, BLOCKS_MAX, KEY_BITS, REDUCE_CHUNK, SCAN_CHUNK};
use ark_bn254::{Fq, Fq2, G1Projective, G2Projective};
use ark_ff::{AdditiveGroup, Field, PrimeField};
use popw_kernels::bases::SCALAR_BITS;
use popw_kernels::{Bases, Control, Curve, G1, G2, Sums};
use std::ops::Range;
use std::sync::{Mutex, OnceLock};
use std::time::Duration;
use wgpu::Buffer;

/// Threads of a group. Sums take many registers: small groups leave the device free to place them.
const GROUP: u32 = 64;

/// Entries that one thread sums: more leave fewer heads, fewer fill the device. Between them as many as give this many threads.
const CHUNK: Range<u64> = 8..64;
const THREADS: u64 = 1 << 18;

/// Heads that one thread joins.
const JOIN_CHUNK: u32 = 8;

/// What a bucket costs at the end, as additions of a base.
const BUCKET_COST: f64 = 3.0;

/// A group with kernels.
pub(crate) trait DeviceCurve: Curve {
    const GROUP: Group;
    /// A coordinate from its words, times the radix of the kernels.
    fn coordinate(bytes: &[u8], radix_inverse: Fq) -> <Self as DeviceCurve>::Coordinate;
    type Coordinate: Field;
    fn projective(x: Self::Coordinate, y: Self::Coordinate, z: Self::Coordinate) -> Self::Projective;
}

fn base_coordinate(bytes: &[u8], radix_inverse: Fq) -> Fq {
    Fq::from_le_bytes_mod_order(bytes) * radix_inverse
}

impl DeviceCurve for G1 {
    const GROUP: Group = Group::G1;
    type Coordinate = Fq;
    fn coordinate(bytes: &[u8], radix_inverse: Fq) -> Fq {
        base_coordinate(bytes, radix_inverse)
    }
    fn projective(x: Fq, y: Fq, z: Fq) -> G1Projective {
        G1Projective::new_unchecked(x, y, z)
    }
}

impl DeviceCurve for G2 {
    const GROUP: Group = Group::G2;
    type Coordinate = Fq2;
    fn coordinate(bytes: &[u8], radix_inverse: Fq) -> Fq2 {
        let (c0, c1) = bytes.split_at(bytes.len() / 2);
        Fq2::new(
            base_coordinate(c0, radix_inverse),
            base_coordinate(c1, radix_inverse),
        )
    }
    fn projective(x: Fq2, y: Fq2, z: Fq2) -> G2Projective {
        G2Projective::new_unchecked(x, y, z)
    }
}

/// Bases on the device, in pieces that a binding can hold. Piece k serves the scalars from k times [`piece_scalars`] on.
pub(crate) struct Resident {
    group: Group,
    /// Scalars of a block.
    span: u32,
    pieces: Vec<Option<Piece>>,
    bytes: u64,
}

struct Piece {
    /// Index of the first base's scalar in the piece.
    first: u32,
    len: u32,
    /// Bases in the pieces before.
    before: usize,
    buffer: Buffer,
}

/// Scalars of a piece: a power of two, so that points of either group fit a binding.
fn piece_scalars(gpu: &Gpu) -> usize {
    1 << (gpu.binding_bytes() / Group::G2.point_bytes())
        .clamp(1, 1 << 26)
        .ilog2()
}

impl Resident {
    /// Uploads bases. A table is used if all its blocks fit one binding; else its first block is.
    pub(crate) fn new<C: DeviceCurve>(gpu: &Gpu, bases: &Bases<'_, C>) -> Result<Self, GpuError> {
        let (first, len) = (bases.first(), bases.len());
        let (piece, point) = (piece_scalars(gpu), C::POINT_BYTES);
        let whole = first + len <= piece && bases.bytes().len() as u64 <= gpu.binding_bytes();
        let blocks = match whole && bases.multiples() <= BLOCKS_MAX as usize {
            true => bases.multiples(),
            false => 1,
        };
        let mut pieces = Vec::new();
        for start in (0..first + len).step_by(piece) {
            let begin = start.max(first);
            let end = (start + piece).min(first + len);
            pieces.push(match begin < end {
                false => None,
                true => Some(Piece {
                    first: (begin - start) as u32,
                    len: (end - begin) as u32,
                    before: begin - first,
                    buffer: gpu.upload(
                        "bases",
                        match blocks {
                            1 => &bases.bytes()[(begin - first) * point..(end - first) * point],
                            _ => bases.bytes(),
                        },
                    )?,
                }),
            });
        }
        let bytes = pieces.iter().flatten().map(|piece| piece.buffer.size()).sum();
        let span = if blocks == 1 { SCALAR_BITS } else { bases.span() };
        Ok(Self {
            group: C::GROUP,
            span,
            pieces,
            bytes,
        })
    }

    /// Bytes on the device.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }
}

/// The first `len` of resident bases.
#[derive(Clone, Copy)]
pub(crate) struct Part<'a> {
    pub(crate) bases: &'a Resident,
    pub(crate) len: usize,
}

impl<'a> Part<'a> {
    /// All of them.
    pub(crate) fn all(bases: &'a Resident) -> Self {
        Self {
            bases,
            len: usize::MAX,
        }
    }
}

/// Scalars on the device: eight words each, below the group order.
#[derive(Clone, Copy)]
pub(crate) struct DeviceScalars<'a> {
    pub(crate) buffer: &'a Buffer,
    pub(crate) count: usize,
}

/// How many threads sum so many entries, and how many each.
fn parts(entries: u64) -> (u64, u64) {
    let chunk = (entries / THREADS).clamp(CHUNK.start, CHUNK.end);
    (entries.div_ceil(chunk), chunk)
}

/// How scalars are cut into digits.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Plan {
    /// Bits of a digit.
    bits: u32,
    /// Digits of a scalar; the highest takes the last carry.
    windows: u32,
    /// Digits that share buckets are so far apart.
    per: u32,
    /// Blocks of a table.
    blocks: u32,
    /// Runs of windows are so long.
    run: u32,
}

impl Plan {
    /// For `lists` lists of `count` scalars each.
    fn new(gpu: &Gpu, count: usize, lists: usize, span: u32, sum_bytes: u64) -> Result<Self, GpuError> {
        let limit = gpu.binding_bytes();
        let fits = |bytes: u64| bytes <= limit;
        let mut best: Option<(f64, Self)> = None;
        for bits in 4..=20u32 {
            let blocks = SCALAR_BITS.div_ceil(span);
            if blocks > 1 && !span.is_multiple_of(bits) {
                continue;
            }
            let windows = (SCALAR_BITS + 1).div_ceil(bits);
            let per = if blocks == 1 { windows } else { span / bits };
            let slots = windows - (blocks - 1) * per;
            let buckets = 1u64 << (bits - 1);
            let run_fits = |run: &u32| {
                let entries = (lists * count) as u64 * u64::from(*run);
                let used = if blocks == 1 { *run } else { slots };
                let used = lists as u64 * u64::from(used) * buckets;
                used <= 1 << KEY_BITS
                    && fits(8 * entries)
                    && fits(used * sum_bytes)
                    && fits(parts(entries).0 * sum_bytes)
            };
            let run = match blocks {
                1 => (1..=windows).rev().find(run_fits),
                _ => Some(windows).filter(run_fits),
            };
            let Some(run) = run else { continue };
            let cost = count as f64 * f64::from(windows) + BUCKET_COST * f64::from(slots) * buckets as f64;
            if best.is_none_or(|(least, _)| cost < least) {
                best = Some((
                    cost,
                    Self {
                        bits,
                        windows,
                        per,
                        blocks,
                        run,
                    },
                ));
            }
        }
        best.map(|(_, plan)| plan).ok_or(GpuError::Memory {
            needed: (lists * count) as u64 * 8,
            budget: limit,
        })
    }

    /// Sets of buckets of one list in the windows `range`.
    fn slots(&self, range: &Range<u32>) -> u32 {
        match self.blocks {
            1 => range.end - range.start,
            _ => self.windows - (self.blocks - 1) * self.per,
        }
    }
}

/// The kernels of a group.
struct GroupKernels {
    accumulate: Kernel,
    join: Kernel,
    reduce: Kernel,
}

impl GroupKernels {
    fn new(gpu: &Gpu, group: Group) -> Result<Self, GpuError> {
        use Access::{Read, Write};
        let form = gpu.form();
        let kernel =
            |label, source: String, access: &[Access]| Kernel::new(gpu, label, &source, access, GROUP);
        let accumulate = || {
            kernel(
                "accumulate",
                shader::accumulate(form, group),
                &[Read, Read, Read, Write, Write, Write],
            )
        };
        let join = || {
            kernel(
                "join",
                shader::join(form, group),
                &[Read, Read, Write, Write, Write],
            )
        };
        let reduce = || kernel("reduce", shader::reduce(form, group), &[Read, Read, Write, Write]);
        if gpu.is_single_threaded() {
            return Ok(Self {
                accumulate: accumulate()?,
                join: join()?,
                reduce: reduce()?,
            });
        }
        // Drivers take seconds for each: side by side.
        std::thread::scope(|scope| {
            let (accumulate, join) = (scope.spawn(accumulate), scope.spawn(join));
            let reduce = reduce()?;
            let ended = |_| GpuError::Driver {
                reason: "a shader's compilation ended abnormally".into(),
            };
            Ok(Self {
                accumulate: accumulate.join().map_err(ended)??,
                join: join.join().map_err(ended)??,
                reduce,
            })
        })
    }
}

/// The kernels and the memory they work in.
pub(crate) struct Msm {
    count: Kernel,
    scatter: Kernel,
    fold: Kernel,
    spread: Kernel,
    groups: [OnceLock<GroupKernels>; 2],
    arena: Mutex<Arena>,
}

/// What is left of a set of bases, for all lists.
struct Reduced {
    /// Sets of buckets of one list.
    slots: u32,
    /// Points a slot that are left.
    left: u32,
    levels: u32,
}

impl Msm {
    /// Compiles what both groups share.
    pub(crate) fn new(gpu: &Gpu) -> Result<Self, GpuError> {
        use Access::{Read, Write};
        Ok(Self {
            count: Kernel::new(gpu, "count", &shader::count(), &[Read, Write], GROUP)?,
            scatter: Kernel::new(gpu, "scatter", &shader::scatter(), &[Read, Write, Write], GROUP)?,
            fold: Kernel::new(gpu, "fold", &shader::fold(), &[Read, Write], GROUP)?,
            spread: Kernel::new(gpu, "spread", &shader::spread(), &[Read, Write], GROUP)?,
            groups: [OnceLock::new(), OnceLock::new()],
            arena: Mutex::default(),
        })
    }

    /// The kernels of a group, compiled when first asked for.
    fn group(&self, gpu: &Gpu, group: Group) -> Result<&GroupKernels, GpuError> {
        let slot = &self.groups[group as usize];
        if let Some(kernels) = slot.get() {
            return Ok(kernels);
        }
        let kernels = GroupKernels::new(gpu, group)?;
        Ok(slot.get_or_init(|| kernels))
    }

    /// Gives all memory of work back.
    pub(crate) fn release(&self) {
        lock(&self.arena).clear();
    }

    /// Are so many scalars cut into pieces, and the windows of a piece into runs?
    #[cfg(test)]
    pub(crate) fn is_cut(&self, gpu: &Gpu, count: usize) -> bool {
        let piece = piece_scalars(gpu);
        let plan = Plan::new(gpu, piece, 1, SCALAR_BITS, Group::G2.sum_bytes());
        count > piece && plan.is_ok_and(|plan| plan.run < plan.windows)
    }

    /// How long each kernel's compilation took.
    pub(crate) fn compilations(&self) -> Vec<(&'static str, Duration)> {
        let shared = [&self.count, &self.scatter, &self.fold, &self.spread];
        let groups = self.groups.iter().filter_map(OnceLock::get);
        let of_groups = groups.flat_map(|kernels| [&kernels.accumulate, &kernels.join, &kernels.reduce]);
        shared
            .into_iter()
            .chain(of_groups)
            .map(Kernel::compilation)
            .collect()
    }

    /// For each list of scalars, the sum over each set of bases. All sets share the sorted list of digits. Lists are of one length; several small ones fill a
    /// device that one of them does not.
    pub(crate) fn sums(
        &self,
        gpu: &Gpu,
        lists: &[DeviceScalars<'_>],
        g1: &[Part<'_>],
        g2: &[Part<'_>],
        control: &Control<'_>,
    ) -> Result<Vec<Sums>, GpuError> {
        let mut arena = lock(&self.arena);
        let zero = Sums {
            g1: vec![G1Projective::default(); g1.len()],
            g2: vec![G2Projective::default(); g2.len()],
        };
        let mut totals = vec![zero; lists.len()];
        let sets: Vec<Part<'_>> = g1.iter().chain(g2).copied().collect();
        let (Some(first), Some(DeviceScalars { count: all, .. })) = (sets.first(), lists.first()) else {
            return Ok(totals);
        };
        // Tables of different spans cannot share digits; then all sets' first blocks do.
        let span = match sets.iter().all(|set| set.bases.span == first.bases.span) {
            true => first.bases.span,
            false => SCALAR_BITS,
        };
        let sum_bytes = if g2.is_empty() { Group::G1 } else { Group::G2 }.sum_bytes();
        let piece = piece_scalars(gpu);
        for (number, start) in (0..*all).step_by(piece).enumerate() {
            let count = piece.min(all - start);
            let pieces: Vec<Option<&Piece>> = sets
                .iter()
                .map(|set| set.bases.pieces.get(number).and_then(Option::as_ref))
                .collect();
            if pieces.iter().all(Option::is_none) {
                continue;
            }
            // Digits that do not divide a table's span use its first block only.
            let plan = |span| Plan::new(gpu, count, lists.len(), span, sum_bytes);
            let plan = plan(span).or_else(|_| plan(SCALAR_BITS))?;
            for begin in (0..plan.windows).step_by(plan.run as usize) {
                control.check()?;
                let windows = begin..(begin + plan.run).min(plan.windows);
                let mut batch = Batch::new(gpu);
                let mut run = Run {
                    gpu,
                    msm: self,
                    arena: &mut arena,
                    plan,
                    windows: windows.clone(),
                    count,
                    lists,
                };
                let list = run.sort(&mut batch, start)?;
                let mut results = Vec::new();
                for (set, piece) in sets.iter().zip(&pieces) {
                    results.push(match piece {
                        Some(piece) => Some(run.reduce(&mut batch, &list, set, piece)?),
                        None => None,
                    });
                }
                // Digits are the witness, and few bases lie in most buckets.
                run.arena.erase(&mut batch);
                batch.submit()?;
                for (index, result) in results.iter().enumerate() {
                    let Some((reduced, buffer)) = result else { continue };
                    let ends = (&plan, &windows, reduced, buffer);
                    match index.checked_sub(g1.len()) {
                        None => finish::<G1>(gpu, ends, &mut totals, |sums| &mut sums.g1[index])?,
                        Some(index) => finish::<G2>(gpu, ends, &mut totals, |sums| &mut sums.g2[index])?,
                    }
                }
                let done = count * windows.len();
                control.advance(done as f64 / (*all as f64 * f64::from(plan.windows)));
            }
        }
        Ok(totals)
    }
}

/// One run of windows over one piece of scalars.
struct Run<'a> {
    gpu: &'a Gpu,
    msm: &'a Msm,
    arena: &'a mut Arena,
    plan: Plan,
    windows: Range<u32>,
    count: usize,
    lists: &'a [DeviceScalars<'a>],
}

/// The sorted list.
struct List {
    entries: Buffer,
    total: Buffer,
}

impl Run<'_> {
    /// Entries of all lists.
    fn entries(&self) -> u64 {
        (self.lists.len() * self.count * self.windows.len()) as u64
    }

    /// Sets of buckets of all lists.
    fn slots(&self) -> u32 {
        self.lists.len() as u32 * self.plan.slots(&self.windows)
    }

    fn buckets(&self) -> u64 {
        u64::from(self.slots()) << (self.plan.bits - 1)
    }

    /// What the kernels of digits are given for a list.
    fn digits(&self, list: usize, start: usize) -> [u32; 9] {
        let plan = &self.plan;
        [
            self.count as u32,
            start as u32,
            plan.bits,
            plan.windows,
            plan.per,
            plan.blocks,
            self.windows.start,
            self.windows.end,
            list as u32 * plan.slots(&self.windows),
        ]
    }

    /// Digits, counted, scanned and scattered.
    fn sort(&mut self, batch: &mut Batch<'_>, start: usize) -> Result<List, GpuError> {
        let (gpu, lists) = (self.gpu, self.lists);
        let mut sizes = vec![self.buckets()];
        while let Some(size) = sizes.last().filter(|size| **size > 1) {
            sizes.push(size.div_ceil(u64::from(SCAN_CHUNK)));
        }
        let levels = [
            "counts", "counts 1", "counts 2", "counts 3", "counts 4", "counts 5",
        ];
        let mut scan = Vec::new();
        for (size, label) in sizes.iter().zip(levels) {
            scan.push(self.arena.get(gpu, label, 4 * size)?);
        }
        let total = self.arena.get(gpu, "total", 4)?;
        let zero = self.arena.get(gpu, "zero", 4)?;
        let entries = self.arena.get(gpu, "entries", 8 * self.entries())?;
        batch.clear(&scan[0], 4 * sizes[0]);
        for (list, scalars) in lists.iter().enumerate() {
            batch.run(
                &self.msm.count,
                &[scalars.buffer, &scan[0]],
                &self.digits(list, start),
                self.count as u64,
            );
        }
        for level in 1..scan.len() {
            batch.run(
                &self.msm.fold,
                &[&scan[level - 1], &scan[level]],
                &[sizes[level - 1] as u32],
                sizes[level],
            );
        }
        batch.copy(&scan[scan.len() - 1], &total, 0, 4);
        batch.clear(&zero, 4);
        for level in (0..scan.len()).rev() {
            let before = scan.get(level + 1).unwrap_or(&zero);
            batch.run(
                &self.msm.spread,
                &[before, &scan[level]],
                &[sizes[level] as u32],
                sizes[level].div_ceil(u64::from(SCAN_CHUNK)),
            );
        }
        for (list, scalars) in lists.iter().enumerate() {
            batch.run(
                &self.msm.scatter,
                &[scalars.buffer, &scan[0], &entries],
                &self.digits(list, start),
                self.count as u64,
            );
        }
        Ok(List { entries, total })
    }

    /// Sums of buckets, then of windows down to a few points.
    fn reduce(
        &mut self,
        batch: &mut Batch<'_>,
        list: &List,
        part: &Part<'_>,
        piece: &Piece,
    ) -> Result<(Reduced, Buffer), GpuError> {
        let (gpu, group) = (self.gpu, part.bases.group);
        let limit = part.len.saturating_sub(piece.before).min(piece.len as usize);
        let kernels = self.msm.group(gpu, group)?;
        let (bytes, buckets) = (group.sum_bytes(), self.buckets());
        let (threads, chunk) = parts(self.entries());
        let fewer = threads.div_ceil(u64::from(JOIN_CHUNK));
        let mut get = |label, count: u64, bytes: u64| self.arena.get(gpu, label, count * bytes);
        let sums = get("buckets", buckets, bytes)?;
        let heads = [get("heads", threads, bytes)?, get("fewer heads", fewer, bytes)?];
        let keys = [get("keys", threads, 4)?, get("fewer keys", fewer, 4)?];
        let eighth = buckets / u64::from(REDUCE_CHUNK);
        let mut level_buffer = |label, part: u64| get(label, buckets.div_ceil(part), bytes);
        let plains = [level_buffer("plains", 8)?, level_buffer("fewer plains", 64)?];
        let weighteds = [
            level_buffer("weighteds", 8)?,
            level_buffer("fewer weighteds", 64)?,
        ];
        batch.clear(&sums, buckets * bytes);
        batch.run(
            &kernels.accumulate,
            &[
                &list.entries,
                &list.total,
                &piece.buffer,
                &sums,
                &heads[0],
                &keys[0],
            ],
            &[threads as u32, chunk as u32, piece.first, piece.len, limit as u32],
            threads,
        );
        let (mut count, mut from) = (threads, 0);
        while count > 1 {
            let fewer = count.div_ceil(u64::from(JOIN_CHUNK));
            batch.run(
                &kernels.join,
                &[
                    &heads[from],
                    &keys[from],
                    &sums,
                    &heads[1 - from],
                    &keys[1 - from],
                ],
                &[count as u32, JOIN_CHUNK],
                fewer,
            );
            (count, from) = (fewer, 1 - from);
        }
        batch.run(
            &kernels.reduce,
            &[&sums, &sums, &plains[0], &weighteds[0]],
            &[eighth as u32, 0, 1],
            eighth,
        );
        let slots = self.slots();
        let mut left = (eighth / u64::from(slots)) as u32;
        let (mut levels, mut from) = (1, 0);
        while left > REDUCE_CHUNK {
            left /= REDUCE_CHUNK;
            let count = slots * left;
            batch.run(
                &kernels.reduce,
                &[
                    &plains[from],
                    &weighteds[from],
                    &plains[1 - from],
                    &weighteds[1 - from],
                ],
                &[count, 3 * levels, 0],
                u64::from(count),
            );
            from = 1 - from;
            levels += 1;
        }
        let half = u64::from(slots * left) * bytes;
        let result = gpu.buffer("result", 2 * half)?;
        batch.copy(&plains[from], &result, 0, half);
        batch.copy(&weighteds[from], &result, half, half);
        let slots = self.plan.slots(&self.windows);
        Ok((Reduced { slots, left, levels }, result))
    }
}

/// The last points of each window, on the CPU: added to the total of each list.
fn finish<C: DeviceCurve>(
    gpu: &Gpu,
    (plan, windows, reduced, buffer): (&Plan, &Range<u32>, &Reduced, &Buffer),
    totals: &mut [Sums],
    of: impl Fn(&mut Sums) -> &mut C::Projective,
) -> Result<(), GpuError> {
    let bytes = C::GROUP.sum_bytes() as usize;
    let (slots, left) = (reduced.slots as usize, reduced.left as usize);
    let count = totals.len() * slots * left;
    let data = gpu.read(buffer, 2 * (count * bytes) as u64)?;
    let radix = Fq::from(2u64).pow([u64::from(gpu.form().radix_bits())]);
    let inverse = radix.inverse().unwrap_or_default();
    let point = |index: usize| {
        let sum = &data[index * bytes..][..bytes];
        let coordinate = |i: usize| C::coordinate(&sum[i * bytes / 4..][..bytes / 4], inverse);
        let (x, y, zz, zzz) = (coordinate(0), coordinate(1), coordinate(2), coordinate(3));
        match zz == C::Coordinate::ZERO {
            true => C::Projective::default(),
            // With Z = ZZ: X / ZZ = X ZZ / Z^2, and Y / ZZZ = Y ZZZ / Z^3 since ZZ^3 = ZZZ^2.
            false => C::projective(x * zz, y * zzz, zz),
        }
    };
    let below = match plan.blocks {
        1 => windows.start * plan.bits,
        _ => 0,
    };
    for (list, sums) in totals.iter_mut().enumerate() {
        let mut total = C::Projective::default();
        for slot in (list * slots..(list + 1) * slots).rev() {
            for _ in 0..plan.bits {
                total.double_in_place();
            }
            let (mut plain, mut sum) = (C::Projective::default(), C::Projective::default());
            for index in (0..left).rev() {
                sum += plain;
                plain += point(slot * left + index);
            }
            for _ in 0..3 * reduced.levels {
                sum.double_in_place();
            }
            for index in 0..left {
                sum += point(count + slot * left + index);
            }
            total += sum;
        }
        for _ in 0..below {
            total.double_in_place();
        }
        *of(sums) += total;
    }
    Ok(())
}
