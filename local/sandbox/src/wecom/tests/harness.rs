//! Calls of the API, and a receiver that opens what it is sent.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::routing::get;
use countersign::crypto::envelope::Keys;
use reqwest::Method;
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::platform::testing::{Served, serve};

pub(super) struct Harness(Served);

impl std::ops::Deref for Harness {
    type Target = Served;

    fn deref(&self) -> &Served {
        &self.0
    }
}

/// A template with one mandatory text, as small as it can be.
pub(super) const TEMPLATE: &str = r#"{"template_name":[{"text":"访问审批","lang":"zh_CN"}],"template_content":{"controls":[
    {"property":{"control":"Textarea","id":"Textarea-1","title":[{"text":"审批内容","lang":"zh_CN"}],"require":1}}]}}"#;

impl Harness {
    pub(super) async fn new() -> Self {
        Self(Served::new("wecom").await)
    }

    /// What a new process finds after this one was killed.
    pub(super) async fn restarted(&mut self) -> Self {
        Self(self.0.restarted().await)
    }

    /// Any request with a body as it is: the answer's HTTP status is always 200.
    pub(super) async fn raw(&self, method: Method, path: &str, body: &str) -> Value {
        let response = self.http.request(method, format!("{}/cgi-bin/{path}", self.base)).body(body.to_owned());
        let response = response.send().await.unwrap();
        assert_eq!(response.status().as_u16(), 200);
        serde_json::from_slice(&response.bytes().await.unwrap()).unwrap()
    }

    pub(super) async fn token(&self) -> String {
        let path = format!("gettoken?corpid={}&corpsecret={}", self.setting("corp_id"), self.setting("app_secret"));
        let answer = self.raw(Method::GET, &path, "").await;
        assert_eq!((&answer["errcode"], &answer["errmsg"]), (&json!(0), &json!("ok")));
        answer["access_token"].as_str().unwrap().to_owned()
    }

    /// A POST with a good token and a body as it is.
    pub(super) async fn post(&self, path: &str, body: &str) -> Value {
        let token = self.token().await;
        self.raw(Method::POST, &format!("{path}?access_token={token}"), body).await
    }

    /// A GET with a good token; `query` begins with `&` or is empty.
    pub(super) async fn get(&self, path: &str, query: &str) -> Value {
        let token = self.token().await;
        self.raw(Method::GET, &format!("{path}?access_token={token}{query}"), "").await
    }

    pub(super) async fn template(&self) -> String {
        let answer = self.post("oa/approval/create_template", TEMPLATE).await;
        assert_eq!(answer["errcode"], 0, "{answer}");
        answer["template_id"].as_str().unwrap().to_owned()
    }

    /// A submitted form with these nodes.
    pub(super) async fn started(&self, template: &str, nodes: &str) -> String {
        let answer = self.post("oa/applyevent", &apply(template, nodes)).await;
        assert_eq!(answer["errcode"], 0, "{answer}");
        answer["sp_no"].as_str().unwrap().to_owned()
    }

    pub(super) async fn read(&self, number: &str) -> Value {
        let answer = self.post("oa/getapprovaldetail", &format!(r#"{{"sp_no":"{number}"}}"#)).await;
        assert_eq!(answer["errcode"], 0, "{answer}");
        answer["info"].clone()
    }

    /// Acts as a person who may.
    pub(super) async fn does(&self, number: &str, body: Value) -> Value {
        let (status, answer) = self.act(number, body).await;
        assert_eq!(status, 200, "{answer}");
        answer
    }
}

pub(super) fn apply(template: &str, nodes: &str) -> String {
    format!(
        r#"{{"creator_userid":"chen.siyuan@yunshan","template_id":"{template}","use_template_approver":0,"choose_department":0,
        "process":{{"node_list":{nodes}}},
        "apply_data":{{"contents":[{{"control":"Textarea","id":"Textarea-1","value":{{"text":"line 1\nline 2"}}}}]}},
        "summary_list":[{{"summary_info":[{{"text":"prod db read","lang":"zh_CN"}}]}}]}}"#
    )
}

/// Persons and their states, node by node, as `LiNa=2 OuYangXue=1`.
pub(super) fn marks(detail: &Value) -> Vec<String> {
    let node = |node: &Value| {
        let line = |one: &Value| format!("{}={}", one["userid"].as_str().unwrap(), one["sp_yj"]);
        let people: Vec<String> = node["sub_node_list"].as_array().unwrap().iter().map(line).collect();
        format!("{}: {}", node["sp_status"], people.join(" "))
    };
    detail["process_list"]["node_list"].as_array().unwrap().iter().map(node).collect()
}

/// What stands between two marks of an XML text.
pub(super) fn between<'a>(text: &'a str, from: &str, to: &str) -> &'a str {
    text.split_once(from).and_then(|(_, rest)| rest.split_once(to)).map_or("", |(inside, _)| inside)
}

/// A receiver of the events.
pub(super) struct Receiver {
    pub(super) url: String,
    inner: Arc<Inner>,
}

struct Inner {
    keys: Keys,
    owner: String,
    status: Mutex<u16>,
    /// What is added to the answer of the check.
    surplus: Mutex<&'static str>,
    events: Mutex<Vec<String>>,
}

type Parameters = Query<HashMap<String, String>>;

impl Receiver {
    pub(super) async fn new(harness: &Harness) -> Self {
        let secret = |name| SecretString::from(harness.setting(name));
        let keys = Keys::new(&secret("token"), &secret("aes_key")).unwrap();
        let (owner, status) = (harness.setting("corp_id"), Mutex::new(200));
        let inner = Arc::new(Inner { keys, owner, status, surplus: Mutex::new(""), events: Mutex::default() });
        let router = Router::new().route("/cb", get(echo).post(take)).with_state(inner.clone());
        Self { url: format!("{}/cb", serve(router).await), inner }
    }

    /// One that is already entered in the console.
    pub(super) async fn entered(harness: &Harness) -> Self {
        let receiver = Self::new(harness).await;
        let (status, answer) = harness.enter(json!({"callback_url": receiver.url})).await;
        assert_eq!((status, &answer["callback_url"]), (200, &json!(receiver.url)), "{answer}");
        receiver
    }

    pub(super) fn answer(&self, status: u16) {
        *self.inner.status.lock().unwrap() = status;
    }

    pub(super) fn append(&self, surplus: &'static str) {
        *self.inner.surplus.lock().unwrap() = surplus;
    }

    /// The events since last time.
    pub(super) fn taken(&self) -> Vec<String> {
        std::mem::take(&mut self.inner.events.lock().unwrap())
    }

    /// The events since last time in short: what changed, and the form's status.
    pub(super) fn told(&self) -> Vec<(String, String)> {
        let short = |xml: &String| {
            let change = between(xml, "<StatuChangeEvent>", "<");
            (change.to_owned(), between(xml, "</SpName><SpStatus>", "<").to_owned())
        };
        self.taken().iter().map(short).collect()
    }
}

impl Inner {
    fn open(&self, query: &HashMap<String, String>, encrypt: &str) -> String {
        let [signature, timestamp, nonce] = ["msg_signature", "timestamp", "nonce"].map(|name| query[name].as_str());
        assert_eq!((signature.len(), timestamp.len()), (40, 10));
        let opened = self.keys.decrypt(self.keys.verify(signature, timestamp, nonce, encrypt).unwrap()).unwrap();
        assert_eq!(opened.owner(), self.owner.as_bytes());
        String::from_utf8(opened.message().to_vec()).unwrap()
    }
}

async fn echo(State(inner): State<Arc<Inner>>, Query(query): Parameters) -> String {
    format!("{}{}", inner.open(&query, &query["echostr"]), inner.surplus.lock().unwrap())
}

async fn take(State(inner): State<Arc<Inner>>, Query(query): Parameters, body: String) -> StatusCode {
    assert_eq!(between(&body, "<ToUserName><![CDATA[", "]]>"), inner.owner);
    let xml = inner.open(&query, between(&body, "<Encrypt><![CDATA[", "]]>"));
    inner.events.lock().unwrap().push(xml);
    StatusCode::from_u16(*inner.status.lock().unwrap()).unwrap()
}

/// The time at which the tests begin, in seconds.
pub(super) const NOON_SECONDS: i64 = crate::platform::testing::NOON / 1000;
