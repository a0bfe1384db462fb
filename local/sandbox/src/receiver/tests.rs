//! The receiver over HTTP.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::PathBuf;

use axum::body::{Body as HttpBody, to_bytes};
use axum::http::{Request, Response};
use countersign::clock::{Entropy as _, SystemEntropy, World};
use serde_json::{Value, json};
use standardwebhooks::Webhook;
use tower::ServiceExt;

use super::{MAX_KEPT, Receiver};

const SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
const BODY: &str = r#"{"type":"approval.approved","data":{"title":"<b>orders</b>","status":"approved"}}"#;

struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn folder() -> Folder {
    let mut name = [0; 8];
    SystemEntropy.fill(&mut name);
    Folder(std::env::temp_dir().join(format!("countersign-receiver-{}", u64::from_be_bytes(name))))
}

fn open(folder: &Folder) -> Receiver {
    Receiver::open(folder.0.clone(), World::system()).unwrap()
}

async fn send(receiver: &Receiver, request: Request<HttpBody>) -> (u16, String) {
    let response: Response<HttpBody> = receiver.router().oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    let bytes = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    (status, String::from_utf8(bytes.to_vec()).unwrap())
}

async fn call(receiver: &Receiver, method: &str, path: &str, body: Value) -> (u16, Value) {
    let path = format!("/sandbox/receiver{path}");
    let request = Request::builder().method(method).uri(path).body(body.to_string().into()).unwrap();
    let (status, text) = send(receiver, request).await;
    (status, serde_json::from_str(&text).unwrap_or(Value::Null))
}

/// A delivery signed with a secret, as the crate that is not ours signs it.
fn delivery(secret: &str, id: &str, body: &str) -> Request<HttpBody> {
    let now = World::system().now() / 1000;
    let signature = Webhook::new(secret).unwrap().sign(id, now, body.as_bytes()).unwrap();
    Request::post("/sandbox/receiver")
        .header("webhook-id", id)
        .header("webhook-timestamp", now.to_string())
        .header("webhook-signature", signature)
        .body(body.to_owned().into())
        .unwrap()
}

#[tokio::test]
async fn deliveries_are_verified_kept_and_listed_newest_first() {
    let folder = folder();
    let receiver = open(&folder);
    receiver.trust(&SECRET.to_owned().into()).unwrap();
    receiver.trust(&SECRET.to_owned().into()).unwrap();
    let other = "whsec_AAAAsBQIhrscChlQIMV+b5sSYspob7oD";
    assert_eq!(send(&receiver, delivery(SECRET, "dlv_1", BODY)).await.0, 204);
    let (status, warning) = send(&receiver, delivery(other, "dlv_2", BODY)).await;
    assert_eq!(status, 200);
    assert!(warning.contains("signature does not hold"), "{warning}");
    let mut bare = delivery(SECRET, "dlv_3", "not json");
    bare.headers_mut().remove("webhook-signature");
    assert_eq!(send(&receiver, bare).await.0, 200);

    // What is shown is what a new process finds.
    let receiver = open(&folder);
    let (_, list) = call(&receiver, "GET", "/_/deliveries", Value::Null).await;
    let items = list["items"].as_array().unwrap();
    let held: Vec<_> = items.iter().map(|item| item["signature_ok"].as_bool().unwrap()).collect();
    assert_eq!(held, [false, false, true]);
    assert_eq!((&items[0]["body"], &items[0]["signature"]), (&json!("not json"), &json!("")));
    assert_eq!((&items[2]["type"], &items[2]["webhook_id"]), (&json!("approval.approved"), &json!("dlv_1")));
    assert!(items[2]["signature"].as_str().unwrap().starts_with("v1,"));
    assert_eq!(items[2]["body"]["data"]["status"], "approved");

    let (status, _) = call(&receiver, "POST", "/_/secrets", json!({"secret": other})).await;
    assert_eq!(status, 204);
    assert_eq!(send(&receiver, delivery(other, "dlv_2", BODY)).await.0, 204);
    assert_eq!(send(&receiver, delivery(SECRET, "dlv_4", BODY)).await.0, 204);
    let (status, page) = send(&receiver, Request::get("/sandbox/receiver").body(HttpBody::empty()).unwrap()).await;
    assert_eq!(status, 200);
    assert!(page.contains("&lt;b&gt;orders&lt;/b&gt;") && !page.contains("<b>orders"));
}

#[tokio::test]
async fn what_is_no_secret_is_not_trusted() {
    let folder = folder();
    let receiver = open(&folder);
    for bad in ["", "whsec", "whsec_***", "C2FVsBQIhrscChlQIMV+b5sSYspob7oD"] {
        assert!(receiver.trust(&bad.to_owned().into()).is_err(), "{bad}");
        assert_eq!(call(&receiver, "POST", "/_/secrets", json!({"secret": bad})).await.0, 400);
    }
}

#[tokio::test]
async fn it_can_be_told_to_answer_otherwise() {
    let folder = folder();
    let receiver = open(&folder);
    assert_eq!(call(&receiver, "POST", "/_/faults", json!({"status": 429, "delay_ms": 1})).await.0, 200);
    assert_eq!(send(&receiver, delivery(SECRET, "dlv_1", BODY)).await.0, 429);
    for bad in [json!({"status": 99}), json!({"delay_ms": 60_001}), json!({"statu": 500})] {
        assert_eq!(call(&receiver, "POST", "/_/faults", bad).await.0, 400);
    }
    call(&receiver, "DELETE", "/_/faults", Value::Null).await;
    assert_eq!(send(&receiver, delivery(SECRET, "dlv_1", BODY)).await.0, 200);
    let (_, list) = call(&receiver, "GET", "/_/deliveries", Value::Null).await;
    assert_eq!((&list["items"][0]["answered"], &list["items"][1]["answered"]), (&json!(200), &json!(429)));
}

#[tokio::test]
async fn only_the_latest_are_kept_and_none_is_endless() {
    let folder = folder();
    let receiver = open(&folder);
    for number in 0..=MAX_KEPT {
        send(&receiver, delivery(SECRET, &format!("dlv_{number}"), "{}")).await;
    }
    let receiver = open(&folder);
    let (_, list) = call(&receiver, "GET", "/_/deliveries", Value::Null).await;
    let items = list["items"].as_array().unwrap();
    assert_eq!((items.len(), &items[MAX_KEPT - 1]["webhook_id"]), (MAX_KEPT, &json!("dlv_1")));
    let large = format!("\"{}\"", "x".repeat(super::MAX_DELIVERY));
    assert_eq!(send(&receiver, delivery(SECRET, "dlv_x", &large)).await.0, 413);
}
