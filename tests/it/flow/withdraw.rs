//! Taking an approval back, by the person and by the API.

use countersign_tests::http::Answer;
use countersign_tests::local::{APPLICANT, Local, id, instance, request};
use serde_json::{Value, json};

async fn withdraw(local: &Local, approval: &Value, body: &Value) -> Answer {
    local.call("POST", &format!("/v1/approvals/{}/withdraw", id(approval)), body).await
}

/// DingTalk withdraws nothing in the first 15 seconds.
const TOO_SOON: i64 = 16_000;

#[tokio::test]
async fn what_the_person_withdraws_is_noticed() {
    let local = Local::start().await;
    let approval = local.pending(&request()).await;
    local.clock.advance(TOO_SOON);
    local.act(instance(&approval), APPLICANT, "withdraw", &Value::Null).await;
    let done = local.wait_for(&approval, "withdrawn").await;
    assert!(done["decided_at"].is_string());
    let types = ["approval.submitted", "approval.started", "approval.withdrawn"];
    local.wait_for_types(&approval, &types).await;
}

#[tokio::test]
async fn too_soon_is_accepted_and_done_later() {
    let local = Local::start().await;
    let approval = local.pending(&request()).await;
    let answer = withdraw(&local, &approval, &json!({"reason": "not needed"})).await;
    assert_eq!(answer.status, 202, "{}", answer.text);
    assert_eq!((&answer.json["status"], &answer.json["withdrawing"]), (&json!("pending"), &json!(true)));
    let again = withdraw(&local, &approval, &json!({"reason": "not needed"})).await;
    assert_eq!(again.status, 202, "asking again is no error: {}", again.text);
    local.clock.advance(TOO_SOON + 1_000);
    let done = local.wait_for(&approval, "withdrawn").await;
    let last = done["history"].as_array().unwrap().last().unwrap();
    assert_eq!((&last["action"], &last["remark"]), (&json!("withdrawn"), &json!("not needed")));
    let on_platform = local.instance(instance(&approval)).await;
    assert_eq!(on_platform["status"], "TERMINATED", "{on_platform}");
    local.wait_for_types(&approval, &["approval.submitted", "approval.started", "approval.withdrawn"]).await;
}

#[tokio::test]
async fn after_that_it_is_done_at_once_and_only_once() {
    let local = Local::start().await;
    let approval = local.pending(&request()).await;
    local.clock.advance(TOO_SOON);
    let answer = withdraw(&local, &approval, &json!({"reason": "not needed"})).await;
    assert_eq!((answer.status, &answer.json["status"]), (200, &json!("withdrawn")), "{}", answer.text);
    assert_eq!(local.instance(instance(&approval)).await["status"], "TERMINATED");
    let again = withdraw(&local, &approval, &json!({})).await;
    assert_eq!((again.status, again.code()), (409, "already_ended"), "{}", again.text);
    local.wait_for_types(&approval, &["approval.submitted", "approval.started", "approval.withdrawn"]).await;
}

#[tokio::test]
async fn what_is_decided_cannot_be_withdrawn() {
    let local = Local::start().await;
    let approval = local.pending(&request()).await;
    local.approve(&approval).await;
    local.wait_for(&approval, "approved").await;
    for body in [json!({}), json!({"force": true})] {
        let answer = withdraw(&local, &approval, &body).await;
        assert_eq!((answer.status, answer.code()), (409, "already_ended"), "{}", answer.text);
    }
    assert_eq!(local.approval(&approval).await["status"], "approved");
}

#[tokio::test]
async fn force_does_not_wait_for_the_platform_and_says_so() {
    let local = Local::start().await;
    let approval = local.pending(&request()).await;
    let answer = withdraw(&local, &approval, &json!({"force": true})).await;
    assert_eq!((answer.status, &answer.json["status"]), (200, &json!("withdrawn")), "{}", answer.text);
    assert!(answer.json["note"].as_str().is_some_and(|note| !note.is_empty()), "{}", answer.text);
    local.approve(&approval).await;
    local.wait_for_types(&approval, &["approval.submitted", "approval.started", "approval.withdrawn"]).await;
    assert_eq!(local.approval(&approval).await["status"], "withdrawn", "what ended stays so");
}

#[tokio::test]
async fn a_decision_made_while_the_withdrawal_waits_stands() {
    let local = Local::start().await;
    let approval = local.pending(&request()).await;
    assert_eq!(withdraw(&local, &approval, &json!({})).await.status, 202);
    local.approve(&approval).await;
    let done = local.wait_for(&approval, "approved").await;
    assert_eq!(done.get("withdrawing"), None);
    local.clock.advance(TOO_SOON + 1_000);
    let types = ["approval.submitted", "approval.started", "approval.node_decided", "approval.approved"];
    local.wait_for_types(&approval, &types).await;
}

#[tokio::test]
async fn bad_withdrawals_change_nothing() {
    let local = Local::start().await;
    let approval = local.settled(&request()).await;
    let long = "x".repeat(501);
    for (body, code) in [
        (json!({"reason": long}), "invalid_request"),
        (json!({"reasons": "x"}), "unknown_field"),
        (json!({"force": "yes"}), "invalid_request"),
    ] {
        let answer = withdraw(&local, &approval, &body).await;
        assert_eq!((answer.status, answer.code()), (400, code), "{}", answer.text);
    }
    let unknown = local.call("POST", "/v1/approvals/apr_unknown/withdraw", &json!({})).await;
    assert_eq!((unknown.status, unknown.code()), (404, "not_found"));
    assert_eq!(local.approval(&approval).await["version"], approval["version"]);
}
