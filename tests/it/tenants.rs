//! Two organisations in one deployment: neither reaches what is the other's.

use countersign::approval::Mode;
use countersign_tests::desk::{Desk, instance_event, make, opened, task_event};
use serde_json::{Value, json};

const ONE: &[(&str, Mode, &[&str])] = &[("Owner", Mode::Any, &["manager4220"])];

#[tokio::test]
async fn a_key_reaches_nothing_of_another_organisation() {
    let ours = Desk::new().await;
    let theirs = ours.another().await;
    let approval = theirs.running("inst-1", ONE).await;
    let node = json!({"name": "Owner", "mode": "any", "approvers": [{"account": "manager4220"}]});
    let flow = json!({"name": "F", "stages": [{"connection": theirs.connection, "nodes": [node]}]});
    let flow = make(&theirs.client, "/v1/flows", &flow).await;
    let member = make(&theirs.client, "/v1/members", &json!({"name": "Zhang"})).await;
    let workspace = make(&theirs.client, "/v1/workspaces", &json!({"name": "W"})).await;
    let before = theirs.shown(&approval.id).await;

    let own_flow = json!({"name": "F", "stages": [{"connection": theirs.connection, "nodes": [node]}]});
    let refused = ours.client.call("POST", "/v1/flows", &own_flow).await;
    assert_eq!(refused.status, 400, "a flow on their connection: {}", refused.text);
    let body = |more: Value| {
        let mut body = json!({"title": "T", "applicant": {"account": "a"}});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    for (more, code) in [
        (json!({"flow": flow}), "unknown_flow"),
        (json!({"source": theirs.source}), "unknown_source"),
        (json!({"workspace": workspace}), "unknown_workspace"),
    ] {
        let answer = ours.client.call("POST", "/v1/approvals", &body(more)).await;
        assert_eq!((answer.status, answer.code()), (422, code), "{}", answer.text);
    }
    let paths = [
        format!("/v1/approvals/{}", approval.id),
        format!("/v1/approvals/{}/deliveries", approval.id),
        format!("/v1/connections/{}", theirs.connection),
        format!("/v1/flows/{flow}"),
        format!("/v1/sources/{}", theirs.source),
        format!("/v1/members/{member}"),
        format!("/v1/workspaces/{workspace}"),
    ];
    for path in &paths {
        let answer = ours.client.call("GET", path, &Value::Null).await;
        assert_eq!((answer.status, answer.code()), (404, "not_found"), "{path}: {}", answer.text);
    }
    for path in &paths[2..] {
        for (method, body) in [("PATCH", json!({"name": "Mine now"})), ("DELETE", Value::Null)] {
            let answer = ours.client.call(method, path, &body).await;
            assert_eq!(answer.status, 404, "{method} {path}: {}", answer.text);
        }
    }
    for (path, body) in [
        (format!("/v1/approvals/{}/withdraw", approval.id), json!({"force": true})),
        (format!("/v1/connections/{}/test", theirs.connection), json!({})),
        (format!("/v1/connections/{}/template", theirs.connection), json!({})),
        (format!("/v1/connections/{}/generate-keys", theirs.connection), json!({})),
    ] {
        let answer = ours.client.call("POST", &path, &body).await;
        assert_eq!(answer.status, 404, "{path}: {}", answer.text);
    }
    for list in ["/v1/approvals", "/v1/approvals?applicant=0123456789", "/v1/flows", "/v1/members", "/v1/workspaces"] {
        let answer = ours.client.call("GET", list, &Value::Null).await;
        assert_eq!((answer.status, &answer.json["items"]), (200, &json!([])), "{list}: {}", answer.text);
    }
    assert_eq!(theirs.shown(&approval.id).await, before, "nothing has changed");
}

#[tokio::test]
async fn a_callback_of_one_does_nothing_to_an_approval_of_the_other() {
    let ours = Desk::new().await;
    let theirs = ours.another().await;
    let approval = theirs.running("inst-1", ONE).await;
    let before = theirs.shown(&approval.id).await;
    for event in [
        instance_event("inst-1", "finish", Some("agree")),
        task_event("inst-1", 1, "manager4220", "finish", Some("agree")),
        instance_event("inst-1", "terminate", None),
    ] {
        let answer = ours.push(&event).await;
        assert_eq!((answer.status, opened(&answer.json).as_deref()), (200, Some("success")), "{}", answer.text);
    }
    assert_eq!(theirs.shown(&approval.id).await, before);
    theirs.push(&instance_event("inst-1", "finish", Some("agree"))).await;
    assert_eq!(theirs.shown(&approval.id).await["status"], "approved", "their own does");
}

#[tokio::test]
async fn a_sources_key_sees_its_own_approvals_only() {
    let desk = Desk::new().await;
    let other = json!({"name": "Other", "format": "native", "callback_url": "http://127.0.0.1:9/"});
    let other = desk.client.call("POST", "/v1/sources", &other).await.json;
    let key = other["key"].as_str().or(other["api_key"].as_str()).unwrap();
    let source = desk.client.with_key(key);
    let approval = desk.running("inst-1", ONE).await;
    for path in [format!("/v1/approvals/{}", approval.id), format!("/v1/approvals/{}/deliveries", approval.id)] {
        assert_eq!(source.call("GET", &path, &Value::Null).await.status, 404, "{path}");
    }
    assert_eq!(source.call("GET", "/v1/approvals", &Value::Null).await.json["items"], json!([]));
    let withdraw = format!("/v1/approvals/{}/withdraw", approval.id);
    assert_eq!(source.call("POST", &withdraw, &json!({"force": true})).await.status, 404);
    let named = json!({"title": "T", "applicant": {"account": "a"}, "source": desk.source});
    assert_eq!(source.call("POST", "/v1/approvals", &named).await.status, 403);
    let asked = format!("/v1/approvals?source={}", desk.source);
    assert_eq!(source.call("GET", &asked, &Value::Null).await.status, 403);
    assert_eq!(desk.shown(&approval.id).await["status"], "pending");
}
