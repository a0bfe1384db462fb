//! Deadlines: what happens when nobody decides in time.

use countersign::approval::{Deadline, Mode, OnDeadline};
use countersign::engine::sweep::sweep;
use countersign_tests::desk::{Desk, instance_event};
use countersign_tests::local::{Local, OWNER, eventually, id, instance, request};
use countersign_tests::receiver::Receiver;
use serde_json::{Value, json};

/// Just after a deadline of one hour (milliseconds).
const AFTER: i64 = 3_601_000;
/// How long a platform that does not answer is waited for after it (milliseconds).
const GRACE: i64 = 15 * 60_000;

/// A flow on DingTalk that waits an hour.
async fn flow(local: &Local, on_deadline: &str) -> Value {
    let nodes = json!([{"name": "Owner", "mode": "any", "approvers": [{"account": OWNER}]}]);
    let flow = json!({"name": on_deadline, "stages": [{"connection": local.connection().await, "nodes": nodes}],
        "deadline_hours": 1, "on_deadline": on_deadline});
    local.make("/v1/flows", &flow).await
}

async fn body(local: &Local, on_deadline: &str) -> Value {
    let mut body = request();
    body["flow"] = flow(local, on_deadline).await["id"].clone();
    body
}

fn last(approval: &Value) -> &Value {
    approval["history"].as_array().unwrap().last().unwrap()
}

#[tokio::test]
async fn it_expires_on_the_platform_too_whatever_became_of_the_flow() {
    let local = Local::start().await;
    let flow = flow(&local, "expire").await;
    let mut body = request();
    body["flow"] = flow["id"].clone();
    let approval = local.settled(&body).await;
    assert_eq!(approval["deadline"]["on_deadline"], "expire", "{approval}");
    let changed = json!({"deadline_hours": null, "on_deadline": "escalate"});
    let path = format!("/v1/flows/{}", flow["id"].as_str().unwrap());
    assert_eq!(local.call("PATCH", &path, &changed).await.status, 200);
    local.clock.advance(AFTER - 60_000);
    let early = local.wait_until(&approval, "a look", |now| now["version"] != approval["version"]).await;
    assert_eq!(early["status"], "pending", "not before its time");
    local.clock.advance(60_000);
    let done = local.wait_for(&approval, "expired").await;
    assert_eq!(
        (&last(&done)["action"], &last(&done)["remark"]),
        (&json!("expired"), &json!("The deadline has passed."))
    );
    assert!(done["decided_at"].is_string() && done["deadline"]["passed_at"].is_string(), "{done}");
    assert_eq!(local.instance(instance(&approval)).await["status"], "TERMINATED");
    local.wait_for_types(&approval, &["approval.submitted", "approval.started", "approval.expired"]).await;
    let late = local.try_act(instance(&approval), OWNER, "approve", &Value::Null).await;
    assert_eq!(late.status, 409, "{}", late.text);
}

#[tokio::test]
async fn it_is_rejected_by_nobody() {
    let local = Local::start().await;
    let approval = local.settled(&body(&local, "reject").await).await;
    local.clock.advance(AFTER);
    let done = local.wait_for(&approval, "rejected").await;
    assert_eq!((&last(&done)["action"], &last(&done)["actor"]), (&json!("rejected"), &Value::Null));
    assert_eq!(done["stages"][0]["nodes"][0]["status"], "skipped", "{done}");
    assert_eq!(local.instance(instance(&approval)).await["status"], "TERMINATED");
    local.wait_for_types(&approval, &["approval.submitted", "approval.started", "approval.rejected"]).await;
}

#[tokio::test]
async fn it_is_escalated_once_and_waits_on() {
    let local = Local::start().await;
    let approval = local.settled(&body(&local, "escalate").await).await;
    local.clock.advance(AFTER);
    let mut types = vec!["approval.submitted", "approval.started", "approval.escalated"];
    let told = local.wait_for_types(&approval, &types).await;
    assert_eq!(told[2]["body"]["data"]["status"], "pending");
    let now = local.approval(&approval).await;
    assert_eq!((&now["status"], &last(&now)["action"]), (&json!("pending"), &json!("escalated")));
    local.clock.advance(AFTER);
    local.approve(&approval).await;
    local.wait_for(&approval, "approved").await;
    types.extend(["approval.node_decided", "approval.approved"]);
    local.wait_for_types(&approval, &types).await;
}

#[tokio::test]
async fn what_the_platform_decided_before_stands() {
    let local = Local::start().await;
    let approval = local.settled(&body(&local, "expire").await).await;
    local.faults(&json!({"drop_callbacks": true})).await;
    local.approve(&approval).await;
    local.mend().await;
    local.clock.advance(AFTER);
    let done = local.wait_for(&approval, "approved").await;
    assert_eq!(last(&done)["action"], "approved", "{done}");
}

#[tokio::test]
async fn a_start_that_is_under_way_is_not_left_behind() {
    let local = Local::start().await;
    let body = body(&local, "expire").await;
    local.faults(&json!({"fail": "after_effect"})).await;
    let answer = local.submit(&body).await;
    assert_eq!(answer.status, 202, "{}", answer.text);
    local.faults(&json!({"throttle": true})).await;
    local.clock.advance(AFTER);
    let passed = local.wait_until(&answer.json, "the deadline", |now| now["deadline"]["passed_at"].is_string()).await;
    assert_eq!(passed["status"], "starting");
    local.mend().await;
    eventually("it is found and taken back", async || {
        local.clock.advance(20_000);
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        let now = local.approval(&answer.json).await;
        if now["status"] == "expired" { Ok(()) } else { Err(now.to_string()) }
    })
    .await;
    let instances = local.instances().await;
    assert_eq!((instances.len(), &instances[0]["status"]), (1, &json!("TERMINATED")));
    assert_eq!(last(&local.approval(&answer.json).await)["remark"], "The deadline has passed.");
}

#[tokio::test]
async fn a_platform_that_does_not_answer_is_not_waited_for_for_ever() {
    let local = Local::start().await;
    let approval = local.settled(&body(&local, "expire").await).await;
    local.faults(&json!({"throttle": true})).await;
    local.clock.advance(AFTER);
    let passed = local.wait_until(&approval, "the deadline", |now| now["deadline"]["passed_at"].is_string()).await;
    assert_eq!(passed["status"], "pending", "it is tried again");
    local.clock.advance(GRACE);
    let done = local.wait_for(&approval, "expired").await;
    let remark = last(&done)["remark"].as_str().unwrap();
    assert!(remark.starts_with("The deadline has passed. The platform was not told: "), "{remark}");
}

#[tokio::test]
async fn a_platform_that_cannot_withdraw_is_named() {
    let local = Local::start().await;
    let receiver = Receiver::start().await;
    let settings = json!({"url": receiver.url, "access_id": "access-0", "organization_id": "o", "workspace_id": "w"});
    let connection = json!({"kind": "external", "name": "OA", "settings": settings, "secrets": {"access_key": "access-key-0123456789"}});
    let connection = local.make("/v1/connections", &connection).await;
    let flow = json!({"name": "OA", "stages": [{"connection": connection["id"], "nodes": []}], "deadline_hours": 1});
    let mut body = request();
    body["flow"] = local.make("/v1/flows", &flow).await["id"].clone();
    body["applicant"] = json!({"name": "Li Na", "mobile": "13800000002"});
    let approval = local.pending(&body).await;
    local.clock.advance(AFTER);
    let done = local.wait_for(&approval, "expired").await;
    let remark = last(&done)["remark"].as_str().unwrap();
    assert!(remark.contains("The platform was not told: ") && remark.contains("cannot"), "{remark}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_deadline_and_sixty_four_callbacks_one_wins() {
    let desk = std::sync::Arc::new(Desk::new().await);
    let mut ends = std::collections::BTreeSet::new();
    for round in 0..6 {
        let name = format!("inst-{round}");
        let mut record = desk.running(&name, &[("Owner", Mode::Any, &["manager4220"])]).await;
        let now = desk.app.world.now();
        // The platform does not answer, and was given its time.
        let deadline = Deadline { passed_at: Some(now - GRACE), ..Deadline::new(now - GRACE, OnDeadline::Expire) };
        record.state.deadline = Some(deadline);
        record.due_at = Some(now);
        desk.app.store.update_approval(&mut record).await.unwrap();
        let event = instance_event(&name, "finish", Some("agree"));
        let copies: Vec<_> = (0..64)
            .map(|n| {
                let (desk, event) = (std::sync::Arc::clone(&desk), event.clone());
                tokio::spawn(async move {
                    tokio::time::sleep(std::time::Duration::from_millis(round * 8 + n / 8)).await;
                    desk.push(&event).await
                })
            })
            .collect();
        let (one, two) = tokio::join!(sweep(&desk.app), sweep(&desk.app));
        assert!(one.is_ok() && two.is_ok());
        for copy in copies {
            let answer = copy.await.unwrap();
            assert_eq!(answer.status, 200, "{}", answer.text);
        }
        let done = desk.shown(&record.id).await;
        let status = done["status"].as_str().unwrap().to_owned();
        assert!(["approved", "expired"].contains(&status.as_str()), "{done}");
        let closings = done["history"].as_array().unwrap().iter().filter(|line| line["action"] == "expired").count();
        assert_eq!(closings, usize::from(status == "expired"), "{done}");
        ends.insert(status);
    }
    println!("{ends:?}");
}

#[tokio::test]
async fn a_flow_without_one_waits_for_ever() {
    let local = Local::start().await;
    let approval = local.pending(&request()).await;
    assert_eq!(approval["deadline"], Value::Null, "{}", id(&approval));
}
