//! What is refused: in Dataphin's shape, with nothing changed and nothing shown.

use countersign::resources::Source;
use countersign_tests::local::OWNER;
use serde_json::{Value, json};

use super::played::{AES_KEY, CHECK, CREATE, Dataphin, TOKEN, form, form_with};
use super::{FIRST, OTHER};

#[tokio::test]
async fn who_does_not_know_the_token_learns_nothing() {
    let dataphin = Dataphin::start(json!({"callback_format": {"reply_success_field": "ok"}})).await;
    let native = json!({"name": "App", "format": "native", "callback_url": "https://app.example/hook"});
    let native = dataphin.make("/v1/sources", &native).await["id"].as_str().unwrap().to_owned();
    let own = dataphin.source.clone();
    let mut answers = Vec::new();
    for path in [CHECK, CREATE, "processinstance/revoke", "something/else"] {
        for (source, token) in [
            (own.as_str(), "wrong"),
            (&own, ""),
            (&own, "6D1B2C1C"),
            ("src_none", TOKEN),
            ("x", TOKEN),
            (&native, TOKEN),
        ] {
            for body in [form("form-1").to_string(), "{".to_owned()] {
                answers.push(dataphin.sends(source, path, token, &body).await);
            }
        }
    }
    for answer in &answers {
        assert_eq!((answer.status, &answer.json), (401, &answers[0].json));
        assert!(!answer.text.contains(TOKEN) && !answer.text.contains(AES_KEY));
    }
    assert_eq!((&answers[0].json["checkResult"], &answers[0].json["success"]), (&json!("failed"), &json!(false)));
    assert_eq!(dataphin.instances().await.len(), 0);
    let large = "x".repeat(1024 * 1024 + 1);
    for source in [own.as_str(), "src_none"] {
        let answer = dataphin.sends(source, CREATE, "wrong", &large).await;
        assert_eq!((answer.status, &answer.json["success"]), (413, &json!(false)), "{}", answer.text);
    }
}

#[tokio::test]
async fn garbage_is_refused_by_name_and_starts_nothing() {
    let dataphin = Dataphin::start(json!({})).await;
    let with = |name: &str, value: Value| {
        let mut body = form("form-1");
        body[name] = value;
        body.to_string()
    };
    let many: Vec<(&str, &str, &[&str])> = vec![("1", "OR", &[FIRST]); 30];
    for (body, named) in [
        (String::new(), "body"),
        ("{".to_owned(), "body"),
        ("[]".to_owned(), "body"),
        ("\u{0}".to_owned(), "body"),
        ("[".repeat(10_000), "body"),
        ("{}".to_owned(), "applyId"),
        (form("form-1").to_string().replacen('{', r#"{"applyId": "form-2", "#, 1), "/applyId"),
        (form("form-1").to_string().replacen('{', r#"{"content": {"a": 1, "a": 2}, "#, 1), "/content"),
        (with("applyId", json!({"a": 1})), "applyId"),
        (with("title", json!([])), "title"),
        (with("applyUserInfo", json!("Li")), "applyUserInfo"),
        (with("approveNodes", json!("x")), "approveNodes"),
        (with("approveNodes", json!([{"approveOrder": "x"}])), "approveNodes[0].approveOrder"),
        (form_with("form-1", &[("1", "XOR", &[FIRST, OTHER])]).to_string(), "XOR"),
        (form_with("form-1", &[("1", "OR", &[])]).to_string(), "node 1"),
        (form_with("form-1", &many).to_string(), "approveNodes"),
    ] {
        let answer = dataphin.sends(&dataphin.source, CREATE, TOKEN, &body).await;
        assert!((400..=422).contains(&answer.status), "{body}: {} {}", answer.status, answer.text);
        assert_eq!(answer.json["success"], false, "{body}: {}", answer.text);
        let message = answer.json["message"].as_str().unwrap();
        assert!(message.contains(named), "{body}: {message}");
        assert!(!answer.text.contains(TOKEN) && !answer.text.contains(AES_KEY));
    }
    assert_eq!(dataphin.instances().await.len(), 0);
    // The same id is free: nothing was kept of what was refused.
    assert_eq!(dataphin.calls(CREATE, &form("form-1")).await.status, 200);
}

#[tokio::test]
async fn people_who_are_nobody_here_are_named() {
    let dataphin = Dataphin::without_people(json!({})).await;
    let body = form_with("form-1", &[("1", "OR", &["alpha", "beta"]), ("2", "OR", &["gamma"])]);
    let answer = dataphin.calls(CREATE, &body).await;
    assert_eq!((answer.status, &answer.json["success"]), (422, &json!(false)), "{}", answer.text);
    let message = answer.json["message"].as_str().unwrap();
    for part in [
        "node 1: name of alpha (userSourceId alpha)",
        "beta",
        "node 2: name of gamma",
        "user_source_id_is",
        &dataphin.source,
    ] {
        assert!(message.contains(part), "{part}: {message}");
    }
    // Once they are known, the same form passes.
    let mut members = dataphin.get("/v1/members").await.json["items"].as_array().unwrap().clone();
    members.truncate(3);
    for (member, name) in members.iter().zip(["alpha", "beta", "gamma"]) {
        let mut body = json!({"source_ids": {}});
        body["source_ids"][&dataphin.source] = json!(name);
        let path = format!("/v1/members/{}", member["id"].as_str().unwrap());
        assert_eq!(dataphin.call("PATCH", &path, &body).await.status, 200);
    }
    assert_eq!(dataphin.calls(CREATE, &body).await.status, 200);
}

#[tokio::test]
async fn administrators_stand_in_for_people_who_are_nobody_here() {
    let dataphin = Dataphin::without_people(json!({})).await;
    let members = dataphin.get("/v1/members").await.json["items"].as_array().unwrap().clone();
    let administrator = members.iter().find(|member| member["mobile"] == "+8613800000003").unwrap()["id"].clone();
    let workspace = json!({"name": "Data", "administrators": [administrator]});
    let workspace = dataphin.make("/v1/workspaces", &workspace).await["id"].clone();
    let flow = json!({
        "name": "With a fallback", "nodes_from_request": true, "fallback": "workspace_administrators",
        "stages": [{"connection": dataphin.connection().await}],
    });
    let flow = dataphin.make("/v1/flows", &flow).await["id"].clone();
    dataphin.change(&json!({"default_flow": flow, "workspace": workspace})).await;
    dataphin.submits(&form_with("form-1", &[("1", "OR", &["alpha", "beta"])])).await;
    let approval = dataphin.get("/v1/approvals").await.json["items"][0].clone();
    let node = &approval["stages"][0]["nodes"][0];
    assert_eq!((&node["fallback"], &node["tasks"][0]["assignee"]["member"]), (&json!(true), &administrator), "{node}");
    assert!(node["missing"][0].as_str().unwrap().contains("userSourceId alpha"), "{node}");
}

#[tokio::test]
async fn nodes_need_a_flow_that_takes_them() {
    let dataphin = Dataphin::start(json!({})).await;
    let connection = dataphin.connection().await;
    let node = json!({"name": "Owner", "mode": "any", "approvers": [{"account": OWNER}]});
    let flow = json!({"name": "Fixed", "stages": [{"connection": connection, "nodes": [node]}]});
    let flow = dataphin.make("/v1/flows", &flow).await["id"].clone();
    dataphin.change(&json!({"default_flow": flow})).await;
    let answer = dataphin.calls(CREATE, &form("form-1")).await;
    assert_eq!(answer.status, 422);
    let message = answer.json["message"].as_str().unwrap();
    assert!(message.contains("nodes_from_request") && message.contains("approve_nodes"), "{message}");
    dataphin.change(&json!({"settings": {"approve_nodes": "ignore"}})).await;
    dataphin.submits(&form("form-1")).await;
    dataphin.change(&json!({"default_flow": null})).await;
    let none = dataphin.calls(CREATE, &form("form-2")).await;
    assert_eq!((none.status, &none.json["success"]), (422, &json!(false)), "{}", none.text);
}

#[tokio::test]
async fn other_calls_are_answered_and_change_nothing() {
    let dataphin = Dataphin::start(json!({})).await;
    let answer = dataphin.calls("processinstance/query", &json!({"applyId": "form-1"})).await;
    assert_eq!((answer.status, &answer.json["success"]), (404, &json!(false)), "{}", answer.text);
    assert!(answer.json["message"].as_str().unwrap().contains("log"), "{}", answer.text);
    let read = format!("/inbound/{}/dataphin/bpms/any/path?accessToken={TOKEN}", dataphin.source);
    assert_eq!(dataphin.with_key("").get(&read).await.status, 404);
}

#[tokio::test]
async fn a_far_off_time_is_refused_only_where_that_is_set() {
    let dataphin = Dataphin::start(json!({})).await;
    let path = |timestamp: &str| {
        format!("/inbound/{}/dataphin/bpms/{CHECK}?accessToken={TOKEN}&timestamp={timestamp}", dataphin.source)
    };
    let body = json!({"checkEvent": "connectivity"});
    let outside = dataphin.with_key("");
    for timestamp in ["1654156836531", "", "soon"] {
        assert_eq!(outside.call("POST", &path(timestamp), &body).await.status, 200, "{timestamp}");
    }
    dataphin.change(&json!({"settings": {"far_timestamp": "refuse", "timestamp_window_minutes": "2"}})).await;
    let now = dataphin.app.world.now();
    for (timestamp, status) in [
        (now.to_string(), 200),
        ((now - 90_000).to_string(), 200),
        ((now - 121_000).to_string(), 401),
        ((now + 180_000).to_string(), 401),
        (String::new(), 401),
    ] {
        assert_eq!(outside.call("POST", &path(&timestamp), &body).await.status, status, "{timestamp}");
    }
}

#[tokio::test]
async fn settings_are_checked_when_they_are_saved() {
    let dataphin = Dataphin::without_people(json!({})).await;
    let path = format!("/v1/sources/{}", dataphin.source);
    for (body, pointer) in [
        (json!({"settings": {"callback_format": {"mode": "gcm"}}}), "/settings/callback_format/mode"),
        (json!({"settings": {"callback_format": {"no_such": "x"}}}), "/settings/callback_format/no_such"),
        (json!({"settings": {"callback_format": {"iv": 5}}}), "/settings/callback_format/iv"),
        (json!({"settings": {"callback_format": "x"}}), "/settings/callback_format"),
        (json!({"settings": {"mode": "ecb"}}), "/settings/mode"),
        (json!({"settings": {"timestamp_window_minutes": "0"}}), "/settings/timestamp_window_minutes"),
        (json!({"settings": {"timestamp_window_minutes": "+5"}}), "/settings/timestamp_window_minutes"),
        (json!({"settings": {"no_such": "x"}}), "/settings/no_such"),
        (json!({"secrets": {"access_token": null}}), "/secrets/access_token"),
        (json!({"settings": {"callback_format": {"key_encoding": "utf8"}}}), "/settings"),
        (json!({"settings": {"callback_format": {"token_from": "setting"}}}), "/settings"),
        (json!({"secrets": {"encoding_aes_key": "too-short"}}), "/settings"),
    ] {
        let answer = dataphin.call("PATCH", &path, &body).await;
        assert_eq!((answer.status, answer.pointers()), (400, vec![pointer]), "{body}: {}", answer.text);
    }
    // Setting by setting in the object too; `null` in its place removes all of it, and what was refused has changed nothing.
    let shown = async || dataphin.get(&path).await.json["settings"].clone();
    assert_eq!(shown().await, json!({}));
    dataphin.change(&json!({"settings": {"tenant_id": "1", "callback_format": {"mode": "ecb", "iv": "zero"}}})).await;
    dataphin.change(&json!({"settings": {"callback_format": {"iv": null, "sign": "none"}}})).await;
    assert_eq!(shown().await, json!({"tenant_id": "1", "callback_format": {"mode": "ecb", "sign": "none"}}));
    let stored = dataphin.app.store.get_unscoped::<Source>(&dataphin.source).await.unwrap().value.settings;
    assert_eq!(Value::from(stored), json!({"tenant_id": "1", "mode": "ecb", "sign": "none"}), "as it always was");
    dataphin.change(&json!({"settings": {"callback_format": null}})).await;
    assert_eq!(shown().await, json!({"tenant_id": "1"}));
    let read = dataphin.get(&path).await;
    assert!(!read.text.contains(TOKEN) && !read.text.contains(AES_KEY), "{}", read.text);
    assert_eq!(read.json["secrets"]["encoding_aes_key"]["set"], true);
}
