//! Nodes, their modes, and what people do beside deciding.

use countersign_tests::local::{Local, OWNER, SECOND, THIRD, instance, request, request_with};
use serde_json::{Value, json};

/// Status of each node of the first stage.
fn nodes(approval: &Value) -> Vec<&str> {
    let nodes = approval["stages"][0]["nodes"].as_array().unwrap();
    nodes.iter().map(|node| node["status"].as_str().unwrap()).collect()
}

/// Account and status of each task of a node of the first stage.
fn tasks(approval: &Value, node: usize) -> Vec<(&str, &str)> {
    let tasks = approval["stages"][0]["nodes"][node]["tasks"].as_array().unwrap();
    tasks.iter().map(|task| (task["assignee"]["account"].as_str().unwrap(), task["status"].as_str().unwrap())).collect()
}

#[tokio::test]
async fn the_second_node_begins_only_when_the_first_has_passed() {
    let local = Local::start().await;
    let body = request_with(&[("Team", "any", &[SECOND]), ("Owner", "any", &[OWNER])]);
    let approval = local.pending(&body).await;
    assert_eq!(nodes(&approval), ["pending", "waiting"]);
    let early = local.try_act(instance(&approval), OWNER, "approve", &Value::Null).await;
    assert_ne!(early.status, 200, "the second node's task is not given out yet");
    local.act(instance(&approval), SECOND, "approve", &Value::Null).await;
    let half = local.wait_until(&approval, "the first node", |now| nodes(now)[0] == "approved").await;
    assert_eq!((nodes(&half), &half["status"]), (vec!["approved", "pending"], &json!("pending")));
    local.act(instance(&approval), OWNER, "approve", &Value::Null).await;
    let done = local.wait_for(&approval, "approved").await;
    assert_eq!(nodes(&done), ["approved", "approved"]);
    let types = ["submitted", "started", "node_decided", "node_decided", "approved"].map(|t| format!("approval.{t}"));
    let types: Vec<&str> = types.iter().map(String::as_str).collect();
    let arrived = local.wait_for_types(&approval, &types).await;
    assert_eq!(arrived[2]["body"]["node"], json!({"stage": 0, "node": 0, "status": "approved"}));
    assert_eq!(arrived[3]["body"]["node"], json!({"stage": 0, "node": 1, "status": "approved"}));
}

#[tokio::test]
async fn a_rejected_node_keeps_the_next_from_beginning() {
    let local = Local::start().await;
    let body = request_with(&[("Team", "any", &[SECOND, THIRD]), ("Owner", "any", &[OWNER])]);
    let approval = local.pending(&body).await;
    local.act(instance(&approval), THIRD, "reject", &Value::Null).await;
    // At which node, a reading tells.
    local.wait_until(&approval, "the node", |now| nodes(now) == ["rejected", "skipped"]).await;
    local.wait_for(&approval, "rejected").await;
}

#[tokio::test]
async fn one_of_any_is_enough_and_the_others_are_skipped() {
    let local = Local::start().await;
    let approval = local.pending(&request_with(&[("Team", "any", &[SECOND, THIRD])])).await;
    local.act(instance(&approval), THIRD, "approve", &Value::Null).await;
    let done = local.wait_until(&approval, "the loser's event", |now| tasks(now, 0)[0].1 == "skipped").await;
    assert_eq!(done["status"], "approved");
    assert_eq!(tasks(&done, 0), [(SECOND, "skipped"), (THIRD, "approved")]);
}

#[tokio::test]
async fn all_means_all() {
    let local = Local::start().await;
    let approval = local.pending(&request_with(&[("Team", "all", &[SECOND, THIRD])])).await;
    local.act(instance(&approval), SECOND, "approve", &Value::Null).await;
    let half = local.wait_until(&approval, "the first approval", |now| tasks(now, 0)[0].1 == "approved").await;
    assert_eq!((nodes(&half), &half["status"]), (vec!["pending"], &json!("pending")));
    local.act(instance(&approval), THIRD, "approve", &Value::Null).await;
    let done = local.wait_for(&approval, "approved").await;
    assert_eq!(tasks(&done, 0), [(SECOND, "approved"), (THIRD, "approved")]);
}

#[tokio::test]
async fn a_transfer_decides_nothing_and_a_reading_finds_who_has_the_task_now() {
    let local = Local::start().await;
    let approval = local.pending(&request()).await;
    local.act(instance(&approval), OWNER, "transfer", &json!({"to": THIRD, "remark": "yours"})).await;
    let moved =
        local.wait_until(&approval, "the new assignee", |now| tasks(now, 0).contains(&(THIRD, "pending"))).await;
    assert_eq!((nodes(&moved), &moved["status"]), (vec!["pending"], &json!("pending")));
    assert!(tasks(&moved, 0).contains(&(OWNER, "transferred")), "{moved}");
    local.act(instance(&approval), THIRD, "approve", &Value::Null).await;
    let done = local.wait_for(&approval, "approved").await;
    let actions: Vec<_> = done["history"].as_array().unwrap().iter().map(|line| line["action"].clone()).collect();
    assert_eq!(actions, ["submitted", "started", "transferred", "approved"], "{done}");
}

#[tokio::test]
async fn an_added_approver_is_seen_and_decides_with_the_others() {
    let local = Local::start().await;
    let approval = local.pending(&request()).await;
    local.act(instance(&approval), OWNER, "add_approver", &json!({"to": SECOND})).await;
    let more = local.wait_until(&approval, "the added one", |now| tasks(now, 0).contains(&(SECOND, "pending"))).await;
    assert_eq!((nodes(&more), &more["status"]), (vec!["pending"], &json!("pending")));
    local.act(instance(&approval), SECOND, "approve", &Value::Null).await;
    let half = local
        .wait_until(&approval, "the added one's approval", |now| tasks(now, 0).contains(&(SECOND, "approved")))
        .await;
    assert_eq!(half["status"], "pending", "the one who added them still has to decide: {half}");
    local.act(instance(&approval), OWNER, "approve", &Value::Null).await;
    let done = local.wait_for(&approval, "approved").await;
    let lines = done["history"].as_array().unwrap();
    assert!(lines.iter().any(|line| line["action"] == "countersigned"), "{done}");
}

#[tokio::test]
async fn a_comment_decides_nothing() {
    let local = Local::start().await;
    let approval = local.pending(&request()).await;
    local.act(instance(&approval), OWNER, "comment", &json!({"remark": "which orders?"})).await;
    let has_comment = |now: &Value| now["history"].as_array().unwrap().iter().any(|line| line["action"] == "commented");
    let seen = local.wait_until(&approval, "the comment", has_comment).await;
    assert_eq!(seen["status"], "pending");
}
