//! The whole local program in the test's process, called through HTTP.

use std::future::pending;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use countersign::clock::World;
use countersign::engine::App;
use countersign_local::run::{Options, Running, start};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use crate::MovedClock;
use crate::http::Answer;

/// Longest wait for something that goes on by itself.
pub const PATIENCE: Duration = Duration::from_secs(15);
/// Pause between two looks.
const LOOK: Duration = Duration::from_millis(20);

/// The people of the sandbox, by their DingTalk accounts; the first approves the seeded flow.
pub const OWNER: &str = "manager4220";
/// Who asks in these tests.
pub const APPLICANT: &str = "0123456789";
/// Somebody else.
pub const SECOND: &str = "266752374326324";
/// One more.
pub const THIRD: &str = "024219523526217765";

/// A folder of its own that goes away with the test.
#[derive(Debug)]
pub struct TempDir(PathBuf);

impl TempDir {
    /// A name that nobody has; the folder is made by who uses it.
    #[must_use]
    pub fn new() -> Self {
        let name = format!("countersign-{:032x}", u128::from_be_bytes(World::system().random()));
        Self(std::env::temp_dir().join(name))
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Default for TempDir {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A caller of a running server.
#[derive(Clone)]
pub struct Api {
    /// Where it is, with no slash at the end.
    pub url: String,
    /// The key that is sent; none where it is empty.
    pub key: String,
    /// The sandbox platform that people act on.
    pub kind: &'static str,
    client: reqwest::Client,
}

impl Api {
    /// A caller with this key.
    ///
    /// # Panics
    /// When there is no HTTP client.
    #[must_use]
    #[expect(clippy::expect_used, reason = "a test cannot go on without it")]
    pub fn new(url: impl Into<String>, key: impl Into<String>) -> Self {
        // Nothing here speaks TLS, and reading the system's certificates takes longer than most calls.
        let client = countersign::crypto::tls::client_builder()
            .tls_certs_only([])
            .no_proxy()
            .timeout(Duration::from_secs(30))
            .build();
        Self { url: url.into(), key: key.into(), kind: "dingtalk", client: client.expect("an HTTP client") }
    }

    /// The same with another key.
    #[must_use]
    pub fn with_key(&self, key: impl Into<String>) -> Self {
        Self { key: key.into(), ..self.clone() }
    }

    /// The same, with people who act on another platform of the sandbox.
    #[must_use]
    pub fn on(&self, kind: &'static str) -> Self {
        Self { kind, ..self.clone() }
    }

    /// The id of the connection that the first start made for the platform.
    ///
    /// # Panics
    /// When there is none.
    pub async fn connection(&self) -> String {
        self.seeded("/v1/connections", "kind", self.kind).await
    }

    /// The id of the flow that the first start made for the platform.
    ///
    /// # Panics
    /// When there is none.
    pub async fn flow(&self) -> String {
        self.seeded("/v1/flows", "name", &format!("One approver on {}", self.kind)).await
    }

    #[expect(clippy::expect_used, reason = "a test cannot go on without it")]
    async fn seeded(&self, path: &str, field: &str, value: &str) -> String {
        let listed = self.get(path).await.json;
        let found = listed["items"].as_array().into_iter().flatten().find(|item| item[field] == value);
        found.and_then(|item| item["id"].as_str()).expect("what the first start made").to_owned()
    }

    /// The path of the platform's control API.
    fn sandbox(&self, path: &str) -> String {
        format!("/sandbox/{}/_/{path}", self.kind)
    }

    /// Calls with JSON, or without a body if it is null.
    ///
    /// # Panics
    /// When there is no answer.
    pub async fn call(&self, method: &str, path: &str, body: &Value) -> Answer {
        let (headers, body) = if body.is_null() {
            (Vec::new(), Vec::new())
        } else {
            (vec![("content-type", "application/json")], body.to_string().into_bytes())
        };
        self.send(method, path, &headers, body).await
    }

    /// Reads.
    ///
    /// # Panics
    /// When there is no answer.
    pub async fn get(&self, path: &str) -> Answer {
        self.call("GET", path, &Value::Null).await
    }

    /// Calls with whatever headers and body.
    ///
    /// # Panics
    /// When there is no answer.
    #[expect(clippy::expect_used, reason = "a test cannot go on without an answer")]
    pub async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: impl Into<Vec<u8>>) -> Answer {
        self.try_send(method, path, headers, body.into()).await.expect("an answer")
    }

    /// Calls, or says that there was no answer.
    ///
    /// # Errors
    /// When the connection broke or timed out.
    ///
    /// # Panics
    /// When the method is none.
    #[expect(clippy::expect_used, reason = "a test cannot go on without it")]
    pub async fn try_send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Result<Answer, reqwest::Error> {
        let method = method.parse().expect("a method");
        let mut request = self.client.request(method, format!("{}{path}", self.url)).body(body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if !self.key.is_empty() {
            request = request.bearer_auth(&self.key);
        }
        let response = request.send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await?;
        let json = serde_json::from_str(&text).unwrap_or_default();
        Ok(Answer { status, headers, text, json })
    }

    /// Submits.
    pub async fn submit(&self, body: &Value) -> Answer {
        self.call("POST", "/v1/approvals", body).await
    }

    /// Submits under an idempotency key.
    pub async fn submit_as(&self, key: &str, body: &Value) -> Answer {
        let headers = [("content-type", "application/json"), ("idempotency-key", key)];
        self.send("POST", "/v1/approvals", &headers, body.to_string()).await
    }

    /// Submits something that is started at once, and answers with the approval.
    ///
    /// # Panics
    /// When it is not pending.
    pub async fn pending(&self, body: &Value) -> Value {
        let answer = self.submit(body).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
        assert_eq!(answer.json["status"], "pending", "{}", answer.text);
        answer.json
    }

    /// Submits as [`Api::pending`] does, and waits until the platform has told all of the start.
    ///
    /// # Panics
    /// When it is not pending, or the callbacks are not sent in time.
    pub async fn settled(&self, body: &Value) -> Value {
        let approval = self.pending(body).await;
        eventually("the callbacks of the start", async || {
            let found = self.instance(instance(&approval)).await;
            let callbacks = found["callbacks"].as_array().cloned().unwrap_or_default();
            let sent = callbacks.iter().filter(|callback| callback["state"] == "delivered").count();
            if sent > 0 && sent == callbacks.len() { Ok(()) } else { Err(found["callbacks"].to_string()) }
        })
        .await;
        self.approval(&approval).await
    }

    /// Makes a configuration resource and answers with all that was answered.
    ///
    /// # Panics
    /// When it is refused.
    pub async fn make(&self, path: &str, body: &Value) -> Value {
        let answer = self.call("POST", path, body).await;
        assert_eq!(answer.status, 201, "{path}: {}", answer.text);
        answer.json
    }

    /// Changes the member who has this account on the platform's connection.
    ///
    /// # Panics
    /// When there is none, or the change is refused.
    #[expect(clippy::expect_used, reason = "a test cannot go on without it")]
    pub async fn change_member(&self, account: &str, change: &Value) {
        let (connection, listed) = (self.connection().await, self.get("/v1/members").await.json);
        let mut items = listed["items"].as_array().into_iter().flatten();
        let member = items.find(|item| item["accounts"][&connection] == account).expect("a member with the account");
        let answer = self.call("PATCH", &format!("/v1/members/{}", id(member)), change).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
    }

    /// The approval as it is now.
    ///
    /// # Panics
    /// When it cannot be read.
    pub async fn approval(&self, approval: &Value) -> Value {
        let answer = self.get(&format!("/v1/approvals/{}", id(approval))).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.json
    }

    /// Waits until an approval has this status.
    ///
    /// # Panics
    /// When it has not in time.
    pub async fn wait_for(&self, approval: &Value, status: &str) -> Value {
        self.wait_until(approval, status, |now| now["status"] == status).await
    }

    /// Waits until an approval is as it should be; `what` is said when it is not in time.
    ///
    /// # Panics
    /// When it is not in time.
    pub async fn wait_until(&self, approval: &Value, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        eventually(what, async || {
            let now = self.approval(approval).await;
            if is_so(&now) { Ok(now) } else { Err(now.to_string()) }
        })
        .await
    }

    /// Acts as a person on the sandbox; answers with the instance.
    ///
    /// # Panics
    /// When the sandbox refuses.
    pub async fn act(&self, instance: &str, user: &str, action: &str, more: &Value) -> Value {
        let answer = self.try_act(instance, user, action, more).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.json
    }

    /// Acts as a person on the sandbox, who may not be allowed to.
    ///
    /// # Panics
    /// When there is no answer.
    pub async fn try_act(&self, instance: &str, user: &str, action: &str, more: &Value) -> Answer {
        let mut deed = json!({"user": user, "action": action});
        if let (Some(deed), Some(more)) = (deed.as_object_mut(), more.as_object()) {
            deed.extend(more.clone());
        }
        self.call("POST", &self.sandbox(&format!("instances/{instance}/act")), &deed).await
    }

    /// Approves the open task of the seeded flow's one approver.
    pub async fn approve(&self, approval: &Value) -> Value {
        self.act(instance(approval), OWNER, "approve", &Value::Null).await
    }

    /// Tells the sandbox what to do wrong.
    ///
    /// # Panics
    /// When the sandbox refuses.
    pub async fn faults(&self, faults: &Value) {
        let answer = self.call("POST", &self.sandbox("faults"), faults).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
    }

    /// Ends all faults.
    pub async fn mend(&self) {
        self.call("DELETE", &self.sandbox("faults"), &Value::Null).await;
    }

    /// Every instance of the sandbox, the newest first.
    pub async fn instances(&self) -> Vec<Value> {
        let answer = self.get(&self.sandbox("instances")).await;
        answer.json["items"].as_array().cloned().unwrap_or_default()
    }

    /// One instance of the sandbox, with everything.
    pub async fn instance(&self, id: &str) -> Value {
        self.get(&self.sandbox(&format!("instances/{id}"))).await.json
    }

    /// What arrived at the receiver for an approval, the oldest first.
    pub async fn deliveries(&self, approval: &Value) -> Vec<Value> {
        let answer = self.get("/sandbox/receiver/_/deliveries").await;
        let mut items = answer.json["items"].as_array().cloned().unwrap_or_default();
        items.retain(|delivery| delivery["body"]["data"]["id"] == approval["id"]);
        items.reverse();
        items
    }

    /// Waits until these types, and no others, have arrived in this order.
    ///
    /// # Panics
    /// When they have not in time.
    pub async fn wait_for_types(&self, approval: &Value, types: &[&str]) -> Vec<Value> {
        eventually("the deliveries", async || {
            let arrived = self.deliveries(approval).await;
            let seen: Vec<&str> = arrived.iter().filter_map(|delivery| delivery["type"].as_str()).collect();
            if seen == types { Ok(arrived) } else { Err(format!("{seen:?}")) }
        })
        .await
    }
}

/// Looks until something is so.
///
/// # Panics
/// When it is not in time; it says what was seen last.
#[expect(clippy::panic, reason = "this is how a test fails")]
pub async fn eventually<T>(what: &str, mut look: impl AsyncFnMut() -> Result<T, String>) -> T {
    let began = Instant::now();
    loop {
        match look().await {
            Ok(found) => return found,
            Err(seen) if began.elapsed() > PATIENCE => panic!("{what}: not in time; last seen: {seen}"),
            Err(_) => tokio::time::sleep(LOOK).await,
        }
    }
}

/// An approval's id.
///
/// # Panics
/// When it has none.
#[must_use]
#[expect(clippy::expect_used, reason = "a test cannot go on without it")]
pub fn id(approval: &Value) -> &str {
    approval["id"].as_str().expect("an id")
}

/// The instance of an approval's first stage.
///
/// # Panics
/// When it has none.
#[must_use]
#[expect(clippy::expect_used, reason = "a test cannot go on without it")]
pub fn instance(approval: &Value) -> &str {
    approval["stages"][0]["instance"].as_str().expect("an instance")
}

/// A submit that the seeded flow takes.
#[must_use]
pub fn request() -> Value {
    json!({"title": "Read access to orders", "reason": "monthly report", "applicant": {"account": APPLICANT}})
}

/// The same with nodes of its own: name, mode, and the approvers' accounts.
#[must_use]
pub fn request_with(nodes: &[(&str, &str, &[&str])]) -> Value {
    let node = |(name, mode, accounts): &(&str, &str, &[&str])| {
        let approvers: Vec<Value> = accounts.iter().map(|account| json!({"account": account})).collect();
        json!({"name": name, "mode": mode, "approvers": approvers})
    };
    let mut body = request();
    body["nodes"] = nodes.iter().map(node).collect();
    body
}

/// A running program with data of its own.
pub struct Local {
    /// Calls as the owner.
    pub api: Api,
    /// What the functions share.
    pub app: App,
    /// Its clock.
    pub clock: Arc<MovedClock>,
    running: Running,
    _data: TempDir,
}

impl Local {
    /// Starts everything, sandbox included. It ends with the test's runtime.
    ///
    /// # Panics
    /// When it does not start.
    #[expect(clippy::expect_used, reason = "a test cannot go on without it")]
    pub async fn start() -> Self {
        let data = TempDir::new();
        let clock = Arc::new(MovedClock::default());
        let options = Options {
            listen: ([127, 0, 0, 1], 0).into(),
            data_dir: data.path().to_owned(),
            sandbox: true,
            hosts: Vec::new(),
            world: clock.world(),
        };
        let running = start(&options, pending()).await.expect("the local program starts");
        let key = running.bootstrapped.new_key.as_ref().expect("the first start makes a key");
        let api = Api::new(running.url.clone(), key.expose_secret());
        Self { api, app: running.app.clone(), clock, running, _data: data }
    }
}

impl Local {
    /// The kinds of the platforms that the sandbox plays.
    #[must_use]
    pub fn platforms(&self) -> Vec<&'static str> {
        self.running.platforms.iter().map(|(kind, _)| *kind).collect()
    }
}

impl std::ops::Deref for Local {
    type Target = Api;

    fn deref(&self) -> &Api {
        &self.api
    }
}
