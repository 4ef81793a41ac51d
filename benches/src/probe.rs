//! Memory and processor time of another process, from Linux's `/proc`: the same ruler for Rust, Go and JavaScript.
//!
//! Depends on: nothing. Where to go next: `round`, which uses it.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Linux counts processor time in hundredths of a second for programs, whatever the kernel's own clock.
const TICKS_PER_SECOND: f64 = 100.0;

/// Time between two looks at a process's memory.
const PERIOD: Duration = Duration::from_millis(2);

/// Processor seconds that a process has used so far, all its threads together.
pub(crate) fn cpu_seconds(pid: u32) -> Option<f64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may hold anything; what follows the last one is numbers, user and system time the 12th and 13th.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<f64>().ok();
    Some((ticks()? + ticks()?) / TICKS_PER_SECOND)
}

/// Peaks of a process's memory during some work of its, in bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Memory {
    /// Resident, with mapped files (`VmHWM`).
    pub(crate) resident: Option<u64>,
    /// Resident and not backed by a file (`Anonymous` of `smaps_rollup`), looked at every few milliseconds.
    pub(crate) anonymous: Option<u64>,
}

/// Does something that keeps the process busy, and watches its memory meanwhile.
pub(crate) fn watch<T>(pid: u32, work: impl FnOnce() -> T) -> (T, Memory) {
    // Forgets the peak of the preparation. Where it is not allowed, the peak of the whole life is reported: no less.
    let _ = fs::write(format!("/proc/{pid}/clear_refs"), "5");
    let done = AtomicBool::new(false);
    let look = || size(&format!("/proc/{pid}/smaps_rollup"), "Anonymous:");
    let (result, anonymous) = std::thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            let mut peak = look();
            while !done.load(Ordering::Relaxed) {
                std::thread::sleep(PERIOD);
                peak = peak.max(look());
            }
            peak
        });
        let result = work();
        done.store(true, Ordering::Relaxed);
        (result, watcher.join().ok().flatten())
    });
    let resident = size(&format!("/proc/{pid}/status"), "VmHWM:");
    (result, Memory { resident, anonymous })
}

/// The bytes that a line `NAME  1234 kB` says.
fn size(path: &str, name: &str) -> Option<u64> {
    let text = fs::read_to_string(path).ok()?;
    let value = text.lines().find_map(|line| line.strip_prefix(name))?;
    let kibibytes: u64 = value.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that fails shall stop")]

    use super::{cpu_seconds, watch};

    #[test]
    fn this_process_can_be_watched() {
        const BYTES: usize = 64 << 20;
        let pid = std::process::id();
        let (sum, memory) = watch(pid, || {
            let block = vec![1_u8; BYTES];
            std::thread::sleep(super::PERIOD * 20);
            block.iter().map(|byte| u64::from(*byte)).sum::<u64>()
        });
        assert_eq!(sum, BYTES as u64);
        assert!(memory.resident.unwrap() >= BYTES as u64);
        assert!(memory.anonymous.unwrap() >= BYTES as u64);
        assert!(cpu_seconds(pid).is_some());
    }
}
