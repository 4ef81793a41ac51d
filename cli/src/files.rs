//! Reading and writing files, with errors that name them.

use crate::failure::Failure;
use std::fmt::Display;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

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
    let mut file = Streamed::create(path)?;
    // Without the buffer in between: the content is whole already.
    let written = file.writer.get_mut().write_all(content.as_ref());
    written.map_err(|error| file.unwritable(error))?;
    file.finish()
}

/// A file that is written bit by bit, and is there when [`Self::finish`] has been called; until then, and for ever if it is not
/// called, there is none.
pub struct Streamed {
    writer: BufWriter<File>,
    path: PathBuf,
    partial: PathBuf,
}

impl Streamed {
    /// Opens the neighbour that will be renamed.
    ///
    /// # Errors
    /// If it cannot be created.
    pub fn create(path: &Path) -> Result<Self, Failure> {
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(format!(".partial-{}", std::process::id()));
        let partial = path.with_file_name(name);
        let file = File::create(&partial).map_err(|error| unwritable(path, error))?;
        Ok(Self {
            writer: BufWriter::new(file),
            path: path.to_owned(),
            partial,
        })
    }

    /// Adds a text.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn print(&mut self, text: impl Display) -> Result<(), Failure> {
        write!(self.writer, "{text}").map_err(|error| self.unwritable(error))
    }

    /// Puts the file in its place.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn finish(mut self) -> Result<(), Failure> {
        let mut attempt = || {
            self.writer.flush()?;
            self.writer.get_ref().sync_all()?;
            rename_into_place(&self.partial, &self.path)
        };
        attempt().map_err(|error| self.unwritable(error))
    }

    /// The failure of a write to this file.
    pub fn unwritable(&self, error: io::Error) -> Failure {
        unwritable(&self.path, error)
    }
}

impl Write for Streamed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writer.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

impl Drop for Streamed {
    fn drop(&mut self) {
        // After `finish` there is nothing to remove; before it, best effort: the first error is the one that matters.
        let _ = fs::remove_file(&self.partial);
    }
}

/// Gives a finished file its name, and sees to it that the name is on disk too.
fn rename_into_place(partial: &Path, path: &Path) -> io::Result<()> {
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

fn unreadable(path: &Path, error: io::Error) -> Failure {
    Failure::input(format!("{}: cannot be read: {error}", path.display()))
}

fn unwritable(path: &Path, error: io::Error) -> Failure {
    Failure::internal(format!("{}: cannot be written: {error}", path.display()))
}
