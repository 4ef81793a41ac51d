//! `popw.v1.Worker`, for workers on other machines.

use super::convert::{self, given, invalid, name};
use super::prover::CHUNK_MAX;
use crate::auth::{Scope, identity};
use crate::board::Errand;
use crate::id::{JobId, Token};
use crate::keys::KeyName;
use crate::proto;
use crate::queue::{Queue, QueueError};
use crate::store::blobs::BlobError;
use crate::workers::{LOCAL, NAME_MAX, WorkerInfo};
use std::fs::File;
use std::io::Read;
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, async_trait};

/// Keys of a worker at most.
const KEYS_MAX: usize = 1_000;

/// Chunks that are read ahead of the connection.
const AHEAD: usize = 2;

/// The service.
pub struct WorkerService {
    queue: Arc<Queue>,
}

impl WorkerService {
    /// On top of a queue.
    pub fn new(queue: Arc<Queue>) -> Self {
        Self { queue }
    }

    fn status(&self, error: QueueError) -> Status {
        self.queue.status(error)
    }

    fn lease(&self, lease: Option<proto::Lease>) -> Result<(JobId, Token), Status> {
        let read = || {
            let lease = given("lease", lease)?;
            Ok((
                name("lease.job_id", &lease.job_id)?,
                name("lease.token", &lease.token)?,
            ))
        };
        read().map_err(|error| self.status(error))
    }
}

/// Sends a file's bytes. Whoever stops listening stops the reading.
fn send(mut file: File, chunks: &mpsc::Sender<Result<proto::GetInputResponse, Status>>) {
    loop {
        let mut chunk = Vec::with_capacity(CHUNK_MAX);
        let read = file.by_ref().take(CHUNK_MAX as u64).read_to_end(&mut chunk);
        let part = match read {
            Ok(0) => return,
            Ok(_) => Ok(proto::GetInputResponse { chunk }),
            Err(error) => Err(Status::unavailable(format!(
                "the input cannot be read: {}",
                error.kind()
            ))),
        };
        let is_last = part.is_err();
        if chunks.blocking_send(part).is_err() || is_last {
            return;
        }
    }
}

#[async_trait]
impl proto::worker_server::Worker for WorkerService {
    async fn register(
        &self,
        request: Request<proto::RegisterRequest>,
    ) -> Result<Response<proto::RegisterResponse>, Status> {
        identity(&request, Scope::Worker)?;
        let request = request.into_inner();
        if request.keys.len() > KEYS_MAX {
            let reason = format!("{} are more than {KEYS_MAX}", request.keys.len());
            return Err(self.status(invalid("keys", reason)));
        }
        let keys = request
            .keys
            .into_iter()
            .map(|key| convert::read_key_name(Some(key)));
        let keys = keys
            .collect::<Result<Vec<KeyName>, _>>()
            .map_err(|error| self.status(error))?;
        let info = WorkerInfo {
            name: request.worker,
            backend: request.backend.chars().take(NAME_MAX).collect(),
            threads: request.threads,
            memory: request.memory_bytes,
            keys,
        };
        if info.name == LOCAL {
            return Err(self.status(invalid("worker", "this is the name of the service's own worker")));
        }
        tracing::info!(worker = info.name, backend = info.backend, "a worker registers");
        self.queue
            .workers()
            .register(info)
            .map_err(|error| self.status(error))?;
        let lease = convert::span(crate::clock::millis(self.queue.settings().lease));
        Ok(Response::new(proto::RegisterResponse { lease: Some(lease) }))
    }

    async fn lease_work(
        &self,
        request: Request<proto::LeaseWorkRequest>,
    ) -> Result<Response<proto::LeaseWorkResponse>, Status> {
        identity(&request, Scope::Worker)?;
        let request = request.into_inner();
        let leased = self
            .queue
            .lease(&request.worker, request.memory_bytes, crate::board::WAIT);
        let leased = leased.await.map_err(|error| self.status(error))?;
        Ok(Response::new(match leased.map(Errand::from) {
            None => proto::LeaseWorkResponse::default(),
            Some(errand) => proto::LeaseWorkResponse {
                lease: Some(proto::Lease {
                    job_id: errand.id.to_string(),
                    token: errand.token.to_string(),
                }),
                key: Some(convert::key_name(&errand.key)),
                work: Some(convert::work(&errand.work)),
                memory_bytes: errand.memory,
            },
        }))
    }

    type GetInputStream = ReceiverStream<Result<proto::GetInputResponse, Status>>;

    async fn get_input(
        &self,
        request: Request<proto::GetInputRequest>,
    ) -> Result<Response<Self::GetInputStream>, Status> {
        identity(&request, Scope::Worker)?;
        let (id, token) = self.lease(request.into_inner().lease)?;
        let path = self
            .queue
            .input(id, token)
            .await
            .map_err(|error| self.status(error))?;
        let file = File::open(&path).map_err(|source| self.status(BlobError::Io { path, source }.into()))?;
        let (sender, receiver) = mpsc::channel(AHEAD);
        spawn_blocking(move || send(file, &sender));
        Ok(Response::new(ReceiverStream::new(receiver)))
    }

    async fn renew(
        &self,
        request: Request<proto::RenewRequest>,
    ) -> Result<Response<proto::RenewResponse>, Status> {
        identity(&request, Scope::Worker)?;
        let request = request.into_inner();
        let (id, token) = self.lease(request.lease)?;
        let progress = convert::read_progress(request.progress).map_err(|error| self.status(error))?;
        let renewed = self.queue.renew(id, token, progress).await;
        let cancelled = match renewed.map_err(|error| (crate::board::is_end(&error), error)) {
            Ok(()) => false,
            Err((true, _)) => true,
            Err((false, error)) => return Err(self.status(error)),
        };
        Ok(Response::new(proto::RenewResponse { cancelled }))
    }

    async fn watch_lease(
        &self,
        request: Request<proto::WatchLeaseRequest>,
    ) -> Result<Response<proto::WatchLeaseResponse>, Status> {
        identity(&request, Scope::Worker)?;
        let (id, token) = self.lease(request.into_inner().lease)?;
        self.queue
            .ended(id, token)
            .await
            .map_err(|error| self.status(error))?;
        Ok(Response::new(proto::WatchLeaseResponse {}))
    }

    async fn complete(
        &self,
        request: Request<proto::CompleteRequest>,
    ) -> Result<Response<proto::CompleteResponse>, Status> {
        identity(&request, Scope::Worker)?;
        let request = request.into_inner();
        let (id, token) = self.lease(request.lease)?;
        let outcome = convert::read_proof(request.proof).map_err(|error| self.status(error))?;
        let phases = convert::read_phases(&request.phase_seconds).map_err(|error| self.status(error))?;
        self.queue
            .complete(id, token, outcome)
            .await
            .map_err(|error| self.status(error))?;
        if let Some(phases) = phases {
            self.queue.metrics().phases(phases);
        }
        Ok(Response::new(proto::CompleteResponse {}))
    }

    async fn fail(
        &self,
        request: Request<proto::FailRequest>,
    ) -> Result<Response<proto::FailResponse>, Status> {
        identity(&request, Scope::Worker)?;
        let request = request.into_inner();
        let (id, token) = self.lease(request.lease)?;
        let failure = convert::read_failure(request.failure).map_err(|error| self.status(error))?;
        self.queue
            .fail(id, token, failure)
            .await
            .map_err(|error| self.status(error))?;
        Ok(Response::new(proto::FailResponse {}))
    }

    async fn give_back(
        &self,
        request: Request<proto::GiveBackRequest>,
    ) -> Result<Response<proto::GiveBackResponse>, Status> {
        identity(&request, Scope::Worker)?;
        let (id, token) = self.lease(request.into_inner().lease)?;
        self.queue
            .give_back(id, token)
            .await
            .map_err(|error| self.status(error))?;
        Ok(Response::new(proto::GiveBackResponse {}))
    }

    async fn drain(
        &self,
        request: Request<proto::DrainRequest>,
    ) -> Result<Response<proto::DrainResponse>, Status> {
        identity(&request, Scope::Worker)?;
        let worker = request.into_inner().worker;
        tracing::info!(worker, "a worker leaves");
        self.queue.workers().leave(&worker);
        Ok(Response::new(proto::DrainResponse {}))
    }
}
