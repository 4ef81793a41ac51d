//! EdDSA-Poseidon of circomlibjs, byte for byte: `S Base8 = R8 + 8 h A` with `h = P_5(R8x, R8y, Ax, Ay, m)`.
//!
//! Key derivation and nonce use BLAKE-512 (the SHA-3 finalist, not BLAKE2) as circomlibjs does, so that a
//! signature depends on the key and the message only. Signing multiplies by secrets in constant time (but for
//! [`SecretKey::sign_vartime`]); verification handles public data and does not.
//!
//! Depends on [`crate::babyjubjub`], [`crate::poseidon`]. Next: [`crate::record`] and [`crate::attestation`],
//! the two messages that are signed.

use std::fmt;

use ark_ec::CurveGroup;
use ark_ff::{BigInteger, PrimeField};
use blake_hash::{Blake512, Digest};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::babyjubjub::{
    Point, PointError, PointSum, Scalar, base8, is_valid_key, mul_base8_add_mul_vartime, mul_base8_vartime,
    parse_point,
};
use crate::field::{Fr, to_be_bytes};
use crate::poseidon::hash;

/// Why a signature does not verify, or its encoding is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EddsaError {
    /// The public key is off the curve, outside the prime-order subgroup, or the identity.
    #[error(
        "the public key is not a point of prime order on Baby Jubjub; no signature can be checked with it"
    )]
    InvalidKey,
    /// R8 is off the curve.
    #[error("R8 of the signature is not on Baby Jubjub")]
    InvalidR8,
    /// S is not below the order l of the subgroup (it would be a second encoding of the same signature).
    #[error("S of the signature is 0x{got}; expected an integer below the order of the subgroup")]
    ScalarNotCanonical {
        /// The refused bytes, hexadecimal.
        got: String,
    },
    /// The equation does not hold: another key, another message, or a forgery.
    #[error("the signature does not belong to this key and message")]
    Mismatch,
}

/// A signature `(R8, S)`. S is reduced by its type; R8 is any pair of coordinates until [`verify`] has seen
/// it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signature {
    /// The nonce times Base8.
    pub r8: Point,
    /// `nonce + 8 h a` modulo l.
    pub s: Scalar,
}

impl Signature {
    /// A signature from the coordinates of R8 and the 32 big-endian bytes of S.
    ///
    /// # Errors
    /// [`EddsaError::InvalidR8`], [`EddsaError::ScalarNotCanonical`].
    pub fn parse(r8_x: Fr, r8_y: Fr, s: &[u8; 32]) -> Result<Self, EddsaError> {
        let r8 = parse_point(r8_x, r8_y).map_err(|PointError::NotOnCurve { .. }| EddsaError::InvalidR8)?;
        let scalar = Scalar::from_be_bytes_mod_order(s);
        let signature = Self { r8, s: scalar };
        if signature.s_bytes() == *s {
            Ok(signature)
        } else {
            Err(EddsaError::ScalarNotCanonical { got: hex::encode(s) })
        }
    }

    /// S, 32 bytes, big-endian.
    #[must_use]
    pub fn s_bytes(&self) -> [u8; 32] {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(&self.s.into_bigint().to_bytes_be());
        bytes
    }
}

/// A signing key, expanded. It is neither `Clone` nor printable, and is overwritten when dropped.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct SecretKey {
    scalar: Scalar,
    nonce_prefix: [u8; 32],
    #[zeroize(skip)]
    public: Point,
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretKey")
            .field("public", &self.public)
            .finish_non_exhaustive()
    }
}

impl SecretKey {
    /// The key that circomlibjs derives from 32 secret bytes (`prv2pub`): BLAKE-512, pruned as in RFC 8032.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; 32]) -> Self {
        let hash = Zeroizing::new(<[u8; 64]>::from(Blake512::digest(bytes)));
        let mut pruned = Zeroizing::new([0; 32]);
        pruned.copy_from_slice(&hash[..32]);
        pruned[0] &= 0xf8;
        pruned[31] &= 0x7f;
        pruned[31] |= 0x40;
        // The pruned integer is a multiple of 8; dividing modulo the odd l is the same as shifting by 3.
        let scalar = Scalar::from_le_bytes_mod_order(&*pruned) * eighth();
        let mut nonce_prefix = [0; 32];
        nonce_prefix.copy_from_slice(&hash[32..]);
        Self {
            scalar,
            nonce_prefix,
            public: (base8() * scalar).into_affine(),
        }
    }

    /// `A = (s >> 3) Base8`, s being the pruned integer.
    pub fn public_key(&self) -> Point {
        self.public
    }

    /// The integer `s >> 3` with `A = (s >> 3) Base8`, reduced modulo l.
    ///
    /// It is the secret itself: for tests and for signers that deviate on purpose (a chosen nonce), nothing
    /// else.
    #[must_use]
    pub fn scalar(&self) -> Scalar {
        self.scalar
    }

    /// Signs a message as `signPoseidon` of circomlibjs: the nonce is
    /// `BLAKE-512(second half of the key's hash || m, 32 bytes, little-endian)` modulo l.
    #[must_use]
    pub fn sign(&self, message: Fr) -> Signature {
        self.sign_with(message, |nonce| (base8() * *nonce).into_affine())
    }

    /// The same signature as [`Self::sign`], sooner, in time that depends on the secret nonce: for keys that
    /// protect nothing, as those of a simulation.
    #[must_use]
    pub fn sign_vartime(&self, message: Fr) -> Signature {
        self.sign_with(message, |nonce| mul_base8_vartime(nonce).into_affine())
    }

    fn sign_with(&self, message: Fr, mul_base8: impl FnOnce(&Scalar) -> Point) -> Signature {
        let mut preimage = Zeroizing::new([0; 64]);
        preimage[..32].copy_from_slice(&self.nonce_prefix);
        preimage[32..].copy_from_slice(&to_be_bytes(&message));
        preimage[32..].reverse();
        let digest = Zeroizing::new(<[u8; 64]>::from(Blake512::digest(&preimage[..])));
        let nonce = Zeroizing::new(Scalar::from_le_bytes_mod_order(&*digest));
        let r8 = mul_base8(&nonce);
        let h = times_8(&challenge(&r8, &self.public, message));
        Signature {
            r8,
            s: *nonce + h * self.scalar,
        }
    }
}

/// `h = P_5(R8x, R8y, Ax, Ay, m)`.
#[must_use]
pub fn challenge(r8: &Point, key: &Point, message: Fr) -> Fr {
    hash(&[r8.x, r8.y, key.x, key.y, message])
}

/// Checks a signature: key valid, R8 on the curve, `S Base8 = R8 + 8 h A` (S < l holds by its type).
///
/// # Errors
/// One variant of [`EddsaError`] for each of the conditions.
pub fn verify(key: &Point, message: Fr, signature: &Signature) -> Result<(), EddsaError> {
    if !is_valid_key(key) {
        return Err(EddsaError::InvalidKey);
    }
    verify_with_valid_key(key, message, signature)
}

/// [`verify`] with a key that has passed [`is_valid_key`], as every key of a registry has: without
/// the multiplication that checks the key.
///
/// # Errors
/// Those of [`verify`] but for [`EddsaError::InvalidKey`].
pub(crate) fn verify_with_valid_key(
    key: &Point,
    message: Fr,
    signature: &Signature,
) -> Result<(), EddsaError> {
    if !signature.r8.is_on_curve() {
        return Err(EddsaError::InvalidR8);
    }
    let h = times_8(&challenge(&signature.r8, key, message));
    if mul_base8_add_mul_vartime(&signature.s, &-h, key) == PointSum::from(signature.r8) {
        Ok(())
    } else {
        Err(EddsaError::Mismatch)
    }
}

/// `8 h` modulo l. Multiplying by it instead of the integer is the same for points of order l.
fn times_8(h: &Fr) -> Scalar {
    Scalar::from_be_bytes_mod_order(&to_be_bytes(h)) * Scalar::from(8u64)
}

/// The inverse of 8 modulo l: the curve's cofactor is 8.
fn eighth() -> Scalar {
    <taceo_ark_babyjubjub::EdwardsConfig as ark_ec::CurveConfig>::COFACTOR_INV
}

#[cfg(test)]
mod tests;
