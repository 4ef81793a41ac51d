//! A service in the test's process, and what its clients do.
#![allow(dead_code, clippy::unwrap_used)]

use super::Folder;
use super::circuit::Squares;
use super::postgres::Server;
use popw_service::id::Digest;
use popw_service::proto::prover_client::ProverClient;
use popw_service::proto::{self, JobState, upload_witness_request::Part};
use popw_service::queue::Settings;
use popw_service::remote::{Address, Connection, connect, reason};
use popw_service::server::{Service, ServiceOptions};
use popw_service::worker::WorkerOptions;
use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;
use tonic::{Code, Status};

/// A service's folder and, where the tests run on PostgreSQL, its database.
pub(crate) struct Home {
    folder: Folder,
    database: Option<(Arc<Server>, String)>,
}

impl Home {
    /// A new, empty one.
    pub(crate) fn new() -> Self {
        let is_postgres = env!("CARGO_CRATE_NAME") == "service_postgres";
        Self {
            folder: Folder::new(),
            database: is_postgres.then(server).flatten().map(|server| {
                let url = server.database();
                (server, url)
            }),
        }
    }
}

impl Deref for Home {
    type Target = Folder;

    fn deref(&self) -> &Folder {
        &self.folder
    }
}

/// The server of the tests that run now: it ends with the last of them.
fn server() -> Option<Arc<Server>> {
    static SHARED: Mutex<Weak<Server>> = Mutex::new(Weak::new());
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(server) = shared.upgrade() {
        return Some(server);
    }
    let server = Arc::new(Server::start()?);
    *shared = Arc::downgrade(&server);
    Some(server)
}

/// Of every job in these tests.
pub(crate) const MEMORY: u64 = 1 << 30;

pub(crate) fn worker(name: &str) -> WorkerOptions {
    WorkerOptions {
        name: name.to_owned(),
        backend: "cpu".to_owned(),
        threads: 2,
        slots: 1,
        memory: MEMORY,
    }
}

pub(crate) fn options(home: &Home, squares: &Squares) -> ServiceOptions {
    ServiceOptions {
        data: home.0.clone(),
        listen: ([127, 0, 0, 1], 0).into(),
        http: None,
        database: home.database.as_ref().map(|(_, url)| url.clone()),
        keys: squares.keys(),
        worker: Some(worker("local")),
        callers: None,
        tokens: None,
        calls_per_second: 1_000,
        tls: None,
        plaintext: false,
        settings: Settings {
            lease: Duration::from_secs(2),
            ..Settings::default()
        },
    }
}

pub(crate) fn address(service: &Service, api_key: Option<&str>) -> Address {
    Address {
        url: format!("http://{}", service.address()),
        api_key: api_key.map(str::to_owned),
        ..Address::default()
    }
}

pub(crate) fn client(service: &Service, api_key: Option<&str>) -> ProverClient<Connection> {
    ProverClient::new(connect(&address(service, api_key)).unwrap())
}

pub(crate) fn key_name(squares: &Squares) -> Option<proto::KeyName> {
    Some(proto::KeyName {
        circuit_id: squares.name.circuit.to_string(),
        verifying_key_hash: squares.name.key.to_string(),
    })
}

pub(crate) async fn upload(
    client: &mut ProverClient<Connection>,
    sha256: String,
    bytes: &[u8],
) -> Result<bool, Status> {
    let header = proto::upload_witness_request::Header {
        sha256,
        bytes: bytes.len() as u64,
    };
    let mut parts = vec![Part::Header(header)];
    parts.extend(bytes.chunks(1 << 16).map(|chunk| Part::Chunk(chunk.to_vec())));
    let parts = parts
        .into_iter()
        .map(|part| proto::UploadWitnessRequest { part: Some(part) });
    let answer = client.upload_witness(tokio_stream::iter(parts)).await?;
    Ok(answer.into_inner().known)
}

pub(crate) fn request(squares: &Squares, request_id: &str, witness: &[u8]) -> proto::SubmitJobRequest {
    let work = proto::AssignmentWork {
        witness_sha256: Digest::of(witness).to_string(),
    };
    proto::SubmitJobRequest {
        request_id: request_id.to_owned(),
        key: key_name(squares),
        work: Some(proto::Work {
            work: Some(proto::work::Work::Assignment(work)),
        }),
        ..proto::SubmitJobRequest::default()
    }
}

/// Uploads and submits.
pub(crate) async fn submit(
    client: &mut ProverClient<Connection>,
    squares: &Squares,
    request_id: &str,
    witness: &[u8],
) -> Result<proto::Job, Status> {
    upload(client, Digest::of(witness).to_string(), witness).await?;
    let answer = client.submit_job(request(squares, request_id, witness)).await?;
    Ok(answer.into_inner().job.unwrap())
}

/// The job at its end, and the states on the way.
pub(crate) async fn end(client: &mut ProverClient<Connection>, id: &str) -> (proto::Job, Vec<JobState>) {
    let watch = proto::WatchJobRequest {
        id: id.to_owned(),
        after_revision: 0,
    };
    let mut views = client.watch_job(watch).await.unwrap().into_inner();
    let (mut states, mut last, mut revision, mut done) = (Vec::new(), None, 0, 0.0);
    while let Some(view) = views.message().await.unwrap() {
        let job = view.job.unwrap();
        assert!(job.revision >= revision, "revisions only grow");
        if let Some(progress) = job.progress.as_ref().filter(|_| job.revision == revision) {
            assert!(progress.done >= done, "progress only grows");
            done = progress.done;
        }
        revision = job.revision;
        if states.last() != Some(&job.state()) {
            states.push(job.state());
        }
        last = Some(job);
    }
    (last.unwrap(), states)
}

pub(crate) fn refused<T: std::fmt::Debug>(answer: Result<T, Status>, code: Code, why: &str) {
    let status = answer.unwrap_err();
    assert_eq!(
        (status.code(), reason(&status).as_deref()),
        (code, Some(why)),
        "{status}"
    );
}
