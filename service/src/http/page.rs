//! [`Page`]: what the status page shows, once a second.
//!
//! Depends on: [`crate::queue`], [`crate::metrics`]. Where to go next: `status.js` beside this file, which draws it.

use crate::clock::now;
use crate::hub::Phase;
use crate::job::{Job, Millis, State};
use crate::metrics::{Process, Times, percentile, process};
use crate::queue::{Queue, QueueError};
use crate::store::Query;
use serde::Serialize;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Between two states.
const TICK: Duration = Duration::from_secs(1);

/// Points of the history.
const HISTORY: usize = 600;

/// Jobs that are shown.
const JOBS: usize = 50;

/// See the module.
pub struct Page {
    states: watch::Receiver<Arc<str>>,
    ticker: JoinHandle<()>,
}

impl Drop for Page {
    fn drop(&mut self) {
        self.ticker.abort();
    }
}

impl Page {
    /// Begins to look at a queue.
    pub fn start(queue: &Arc<Queue>) -> Self {
        let (sender, states) = watch::channel(Arc::from(""));
        Self {
            states,
            ticker: tokio::spawn(tick(Arc::downgrade(queue), sender)),
        }
    }

    /// The states as JSON, from the last one on.
    pub fn watch(&self) -> watch::Receiver<Arc<str>> {
        self.states.clone()
    }
}

/// Everything that is shown.
#[derive(Serialize)]
struct Snapshot<'a> {
    version: &'static str,
    store: &'static str,
    /// Seconds since the service started.
    uptime: u64,
    paused: bool,
    /// Jobs by state.
    jobs: BTreeMap<&'static str, u64>,
    /// Seconds that the oldest job waits.
    oldest: f64,
    /// Proofs a minute, by the last ones.
    pace: Option<f64>,
    running: Vec<Running>,
    workers: Vec<ShownWorker>,
    /// Seconds at 50, 90 and 99 %.
    latency: BTreeMap<&'static str, [Option<f64>; 3]>,
    /// How many proofs the latencies are of.
    proofs: usize,
    /// Mean seconds.
    phases: Option<Vec<(&'static str, f64)>>,
    keys: Vec<ShownKey>,
    process: ShownProcess,
    watchers: usize,
    history: &'a VecDeque<Point>,
}

/// A second.
#[derive(Clone, Copy, Serialize)]
struct Point {
    queued: u64,
    leased: u64,
    /// Jobs that ended.
    ended: u64,
}

#[derive(Serialize)]
struct Running {
    id: String,
    tenant: String,
    worker: String,
    losses: u32,
    /// Seconds since it was leased.
    since: f64,
    phase: Option<&'static str>,
    done: f64,
    /// Seconds until its end.
    remaining: Option<f64>,
}

#[derive(Serialize)]
struct ShownWorker {
    name: String,
    backend: String,
    threads: u32,
    memory: u64,
    jobs: usize,
    proofs: u64,
    quarantined: bool,
    /// Seconds since it called.
    heard: f64,
}

#[derive(Serialize)]
struct ShownKey {
    file: String,
    domain: u32,
    /// Bytes of memory that a proof takes.
    memory: u64,
    dev: bool,
}

#[derive(Serialize)]
struct ShownProcess {
    memory: u64,
    descriptors: u64,
}

fn seconds(from: Millis, to: Millis) -> f64 {
    Duration::from_millis(to.saturating_sub(from)).as_secs_f64()
}

async fn tick(queue: Weak<Queue>, sender: watch::Sender<Arc<str>>) {
    let started = Instant::now();
    let mut history = VecDeque::with_capacity(HISTORY);
    let mut ended_before = None;
    loop {
        {
            let Some(queue) = queue.upgrade() else { return };
            match state(&queue, started, &mut history, &mut ended_before).await {
                Ok(text) => drop(sender.send_replace(text.into())),
                Err(error) => tracing::warn!(%error, "the status page"),
            }
        }
        tokio::time::sleep(TICK).await;
    }
}

async fn state(
    queue: &Queue,
    started: Instant,
    history: &mut VecDeque<Point>,
    ended_before: &mut Option<u64>,
) -> Result<String, QueueError> {
    let counts = queue.counts().await?;
    let leased = Query {
        state: Some(State::Leased),
        count: JOBS,
        ..Query::default()
    };
    let (running, paused) = (queue.list(&leased).await?, queue.is_paused().await?);
    let ended = queue.metrics().ends();
    if history.len() == HISTORY {
        history.pop_front();
    }
    history.push_back(Point {
        queued: counts.of(State::Queued),
        leased: counts.of(State::Leased),
        ended: ended - ended_before.replace(ended).unwrap_or(ended),
    });
    let Process { memory, descriptors } = process();
    let recent = queue.metrics().recent();
    let now = now();
    let snapshot = Snapshot {
        version: env!("CARGO_PKG_VERSION"),
        store: queue.engine(),
        uptime: started.elapsed().as_secs(),
        paused,
        jobs: State::ALL.map(|state| (state.name(), counts.of(state))).into(),
        oldest: counts.oldest_queued.map_or(0.0, |oldest| seconds(oldest, now)),
        pace: queue
            .metrics()
            .pace()
            .map(|pace| 60.0 / pace.as_secs_f64().max(0.001)),
        running: running.iter().map(|job| show_job(queue, job, now)).collect(),
        workers: show_workers(queue, now),
        latency: latency(&recent),
        proofs: recent.len(),
        phases: queue
            .metrics()
            .mean_phases()
            .map(|phases| Phase::ALL.iter().map(|phase| phase.name()).zip(phases).collect()),
        keys: queue
            .keys()
            .all()
            .iter()
            .map(|key| ShownKey {
                file: key.file.clone(),
                domain: key.prover.key().header().domain_size,
                memory: key.memory,
                dev: key.is_dev,
            })
            .collect(),
        process: ShownProcess { memory, descriptors },
        watchers: queue.hub().watchers(),
        history,
    };
    // Numbers and strings can be written.
    Ok(serde_json::to_string(&snapshot).unwrap_or_default())
}

fn show_job(queue: &Queue, job: &Job, now: Millis) -> Running {
    let progress = queue.hub().progress(job);
    Running {
        id: job.id.to_string(),
        tenant: job.submission.tenant.clone(),
        worker: job
            .lease
            .as_ref()
            .map(|lease| lease.worker.clone())
            .unwrap_or_default(),
        losses: job.losses,
        since: job.started.map_or(0.0, |started| seconds(started, now)),
        phase: progress.map(|progress| progress.phase.name()),
        done: progress.map_or(0.0, |progress| progress.done),
        remaining: progress.map(|progress| seconds(0, progress.remaining)),
    }
}

fn show_workers(queue: &Queue, now: Millis) -> Vec<ShownWorker> {
    let workers = queue.workers().all().into_iter();
    let shown = workers.map(|worker| ShownWorker {
        jobs: queue.jobs_of(&worker.info.name).len(),
        name: worker.info.name,
        backend: worker.info.backend,
        threads: worker.info.threads,
        memory: worker.info.memory,
        proofs: worker.proofs,
        quarantined: worker.quarantined,
        heard: seconds(worker.heard, now),
    });
    shown.collect()
}

fn latency(recent: &[Times]) -> BTreeMap<&'static str, [Option<f64>; 3]> {
    let of = |which: fn(&Times) -> f64| {
        let mut values: Vec<f64> = recent.iter().map(which).collect();
        [500, 900, 990].map(|thousandths| percentile(&mut values, thousandths))
    };
    BTreeMap::from([
        ("waiting", of(|times| times.waiting)),
        ("proving", of(|times| times.proving)),
        ("whole", of(|times| times.whole)),
    ])
}
