//! `popw keys challenge|response`: a ceremony with contributors that speak the format of phase2-bn254.
//!
//! Depends on: `popw_keys::ceremony::bellman`. Where to go next: `ceremony`, the other steps.

use super::ceremony::with_compute;
use crate::commands::Compute;
use crate::failure::Failure;
use crate::screen::show;
use popw_keys::ceremony::{self, CeremonyError};
use popw_keys::file::map;
use popw_keys::{FileError, WriteError, Zkey, write_file};
use std::path::Path;

/// Writes a key as a challenge.
///
/// # Errors
/// `Refused` if the key is broken, else if a file cannot be read or written.
pub(super) fn challenge(path: &Path, out: &Path, compute: &Compute) -> Result<(), Failure> {
    let key = Zkey::open(path).map_err(Failure::input)?;
    with_compute(compute, "making the challenge", |backend, control| {
        write_file(out, |file| {
            ceremony::write_challenge(file, &key, backend, control)
        })
    })?
    .map_err(|error| match error {
        FileError::Write {
            source: WriteError::Refused { problem, .. },
            ..
        } => Failure::refused(format!("{}: {problem}", path.display())),
        error => Failure::internal(error),
    })?;
    show(format_args!(
        "{}: challenge after {} contributions",
        out.display(),
        key.contributions().list().len()
    ))
}

/// Makes a key of a response.
///
/// # Errors
/// `Refused` if the response is not one to this key's challenge or a contribution in it is wrong, else if a file cannot be read
/// or written.
pub(super) fn import(
    before: &Path,
    response: &Path,
    name: &str,
    out: &Path,
    compute: &Compute,
) -> Result<(), Failure> {
    let key = Zkey::open(before).map_err(Failure::input)?;
    let bytes = map(response).map_err(Failure::input)?;
    let made = with_compute(compute, "importing the response", |backend, control| {
        ceremony::read_response(&key, &bytes, name, backend, control)
    })?
    .map_err(|error| match error {
        CeremonyError::Name { .. } => Failure::input(error),
        CeremonyError::Kernel(error) => Failure::internal(error),
        error => Failure::refused(format!("{}: {error}", response.display())),
    })?;
    let hash = made.save(out).map_err(Failure::internal)?;
    show(format_args!(
        "{}: {} more contributions",
        out.display(),
        made.added()
    ))?;
    show(format_args!("SHA-256            {}", hex::encode(hash)))?;
    show(format_args!("contribution hash  {}", hex::encode(made.hash())))?;
    show(
        "The contributions hold. Whether the key's points followed them, `popw keys verify --r1cs --ptau` tells.",
    )
}
