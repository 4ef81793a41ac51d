//! Bits and bounded integers.

use super::{bind, boundary_values, outputs};
use crate::gadgets::bits::{self, Bit, TOP_BITS, top_bits, weigh_bits};
use crate::gadgets::int::Int;
use crate::r1cs::WireKind;
use crate::soundness::{Draw, Forgery, Overrides, Subject, build};
use crate::{Builder, Lc};
use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, BigInt, BigInteger, Field, PrimeField, Zero};
use popw_claims::babyjubjub::Scalar;

/// Bits of the decomposition that is tested.
const DECOMPOSED_BITS: usize = 9;

fn decompose_circuit(cs: &mut Builder<Fr>, value: &Fr) {
    let outputs = outputs(cs, "bit", DECOMPOSED_BITS);
    let value = cs.input("value", *value);
    let bits = bits::decompose(cs, "bit", &value, DECOMPOSED_BITS);
    bind(cs, outputs, bits.iter().map(Bit::lc));
}

pub(super) fn decompose() -> Subject<'static, Fr, Fr> {
    let in_range = |value: &Fr| value.into_bigint() < (1u64 << DECOMPOSED_BITS).into();
    Subject::new(format!("decompose bits={DECOMPOSED_BITS}"), &decompose_circuit)
        .twin(&|value| {
            let integer = value.into_bigint();
            let bits = (0..DECOMPOSED_BITS).map(|i| Fr::from(integer.get_bit(i)));
            (integer < (1u64 << DECOMPOSED_BITS).into()).then(|| bits.collect())
        })
        .valid([0u64, 1, 300, 511].map(Fr::from))
        .invalid(
            boundary_values()
                .into_iter()
                .chain([Fr::from(512u64)])
                .filter(|value| !in_range(value))
                .map(|value| Forgery::new(format!("{value}"), value)),
        )
        .probes((0..520u64).map(Fr::from))
}

/// Bits of the numbers that are compared.
pub const BELOW_BITS: usize = 7;

/// A number and what it must be below.
#[derive(Clone, Copy)]
pub struct Below {
    /// At most 2^7 - 1.
    pub bound: u32,
    /// At most 2^7 - 1.
    pub value: u32,
}

/// Asserts that a number is below a bound; its bits are scaled by a common value, as the ladder of a signature has them.
pub fn below_circuit(cs: &mut Builder<Fr>, below: &Below) {
    let places = || (0..BELOW_BITS).rev();
    let bound: Vec<bool> = places().map(|i| below.bound >> i & 1 == 1).collect();
    let bits: Vec<Lc<Fr>> = places()
        .map(|i| Bit::choice(cs, "bit", below.value >> i & 1 == 1).lc().clone() * Fr::from(5u64))
        .collect();
    bits::assert_below(cs, &bits, &bound);
}

pub(super) fn assert_below(bound: u32) -> Subject<'static, Fr, Below> {
    let with = move |value| Below { bound, value };
    // Every number that is not below the bound is a forgery; together they violate each assertion alone.
    Subject::new(format!("assert_below {bound}"), &below_circuit)
        .twin(&|below| (below.value < below.bound).then(Vec::new))
        .valid([0, bound / 2, bound - 1].map(with))
        .invalid((bound..1 << BELOW_BITS).map(|value| Forgery::new(format!("{value}"), with(value))))
        .probes((0..bound).map(with))
}

/// A number and what it must be below.
#[derive(Clone, Copy)]
pub(super) struct Bounded {
    bound: BigInt<4>,
    value: Fr,
}

fn bounded_circuit(cs: &mut Builder<Fr>, bounded: &Bounded) {
    let outputs = outputs(cs, "half", 2);
    let value = cs.input("value", bounded.value);
    let bits = bits::bits_below(cs, "bit", &value, &bounded.bound);
    let (low, high) = bits.split_at(bits.len() / 2);
    bind(cs, outputs, &[weigh_bits(low), weigh_bits(high)]);
}

/// The least number that [`bits::bits_below`] refuses: the bound with its bits below the compared ones cleared.
fn bounded_edge(bound: &BigInt<4>) -> BigInt<4> {
    let width = bound.num_bits() as usize;
    let bits: Vec<bool> = (0..width)
        .map(|i| i >= width - TOP_BITS && bound.get_bit(i))
        .collect();
    BigInt::from_bits_le(&bits)
}

fn bounded_twin(bounded: &Bounded) -> Option<Vec<Fr>> {
    let Bounded { bound, value } = bounded;
    let integer = value.into_bigint();
    let width = bound.num_bits() as usize;
    let half = |places: std::ops::Range<usize>| {
        let bits: Vec<bool> = places.map(|i| integer.get_bit(i)).collect();
        Fr::from(BigInt::<4>::from_bits_le(&bits))
    };
    (integer < bounded_edge(bound)).then(|| vec![half(0..width / 2), half(width / 2..width)])
}

pub(super) fn canonical_bits() -> Subject<'static, Fr, Bounded> {
    bits_below("canonical_bits", Fr::MODULUS, Draw::new(2).elements(3))
}

/// The bits of a published S: below the order of the signatures' subgroup.
pub(super) fn scalar_bits() -> Subject<'static, Fr, Bounded> {
    let reduced = |value: Fr| Scalar::from_le_bytes_mod_order(&value.into_bigint().to_bytes_le());
    let values = Draw::new(2).elements(3).into_iter().map(reduced);
    let values = values.map(|scalar| Fr::from(scalar.into_bigint())).collect();
    bits_below("scalar_bits", Scalar::MODULUS, values)
}

fn bits_below(name: &str, bound: BigInt<4>, values: Vec<Fr>) -> Subject<'static, Fr, Bounded> {
    let with = move |value| Bounded { bound, value };
    let edge = Fr::from(bounded_edge(&bound));
    let mut valid = vec![Fr::ZERO, Fr::ONE, edge - Fr::ONE];
    valid.extend(values);
    // Bits of a number that is not below the bound (for the modulus, instead of those of what is left of it), one for each place at
    // which the comparison may decide.
    let width = bound.num_bits();
    let top = top_bits(&bound, width as usize);
    let mut numbers: Vec<BigInt<4>> = (1u32..)
        .zip(&top)
        .filter(|(_, one)| !**one)
        .map(|(places, _)| {
            // Equal to the bound above the place, greater there, zeros below.
            let mut number = bound;
            number >>= width - places;
            number.add_with_carry(&1u64.into());
            number <<= width - places;
            number
        })
        .collect();
    let mut equal = bounded_edge(&bound);
    equal.add_with_carry(&5u64.into());
    numbers.push(equal);
    let forgeries = numbers.into_iter().map(|number| {
        let witness = with(Fr::from_le_bytes_mod_order(&number.to_bytes_le()));
        let (r1cs, _) = build(&bounded_circuit, &witness);
        let hints = (0..r1cs.wires()).filter(|wire| r1cs.wire_kind(*wire) == WireKind::Hint);
        // The hints are the bits but the lowest, in order.
        let overrides: Overrides<Fr> = (1..)
            .zip(hints)
            .map(|(place, wire)| (wire, Fr::from(number.get_bit(place))))
            .collect();
        Forgery {
            name: format!("the bits of {number}"),
            witness,
            overrides,
        }
    });
    Subject::new(name, &bounded_circuit)
        .twin(&bounded_twin)
        .valid(valid.into_iter().map(with))
        .invalid(forgeries)
        .probes(boundary_values().into_iter().chain([edge]).map(with))
}

fn one_hot_circuit(cs: &mut Builder<Fr>, number: &usize) {
    let outputs = outputs(cs, "indicator", 16);
    let bits = std::array::from_fn(|i| Bit::choice(cs, "bit", number >> i & 1 == 1));
    let hot = bits::one_hot_16(cs, &bits);
    bind(cs, outputs, &hot);
}

pub(super) fn one_hot_16() -> Subject<'static, Fr, usize> {
    Subject::new("one_hot_16", &one_hot_circuit)
        .twin(&|number| Some((0..16).map(|i| Fr::from(i == *number)).collect()))
        .valid([0, 5, 10, 15])
        .probes(0..16)
}

/// Four bits of a number, a table, and what is said to stand there.
#[derive(Clone, Copy)]
pub(super) struct Selection {
    number: usize,
    table: [Fr; 16],
    value: Fr,
}

fn selection_circuit(cs: &mut Builder<Fr>, selection: &Selection) {
    let bits = std::array::from_fn(|i| Bit::choice(cs, "bit", selection.number >> i & 1 == 1));
    let table = selection.table.map(|element| cs.input("element", element));
    let value = cs.input("value", selection.value);
    bits::assert_selected_16(cs, &bits, &table, &value);
}

pub(super) fn assert_selected_16() -> Subject<'static, Fr, Selection> {
    let mut draw = Draw::new(4);
    let tables: [[Fr; 16]; 3] = std::array::from_fn(|_| std::array::from_fn(|_| draw.element()));
    let with = |table: [Fr; 16], number, place: usize| Selection {
        number,
        table,
        value: table[place],
    };
    let [table, ..] = tables;
    let honest = [0, 6, 15];
    let pairs = (0..16).flat_map(|number| (0..16).map(move |place| (number, place)));
    let invalid = pairs.filter(|(number, place)| number != place);
    Subject::new("assert_selected_16", &selection_circuit)
        .twin(&|selection| (selection.table[selection.number] == selection.value).then(Vec::new))
        .valid(
            tables
                .into_iter()
                .zip(honest)
                .map(|(table, number)| with(table, number, number)),
        )
        .invalid(invalid.map(|(number, place)| {
            Forgery::new(format!("{place} instead of {number}"), with(table, number, place))
        }))
        .probes((0..16).map(|number| with(table, number, number)))
}

fn nonzero_circuit(cs: &mut Builder<Fr>, value: &Fr) {
    let outputs = outputs(cs, "nonzero", 1);
    let value = cs.input("value", *value);
    let nonzero = bits::is_nonzero(cs, &value);
    bind(cs, outputs, [nonzero.lc()]);
}

pub(super) fn nonzero() -> Subject<'static, Fr, Fr> {
    Subject::new("is_nonzero", &nonzero_circuit)
        .twin(&|value| Some(vec![Fr::from(!value.is_zero())]))
        .valid([Fr::ZERO, Fr::ONE, -Fr::ONE, Fr::from(77u64)])
        .probes(boundary_values())
}

/// The largest magnitude of the integers that are tested.
const REACH: i128 = 100;

/// The sign of a - b, a b + 64 in seven bits, and the quotient of a + 100 by 7.
fn integers_circuit(cs: &mut Builder<Fr>, (a, b): &(i128, i128)) {
    let outputs = outputs(cs, "result", 3);
    let a = Int::input_between(cs, "a", *a, -REACH, REACH);
    let b = Int::input_between(cs, "b", *b, -REACH, REACH);
    let sign = a.minus(&b).is_nonnegative(cs, "sign");
    let product = a.mul(cs, "product", &b).plus(&Int::constant(64));
    let product = product.assert_bits(cs, "range", 7);
    let dividend = a.plus(&Int::constant(REACH));
    let quotient = dividend.value().max(0).unsigned_abs() / 7;
    let quotient = Int::from_new_bits(cs, "quotient", 5, quotient);
    dividend
        .minus(&quotient.times(7))
        .assert_between(cs, "remainder", 0, 6);
    bind(cs, outputs, [sign.lc(), product.lc(), quotient.lc()]);
}

fn integers_twin((a, b): &(i128, i128)) -> Option<Vec<Fr>> {
    let in_range = a.abs() <= REACH && b.abs() <= REACH && (0..128).contains(&(a * b + 64));
    let results = || {
        [i128::from(a >= b), a * b + 64, (a + REACH) / 7]
            .map(Fr::from)
            .to_vec()
    };
    in_range.then(results)
}

pub(super) fn integers() -> Subject<'static, Fr, (i128, i128)> {
    let outside = [(101, 0), (-101, 0), (0, 101), (0, -101), (-65, 1), (8, 8)];
    let pairs = (-REACH..=REACH).flat_map(|a| [-100, -64, -1, 0, 1, 2, 63, 64, 100].map(|b| (a, b)));
    Subject::new("int", &integers_circuit)
        .twin(&integers_twin)
        .valid([(0, 0), (-3, 8), (63, 1), (-1, -63), (1, -64)])
        .invalid(outside.map(|pair| Forgery::new(format!("{pair:?}"), pair)))
        .probes(pairs)
}
