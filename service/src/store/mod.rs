//! [`Store`]: where jobs are kept, with one set of rules for every engine.
//!
//! | module | what it is for |
//! |---|---|
//! | [`memory`] | the model: a map and the rules, nothing else. Tests compare the engines with it |
//! | [`sqlite`] | a file beside the service, one writer, many changes a commit. The default |
//! | [`postgres`] | a database that several coordinators share |
//! | [`blobs`] | witnesses and fleets: files by their hash, beside either |
//!
//! An engine stores each job whole, as JSON, and beside it the few columns ([`columns`]) that it searches by. What a change does is never written in SQL: an engine
//! reads a job, applies [`Job::apply`] or [`Job::wake`] and writes it, in one transaction. So engines can only differ in what they find, and the tests compare that.
//!
//! Depends on: [`crate::job`]. Where to go next: [`crate::queue`], which calls it.

pub mod blobs;
pub(crate) mod columns;
pub mod memory;
pub mod postgres;
pub mod sqlite;

pub use blobs::Blobs;
pub use memory::Memory;
pub use postgres::Postgres;
pub use sqlite::Sqlite;

use crate::id::{Digest, JobId, Token};
use crate::job::{Change, Job, Lease, Millis, Refusal, State, Submission};
use std::collections::BTreeMap;
use tonic::async_trait;

/// The most jobs that one [`Store::sweep`] looks at.
pub const SWEEP_MAX: usize = 256;

/// Why a store has no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// There is no such job.
    #[error("there is no job {0}")]
    Unknown(JobId),
    /// The rules forbid the change.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The tenant used this name for another request.
    #[error("the request name {request:?} is job {id}, which asks for something else")]
    OtherRequest {
        /// The name.
        request: String,
        /// The job.
        id: JobId,
    },
    /// The queue, or the tenant's part of it, is full.
    #[error("the queue is full: {queued} jobs wait, the limit is {limit}")]
    Full {
        /// Jobs that wait.
        queued: u64,
        /// The limit.
        limit: u64,
    },
    /// The engine failed; nothing was changed, or nothing is known of it.
    #[error("the store cannot be used: {0}")]
    Unavailable(String),
    /// What stands in the store is not what was written.
    #[error("the store is damaged: {0}")]
    Damaged(String),
}

/// How many jobs may wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Of all tenants.
    pub queued: u64,
    /// Of one tenant.
    pub tenant: u64,
}

/// The end of a submission.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submitted {
    /// The job.
    pub job: Job,
    /// False if the request was known: then the job is the one of before.
    pub is_new: bool,
}

/// What a worker can take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// Who.
    pub worker: String,
    /// The keys that it has.
    pub keys: Vec<Digest>,
    /// Bytes of memory that are free.
    pub memory: u64,
    /// Of the new lease.
    pub token: Token,
    /// The end of the new lease.
    pub until: Millis,
}

impl Offer {
    fn lease(&self) -> Lease {
        Lease {
            token: self.token,
            worker: self.worker.clone(),
            until: self.until,
        }
    }
}

/// Which jobs to list, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// Of one tenant.
    pub tenant: Option<String>,
    /// In one state.
    pub state: Option<State>,
    /// Those behind this one.
    pub after: Option<JobId>,
    /// How many at most.
    pub count: usize,
}

/// What time did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Jobs that changed, as they are now.
    pub changed: Vec<Job>,
    /// Jobs that were removed.
    pub removed: Vec<Job>,
}

impl Swept {
    /// Was there so much to do that there may be more?
    pub fn is_full(&self) -> bool {
        self.changed.len() + self.removed.len() >= SWEEP_MAX
    }
}

/// How many jobs there are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// By state.
    pub states: BTreeMap<State, u64>,
    /// When the job that waits longest was submitted.
    pub oldest_queued: Option<Millis>,
}

impl Counts {
    /// Jobs in a state.
    pub fn of(&self, state: State) -> u64 {
        self.states.get(&state).copied().unwrap_or(0)
    }
}

/// What another coordinator did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    /// It changed a job.
    Job(JobId),
    /// Nobody knows: the line to the database was down.
    Anything,
}

/// Keeps jobs. Every call is one transaction: when it returns, what it says is on disk (but in [`Memory`]).
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// The engine's name.
    fn engine(&self) -> &'static str;

    /// Adds a job, or finds the one that its tenant already submitted under the same name.
    ///
    /// # Errors
    /// [`StoreError::OtherRequest`], [`StoreError::Full`], or the engine's.
    async fn submit(&self, job: Job, limits: Limits) -> Result<Submitted, StoreError>;

    /// A job.
    ///
    /// # Errors
    /// The engine's.
    async fn get(&self, id: JobId) -> Result<Option<Job>, StoreError>;

    /// Changes a job and returns it.
    ///
    /// # Errors
    /// [`StoreError::Unknown`], [`StoreError::Refused`], or the engine's.
    async fn change(&self, id: JobId, change: Change, now: Millis) -> Result<Job, StoreError>;

    /// Leases the first job that fits: largest priority, then nearest deadline, then the tenant with the fewest leases, then age. None while the queue is paused.
    ///
    /// # Errors
    /// The engine's.
    async fn lease(&self, offer: &Offer, now: Millis) -> Result<Option<Job>, StoreError>;

    /// Lists jobs by name, which is by age.
    ///
    /// # Errors
    /// The engine's.
    async fn list(&self, query: &Query) -> Result<Vec<Job>, StoreError>;

    /// Does what time does, to at most [`SWEEP_MAX`] jobs.
    ///
    /// # Errors
    /// The engine's.
    async fn sweep(&self, now: Millis) -> Result<Swept, StoreError>;

    /// Removes a job that has ended, and returns it.
    ///
    /// # Errors
    /// [`StoreError::Unknown`] also if it has not ended, or the engine's.
    async fn remove(&self, id: JobId) -> Result<Job, StoreError>;

    /// Counts jobs.
    ///
    /// # Errors
    /// The engine's.
    async fn counts(&self) -> Result<Counts, StoreError>;

    /// How many jobs need a file, by its name in the store.
    ///
    /// # Errors
    /// The engine's.
    async fn uses(&self, file: Digest) -> Result<u64, StoreError>;

    /// Stops handing out jobs, or goes on. Jobs that are leased go on.
    ///
    /// # Errors
    /// The engine's.
    async fn pause(&self, paused: bool) -> Result<(), StoreError>;

    /// Is the queue paused?
    ///
    /// # Errors
    /// The engine's.
    async fn is_paused(&self) -> Result<bool, StoreError>;

    /// The next news of another coordinator. Never returns if there can be no other.
    async fn news(&self) -> News {
        std::future::pending().await
    }
}

/// Does this submission find the job of before?
fn same_or_refused(known: Job, submission: &Submission) -> Result<Submitted, StoreError> {
    match known.submission.is_same_request(submission) {
        true => Ok(Submitted {
            job: known,
            is_new: false,
        }),
        false => Err(StoreError::OtherRequest {
            request: submission.request.clone(),
            id: known.id,
        }),
    }
}

/// Is there room for one more?
fn room(limits: Limits, queued: u64, of_tenant: u64) -> Result<(), StoreError> {
    let full = |queued, limit| StoreError::Full { queued, limit };
    if of_tenant >= limits.tenant {
        return Err(full(of_tenant, limits.tenant));
    }
    if queued >= limits.queued {
        return Err(full(queued, limits.queued));
    }
    Ok(())
}
