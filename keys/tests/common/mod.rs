//! Finds the files of other tools: those in `testdata/interop`, and the whole corpus where it is.
//!
//! The corpus lies in the folder that POPW_CORPUS names, or else beside the repository in `shared/corpus`. A
//! bare clone has none: the tests say SKIPPED then and keep to the copies in `testdata`, or fail if
//! POPW_REQUIRE_CORPUS is set.

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::panic,
    reason = "each test uses a part, and a test that panics says where it failed"
)]

use popw_keys::ReadError;
use std::path::{Path, PathBuf};

pub(crate) fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// A file of `testdata/interop`.
pub(crate) fn copy(name: &str) -> PathBuf {
    here("../testdata/interop").join(name)
}

/// The bytes of a file of `testdata/interop`.
pub(crate) fn read_copy(name: &str) -> Vec<u8> {
    std::fs::read(copy(name)).unwrap()
}

/// The corpus, if there is one.
pub(crate) fn corpus() -> Option<PathBuf> {
    let folder = std::env::var_os("POPW_CORPUS").map_or(here("../../shared/corpus"), PathBuf::from);
    let interop = folder.join("interop");
    if interop.is_dir() {
        return Some(interop);
    }
    let message = format!(
        "SKIPPED (corpus): nothing in {}, only testdata/interop is read",
        interop.display()
    );
    assert!(std::env::var_os("POPW_REQUIRE_CORPUS").is_none(), "{message}");
    println!("{message}");
    None
}

/// All foreign files with this extension, in order.
pub(crate) fn files(extension: &str) -> Vec<PathBuf> {
    let mut folders = vec![here("../testdata/interop")];
    folders.extend(corpus());
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|found| found == extension) {
                found.push(path);
            }
        }
    }
    found.sort();
    assert!(!found.is_empty(), "no .{extension} files");
    found
}

/// How much more than the default a heavy test should do.
pub(crate) fn rounds() -> u32 {
    std::env::var("POPW_ROUNDS").map_or(1, |text| text.parse().unwrap())
}

/// A folder for one test, removed when it ends.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    /// An empty one; `name` is the test's.
    pub(crate) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("popw-keys-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The error of a reader, which must point into what it was given.
pub(crate) fn refused<T>(result: Result<T, ReadError>, length: usize) -> ReadError {
    match result {
        Ok(_) => panic!("accepted"),
        Err(error) => {
            assert!(error.offset <= length as u64, "{error}: past {length} bytes");
            error
        }
    }
}
