//! Scalars as signed digits, and the items of all buckets of some rounds, sorted.
//!
//! A scalar s is replaced by the smaller of s and r - s, with a sign: small negative numbers are small. Then the constant
//! sum of 2^(width - 1) over all windows but the highest is added once; a window's bits minus 2^(width - 1) are then its signed
//! digit, without carries from window to window. Zero digits cost nothing: that is what makes bits and bytes cheap.

use crate::backend::Scalar;
use crate::bases::SCALAR_BITS;
use crate::memory::Words;
use ark_bn254::Fr;
use ark_ff::PrimeField;
use rayon::prelude::*;

/// Bits of the scalars that belong to one block of bases and go to one round of buckets.
#[derive(Clone, Copy, Debug)]
struct Window {
    bit: u32,
    width: u32,
    /// Which block of multiples.
    block: u32,
    /// The highest window has no sign: nothing above could take its carry.
    highest: bool,
}

/// How scalars are cut into digits: round r has a window of each block of bases, and its sum counts 2^(r * bits) times.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// Bits of a digit; a round has 2^(bits - 1) buckets.
    pub(crate) bits: u32,
    rounds: Vec<Vec<Window>>,
}

/// Additions that one bucket costs at the end, compared with one of a list.
const BUCKET_COST: f64 = 2.6;

impl Plan {
    /// Digits of `bits` bits for bases in blocks of `span` bits.
    pub(crate) fn new(span: u32, bits: u32) -> Self {
        let mut rounds = vec![Vec::new(); span.div_ceil(bits) as usize];
        let blocks = SCALAR_BITS.div_ceil(span);
        for block in 0..blocks {
            for (round, windows) in rounds.iter_mut().enumerate() {
                let offset = round as u32 * bits;
                let bit = block * span + offset;
                if bit < SCALAR_BITS {
                    windows.push(Window {
                        bit,
                        width: bits.min(span - offset),
                        block,
                        highest: false,
                    });
                }
            }
        }
        let highest = rounds.iter().flatten().map(|window| window.bit).max();
        for window in rounds.iter_mut().flatten() {
            window.highest = Some(window.bit) == highest;
        }
        Self { bits, rounds }
    }

    /// The cheapest digits for `count` scalars.
    pub(crate) fn best(span: u32, count: usize) -> Self {
        let cost = |plan: &Self| {
            let windows: usize = plan.rounds.iter().map(Vec::len).sum();
            windows as f64 * count as f64
                + plan.rounds.len() as f64 * BUCKET_COST * f64::from(1u32 << (plan.bits - 1))
        };
        let fits = |plan: &Self| {
            // The highest digit is below 2^(254 - bit) and must be a bucket.
            plan.rounds
                .iter()
                .flatten()
                .all(|window| !window.highest || SCALAR_BITS - window.bit < plan.bits)
        };
        let plans = (4..=17.min(span.max(4))).map(|bits| Self::new(span, bits));
        plans
            .filter(fits)
            .min_by(|a, b| cost(a).total_cmp(&cost(b)))
            .unwrap_or_else(|| Self::new(span, 8))
    }

    /// Number of rounds.
    pub(crate) fn rounds(&self) -> usize {
        self.rounds.len()
    }

    /// Buckets of a round.
    pub(crate) fn buckets(&self) -> usize {
        1 << (self.bits - 1)
    }

    /// Windows of the round that has most.
    pub(crate) fn windows_max(&self) -> usize {
        self.rounds.iter().map(Vec::len).max().unwrap_or(1)
    }

    fn offset(&self) -> [u64; 4] {
        let mut offset = [0u64; 4];
        for window in self.rounds.iter().flatten().filter(|window| !window.highest) {
            let bit = window.bit + window.width - 1;
            offset[bit as usize / 64] |= 1 << (bit % 64);
        }
        offset
    }
}

/// Scalars ready to be cut: magnitude plus offset, below 2^255, and the sign in the highest bit.
pub(crate) struct Recoded {
    plan: Plan,
    count: usize,
    memory: Words,
}

const SIGN: u64 = 1 << 63;

impl Recoded {
    pub(crate) fn new(plan: Plan, scalars: &[Scalar]) -> Self {
        let offset = plan.offset();
        let modulus = Fr::MODULUS.0;
        let half = Fr::MODULUS_MINUS_ONE_DIV_TWO;
        let mut memory = Words::default();
        let words = memory.quads(scalars.len());
        words
            .par_iter_mut()
            .zip(scalars)
            .with_min_len(1024)
            .for_each(|(words, scalar)| {
                let negative = *scalar > half;
                let magnitude = if negative {
                    subtract(modulus, scalar.0)
                } else {
                    scalar.0
                };
                *words = add(magnitude, offset);
                words[3] |= if negative { SIGN } else { 0 };
            });
        Self {
            plan,
            count: scalars.len(),
            memory,
        }
    }

    fn words(&self) -> &[[u64; 4]] {
        let words = self.memory.get(8 * self.count + 1);
        // SAFETY: as in `Words::quads`, which gave this memory.
        let (_, quads, _) = unsafe { words.align_to::<[u64; 4]>() };
        &quads[..self.count]
    }

    pub(crate) fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The digits of the windows of some rounds, window by window: `2 * bucket + negative`, or [`NONE`] for zero.
    fn digits(&self, windows: &[Window], digits: &mut [u32]) {
        let count = self.count;
        let columns: Vec<Column> = digits
            .chunks_mut(count.max(1))
            .map(|column| Column(column.as_mut_ptr()))
            .collect();
        let cuts: Vec<Cut> = windows.iter().map(Cut::new).collect();
        self.words()
            .par_chunks(PIECE)
            .enumerate()
            .for_each(|(piece, words)| {
                for (cut, column) in cuts.iter().zip(&columns) {
                    for (offset, words) in words.iter().enumerate() {
                        // SAFETY: a column has `count` digits, of which this task writes those of its piece.
                        unsafe { column.0.add(piece * PIECE + offset).write(cut.digit(words)) };
                    }
                }
            });
    }
}

/// Scalars that are cut at a time: 32 KiB.
const PIECE: usize = 1024;
/// The digit zero.
const NONE: u32 = u32::MAX;

/// The digits of a window, of which tasks write disjoint parts.
struct Column(*mut u32);
// SAFETY: as the comment at the write says.
unsafe impl Sync for Column {}

/// Where a window's bits are.
#[derive(Clone, Copy)]
struct Cut {
    word: usize,
    shift: u32,
    /// The next word, or the same where nothing is needed from it.
    above: usize,
    mask: u64,
    zero: u64,
}

impl Cut {
    fn new(window: &Window) -> Self {
        let (word, shift) = (window.bit as usize / 64, window.bit % 64);
        let crosses = shift + window.width > 64 && word < 3;
        Self {
            word,
            shift,
            above: word + usize::from(crosses),
            mask: match window.highest {
                // Up to the sign.
                true => (1 << (63 - shift)) - 1,
                false => (1 << window.width) - 1,
            },
            zero: if window.highest {
                0
            } else {
                1 << (window.width - 1)
            },
        }
    }

    #[inline(always)]
    fn digit(&self, words: &[u64; 4]) -> u32 {
        // Shifting by 63 and 1 stays defined where shift is 0; the mask drops what does not belong.
        let above = words[self.above & 3] << (63 - self.shift) << 1;
        let own = words[self.word & 3] >> self.shift;
        let bits = match self.above == self.word {
            true => own,
            false => own | above,
        } & self.mask;
        let digit = bits.wrapping_sub(self.zero) as i64;
        let negative = u32::from(digit < 0) ^ (words[3] >> 63) as u32;
        match digit {
            0 => NONE,
            _ => (digit.unsigned_abs() as u32 - 1) << 1 | negative,
        }
    }
}

fn subtract(a: [u64; 4], b: [u64; 4]) -> [u64; 4] {
    let mut out = [0; 4];
    let mut borrow = false;
    for limb in 0..4 {
        let (difference, first) = a[limb].overflowing_sub(b[limb]);
        let (difference, second) = difference.overflowing_sub(u64::from(borrow));
        out[limb] = difference;
        borrow = first | second;
    }
    out
}

fn add(a: [u64; 4], b: [u64; 4]) -> [u64; 4] {
    let mut out = [0; 4];
    let mut carry = false;
    for limb in 0..4 {
        let (sum, first) = a[limb].overflowing_add(b[limb]);
        let (sum, second) = sum.overflowing_add(u64::from(carry));
        out[limb] = sum;
        carry = first | second;
    }
    out
}

/// The items of the buckets of some rounds: bucket b of the i-th of them is list `i * buckets + b`, from `starts[l]` to
/// `starts[l + 1]`. An item is `2 * (block * scalars + index) + negative`.
pub(crate) struct Sorted {
    items: Words,
    pub(crate) starts: Vec<u32>,
}

impl Sorted {
    /// All items.
    pub(crate) fn items(&self) -> &[u32] {
        self.items.get(self.starts.last().map_or(0, |end| *end as usize))
    }

    /// A counting sort by bucket, each window on its own thread. `digits` is memory, used again by the next sort.
    pub(crate) fn new(recoded: &Recoded, rounds: std::ops::Range<usize>, digits: &mut Words) -> Self {
        let plan = &recoded.plan;
        let buckets = plan.buckets();
        let count = recoded.count;
        let windows: Vec<Window> = plan.rounds[rounds.clone()].iter().flatten().copied().collect();
        let digits = digits.at_least(windows.len() * count);
        recoded.digits(&windows, digits);
        // The next free place of each bucket of each window; at first the count.
        let mut places = vec![0u32; windows.len() * buckets];
        places
            .par_chunks_mut(buckets)
            .zip(digits.par_chunks(count.max(1)))
            .for_each(|(counts, digits)| {
                for digit in digits.iter().filter(|digit| **digit != NONE) {
                    counts[(digit >> 1) as usize] += 1;
                }
            });
        let mut starts = Vec::with_capacity(rounds.len() * buckets + 1);
        let mut total = 0u32;
        let mut first = 0;
        for round in &plan.rounds[rounds] {
            for bucket in 0..buckets {
                starts.push(total);
                for window in first..first + round.len() {
                    let place = &mut places[window * buckets + bucket];
                    (*place, total) = (total, total + *place);
                }
            }
            first += round.len();
        }
        starts.push(total);
        let mut items = Words::default();
        let target = Column(items.at_least(total as usize).as_mut_ptr());
        let target = &target;
        places
            .par_chunks_mut(buckets)
            .zip(digits.par_chunks(count.max(1)))
            .zip(&windows)
            .for_each(|((places, digits), window)| {
                let first = window.block * count as u32;
                for (index, digit) in (first..).zip(digits).filter(|(_, digit)| **digit != NONE) {
                    let place = &mut places[(digit >> 1) as usize];
                    // SAFETY: counted above: the places of a window's bucket are its own and below `total`.
                    unsafe { target.0.add(*place as usize).write(index << 1 | (digit & 1)) };
                    *place += 1;
                }
            });
        Self { items, starts }
    }
}
