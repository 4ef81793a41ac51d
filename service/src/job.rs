//! The life of a job, as rules without a database, a clock or a network: what every store applies and every test checks against.
//!
//! ```text
//!             lease                 complete
//!   QUEUED ----------> LEASED ----------------> SUCCEEDED
//!     ^ |                | | |  fail for good
//!     | |   lease ends,  | | +----------------> FAILED      (the dead letters)
//!     | |   give back    | |  lost three times     |
//!     +-|----------------+ +------------------> FAILED      requeue, by an administrator: back to QUEUED
//!       |  cancel                               CANCELLED
//!       +-------------------------------------> EXPIRED     the deadline passed
//! ```
//!
//! What has ended stays as it ended; only an administrator takes a dead letter back. A lease is a token and a time: who comes with an old token is refused,
//! with one exception: a proof. It is right or wrong whoever made it, so a late one is taken if there is none yet.
//!
//! Depends on: [`crate::id`]. Where to go next: [`crate::store`], which keeps jobs.

use crate::id::{Digest, JobId, Token};
use serde::{Deserialize, Serialize};

/// Milliseconds since 1970, or a span of them.
pub type Millis = u64;

/// The largest priority. Larger comes first.
pub const PRIORITY_MAX: u8 = 9;

/// How often a job may be lost (its lease ends, or its worker fails) before it is held to be the reason.
pub const LOSSES_MAX: u32 = 3;

/// The most characters of a failure's message.
pub const MESSAGE_MAX: usize = 2_000;

/// How many of its old tokens a job remembers.
const PAST_TOKENS_MAX: usize = 8;

/// Where a job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Waits for a worker.
    Queued,
    /// A worker has it.
    Leased,
    /// There is a proof.
    Succeeded,
    /// There will be none: see [`Failure`].
    Failed,
    /// Its owner stopped it.
    Cancelled,
    /// Its deadline passed.
    Expired,
}

impl State {
    /// All of them, in the order of the enum: the number of a state is its place here.
    pub const ALL: [Self; 6] = [
        Self::Queued,
        Self::Leased,
        Self::Succeeded,
        Self::Failed,
        Self::Cancelled,
        Self::Expired,
    ];

    /// No worker will touch it any more.
    pub fn is_end(self) -> bool {
        !matches!(self, Self::Queued | Self::Leased)
    }

    /// The name, as in JSON and in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Leased => "leased",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
        }
    }
}

/// What is to be proven.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Work {
    /// A finished assignment.
    Assignment {
        /// The `.wtns` file.
        witness: Digest,
    },
    /// The uptime claim of a zone: the worker verifies the attestations and computes the assignment.
    Claim {
        /// The files of the fleet, as a message `Fleet`.
        fleet: Digest,
        /// The zone.
        zone: u64,
    },
}

impl Work {
    /// The SHA-256 of the file that a worker needs.
    pub fn input(&self) -> Digest {
        match self {
            Self::Assignment { witness } => *witness,
            Self::Claim { fleet, .. } => *fleet,
        }
    }
}

/// The name of a tenant's file of this SHA-256 in the store. Each tenant has its own: whoever knows another's hash learns nothing of the file, and gets no proof of it.
pub fn file(tenant: &str, content: Digest) -> Digest {
    Digest::of(format!("{content} of {tenant}").as_bytes())
}

/// What a tenant asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Submission {
    /// Who asks.
    pub tenant: String,
    /// The tenant's own name for the request: the same name twice is the same job.
    pub request: String,
    /// The circuit: SHA-256 of its `.r1cs`.
    pub circuit: Digest,
    /// The key: SHA-256 of its `verification_key.json`.
    pub key: Digest,
    /// What is to be proven.
    pub work: Work,
    /// 0 to [`PRIORITY_MAX`].
    pub priority: u8,
    /// When a proof is of no use any more.
    pub deadline: Option<Millis>,
    /// Bytes of memory that a proof takes.
    pub memory: u64,
    /// How long the job and its files are kept after its end.
    pub keep: Millis,
}

impl Submission {
    /// The name of the input file in the store.
    pub fn file(&self) -> Digest {
        file(&self.tenant, self.work.input())
    }

    /// Does the other ask for the same? The rest may differ: a retry comes later, with another deadline.
    pub fn is_same_request(&self, other: &Self) -> bool {
        (self.circuit, self.key, &self.work) == (other.circuit, other.key, &other.work)
    }
}

/// What a proof comes with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// `proof.json`, as snarkjs writes it.
    pub proof: String,
    /// `public.json`, as snarkjs writes it.
    pub public: String,
    /// What `settle` takes besides, of a claim: `data` of the contract, hexadecimal. Empty for an assignment.
    pub settlement: String,
    /// The time that proving took.
    pub proving: Millis,
}

/// Why there is no proof.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Whose fault.
    pub class: FailureClass,
    /// For people.
    pub message: String,
}

/// Whose fault a failure is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureClass {
    /// The request: the claim is false, the assignment does not satisfy the circuit, the file is none. Another try would end the same.
    Request,
    /// The worker: memory, disk, a wrong proof. Another may do better.
    Worker,
    /// Lost [`LOSSES_MAX`] times: the job may be what kills its workers.
    Poison,
}

/// The right to work on a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// Proves the right.
    pub token: Token,
    /// Whose it is.
    pub worker: String,
    /// When it ends, if it is not renewed.
    pub until: Millis,
}

/// A job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// Its name.
    pub id: JobId,
    /// What was asked for.
    pub submission: Submission,
    /// Where it stands.
    pub state: State,
    /// Grows with every change that its owner can see.
    pub revision: u64,
    /// When it was submitted.
    pub submitted: Millis,
    /// When a worker last began.
    pub started: Option<Millis>,
    /// When it ended.
    pub ended: Option<Millis>,
    /// The lease, exactly while [`State::Leased`].
    pub lease: Option<Lease>,
    /// How often it was lost.
    pub losses: u32,
    /// The last leases that ended without an end of the job, oldest first.
    pub past_tokens: Vec<Token>,
    /// The lease that ended the job.
    pub ended_by: Option<Token>,
    /// The proof, exactly if [`State::Succeeded`].
    pub outcome: Option<Outcome>,
    /// Why not, exactly if [`State::Failed`].
    pub failure: Option<Failure>,
}

/// A change that somebody asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A worker goes on working.
    Renew {
        /// Its lease.
        token: Token,
        /// The new end of the lease.
        until: Millis,
    },
    /// A worker has the proof, and it was verified.
    Complete {
        /// Its lease.
        token: Token,
        /// The proof.
        outcome: Outcome,
    },
    /// A worker has none.
    Fail {
        /// Its lease.
        token: Token,
        /// Why.
        failure: Failure,
    },
    /// A worker stops before the end, by no fault of the job.
    GiveBack {
        /// Its lease.
        token: Token,
    },
    /// The owner stops the job.
    Cancel,
    /// An administrator takes a dead letter back into the queue.
    Requeue,
}

/// Why a change is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The job has ended.
    #[error("the job has ended: {}", .0.name())]
    Ended(State),
    /// The lease is not, or no longer, the job's.
    #[error("the lease has ended: another worker may have the job")]
    LeaseEnded,
    /// Only a dead letter can be requeued.
    #[error("the job is {}: only a failed one can be requeued", .0.name())]
    NotFailed(State),
}

impl Job {
    /// A job that waits.
    pub fn new(id: JobId, submission: Submission, now: Millis) -> Self {
        Self {
            id,
            submission,
            state: State::Queued,
            revision: 1,
            submitted: now,
            started: None,
            ended: None,
            lease: None,
            losses: 0,
            past_tokens: Vec::new(),
            ended_by: None,
            outcome: None,
            failure: None,
        }
    }

    /// A worker takes the job. Whoever chose it has seen that it is queued.
    pub fn begin(&mut self, lease: Lease, now: Millis) {
        self.state = State::Leased;
        self.lease = Some(lease);
        self.started = Some(now);
        self.revision += 1;
    }

    /// Applies a change.
    ///
    /// # Errors
    /// If the rules forbid it; then nothing changed.
    pub fn apply(&mut self, change: Change, now: Millis) -> Result<(), Refusal> {
        match change {
            Change::Renew { token, until } => {
                let lease = self.held(token)?;
                lease.until = lease.until.max(until);
            }
            Change::Complete { token, outcome } => {
                // The answer to the first call may have been lost.
                if self.state == State::Succeeded && self.ended_by == Some(token) {
                    return Ok(());
                }
                if !self.past_tokens.contains(&token) {
                    self.held(token)?;
                }
                self.check_open()?;
                self.outcome = Some(outcome);
                self.ended_by = Some(token);
                self.end(State::Succeeded, now);
            }
            Change::Fail { token, failure } => {
                if self.state == State::Failed && self.ended_by == Some(token) {
                    return Ok(());
                }
                self.held(token)?;
                match failure.class {
                    FailureClass::Worker => self.lose(&failure.message, now),
                    FailureClass::Request | FailureClass::Poison => {
                        self.failure = Some(failure);
                        self.ended_by = Some(token);
                        self.end(State::Failed, now);
                    }
                }
            }
            Change::GiveBack { token } => {
                self.held(token)?;
                self.release();
            }
            Change::Cancel => {
                // Twice is as good as once.
                if self.state == State::Cancelled {
                    return Ok(());
                }
                self.check_open()?;
                self.end(State::Cancelled, now);
            }
            Change::Requeue => {
                if self.state != State::Failed {
                    return Err(Refusal::NotFailed(self.state));
                }
                self.failure = None;
                self.ended = None;
                self.ended_by = None;
                self.losses = 0;
                self.release();
            }
        }
        Ok(())
    }

    /// When time alone changes the job: its lease or deadline ends, or it is to be removed.
    pub fn wakes(&self) -> Option<Millis> {
        let deadline = self.submission.deadline;
        match (&self.lease, self.ended) {
            (_, Some(ended)) => Some(ended.saturating_add(self.submission.keep)),
            (Some(lease), None) => Some(deadline.map_or(lease.until, |deadline| deadline.min(lease.until))),
            (None, None) => deadline,
        }
    }

    /// What time does to the job at its [`Job::wakes`]. False: it is to be removed.
    pub fn wake(&mut self, now: Millis) -> bool {
        if self.state.is_end() {
            return false;
        }
        if self.submission.deadline.is_some_and(|deadline| deadline <= now) {
            self.end(State::Expired, now);
        } else if self.lease.as_ref().is_some_and(|lease| lease.until <= now) {
            self.lose("its worker was not heard of until the end of the lease", now);
        }
        true
    }

    /// The lease, if this token holds it.
    fn held(&mut self, token: Token) -> Result<&mut Lease, Refusal> {
        self.check_open()?;
        match &mut self.lease {
            Some(lease) if lease.token == token => Ok(lease),
            _ => Err(Refusal::LeaseEnded),
        }
    }

    fn check_open(&self) -> Result<(), Refusal> {
        match self.state.is_end() {
            true => Err(Refusal::Ended(self.state)),
            false => Ok(()),
        }
    }

    /// The work was lost: once more, or never again.
    fn lose(&mut self, why: &str, now: Millis) {
        self.losses += 1;
        if self.losses < LOSSES_MAX {
            return self.release();
        }
        self.failure = Some(Failure {
            class: FailureClass::Poison,
            message: format!("lost {LOSSES_MAX} times, lastly because {why}"),
        });
        self.ended_by = self.lease.as_ref().map(|lease| lease.token);
        self.end(State::Failed, now);
    }

    /// Back into the queue. The place in it is by the time of submission, so nothing is lost by that.
    fn release(&mut self) {
        self.forget_lease();
        self.state = State::Queued;
        self.revision += 1;
    }

    fn end(&mut self, state: State, now: Millis) {
        self.forget_lease();
        self.state = state;
        self.ended = Some(now);
        self.revision += 1;
    }

    fn forget_lease(&mut self) {
        let Some(lease) = self.lease.take() else {
            return;
        };
        if self.past_tokens.len() == PAST_TOKENS_MAX {
            self.past_tokens.remove(0);
        }
        self.past_tokens.push(lease.token);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn job() -> Job {
        let submission = Submission {
            tenant: "a".to_owned(),
            request: "1".to_owned(),
            circuit: Digest([1; 32]),
            key: Digest([2; 32]),
            work: Work::Assignment {
                witness: Digest([3; 32]),
            },
            priority: 0,
            deadline: Some(1_000),
            memory: 1,
            keep: 100,
        };
        Job::new(JobId([0; 16]), submission, 10)
    }

    fn leased(token: u8) -> Job {
        let mut job = job();
        begin(&mut job, token, 60);
        job
    }

    fn begin(job: &mut Job, token: u8, until: Millis) {
        let lease = Lease {
            token: Token([token; 16]),
            worker: "w".to_owned(),
            until,
        };
        job.begin(lease, 20);
    }

    fn outcome(proof: &str) -> Outcome {
        Outcome {
            proof: proof.to_owned(),
            public: String::new(),
            settlement: String::new(),
            proving: 5,
        }
    }

    fn complete(token: u8, proof: &str) -> Change {
        Change::Complete {
            token: Token([token; 16]),
            outcome: outcome(proof),
        }
    }

    fn fail(token: u8, class: FailureClass) -> Change {
        Change::Fail {
            token: Token([token; 16]),
            failure: Failure {
                class,
                message: "no".to_owned(),
            },
        }
    }

    #[test]
    fn a_proof_ends_a_job_once() {
        let mut job = leased(1);
        job.apply(complete(1, "first"), 30).unwrap();
        let done = job.clone();
        assert_eq!(
            (job.state, job.revision, job.ended),
            (State::Succeeded, 3, Some(30))
        );
        // The worker did not get the answer and asks again; everything else comes too late.
        job.apply(complete(1, "again"), 31).unwrap();
        for change in [
            complete(2, "other"),
            fail(1, FailureClass::Request),
            Change::Cancel,
        ] {
            assert_eq!(job.apply(change, 40), Err(Refusal::Ended(State::Succeeded)));
        }
        assert_eq!(
            job.apply(Change::Requeue, 40),
            Err(Refusal::NotFailed(State::Succeeded))
        );
        assert_eq!(job, done);
    }

    #[test]
    fn an_old_token_has_no_rights_but_a_proof() {
        let mut job = leased(1);
        assert!(job.wake(60));
        assert_eq!((job.state, job.losses), (State::Queued, 1));
        begin(&mut job, 2, 90);
        let old = Token([1; 16]);
        let renew = Change::Renew {
            token: old,
            until: 500,
        };
        for change in [
            renew,
            fail(1, FailureClass::Request),
            Change::GiveBack { token: old },
        ] {
            assert_eq!(job.apply(change, 70), Err(Refusal::LeaseEnded));
        }
        assert_eq!(job.apply(complete(9, "stranger"), 70), Err(Refusal::LeaseEnded));
        job.apply(complete(1, "late"), 70).unwrap();
        assert_eq!(job.outcome, Some(outcome("late")));
        assert_eq!(
            job.apply(complete(2, "second"), 80),
            Err(Refusal::Ended(State::Succeeded))
        );
    }

    #[test]
    fn three_losses_make_a_dead_letter_that_can_be_taken_back() {
        let mut job = job();
        for (token, until) in [(1, 30), (2, 40)] {
            begin(&mut job, token, until);
            assert!(job.wake(until));
            assert_eq!(job.state, State::Queued);
        }
        begin(&mut job, 3, 90);
        job.apply(fail(3, FailureClass::Worker), 50).unwrap();
        assert_eq!(job.state, State::Failed);
        assert_eq!(job.failure.as_ref().unwrap().class, FailureClass::Poison);
        job.apply(Change::Requeue, 60).unwrap();
        assert_eq!((job.state, job.losses, job.ended), (State::Queued, 0, None));
        assert_eq!(job.failure, None);
    }

    #[test]
    fn time_ends_leases_deadlines_and_memory() {
        let mut job = leased(1);
        assert_eq!(job.wakes(), Some(60));
        let token = Token([1; 16]);
        job.apply(Change::Renew { token, until: 2_000 }, 50).unwrap();
        assert_eq!(job.revision, 2, "a renewal is nothing that an owner sees");
        assert_eq!(job.wakes(), Some(1_000));
        assert!(job.wake(1_000));
        assert_eq!(job.state, State::Expired);
        assert_eq!(job.wakes(), Some(1_100));
        assert!(!job.wake(1_100));
        // A renewal never shortens a lease.
        let mut job = leased(1);
        job.apply(Change::Renew { token, until: 5 }, 50).unwrap();
        assert_eq!(job.wakes(), Some(60));
    }

    #[test]
    fn giving_back_is_no_loss() {
        let mut job = leased(1);
        let token = Token([1; 16]);
        job.apply(Change::GiveBack { token }, 30).unwrap();
        assert_eq!((job.state, job.losses), (State::Queued, 0));
        job.apply(Change::Cancel, 40).unwrap();
        job.apply(Change::Cancel, 41).unwrap();
        assert_eq!((job.state, job.ended), (State::Cancelled, Some(40)));
    }
}
