//! [`Service`]: everything in one process, started and stopped.
//!
//! Depends on: all other modules. Where to go next: the command `popw serve`, which fills [`ServiceOptions`].

use crate::auth::tokens::TokenOptions;
use crate::auth::{Authenticator, CallersError};
use crate::board::Board;
use crate::causes;
use crate::grpc::admin::AdminService;
use crate::grpc::calls::CallsLayer;
use crate::grpc::prover::{CHUNK_MAX, ProverService};
use crate::grpc::worker::WorkerService;
use crate::http;
use crate::keys::{Keys, LoadError};
use crate::proto;
use crate::proto::admin_server::AdminServer;
use crate::proto::prover_server::ProverServer;
use crate::proto::worker_server::WorkerServer;
use crate::queue::{Queue, QueueError, Settings};
use crate::store::blobs::BlobError;
use crate::store::{Blobs, Postgres, Sqlite, Store, StoreError};
use crate::worker::{Worker, WorkerOptions};
use crate::workers::LOCAL;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Certificate, Identity as ServerIdentity, Server, ServerTlsConfig};
use tonic_web::GrpcWebLayer;
use tower_layer::{Identity, Stack};

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
    /// Where the status page, metrics and probes are, without TLS. None: nowhere.
    pub http: Option<SocketAddr>,
    /// The database, as `postgres://..`. None: SQLite in the folder.
    pub database: Option<String>,
    /// The proving keys.
    pub keys: Keys,
    /// The worker in this process. None: only workers on other machines.
    pub worker: Option<WorkerOptions>,
    /// The file of callers. Without it and without tokens everybody may do everything, and the service listens on loopback only.
    pub callers: Option<PathBuf>,
    /// Whose tokens are taken.
    pub tokens: Option<TokenOptions>,
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
        "{0} can be reached from other machines, and nobody has to say who they are: give a file of callers or of an identity provider's keys, or listen on 127.0.0.1"
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
    /// What the process before left.
    #[error(transparent)]
    Queue(#[from] QueueError),
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
    http: Option<SocketAddr>,
    stop: watch::Sender<bool>,
    servers: Vec<JoinHandle<()>>,
    health: tonic_health::server::HealthReporter,
}

impl Service {
    /// Starts a service.
    ///
    /// # Errors
    /// If a part of it cannot be used; then nothing runs.
    pub async fn start(options: ServiceOptions) -> Result<Self, StartError> {
        let authenticator = Authenticator::new(
            options.callers.as_deref(),
            options.tokens.as_ref(),
            options.calls_per_second,
        )?;
        for (listen, has_tls) in [
            (Some(options.listen), options.tls.is_some()),
            (options.http, false),
        ] {
            let Some(listen) = listen.filter(|listen| !listen.ip().is_loopback()) else {
                continue;
            };
            if !authenticator.is_closed() {
                return Err(StartError::Open(listen));
            }
            if !has_tls && !options.plaintext {
                return Err(StartError::Plain(listen));
            }
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
        let page = match options.http {
            Some(listen) => Some(TcpListener::bind(listen).await.map_err(failed(&listen))?),
            None => None,
        };
        let queue = Queue::start(store, blobs, keys.clone(), options.settings);
        if options.database.is_none() {
            // The process before has ended, or this one would not have the database.
            queue.reclaim(LOCAL).await?;
        }
        let (stop, stopped) = watch::channel(false);
        let (health, router) = router(&queue, &authenticator, options.tls.as_ref()).await?;
        let ended = |stopped: watch::Receiver<bool>| async move {
            let mut stopped = stopped;
            // A service that is dropped stops too.
            let _ = stopped.wait_for(|stop| *stop).await;
        };
        let incoming = incoming.with_nodelay(Some(true));
        let server = router.serve_with_incoming_shutdown(incoming, ended(stopped.clone()));
        let mut servers = vec![tokio::spawn(async {
            if let Err(error) = server.await {
                tracing::error!(error = causes(&error), "gRPC has ended");
            }
        })];
        let http = page.as_ref().map(TcpListener::local_addr).transpose();
        let http = http.map_err(failed(&"the status page"))?;
        if let Some(page) = page {
            let server = http::serve(page, queue.clone(), authenticator, ended(stopped));
            servers.push(tokio::spawn(async {
                if let Err(error) = server.await {
                    tracing::error!(%error, "the status page has ended");
                }
            }));
        }
        let board: Arc<dyn Board> = queue.clone();
        let worker = options.worker.map(|worker| Worker::start(board, keys, worker));
        let worker = worker.transpose().map_err(failed(&"the worker's threads"))?;
        Ok(Self {
            queue,
            worker,
            address,
            http,
            stop,
            servers,
            health,
        })
    }

    /// Where gRPC listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where the status page is.
    pub fn http(&self) -> Option<SocketAddr> {
        self.http
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
        let end = tokio::time::Instant::now() + CLOSING;
        for mut server in self.servers {
            // Streams of watchers have no end of their own.
            if tokio::time::timeout_at(end, &mut server).await.is_err() {
                server.abort();
            }
        }
    }
}

async fn open_store(database: Option<&str>, folder: &Path) -> Result<Arc<dyn Store>, StoreError> {
    Ok(match database {
        Some(url) => Arc::new(Postgres::connect(url).await?),
        None => Arc::new(Sqlite::open(&folder.join("jobs.db"))?),
    })
}

/// Calls are counted behind gRPC-web, where they are gRPC.
type Layers = Stack<CallsLayer, Stack<GrpcWebLayer, Identity>>;

type Router = tonic::transport::server::Router<Layers>;

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
        let mut config =
            ServerTlsConfig::new().identity(ServerIdentity::from_pem(&tls.certificate, &tls.key));
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
        .layer(CallsLayer::new(queue.clone()))
        .add_service(InterceptedService::new(prover, authenticator.clone()))
        .add_service(InterceptedService::new(worker, authenticator.clone()))
        .add_service(InterceptedService::new(admin, authenticator.clone()))
        .add_service(health_service)
        .add_service(v1)
        .add_service(v1alpha);
    Ok((health, router))
}
