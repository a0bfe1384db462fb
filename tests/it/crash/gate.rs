//! What stands between a process and the outside: it counts every request and can stop the process at any of them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use axum::{Router, body};
use countersign_local::dynamodb::Engine;
use tokio::sync::watch;
use tower::ServiceExt;

/// What happens at a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Moment {
    /// The process stops, and the request had no effect.
    Before,
    /// The process stops, and the request had its effect.
    After,
    /// The request is refused as one too many, as often as a client tries it. The process goes on.
    Refused,
    /// The request has its effect, and half of its answer gets lost. The process goes on.
    Broken,
}

/// Where something happens: at which request, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stop {
    pub(super) step: usize,
    pub(super) moment: Moment,
}

/// How often a process's client asks DynamoDB before it gives up.
pub(super) const TRIES: usize = 2;

/// The gate. Clones share everything.
#[derive(Clone)]
pub(super) struct Gate {
    inner: Arc<Inner>,
}

struct Inner {
    database: Engine,
    state: Mutex<Counted>,
    stops: watch::Sender<usize>,
    outside: Mutex<Option<Router>>,
}

#[derive(Default)]
struct Counted {
    steps: Vec<String>,
    stop: Option<Stop>,
    /// So many requests to DynamoDB are still refused.
    refused: usize,
}

impl Gate {
    /// Opens a gate; answers with it and its address. Requests to DynamoDB go to `database`, those below `/sandbox` to what
    /// [`Gate::lead_to`] names, and neither is kept waiting.
    pub(super) async fn open(database: Engine) -> (Self, String) {
        let (state, stops, outside) = (Mutex::default(), watch::Sender::new(0), Mutex::default());
        let gate = Self { inner: Arc::new(Inner { database, state, stops, outside }) };
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
        *self.state() = Counted { stop, ..Counted::default() };
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

    /// Counts a request; says what happens at it.
    fn count(&self, step: String) -> Option<Moment> {
        let mut state = self.state();
        if state.refused > 0 && !step.contains(' ') {
            state.refused -= 1;
            return Some(Moment::Refused);
        }
        let is_database = !step.contains(' ');
        state.steps.push(step);
        let now = state.steps.len();
        let stop = state.stop.filter(|stop| stop.step == now)?;
        state.stop = None;
        if stop.moment == Moment::Refused && is_database {
            state.refused = TRIES - 1;
        }
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
    match stop {
        Some(Moment::Before) => {
            gate.stop();
            return std::future::pending().await;
        }
        Some(Moment::Refused) => return refusal(&headers),
        _ => {}
    }
    // The effect does not depend on whether anybody waits for the answer.
    let passed = tokio::spawn(forward(gate.clone(), method, uri, headers, body));
    let answer = passed.await.unwrap();
    match stop {
        Some(Moment::After) => {
            gate.stop();
            std::future::pending().await
        }
        Some(Moment::Broken) => half(answer),
        _ => answer,
    }
}

/// One request too many, as DynamoDB says it, and as everybody else does.
fn refusal(headers: &HeaderMap) -> Response {
    if headers.contains_key("x-amz-target") {
        let body = r#"{"__type":"com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException","message":"slow down"}"#;
        return (StatusCode::BAD_REQUEST, [("content-type", "application/x-amz-json-1.0")], body).into_response();
    }
    (StatusCode::SERVICE_UNAVAILABLE, "busy").into_response()
}

/// The answer with a body that ends before its end.
fn half(answer: Response) -> Response {
    let (mut parts, _) = answer.into_parts();
    parts.headers.remove("content-length");
    let pieces = [Ok(Bytes::from_static(b"{")), Err(std::io::Error::other("the line is cut"))];
    Response::from_parts(parts, Body::from_stream(futures_util::stream::iter(pieces)))
}

async fn forward(gate: Gate, method: Method, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    if let Some(target) = headers.get("x-amz-target") {
        let text = std::str::from_utf8(&body).unwrap();
        let answer = gate.inner.database.call(target.to_str().unwrap(), text).await;
        let status = StatusCode::from_u16(answer.status).unwrap();
        return (status, [("content-type", "application/x-amz-json-1.0")], answer.body).into_response();
    }
    let outside = gate.inner.outside.lock().unwrap().clone();
    let Some(outside) = outside else { return StatusCode::BAD_GATEWAY.into_response() };
    let mut request = axum::http::Request::builder().method(method).uri(uri).body(Body::from(body)).unwrap();
    *request.headers_mut() = headers;
    let answer = outside.oneshot(request).await.unwrap();
    let (parts, whole) = answer.into_parts();
    (parts.status, parts.headers, body::to_bytes(whole, usize::MAX).await.unwrap()).into_response()
}
