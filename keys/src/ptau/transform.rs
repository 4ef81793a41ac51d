//! Fourier transforms of points; and Lagrange levels out of powers: inverse transforms, one for each level.
//!
//! The usual transform of radix 2, decimation in time: bits of the index reversed, then for k = 1, 2, ... butterflies
//! (a, b) -> (a + w b, a - w b) over blocks of 2^k points, w a power of the inverse 2^k-th root. All levels go through the same
//! step together, so that small levels do not wait for each other. 1/n comes in front: each level is one multiple of all
//! its points. [`transform`] is the same step for one transform with any root.
//!
//! Depends on: [`crate::ceremony`]'s combinations. Where to go next: `levels`, which checks what comes out.

use crate::ceremony::combine::{Group, Term, combine};
use ark_bn254::Fr;
use ark_ff::{FftField, Field, PrimeField};
use popw_kernels::{Backend, Control, KernelError, Lists};

/// Butterflies that are computed in one go: their points' multiples lie in memory meanwhile, 254 each.
const PIECE: usize = 1 << 13;

/// A butterfly: two points, and the factor of the second.
struct Butterfly {
    left: usize,
    right: usize,
    factor: Fr,
}

/// The levels `0..=top` of the points, one after the other. If there are fewer than 2^top points, the rest is infinity.
pub(super) fn levels<C: Group>(
    backend: &dyn Backend,
    points: &[u8],
    top: u32,
    control: &Control<'_>,
) -> Result<Vec<u8>, KernelError> {
    let part = control.within();
    let mut work = Vec::with_capacity(((2_usize << top) - 1) * C::POINT_BYTES);
    for level in 0..=top {
        let permuted = bit_reversed::<C>(points, level);
        let size = Fr::from(1_u64 << level).inverse().unwrap_or_default();
        work.extend(C::scale(backend, &permuted, &size.into_bigint(), &part)?);
    }
    for step in 1..=top {
        let root = Fr::get_root_of_unity(1 << step).and_then(|root| root.inverse());
        // Level l begins at point 2^l - 1.
        let begins = (step..=top).flat_map(|level| ((1 << level) - 1..(2 << level) - 1).step_by(1 << step));
        let butterflies = butterflies(step, root.unwrap_or_default(), begins);
        apply_all::<C>(backend, &mut work, butterflies, &part)?;
        control.advance(1.0 / f64::from(top));
    }
    Ok(work)
}

/// One transform: entry j is the sum of `root`^(ij) times point i. There are as many points as the order of `root`, a power
/// of two.
pub(crate) fn transform<C: Group>(
    backend: &dyn Backend,
    points: &[u8],
    root: Fr,
    control: &Control<'_>,
) -> Result<Vec<u8>, KernelError> {
    let part = control.within();
    let size = points.len() / C::POINT_BYTES;
    let top = size.checked_ilog2().unwrap_or_default();
    let mut work = bit_reversed::<C>(points, top);
    for step in 1..=top {
        let root = root.pow([1 << (top - step)]);
        let butterflies = butterflies(step, root, (0..size).step_by(1 << step));
        apply_all::<C>(backend, &mut work, butterflies, &part)?;
        control.advance(1.0 / f64::from(top));
    }
    Ok(work)
}

/// The first 2^level points, with the bits of their indices reversed.
fn bit_reversed<C: Group>(points: &[u8], level: u32) -> Vec<u8> {
    let mut out = vec![0; C::POINT_BYTES << level];
    let points = points.chunks_exact(C::POINT_BYTES).take(1 << level);
    for (index, point) in points.enumerate() {
        // Level 0 has one point, and no bits to shift out of a word.
        let place = match level {
            0 => 0,
            level => index.reverse_bits() >> (usize::BITS - level),
        };
        if let Some(out) = out.chunks_exact_mut(C::POINT_BYTES).nth(place) {
            out.copy_from_slice(point);
        }
    }
    out
}

/// The butterflies of one step, in the blocks of 2^step points that begin here.
fn butterflies(step: u32, root: Fr, begins: impl Iterator<Item = usize>) -> impl Iterator<Item = Butterfly> {
    let half = 1_usize << (step - 1);
    let factors: Vec<Fr> = std::iter::successors(Some(Fr::ONE), |factor| Some(*factor * root))
        .take(half)
        .collect();
    begins
        .flat_map(move |block| (0..half).map(move |index| (block + index, index)))
        .map(move |(left, index)| Butterfly {
            left,
            right: left + half,
            factor: factors.get(index).copied().unwrap_or_default(),
        })
}

/// Computes the butterflies of one step in place, some at a time.
fn apply_all<C: Group>(
    backend: &dyn Backend,
    work: &mut [u8],
    mut butterflies: impl Iterator<Item = Butterfly>,
    control: &Control<'_>,
) -> Result<(), KernelError> {
    loop {
        let some: Vec<Butterfly> = butterflies.by_ref().take(PIECE).collect();
        if some.is_empty() {
            return Ok(());
        }
        apply::<C>(backend, work, &some, control)?;
    }
}

/// Computes butterflies in place; no two share a point.
fn apply<C: Group>(
    backend: &dyn Backend,
    work: &mut [u8],
    butterflies: &[Butterfly],
    control: &Control<'_>,
) -> Result<(), KernelError> {
    let size = C::POINT_BYTES;
    let rights = gather(work, size, butterflies.iter().map(|one| one.right));
    let terms = (0..).zip(butterflies).map(|(place, one)| Term {
        point: place,
        output: place,
        coefficient: one.factor,
    });
    let scaled = combine::<C>(backend, &rights, butterflies.len(), terms, control)?;
    let mut operands = gather(work, size, butterflies.iter().map(|one| one.left));
    operands.extend(scaled);
    // Fewer than 2^31, by PIECE.
    let count = u32::try_from(butterflies.len()).unwrap_or(u32::MAX);
    let sums = (0..count).flat_map(|place| [2 * place, 2 * (count + place)]);
    let differences = (0..count).flat_map(|place| [2 * place, 2 * (count + place) + 1]);
    let items: Vec<u32> = sums.chain(differences).collect();
    let starts: Vec<u32> = (0..=2 * count).map(|list| 2 * list).collect();
    let results = C::sums(backend, Lists::new(&operands, &items, &starts)?, control)?;
    let (sums, differences) = results.split_at(butterflies.len() * size);
    let pairs = sums.chunks_exact(size).zip(differences.chunks_exact(size));
    for (one, (sum, difference)) in butterflies.iter().zip(pairs) {
        for (index, point) in [(one.left, sum), (one.right, difference)] {
            if let Some(place) = work.get_mut(index * size..(index + 1) * size) {
                place.copy_from_slice(point);
            }
        }
    }
    Ok(())
}

/// Points out of their places.
fn gather(work: &[u8], size: usize, places: impl ExactSizeIterator<Item = usize>) -> Vec<u8> {
    let mut points = Vec::with_capacity(places.len() * size);
    for place in places {
        points.extend_from_slice(work.get(place * size..(place + 1) * size).unwrap_or_default());
    }
    points
}
