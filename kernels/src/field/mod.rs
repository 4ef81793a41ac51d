//! Field elements side by side: what the generic algorithms of this crate compute with.
//!
//! | type | lanes | limbs | where |
//! |---|---|---|---|
//! | [`portable::Lane`] | 1 | 4 of 64 bits, Montgomery R = 2^256 | everywhere |
//! | [`ifma::Lanes`] | 8 | 5 of 52 bits, Montgomery R = 2^260 | x86-64 with AVX-512 IFMA |
//! | [`quadratic::Quadratic`] | as below it | a pair | the second group, over either |
//!
//! Elements are kept below a small multiple of the prime, not below the prime; the multiple is a law of each type, and a
//! difference is a type of its own ([`Field::Loose`]) that can only be multiplied. The bounds are derived in
//! `kernels/docs/bounds.md`.
//!
//! An algorithm is written once, over [`Field`], in functions that are inlined into one function per instruction set
//! ([`Arch::run`]): that is why everything here is `inline(always)`.

#[cfg(target_arch = "x86_64")]
pub(crate) mod ifma;
pub(crate) mod inverse;
pub(crate) mod modulus;
pub(crate) mod portable;
pub(crate) mod quadratic;
#[cfg(test)]
mod tests;

/// One bit per lane.
pub(crate) type Mask = u8;

/// Several elements of one field, each operation on all lanes at once.
///
/// `Self` holds elements as they may be stored, added and subtracted; the functions accept and give this and no more.
pub(crate) trait Field: Copy + Send + Sync + 'static {
    /// Elements side by side; at most 8.
    const LANES: usize;
    /// Bytes of an element in a key.
    const BYTES: usize;
    /// One lane, as arkworks has it.
    type Scalar: ark_ff::Field;
    /// A difference or a small multiple, fit for one multiplication only.
    type Loose: Copy;

    /// One in every lane.
    fn one() -> Self;
    /// `self * other`.
    fn mul(self, other: Self) -> Self;
    /// `self * other`.
    fn mul_loose(self, other: Self::Loose) -> Self;
    /// `self^2`.
    fn square(self) -> Self;
    /// `self - other`.
    fn sub(self, other: Self) -> Self::Loose;
    /// `self - other`, fit for storage.
    fn sub_reduced(self, other: Self) -> Self;
    /// `self - (a + b)`, fit for storage.
    fn sub_sum(self, a: Self, b: Self) -> Self;
    /// `self + self`.
    fn double(self) -> Self::Loose;
    /// `3 self`, fit for storage.
    fn triple(self) -> Self;
    /// The negative in the lanes of `mask`.
    fn negate_where(self, mask: Mask) -> Self;
    /// Lanes that are zero modulo the prime.
    fn zero_lanes(value: Self::Loose) -> Mask;
    /// A stored element where a difference is expected.
    fn loose(self) -> Self::Loose;
    /// `a` in the lanes of `mask`, `b` in the others.
    fn select(mask: Mask, a: Self::Loose, b: Self::Loose) -> Self::Loose;
    /// Lane `index`.
    fn lane(self, index: usize) -> Self::Scalar;
    /// One over a lane; `None` for zero.
    fn invert_lane(value: Self::Scalar) -> Option<Self::Scalar>;
    /// `value` in every lane.
    fn splat(value: Self::Scalar) -> Self;
    /// Lane i becomes lane i xor `distance`, which is 1, 2 or 4 and below [`Self::LANES`].
    fn swap_lanes(self, distance: usize) -> Self;
    /// Lane `from` also in the lanes of `to`.
    fn copy_lane(self, from: usize, to: Mask) -> Self;

    /// Reads a coordinate pair of each lane: x and y of `points[lane]`, as a key stores them.
    ///
    /// # Safety
    /// Each pointer must be good for reading `2 * BYTES` bytes; of the array the first [`Self::LANES`] are used.
    unsafe fn load_points(points: &[*const u8; 8]) -> (Self, Self);
    /// Writes x and y of each lane as a key stores them.
    ///
    /// # Safety
    /// Each pointer must be good for writing `2 * BYTES` bytes; of the array the first [`Self::LANES`] are used.
    unsafe fn store_points(x: Self, y: Self, points: &[*mut u8; 8]);
}

/// A field that [`quadratic::Quadratic`] extends by a square root of -1.
pub(crate) trait BaseField: Field {
    /// `(a0 + a1 i)(b0 + b1 i)`.
    fn mul_complex(a: [Self; 2], b: [Self::Loose; 2]) -> [Self; 2];
    /// `(a0 + a1 i)^2`.
    fn square_complex(a: [Self; 2]) -> [Self; 2];
}

/// An instruction set: which types compute, and how to enter code that uses it.
pub(crate) trait Arch: Copy + Send + Sync + 'static {
    /// The name of its backend.
    const NAME: &'static str;
    /// Coordinates of the first group.
    type Fq: Field<Scalar = ark_bn254::Fq>;
    /// Coordinates of the second group.
    type Fq2: Field<Scalar = ark_bn254::Fq2>;
    /// Scalars, for the transforms.
    type Octet: crate::ntt::Octet;
    /// Runs a task in a function that is compiled for the instruction set. `Task::run` is inlined into it.
    fn run<T: Task>(self, task: T) -> T::Output;
}

/// Work that is compiled once for each [`Arch`].
pub(crate) trait Task {
    /// What it leads to.
    type Output;
    /// The work; implementations are `#[inline(always)]`.
    fn run(self) -> Self::Output;
}
