//! The columns that an engine searches by, next to a job's JSON.
//!
//! Depends on: [`crate::job`].

use super::StoreError;
use crate::job::{Job, State};

/// What an engine writes of a job.
pub(crate) struct Columns {
    /// The name, hexadecimal.
    pub(crate) id: String,
    /// The tenant.
    pub(crate) tenant: String,
    /// The tenant's name for it.
    pub(crate) request: String,
    /// The state's place in [`State::ALL`].
    pub(crate) state: i32,
    /// The key, hexadecimal.
    pub(crate) key: String,
    /// The input file's name in the store, hexadecimal.
    pub(crate) file: String,
    /// The priority.
    pub(crate) priority: i32,
    /// The deadline, or the end of time.
    pub(crate) deadline: i64,
    /// Bytes of memory.
    pub(crate) memory: i64,
    /// When it was submitted.
    pub(crate) submitted: i64,
    /// When time next changes it, or the end of time.
    pub(crate) wakes: i64,
    /// All of it, as JSON.
    pub(crate) body: String,
}

impl Columns {
    /// Of a job.
    pub(crate) fn of(job: &Job) -> Result<Self, StoreError> {
        let body = serde_json::to_string(job)
            .map_err(|error| StoreError::Unavailable(format!("job {}: {error}", job.id)))?;
        let submission = &job.submission;
        Ok(Self {
            id: job.id.to_string(),
            tenant: submission.tenant.clone(),
            request: submission.request.clone(),
            state: number(job.state),
            key: submission.key.to_string(),
            file: submission.file().to_string(),
            priority: i32::from(submission.priority),
            deadline: integer(submission.deadline.unwrap_or(u64::MAX)),
            memory: integer(submission.memory),
            submitted: integer(job.submitted),
            wakes: integer(job.wakes().unwrap_or(u64::MAX)),
            body,
        })
    }
}

/// A job, from its JSON.
pub(crate) fn job(body: &str) -> Result<Job, StoreError> {
    serde_json::from_str(body).map_err(|error| {
        let start: String = body.chars().take(60).collect();
        StoreError::Damaged(format!("not a job: {error}: {start}"))
    })
}

/// The number of a state in a column.
pub(crate) fn number(state: State) -> i32 {
    let place = State::ALL.iter().position(|other| *other == state);
    place.and_then(|place| i32::try_from(place).ok()).unwrap_or(-1)
}

/// The state of a number.
pub(crate) fn state(number: i64) -> Result<State, StoreError> {
    let state = usize::try_from(number)
        .ok()
        .and_then(|number| State::ALL.get(number));
    state
        .copied()
        .ok_or_else(|| StoreError::Damaged(format!("there is no state {number}")))
}

/// What is too large for a column is the end of time, or all memory.
pub(crate) fn integer(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// A column that cannot be negative.
pub(crate) fn natural(value: i64) -> Result<u64, StoreError> {
    u64::try_from(value).map_err(|_| StoreError::Damaged(format!("a negative number: {value}")))
}
