//! A Dataphin: what it sends, and what arrives at it.

use std::ops::Deref;

use countersign::crypto::envelope::Keys;
use countersign_tests::http::Answer;
use countersign_tests::local::{Api, Local, OWNER, SECOND, THIRD, eventually};
use countersign_tests::receiver::{Received, Receiver};
use secrecy::SecretString;
use serde_json::{Value, json};

pub(super) const TOKEN: &str = "6d1b2c1c";
pub(super) const AES_KEY: &str = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQ";
const CALLBACK: &str = "/api/oa/bpms/integration/thirdparty/callback";

pub(super) const CHECK: &str = "check/connect";
pub(super) const CREATE: &str = "processinstance/create";

/// What Dataphin calls the sandbox's people: ids of the customer's directory.
pub(super) const PEOPLE: [(&str, &str); 3] =
    [("00112233445566778899", OWNER), ("00112233445566778800", SECOND), ("1234567890", THIRD)];

/// A Dataphin before a running program.
pub(super) struct Dataphin {
    local: Local,
    pub(super) receiver: Receiver,
    pub(super) source: String,
    /// Calls without a key.
    outside: Api,
}

impl Deref for Dataphin {
    type Target = Local;

    fn deref(&self) -> &Local {
        &self.local
    }
}

impl Dataphin {
    /// Its source has these settings; its people are members.
    pub(super) async fn start(settings: Value) -> Self {
        let dataphin = Self::without_people(settings).await;
        let connection = dataphin.connection().await;
        let members = dataphin.get("/v1/members").await.json;
        for (source_id, account) in PEOPLE {
            let found =
                members["items"].as_array().unwrap().iter().find(|member| member["accounts"][&connection] == account);
            let mut body = json!({"source_ids": {}});
            body["source_ids"][&dataphin.source] = json!(source_id);
            let path = format!("/v1/members/{}", found.unwrap()["id"].as_str().unwrap());
            assert_eq!(dataphin.call("PATCH", &path, &body).await.status, 200);
        }
        dataphin
    }

    /// Nobody is known by what Dataphin calls them.
    pub(super) async fn without_people(settings: Value) -> Self {
        let local = Local::start().await;
        let receiver = Receiver::start().await;
        let body = json!({"name": "Dataphin", "format": "dataphin", "callback_url": format!("{}{CALLBACK}", receiver.url),
            "default_flow": local.flow().await, "settings": settings,
            "secrets": {"access_token": TOKEN, "encoding_aes_key": AES_KEY}});
        let source = local.make("/v1/sources", &body).await["id"].as_str().unwrap().to_owned();
        let outside = local.with_key("");
        Self { local, receiver, source, outside }
    }

    /// Changes the source.
    pub(super) async fn change(&self, body: &Value) {
        let answer = self.local.call("PATCH", &format!("/v1/sources/{}", self.source), body).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
    }

    /// Calls as Dataphin does.
    pub(super) async fn calls(&self, path: &str, body: &Value) -> Answer {
        self.sends(&self.source, path, TOKEN, &body.to_string()).await
    }

    /// Calls a source with any token and body.
    pub(super) async fn sends(&self, source: &str, path: &str, token: &str, body: &str) -> Answer {
        let now = self.app.world.now();
        let target = format!("/inbound/{source}/dataphin/bpms/{path}?accessToken={token}&timestamp={now}");
        self.outside.send("POST", &target, &[("content-type", "application/json")], body).await
    }

    /// Submits a form that is taken in; answers with the approval as our API shows it.
    pub(super) async fn submits(&self, form: &Value) -> Value {
        let answer = self.calls(CREATE, form).await;
        assert_eq!((answer.status, &answer.json["success"]), (200, &json!(true)), "{}", answer.text);
        self.shown(&answer).await
    }

    /// The approval that a reply names.
    pub(super) async fn shown(&self, answer: &Answer) -> Value {
        let id = answer.json["processInstanceId"].as_str().unwrap();
        self.get(&format!("/v1/approvals/{id}")).await.json
    }

    /// Waits for so many callbacks, and opens the last.
    pub(super) async fn told(&self, number: usize) -> Value {
        open(&self.callback(number).await, AES_KEY)
    }

    /// Waits for so many callbacks.
    pub(super) async fn callback(&self, number: usize) -> Received {
        let received = eventually("the callback", async || {
            let received = self.receiver.received();
            if received.len() >= number { Ok(received) } else { Err(format!("{} have arrived", received.len())) }
        })
        .await;
        assert_eq!(received.len(), number, "no more than that");
        received[number - 1].clone()
    }
}

/// Opens a callback as DingTalk's code does, and checks its signature with the access token.
pub(super) fn open(received: &Received, aes_key: &str) -> Value {
    let keys = Keys::new(&SecretString::from(TOKEN), &SecretString::from(aes_key)).unwrap();
    assert_eq!(received.uri.path(), CALLBACK);
    let query: Vec<(String, String)> =
        url::form_urlencoded::parse(received.uri.query().unwrap().as_bytes()).into_owned().collect();
    let of = |name: &str| query.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone()).unwrap();
    let body: Value = serde_json::from_slice(&received.body).unwrap();
    let encrypt = body["encrypt"].as_str().unwrap();
    let verified = keys.verify(&of("signature"), &of("timestamp"), &of("nonce"), encrypt).unwrap();
    let opened = keys.decrypt(verified).unwrap();
    assert_eq!(opened.owner(), b"");
    assert!(!received.uri.to_string().contains(TOKEN));
    serde_json::from_slice(opened.message()).unwrap()
}

/// The documented example of a form, under an id of its own.
pub(super) fn form(apply_id: &str) -> Value {
    let mut form: Value = serde_json::from_str(include_str!("../../../fixtures/dataphin_create.json")).unwrap();
    form["applyId"] = json!(apply_id);
    form
}

/// The same with nodes: order, operator, and the people's ids.
pub(super) fn form_with(apply_id: &str, nodes: &[(&str, &str, &[&str])]) -> Value {
    let user = |id: &&str| json!({"userId": "3", "userSourceId": id, "userName": format!("name of {id}")});
    let node = |(order, operator, users): &(&str, &str, &[&str])| {
        let users: Vec<Value> = users.iter().map(user).collect();
        json!({"approveOrder": order, "approveOperator": operator, "approveUsers": users})
    };
    let mut form = form(apply_id);
    form["approveNodes"] = nodes.iter().map(node).collect();
    form
}
