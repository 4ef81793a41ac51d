//! Traces for OpenTelemetry: each call and each proof with its phases is a span, sent over OTLP. With the feature `otel`.
//!
//! Depends on: `opentelemetry-otlp`, `tracing-opentelemetry`. Where to go next: [`super::log`], which begins it.

use crate::failure::Failure;
use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::{SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SdkTracerProvider, Tracer};
use tracing::Subscriber;
use tracing_opentelemetry::OpenTelemetryLayer;
use tracing_subscriber::registry::LookupSpan;

/// The name under which collectors know the service.
const NAME: &str = "popw";

/// Sends spans until it is dropped; what it has then is sent first.
pub struct Traces(SdkTracerProvider);

impl Traces {
    /// To a collector's OTLP over gRPC. To be called within a runtime, which drives the connection.
    ///
    /// # Errors
    /// `Input` if the address is none.
    pub fn begin(url: &str) -> Result<Self, Failure> {
        let exporter = SpanExporter::builder().with_tonic().with_endpoint(url).build();
        let exporter = exporter.map_err(|error| Failure::input(format!("{url}: {error}")))?;
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_resource(Resource::builder().with_service_name(NAME).build());
        Ok(Self(provider.build()))
    }

    /// What turns the program's spans into OpenTelemetry's.
    pub fn layer<S: Subscriber + for<'a> LookupSpan<'a>>(&self) -> OpenTelemetryLayer<S, Tracer> {
        tracing_opentelemetry::layer().with_tracer(self.0.tracer(NAME))
    }
}

impl Drop for Traces {
    fn drop(&mut self) {
        // A collector that is away costs the last spans.
        let _ = self.0.shutdown();
    }
}
