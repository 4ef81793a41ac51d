//! What the tests of the service and those of its commands share.
#![allow(dead_code, clippy::unwrap_used)]

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

/// Set where a missing program is a failure: in CI.
const REQUIRED: &str = "POPW_REQUIRE_ALL";

/// A loud word that a test cannot run here, or its failure where it must.
pub(crate) fn skip(reason: &str) {
    assert!(std::env::var_os(REQUIRED).is_none(), "{reason}");
    println!("SKIPPED: {reason}");
}

/// How often a heavy test goes round: `POPW_ROUNDS`, or what the default tier has time for.
pub(crate) fn rounds(default: u32) -> u32 {
    let given = std::env::var("POPW_ROUNDS").ok();
    given.and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// A folder that is removed with this value.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    /// A new one.
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("popw-service-{}-{number}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    /// A file in it.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
