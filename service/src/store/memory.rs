//! [`Memory`]: the model of a store. Nothing survives the process; what it answers is what every engine must answer.
//!
//! Depends on: [`crate::job`]. Where to go next: [`super::sqlite`].

use super::{
    Counts, Limits, Offer, Query, SWEEP_MAX, Store, StoreError, Submitted, Swept, room, same_or_refused,
};
use crate::id::{Digest, JobId};
use crate::job::{Change, Job, Millis, State};
use crate::lock;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};
use tonic::async_trait;

/// A store in memory.
#[derive(Default)]
pub struct Memory(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    jobs: BTreeMap<JobId, Job>,
    paused: bool,
}

impl Memory {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        lock(&self.0)
    }
}

impl Inner {
    fn count(&self, of: impl Fn(&Job) -> bool) -> u64 {
        self.jobs.values().filter(|job| of(job)).count() as u64
    }
}

#[async_trait]
impl Store for Memory {
    fn engine(&self) -> &'static str {
        "memory"
    }

    async fn submit(&self, job: Job, limits: Limits) -> Result<Submitted, StoreError> {
        let mut inner = self.inner();
        let tenant = &job.submission.tenant;
        let known = inner.jobs.values().find(|other| {
            (&other.submission.tenant, &other.submission.request) == (tenant, &job.submission.request)
        });
        if let Some(known) = known {
            return same_or_refused(known.clone(), &job.submission);
        }
        let waits = |other: &Job| other.state == State::Queued;
        let of_tenant = inner.count(|other| waits(other) && other.submission.tenant == *tenant);
        room(limits, inner.count(waits), of_tenant)?;
        inner.jobs.insert(job.id, job.clone());
        Ok(Submitted { job, is_new: true })
    }

    async fn get(&self, id: JobId) -> Result<Option<Job>, StoreError> {
        Ok(self.inner().jobs.get(&id).cloned())
    }

    async fn change(&self, id: JobId, change: Change, now: Millis) -> Result<Job, StoreError> {
        let mut inner = self.inner();
        let job = inner.jobs.get_mut(&id).ok_or(StoreError::Unknown(id))?;
        job.apply(change, now)?;
        Ok(job.clone())
    }

    async fn lease(&self, offer: &Offer, now: Millis) -> Result<Option<Job>, StoreError> {
        let mut inner = self.inner();
        if inner.paused {
            return Ok(None);
        }
        let leases =
            |tenant: &str| inner.count(|job| job.state == State::Leased && job.submission.tenant == tenant);
        let fits = |job: &&Job| {
            let submission = &job.submission;
            job.state == State::Queued
                && offer.keys.contains(&submission.key)
                && submission.memory <= offer.memory
                && submission.deadline.is_none_or(|deadline| deadline > now)
        };
        let first = inner.jobs.values().filter(fits).min_by_key(|job| {
            let submission = &job.submission;
            let deadline = submission.deadline.unwrap_or(u64::MAX);
            (
                Reverse(submission.priority),
                deadline,
                leases(&submission.tenant),
                job.submitted,
                job.id,
            )
        });
        let Some(id) = first.map(|job| job.id) else {
            return Ok(None);
        };
        let job = inner.jobs.get_mut(&id).ok_or(StoreError::Unknown(id))?;
        job.begin(offer.lease(), now);
        Ok(Some(job.clone()))
    }

    async fn list(&self, query: &Query) -> Result<Vec<Job>, StoreError> {
        let inner = self.inner();
        let matches = |job: &&Job| {
            query.after.is_none_or(|after| job.id > after)
                && query
                    .tenant
                    .as_ref()
                    .is_none_or(|tenant| job.submission.tenant == *tenant)
                && query.state.is_none_or(|state| job.state == state)
        };
        Ok(inner
            .jobs
            .values()
            .filter(matches)
            .take(query.count)
            .cloned()
            .collect())
    }

    async fn sweep(&self, now: Millis) -> Result<Swept, StoreError> {
        let mut inner = self.inner();
        let mut due: Vec<(Millis, JobId)> = inner
            .jobs
            .values()
            .filter_map(|job| Some((job.wakes()?, job.id)))
            .filter(|(wakes, _)| *wakes <= now)
            .collect();
        due.sort_unstable();
        due.truncate(SWEEP_MAX);
        let mut swept = Swept::default();
        for (_, id) in due {
            let Some(job) = inner.jobs.get_mut(&id) else {
                continue;
            };
            match job.wake(now) {
                true => swept.changed.push(job.clone()),
                false => swept.removed.extend(inner.jobs.remove(&id)),
            }
        }
        Ok(swept)
    }

    async fn remove(&self, id: JobId) -> Result<Job, StoreError> {
        let mut inner = self.inner();
        match inner.jobs.remove(&id) {
            Some(job) if job.state.is_end() => Ok(job),
            job => {
                inner.jobs.extend(job.map(|job| (id, job)));
                Err(StoreError::Unknown(id))
            }
        }
    }

    async fn counts(&self) -> Result<Counts, StoreError> {
        let inner = self.inner();
        let mut counts = Counts::default();
        for job in inner.jobs.values() {
            *counts.states.entry(job.state).or_default() += 1;
            if job.state == State::Queued {
                let oldest = counts.oldest_queued.unwrap_or(u64::MAX);
                counts.oldest_queued = Some(oldest.min(job.submitted));
            }
        }
        Ok(counts)
    }

    async fn uses(&self, file: Digest) -> Result<u64, StoreError> {
        Ok(self.inner().count(|job| job.submission.file() == file))
    }

    async fn pause(&self, paused: bool) -> Result<(), StoreError> {
        self.inner().paused = paused;
        Ok(())
    }

    async fn is_paused(&self) -> Result<bool, StoreError> {
        Ok(self.inner().paused)
    }
}
