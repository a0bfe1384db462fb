//! Taking an approval back, by the person and by the API.

use countersign::approval::{Closed, Closure};
use countersign_tests::http::Answer;
use countersign_tests::local::{APPLICANT, Api, Local, eventually, id, instance, request};
use serde_json::{Value, json};

async fn withdraw(local: &Api, approval: &Value, body: &Value) -> Answer {
    local.call("POST", &format!("/v1/approvals/{}/withdraw", id(approval)), body).await
}

/// DingTalk withdraws nothing in the first 15 seconds.
const TOO_SOON: i64 = 16_000;
/// A start whose answer was lost is looked for after this (milliseconds).
const LOOKED_FOR: i64 = 61_000;

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
    let told = &answer.json["last_error"];
    assert_eq!(told["code"], "provider_not_yet", "{}", answer.text);
    assert!(told["next_attempt_at"].is_string(), "{}", answer.text);
    let again = withdraw(&local, &approval, &json!({"reason": "not needed"})).await;
    assert_eq!(again.status, 202, "asking again is no error: {}", again.text);
    local.clock.advance(TOO_SOON + 1_000);
    let done = local.wait_for(&approval, "withdrawn").await;
    let last = done["history"].as_array().unwrap().last().unwrap();
    assert_eq!((&last["action"], &last["remark"]), (&json!("withdrawn"), &json!("not needed")));
    assert_eq!(done.get("last_error"), None, "{done}");
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

/// The same on a platform's own flow; people are named by mobile number, which is the same everywhere.
async fn request_on(api: &Api) -> Value {
    json!({"title": "Read access to orders", "applicant": {"mobile": "13800000002"}, "flow": api.flow().await})
}

/// A start whose answer was lost.
async fn started_unseen(api: &Api) -> Value {
    api.faults(&json!({"fail": "after_effect"})).await;
    let answer = api.submit(&request_on(api).await).await;
    api.mend().await;
    assert_eq!((answer.status, &answer.json["status"]), (202, &json!("starting")), "{}", answer.text);
    answer.json
}

fn is_later(answer: &Answer) {
    assert_eq!((answer.status, &answer.json["status"]), (202, &json!("starting")), "{}", answer.text);
    assert_eq!(answer.json["withdrawing"], true, "{}", answer.text);
}

/// How an instance stands on a platform once it was taken back.
fn taken_back(kind: &str) -> Value {
    json!(if kind == "dingtalk" { "TERMINATED" } else { "CANCELED" })
}

#[tokio::test]
async fn a_start_whose_answer_was_lost_is_found_and_taken_back_forced_or_not() {
    let local = Local::start().await;
    for (kind, force) in [("dingtalk", false), ("dingtalk", true), ("feishu", false), ("feishu", true)] {
        let api = local.on(kind);
        let before = api.instances().await.len();
        assert_eq!(before, usize::from(force), "one of the round before");
        let approval = started_unseen(&api).await;
        is_later(&withdraw(&api, &approval, &json!({"reason": "not needed", "force": force})).await);
        local.clock.advance(LOOKED_FOR);
        let done = api.wait_for(&approval, "withdrawn").await;
        let last = done["history"].as_array().unwrap().last().unwrap();
        assert_eq!(last["remark"], "not needed", "{kind} {force}: the platform was told: {done}");
        let there = api.instances().await;
        assert_eq!(there.len(), before + 1, "{kind} {force}");
        assert!(there.iter().all(|instance| instance["status"] == taken_back(kind)), "{kind} {force}: {there:?}");
        api.wait_for_types(&approval, &["approval.submitted", "approval.started", "approval.withdrawn"]).await;
    }
}

#[tokio::test]
async fn what_is_forced_while_the_start_is_being_answered_is_done_when_it_is_known() {
    let local = Local::start().await;
    for kind in ["dingtalk", "feishu"] {
        let api = local.on(kind);
        let body = request_on(&api).await;
        // Templates and tokens are there.
        api.pending(&body).await;
        let before = api.instances().await.len();
        api.faults(&json!({"delay_ms": 800})).await;
        let caller = api.clone();
        let submit = tokio::spawn(async move { caller.submit(&body).await });
        let starting = eventually("the approval", async || {
            let listed = api.get("/v1/approvals?status=starting").await.json;
            listed["items"].as_array().and_then(|items| items.first()).cloned().ok_or_else(String::new)
        })
        .await;
        is_later(&withdraw(&api, &starting, &json!({"force": true})).await);
        let approval = submit.await.unwrap().json;
        api.mend().await;
        assert_eq!(approval["id"], starting["id"]);
        local.clock.advance(TOO_SOON + 60_000);
        api.wait_for(&approval, "withdrawn").await;
        assert_eq!(api.instances().await.len(), before + 1);
        let status = eventually("it is taken back", async || {
            let now = api.instance(instance(&approval)).await["status"].clone();
            if now == taken_back(kind) { Ok(now) } else { Err(now.to_string()) }
        });
        status.await;
    }
}

#[tokio::test]
async fn nothing_is_started_any_more_once_its_withdrawal_was_asked_for() {
    let local = Local::start().await;
    for force in [false, true] {
        local.faults(&json!({"throttle": true})).await;
        let approval = local.submit(&request()).await.json;
        let answer = withdraw(&local, &approval, &json!({"force": force})).await;
        assert_eq!(
            (answer.status, &answer.json["status"]),
            (200, &json!("withdrawn")),
            "nothing is there: {}",
            answer.text
        );
        local.mend().await;
        local.clock.advance(TOO_SOON);
        local.wait_for(&approval, "withdrawn").await;
        assert!(local.instances().await.is_empty());
        local.wait_for_types(&approval, &["approval.submitted", "approval.withdrawn"]).await;
    }
}

#[tokio::test]
async fn a_platform_that_cannot_withdraw_is_named_once_the_instance_is_known() {
    let local = Local::start().await;
    let api = local.on("wecom");
    let approval = started_unseen(&api).await;
    is_later(&withdraw(&api, &approval, &json!({"reason": "not needed", "force": true})).await);
    local.clock.advance(LOOKED_FOR);
    let done = api.wait_for(&approval, "withdrawn").await;
    let remark = done["history"].as_array().unwrap().last().unwrap()["remark"].as_str().unwrap().to_owned();
    assert!(remark.starts_with("not needed\nThe platform was not told: ") && remark.contains("WeCom"), "{remark}");
    assert!(done["stages"][0]["instance"].is_string(), "people can be told where it is: {done}");
    let open = started_unseen(&api).await;
    is_later(&withdraw(&api, &open, &json!({})).await);
    local.clock.advance(LOOKED_FOR);
    let now = api.wait_until(&open, "it goes on", |now| now["status"] == "pending" && now["withdrawing"].is_null());
    assert!(now.await["stages"][0]["instance"].is_string(), "the platform cannot, and nobody forced it");
}

/// An approval that was ended while the platform was slow to start it.
pub(super) async fn started_after_the_end(local: &Local, api: &Api) -> Value {
    let body = request_on(api).await;
    api.pending(&body).await;
    api.faults(&json!({"delay_ms": 600})).await;
    let caller = api.clone();
    let submit = tokio::spawn(async move { caller.submit(&body).await });
    let approval = eventually("the approval", async || {
        let listed = api.get("/v1/approvals?status=starting").await.json;
        listed["items"].as_array().and_then(|items| items.first()).cloned().ok_or_else(String::new)
    })
    .await;
    // Somebody waited longer than the lease and ended it.
    let mut record = local.app.store.approval(&id(&approval).parse().unwrap()).await.unwrap();
    record.state.close(Closure { how: Closed::Expired, at: Some(record.updated_at), by: None, remark: None });
    record.due_at = None;
    local.app.store.update_approval(&mut record).await.unwrap();
    let answer = submit.await.unwrap();
    assert_eq!((answer.status, &answer.json["status"]), (201, &json!("expired")), "{}", answer.text);
    answer.json
}

#[tokio::test]
async fn a_start_that_is_answered_after_the_end_is_taken_back() {
    let local = Local::start().await;
    let api = local.on("feishu");
    let ended = started_after_the_end(&local, &api).await;
    assert_eq!(api.instance(instance(&ended)).await["status"], "CANCELED");
}
