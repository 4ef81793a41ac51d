//! One module for each command of the grammar; each is a function from parsed arguments to an outcome.

pub mod circuit;
pub mod claim;
pub mod coverage;
pub mod export;
#[cfg(feature = "gpu")]
pub mod gpu;
pub mod keys;
pub mod manual;
pub mod prove;
pub mod ptau;
pub mod verify;

use crate::failure::Failure;
use popw_prover::Options;
use popw_prover::backend::by_name;

/// Which compute a command uses, and how much of the machine.
#[derive(clap::Args)]
pub struct Compute {
    /// The compute; if absent, what POPW_BACKEND names, else the machine's fastest
    #[arg(long, value_name = "NAME")]
    backend: Option<String>,
    /// Threads; the machine's if absent
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
}

impl Compute {
    /// Gives what runs outside the prover (reading, verifying, claiming) as many threads. Once, at the beginning of a command.
    ///
    /// # Errors
    /// If the system gives no threads.
    pub fn limit_threads(&self) -> Result<(), Failure> {
        let Some(threads) = self.threads else {
            return Ok(());
        };
        let pool = rayon::ThreadPoolBuilder::new().num_threads(usize::from(threads));
        pool.build_global().map_err(Failure::internal)
    }

    /// The prover's options.
    ///
    /// # Errors
    /// If this machine cannot run the backend.
    pub fn options(&self) -> Result<Options, Failure> {
        let backend = self.backend.as_deref().map(by_name).transpose();
        Ok(Options {
            backend: backend.map_err(Failure::input)?,
            threads: self.threads.map(usize::from),
            ..Options::default()
        })
    }
}
