//! [`CallsLayer`]: counts calls and the time until their answers begin, by method and status code.
//!
//! Depends on: [`crate::metrics`]. Where to go next: [`crate::server`], which puts it around all services.

use crate::proto::DESCRIPTORS;
use crate::queue::Queue;
use prost::Message;
use prost_types::FileDescriptorSet;
use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;
use tonic::Code;
use tonic::codegen::http::{HeaderMap, Request, Response};
use tower_layer::Layer;
use tower_service::Service;
use tracing::Span;

/// The method of a call to a service that is not ours, health and reflection among them.
const OTHER: &str = "other";

/// See the module.
#[derive(Clone)]
pub struct CallsLayer(Arc<Shared>);

struct Shared {
    queue: Arc<Queue>,
    /// `Service/Method` by path: whatever else callers ask for is no label.
    methods: HashMap<String, String>,
}

impl CallsLayer {
    /// Counts in a queue's metrics.
    pub fn new(queue: Arc<Queue>) -> Self {
        // What protox wrote can be read.
        let files = FileDescriptorSet::decode(DESCRIPTORS).unwrap_or_default().file;
        let mut methods = HashMap::new();
        for file in &files {
            for service in &file.service {
                for method in &service.method {
                    let label = format!("{}/{}", service.name(), method.name());
                    methods.insert(format!("/{}.{label}", file.package()), label);
                }
            }
        }
        Self(Arc::new(Shared { queue, methods }))
    }
}

impl<S> Layer<S> for CallsLayer {
    type Service = Calls<S>;

    fn layer(&self, inner: S) -> Calls<S> {
        Calls {
            inner,
            shared: self.0.clone(),
        }
    }
}

/// A service whose calls are counted.
#[derive(Clone)]
pub struct Calls<S> {
    inner: S,
    shared: Arc<Shared>,
}

impl<S, B, R> Service<Request<B>> for Calls<S>
where
    S: Service<Request<B>, Response = Response<R>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Call<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let method = self.shared.methods.get(request.uri().path());
        let method = method.map_or(OTHER, String::as_str);
        let span = tracing::info_span!("call", otel.name = method);
        let _within = span.enter();
        Call {
            method: method.to_owned(),
            span: span.clone(),
            started: Instant::now(),
            shared: self.shared.clone(),
            inner: Box::pin(self.inner.call(request)),
        }
    }
}

/// A call that is not answered yet.
pub struct Call<F> {
    inner: Pin<Box<F>>,
    method: String,
    span: Span,
    started: Instant,
    shared: Arc<Shared>,
}

impl<F, R, E> Future for Call<F>
where
    F: Future<Output = Result<Response<R>, E>>,
{
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let span = self.span.clone();
        let _within = span.enter();
        let answer = ready!(self.inner.as_mut().poll(context));
        let code = answer
            .as_ref()
            .map_or(Code::Unknown, |answer| code(answer.headers()));
        let metrics = self.shared.queue.metrics();
        metrics.called(&self.method, format!("{code:?}"), self.started.elapsed());
        Poll::Ready(answer)
    }
}

/// An answer without a message has its code in its head; any other has begun well.
fn code(head: &HeaderMap) -> Code {
    head.get("grpc-status")
        .map_or(Code::Ok, |code| Code::from_bytes(code.as_bytes()))
}
