//! Answers and callbacks that are late, lost, repeated or out of order.

use std::sync::{Arc, Mutex};

use countersign_tests::http::Answer;
use countersign_tests::local::{Api, Local, OWNER, eventually, id, request};
use serde_json::{Value, json};

#[track_caller]
fn starting(answer: Answer) -> Value {
    assert_eq!((answer.status, &answer.json["status"]), (202, &json!("starting")), "{}", answer.text);
    answer.json
}

/// A start that the platform refused for now is tried again after this (milliseconds).
const AGAIN: i64 = 2_500;
/// One whose answer was lost may still be on its way there, and is looked for after this.
const LOOKED_FOR: i64 = 61_000;

#[tokio::test]
async fn a_throttled_start_goes_on_by_itself() {
    let local = Local::start().await;
    local.faults(&json!({"throttle": true})).await;
    let approval = starting(local.submit(&request()).await);
    assert!(local.instances().await.is_empty());
    local.mend().await;
    local.clock.advance(AGAIN);
    let now = local.wait_for(&approval, "pending").await;
    assert_eq!(local.instances().await.len(), 1);
    local.approve(&now).await;
    local.wait_for(&approval, "approved").await;
    let types = ["approval.submitted", "approval.started", "approval.node_decided", "approval.approved"];
    local.wait_for_types(&approval, &types).await;
}

#[tokio::test]
async fn a_start_whose_answer_was_lost_is_found_and_not_made_twice() {
    let local = Local::start().await;
    local.faults(&json!({"fail": "after_effect"})).await;
    let approval = starting(local.submit_as("k", &request()).await);
    assert_eq!(local.instances().await.len(), 1, "the platform has it");
    let again = local.submit_as("k", &request()).await;
    assert_eq!((again.status, &again.json["id"]), (200, &approval["id"]), "{}", again.text);
    local.clock.advance(LOOKED_FOR);
    let now = local.wait_for(&approval, "pending").await;
    let instances = local.instances().await;
    assert_eq!(instances.len(), 1, "exactly one: {instances:?}");
    assert_eq!(now["stages"][0]["instance"], instances[0]["id"]);
    local.approve(&now).await;
    local.wait_for(&approval, "approved").await;
}

#[tokio::test]
async fn what_is_decided_before_the_start_is_known_is_not_lost() {
    let local = Local::start().await;
    local.faults(&json!({"fail": "after_effect"})).await;
    let approval = starting(local.submit(&request()).await);
    let instance = local.instances().await[0]["id"].as_str().unwrap().to_owned();
    local.act(&instance, OWNER, "approve", &Value::Null).await;
    assert_eq!(local.approval(&approval).await["status"], "starting", "the callbacks are parked");
    // Nothing is read from now on: only the parked callbacks can tell.
    local.clock.advance(LOOKED_FOR);
    let done = local.wait_for(&approval, "approved").await;
    assert_eq!(done["stages"][0]["nodes"][0]["tasks"][0]["status"], "approved", "{done}");
    assert_eq!(local.instances().await.len(), 1);
}

/// A template that a customer made in DingTalk, and a flow that names it.
async fn own_template(local: &Local) -> (String, Value) {
    let app = local.get("/sandbox/dingtalk/_/app").await.json;
    let dingtalk = Api::new(app["settings"]["endpoint"].as_str().unwrap(), "");
    let keys = json!({"appKey": app["settings"]["app_key"], "appSecret": app["secrets"]["app_secret"]});
    let token = dingtalk.call("POST", "/v1.0/oauth2/accessToken", &keys).await;
    let token = token.json["accessToken"].as_str().unwrap_or_else(|| panic!("{}", token.text)).to_owned();
    let control = json!({"componentType": "TextField", "props": {"componentId": "TextField-ref", "label": "来源编号"}});
    let form = json!({"name": "Our own form", "formComponents": [control]});
    let headers = [("content-type", "application/json"), ("x-acs-dingtalk-access-token", token.as_str())];
    let made = dingtalk.send("POST", "/v1.0/workflow/forms", &headers, form.to_string()).await;
    let code = made.json["result"]["processCode"].as_str().unwrap_or_else(|| panic!("{}", made.text)).to_owned();
    let nodes = json!([{"name": "Owner", "mode": "any", "approvers": [{"account": OWNER}]}]);
    let stage = json!({"connection": local.connection().await, "template": code, "nodes": nodes});
    let flow = local.make("/v1/flows", &json!({"name": "On a form of our own", "stages": [stage]})).await;
    let mut body = request();
    body["flow"] = flow["id"].clone();
    (code, body)
}

#[tokio::test]
async fn nor_is_it_on_a_template_of_the_customers() {
    let local = Local::start().await;
    let (code, body) = own_template(&local).await;
    // The connection was read when the URL was checked; now it may be read again.
    local.clock.advance(1_500);
    local.faults(&json!({"fail": "after_effect"})).await;
    let approval = starting(local.submit(&body).await);
    let instance = local.instances().await[0]["id"].as_str().unwrap().to_owned();
    local.act(&instance, OWNER, "approve", &Value::Null).await;
    assert_eq!(local.approval(&approval).await["status"], "starting", "the callbacks are parked");
    local.clock.advance(LOOKED_FOR);
    // Nothing is read from now on: only the parked callbacks can tell.
    let done = local.wait_for(&approval, "approved").await;
    assert_eq!(done["stages"][0]["nodes"][0]["tasks"][0]["status"], "approved", "{done}");
    assert_eq!(local.instances().await.len(), 1);
    let connection = async || local.get(&format!("/v1/connections/{}", local.connection().await)).await.json;
    let before = connection().await;
    assert_eq!(before["templates"][&code], code.as_str(), "{before}");
    local.pending(&body).await;
    assert_eq!(connection().await, before, "it is remembered once");
}

#[tokio::test]
async fn a_callback_may_overtake_the_answer_of_the_start() {
    let local = Local::start().await;
    local.faults(&json!({"delay_ms": 600})).await;
    let api = local.api.clone();
    let submit = tokio::spawn(async move { api.submit(&request()).await });
    let instance = eventually("the instance", async || {
        let instances = local.instances().await;
        instances.first().and_then(|found| found["id"].as_str()).map(str::to_owned).ok_or_else(String::new)
    })
    .await;
    local.act(&instance, OWNER, "approve", &Value::Null).await;
    local.mend().await;
    let answer = submit.await.unwrap();
    assert_eq!((answer.status, &answer.json["status"]), (201, &json!("approved")), "{}", answer.text);
    let types = ["approval.submitted", "approval.started", "approval.node_decided", "approval.approved"];
    local.wait_for_types(&answer.json, &types).await;
}

#[tokio::test]
async fn repeated_and_reordered_callbacks_come_to_the_same() {
    let local = Local::start().await;
    local.faults(&json!({"repeat_callbacks": 2, "reorder_callbacks": true})).await;
    let approval = local.pending(&request()).await;
    let now = local.approve(&approval).await;
    let copies: usize =
        now["callbacks"].as_array().unwrap().iter().map(|c| c["attempts"].as_array().unwrap().len()).sum();
    assert!(copies >= 9, "each was sent three times: {now}");
    let done = local.wait_for(&approval, "approved").await;
    let types = ["approval.submitted", "approval.started", "approval.node_decided", "approval.approved"];
    local.wait_for_types(&approval, &types).await;
    assert_eq!(local.approval(&approval).await["history"], done["history"]);
}

#[tokio::test]
async fn a_dropped_end_is_found_by_a_reading() {
    let local = Local::start().await;
    let approval = local.pending(&request()).await;
    local.faults(&json!({"drop_callbacks": true})).await;
    local.approve(&approval).await;
    local.mend().await;
    assert_eq!(local.approval(&approval).await["status"], "pending", "nobody told");
    local.clock.advance(601_000);
    local.wait_for(&approval, "approved").await;
}

#[tokio::test]
async fn an_instance_that_stays_silent_is_read_more_and_more_rarely() {
    let local = Local::start().await;
    let approval = local.pending(&request()).await;
    local.faults(&json!({"drop_callbacks": true})).await;
    local.clock.advance(61_000);
    let due = async || local.app.store.approval(&id(&approval).parse().unwrap()).await.unwrap().due_at.unwrap();
    let now = local.app.world.now();
    eventually("the first look, which reads nothing yet", async || {
        if due().await > now + 300_000 { Ok(()) } else { Err(String::new()) }
    })
    .await;
    local.approve(&approval).await;
    assert_eq!(local.approval(&approval).await["status"], "pending");
    local.clock.advance(11 * 60_000);
    local.wait_for(&approval, "approved").await;
}

#[tokio::test]
async fn a_body_that_ends_early_is_refused_and_the_next_is_taken() {
    let local = Local::start().await;
    let connection = local.connection().await;
    let address = local.url.trim_start_matches("http://").to_owned();
    for path in [format!("/callbacks/{connection}"), "/openapi/apply/externalApplyCallBack".to_owned()] {
        let address = address.clone();
        let answer = tokio::task::spawn_blocking(move || {
            use std::io::{Read, Write};
            let mut stream = std::net::TcpStream::connect(&address).unwrap();
            let head = format!(
                "POST {path} HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/x-www-form-urlencoded\r\ncontent-length: 500\r\n\r\n"
            );
            stream.write_all(head.as_bytes()).unwrap();
            stream.write_all(b"encrypt=half").unwrap();
            stream.shutdown(std::net::Shutdown::Write).unwrap();
            let mut answer = String::new();
            let _ = stream.read_to_string(&mut answer);
            answer
        })
        .await
        .unwrap();
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer}");
    }
    local.pending(&request()).await;
}

#[tokio::test]
async fn a_receiver_that_never_answers_holds_up_nobody_else_for_long() {
    let local = Local::start().await;
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", silent.local_addr().unwrap());
    let attempts = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&attempts);
    tokio::spawn(async move {
        while let Ok((stream, _)) = silent.accept().await {
            kept.lock().unwrap().push(stream);
        }
    });
    let flow = local.flow().await;
    let first = local.get("/v1/sources").await.json["items"][0]["id"].clone();
    let source = json!({"name": "Silent", "format": "native", "callback_url": url, "default_flow": flow});
    let source = local.make("/v1/sources", &source).await;
    let mut stuck = request();
    stuck["source"] = source["id"].clone();
    local.pending(&stuck).await;
    let mut body = request();
    body["source"] = first;
    let approval = local.pending(&body).await;
    local.wait_for_types(&approval, &["approval.submitted", "approval.started"]).await;
    assert_eq!(attempts.lock().unwrap().len(), 1, "one time-out for all of its events; the sweep goes on");
}
