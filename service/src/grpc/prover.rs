//! `popw.v1.Prover`, for tenants.

use super::convert::{self, invalid, name, read_snarkjs};
use super::status::status;
use crate::auth::{Identity, Scope, identity};
use crate::hub::View;
use crate::job::{Job, State, Work};
use crate::proto;
use crate::proto::upload_witness_request::Part;
use crate::queue::{Queue, QueueError, Request as Wanted};
use crate::store::blobs::{BlobError, Upload};
use crate::store::{Query, Submitted};
use popw_verifier::batch::{BatchError, Entry};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio_stream::Stream;
use tokio_stream::wrappers::WatchStream;
use tonic::{Code, Request, Response, Status, Streaming, async_trait};

/// Bytes of a chunk at most, and of a witness that comes with its request.
pub const CHUNK_MAX: usize = 1 << 20;

/// An upload of which nothing is heard for so long is given up.
const SILENCE: Duration = Duration::from_secs(30);

/// Uploads at once.
const UPLOADS: usize = 64;

/// Proofs that are verified together at most.
const BATCH_MAX: usize = 1_000;

/// Jobs of a page, if the caller does not say, and at most.
const PAGE: std::ops::RangeInclusive<usize> = 100..=1_000;

/// The service.
pub struct ProverService {
    queue: Arc<Queue>,
    uploads: Semaphore,
}

impl ProverService {
    /// On top of a queue.
    pub fn new(queue: Arc<Queue>) -> Self {
        Self {
            queue,
            uploads: Semaphore::new(UPLOADS),
        }
    }

    fn status(&self, error: QueueError) -> Status {
        self.queue.status(error)
    }

    async fn submit(&self, by: &Identity, wanted: Wanted) -> Result<Submitted, Status> {
        let submitted = self.queue.submit(&by.tenant, wanted).await;
        let submitted = submitted.map_err(|error| self.status(error))?;
        let (job, is_new) = (submitted.job.id, submitted.is_new);
        tracing::info!(by = by.name, tenant = by.tenant, %job, is_new, "audit: submit");
        Ok(submitted)
    }

    fn job(&self, job: &Job) -> proto::Job {
        convert::job(job, self.queue.hub().progress(job))
    }

    async fn store(
        &self,
        tenant: &str,
        mut parts: Streaming<proto::UploadWitnessRequest>,
    ) -> Result<(String, bool), Status> {
        let mut next = async || match tokio::time::timeout(SILENCE, parts.message()).await {
            Ok(part) => Ok(part?.map(|request| request.part)),
            Err(_) => Err(status(
                Code::DeadlineExceeded,
                "SILENT_UPLOAD",
                "nothing came for 30 s",
                None,
            )),
        };
        let Some(Some(Part::Header(header))) = next().await? else {
            return Err(self.status(invalid("header", "the first message must be the header")));
        };
        let digest = name("header.sha256", &header.sha256).map_err(|error| self.status(error))?;
        let upload = self
            .queue
            .upload(tenant, digest, header.bytes)
            .map_err(|error| self.status(error))?;
        let Some(mut upload) = upload else {
            return Ok((header.sha256, true));
        };
        let failed = |error: BlobError| self.status(error.into());
        while let Some(part) = next().await? {
            let Some(Part::Chunk(chunk)) = part else {
                return Err(self.status(invalid("chunk", "expected bytes after the header")));
            };
            upload = blocking(move || upload.write(&chunk).map(|()| upload))
                .await?
                .map_err(failed)?;
        }
        blocking(move || upload.finish()).await?.map_err(failed)?;
        Ok((header.sha256, false))
    }
}

/// Work that waits for a disk or a CPU.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Status> {
    let result = spawn_blocking(work).await;
    result.map_err(|error| {
        tracing::error!(%error, "a call failed");
        status(Code::Internal, "INTERNAL", "the server failed", None)
    })
}

/// A job and what becomes of it.
pub struct Views {
    views: WatchStream<View>,
    after: u64,
    has_ended: bool,
}

impl Stream for Views {
    type Item = Result<proto::WatchJobResponse, Status>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if self.has_ended {
                return Poll::Ready(None);
            }
            match Pin::new(&mut self.views).poll_next(context) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(None) => return Poll::Ready(None),
                Poll::Ready(Some(view)) => {
                    self.has_ended = view.job.state.is_end();
                    let is_seen = view.job.revision <= self.after && view.progress.is_none();
                    if is_seen && !self.has_ended {
                        continue;
                    }
                    let job = Some(convert::job(&view.job, view.progress));
                    return Poll::Ready(Some(Ok(proto::WatchJobResponse { job })));
                }
            }
        }
    }
}

#[async_trait]
impl proto::prover_server::Prover for ProverService {
    async fn upload_witness(
        &self,
        request: Request<Streaming<proto::UploadWitnessRequest>>,
    ) -> Result<Response<proto::UploadWitnessResponse>, Status> {
        let tenant = identity(&request, Scope::Submit)?.tenant.clone();
        let Ok(_permit) = self.uploads.try_acquire() else {
            let message = format!("{UPLOADS} uploads are under way");
            let retry = Some(Duration::from_secs(1));
            return Err(status(
                Code::ResourceExhausted,
                "TOO_MANY_UPLOADS",
                message,
                retry,
            ));
        };
        let (sha256, known) = self.store(&tenant, request.into_inner()).await?;
        Ok(Response::new(proto::UploadWitnessResponse { sha256, known }))
    }

    async fn submit_job(
        &self,
        request: Request<proto::SubmitJobRequest>,
    ) -> Result<Response<proto::SubmitJobResponse>, Status> {
        let by = identity(&request, Scope::Submit)?.clone();
        let request = request.into_inner();
        let read = || -> Result<Wanted, QueueError> {
            let deadline = request.deadline.as_ref();
            Ok(Wanted {
                name: request.request_id.clone(),
                key: convert::read_key_name(request.key.clone())?,
                work: convert::read_work(request.work.clone())?,
                priority: request.priority,
                deadline: deadline
                    .map(|time| convert::millis("deadline", time))
                    .transpose()?,
                keep: request
                    .keep
                    .map(|keep| convert::duration("keep", keep))
                    .transpose()?,
            })
        };
        let wanted = read().map_err(|error| self.status(error))?;
        let submitted = self.submit(&by, wanted).await?;
        Ok(Response::new(proto::SubmitJobResponse {
            job: Some(self.job(&submitted.job)),
            known: !submitted.is_new,
        }))
    }

    async fn prove(
        &self,
        request: Request<proto::ProveRequest>,
    ) -> Result<Response<proto::ProveResponse>, Status> {
        let by = identity(&request, Scope::Submit)?.clone();
        let request = request.into_inner();
        if request.witness.len() > CHUNK_MAX {
            let reason = format!(
                "{} bytes are more than {CHUNK_MAX}: upload it",
                request.witness.len()
            );
            return Err(self.status(invalid("witness", reason)));
        }
        let key = convert::read_key_name(request.key).map_err(|error| self.status(error))?;
        self.queue.key(&key).map_err(|error| self.status(error))?;
        let digest = crate::id::Digest::of(&request.witness);
        let upload = self
            .queue
            .upload(&by.tenant, digest, request.witness.len() as u64);
        if let Some(mut upload) = upload.map_err(|error| self.status(error))? {
            let write = move |upload: &mut Upload| upload.write(&request.witness);
            let stored = blocking(move || write(&mut upload).and_then(|()| upload.finish())).await?;
            stored.map_err(|error| self.status(error.into()))?;
        }
        let wanted = Wanted {
            name: request.request_id,
            key,
            work: Work::Assignment { witness: digest },
            priority: 0,
            deadline: None,
            keep: None,
        };
        let id = self.submit(&by, wanted).await?.job.id;
        let mut views = self
            .queue
            .watch(&by.tenant, id)
            .await
            .map_err(|error| self.status(error))?;
        // The hub lets go of a job that was removed.
        let _ = views.wait_for(|view| view.job.state.is_end()).await;
        let job = self
            .queue
            .get(&by.tenant, id)
            .await
            .map_err(|error| self.status(error))?;
        Ok(Response::new(proto::ProveResponse {
            proof: job.outcome.as_ref().map(convert::proof),
            job: Some(self.job(&job)),
        }))
    }

    async fn get_job(
        &self,
        request: Request<proto::GetJobRequest>,
    ) -> Result<Response<proto::GetJobResponse>, Status> {
        let tenant = identity(&request, Scope::Read)?.tenant.clone();
        let id = name("id", &request.get_ref().id).map_err(|error| self.status(error))?;
        let job = self
            .queue
            .get(&tenant, id)
            .await
            .map_err(|error| self.status(error))?;
        let job = Some(self.job(&job));
        Ok(Response::new(proto::GetJobResponse { job }))
    }

    async fn list_jobs(
        &self,
        request: Request<proto::ListJobsRequest>,
    ) -> Result<Response<proto::ListJobsResponse>, Status> {
        let tenant = identity(&request, Scope::Read)?.tenant.clone();
        let request = request.into_inner();
        let state = convert::read_state(request.state).map_err(|error| self.status(error))?;
        let page = page(
            &self.queue,
            Some(tenant),
            state,
            request.page_size,
            &request.page_token,
        );
        let (jobs, next_page_token) = page.await.map_err(|error| self.status(error))?;
        Ok(Response::new(proto::ListJobsResponse {
            jobs,
            next_page_token,
        }))
    }

    type WatchJobStream = Views;

    async fn watch_job(&self, request: Request<proto::WatchJobRequest>) -> Result<Response<Views>, Status> {
        let tenant = identity(&request, Scope::Read)?.tenant.clone();
        let id = name("id", &request.get_ref().id).map_err(|error| self.status(error))?;
        let views = self
            .queue
            .watch(&tenant, id)
            .await
            .map_err(|error| self.status(error))?;
        Ok(Response::new(Views {
            views: WatchStream::new(views),
            after: request.get_ref().after_revision,
            has_ended: false,
        }))
    }

    async fn cancel_job(
        &self,
        request: Request<proto::CancelJobRequest>,
    ) -> Result<Response<proto::CancelJobResponse>, Status> {
        let by = identity(&request, Scope::Submit)?.clone();
        let id = name("id", &request.get_ref().id).map_err(|error| self.status(error))?;
        let job = self
            .queue
            .cancel(&by.tenant, id)
            .await
            .map_err(|error| self.status(error))?;
        tracing::info!(by = by.name, tenant = by.tenant, job = %id, "audit: cancel");
        let job = Some(self.job(&job));
        Ok(Response::new(proto::CancelJobResponse { job }))
    }

    async fn get_proof(
        &self,
        request: Request<proto::GetProofRequest>,
    ) -> Result<Response<proto::GetProofResponse>, Status> {
        let tenant = identity(&request, Scope::Read)?.tenant.clone();
        let id = name("id", &request.get_ref().id).map_err(|error| self.status(error))?;
        let job = self
            .queue
            .get(&tenant, id)
            .await
            .map_err(|error| self.status(error))?;
        match &job.outcome {
            Some(outcome) => {
                let proof = Some(convert::proof(outcome));
                Ok(Response::new(proto::GetProofResponse { proof }))
            }
            None => Err(self.status(QueueError::NoProof(job.state))),
        }
    }

    async fn verify(
        &self,
        request: Request<proto::VerifyRequest>,
    ) -> Result<Response<proto::VerifyResponse>, Status> {
        identity(&request, Scope::Read)?;
        let request = request.into_inner();
        let read = || {
            let key = self.queue.key(&convert::read_key_name(request.key.clone())?)?;
            Ok((key, read_snarkjs(&request.proof_json, &request.public_json)?))
        };
        let (key, (proof, public)) = read().map_err(|error| self.status(error))?;
        let verdict = blocking(move || key.prover.verifier().verify(&public, &proof)).await?;
        Ok(Response::new(proto::VerifyResponse {
            valid: verdict.is_ok(),
            reason: verdict.err().map_or_else(String::new, |error| error.to_string()),
        }))
    }

    async fn batch_verify(
        &self,
        request: Request<proto::BatchVerifyRequest>,
    ) -> Result<Response<proto::BatchVerifyResponse>, Status> {
        identity(&request, Scope::Read)?;
        let request = request.into_inner();
        let count = request.entries.len();
        if !(1..=BATCH_MAX).contains(&count) {
            return Err(self.status(invalid("entries", format!("{count} is not 1 to {BATCH_MAX}"))));
        }
        let read = || {
            let key = self.queue.key(&convert::read_key_name(request.key.clone())?)?;
            let entries = request.entries.iter();
            let entries = entries.map(|entry| read_snarkjs(&entry.proof_json, &entry.public_json));
            Ok((key, entries.collect::<Result<Vec<_>, QueueError>>()?))
        };
        let (key, proofs) = read().map_err(|error| self.status(error))?;
        let verdict = blocking(move || {
            let entries = proofs.iter().map(|(proof, inputs)| Entry { inputs, proof });
            key.prover.verifier().verify_batch(&entries.collect::<Vec<_>>())
        });
        let refused = match verdict.await? {
            Ok(()) => Vec::new(),
            Err(BatchError::Refused { refused, .. }) => refused,
            Err(error) => return Err(self.status(invalid("entries", error))),
        };
        let refused = refused
            .iter()
            .filter_map(|refusal| u32::try_from(refusal.index).ok());
        let refused: Vec<u32> = refused.collect();
        Ok(Response::new(proto::BatchVerifyResponse {
            valid: refused.is_empty(),
            refused,
        }))
    }

    async fn list_circuits(
        &self,
        request: Request<proto::ListCircuitsRequest>,
    ) -> Result<Response<proto::ListCircuitsResponse>, Status> {
        identity(&request, Scope::Read)?;
        let circuits = self
            .queue
            .keys()
            .all()
            .iter()
            .map(|key| convert::circuit(key))
            .collect();
        Ok(Response::new(proto::ListCircuitsResponse { circuits }))
    }

    async fn estimate_job(
        &self,
        request: Request<proto::EstimateJobRequest>,
    ) -> Result<Response<proto::EstimateJobResponse>, Status> {
        identity(&request, Scope::Read)?;
        let key = convert::read_key_name(request.into_inner().key).map_err(|error| self.status(error))?;
        let key = self.queue.key(&key).map_err(|error| self.status(error))?;
        // The first one may measure.
        let estimate = blocking(move || key.prover.estimate()).await?;
        let counts = self.queue.counts().await.map_err(|error| self.status(error))?;
        Ok(Response::new(proto::EstimateJobResponse {
            memory_bytes: estimate.memory_bytes,
            proving: Some(convert::span(crate::clock::millis(estimate.time))),
            queued: counts.of(State::Queued),
        }))
    }
}

/// A page of jobs, and the token of the next.
pub(super) async fn page(
    queue: &Queue,
    tenant: Option<String>,
    state: Option<State>,
    size: u32,
    token: &str,
) -> Result<(Vec<proto::Job>, String), QueueError> {
    let count = match usize::try_from(size).unwrap_or(usize::MAX) {
        0 => *PAGE.start(),
        size if size <= *PAGE.end() => size,
        size => {
            return Err(invalid(
                "page_size",
                format!("{size} is more than {}", PAGE.end()),
            ));
        }
    };
    let after = match token {
        "" => None,
        token => Some(name("page_token", token)?),
    };
    let query = Query {
        tenant,
        state,
        after,
        // One more tells whether there is another page.
        count: count + 1,
    };
    let mut jobs = queue.list(&query).await?;
    let has_more = jobs.len() > count;
    jobs.truncate(count);
    let next = jobs
        .last()
        .filter(|_| has_more)
        .map_or_else(String::new, |job| job.id.to_string());
    let jobs = jobs
        .iter()
        .map(|job| convert::job(job, queue.hub().progress(job)))
        .collect();
    Ok((jobs, next))
}
