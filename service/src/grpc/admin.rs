//! `popw.v1.Admin`, for whoever runs the service.

use super::convert::{self, name};
use super::prover::page;
use crate::auth::{Scope, identity};
use crate::job::State;
use crate::proto;
use crate::queue::{Queue, QueueError};
use crate::workers::WorkerState;
use std::sync::Arc;
use tonic::{Request, Response, Status, async_trait};

/// The service.
pub struct AdminService {
    queue: Arc<Queue>,
}

impl AdminService {
    /// On top of a queue.
    pub fn new(queue: Arc<Queue>) -> Self {
        Self { queue }
    }

    fn status(&self, error: QueueError) -> Status {
        self.queue.status(error)
    }

    fn worker(&self, worker: WorkerState) -> proto::WorkerState {
        let jobs = self.queue.jobs_of(&worker.info.name);
        proto::WorkerState {
            worker: worker.info.name,
            backend: worker.info.backend,
            threads: worker.info.threads,
            memory_bytes: worker.info.memory,
            heard: Some(convert::timestamp(worker.heard)),
            quarantined: worker.quarantined,
            jobs: jobs.iter().map(ToString::to_string).collect(),
            proofs: worker.proofs,
        }
    }
}

#[async_trait]
impl proto::admin_server::Admin for AdminService {
    async fn pause_queue(
        &self,
        request: Request<proto::PauseQueueRequest>,
    ) -> Result<Response<proto::PauseQueueResponse>, Status> {
        let by = identity(&request, Scope::Admin)?.name.clone();
        let paused = request.into_inner().paused;
        self.queue
            .pause(paused)
            .await
            .map_err(|error| self.status(error))?;
        tracing::info!(by, paused, "audit: pause");
        Ok(Response::new(proto::PauseQueueResponse {}))
    }

    async fn requeue(
        &self,
        request: Request<proto::RequeueRequest>,
    ) -> Result<Response<proto::RequeueResponse>, Status> {
        let by = identity(&request, Scope::Admin)?.name.clone();
        let id = name("id", &request.get_ref().id).map_err(|error| self.status(error))?;
        let job = self.queue.requeue(id).await.map_err(|error| self.status(error))?;
        tracing::info!(by, job = %id, "audit: requeue");
        let job = Some(convert::job(&job, None));
        Ok(Response::new(proto::RequeueResponse { job }))
    }

    async fn list_dead_letters(
        &self,
        request: Request<proto::ListDeadLettersRequest>,
    ) -> Result<Response<proto::ListDeadLettersResponse>, Status> {
        identity(&request, Scope::Admin)?;
        let request = request.into_inner();
        let page = page(
            &self.queue,
            None,
            Some(State::Failed),
            request.page_size,
            &request.page_token,
        );
        let (jobs, next_page_token) = page.await.map_err(|error| self.status(error))?;
        Ok(Response::new(proto::ListDeadLettersResponse {
            jobs,
            next_page_token,
        }))
    }

    async fn purge_dead_letter(
        &self,
        request: Request<proto::PurgeDeadLetterRequest>,
    ) -> Result<Response<proto::PurgeDeadLetterResponse>, Status> {
        let by = identity(&request, Scope::Admin)?.name.clone();
        let id = name("id", &request.get_ref().id).map_err(|error| self.status(error))?;
        self.queue.purge(id).await.map_err(|error| self.status(error))?;
        tracing::info!(by, job = %id, "audit: purge");
        Ok(Response::new(proto::PurgeDeadLetterResponse {}))
    }

    async fn list_workers(
        &self,
        request: Request<proto::ListWorkersRequest>,
    ) -> Result<Response<proto::ListWorkersResponse>, Status> {
        identity(&request, Scope::Admin)?;
        let workers = self
            .queue
            .workers()
            .all()
            .into_iter()
            .map(|worker| self.worker(worker))
            .collect();
        Ok(Response::new(proto::ListWorkersResponse { workers }))
    }

    async fn release_worker(
        &self,
        request: Request<proto::ReleaseWorkerRequest>,
    ) -> Result<Response<proto::ReleaseWorkerResponse>, Status> {
        let by = identity(&request, Scope::Admin)?.name.clone();
        let worker = request.into_inner().worker;
        self.queue
            .workers()
            .release(&worker)
            .map_err(|error| self.status(error))?;
        tracing::info!(by, worker, "audit: release");
        Ok(Response::new(proto::ReleaseWorkerResponse {}))
    }

    async fn load_key(
        &self,
        request: Request<proto::LoadKeyRequest>,
    ) -> Result<Response<proto::LoadKeyResponse>, Status> {
        let by = identity(&request, Scope::Admin)?.name.clone();
        let loaded = self.queue.load_key(request.into_inner().file).await;
        let key = loaded.map_err(|error| self.status(error))?;
        tracing::info!(by, file = key.file, key = %key.name, "audit: load key");
        let circuit = Some(convert::circuit(&key));
        Ok(Response::new(proto::LoadKeyResponse { circuit }))
    }

    async fn unload_key(
        &self,
        request: Request<proto::UnloadKeyRequest>,
    ) -> Result<Response<proto::UnloadKeyResponse>, Status> {
        let by = identity(&request, Scope::Admin)?.name.clone();
        let key = convert::read_key_name(request.into_inner().key).map_err(|error| self.status(error))?;
        self.queue
            .unload_key(&key)
            .await
            .map_err(|error| self.status(error))?;
        tracing::info!(by, %key, "audit: unload key");
        Ok(Response::new(proto::UnloadKeyResponse {}))
    }

    async fn get_stats(
        &self,
        request: Request<proto::GetStatsRequest>,
    ) -> Result<Response<proto::GetStatsResponse>, Status> {
        identity(&request, Scope::Admin)?;
        let counts = self.queue.counts().await.map_err(|error| self.status(error))?;
        let paused = self.queue.is_paused().await.map_err(|error| self.status(error))?;
        Ok(Response::new(proto::GetStatsResponse {
            queued: counts.of(State::Queued),
            leased: counts.of(State::Leased),
            succeeded: counts.of(State::Succeeded),
            failed: counts.of(State::Failed),
            cancelled: counts.of(State::Cancelled),
            expired: counts.of(State::Expired),
            oldest_queued: counts.oldest_queued.map(convert::timestamp),
            paused,
            store: self.queue.engine().to_owned(),
        }))
    }
}
