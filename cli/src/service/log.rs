//! What a service and a worker tell of themselves while they run: lines on standard error, for people or for programs.
//!
//! Depends on: `tracing-subscriber`. Where to go next: [`super::serve`] and [`super::worker`], which begin it.

use crate::failure::Failure;
use clap::ValueEnum;
use std::io::{IsTerminal, stderr};
use tracing::Level;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry, fmt};

/// How the log is written.
#[derive(clap::Args)]
pub struct Log {
    /// The form of the log, on standard error
    #[arg(long, value_enum, value_name = "FORM", default_value_t = Form::Text)]
    log: Form,
    /// The least severe that is logged: error, warn, info, debug or trace
    #[arg(long, value_name = "LEVEL", default_value_t = Level::INFO)]
    log_level: Level,
}

/// The form of a line.
#[derive(Clone, Copy, ValueEnum)]
enum Form {
    /// For people
    Text,
    /// An object of JSON on each line
    Json,
}

impl Log {
    /// Begins the log. What the libraries below say is logged from warnings on.
    ///
    /// # Errors
    /// If this process has a log already.
    pub fn begin(&self) -> Result<(), Failure> {
        let lines = fmt::layer().with_writer(stderr);
        let lines: Box<dyn Layer<Registry> + Send + Sync> = match self.log {
            Form::Text => Box::new(lines.with_ansi(stderr().is_terminal())),
            Form::Json => Box::new(lines.json().flatten_event(true)),
        };
        let wanted = Targets::new()
            .with_default(self.log_level.min(Level::WARN))
            .with_target("popw", self.log_level);
        tracing_subscriber::registry()
            .with(lines.with_filter(wanted))
            .try_init()
            .map_err(Failure::internal)
    }
}
