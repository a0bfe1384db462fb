//! Calls of the API, and a subscriber that opens what it is sent as the documentation describes it.

use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};

use aes::Aes256;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::post;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cbc::cipher::array::Array;
use cbc::cipher::{BlockModeDecrypt as _, KeyIvInit as _};
use reqwest::Method;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::platform::testing::{Served, serve};

pub(super) const ZHANG: &str = "ou_7d8a6e6df7621556ce0d21922b676706";
pub(super) const LI: &str = "ou_3cda9c969f737aaa05e6915dce306cb9";
pub(super) const WANG: &str = "ou_5ad573a6411d72b8305fda3a9c15c70e";
pub(super) const CHEN: &str = "ou_40c6f1f6c0a9d2b7384e5d6c7b8a9f01";
pub(super) const OUYANG: &str = "ou_9f0e1d2c3b4a59687786a5b4c3d2e1f0";

pub(super) struct Harness(Served);

impl std::ops::Deref for Harness {
    type Target = Served;

    fn deref(&self) -> &Served {
        &self.0
    }
}

impl Harness {
    pub(super) async fn new() -> Self {
        Self(Served::new("feishu").await)
    }

    /// What a new process finds after this one was killed.
    pub(super) async fn restarted(&mut self) -> Self {
        Self(self.0.restarted().await)
    }

    pub(super) async fn token(&self) -> String {
        let body = json!({"app_id": self.setting("app_id"), "app_secret": self.setting("app_secret")});
        let path = "/open-apis/auth/v3/tenant_access_token/internal";
        let (status, answer) = self.call(Method::POST, path, &[], Some(body)).await;
        assert_eq!((status, &answer["code"]), (200, &json!(0)), "{answer}");
        answer["tenant_access_token"].as_str().unwrap().to_owned()
    }

    /// A call with a good token; the path is below `/open-apis`.
    pub(super) async fn send(&self, method: Method, path: &str, body: Option<Value>) -> (u16, Value) {
        let bearer = format!("Bearer {}", self.token().await);
        self.call(method, &format!("/open-apis{path}"), &[("authorization", &bearer)], body).await
    }

    pub(super) async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        self.send(Method::POST, path, Some(body)).await
    }

    pub(super) async fn get(&self, path: &str) -> (u16, Value) {
        self.send(Method::GET, path, None).await
    }

    /// A definition with these nodes, subscribed.
    pub(super) async fn definition(&self, modes: &[&str]) -> String {
        let (status, answer) = self.post("/approval/v4/approvals", definition(modes)).await;
        assert_eq!((status, &answer["code"]), (200, &json!(0)), "{answer}");
        let code = answer["data"]["approval_code"].as_str().unwrap().to_owned();
        let (_, answer) = self.post(&format!("/approval/v4/approvals/{code}/subscribe"), json!({})).await;
        assert_eq!(answer["code"], 0, "{answer}");
        code
    }

    /// A started instance with these approvers per node.
    pub(super) async fn started(&self, code: &str, approvers: &[&[&str]]) -> String {
        let (status, answer) = self.post("/approval/v4/instances", start(code, approvers)).await;
        assert_eq!(status, 200, "{answer}");
        let id = answer["data"]["instance_code"].as_str().unwrap().to_owned();
        self.settle(&id).await;
        id
    }

    pub(super) async fn read(&self, id: &str) -> Value {
        let (status, answer) = self.get(&format!("/approval/v4/instances/{id}")).await;
        assert_eq!(status, 200, "{answer}");
        answer["data"].clone()
    }

    /// Whose task stands how.
    pub(super) async fn tasks(&self, id: &str) -> Vec<String> {
        let instance = self.read(id).await;
        let word = |task: &Value| format!("{} {}", name(&task["open_id"]), task["status"].as_str().unwrap());
        instance["task_list"].as_array().unwrap().iter().map(word).collect()
    }

    /// The id of somebody's open task.
    pub(super) async fn task(&self, id: &str, user: &str) -> String {
        let instance = self.read(id).await;
        let tasks = instance["task_list"].as_array().unwrap().clone();
        let open = tasks.iter().find(|task| task["open_id"] == user && task["status"] == "PENDING");
        open.unwrap()["id"].as_str().unwrap().to_owned()
    }
}

/// Who is meant, in short.
pub(super) fn name(open_id: &Value) -> &'static str {
    let names = [(ZHANG, "zhang"), (LI, "li"), (WANG, "wang"), (CHEN, "chen"), (OUYANG, "ouyang")];
    names.iter().find(|(id, _)| open_id == id).map_or("-", |(_, name)| name)
}

/// A definition with one widget and a node per mode, as the documentation's smallest one.
pub(super) fn definition(modes: &[&str]) -> Value {
    let node = |(index, mode): (usize, &&str)| {
        json!({"id": format!("GATE_NODE_{index}"), "name": format!("@i18n@node_{index}"), "node_type": mode,
            "approver": [{"type": "Free"}], "approver_chosen_multi": true, "starter_assignee": "STARTER"})
    };
    let mut nodes = vec![json!({"id": "START", "ccer": [{"type": "Free"}]})];
    nodes.extend(modes.iter().enumerate().map(node));
    nodes.push(json!({"id": "END", "ccer": [{"type": "Free"}]}));
    let mut texts = vec![
        json!({"key": "@i18n@approval_name", "value": "发布审批"}),
        json!({"key": "@i18n@detail_name", "value": "详情"}),
    ];
    texts.extend(
        (0..modes.len()).map(|index| json!({"key": format!("@i18n@node_{index}"), "value": format!("审批{index}")})),
    );
    json!({"approval_name": "@i18n@approval_name", "viewers": [{"viewer_type": "NONE"}],
        "form": {"form_content": "[{\"id\":\"detail\",\"type\":\"textarea\",\"required\":true,\"name\":\"@i18n@detail_name\"}]"},
        "node_list": nodes,
        "settings": {"revert_interval": 3600, "reject_option": 0, "quick_approval_option": 1},
        "i18n_resources": [{"locale": "zh-CN", "is_default": true, "texts": texts}]})
}

/// An instance of 陈思远 with these approvers per node.
pub(super) fn start(code: &str, approvers: &[&[&str]]) -> Value {
    let entry = |(index, value): (usize, &&[&str])| json!({"key": format!("GATE_NODE_{index}"), "value": value});
    json!({"approval_code": code, "open_id": CHEN,
        "form": "[{\"id\":\"detail\",\"type\":\"textarea\",\"value\":\"Deploy api v1.2.3\"}]",
        "node_approver_open_id_list": approvers.iter().enumerate().map(entry).collect::<Vec<_>>(),
        "uuid": format!("GW-{}", code.len() + approvers.len())})
}

/// What a subscriber does with what it is sent.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Manner {
    Good,
    OtherChallenge,
    NoJson,
    Redirect,
    ServerError,
    Created,
}

const MANNERS: [Manner; 6] =
    [Manner::Good, Manner::OtherChallenge, Manner::NoJson, Manner::Redirect, Manner::ServerError, Manner::Created];

/// A subscriber of the events.
pub(super) struct Subscriber {
    pub(super) url: String,
    inner: Arc<Inner>,
}

struct Inner {
    key: Mutex<String>,
    manner: AtomicU16,
    events: Mutex<Vec<Value>>,
}

impl Subscriber {
    pub(super) async fn new(harness: &Harness) -> Self {
        let key = Mutex::new(harness.setting("encrypt_key"));
        let inner = Arc::new(Inner { key, manner: AtomicU16::new(0), events: Mutex::default() });
        let router = Router::new().route("/cb", post(take)).with_state(inner.clone());
        Self { url: format!("{}/cb", serve(router).await), inner }
    }

    /// One that is already entered in the console.
    pub(super) async fn subscribed(harness: &Harness) -> Self {
        let subscriber = Self::new(harness).await;
        let (status, answer) = harness.enter(json!({"callback_url": subscriber.url})).await;
        assert_eq!(status, 200, "{answer}");
        let check = subscriber.taken();
        assert_eq!((check.len(), &check[0]["type"]), (1, &json!("url_verification")));
        subscriber
    }

    /// The Encrypt Key that it has; empty for none.
    pub(super) fn set_key(&self, key: &str) {
        key.clone_into(&mut self.inner.key.lock().unwrap());
    }

    pub(super) fn behave(&self, manner: Manner) {
        let index = MANNERS.iter().position(|one| *one == manner).unwrap();
        self.inner.manner.store(u16::try_from(index).unwrap(), Ordering::SeqCst);
    }

    /// What came since last time.
    pub(super) fn taken(&self) -> Vec<Value> {
        std::mem::take(&mut self.inner.events.lock().unwrap())
    }

    /// The events since last time in short: type, status, person.
    pub(super) fn told(&self) -> Vec<String> {
        let line = |envelope: &Value| {
            let event = &envelope["event"];
            let kind = event["type"].as_str().unwrap().trim_start_matches("approval_").to_owned();
            let status = event["status"].as_str().or(event["operate"].as_str()).unwrap();
            match event.get("open_id") {
                Some(user) => format!("{kind} {status} {}", name(user)),
                None => format!("{kind} {status}"),
            }
        };
        self.taken().iter().map(line).collect()
    }
}

async fn take(State(inner): State<Arc<Inner>>, headers: HeaderMap, body: Bytes) -> Response {
    let key = inner.key.lock().unwrap().clone();
    let header = |name: &str| headers.get(name).map(|value| value.to_str().unwrap().to_owned());
    let outer: Value = serde_json::from_slice(&body).unwrap();
    let opened = match key.as_str() {
        "" => outer,
        key => serde_json::from_str(&open(key, outer["encrypt"].as_str().unwrap())).unwrap(),
    };
    let signed = header("x-lark-signature");
    if key.is_empty() || opened["type"] == "url_verification" {
        assert_eq!(signed, None);
    } else {
        let (timestamp, nonce) = (header("x-lark-request-timestamp").unwrap(), header("x-lark-request-nonce").unwrap());
        let mut hash = Sha256::new();
        for part in [timestamp.as_bytes(), nonce.as_bytes(), key.as_bytes(), &body] {
            hash.update(part);
        }
        let hex: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!((signed.unwrap(), timestamp.len()), (hex, 10));
    }
    let challenge = opened["challenge"].clone();
    inner.events.lock().unwrap().push(opened);
    match MANNERS[usize::from(inner.manner.load(Ordering::SeqCst))] {
        Manner::Good => axum::Json(json!({"challenge": challenge})).into_response(),
        Manner::OtherChallenge => axum::Json(json!({"challenge": "another"})).into_response(),
        Manner::NoJson => "success".into_response(),
        Manner::Redirect => Redirect::temporary("/cb").into_response(),
        Manner::ServerError => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        Manner::Created => StatusCode::CREATED.into_response(),
    }
}

/// AES-256-CBC with the key's SHA-256; the IV comes first; padded to 16.
fn open(key: &str, encrypt: &str) -> String {
    let bytes = STANDARD.decode(encrypt).unwrap();
    let (iv, cipher) = bytes.split_at(16);
    let mut plain = cipher.to_vec();
    let key = Array::from(<[u8; 32]>::from(Sha256::digest(key.as_bytes())));
    let iv = Array::from(<[u8; 16]>::try_from(iv).unwrap());
    let (blocks, rest) = Array::slice_as_chunks_mut(&mut plain);
    assert!(rest.is_empty());
    cbc::Decryptor::<Aes256>::new(&key, &iv).decrypt_blocks(blocks);
    let pad = usize::from(*plain.last().unwrap());
    assert!((1..=16).contains(&pad) && plain[plain.len() - pad..].iter().all(|byte| usize::from(*byte) == pad));
    plain.truncate(plain.len() - pad);
    String::from_utf8(plain).unwrap()
}

#[test]
fn the_documented_sample_opens() {
    assert_eq!(open("test key", "P37w+VZImNgPEO1RBhJ6RtKl7n6zymIbEG1pReEzghk="), "hello world");
}
