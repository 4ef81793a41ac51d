//! Sparse combinations of points: for each output the sum of coefficients times points. An initial key is nothing else, over
//! Lagrange bases.
//!
//! Sums of lists are what the kernels do fastest, so a product is made one: with the digits of a coefficient in
//! non-adjacent form (each 1, 0 or -1, a third of them not 0) it is a list of points out of P, 2 P, 4 P, .. and their negatives.
//! These multiples are made for a piece of the points at a time, and only of those points that have a coefficient other than
//! 1 and -1: most coefficients of a circuit are these.
//!
//! Depends on: the kernels' `sums` and `scale`. Where to go next: [`super::initialize`].

use ark_bn254::Fr;
use ark_ff::{BigInt, BigInteger, PrimeField};
use popw_kernels::{Backend, Control, Curve, G1, G2, KernelError, Lists, Scalar};

/// Points whose multiples are in memory at a time: 254 times 64 or 128 bytes each.
const PIECE: usize = 1 << 13;
/// Digits that are gathered before they are summed.
const ITEMS: usize = 1 << 24;

/// A group, with the kernels for it.
pub(crate) trait Group: Curve {
    /// The sum of each list.
    fn sums(
        backend: &dyn Backend,
        lists: Lists<'_, Self>,
        control: &Control<'_>,
    ) -> Result<Vec<u8>, KernelError>;

    /// Each point times a scalar.
    fn scale(
        backend: &dyn Backend,
        points: &[u8],
        scalar: &Scalar,
        control: &Control<'_>,
    ) -> Result<Vec<u8>, KernelError>;
}

impl Group for G1 {
    fn sums(
        backend: &dyn Backend,
        lists: Lists<'_, Self>,
        control: &Control<'_>,
    ) -> Result<Vec<u8>, KernelError> {
        backend.sums_g1(lists, control)
    }

    fn scale(
        backend: &dyn Backend,
        points: &[u8],
        scalar: &Scalar,
        control: &Control<'_>,
    ) -> Result<Vec<u8>, KernelError> {
        backend.scale_g1(points, scalar, control)
    }
}

impl Group for G2 {
    fn sums(
        backend: &dyn Backend,
        lists: Lists<'_, Self>,
        control: &Control<'_>,
    ) -> Result<Vec<u8>, KernelError> {
        backend.sums_g2(lists, control)
    }

    fn scale(
        backend: &dyn Backend,
        points: &[u8],
        scalar: &Scalar,
        control: &Control<'_>,
    ) -> Result<Vec<u8>, KernelError> {
        backend.scale_g2(points, scalar, control)
    }
}

/// A point times a coefficient, for an output.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Term {
    /// Index of the point.
    pub(crate) point: u32,
    /// Which sum it is part of.
    pub(crate) output: u32,
    /// What the point is multiplied with.
    pub(crate) coefficient: Fr,
}

/// A term as the smaller of its coefficient and the coefficient's negative.
struct Signed {
    output: u32,
    /// Counted in the piece.
    point: u32,
    magnitude: BigInt<4>,
    negative: bool,
}

impl Signed {
    fn new(term: Term, first: u32) -> Self {
        let value = term.coefficient.into_bigint();
        let negative = value > Fr::MODULUS_MINUS_ONE_DIV_TWO;
        let mut magnitude = value;
        if negative {
            magnitude = Fr::MODULUS;
            magnitude.sub_with_borrow(&value);
        }
        Self {
            output: term.output,
            point: term.point - first,
            magnitude,
            negative,
        }
    }

    fn is_one(&self) -> bool {
        self.magnitude == BigInt::one()
    }

    /// The digits in non-adjacent form that are not 0: place, and whether the digit is -1. Below 2^253, so that three times
    /// it fits. (The digits of x are those of (3 x - x) / 2 where 3 x and x differ: Reitwiesner 1960.)
    fn digits(&self) -> impl Iterator<Item = (u32, bool)> {
        let x = self.magnitude;
        let mut triple = x;
        triple.mul2();
        triple.add_with_carry(&x);
        let negative = self.negative;
        (1..256_u32).filter_map(move |bit| {
            let (in_triple, in_x) = (triple.get_bit(bit as usize), x.get_bit(bit as usize));
            (in_triple != in_x).then_some((bit - 1, in_x != negative))
        })
    }
}

/// Points, and for those that need them their doubles, doubles of doubles, and so on.
struct Multiples {
    bytes: Vec<u8>,
    /// How many points there are.
    points: usize,
    /// Of each point its place among those that are doubled.
    places: Vec<usize>,
    /// How many are doubled.
    doubled: usize,
}

impl Multiples {
    fn new<C: Group>(
        backend: &dyn Backend,
        points: &[u8],
        terms: &[Signed],
        control: &Control<'_>,
    ) -> Result<Self, KernelError> {
        let count = points.len() / C::POINT_BYTES;
        let mut needs = vec![false; count];
        let mut highest = 0;
        for term in terms.iter().filter(|term| !term.is_one()) {
            needs[term.point as usize] = true;
            highest = term
                .digits()
                .map(|(bit, _)| bit)
                .last()
                .max(Some(highest))
                .unwrap_or(0);
        }
        let mut places = vec![0; count];
        let mut last = Vec::new();
        let (mut bytes, mut doubled) = (points.to_vec(), 0);
        for (index, point) in points.chunks_exact(C::POINT_BYTES).enumerate() {
            if needs[index] {
                places[index] = doubled;
                doubled += 1;
                last.extend_from_slice(point);
            }
        }
        bytes.reserve(highest as usize * last.len());
        for _ in 0..highest {
            last = C::scale(backend, &last, &BigInt::from(2_u64), control)?;
            bytes.extend_from_slice(&last);
        }
        Ok(Self {
            bytes,
            points: count,
            places,
            doubled,
        })
    }

    /// Index of a point times 2^bit.
    fn index(&self, point: u32, bit: u32) -> usize {
        match bit {
            0 => point as usize,
            bit => self.points + (bit as usize - 1) * self.doubled + self.places[point as usize],
        }
    }
}

/// Indices are of things in memory, fewer than 2^31 by the limits of the formats and of [`PIECE`] and [`ITEMS`].
pub(super) fn narrow(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}

/// The sum of each output, as a key stores points. `terms` ascend by point; points may be infinity.
///
/// # Errors
/// If the caller cancels.
pub(crate) fn combine<C: Group>(
    backend: &dyn Backend,
    points: &[u8],
    outputs: usize,
    terms: impl Iterator<Item = Term>,
    control: &Control<'_>,
) -> Result<Vec<u8>, KernelError> {
    let part = control.within();
    let pieces = points.len().div_ceil(PIECE * C::POINT_BYTES).max(1);
    let mut terms = terms.peekable();
    let (mut sums, mut owners) = (Vec::new(), Vec::new());
    for (number, points) in points.chunks(PIECE * C::POINT_BYTES).enumerate() {
        let (first, end) = (narrow(number * PIECE), narrow((number + 1) * PIECE));
        let mut piece: Vec<Signed> = std::iter::from_fn(|| {
            terms
                .next_if(|term| term.point < end)
                .map(|term| Signed::new(term, first))
        })
        .collect();
        piece.sort_unstable_by_key(|term| term.output);
        let multiples = Multiples::new::<C>(backend, points, &piece, &part)?;
        let (mut items, mut starts) = (Vec::new(), vec![0]);
        let mut add_up = |items: &mut Vec<u32>, starts: &mut Vec<u32>| {
            let lists = Lists::new(&multiples.bytes, items, starts)?;
            sums.extend(C::sums(backend, lists, &part)?);
            items.clear();
            starts.truncate(1);
            Ok::<_, KernelError>(())
        };
        for term in &piece {
            // An output may get several sums: because it has terms in several pieces, or because the items were many.
            if owners.last() != Some(&term.output) || starts.len() == 1 || items.len() > ITEMS {
                if items.len() > ITEMS {
                    add_up(&mut items, &mut starts)?;
                }
                owners.push(term.output);
                starts.push(narrow(items.len()));
            }
            items.extend(
                term.digits().map(|(bit, negative)| {
                    2 * narrow(multiples.index(term.point, bit)) + u32::from(negative)
                }),
            );
            if let Some(end) = starts.last_mut() {
                *end = narrow(items.len());
            }
        }
        add_up(&mut items, &mut starts)?;
        control.advance(1.0 / pieces as f64);
    }
    let (items, starts) = by_output(&owners, outputs);
    C::sums(backend, Lists::new(&sums, &items, &starts)?, &part)
}

/// The list of the sums of each output: a counting sort.
fn by_output(owners: &[u32], outputs: usize) -> (Vec<u32>, Vec<u32>) {
    let mut starts = vec![0; outputs + 1];
    for owner in owners {
        starts[*owner as usize + 1] += 1;
    }
    for output in 0..outputs {
        starts[output + 1] += starts[output];
    }
    let mut next = starts.clone();
    let mut items = vec![0; owners.len()];
    for (index, owner) in owners.iter().enumerate() {
        let place = &mut next[*owner as usize];
        items[*place as usize] = 2 * narrow(index);
        *place += 1;
    }
    (items, starts)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that fails shall stop")]

    use super::{Group, PIECE, Term, combine};
    use ark_bn254::Fr;
    use ark_ec::{CurveGroup, PrimeGroup};
    use ark_ff::{AdditiveGroup, Field, UniformRand};
    use popw_kernels::backend::available;
    use popw_kernels::{CancelToken, Control, G1, G2};
    use rand_chacha::ChaCha20Rng;
    use rand_chacha::rand_core::{RngCore, SeedableRng};

    fn agrees<C: Group>(points: u32, outputs: u32, terms_per_point: u32) {
        let mut rng = ChaCha20Rng::seed_from_u64(u64::from(points));
        let start = C::Projective::rand(&mut rng);
        let generator = C::Projective::generator();
        let bases: Vec<C::Projective> = (0..points)
            .scan(start, |last, index| {
                *last += generator;
                Some(if index == 3 {
                    C::Projective::default()
                } else {
                    *last
                })
            })
            .collect();
        let affine = C::Projective::normalize_batch(&bases);
        let mut bytes = vec![0; affine.len() * C::POINT_BYTES];
        for (bytes, point) in bytes.chunks_exact_mut(C::POINT_BYTES).zip(&affine) {
            C::write(point, bytes);
        }
        let minus_one = -Fr::ONE;
        let terms: Vec<Term> = (0..points * terms_per_point)
            .map(|index| Term {
                point: index / terms_per_point,
                output: rng.next_u32() % outputs,
                coefficient: match rng.next_u32() % 12 {
                    0..4 => Fr::ONE,
                    4..7 => minus_one,
                    7 => Fr::from(2_u64).pow([rng.next_u64() % 254]),
                    8 => Fr::ZERO,
                    9 => Fr::from(rng.next_u32() % 9),
                    10 => minus_one.double() * Fr::from(rng.next_u32()),
                    _ => Fr::rand(&mut rng),
                },
            })
            .collect();
        let mut expected = vec![C::Projective::default(); outputs as usize];
        for term in &terms {
            expected[term.output as usize] += bases[term.point as usize] * term.coefficient;
        }
        let expected = C::Projective::normalize_batch(&expected);
        let token = CancelToken::new();
        for backend in available() {
            if backend.name() == "reference" && points > 100 {
                continue;
            }
            let control = Control::silent(&token);
            let sums = combine::<C>(
                backend.as_ref(),
                &bytes,
                outputs as usize,
                terms.iter().copied(),
                &control,
            )
            .unwrap();
            let sums: Vec<C::Affine> = sums.chunks_exact(C::POINT_BYTES).map(C::read).collect();
            assert!(sums == expected, "{} {points} points", backend.name());
        }
    }

    #[test]
    fn sums_of_products() {
        agrees::<G1>(40, 10, 3);
        agrees::<G2>(20, 30, 2);
        agrees::<G1>(1, 1, 1);
        let more_than_a_piece = u32::try_from(PIECE).unwrap() + 10;
        agrees::<G1>(more_than_a_piece, 100, 1);
    }
}
