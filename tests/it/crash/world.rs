//! A table, the sandbox, and processes that can be stopped at any request.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::types::AttributeValue;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Router, body};
use countersign::crypto::seal::Sealer;
use countersign::engine::App;
use countersign::engine::sweep::sweep;
use countersign::providers::outbound::{AddressPolicy, Outbound};
use countersign::resources::bootstrap;
use countersign::settings::Settings;
use countersign::store::{DataKey, Key, Store, create_table};
use countersign_local::dynamodb::{self, Engine};
use countersign_local::{changes, seed};
use countersign_sandbox::{Sandbox, SandboxConfig};
use countersign_tests::http::{Answer, Client};
use countersign_tests::local::TempDir;
use countersign_tests::{MovedClock, in_memory, within};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use tower::ServiceExt;

use super::gate::{Gate, TRIES};

const TABLE: &str = "crash";

/// The kind of a stage on the built-in platform.
pub(super) const HERE: &str = "builtin";

/// Everything that outlives a process.
pub(super) struct World {
    pub(super) gate: Gate,
    pub(super) clock: Arc<MovedClock>,
    pub(super) sandbox: Sandbox,
    pub(super) owner: String,
    url: String,
    engine: Engine,
    /// What looks at the outcome: neither counted nor stopped.
    looking: App,
    app: Arc<Mutex<App>>,
    data: TempDir,
}

impl World {
    /// A new organisation with a connection to each platform of the sandbox, as at a first start.
    pub(super) async fn new() -> Self {
        let data = TempDir::new();
        std::fs::create_dir_all(data.path()).unwrap();
        let engine = in_memory();
        let (gate, url) = Gate::open(engine.clone()).await;
        let clock = Arc::new(MovedClock::default());
        create_table(&within(&engine), TABLE).await.unwrap();
        let app = process(&url, &clock);
        let bootstrapped = bootstrap(&app.store, &app.world, None).await.unwrap();
        let owner = bootstrapped.new_key.unwrap().expose_secret().to_owned();
        let config = SandboxConfig { data_dir: data.path().to_owned(), public_url: url.clone() };
        let sandbox = Sandbox::open(&config, clock.world()).unwrap();
        let org = bootstrapped.org;
        let looking = app_with(within(&engine), &url, clock.world());
        let world =
            Self { gate, clock, sandbox, owner, url, looking, engine, app: Arc::new(Mutex::new(app.clone())), data };
        world.gate.lead_to(world.outside());
        seed::seed(&app, &world.sandbox, &org, world.data.path()).await.unwrap();
        world
    }

    /// What is not DynamoDB: the sandbox, and our own callbacks, which the process that runs just then takes.
    fn outside(&self) -> Router {
        let state = (self.gate.clone(), Arc::clone(&self.app), self.url.clone());
        self.sandbox.router().fallback_service(Router::new().fallback(callback).with_state(state))
    }

    pub(super) fn app(&self) -> App {
        self.app.lock().unwrap().clone()
    }

    /// A new process: nothing that the one before had in memory is left.
    pub(super) fn restart(&self) {
        *self.app.lock().unwrap() = process(&self.url, &self.clock);
    }

    /// Lets a process work until it is done or stopped; `None` when it was stopped. The next one is a new one.
    async fn run<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let mut stops = self.gate.stops();
        tokio::select! {
            done = work => Some(done),
            _ = stops.changed() => {
                self.restart();
                None
            }
        }
    }

    /// Calls our API.
    pub(super) async fn call(&self, method: &str, path: &str, key: Option<&str>, body: &Value) -> Option<Answer> {
        let app = self.app();
        let router = countersign_submit::routes(app.clone())
            .merge(countersign_approvals::routes(app.clone()))
            .merge(countersign_config::routes(app));
        let client = Client { router, key: self.owner.clone() };
        let mut headers = vec![("content-type", "application/json")];
        headers.extend(key.map(|key| ("idempotency-key", key)));
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.run(client.send(method, path, &headers, body)).await
    }

    /// Calls our API in a process that is not counted and does not stop: for looking at the outcome.
    pub(super) async fn ours(&self, method: &str, path: &str, body: &Value) -> Value {
        let app = self.looking.clone();
        let router = countersign_approvals::routes(app.clone()).merge(countersign_config::routes(app));
        let client = Client { router, key: self.owner.clone() };
        let answer = client.call(method, path, body).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
        answer.json
    }

    /// Hands what changed in the table to dispatch.
    pub(super) async fn dispatch(&self) -> Option<()> {
        let mut reader = changes::Reader::new(self.app(), self.engine.clone());
        // A change that fails comes again: the next call hands it in again.
        self.run(reader.drain()).await.map(drop)
    }

    /// Deals with what is due.
    pub(super) async fn sweep(&self) -> Option<usize> {
        let app = self.app();
        // What cannot be looked up now is looked up in the next round.
        self.run(async { sweep(&app).await.unwrap_or(1) }).await
    }

    /// One turn of everything that goes on by itself.
    pub(super) async fn turn(&self) {
        // The process that takes the callbacks stops by itself: see [`callback`].
        self.sandbox.deliver_due().await;
        self.dispatch().await;
        if self.sweep().await != Some(0) {
            self.dispatch().await;
        }
    }

    /// Calls the sandbox, as a person or a test does.
    pub(super) async fn sandbox(&self, method: &str, path: &str, body: &Value) -> Value {
        let client = Client { router: self.sandbox.router(), key: String::new() };
        let answer = client.call(method, path, body).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
        answer.json
    }

    /// Calls the sandbox; says whether it took it.
    pub(super) async fn try_sandbox(&self, path: &str, body: &Value) -> bool {
        let client = Client { router: self.sandbox.router(), key: String::new() };
        client.call("POST", path, body).await.status == 200
    }

    /// The id of the connection to a platform.
    pub(super) async fn connection(&self, kind: &str) -> String {
        let listed = self.ours("GET", "/v1/connections", &Value::Null).await;
        let found = listed["items"].as_array().unwrap().iter().find(|connection| connection["kind"] == kind);
        found.unwrap()["id"].as_str().unwrap().to_owned()
    }

    /// The id of the member with this mobile number.
    pub(super) async fn member(&self, mobile: &str) -> String {
        let listed = self.ours("GET", "/v1/members", &Value::Null).await;
        let has = |member: &&Value| member["mobile"].as_str().is_some_and(|own| own.ends_with(mobile));
        listed["items"].as_array().unwrap().iter().find(has).unwrap()["id"].as_str().unwrap().to_owned()
    }

    /// The id of a flow with a stage of one node on each of these platforms; it is made when there is none.
    pub(super) async fn flow(&self, kinds: &[&str]) -> String {
        let name = format!("One approver on {}", kinds.join(", "));
        let listed = self.ours("GET", "/v1/flows", &Value::Null).await;
        let found = listed["items"].as_array().unwrap().iter().find(|flow| flow["name"] == json!(name));
        if let Some(found) = found {
            return found["id"].as_str().unwrap().to_owned();
        }
        let mut stages = Vec::new();
        for kind in kinds {
            let node = json!({"name": "Owner", "mode": "any", "approvers": [{"mobile": "13800000001"}]});
            let connection = if *kind == HERE { Value::Null } else { json!(self.connection(kind).await) };
            stages.push(json!({"connection": connection, "nodes": [node]}));
        }
        let made = self.call("POST", "/v1/flows", None, &json!({"name": name, "stages": stages})).await.unwrap();
        assert_eq!(made.status, 201, "{}", made.text);
        made.json["id"].as_str().unwrap().to_owned()
    }

    /// Takes the platforms' access tokens out of the table, so that a process has to fetch them.
    pub(super) async fn forget_tokens(&self) {
        let client = within(&self.engine);
        let found = client.scan().table_name(TABLE).filter_expression("begins_with(pk, :token)");
        let found = found.expression_attribute_values(":token", AttributeValue::S("TOKEN#".to_owned()));
        let store = Store::new(client.clone(), TABLE);
        for item in found.send().await.unwrap().items.unwrap_or_default() {
            store.delete_item(&Key::of(&item).unwrap()).await.unwrap();
        }
    }
}

type Callbacks = (Gate, Arc<Mutex<App>>, String);

/// A platform's callback. A process that is stopped gives no answer; the platform sees a broken connection, here a 502.
async fn callback(State((gate, app, url)): State<Callbacks>, request: Request<Body>) -> Response {
    let current = app.lock().unwrap().clone();
    let clock = current.world.clone();
    let work = countersign_provider_callback::routes(current).oneshot(request);
    let mut stops = gate.stops();
    tokio::select! {
        done = work => {
            let (parts, whole) = done.unwrap().into_parts();
            (parts.status, parts.headers, body::to_bytes(whole, usize::MAX).await.unwrap()).into_response()
        }
        _ = stops.changed() => {
            *app.lock().unwrap() = process_with(&url, clock);
            StatusCode::BAD_GATEWAY.into_response()
        }
    }
}

fn process(url: &str, clock: &Arc<MovedClock>) -> App {
    process_with(url, clock.world())
}

/// What a process begins with. All it asks goes through the gate.
fn process_with(url: &str, world: countersign::clock::World) -> App {
    let retry = RetryConfig::standard().with_max_attempts(u32::try_from(TRIES).unwrap_or(1));
    let retry = retry.with_initial_backoff(Duration::from_millis(1));
    let config = aws_sdk_dynamodb::config::Builder::from(&dynamodb::at(url)).retry_config(retry).build();
    app_with(aws_sdk_dynamodb::Client::from_conf(config), url, world)
}

fn app_with(client: aws_sdk_dynamodb::Client, url: &str, world: countersign::clock::World) -> App {
    let store = Store::new(client, TABLE);
    let settings = Settings {
        table: TABLE.to_owned(),
        public_url: url.to_owned(),
        kms_key: None,
        addresses: AddressPolicy::AllowAll,
        owner_key: None,
    };
    let outbound = Outbound::new(settings.addresses.clone(), Duration::from_secs(5));
    App::new(store, DataKey::ready(Sealer::new(&[7; 32])), world, settings, outbound)
}
