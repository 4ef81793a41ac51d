//! What a worker does with a job: [`prove`], how far it is ([`Meter`]) and how long that takes ([`Pace`]).
//!
//! Depends on: `popw-prover`, `popw-claims`. Where to go next: [`crate::worker`], which calls it.

use crate::clock::millis;
use crate::hub::{Phase, PhaseSeconds, Progress};
use crate::id::Digest;
use crate::job::{Failure, FailureClass, Outcome, Work};
use crate::keys::Key;
use crate::lock;
use crate::proto;
use popw_claims::fleet::{Attestations, Claim, Encoding, Fleet, FleetError, Source};
use popw_keys::open_wtns;
use popw_prover::claim::{assignment, explained};
use popw_prover::{Assignment, CancelToken, Phase as ProverPhase, ProverError, Watch};
use popw_verifier::snarkjs;
use prost::Message;
use rand::rngs::OsRng;
use std::collections::HashMap;
use std::fs;
use std::io::{self, Cursor, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Instant;
use tracing::Span;

/// Shares of the phases before any proof was made.
const SHARES: PhaseSeconds = [0.05, 0.4, 0.53, 0.02];

/// Weight of the last proof in the mean of all.
const LAST: f64 = 0.3;

/// Why there is no proof.
#[derive(Debug)]
pub enum NoProof {
    /// Nobody wants it any more.
    Cancelled,
    /// It cannot be made.
    Failed(Failure),
}

impl NoProof {
    /// By the request's fault.
    fn request(reason: impl ToString) -> Self {
        Self::of(FailureClass::Request, reason)
    }

    /// By the worker's fault.
    pub(crate) fn worker(reason: impl ToString) -> Self {
        Self::of(FailureClass::Worker, reason)
    }

    fn of(class: FailureClass, reason: impl ToString) -> Self {
        let message = reason.to_string();
        Self::Failed(Failure { class, message })
    }
}

impl From<ProverError> for NoProof {
    fn from(error: ProverError) -> Self {
        match error {
            ProverError::Cancelled => Self::Cancelled,
            ProverError::Wires { .. }
            | ProverError::ConstantWire
            | ProverError::NotCanonical(_)
            | ProverError::Unsatisfied { .. }
            | ProverError::SelfVerification(_) => Self::request(error),
            error => Self::worker(error),
        }
    }
}

/// A fleet whose attestations have been read and verified.
struct Ingested {
    fleet: Fleet,
    attestations: Attestations<File>,
}

/// A fleet's file in memory, whose reading stops when nobody wants the fleet any more. Large fleets are read and verified for many seconds.
struct File {
    bytes: Cursor<Vec<u8>>,
    cancel: Arc<Mutex<Option<CancelToken>>>,
}

impl Read for File {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match lock(&self.cancel).as_ref().is_some_and(CancelToken::is_cancelled) {
            true => Err(io::Error::other("nobody wants it any more")),
            false => self.bytes.read(buffer),
        }
    }
}

impl Seek for File {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.bytes.seek(to)
    }
}

/// The last fleet that a worker has read: the zones of an epoch come one after the other.
#[derive(Default)]
pub struct Fleets(Mutex<Option<(Digest, Arc<Mutex<Ingested>>)>>);

impl Fleets {
    /// A zone's claim.
    fn claim(
        &self,
        digest: Digest,
        path: &Path,
        zone: u64,
        cancel: &CancelToken,
    ) -> Result<(Claim, Arc<Mutex<Ingested>>), NoProof> {
        let known = lock(&self.0)
            .as_ref()
            .filter(|(of, _)| *of == digest)
            .map(|(_, fleet)| fleet.clone());
        let fleet = match known {
            Some(fleet) => fleet,
            None => {
                let fleet = Arc::new(Mutex::new(ingest(path, cancel)?));
                *lock(&self.0) = Some((digest, fleet.clone()));
                fleet
            }
        };
        let mut ingested = lock(&fleet);
        let Ingested {
            fleet: network,
            attestations,
        } = &mut *ingested;
        if !network.zones().contains(&zone) {
            return Err(NoProof::request(format!("the registry has no zone {zone}")));
        }
        let votes = attestations.votes(zone).map_err(NoProof::request)?;
        let claim = network.claim(zone, &votes).map_err(NoProof::request)?;
        drop(ingested);
        Ok((claim, fleet))
    }
}

fn ingest(path: &Path, cancel: &CancelToken) -> Result<Ingested, NoProof> {
    let bytes = fs::read(path).map_err(|error| NoProof::worker(format!("the fleet: {error}")))?;
    let message = proto::Fleet::decode(bytes.as_slice());
    drop(bytes);
    let message = message.map_err(|error| NoProof::request(format!("the fleet: {error}")))?;
    let wanted = Arc::new(Mutex::new(Some(cancel.clone())));
    let source = |name: &str, bytes: Vec<u8>| Source {
        name: name.to_owned(),
        reader: File {
            bytes: Cursor::new(bytes),
            cancel: wanted.clone(),
        },
    };
    let refused = |error: FleetError| match cancel.is_cancelled() {
        true => NoProof::Cancelled,
        false => NoProof::request(error),
    };
    let fleet = Fleet::read(
        source("params.toml", message.params),
        source("epoch.toml", message.epoch),
        source("registry.jsonl", message.registry),
        source("watchers.jsonl", message.watchers),
    )
    .map_err(refused)?;
    use proto::fleet::Attestations::{AttestationsBin, AttestationsJsonl};
    let (encoding, bytes) = match message.attestations {
        Some(AttestationsJsonl(bytes)) => (Encoding::JsonLines, bytes),
        Some(AttestationsBin(bytes)) => (Encoding::Binary, bytes),
        None => return Err(NoProof::request("the fleet has no attestations")),
    };
    let attestations = source(encoding.file_name(), bytes);
    let attestations = Attestations::ingest(&fleet, attestations, encoding, |_| {}).map_err(refused)?;
    // The fleet is kept for other jobs, which this one's end does not concern.
    *lock(&wanted) = None;
    Ok(Ingested { fleet, attestations })
}

/// Proves a job's input.
///
/// # Errors
/// If nobody wants it any more or it cannot be proven.
pub fn prove(
    key: &Key,
    work: &Work,
    input: &Path,
    fleets: &Fleets,
    meter: &Meter,
    cancel: &CancelToken,
) -> Result<Outcome, NoProof> {
    let watch = Watch::new(meter).with_cancel(cancel.clone());
    watch.phase(ProverPhase::Witness);
    let wanted = || match cancel.is_cancelled() {
        true => Err(NoProof::Cancelled),
        false => Ok(()),
    };
    let (proof, public, settlement) = match work {
        Work::Assignment { .. } => {
            let values = open_wtns(input).map_err(NoProof::request)?;
            let assignment = Assignment::new(values).map_err(NoProof::request)?;
            wanted()?;
            let proof = key.prover.prove(&assignment, &mut OsRng, &watch)?;
            let public = assignment.public(key.prover.verifier().input_count());
            (proof, public, String::new())
        }
        Work::Claim { fleet, zone } => {
            let (claim, fleet) = fleets.claim(*fleet, input, *zone, cancel)?;
            wanted()?;
            let shape = *lock(&fleet).fleet.shape();
            let values = assignment(&shape, &claim.witness, &claim.statement).map_err(NoProof::request)?;
            let assignment = key.prover.assignment(&values);
            drop(values);
            wanted()?;
            let proof = key.prover.prove(&assignment, &mut OsRng, &watch);
            let proof = proof.map_err(|error| explained(error, &shape, &assignment))?;
            let public = claim.statement.public_inputs().to_vec();
            (proof, public, hex::encode(&claim.settlement_data))
        }
    };
    Ok(Outcome {
        proof: snarkjs::write_proof(&proof).map_err(NoProof::worker)?,
        public: snarkjs::write_public(&public).map_err(NoProof::worker)?,
        settlement,
        proving: 0,
    })
}

/// How long each phase takes, by key: a mean of the proofs of this process in which the last ones count most.
#[derive(Default)]
pub struct Pace(Mutex<HashMap<Digest, PhaseSeconds>>);

impl Pace {
    /// Seconds of each phase, if a proof was made.
    pub fn expected(&self, key: &Digest) -> Option<PhaseSeconds> {
        lock(&self.0).get(key).copied()
    }

    /// A proof took so many seconds in each phase.
    pub fn record(&self, key: &Digest, spent: PhaseSeconds) {
        let mut known = lock(&self.0);
        let mean = known.entry(*key).or_insert(spent);
        mean.iter_mut()
            .zip(spent)
            .for_each(|(mean, spent)| *mean += LAST * (spent - *mean));
    }
}

/// How far a proof is.
pub struct Meter {
    expected: PhaseSeconds,
    /// Nobody knows how long a phase takes: `expected` are shares.
    is_guess: bool,
    started: Instant,
    now: Mutex<Now>,
    /// Of the proof: a phase is a part of it, whatever thread it runs on.
    span: Span,
}

#[derive(Default)]
struct Now {
    phase: Option<Phase>,
    phase_done: f64,
    phase_started: f64,
    phase_span: Option<Span>,
    spent: PhaseSeconds,
}

impl Meter {
    /// For a proof whose phases took so many seconds before.
    pub fn new(expected: Option<PhaseSeconds>) -> Self {
        Self {
            expected: expected.unwrap_or(SHARES),
            is_guess: expected.is_none(),
            started: Instant::now(),
            now: Mutex::default(),
            span: Span::current(),
        }
    }

    /// How far it is, if it has begun.
    pub fn progress(&self) -> Option<Progress> {
        let now = lock(&self.now);
        let phase = now.phase?;
        let whole: f64 = self.expected.iter().sum();
        let before: f64 = self.expected.iter().take(index(phase)).sum();
        let done = (before + now.phase_done * self.expected[index(phase)]) / whole.max(f64::MIN_POSITIVE);
        let elapsed = self.started.elapsed().as_secs_f64();
        let remaining = match self.is_guess {
            // As long again as it took so far, by what is done.
            true => elapsed / done.max(0.01) * (1.0 - done),
            false => whole * (1.0 - done),
        };
        Some(Progress {
            phase,
            phase_done: now.phase_done,
            done: done.clamp(0.0, 1.0),
            remaining: millis(std::time::Duration::try_from_secs_f64(remaining).unwrap_or_default()),
        })
    }

    /// Seconds of each phase.
    pub fn spent(&self) -> PhaseSeconds {
        let mut now = lock(&self.now);
        self.leave(&mut now);
        now.spent
    }

    fn leave(&self, now: &mut Now) {
        let elapsed = self.started.elapsed().as_secs_f64();
        if let Some(phase) = now.phase {
            now.spent[index(phase)] += elapsed - now.phase_started;
        }
        now.phase_started = elapsed;
        now.phase_span = None;
    }
}

/// The place of a phase in lists.
fn index(phase: Phase) -> usize {
    phase as usize - 1
}

impl popw_prover::Progress for Meter {
    fn phase(&self, phase: ProverPhase) {
        let phase = match phase {
            ProverPhase::Quotient => Phase::Quotient,
            ProverPhase::WitnessSums => Phase::WitnessSums,
            ProverPhase::SelfVerification => Phase::SelfVerification,
            _ => Phase::Witness,
        };
        let mut now = lock(&self.now);
        self.leave(&mut now);
        now.phase = Some(phase);
        let name = phase.name();
        now.phase_span = Some(tracing::info_span!(parent: &self.span, "phase", otel.name = name));
        now.phase_done = 0.0;
    }

    fn advance(&self, _: ProverPhase, done: f64) {
        lock(&self.now).phase_done = done;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use popw_prover::Progress as _;

    #[test]
    fn progress_goes_forward_by_the_times_of_before() {
        let meter = Meter::new(Some([1.0, 2.0, 1.0, 0.0]));
        assert_eq!(meter.progress(), None);
        let mut last = 0.0;
        for (phase, done, expected) in [
            (ProverPhase::Witness, 0.5, 0.125),
            (ProverPhase::Quotient, 0.5, 0.5),
            (ProverPhase::WitnessSums, 0.5, 0.875),
            (ProverPhase::SelfVerification, 0.5, 1.0),
        ] {
            meter.phase(phase);
            assert!(meter.progress().unwrap().done >= last);
            meter.advance(phase, done);
            last = meter.progress().unwrap().done;
            assert_eq!(last, expected);
        }
        assert_eq!(meter.progress().unwrap().remaining, 0);
        assert!(meter.spent().iter().all(|seconds| *seconds >= 0.0));
    }

    #[test]
    fn the_last_proofs_count_most() {
        let (pace, key) = (Pace::default(), Digest([1; 32]));
        assert_eq!(pace.expected(&key), None);
        pace.record(&key, [1.0; 4]);
        pace.record(&key, [2.0; 4]);
        assert_eq!(pace.expected(&key), Some([1.3; 4]));
    }

    #[test]
    fn a_fleet_s_file_is_read_while_somebody_wants_it() {
        let cancel = CancelToken::new();
        let wanted = Arc::new(Mutex::new(Some(cancel.clone())));
        let mut file = File {
            bytes: Cursor::new(vec![7; 3]),
            cancel: wanted.clone(),
        };
        let mut byte = [0];
        file.read_exact(&mut byte).unwrap();
        cancel.cancel();
        assert!(file.read_exact(&mut byte).is_err());
        // Kept for others.
        *lock(&wanted) = None;
        file.read_exact(&mut byte).unwrap();
        assert_eq!(byte, [7]);
    }
}
