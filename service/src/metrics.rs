//! [`Metrics`]: what a service measures of itself, for Prometheus, for its status page, and for the time after which it asks callers to come again.
//!
//! Labels come from closed sets only: states, phases, methods, status codes, and the files of the loaded keys. Nothing is labelled by job, tenant or worker, whose number has no bound.
//!
//! Depends on: `prometheus-client`. Where to go next: [`crate::queue`], which measures; [`crate::http`], which shows.

use crate::hub::{Phase, PhaseSeconds};
use crate::job::{Job, State};
use crate::lock;
use crate::store::Counts;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};
use std::collections::VecDeque;
use std::fs;
use std::sync::Mutex;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

/// The last proofs of which the times are known one by one.
const RECENT: usize = 512;

/// The last ends from which the rate is measured.
const ENDS: usize = 32;

/// Seconds of what a job takes: 4 ms to 2 h.
fn job_seconds() -> Histogram {
    Histogram::new(exponential_buckets(0.004, 2.0, 22))
}

/// Seconds of what a call takes: 0.25 ms to 16 s.
fn call_seconds() -> Histogram {
    Histogram::new(exponential_buckets(0.000_25, 2.0, 17))
}

/// One label.
type Label<V = &'static str> = [(&'static str, V); 1];

/// Labels of calls.
type CallLabels = [(&'static str, String); 2];

type Level = Gauge<f64, AtomicU64>;

/// The times of a proof, in seconds.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// From the submission to the lease under which it was proven.
    pub waiting: f64,
    /// From the input to the proof.
    pub proving: f64,
    /// From the submission to the end.
    pub whole: f64,
}

struct Recent {
    ends: VecDeque<(Instant, Times)>,
    phases: VecDeque<PhaseSeconds>,
}

/// What is true at the moment, not counted.
pub struct Levels<'a> {
    /// Jobs.
    pub counts: &'a Counts,
    /// Seconds that the oldest job waits.
    pub oldest: f64,
    /// No job is handed out.
    pub paused: bool,
    /// Workers that work, and that are in quarantine.
    pub workers: [usize; 2],
    /// Streams of watched jobs.
    pub watchers: usize,
}

/// See the module.
pub struct Metrics {
    registry: Registry,
    /// Jobs that were added.
    pub submitted: Counter,
    /// Leases that were handed out.
    pub leases: Counter,
    /// Leases that ended without an end of their job, by time or by the worker's failure.
    pub losses: Counter,
    /// Proofs that did not verify.
    pub wrong_proofs: Counter,
    /// Submissions that found the queue full.
    pub full: Counter,
    ended: Family<Label, Counter>,
    waiting: Histogram,
    whole: Histogram,
    proving: Family<Label<String>, Histogram>,
    estimates: Family<Label<String>, Gauge<u64, AtomicU64>>,
    phases: Family<Label, Histogram>,
    calls: Family<CallLabels, Counter>,
    call_seconds: Family<Label<String>, Histogram>,
    jobs: Family<Label, Gauge>,
    oldest: Level,
    paused: Gauge,
    workers: Family<Label, Gauge>,
    watchers: Gauge,
    memory: Gauge,
    descriptors: Gauge,
    recent: Mutex<Recent>,
}

/// What the names of metrics begin with.
const PREFIX: &str = "popw";

impl Metrics {
    /// Of a service with such a store.
    pub fn new(engine: &'static str) -> Self {
        let mut metrics = Self {
            submitted: Counter::default(),
            leases: Counter::default(),
            losses: Counter::default(),
            wrong_proofs: Counter::default(),
            full: Counter::default(),
            ended: Family::default(),
            waiting: job_seconds(),
            whole: job_seconds(),
            proving: Family::new_with_constructor(job_seconds),
            estimates: Family::default(),
            phases: Family::new_with_constructor(job_seconds),
            calls: Family::default(),
            call_seconds: Family::new_with_constructor(call_seconds),
            jobs: Family::default(),
            oldest: Level::default(),
            paused: Gauge::default(),
            workers: Family::default(),
            watchers: Gauge::default(),
            memory: Gauge::default(),
            descriptors: Gauge::default(),
            recent: Mutex::new(Recent {
                ends: VecDeque::new(),
                phases: VecDeque::new(),
            }),
            registry: Registry::default(),
        };
        let mut registry = Registry::default();
        metrics.register(registry.sub_registry_with_prefix(PREFIX), engine);
        let process = registry.sub_registry_with_prefix("process");
        process.register_with_unit(
            "resident_memory",
            "Memory of the process",
            Unit::Bytes,
            metrics.memory.clone(),
        );
        process.register(
            "open_fds",
            "Open file descriptors of the process",
            metrics.descriptors.clone(),
        );
        // What may happen is shown before it happens: a rate begins at zero.
        for state in State::ALL.into_iter().filter(|state| state.is_end()) {
            let _ = metrics.ended.get_or_create(&[("state", state.name())]);
        }
        metrics.registry = registry;
        metrics
    }

    fn register(&self, registry: &mut Registry, engine: &'static str) {
        let version = env!("CARGO_PKG_VERSION");
        let build: Family<[(&'static str, &'static str); 2], Gauge> = Family::default();
        build
            .get_or_create(&[("version", version), ("store", engine)])
            .set(1);
        registry.register("build", "The service's version and its store", build);
        registry.register_with_unit(
            "proof_memory",
            "Memory that a proof takes, by its key's estimate",
            Unit::Bytes,
            self.estimates.clone(),
        );
        for (name, help, counter) in [
            ("jobs_submitted", "Jobs that were added", &self.submitted),
            ("leases", "Leases that were handed out", &self.leases),
            (
                "leases_lost",
                "Leases that ended without an end of their job",
                &self.losses,
            ),
            (
                "wrong_proofs",
                "Proofs of workers that did not verify",
                &self.wrong_proofs,
            ),
            ("queue_full", "Submissions that found the queue full", &self.full),
        ] {
            registry.register(name, help, counter.clone());
        }
        registry.register("jobs_ended", "Jobs that ended, by state", self.ended.clone());
        for (name, help, histogram) in [
            (
                "job_waiting",
                "From a job's submission to the lease under which it was proven",
                &self.waiting,
            ),
            ("job", "From a job's submission to its proof", &self.whole),
        ] {
            registry.register_with_unit(name, help, Unit::Seconds, histogram.clone());
        }
        let proving = self.proving.clone();
        registry.register_with_unit(
            "proving",
            "From the input to the proof, by key",
            Unit::Seconds,
            proving,
        );
        let phases = self.phases.clone();
        registry.register_with_unit("phase", "Phases of proofs", Unit::Seconds, phases);
        registry.register("calls", "Calls, by method and status code", self.calls.clone());
        let calls = self.call_seconds.clone();
        registry.register_with_unit(
            "call",
            "Until a call's answer begins, by method",
            Unit::Seconds,
            calls,
        );
        registry.register("jobs", "Jobs in the store, by state", self.jobs.clone());
        let oldest = self.oldest.clone();
        registry.register_with_unit(
            "oldest_queued",
            "How long the oldest job waits",
            Unit::Seconds,
            oldest,
        );
        registry.register("queue_paused", "1: no job is handed out", self.paused.clone());
        registry.register("workers", "Workers, by what they may", self.workers.clone());
        registry.register("watchers", "Streams of watched jobs", self.watchers.clone());
    }

    /// There is a key, a proof with which takes so much memory; or it is there no more.
    pub(crate) fn key(&self, file: &str, memory: Option<u64>) {
        let label = [("key", file.to_owned())];
        match memory {
            Some(memory) => {
                self.estimates.get_or_create(&label).set(memory);
                // What may happen is shown before it happens.
                let _ = self.proving.get_or_create(&label);
            }
            None => {
                self.estimates.remove(&label);
                self.proving.remove(&label);
            }
        }
    }

    /// A job has ended.
    pub(crate) fn ended(&self, job: &Job) {
        self.ended.get_or_create(&[("state", job.state.name())]).inc();
    }

    /// A job has its proof.
    pub(crate) fn proven(&self, key: &str, times: Times) {
        self.waiting.observe(times.waiting);
        self.whole.observe(times.whole);
        self.proving
            .get_or_create(&[("key", key.to_owned())])
            .observe(times.proving);
        push(&mut lock(&self.recent).ends, (Instant::now(), times));
    }

    /// A worker says how long the phases of a proof took.
    pub(crate) fn phases(&self, spent: PhaseSeconds) {
        for (phase, seconds) in Phase::ALL.into_iter().zip(spent) {
            self.phases
                .get_or_create(&[("phase", phase.name())])
                .observe(seconds);
        }
        push(&mut lock(&self.recent).phases, spent);
    }

    /// A call was answered.
    pub(crate) fn called(&self, method: &str, code: String, took: Duration) {
        self.calls
            .get_or_create(&[("method", method.to_owned()), ("code", code)])
            .inc();
        self.call_seconds
            .get_or_create(&[("method", method.to_owned())])
            .observe(took.as_secs_f64());
    }

    /// The time between two of the last proofs, once there are two.
    pub fn pace(&self) -> Option<Duration> {
        let recent = lock(&self.recent);
        let first = recent.ends.len().saturating_sub(ENDS);
        let (oldest, newest) = recent.ends.get(first).zip(recent.ends.back())?;
        let gaps = recent.ends.len() - first - 1;
        (newest.0 - oldest.0).checked_div(u32::try_from(gaps).unwrap_or(u32::MAX))
    }

    /// Jobs that ended, however.
    pub fn ends(&self) -> u64 {
        let ends = State::ALL.into_iter().filter(|state| state.is_end());
        ends.map(|state| self.ended.get_or_create(&[("state", state.name())]).get())
            .sum()
    }

    /// The times of the last proofs.
    pub fn recent(&self) -> Vec<Times> {
        lock(&self.recent).ends.iter().map(|(_, times)| *times).collect()
    }

    /// The mean seconds of each phase of the last proofs, if there are any.
    pub fn mean_phases(&self) -> Option<PhaseSeconds> {
        let recent = lock(&self.recent);
        let count = recent.phases.len();
        (count > 0).then(|| {
            std::array::from_fn(|phase| {
                recent.phases.iter().map(|spent| spent[phase]).sum::<f64>() / count as f64
            })
        })
    }

    /// Everything, in OpenMetrics' text form.
    pub fn text(&self, levels: &Levels<'_>) -> String {
        let whole = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        for state in State::ALL {
            let jobs = self.jobs.get_or_create(&[("state", state.name())]);
            jobs.set(whole(levels.counts.of(state)));
        }
        self.oldest.set(levels.oldest);
        self.paused.set(i64::from(levels.paused));
        for (state, count) in ["working", "quarantined"].into_iter().zip(levels.workers) {
            self.workers
                .get_or_create(&[("state", state)])
                .set(whole(count as u64));
        }
        self.watchers.set(whole(levels.watchers as u64));
        let process = process();
        self.memory.set(whole(process.memory));
        self.descriptors.set(whole(process.descriptors));
        let mut text = String::new();
        // A String takes everything.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

fn push<T>(list: &mut VecDeque<T>, new: T) {
    if list.len() == RECENT {
        list.pop_front();
    }
    list.push_back(new);
}

/// What the operating system says of this process; zeros where it does not.
#[derive(Clone, Copy, Debug, Default)]
pub struct Process {
    /// Bytes of memory.
    pub memory: u64,
    /// Open file descriptors.
    pub descriptors: u64,
}

/// Asks the operating system.
pub fn process() -> Process {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    Process {
        memory: kibibytes.unwrap_or(0) * 1024,
        descriptors: fs::read_dir("/proc/self/fd").map_or(0, |entries| entries.count() as u64),
    }
}

/// The value up to which so many thousandths of the values are, by the nearest rank. None of none.
pub fn percentile(values: &mut [f64], thousandths: usize) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let rank = (thousandths * values.len()).div_ceil(1_000);
    values.get(rank.saturating_sub(1)).copied()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn percentiles_are_values_that_were_seen() {
        let mut values: Vec<f64> = (1..=100).rev().map(f64::from).collect();
        assert_eq!(percentile(&mut values, 500), Some(50.0));
        assert_eq!(percentile(&mut values, 990), Some(99.0));
        assert_eq!(percentile(&mut values, 1_000), Some(100.0));
        assert_eq!(percentile(&mut [7.0], 10), Some(7.0));
        assert_eq!(percentile(&mut [], 500), None);
    }

    #[test]
    fn the_pace_is_of_the_last_ends_and_only_so_many_are_kept() {
        let metrics = Metrics::new("memory");
        assert_eq!(metrics.pace(), None);
        let times = Times {
            waiting: 1.0,
            proving: 2.0,
            whole: 3.0,
        };
        metrics.proven("k.zkey", times);
        assert_eq!(metrics.pace(), None);
        for _ in 0..RECENT + 5 {
            metrics.proven("k.zkey", times);
        }
        assert!(metrics.pace().unwrap() < Duration::from_secs(1));
        assert_eq!(metrics.recent().len(), RECENT);
        assert_eq!(metrics.mean_phases(), None);
        metrics.phases([1.0, 2.0, 3.0, 4.0]);
        metrics.phases([3.0, 2.0, 3.0, 4.0]);
        assert_eq!(metrics.mean_phases(), Some([2.0, 2.0, 3.0, 4.0]));
    }
}
