//! The service beside the engine that it runs: what it adds to a proof, and how soon a cancelled job's processor is free.
//!
//! Both read the same witness file, prove with the same key and threads, and verify the proof. The service does it over gRPC, with its queue on the disk, from the submission to the proof in the client's hands.
//! The witness was uploaded before, as an engine's witness lies on the disk before.
//!
//! Depends on: `popw_service`. Where to go next: `docs/service.md`, the figures.

use crate::ServiceArgs;
use crate::error::Error;
use crate::files::prepare;
use crate::machine::Machine;
use crate::tools::Tools;
use popw_benches::child::milliseconds;
use popw_benches::statement::Kind;
use popw_keys::open_wtns;
use popw_prover::{Assignment, Options, Prover, Watch};
use popw_service::client::{Client, assignment_request};
use popw_service::keys::Keys;
use popw_service::memory::available;
use popw_service::metrics::percentile;
use popw_service::proto::{CancelJobRequest, Job, JobState, KeyName, WatchJobRequest, WatchJobResponse};
use popw_service::queue::Settings;
use popw_service::remote::{Address, connect};
use popw_service::server::{Service, ServiceOptions};
use popw_service::worker::WorkerOptions;
use popw_service::workers::LOCAL;
use rand::rngs::OsRng;
use serde::Serialize;
use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;
use tonic::Streaming;

/// How long a client waits for what does not come.
const PATIENCE: Duration = Duration::from_secs(600);

#[derive(Serialize)]
struct Results {
    machine: Machine,
    threads: u32,
    log2: u32,
    /// From the witness's file to the proof, in order of time.
    engine_ms: Vec<f64>,
    /// From the submission to the proof.
    service_ms: Vec<f64>,
    engine_ms_median: f64,
    service_ms_median: f64,
    overhead_percent: f64,
    /// From the call CancelJob, in the middle of a proof, until the worker has the next job.
    cancel_ms: Vec<f64>,
    cancel_ms_median: f64,
    cancel_ms_p95: f64,
}

struct Bench {
    prover: Prover,
    witness: PathBuf,
    client: Client,
    service: Service,
    key: KeyName,
    digest: popw_service::id::Digest,
    jobs: u64,
}

fn failed<E: ToString>(what: &str) -> impl FnOnce(E) -> Error {
    |error| Error::Prepare {
        what: what.to_owned(),
        reason: error.to_string(),
    }
}

/// Runs the command.
///
/// # Errors
/// If a proof is not made or the results cannot be written.
pub(crate) fn run(args: &ServiceArgs) -> Result<(), Error> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let machine = Machine::look(&root);
    let runtime = Runtime::new().map_err(failed("the threads"))?;
    let mut bench = runtime.block_on(Bench::start(args))?;
    let (mut engine, mut service, mut cancel) = (Vec::new(), Vec::new(), Vec::new());
    // The first round warms up.
    for round in 0..=args.rounds {
        let one = bench.engine()?;
        let other = runtime.block_on(bench.service())?;
        if round > 0 {
            engine.push(one);
            service.push(other);
        }
    }
    for round in 0..args.rounds {
        // At ever other moments of the proof, but for its last third: it must not end before.
        let part = (f64::from(round) + 0.5) / f64::from(args.rounds);
        let after = percentile(&mut engine.clone(), 500).unwrap_or(0.0) * part * 0.7;
        let after = Duration::from_secs_f64(after / 1e3);
        cancel.push(runtime.block_on(bench.cancel(after))?);
    }
    runtime.block_on(bench.service.stop(Duration::ZERO));
    let of = |values: &[f64], thousandths| percentile(&mut values.to_vec(), thousandths).unwrap_or(f64::NAN);
    let results = Results {
        machine,
        threads: args.threads,
        log2: args.log2,
        engine_ms_median: of(&engine, 500),
        service_ms_median: of(&service, 500),
        overhead_percent: 100.0 * (of(&service, 500) / of(&engine, 500) - 1.0),
        cancel_ms_median: of(&cancel, 500),
        cancel_ms_p95: of(&cancel, 950),
        engine_ms: engine,
        service_ms: service,
        cancel_ms: cancel,
    };
    println!(
        "2^{}, {} threads, {} rounds: engine {:.1} ms, service {:.1} ms ({:+.2} %); cancelled until free {:.1} ms, 95 % within {:.1} ms",
        results.log2,
        results.threads,
        args.rounds,
        results.engine_ms_median,
        results.service_ms_median,
        results.overhead_percent,
        results.cancel_ms_median,
        results.cancel_ms_p95,
    );
    if let Some(path) = &args.json {
        let json = serde_json::to_string_pretty(&results).map_err(failed("the results"))?;
        fs::write(path, json).map_err(Error::io(format!("write {}", path.display())))?;
    }
    Ok(())
}

impl Bench {
    async fn start(args: &ServiceArgs) -> Result<Self, Error> {
        let cache = Tools::new(args.cache.clone(), args.threads)
            .map_err(failed("the cache"))?
            .cache;
        let files = prepare(&cache, Kind::Chain, args.log2, args.threads, None)?;
        let options = Options {
            threads: Some(args.threads as usize),
            ..Options::default()
        };
        let prover = Prover::open(&files.zkey, &options).map_err(failed("the key"))?;
        let keys = Keys::new(cache.clone(), options);
        let key = keys.open(&files.zkey).map_err(failed("the key"))?;
        let data = cache.join("service");
        // Of an earlier run.
        let _ = fs::remove_dir_all(&data);
        let service = Service::start(ServiceOptions {
            data,
            listen: (Ipv4Addr::LOCALHOST, 0).into(),
            http: None,
            database: None,
            keys,
            worker: Some(WorkerOptions {
                name: LOCAL.to_owned(),
                backend: prover.backend().name().to_owned(),
                threads: args.threads,
                slots: 1,
                memory: available(),
            }),
            callers: None,
            tokens: None,
            calls_per_second: 1_000,
            tls: None,
            plaintext: false,
            settings: Settings::default(),
        });
        let service = service.await.map_err(failed("the service"))?;
        let address = Address {
            url: format!("http://{}", service.address()),
            ..Address::default()
        };
        let client = Client::new(connect(&address).map_err(failed("the service"))?, PATIENCE);
        let bytes = fs::read(&files.wtns).map_err(failed("the witness"))?;
        Ok(Self {
            prover,
            witness: files.wtns,
            digest: client.upload(&bytes).await.map_err(failed("the upload"))?,
            client,
            service,
            key: KeyName {
                circuit_id: key.name.circuit.to_string(),
                verifying_key_hash: key.name.key.to_string(),
            },
            jobs: 0,
        })
    }

    /// Milliseconds of a proof by the engine alone.
    fn engine(&self) -> Result<f64, Error> {
        let began = Instant::now();
        let values = open_wtns(&self.witness).map_err(failed("the witness"))?;
        let assignment = Assignment::new(values).map_err(failed("the witness"))?;
        let proof = self.prover.prove(&assignment, &mut OsRng, &Watch::silent());
        proof.map_err(failed("a proof"))?;
        Ok(milliseconds(began.elapsed()))
    }

    async fn submit(&mut self) -> Result<Job, Error> {
        self.jobs += 1;
        let request = assignment_request(format!("job-{}", self.jobs), self.key.clone(), self.digest);
        let (job, _) = self.client.submit(&request).await.map_err(failed("a job"))?;
        Ok(job)
    }

    /// Milliseconds of a proof by the service.
    async fn service(&mut self) -> Result<f64, Error> {
        let began = Instant::now();
        let job = self.submit().await?;
        self.client.end(&job.id, |_| {}).await.map_err(failed("a job"))?;
        self.client.proof(&job.id).await.map_err(failed("a proof"))?;
        Ok(milliseconds(began.elapsed()))
    }

    async fn watch(&self, id: &str) -> Result<Streaming<WatchJobResponse>, Error> {
        let request = WatchJobRequest {
            id: id.to_owned(),
            after_revision: 0,
        };
        let views = self.client.prover().watch_job(request).await;
        Ok(views.map_err(failed("a job"))?.into_inner())
    }

    async fn stop(&self, id: String) -> Result<(), Error> {
        let stopped = self.client.prover().cancel_job(CancelJobRequest { id }).await;
        stopped.map(drop).map_err(failed("a job"))
    }

    /// Milliseconds from a call that stops a job, so long after its begin, until its worker has the next.
    async fn cancel(&mut self, after: Duration) -> Result<f64, Error> {
        let first = self.submit().await?;
        let mut views = self.watch(&first.id).await?;
        until(&mut views, |job| job.state() == JobState::Leased).await?;
        let second = self.submit().await?;
        let mut views = self.watch(&second.id).await?;
        tokio::time::sleep(after).await;
        let began = Instant::now();
        self.stop(first.id).await?;
        until(&mut views, |job| job.state() == JobState::Leased).await?;
        let took = milliseconds(began.elapsed());
        self.stop(second.id).await?;
        until(&mut views, |job| job.state() == JobState::Cancelled).await?;
        Ok(took)
    }
}

async fn until(views: &mut Streaming<WatchJobResponse>, wanted: impl Fn(&Job) -> bool) -> Result<(), Error> {
    while let Some(view) = views.message().await.map_err(failed("a job"))? {
        if view.job.as_ref().is_some_and(&wanted) {
            return Ok(());
        }
    }
    Err(failed("a job")("it ended otherwise"))
}
