//! [`Watched`]: what a file says, read again when it changes.

use super::CallersError;
use crate::lock;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

/// Between two looks at a file.
const LOOK: Duration = Duration::from_secs(1);

type Read<T> = fn(&Path) -> Result<T, CallersError>;

/// See the module.
pub(super) struct Watched<T> {
    path: PathBuf,
    read: Read<T>,
    known: Mutex<Known<T>>,
}

struct Known<T> {
    said: Arc<T>,
    modified: Option<SystemTime>,
    looked: Instant,
}

fn modified(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).and_then(|data| data.modified()).ok()
}

impl<T> Watched<T> {
    /// Reads it the first time.
    pub(super) fn open(path: &Path, read: Read<T>) -> Result<Self, CallersError> {
        let known = Known {
            modified: modified(path),
            said: Arc::new(read(path)?),
            looked: Instant::now(),
        };
        Ok(Self {
            path: path.to_owned(),
            read,
            known: Mutex::new(known),
        })
    }

    /// What it says. If it cannot be read any more, what it said last.
    pub(super) fn get(&self) -> Arc<T> {
        let mut known = lock(&self.known);
        if known.looked.elapsed() >= LOOK {
            known.looked = Instant::now();
            let modified = modified(&self.path);
            if modified != known.modified {
                match (self.read)(&self.path) {
                    Ok(said) => known.said = Arc::new(said),
                    Err(error) => {
                        tracing::error!(%error, "a file of callers has changed and cannot be used");
                    }
                }
                known.modified = modified;
            }
        }
        known.said.clone()
    }
}
