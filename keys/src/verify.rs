//! A key file as a whole: its structure, its points, and its hash where one is known.
//!
//! Depends on: [`crate::zkey`], [`crate::hash`]. Where to go next: [`Zkey::check`], for what is looked at.

use crate::error::FileError;
use crate::hash::{Hash, read_hash};
use crate::zkey::{Header, Watch, Zkey};
use std::path::Path;

/// What was found in a key that passed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The file's hash.
    pub sha256: Hash,
    /// What the hash was compared with.
    pub known: KnownHash,
    /// The numbers and points in front.
    pub header: Header,
    /// Constraints of the circuit, without the rows that bind the public inputs.
    pub constraints: u32,
    /// Contributions, beacons among them.
    pub contributions: u32,
}

/// Where a hash to compare with came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KnownHash {
    /// There was none. The key is a lawful key; whether it is the right one is open.
    Nothing,
    /// The file beside the key.
    Beside,
    /// The caller; a file beside the key, if there is one, says the same.
    Given,
}

/// Checks a key file: that it can be opened, that its hash is the one that is expected and the one beside the
/// file (each if there is one), and everything that [`Zkey::check`] looks at. With a hash known, one flipped
/// bit anywhere is found always.
///
/// # Errors
/// The first thing that is wrong.
pub fn verify_file(path: &Path, expected: Option<Hash>, watch: Watch<'_>) -> Result<Report, FileError> {
    let zkey = Zkey::open(path)?;
    let sha256 = zkey.sha256();
    let beside = read_hash(path)?;
    for expected in [expected, beside].into_iter().flatten() {
        compare(path, expected, sha256)?;
    }
    let known = match (expected, beside) {
        (Some(_), _) => KnownHash::Given,
        (None, Some(_)) => KnownHash::Beside,
        (None, None) => KnownHash::Nothing,
    };
    let read = |source| FileError::Read {
        path: path.into(),
        source,
    };
    zkey.check_with(&sha256, watch).map_err(read)?;
    Ok(Report {
        sha256,
        known,
        header: zkey.header().clone(),
        constraints: zkey.coefficients().constraints().map_err(read)?,
        // Their number is a u32 in the file.
        contributions: u32::try_from(zkey.contributions().list().len()).unwrap_or(u32::MAX),
    })
}

impl Zkey {
    /// Compares a key that was opened with the hash beside its file: whether there is one.
    ///
    /// # Errors
    /// If the hash is another one, or the file beside the key holds none.
    pub fn check_hash(&self, path: &Path) -> Result<bool, FileError> {
        match read_hash(path)? {
            Some(expected) => compare(path, expected, self.sha256()).map(|()| true),
            None => Ok(false),
        }
    }
}

fn compare(path: &Path, expected: Hash, got: Hash) -> Result<(), FileError> {
    if expected == got {
        return Ok(());
    }
    Err(FileError::Hash {
        path: path.into(),
        expected,
        got,
    })
}
