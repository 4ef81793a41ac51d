//! What a run prints when it is done: what was proven, and how fast.

use crate::epoch::totals::{Rejections, Totals};
use serde_json::json;
use std::fmt;
use std::fs;
use std::time::Duration;

/// The outcome of a run.
pub struct Summary {
    /// The circuit's name.
    pub circuit: String,
    /// Zones with devices.
    pub zones: usize,
    /// Zones that this run proved.
    pub zones_proven: usize,
    /// Their devices.
    pub devices_proven: usize,
    /// From their votes to their files; making keys and the audit are not in it.
    pub proving: Duration,
    /// Votes that count.
    pub attestations: usize,
    /// What is posted on chain.
    pub attestations_hash: [u8; 32],
    /// Votes that do not.
    pub rejections: Rejections,
    /// Sums over all zones.
    pub totals: Totals,
    /// Phases of this run.
    pub times: Vec<(&'static str, Duration)>,
    /// Most memory of this process in bytes, the mapped key included, where the system says it.
    pub peak_memory: Option<u64>,
    /// Who proved: this process's compute and its threads, or a service.
    pub engine: String,
}

impl Summary {
    fn devices_per_second(&self) -> Option<f64> {
        let devices = f64::from(u32::try_from(self.devices_proven).unwrap_or(u32::MAX));
        (self.devices_proven > 0).then(|| devices / self.proving.as_secs_f64())
    }

    /// As one JSON object.
    pub fn json(&self) -> serde_json::Value {
        let counts = self.rejections.counts();
        let counts: serde_json::Map<_, _> = counts
            .map(|(reason, count)| (reason.name().to_owned(), json!(count)))
            .collect();
        let seconds: serde_json::Map<_, _> = (self.times.iter())
            .map(|(label, time)| ((*label).to_owned(), json!(time.as_secs_f64())))
            .collect();
        json!({
            "circuit": self.circuit,
            "devices": self.totals.devices(),
            "zones": self.zones,
            "zones_proven_now": self.zones_proven,
            "devices_proven_now": self.devices_proven,
            "attestations": self.attestations,
            "seats_absent": self.totals.seats_absent(),
            "rejected": counts,
            "total_score": self.totals.score,
            "attestations_hash": hex::encode(self.attestations_hash),
            "proving_seconds": self.proving.as_secs_f64(),
            "devices_per_second": self.devices_per_second(),
            "seconds": seconds,
            "peak_memory_bytes": self.peak_memory,
            "engine": self.engine,
        })
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} devices in {} zones of {}: total score {}",
            self.totals.devices(),
            self.zones,
            self.circuit,
            self.totals.score
        )?;
        writeln!(
            f,
            "{} attestations count, {} seats are absent",
            self.attestations,
            self.totals.seats_absent()
        )?;
        for (reason, count) in self.rejections.counts() {
            writeln!(f, "rejected, {reason}: {count}")?;
        }
        writeln!(
            f,
            "proven now: {} zones, {} before; every file read again, every proof verified",
            self.zones_proven,
            self.zones - self.zones_proven
        )?;
        if let Some(rate) = self.devices_per_second() {
            writeln!(
                f,
                "{:.1} s for {} devices: {rate:.0} devices a second, a million in {:.2} h ({})",
                self.proving.as_secs_f64(),
                self.devices_proven,
                1e6 / rate / 3600.0,
                self.engine
            )?;
        }
        for (label, time) in &self.times {
            writeln!(f, "{label:40} {:9.2} s", time.as_secs_f64())?;
        }
        if let Some(peak) = self.peak_memory {
            write!(
                f,
                "{:40} {:9} MiB, the mapped key included",
                "peak memory",
                peak >> 20
            )?;
        }
        Ok(())
    }
}

/// The most memory that this process had, where the system says so (Linux).
pub fn peak_memory() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes << 10)
}
