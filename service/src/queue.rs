//! [`Queue`]: the rules of the service between its callers and its store. Everything that happens to a job goes through here.
//!
//! What it adds to [`crate::store`]: who may see a job, which keys there are, that a file is there when its job is and goes with its last job, that a proof verifies before it is taken, who the
//! workers are, and that whoever waits for work or watches a job is told at once.
//!
//! Depends on: [`crate::store`], [`crate::hub`], [`crate::keys`], [`crate::workers`]. Where to go next: [`crate::worker`] and [`crate::grpc`], its callers.

use crate::clock::{millis, now};
use crate::failpoint;
use crate::hub::{Hub, Progress, View};
use crate::id::{Digest, JobId, Token};
use crate::job::{
    Change, Failure, FailureClass, Job, Millis, Outcome, PRIORITY_MAX, Refusal, State, Submission, Work, file,
};
use crate::keys::{Key, KeyName, Keys, LoadError};
use crate::lock;
use crate::metrics::{Levels, Metrics, Times};
use crate::store::blobs::{BlobError, Upload};
use crate::store::{Blobs, Counts, Limits, News, Offer, Query, Store, StoreError, Submitted};
use crate::workers::{Workers, check_name};
use popw_keys::open_wtns;
use popw_prover::Assignment;
use popw_verifier::{Fr, snarkjs};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;
use tokio::sync::{Notify, RwLock, watch};
use tokio::task::{JoinError, JoinHandle, spawn_blocking};

/// Between two looks at what time did.
const SWEEP: Duration = Duration::from_millis(500);

/// Between two looks for work, if nobody says that there is some.
const POLL: Duration = Duration::from_secs(1);

/// A file that was touched since is not removed: its job may be on its way.
const FRESH: Duration = Duration::from_secs(600);

/// Between two looks for files that no job needs.
const CLEAN: Duration = Duration::from_secs(300);

/// The longest and shortest time after which a caller is asked to come again.
const RETRY: std::ops::RangeInclusive<Millis> = 1_000..=300_000;

/// So long after the end of a lease it is known who held it.
const LATE: Millis = 3_600_000;

/// Jobs that are looked at together when those of a worker or of a key are sought.
const TOGETHER: usize = 256;

/// What may be chosen about a queue.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How many jobs may wait.
    pub limits: Limits,
    /// How long a lease lasts unless it is renewed.
    pub lease: Duration,
    /// How long a job and its files are kept after its end, if its owner does not say.
    pub keep: Duration,
    /// The longest that its owner may say.
    pub keep_max: Duration,
    /// Bytes of a file at most.
    pub upload_max: u64,
}

impl Default for Settings {
    fn default() -> Self {
        let day = Duration::from_secs(24 * 3_600);
        Self {
            limits: Limits {
                queued: 10_000,
                tenant: 10_000,
            },
            lease: Duration::from_secs(30),
            // A retry of a submission finds its job for as long.
            keep: day,
            keep_max: 30 * day,
            upload_max: 4 << 30,
        }
    }
}

/// Why a call has no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum QueueError {
    /// A field of the request is wrong.
    #[error("{field}: {reason}")]
    Invalid {
        /// Which.
        field: &'static str,
        /// Why.
        reason: String,
    },
    /// Nobody has this key here.
    #[error("this server has no key for {0}; ListCircuits names those that it has")]
    UnknownKey(KeyName),
    /// No worker can do it.
    #[error("a proof takes {needed} bytes of memory, the largest worker has {largest}")]
    TooLarge {
        /// What is needed.
        needed: u64,
        /// What there is.
        largest: u64,
    },
    /// There is no such job, or it is another tenant's.
    #[error("there is no job {0}")]
    UnknownJob(JobId),
    /// The job has no proof.
    #[error("the job has no proof: it is {}", .0.name())]
    NoProof(State),
    /// The worker has not said who it is.
    #[error("worker {0:?} is not registered")]
    UnknownWorker(String),
    /// The worker's proofs are not trusted.
    #[error("worker {0:?} is in quarantine: it handed over a proof that does not verify")]
    Quarantined(String),
    /// The proof is wrong.
    #[error("the proof does not verify: {0}")]
    WrongProof(String),
    /// Jobs wait for the key.
    #[error("jobs need {0}: stop them, or wait until they end")]
    KeyInUse(KeyName),
    /// A key's file.
    #[error(transparent)]
    Key(#[from] LoadError),
    /// A file.
    #[error(transparent)]
    Blob(#[from] BlobError),
    /// The store refuses.
    #[error(transparent)]
    Store(StoreError),
}

impl From<StoreError> for QueueError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unknown(id) => Self::UnknownJob(id),
            error => Self::Store(error),
        }
    }
}

/// What a tenant asks for.
#[derive(Clone, Debug)]
pub struct Request {
    /// The tenant's own name for it.
    pub name: String,
    /// With which key.
    pub key: KeyName,
    /// What is to be proven.
    pub work: Work,
    /// 0 to [`PRIORITY_MAX`].
    pub priority: u32,
    /// When a proof is of no use any more.
    pub deadline: Option<Millis>,
    /// How long to keep the job after its end.
    pub keep: Option<Duration>,
}

/// The right to work on a job.
#[derive(Clone, Debug)]
pub struct Leased {
    /// The job.
    pub job: Job,
    /// The lease.
    pub token: Token,
}

/// A lease that was handed out here.
struct Held {
    id: JobId,
    worker: String,
    until: Millis,
}

/// See the module.
pub struct Queue {
    store: Arc<dyn Store>,
    blobs: Blobs,
    keys: Arc<Keys>,
    settings: Settings,
    hub: Hub,
    /// There may be work.
    work: Notify,
    /// Read by whoever adds a job to a file and a key, written by whoever removes a file or a key.
    files: RwLock<()>,
    workers: Workers,
    held: Mutex<HashMap<Token, Held>>,
    metrics: Metrics,
    /// What goes on while there is a queue.
    tasks: Mutex<Vec<JoinHandle<()>>>,
}

impl Drop for Queue {
    fn drop(&mut self) {
        lock(&self.tasks).iter().for_each(JoinHandle::abort);
    }
}

impl Queue {
    /// Opens a queue and lets time work on it, for as long as somebody has it.
    pub fn start(store: Arc<dyn Store>, blobs: Blobs, keys: Arc<Keys>, settings: Settings) -> Arc<Self> {
        let metrics = Metrics::new(store.engine());
        for key in keys.all() {
            metrics.key(&key.file, Some(key.memory));
        }
        let queue = Arc::new(Self {
            store,
            blobs,
            keys,
            settings,
            hub: Hub::default(),
            work: Notify::new(),
            files: RwLock::default(),
            workers: Workers::default(),
            held: Mutex::default(),
            metrics,
            tasks: Mutex::default(),
        });
        let tasks = vec![
            tokio::spawn(sweep(Arc::downgrade(&queue))),
            tokio::spawn(clean(Arc::downgrade(&queue))),
            tokio::spawn(hear(Arc::downgrade(&queue), queue.store.clone())),
        ];
        *lock(&queue.tasks) = tasks;
        queue
    }

    /// The keys.
    pub fn keys(&self) -> &Arc<Keys> {
        &self.keys
    }

    /// What was chosen.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The store's engine.
    pub fn engine(&self) -> &'static str {
        self.store.engine()
    }

    /// Who watches.
    pub fn hub(&self) -> &Hub {
        &self.hub
    }

    /// What it measures of itself.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// A key.
    ///
    /// # Errors
    /// [`QueueError::UnknownKey`].
    pub fn key(&self, name: &KeyName) -> Result<Arc<Key>, QueueError> {
        self.keys.get(name).ok_or(QueueError::UnknownKey(*name))
    }

    /// Adds a key from a file of the folder of keys.
    ///
    /// # Errors
    /// If it cannot be used, or is there.
    pub async fn load_key(&self, file: String) -> Result<Arc<Key>, QueueError> {
        let keys = self.keys.clone();
        let loaded = spawn_blocking(move || keys.load(&file)).await;
        let failed = |error: JoinError| StoreError::Unavailable(format!("a key was not loaded: {error}"));
        let key = loaded.map_err(failed)??;
        self.metrics.key(&key.file, Some(key.memory));
        self.workers.ask_again();
        Ok(key)
    }

    /// Takes a key away, if no job waits for it.
    ///
    /// # Errors
    /// If it is not there, or a job needs it.
    pub async fn unload_key(&self, name: &KeyName) -> Result<(), QueueError> {
        let _files = self.files.write().await;
        let key = self.keys.remove(name).ok_or(QueueError::UnknownKey(*name))?;
        match self.needs(name).await {
            Ok(false) => {
                self.metrics.key(&key.file, None);
                self.workers.ask_again();
                Ok(())
            }
            needed => {
                self.keys.add(key)?;
                needed.and(Err(QueueError::KeyInUse(*name)))
            }
        }
    }

    /// Does a job need this key?
    async fn needs(&self, name: &KeyName) -> Result<bool, QueueError> {
        let is_of = |job: &Job| job.submission.circuit == name.circuit && job.submission.key == name.key;
        for state in State::ALL.into_iter().filter(|state| !state.is_end()) {
            let mut query = Query {
                state: Some(state),
                count: TOGETHER,
                ..Query::default()
            };
            loop {
                let jobs = self.list(&query).await?;
                if jobs.iter().any(is_of) {
                    return Ok(true);
                }
                match jobs.last() {
                    Some(last) if jobs.len() == TOGETHER => query.after = Some(last.id),
                    _ => break,
                }
            }
        }
        Ok(false)
    }

    /// Begins to store a tenant's file. None: it is there already.
    ///
    /// # Errors
    /// If it is too large, or the disk refuses.
    pub fn upload(&self, tenant: &str, digest: Digest, bytes: u64) -> Result<Option<Upload>, QueueError> {
        let limit = self.settings.upload_max;
        if bytes > limit {
            return Err(BlobError::TooLarge { limit }.into());
        }
        let name = file(tenant, digest);
        match self.blobs.touch(name) {
            Ok(()) => Ok(None),
            Err(BlobError::Missing) => Ok(Some(self.blobs.begin(name, digest, bytes)?)),
            Err(error) => Err(error.into()),
        }
    }

    /// Adds a job, or finds it.
    ///
    /// # Errors
    /// If a field is wrong, the key or the file is not there, or the store refuses.
    pub async fn submit(&self, tenant: &str, request: Request) -> Result<Submitted, QueueError> {
        let files = self.files.read().await;
        let submission = self.submission(tenant, request)?;
        let (at, file) = (now(), submission.file());
        let is_late = submission.deadline.is_some_and(|deadline| deadline <= at);
        // A retry finds its job, whatever time has done; there is no room for a new one that comes too late.
        let limits = match is_late {
            true => Limits { queued: 0, tenant: 0 },
            false => self.settings.limits,
        };
        let job = Job::new(JobId::new(at), submission, at);
        self.blobs.touch(file)?;
        let submitted = self.store.submit(job, limits).await;
        failpoint::hit("queue.submitted");
        drop(files);
        if matches!(submitted, Err(StoreError::Full { .. })) {
            if is_late {
                return Err(QueueError::Invalid {
                    field: "deadline",
                    reason: "it has passed".to_owned(),
                });
            }
            self.metrics.full.inc();
        }
        let submitted = submitted?;
        if submitted.is_new {
            self.metrics.submitted.inc();
            self.work.notify_waiters();
        }
        Ok(submitted)
    }

    fn submission(&self, tenant: &str, request: Request) -> Result<Submission, QueueError> {
        let invalid = |field, reason: String| Err(QueueError::Invalid { field, reason });
        check_name("request_id", &request.name)?;
        let priority = match u8::try_from(request.priority) {
            Ok(priority) if priority <= PRIORITY_MAX => priority,
            _ => {
                return invalid(
                    "priority",
                    format!("{} is not 0 to {PRIORITY_MAX}", request.priority),
                );
            }
        };
        let keep = request.keep.unwrap_or(self.settings.keep);
        if keep > self.settings.keep_max {
            let days = self.settings.keep_max.as_secs() / 86_400;
            return invalid("keep", format!("a job is kept for {days} days at most"));
        }
        let key = self.key(&request.key)?;
        let memory = key.memory + self.memory_of(tenant, &request.work)?;
        if let Some(largest) = self.workers.largest_memory().filter(|largest| *largest < memory) {
            return Err(QueueError::TooLarge {
                needed: memory,
                largest,
            });
        }
        Ok(Submission {
            tenant: tenant.to_owned(),
            request: request.name,
            circuit: request.key.circuit,
            key: request.key.key,
            work: request.work,
            priority,
            deadline: request.deadline,
            memory,
            keep: millis(keep),
        })
    }

    /// What the input takes beside the proof: a witness is counted in the proof; of a fleet, the file, its parts and what is read from them are in memory at once.
    fn memory_of(&self, tenant: &str, work: &Work) -> Result<u64, QueueError> {
        match work {
            Work::Assignment { .. } => Ok(0),
            Work::Claim { fleet, .. } => Ok(3 * self.blobs.bytes(file(tenant, *fleet))?),
        }
    }

    /// A tenant's job.
    ///
    /// # Errors
    /// [`QueueError::UnknownJob`], also if it is another's.
    pub async fn get(&self, tenant: &str, id: JobId) -> Result<Job, QueueError> {
        let job = self.store.get(id).await?;
        let job = job.filter(|job| job.submission.tenant == tenant);
        job.ok_or(QueueError::UnknownJob(id))
    }

    /// Any tenant's job.
    ///
    /// # Errors
    /// [`QueueError::UnknownJob`].
    pub async fn any(&self, id: JobId) -> Result<Job, QueueError> {
        self.store.get(id).await?.ok_or(QueueError::UnknownJob(id))
    }

    /// Jobs, oldest first.
    ///
    /// # Errors
    /// The store's.
    pub async fn list(&self, query: &Query) -> Result<Vec<Job>, QueueError> {
        Ok(self.store.list(query).await?)
    }

    /// Watches a tenant's job.
    ///
    /// # Errors
    /// As [`Queue::get`].
    pub async fn watch(&self, tenant: &str, id: JobId) -> Result<watch::Receiver<View>, QueueError> {
        let receiver = self.hub.watch(self.get(tenant, id).await?);
        // It may have changed before it was watched.
        self.hub.publish(&self.get(tenant, id).await?);
        Ok(receiver)
    }

    /// Stops a tenant's job.
    ///
    /// # Errors
    /// As [`Queue::get`], and if it has ended otherwise.
    pub async fn cancel(&self, tenant: &str, id: JobId) -> Result<Job, QueueError> {
        let job = self.get(tenant, id).await?;
        match job.state {
            State::Cancelled => Ok(job),
            _ => self.change(id, Change::Cancel).await,
        }
    }

    /// Takes a failed job back into the queue.
    ///
    /// # Errors
    /// If it has not failed.
    pub async fn requeue(&self, id: JobId) -> Result<Job, QueueError> {
        self.change(id, Change::Requeue).await
    }

    /// What a worker that is gone had is lost now, not when its leases end.
    ///
    /// # Errors
    /// The store's.
    pub async fn reclaim(&self, worker: &str) -> Result<(), QueueError> {
        let mut query = Query {
            state: Some(State::Leased),
            count: TOGETHER,
            ..Query::default()
        };
        loop {
            let jobs = self.list(&query).await?;
            for job in &jobs {
                let Some(lease) = job.lease.as_ref().filter(|lease| lease.worker == worker) else {
                    continue;
                };
                let failure = Failure {
                    class: FailureClass::Worker,
                    message: "its worker's process ended".to_owned(),
                };
                let token = lease.token;
                match self.change(job.id, Change::Fail { token, failure }).await {
                    // It has ended in the meantime.
                    Ok(_) | Err(QueueError::Store(StoreError::Refused(_))) => {}
                    Err(error) => return Err(error),
                }
            }
            match jobs.last() {
                Some(last) if jobs.len() == TOGETHER => query.after = Some(last.id),
                _ => return Ok(()),
            }
        }
    }

    /// Removes a failed job.
    ///
    /// # Errors
    /// If it has not failed.
    pub async fn purge(&self, id: JobId) -> Result<(), QueueError> {
        let job = self.any(id).await?;
        if job.state != State::Failed {
            return Err(QueueError::Store(Refusal::NotFailed(job.state).into()));
        }
        let job = self.store.remove(id).await?;
        self.drop_files(&job).await
    }

    /// Stops handing out jobs, or goes on.
    ///
    /// # Errors
    /// The store's.
    pub async fn pause(&self, paused: bool) -> Result<(), QueueError> {
        self.store.pause(paused).await?;
        self.work.notify_waiters();
        Ok(())
    }

    /// Is the queue paused?
    ///
    /// # Errors
    /// The store's.
    pub async fn is_paused(&self) -> Result<bool, QueueError> {
        Ok(self.store.is_paused().await?)
    }

    /// How many jobs there are.
    ///
    /// # Errors
    /// The store's.
    pub async fn counts(&self) -> Result<Counts, QueueError> {
        Ok(self.store.counts().await?)
    }

    /// The metrics, as OpenMetrics text.
    ///
    /// # Errors
    /// The store's.
    pub async fn metrics_text(&self) -> Result<String, QueueError> {
        let (counts, paused) = (self.counts().await?, self.is_paused().await?);
        let workers = self.workers.all();
        let quarantined = workers.iter().filter(|worker| worker.quarantined).count();
        let waits = counts
            .oldest_queued
            .map_or(0, |oldest| now().saturating_sub(oldest));
        Ok(self.metrics.text(&Levels {
            counts: &counts,
            oldest: Duration::from_millis(waits).as_secs_f64(),
            paused,
            workers: [workers.len() - quarantined, quarantined],
            watchers: self.hub.watchers(),
        }))
    }

    /// After how long a caller who found the queue full may come again: the time between two of the last proofs, or, before there were any, that of a proof by the keys' estimates.
    pub fn retry_after(&self) -> Duration {
        let estimated = || self.keys.all().iter().map(|key| key.prover.estimate().time).max();
        let after = self
            .metrics
            .pace()
            .or_else(estimated)
            .map_or(*RETRY.start(), millis);
        Duration::from_millis(after.clamp(*RETRY.start(), *RETRY.end()))
    }

    /// Who the workers are.
    pub fn workers(&self) -> &Workers {
        &self.workers
    }

    /// The jobs that a worker has from here.
    pub fn jobs_of(&self, worker: &str) -> Vec<JobId> {
        let held = lock(&self.held);
        held.values()
            .filter(|held| held.worker == worker)
            .map(|held| held.id)
            .collect()
    }

    /// The next job for a worker that has so much memory free. None after `wait`.
    ///
    /// # Errors
    /// If the worker is unknown or in quarantine, or the store refuses.
    pub async fn lease(
        &self,
        worker: &str,
        memory: u64,
        wait: Duration,
    ) -> Result<Option<Leased>, QueueError> {
        let end = tokio::time::Instant::now() + wait;
        loop {
            let mut work = std::pin::pin!(self.work.notified());
            // From here on no notice is missed.
            work.as_mut().enable();
            let keys = self.workers.hear_from(worker)?;
            let token = Token::random();
            let until = now() + millis(self.settings.lease);
            let offer = Offer {
                worker: worker.to_owned(),
                keys,
                memory,
                token,
                until,
            };
            if let Some(job) = self.store.lease(&offer, now()).await? {
                let held = Held {
                    id: job.id,
                    worker: worker.to_owned(),
                    until,
                };
                lock(&self.held).insert(token, held);
                self.metrics.leases.inc();
                failpoint::hit("queue.leased");
                self.hub.publish(&job);
                return Ok(Some(Leased { job, token }));
            }
            let poll = tokio::time::Instant::now() + POLL;
            if tokio::time::timeout_at(poll.min(end), work).await.is_err() && end <= poll {
                return Ok(None);
            }
        }
    }

    /// The file of a leased job.
    ///
    /// # Errors
    /// If the lease is not the job's.
    pub async fn input(&self, id: JobId, token: Token) -> Result<PathBuf, QueueError> {
        let job = self.any(id).await?;
        match job.lease {
            Some(lease) if lease.token == token => Ok(self.blobs.path(job.submission.file())),
            _ => Err(QueueError::Store(Refusal::LeaseEnded.into())),
        }
    }

    /// A worker goes on, and is so far. The store is told only when a third of the lease has passed.
    ///
    /// # Errors
    /// If the lease has ended.
    pub async fn renew(&self, id: JobId, token: Token, progress: Option<Progress>) -> Result<(), QueueError> {
        self.hold(id, token).await?;
        if let Some(progress) = progress {
            self.hub.advance(id, token, progress);
        }
        Ok(())
    }

    async fn hold(&self, id: JobId, token: Token) -> Result<(), QueueError> {
        let whole = millis(self.settings.lease);
        let held = lock(&self.held)
            .get(&token)
            .filter(|held| held.id == id)
            .map(|held| (held.until, held.worker.clone()));
        if let Some((until, worker)) = &held {
            // In quarantine it may end what it has.
            let _ = self.workers.hear_from(worker);
            if until.saturating_sub(now()) > whole - whole / 3 {
                return Ok(());
            }
        }
        let until = now() + whole;
        let job = self.change(id, Change::Renew { token, until }).await?;
        if let Some(lease) = job.lease {
            // Also of a lease that another coordinator handed out.
            let held = Held {
                id,
                worker: lease.worker,
                until: lease.until,
            };
            lock(&self.held).insert(token, held);
        }
        Ok(())
    }

    /// Returns when the job is not this lease's any more.
    ///
    /// # Errors
    /// The store's.
    pub async fn ended(&self, id: JobId, token: Token) -> Result<(), QueueError> {
        let Some(job) = self.store.get(id).await? else {
            return Ok(());
        };
        let mut views = self.hub.watch(job);
        match self.store.get(id).await? {
            Some(job) => self.hub.publish(&job),
            None => return Ok(()),
        }
        let is_its = |view: &View| view.job.lease.as_ref().is_some_and(|lease| lease.token == token);
        // The hub lets go of a job that was removed.
        let _ = views.wait_for(|view| !is_its(view)).await;
        Ok(())
    }

    /// A worker has the proof: it is verified, then taken.
    ///
    /// # Errors
    /// If it is wrong, which puts its worker into quarantine, or comes too late.
    pub async fn complete(&self, id: JobId, token: Token, outcome: Outcome) -> Result<(), QueueError> {
        let job = self.any(id).await?;
        let worker = lock(&self.held).get(&token).map(|held| held.worker.clone());
        if !job.state.is_end() {
            let key = self.key_of(&job)?;
            let input = match &job.submission.work {
                Work::Assignment { .. } => Some(self.blobs.path(job.submission.file())),
                Work::Claim { .. } => None,
            };
            let checked = outcome.clone();
            let verdict = spawn_blocking(move || verify(&key, &checked, input.as_deref())).await;
            let failed =
                |error: JoinError| StoreError::Unavailable(format!("a proof was not verified: {error}"));
            if let Err(reason) = verdict.map_err(failed)?? {
                self.distrust(id, token, worker.as_deref(), &reason).await?;
                return Err(QueueError::WrongProof(reason));
            }
        }
        failpoint::hit("queue.verified");
        let proving = outcome.proving;
        let ended = self.change(id, Change::Complete { token, outcome }).await?;
        failpoint::hit("queue.completed");
        if !job.state.is_end() {
            self.measure(&ended, proving);
            self.workers.note(worker.as_deref(), |worker| worker.proofs += 1);
        }
        Ok(())
    }

    /// A job has its proof.
    fn measure(&self, job: &Job, proving: Millis) {
        let since = |from: Millis, to: Option<Millis>| {
            to.map_or(0.0, |to| {
                Duration::from_millis(to.saturating_sub(from)).as_secs_f64()
            })
        };
        let times = Times {
            waiting: since(job.submitted, job.started),
            proving: Duration::from_millis(proving).as_secs_f64(),
            whole: since(job.submitted, job.ended),
        };
        if let Ok(key) = self.key_of(job) {
            self.metrics.proven(&key.file, times);
        }
    }

    fn key_of(&self, job: &Job) -> Result<Arc<Key>, QueueError> {
        let name = KeyName {
            circuit: job.submission.circuit,
            key: job.submission.key,
        };
        self.key(&name)
    }

    /// A worker gave a wrong proof: it gets no more work, and the job goes to another.
    async fn distrust(
        &self,
        id: JobId,
        token: Token,
        worker: Option<&str>,
        reason: &str,
    ) -> Result<(), QueueError> {
        self.metrics.wrong_proofs.inc();
        self.workers.note(worker, |worker| worker.quarantined = true);
        let failure = Failure {
            class: FailureClass::Worker,
            message: format!("its worker's proof does not verify: {reason}"),
        };
        match self.change(id, Change::Fail { token, failure }).await {
            // An old lease has no job to lose.
            Ok(_) | Err(QueueError::Store(StoreError::Refused(_))) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// A worker has no proof.
    ///
    /// # Errors
    /// If the lease has ended.
    pub async fn fail(&self, id: JobId, token: Token, failure: Failure) -> Result<(), QueueError> {
        if failure.class == FailureClass::Poison {
            return Err(QueueError::Invalid {
                field: "failure.class",
                reason: "a worker says request or worker".to_owned(),
            });
        }
        self.change(id, Change::Fail { token, failure }).await.map(drop)
    }

    /// A worker stops, by no fault of the job.
    ///
    /// # Errors
    /// If the lease has ended.
    pub async fn give_back(&self, id: JobId, token: Token) -> Result<(), QueueError> {
        self.change(id, Change::GiveBack { token }).await.map(drop)
    }

    async fn change(&self, id: JobId, change: Change) -> Result<Job, QueueError> {
        let is_loss =
            matches!(&change, Change::Fail { failure, .. } if failure.class == FailureClass::Worker);
        let at = now();
        let job = self.store.change(id, change, at).await?;
        self.metrics.losses.inc_by(u64::from(is_loss));
        // A call that came twice ended the job the first time.
        if job.ended == Some(at) {
            self.metrics.ended(&job);
        }
        self.tell(&job);
        Ok(job)
    }

    /// Tells whoever waits that a job is as it is.
    fn tell(&self, job: &Job) {
        let token = job.lease.as_ref().map(|lease| lease.token);
        lock(&self.held).retain(|of, held| held.id != job.id || token == Some(*of));
        self.hub.publish(job);
        if job.state == State::Queued {
            self.work.notify_waiters();
        }
    }

    /// Removes the file of a job that is gone, if no other needs it.
    async fn drop_files(&self, job: &Job) -> Result<(), QueueError> {
        self.hub.forget(job.id);
        self.drop_file(job.submission.file()).await
    }

    async fn drop_file(&self, file: Digest) -> Result<(), QueueError> {
        let _files = self.files.write().await;
        // Another coordinator may be about to add a job that needs it.
        if self.blobs.is_fresh(file, FRESH) || self.store.uses(file).await? > 0 {
            return Ok(());
        }
        Ok(self.blobs.remove(file)?)
    }
}

/// Does the proof verify, and is it about this witness? If not, why not; an error if the witness cannot be read, which is no fault of the worker.
fn verify(key: &Key, outcome: &Outcome, witness: Option<&Path>) -> Result<Result<(), String>, StoreError> {
    let checked = || -> Result<Vec<Fr>, String> {
        let proof = snarkjs::read_proof(&outcome.proof).map_err(|error| error.to_string())?;
        let public = snarkjs::read_public(&outcome.public).map_err(|error| error.to_string())?;
        let verified = key.prover.verifier().verify(&public, &proof);
        verified.map(|()| public).map_err(|error| error.to_string())
    };
    let public = match checked() {
        Ok(public) => public,
        Err(reason) => return Ok(Err(reason)),
    };
    let Some(witness) = witness else {
        return Ok(Ok(()));
    };
    let values = open_wtns(witness).map_err(|error| StoreError::Unavailable(error.to_string()))?;
    // What is no assignment has no proof.
    let is_its = Assignment::new(values).is_ok_and(|assignment| assignment.public(public.len()) == public);
    Ok(match is_its {
        true => Ok(()),
        false => Err("its public inputs are not the witness's".to_owned()),
    })
}

/// Does what time does, while there is a queue.
async fn sweep(queue: Weak<Queue>) {
    loop {
        tokio::time::sleep(SWEEP).await;
        let Some(queue) = queue.upgrade() else { return };
        // A store that is away now is swept later.
        while let Ok(swept) = queue.store.sweep(now()).await {
            for job in &swept.changed {
                queue
                    .metrics
                    .losses
                    .inc_by(u64::from(job.state != State::Expired));
                if job.state.is_end() {
                    queue.metrics.ended(job);
                }
                queue.tell(job);
            }
            for job in &swept.removed {
                let _ = queue.drop_files(job).await;
            }
            if !swept.is_full() {
                break;
            }
        }
        queue.workers.forget();
        let mut held = lock(&queue.held);
        // A proof may come late: who held the lease is known for some time.
        held.retain(|_, held| held.until.saturating_add(LATE) > now());
        queue.hub.clean(|token| held.contains_key(token));
    }
}

/// Removes files that no job needs: uploads without a submission, and those that were too fresh when their job went.
async fn clean(queue: Weak<Queue>) {
    loop {
        tokio::time::sleep(CLEAN).await;
        let Some(queue) = queue.upgrade() else { return };
        let blobs = queue.blobs.clone();
        let old = spawn_blocking(move || blobs.untouched(FRESH)).await;
        for file in old.ok().and_then(Result::ok).unwrap_or_default() {
            // What cannot be removed now is found again.
            let _ = queue.drop_file(file).await;
        }
    }
}

/// Hears what other coordinators do.
async fn hear(queue: Weak<Queue>, store: Arc<dyn Store>) {
    loop {
        let news = store.news().await;
        let Some(queue) = queue.upgrade() else { return };
        // There may be work, whatever changed.
        queue.work.notify_waiters();
        let ids = match news {
            News::Job(id) if queue.hub.is_known(id) => vec![id],
            News::Job(_) => Vec::new(),
            News::Anything => queue.hub.known(),
        };
        for id in ids {
            match store.get(id).await {
                Ok(Some(job)) => queue.hub.publish(&job),
                Ok(None) => queue.hub.forget(id),
                // The next news say that anything may have changed.
                Err(_) => {}
            }
        }
    }
}
