//! Files as a whole: [`map`] reads one without copying it, [`write_file`] replaces one in a single step.
//!
//! Depends on: [`crate::error`]; memmap2, whose one `unsafe` call is the only one of this crate. Where to go
//! next: [`crate::zkey`], which is read through a map; [`crate::hash`], which finds a file that changed.

use crate::error::{FileError, WriteError};
use memmap2::Mmap;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};

/// The content of a file: mapped, or handed in.
#[derive(Debug)]
pub struct Bytes(Content);

#[derive(Debug)]
enum Content {
    /// Pages that the operating system brings in when they are touched, and drops when memory is short.
    Mapped(Mmap),
    /// Memory of this process.
    Owned(Vec<u8>),
}

impl From<Vec<u8>> for Bytes {
    fn from(bytes: Vec<u8>) -> Self {
        Self(Content::Owned(bytes))
    }
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.0 {
            Content::Mapped(map) => map,
            Content::Owned(bytes) => bytes,
        }
    }
}

/// Maps a file for reading. Risk: a file that is cut short while it is mapped ends the process at the next
/// touch (SIGBUS), and one that is written to changes under the reader; files of ours are replaced as a whole
/// ([`write_file`]), which leaves a map alone.
///
/// # Errors
/// If the system refuses, or it is no regular file.
#[allow(
    unsafe_code,
    reason = "the operating system cannot promise that nobody writes to the file"
)]
pub fn map(path: &Path) -> Result<Bytes, FileError> {
    let failed = |action| {
        move |source| FileError::Io {
            action,
            path: path.into(),
            source,
        }
    };
    let file = File::open(path).map_err(failed("open"))?;
    let found = file.metadata().map_err(failed("look at"))?;
    if !found.is_file() {
        return Err(failed("map")(io::Error::other("not a regular file")));
    }
    if found.len() == 0 {
        // An empty map is an error on some systems; an empty file is only too short.
        return Ok(Vec::new().into());
    }
    // SAFETY: the map is only ever read, as bytes, and every byte is checked or bounded where it is used, so a
    // writer elsewhere can spoil a result (which is verified), not memory.
    let map = unsafe { Mmap::map(&file) }.map_err(failed("map"))?;
    Ok(Bytes(Content::Mapped(map)))
}

/// Writes a file in a single step: `body` fills a new file in the same folder, which is brought to the disk
/// and then takes the name. Whoever looks sees the old file or the new one, never a half; a failure leaves
/// the old one.
///
/// # Errors
/// If `body` or the system refuses.
pub fn write_file<T>(
    path: &Path,
    body: impl FnOnce(&mut File) -> Result<T, WriteError>,
) -> Result<T, FileError> {
    let failed = |action, path: &Path, source| FileError::Io {
        action,
        path: path.into(),
        source,
    };
    let part = part(path);
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&part)
        .map_err(|source| failed("create", &part, source))?;
    let run = || {
        let made = body(&mut file).map_err(|source| FileError::Write {
            path: path.into(),
            source,
        })?;
        file.sync_all()
            .map_err(|source| failed("bring to the disk", &part, source))?;
        drop(file);
        fs::rename(&part, path).map_err(|source| failed("replace", path, source))?;
        Ok(made)
    };
    let made = run().inspect_err(|_| {
        // Already failing: what remains of the part is of no use, and why it remains is not the news.
        let _ = fs::remove_file(&part);
    })?;
    sync_folder(path).map_err(|source| failed("bring the name to the disk of", path, source))?;
    Ok(made)
}

/// A name in the same folder that nobody else uses.
fn part(path: &Path) -> PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}-{count}.part", process::id()));
    path.with_file_name(name)
}

/// A rename lasts when its folder is on the disk.
fn sync_folder(path: &Path) -> io::Result<()> {
    if !cfg!(unix) {
        return Ok(());
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}
