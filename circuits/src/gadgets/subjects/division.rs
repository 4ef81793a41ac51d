//! Division: rounded down by a divisor of the witness, and cut toward zero by a constant.

use super::{bind, outputs};
use crate::Builder;
use crate::gadgets::int::Int;
use crate::gadgets::truncation::truncated;
use crate::soundness::{Forgery, Subject};
use ark_bn254::Fr;

/// The largest dividend that is tested.
const DIVIDEND_MAX: i128 = 1_000;
/// Bits of divisors and of quotients.
const DIVISOR_BITS: usize = 5;
const QUOTIENT_BITS: usize = 8;

fn division_circuit(cs: &mut Builder<Fr>, (dividend, divisor): &(i128, i128)) {
    let outputs = outputs(cs, "quotient", 1);
    let dividend = Int::input_between(cs, "dividend", *dividend, 0, DIVIDEND_MAX);
    let divisor = Int::input_between(cs, "divisor", *divisor, 0, (1 << DIVISOR_BITS) - 1);
    let quotient = dividend.divide_floor(cs, &divisor, QUOTIENT_BITS, DIVISOR_BITS);
    bind(cs, outputs, [quotient.lc()]);
}

fn division_twin((dividend, divisor): &(i128, i128)) -> Option<Vec<Fr>> {
    let in_range = (0..=DIVIDEND_MAX).contains(dividend) && (0..1 << DIVISOR_BITS).contains(divisor);
    let quotient = dividend.checked_div(*divisor)?;
    (in_range && quotient < 1 << QUOTIENT_BITS).then(|| vec![Fr::from(quotient)])
}

pub(super) fn divide_floor() -> Subject<'static, Fr, (i128, i128)> {
    let invalid = [
        ("a divisor of 0", (0, 0)),
        ("a quotient of 256", (256, 1)),
        ("a negative dividend", (-1, 3)),
        ("a dividend beyond the largest", (1_001, 5)),
        ("a negative divisor", (7, -1)),
        ("a divisor beyond the largest", (7, 32)),
    ];
    let dividends = [0, 1, 5, 6, 7, 30, 31, 255, 256, 999, 1_000];
    Subject::new("divide_floor", &division_circuit)
        .twin(&division_twin)
        .valid([(100, 7), (0, 1), (1_000, 31), (255, 1)])
        .invalid(invalid.map(|(name, pair)| Forgery::new(name, pair)))
        .probes(dividends.into_iter().flat_map(|a| (0..32).map(move |b| (a, b))))
}

/// A number, its bounds and a constant that divides it.
#[derive(Clone, Copy)]
pub(super) struct Truncation {
    min: i128,
    max: i128,
    divisor: i128,
    value: i128,
}

fn truncation_circuit(cs: &mut Builder<Fr>, truncation: &Truncation) {
    let Truncation {
        min,
        max,
        divisor,
        value,
    } = *truncation;
    let outputs = outputs(cs, "quotient", 1);
    let value = Int::input_between(cs, "value", value, min, max);
    let quotient = cs.scope("truncation", None, |cs| truncated(cs, &value, divisor));
    bind(cs, outputs, [quotient.lc()]);
}

/// Numbers of both signs and of one.
pub(super) fn truncations() -> [Subject<'static, Fr, Truncation>; 4] {
    [(-1_000, 1_000, 10), (-7, 3, 3), (0, 50, 7), (-50, -1, 7)]
        .map(|(min, max, divisor)| truncation(min, max, divisor))
}

fn truncation(min: i128, max: i128, divisor: i128) -> Subject<'static, Fr, Truncation> {
    let with = move |value| Truncation {
        min,
        max,
        divisor,
        value,
    };
    // Where the quotient and the sign change, and the borders.
    let honest = [0, divisor, -divisor]
        .into_iter()
        .flat_map(|value| value - 1..=value + 1);
    let mut honest: Vec<i128> = honest
        .chain([min, max])
        .filter(|value| (min..=max).contains(value))
        .collect();
    honest.sort_unstable();
    honest.dedup();
    let outside = [min - 1, max + 1, min - 1_025, max + 1_025, -(1 << 60), 1 << 60];
    Subject::new(
        format!("truncated {min}..{max} by {divisor}"),
        &truncation_circuit,
    )
    .twin(&|truncation| {
        let Truncation {
            min,
            max,
            divisor,
            value,
        } = *truncation;
        (min..=max)
            .contains(&value)
            .then(|| vec![Fr::from(value / divisor)])
    })
    .valid(honest.into_iter().map(with))
    .invalid(outside.map(|value| Forgery::new(format!("{value}"), with(value))))
    .probes((min..=max).map(with))
}
