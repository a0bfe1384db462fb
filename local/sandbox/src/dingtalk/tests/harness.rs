//! Calls of both APIs, and a subscriber that opens what it is sent.

use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use countersign::crypto::envelope::Keys;
use reqwest::Method;
use secrecy::SecretString;
use serde_json::{Value, json};

pub(super) use crate::platform::testing::NOON;
use crate::platform::testing::{Served, serve};

pub(super) struct Harness(Served);

impl std::ops::Deref for Harness {
    type Target = Served;

    fn deref(&self) -> &Served {
        &self.0
    }
}

impl Harness {
    pub(super) async fn new() -> Self {
        Self(Served::new("dingtalk").await)
    }

    /// What a new process finds after this one was killed.
    pub(super) async fn restarted(&mut self) -> Self {
        Self(self.0.restarted().await)
    }

    /// Any request: status and JSON.
    pub(super) async fn send(
        &self,
        method: Method,
        path: &str,
        token: Option<&str>,
        body: Option<Value>,
    ) -> (u16, Value) {
        let headers = token.map(|token| ("x-acs-dingtalk-access-token", token));
        self.call(method, path, headers.as_slice(), body).await
    }

    pub(super) async fn token(&self) -> String {
        let body = json!({"appKey": self.setting("app_key"), "appSecret": self.setting("app_secret")});
        let (status, answer) = self.send(Method::POST, "/v1.0/oauth2/accessToken", None, Some(body)).await;
        assert_eq!((status, &answer["expireIn"]), (200, &json!(7200)));
        answer["accessToken"].as_str().unwrap().to_owned()
    }

    /// A call of the new API with a good token.
    pub(super) async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        let token = self.token().await;
        self.send(Method::POST, path, Some(&token), Some(body)).await
    }

    pub(super) async fn get(&self, path: &str) -> (u16, Value) {
        let token = self.token().await;
        self.send(Method::GET, path, Some(&token), None).await
    }

    /// A call of the old API with a good token.
    pub(super) async fn old(&self, path: &str, body: Value) -> Value {
        let token = self.token().await;
        let (status, answer) = self.send(Method::POST, &format!("{path}?access_token={token}"), None, Some(body)).await;
        assert_eq!(status, 200);
        answer
    }

    /// The smallest useful template.
    pub(super) async fn template(&self) -> String {
        self.template_of(json!({"name": "Release approval", "description": "Created by the gateway",
            "templateConfig": {"hidden": true, "disableResubmit": true},
            "formComponents": [{"componentType": "TextareaField", "props": {"componentId": "TextareaField-detail",
                "label": "详情", "placeholder": "-", "required": true}}]}))
            .await
    }

    pub(super) async fn template_of(&self, body: Value) -> String {
        let (status, answer) = self.post("/v1.0/workflow/forms", body).await;
        assert_eq!(status, 200, "{answer}");
        answer["result"]["processCode"].as_str().unwrap().to_owned()
    }

    /// A started instance with these approver nodes.
    pub(super) async fn started(&self, code: &str, approvers: Value) -> String {
        let (status, answer) = self.post("/v1.0/workflow/processInstances", start(code, approvers)).await;
        assert_eq!(status, 200, "{answer}");
        answer["instanceId"].as_str().unwrap().to_owned()
    }

    pub(super) async fn read(&self, id: &str) -> Value {
        let (status, answer) = self.get(&format!("/v1.0/workflow/processInstances?processInstanceId={id}")).await;
        assert_eq!(status, 200, "{answer}");
        answer["result"].clone()
    }
}

pub(super) fn start(code: &str, approvers: Value) -> Value {
    json!({"originatorUserId": "024219523526217765", "processCode": code, "approvers": approvers,
        "formComponentValues": [{"name": "详情", "value": "Deploy api v1.2.3\nhttps://gw.example/r/42"}]})
}

/// What a subscriber does with an event.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Manner {
    Good,
    PlainSuccess,
    OtherOwner,
    OtherToken,
    OtherText,
    Redirect,
    ServerError,
}

/// A subscriber of the events.
pub(super) struct Subscriber {
    pub(super) url: String,
    inner: Arc<Inner>,
}

struct Inner {
    keys: Keys,
    owner: String,
    manner: AtomicU16,
    events: Mutex<Vec<Value>>,
}

const MANNERS: [Manner; 7] = [
    Manner::Good,
    Manner::PlainSuccess,
    Manner::OtherOwner,
    Manner::OtherToken,
    Manner::OtherText,
    Manner::Redirect,
    Manner::ServerError,
];

impl Subscriber {
    pub(super) async fn new(harness: &Harness) -> Self {
        let secret = |name| SecretString::from(harness.setting(name));
        let keys = Keys::new(&secret("token"), &secret("aes_key")).unwrap();
        let (owner, manner) = (harness.setting("app_key"), AtomicU16::new(0));
        let inner = Arc::new(Inner { keys, owner, manner, events: Mutex::default() });
        let router = Router::new().route("/cb", post(take)).with_state(inner.clone());
        Self { url: format!("{}/cb", serve(router).await), inner }
    }

    /// One that is already entered in the console.
    pub(super) async fn subscribed(harness: &Harness) -> Self {
        let subscriber = Self::new(harness).await;
        let body = json!({"callback_url": subscriber.url});
        let (status, answer) = harness.send(Method::PUT, "/_/app", None, Some(body)).await;
        assert_eq!(status, 200, "{answer}");
        assert_eq!(subscriber.taken(), [json!({"EventType": "check_url"})]);
        subscriber
    }

    pub(super) fn behave(&self, manner: Manner) {
        let index = MANNERS.iter().position(|one| *one == manner).unwrap();
        self.inner.manner.store(u16::try_from(index).unwrap(), Ordering::SeqCst);
    }

    /// The events since last time.
    pub(super) fn taken(&self) -> Vec<Value> {
        std::mem::take(&mut self.inner.events.lock().unwrap())
    }

    /// The events since last time in short: type of event, of change, result, and person.
    pub(super) fn told(&self) -> Vec<String> {
        let text = |event: &Value, name: &str| event[name].as_str().unwrap_or("-").to_owned();
        let names = ["EventType", "type", "result", "staffId"];
        self.taken().iter().map(|event| names.map(|name| text(event, name)).join(" ")).collect()
    }
}

async fn take(
    State(inner): State<Arc<Inner>>,
    Query(query): Query<std::collections::HashMap<String, String>>,
    Json(body): Json<Value>,
) -> Result<Json<Value>, axum::response::Response> {
    use axum::response::{IntoResponse, Redirect};
    let encrypt = body["encrypt"].as_str().unwrap();
    let [signature, timestamp, nonce] = ["signature", "timestamp", "nonce"].map(|name| query.get(name).unwrap());
    assert_eq!((signature.len(), timestamp.len(), nonce.len()), (40, 13, 8));
    let opened = inner.keys.decrypt(inner.keys.verify(signature, timestamp, nonce, encrypt).unwrap()).unwrap();
    assert_eq!(opened.owner(), inner.owner.as_bytes());
    inner.events.lock().unwrap().push(serde_json::from_slice(opened.message()).unwrap());

    let manner = MANNERS[usize::from(inner.manner.load(Ordering::SeqCst))];
    let owner = if manner == Manner::OtherOwner { "dingsomebodyelse" } else { &inner.owner };
    let text: &[u8] = if manner == Manner::OtherText { b"ok" } else { b"success" };
    let encrypt = inner.keys.encrypt([b'r'; 16], text, owner.as_bytes());
    let signature = inner.keys.signature("1790000000900", "rEpLy001", &encrypt);
    match manner {
        Manner::PlainSuccess => Err("success".into_response()),
        Manner::Redirect => Err(Redirect::temporary("/cb").into_response()),
        Manner::ServerError => Err(StatusCode::INTERNAL_SERVER_ERROR.into_response()),
        Manner::OtherToken => Ok(json!({"msg_signature": "0".repeat(40), "timeStamp": "1790000000900", "nonce": "rEpLy001", "encrypt": encrypt}).into()),
        _ => Ok(json!({"msg_signature": signature, "timeStamp": "1790000000900", "nonce": "rEpLy001", "encrypt": encrypt}).into()),
    }
}
