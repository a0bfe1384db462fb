//! One function as Lambda runs it: its release binary, and a stand-in for the Runtime API that feeds it one event at a
//! time.

use std::collections::HashMap;
use std::fs::File;
use std::path::Path;
use std::process::{Child, Command};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path as UrlPath, State};
use axum::http::StatusCode;
use axum::response::{AppendHeaders, IntoResponse};
use axum::routing::{get, post};
use countersign::clock::World;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::{Mutex, mpsc, oneshot};

/// How long one invocation may take, as the longest time-out of an HTTP function in the template.
const TIMEOUT: Duration = Duration::from_secs(15);

type Answer = Result<Bytes, String>;

/// A running function. It ends when this is dropped.
pub(crate) struct Function {
    name: String,
    process: Child,
    calls: AtomicUsize,
    events: mpsc::Sender<Event>,
    runtime: Arc<Runtime>,
}

/// An event and where its answer goes.
struct Event {
    body: String,
    answer: oneshot::Sender<Answer>,
}

/// What the Runtime API knows.
struct Runtime {
    world: World,
    started: Instant,
    /// How long after its start the function first asked for an event.
    ready_after: OnceLock<Duration>,
    events: Mutex<mpsc::Receiver<Event>>,
    waiting: Mutex<HashMap<String, oneshot::Sender<Answer>>>,
}

impl Function {
    /// Starts the binary `name` of a folder with these variables and nothing else in its environment. What it logs goes
    /// to `<name>.log` in the folder `logs`.
    pub(crate) async fn start(name: &str, binaries: &Path, logs: &Path, variables: &[(&str, &str)]) -> Self {
        let (events, receiver) = mpsc::channel(1);
        let runtime = Arc::new(Runtime {
            world: World::system(),
            started: Instant::now(),
            ready_after: OnceLock::new(),
            events: receiver.into(),
            waiting: Mutex::default(),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let router = runtime.clone().router();
        tokio::spawn(async move { axum::serve(listener, router).await });

        let log = File::create(logs.join(format!("{name}.log"))).unwrap();
        let process = Command::new(binaries.join(name))
            .env_clear()
            .envs(variables.iter().copied())
            .env("AWS_LAMBDA_RUNTIME_API", address)
            .env("AWS_LAMBDA_FUNCTION_NAME", name)
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256")
            .env("AWS_LAMBDA_LOG_GROUP_NAME", "none")
            .env("AWS_LAMBDA_LOG_STREAM_NAME", "none")
            .env("AWS_LAMBDA_LOG_FORMAT", "JSON")
            .env("AWS_LAMBDA_LOG_LEVEL", "INFO")
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap_or_else(|error| panic!("{name} does not start: {error}"));
        Self { name: name.to_owned(), process, calls: AtomicUsize::new(0), events, runtime }
    }

    /// Calls it with an event and waits for the answer.
    pub(crate) async fn invoke(&self, event: &Value) -> Result<Value, String> {
        let failed = |why: &str| format!("{}: {why}", self.name);
        let (answer, answered) = oneshot::channel();
        self.events.send(Event { body: event.to_string(), answer }).await.map_err(|_| failed("gone"))?;
        let answer = tokio::time::timeout(TIMEOUT, answered).await.map_err(|_| failed("no answer in time"))?;
        let body = answer.map_err(|_| failed("gone"))?.map_err(|error| failed(&error))?;
        self.calls.fetch_add(1, Ordering::SeqCst);
        serde_json::from_slice(&body).map_err(|error| failed(&error.to_string()))
    }

    /// The name of its binary.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// How many calls it has answered.
    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    /// How long after its start it first asked for an event; `None` while it has not.
    pub(crate) fn ready_after(&self) -> Option<Duration> {
        self.runtime.ready_after.get().copied()
    }

    /// Its resident memory in bytes: now, and at the most until now.
    pub(crate) fn memory(&self) -> (u64, u64) {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let bytes = |field: &str| {
            let line = status.lines().find(|line| line.starts_with(field)).unwrap();
            line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
        };
        (bytes("VmRSS:"), bytes("VmHWM:"))
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        // Already gone is as good.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Runtime {
    fn router(self: Arc<Self>) -> Router {
        Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{id}/response", post(respond))
            .route("/2018-06-01/runtime/invocation/{id}/error", post(fail))
            .with_state(self)
    }

    async fn settle(&self, id: &str, answer: Answer) -> StatusCode {
        let waiting = self.waiting.lock().await.remove(id);
        let settled = waiting.is_some_and(|waiting| waiting.send(answer).is_ok());
        if settled { StatusCode::ACCEPTED } else { StatusCode::BAD_REQUEST }
    }
}

async fn next(State(runtime): State<Arc<Runtime>>) -> impl IntoResponse {
    runtime.ready_after.get_or_init(|| runtime.started.elapsed());
    let Some(event) = runtime.events.lock().await.recv().await else {
        return Err(StatusCode::GONE);
    };
    let id = format!("{:032x}", u128::from_be_bytes(runtime.world.random()));
    runtime.waiting.lock().await.insert(id.clone(), event.answer);
    let deadline = runtime.world.now() + i64::try_from(TIMEOUT.as_millis()).unwrap();
    let headers = [
        ("lambda-runtime-aws-request-id", id),
        ("lambda-runtime-deadline-ms", deadline.to_string()),
        ("lambda-runtime-invoked-function-arn", "arn:none:lambda:none:000000000000:function:none".to_owned()),
        ("lambda-runtime-trace-id", "Root=1-00000000-000000000000000000000000;Sampled=0".to_owned()),
        ("content-type", "application/json".to_owned()),
    ];
    Ok((AppendHeaders(headers), event.body))
}

async fn respond(State(runtime): State<Arc<Runtime>>, UrlPath(id): UrlPath<String>, body: Bytes) -> StatusCode {
    runtime.settle(&id, Ok(body)).await
}

async fn fail(State(runtime): State<Arc<Runtime>>, UrlPath(id): UrlPath<String>, body: String) -> StatusCode {
    runtime.settle(&id, Err(body)).await
}
