//! The hash of a key, in a file beside it: `x.zkey` has `x.zkey.sha256`, in the format of `sha256sum`.
//!
//! A key's points are checked one by one ([`crate::zkey::Zkey::check`]), but a key with other points, all of
//! them lawful, is still another key. The hash finds that always; `sha256sum -c x.zkey.sha256` checks it
//! without any tool of ours.
//!
//! Depends on: [`mod@crate::file`], sha2. Where to go next: [`crate::verify`], which compares.

use crate::error::{FileError, WriteError};
use crate::file::write_file;
use sha2::{Digest, Sha256};
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// Bytes of a hash.
pub type Hash = [u8; 32];

/// The longest file that is read as a hash: two file names of the longest kind fit.
const FILE_BYTES_MAX: u64 = 1024;

/// The hash of bytes.
pub fn sha256(bytes: &[u8]) -> Hash {
    Sha256::digest(bytes).into()
}

/// Where the hash of a file stands: the same name with `.sha256` behind it.
pub fn hash_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".sha256");
    name.into()
}

/// Writes the hash of a file beside it.
///
/// # Errors
/// If the file's name has no place in a line of `sha256sum` (not UTF-8, a line break, a backslash), or the
/// operating system refuses.
pub fn write_hash(path: &Path, hash: &Hash) -> Result<(), FileError> {
    let name = name(path)?;
    write_file(&hash_path(path), |file| {
        writeln!(file, "{}  {name}", hex::encode(hash)).map_err(|source| WriteError::Io {
            format: "sha256",
            source,
        })
    })
}

/// The hash that stands beside a file; none if there is no file for it.
///
/// # Errors
/// If there is one and it is not one line of `sha256sum` for this file's name, or it cannot be read.
pub fn read_hash(path: &Path) -> Result<Option<Hash>, FileError> {
    let beside = hash_path(path);
    let read = || {
        let mut text = String::new();
        let mut file = File::open(&beside)?.take(FILE_BYTES_MAX);
        file.read_to_string(&mut text).map(|_| text)
    };
    let malformed = || FileError::HashFile {
        path: beside.clone(),
        name: path.file_name().unwrap_or_default().to_string_lossy().into(),
    };
    let text = match read() {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => return Err(malformed()),
        Err(source) => {
            return Err(FileError::Io {
                action: "read",
                path: beside,
                source,
            });
        }
    };
    let name = name(path)?;
    parse(&text, name).map(Some).ok_or_else(malformed)
}

/// One line: the hash in lower-case hexadecimal, a space, a space or an asterisk, the name.
fn parse(text: &str, expected: &str) -> Option<Hash> {
    let line = text.strip_suffix('\n').unwrap_or(text);
    let line = line.strip_suffix('\r').unwrap_or(line);
    let (hash, rest) = line.split_at_checked(64)?;
    let name = rest.strip_prefix("  ").or_else(|| rest.strip_prefix(" *"))?;
    let mut bytes = Hash::default();
    hex::decode_to_slice(hash, &mut bytes).ok()?;
    (name == expected && !hash.contains(|c: char| c.is_ascii_uppercase())).then_some(bytes)
}

fn name(path: &Path) -> Result<&str, FileError> {
    let name = path.file_name().unwrap_or_default();
    let lawful = |name: &&str| !name.is_empty() && !name.contains(['\n', '\r', '\\']);
    OsStr::to_str(name)
        .filter(lawful)
        .ok_or_else(|| FileError::HashFile {
            path: hash_path(path),
            name: name.to_string_lossy().into(),
        })
}
