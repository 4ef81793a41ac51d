//! Names of things: jobs, leases, and bytes by their hash. All are hexadecimal text outside this program.
//!
//! Depends on: hex, rand. Where to go next: [`crate::job`].

use rand::RngCore;
use rand::rngs::OsRng;
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use std::fmt;
use std::str::FromStr;

/// Text that is not the hexadecimal form of a name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}: expected {digits} hexadecimal digits, got {got:?}")]
pub struct NotHex {
    /// Which kind of name.
    pub what: &'static str,
    /// How many digits it has.
    pub digits: usize,
    /// The text, cut to 100 characters.
    pub got: String,
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $bytes:literal, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(into = "String", try_from = "String")]
        pub struct $name(pub [u8; $bytes]);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&hex::encode(self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl FromStr for $name {
            type Err = NotHex;

            fn from_str(text: &str) -> Result<Self, NotHex> {
                let mut bytes = [0; $bytes];
                match hex::decode_to_slice(text, &mut bytes) {
                    // One text for each name: what is compared as text is equal as bytes.
                    Ok(()) if !text.contains(|c: char| c.is_ascii_uppercase()) => Ok(Self(bytes)),
                    _ => Err(NotHex {
                        what: $what,
                        digits: 2 * $bytes,
                        got: text.chars().take(100).collect(),
                    }),
                }
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.to_string()
            }
        }

        impl TryFrom<String> for $name {
            type Error = NotHex;

            fn try_from(text: String) -> Result<Self, NotHex> {
                text.parse()
            }
        }
    };
}

name! {
    /// A job: 48 bits of milliseconds since 1970, then 80 random bits, so that names sort by age.
    JobId, 16, "job id"
}

name! {
    /// The right to work on a job: random, new with each lease. Whoever holds an old one is told so.
    Token, 16, "lease token"
}

name! {
    /// The SHA-256 of bytes: a file of the store, a circuit, a verifying key as `verification_key.json`.
    Digest, 32, "SHA-256"
}

impl JobId {
    /// A new name for a job submitted at `now`, in milliseconds since 1970.
    pub fn new(now: u64) -> Self {
        let mut bytes = [0; 16];
        OsRng.fill_bytes(&mut bytes);
        let [_, _, time @ ..] = now.to_be_bytes();
        bytes.iter_mut().zip(time).for_each(|(byte, time)| *byte = time);
        Self(bytes)
    }
}

impl Token {
    /// A new token.
    pub fn random() -> Self {
        let mut bytes = [0; 16];
        OsRng.fill_bytes(&mut bytes);
        Self(bytes)
    }
}

impl Digest {
    /// The hash of bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(<Sha256 as sha2::Digest>::digest(bytes).into())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn names_are_one_text_each() {
        let id = JobId::new(0x0123_4567_89ab);
        assert!(id.to_string().starts_with("0123456789ab"));
        assert_eq!(id.to_string().parse(), Ok(id));
        for wrong in ["", "00", &"0".repeat(33), &"A".repeat(32), &"é".repeat(16)] {
            assert!(wrong.parse::<JobId>().is_err(), "{wrong}");
        }
        assert!(JobId::new(1) < JobId::new(2));
    }
}
