//! The operations of each kind of octet against arkworks, at the edges of their bounds, and the trees against Horner's rule.

#![allow(clippy::unwrap_used, reason = "a test that panics says where it failed")]

use super::octet::{Octet, Prime};
use super::shared::pack;
use super::sweeps::{Roots, Tree, mirror, powers, transform};
use crate::field::modulus::Modulus;
use crate::field::portable::Portable;
use crate::field::{Arch, Task};
use ark_bn254::Fr;
use ark_ff::{BigInt, FftField, Field, One, PrimeField, UniformRand, Zero};
use ark_std::rand::Rng;

/// Runs a test for every kind that this machine has.
macro_rules! each {
    ($test:ident) => {
        #[test]
        fn $test() {
            super::$test(crate::field::portable::Portable::detect());
            #[cfg(target_arch = "x86_64")]
            match crate::field::ifma::Avx512Ifma::detect() {
                Some(arch) => super::$test(arch),
                None => eprintln!("SKIPPED for AVX-512: this machine has no IFMA"),
            }
        }
    };
}

mod every {
    each!(operations);
    each!(bounds_hold_on_the_longest_way);
    each!(trees);
}

/// The element of an octet's number x R.
fn element<V: Octet>(words: [u64; 4]) -> Fr {
    Fr::from_bigint(BigInt(words)).unwrap() * Fr::from(2u64).pow([u64::from(V::RADIX)]).inverse().unwrap()
}

fn elements<V: Octet>(packed: V::Packed) -> [Fr; 8] {
    pack::<_, [[u64; 4]; 8]>(packed).map(element::<V>)
}

fn pick(rng: &mut impl Rng) -> Fr {
    let edges = [Fr::zero(), Fr::one(), -Fr::one(), -Fr::from(2u64)];
    match rng.gen_range(0..3) {
        0 => edges[rng.gen_range(0..edges.len())],
        // Its Montgomery form is r - 1, or 1.
        1 if rng.r#gen() => Prime::raw([Prime::P[0] - 1, Prime::P[1], Prime::P[2], Prime::P[3]]),
        1 => Prime::raw([1, 0, 0, 0]),
        _ => Fr::rand(rng),
    }
}

/// What a task computes, out of the instruction set.
struct Operations<V>([[Fr; 8]; 3], std::marker::PhantomData<V>);

struct Results<V: Octet> {
    numbers: V::Packed,
    packed: V::Packed,
    product: V::Packed,
    sum: V::Packed,
    difference: V::Packed,
    plain_sum: V::Packed,
    plain_difference: V::Packed,
    numerator: V::Packed,
    multiplied: V::Packed,
    canonical: V::Packed,
    series: Vec<V::Packed>,
}

impl<V: Octet> Task for Operations<V> {
    type Output = Results<V>;

    #[inline(always)]
    fn run(self) -> Results<V> {
        let [x, y, z] = self.0;
        let [a, b, c] = [V::load(pack(x)), V::load(pack(y)), V::load(pack(z))];
        let (sum, difference) = V::butterfly(a, b, &c.factors()[3]);
        let (plain_sum, plain_difference) = V::sum_and_difference(a, b);
        let mut series = [V::zero(); 21];
        V::series(a, b, &mut series);
        let mut terms = Vec::new();
        for term in series {
            terms.push(term.numbers());
        }
        Results {
            numbers: a.numbers(),
            packed: V::unpack(a.pack()).numbers(),
            product: V::unpack(a.mul_packed(b)).numbers(),
            sum: sum.numbers(),
            difference: difference.numbers(),
            plain_sum: plain_sum.numbers(),
            plain_difference: plain_difference.numbers(),
            numerator: V::numerator(a, b, c),
            multiplied: V::multiply(pack(x), pack(y)),
            canonical: V::canonical(pack(x)),
            series: terms,
        }
    }
}

fn operations<A: Arch>(arch: A) {
    type Of<A> = <A as Arch>::Octet;
    let mut rng = ark_std::test_rng();
    for _ in 0..200 {
        let [x, y, z]: [[Fr; 8]; 3] = std::array::from_fn(|_| std::array::from_fn(|_| pick(&mut rng)));
        let results = arch.run(Operations::<Of<A>>([x, y, z], std::marker::PhantomData));
        let of = |packed| elements::<Of<A>>(packed);
        let each = |f: &dyn Fn(usize) -> Fr| -> [Fr; 8] { std::array::from_fn(f) };
        assert_eq!(of(results.numbers), x);
        assert_eq!(of(results.packed), x);
        assert_eq!(of(results.product), each(&|i| x[i] * y[i]));
        assert_eq!(of(results.sum), each(&|i| x[i] + z[3] * y[i]));
        assert_eq!(of(results.difference), each(&|i| x[i] - z[3] * y[i]));
        assert_eq!(of(results.plain_sum), each(&|i| x[i] + y[i]));
        assert_eq!(of(results.plain_difference), each(&|i| x[i] - y[i]));
        for (exponent, term) in results.series.into_iter().enumerate() {
            assert_eq!(of(term), each(&|i| x[i] * y[i].pow([exponent as u64])));
        }
        // The inputs are held as x R, so as (x sqrt(R)) sqrt(R).
        let root = Fr::from(2u64).pow([u64::from(Of::<A>::RADIX / 2)]);
        let numerator: [BigInt<4>; 8] = pack(results.numerator);
        let expected = each(&|i| x[i] * y[i] * root * root - z[i] * root);
        assert_eq!(numerator, expected.map(PrimeField::into_bigint));
        let products: [BigInt<4>; 8] = pack(results.multiplied);
        assert_eq!(products, each(&|i| x[i] * y[i]).map(|value| value.0));
        let canonical: [BigInt<4>; 8] = pack(results.canonical);
        assert_eq!(canonical, x.map(PrimeField::into_bigint));
    }
}

/// As many butterflies as a transform ever puts between two settlings, always the larger side, from the largest start.
struct Longest<V>([Fr; 8], u32, std::marker::PhantomData<V>);

impl<V: Octet> Task for Longest<V> {
    type Output = Vec<V::Packed>;

    #[inline(always)]
    fn run(self) -> Vec<V::Packed> {
        let load = V::load(pack(self.0));
        let factors = load.factors();
        let (mut sum, mut difference, mut both) = (load, load, load);
        for step in 0..self.1 {
            // The operand that is multiplied is itself as large as it gets.
            let operand = [sum, difference, both][step as usize % 3];
            sum = V::butterfly(sum, operand, &factors[0]).0;
            difference = V::butterfly(difference, operand, &factors[0]).1;
            both = V::butterfly(both, both, &factors[0]).1;
        }
        let mut out = Vec::new();
        for value in [sum, difference, both] {
            out.push(value.numbers());
            out.push(value.settle().numbers());
            out.push(V::unpack(value.pack()).numbers());
            out.push(value.mul(load).numbers());
            out.push(V::sum_and_difference(value, value).1.numbers());
        }
        out
    }
}

fn bounds_hold_on_the_longest_way<A: Arch>(arch: A) {
    type Of<A> = <A as Arch>::Octet;
    let (limit, growth) = (Of::<A>::LIMIT, Of::<A>::GROWTH);
    let steps = match growth {
        0 => 40,
        _ => (limit - Of::<A>::LOADED) / growth,
    };
    let mut rng = ark_std::test_rng();
    let highest = Prime::raw([Prime::P[0] - 1, Prime::P[1], Prime::P[2], Prime::P[3]]);
    let mut starts = vec![[highest; 8], [Fr::zero(); 8], [-Fr::one(); 8]];
    starts.extend((0..50).map(|_| std::array::from_fn(|_| pick(&mut rng))));
    for start in starts {
        let results = arch.run(Longest::<Of<A>>(start, steps, std::marker::PhantomData));
        let mut expected = [start; 3];
        for step in 0..steps {
            let operand = expected[step as usize % 3];
            for lane in 0..8 {
                expected[0][lane] += operand[lane] * start[0];
                expected[1][lane] -= operand[lane] * start[0];
                let both = expected[2][lane];
                expected[2][lane] -= both * start[0];
            }
        }
        for (results, expected) in results.chunks(5).zip(expected) {
            for result in &results[..3] {
                assert_eq!(elements::<Of<A>>(*result), expected);
            }
            let product: [Fr; 8] = std::array::from_fn(|lane| expected[lane] * start[lane]);
            assert_eq!(elements::<Of<A>>(results[3]), product);
            assert_eq!(elements::<Of<A>>(results[4]), [Fr::zero(); 8]);
        }
    }
}

struct Transformed<'a, V: Octet> {
    values: &'a [[Fr; 8]],
    tree: Tree,
    roots: &'a Roots<V>,
    bound: u32,
}

impl<V: Octet> Task for Transformed<'_, V> {
    type Output = (Vec<V::Packed>, u32);

    #[inline(always)]
    fn run(self) -> Self::Output {
        let mut x = Vec::new();
        for value in self.values {
            x.push(V::load(pack(*value)));
        }
        let bound = transform(&mut x, self.tree, self.roots, self.bound);
        let mut out = Vec::new();
        for value in x {
            out.push(value.numbers());
        }
        (out, bound)
    }
}

/// Every length that a row or a column can have in a test's time, from every bound that a pass begins with, against Horner's rule.
fn trees<A: Arch>(arch: A) {
    type Of<A> = <A as Arch>::Octet;
    let mut rng = ark_std::test_rng();
    for bits in 3..=14 {
        let size = 1usize << bits;
        let values: Vec<[Fr; 8]> = (0..size)
            .map(|_| std::array::from_fn(|_| pick(&mut rng)))
            .collect();
        for (tree, inverse) in [(Tree::Even, false), (Tree::Even, true), (Tree::Odd, false)] {
            let roots = Roots::new(arch, size, tree, inverse).unwrap();
            let (result, bound) = arch.run(Transformed::<Of<A>> {
                values: &values,
                tree,
                roots: &roots,
                bound: Of::<A>::LOADED,
            });
            assert!(bound <= Of::<A>::LIMIT, "2^{bits}: {bound} primes");
            let mut root = Fr::get_root_of_unity(2 * size as u64).unwrap();
            if inverse {
                root = root.inverse().unwrap();
            }
            let roots = powers(root, 2 * size);
            for place in [0, 1, 2, 3, size / 2, size - 2, size - 1, rng.gen_range(0..size)] {
                let root = roots[2 * mirror(place, bits) + tree as usize];
                let mut expected = [Fr::zero(); 8];
                for value in values.iter().rev() {
                    for lane in 0..8 {
                        expected[lane] = expected[lane] * root + value[lane];
                    }
                }
                assert_eq!(
                    elements::<Of<A>>(result[place]),
                    expected,
                    "2^{bits} {tree:?} {place}"
                );
            }
        }
    }
}

#[test]
fn numbers_that_look_larger_than_they_are() {
    // Every value of the bits that choose a multiple of the prime, at both ends.
    let arch = Portable::detect();
    for bits in 0..8u64 {
        for rest in [0, u64::MAX >> 3] {
            let words = [
                rest | rest << 3,
                rest | rest << 3,
                rest | rest << 3,
                bits << 61 | rest,
            ];
            let result = arch.run(Numbers([words; 8]));
            assert_eq!(
                BigInt(result[0]),
                Fr::from_le_bytes_mod_order(&bytes(words)).into_bigint()
            );
        }
    }
}

fn bytes(words: [u64; 4]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

struct Numbers([[u64; 4]; 8]);

impl Task for Numbers {
    type Output = [[u64; 4]; 8];

    #[inline(always)]
    fn run(self) -> Self::Output {
        super::portable::Eight::unpack(self.0).numbers()
    }
}
