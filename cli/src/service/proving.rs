//! What a service and a worker on another machine have in common: proving keys, memory, and being told to stop.

use crate::commands::Compute;
use crate::commands::keys::{Circuit, ceremony};
use crate::failure::Failure;
use crate::screen::show;
use popw_prover::{DevKey, Watch};
use popw_service::keys::Keys;
use popw_service::memory::available;
use popw_service::worker::WorkerOptions;
use rand::rngs::OsRng;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Keys, memory, and how to stop.
#[derive(clap::Args)]
pub struct Proving {
    /// A proving key; more than one may be given, besides those of the folder
    #[arg(long, value_name = "KEY")]
    key: Vec<PathBuf>,
    /// A circuit to prove with a dev key, which is made when first needed and cached: a name such as uptime:N=16,W=8,S=144, or an .r1cs file
    #[arg(long, value_name = "CIRCUIT")]
    dev: Vec<Circuit>,
    /// Memory for proofs; four fifths of the machine's, or of its control group's, if absent
    #[arg(long, value_name = "MIB")]
    memory: Option<u64>,
    /// How long proofs that are under way have when the process is told to stop
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    grace: u64,
    #[command(flatten)]
    compute: Compute,
}

impl Proving {
    /// Opens the keys, those of a folder first, and says which they are.
    ///
    /// # Errors
    /// `Input` if one cannot be used, or there is none.
    pub fn keys(&self, folder: &Path) -> Result<Keys, Failure> {
        self.compute.limit_threads()?;
        let options = self.compute.options()?;
        let mut paths = Keys::files(folder).map_err(Failure::input)?;
        paths.extend(self.key.iter().cloned());
        for circuit in &self.dev {
            let r1cs = ceremony::circuit_file(circuit)?;
            eprintln!("the dev key of {circuit}: from the cache, or made now");
            let cached = DevKey::cached(&r1cs, &mut OsRng, &options, &Watch::silent());
            paths.push(cached.map_err(Failure::internal)?.0);
        }
        if paths.is_empty() {
            return Err(Failure::input(format!(
                "there is no proving key: put .zkey files into {}, or give --key or --dev",
                folder.display()
            )));
        }
        let keys = Keys::new(folder.to_owned(), options);
        for path in &paths {
            let key = keys.open(path).map_err(Failure::input)?;
            show(format_args!("key {}: {}", key.file, key.name))?;
            if key.is_dev {
                eprintln!(
                    "warning: {}: grade dev, whoever made this key can forge proofs",
                    key.file
                );
            }
        }
        Ok(keys)
    }

    /// A worker that proves so many jobs at once with these keys. None if it is to prove none.
    pub fn worker(&self, name: String, keys: &Keys, slots: u16) -> Option<WorkerOptions> {
        let key = keys.all().into_iter().next().filter(|_| slots > 0)?;
        Some(WorkerOptions {
            name,
            backend: key.prover.backend().name().to_owned(),
            threads: u32::try_from(key.prover.threads()).unwrap_or(u32::MAX),
            slots: usize::from(slots),
            memory: self
                .memory
                .map_or_else(available, |mebibytes| mebibytes.saturating_mul(1 << 20)),
        })
    }

    /// How long proofs that are under way have when the process is told to stop.
    pub fn grace(&self) -> Duration {
        Duration::from_secs(self.grace)
    }
}

/// Returns when the process is told to stop, by SIGTERM or SIGINT.
///
/// # Errors
/// If the system does not say.
pub async fn told_to_stop() -> Result<(), Failure> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate()).map_err(Failure::internal)?;
        tokio::select! {
            result = tokio::signal::ctrl_c() => result.map_err(Failure::internal)?,
            _ = terminate.recv() => {}
        }
        show("stopping")
    }
    #[cfg(not(unix))]
    {
        tokio::signal::ctrl_c().await.map_err(Failure::internal)?;
        show("stopping")
    }
}
