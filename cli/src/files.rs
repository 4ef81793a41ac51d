//! Reading and writing files, with errors that name them.

use crate::failure::Failure;
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

/// Text files (JSON, TOML) are read up to this size.
const TEXT_BYTES_MAX: u64 = 256 << 20;

/// Reads a whole text file.
///
/// # Errors
/// If it cannot be read, is too large or is not UTF-8.
pub fn read_text(path: &Path) -> Result<String, Failure> {
    let length = fs::metadata(path).map_err(|error| unreadable(path, error))?.len();
    if length > TEXT_BYTES_MAX {
        return Err(Failure::input(format!(
            "{}: {length} bytes, the limit is {TEXT_BYTES_MAX}",
            path.display()
        )));
    }
    fs::read_to_string(path).map_err(|error| unreadable(path, error))
}

/// Reads a whole binary file.
///
/// # Errors
/// If it cannot be read.
pub fn read_bytes(path: &Path) -> Result<Vec<u8>, Failure> {
    fs::read(path).map_err(|error| unreadable(path, error))
}

/// Writes a file whole or not at all: to a neighbour first, then renamed.
///
/// # Errors
/// If it cannot be written.
pub fn write(path: &Path, content: impl AsRef<[u8]>) -> Result<(), Failure> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".partial-{}", std::process::id()));
    let partial = path.with_file_name(name);
    let attempt = || -> std::io::Result<()> {
        let mut file = File::create(&partial)?;
        file.write_all(content.as_ref())?;
        file.sync_all()?;
        rename_into_place(&partial, path)
    };
    attempt().map_err(|error| {
        // Best effort: the first error is the one that matters.
        let _ = fs::remove_file(&partial);
        Failure::internal(format!("{}: cannot be written: {error}", path.display()))
    })
}

/// Gives a finished file its name, and sees to it that the name is on disk too.
///
/// # Errors
/// If the system refuses.
pub fn rename_into_place(partial: &Path, path: &Path) -> std::io::Result<()> {
    fs::rename(partial, path)?;
    // A folder can be opened and synced on Unix only; elsewhere the system writes names in its own time.
    #[cfg(unix)]
    if let Some(folder) = path.parent() {
        let folder = if folder.as_os_str().is_empty() {
            Path::new(".")
        } else {
            folder
        };
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

/// Creates a folder and those above it.
///
/// # Errors
/// If that fails.
pub fn create_folder(path: &Path) -> Result<(), Failure> {
    fs::create_dir_all(path)
        .map_err(|error| Failure::internal(format!("{}: cannot be created: {error}", path.display())))
}

fn unreadable(path: &Path, error: std::io::Error) -> Failure {
    Failure::input(format!("{}: cannot be read: {error}", path.display()))
}
