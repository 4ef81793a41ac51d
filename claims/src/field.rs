//! Field elements and bytes: the scalar field of BN254, its two text and byte encodings, keccak-256 and the
//! domain tags of `docs/protocol.md` section 1.
//!
//! Depends on no other module. Next: [`crate::poseidon`], the hash over these elements.

use ark_ff::{BigInteger, PrimeField};
use sha3::{Digest, Keccak256};

pub use ark_bn254::Fr;

/// Prefix of every domain tag; a change of any layout or rule changes it.
pub const TAG_PREFIX: &str = "popw/v1/";

/// Longest decimal form of a field element, in digits: r has 77.
const DECIMAL_DIGITS_MAX: usize = 77;

/// Why bytes or text are not a field element.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FieldError {
    /// The 32 bytes encode an integer that is not below the modulus; `x` and `x + r` must not both be
    /// accepted.
    #[error("0x{got} is not below the BN254 scalar modulus r; expected the representative in [0, r)")]
    BytesNotCanonical {
        /// The refused bytes, hexadecimal.
        got: String,
    },
    /// The text is empty, too long, has a leading zero or holds something other than the digits 0 to 9.
    #[error("`{got}` is not a decimal integer of 1 to 77 digits without sign, spaces or leading zeros")]
    NotDecimal {
        /// The refused text, cut after 80 characters.
        got: String,
    },
    /// The text is a decimal integer that is not below the modulus.
    #[error("{got} is not below the BN254 scalar modulus r; expected the representative in [0, r)")]
    DecimalNotCanonical {
        /// The refused text.
        got: String,
    },
}

/// Ethereum's keccak-256 (the original padding, not SHA3-256).
#[must_use]
pub fn keccak256(bytes: &[u8]) -> [u8; 32] {
    Keccak256::digest(bytes).into()
}

/// `uint(keccak256(bytes)) mod 2^248`, big-endian: a hash that fits one field element without a modular
/// reduction.
#[must_use]
pub fn keccak248(bytes: &[u8]) -> Fr {
    let hash = keccak256(bytes);
    Fr::from_be_bytes_mod_order(&hash[1..])
}

/// Domain tag `keccak248("popw/v1/" || name)`; the table of names is in `docs/protocol.md` section 1.
#[must_use]
pub fn tag(name: &str) -> Fr {
    keccak248(format!("{TAG_PREFIX}{name}").as_bytes())
}

/// The canonical representative in [0, r), 32 bytes, big-endian.
#[must_use]
pub fn to_be_bytes(element: &Fr) -> [u8; 32] {
    let mut bytes = [0; 32];
    for (chunk, limb) in bytes.rchunks_exact_mut(8).zip(element.into_bigint().0) {
        chunk.copy_from_slice(&limb.to_be_bytes());
    }
    bytes
}

/// Reads 32 big-endian bytes.
///
/// # Errors
/// [`FieldError::BytesNotCanonical`] when the integer is r or more.
pub fn from_be_bytes(bytes: &[u8; 32]) -> Result<Fr, FieldError> {
    let element = Fr::from_be_bytes_mod_order(bytes);
    if to_be_bytes(&element) == *bytes {
        Ok(element)
    } else {
        Err(FieldError::BytesNotCanonical {
            got: hex::encode(bytes),
        })
    }
}

/// A big-endian integer of any length, reduced modulo r: for hashes, never for values that someone sends.
#[must_use]
pub fn reduce_be_bytes(bytes: &[u8]) -> Fr {
    Fr::from_be_bytes_mod_order(bytes)
}

/// The canonical representative in decimal, as snarkjs writes it.
#[must_use]
pub fn to_decimal(element: &Fr) -> String {
    element.into_bigint().to_string()
}

/// Reads the decimal form that [`to_decimal`] writes, and nothing else: no sign, no space, no leading zero.
///
/// # Errors
/// [`FieldError::NotDecimal`] for other text, [`FieldError::DecimalNotCanonical`] for an integer that is r or
/// more.
pub fn from_decimal(text: &str) -> Result<Fr, FieldError> {
    let digits = text.as_bytes();
    let plain = !digits.is_empty()
        && digits.len() <= DECIMAL_DIGITS_MAX
        && digits.iter().all(u8::is_ascii_digit)
        && (digits.len() == 1 || digits[0] != b'0');
    if !plain {
        return Err(FieldError::NotDecimal {
            got: text.chars().take(80).collect(),
        });
    }
    let ten = Fr::from(10u64);
    let element = digits
        .iter()
        .fold(Fr::from(0u64), |sum, digit| sum * ten + Fr::from(digit - b'0'));
    // Plain digits have one spelling, so the spelling of the reduced value tells whether a reduction took
    // place.
    if to_decimal(&element) == text {
        Ok(element)
    } else {
        Err(FieldError::DecimalNotCanonical { got: text.to_owned() })
    }
}

/// The element as an unsigned 64-bit integer, if it is one.
#[must_use]
pub fn to_u64(element: &Fr) -> Option<u64> {
    let [low, rest @ ..] = element.into_bigint().0;
    (rest == [0; 3]).then_some(low)
}

/// Number of bits of the canonical representative: 0 for 0, at most 254.
#[must_use]
pub fn bits(element: &Fr) -> u32 {
    element.into_bigint().num_bits()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use proptest::prelude::*;

    const R: &str = "21888242871839275222246405745257275088548364400416034343698204186575808495617";

    fn element() -> impl Strategy<Value = Fr> {
        any::<[u8; 32]>().prop_map(|bytes| reduce_be_bytes(&bytes))
    }

    proptest! {
        #[test]
        fn bytes_round_trip(x in element()) {
            prop_assert_eq!(from_be_bytes(&to_be_bytes(&x)), Ok(x));
        }

        #[test]
        fn decimal_round_trip(x in element()) {
            prop_assert_eq!(from_decimal(&to_decimal(&x)), Ok(x));
        }

        #[test]
        fn no_second_encoding(bytes in any::<[u8; 32]>()) {
            if let Ok(x) = from_be_bytes(&bytes) {
                prop_assert_eq!(to_be_bytes(&x), bytes);
            }
        }
    }

    #[test]
    fn the_modulus_is_refused_and_its_predecessor_accepted() {
        let mut modulus = to_be_bytes(&-Fr::from(1u64));
        assert!(from_be_bytes(&modulus).is_ok());
        modulus[31] += 1;
        assert!(matches!(
            from_be_bytes(&modulus),
            Err(FieldError::BytesNotCanonical { .. })
        ));
        assert!(matches!(
            from_be_bytes(&[0xff; 32]),
            Err(FieldError::BytesNotCanonical { .. })
        ));

        let below = R.replace("617", "616");
        assert_eq!(from_decimal(&below), Ok(-Fr::from(1u64)));
        assert!(matches!(
            from_decimal(R),
            Err(FieldError::DecimalNotCanonical { .. })
        ));
        assert!(matches!(
            from_decimal(&"9".repeat(77)),
            Err(FieldError::DecimalNotCanonical { .. })
        ));
    }

    #[test]
    fn only_plain_decimals_are_read() {
        for text in [
            "",
            "00",
            "01",
            "+1",
            "-1",
            " 1",
            "1 ",
            "0x1",
            "1_0",
            "1.0",
            "１",
            &"1".repeat(78),
        ] {
            assert!(
                matches!(from_decimal(text), Err(FieldError::NotDecimal { .. })),
                "{text}"
            );
        }
        assert_eq!(from_decimal("0"), Ok(Fr::from(0u64)));
        assert_eq!(to_decimal(&Fr::from(0u64)), "0");
    }

    #[test]
    fn keccak_is_ethereums() {
        assert_eq!(
            hex::encode(keccak256(b"")),
            "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"
        );
    }

    #[test]
    fn tags_are_248_bits_of_keccak() {
        let hash = keccak256(b"popw/v1/device");
        assert_eq!(to_be_bytes(&tag("device"))[1..], hash[1..]);
        assert_eq!(to_be_bytes(&tag("device"))[0], 0);
    }

    #[test]
    fn small_integers() {
        assert_eq!(to_u64(&Fr::from(u64::MAX)), Some(u64::MAX));
        assert_eq!(to_u64(&(Fr::from(u64::MAX) + Fr::from(1u64))), None);
        assert_eq!(bits(&Fr::from(0u64)), 0);
        assert_eq!(bits(&-Fr::from(1u64)), 254);
    }
}
