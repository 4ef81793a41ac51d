//! The spellings of values: one for each value, so that equal files have equal bytes.

use std::fmt;

use ark_ff::PrimeField;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::babyjubjub::{Point, Scalar, parse_point, scalar_from_be_bytes};
use crate::eddsa::Signature;
use crate::field::{Fr, from_decimal, to_be_bytes, to_decimal};

/// Reads a string and converts it.
fn parse<'de, D: Deserializer<'de>, T, E: fmt::Display>(
    deserializer: D,
    convert: impl FnOnce(&str) -> Result<T, E>,
) -> Result<T, D::Error> {
    let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
    convert(&text).map_err(D::Error::custom)
}

/// A field element: decimal, canonical.
#[derive(Clone, Copy)]
pub(super) struct Decimal(pub(super) Fr);

impl Serialize for Decimal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&to_decimal(&self.0))
    }
}

impl<'de> Deserialize<'de> for Decimal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        parse(deserializer, from_decimal).map(Self)
    }
}

/// Bytes: `0x` and an even number of hexadecimal digits (of either case: addresses carry a checksum in it).
pub(super) struct Hex(pub(super) Vec<u8>);

impl Serialize for Hex {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&format!("0x{}", hex::encode(&self.0)))
    }
}

impl<'de> Deserialize<'de> for Hex {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        parse(deserializer, |text| {
            let digits = text
                .strip_prefix("0x")
                .ok_or("expected hexadecimal digits after `0x`".to_owned())?;
            hex::decode(digits)
                .map(Self)
                .map_err(|error| format!("expected hexadecimal digits after `0x`: {error}"))
        })
    }
}

/// N bytes, spelled as [`Hex`].
#[derive(Clone, Copy)]
pub(super) struct HexArray<const N: usize>(pub(super) [u8; N]);

impl<const N: usize> Serialize for HexArray<N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Hex(self.0.to_vec()).serialize(serializer)
    }
}

impl<'de, const N: usize> Deserialize<'de> for HexArray<N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Hex(bytes) = Hex::deserialize(deserializer)?;
        let got = bytes.len();
        let bytes = bytes
            .try_into()
            .map_err(|_| D::Error::custom(format!("expected {N} bytes, got {got}")))?;
        Ok(Self(bytes))
    }
}

/// An H3 index: 15 or 16 lower-case hexadecimal digits without `0x`, as the H3 libraries print it.
#[derive(Clone, Copy)]
pub(super) struct H3Cell(pub(super) u64);

impl Serialize for H3Cell {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&format!("{:x}", self.0))
    }
}

impl<'de> Deserialize<'de> for H3Cell {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        parse(deserializer, |text| {
            let cell = u64::from_str_radix(text, 16)
                .ok()
                .filter(|cell| format!("{cell:x}") == text);
            cell.map(Self).ok_or(format!(
                "expected an H3 index in lower-case hexadecimal, got `{text:.40}`"
            ))
        })
    }
}

/// A point: `[x, y]` in decimal, on the curve.
#[derive(Clone, Copy)]
pub(super) struct PointText(pub(super) Point);

impl Serialize for PointText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        [Decimal(self.0.x), Decimal(self.0.y)].serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for PointText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let [Decimal(x), Decimal(y)] = Deserialize::deserialize(deserializer)?;
        parse_point(x, y).map(Self).map_err(D::Error::custom)
    }
}

/// An integer modulo the order of the subgroup: decimal, canonical.
struct ScalarText(Scalar);

impl Serialize for ScalarText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0.into_bigint().to_string())
    }
}

impl<'de> Deserialize<'de> for ScalarText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Decimal(element) = Decimal::deserialize(deserializer)?;
        scalar_from_be_bytes(&to_be_bytes(&element))
            .map(Self)
            .map_err(D::Error::custom)
    }
}

/// A signature: `{"r8": [x, y], "s": ".."}`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SignatureText {
    r8: PointText,
    s: ScalarText,
}

impl From<Signature> for SignatureText {
    fn from(signature: Signature) -> Self {
        Self {
            r8: PointText(signature.r8),
            s: ScalarText(signature.s),
        }
    }
}

impl From<SignatureText> for Signature {
    fn from(text: SignatureText) -> Self {
        Self {
            r8: text.r8.0,
            s: text.s.0,
        }
    }
}
