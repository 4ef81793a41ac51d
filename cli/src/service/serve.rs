//! `popw serve`: the proving service, with its queue, its database and a worker, in one process.

use crate::failure::Failure;
use crate::files::read_text;
use crate::screen::show;
use crate::service::log::Log;
use crate::service::proving::{Proving, told_to_stop};
use popw_service::auth::tokens::TokenOptions;
use popw_service::queue::Settings;
use popw_service::server::{Service, ServiceOptions, Tls};
use popw_service::store::Limits;
use popw_service::worker::random_name;
use popw_service::workers::LOCAL;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// The service.
#[derive(clap::Args)]
pub struct Args {
    /// A file of options, as `popw config print` writes it; what stands on the command line counts more
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Folder of the database, the uploads and, in keys/, the proving keys; made if it is missing
    #[arg(long, value_name = "DIR", default_value = "popw-data")]
    data_dir: PathBuf,
    /// Where gRPC listens; beyond this machine only with --callers or --jwks, and with --tls-certificate or --plaintext
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:7420")]
    listen: SocketAddr,
    /// Where the status page (/), metrics (/metrics) and probes (/healthz, /readyz) are, without TLS; nowhere if absent. With --callers or --jwks it wants an administrator's API key or token
    #[arg(long, value_name = "ADDR")]
    http: Option<SocketAddr>,
    /// A PostgreSQL database for the jobs, as postgres://..; without it SQLite in the folder. Services that share one share the folder too
    #[arg(long, value_name = "URL")]
    database: Option<String>,
    /// Who may call, with which scopes: a file of API keys and certificates by their SHA-256
    #[arg(long, value_name = "FILE")]
    callers: Option<PathBuf>,
    /// Take tokens (JWT) that are signed with one of these keys: an identity provider's JWKS file
    #[arg(long, value_name = "FILE")]
    jwks: Option<PathBuf>,
    /// What a token's aud must name
    #[arg(long, value_name = "NAME", default_value = "popw")]
    jwt_audience: String,
    /// What a token's iss must be
    #[arg(long, value_name = "NAME", requires = "jwks")]
    jwt_issuer: Option<String>,
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
    /// Jobs that may wait
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..))]
    queue: u32,
    /// Jobs of one tenant that may wait
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..))]
    tenant_queue: u32,
    /// How long a job, its proof and its input are kept after its end, if its owner does not say
    #[arg(long, value_name = "SECONDS", default_value_t = 86_400)]
    keep: u64,
    /// The longest that its owner may say
    #[arg(long, value_name = "SECONDS", default_value_t = 30 * 86_400)]
    keep_max: u64,
    /// The largest upload
    #[arg(long, value_name = "MIB", default_value_t = 4_096, value_parser = clap::value_parser!(u64).range(1..=1 << 20))]
    upload: u64,
    /// Jobs that this process proves at once; 0 leaves the proving to workers on other machines
    #[arg(long, value_name = "N", default_value_t = 1)]
    slots: u16,
    /// How long a worker may be silent before its jobs go to others
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(3..=3_600))]
    lease: u64,
    #[command(flatten)]
    proving: Proving,
    #[command(flatten)]
    log: Log,
}

/// Serves until the process is told to stop, by SIGTERM or SIGINT.
///
/// # Errors
/// `Input` if an option cannot be granted or there is no key.
pub fn run(args: &Args) -> Result<(), Failure> {
    let process = args.log.begin(args.config.as_deref())?;
    let keys = args.proving.keys(&args.data_dir.join("keys"))?;
    let name = match args.database {
        None => LOCAL.to_owned(),
        Some(_) => random_name(),
    };
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
        http: args.http,
        database: args.database.clone(),
        worker: args.proving.worker(name, &keys, args.slots),
        keys,
        callers: args.callers.clone(),
        tokens: args.jwks.clone().map(|keys| TokenOptions {
            keys,
            audience: args.jwt_audience.clone(),
            issuer: args.jwt_issuer.clone(),
        }),
        calls_per_second: args.calls,
        tls,
        plaintext: args.plaintext,
        settings: Settings {
            limits: Limits {
                queued: u64::from(args.queue),
                tenant: u64::from(args.tenant_queue),
            },
            lease: Duration::from_secs(args.lease),
            keep: Duration::from_secs(args.keep),
            keep_max: Duration::from_secs(args.keep_max),
            upload_max: args.upload << 20,
        },
    };
    process.runtime.block_on(serve(options, args.proving.grace()))
}

async fn serve(options: ServiceOptions, grace: Duration) -> Result<(), Failure> {
    let service = Service::start(options).await.map_err(Failure::input)?;
    if let Some(address) = service.http() {
        show(format_args!("status page on http://{address}"))?;
    }
    show(format_args!("listening on {}", service.address()))?;
    told_to_stop().await?;
    service.stop(grace).await;
    Ok(())
}
