//! Number-theoretic transforms over the scalar field, and the numerator of Groth16's quotient.
//!
//! | module | what it is for |
//! |---|---|
//! | `octet.rs` | `Octet`, eight elements side by side, in one of two kinds: `ifma.rs`, `portable.rs` |
//! | `shared.rs` | memory that tasks share, and how they are spread over threads |
//! | `sweeps.rs` | the transform of one row or column in the cache, eight at once |
//! | `mod.rs` | large transforms as rows and columns, and everything that uses them |
//!
//! A transform of n = R C values, index i = C i1 + i0 on one side and j = j1 + R j0 on the other (i0, j0 < C, i1, j1 < R), is
//! (Gentleman, Sande 1966; Bailey 1990): R-point transforms of the C columns, a multiplication by w^(i0 j1), C-point transforms of
//! the R rows. Both orders are natural: what would be a bit reversal is where a row or a column is written to. Only tables of R and
//! C roots are kept; the multipliers between the passes are geometric series, computed where they are used.
//!
//! Bounds: `kernels/docs/ntt.md`. Depends on `field`, and on rayon.

#[cfg(target_arch = "x86_64")]
pub(crate) mod ifma;
mod octet;
pub(crate) mod portable;
mod shared;
mod sweeps;
#[cfg(test)]
mod tests;

pub(crate) use octet::Octet;

use crate::backend::{Backend, KernelError, Rows, Scalar, Transform};
use crate::control::Control;
use crate::field::{Arch, Task};
use crate::reference::Reference;
use ark_bn254::Fr;
use ark_ff::{FftField, Field};
use rayon::prelude::*;
use shared::{Memory, Shared, pack, scalars, spread};
use std::array::from_fn;
use sweeps::{Roots, Tree, mirror, powers};

/// Below this many values the reference is as good.
const SMALLEST: usize = 64;

/// Rows that are asked for at once, at most.
const CHUNK: usize = 1 << 8;

/// A transform's size, cut into rows and columns; both are at least 8.
#[derive(Clone, Copy)]
struct Shape {
    rows: usize,
    columns: usize,
}

impl Shape {
    fn new(size: usize) -> Self {
        let bits = size.trailing_zeros();
        Self {
            rows: 1 << (bits / 2),
            columns: 1 << (bits - bits / 2),
        }
    }

    /// Octets of a row.
    fn width(self) -> usize {
        self.columns / 8
    }

    /// Where a matrix keeps the octet of a row and a column (of octets): column after column. A column is then one piece of memory,
    /// and eight rows are pieces of 2048 bytes; in the usual order, the strides would all fall into the same sets of a cache.
    #[inline(always)]
    fn place(self, row: usize, column: usize) -> usize {
        column * self.rows + row
    }
}

/// 2^exponent, in the field.
fn power_of_two(exponent: i64) -> Fr {
    let base = Fr::from(2u64).pow([exponent.unsigned_abs()]);
    match exponent < 0 {
        true => base.inverse().unwrap_or_default(),
        false => base,
    }
}

/// The first pass of a transform: a column of octets.
struct FirstColumn<'a, V: Octet> {
    values: Shared<'a>,
    matrix: Shared<'a>,
    shape: Shape,
    column: usize,
    tree: Tree,
    roots: &'a Roots<V>,
    scratch: &'a mut [V],
}

impl<V: Octet> Task for FirstColumn<'_, V> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for (row, value) in self.scratch.iter_mut().enumerate() {
            // SAFETY: tasks have columns of their own.
            *value = V::load(unsafe { self.values.read(row * self.shape.width() + self.column) });
        }
        sweeps::transform(self.scratch, self.tree, self.roots, V::LOADED);
        put_column(self.scratch, self.matrix, self.shape, self.column);
    }
}

/// A transformed column into its place; tasks have columns of their own.
#[inline(always)]
fn put_column<V: Octet>(values: &[V], matrix: Shared<'_>, shape: Shape, column: usize) {
    let bits = values.len().trailing_zeros();
    for (place, value) in values.iter().enumerate() {
        // SAFETY: as said.
        unsafe { matrix.write(shape.place(mirror(place, bits), column), value.pack()) };
    }
}

/// Eight rows `8 block ..`, out of octets of columns into octets of rows, each column times its multiplier.
#[inline(always)]
fn gather<V: Octet>(matrix: Shared<'_>, shape: Shape, block: usize, multipliers: &[V], rows: &mut [V]) {
    for (column, (rows, multipliers)) in rows
        .chunks_exact_mut(8)
        .zip(multipliers.chunks_exact(8))
        .enumerate()
    {
        for i in 0..8 {
            // What is read in two rounds: the products between are too many for the processor to look so far ahead.
            matrix.prefetch(shape.place(8 * block + i, column + 2));
        }
        // SAFETY: tasks have rows of their own.
        let eight = from_fn(|i| unsafe { matrix.read(shape.place(8 * block + i, column)) });
        let eight = V::transpose(eight);
        for i in 0..8 {
            rows[i] = V::unpack(eight[i]).mul(multipliers[i]);
        }
    }
}

/// `start(lane) * ratio(lane)^i` for the rows `8 block ..`.
struct Multipliers<'a, V> {
    start: [Fr; 8],
    ratio: [Fr; 8],
    out: &'a mut [V],
}

impl<V: Octet> Task for Multipliers<'_, V> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        V::series(V::load(pack(self.start)), V::load(pack(self.ratio)), self.out);
    }
}

/// The second pass of a transform.
struct LastRows<'a, V: Octet> {
    matrix: Shared<'a>,
    block: usize,
    roots: &'a Roots<V>,
    multipliers: &'a [V],
    scratch: &'a mut [V],
    values: Shared<'a>,
    shape: Shape,
}

impl<V: Octet> Task for LastRows<'_, V> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let bits = self.scratch.len().trailing_zeros();
        gather(
            self.matrix,
            self.shape,
            self.block,
            self.multipliers,
            self.scratch,
        );
        sweeps::transform(self.scratch, Tree::Even, self.roots, V::SCALED);
        for (place, value) in self.scratch.iter().enumerate() {
            let index = mirror(place, bits) * (self.shape.rows / 8) + self.block;
            // SAFETY: tasks have rows of their own, which are columns of the result. Numbers below the prime are elements.
            unsafe { self.values.write(index, value.numbers()) };
        }
    }
}

/// A transform in place, natural order on both sides; see [`Backend::ntt`]. What a cancelled call leaves is of no use.
pub(crate) fn transform<A: Arch>(
    arch: A,
    values: &mut [Fr],
    transform: Transform,
    control: &Control<'_>,
) -> Result<(), KernelError> {
    let size = values.len();
    if size < SMALLEST {
        return Reference.ntt(values, transform, control);
    }
    let error = || KernelError::Domain { got: size };
    if !size.is_power_of_two() {
        return Err(error());
    }
    let shape = Shape::new(size);
    let (tree, inverse) = match transform {
        Transform::Forward => (Tree::Even, false),
        Transform::Inverse => (Tree::Even, true),
        Transform::OddCoset => (Tree::Odd, false),
    };
    let mut root = Fr::get_root_of_unity(size as u64).ok_or_else(error)?;
    // Between the passes row j1 is multiplied by w^(i0 j1), or u^(i0 (2 j1 + 1)).
    let mut shift = Fr::from(1u64);
    // An octet's form comes in, arkworks' form goes out.
    let mut factor = power_of_two(256 - i64::from(A::Octet::RADIX));
    if inverse {
        root = root.inverse().ok_or_else(error)?;
        factor *= Fr::from(size as u64).inverse().ok_or_else(error)?;
    }
    if tree == Tree::Odd {
        shift = Fr::get_root_of_unity(2 * size as u64).ok_or_else(error)?;
    }
    let column_roots = Roots::new(arch, shape.rows, tree, inverse).ok_or_else(error)?;
    let row_roots = Roots::new(arch, shape.columns, Tree::Even, inverse).ok_or_else(error)?;
    let ratios = powers(root, shape.rows);

    let mut memory = Memory::new(size);
    let matrix = memory.shared();
    let values = Shared::new(values);
    let part = 0.5 / shape.width() as f64;
    spread(
        shape.width(),
        control,
        || vec![A::Octet::zero(); shape.rows],
        |scratch, column| {
            arch.run(FirstColumn {
                values,
                matrix,
                shape,
                column,
                tree,
                roots: &column_roots,
                scratch,
            });
            control.advance(part);
        },
    )?;
    let part = 0.5 / (shape.rows / 8) as f64;
    spread(
        shape.rows / 8,
        control,
        || [(); 2].map(|()| vec![A::Octet::zero(); shape.columns]),
        |[multipliers, scratch], block| {
            arch.run(Multipliers {
                start: [factor; 8],
                ratio: from_fn(|lane| ratios[8 * block + lane] * shift),
                out: multipliers,
            });
            arch.run(LastRows {
                matrix,
                block,
                roots: &row_roots,
                multipliers,
                scratch,
                values,
                shape,
            });
            control.advance(part);
        },
    )
}

/// The first pass of a quotient: a column of two matrices of elements and of their products to three.
struct FirstColumns<'a, V: Octet> {
    matrices: [Shared<'a>; 3],
    column: usize,
    shape: Shape,
    roots: &'a Roots<V>,
    scratch: &'a mut [Vec<V>; 3],
}

impl<V: Octet> Task for FirstColumns<'_, V> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let [a, b, c] = self.scratch.each_mut();
        for (row, ((a, b), c)) in a.iter_mut().zip(b).zip(c).enumerate() {
            let index = self.shape.place(row, self.column);
            // SAFETY: tasks have columns of their own.
            unsafe {
                *a = V::load(self.matrices[0].read(index));
                *b = V::load(self.matrices[1].read(index));
            }
            *c = a.mul(*b);
        }
        for (values, matrix) in self.scratch.iter_mut().zip(self.matrices) {
            sweeps::transform(values, Tree::Even, self.roots, V::LOADED);
            put_column(values, matrix, self.shape, self.column);
        }
    }
}

/// The middle pass of a quotient: eight rows to coefficients and to their values on the odd coset.
struct MiddleRows<'a, V: Octet> {
    matrix: Shared<'a>,
    shape: Shape,
    block: usize,
    inverse_roots: &'a Roots<V>,
    odd_roots: &'a Roots<V>,
    /// Before and after.
    multipliers: [&'a [V]; 2],
    scratch: [&'a mut [V]; 2],
}

impl<V: Octet> Task for MiddleRows<'_, V> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let [values, coefficients] = self.scratch;
        let bits = values.len().trailing_zeros();
        gather(self.matrix, self.shape, self.block, self.multipliers[0], values);
        sweeps::transform(values, Tree::Even, self.inverse_roots, V::SCALED);
        for (place, value) in values.iter().enumerate() {
            coefficients[mirror(place, bits)] = value.settle();
        }
        sweeps::transform(coefficients, Tree::Odd, self.odd_roots, V::SETTLED);
        for column in 0..self.shape.width() {
            // No closure here: it would be a function of its own, without the instruction set.
            let mut eight = [V::zero().pack(); 8];
            for i in 0..8 {
                let place = 8 * column + i;
                eight[i] = coefficients[mirror(place, bits)].mul_packed(self.multipliers[1][place]);
            }
            let eight = V::transpose(eight);
            for i in 0..8 {
                // SAFETY: tasks have rows of their own.
                unsafe {
                    self.matrix
                        .write(self.shape.place(8 * self.block + i, column), eight[i])
                };
            }
        }
    }
}

/// The last pass of a quotient: a column of each matrix, and of the result.
struct LastColumn<'a, V: Octet> {
    matrices: [Shared<'a>; 3],
    column: usize,
    shape: Shape,
    roots: &'a Roots<V>,
    scratch: &'a mut [Vec<V>; 3],
    result: Shared<'a>,
}

impl<V: Octet> Task for LastColumn<'_, V> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for (matrix, scratch) in self.matrices.into_iter().zip(self.scratch.iter_mut()) {
            for (row, value) in scratch.iter_mut().enumerate() {
                // SAFETY: tasks have columns of their own.
                *value = V::unpack(unsafe { matrix.read(self.shape.place(row, self.column)) });
            }
            sweeps::transform(scratch, Tree::Even, self.roots, V::SCALED);
        }
        let [a, b, c] = self.scratch;
        let bits = a.len().trailing_zeros();
        for place in 0..a.len() {
            let index = mirror(place, bits) * self.shape.width() + self.column;
            let numbers = V::numerator(a[place], b[place], c[place]);
            // SAFETY: as above.
            unsafe { self.result.write(index, numbers) };
        }
    }
}

/// The numerator of Groth16's quotient on the odd coset; see [`Backend::quotient`].
///
/// Three passes over three matrices: columns and rows to coefficients and on to the odd coset; columns to
/// values there, which are multiplied in the cache and never written back.
pub(crate) fn quotient<A: Arch>(
    arch: A,
    size: usize,
    rows: &Rows<'_>,
    control: &Control<'_>,
) -> Result<Vec<Scalar>, KernelError> {
    if size < SMALLEST {
        return Reference.quotient(size, rows, control);
    }
    let error = || KernelError::Domain { got: size };
    if !size.is_power_of_two() {
        return Err(error());
    }
    control.check()?;
    let shape = Shape::new(size);
    let root = Fr::get_root_of_unity(size as u64).ok_or_else(error)?;
    let shift = Fr::get_root_of_unity(2 * size as u64).ok_or_else(error)?;
    let inverse_root = root.inverse().ok_or_else(error)?;
    // 1/n, and 1/sqrt(R) for the last step: see Octet::numerator.
    let factor =
        power_of_two(-i64::from(A::Octet::RADIX / 2)) * power_of_two(-i64::from(size.trailing_zeros()));

    let inverse_roots = Roots::new(arch, shape.columns, Tree::Even, true).ok_or_else(error)?;
    // The odd tree's table has all that the even tree of the columns needs.
    let odd_roots = Roots::new(arch, shape.columns, Tree::Odd, false).ok_or_else(error)?;
    let inverse_ratios = powers(inverse_root, shape.rows);
    let shifts = powers(shift, shape.rows);

    let mut memory: [Memory; 3] = from_fn(|_| Memory::new(size));
    let matrices = memory.each_mut().map(Memory::shared);

    let chunk = CHUNK.min(shape.columns);
    let chunks = shape.columns / chunk;
    let part = 0.1 / (shape.rows / 8 * chunks) as f64;
    spread(
        shape.rows / 8 * chunks,
        control,
        || [(); 2].map(|()| vec![Fr::default(); 8 * chunk]),
        |values, index| {
            // A part of eight rows, so that the octets of a column are written together.
            let (block, first) = (index / chunks * 8, index % chunks * chunk);
            let [a, b] = values;
            for (row, (a, b)) in a
                .chunks_exact_mut(chunk)
                .zip(b.chunks_exact_mut(chunk))
                .enumerate()
            {
                let start = (block + row) * shape.columns + first;
                rows(start..start + chunk, a, b);
            }
            for (values, matrix) in values.iter().zip(matrices) {
                let octets = values.as_chunks::<8>().0;
                for column in 0..chunk / 8 {
                    for row in 0..8 {
                        let place = shape.place(block + row, first / 8 + column);
                        // SAFETY: tasks have parts of rows of their own.
                        unsafe { matrix.write(place, octets[row * (chunk / 8) + column]) };
                    }
                }
            }
            control.advance(part);
        },
    )?;

    let width = shape.width();
    let part = 0.2 / width as f64;
    spread(
        width,
        control,
        || [(); 3].map(|()| vec![A::Octet::zero(); shape.rows]),
        |scratch, column| {
            arch.run(FirstColumns {
                matrices,
                column,
                shape,
                roots: &inverse_roots,
                scratch,
            });
            control.advance(part);
        },
    )?;

    let part = 0.45 / (shape.rows / 8) as f64;
    spread(
        shape.rows / 8,
        control,
        || [(); 4].map(|()| vec![A::Octet::zero(); shape.columns]),
        |[before, after, values, coefficients], block| {
            // Row i has the coefficients i + R k: w^(-i j) on the way in, u^(i (2j + 1)) on the way out.
            arch.run(Multipliers {
                start: [factor; 8],
                ratio: from_fn(|lane| inverse_ratios[8 * block + lane]),
                out: before,
            });
            arch.run(Multipliers {
                start: from_fn(|lane| shifts[8 * block + lane]),
                ratio: from_fn(|lane| shifts[8 * block + lane].square()),
                out: after,
            });
            for matrix in matrices {
                arch.run(MiddleRows {
                    matrix,
                    shape,
                    block,
                    inverse_roots: &inverse_roots,
                    odd_roots: &odd_roots,
                    multipliers: [before, after],
                    scratch: [values, coefficients],
                });
            }
            control.advance(part);
        },
    )?;

    let mut numerators = scalars(size);
    let result = Shared::of_scalars(&mut numerators);
    let part = 0.25 / width as f64;
    spread(
        width,
        control,
        || [(); 3].map(|()| vec![A::Octet::zero(); shape.rows]),
        |scratch, column| {
            arch.run(LastColumn {
                matrices,
                column,
                shape,
                roots: &odd_roots,
                scratch,
                result,
            });
            control.advance(part);
        },
    )?;
    // SAFETY: every place of every column was written; a cancelled pass has returned.
    unsafe { numerators.set_len(size) };
    Ok(numerators)
}

/// Elements that one task multiplies or converts.
const PIECE: usize = 1 << 12;

/// Up to eight elements, filled with zeros.
#[inline(always)]
fn eight(values: &[Fr]) -> [Fr; 8] {
    match values.first_chunk() {
        Some(eight) => *eight,
        None => from_fn(|lane| values.get(lane).copied().unwrap_or_default()),
    }
}

struct Multiply<'a, V> {
    left: &'a mut [Fr],
    right: &'a [Fr],
    octet: std::marker::PhantomData<V>,
}

impl<V: Octet> Task for Multiply<'_, V> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for (left, right) in self.left.chunks_mut(8).zip(self.right.chunks(8)) {
            let products: [Fr; 8] = pack(V::multiply(pack(eight(left)), pack(eight(right))));
            let count = left.len().min(right.len());
            left[..count].copy_from_slice(&products[..count]);
        }
    }
}

/// `left[i] *= right[i]`, for the shorter of the two.
pub(crate) fn multiply<A: Arch>(arch: A, left: &mut [Fr], right: &[Fr]) {
    left.par_chunks_mut(PIECE)
        .zip(right.par_chunks(PIECE))
        .for_each(|(left, right)| {
            arch.run(Multiply::<A::Octet> {
                left,
                right,
                octet: std::marker::PhantomData,
            });
        });
}

struct Canonical<'a, V> {
    values: &'a [Fr],
    out: &'a mut [Scalar],
    octet: std::marker::PhantomData<V>,
}

impl<V: Octet> Task for Canonical<'_, V> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for (values, out) in self.values.chunks(8).zip(self.out.chunks_mut(8)) {
            let numbers: [Scalar; 8] = pack(V::canonical(pack(eight(values))));
            out.copy_from_slice(&numbers[..out.len()]);
        }
    }
}

/// The canonical integers of field elements.
pub(crate) fn canonical<A: Arch>(arch: A, values: &[Fr]) -> Vec<Scalar> {
    let mut out = vec![Scalar::default(); values.len()];
    values
        .par_chunks(PIECE)
        .zip(out.par_chunks_mut(PIECE))
        .for_each(|(values, out)| {
            arch.run(Canonical::<A::Octet> {
                values,
                out,
                octet: std::marker::PhantomData,
            });
        });
    out
}
