//! Baby Jubjub in Montgomery form, where an addition costs 3 rows.
//!
//! **Relation.** `v^2 = u^3 + 168698 u^2 + u`; with circomlib's Edwards form `168700 x^2 + y^2 = 1 + 168696 x^2 y^2`:
//! `u = (1 + y)/(1 - y)`, `v = u/x` (EIP-2494).
//!
//! **Cost.** Addition 3, doubling 4, `2P + Q` 5 (the intermediate v is never needed), from Edwards 0 (the point is allocated in
//! Montgomery form), to Edwards 2; complete addition in Edwards form 6.
//!
//! **Why it is sound.** The formulas are incomplete: [`add`] needs `P != +-Q`, [`double_add`] also `2P != -Q` and
//! `P + Q != +-P`; if the denominators vanish, either no slope satisfies the row or (equal points) the slope is free.
//! The callers show that this cannot happen: see [`super::eddsa`]. [`double`] is safe: at a point of order two the
//! denominator is 0 and the numerator is not, so the row has no solution.
//! [`edwards_add`] is complete on the curve, because 168696 is not a square and 168700 is.
//!
//! Source: Bernstein, Lange, "Montgomery curves and the Montgomery ladder"; Bernstein et al., "Twisted Edwards curves".

use crate::{Builder, Lc};
use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, Field, MontFp};
use popw_claims::babyjubjub::Point;

/// A of `v^2 = u^3 + A u^2 + u`.
pub const MONTGOMERY_A: Fr = MontFp!("168698");
const EDWARDS_A: Fr = MontFp!("168700");
const EDWARDS_D: Fr = MontFp!("168696");

/// A finite point (u, v).
#[derive(Clone)]
pub struct Montgomery {
    /// u.
    pub u: Lc<Fr>,
    /// v.
    pub v: Lc<Fr>,
}

/// A point (x, y) in circomlib's Edwards form.
#[derive(Clone)]
pub struct Edwards {
    /// x.
    pub x: Lc<Fr>,
    /// y.
    pub y: Lc<Fr>,
}

/// The Montgomery coordinates of a point other than the identity and the point (0, -1).
pub fn coordinates(point: &Point) -> Option<(Fr, Fr)> {
    let u = (Fr::ONE + point.y) * (Fr::ONE - point.y).inverse()?;
    Some((u, u * point.x.inverse()?))
}

impl Montgomery {
    /// A new point of the curve, whose u the prover chooses: 3 rows.
    pub fn new_on_curve(cs: &mut Builder<Fr>, (u, v): (Fr, Fr)) -> Self {
        let u = cs.input("u", u);
        let v = cs.hint("v", v);
        let square = cs.mul("u2", &u, &u);
        let cube = cs.mul("u3", &square, &u);
        cs.enforce(&v, &v, &curve_polynomial(&cube, &square, &u));
        Self { u, v }
    }

    /// The opposite point, free.
    pub fn negated(&self) -> Self {
        Self {
            u: self.u.clone(),
            v: -self.v.clone(),
        }
    }
}

/// `u^3 + A u^2 + u` from the powers.
pub fn curve_polynomial(cube: &Lc<Fr>, square: &Lc<Fr>, u: &Lc<Fr>) -> Lc<Fr> {
    let mut sum = cube + u;
    sum.add_scaled(square, MONTGOMERY_A);
    sum
}

/// `2P`: 4 rows. Unsatisfiable for a point of order two.
pub fn double(cs: &mut Builder<Fr>, p: &Montgomery) -> Montgomery {
    let square = cs.mul("u2", &p.u, &p.u);
    let mut numerator = square * Fr::from(3u64) + Fr::ONE;
    numerator.add_scaled(&p.u, MONTGOMERY_A.double());
    let slope = cs.divide("slope", &numerator, &(p.v.clone() * Fr::from(2u64)));
    let u = cs.mul_sub(
        "u",
        &slope,
        &slope,
        &(p.u.clone() * Fr::from(2u64) + MONTGOMERY_A),
    );
    let v = cs.mul_sub("v", &slope, &(&p.u - &u), &p.v);
    Montgomery { u, v }
}

/// `P + Q` for `P != +-Q`: 3 rows.
pub fn add(cs: &mut Builder<Fr>, p: &Montgomery, q: &Montgomery) -> Montgomery {
    let slope = cs.divide("slope", &(&q.v - &p.v), &(&q.u - &p.u));
    let u = cs.mul_sub("u", &slope, &slope, &(&p.u + &q.u + MONTGOMERY_A));
    let v = cs.mul_sub("v", &slope, &(&p.u - &u), &p.v);
    Montgomery { u, v }
}

/// `2P + Q` as `(P + Q) + P`, for `P != +-Q` and `P + Q != +-P`: 5 rows. `inverses` should be those of the two denominators
/// ([`Builder::divide_knowing`]).
pub fn double_add(cs: &mut Builder<Fr>, p: &Montgomery, q: &Montgomery, inverses: [Fr; 2]) -> Montgomery {
    let first = cs.divide_knowing("slope", &(&q.v - &p.v), &(&q.u - &p.u), inverses[0]);
    let middle = cs.mul_sub("middle", &first, &first, &(&p.u + &q.u + MONTGOMERY_A));
    // The second slope is -(first + step): v of the middle point is first (p.u - middle) - p.v.
    let step = cs.divide_knowing(
        "step",
        &(p.v.clone() * Fr::from(2u64)),
        &(&middle - &p.u),
        inverses[1],
    );
    let second = -(first + &step);
    let u = cs.mul_sub("u", &second, &second, &(&middle + &p.u + MONTGOMERY_A));
    let v = cs.mul_sub("v", &second, &(&p.u - &u), &p.v);
    Montgomery { u, v }
}

/// The Edwards form of a point that is not of order two: 2 rows. (No point of an odd order has v = 0 or u = -1.)
pub fn to_edwards(cs: &mut Builder<Fr>, p: &Montgomery) -> Edwards {
    let x = cs.divide("x", &p.u, &p.v);
    let y = cs.divide("y", &(p.u.clone() + -Fr::ONE), &(p.u.clone() + Fr::ONE));
    Edwards { x, y }
}

impl Edwards {
    /// New wires for a point that later rows fix.
    pub fn hint(cs: &mut Builder<Fr>, point: &Point) -> Self {
        Self {
            x: cs.hint("x", point.x),
            y: cs.hint("y", point.y),
        }
    }

    /// The opposite point, free.
    pub fn negated(&self) -> Self {
        Self {
            x: -self.x.clone(),
            y: self.y.clone(),
        }
    }
}

/// Fixes the wires of `sum` to `p + q`, completely: 6 rows. If p and q are on the curve, so is the sum.
pub fn edwards_add(cs: &mut Builder<Fr>, p: &Edwards, q: &Edwards, sum: &Edwards) {
    let x1y2 = cs.mul("x1y2", &p.x, &q.y);
    let y1x2 = cs.mul("y1x2", &p.y, &q.x);
    let mut left = p.y.clone();
    left.add_scaled(&p.x, -EDWARDS_A);
    // (y1 - a x1)(x2 + y2) = y1 y2 - a x1 x2 + y1 x2 - a x1 y2
    let cross = cs.mul("cross", &left, &(&q.x + &q.y));
    let product = cs.mul("product", &x1y2, &y1x2) * EDWARDS_D;
    cs.enforce(&sum.x, &(product.clone() + Fr::ONE), &(&x1y2 + &y1x2));
    let mut numerator = &cross - &y1x2;
    numerator.add_scaled(&x1y2, EDWARDS_A);
    cs.enforce(&sum.y, &(-product + Fr::ONE), &numerator);
}
