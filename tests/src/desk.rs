//! All functions on a table of their own, without a network, a stream or a platform: a connection to DingTalk whose
//! callbacks a test makes itself, and approvals that run on it.

use std::sync::Arc;

use countersign::approval::{Approval, DecidedBy, Mode, Node, Person, Stage};
use countersign::crypto::envelope::Keys;
use countersign::engine::App;
use countersign::ids::{ApprovalId, ConnectionId, OrgId, SourceId};
use countersign::providers::ANY_LAYOUT;
use countersign::resources::Connection;
use countersign::store::Store;
use countersign::store::approvals::Record;
use countersign::store::references::Reference;
use countersign::store::requests::{Request, StoredRequest};
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::http::{Answer, Client, owner_key, test_app};
use crate::{TestClock, test_store};

/// When it all happens (milliseconds).
pub const NOW: i64 = 1_790_000_000_000;
/// The secrets of the connection: none of them may be in an answer.
pub const TOKEN: &str = "tokenOfTheDesk01";
/// See [`TOKEN`].
pub const AES_KEY: &str = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQ";
/// See [`TOKEN`].
pub const APP_SECRET: &str = "app-secret-of-the-desk";
/// The connection's app.
pub const APP_KEY: &str = "dingdeskapp";
/// The template that its instances are started from.
pub const TEMPLATE: &str = "PROC-DESK";

/// The functions and one organisation's DingTalk.
pub struct Desk {
    /// Calls as an owner of the organisation.
    pub client: Client,
    /// What the functions share.
    pub app: App,
    /// Its clock.
    pub clock: Arc<TestClock>,
    /// The organisation.
    pub org: OrgId,
    /// Its connection.
    pub connection: ConnectionId,
    /// Its source.
    pub source: SourceId,
}

impl Desk {
    /// The deployment's first organisation, on an empty table.
    ///
    /// # Panics
    /// When it cannot be made.
    pub async fn new() -> Self {
        Self::over(test_store().await).await
    }

    /// The same on this table, which is empty.
    ///
    /// # Panics
    /// When it cannot be made.
    pub async fn over(store: Store) -> Self {
        let clock = TestClock::at(NOW);
        let app = test_app(store, clock.world());
        let key = owner_key(&app).await;
        let client = Client { router: router(&app), key };
        Self::of(client, app, clock).await
    }

    /// Another organisation on the same table.
    ///
    /// # Panics
    /// When it cannot be made.
    #[expect(clippy::expect_used, reason = "a test cannot go on without it")]
    pub async fn another(&self) -> Self {
        let made = self.client.call("POST", "/v1/organizations", &json!({"name": "Other"})).await;
        let key = made.json["owner_key"].as_str().expect("an owner key");
        Self::of(self.client.with_key(key), self.app.clone(), Arc::clone(&self.clock)).await
    }

    /// The same as another process sees it: the same table, with nothing in memory.
    #[must_use]
    pub fn elsewhere(&self) -> Self {
        let app = test_app(self.app.store.metered(), self.app.world.clone());
        let client = Client { router: router(&app), key: self.client.key.clone() };
        let Self { clock, org, connection, source, .. } = self;
        let clock = Arc::clone(clock);
        Self { client, app, clock, org: org.clone(), connection: connection.clone(), source: source.clone() }
    }

    /// One node of so many approvers who all approve at the same time, each through a process of their own. Answers with the
    /// approval and with how often a process had to read it again.
    ///
    /// # Panics
    /// When a callback is not taken in.
    #[expect(clippy::expect_used, reason = "a test cannot go on without it")]
    pub async fn crowd(&self, instance: &str, approvers: usize) -> (ApprovalId, u64) {
        let accounts: Vec<String> = (0..approvers).map(|n| format!("user-{n:02}")).collect();
        let names: Vec<&str> = accounts.iter().map(String::as_str).collect();
        let record = self.running(instance, &[("All", Mode::All, &names)]).await;
        let pushes: Vec<_> = (0..)
            .zip(&accounts)
            .map(|(n, user)| {
                let (desk, event) = (self.elsewhere(), task_event(instance, n, user, "finish", Some("agree")));
                tokio::spawn(async move {
                    let answer = desk.push(&event).await;
                    assert_eq!(answer.status, 200, "{}", answer.text);
                    desk.app.store.meter().spent().writes
                })
            })
            .collect();
        let mut writes = 0;
        for push in pushes {
            writes += push.await.expect("it is answered");
        }
        (record.id, writes - u64::try_from(approvers).unwrap_or_default())
    }

    #[expect(clippy::expect_used, reason = "a test cannot go on without it")]
    async fn of(client: Client, app: App, clock: Arc<TestClock>) -> Self {
        let id = make(&client, "/v1/connections", &connection(APP_KEY, TOKEN, AES_KEY)).await;
        let source = json!({"name": "App", "format": "native", "callback_url": "http://127.0.0.1:9/"});
        let source = make(&client, "/v1/sources", &source).await;
        let stored = app.store.get_unscoped::<Connection>(&id).await.expect("it was made");
        let (mut value, version) = (stored.value, stored.version);
        value.templates.insert(ANY_LAYOUT.to_owned(), TEMPLATE.to_owned());
        app.store.update(&value, version).await.expect("it can be changed");
        let source = source.parse().expect("a source's id");
        Self { client, app, clock, org: value.org, connection: value.id, source }
    }

    /// An approval that runs as this instance, with one node for each list of accounts.
    ///
    /// # Panics
    /// When it cannot be stored.
    #[expect(clippy::expect_used, reason = "a test cannot go on without it")]
    pub async fn running(&self, instance: &str, nodes: &[(&str, Mode, &[&str])]) -> Record {
        let mut record = self.record(nodes);
        let stored = StoredRequest { body_hash: String::new(), request: Request::default() };
        self.app.store.create_request(&record.id, &stored).await.expect("it can be written");
        self.app.store.create_approval(&mut record).await.expect("it can be written");
        let reference = Reference { approval: record.id.clone(), stage: 0 };
        self.app.store.create_reference(&self.connection, instance, &reference).await.expect("it can be written");
        record.state.started(0, instance.to_owned(), None, self.app.world.now());
        self.app.store.update_approval(&mut record).await.expect("it can be written");
        record
    }

    /// An approval that was just submitted, not stored yet.
    #[must_use]
    pub fn record(&self, nodes: &[(&str, Mode, &[&str])]) -> Record {
        let now = self.app.world.now();
        let person = |account: &&str| Person {
            member: Some("mem_01k5n1m6z1a2b3c4d5e6f7g8h9".to_owned()),
            account: Some((*account).to_owned()),
            name: Some("张伟".to_owned()),
        };
        let node = |(name, mode, accounts): &(&str, Mode, &[&str])| {
            Node::new(*name, *mode, accounts.iter().map(person).collect())
        };
        let nodes = nodes.iter().map(node).collect();
        let stage = Stage::new(self.connection.to_string(), "dingtalk".to_owned(), DecidedBy::Platform, nodes);
        Record {
            id: ApprovalId::new(&self.app.world),
            org: self.org.clone(),
            source: self.source.clone(),
            workspace: None,
            flow: None,
            title: "Read access to orders".to_owned(),
            updated_at: now,
            due_at: Some(now + 60_000),
            rule: None,
            failure: None,
            trouble: None,
            version: 0,
            state: Approval::new(now, person(&"0123456789"), vec![stage], now + 60_000),
        }
    }

    /// Sends an event as DingTalk would, signed and encrypted.
    pub async fn push(&self, event: &Value) -> Answer {
        self.push_text(event.to_string().as_bytes(), APP_KEY).await
    }

    /// Sends any bytes as DingTalk would, encrypted for this owner.
    pub async fn push_text(&self, text: &[u8], owner: &str) -> Answer {
        let encrypt = keys(TOKEN, AES_KEY).encrypt(*b"0123456789abcdef", text, owner.as_bytes());
        self.push_encrypted(&encrypt).await
    }

    /// Sends a ciphertext with a right signature.
    pub async fn push_encrypted(&self, encrypt: &str) -> Answer {
        let timestamp = self.app.world.now().to_string();
        let signature = keys(TOKEN, AES_KEY).signature(&timestamp, "nonce", encrypt);
        self.post(&signature, &timestamp, "nonce", json!({"encrypt": encrypt}).to_string()).await
    }

    /// Sends a callback with these signed parts.
    pub async fn post(&self, signature: &str, timestamp: &str, nonce: &str, body: String) -> Answer {
        let path = callback_path(&self.connection, signature, timestamp, nonce);
        let sender = self.client.with_key("");
        sender.send("POST", &path, &[("content-type", "application/json")], body).await
    }

    /// The approval as the list shows it: without its request, which may be missing.
    ///
    /// # Panics
    /// When it is not there.
    #[expect(clippy::expect_used, reason = "a test cannot go on without it")]
    pub async fn shown_in_list(&self, id: &ApprovalId) -> Value {
        let listed = self.client.call("GET", "/v1/approvals", &Value::Null).await.json;
        let mut items = listed["items"].as_array().into_iter().flatten();
        items.find(|item| item["id"] == id.as_str()).expect("it is listed").clone()
    }

    /// The approval as the API shows it.
    ///
    /// # Panics
    /// When it cannot be read.
    pub async fn shown(&self, id: &ApprovalId) -> Value {
        let answer = self.client.call("GET", &format!("/v1/approvals/{id}"), &Value::Null).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.json
    }
}

/// All functions.
pub fn router(app: &App) -> axum::Router {
    countersign_submit::routes(app.clone())
        .merge(countersign_provider_callback::routes(app.clone()))
        .merge(countersign_external_callback::routes(app.clone()))
        .merge(countersign_config::routes(app.clone()))
        .merge(countersign_approvals::routes(app.clone()))
}

/// Makes something and answers with its id.
///
/// # Panics
/// When it is refused.
#[expect(clippy::expect_used, reason = "a test cannot go on without it")]
pub async fn make(client: &Client, path: &str, body: &Value) -> String {
    let made = client.call("POST", path, body).await;
    assert_eq!(made.status, 201, "{path}: {}", made.text);
    made.json["id"].as_str().expect("an id").to_owned()
}

/// A connection to DingTalk as the API takes it.
#[must_use]
pub fn connection(app_key: &str, token: &str, aes_key: &str) -> Value {
    json!({
        "kind": "dingtalk",
        "name": "Head office",
        "settings": {"app_key": app_key, "agent_id": "1", "corp_id": "dingdeskcorp", "endpoint": "http://127.0.0.1:9"},
        "secrets": {"app_secret": APP_SECRET, "token": token, "aes_key": aes_key}
    })
}

/// The address of a connection's callbacks with a query as DingTalk sends it.
#[must_use]
pub fn callback_path(connection: &ConnectionId, signature: &str, timestamp: &str, nonce: &str) -> String {
    format!("/callbacks/{connection}?signature={signature}&timestamp={timestamp}&nonce={nonce}")
}

/// The keys of a connection.
///
/// # Panics
/// When they are none.
#[must_use]
#[expect(clippy::expect_used, reason = "a test cannot go on without it")]
pub fn keys(token: &str, aes_key: &str) -> Keys {
    Keys::new(&SecretString::from(token), &SecretString::from(aes_key)).expect("an AES key")
}

/// What an encrypted answer says, if its signature holds.
#[must_use]
pub fn opened(answer: &Value) -> Option<String> {
    let text = |name: &str| answer[name].as_str();
    let keys = keys(TOKEN, AES_KEY);
    let verified = keys.verify(text("msg_signature")?, text("timeStamp")?, text("nonce")?, text("encrypt")?).ok()?;
    let decrypted = keys.decrypt(verified).ok()?;
    Some(String::from_utf8_lossy(decrypted.message()).into_owned())
}

/// An event of an instance, as DingTalk tells it.
#[must_use]
pub fn instance_event(instance: &str, kind: &str, result: Option<&str>) -> Value {
    let mut event = json!({"EventType": "bpms_instance_change", "processInstanceId": instance, "processCode": TEMPLATE,
        "corpId": "dingdeskcorp", "businessId": "202609211200000001234", "title": "张三提交的审批", "type": kind,
        "staffId": "0123456789", "createTime": NOW, "url": "https://aflow.dingtalk.com/x"});
    if let Some(result) = result {
        event["result"] = json!(result);
        event["finishTime"] = json!(NOW + 5_000);
    }
    event
}

/// An event of a task, as DingTalk tells it.
#[must_use]
pub fn task_event(instance: &str, task: i64, user: &str, kind: &str, result: Option<&str>) -> Value {
    let mut event = json!({"EventType": "bpms_task_change", "processInstanceId": instance, "processCode": TEMPLATE,
        "corpId": "dingdeskcorp", "businessId": "202609211200000001234", "title": "张三提交的审批", "type": kind,
        "staffId": user, "taskId": task, "createTime": NOW});
    if let Some(result) = result {
        event["result"] = json!(result);
        event["remark"] = json!("fine");
        event["finishTime"] = json!(NOW + 5_000);
    }
    event
}
