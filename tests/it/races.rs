//! Many at once.

use std::collections::BTreeSet;
use std::sync::Arc;

use countersign::approval::Mode;
use countersign_tests::desk::{Desk, instance_event, task_event};
use countersign_tests::local::{Local, OWNER, id, instance, request};
use serde_json::{Value, json};

const ONE: &[(&str, Mode, &[&str])] = &[("Owner", Mode::Any, &["manager4220"])];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_submits_with_one_key_make_one_approval() {
    let local = Local::start().await;
    let submits: Vec<_> = (0..64)
        .map(|_| {
            let api = local.api.clone();
            tokio::spawn(async move { api.submit_as("the-same", &request()).await })
        })
        .collect();
    let (mut ids, mut statuses) = (BTreeSet::new(), Vec::new());
    for submit in submits {
        let answer = submit.await.unwrap();
        assert!([200, 201, 202].contains(&answer.status), "{} {}", answer.status, answer.text);
        ids.insert(id(&answer.json).to_owned());
        statuses.push(answer.status);
    }
    assert_eq!(ids.len(), 1);
    assert_eq!(statuses.iter().filter(|status| **status == 201).count(), 1, "one made it: {statuses:?}");
    let approval = json!({"id": ids.first()});
    local.wait_for(&approval, "pending").await;
    assert_eq!(local.instances().await.len(), 1);
    local.wait_for_types(&approval, &["approval.submitted", "approval.started"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_copies_of_a_callback_make_one_change() {
    let desk = Arc::new(Desk::new().await);
    let record = desk.running("inst-1", ONE).await;
    let before = record.version;
    for event in [
        task_event("inst-1", 1, "manager4220", "finish", Some("agree")),
        instance_event("inst-1", "finish", Some("agree")),
    ] {
        let copies: Vec<_> = (0..64)
            .map(|_| {
                let (desk, event) = (Arc::clone(&desk), event.clone());
                tokio::spawn(async move { desk.push(&event).await })
            })
            .collect();
        for copy in copies {
            let answer = copy.await.unwrap();
            assert_eq!(answer.status, 200, "{}", answer.text);
        }
    }
    let done = desk.shown(&record.id).await;
    assert_eq!((&done["status"], &done["version"]), (&json!("approved"), &json!(before + 2)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_approvers_of_one_node_decide_at_once_and_each_is_taken_in() {
    let desk = Desk::new().await;
    let (id, read_again) = desk.crowd("inst-1", 50).await;
    println!("{read_again} times read again by 50");
    let done = desk.shown(&id).await;
    let tasks = done["stages"][0]["nodes"][0]["tasks"].as_array().unwrap();
    assert_eq!(tasks.iter().filter(|task| task["status"] == "approved").count(), 50, "{done}");
    assert_eq!(done["version"], 52, "one write for each: {done}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_withdrawal_and_an_approval_one_wins_and_the_other_is_told() {
    let local = Local::start().await;
    local.clock.advance(1);
    for round in 0..6 {
        let approval = local.pending(&request()).await;
        local.clock.advance(16_000);
        let (api, path) = (local.api.clone(), format!("/v1/approvals/{}/withdraw", id(&approval)));
        let withdraw = async {
            tokio::time::sleep(std::time::Duration::from_millis(round)).await;
            api.call("POST", &path, &json!({})).await
        };
        let approve = local.try_act(instance(&approval), OWNER, "approve", &Value::Null);
        let (withdraw, approve) = tokio::join!(withdraw, approve);
        let won = match (withdraw.status, approve.status) {
            (200, 409) => "withdrawn",
            (409, 200) => "approved",
            other => panic!("{other:?}: {} {}", withdraw.text, approve.text),
        };
        let done = local.wait_for(&approval, won).await;
        let on_platform = local.instance(instance(&approval)).await;
        let theirs = if won == "approved" { "COMPLETED" } else { "TERMINATED" };
        assert_eq!(on_platform["status"], theirs, "both sides agree: {done}");
        let ends = ["approval.approved", "approval.withdrawn"];
        let end = format!("approval.{won}");
        let told = countersign_tests::local::eventually("the end", async || {
            let arrived = local.deliveries(&approval).await;
            let told: Vec<String> = arrived
                .iter()
                .filter_map(|d| d["type"].as_str())
                .filter(|t| ends.contains(t))
                .map(str::to_owned)
                .collect();
            if told.is_empty() { Err(format!("{arrived:?}")) } else { Ok(told) }
        })
        .await;
        assert_eq!(told, [end]);
    }
}

#[tokio::test]
async fn the_outcome_is_stored_and_shown_however_much_the_approvers_write() {
    let desk = Desk::new().await;
    let accounts: Vec<String> = (0..80).map(|n| format!("user-{n:03}")).collect();
    let names: Vec<&str> = accounts.iter().map(String::as_str).collect();
    let record = desk.running("inst-long", &[("All", Mode::All, &names)]).await;
    for (task, user) in (0..).zip(&accounts) {
        let mut event = task_event("inst-long", task, user, "finish", Some("agree"));
        event["remark"] = json!("审".repeat(1_024));
        let answer = desk.push(&event).await;
        assert_eq!(answer.status, 200, "{user}: {}", answer.text);
    }
    let answer = desk.push(&instance_event("inst-long", "finish", Some("agree"))).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let shown = desk.shown(&record.id).await;
    assert_eq!((&shown["status"], &shown["shortened"]), (&json!("approved"), &json!(["remarks"])));
    let tasks = shown["stages"][0]["nodes"][0]["tasks"].as_array().unwrap();
    assert_eq!(tasks.len(), 80);
    assert!(tasks.iter().all(|task| task["remark"].as_str().is_some_and(|remark| remark.starts_with("审审审"))));
}
