//! Between the protocol's messages and our types.

use crate::hub::{Phase, PhaseSeconds, Progress};
use crate::id::NotHex;
use crate::job::{self, Failure, FailureClass, Job, Millis, Outcome, State, Work};
use crate::keys::{Key, KeyName};
use crate::proto;
use crate::queue::QueueError;
use popw_verifier::snarkjs;
use prost_types::Timestamp;
use std::str::FromStr;
use std::time::Duration;

/// A field that is wrong.
pub(crate) fn invalid(field: &'static str, reason: impl ToString) -> QueueError {
    QueueError::Invalid {
        field,
        reason: reason.to_string(),
    }
}

/// A name in hexadecimal.
pub(crate) fn name<T: FromStr<Err = NotHex>>(field: &'static str, text: &str) -> Result<T, QueueError> {
    text.parse().map_err(|error| invalid(field, error))
}

/// A field that must be there.
pub(crate) fn given<T>(field: &'static str, value: Option<T>) -> Result<T, QueueError> {
    value.ok_or_else(|| invalid(field, "it is missing"))
}

pub(crate) fn timestamp(time: Millis) -> Timestamp {
    Timestamp {
        seconds: i64::try_from(time / 1_000).unwrap_or(i64::MAX),
        nanos: i32::try_from(time % 1_000 * 1_000_000).unwrap_or(0),
    }
}

pub(crate) fn millis(field: &'static str, time: &Timestamp) -> Result<Millis, QueueError> {
    let seconds = u64::try_from(time.seconds).ok();
    let nanos = u64::try_from(time.nanos)
        .ok()
        .filter(|nanos| *nanos < 1_000_000_000);
    let time = seconds
        .zip(nanos)
        .and_then(|(seconds, nanos)| seconds.checked_mul(1_000)?.checked_add(nanos / 1_000_000));
    time.ok_or_else(|| invalid(field, "not a time from 1970 on"))
}

pub(crate) fn span(millis: Millis) -> prost_types::Duration {
    prost_types::Duration {
        seconds: i64::try_from(millis / 1_000).unwrap_or(i64::MAX),
        nanos: i32::try_from(millis % 1_000 * 1_000_000).unwrap_or(0),
    }
}

pub(crate) fn duration(field: &'static str, span: prost_types::Duration) -> Result<Duration, QueueError> {
    Duration::try_from(span).map_err(|error| invalid(field, error))
}

pub(crate) fn key_name(name: &KeyName) -> proto::KeyName {
    proto::KeyName {
        circuit_id: name.circuit.to_string(),
        verifying_key_hash: name.key.to_string(),
    }
}

pub(crate) fn read_key_name(message: Option<proto::KeyName>) -> Result<KeyName, QueueError> {
    let message = given("key", message)?;
    Ok(KeyName {
        circuit: name("key.circuit_id", &message.circuit_id)?,
        key: name("key.verifying_key_hash", &message.verifying_key_hash)?,
    })
}

pub(crate) fn work(work: &Work) -> proto::Work {
    use proto::work::Work as Kind;
    let kind = match work {
        Work::Assignment { witness } => Kind::Assignment(proto::AssignmentWork {
            witness_sha256: witness.to_string(),
        }),
        Work::Claim { fleet, zone } => Kind::Claim(proto::ClaimWork {
            fleet_sha256: fleet.to_string(),
            zone: *zone,
        }),
    };
    proto::Work { work: Some(kind) }
}

pub(crate) fn read_work(message: Option<proto::Work>) -> Result<Work, QueueError> {
    use proto::work::Work as Kind;
    match given("work", message.and_then(|work| work.work))? {
        Kind::Assignment(work) => Ok(Work::Assignment {
            witness: name("work.assignment.witness_sha256", &work.witness_sha256)?,
        }),
        Kind::Claim(work) => Ok(Work::Claim {
            fleet: name("work.claim.fleet_sha256", &work.fleet_sha256)?,
            zone: work.zone,
        }),
    }
}

/// The protocol's number of a state is its place and one: 0 is none.
pub(crate) fn state(state: State) -> proto::JobState {
    match state {
        State::Queued => proto::JobState::Queued,
        State::Leased => proto::JobState::Leased,
        State::Succeeded => proto::JobState::Succeeded,
        State::Failed => proto::JobState::Failed,
        State::Cancelled => proto::JobState::Cancelled,
        State::Expired => proto::JobState::Expired,
    }
}

/// A state to look for, or any.
pub(crate) fn read_state(number: i32) -> Result<Option<State>, QueueError> {
    let known = proto::JobState::try_from(number).map_err(|error| invalid("state", error))?;
    Ok(State::ALL.into_iter().find(|other| state(*other) == known))
}

pub(crate) fn failure(failure: &Failure) -> proto::Failure {
    let class = match failure.class {
        FailureClass::Request => proto::FailureClass::Request,
        FailureClass::Worker => proto::FailureClass::Worker,
        FailureClass::Poison => proto::FailureClass::Poison,
    };
    proto::Failure {
        class: class.into(),
        message: failure.message.clone(),
    }
}

pub(crate) fn read_failure(message: Option<proto::Failure>) -> Result<Failure, QueueError> {
    let message = given("failure", message)?;
    let class = match message.class() {
        proto::FailureClass::Request => FailureClass::Request,
        proto::FailureClass::Worker => FailureClass::Worker,
        proto::FailureClass::Poison => FailureClass::Poison,
        proto::FailureClass::Unspecified => return Err(invalid("failure.class", "it is missing")),
    };
    Ok(Failure {
        class,
        message: message.message.chars().take(job::MESSAGE_MAX).collect(),
    })
}

pub(crate) fn progress(progress: &Progress) -> proto::Progress {
    proto::Progress {
        phase: progress.phase as i32,
        phase_done: progress.phase_done,
        done: progress.done,
        remaining: Some(span(progress.remaining)),
    }
}

pub(crate) fn read_progress(message: Option<proto::Progress>) -> Result<Option<Progress>, QueueError> {
    let Some(message) = message else { return Ok(None) };
    let phase = Phase::ALL
        .into_iter()
        .find(|phase| *phase as i32 == message.phase);
    let phase = phase.ok_or_else(|| invalid("progress.phase", format!("{} is none", message.phase)))?;
    let share = |field, value: f64| match (0.0..=1.0).contains(&value) {
        true => Ok(value),
        false => Err(invalid(field, format!("{value} is not 0 to 1"))),
    };
    let remaining = duration("progress.remaining", message.remaining.unwrap_or_default())?;
    Ok(Some(Progress {
        phase,
        phase_done: share("progress.phase_done", message.phase_done)?,
        done: share("progress.done", message.done)?,
        remaining: crate::clock::millis(remaining),
    }))
}

/// What a worker says of its phases, if it says something.
pub(crate) fn read_phases(seconds: &[f64]) -> Result<Option<PhaseSeconds>, QueueError> {
    if seconds.is_empty() {
        return Ok(None);
    }
    let are_times = seconds
        .iter()
        .all(|seconds| seconds.is_finite() && *seconds >= 0.0);
    let phases = PhaseSeconds::try_from(seconds).ok().filter(|_| are_times);
    let wrong = || invalid("phase_seconds", "expected a time of each phase");
    phases.map(Some).ok_or_else(wrong)
}

pub(crate) fn job(job: &Job, how_far: Option<Progress>) -> proto::Job {
    let submission = &job.submission;
    proto::Job {
        id: job.id.to_string(),
        tenant: submission.tenant.clone(),
        request_id: submission.request.clone(),
        key: Some(key_name(&KeyName {
            circuit: submission.circuit,
            key: submission.key,
        })),
        work: Some(work(&submission.work)),
        priority: u32::from(submission.priority),
        deadline: submission.deadline.map(timestamp),
        state: state(job.state).into(),
        revision: job.revision,
        submitted: Some(timestamp(job.submitted)),
        started: job.started.map(timestamp),
        ended: job.ended.map(timestamp),
        worker: job
            .lease
            .as_ref()
            .map_or_else(String::new, |lease| lease.worker.clone()),
        losses: job.losses,
        failure: job.failure.as_ref().map(failure),
        progress: how_far.as_ref().map(progress),
        removed: job
            .ended
            .map(|ended| timestamp(ended.saturating_add(submission.keep))),
        memory_bytes: submission.memory,
    }
}

pub(crate) fn proof(outcome: &Outcome) -> proto::Proof {
    proto::Proof {
        proof_json: outcome.proof.clone(),
        public_json: outcome.public.clone(),
        // Written by us: what is no hexadecimal is nothing.
        settlement_data: hex::decode(&outcome.settlement).unwrap_or_default(),
        proving: Some(span(outcome.proving)),
    }
}

pub(crate) fn read_proof(message: Option<proto::Proof>) -> Result<Outcome, QueueError> {
    let message = given("proof", message)?;
    let proving = duration("proof.proving", message.proving.unwrap_or_default())?;
    Ok(Outcome {
        proof: message.proof_json,
        public: message.public_json,
        settlement: hex::encode(message.settlement_data),
        proving: crate::clock::millis(proving),
    })
}

pub(crate) fn circuit(key: &Key) -> proto::Circuit {
    let header = key.prover.key().header();
    proto::Circuit {
        key: Some(key_name(&key.name)),
        name: key.file.clone(),
        wires: header.wires,
        public_inputs: header.public,
        domain: header.domain_size,
        dev: key.is_dev,
        memory_bytes: key.memory,
        verification_key_json: key.verification_key.clone(),
    }
}

/// A proof and its inputs from snarkjs's text.
pub(crate) fn read_snarkjs(
    proof: &str,
    public: &str,
) -> Result<(popw_verifier::Proof<popw_verifier::Bn254>, Vec<popw_verifier::Fr>), QueueError> {
    let proof = snarkjs::read_proof(proof).map_err(|error| invalid("proof_json", error))?;
    let public = snarkjs::read_public(public).map_err(|error| invalid("public_json", error))?;
    Ok((proof, public))
}
