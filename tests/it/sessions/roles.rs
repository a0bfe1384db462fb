//! Every route with every role, and with sessions of another organisation.

use serde_json::{Value, json};

use super::{Browser, Scene, scene};

/// Routes that ask for a key or a session.
fn guarded() -> Vec<(&'static str, String)> {
    let all = [
        countersign_approvals::ROUTES,
        countersign_config::ROUTES,
        countersign_console::ROUTES,
        countersign_submit::ROUTES,
    ];
    let asks = |path: &str| path.starts_with("/v1/") && !["/v1/session", "/v1/sign-ins"].contains(&path);
    let routes = all.into_iter().flatten().filter(|(_, path)| asks(path));
    routes.map(|(method, path)| (*method, path.replace("{id}", "none"))).collect()
}

/// Routes that everybody has who has signed in.
fn is_own(path: &str) -> bool {
    path.starts_with("/v1/sessions")
}

/// Routes that a member without access may call for what is theirs.
fn is_of_members(method: &str, path: &str) -> bool {
    let acts = ["approvers", "comments", "decisions", "return", "transfer", "withdraw"];
    let is_act = || acts.iter().any(|act| path.ends_with(&format!("/{act}")));
    match method {
        "GET" => ["/v1/approvals", "/v1/approvals/none", "/v1/inbox"].contains(&path),
        "POST" => path.starts_with("/v1/approvals/none/") && is_act(),
        _ => false,
    }
}

#[tokio::test]
async fn without_a_session_no_route_answers() {
    let scene = scene().await;
    let nobody = Browser { client: scene.owner.with_key(""), cookie: format!("{}={}", super::NAME, "a".repeat(44)) };
    for (method, path) in guarded() {
        let answer = nobody.call(method, &path, &json!({})).await;
        assert_eq!((answer.status, answer.code()), (401, "invalid_session"), "{method} {path}");
    }
}

#[tokio::test]
async fn a_member_without_access_is_refused_wherever_nothing_is_theirs() {
    let scene = scene().await;
    let member = scene.with_access("none").await;
    for (method, path) in guarded() {
        let answer = member.call(method, &path, &json!({})).await;
        // There is no such approval; or the body is looked at first.
        let expected: &[u16] = match (is_own(&path), is_of_members(method, &path)) {
            (true, _) => &[200, 404],
            (_, true) => &[200, 400, 404],
            _ => &[403],
        };
        assert!(expected.contains(&answer.status), "{method} {path}: {}", answer.text);
    }
}

#[tokio::test]
async fn a_session_may_do_what_the_key_or_the_access_may() {
    let scene = scene().await;
    let source = scene.owner.call("POST", "/v1/sources", &json!({"name": "S", "format": "native"})).await;
    let submitter = source.json["api_key"].as_str().unwrap().to_owned();
    let viewer = scene.owner.call("POST", "/v1/keys", &json!({"name": "v", "role": "viewer"})).await;
    let viewer = viewer.json["key"].as_str().unwrap().to_owned();
    for (method, path) in guarded() {
        // Whoever ends sessions would end their own.
        if is_own(&path) {
            continue;
        }
        for key in [&submitter, &viewer] {
            let browser = scene.with_key(key).await;
            let by_session = browser.call(method, &path, &json!({})).await;
            let by_key = scene.owner.with_key(key).call(method, &path, &json!({})).await;
            assert_eq!((by_session.status, by_session.code()), (by_key.status, by_key.code()), "{method} {path}");
        }
    }
    for (access, statuses) in [("viewer", (200, 403, 403)), ("admin", (200, 200, 403)), ("owner", (200, 200, 200))] {
        let browser = scene.with_access(access).await;
        let get = async |path| browser.get(path).await.status;
        let found = (get("/v1/approvals").await, get("/v1/members").await, get("/v1/keys").await);
        assert_eq!(found, statuses, "{access}");
        assert_eq!(browser.get("/v1/session").await.json["role"], access);
    }
}

async fn elsewhere(scene: &Scene) -> (Browser, countersign_tests::http::Client) {
    let made = scene.owner.call("POST", "/v1/organizations", &json!({"name": "Other"})).await;
    let other = scene.owner.with_key(made.json["owner_key"].as_str().unwrap());
    (scene.with_key(&other.key).await, other)
}

#[tokio::test]
async fn a_session_of_another_organisation_sees_nothing_of_this_one() {
    let scene = scene().await;
    let (browser, other) = elsewhere(&scene).await;
    let id = scene.member("none").await;
    let victim = scene.as_member(&id).await;
    let session = victim.get("/v1/sessions").await.json["items"][0]["id"].as_str().unwrap().to_owned();
    assert_eq!(browser.get(&format!("/v1/members/{id}")).await.status, 404);
    assert_eq!(browser.get(&format!("/v1/sessions?member={id}")).await.status, 404);
    assert_eq!(browser.call("DELETE", &format!("/v1/sessions/{session}"), &Value::Null).await.status, 404);
    assert_eq!(other.call("DELETE", &format!("/v1/sessions/{session}"), &Value::Null).await.status, 404);
    assert_eq!(browser.get("/v1/members").await.json["items"], json!([]));
    assert_eq!(browser.get("/v1/organizations").await.status, 403, "not the deployment's owner");
    assert_eq!(victim.status().await, 200);
}
