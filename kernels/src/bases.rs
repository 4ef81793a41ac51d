//! Points in the bytes of a `.zkey`, borrowed and never parsed: [`Bases`] of a multi-scalar multiplication, [`Lists`] to sum.

use ark_bn254::{Fq, Fq2, G1Affine, G1Projective, G2Affine, G2Projective, g1};
use ark_ec::AffineRepr;
use ark_ec::scalar_mul::glv::GLVConfig;
use ark_ff::{AdditiveGroup, BigInt, MontFp};
use std::marker::PhantomData;
use std::sync::{Arc, Weak};

/// One of the two groups, as a type. Implemented by [`G1`] and [`G2`] only.
pub trait Curve: Copy + Send + Sync + 'static + sealed::Sealed {
    /// A point, x and y.
    type Affine: AffineRepr<Group = Self::Projective, ScalarField = ark_bn254::Fr>;
    /// A sum.
    type Projective: ark_ec::CurveGroup<Affine = Self::Affine, ScalarField = ark_bn254::Fr>;
    /// Bytes of a point in a key: x, then y.
    const POINT_BYTES: usize;
    /// β, a cube root of one: (β x, y) is λ times the point (x, y). λ is the same in both groups, (6x^2 + 2x) / (2x + 1) modulo the
    /// group order, with the curve's parameter x = 4965661367192848881.
    const BETA: <Self::Affine as AffineRepr>::BaseField;
    /// The point of [`Self::POINT_BYTES`] bytes, trusted to be on the curve.
    fn read(bytes: &[u8]) -> Self::Affine;
    /// A point from its coordinates, trusted to be on the curve.
    fn new(
        x: <Self::Affine as AffineRepr>::BaseField,
        y: <Self::Affine as AffineRepr>::BaseField,
    ) -> Self::Affine;
    /// The bytes of a point: coordinates times 2^256, little-endian, zeros for infinity.
    fn write(point: &Self::Affine, bytes: &mut [u8]);
}

/// The curve's first group: y^2 = x^3 + 3 over Fq. 64 bytes a point.
#[derive(Clone, Copy, Debug)]
pub struct G1;

/// The second group, on the twist over Fq2: coordinates are c0, then c1. 128 bytes a point.
#[derive(Clone, Copy, Debug)]
pub struct G2;

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::G1 {}
    impl Sealed for super::G2 {}
}

/// `multiples` blocks of `len` points each. Block j holds the points of block 0 times 2^(j * span): more than one block is a
/// table of precomputed multiples, which trades memory for time.
#[derive(Clone, Copy, Debug)]
pub struct Bases<'a, C> {
    points: &'a [u8],
    len: usize,
    first: usize,
    span: u32,
    residence: Option<&'a Residence>,
    curve: PhantomData<C>,
}

/// A name of bytes that stay as they are while it lives, as those of an open key do: a backend with memory of its own may keep
/// bases of this name there and need not read them again.
#[derive(Debug, Default)]
pub struct Residence(Arc<()>);

impl Residence {
    /// A new name.
    pub fn new() -> Self {
        Self::default()
    }

    /// What tells whether the name still lives. Two names are never the same while one of their weak references is held.
    pub fn watch(&self) -> Weak<()> {
        Arc::downgrade(&self.0)
    }
}

/// Bytes that are no bases.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BasesError {
    /// Not whole points, or not whole blocks.
    #[error("{bytes} bytes of points are not a whole number of blocks of {block} bytes")]
    Length {
        /// Bytes given.
        bytes: usize,
        /// Bytes of a block.
        block: usize,
    },
    /// The blocks do not cover a scalar.
    #[error("{blocks} blocks of {span} bits do not cover a scalar of {SCALAR_BITS} bits")]
    Span {
        /// Blocks given.
        blocks: usize,
        /// Bits that a block is for.
        span: u32,
    },
}

/// Bits of a scalar: the group order is below 2^254.
pub const SCALAR_BITS: u32 = 254;

impl<'a, C: Curve> Bases<'a, C> {
    /// Points as a key stores them; base i belongs to scalar `first + i`. (The C query of a Groth16 key begins after the
    /// public wires; so that it can share the recoding of the witness with A and B, it says so here.)
    ///
    /// # Errors
    /// If the bytes are not whole points.
    pub fn new(points: &'a [u8], first: usize) -> Result<Self, BasesError> {
        if !points.len().is_multiple_of(C::POINT_BYTES) {
            return Err(BasesError::Length {
                bytes: points.len(),
                block: C::POINT_BYTES,
            });
        }
        Ok(Self {
            points,
            len: points.len() / C::POINT_BYTES,
            first,
            span: SCALAR_BITS,
            residence: None,
            curve: PhantomData,
        })
    }

    /// A table: block j holds the `len` points times 2^(j * span).
    ///
    /// # Errors
    /// If the bytes are not whole blocks, or too few for a scalar.
    pub fn with_multiples(points: &'a [u8], len: usize, first: usize, span: u32) -> Result<Self, BasesError> {
        let block = len * C::POINT_BYTES;
        if points.len().checked_rem(block).unwrap_or(points.len()) != 0 {
            return Err(BasesError::Length {
                bytes: points.len(),
                block,
            });
        }
        let blocks = points.len().checked_div(block).unwrap_or(1);
        if span == 0 || (blocks as u64) != u64::from(SCALAR_BITS.div_ceil(span)) {
            return Err(BasesError::Span { blocks, span });
        }
        Ok(Self {
            points,
            len,
            first,
            span,
            residence: None,
            curve: PhantomData,
        })
    }

    /// These bases, of bytes that have a name.
    #[must_use]
    pub fn kept(self, residence: &'a Residence) -> Self {
        Self {
            residence: Some(residence),
            ..self
        }
    }

    /// The name of their bytes, if they have one.
    pub fn residence(&self) -> Option<&'a Residence> {
        self.residence
    }

    /// Number of bases.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Are there none?
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Index of the first base's scalar.
    pub fn first(&self) -> usize {
        self.first
    }

    /// Bits of a scalar that one block serves.
    pub fn span(&self) -> u32 {
        self.span
    }

    /// Number of blocks.
    pub fn multiples(&self) -> usize {
        SCALAR_BITS.div_ceil(self.span) as usize
    }

    /// All blocks.
    pub fn bytes(&self) -> &'a [u8] {
        self.points
    }

    /// Base `index` of block 0 as arkworks has it.
    pub fn get(&self, index: usize) -> C::Affine {
        C::read(&self.points[index * C::POINT_BYTES..][..C::POINT_BYTES])
    }
}

/// Lists of points, given as indices into one array of points: what [`crate::Backend::sums_g1`] sums.
#[derive(Clone, Copy, Debug)]
pub struct Lists<'a, C> {
    /// Points as a key stores them.
    pub(crate) points: &'a [u8],
    /// `2 * index + negative` of each item.
    pub(crate) items: &'a [u32],
    /// List l is `items[starts[l]..starts[l + 1]]`.
    pub(crate) starts: &'a [u32],
    curve: PhantomData<C>,
}

/// What is no list of points.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ListsError {
    /// An item names a point that is not there.
    #[error("an item names point {index} of {points}")]
    Item {
        /// What it names.
        index: usize,
        /// Points given.
        points: usize,
    },
    /// The ends of the lists fall, or exceed the items.
    #[error("list {list} ends at {end}, outside its place among {items} items")]
    End {
        /// Which list.
        list: usize,
        /// Where it ends.
        end: usize,
        /// Items given.
        items: usize,
    },
}

impl<'a, C: Curve> Lists<'a, C> {
    /// List l is `items[starts[l]..starts[l + 1]]`; an item is twice the index of a point, plus one where the point's negative
    /// is meant. No starts or one: no lists. Points may be infinity; bytes after the last whole point are not looked at.
    ///
    /// # Errors
    /// If an item names no point, or a list is none of items.
    pub fn new(points: &'a [u8], items: &'a [u32], starts: &'a [u32]) -> Result<Self, ListsError> {
        let count = points.len() / C::POINT_BYTES;
        if let Some(item) = items.iter().find(|item| (**item >> 1) as usize >= count) {
            return Err(ListsError::Item {
                index: (item >> 1) as usize,
                points: count,
            });
        }
        for (list, ends) in starts.windows(2).enumerate() {
            if ends[0] > ends[1] || ends[1] as usize > items.len() {
                return Err(ListsError::End {
                    list,
                    end: ends[1] as usize,
                    items: items.len(),
                });
            }
        }
        Ok(Self::trusted(points, items, starts))
    }

    /// The same, unchecked: items name points that are there and finite, starts rise.
    pub(crate) fn trusted(points: &'a [u8], items: &'a [u32], starts: &'a [u32]) -> Self {
        Self {
            points,
            items,
            starts,
            curve: PhantomData,
        }
    }

    /// How many lists there are.
    pub fn len(&self) -> usize {
        self.starts.len().saturating_sub(1)
    }

    /// Are there none?
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The items of a list.
    pub(crate) fn list(&self, list: usize) -> &'a [u32] {
        &self.items[self.starts[list] as usize..self.starts[list + 1] as usize]
    }
}

fn read_fq(bytes: &[u8]) -> Fq {
    let mut limbs = [0; 4];
    for (limb, chunk) in limbs.iter_mut().zip(bytes.chunks_exact(8)) {
        *limb = chunk
            .iter()
            .rev()
            .fold(0, |value, byte| value << 8 | u64::from(*byte));
    }
    // The bytes are in arkworks' own Montgomery form, R = 2^256.
    Fq::new_unchecked(BigInt::new(limbs))
}

fn write_fq(value: &Fq, bytes: &mut [u8]) {
    for (chunk, limb) in bytes.chunks_exact_mut(8).zip(value.0.0) {
        chunk.copy_from_slice(&limb.to_le_bytes());
    }
}

impl Curve for G1 {
    type Affine = G1Affine;
    type Projective = G1Projective;
    const POINT_BYTES: usize = 64;
    const BETA: Fq = g1::Config::ENDO_COEFFS[0];

    fn read(bytes: &[u8]) -> G1Affine {
        match bytes.iter().all(|byte| *byte == 0) {
            true => G1Affine::identity(),
            false => G1Affine::new_unchecked(read_fq(&bytes[..32]), read_fq(&bytes[32..])),
        }
    }

    fn new(x: Fq, y: Fq) -> G1Affine {
        G1Affine::new_unchecked(x, y)
    }

    fn write(point: &G1Affine, bytes: &mut [u8]) {
        bytes.fill(0);
        if let Some((x, y)) = point.xy() {
            write_fq(&x, &mut bytes[..32]);
            write_fq(&y, &mut bytes[32..]);
        }
    }
}

impl Curve for G2 {
    type Affine = G2Affine;
    type Projective = G2Projective;
    const POINT_BYTES: usize = 128;
    // The other root, -1 - β: arkworks has λ^2 there.
    const BETA: Fq2 = Fq2::new(
        MontFp!("2203960485148121921418603742825762020974279258880205651966"),
        Fq::ZERO,
    );

    fn read(bytes: &[u8]) -> G2Affine {
        let coordinate = |bytes: &[u8]| Fq2::new(read_fq(&bytes[..32]), read_fq(&bytes[32..]));
        match bytes.iter().all(|byte| *byte == 0) {
            true => G2Affine::identity(),
            false => G2Affine::new_unchecked(coordinate(&bytes[..64]), coordinate(&bytes[64..])),
        }
    }

    fn new(x: Fq2, y: Fq2) -> G2Affine {
        G2Affine::new_unchecked(x, y)
    }

    fn write(point: &G2Affine, bytes: &mut [u8]) {
        bytes.fill(0);
        if let Some((x, y)) = point.xy() {
            for (value, chunk) in [x.c0, x.c1, y.c0, y.c1].iter().zip(bytes.chunks_exact_mut(32)) {
                write_fq(value, chunk);
            }
        }
    }
}
