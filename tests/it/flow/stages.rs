//! Flows that go on elsewhere when a stage has passed.

use countersign_tests::http::Answer;
use countersign_tests::local::{Local, OWNER, eventually, id, instance, request};
use countersign_tests::receiver::Receiver;
use serde_json::{Value, json};

/// A request for a flow that starts on DingTalk and ends at an external OA.
async fn two_stages(local: &Local, oa: &Receiver) -> Value {
    let dingtalk = local.connection().await;
    let external = json!({"kind": "external", "name": "OA", "settings": {"url": oa.url, "access_id": "access-1"},
        "secrets": {"access_key": "access-key-0123456789"}});
    let external = local.make("/v1/connections", &external).await;
    let node = json!({"name": "Owner", "mode": "any", "approvers": [{"account": OWNER}]});
    let stages = json!([{"connection": dingtalk, "nodes": [node]}, {"connection": external["id"], "nodes": []}]);
    let flow = local.make("/v1/flows", &json!({"name": "Two stages", "stages": stages})).await;
    let mut body = request();
    body["flow"] = flow["id"].clone();
    body
}

async fn call_back(local: &Local, approval: &Value, status: &str) -> Answer {
    let form = format!(
        "applyId={}&accessId=access-1&accessKey=access-key-0123456789&approverName=Wang&approverStatus={status}&applyStatus={status}",
        id(approval)
    );
    let headers = [("content-type", "application/x-www-form-urlencoded")];
    local.with_key("").send("POST", "/openapi/apply/externalApplyCallBack", &headers, form).await
}

fn statuses(approval: &Value) -> Vec<&str> {
    approval["stages"].as_array().unwrap().iter().map(|stage| stage["status"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn the_next_stage_begins_when_the_first_has_passed() {
    let local = Local::start().await;
    let oa = Receiver::start().await;
    let body = two_stages(&local, &oa).await;
    let approval = local.pending(&body).await;
    assert_eq!(statuses(&approval), ["pending", "waiting"]);
    let early = call_back(&local, &approval, "2").await;
    assert_eq!((early.status, &early.json["errorCode"]), (404, &json!("APPLY_NOT_FOUND")), "{}", early.text);
    assert_eq!(local.approval(&approval).await["status"], "pending");
    assert!(oa.received().is_empty(), "the OA has not been asked yet");
    local.act(instance(&approval), OWNER, "approve", &Value::Null).await;
    let second = local.wait_until(&approval, "the second stage", |now| statuses(now)[1] == "pending").await;
    assert_eq!((statuses(&second), &second["status"]), (vec!["approved", "pending"], &json!("pending")));
    assert_eq!(oa.received().len(), 1);
    let answer = call_back(&local, &approval, "1").await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let done = local.wait_for(&approval, "approved").await;
    assert_eq!(statuses(&done), ["approved", "approved"]);
    let types = ["submitted", "started", "node_decided", "node_decided", "approved"].map(|t| format!("approval.{t}"));
    local.wait_for_types(&approval, &types.each_ref().map(String::as_str)).await;
}

#[tokio::test]
async fn a_rejected_stage_asks_nobody_else() {
    let local = Local::start().await;
    let oa = Receiver::start().await;
    let approval = local.pending(&two_stages(&local, &oa).await).await;
    local.act(instance(&approval), OWNER, "reject", &Value::Null).await;
    let done = local.wait_for(&approval, "rejected").await;
    assert_eq!(statuses(&done), ["rejected", "skipped"]);
    let types = ["submitted", "started", "node_decided", "rejected"].map(|t| format!("approval.{t}"));
    local.wait_for_types(&approval, &types.each_ref().map(String::as_str)).await;
    assert!(oa.received().is_empty());
}

#[tokio::test]
async fn a_second_stage_that_is_not_answered_goes_on_by_itself_and_one_that_is_refused_fails() {
    let local = Local::start().await;
    let oa = Receiver::start().await;
    let body = two_stages(&local, &oa).await;
    oa.answer_next(503, "busy");
    let late = local.pending(&body).await;
    local.act(instance(&late), OWNER, "approve", &Value::Null).await;
    eventually("the first notice", async || if oa.received().len() == 1 { Ok(()) } else { Err(String::new()) }).await;
    eventually("the second stage, once the answer is given up", async || {
        local.clock.advance(61_000);
        let now = local.approval(&late).await;
        if statuses(&now) == ["approved", "pending"] { Ok(()) } else { Err(now.to_string()) }
    })
    .await;
    oa.answer_next(200, "false");
    let refused = local.pending(&body).await;
    local.act(instance(&refused), OWNER, "approve", &Value::Null).await;
    let failed = local.wait_for(&refused, "failed").await;
    assert_eq!(failed["failure"]["code"], "provider_refused", "{failed}");
    let types = ["submitted", "started", "node_decided", "failed"].map(|t| format!("approval.{t}"));
    local.wait_for_types(&refused, &types.each_ref().map(String::as_str)).await;
}
