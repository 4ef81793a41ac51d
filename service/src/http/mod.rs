//! The status page, metrics and probes over HTTP, for browsers, Prometheus and whoever restarts processes.
//!
//! | path | what it is |
//! |---|---|
//! | `/` | the status page: files of this binary, nothing from elsewhere |
//! | `/events` | what the page shows, once a second, as server-sent events |
//! | `/metrics` | the metrics, as OpenMetrics text |
//! | `/healthz` | 200 while the process serves |
//! | `/readyz` | 200 while the store answers too |
//!
//! Where callers have to say who they are, all but the probes want the scope `admin`: an API key or a token as `Bearer`, or as the password of `Basic`, which browsers ask for.
//!
//! Depends on: [`crate::queue`], [`crate::auth`]. Where to go next: [`page`], what is shown; [`crate::metrics`].

pub mod page;

use crate::auth::{Authenticator, Scope};
use crate::queue::Queue;
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use base64::prelude::{BASE64_STANDARD, Engine};
use page::Page;
use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_stream::wrappers::WatchStream;
use tokio_stream::{Stream, StreamExt};

/// How long the store has to answer a probe.
const PROBE: Duration = Duration::from_secs(2);

/// What the page may load: its own script and style, and nothing from elsewhere.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

#[derive(Clone)]
struct Shared {
    queue: Arc<Queue>,
    authenticator: Authenticator,
    page: Arc<Page>,
}

/// Serves until `stop`.
///
/// # Errors
/// If the listener fails.
pub async fn serve(
    listener: TcpListener,
    queue: Arc<Queue>,
    authenticator: Authenticator,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let shared = Shared {
        page: Arc::new(Page::start(&queue)),
        queue,
        authenticator,
    };
    let shown = Router::new()
        .route(
            "/",
            get(|| file("text/html; charset=utf-8", include_str!("status.html"))),
        )
        .route(
            "/status.css",
            get(|| file("text/css", include_str!("status.css"))),
        )
        .route(
            "/status.js",
            get(|| file("text/javascript", include_str!("status.js"))),
        )
        .route("/events", get(events))
        .route("/metrics", get(metrics))
        .layer(middleware::from_fn_with_state(shared.clone(), admit));
    let probes = Router::new()
        .route("/healthz", get(|| async { "serving\n" }))
        .route("/readyz", get(ready));
    let router = shown.merge(probes).with_state(shared);
    axum::serve(listener, router).with_graceful_shutdown(stop).await
}

/// Lets administrators in, and everybody on this machine where nobody has to say who they are.
async fn admit(State(shared): State<Shared>, request: Request<Body>, next: Next) -> Response {
    let head = request.headers();
    let is_in = match shared.authenticator.is_closed() {
        true => {
            let identity = bearer(head).and_then(|shown| shared.authenticator.bearer(&shown).ok());
            identity.is_some_and(|identity| identity.may(Scope::Admin))
        }
        // A page from elsewhere whose name leads to this machine is not the machine's user.
        false => names_this_machine(head),
    };
    if is_in {
        return next.run(request).await;
    }
    let challenge = [(
        header::WWW_AUTHENTICATE,
        "Basic realm=\"popw\", charset=\"UTF-8\"",
    )];
    let reason = "an administrator's API key or token is needed, as Bearer or as the password of Basic\n";
    match shared.authenticator.is_closed() {
        true => (StatusCode::UNAUTHORIZED, challenge, reason).into_response(),
        false => (StatusCode::FORBIDDEN, "the service was asked by another name\n").into_response(),
    }
}

/// The API key or token that a caller shows.
fn bearer(head: &HeaderMap) -> Option<String> {
    let shown = head.get(header::AUTHORIZATION)?.to_str().ok()?;
    if let Some(key) = shown.strip_prefix("Bearer ") {
        return Some(key.to_owned());
    }
    let user_and_key = BASE64_STANDARD.decode(shown.strip_prefix("Basic ")?).ok()?;
    let user_and_key = String::from_utf8(user_and_key).ok()?;
    user_and_key.split_once(':').map(|(_, key)| key.to_owned())
}

fn names_this_machine(head: &HeaderMap) -> bool {
    let named = head.get(header::HOST).and_then(|host| host.to_str().ok());
    named.is_some_and(|host| {
        let name = host
            .rsplit_once(':')
            .map_or(host, |(name, port)| match port.ends_with(']') {
                true => host,
                false => name,
            });
        let address = name
            .trim_start_matches('[')
            .trim_end_matches(']')
            .parse::<IpAddr>();
        name == "localhost" || address.is_ok_and(|address| address.is_loopback())
    })
}

async fn file(kind: &'static str, text: &'static str) -> impl IntoResponse {
    let head = [
        (header::CONTENT_TYPE, kind),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CACHE_CONTROL, "no-cache"),
    ];
    (head, text)
}

async fn events(State(shared): State<Shared>) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    // Whoever reads slowly misses some; nothing waits for them.
    let states = WatchStream::new(shared.page.watch());
    let states = states.filter(|state| !state.is_empty());
    Sse::new(states.map(|state| Ok(Event::default().data(&*state)))).keep_alive(KeepAlive::default())
}

async fn metrics(State(shared): State<Shared>) -> Response {
    match shared.queue.metrics_text().await {
        Ok(text) => {
            let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
            let mut response = text.into_response();
            let head = response.headers_mut();
            head.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
            response
        }
        Err(error) => {
            tracing::error!(%error, "metrics");
            let told = "the store cannot be used at the moment\n";
            (StatusCode::SERVICE_UNAVAILABLE, told).into_response()
        }
    }
}

async fn ready(State(shared): State<Shared>) -> (StatusCode, &'static str) {
    match tokio::time::timeout(PROBE, shared.queue.is_paused()).await {
        Ok(Ok(_)) => (StatusCode::OK, "ready\n"),
        _ => (StatusCode::SERVICE_UNAVAILABLE, "the store does not answer\n"),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn only_names_of_this_machine_are_this_machine() {
        let head = |host: &str| HeaderMap::from_iter([(header::HOST, host.parse().unwrap())]);
        for host in [
            "localhost",
            "localhost:7421",
            "127.0.0.1:7421",
            "127.8.0.1",
            "[::1]:7421",
            "[::1]",
        ] {
            assert!(names_this_machine(&head(host)), "{host}");
        }
        for host in [
            "evil.example",
            "evil.example:7421",
            "localhost.evil.example",
            "10.0.0.1",
            "",
        ] {
            assert!(!names_this_machine(&head(host)), "{host}");
        }
        assert!(!names_this_machine(&HeaderMap::new()));
    }

    #[test]
    fn a_key_is_shown_in_two_ways() {
        let head = |text: &str| HeaderMap::from_iter([(header::AUTHORIZATION, text.parse().unwrap())]);
        assert_eq!(bearer(&head("Bearer popw_1")).as_deref(), Some("popw_1"));
        let basic = format!("Basic {}", BASE64_STANDARD.encode("me:popw_1:2"));
        assert_eq!(bearer(&head(&basic)).as_deref(), Some("popw_1:2"));
        for wrong in ["popw_1", "Basic ?", "Basic ", "Digest x"] {
            assert_eq!(bearer(&head(wrong)), None, "{wrong}");
        }
    }
}
