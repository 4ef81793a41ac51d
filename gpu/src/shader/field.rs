//! Field arithmetic as WGSL text: [`Field::source`] writes unrolled Montgomery arithmetic of a prime field in one of two [`Form`]s.
//!
//! What it is for: WGSL has neither a product of 64 bits from two words nor a carry flag. Limbs of fewer bits than a word leave room to sum a whole column of
//! products without looking at carries:
//!
//! | form | limbs | column | R | needs |
//! |---|---|---|---|---|
//! | [`Form::Wide`] | 9 of 29 bits | `u64` | 2^261 | `SHADER_INT64` |
//! | [`Form::Narrow`] | 20 of 13 bits | `u32` | 2^260 | nothing |
//!
//! Bounds. Limbs between operations are below 2^bits, but the last, which takes what is above. R is at least 84 p, so a sum of products of at most 84 p^2
//! reduces to less than 2 p: (84 p^2 + R p) / R. Every function says what it takes and gives, as multiples of p; docs/gpu.md derives them. A column of
//! `mul2` holds two products and one multiple of p of each of the limbs: 27 * 2^58 < 2^64 wide, 60 (2^13 - 1)^2 + 2^19 < 2^32 narrow.
//!
//! In memory an element is eight words, two `vec4<u32>`: any value below 2^256, which is above 5 p.
//!
//! Depends on: the moduli of `ark-bn254`. Where to go next: [`super::curve`] adds points with it.

use ark_ff::{BigInt, PrimeField};
use std::fmt::Write;

/// How limbs are cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Form {
    /// 9 limbs of 29 bits, columns of 64 bits.
    Wide,
    /// 20 limbs of 13 bits, columns of 32 bits.
    Narrow,
}

impl Form {
    /// Bits of a limb.
    pub const fn bits(self) -> u32 {
        match self {
            Self::Wide => 29,
            Self::Narrow => 13,
        }
    }

    /// Limbs of an element.
    pub const fn limbs(self) -> u32 {
        match self {
            Self::Wide => 9,
            Self::Narrow => 20,
        }
    }

    /// R is 2 to this power.
    pub const fn radix_bits(self) -> u32 {
        self.bits() * self.limbs()
    }

    /// Arkworks and keys have Montgomery's R = 2^256; shifted left by so many bits, such a value is a redundant form of ours.
    pub const fn key_shift(self) -> u32 {
        self.radix_bits() - 256
    }

    const fn column(self) -> &'static str {
        match self {
            Self::Wide => "u64",
            Self::Narrow => "u32",
        }
    }
}

/// A prime field of 254 bits in a form.
#[derive(Clone, Debug)]
pub(crate) struct Field {
    form: Form,
    modulus: [u64; 5],
    one: [u64; 5],
    /// -1 / p modulo 2^bits.
    inverse: u32,
    /// Type and prefix of the functions.
    name: &'static str,
}

/// `value * factor`, for numbers of 320 bits.
fn times(value: [u64; 5], factor: u64) -> [u64; 5] {
    let mut carry = 0u128;
    value.map(|word| {
        carry += u128::from(word) * u128::from(factor);
        let low = carry as u64;
        carry >>= 64;
        low
    })
}

fn widen(value: BigInt<4>) -> [u64; 5] {
    [value.0[0], value.0[1], value.0[2], value.0[3], 0]
}

/// Bits `begin .. begin + count` of a number.
fn cut(value: &[u64; 5], begin: u32, count: u32) -> u32 {
    (0..count)
        .filter(|bit| value[((begin + bit) / 64) as usize] >> ((begin + bit) % 64) & 1 == 1)
        .map(|bit| 1 << bit)
        .sum()
}

/// 2^bits - value, for a power above 2^256.
fn below_power_of_two(value: &[u64; 5], bits: u32) -> [u64; 5] {
    let mut borrow = false;
    let mut index = 0;
    value.map(|word| {
        let from = if index == 4 { 1u64 << (bits - 256) } else { 0 };
        index += 1;
        let (low, first) = from.overflowing_sub(word);
        let (low, second) = low.overflowing_sub(u64::from(borrow));
        borrow = first || second;
        low
    })
}

/// Joins what `piece` writes for each limb.
fn join(count: u32, separator: &str, piece: impl Fn(u32) -> String) -> String {
    (0..count).map(piece).collect::<Vec<_>>().join(separator)
}

impl Field {
    /// The field `F`; its WGSL type is `name` and its functions begin with the name in lower case.
    pub(crate) fn new<F: PrimeField<BigInt = BigInt<4>>>(form: Form, name: &'static str) -> Self {
        let modulus = widen(F::MODULUS);
        let mut inverse = 1u32;
        // Newton's iteration doubles the correct bits.
        for _ in 0..5 {
            inverse = inverse.wrapping_mul(2u32.wrapping_sub((modulus[0] as u32).wrapping_mul(inverse)));
        }
        Self {
            form,
            modulus,
            one: widen(F::from(2u64).pow([u64::from(form.radix_bits())]).into_bigint()),
            inverse: inverse.wrapping_neg() & ((1 << form.bits()) - 1),
            name,
        }
    }

    fn constant(&self, value: &[u64; 5], limb: u32) -> u32 {
        let bits = self.form.bits();
        match limb + 1 == self.form.limbs() {
            true => cut(value, limb * bits, 32.min(320 - limb * bits)),
            false => cut(value, limb * bits, bits),
        }
    }

    /// All functions of the field.
    pub(crate) fn source(&self) -> String {
        let mut text = String::new();
        let _ = self.write(&mut text);
        text
    }

    fn write(&self, out: &mut String) -> std::fmt::Result {
        let (form, name) = (self.form, self.name);
        let (limbs, bits, column) = (form.limbs(), form.bits(), form.column());
        let f = name.to_lowercase();
        let mask = (1u32 << bits) - 1;
        let last = limbs - 1;
        let make = |piece: &dyn Fn(u32) -> String| format!("{name}({})", join(limbs, ", ", piece));

        writeln!(
            out,
            "struct {name} {{ {} }}",
            join(limbs, ", ", |i| format!("l{i}: u32"))
        )?;
        writeln!(
            out,
            "fn {f}_zero() -> {name} {{ return {}; }}",
            make(&|_| "0u".into())
        )?;
        let one = make(&|i| format!("{}u", self.constant(&self.one, i)));
        writeln!(out, "// 1, below p.\nfn {f}_one() -> {name} {{ return {one}; }}")?;
        let any = |value: &str| join(limbs, " | ", |i| format!("{value}.l{i}"));
        writeln!(
            out,
            "// Is it the integer 0?\nfn {f}_is_nil(a: {name}) -> bool {{ return ({}) == 0u; }}",
            any("a")
        )?;
        let different = join(limbs, " | ", |i| {
            format!("(a.l{i} ^ {}u)", self.constant(&self.modulus, i))
        });
        writeln!(
            out,
            "// Is it 0? a < 2p.\nfn {f}_is_zero(a: {name}) -> bool {{ return {f}_is_nil(a) || ({different}) == 0u; }}"
        )?;
        writeln!(
            out,
            "fn {f}_select(no: {name}, yes: {name}, c: bool) -> {name} {{ return {}; }}",
            make(&|i| format!("select(no.l{i}, yes.l{i}, c)"))
        )?;

        writeln!(out, "fn {f}_add(a: {name}, b: {name}) -> {name} {{")?;
        self.carry(out, |i| format!("a.l{i} + b.l{i}"))?;
        for multiple in [2, 4, 8, 16, 32] {
            let value = times(self.modulus, multiple);
            writeln!(out, "// a + {multiple} p - b, for b <= {multiple} p.")?;
            writeln!(out, "fn {f}_sub{multiple}(a: {name}, b: {name}) -> {name} {{")?;
            self.carry(out, |i| {
                format!("i32(a.l{i}) + {}i - i32(b.l{i})", self.constant(&value, i))
            })?;
            writeln!(out, "// {multiple} p - b, for b <= {multiple} p.")?;
            writeln!(out, "fn {f}_neg{multiple}(b: {name}) -> {name} {{")?;
            self.carry(out, |i| format!("{}i - i32(b.l{i})", self.constant(&value, i)))?;
        }

        // The quotient is estimated from the bits from 242 on, never too large and too small by less than one and an eighth for a <= 64 p: with h
        // the bits of a and d those of p, floor(2^16 / (d + 1)) h / 2^16. Adding q (R - p) and dropping q R is subtracting q p.
        let top = match form {
            Form::Wide => format!("(a.l{last} >> 10u)"),
            Form::Narrow => format!("((a.l{last} << 5u) | (a.l{} >> 8u))", last - 1),
        };
        let factor = (1 << 16) / (cut(&self.modulus, 242, 12) + 1);
        let complement = below_power_of_two(&self.modulus, form.radix_bits());
        writeln!(
            out,
            "// a modulo p, below 2p, for a <= 64 p (R allows no more).\nfn {f}_reduce(a: {name}) -> {name} {{"
        )?;
        writeln!(out, "let q = {column}(({top} * {factor}u) >> 16u);")?;
        self.carry_column(out, true, |i| {
            format!(
                "{column}(a.l{i}) + q * {column}({}u)",
                self.constant(&complement, i)
            )
        })?;

        writeln!(
            out,
            "// a modulo p, below p, for a < 2p.\nfn {f}_canonical(a: {name}) -> {name} {{"
        )?;
        writeln!(out, "var c = 0i;")?;
        for i in 0..limbs {
            writeln!(
                out,
                "c = i32(a.l{i}) - {}i + c; let l{i} = u32(c) & {mask}u; c = c >> {bits}u;",
                self.constant(&self.modulus, i)
            )?;
        }
        writeln!(
            out,
            "return {f}_select({}, a, c < 0i); }}",
            make(&|i| format!("l{i}"))
        )?;

        let product = |i: u32, left: &str, right: &str, j: u32| format!("{left}{i} * {right}{j}");
        writeln!(
            out,
            "// a b / R, below 2p, for a b <= 84 p^2.\nfn {f}_mul(a: {name}, b: {name}) -> {name} {{"
        )?;
        self.words(out, "a")?;
        self.words(out, "b")?;
        self.montgomery(out, |i, j| product(i, "a", "b", j))?;
        writeln!(out, "// (a b + c d) / R, below 2p, for a b + c d <= 84 p^2.")?;
        writeln!(
            out,
            "fn {f}_mul2(a: {name}, b: {name}, c: {name}, d: {name}) -> {name} {{"
        )?;
        ["a", "b", "c", "d"]
            .iter()
            .try_for_each(|value| self.words(out, value))?;
        self.montgomery(out, |i, j| {
            format!("{} + {}", product(i, "a", "b", j), product(i, "c", "d", j))
        })?;
        writeln!(
            out,
            "// a^2 / R, below 2p, for a <= 9 p.\nfn {f}_sqr(a: {name}) -> {name} {{"
        )?;
        self.words(out, "a")?;
        self.square(out)?;

        writeln!(
            out,
            "// Eight words.\nfn {f}_unpack(w: array<vec4<u32>, 2>) -> {name} {{ return {}; }}",
            make(&|i| self.unpacked(i, 0))
        )?;
        let shift = form.key_shift();
        writeln!(
            out,
            "// Eight words in Montgomery form with 2^256, below p; gives at most {} p.\nfn {f}_unpack_key(w: array<vec4<u32>, 2>) -> {name} {{ return {}; }}",
            1 << shift,
            make(&|i| self.unpacked(i, shift))
        )?;
        let packed = |begin: u32| join(4, ", ", |word| self.packed(begin + word));
        writeln!(
            out,
            "// Eight words, for a < 2^256.\nfn {f}_pack(a: {name}) -> array<vec4<u32>, 2> {{ return array<vec4<u32>, 2>(vec4<u32>({}), vec4<u32>({})); }}",
            packed(0),
            packed(4)
        )
    }

    /// `let`s of a parameter's limbs as columns.
    fn words(&self, out: &mut String, value: &str) -> std::fmt::Result {
        let column = self.form.column();
        writeln!(
            out,
            "{}",
            join(self.form.limbs(), " ", |i| format!(
                "let {value}{i} = {column}({value}.l{i});"
            ))
        )
    }

    /// Carries along limbs of 32 bits, signed or not, and returns; the last limb keeps what is above.
    fn carry(&self, out: &mut String, limb: impl Fn(u32) -> String) -> std::fmt::Result {
        let (limbs, bits) = (self.form.limbs(), self.form.bits());
        let mask = (1u32 << bits) - 1;
        for i in 0..limbs {
            let carry = if i == 0 {
                String::new()
            } else {
                format!(" + (t{} >> {bits}u)", i - 1)
            };
            writeln!(out, "let t{i} = {}{carry};", limb(i))?;
        }
        let limb = |i| match i + 1 == limbs {
            true => format!("u32(t{i})"),
            false => format!("u32(t{i}) & {mask}u"),
        };
        writeln!(out, "return {}({}); }}", self.name, join(limbs, ", ", limb))
    }

    /// Carries along columns and returns; `drop` what is above the last limb.
    fn carry_column(&self, out: &mut String, drop: bool, limb: impl Fn(u32) -> String) -> std::fmt::Result {
        let (limbs, bits) = (self.form.limbs(), self.form.bits());
        let mask = (1u32 << bits) - 1;
        for i in 0..limbs {
            let carry = if i == 0 {
                String::new()
            } else {
                format!(" + (s{} >> {bits}u)", i - 1)
            };
            writeln!(out, "let s{i} = {}{carry};", limb(i))?;
        }
        let limb = |i| match i + 1 == limbs && !drop {
            true => format!("u32(s{i})"),
            false => format!("u32(s{i}) & {mask}u"),
        };
        writeln!(out, "return {}({}); }}", self.name, join(limbs, ", ", limb))
    }

    /// The columns t0.. after `products` rows of `product(i, j)`, reduced row by row.
    fn montgomery(&self, out: &mut String, product: impl Fn(u32, u32) -> String) -> std::fmt::Result {
        let limbs = self.form.limbs();
        for i in 0..limbs {
            let term = |j: u32| match i {
                0 => product(i, j),
                _ if j + 1 == limbs => product(i, j),
                _ => format!("r{}_{} + {}", i - 1, j + 1, product(i, j)),
            };
            for j in 0..limbs {
                writeln!(out, "let c{i}_{j} = {};", term(j))?;
            }
            self.reduce_row(out, i, |j| format!("c{i}_{j}"))?;
        }
        self.carry_column(out, false, |j| match j + 1 == limbs {
            true => "0".to_owned() + if self.form == Form::Wide { "lu" } else { "u" },
            false => format!("r{}_{}", limbs - 1, j + 1),
        })
    }

    /// Adds the multiple of p that clears the lowest of the columns, carries it into the next and names the others `r{row}_1..`.
    fn reduce_row(&self, out: &mut String, row: u32, column: impl Fn(u32) -> String) -> std::fmt::Result {
        let (limbs, bits, kind) = (self.form.limbs(), self.form.bits(), self.form.column());
        let mask = (1u32 << bits) - 1;
        writeln!(
            out,
            "let m{row} = {kind}((u32({}) * {}u) & {mask}u);",
            column(0),
            self.inverse
        )?;
        let modulus = |j: u32| match self.form {
            Form::Wide => format!("{}lu", self.constant(&self.modulus, j)),
            Form::Narrow => format!("{}u", self.constant(&self.modulus, j)),
        };
        writeln!(
            out,
            "let z{row} = ({} + m{row} * {}) >> {bits}u;",
            column(0),
            modulus(0)
        )?;
        for j in 1..limbs {
            let carry = if j == 1 {
                format!(" + z{row}")
            } else {
                String::new()
            };
            writeln!(
                out,
                "let r{row}_{j} = {} + m{row} * {}{carry};",
                column(j),
                modulus(j)
            )?;
        }
        Ok(())
    }

    /// Columns of the square, then the rows of the reduction.
    fn square(&self, out: &mut String) -> std::fmt::Result {
        let limbs = self.form.limbs();
        writeln!(out, "{}", join(limbs, " ", |i| format!("let d{i} = a{i} << 1u;")))?;
        for k in 0..2 * limbs - 1 {
            let low = k.saturating_sub(limbs - 1);
            let terms: Vec<String> = (low..=k / 2)
                .map(|i| match 2 * i == k {
                    true => format!("a{i} * a{i}"),
                    false => format!("a{i} * d{}", k - i),
                })
                .collect();
            writeln!(out, "let k{k} = {};", terms.join(" + "))?;
        }
        for row in 0..limbs {
            // Column j of this row is column row + j of the square; those below the last have been through the rows before.
            self.reduce_row(out, row, |j| match row > 0 && j + 1 < limbs {
                true => format!("r{}_{}", row - 1, j + 1),
                false => format!("k{}", row + j),
            })?;
        }
        self.carry_column(out, false, |j| match j + 1 == limbs {
            true => "0".to_owned() + if self.form == Form::Wide { "lu" } else { "u" },
            false => format!("r{}_{}", limbs - 1, j + 1),
        })
    }

    /// Limb `i` of the words `w` shifted left.
    fn unpacked(&self, i: u32, shift: u32) -> String {
        let bits = self.form.bits();
        let mask = (1u32 << bits) - 1;
        let word = |j: u32| format!("w[{}].{}", j / 4, ["x", "y", "z", "w"][(j % 4) as usize]);
        let begin = i64::from(i * bits) - i64::from(shift);
        if begin < 0 {
            return format!("({} << {}u) & {mask}u", word(0), -begin);
        }
        let begin = begin as u32;
        let (j, offset) = (begin / 32, begin % 32);
        let low = format!("({} >> {offset}u)", word(j));
        match offset + bits > 32 && j < 7 {
            true => format!("({low} | ({} << {}u)) & {mask}u", word(j + 1), 32 - offset),
            false => format!("{low} & {mask}u"),
        }
    }

    /// Word `word` of the limbs of `a`.
    fn packed(&self, word: u32) -> String {
        let bits = self.form.bits();
        let (begin, end) = (32 * word, 32 * word + 32);
        let terms: Vec<String> = (begin / bits..=(end - 1) / bits)
            .filter(|limb| *limb < self.form.limbs())
            .map(|limb| match limb * bits >= begin {
                true => format!("(a.l{limb} << {}u)", limb * bits - begin),
                false => format!("(a.l{limb} >> {}u)", begin - limb * bits),
            })
            .collect();
        terms.join(" | ")
    }
}
