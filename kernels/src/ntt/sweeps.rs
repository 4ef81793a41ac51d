//! The transform of one row or one column, in a buffer: eight of them at once, one per lane, so that roots are the same for all
//! lanes.
//!
//! It is the remainder tree of x^n - 1: node j of a level stands for the remainder modulo x^s - z_j, and with t_j^2 = z_j the
//! remainders modulo x^(s/2) - t_j and x^(s/2) + t_j are its children 2j and 2j+1. That is one butterfly, a + t_j b and a - t_j b.
//! The root t_j depends on j alone, not on the level: t_j = g^(rev(j)/2), where g^1 is a full turn and rev mirrors the bits of j
//! behind the binary point; one table serves all levels and all sizes. Node 1 of the level below the root of x^(2n) - 1 is
//! x^n + 1: a transform on the odd coset is the same tree, entered there.
//!
//! Where to go next: `mod.rs`, which cuts a large transform into rows and columns.

use super::octet::Octet;
use super::shared::pack;
use crate::field::{Arch, Task};
use ark_bn254::Fr;
use ark_ff::{FftField, Field};
use rayon::prelude::*;

/// Which tree: x^n - 1, or x^n + 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tree {
    /// Values at the powers of the root.
    Even = 0,
    /// Values at odd powers of its square root.
    Odd = 1,
}

/// `count` low bits of `index`, mirrored.
#[inline(always)]
pub(crate) fn mirror(index: usize, count: u32) -> usize {
    match count {
        0 => 0,
        _ => index.reverse_bits() >> (usize::BITS - count),
    }
}

/// `1, base, base^2, ...`.
pub(crate) fn powers(base: Fr, count: usize) -> Vec<Fr> {
    let piece = count.div_ceil(rayon::current_num_threads()).max(1 << 10);
    let mut out = vec![Fr::from(1u64); count];
    out.par_chunks_mut(piece).enumerate().for_each(|(index, out)| {
        let mut next = base.pow([(index * piece) as u64]);
        for value in out {
            *value = next;
            next *= base;
        }
    });
    out
}

/// Roots in the order of the tree, as factors.
pub(crate) struct Roots<V: Octet> {
    /// For node j, two levels at once: t_j, t_2j, t_(2j+1).
    nodes: Vec<[V::Factor; 3]>,
}

struct Factors<'a, V: Octet> {
    roots: &'a [Fr],
    out: Vec<V::Factor>,
    octet: std::marker::PhantomData<V>,
}

impl<V: Octet> Task for Factors<'_, V> {
    type Output = Vec<V::Factor>;

    #[inline(always)]
    fn run(mut self) -> Vec<V::Factor> {
        for roots in self.roots.chunks(8) {
            let mut eight = [Fr::from(1u64); 8];
            eight[..roots.len()].copy_from_slice(roots);
            self.out
                .extend_from_slice(&V::load(pack(eight)).factors()[..roots.len()]);
        }
        self.out
    }
}

impl<V: Octet> Roots<V> {
    /// For trees of up to `size` values, at least 4; inverse roots if `inverse`.
    pub(crate) fn new<A: Arch<Octet = V>>(arch: A, size: usize, tree: Tree, inverse: bool) -> Option<Self> {
        // The last node with children of its own is size/2 - 1, or size - 1 in the odd tree.
        let count = match tree {
            Tree::Even => size / 2,
            Tree::Odd => size,
        };
        let mut root = Fr::get_root_of_unity(2 * count as u64)?;
        if inverse {
            root = root.inverse()?;
        }
        let powers = powers(root, count);
        let bits = count.trailing_zeros();
        let ordered: Vec<Fr> = (0..count).map(|node| powers[mirror(node, bits)]).collect();
        let factors = arch.run(Factors::<V> {
            roots: &ordered,
            out: Vec::with_capacity(count),
            octet: std::marker::PhantomData,
        });
        let nodes = (0..count / 2)
            .map(|node| [factors[node], factors[2 * node], factors[2 * node + 1]])
            .collect();
        Some(Self { nodes })
    }
}

/// Values of which a block fits the first-level cache: 64 octets of 320 bytes.
const BLOCK: usize = 64;

/// Two levels of the nodes `first ..` that follow each other in `x`, each `size` octets.
#[inline(always)]
fn sweep<V: Octet>(x: &mut [V], size: usize, first: usize, roots: &Roots<V>) {
    let quarter = size / 4;
    for (index, x) in x.chunks_exact_mut(size).enumerate() {
        let node = first + index;
        let f = &roots.nodes[node];
        let (low, high) = x.split_at_mut(2 * quarter);
        let (x0, x1) = low.split_at_mut(quarter);
        let (x2, x3) = high.split_at_mut(quarter);
        let rows = x0.iter_mut().zip(x1).zip(x2.iter_mut().zip(x3));
        if node == 0 {
            // t_0 = 1
            for ((x0, x1), (x2, x3)) in rows {
                let (a0, a2) = V::sum_and_difference(*x0, *x2);
                let (a1, a3) = V::sum_and_difference(*x1, *x3);
                (*x0, *x1) = V::sum_and_difference(a0, a1);
                (*x2, *x3) = V::butterfly(a2, a3, &f[2]);
            }
        } else {
            for ((x0, x1), (x2, x3)) in rows {
                let (a0, a2) = V::butterfly(*x0, *x2, &f[0]);
                let (a1, a3) = V::butterfly(*x1, *x3, &f[0]);
                (*x0, *x1) = V::butterfly(a0, a1, &f[1]);
                (*x2, *x3) = V::butterfly(a2, a3, &f[2]);
            }
        }
    }
}

/// One level of the root alone.
#[inline(always)]
fn halve<V: Octet>(x: &mut [V], tree: Tree, roots: &Roots<V>) {
    let (low, high) = x.split_at_mut(x.len() / 2);
    for (a, b) in low.iter_mut().zip(high) {
        (*a, *b) = match tree {
            Tree::Even => V::sum_and_difference(*a, *b),
            Tree::Odd => V::butterfly(*a, *b, &roots.nodes[1][0]),
        };
    }
}

/// Keeps the bound of the elements while levels go by.
#[inline(always)]
fn settle<V: Octet>(x: &mut [V], bound: &mut u32, levels: u32) {
    if *bound + levels * V::GROWTH > V::LIMIT {
        for value in x {
            *value = value.settle();
        }
        *bound = V::SETTLED;
    }
    *bound += levels * V::GROWTH;
}

/// Coefficients in natural order become values in mirrored order: place i has the value at g^mirror(i), times the square root of
/// g in the odd tree. `x` has a power of two of octets, at least 4, below `bound` primes; the result is the new bound.
#[inline(always)]
pub(crate) fn transform<V: Octet>(x: &mut [V], tree: Tree, roots: &Roots<V>, mut bound: u32) -> u32 {
    let levels = x.len().trailing_zeros();
    let mut size = x.len();
    let mut first = tree as usize;
    // The levels before blocks fit the cache, an even number of them after a possible first one.
    let within = levels.min(BLOCK.trailing_zeros());
    settle(x, &mut bound, levels - (within & !1));
    if levels % 2 == 1 {
        halve(x, tree, roots);
        (size, first) = (size / 2, 2 * first);
    }
    while size > BLOCK {
        sweep(x, size, first, roots);
        (size, first) = (size / 4, 4 * first);
    }
    let mut after = bound;
    for (index, x) in x.chunks_exact_mut(size).enumerate() {
        after = bound;
        settle(x, &mut after, size.trailing_zeros());
        let (mut size, mut first) = (size, first + index);
        while size > 1 {
            sweep(x, size, first, roots);
            (size, first) = (size / 4, 4 * first);
        }
    }
    after
}
