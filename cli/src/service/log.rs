//! What a service and a worker tell of themselves while they run: lines on standard error, for people or for programs.
//!
//! Depends on: `tracing-subscriber`. Where to go next: [`super::serve`] and [`super::worker`], which begin it.

use crate::failure::Failure;
#[cfg(feature = "otel")]
use crate::service::traces::Traces;
use clap::ValueEnum;
use std::io::{IsTerminal, stderr};
use std::path::Path;
use tokio::runtime::Runtime;
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
    /// Send traces to an OpenTelemetry collector: its OTLP over gRPC, such as http://127.0.0.1:4317
    #[cfg(feature = "otel")]
    #[arg(long, value_name = "URL")]
    otlp: Option<String>,
}

/// A process that serves or works: its threads, and its log, which ends with this.
pub struct Process {
    // Dropped first: the last traces are sent by the runtime.
    #[cfg(feature = "otel")]
    _traces: Option<Traces>,
    /// Its threads.
    pub runtime: Runtime,
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
    /// Starts the threads and the log, which begins with the file of options if there is one. What the libraries below say is logged from warnings on.
    ///
    /// # Errors
    /// If the system gives no threads, this process has a log already, or an address is none.
    pub fn begin(&self, options: Option<&Path>) -> Result<Process, Failure> {
        let runtime = Runtime::new().map_err(Failure::internal)?;
        let lines = fmt::layer().with_writer(stderr);
        let lines: Box<dyn Layer<Registry> + Send + Sync> = match self.log {
            Form::Text => Box::new(lines.with_ansi(stderr().is_terminal())),
            Form::Json => Box::new(lines.json().flatten_event(true)),
        };
        let wanted = Targets::new()
            .with_default(self.log_level.min(Level::WARN))
            .with_target("popw", self.log_level);
        let registry = tracing_subscriber::registry().with(lines.with_filter(wanted));
        #[cfg(feature = "otel")]
        let traces = {
            let _within = runtime.enter();
            self.otlp.as_deref().map(Traces::begin).transpose()?
        };
        #[cfg(feature = "otel")]
        let registry = registry.with(traces.as_ref().map(|traces| {
            let ours = Targets::new().with_target("popw", Level::INFO);
            traces.layer().with_filter(ours)
        }));
        registry.try_init().map_err(Failure::internal)?;
        if let Some(file) = options {
            tracing::info!(file = %file.display(), "options");
        }
        Ok(Process {
            #[cfg(feature = "otel")]
            _traces: traces,
            runtime,
        })
    }
}
