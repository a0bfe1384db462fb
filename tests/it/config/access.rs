//! Who may do what.

use serde_json::{Value, json};

use super::{dingtalk, external, key, make, other_organization, setup};

#[tokio::test]
async fn without_a_good_key_nothing_is_answered() {
    let (owner, _) = setup().await;
    let id = owner.key.split('_').nth(1).unwrap();
    for bad in ["", "x", "csk_", &format!("csk_{id}_{}", "a".repeat(44)), "csk_nobody_0123456789abcdef"] {
        let answer = owner.with_key(bad).call("GET", "/v1/members", &Value::Null).await;
        assert_eq!((answer.status, answer.code()), (401, "invalid_key"), "{bad}");
        assert!(answer.header("www-authenticate").unwrap().starts_with("Bearer"));
    }
    let anonymous = owner.with_key("");
    let basic = [("authorization", "Basic eDp5")];
    assert_eq!(anonymous.send("GET", "/v1/members", &basic, "").await.status, 401);
    let lower = format!("bearer {}", owner.key);
    assert_eq!(anonymous.send("GET", "/v1/members", &[("authorization", &lower)], "").await.status, 200);
    let twice = [("authorization", lower.as_str()), ("authorization", lower.as_str())];
    assert_eq!(anonymous.send("GET", "/v1/members", &twice, "").await.status, 401);
}

#[tokio::test]
async fn roles_may_do_what_they_may() {
    let (owner, _) = setup().await;
    let source = make(&owner, "/v1/sources", &json!({"name": "S", "format": "native"})).await;
    let admin = key(&owner, "admin", None).await;
    let submitter = key(&owner, "submitter", Some(&source)).await;
    let viewer = key(&owner, "viewer", None).await;
    for path in ["connections", "flows", "sources", "members", "workspaces", "keys", "organizations"] {
        for method in ["GET", "POST"] {
            let body = if method == "GET" { Value::Null } else { json!({"name": "x"}) };
            for client in [&submitter, &viewer] {
                let answer = client.call(method, &format!("/v1/{path}"), &body).await;
                let forbidden = (answer.status, answer.code()) == (403, "forbidden");
                assert!(forbidden || answer.status == 400, "{method} {path}: {}", answer.text);
                assert!(method == "POST" || forbidden, "{method} {path}: {}", answer.text);
            }
        }
        let answer = admin.call("GET", &format!("/v1/{path}"), &Value::Null).await;
        let expected = if ["keys", "organizations"].contains(&path) { 403 } else { 200 };
        assert_eq!(answer.status, expected, "{path}");
    }
    let other = other_organization(&owner).await;
    assert_eq!(other.call("GET", "/v1/keys", &Value::Null).await.status, 200);
    assert_eq!(other.call("GET", "/v1/organizations", &Value::Null).await.status, 403, "not the deployment's owner");
    let more = key(&owner, "owner", None).await;
    assert_eq!(more.call("GET", "/v1/organizations", &Value::Null).await.status, 200, "every owner of `default`");
    let theirs = key(&other, "owner", None).await;
    assert_eq!(theirs.call("GET", "/v1/organizations", &Value::Null).await.status, 403);
}

#[tokio::test]
async fn a_revoked_key_is_no_key() {
    let (owner, _) = setup().await;
    let viewer = key(&owner, "viewer", None).await;
    let id = format!("key_{}", viewer.key.split('_').nth(1).unwrap());
    let path = format!("/v1/keys/{id}");
    assert_eq!(viewer.call("GET", "/v1/members", &Value::Null).await.status, 403);
    assert_eq!(owner.call("DELETE", &path, &Value::Null).await.status, 204);
    assert_eq!(owner.call("DELETE", &path, &Value::Null).await.status, 204, "again");
    assert_eq!(viewer.call("GET", "/v1/members", &Value::Null).await.status, 401);
    let shown = owner.call("GET", &path, &Value::Null).await;
    assert_eq!(shown.json["revoked_at"], "2026-09-21T14:13:20Z");
    assert!(!shown.text.contains("hash"));
    let own = format!("/v1/keys/key_{}", owner.key.split('_').nth(1).unwrap());
    let refused = owner.call("DELETE", &own, &Value::Null).await;
    assert_eq!((refused.status, refused.code()), (409, "own_key"));
}

#[tokio::test]
async fn keys_are_bound_to_sources_only_when_they_submit() {
    let (owner, _) = setup().await;
    let source = make(&owner, "/v1/sources", &json!({"name": "S", "format": "native"})).await;
    for body in [
        json!({"name": "k", "role": "submitter"}),
        json!({"name": "k", "role": "submitter", "source": "src_none"}),
        json!({"name": "k", "role": "admin", "source": source}),
    ] {
        let answer = owner.call("POST", "/v1/keys", &body).await;
        assert_eq!((answer.status, answer.pointers()), (400, vec!["/source"]), "{body}");
    }
    let unknown = owner.call("POST", "/v1/keys", &json!({"name": "k", "role": "king"})).await;
    assert_eq!((unknown.status, unknown.pointers()), (400, vec!["/role"]), "{}", unknown.text);
}

#[tokio::test]
async fn what_belongs_to_another_organisation_does_not_exist() {
    let (owner, _) = setup().await;
    let other = other_organization(&owner).await;
    let connection = make(&owner, "/v1/connections", &dingtalk()).await;
    let outside = make(&owner, "/v1/connections", &external("access-1")).await;
    let member = make(&owner, "/v1/members", &json!({"name": "M"})).await;
    let workspace = make(&owner, "/v1/workspaces", &json!({"name": "W"})).await;
    let source = make(&owner, "/v1/sources", &json!({"name": "S", "format": "native"})).await;
    let node = json!({"name": "N", "mode": "any", "approvers": [{"account": "u"}]});
    let flow = json!({"name": "F", "stages": [{"connection": connection, "nodes": [node]}]});
    let flow_id = make(&owner, "/v1/flows", &flow).await;
    let viewer = owner.call("POST", "/v1/keys", &json!({"name": "v", "role": "viewer"})).await;
    let viewer = viewer.json["id"].as_str().unwrap();
    let mine = [
        format!("connections/{connection}"),
        format!("connections/{outside}"),
        format!("members/{member}"),
        format!("workspaces/{workspace}"),
        format!("sources/{source}"),
        format!("flows/{flow_id}"),
        format!("keys/{viewer}"),
    ];
    for path in &mine {
        for method in ["GET", "PATCH", "DELETE"] {
            if method == "PATCH" && path.starts_with("keys/") {
                continue;
            }
            let answer = other.call(method, &format!("/v1/{path}"), &json!({})).await;
            assert_eq!((answer.status, answer.code()), (404, "not_found"), "{method} {path}");
        }
    }
    for action in ["test", "generate-keys", "template"] {
        let path = format!("/v1/connections/{connection}/{action}");
        assert_eq!(other.call("POST", &path, &json!({})).await.status, 404, "{action}");
    }
    for (path, body) in [
        ("flows", flow),
        ("members", json!({"name": "M", "workspaces": [workspace]})),
        ("members", json!({"name": "M", "accounts": {connection.clone(): "u"}})),
        ("workspaces", json!({"name": "W", "administrators": [member]})),
        ("sources", json!({"name": "S", "format": "native", "workspace": workspace})),
        ("sources", json!({"name": "S", "format": "native", "default_flow": flow_id})),
        ("keys", json!({"name": "k", "role": "submitter", "source": source})),
    ] {
        let answer = other.call("POST", &format!("/v1/{path}"), &body).await;
        assert_eq!(answer.status, 400, "{path} {body}: {}", answer.text);
    }
    for path in ["connections", "members", "workspaces", "sources", "flows"] {
        let listed = other.call("GET", &format!("/v1/{path}"), &Value::Null).await;
        assert_eq!(listed.json["items"], json!([]), "{path}");
    }
    for path in &mine {
        assert_eq!(owner.call("GET", &format!("/v1/{path}"), &Value::Null).await.status, 200, "{path} is still there");
    }
}

#[tokio::test]
async fn the_first_start_makes_one_key_and_the_operator_may_set_it() {
    use countersign::resources::bootstrap;
    use secrecy::SecretString;

    let (owner, app) = setup().await;
    let again = bootstrap(&app.store, &app.world, None).await.unwrap();
    assert!(again.new_key.is_none());
    let set: SecretString = "csk_operator_0123456789abcdef".into();
    for _ in 0..2 {
        assert!(bootstrap(&app.store, &app.world, Some(&set)).await.unwrap().new_key.is_none());
    }
    let operator = owner.with_key("csk_operator_0123456789abcdef");
    assert_eq!(operator.call("GET", "/v1/organizations", &Value::Null).await.status, 200);
    assert_eq!(owner.call("GET", "/v1/organizations", &Value::Null).await.status, 200, "the first one is still good");
    let changed: SecretString = "csk_operator_fedcba9876543210".into();
    bootstrap(&app.store, &app.world, Some(&changed)).await.unwrap();
    assert_eq!(operator.call("GET", "/v1/organizations", &Value::Null).await.status, 401, "it has another secret now");
    let operator = owner.with_key("csk_operator_fedcba9876543210");
    assert_eq!(operator.call("GET", "/v1/organizations", &Value::Null).await.status, 200);
    // Once revoked it stays so over a restart, and the id of somebody else's key is not taken.
    assert_eq!(owner.call("DELETE", "/v1/keys/key_operator", &Value::Null).await.status, 204);
    bootstrap(&app.store, &app.world, Some(&changed)).await.unwrap();
    assert_eq!(operator.call("GET", "/v1/organizations", &Value::Null).await.status, 401);
    let other = other_organization(&owner).await;
    let id = other.key.split('_').nth(1).unwrap();
    let taken: SecretString = format!("csk_{id}_0123456789abcdef").into();
    assert!(bootstrap(&app.store, &app.world, Some(&taken)).await.is_err());
    assert_eq!(other.call("GET", "/v1/keys", &Value::Null).await.status, 200);
}

#[tokio::test]
async fn a_key_is_replaced_as_its_refusal_advises() {
    let (owner, _) = setup().await;
    let own = format!("/v1/keys/key_{}", owner.key.split('_').nth(1).unwrap());
    let refused = owner.call("DELETE", &own, &Value::Null).await;
    assert_eq!((refused.status, refused.code()), (409, "own_key"));
    assert!(refused.json["detail"].as_str().unwrap().contains("another owner's key"), "{}", refused.text);
    let other = key(&owner, "owner", None).await;
    let revoked = other.call("DELETE", &own, &Value::Null).await;
    assert_eq!(revoked.status, 204, "{}", revoked.text);
    assert_eq!(owner.call("GET", "/v1/keys", &Value::Null).await.status, 401);
    // Whoever is left is the deployment's owner all the same.
    let made = other.call("POST", "/v1/organizations", &json!({"name": "After"})).await;
    assert_eq!(made.status, 201, "{}", made.text);
}

#[tokio::test]
async fn who_may_not_is_told_so_before_the_body_is_read() {
    let (owner, _) = setup().await;
    let source = make(&owner, "/v1/sources", &json!({"name": "S", "format": "native"})).await;
    let submitter = key(&owner, "submitter", Some(&source)).await;
    let viewer = key(&owner, "viewer", None).await;
    let json = [("content-type", "application/json")];
    for (method, path) in countersign_config::ROUTES {
        let path = path.replace("{id}", "none");
        for client in [&viewer, &submitter] {
            let answers = [
                client.send(method, &format!("{path}?limit=x&colour=red"), &json, "{\"colour\": ").await,
                client.send(method, &path, &[("content-type", "text/plain")], "x".repeat(1 << 21)).await,
            ];
            for answer in answers {
                assert_eq!((answer.status, answer.code()), (403, "forbidden"), "{method} {path}: {}", answer.text);
            }
        }
    }
}
