//! [`Board`]: what a worker asks of a coordinator, in the same process or over gRPC.
//!
//! Depends on: [`crate::queue`] for the one, the protocol for the other. Where to go next: [`crate::worker`].

use crate::hub::{PhaseSeconds, Progress};
use crate::id::{Digest, JobId, Token};
use crate::job::{Failure, Outcome, Work};
use crate::keys::KeyName;
use crate::queue::{Leased, Queue, QueueError};
use crate::store::StoreError;
use crate::workers::WorkerInfo;
use std::path::PathBuf;
use std::time::Duration;
use tonic::async_trait;

/// How long a worker waits for work before it asks again: a call that is under way is never given up, since its lease would be lost.
pub const WAIT: Duration = Duration::from_secs(2);

/// A leased job, as far as a worker has to know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Errand {
    /// The job.
    pub id: JobId,
    /// The lease.
    pub token: Token,
    /// With which key.
    pub key: KeyName,
    /// What is to be proven.
    pub work: Work,
    /// Bytes of memory that it takes.
    pub memory: u64,
}

/// Why a coordinator has no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BoardError {
    /// The job is not this lease's any more.
    #[error("the lease has ended: {0}")]
    Ended(String),
    /// The coordinator does not know the worker: it has to register.
    #[error("{0}")]
    Unknown(String),
    /// The coordinator does not want what the worker says, now or ever.
    #[error("{0}")]
    Refused(String),
    /// Nobody answers, or the store is away: ask again.
    #[error("{0}")]
    Unavailable(String),
}

/// See the module.
#[async_trait]
pub trait Board: Send + Sync + 'static {
    /// The worker says who it is, and is told how long leases last.
    async fn register(&self, worker: &WorkerInfo) -> Result<Duration, BoardError>;

    /// The next job that fits into so much memory; none after some seconds.
    async fn lease(&self, worker: &str, memory: u64) -> Result<Option<Errand>, BoardError>;

    /// The job's input, as a file whose bytes have the hash.
    async fn input(&self, errand: &Errand) -> Result<PathBuf, BoardError>;

    /// The worker is done with a file.
    async fn discard(&self, input: Digest);

    /// The worker goes on.
    async fn renew(&self, errand: &Errand, progress: Option<Progress>) -> Result<(), BoardError>;

    /// Returns when the job is not this lease's any more.
    async fn ended(&self, errand: &Errand) -> Result<(), BoardError>;

    /// The worker has the proof, whose phases took so long.
    async fn complete(
        &self,
        errand: &Errand,
        outcome: Outcome,
        phases: PhaseSeconds,
    ) -> Result<(), BoardError>;

    /// The worker has none.
    async fn fail(&self, errand: &Errand, failure: Failure) -> Result<(), BoardError>;

    /// The worker stops, by no fault of the job.
    async fn give_back(&self, errand: &Errand) -> Result<(), BoardError>;

    /// The worker goes.
    async fn drain(&self, worker: &str) -> Result<(), BoardError>;
}

/// Does the error say that the job is not the lease's any more?
pub(crate) fn is_end(error: &QueueError) -> bool {
    matches!(
        error,
        QueueError::Store(StoreError::Refused(_)) | QueueError::UnknownJob(_)
    )
}

impl From<QueueError> for BoardError {
    fn from(error: QueueError) -> Self {
        let text = error.to_string();
        match error {
            error if is_end(&error) => Self::Ended(text),
            QueueError::UnknownWorker(_) => Self::Unknown(text),
            QueueError::Store(_) | QueueError::Blob(_) => Self::Unavailable(text),
            _ => Self::Refused(text),
        }
    }
}

impl From<Leased> for Errand {
    fn from(leased: Leased) -> Self {
        let submission = leased.job.submission;
        Self {
            id: leased.job.id,
            token: leased.token,
            key: KeyName {
                circuit: submission.circuit,
                key: submission.key,
            },
            work: submission.work,
            memory: submission.memory,
        }
    }
}

#[async_trait]
impl Board for Queue {
    async fn register(&self, worker: &WorkerInfo) -> Result<Duration, BoardError> {
        self.workers().register(worker.clone())?;
        Ok(self.settings().lease)
    }

    async fn lease(&self, worker: &str, memory: u64) -> Result<Option<Errand>, BoardError> {
        let leased = Self::lease(self, worker, memory, WAIT).await?;
        Ok(leased.map(Errand::from))
    }

    async fn input(&self, errand: &Errand) -> Result<PathBuf, BoardError> {
        Ok(Self::input(self, errand.id, errand.token).await?)
    }

    async fn discard(&self, _: Digest) {
        // The file is the service's, and goes with its last job.
    }

    async fn renew(&self, errand: &Errand, progress: Option<Progress>) -> Result<(), BoardError> {
        Ok(Self::renew(self, errand.id, errand.token, progress).await?)
    }

    async fn ended(&self, errand: &Errand) -> Result<(), BoardError> {
        Ok(Self::ended(self, errand.id, errand.token).await?)
    }

    async fn complete(
        &self,
        errand: &Errand,
        outcome: Outcome,
        phases: PhaseSeconds,
    ) -> Result<(), BoardError> {
        Self::complete(self, errand.id, errand.token, outcome).await?;
        self.metrics().phases(phases);
        Ok(())
    }

    async fn fail(&self, errand: &Errand, failure: Failure) -> Result<(), BoardError> {
        Ok(Self::fail(self, errand.id, errand.token, failure).await?)
    }

    async fn give_back(&self, errand: &Errand) -> Result<(), BoardError> {
        Ok(Self::give_back(self, errand.id, errand.token).await?)
    }

    async fn drain(&self, worker: &str) -> Result<(), BoardError> {
        self.workers().leave(worker);
        Ok(())
    }
}
