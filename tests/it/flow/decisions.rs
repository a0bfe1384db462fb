//! Submit, decide, and the decision at the source.

use std::collections::BTreeSet;

use axum::http::HeaderMap;
use countersign_tests::local::{APPLICANT, Local, OWNER, eventually, id, instance, request};
use countersign_tests::receiver::Receiver;
use serde_json::{Value, json};

/// Names of a JSON object.
fn names(value: &Value) -> BTreeSet<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

#[track_caller]
fn assert_has(value: &Value, wanted: &[&str]) {
    let have = names(value);
    let missing: Vec<_> = wanted.iter().filter(|name| !have.contains(*name)).collect();
    assert!(missing.is_empty(), "{missing:?} missing in {value}");
}

#[tokio::test]
async fn an_approval_goes_all_the_way() {
    let local = Local::start().await;
    let answer = local.submit(&request()).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    assert!(answer.header("x-trace-id").is_some());
    let approval = answer.json;
    let fields = [
        "id",
        "status",
        "title",
        "source",
        "workspace",
        "version",
        "created_at",
        "updated_at",
        "decided_at",
        "stages",
        "history",
    ];
    assert_has(&approval, &fields);
    assert!(id(&approval).starts_with("apr_"));
    assert_eq!((&approval["status"], &approval["decided_at"]), (&json!("pending"), &Value::Null));
    let stage = &approval["stages"][0];
    assert_has(stage, &["connection", "kind", "instance", "url", "status", "nodes"]);
    assert_eq!((&stage["kind"], &stage["status"]), (&json!("dingtalk"), &json!("pending")));
    let node = &stage["nodes"][0];
    assert_eq!(node["name"], "Owner");
    assert_eq!((&node["mode"], &node["status"]), (&json!("any"), &json!("pending")));
    let task = &node["tasks"][0];
    assert_has(task, &["assignee", "status", "remark", "decided_at"]);
    assert_eq!(task["assignee"]["account"], OWNER);
    assert!(task["assignee"]["member"].as_str().unwrap().starts_with("mem_"));
    assert_has(&approval["history"][0], &["at", "action", "actor", "node", "remark"]);
    assert_eq!(approval["history"][0]["action"], "submitted");
    assert_eq!(approval["history"][0]["actor"]["account"], APPLICANT);

    local.act(instance(&approval), OWNER, "approve", &json!({"remark": "fine"})).await;
    let done = local.wait_for(&approval, "approved").await;
    assert!(done["decided_at"].is_string());
    assert!(done["version"].as_u64() > approval["version"].as_u64());
    let task = &done["stages"][0]["nodes"][0]["tasks"][0];
    assert_eq!((&task["status"], &task["remark"]), (&json!("approved"), &json!("fine")));
    assert!(task["decided_at"].is_string());
    let actions: Vec<_> = done["history"].as_array().unwrap().iter().map(|line| line["action"].clone()).collect();
    assert_eq!(actions, ["submitted", "started", "approved"]);
    assert_eq!(done["request"]["reason"], "monthly report", "what was asked for is shown too");

    let types = ["approval.submitted", "approval.started", "approval.node_decided", "approval.approved"];
    let arrived = local.wait_for_types(&approval, &types).await;
    assert!(arrived.iter().all(|delivery| delivery["signature_ok"] == true), "{arrived:?}");
    let ids: BTreeSet<_> = arrived.iter().map(|delivery| delivery["webhook_id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), 4, "each event has an id of its own");
    let last = &arrived[3]["body"];
    assert_eq!((&last["type"], &last["data"]["status"]), (&json!("approval.approved"), &json!("approved")));
    assert!(last["timestamp"].is_string());
    assert_eq!(last["data"]["stages"], done["stages"], "the decision tells who decided");

    // The receiver has the last one before the table says so.
    let listed = eventually("delivered", async || {
        let listed = local.get(&format!("/v1/approvals/{}/deliveries", id(&approval))).await.json;
        let rows = listed["items"].as_array().cloned().unwrap_or_default();
        if rows.iter().all(|row| row["status"] == "delivered") { Ok(rows) } else { Err(listed.to_string()) }
    })
    .await;
    assert_eq!(listed.iter().map(|row| row["id"].as_str().unwrap()).collect::<BTreeSet<_>>(), ids);
    assert!(listed.iter().all(|row| row["attempts"] == 1), "{listed:?}");

    let page = local.get("/v1/approvals?status=approved").await.json;
    assert_eq!(page["items"][0]["id"], approval["id"]);
    assert_eq!(local.get("/v1/approvals?status=pending").await.json["items"], json!([]));
    let own = local.get(&format!("/v1/approvals?applicant={APPLICANT}")).await.json;
    assert_eq!(own["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_rejection_ends_it() {
    let local = Local::start().await;
    let approval = local.pending(&request()).await;
    local.act(instance(&approval), OWNER, "reject", &json!({"remark": "too much"})).await;
    let done = local.wait_for(&approval, "rejected").await;
    let task = &done["stages"][0]["nodes"][0]["tasks"][0];
    assert_eq!((&task["status"], &task["remark"]), (&json!("rejected"), &json!("too much")));
    assert_eq!(done["stages"][0]["nodes"][0]["status"], "rejected");
    let types = ["approval.submitted", "approval.started", "approval.node_decided", "approval.rejected"];
    local.wait_for_types(&approval, &types).await;
}

#[tokio::test]
async fn a_receiver_of_ones_own_verifies_with_the_standard_library_and_a_repeat_has_the_same_id() {
    let local = Local::start().await;
    let receiver = Receiver::start().await;
    let flow = local.flow().await;
    let source = json!({"name": "Mine", "format": "native", "callback_url": receiver.url, "default_flow": flow,
        "events": ["approval.submitted"]});
    let source = local.make("/v1/sources", &source).await;
    let secret = source["webhook_secret"].as_str().unwrap();
    let own = local.with_key(source["key"].as_str().or(source["api_key"].as_str()).unwrap());
    receiver.answer_next(500, "not now");
    let approval = own.pending(&request()).await;
    assert_eq!(approval["source"], source["id"]);

    let listed = format!("/v1/approvals/{}/deliveries", id(&approval));
    eventually("the first attempt", async || {
        let row = own.get(&listed).await.json["items"][0].clone();
        if row["attempts"] == 1 { Ok(()) } else { Err(row.to_string()) }
    })
    .await;
    local.clock.advance(6_000);
    let row = eventually("the second attempt", async || {
        let row = own.get(&listed).await.json["items"][0].clone();
        if row["status"] == "delivered" { Ok(row) } else { Err(row.to_string()) }
    })
    .await;
    assert_eq!((&row["attempts"], &row["last_status"]), (&json!(2), &json!(200)));

    let received = receiver.received();
    assert_eq!(received.len(), 2, "only the type that was asked for, and its repeat");
    let verifier = standardwebhooks::Webhook::new(secret).unwrap();
    for request in &received {
        verifier.verify(&request.body, &request.headers).unwrap();
    }
    let header = |headers: &HeaderMap, name: &str| headers[name].to_str().unwrap().to_owned();
    assert_eq!(header(&received[0].headers, "webhook-id"), header(&received[1].headers, "webhook-id"));
    assert_eq!(header(&received[0].headers, "webhook-id"), row["id"].as_str().unwrap());
    assert_eq!(received[0].body, received[1].body);
    let mut changed = received[0].body.to_vec();
    changed.push(b' ');
    assert!(verifier.verify(&changed, &received[0].headers).is_err());
}
