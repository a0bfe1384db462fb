//! Submits that cannot be: what is said, and that nothing is left behind.

use countersign_tests::http::Answer;
use countersign_tests::local::{APPLICANT, Local, OWNER, id, request};
use serde_json::{Value, json};

/// The request with one field changed.
fn with(name: &str, value: Value) -> Value {
    let mut body = request();
    body[name] = value;
    body
}

#[track_caller]
fn refused(answer: &Answer, status: u16, code: &str, pointers: &[&str]) {
    assert_eq!((answer.status, answer.code()), (status, code), "{}", answer.text);
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    assert!(answer.json["trace_id"].is_string() && answer.json["detail"].is_string(), "{}", answer.text);
    assert_eq!(answer.pointers(), pointers, "{}", answer.text);
}

#[tokio::test]
async fn what_is_wrong_is_named_and_nothing_is_stored() {
    let local = Local::start().await;
    let cases = [
        (with("flow", json!("flow_unknown")), 422, "unknown_flow", vec!["/flow"]),
        (with("source", json!("src_unknown")), 422, "unknown_source", vec!["/source"]),
        (with("workspace", json!("ws_unknown")), 422, "unknown_workspace", vec!["/workspace"]),
        (with("applicant", json!({"member": "mem_unknown"})), 422, "person_not_found", vec!["/applicant/member"]),
        (with("titel", json!("x")), 400, "unknown_field", vec!["/titel"]),
        (with("applicant", json!({"nmae": "x"})), 400, "unknown_field", vec!["/applicant/nmae"]),
        (with("title", json!(5)), 400, "invalid_request", vec!["/title"]),
        (with("nodes", json!([])), 400, "invalid_request", vec!["/nodes"]),
        (json!([]), 400, "invalid_request", vec![""]),
    ];
    for (body, status, code, pointers) in cases {
        refused(&local.submit(&body).await, status, code, &pointers);
    }
    let headers = [("content-type", "application/json")];
    refused(&local.send("POST", "/v1/approvals", &headers, "{").await, 400, "invalid_json", &[]);
    let large = with("reason", json!("x".repeat(1 << 20)));
    assert_eq!(local.submit(&large).await.status, 413);
    assert_eq!(local.get("/v1/approvals").await.json["items"], json!([]));
    assert!(local.instances().await.is_empty());
}

#[tokio::test]
async fn several_bad_fields_are_told_at_once() {
    let local = Local::start().await;
    let body = json!({"title": "", "reason": "x".repeat(2001), "applicant": {"account": APPLICANT},
        "starts_at": "2026-09-22T00:00:00Z", "ends_at": "2026-09-21T00:00:00Z"});
    let answer = local.submit(&body).await;
    assert_eq!((answer.status, answer.code()), (400, "invalid_request"), "{}", answer.text);
    let mut pointers = answer.pointers();
    pointers.sort_unstable();
    assert_eq!(pointers, ["/ends_at", "/reason", "/title"]);
    let answer = local.submit(&json!({"title": "x", "a": 1, "b": 2, "applicant": {"c": 3}})).await;
    assert_eq!((answer.status, answer.code()), (400, "unknown_field"), "{}", answer.text);
    assert_eq!(answer.pointers().len(), 3, "{}", answer.text);
}

#[tokio::test]
async fn keys_are_asked_for() {
    let local = Local::start().await;
    for key in ["", "csk_x_y", "nonsense"] {
        let answer = local.with_key(key).submit(&request()).await;
        assert_eq!((answer.status, answer.code()), (401, "invalid_key"), "{}", answer.text);
    }
    let viewer = local.make("/v1/keys", &json!({"name": "Looks", "role": "viewer"})).await;
    let viewer = local.with_key(viewer["key"].as_str().unwrap());
    assert_eq!(viewer.submit(&request()).await.status, 403);
    assert_eq!(viewer.get("/v1/approvals").await.status, 200);
    assert!(local.instances().await.is_empty());
}

#[tokio::test]
async fn people_who_cannot_be_found_are_named_with_the_connection() {
    let local = Local::start().await;
    let connection = local.get(&format!("/v1/connections/{}", local.connection().await)).await.json;
    let path = format!("/v1/connections/{}", id(&connection));
    assert_eq!(local.call("PATCH", &path, &json!({"default_applicant": null})).await.status, 200);
    let answer = local.submit(&with("applicant", json!({"mobile": "13900000000"}))).await;
    refused(&answer, 422, "person_not_found", &["/applicant"]);
    for said in ["13900000000", connection["name"].as_str().unwrap(), id(&connection)] {
        assert!(answer.text.contains(said), "{said} in {}", answer.text);
    }
    let node = json!({"name": "Team", "mode": "any", "approvers": [{"account": OWNER}, {"mobile": "13900000000"}]});
    let answer = local.submit(&with("nodes", json!([node]))).await;
    refused(&answer, 422, "person_not_found", &["/nodes/0/approvers/1"]);
    assert!(answer.text.contains("13900000000") && answer.text.contains(id(&connection)), "{}", answer.text);
    let known = json!({"name": "Team", "mode": "any", "approvers": [{"mobile": "13800000003"}]});
    let approval = local.pending(&with("nodes", json!([known]))).await;
    assert_eq!(approval["stages"][0]["nodes"][0]["tasks"][0]["assignee"]["account"], "266752374326324");
    let found = local.pending(&with("applicant", json!({"mobile": "13800000002"}))).await;
    assert_eq!(local.instance(countersign_tests::local::instance(&found)).await["originator"]["user"], APPLICANT);
}

/// Also where the connection's default applicant could stand in, and where the flow's own nodes are asked.
#[tokio::test]
async fn what_is_no_mobile_number_or_address_is_a_bad_field() {
    let local = Local::start().await;
    for (field, text) in [("mobile", "abc"), ("mobile", "+86 12"), ("email", "nobody"), ("email", "a b@c.example")] {
        let answer = local.submit(&with("applicant", json!({"name": "李娜", field: text}))).await;
        refused(&answer, 400, "invalid_request", &[&format!("/applicant/{field}")]);
        let node = json!({"name": "Team", "mode": "any", "approvers": [{"account": OWNER}, {field: text}]});
        let answer = local.submit(&with("nodes", json!([node.clone()]))).await;
        refused(&answer, 400, "invalid_request", &["/nodes/0/approvers/1"]);
        let stage = json!({"connection": local.connection().await, "nodes": [node]});
        let answer = local.call("POST", "/v1/flows", &json!({"name": "Flow", "stages": [stage]})).await;
        refused(&answer, 400, "invalid_request", &["/stages/0/nodes/0/approvers/1"]);
    }
    assert!(local.instances().await.is_empty());
    let found = local.pending(&with("applicant", json!({"name": "李娜", "mobile": "+86 138-0000-0002"}))).await;
    assert_eq!(local.instance(countersign_tests::local::instance(&found)).await["originator"]["user"], APPLICANT);
}

#[tokio::test]
async fn a_flow_says_whether_a_request_may_bring_nodes() {
    let local = Local::start().await;
    let flow = local.flow().await;
    let path = format!("/v1/flows/{flow}");
    assert_eq!(local.call("PATCH", &path, &json!({"nodes_from_request": false})).await.status, 200);
    let node = json!({"name": "Team", "mode": "any", "approvers": [{"account": OWNER}]});
    let answer = local.submit(&with("nodes", json!([node]))).await;
    refused(&answer, 422, "nodes_not_allowed", &["/nodes"]);
    local.pending(&request()).await;
    let at_least = json!({"name": "Team", "mode": {"at_least": 1}, "approvers": [{"account": OWNER}]});
    assert_eq!(local.call("PATCH", &path, &json!({"nodes_from_request": true})).await.status, 200);
    let answer = local.submit(&with("nodes", json!([at_least]))).await;
    refused(&answer, 422, "unsupported_mode", &["/nodes/0/mode"]);
}

#[tokio::test]
async fn a_missing_permission_is_told_with_its_fix_and_the_same_key_works_once_it_is_mended() {
    let local = Local::start().await;
    local.faults(&json!({"missing_scopes": ["Workflow.Instance.Write"]})).await;
    let answer = local.submit_as("k", &request()).await;
    refused(&answer, 422, "provider_permission", &[]);
    assert!(answer.json["provider_code"].is_string(), "{}", answer.text);
    assert!(answer.json["fix"].as_str().is_some_and(|fix| fix.contains("Workflow.Instance.Write")), "{}", answer.text);
    let failed = json!({"id": answer.json["approval"]});
    let shown = local.approval(&failed).await;
    assert_eq!((&shown["status"], &shown["failure"]["code"]), (&json!("failed"), &json!("provider_permission")));
    assert_eq!(shown["failure"]["fix"], answer.json["fix"], "{shown}");
    local.wait_for_types(&failed, &["approval.submitted", "approval.failed"]).await;
    assert!(local.instances().await.is_empty());

    let still = local.submit_as("k", &request()).await;
    refused(&still, 422, "provider_permission", &[]);
    local.mend().await;
    let again = local.submit_as("k", &request()).await;
    assert_eq!((again.status, &again.json["status"]), (201, &json!("pending")), "{}", again.text);
    assert_eq!(again.json["id"], failed["id"], "the same approval");
    assert_eq!(local.instances().await.len(), 1);
    local.approve(&again.json).await;
    let done = local.wait_for(&again.json, "approved").await;
    assert_eq!(done.get("failure"), None, "{done}");
}

#[tokio::test]
async fn an_oa_that_fails_is_named_while_its_notice_waits() {
    let local = Local::start().await;
    let oa = countersign_tests::receiver::Receiver::start().await;
    oa.answer_next(500, "the OA is ill");
    let settings = json!({"url": oa.url, "access_id": "access-0"});
    let connection = json!({"kind": "external", "name": "OA", "settings": settings,
        "secrets": {"access_key": "access-key-0123456789"}});
    let connection = local.make("/v1/connections", &connection).await;
    let flow = json!({"name": "OA", "stages": [{"connection": connection["id"], "nodes": []}]});
    let body = with("flow", local.make("/v1/flows", &flow).await["id"].clone());
    let answer = local.submit(&body).await;
    assert_eq!((answer.status, &answer.json["status"]), (202, &json!("starting")), "{}", answer.text);
    let told = &answer.json["last_error"];
    assert_eq!(told["code"], "provider_unavailable", "{}", answer.text);
    assert!(told["detail"].as_str().is_some_and(|detail| detail.contains("500")), "{}", answer.text);
    local.clock.advance(61_000);
    let started = local.wait_for(&answer.json, "pending").await;
    assert_eq!(started.get("last_error"), None, "{started}");
}

#[tokio::test]
async fn an_applicants_account_that_was_mended_is_used_when_the_same_key_is_submitted_again() {
    let local = Local::start().await;
    let connection = local.connection().await;
    let member = local.make("/v1/members", &json!({"name": "Li", "accounts": {&connection: "nobody"}})).await;
    let body = with("applicant", json!({"member": member["id"]}));
    let answer = local.submit_as("k", &body).await;
    refused(&answer, 422, "provider_refused", &[]);

    let path = format!("/v1/members/{}", member["id"].as_str().unwrap());
    // An account is one member's.
    local.change_member(APPLICANT, &json!({"accounts": {&connection: null}})).await;
    let mended = local.call("PATCH", &path, &json!({"accounts": {connection: APPLICANT}})).await;
    assert_eq!(mended.status, 200, "{}", mended.text);
    let again = local.submit_as("k", &body).await;
    assert_eq!((again.status, &again.json["status"]), (201, &json!("pending")), "{}", again.text);
    assert_eq!(again.json["id"], answer.json["approval"], "the same approval");
}

#[tokio::test]
async fn a_field_that_stands_twice_is_refused() {
    let local = Local::start().await;
    let text = request().to_string();
    let json = [("content-type", "application/json")];
    for (fields, pointer) in [
        (r#"{"amount": 1, "amount": 5000}"#, "/fields/amount"),
        (r#"{"rows": [{"a": 1}, {"b": {"c": 1, "c": 2}}]}"#, "/fields/rows/1/b/c"),
    ] {
        let body = text.replacen('{', &format!("{{\"fields\": {fields}, "), 1);
        let answer = local.send("POST", "/v1/approvals", &json, body.into_bytes()).await;
        assert_eq!((answer.status, answer.code()), (400, "invalid_request"), "{}", answer.text);
        assert_eq!(answer.pointers(), [pointer], "{}", answer.text);
    }
    assert_eq!(local.get("/v1/approvals").await.json["items"], json!([]));
}
