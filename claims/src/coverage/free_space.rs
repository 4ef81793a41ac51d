//! The free-space bound as a table of integers (`docs/protocol.md` section 9).
//!
//! A signal cannot arrive stronger than it would through empty space. With `K` the tenths of dB that it lost
//! on its way, `c2` the squared distance in square decimetres and `f` the frequency in Hz, the published form
//! `20 log10(4 pi d f / 2.998e8) <= K / 10` is `c2 f^2 <= V[K]` with
//!
//! `V[K] = floor((10 * 2.998e8 / (4 pi))^2 * 10^(K/100))`.
//!
//! **How the floors are exact.** Everything is a binary fraction of 256 places below and 256 above the point,
//! rounded down in lower bounds and up in upper ones. Pi is a constant, known within one unit of the last
//! place. `10^(1/100)` is found bit by bit: the largest fraction whose hundredth power, rounded up, does not
//! pass 10, and the smallest whose power, rounded down, reaches it. `V[K]` is the largest q with
//! `q pi^2 <= (2.998e9 / 4)^2 10^(K/100)`, decided with every bound on the strict side. A
//! test decides it with every bound on the other side: all 1,327 answers are the same, so each is the floor.
//!
//! Depends on nothing. Next: [`super::rule`], which uses the table.

use std::cmp::Ordering;
use std::sync::LazyLock;

/// The largest K of the table: at `V[1326]` no distance up to 101 km at 1 GHz is refused.
pub const LOSS_MAX: u32 = 1_326;
/// Entries of the table.
pub const ENTRIES: usize = LOSS_MAX as usize + 1;

/// `V[K]` for K from 0 to [`LOSS_MAX`], in dm^2 Hz^2; every entry is below 2^100.
#[must_use]
pub fn free_space_table() -> &'static [u128; ENTRIES] {
    static TABLE: LazyLock<[u128; ENTRIES]> = LazyLock::new(|| {
        let [root, _] = Fraction::tenth_of_a_decibel();
        entries(&root, &pi_squared()[1], Rounding::Down)
    });
    &TABLE
}

/// Limbs of a fraction, and those after the point.
const LIMBS: usize = 8;
const PLACES: usize = LIMBS / 2;
/// Entries of the table in one factor of ten: K counts hundredths of a decade of `c2 f^2`.
const ENTRIES_PER_DECADE: usize = 100;
/// `(2.998e9)^2 / 16`: ten times the rounded speed of light that the published rule uses, in dm/s, squared,
/// over 4^2.
const SPEED_SQUARED_OVER_16: u64 = 561_750_250_000_000_000;
/// Bits of the largest entry: the search for an entry starts below.
const ENTRY_BITS: u32 = 100;

/// A number in 2^-256 Z, from 0 to below 2^256. Limbs are little-endian.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Fraction([u64; LIMBS]);

/// Which way a product is rounded to the last place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rounding {
    Down,
    Up,
}

impl Fraction {
    /// Pi, rounded down: its first 256 binary places.
    const PI: Self = Self([
        0x082e_fa98_ec4e_6c89,
        0xa409_3822_299f_31d0,
        0x1319_8a2e_0370_7344,
        0x243f_6a88_85a3_08d3,
        3,
        0,
        0,
        0,
    ]);

    fn integer(value: u128) -> Self {
        let mut limbs = [0; LIMBS];
        [limbs[PLACES], limbs[PLACES + 1]] = halves(value);
        Self(limbs)
    }

    /// The next larger fraction.
    fn next(self) -> Self {
        let mut limbs = self.0;
        for limb in &mut limbs {
            let (next, overflows) = limb.overflowing_add(1);
            *limb = next;
            if !overflows {
                break;
            }
        }
        Self(limbs)
    }

    /// The product; 2^256 - 1 for one that is not below 2^256, which no bound below comes near.
    fn times(&self, other: &Self, rounding: Rounding) -> Self {
        let mut product = [0u64; 2 * LIMBS];
        for (i, a) in self.0.iter().enumerate() {
            let mut carry = 0;
            for (j, b) in other.0.iter().enumerate() {
                let sum = u128::from(*a) * u128::from(*b) + u128::from(product[i + j]) + u128::from(carry);
                [product[i + j], carry] = halves(sum);
            }
            product[i + LIMBS] = carry;
        }
        let (below, rest) = product.split_at(PLACES);
        let (kept, above) = rest.split_at(LIMBS);
        if above.iter().any(|limb| *limb != 0) {
            return Self([u64::MAX; LIMBS]);
        }
        let mut limbs = [0; LIMBS];
        limbs.copy_from_slice(kept);
        let is_exact = below.iter().all(|limb| *limb == 0);
        match rounding {
            Rounding::Up if !is_exact => Self(limbs).next(),
            _ => Self(limbs),
        }
    }

    fn power(&self, exponent: usize, rounding: Rounding) -> Self {
        (0..exponent).fold(Self::integer(1), |power, _| power.times(self, rounding))
    }

    fn compare(&self, other: &Self) -> Ordering {
        self.0.iter().rev().cmp(other.0.iter().rev())
    }

    fn is_at_most(&self, other: &Self) -> bool {
        self.compare(other) != Ordering::Greater
    }

    /// `10^(1/100)` from below and from above.
    fn tenth_of_a_decibel() -> [Self; 2] {
        let ten = Self::integer(10);
        // The largest fraction between 1 and 2 that passes the test, from the highest place down.
        let largest = |passes: &dyn Fn(&Self) -> bool| {
            let mut root = Self::integer(1);
            for limb in (0..PLACES).rev() {
                for bit in (0..u64::BITS).rev() {
                    root.0[limb] |= 1 << bit;
                    if !passes(&root) {
                        root.0[limb] ^= 1 << bit;
                    }
                }
            }
            root
        };
        let power = |root: &Self, rounding| root.power(ENTRIES_PER_DECADE, rounding);
        let below = largest(&|root| power(root, Rounding::Up).is_at_most(&ten));
        let above = largest(&|root| !ten.is_at_most(&power(root, Rounding::Down))).next();
        [below, above]
    }
}

/// Pi squared from below and from above.
fn pi_squared() -> [Fraction; 2] {
    let [below, above] = [Fraction::PI, Fraction::PI.next()];
    [
        below.times(&below, Rounding::Down),
        above.times(&above, Rounding::Up),
    ]
}

/// `floor((2.998e9)^2 / 16 * root^K / pi_squared)`, the power rounded one way and `q pi_squared` the other.
fn entries(root: &Fraction, pi_squared: &Fraction, rounding: Rounding) -> [u128; ENTRIES] {
    let against = match rounding {
        Rounding::Down => Rounding::Up,
        Rounding::Up => Rounding::Down,
    };
    let mut table = [0; ENTRIES];
    let mut decade = u128::from(SPEED_SQUARED_OVER_16);
    for chunk in table.chunks_mut(ENTRIES_PER_DECADE) {
        let mut bound = Fraction::integer(decade);
        for entry in chunk {
            for bit in (0..ENTRY_BITS).rev() {
                let tried = *entry | 1 << bit;
                if Fraction::integer(tried)
                    .times(pi_squared, against)
                    .is_at_most(&bound)
                {
                    *entry = tried;
                }
            }
            bound = bound.times(root, rounding);
        }
        decade *= 10;
    }
    table
}

/// The low and the high half.
#[allow(clippy::cast_possible_truncation)] // the low half is what is wanted
fn halves(value: u128) -> [u64; 2] {
    [value as u64, (value >> u64::BITS) as u64]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::field::keccak256;

    /// keccak-256 of the entries in decimal, each with a line feed.
    const PINNED: &str = "339fec6f00a204962a5f11f03eb65835bc003b9a27bbb192d38bec754ff0e0ac";

    fn lines() -> String {
        free_space_table()
            .iter()
            .map(|entry| format!("{entry}\n"))
            .collect()
    }

    #[test]
    fn no_floor_is_ambiguous() {
        let [below, above] = Fraction::tenth_of_a_decibel();
        assert!(below.is_at_most(&above) && below != above);
        assert!(entries(&above, &pi_squared()[0], Rounding::Up) == *free_space_table());
    }

    #[test]
    fn the_table_is_the_pinned_one() {
        assert_eq!(hex::encode(keccak256(lines().as_bytes())), PINNED);
    }

    #[test]
    fn another_computation_gives_the_same_table() {
        let other = include_str!("../../../testdata/coverage/free_space.txt");
        assert!(lines() == other);
    }

    #[test]
    fn entries_rise_and_stay_below_2_to_the_100() {
        let table = free_space_table();
        assert!(table.array_windows().all(|[one, next]| one < next));
        assert!(table[LOSS_MAX as usize] < 1 << ENTRY_BITS);
        // 101 km at 1 GHz passes at the end of the table, and not far before.
        let far = 1_010_000u128.pow(2) * 10u128.pow(18);
        assert!(table[LOSS_MAX as usize] >= far && table[LOSS_MAX as usize - 2] < far);
    }

    #[test]
    fn products_round_as_told() {
        let smallest = Fraction([1, 0, 0, 0, 0, 0, 0, 0]);
        let half = Fraction([0, 0, 0, 1 << 63, 0, 0, 0, 0]);
        assert_eq!(smallest.times(&half, Rounding::Down), Fraction([0; LIMBS]));
        assert_eq!(smallest.times(&half, Rounding::Up), smallest);
        let three = Fraction::integer(3);
        assert_eq!(
            half.times(&three, Rounding::Up)
                .times(&Fraction::integer(2), Rounding::Down),
            three
        );
        let large = Fraction::integer(1 << 127);
        assert_eq!(
            large.times(&large, Rounding::Down),
            Fraction([0, 0, 0, 0, 0, 0, 0, 1 << 62])
        );
        let square = large.times(&large, Rounding::Up);
        assert_eq!(
            square.times(&Fraction::integer(4), Rounding::Down),
            Fraction([u64::MAX; LIMBS])
        );
    }
}
