//! The traces of `popw serve`, as an OpenTelemetry collector sees them.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]
#![cfg(feature = "otel")]

mod common;

use common::{Service, port, prove, temporary, text, witness};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::trace::v1::Span;
use std::process::Command;
use std::sync::{Arc, Mutex};
use tokio::runtime::Runtime;
use tonic::transport::Server;
use tonic::{Request, Response, Status};

/// Keeps what it is sent.
#[derive(Clone, Default)]
struct Collector(Arc<Mutex<Vec<Span>>>);

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let resources = request.into_inner().resource_spans.into_iter();
        let spans = resources
            .flat_map(|resource| resource.scope_spans)
            .flat_map(|scope| scope.spans);
        self.0.lock().unwrap().extend(spans);
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

#[test]
fn a_proof_is_a_trace_with_its_phases() {
    let (folder, own, collector_port) = (temporary("traces"), port(), port());
    let (collector, runtime) = (Collector::default(), Runtime::new().unwrap());
    let server = Server::builder().add_service(TraceServiceServer::new(collector.clone()));
    runtime.spawn(server.serve(([127, 0, 0, 1], collector_port).into()));
    let witness = witness(&folder, 1);
    let otlp = format!("http://127.0.0.1:{collector_port}");
    let mut service = Service::with(&folder.join("data"), own, &["--otlp", &otlp]);
    let url = format!("http://127.0.0.1:{own}");
    let output = prove(&url, &witness, &folder, "traced", "60").output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    // What it has not sent yet it sends before it ends.
    let stopped = Command::new("kill").arg(service.id().to_string()).status();
    assert!(stopped.unwrap().success());
    while !service.has_ended() {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    let spans = collector.0.lock().unwrap().clone();
    let named = |name: &str| -> Vec<&Span> { spans.iter().filter(|span| span.name == name).collect() };
    let proofs = named("proof");
    assert_eq!(proofs.len(), 1);
    let has_job = proofs[0]
        .attributes
        .iter()
        .any(|attribute| attribute.key == "job");
    assert!(has_job, "{:?}", proofs[0]);
    for phase in ["witness", "quotient", "witness_sums", "self_verification"] {
        let phases = named(phase);
        assert_eq!(phases.len(), 1, "{phase}");
        assert_eq!(
            phases[0].parent_span_id, proofs[0].span_id,
            "{phase} is a part of the proof"
        );
        assert!(phases[0].end_time_unix_nano <= proofs[0].end_time_unix_nano);
    }
    assert_eq!(named("Prover/SubmitJob").len(), 1);
}
