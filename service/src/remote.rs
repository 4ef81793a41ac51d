//! Clients of a service: [`connect`], and [`Remote`], the [`Board`] of a worker on another machine.
//!
//! Depends on: the protocol. Where to go next: [`crate::worker`].

use crate::board::{Board, BoardError, Errand};
use crate::causes;
use crate::grpc::convert;
use crate::hub::{PhaseSeconds, Progress};
use crate::id::Digest;
use crate::job::{Failure, Outcome};
use crate::proto;
use crate::proto::worker_client::WorkerClient;
use crate::queue::QueueError;
use crate::store::Blobs;
use crate::store::blobs::BlobError;
use crate::workers::WorkerInfo;
use std::future::Future;
use std::path::PathBuf;
use std::time::Duration;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};
use tonic::{Code, Request, Status, async_trait};
use tonic_types::StatusExt;

/// How long a call of a worker may take, but for those that wait.
const ANSWER: Duration = Duration::from_secs(20);

/// A connection on which nothing comes for so long is looked after.
const KEEPALIVE: Duration = Duration::from_secs(10);

/// Bytes of an answer at most: a page of jobs, or a chunk of a file.
const ANSWER_MAX: usize = 16 << 20;

/// Where a service is, and what the caller shows.
#[derive(Clone, Debug, Default)]
pub struct Address {
    /// `http://HOST:PORT`, or `https://..`
    pub url: String,
    /// The API key.
    pub api_key: Option<String>,
    /// The certificate authority of the service, PEM; the system's are not asked.
    pub authority: Option<String>,
    /// The caller's certificate and key, PEM.
    pub certificate: Option<(String, String)>,
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The address is none, or the certificates.
    #[error("{url}: {reason}")]
    Address {
        /// The address.
        url: String,
        /// What is wrong.
        reason: String,
    },
    /// The API key is none.
    #[error("the API key has characters that no key has")]
    ApiKey,
}

/// Shows the API key with every call.
#[derive(Clone)]
pub struct Shows(Option<MetadataValue<Ascii>>);

impl Interceptor for Shows {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(key) = &self.0 {
            request.metadata_mut().insert("authorization", key.clone());
        }
        Ok(request)
    }
}

/// A connection that is made when it is needed, and again when it was lost.
pub type Connection = InterceptedService<Channel, Shows>;

/// Connects to a service. To be called within a runtime, which drives the connection.
///
/// # Errors
/// If the address, a certificate or the API key is none.
pub fn connect(address: &Address) -> Result<Connection, ConnectError> {
    let wrong = |error: tonic::transport::Error| ConnectError::Address {
        url: address.url.clone(),
        reason: causes(&error),
    };
    let mut endpoint = Endpoint::from_shared(address.url.clone())
        .map_err(wrong)?
        .connect_timeout(ANSWER)
        .tcp_nodelay(true)
        .http2_keep_alive_interval(KEEPALIVE)
        .keep_alive_timeout(KEEPALIVE)
        .keep_alive_while_idle(true);
    if address.url.starts_with("https://") {
        let mut tls = ClientTlsConfig::new();
        if let Some(authority) = &address.authority {
            tls = tls.ca_certificate(Certificate::from_pem(authority));
        }
        if let Some((certificate, key)) = &address.certificate {
            tls = tls.identity(Identity::from_pem(certificate, key));
        }
        endpoint = endpoint.tls_config(tls).map_err(wrong)?;
    }
    let key = address
        .api_key
        .as_ref()
        .map(|key| format!("Bearer {key}").parse());
    let mut key: Option<MetadataValue<Ascii>> = key.transpose().map_err(|_| ConnectError::ApiKey)?;
    if let Some(key) = &mut key {
        key.set_sensitive(true);
    }
    Ok(InterceptedService::new(endpoint.connect_lazy(), Shows(key)))
}

/// The stable reason of an error, if it is one of the service's.
pub fn reason(status: &Status) -> Option<String> {
    Some(status.get_details_error_info()?.reason)
}

/// A coordinator on another machine.
pub struct Remote {
    client: WorkerClient<Connection>,
    blobs: Blobs,
}

impl Remote {
    /// Uses a connection, and a folder of its own for inputs.
    pub fn new(connection: Connection, blobs: Blobs) -> Self {
        let client = WorkerClient::new(connection).max_decoding_message_size(ANSWER_MAX);
        Self { client, blobs }
    }

    fn client(&self) -> WorkerClient<Connection> {
        self.client.clone()
    }
}

fn lease(errand: &Errand) -> Option<proto::Lease> {
    Some(proto::Lease {
        job_id: errand.id.to_string(),
        token: errand.token.to_string(),
    })
}

impl From<Status> for BoardError {
    fn from(status: Status) -> Self {
        let text = status.message().to_owned();
        match reason(&status).as_deref() {
            Some("JOB_ENDED" | "LEASE_ENDED" | "UNKNOWN_JOB" | "NOT_FAILED") => Self::Ended(text),
            Some("UNKNOWN_WORKER") => Self::Unknown(text),
            _ => match status.code() {
                Code::PermissionDenied
                | Code::Unauthenticated
                | Code::InvalidArgument
                | Code::FailedPrecondition
                | Code::Unimplemented => Self::Refused(text),
                _ => Self::Unavailable(text),
            },
        }
    }
}

impl From<BlobError> for BoardError {
    fn from(error: BlobError) -> Self {
        Self::Unavailable(error.to_string())
    }
}

/// The answer, or that there was none in time.
async fn answer<T>(call: impl Future<Output = Result<tonic::Response<T>, Status>>) -> Result<T, BoardError> {
    match tokio::time::timeout(ANSWER, call).await {
        Ok(answer) => Ok(answer?.into_inner()),
        Err(_) => Err(BoardError::Unavailable(format!(
            "no answer within {} s",
            ANSWER.as_secs()
        ))),
    }
}

fn garbled(error: QueueError) -> BoardError {
    BoardError::Unavailable(format!("the answer cannot be read: {error}"))
}

#[async_trait]
impl Board for Remote {
    async fn register(&self, worker: &WorkerInfo) -> Result<Duration, BoardError> {
        let request = proto::RegisterRequest {
            worker: worker.name.clone(),
            backend: worker.backend.clone(),
            threads: worker.threads,
            memory_bytes: worker.memory,
            keys: worker.keys.iter().map(convert::key_name).collect(),
        };
        let answer = answer(self.client().register(request)).await?;
        convert::duration("lease", answer.lease.unwrap_or_default()).map_err(garbled)
    }

    async fn lease(&self, worker: &str, memory: u64) -> Result<Option<Errand>, BoardError> {
        let request = proto::LeaseWorkRequest {
            worker: worker.to_owned(),
            memory_bytes: memory,
        };
        let answer = answer(self.client().lease_work(request)).await?;
        let Some(lease) = answer.lease else {
            return Ok(None);
        };
        let read = || {
            Ok(Errand {
                id: convert::name("lease.job_id", &lease.job_id)?,
                token: convert::name("lease.token", &lease.token)?,
                key: convert::read_key_name(answer.key)?,
                work: convert::read_work(answer.work)?,
                memory: answer.memory_bytes,
            })
        };
        read().map(Some).map_err(garbled)
    }

    async fn input(&self, errand: &Errand) -> Result<PathBuf, BoardError> {
        let input = errand.work.input();
        if !self.blobs.has(input) {
            let request = proto::GetInputRequest { lease: lease(errand) };
            let mut chunks = answer(self.client().get_input(request)).await?;
            let mut upload = self.blobs.begin(input, input, u64::MAX)?;
            while let Some(part) = chunks.message().await? {
                upload.write(&part.chunk)?;
            }
            upload.finish()?;
        }
        Ok(self.blobs.path(input))
    }

    async fn discard(&self, input: Digest) {
        // What stays is overwritten by the next start.
        if let Err(error) = self.blobs.remove(input) {
            tracing::error!(%error, "an input cannot be removed");
        }
    }

    async fn renew(&self, errand: &Errand, progress: Option<Progress>) -> Result<(), BoardError> {
        let request = proto::RenewRequest {
            lease: lease(errand),
            progress: progress.as_ref().map(convert::progress),
        };
        match answer(self.client().renew(request)).await?.cancelled {
            true => Err(BoardError::Ended("the coordinator says so".to_owned())),
            false => Ok(()),
        }
    }

    async fn ended(&self, errand: &Errand) -> Result<(), BoardError> {
        let request = proto::WatchLeaseRequest { lease: lease(errand) };
        self.client().watch_lease(request).await?;
        Ok(())
    }

    async fn complete(
        &self,
        errand: &Errand,
        outcome: Outcome,
        phases: PhaseSeconds,
    ) -> Result<(), BoardError> {
        let request = proto::CompleteRequest {
            lease: lease(errand),
            proof: Some(convert::proof(&outcome)),
            phase_seconds: phases.to_vec(),
        };
        answer(self.client().complete(request)).await.map(drop)
    }

    async fn fail(&self, errand: &Errand, failure: Failure) -> Result<(), BoardError> {
        let request = proto::FailRequest {
            lease: lease(errand),
            failure: Some(convert::failure(&failure)),
        };
        answer(self.client().fail(request)).await.map(drop)
    }

    async fn give_back(&self, errand: &Errand) -> Result<(), BoardError> {
        let request = proto::GiveBackRequest { lease: lease(errand) };
        answer(self.client().give_back(request)).await.map(drop)
    }

    async fn drain(&self, worker: &str) -> Result<(), BoardError> {
        let request = proto::DrainRequest {
            worker: worker.to_owned(),
        };
        answer(self.client().drain(request)).await.map(drop)
    }
}
