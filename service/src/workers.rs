//! [`Workers`]: who the workers of a coordinator are, when they were heard of, and whose proofs are not trusted. In memory: a worker says again who it is after a restart.
//!
//! Depends on: [`crate::keys`] for names. Where to go next: [`crate::queue`], which asks before it hands out a job.

use crate::clock::now;
use crate::id::Digest;
use crate::job::Millis;
use crate::keys::KeyName;
use crate::lock;
use crate::queue::QueueError;
use std::collections::BTreeMap;
use std::sync::Mutex;

/// The most characters of a worker's name, and of a tenant's name for a request.
pub const NAME_MAX: usize = 128;

/// The worker in the process of a service whose store no other process has. No worker on another machine may have this name.
pub const LOCAL: &str = "local";

/// A worker that was not heard of for so long is forgotten, unless it is in quarantine.
const FORGET: Millis = 3_600_000;

/// What a worker says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkerInfo {
    /// Its name.
    pub name: String,
    /// Its compute.
    pub backend: String,
    /// Its threads.
    pub threads: u32,
    /// Bytes of memory for proofs.
    pub memory: u64,
    /// Its keys.
    pub keys: Vec<KeyName>,
}

/// What is known of a worker.
#[derive(Clone, Debug)]
pub struct WorkerState {
    /// What it says.
    pub info: WorkerInfo,
    /// When it last called.
    pub heard: Millis,
    /// It gets no more work.
    pub quarantined: bool,
    /// Proofs that it handed over here.
    pub proofs: u64,
    /// It is to say again who it is.
    is_asked: bool,
}

/// See the module.
#[derive(Default)]
pub struct Workers(Mutex<BTreeMap<String, WorkerState>>);

impl Workers {
    /// A worker says who it is.
    ///
    /// # Errors
    /// If its name is none.
    pub fn register(&self, info: WorkerInfo) -> Result<(), QueueError> {
        check_name("worker", &info.name)?;
        let mut workers = lock(&self.0);
        let known = workers.remove(&info.name);
        workers.insert(
            info.name.clone(),
            WorkerState {
                info,
                heard: now(),
                quarantined: known.as_ref().is_some_and(|known| known.quarantined),
                proofs: known.map_or(0, |known| known.proofs),
                is_asked: false,
            },
        );
        Ok(())
    }

    /// A worker goes. One in quarantine is not forgotten.
    pub fn leave(&self, worker: &str) {
        let mut workers = lock(&self.0);
        if workers.get(worker).is_some_and(|worker| !worker.quarantined) {
            workers.remove(worker);
        }
    }

    /// All that were heard of.
    pub fn all(&self) -> Vec<WorkerState> {
        lock(&self.0).values().cloned().collect()
    }

    /// Asks all of them who they are: their keys may have changed.
    pub(crate) fn ask_again(&self) {
        lock(&self.0)
            .values_mut()
            .for_each(|worker| worker.is_asked = true);
    }

    /// The memory of the one that has most.
    pub(crate) fn largest_memory(&self) -> Option<u64> {
        lock(&self.0).values().map(|worker| worker.info.memory).max()
    }

    /// Lets a worker in quarantine work again.
    ///
    /// # Errors
    /// [`QueueError::UnknownWorker`].
    pub fn release(&self, worker: &str) -> Result<(), QueueError> {
        let mut workers = lock(&self.0);
        let known = workers.get_mut(worker);
        known
            .ok_or_else(|| QueueError::UnknownWorker(worker.to_owned()))?
            .quarantined = false;
        Ok(())
    }

    /// The keys of a worker that may work, which was heard of now.
    pub(crate) fn hear_from(&self, worker: &str) -> Result<Vec<Digest>, QueueError> {
        let mut workers = lock(&self.0);
        let known = workers.get_mut(worker);
        let known = known.ok_or_else(|| QueueError::UnknownWorker(worker.to_owned()))?;
        known.heard = now();
        if known.is_asked {
            return Err(QueueError::UnknownWorker(worker.to_owned()));
        }
        match known.quarantined {
            true => Err(QueueError::Quarantined(worker.to_owned())),
            false => Ok(known.info.keys.iter().map(|name| name.key).collect()),
        }
    }

    /// Notes something of a worker, if it is known.
    pub(crate) fn note(&self, worker: Option<&str>, what: impl FnOnce(&mut WorkerState)) {
        let mut workers = lock(&self.0);
        if let Some(worker) = worker.and_then(|worker| workers.get_mut(worker)) {
            what(worker);
        }
    }

    /// Forgets those that were not heard of for long.
    pub(crate) fn forget(&self) {
        let heard = now().saturating_sub(FORGET);
        lock(&self.0).retain(|_, worker| worker.quarantined || worker.heard > heard);
    }
}

/// A name that is shown and stored: visible ASCII.
pub(crate) fn check_name(field: &'static str, name: &str) -> Result<(), QueueError> {
    let is_visible = name.bytes().all(|byte| byte.is_ascii_graphic());
    match is_visible && (1..=NAME_MAX).contains(&name.len()) {
        true => Ok(()),
        false => Err(QueueError::Invalid {
            field,
            reason: format!("expected 1 to {NAME_MAX} visible ASCII characters"),
        }),
    }
}
