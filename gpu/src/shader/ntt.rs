//! The kernels of number-theoretic transforms as WGSL text; docs/gpu.md has the passes, [`crate::ntt`] runs them.
//!
//! A thread does two, four or eight values in registers, as levels of radix-2 butterflies, straight from global memory and back: adjacent threads have adjacent
//! values. Values are arkworks' Montgomery form or any multiple of it; factors (roots, shifts) are in the kernels' form, so that a product is in the scale of
//! the value. Values in memory are below 2 p, and canonical only where they leave.
//!
//! Depends on: [`super::field`].

use super::field::{Field, Form};
use ark_bn254::Fr;

/// The most levels of a pass.
pub(crate) const LEVELS_MAX: u32 = 3;

/// Which way a transform goes through its levels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    /// Decimation in frequency: from natural order to reversed bits, largest stride first.
    Frequency,
    /// Decimation in time: from reversed bits to natural order, smallest stride first.
    Time,
}

const ENTRY: &str = "
@compute @workgroup_size(GROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let t = thread(group, groups, local);
    if t >= given.count { return; }
";

fn field(form: Form) -> String {
    Field::new::<Fr>(form, "F").source()
}

/// One pass of `levels` levels over any number of transforms of 2^`given.log_size` values side by side: `count` threads, values 2^`log_stride` apart. With
/// `given.scaled`, value i of a transform is first multiplied by `factors[i]`.
pub(crate) fn pass(form: Form, direction: Direction, levels: u32) -> String {
    let radix = 1u32 << levels;
    let mut body = String::new();
    for i in 0..radix {
        body += &format!("var x{i} = f_unpack(values[base + ({i}u << given.log_stride)]);\n");
    }
    body += "if given.scaled != 0u {\n";
    for i in 0..radix {
        body += &format!(
            "x{i} = f_mul(x{i}, f_unpack(factors[(base + ({i}u << given.log_stride)) & (size - 1u)]));\n"
        );
    }
    body += "}\n";
    for level in 0..levels {
        // Values that meet are `half` places apart; the sub-transform that they belong to has 2 half stride values.
        let half = match direction {
            Direction::Frequency => radix >> (level + 1),
            Direction::Time => 1 << level,
        };
        let log_half = half.trailing_zeros();
        for k in 0..half {
            // Root number (j + k stride) of a transform of 2 half stride values, from the table for 2^log_size.
            let exponent = format!(
                "(j + ({k}u << given.log_stride)) << (given.log_size - given.log_stride - {}u)",
                log_half + 1
            );
            body += &format!("{{ let w = f_unpack(roots[{exponent}]);\n");
            for first in (k..radix).step_by(2 * half as usize) {
                let (a, b) = (format!("x{first}"), format!("x{}", first + half));
                body += &match direction {
                    // Both are at most 2^(level + 1) p: so is what is added before the difference.
                    Direction::Frequency => {
                        let bound = 2 << level;
                        format!(
                            "{{ let d = f_sub{bound}({a}, {b}); {a} = f_add({a}, {b}); {b} = f_mul(d, w); }}\n"
                        )
                    }
                    // a is at most 2 (level + 1) p.
                    Direction::Time => {
                        format!("{{ let d = f_mul({b}, w); {b} = f_sub2({a}, d); {a} = f_add({a}, d); }}\n")
                    }
                };
            }
            body += "}\n";
        }
    }
    for i in 0..radix {
        // The last level of a decimation in frequency has multiplied every second value.
        let reduced = direction == Direction::Frequency && i % 2 == 1;
        let value = if reduced {
            format!("x{i}")
        } else {
            format!("f_reduce(x{i})")
        };
        body += &format!("values[base + ({i}u << given.log_stride)] = f_pack({value});\n");
    }
    format!(
        "{}
struct Given {{ count: u32, log_size: u32, log_stride: u32, scaled: u32 }}
var<immediate> given: Given;
@group(0) @binding(0) var<storage, read_write> values: array<array<vec4<u32>, 2>>;
@group(0) @binding(1) var<storage, read> roots: array<array<vec4<u32>, 2>>;
@group(0) @binding(2) var<storage, read> factors: array<array<vec4<u32>, 2>>;
{ENTRY}
    let size = 1u << given.log_size;
    let j = t & ((1u << given.log_stride) - 1u);
    let base = ((t >> given.log_stride) << (given.log_stride + {levels}u)) + j;
    {body}
}}",
        field(form)
    )
}

/// Values times a factor, canonical, each to the place of its reversed bits.
pub(crate) fn reverse(form: Form) -> String {
    format!(
        "{}
struct Given {{ count: u32, log_size: u32 }}
var<immediate> given: Given;
@group(0) @binding(0) var<storage, read> values: array<array<vec4<u32>, 2>>;
@group(0) @binding(1) var<storage, read> factor: array<array<vec4<u32>, 2>>;
@group(0) @binding(2) var<storage, read_write> result: array<array<vec4<u32>, 2>>;
{ENTRY}
    // Shifts of 32 are no shifts.
    let place = select(reverseBits(t) >> ((32u - given.log_size) & 31u), 0u, given.log_size == 0u);
    result[place] = f_pack(f_canonical(f_mul(f_unpack(values[t]), f_unpack(factor[0]))));
}}",
        field(form)
    )
}

/// The third of three polynomials: products of the values of the first two.
pub(crate) fn product(form: Form) -> String {
    format!(
        "{}
struct Given {{ count: u32 }}
var<immediate> given: Given;
@group(0) @binding(0) var<storage, read_write> values: array<array<vec4<u32>, 2>>;
{ENTRY}
    values[t + 2u * given.count] = f_pack(f_mul(f_unpack(values[t]), f_unpack(values[t + given.count])));
}}",
        field(form)
    )
}

/// The canonical integers of a b - c. With R the kernels' radix, a and b are times 2^256 and c is times 2^512 / R, as is the product of a and b:
/// R^2 / 2^512, in the kernels' form, takes it away.
pub(crate) fn quotient(form: Form) -> String {
    let factor = 1u32 << (2 * form.key_shift());
    format!(
        "{}
struct Given {{ count: u32 }}
var<immediate> given: Given;
@group(0) @binding(0) var<storage, read> values: array<array<vec4<u32>, 2>>;
@group(0) @binding(1) var<storage, read_write> result: array<array<vec4<u32>, 2>>;
{ENTRY}
    let product = f_mul(f_unpack(values[t]), f_unpack(values[t + given.count]));
    let difference = f_sub2(product, f_unpack(values[t + 2u * given.count]));
    let factor = f_unpack(array<vec4<u32>, 2>(vec4<u32>({factor}u, 0u, 0u, 0u), vec4<u32>()));
    result[t] = f_pack(f_canonical(f_mul(difference, factor)));
}}",
        field(form)
    )
}

/// A factor in the kernels' form, as arkworks keeps it: its Montgomery form times what the radices differ by.
pub(crate) fn factor(form: Form, value: Fr) -> Fr {
    value * Fr::from(1u64 << form.key_shift())
}
