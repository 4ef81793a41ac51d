//! [`Service`]: everything in one process, started and stopped.
//!
//! Depends on: all other modules. Where to go next: the command `popw serve`, which fills [`ServiceOptions`].

use crate::auth::{Authenticator, CallersError};
use crate::board::Board;
use crate::grpc::admin::AdminService;
use crate::grpc::prover::{CHUNK_MAX, ProverService};
use crate::grpc::worker::WorkerService;
use crate::keys::{Keys, LoadError};
use crate::proto;
use crate::proto::admin_server::AdminServer;
use crate::proto::prover_server::ProverServer;
use crate::proto::worker_server::WorkerServer;
use crate::queue::{Queue, Settings};
use crate::store::blobs::BlobError;
use crate::store::{Blobs, Postgres, Sqlite, Store, StoreError};
use crate::worker::{Worker, WorkerOptions};
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Certificate, Identity, Server, ServerTlsConfig};
use tonic_web::GrpcWebLayer;

/// Bytes of a message at most: a chunk, or a thousand proofs with their inputs.
const MESSAGE_MAX: usize = 4 << 20;

/// Streams of one connection at most; whoever watches more jobs opens more connections.
const STREAMS: u32 = 1_024;

/// A connection on which nothing comes for so long is looked after, and closed if nobody answers.
const KEEPALIVE: Duration = Duration::from_secs(20);

/// How long open calls have when the service stops.
const CLOSING: Duration = Duration::from_secs(2);

/// How the service shows who it is, PEM.
#[derive(Clone, Debug)]
pub struct Tls {
    /// Its certificate, with those between it and its authority.
    pub certificate: String,
    /// Its key.
    pub key: String,
    /// The authority of callers' certificates. None: callers show none.
    pub callers: Option<String>,
}

/// What a service is made of.
pub struct ServiceOptions {
    /// Folder of the database, uploads and keys.
    pub data: PathBuf,
    /// Where gRPC listens.
    pub listen: SocketAddr,
    /// The database, as `postgres://..`. None: SQLite in the folder.
    pub database: Option<String>,
    /// The proving keys.
    pub keys: Keys,
    /// The worker in this process. None: only workers on other machines.
    pub worker: Option<WorkerOptions>,
    /// The file of callers. None: everybody may do everything, and the service listens on loopback only.
    pub callers: Option<PathBuf>,
    /// Calls a second of a tenant.
    pub calls_per_second: u32,
    /// Certificates. None: no TLS, on loopback only.
    pub tls: Option<Tls>,
    /// Something in front of the service has the TLS: listen anywhere without.
    pub plaintext: bool,
    /// Limits and times.
    pub settings: Settings,
}

/// Why a service does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// Everybody on the network could do everything.
    #[error(
        "{0} can be reached from other machines, and nobody has to say who they are: give a file of callers, or listen on 127.0.0.1"
    )]
    Open(SocketAddr),
    /// API keys would be readable on the network.
    #[error(
        "{0} can be reached from other machines, and API keys would be sent in the clear: give a certificate, or say that something in front of the service does that (--plaintext)"
    )]
    Plain(SocketAddr),
    /// The file of callers.
    #[error(transparent)]
    Callers(#[from] CallersError),
    /// A key.
    #[error(transparent)]
    Key(#[from] LoadError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The folder of uploads.
    #[error(transparent)]
    Blob(#[from] BlobError),
    /// The folder, the address or the threads.
    #[error("{what}: {source}")]
    Io {
        /// What.
        what: String,
        /// Why.
        source: io::Error,
    },
    /// The certificates, or the protocol's descriptors.
    #[error("{what}: {reason}")]
    Transport {
        /// What.
        what: &'static str,
        /// Why.
        reason: String,
    },
}

/// A running service.
pub struct Service {
    queue: Arc<Queue>,
    worker: Option<Worker>,
    address: SocketAddr,
    stop: watch::Sender<bool>,
    server: JoinHandle<Result<(), tonic::transport::Error>>,
    health: tonic_health::server::HealthReporter,
}

impl Service {
    /// Starts a service.
    ///
    /// # Errors
    /// If a part of it cannot be used; then nothing runs.
    pub async fn start(options: ServiceOptions) -> Result<Self, StartError> {
        let authenticator = Authenticator::new(options.callers.as_deref(), options.calls_per_second)?;
        if !authenticator.is_closed() && !options.listen.ip().is_loopback() {
            return Err(StartError::Open(options.listen));
        }
        if options.tls.is_none() && !options.plaintext && !options.listen.ip().is_loopback() {
            return Err(StartError::Plain(options.listen));
        }
        let failed = |what: &dyn std::fmt::Display| {
            let what = what.to_string();
            move |source| StartError::Io { what, source }
        };
        std::fs::create_dir_all(&options.data).map_err(failed(&options.data.display()))?;
        let store = open_store(options.database.as_deref(), &options.data).await?;
        let blobs = Blobs::open(&options.data.join("uploads"))?;
        let keys = Arc::new(options.keys);
        let incoming = TcpIncoming::bind(options.listen).map_err(failed(&options.listen))?;
        let address = incoming.local_addr().map_err(failed(&options.listen))?;
        let queue = Queue::start(store, blobs, keys.clone(), options.settings);
        let (stop, stopped) = watch::channel(false);
        let (health, router) = router(&queue, &authenticator, options.tls.as_ref()).await?;
        let shutdown = async move {
            let mut stopped = stopped;
            // A service that is dropped stops too.
            let _ = stopped.wait_for(|stop| *stop).await;
        };
        let server = router.serve_with_incoming_shutdown(incoming.with_nodelay(Some(true)), shutdown);
        let server = tokio::spawn(server);
        let board: Arc<dyn Board> = queue.clone();
        let worker = options.worker.map(|worker| Worker::start(board, keys, worker));
        let worker = worker.transpose().map_err(failed(&"the worker's threads"))?;
        Ok(Self {
            queue,
            worker,
            address,
            stop,
            server,
            health,
        })
    }

    /// Where gRPC listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The queue.
    pub fn queue(&self) -> &Arc<Queue> {
        &self.queue
    }

    /// Takes no more work, lets the worker end what it has within `grace`, gives the rest back, and closes.
    pub async fn stop(self, grace: Duration) {
        self.health.set_not_serving::<ProverServer<ProverService>>().await;
        if let Some(worker) = self.worker {
            // A thread that cannot be waited for is not worth a second end.
            let _ = tokio::task::spawn_blocking(move || worker.stop(grace)).await;
        }
        self.stop.send_replace(true);
        let mut server = self.server;
        // Streams of watchers have no end of their own.
        if tokio::time::timeout(CLOSING, &mut server).await.is_err() {
            server.abort();
        }
    }
}

async fn open_store(database: Option<&str>, folder: &Path) -> Result<Arc<dyn Store>, StoreError> {
    Ok(match database {
        Some(url) => Arc::new(Postgres::connect(url).await?),
        None => Arc::new(Sqlite::open(&folder.join("jobs.db"))?),
    })
}

type Router = tonic::transport::server::Router<tower_layer::Stack<GrpcWebLayer, tower_layer::Identity>>;

async fn router(
    queue: &Arc<Queue>,
    authenticator: &Authenticator,
    tls: Option<&Tls>,
) -> Result<(tonic_health::server::HealthReporter, Router), StartError> {
    let transport = |what| {
        move |error: &dyn std::error::Error| StartError::Transport {
            what,
            reason: error.to_string(),
        }
    };
    let mut server = Server::builder()
        .accept_http1(true)
        .max_concurrent_streams(STREAMS)
        .http2_keepalive_interval(Some(KEEPALIVE))
        .http2_keepalive_timeout(Some(KEEPALIVE))
        .tcp_keepalive(Some(KEEPALIVE));
    if let Some(tls) = tls {
        let mut config = ServerTlsConfig::new().identity(Identity::from_pem(&tls.certificate, &tls.key));
        if let Some(authority) = &tls.callers {
            // An API key is as good as a certificate.
            config = config
                .client_ca_root(Certificate::from_pem(authority))
                .client_auth_optional(true);
        }
        server = server
            .tls_config(config)
            .map_err(|error| transport("the certificates")(&error))?;
    }
    let (health, health_service) = tonic_health::server::health_reporter();
    health.set_serving::<ProverServer<ProverService>>().await;
    let reflection = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(proto::DESCRIPTORS)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    let reflected = transport("reflection");
    let v1 = reflection().build_v1().map_err(|error| reflected(&error))?;
    let v1alpha = reflection().build_v1alpha().map_err(|error| reflected(&error))?;
    let prover = ProverServer::new(ProverService::new(queue.clone())).max_decoding_message_size(MESSAGE_MAX);
    let worker = WorkerServer::new(WorkerService::new(queue.clone())).max_decoding_message_size(MESSAGE_MAX);
    let admin = AdminServer::new(AdminService::new(queue.clone())).max_decoding_message_size(CHUNK_MAX);
    let router = server
        .layer(GrpcWebLayer::new())
        .add_service(InterceptedService::new(prover, authenticator.clone()))
        .add_service(InterceptedService::new(worker, authenticator.clone()))
        .add_service(InterceptedService::new(admin, authenticator.clone()))
        .add_service(health_service)
        .add_service(v1)
        .add_service(v1alpha);
    Ok((health, router))
}
