//! Sessions of browsers: signing in by a key, the cookie, who may do what with it, and every way in which one ends.

use std::sync::Arc;

use axum::Router;
use countersign::engine::App;
use countersign::http::session::{begin, mark_of_member};
use countersign::resources::Member;
use countersign::store::sessions::Holder;
use countersign_tests::http::{Answer, Client, owner_key, test_app};
use countersign_tests::{TestClock, test_store};
use serde_json::{Value, json};

mod acting;
mod cookies;
mod ends;
mod owners;
mod roles;

/// The public address of [`test_app`].
const OURS: &str = "https://countersign.example";
const NAME: &str = "__Host-countersign";

struct Scene {
    owner: Client,
    app: App,
    clock: Arc<TestClock>,
}

/// A browser: the routes, and what it holds.
#[derive(Clone)]
struct Browser {
    client: Client,
    cookie: String,
}

async fn scene() -> Scene {
    let clock = TestClock::at(1_790_000_000_000);
    let app = test_app(test_store().await, clock.world());
    let key = owner_key(&app).await;
    Scene { owner: Client { router: router(&app), key }, app, clock }
}

/// The functions that take a session.
fn router(app: &App) -> Router {
    countersign_console::routes(app.clone())
        .merge(countersign_config::routes(app.clone()))
        .merge(countersign_approvals::routes(app.clone()))
        .merge(countersign_submit::routes(app.clone()))
}

/// The cookie that an answer gives: name and value.
fn given(answer: &Answer) -> String {
    let header = answer.header("set-cookie").unwrap_or_else(|| panic!("no cookie: {}", answer.text));
    header.split(';').next().unwrap().to_owned()
}

impl Scene {
    async fn sign_in(&self, key: &str) -> Answer {
        self.owner.with_key("").call("POST", "/v1/session", &json!({ "key": key })).await
    }

    /// A browser that signed in with a key.
    async fn with_key(&self, key: &str) -> Browser {
        let answer = self.sign_in(key).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        self.browser(given(&answer))
    }

    fn browser(&self, cookie: String) -> Browser {
        Browser { client: self.owner.with_key(""), cookie }
    }

    /// Somebody with this access.
    async fn member(&self, access: &str) -> String {
        let made = self.owner.call("POST", "/v1/members", &json!({"name": access, "access": access})).await;
        assert_eq!(made.status, 201, "{}", made.text);
        made.json["id"].as_str().unwrap().to_owned()
    }

    /// A browser of a member, as their platform would sign them in.
    async fn as_member(&self, id: &str) -> Browser {
        let member = self.app.store.get_unscoped::<Member>(id).await.unwrap().value;
        let (holder, mark) = (Holder::Member(member.id.clone()), mark_of_member(&member));
        let headers = axum::http::HeaderMap::new();
        let (_, token) = begin(&self.app, &headers, member.org, holder, mark, None).await.unwrap();
        self.browser(format!("{NAME}={}", token.reveal()))
    }

    async fn with_access(&self, access: &str) -> Browser {
        let id = self.member(access).await;
        self.as_member(&id).await
    }
}

impl Browser {
    async fn get(&self, path: &str) -> Answer {
        self.client.send("GET", path, &[("cookie", &self.cookie)], "").await
    }

    /// From a page of ours.
    async fn call(&self, method: &str, path: &str, body: &Value) -> Answer {
        self.from(Some(OURS), method, path, body).await
    }

    async fn from(&self, origin: Option<&str>, method: &str, path: &str, body: &Value) -> Answer {
        let mut headers = vec![("cookie", self.cookie.as_str()), ("content-type", "application/json")];
        headers.extend(origin.map(|origin| ("origin", origin)));
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.client.send(method, path, &headers, body).await
    }

    /// What `/v1/session` answers.
    async fn status(&self) -> u16 {
        self.get("/v1/session").await.status
    }
}

#[tokio::test]
async fn a_key_becomes_a_session_that_says_who_it_is() {
    let scene = scene().await;
    let answer = scene.sign_in(&scene.owner.key).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let id = format!("key_{}", scene.owner.key.split('_').nth(1).unwrap());
    assert_eq!(answer.json["key"], json!({"id": id, "name": "Owner"}));
    assert_eq!(answer.json["member"], Value::Null);
    assert_eq!(answer.json["role"], "owner");
    assert_eq!(answer.json["organization"], "org_default");
    let browser = scene.browser(given(&answer));
    let token = browser.cookie.split_once('=').unwrap().1;
    assert!(!answer.text.contains(token) && !answer.text.contains(scene.owner.key.rsplit('_').next().unwrap()));
    let shown = browser.get("/v1/session").await;
    assert_eq!((shown.status, &shown.json), (200, &answer.json));
    assert_eq!(shown.header("cache-control"), Some("no-store"));
    assert_eq!(shown.header("set-cookie"), None);
    // A key says who it is as well, and has no session to end.
    assert_eq!(scene.owner.call("GET", "/v1/session", &Value::Null).await.json["session"], Value::Null);
    assert_eq!(scene.owner.call("DELETE", "/v1/session", &Value::Null).await.status, 400);
    // Signing in again ends the session that the browser had.
    let body = json!({ "key": scene.owner.key });
    let again = browser.call("POST", "/v1/session", &body).await;
    assert_eq!((again.status, browser.status().await), (200, 401));
    assert_eq!(scene.browser(given(&again)).status().await, 200);
}

#[tokio::test]
async fn a_member_sees_who_they_are() {
    let scene = scene().await;
    let browser = scene.with_access("none").await;
    let shown = browser.get("/v1/session").await;
    assert_eq!((shown.status, &shown.json["role"], &shown.json["key"]), (200, &json!("member"), &Value::Null));
    assert_eq!(shown.json["member"]["name"], "none");
}

#[tokio::test]
async fn bad_input_changes_nothing() {
    let scene = scene().await;
    let anonymous = scene.owner.with_key("");
    for (body, code) in [
        (json!({}), "invalid_request"),
        (json!({"key": 5}), "invalid_request"),
        (json!({"key": "csk_a_0123456789abcdef", "keys": 1}), "unknown_field"),
    ] {
        let answer = anonymous.call("POST", "/v1/session", &body).await;
        assert_eq!((answer.status, answer.code()), (400, code), "{body}");
        assert!(!answer.text.contains("0123456789abcdef"), "{}", answer.text);
        assert_eq!(answer.header("set-cookie"), None);
    }
    assert_eq!(anonymous.call("GET", "/v1/session", &Value::Null).await.code(), "invalid_key");
}

#[tokio::test]
async fn five_wrong_keys_a_minute_make_a_pause() {
    let scene = scene().await;
    for n in 0..5 {
        let answer = scene.sign_in(&format!("csk_nobody_{n}0123456789abcdef")).await;
        assert_eq!((answer.status, answer.code()), (401, "invalid_key"), "{n}");
    }
    scene.clock.advance(20_000);
    for key in ["csk_nobody_x0123456789abcdef", scene.owner.key.as_str()] {
        let answer = scene.sign_in(key).await;
        assert_eq!((answer.status, answer.code()), (429, "too_many_attempts"));
        assert_eq!(answer.header("retry-after"), Some("40"));
    }
    // From elsewhere it is no pause.
    let elsewhere = axum::Extension(countersign::http::peer::Connected("192.0.2.7".parse().unwrap()));
    let other = Client { router: scene.owner.router.clone().layer(elsewhere), key: String::new() };
    assert_eq!(other.call("POST", "/v1/session", &json!({"key": scene.owner.key})).await.status, 200);
    // Keys of calls are not looked at by that.
    assert_eq!(scene.owner.call("GET", "/v1/members", &Value::Null).await.status, 200);
    scene.clock.advance(40_000);
    assert_eq!(scene.sign_in(&scene.owner.key).await.status, 200);
    assert_eq!(scene.sign_in("csk_nobody_x0123456789abcdef").await.status, 401, "a new minute begins");
}
