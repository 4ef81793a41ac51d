//! Generation of the Poseidon parameters by the 80-bit Grain LFSR in self-shrinking mode, as the Hades
//! reference script does it for `field = 1 (prime), sbox = 0 (x^5), n = 254`.
//!
//! Used by [`super::parameters`] only.

use ark_ff::{BigInt, Field, PrimeField};

use super::Parameters;
use crate::field::Fr;

/// Bits of the modulus, and of every number drawn.
const FIELD_BITS: usize = 254;
/// Bits of the register.
const REGISTER: usize = 80;

/// The register; bit 0 of the reference is the element at `head`.
struct Grain {
    register: [bool; REGISTER],
    head: usize,
}

impl Grain {
    fn new(width: usize, full_rounds: usize, partial_rounds: usize) -> Self {
        let fields = [
            (1, 2),
            (0, 4),
            (FIELD_BITS, 12),
            (width, 12),
            (full_rounds, 10),
            (partial_rounds, 10),
            ((1 << 30) - 1, 30),
        ];
        let mut register = [false; REGISTER];
        let bits = fields
            .iter()
            .flat_map(|&(value, length)| (0..length).rev().map(move |shift| value >> shift & 1 == 1));
        register.iter_mut().zip(bits).for_each(|(cell, bit)| *cell = bit);
        let mut grain = Self { register, head: 0 };
        for _ in 0..160 {
            grain.step();
        }
        grain
    }

    /// One step of the feedback register; returns the bit shifted in.
    fn step(&mut self) -> bool {
        let bit = [62, 51, 38, 23, 13, 0].iter().fold(false, |sum, tap| {
            sum ^ self.register[(self.head + tap) % REGISTER]
        });
        self.register[self.head] = bit;
        self.head = (self.head + 1) % REGISTER;
        bit
    }

    /// Self-shrinking: bits come in pairs, the second counts when the first is set.
    fn bit(&mut self) -> bool {
        while !self.step() {
            self.step();
        }
        self.step()
    }

    /// 254 bits, most significant first.
    fn integer(&mut self) -> BigInt<4> {
        let mut limbs = [0u64; 4];
        for position in (0..FIELD_BITS).rev() {
            limbs[position / 64] |= u64::from(self.bit()) << (position % 64);
        }
        BigInt::new(limbs)
    }

    /// A uniform element: integers that are r or more are thrown away.
    fn element(&mut self) -> Fr {
        loop {
            if let Some(element) = Fr::from_bigint(self.integer()) {
                return element;
            }
        }
    }

    /// An element by reduction, as the script draws the numbers of the matrix.
    fn element_reduced(&mut self) -> Fr {
        let mut integer = self.integer();
        if integer >= Fr::MODULUS {
            // 254 bits are below 2r, so that one subtraction reduces.
            ark_ff::BigInteger::sub_with_borrow(&mut integer, &Fr::MODULUS);
        }
        Fr::from(integer)
    }

    /// A Cauchy matrix `1 / (x_i + y_j)` from 2 * width distinct numbers whose sums do not vanish.
    fn cauchy(&mut self, width: usize) -> Vec<Vec<Fr>> {
        loop {
            let drawn: Vec<Fr> = (0..2 * width).map(|_| self.element_reduced()).collect();
            if drawn.iter().enumerate().any(|(i, x)| drawn[..i].contains(x)) {
                continue;
            }
            let (xs, ys) = drawn.split_at(width);
            let matrix: Option<Vec<Vec<Fr>>> = xs
                .iter()
                .map(|x| ys.iter().map(|y| (*x + y).inverse()).collect())
                .collect();
            if let Some(matrix) = matrix {
                return matrix;
            }
        }
    }
}

/// Round constants first, then the matrix, from one stream.
pub(super) fn generate(width: usize, full_rounds: usize, partial_rounds: usize) -> Parameters {
    let mut grain = Grain::new(width, full_rounds, partial_rounds);
    let round_constants = (0..width * (full_rounds + partial_rounds))
        .map(|_| grain.element())
        .collect();
    let mds = grain.cauchy(width);
    Parameters {
        width,
        full_rounds,
        partial_rounds,
        round_constants,
        mds,
    }
}
