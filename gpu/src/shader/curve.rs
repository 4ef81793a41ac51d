//! Points as WGSL text: additions in XYZZ coordinates (x = X / ZZ, y = Y / ZZZ, ZZ^3 = ZZZ^2; the Explicit-Formulas Database's `madd-2008-s`, `add-2008-s` and
//! `dbl-2008-s-1`), over Fq for the first group and over Fq2 for the second. Infinity is ZZ = 0, the integer.
//!
//! Every coordinate between operations is below 2 p; comments give other bounds as multiples of p. Equal and opposite points are found, not assumed away.
//!
//! Depends on: [`super::field`]. Where to go next: [`super::msm`] sums with it.

use super::field::{Field, Form};
use ark_bn254::Fq;

/// Which of the two groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Group {
    /// Over Fq.
    G1,
    /// Over Fq2.
    G2,
}

impl Group {
    /// `vec4<u32>`s of a coordinate.
    pub(crate) const fn coordinate_vectors(self) -> u32 {
        match self {
            Self::G1 => 2,
            Self::G2 => 4,
        }
    }

    /// Bytes of a base in a key.
    pub(crate) const fn point_bytes(self) -> u64 {
        self.coordinate_vectors() as u64 * 32
    }

    /// Bytes of a sum on the device.
    pub(crate) const fn sum_bytes(self) -> u64 {
        self.coordinate_vectors() as u64 * 64
    }
}

/// The field F of the coordinates and the additions.
pub(crate) fn source(form: Form, group: Group) -> String {
    let key = 1 << form.key_shift();
    let field = match group {
        Group::G1 => {
            format!(
                "{}\n{}",
                Field::new::<Fq>(form, "F").source(),
                PRIME.replace("KEY", &key.to_string())
            )
        }
        Group::G2 => {
            format!(
                "{}\n{}",
                Field::new::<Fq>(form, "B").source(),
                QUADRATIC.replace("KEY", &key.to_string())
            )
        }
    };
    format!(
        "const VECTORS = {}u;\n{field}\n{CURVE}",
        group.coordinate_vectors()
    )
}

const PRIME: &str = "
alias Coordinate = array<vec4<u32>, 2>;
// a b - c d, for a b <= 80 and d <= 2.
fn f_mulsub(a: F, b: F, c: F, d: F) -> F { return f_mul2(a, b, c, f_neg2(d)); }
fn f_negkey(a: F) -> F { return f_negKEY(a); }
";

/// Fq2 = Fq[u] / (u^2 + 1). A product is two sums of two products, each reduced once: as many multiplications as Karatsuba's three, and no sums before.
const QUADRATIC: &str = "
struct F { c0: B, c1: B }
alias Coordinate = array<vec4<u32>, 4>;
fn f_zero() -> F { return F(b_zero(), b_zero()); }
fn f_one() -> F { return F(b_one(), b_zero()); }
fn f_is_nil(a: F) -> bool { return b_is_nil(a.c0) && b_is_nil(a.c1); }
fn f_is_zero(a: F) -> bool { return b_is_zero(a.c0) && b_is_zero(a.c1); }
fn f_select(no: F, yes: F, c: bool) -> F { return F(b_select(no.c0, yes.c0, c), b_select(no.c1, yes.c1, c)); }
fn f_add(a: F, b: F) -> F { return F(b_add(a.c0, b.c0), b_add(a.c1, b.c1)); }
fn f_sub2(a: F, b: F) -> F { return F(b_sub2(a.c0, b.c0), b_sub2(a.c1, b.c1)); }
fn f_sub4(a: F, b: F) -> F { return F(b_sub4(a.c0, b.c0), b_sub4(a.c1, b.c1)); }
fn f_negkey(a: F) -> F { return F(b_negKEY(a.c0), b_negKEY(a.c1)); }
fn f_reduce(a: F) -> F { return F(b_reduce(a.c0), b_reduce(a.c1)); }
// For a <= KEY and b <= 2.
fn f_mul(a: F, b: F) -> F { return F(b_mul2(a.c0, b.c0, a.c1, b_neg2(b.c1)), b_mul2(a.c0, b.c1, a.c1, b.c0)); }
// For a <= 4.
fn f_sqr(a: F) -> F { return F(b_mul(b_add(a.c0, a.c1), b_sub4(a.c0, a.c1)), b_mul(b_add(a.c0, a.c0), a.c1)); }
fn f_mulsub(a: F, b: F, c: F, d: F) -> F { return f_reduce(f_sub2(f_mul(a, f_reduce(b)), f_mul(c, d))); }
fn f_unpack(w: array<vec4<u32>, 4>) -> F {
    return F(b_unpack(array<vec4<u32>, 2>(w[0], w[1])), b_unpack(array<vec4<u32>, 2>(w[2], w[3])));
}
fn f_unpack_key(w: array<vec4<u32>, 4>) -> F {
    return F(b_unpack_key(array<vec4<u32>, 2>(w[0], w[1])), b_unpack_key(array<vec4<u32>, 2>(w[2], w[3])));
}
fn f_pack(a: F) -> array<vec4<u32>, 4> {
    let c0 = b_pack(a.c0);
    let c1 = b_pack(a.c1);
    return array<vec4<u32>, 4>(c0[0], c0[1], c1[0], c1[1]);
}
";

const CURVE: &str = "
struct Sum { x: F, y: F, zz: F, zzz: F }

fn infinity() -> Sum { return Sum(f_zero(), f_zero(), f_zero(), f_zero()); }

fn double(a: Sum) -> Sum {
    let u = f_add(a.y, a.y);
    let v = f_sqr(u);
    let w = f_mul(u, v);
    let s = f_mul(a.x, v);
    let xx = f_sqr(a.x);
    let m = f_reduce(f_add(f_add(xx, xx), xx));
    let x = f_reduce(f_sub4(f_sqr(m), f_add(s, s)));
    let y = f_mulsub(m, f_sub2(s, x), w, a.y);
    return Sum(x, y, f_mul(a.zz, v), f_mul(a.zzz, w));
}

// What the sum of two points with the same x is: r is the difference of their y.
fn add_same_x(a: Sum, r: F) -> Sum {
    if f_is_zero(f_sqr(r)) { return double(a); }
    return infinity();
}

// Adds a base in a key's form.
fn add_base(a: Sum, x: F, y: F) -> Sum {
    if f_is_nil(a.zz) { return Sum(f_mul(x, f_one()), f_mul(y, f_one()), f_one(), f_one()); }
    let p = f_sub2(f_mul(x, a.zz), a.x);
    let r = f_sub2(f_mul(y, a.zzz), a.y);
    let pp = f_sqr(p);
    if f_is_zero(pp) { return add_same_x(a, r); }
    let ppp = f_mul(p, pp);
    let q = f_mul(a.x, pp);
    let nx = f_reduce(f_sub4(f_sub2(f_sqr(r), ppp), f_add(q, q)));
    let ny = f_mulsub(r, f_sub2(q, nx), a.y, ppp);
    return Sum(nx, ny, f_mul(a.zz, pp), f_mul(a.zzz, ppp));
}

fn add(a: Sum, b: Sum) -> Sum {
    if f_is_nil(a.zz) { return b; }
    if f_is_nil(b.zz) { return a; }
    let u = f_mul(a.x, b.zz);
    let s = f_mul(a.y, b.zzz);
    let p = f_sub2(f_mul(b.x, a.zz), u);
    let r = f_sub2(f_mul(b.y, a.zzz), s);
    let pp = f_sqr(p);
    if f_is_zero(pp) { return add_same_x(a, r); }
    let ppp = f_mul(p, pp);
    let q = f_mul(u, pp);
    let nx = f_reduce(f_sub4(f_sub2(f_sqr(r), ppp), f_add(q, q)));
    let ny = f_mulsub(r, f_sub2(q, nx), s, ppp);
    return Sum(nx, ny, f_mul(f_mul(a.zz, b.zz), pp), f_mul(f_mul(a.zzz, b.zzz), ppp));
}
";
