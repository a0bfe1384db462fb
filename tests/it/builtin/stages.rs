//! Stages here and stages on platforms, in one flow; and who can be asked here.

use countersign_tests::desk::make;
use countersign_tests::local::{Local, OWNER, eventually, instance, request};
use serde_json::{Value, json};

use super::Office;

#[tokio::test]
async fn one_stage_here_and_one_on_a_platform_follow_each_other_either_way() {
    let local = Local::start().await;
    let members = local.get("/v1/members").await.json;
    let owner = members["items"]
        .as_array()
        .unwrap()
        .iter()
        .find(|member| member["accounts"].as_object().unwrap().values().any(|account| account == OWNER));
    let owner = owner.unwrap()["id"].clone();
    let here = json!({"nodes": [{"name": "Here", "mode": "any", "approvers": [{"member": owner}]}]});
    let there = json!({"connection": local.connection().await,
        "nodes": [{"name": "There", "mode": "any", "approvers": [{"account": OWNER}]}]});
    let decide = async |approval: &Value| {
        let path = format!("/v1/approvals/{}/decisions", approval["id"].as_str().unwrap());
        local.call("POST", &path, &json!({"decision": "approve", "member": owner})).await
    };
    for here_first in [true, false] {
        let stages = if here_first { json!([here, there]) } else { json!([there, here]) };
        let flow = local.make("/v1/flows", &json!({"name": "Both", "stages": stages})).await;
        let mut body = request();
        body["flow"] = flow["id"].clone();
        let approval = local.pending(&body).await;
        if here_first {
            assert_eq!(decide(&approval).await.status, 200);
            let second = |now: &Value| now["stages"][1]["status"] == "pending";
            let now = local.wait_until(&approval, "the second stage", second).await;
            let elsewhere = decide(&now).await;
            assert_eq!(elsewhere.status, 200, "what was decided is no error: {}", elsewhere.text);
            let id = now["stages"][1]["instance"].as_str().unwrap();
            local.act(id, OWNER, "approve", &Value::Null).await;
        } else {
            let elsewhere = decide(&approval).await;
            assert_eq!((elsewhere.status, elsewhere.code()), (409, "provider_cannot"), "{}", elsewhere.text);
            assert!(elsewhere.json["url"].is_string(), "where it can be done: {}", elsewhere.text);
            local.act(instance(&approval), OWNER, "approve", &Value::Null).await;
            eventually("the second stage", async || match decide(&approval).await {
                answer if answer.status == 200 => Ok(()),
                answer => Err(answer.text),
            })
            .await;
        }
        let done = local.wait_for(&approval, "approved").await;
        assert!(done["stages"].as_array().unwrap().iter().all(|stage| stage["status"] == "approved"), "{done}");
        let types =
            ["submitted", "started", "node_decided", "node_decided", "approved"].map(|name| format!("approval.{name}"));
        let types: Vec<&str> = types.iter().map(String::as_str).collect();
        local.wait_for_types(&approval, &types).await;
    }
}

#[tokio::test]
async fn members_are_asked_however_they_are_named_and_accounts_are_not() {
    let office = Office::new(&["ann", "bob", "asker"]).await;
    let client = &office.desk.client;
    let change = json!({"roles": ["dba"]});
    assert_eq!(client.call("PATCH", &format!("/v1/members/{}", office.id("bob")), &change).await.status, 200);
    let node = |approvers: Value| json!({"name": "N", "mode": "all", "approvers": approvers});
    let named = node(json!([{"email": "ann@example.com"}, {"role": "dba"}]));
    let approval = office.submit(&office.flow(&[named]).await, "asker").await;
    let tasks = approval["stages"][0]["nodes"][0]["tasks"].as_array().unwrap();
    let asked: Vec<&Value> = tasks.iter().map(|task| &task["assignee"]["name"]).collect();
    assert_eq!(asked, ["ann", "bob"]);
    let flow = json!({"name": "F", "stages": [{"nodes": [node(json!([{"account": "user1"}]))]}]});
    let refused = client.call("POST", "/v1/flows", &flow).await;
    assert_eq!((refused.status, refused.code()), (422, "unsupported_approver"), "{}", refused.text);
    let absent = node(json!([{"email": "nobody@example.com"}]));
    let body = json!({"title": "T", "flow": office.flow(&[absent]).await, "applicant": {"member": office.id("asker")}});
    let refused = client.call("POST", "/v1/approvals", &body).await;
    assert_eq!((refused.status, refused.code()), (422, "person_not_found"), "{}", refused.text);
}

#[tokio::test]
async fn whoever_asks_need_not_be_a_member_and_a_connection_may_be_made() {
    let office = Office::new(&["ann"]).await;
    let client = &office.desk.client;
    let connection = make(client, "/v1/connections", &json!({"kind": "builtin", "name": "People"})).await;
    let tested = client.call("POST", &format!("/v1/connections/{connection}/test"), &json!({})).await;
    assert_eq!((tested.status, &tested.json["ok"]), (200, &json!(true)), "{}", tested.text);
    let stage = json!({"connection": connection, "nodes": [office.node("N", &json!("any"), &["ann"])]});
    let flow = make(client, "/v1/flows", &json!({"name": "F", "stages": [stage]})).await;
    let body = json!({"title": "T", "flow": flow, "applicant": {"name": "A guest", "account": "u1"}});
    let made = client.call("POST", "/v1/approvals", &body).await;
    assert_eq!((made.status, &made.json["status"]), (201, &json!("pending")), "{}", made.text);
    let stage = &made.json["stages"][0];
    assert_eq!((&stage["connection"], &stage["kind"]), (&json!(connection), &json!("builtin")));
    let done = office.decide(&made.json, "ann", "reject").await;
    assert_eq!((done.status, &done.json["status"]), (200, &json!("rejected")), "{}", done.text);
    let used = client.call("DELETE", &format!("/v1/connections/{connection}"), &Value::Null).await;
    assert_eq!(used.status, 409, "{}", used.text);
}

#[tokio::test]
async fn who_is_switched_off_is_not_asked_and_who_was_deleted_is_acted_for() {
    let office = Office::new(&["ann", "bob", "cai", "asker"]).await;
    let client = &office.desk.client;
    let change = async |who: &str, body: Value| {
        let changed = client.call("PATCH", &format!("/v1/members/{}", office.id(who)), &body).await;
        assert_eq!(changed.status, 200, "{}", changed.text);
    };
    let flow = office.flow(&[office.node("N", &json!("any"), &["ann"])]).await;
    let approval = office.submit(&flow, "asker").await;
    for who in ["ann", "bob", "cai"] {
        change(who, json!({"roles": ["dba"], "active": who == "bob"})).await;
    }
    let body = json!({"title": "T", "flow": flow, "applicant": {"member": office.id("asker")}});
    let refused = client.call("POST", "/v1/approvals", &body).await;
    assert_eq!((refused.status, refused.code()), (422, "person_not_found"), "{}", refused.text);
    assert!(refused.text.contains("switched off"), "{}", refused.text);
    let node = json!({"name": "N", "mode": "all", "approvers": [{"role": "dba"}]});
    let asked = office.submit(&office.flow(&[node]).await, "asker").await;
    let tasks = asked["stages"][0]["nodes"][0]["tasks"].as_array().unwrap();
    assert_eq!(tasks.iter().map(|task| &task["assignee"]["name"]).collect::<Vec<_>>(), ["bob"]);
    let handed = office.act(&asked, "bob", "transfer", json!({"to": {"member": office.id("cai")}})).await;
    assert_eq!((handed.status, handed.code()), (422, "unsuitable_person"), "{}", handed.text);
    // The flow names ann: it goes first.
    assert_eq!(client.call("DELETE", &format!("/v1/flows/{flow}"), &Value::Null).await.status, 204);
    let gone = client.call("DELETE", &format!("/v1/members/{}", office.id("ann")), &Value::Null).await;
    assert_eq!(gone.status, 204, "{}", gone.text);
    let done = office.decide(&approval, "ann", "approve").await;
    assert_eq!((done.status, &done.json["status"]), (200, &json!("approved")), "{}", done.text);
    let nobody = office.decide(&asked, "ann", "approve").await;
    assert_eq!((nobody.status, nobody.code()), (422, "person_not_found"), "{}", nobody.text);
}
