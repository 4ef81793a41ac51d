//! [`Blobs`]: witnesses and fleets, as files with 32 bytes as name.
//!
//! A file is whole or not there: it is written beside, synced, checked against its hash and renamed. It is secret: only the service's user may read it, and it is overwritten before it
//! is removed (which is as much as a program can do: a file system or a disk may keep old blocks).
//!
//! Depends on: std. Where to go next: [`crate::queue`], which removes a file with the last job that needs it.

use crate::failpoint;
use crate::id::{Digest, Token};
use sha2::{Digest as _, Sha256};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// A folder of such files.
#[derive(Clone, Debug)]
pub struct Blobs {
    folder: PathBuf,
}

/// Why a file was not taken or given.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BlobError {
    /// The bytes are others.
    #[error("the bytes have the SHA-256 {got}, {expected} was promised")]
    Hash {
        /// What was promised.
        expected: Digest,
        /// What came.
        got: Digest,
    },
    /// There are more bytes than allowed.
    #[error("more than {limit} bytes")]
    TooLarge {
        /// The limit.
        limit: u64,
    },
    /// There is no such file.
    #[error("the input is not there: upload it first")]
    Missing,
    /// The disk refuses.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl BlobError {
    /// Is there no room on the disk?
    pub fn is_full(&self) -> bool {
        use io::ErrorKind::{QuotaExceeded, StorageFull};
        matches!(self, Self::Io { source, .. } if matches!(source.kind(), StorageFull | QuotaExceeded))
    }
}

impl Blobs {
    /// Uses a folder, which is made if it is missing.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn open(folder: &Path) -> Result<Self, BlobError> {
        fs::create_dir_all(folder).map_err(at(folder))?;
        private(folder, 0o700)?;
        Ok(Self {
            folder: folder.to_owned(),
        })
    }

    /// Where a file is, or would be.
    pub fn path(&self, name: Digest) -> PathBuf {
        self.folder.join(name.to_string())
    }

    /// Is the file there?
    pub fn has(&self, name: Digest) -> bool {
        self.path(name).is_file()
    }

    /// How large a file is.
    ///
    /// # Errors
    /// If there is none.
    pub fn bytes(&self, name: Digest) -> Result<u64, BlobError> {
        let path = self.path(name);
        match fs::metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(BlobError::Missing),
            data => Ok(data.map_err(at(&path))?.len()),
        }
    }

    /// Was the file touched within `age`?
    pub fn is_fresh(&self, name: Digest, age: Duration) -> bool {
        let modified = fs::metadata(self.path(name)).and_then(|data| data.modified());
        modified.is_ok_and(|time| time.elapsed().is_ok_and(|since| since < age))
    }

    /// Begins a file of this name, of bytes of this SHA-256, at most `limit` of them.
    ///
    /// # Errors
    /// If the disk refuses.
    pub fn begin(&self, name: Digest, expected: Digest, limit: u64) -> Result<Upload, BlobError> {
        let path = self.folder.join(format!("{}.part", Token::random()));
        let file = OpenOptions::new().write(true).create_new(true).open(&path);
        let file = file.map_err(at(&path))?;
        let upload = Upload {
            target: self.path(name),
            expected,
            limit,
            hash: Sha256::new(),
            part: Some((path, file)),
            bytes: 0,
        };
        if let Some((path, _)) = &upload.part {
            private(path, 0o600)?;
        }
        Ok(upload)
    }

    /// Marks a file as just used, so that it is not [`Blobs::untouched`] before its job is there.
    ///
    /// # Errors
    /// If there is none.
    pub fn touch(&self, name: Digest) -> Result<(), BlobError> {
        let path = self.path(name);
        let file = match File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(BlobError::Missing);
            }
            file => file.map_err(at(&path))?,
        };
        file.set_modified(SystemTime::now()).map_err(at(&path))
    }

    /// Overwrites and removes a file. It may be missing.
    ///
    /// # Errors
    /// If the disk refuses.
    pub fn remove(&self, name: Digest) -> Result<(), BlobError> {
        erase(&self.path(name))
    }

    /// The files that nobody touched for `age`; unfinished ones are removed on the way.
    ///
    /// # Errors
    /// If the disk refuses.
    pub fn untouched(&self, age: Duration) -> Result<Vec<Digest>, BlobError> {
        let mut old = Vec::new();
        for entry in fs::read_dir(&self.folder).map_err(at(&self.folder))? {
            let entry = entry.map_err(at(&self.folder))?;
            let path = entry.path();
            let modified = entry.metadata().and_then(|data| data.modified());
            let is_old = modified.is_ok_and(|time| time.elapsed().is_ok_and(|since| since >= age));
            if !is_old {
                continue;
            }
            match entry.file_name().to_str().map(str::parse) {
                Some(Ok(digest)) => old.push(digest),
                _ if path.extension().is_some_and(|extension| extension == "part") => erase(&path)?,
                _ => {}
            }
        }
        Ok(old)
    }
}

/// A file that is being written. Dropped before its end, it is removed.
#[derive(Debug)]
pub struct Upload {
    target: PathBuf,
    expected: Digest,
    limit: u64,
    hash: Sha256,
    part: Option<(PathBuf, File)>,
    bytes: u64,
}

impl Upload {
    /// Adds bytes.
    ///
    /// # Errors
    /// If there are too many, or the disk refuses.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), BlobError> {
        self.bytes += bytes.len() as u64;
        if self.bytes > self.limit {
            return Err(BlobError::TooLarge { limit: self.limit });
        }
        self.hash.update(bytes);
        match &mut self.part {
            Some((path, file)) => file.write_all(bytes).map_err(at(path)),
            None => Ok(()),
        }
    }

    /// Ends the file. Its bytes are on disk when this returns.
    ///
    /// # Errors
    /// If the bytes are others than promised, or the disk refuses.
    pub fn finish(mut self) -> Result<(), BlobError> {
        let got = Digest(std::mem::take(&mut self.hash).finalize().into());
        if got != self.expected {
            return Err(BlobError::Hash {
                expected: self.expected,
                got,
            });
        }
        if let Some((path, file)) = &self.part {
            file.sync_all().map_err(at(path))?;
            failpoint::hit("blob.written");
            fs::rename(path, &self.target).map_err(at(path))?;
            failpoint::hit("blob.named");
            if let Some(folder) = self.target.parent() {
                File::open(folder)
                    .and_then(|folder| folder.sync_all())
                    .map_err(at(folder))?;
            }
        }
        self.part = None;
        Ok(())
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if let Some((path, _)) = self.part.take() {
            // What remains is removed by the next cleaning.
            let _ = erase(&path);
        }
    }
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> BlobError {
    let path = path.to_owned();
    move |source| BlobError::Io { path, source }
}

/// Only the owner may read.
fn private(path: &Path, mode: u32) -> Result<(), BlobError> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).map_err(at(path))?;
    }
    #[cfg(not(unix))]
    let _ = (path, mode);
    Ok(())
}

fn erase(path: &Path) -> Result<(), BlobError> {
    let overwrite = || -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).open(path)?;
        let mut left = file.metadata()?.len();
        file.rewind()?;
        let zeros = [0; 1 << 16];
        while left > 0 {
            let piece = left.min(zeros.len() as u64);
            file.write_all(
                zeros
                    .get(..usize::try_from(piece).unwrap_or(0))
                    .unwrap_or_default(),
            )?;
            left -= piece;
        }
        file.sync_data()
    };
    match overwrite().and_then(|()| fs::remove_file(path)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result.map_err(at(path)),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn blobs(name: &str) -> Blobs {
        let folder = std::env::temp_dir().join(format!("popw-blobs-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        Blobs::open(&folder).unwrap()
    }

    fn put(blobs: &Blobs, bytes: &[u8]) -> Digest {
        let digest = Digest::of(bytes);
        let mut upload = blobs.begin(digest, digest, 100).unwrap();
        upload.write(bytes).unwrap();
        upload.finish().unwrap();
        digest
    }

    fn files(blobs: &Blobs) -> usize {
        fs::read_dir(&blobs.folder).unwrap().count()
    }

    #[test]
    fn a_file_is_what_its_name_says_or_not_there() {
        let blobs = blobs("whole");
        let digest = put(&blobs, b"witness");
        assert_eq!(fs::read(blobs.path(digest)).unwrap(), b"witness");
        // The same again changes nothing.
        assert_eq!(put(&blobs, b"witness"), digest);
        let mut upload = blobs.begin(Digest([1; 32]), Digest::of(b"other"), 100).unwrap();
        upload.write(b"otter").unwrap();
        assert!(matches!(upload.finish(), Err(BlobError::Hash { .. })));
        let mut upload = blobs.begin(Digest([1; 32]), Digest::of(b"12345"), 4).unwrap();
        assert!(matches!(
            upload.write(b"12345"),
            Err(BlobError::TooLarge { limit: 4 })
        ));
        drop(upload);
        drop(blobs.begin(digest, digest, 4).unwrap());
        assert_eq!(files(&blobs), 1);
        blobs.remove(digest).unwrap();
        blobs.remove(digest).unwrap();
        assert!(matches!(blobs.touch(digest), Err(BlobError::Missing)));
        assert_eq!(files(&blobs), 0);
    }

    #[test]
    fn what_nobody_touches_is_found() {
        let blobs = blobs("old");
        let digest = put(&blobs, b"old");
        fs::write(blobs.folder.join("half.part"), b"half").unwrap();
        fs::write(blobs.folder.join("foreign"), b"not ours").unwrap();
        assert_eq!(blobs.untouched(Duration::from_secs(60)).unwrap(), []);
        assert_eq!(files(&blobs), 3);
        assert_eq!(blobs.untouched(Duration::ZERO).unwrap(), [digest]);
        assert_eq!(files(&blobs), 2, "the half file is gone, the foreign one stays");
        blobs.touch(digest).unwrap();
        assert_eq!(blobs.untouched(Duration::from_secs(60)).unwrap(), []);
    }
}
