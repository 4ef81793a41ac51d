//! [`Octet`]: eight elements of the scalar field, what the transforms compute with.
//!
//! Where to go next: `ifma.rs` and `portable.rs`, the two kinds.

use super::shared::Packed;
use crate::field::modulus::Order;

/// The prime of the transforms.
pub(crate) type Prime = Order;

/// Eight elements side by side, in Montgomery form x R, below a multiple of the prime.
///
/// What the multiple may be is counted in units of the prime ([`Self::LIMIT`], [`Self::GROWTH`], [`Self::SCALED`],
/// [`Self::LOADED`]): the transforms add it up and settle before it is too much. Derivations: `kernels/docs/ntt.md`.
pub(crate) trait Octet: Copy + Send + Sync + 'static {
    /// R = 2^RADIX.
    const RADIX: u32;
    /// No element may be this many primes or more.
    const LIMIT: u32;
    /// What a butterfly adds to the bound of its first operand, at most.
    const GROWTH: u32;
    /// The bound of [`Self::load`], and of a product of two loaded octets.
    const LOADED: u32;
    /// The bound of a product by an element of a [`series`](Self::series), packed or not.
    const SCALED: u32;
    /// The bound of [`Self::settle`], packed or not.
    const SETTLED: u32;

    /// A constant to multiply by, the same for all eight, prepared so that a product costs little more than its limbs.
    type Factor: Copy + Send + Sync;

    /// Eight elements in 256 bytes of integers: as a matrix keeps them between the passes, or as memory has them.
    type Packed: Packed;

    /// From eight elements as memory has them, one after the other: x 2^256 below the prime.
    fn load(elements: Self::Packed) -> Self;
    /// Zeros.
    fn zero() -> Self;
    /// What is held, x R or what scaling has made of it, as numbers below the prime, one after the other.
    fn numbers(self) -> Self::Packed;
    /// `self * other`, in Montgomery form.
    fn mul(self, other: Self) -> Self;
    /// `self * multiplier`, an element of a series, packed.
    fn mul_packed(self, multiplier: Self) -> Self::Packed;
    /// Settled and packed.
    fn pack(self) -> Self::Packed;
    /// The inverse of packing.
    fn unpack(packed: Self::Packed) -> Self;
    /// The numbers `x y - z`, one after the other, of octets that hold x sqrt(R), y sqrt(R), z sqrt(R).
    fn numerator(a: Self, b: Self, c: Self) -> Self::Packed;
    /// The same elements, below [`Self::SETTLED`] primes.
    fn settle(self) -> Self;
    /// `a + f b` and `a - f b`.
    fn butterfly(a: Self, b: Self, f: &Self::Factor) -> (Self, Self);
    /// `a + b` and `a - b`.
    fn sum_and_difference(a: Self, b: Self) -> (Self, Self);
    /// Each element as a factor.
    fn factors(self) -> [Self::Factor; 8];
    /// `out[i] = start * ratio^i`, lane by lane.
    fn series(start: Self, ratio: Self, out: &mut [Self]);
    /// Element j of octet i becomes element i of octet j.
    fn transpose(rows: [Self::Packed; 8]) -> [Self::Packed; 8];

    /// `left * right`, all as memory has them.
    fn multiply(left: Self::Packed, right: Self::Packed) -> Self::Packed;
    /// The canonical integers of elements as memory has them, one after the other.
    fn canonical(elements: Self::Packed) -> Self::Packed;
}
