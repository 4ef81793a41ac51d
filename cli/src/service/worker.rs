//! `popw worker`: proves for a coordinator on another machine. It dials; nothing has to reach it.

use crate::failure::Failure;
use crate::screen::show;
use crate::service::client::Credentials;
use crate::service::log::Log;
use crate::service::proving::{Proving, told_to_stop};
use popw_service::board::Board;
use popw_service::keys::Keys;
use popw_service::remote::{Remote, connect};
use popw_service::store::Blobs;
use popw_service::worker::{Worker, random_name};
use std::path::PathBuf;
use std::sync::Arc;

/// The worker.
#[derive(clap::Args)]
pub struct Args {
    /// A file of options, as `popw config print` writes it; what stands on the command line counts more
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The coordinator, a `popw serve`
    #[arg(long, value_name = "URL")]
    service: String,
    /// Its name, different from all others'; random if absent
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Folder of the inputs that it fetches and, in keys/, of the proving keys; its own, made if it is missing
    #[arg(long, value_name = "DIR", default_value = "popw-worker")]
    data_dir: PathBuf,
    /// Jobs at once
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    slots: u16,
    #[command(flatten)]
    credentials: Credentials,
    #[command(flatten)]
    proving: Proving,
    #[command(flatten)]
    log: Log,
}

/// Works until the process is told to stop.
///
/// # Errors
/// `Input` if an option cannot be granted, there is no key, or the coordinator does not want this worker.
pub fn run(args: &Args) -> Result<(), Failure> {
    let process = args.log.begin(args.config.as_deref())?;
    let keys = Arc::new(args.proving.keys(&args.data_dir.join("keys"))?);
    let address = args.credentials.address(&args.service)?;
    let blobs = Blobs::open(&args.data_dir.join("inputs")).map_err(Failure::input)?;
    process.runtime.block_on(async {
        let remote = Remote::new(connect(&address).map_err(Failure::input)?, blobs);
        work(args, Arc::new(remote), keys).await
    })
}

async fn work(args: &Args, board: Arc<dyn Board>, keys: Arc<Keys>) -> Result<(), Failure> {
    let name = args.name.clone().unwrap_or_else(random_name);
    let Some(options) = args.proving.worker(name.clone(), &keys, args.slots) else {
        return Err(Failure::input("there is no proving key"));
    };
    let worker = Worker::start(board, keys, options).map_err(Failure::internal)?;
    show(format_args!("{name} works for {}", args.service))?;
    told_to_stop().await?;
    let grace = args.proving.grace();
    tokio::task::spawn_blocking(move || worker.stop(grace))
        .await
        .map_err(Failure::internal)
}
