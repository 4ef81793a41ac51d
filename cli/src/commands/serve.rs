//! `popw serve`: the proving service, with its queue, its database and a worker, in one process.

use crate::commands::Compute;
use crate::commands::keys::{Circuit, ceremony};
use crate::failure::Failure;
use crate::files::read_text;
use crate::screen::show;
use popw_prover::{DevKey, Options, Watch};
use popw_service::keys::{Key, Keys};
use popw_service::memory::available;
use popw_service::queue::Settings;
use popw_service::server::{Service, ServiceOptions, Tls};
use popw_service::worker::{WorkerOptions, random_name};
use rand::rngs::OsRng;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The service.
#[derive(clap::Args)]
pub struct Args {
    /// Folder of the database, the uploads and, in keys/, the proving keys; made if it is missing
    #[arg(long, value_name = "DIR", default_value = "popw-data")]
    data_dir: PathBuf,
    /// Where gRPC listens; beyond this machine only with --callers, and with --tls-certificate or --plaintext
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:7420")]
    listen: SocketAddr,
    /// A PostgreSQL database for the jobs, as postgres://..; without it SQLite in the folder. Services that share one share the folder too
    #[arg(long, value_name = "URL")]
    database: Option<String>,
    /// A proving key; more than one may be given, besides those of the folder
    #[arg(long, value_name = "KEY")]
    key: Vec<PathBuf>,
    /// A circuit to prove with a dev key, which is made when first needed and cached: a name such as uptime:N=16,W=8,S=144, or an .r1cs file
    #[arg(long, value_name = "CIRCUIT")]
    dev: Vec<Circuit>,
    /// Who may call, with which scopes: a file of API keys and certificates by their SHA-256
    #[arg(long, value_name = "FILE")]
    callers: Option<PathBuf>,
    /// The service's certificate, PEM
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_certificate: Option<PathBuf>,
    /// The certificate's key, PEM
    #[arg(long, value_name = "FILE", requires = "tls_certificate")]
    tls_key: Option<PathBuf>,
    /// The authority of callers' certificates, PEM
    #[arg(long, value_name = "FILE", requires = "tls_certificate")]
    tls_callers: Option<PathBuf>,
    /// Listen beyond this machine without TLS: something in front of the service has it
    #[arg(long)]
    plaintext: bool,
    /// Calls a second of a tenant
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..))]
    calls: u32,
    /// Jobs that this process proves at once; 0 leaves the proving to workers on other machines
    #[arg(long, value_name = "N", default_value_t = 1)]
    slots: u16,
    /// Memory for proofs; four fifths of the machine's, or of its control group's, if absent
    #[arg(long, value_name = "MIB")]
    memory: Option<u64>,
    /// How long proofs that are under way have when the service is told to stop
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    grace: u64,
    #[command(flatten)]
    compute: Compute,
}

/// Serves until the process is told to stop, by SIGTERM or SIGINT.
///
/// # Errors
/// `Input` if an option cannot be granted or there is no key.
pub fn run(args: &Args) -> Result<(), Failure> {
    args.compute.limit_threads()?;
    let options = args.compute.options()?;
    let keys = open_keys(args, &options)?;
    for key in keys.all() {
        show(format_args!("key {}: {}", key.file, key.name))?;
        if key.is_dev {
            eprintln!(
                "warning: {}: grade dev, whoever made this key can forge proofs",
                key.file
            );
        }
    }
    let worker = keys
        .all()
        .first()
        .filter(|_| args.slots > 0)
        .map(|key| WorkerOptions {
            name: random_name(),
            backend: key.prover.backend().name().to_owned(),
            threads: u32::try_from(key.prover.threads()).unwrap_or(u32::MAX),
            slots: usize::from(args.slots),
            memory: args
                .memory
                .map_or_else(available, |mebibytes| mebibytes.saturating_mul(1 << 20)),
        });
    let pem = |path: &Option<PathBuf>| path.as_deref().map(read_text).transpose();
    let tls = match (pem(&args.tls_certificate)?, pem(&args.tls_key)?) {
        (Some(certificate), Some(key)) => Some(Tls {
            certificate,
            key,
            callers: pem(&args.tls_callers)?,
        }),
        _ => None,
    };
    let options = ServiceOptions {
        data: args.data_dir.clone(),
        listen: args.listen,
        database: args.database.clone(),
        keys,
        worker,
        callers: args.callers.clone(),
        calls_per_second: args.calls,
        tls,
        plaintext: args.plaintext,
        settings: Settings::default(),
    };
    let runtime = tokio::runtime::Runtime::new().map_err(Failure::internal)?;
    runtime.block_on(serve(options, Duration::from_secs(args.grace)))
}

async fn serve(options: ServiceOptions, grace: Duration) -> Result<(), Failure> {
    let service = Service::start(options).await.map_err(Failure::input)?;
    show(format_args!("listening on {}", service.address()))?;
    told_to_stop().await.map_err(Failure::internal)?;
    show("stopping")?;
    service.stop(grace).await;
    Ok(())
}

/// Returns when the process is told to stop.
async fn told_to_stop() -> std::io::Result<()> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate())?;
        tokio::select! {
            result = tokio::signal::ctrl_c() => result,
            _ = terminate.recv() => Ok(()),
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await
}

fn open_keys(args: &Args, options: &Options) -> Result<Keys, Failure> {
    let mut paths = Keys::files(&args.data_dir.join("keys")).map_err(Failure::input)?;
    paths.extend(args.key.iter().cloned());
    for circuit in &args.dev {
        let r1cs = ceremony::circuit_file(circuit)?;
        eprintln!("the dev key of {circuit}: from the cache, or made now");
        let cached = DevKey::cached(&r1cs, &mut OsRng, options, &Watch::silent());
        paths.push(cached.map_err(Failure::internal)?.0);
    }
    if paths.is_empty() {
        let folder = args.data_dir.join("keys");
        return Err(Failure::input(format!(
            "there is no proving key: put .zkey files into {}, or give --key or --dev",
            folder.display()
        )));
    }
    let open = |path: &PathBuf| Key::open(Path::new(path), options).map_err(Failure::input);
    let keys = paths.iter().map(open).collect::<Result<Vec<_>, Failure>>()?;
    Keys::new(keys).map_err(Failure::input)
}
