//! Instances that stay open on a platform although their approval has ended: each is taken back, sooner or later.

use countersign_tests::local::{Api, Local, eventually, id, instance};
use serde_json::{Value, json};

use super::withdraw::started_after_the_end;

const APPLICANT: &str = "13800000002";
const OWNER: &str = "13800000001";
/// DingTalk withdraws nothing in the first 15 seconds.
const TOO_SOON: i64 = 16_000;

/// An approval that starts on WeCom, where what was approved can be undone, and goes on elsewhere.
async fn across(local: &Local, second: &'static str) -> Value {
    let node = json!({"name": "Owner", "mode": "any", "approvers": [{"mobile": OWNER}]});
    let mut stages = Vec::new();
    for kind in ["wecom", second] {
        stages.push(json!({"connection": local.on(kind).connection().await, "nodes": [node]}));
    }
    let flow = local.make("/v1/flows", &json!({"name": "Two stages", "stages": stages})).await;
    let body = json!({"title": "Read access", "applicant": {"mobile": APPLICANT}, "flow": flow["id"]});
    local.on("wecom").settled(&body).await
}

/// The same, once its second stage runs.
async fn on_the_second(local: &Local, second: &'static str) -> Value {
    let approval = across(local, second).await;
    local.on("wecom").act(instance(&approval), OWNER, "approve", &Value::Null).await;
    local.wait_until(&approval, "the second stage", |now| now["stages"][1]["status"] == "pending").await
}

/// The applicant undoes what was approved in the first stage.
async fn undo(local: &Local, approval: &Value) -> Value {
    local.on("wecom").act(instance(approval), APPLICANT, "withdraw", &Value::Null).await;
    local.wait_for(approval, "revoked").await
}

async fn wait_for_instance(api: &Api, instance: &str, status: &str) {
    eventually("the instance is taken back", async || {
        let now = api.instance(instance).await["status"].clone();
        if now == status { Ok(()) } else { Err(now.to_string()) }
    })
    .await;
}

fn second(approval: &Value) -> &str {
    approval["stages"][1]["instance"].as_str().unwrap()
}

#[tokio::test]
async fn what_a_later_stage_has_begun_is_taken_back_when_an_earlier_one_is_undone() {
    let local = Local::start().await;
    let api = local.on("dingtalk");
    let approval = on_the_second(&local, "dingtalk").await;
    local.clock.advance(TOO_SOON);
    api.faults(&json!({"fail": true})).await;
    undo(&local, &approval).await;
    local.clock.advance(TOO_SOON);
    let is_failed = |now: &Value| now["stages"][1]["left_open"][0]["why"].is_string();
    let failed = local.wait_until(&approval, "the first try has failed", is_failed).await;
    let left = &failed["stages"][1]["left_open"][0];
    assert_eq!((&left["instance"], &left["outcome"]), (&json!(second(&approval)), &Value::Null), "{failed}");
    assert!(left["since"].is_string() && left["next_attempt_at"].is_string(), "{failed}");
    api.mend().await;
    local.clock.advance(10 * TOO_SOON);
    wait_for_instance(&api, second(&approval), "TERMINATED").await;
    let done = local.wait_until(&approval, "it is done", |now| now["stages"][1]["left_open"].is_null()).await;
    assert_eq!(done["status"], "revoked");
    let told = local.deliveries(&approval).await;
    assert_eq!(told.iter().filter(|told| told["type"] == "approval.revoked").count(), 1, "told once");
}

#[tokio::test]
async fn a_platform_that_cannot_take_it_back_is_named_in_the_approval() {
    let local = Local::start().await;
    let approval = on_the_second(&local, "wecom").await;
    undo(&local, &approval).await;
    local.clock.advance(TOO_SOON);
    let refused = |now: &Value| now["stages"][1]["left_open"][0]["outcome"] == "refused";
    let now = local.wait_until(&approval, "it is refused", refused).await;
    let left = &now["stages"][1]["left_open"][0];
    assert!(left["why"].as_str().is_some_and(|why| why.contains("WeCom")), "{now}");
    assert_eq!((&left["instance"], &left["next_attempt_at"]), (&json!(second(&approval)), &Value::Null), "{now}");
}

#[tokio::test]
async fn a_start_that_was_under_way_when_an_earlier_stage_was_undone_is_looked_for() {
    let local = Local::start().await;
    let api = local.on("dingtalk");
    let approval = across(&local, "dingtalk").await;
    // Its template is there, so that the next call that changes something is the start.
    let connection = api.connection().await;
    local.call("POST", &format!("/v1/connections/{connection}/template"), &json!({})).await;
    api.faults(&json!({"fail": "after_effect", "drop_callbacks": true})).await;
    local.on("wecom").act(instance(&approval), OWNER, "approve", &Value::Null).await;
    eventually("the form is made", async || if api.instances().await.len() == 1 { Ok(()) } else { Err(String::new()) })
        .await;
    undo(&local, &approval).await;
    api.mend().await;
    local.clock.advance(90_000);
    let made = api.instances().await[0]["id"].as_str().unwrap().to_owned();
    wait_for_instance(&api, &made, "TERMINATED").await;
    let now = local.wait_until(&approval, "it is known", |now| now["stages"][1]["instance"] == json!(made)).await;
    assert_eq!(now["status"], "revoked");
}

#[tokio::test]
async fn what_was_forced_to_an_end_is_taken_back_once_the_platform_lets_it() {
    let local = Local::start().await;
    let body = json!({"title": "Read access", "applicant": {"mobile": APPLICANT}, "flow": local.flow().await});
    let approval = local.settled(&body).await;
    let path = format!("/v1/approvals/{}/withdraw", id(&approval));
    let answer = local.call("POST", &path, &json!({"force": true})).await;
    assert_eq!((answer.status, &answer.json["status"]), (200, &json!("withdrawn")), "{}", answer.text);
    assert_ne!(answer.json["stages"][0]["left_open"], Value::Null, "{}", answer.text);
    local.clock.advance(TOO_SOON + 1_000);
    wait_for_instance(&local, instance(&approval), "TERMINATED").await;
}

#[tokio::test]
async fn what_is_started_after_the_end_is_taken_back_although_the_first_try_fails() {
    let local = Local::start().await;
    let api = local.on("dingtalk");
    let ended = started_after_the_end(&local, &api).await;
    api.mend().await;
    // DingTalk did not take it yet.
    assert_eq!(api.instance(instance(&ended)).await["status"], "RUNNING");
    local.clock.advance(TOO_SOON + 60_000);
    wait_for_instance(&api, instance(&ended), "TERMINATED").await;
}
