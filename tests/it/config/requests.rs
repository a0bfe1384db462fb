//! How requests are read and refusals written.

use serde_json::{Value, json};

use super::{dingtalk, make, setup};

#[tokio::test]
async fn every_answer_carries_a_trace_id() {
    let (owner, _) = setup().await;
    let anonymous = owner.with_key("");
    for (client, method, path, status) in [
        (&owner, "GET", "/v1/members", 200),
        (&owner, "GET", "/v1/members/mem_none", 404),
        (&owner, "GET", "/v1/members/con_1", 404),
        (&owner, "GET", "/nowhere", 404),
        (&owner, "PUT", "/v1/members", 405),
        (&anonymous, "GET", "/v1/members", 401),
        (&owner, "GET", "/v1/members?limit=0", 400),
    ] {
        let answer = client.call(method, path, &Value::Null).await;
        assert_eq!(answer.status, status, "{method} {path}: {}", answer.text);
        let trace = answer.header("x-trace-id").unwrap();
        if status >= 400 {
            assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{path}");
            assert_eq!(answer.json["trace_id"], trace, "{path}");
            assert_eq!(answer.json["status"], status, "{path}");
        }
    }
    let sent = owner.send("GET", "/nowhere", &[("x-trace-id", "mine-12345678")], "").await;
    assert_eq!(sent.header("x-trace-id"), Some("mine-12345678"));
    let wrong_method = owner.call("PUT", "/v1/members", &Value::Null).await;
    assert_eq!((wrong_method.code(), wrong_method.header("allow")), ("method_not_allowed", Some("GET,HEAD,POST")));
}

#[tokio::test]
async fn unknown_fields_and_several_errors_are_named_at_once() {
    let (owner, _) = setup().await;
    let answer = owner.call("POST", "/v1/members", &json!({"name": "A", "nmae": 1, "mail": 2})).await;
    assert_eq!((answer.status, answer.code()), (400, "unknown_field"));
    let mut pointers = answer.pointers();
    pointers.sort_unstable();
    assert_eq!(pointers, ["/mail", "/nmae"]);

    let member = json!({"name": "", "email": "nobody", "roles": ["a", "a"], "workspaces": ["ws_none"]});
    let answer = owner.call("POST", "/v1/members", &member).await;
    assert_eq!((answer.status, answer.code()), (400, "invalid_request"));
    assert_eq!(answer.pointers(), ["/name", "/email", "/roles/1", "/workspaces/0"]);

    let mut connection = dingtalk();
    connection["settings"] = json!({"app_kee": "x", "endpoint": "ftp://x", "agent_id": 7});
    connection["secrets"]["aes_key"] = json!("short");
    connection["secrets"].as_object_mut().unwrap().remove("token");
    let answer = owner.call("POST", "/v1/connections", &connection).await;
    assert_eq!((answer.status, answer.code()), (400, "unknown_field"));
    for pointer in [
        "/settings/app_kee",
        "/settings/endpoint",
        "/settings/app_key",
        "/settings/agent_id",
        "/secrets/aes_key",
        "/secrets/token",
    ] {
        assert!(answer.pointers().contains(&pointer), "{pointer} in {}", answer.text);
    }
    let listed = owner.call("GET", "/v1/connections", &Value::Null).await;
    assert_eq!(listed.json["items"], json!([]), "nothing was written");
}

#[tokio::test]
async fn bodies_that_cannot_be_read() {
    let (owner, _) = setup().await;
    let json = [("content-type", "application/json")];
    for (headers, body, status, code) in [
        (&json[..], "{".to_owned(), 400, "invalid_json"),
        (&json[..], String::new(), 400, "invalid_json"),
        (&json[..], "[]".to_owned(), 400, "invalid_request"),
        (&json[..], "{\"name\": \"\u{0}\"}".to_owned(), 400, "invalid_json"),
        (&[][..], "{}".to_owned(), 415, "unsupported_media_type"),
        (&[("content-type", "text/plain")][..], "{}".to_owned(), 415, "unsupported_media_type"),
        (&json[..], format!("{{\"name\": \"{}\"}}", "x".repeat(1024 * 1024)), 413, "body_too_large"),
    ] {
        let answer = owner.send("POST", "/v1/members", headers, body).await;
        assert_eq!((answer.status, answer.code()), (status, code), "{}", answer.text);
        assert!(answer.header("x-trace-id").is_some());
    }
}

#[tokio::test]
async fn lists_go_page_by_page_and_cursors_stay_in_their_list() {
    let (owner, _) = setup().await;
    for n in 0..5 {
        make(&owner, "/v1/members", &json!({"name": format!("M{n}")})).await;
    }
    make(&owner, "/v1/workspaces", &json!({"name": "W"})).await;
    let first = owner.call("GET", "/v1/members?limit=2", &Value::Null).await;
    let mut names: Vec<Value> = Vec::new();
    let mut page = first.json.clone();
    loop {
        names.extend(page["items"].as_array().unwrap().iter().map(|item| item["name"].clone()));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        page = owner.call("GET", &format!("/v1/members?limit=2&cursor={cursor}"), &Value::Null).await.json;
    }
    names.sort_by_key(Value::to_string);
    assert_eq!(json!(names), json!(["M0", "M1", "M2", "M3", "M4"]));

    let cursor = first.json["next_cursor"].as_str().unwrap();
    let other = super::other_organization(&owner).await;
    for (client, path) in [
        (&owner, format!("/v1/workspaces?cursor={cursor}")),
        (&other, format!("/v1/members?cursor={cursor}")),
        (&owner, "/v1/members?cursor=nonsense".to_owned()),
    ] {
        let answer = client.call("GET", &path, &Value::Null).await;
        assert_eq!((answer.status, answer.code()), (400, "invalid_cursor"), "{path}");
        assert_eq!(answer.pointers(), ["/cursor"]);
    }
    for (query, code) in [
        ("limit=0", "invalid_request"),
        ("limit=201", "invalid_request"),
        ("limit=x", "invalid_request"),
        ("page=2", "unknown_field"),
    ] {
        let answer = owner.call("GET", &format!("/v1/members?{query}"), &Value::Null).await;
        assert_eq!((answer.status, answer.code()), (400, code), "{query}: {}", answer.text);
        assert_eq!(answer.pointers().len(), 1, "{query}: {}", answer.text);
    }
}

#[tokio::test]
async fn stale_changes_are_refused() {
    let (owner, _) = setup().await;
    let made = owner.call("POST", "/v1/members", &json!({"name": "A", "mobile": "+852 9123 4567"})).await;
    assert_eq!(made.header("etag"), Some("\"1\""));
    let path = format!("/v1/members/{}", made.json["id"].as_str().unwrap());
    assert_eq!(made.header("location"), Some(path.as_str()));
    let patch = |tag: &'static str, body: Value| {
        let (owner, path) = (owner.clone(), path.clone());
        async move {
            let headers = [("content-type", "application/json"), ("if-match", tag)];
            owner.send("PATCH", &path, &headers, body.to_string()).await
        }
    };
    let changed = patch("\"1\"", json!({"name": "B"})).await;
    assert_eq!((changed.status, changed.header("etag")), (200, Some("\"2\"")));
    assert_eq!(changed.json["mobile"], "+85291234567", "what was not sent stays");
    for tag in ["\"1\"", "W/\"2\"", "2", "\"x\", \"9\""] {
        let stale = patch(tag, json!({"name": "C"})).await;
        assert_eq!((stale.status, stale.code()), (412, "precondition_failed"), "{tag}");
    }
    assert_eq!(patch("\"9\", \"2\"", json!({"mobile": null})).await.json["mobile"], Value::Null);
    assert_eq!(patch("*", json!({})).await.header("etag"), Some("\"4\""));
    assert_eq!(patch("\"4\"", json!({"name": null})).await.status, 400);
    assert_eq!(owner.send("DELETE", &path, &[("if-match", "\"1\"")], "").await.status, 412);
    assert_eq!(owner.send("DELETE", &path, &[("if-match", "\"4\"")], "").await.status, 204);
    assert_eq!(owner.call("GET", &path, &Value::Null).await.status, 404);
}

#[tokio::test]
async fn every_route_that_is_promised_is_there() {
    let (owner, _) = setup().await;
    for (method, path) in countersign_config::ROUTES {
        let answer = owner.call(method, &path.replace("{id}", "none"), &json!({})).await;
        assert!(answer.status != 405, "{method} {path}");
        if path.contains("{id}") {
            assert_eq!((answer.status, answer.code()), (404, "not_found"), "{method} {path}");
        } else {
            assert!([200, 400].contains(&answer.status), "{method} {path}: {}", answer.status);
        }
    }
}

#[tokio::test]
async fn a_panic_ends_one_request_only() {
    use axum::Router;
    use axum::routing::get;
    use countersign::clock::World;
    use countersign::http::ok_router;
    use countersign_tests::http::Client;

    async fn broken() -> &'static str {
        panic!("a secret in a panic's message")
    }
    let fine = ok_router(Router::new().route("/fine", get(|| async { "fine" })), &World::system());
    let broken = ok_router(Router::new().route("/broken", get(broken)), &World::system());
    let client = Client { router: fine.merge(broken), key: String::new() };
    let answer = client.call("GET", "/broken", &Value::Null).await;
    assert_eq!((answer.status, answer.code()), (500, "internal"));
    assert_eq!(answer.json["trace_id"], answer.header("x-trace-id").unwrap());
    assert!(!answer.text.contains("secret"));
    assert_eq!(client.call("GET", "/fine", &Value::Null).await.text, "fine");
    assert_eq!(client.call("GET", "/nowhere", &Value::Null).await.code(), "not_found", "merged routers answer too");
}

#[tokio::test]
async fn an_empty_query_value_is_the_same_as_none() {
    let (owner, _) = setup().await;
    let answer = owner.call("GET", "/v1/members?limit=&cursor=", &Value::Null).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(owner.call("GET", "/v1/members?colour=", &Value::Null).await.status, 200);
    assert_eq!(owner.call("GET", "/v1/members?colour=red", &Value::Null).await.code(), "unknown_field");
}

#[tokio::test]
async fn answers_are_kept_by_nobody_and_read_as_what_they_are() {
    let (owner, _) = setup().await;
    let viewer = json!({"name": "v", "role": "viewer"});
    for (method, path, body) in [
        ("POST", "/v1/keys", viewer),
        ("POST", "/v1/sources", json!({"name": "S", "format": "native"})),
        ("GET", "/v1/members", Value::Null),
        ("GET", "/v1/members/mem_none", Value::Null),
        ("GET", "/nowhere", Value::Null),
    ] {
        let answer = owner.call(method, path, &body).await;
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{method} {path}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{method} {path}");
    }
}

#[tokio::test]
async fn a_name_that_stands_twice_is_refused_wherever_it_stands() {
    let (owner, _) = setup().await;
    let json = [("content-type", "application/json")];
    for (path, body, pointer) in [
        ("/v1/members", r#"{"name": "A", "accounts": {"con_1": "a", "con_1": "b"}}"#, "/accounts/con_1"),
        (
            "/v1/connections",
            r#"{"kind": "dingtalk", "name": "A", "settings": {"app_key": "a", "app_key": "b"}}"#,
            "/settings/app_key",
        ),
        (
            "/v1/connections",
            r#"{"kind": "dingtalk", "name": "A", "secrets": {"token": "a", "\u0074oken": "b"}}"#,
            "/secrets/token",
        ),
        ("/v1/members", r#"{"name": "A", "name": "B"}"#, "/name"),
    ] {
        let answer = owner.send("POST", path, &json, body).await;
        assert_eq!((answer.status, answer.code()), (400, "invalid_request"), "{body}: {}", answer.text);
        assert_eq!(answer.pointers(), [pointer], "{}", answer.text);
    }
}
