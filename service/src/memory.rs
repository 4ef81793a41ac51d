//! How much memory there is for proofs: [`available`], and [`Budget`], which the workers of a process share.
//!
//! Depends on: std. Where to go next: [`crate::worker`].

use crate::lock;
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};

/// Of what the machine or its control group has, the share that is for proofs: the rest is for the operating system, the service and the pages of mapped keys.
const SHARE: (u64, u64) = (4, 5);

/// Where nothing says how much memory there is.
const UNKNOWN: u64 = 1 << 30;

/// Bytes for proofs: four fifths of the machine's memory or of the control group's limit, whichever is less.
pub fn available() -> u64 {
    let (numerator, denominator) = SHARE;
    limit(Path::new("/")) / denominator * numerator
}

/// The machine's memory or the control group's limit, below a root folder.
fn limit(root: &Path) -> u64 {
    let number =
        |path: &str| -> Option<u64> { fs::read_to_string(root.join(path)).ok()?.trim().parse().ok() };
    let machine = fs::read_to_string(root.join("proc/meminfo"))
        .ok()
        .and_then(|text| {
            let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
            let kibibytes: u64 = line.split_whitespace().next()?.parse().ok()?;
            kibibytes.checked_mul(1024)
        });
    // Version 2 of control groups, in a container and outside; version 1. No limit is the word `max` or a huge number.
    let own = fs::read_to_string(root.join("proc/self/cgroup")).unwrap_or_default();
    let own = own
        .lines()
        .find_map(|line| line.strip_prefix("0::/"))
        .unwrap_or_default();
    let groups = [
        "sys/fs/cgroup/memory.max".to_owned(),
        format!("sys/fs/cgroup/{own}/memory.max"),
        "sys/fs/cgroup/memory/memory.limit_in_bytes".to_owned(),
    ];
    let groups = groups.iter().filter_map(|path| number(path));
    machine.into_iter().chain(groups).min().unwrap_or(UNKNOWN)
}

/// Memory that proofs take and give back.
#[derive(Clone)]
pub struct Budget(Arc<Shared>);

struct Shared {
    all: u64,
    used: Mutex<u64>,
}

/// A part of a budget, given back when it is dropped.
pub struct Share {
    budget: Budget,
    bytes: u64,
}

impl Budget {
    /// Of so many bytes.
    pub fn new(bytes: u64) -> Self {
        Self(Arc::new(Shared {
            all: bytes,
            used: Mutex::default(),
        }))
    }

    fn used(&self) -> MutexGuard<'_, u64> {
        lock(&self.0.used)
    }

    /// All of it.
    pub fn bytes(&self) -> u64 {
        self.0.all
    }

    /// What is free.
    pub fn free(&self) -> u64 {
        self.0.all.saturating_sub(*self.used())
    }

    /// Takes a part, which the caller has seen to be free.
    pub fn take(&self, bytes: u64) -> Share {
        *self.used() += bytes;
        Share {
            budget: self.clone(),
            bytes,
        }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        *self.budget.used() -= self.bytes;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn the_least_limit_counts() {
        let root = std::env::temp_dir().join(format!("popw-memory-{}", std::process::id()));
        let write = |path: &str, text: &str| {
            let path = root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        assert_eq!(limit(&root), UNKNOWN);
        write("proc/meminfo", "MemFree: 3 kB\nMemTotal:       1000 kB\n");
        assert_eq!(limit(&root), 1_024_000);
        write("sys/fs/cgroup/memory.max", "max\n");
        assert_eq!(limit(&root), 1_024_000);
        write("proc/self/cgroup", "0::/system.slice/popw.service\n");
        write("sys/fs/cgroup/system.slice/popw.service/memory.max", "5000\n");
        assert_eq!(limit(&root), 5_000);
        write("sys/fs/cgroup/memory/memory.limit_in_bytes", "4000\n");
        assert_eq!(limit(&root), 4_000);
        fs::remove_dir_all(&root).unwrap();
        assert!(available() > 0);
    }

    #[test]
    fn what_is_taken_is_given_back() {
        let budget = Budget::new(10);
        let share = budget.take(7);
        assert_eq!((budget.bytes(), budget.free()), (10, 3));
        drop(budget.take(3));
        assert_eq!(budget.free(), 3);
        drop(share);
        assert_eq!(budget.free(), 10);
    }
}
