//! What stands between a process and the outside: it counts every request and can stop the process at any of them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use axum::{Router, body};
use tokio::sync::watch;
use tower::ServiceExt;

/// Whether the request at which a process stops had its effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Moment {
    Before,
    After,
}

/// Where a process is to stop: at which request, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stop {
    pub(super) step: usize,
    pub(super) moment: Moment,
}

/// The gate. Clones share everything.
#[derive(Clone)]
pub(super) struct Gate {
    inner: Arc<Inner>,
}

struct Inner {
    database: String,
    client: reqwest::Client,
    state: Mutex<Counted>,
    stops: watch::Sender<usize>,
    outside: Mutex<Option<Router>>,
}

#[derive(Default)]
struct Counted {
    steps: Vec<String>,
    stop: Option<Stop>,
}

impl Gate {
    /// Opens a gate; answers with it and its address. Requests to DynamoDB go to `database`, those below `/sandbox` to what
    /// [`Gate::lead_to`] names, and neither is kept waiting.
    pub(super) async fn open(database: String) -> (Self, String) {
        let client = reqwest::Client::builder().tls_certs_only([]).no_proxy().build().unwrap();
        let (state, stops, outside) = (Mutex::default(), watch::Sender::new(0), Mutex::default());
        let gate = Self { inner: Arc::new(Inner { database, client, state, stops, outside }) };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(any(pass)).with_state(gate.clone());
        tokio::spawn(axum::serve(listener, router).into_future());
        (gate, url)
    }

    /// Where requests that are not DynamoDB's go.
    pub(super) fn lead_to(&self, outside: Router) {
        *self.inner.outside.lock().unwrap() = Some(outside);
    }

    /// Counts from the beginning, and stops there, if anywhere.
    pub(super) fn arm(&self, stop: Option<Stop>) {
        *self.state() = Counted { steps: Vec::new(), stop };
    }

    /// What was asked since, in order.
    pub(super) fn steps(&self) -> Vec<String> {
        self.state().steps.clone()
    }

    /// How often processes were stopped, to wait on.
    pub(super) fn stops(&self) -> watch::Receiver<usize> {
        self.inner.stops.subscribe()
    }

    /// Whatever runs now is to stop.
    fn stop(&self) {
        self.inner.stops.send_modify(|stops| *stops += 1);
    }

    fn state(&self) -> MutexGuard<'_, Counted> {
        self.inner.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a request; says whether the process stops at it.
    fn count(&self, step: String) -> Option<Moment> {
        let mut state = self.state();
        state.steps.push(step);
        let now = state.steps.len();
        let stop = state.stop.filter(|stop| stop.step == now)?;
        state.stop = None;
        Some(stop.moment)
    }
}

async fn pass(State(gate): State<Gate>, method: Method, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let step = match headers.get("x-amz-target").and_then(|target| target.to_str().ok()) {
        Some(target) => target.rsplit('.').next().unwrap_or(target).to_owned(),
        None => format!("{method} {}", uri.path()),
    };
    // What the platform sends is no step of ours.
    let stop = if uri.path().starts_with("/callbacks/") { None } else { gate.count(step) };
    if stop == Some(Moment::Before) {
        gate.stop();
        return std::future::pending().await;
    }
    // The effect does not depend on whether anybody waits for the answer.
    let passed = tokio::spawn(forward(gate.clone(), method, uri, headers, body));
    let answer = passed.await.unwrap();
    if stop == Some(Moment::After) {
        gate.stop();
        return std::future::pending().await;
    }
    answer
}

async fn forward(gate: Gate, method: Method, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    if headers.contains_key("x-amz-target") {
        let url = format!("{}{}", gate.inner.database, uri.path());
        let sent = gate.inner.client.request(method, url).headers(headers).body(body).send().await.unwrap();
        let (status, headers) = (sent.status(), sent.headers().clone());
        return (status, headers, sent.bytes().await.unwrap()).into_response();
    }
    let outside = gate.inner.outside.lock().unwrap().clone();
    let Some(outside) = outside else { return StatusCode::BAD_GATEWAY.into_response() };
    let mut request = axum::http::Request::builder().method(method).uri(uri).body(Body::from(body)).unwrap();
    *request.headers_mut() = headers;
    let answer = outside.oneshot(request).await.unwrap();
    let (parts, whole) = answer.into_parts();
    (parts.status, parts.headers, body::to_bytes(whole, usize::MAX).await.unwrap()).into_response()
}
