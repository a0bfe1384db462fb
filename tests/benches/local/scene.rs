//! The program with a table of so many approvals, its platform, and its callers.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use countersign::clock::World;
use countersign::ids::ConnectionId;
use countersign::providers::ANY_LAYOUT;
use countersign::resources::Connection;
use countersign_local::dynamodb;
use countersign_local::run::{Options, Running, start};
use countersign_tests::desk::{
    AES_KEY, APP_KEY, TEMPLATE, TOKEN, callback_path, connection, instance_event, keys, task_event,
};
use countersign_tests::local::{Api, TempDir};
use dynoxide::storage::Storage;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use tokio::sync::{Notify, oneshot};

use super::filling::fill;

/// DingTalk's start of an instance, and the receiver.
#[derive(Clone, Default)]
struct Others {
    started: Arc<AtomicUsize>,
    approved: Arc<AtomicUsize>,
    grown: Arc<Notify>,
}

impl Others {
    async fn listen(&self) -> String {
        let token = async || Json(json!({"accessToken": "token", "expireIn": 7200}));
        let router = Router::new()
            .route("/v1.0/oauth2/accessToken", post(token))
            .route("/v1.0/workflow/processInstances", post(started))
            .route("/receiver", post(received))
            .with_state(self.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(axum::serve(listener, router).into_future());
        url
    }
}

async fn started(State(others): State<Others>) -> Json<Value> {
    let n = others.started.fetch_add(1, Ordering::SeqCst);
    Json(json!({"instanceId": format!("form-{n:08}-{}", std::process::id())}))
}

async fn received(State(others): State<Others>, body: String) -> StatusCode {
    if body.contains("\"approval.approved\"") {
        others.approved.fetch_add(1, Ordering::SeqCst);
        others.grown.notify_one();
    }
    StatusCode::NO_CONTENT
}

pub(crate) struct Scene {
    api: Api,
    connection: ConnectionId,
    flow: String,
    others: Others,
    program: Program,
    data: TempDir,
    /// Bytes of its file when the measurement begins.
    filled: u64,
}

/// The running program, and how it is ended.
struct Program(Running, oneshot::Sender<()>);

impl Program {
    async fn start(data: &Path) -> Self {
        let (end, ended) = oneshot::channel();
        let options = Options {
            listen: ([127, 0, 0, 1], 0).into(),
            data_dir: data.to_owned(),
            sandbox: false,
            hosts: Vec::new(),
            world: World::system(),
        };
        let running = start(&options, async move { drop(ended.await) }).await.unwrap();
        Self(running, end)
    }

    async fn end(self) {
        self.1.send(()).unwrap();
        self.0.stopped().await.unwrap();
    }
}

impl Scene {
    /// So many approvals that were delivered.
    pub(crate) async fn with(stored: usize) -> Self {
        let (data, others) = (TempDir::new(), Others::default());
        let url = others.listen().await;
        let program = Program::start(data.path()).await;
        let key = program.0.bootstrapped.new_key.as_ref().unwrap().expose_secret().to_owned();
        let (connection, flow) = configure(&Api::new(program.0.url.clone(), key.clone()), &program.0, &url).await;
        let first = Self {
            api: Api::new(program.0.url.clone(), key.clone()),
            connection,
            flow,
            others,
            program,
            data,
            filled: 0,
        };
        let instances = first.submit(1, 1).await;
        first.decide(instances.clone(), 1).await;
        first.all_delivered(1).await;
        let Self { connection, flow, others, program, data, .. } = first;
        program.end().await;
        fill(&data.path().join(dynamodb::FILE), &instances[0], stored);
        let filled = bytes(data.path());
        let program = Program::start(data.path()).await;
        Self { api: Api::new(program.0.url.clone(), key), connection, flow, others, program, data, filled }
    }

    /// Submits so many; answers with their instances.
    pub(crate) async fn submit(&self, count: usize, callers: usize) -> Vec<String> {
        let body = json!({
            "title": "Read access to orders", "reason": "monthly report", "applicant": {"account": "0123456789"},
            "flow": self.flow,
        });
        let one = async |api: &Api, (): ()| {
            let answer = api.submit(&body).await;
            assert_eq!((answer.status, &answer.json["status"]), (201, &json!("pending")), "{}", answer.text);
            answer.json["stages"][0]["instance"].as_str().unwrap().to_owned()
        };
        self.spread(vec![(); count], callers, one).await
    }

    /// Sends for each instance what DingTalk sends last: the decision.
    pub(crate) async fn decide(&self, instances: Vec<String>, callers: usize) {
        let one = async |api: &Api, instance: String| {
            for event in [
                task_event(&instance, 1, "manager4220", "finish", Some("agree")),
                instance_event(&instance, "finish", Some("agree")),
            ] {
                self.push(api, &event).await;
            }
        };
        self.spread(instances, callers, one).await;
    }

    async fn push(&self, api: &Api, event: &Value) {
        let keys = keys(TOKEN, AES_KEY);
        let encrypt = keys.encrypt(*b"0123456789abcdef", event.to_string().as_bytes(), APP_KEY.as_bytes());
        let timestamp = World::system().now().to_string();
        let signature = keys.signature(&timestamp, "nonce", &encrypt);
        let path = callback_path(&self.connection, &signature, &timestamp, "nonce");
        let body = json!({"encrypt": encrypt}).to_string();
        let answer = api.send("POST", &path, &[("content-type", "application/json")], body).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
    }

    async fn spread<I, O>(&self, work: Vec<I>, callers: usize, one: impl AsyncFn(&Api, I) -> O) -> Vec<O> {
        let work = Mutex::new(VecDeque::from(work));
        let caller = async || {
            let mut done = Vec::new();
            loop {
                let Some(next) = work.lock().unwrap().pop_front() else { return done };
                done.push(one(&self.api, next).await);
            }
        };
        let callers = (0..callers).map(|_| caller());
        futures_util::future::join_all(callers).await.into_iter().flatten().collect()
    }

    /// Waits until so many ends arrived, since the program has its table.
    pub(crate) async fn all_delivered(&self, count: usize) {
        // The first one was delivered before the table was filled.
        let count = if self.others.started.load(Ordering::SeqCst) > 1 { count + 1 } else { count };
        while self.others.approved.load(Ordering::SeqCst) < count {
            self.others.grown.notified().await;
        }
    }

    /// Shows what the program takes when nothing happens.
    pub(crate) async fn idle(&self) {
        let before = super::processor();
        tokio::time::sleep(std::time::Duration::from_secs(60)).await;
        let percent = (super::processor() - before).as_secs_f64() / 60.0 * 100.0;
        println!("idle for a minute: {percent:.2} % of a core");
    }

    /// Ends the program; answers with the bytes by which its file has grown since the table was filled.
    pub(crate) async fn end(self) -> u64 {
        self.program.end().await;
        bytes(self.data.path()) - self.filled
    }
}

/// The bytes of the table's file that hold something. Pages that changes stood in which were dealt with are free for the next ones.
fn bytes(data: &Path) -> u64 {
    let storage = Storage::new(data.join(dynamodb::FILE).to_str().unwrap()).unwrap();
    let number =
        |pragma: &str| -> u64 { storage.conn().query_row(&format!("PRAGMA {pragma}"), [], |row| row.get(0)).unwrap() };
    (number("page_count") - number("freelist_count")) * number("page_size")
}

/// A connection to the DingTalk and a source that is told.
async fn configure(api: &Api, running: &Running, url: &str) -> (ConnectionId, String) {
    let mut made = connection(APP_KEY, TOKEN, AES_KEY);
    made["settings"]["endpoint"] = json!(url);
    let id = api.make("/v1/connections", &made).await["id"].as_str().unwrap().to_owned();
    let stored = running.app.store.get_unscoped::<Connection>(&id).await.unwrap();
    let (mut value, version) = (stored.value, stored.version);
    value.templates.insert(ANY_LAYOUT.to_owned(), TEMPLATE.to_owned());
    running.app.store.update(&value, version).await.unwrap();
    let source = json!({"name": "App", "format": "native", "callback_url": format!("{url}/receiver")});
    api.make("/v1/sources", &source).await;
    let node = json!({"name": "Owner", "mode": "any", "approvers": [{"account": "manager4220"}]});
    let flow = json!({"name": "One approver", "stages": [{"connection": id, "nodes": [node]}]});
    let flow = api.make("/v1/flows", &flow).await["id"].as_str().unwrap().to_owned();
    (value.id, flow)
}
