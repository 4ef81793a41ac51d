//! [`Hub`]: who watches which job, and how far the jobs are that workers have.
//!
//! A watcher holds the last state only, so that a slow one costs no memory; what it misses is between two states, never the end. Progress is told, not stored: it is gone
//! with the process.
//!
//! Depends on: [`crate::job`]. Where to go next: [`crate::queue`], which tells it of every change.

use crate::id::{JobId, Token};
use crate::job::{Job, Millis};
use crate::lock;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::sync::watch;

/// A part of the work that takes noticeable time. The number of a phase is its place in the protocol's enum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// The input is read and verified, the assignment computed.
    Witness = 1,
    /// Quotient and its sum.
    Quotient = 2,
    /// The sums over the witness.
    WitnessSums = 3,
    /// The proof is verified.
    SelfVerification = 4,
}

impl Phase {
    /// All of them, in the order of work.
    pub const ALL: [Self; 4] = [
        Self::Witness,
        Self::Quotient,
        Self::WitnessSums,
        Self::SelfVerification,
    ];

    /// The name, as in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Witness => "witness",
            Self::Quotient => "quotient",
            Self::WitnessSums => "witness_sums",
            Self::SelfVerification => "self_verification",
        }
    }
}

/// Seconds of each phase of a proof, in the order of [`Phase::ALL`].
pub type PhaseSeconds = [f64; Phase::ALL.len()];

/// How far a worker is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Progress {
    /// What it does.
    pub phase: Phase,
    /// Of the phase, 0 to 1.
    pub phase_done: f64,
    /// Of the job, 0 to 1.
    pub done: f64,
    /// Until the end.
    pub remaining: Millis,
}

/// What a watcher sees.
#[derive(Clone, Debug)]
pub struct View {
    /// The job.
    pub job: Arc<Job>,
    /// While a worker has it and has told.
    pub progress: Option<Progress>,
}

/// See the module.
#[derive(Default)]
pub struct Hub(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    watched: HashMap<JobId, watch::Sender<View>>,
    progress: HashMap<JobId, (Token, Progress)>,
}

impl Hub {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        lock(&self.0)
    }

    /// A job has changed.
    pub fn publish(&self, job: &Job) {
        let mut inner = self.inner();
        let token = job.lease.as_ref().map(|lease| lease.token);
        let is_old = |(of, _): &(Token, Progress)| token != Some(*of);
        if inner.progress.get(&job.id).is_some_and(is_old) {
            inner.progress.remove(&job.id);
        }
        if let Some(sender) = inner.watched.get(&job.id) {
            sender.send_if_modified(|view| {
                let is_newer = job.revision > view.job.revision;
                if is_newer {
                    *view = View {
                        job: Arc::new(job.clone()),
                        progress: None,
                    };
                }
                is_newer
            });
        }
    }

    /// Whoever has this lease is so far.
    pub fn advance(&self, id: JobId, token: Token, progress: Progress) {
        let mut inner = self.inner();
        inner.progress.insert(id, (token, progress));
        if let Some(sender) = inner.watched.get(&id) {
            sender.send_if_modified(|view| {
                let is_its = view.job.lease.as_ref().is_some_and(|lease| lease.token == token);
                if is_its {
                    view.progress = Some(progress);
                }
                is_its
            });
        }
    }

    /// How far the holder of a job's lease is.
    pub fn progress(&self, job: &Job) -> Option<Progress> {
        let inner = self.inner();
        let (token, progress) = inner.progress.get(&job.id)?;
        let is_its = job.lease.as_ref().is_some_and(|lease| lease.token == *token);
        is_its.then_some(*progress)
    }

    /// Watches a job. It may have changed since `job` was read: whoever calls reads it again and publishes that.
    pub fn watch(&self, job: Job) -> watch::Receiver<View> {
        let progress = self.progress(&job);
        let mut inner = self.inner();
        let sender = inner.watched.entry(job.id).or_insert_with(|| {
            let job = Arc::new(job);
            watch::Sender::new(View { job, progress })
        });
        sender.subscribe()
    }

    /// Is anybody here interested in a job?
    pub fn is_known(&self, id: JobId) -> bool {
        let inner = self.inner();
        inner.watched.contains_key(&id) || inner.progress.contains_key(&id)
    }

    /// The jobs that somebody here is interested in.
    pub fn known(&self) -> Vec<JobId> {
        let inner = self.inner();
        let mut known: Vec<JobId> = inner
            .watched
            .keys()
            .chain(inner.progress.keys())
            .copied()
            .collect();
        known.sort_unstable();
        known.dedup();
        known
    }

    /// How many watch.
    pub fn watchers(&self) -> usize {
        self.inner()
            .watched
            .values()
            .map(watch::Sender::receiver_count)
            .sum()
    }

    /// Forgets the jobs that nobody watches any more, and the progress of leases that are not held.
    pub fn clean(&self, is_held: impl Fn(&Token) -> bool) {
        let mut inner = self.inner();
        inner.watched.retain(|_, sender| sender.receiver_count() > 0);
        inner.progress.retain(|_, (token, _)| is_held(token));
    }

    /// A job is gone.
    pub fn forget(&self, id: JobId) {
        let mut inner = self.inner();
        inner.progress.remove(&id);
        inner.watched.remove(&id);
    }
}
