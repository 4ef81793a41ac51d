//! The words of a vote, which are published with its proof, and their reading.
//!
//! Words in order: seat, digest, R8x, R8y, S, the elements of the digest tree's leaves; each 32 bytes, big-endian.

use super::Shape;
use super::shape::HEAD_WORDS;
use crate::attestation::{Attestation, Bitmap, BitmapError};
use crate::eddsa::{EddsaError, Signature};
use crate::field::{FieldError, Fr, from_be_bytes, reduce_be_bytes, to_be_bytes, to_u64};
use crate::uptime::Vote;

/// Bytes of a word.
const WORD_BYTES: usize = 32;

/// The words of a vote.
#[must_use]
pub fn words(seat: usize, digest: Fr, signature: &Signature, bitmap: &Bitmap) -> Vec<Fr> {
    // S is below the order of the subgroup, which is below r: nothing is reduced.
    let s = reduce_be_bytes(&signature.s_bytes());
    let mut words = vec![Fr::from(seat as u64), digest, signature.r8.x, signature.r8.y, s];
    words.extend(bitmap.elements());
    words
}

/// Words as bytes.
#[must_use]
pub fn to_bytes(words: &[Fr]) -> Vec<u8> {
    words.iter().flat_map(to_be_bytes).collect()
}

/// Why bytes are not the words of a vote.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// The wrong number of bytes.
    #[error("data of a vote: expected {expected} bytes, got {got}")]
    Length {
        /// Bytes of the shape's words.
        expected: usize,
        /// Bytes given.
        got: usize,
    },
    /// A word is not a field element.
    #[error("word {index}: {error}")]
    Word {
        /// Position of the word.
        index: usize,
        /// What the check found.
        error: FieldError,
    },
    /// The seat does not exist.
    #[error("word 0: expected a seat below {seats}, got 0x{got}")]
    NoSuchSeat {
        /// Seats of the shape.
        seats: usize,
        /// The refused word, hexadecimal.
        got: String,
    },
    /// R8 or S are not those of a signature.
    #[error("words 2 to 4: {0}")]
    Signature(#[from] EddsaError),
    /// The other words are no bitmap of the shape.
    #[error("from word {HEAD_WORDS} on: {0}")]
    Bitmap(#[from] BitmapError),
}

/// Reads the published words of a zone's vote. The vote is what U1 takes for the seat that it names, where it is
/// verified as any other ([`crate::uptime::Network::check_vote`]): here only the encoding is checked.
///
/// # Errors
/// [`DataError`].
pub fn read(data: &[u8], shape: &Shape, zone: u64) -> Result<Vote, DataError> {
    let expected = WORD_BYTES * shape.words();
    if data.len() != expected {
        return Err(DataError::Length {
            expected,
            got: data.len(),
        });
    }
    let (chunks, _) = data.as_chunks::<WORD_BYTES>();
    let words = (chunks.iter().enumerate())
        .map(|(index, word)| from_be_bytes(word).map_err(|error| DataError::Word { index, error }))
        .collect::<Result<Vec<Fr>, _>>()?;
    let (&[seat, digest, r8_x, r8_y, s], elements) = split(&words, expected)?;
    let seats = shape.watchers;
    let seat = to_u64(&seat)
        .and_then(|seat| usize::try_from(seat).ok())
        .filter(|seat| *seat < seats)
        .ok_or_else(|| DataError::NoSuchSeat {
            seats,
            got: hex::encode(to_be_bytes(&seat)),
        })?;
    let signature = Signature::parse(r8_x, r8_y, &to_be_bytes(&s))?;
    let bitmap = Bitmap::from_elements(shape.devices, shape.slots, elements)?;
    let attestation = Attestation {
        zone,
        seat,
        digest,
        signature,
    };
    Ok(Vote { bitmap, attestation })
}

/// The words before the bitmap, and those of the bitmap.
fn split(words: &[Fr], expected: usize) -> Result<(&[Fr; HEAD_WORDS], &[Fr]), DataError> {
    words.split_first_chunk().ok_or(DataError::Length {
        expected,
        got: WORD_BYTES * words.len(),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::babyjubjub::Scalar;
    use crate::eddsa::SecretKey;
    use ark_ff::PrimeField;
    use proptest::prelude::*;

    const ZONE: u64 = 70_000;

    fn shape() -> Shape {
        Shape::new(16, 4, 24)
    }

    fn vote(bytes: &[u8]) -> Vote {
        let bitmap = Bitmap::from_bytes(16, 24, bytes).unwrap();
        let key = SecretKey::from_bytes(&[9; 32]);
        let attestation = Attestation::sign(&key, Fr::from(7u64), ZONE, 3, &bitmap);
        Vote { bitmap, attestation }
    }

    fn words_of(vote: &Vote) -> Vec<Fr> {
        let Attestation {
            seat,
            digest,
            signature,
            ..
        } = vote.attestation;
        words(seat, digest, &signature, &vote.bitmap)
    }

    proptest! {
        #![proptest_config(crate::cases(16))]

        #[test]
        fn a_vote_is_read_as_it_was_written(bytes in prop::collection::vec(any::<u8>(), 48)) {
            let vote = vote(&bytes);
            let data = to_bytes(&words_of(&vote));
            prop_assert_eq!(data.len(), 32 * shape().words());
            prop_assert_eq!(read(&data, &shape(), ZONE), Ok(vote));
        }

        #[test]
        fn what_is_read_has_one_encoding(word in 0usize..7, bytes: [u8; 32]) {
            let mut data = to_bytes(&words_of(&vote(&[0x5a; 48])));
            data[32 * word..][..32].copy_from_slice(&bytes);
            if let Ok(vote) = read(&data, &shape(), ZONE) {
                prop_assert_eq!(to_bytes(&words_of(&vote)), data);
            }
        }
    }

    #[test]
    fn every_word_is_checked() {
        let good = words_of(&vote(&[0x5a; 48]));
        let refused = |word: usize, value: Fr| {
            let mut words = good.clone();
            words[word] = value;
            read(&to_bytes(&words), &shape(), ZONE).unwrap_err()
        };
        for seat in [4, u64::MAX] {
            let error = refused(0, Fr::from(seat));
            assert!(matches!(error, DataError::NoSuchSeat { seats: 4, .. }), "{error}");
        }
        assert_eq!(
            refused(2, good[2] + Fr::from(1u64)),
            DataError::Signature(EddsaError::InvalidR8)
        );
        // The alias of S: the same signature for whoever does not reduce.
        let alias = refused(4, good[4] + Fr::from(Scalar::MODULUS));
        assert!(matches!(
            alias,
            DataError::Signature(EddsaError::ScalarNotCanonical { .. })
        ));
        for (index, expected) in [(0, 252), (1, 132)] {
            let high = (0..expected).fold(Fr::from(1u64), |power, _| power + power);
            let error = BitmapError::ElementTooLarge {
                index,
                expected,
                got: expected + 1,
            };
            assert_eq!(refused(HEAD_WORDS + index, high), DataError::Bitmap(error));
        }
        let data = to_bytes(&good);
        for got in [0, 31, data.len() - 1, data.len() - 32] {
            let error = DataError::Length {
                expected: data.len(),
                got,
            };
            assert_eq!(read(&data[..got], &shape(), ZONE), Err(error));
        }
        let mut large = data;
        large[32..64].fill(0xff);
        assert!(matches!(
            read(&large, &shape(), ZONE),
            Err(DataError::Word { index: 1, .. })
        ));
    }
}
