//! [`Client`]: a service as a tenant uses it, from a file to its proof, through lost connections and full queues.
//!
//! Depends on: [`crate::remote`] for the connection. Where to go next: the commands `popw jobs` and `popw epoch run --service`, which use it.

use crate::id::Digest;
use crate::proto::prover_client::ProverClient;
use crate::proto::upload_witness_request::{Header, Part};
use crate::proto::{self, Circuit, Job, JobState, KeyName, Proof};
use crate::remote::{Connection, reason};
use std::future::Future;
use std::time::Duration;
use tokio::time::Instant;
use tonic::{Code, Status};
use tonic_types::StatusExt;

/// Bytes of an upload's message.
const CHUNK: usize = 1 << 18;

/// Between two tries if the service does not say, at first and at most.
const AGAIN: std::ops::Range<Duration> = Duration::from_millis(200)..Duration::from_secs(10);

/// See the module. Clones share the connection.
#[derive(Clone)]
pub struct Client {
    prover: ProverClient<Connection>,
    patience: Duration,
}

/// May the same call succeed later? And when does the service say so?
fn again(status: &Status) -> Option<Option<Duration>> {
    let retry = status
        .get_details_retry_info()
        .and_then(|retry| retry.retry_delay);
    let is_away = matches!(
        status.code(),
        Code::Unavailable | Code::Unknown | Code::DeadlineExceeded
    );
    // A call that the service ended itself because it stops, or whose connection was cut.
    let is_cut = matches!(status.code(), Code::Cancelled | Code::Internal) && reason(status).is_none();
    (retry.is_some() || is_away || is_cut).then_some(retry)
}

impl Client {
    /// Uses a connection. A call that nobody answers, or that finds no room, is made again for so long.
    pub fn new(connection: Connection, patience: Duration) -> Self {
        Self {
            prover: ProverClient::new(connection),
            patience,
        }
    }

    /// The protocol's own client.
    pub fn prover(&self) -> ProverClient<Connection> {
        self.prover.clone()
    }

    /// Makes a call until it is answered, or the patience ends.
    ///
    /// # Errors
    /// The last answer, if it is none that a later call could change.
    pub async fn call<T, F: Future<Output = Result<T, Status>>>(
        &self,
        mut call: impl FnMut(ProverClient<Connection>) -> F,
    ) -> Result<T, Status> {
        let end = Instant::now() + self.patience;
        let mut wait = AGAIN.start;
        loop {
            let status = match call(self.prover()).await {
                Ok(answer) => return Ok(answer),
                Err(status) => status,
            };
            let Some(told) = again(&status) else {
                return Err(status);
            };
            let pause = told.unwrap_or(wait).min(AGAIN.end);
            if Instant::now() + pause > end {
                return Err(status);
            }
            tokio::time::sleep(pause).await;
            wait = (wait * 2).min(AGAIN.end);
        }
    }

    /// The keys that the service proves with.
    ///
    /// # Errors
    /// The service's.
    pub async fn circuits(&self) -> Result<Vec<Circuit>, Status> {
        let list = |mut prover: ProverClient<_>| async move {
            prover.list_circuits(proto::ListCircuitsRequest {}).await
        };
        Ok(self.call(list).await?.into_inner().circuits)
    }

    /// Uploads a file, unless it is there, and returns its SHA-256.
    ///
    /// # Errors
    /// The service's.
    pub async fn upload(&self, bytes: &[u8]) -> Result<Digest, Status> {
        let digest = Digest::of(bytes);
        let header = Header {
            sha256: digest.to_string(),
            bytes: bytes.len() as u64,
        };
        // The stream must own what it sends: one chunk after the other, not the whole file twice.
        let shared: std::sync::Arc<[u8]> = bytes.into();
        let send = |mut prover: ProverClient<_>| {
            let (header, shared) = (header.clone(), shared.clone());
            let chunks = (0..shared.len().div_ceil(CHUNK)).map(move |number| {
                let rest = &shared[number * CHUNK..];
                Part::Chunk(rest[..rest.len().min(CHUNK)].to_vec())
            });
            let parts = std::iter::once(Part::Header(header)).chain(chunks);
            let parts = parts.map(|part| proto::UploadWitnessRequest { part: Some(part) });
            async move { prover.upload_witness(tokio_stream::iter(parts)).await }
        };
        self.call(send).await?;
        Ok(digest)
    }

    /// Submits a job, or finds it. The flag says that it was known.
    ///
    /// # Errors
    /// The service's.
    pub async fn submit(&self, request: &proto::SubmitJobRequest) -> Result<(Job, bool), Status> {
        let submit = |mut prover: ProverClient<_>| {
            let request = request.clone();
            async move { prover.submit_job(request).await }
        };
        let answer = self.call(submit).await?.into_inner();
        Ok((answer.job.unwrap_or_default(), answer.known))
    }

    /// Watches a job until its end. A watch that is cut goes on behind the last revision that was seen.
    ///
    /// # Errors
    /// The service's.
    pub async fn end(&self, id: &str, mut seen: impl FnMut(&Job)) -> Result<Job, Status> {
        let mut after_revision = 0;
        loop {
            let watch = |mut prover: ProverClient<_>| {
                let id = id.to_owned();
                async move {
                    let request = proto::WatchJobRequest { id, after_revision };
                    prover.watch_job(request).await
                }
            };
            let mut views = self.call(watch).await?.into_inner();
            let cut = loop {
                match views.message().await {
                    Ok(Some(view)) => {
                        let job = view.job.unwrap_or_default();
                        after_revision = job.revision;
                        seen(&job);
                        if is_end(job.state()) {
                            return Ok(job);
                        }
                    }
                    // The service stops.
                    Ok(None) => {
                        break Status::unavailable("the service ended the stream before the job's end");
                    }
                    Err(status) => break status,
                }
            };
            if again(&cut).is_none() || self.patience.is_zero() {
                return Err(cut);
            }
            tokio::time::sleep(AGAIN.start).await;
        }
    }

    /// The proof of a job that succeeded.
    ///
    /// # Errors
    /// The service's.
    pub async fn proof(&self, id: &str) -> Result<Proof, Status> {
        let get = |mut prover: ProverClient<_>| {
            let id = id.to_owned();
            async move { prover.get_proof(proto::GetProofRequest { id }).await }
        };
        Ok(self.call(get).await?.into_inner().proof.unwrap_or_default())
    }
}

/// Is it one of the states that no job leaves?
pub fn is_end(state: JobState) -> bool {
    !matches!(state, JobState::Unspecified | JobState::Queued | JobState::Leased)
}

/// A submission of a finished assignment that was uploaded.
pub fn assignment_request(request_id: String, key: KeyName, witness: Digest) -> proto::SubmitJobRequest {
    let work = proto::AssignmentWork {
        witness_sha256: witness.to_string(),
    };
    submission(request_id, key, proto::work::Work::Assignment(work))
}

/// A submission of a zone's claim, of a fleet that was uploaded.
pub fn claim_request(request_id: String, key: KeyName, fleet: Digest, zone: u64) -> proto::SubmitJobRequest {
    let work = proto::ClaimWork {
        fleet_sha256: fleet.to_string(),
        zone,
    };
    submission(request_id, key, proto::work::Work::Claim(work))
}

fn submission(request_id: String, key: KeyName, work: proto::work::Work) -> proto::SubmitJobRequest {
    proto::SubmitJobRequest {
        request_id,
        key: Some(key),
        work: Some(proto::Work { work: Some(work) }),
        ..proto::SubmitJobRequest::default()
    }
}
