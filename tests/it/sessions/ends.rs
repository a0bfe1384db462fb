//! Every way in which a session ends, and that it stays so.

use countersign::resources::{ApiKeyRecord, bootstrap};
use countersign::store::sessions::{MAX_AGE, MAX_IDLE};
use secrecy::SecretString;
use serde_json::{Value, json};

use super::scene;

const MINUTE: i64 = 60_000;

#[tokio::test]
async fn a_session_lasts_eight_hours_after_its_last_use_and_seven_days_in_all() {
    let scene = scene().await;
    let (used, unused) = (scene.with_key(&scene.owner.key).await, scene.with_key(&scene.owner.key).await);
    scene.clock.advance(MAX_IDLE - 1);
    assert_eq!(used.status().await, 200);
    scene.clock.advance(1);
    assert_eq!(unused.status().await, 401);
    assert_eq!(unused.get("/v1/session").await.code(), "invalid_session");
    let mut age = MAX_IDLE;
    while age + 7 * 60 * MINUTE < MAX_AGE {
        scene.clock.advance(7 * 60 * MINUTE);
        age += 7 * 60 * MINUTE;
        assert_eq!(used.status().await, 200, "{age}");
    }
    scene.clock.advance(MAX_AGE - age - 1);
    assert_eq!(used.status().await, 200);
    scene.clock.advance(1);
    assert_eq!(used.status().await, 401);
}

#[tokio::test]
async fn using_a_session_costs_a_write_every_five_minutes_at_most() {
    let scene = scene().await;
    let browser = scene.with_key(&scene.owner.key).await;
    let meter = scene.app.store.meter();
    let writes = async |advance: i64| {
        scene.clock.advance(advance);
        let before = meter.spent();
        assert_eq!(browser.get("/v1/members").await.status, 200);
        meter.spent().writes - before.writes
    };
    assert_eq!(writes(0).await, 0);
    assert_eq!(writes(5 * MINUTE - 1).await, 0);
    assert_eq!(writes(1).await, 1);
    assert_eq!(writes(MINUTE).await, 0);
}

/// A request that is under way when somebody signs out does not bring the session back.
#[tokio::test]
async fn what_has_ended_is_not_extended() {
    let scene = scene().await;
    let browser = scene.with_key(&scene.owner.key).await;
    let listed = browser.get("/v1/sessions").await;
    let id = listed.json["items"][0]["id"].as_str().unwrap().parse().unwrap();
    scene.clock.advance(6 * MINUTE);
    let read = scene.app.store.session(&id, scene.app.world.now()).await.unwrap().unwrap();
    assert_eq!(browser.call("DELETE", "/v1/session", &Value::Null).await.status, 204);
    assert!(!scene.app.store.extend_session(&read, scene.app.world.now()).await.unwrap());
    assert_eq!(browser.status().await, 401);
    assert!(scene.app.store.session(&id, scene.app.world.now()).await.unwrap().is_none());
}

#[tokio::test]
async fn whoever_is_switched_off_or_removed_is_signed_out_for_good() {
    let scene = scene().await;
    let id = scene.member("admin").await;
    let path = format!("/v1/members/{id}");
    let browser = scene.as_member(&id).await;
    assert_eq!(browser.get("/v1/members").await.status, 200);
    for active in [false, true] {
        let changed = scene.owner.call("PATCH", &path, &json!({ "active": active })).await;
        assert_eq!((changed.status, &changed.json["active"]), (200, &json!(active)), "{}", changed.text);
        assert_eq!(browser.status().await, 401, "{active}");
    }
    let again = scene.as_member(&id).await;
    assert_eq!(again.status().await, 200);
    assert_eq!(scene.owner.call("DELETE", &path, &Value::Null).await.status, 204);
    assert_eq!(again.status().await, 401);
}

/// Somebody who read the member before they were switched off signs them in after they are back.
#[tokio::test]
async fn a_sign_in_that_was_under_way_counts_for_the_time_before() {
    use countersign::http::session::{begin, mark_of_member};
    use countersign::resources::Member;
    use countersign::store::sessions::Holder;

    let scene = scene().await;
    let id = scene.member("viewer").await;
    let read = scene.app.store.get_unscoped::<Member>(&id).await.unwrap().value;
    for active in [false, true] {
        scene.owner.call("PATCH", &format!("/v1/members/{id}"), &json!({ "active": active })).await;
    }
    let headers = axum::http::HeaderMap::new();
    let (holder, mark) = (Holder::Member(read.id.clone()), mark_of_member(&read));
    let (_, token) = begin(&scene.app, &headers, read.org, holder, mark, None).await.unwrap();
    assert_eq!(scene.browser(format!("{}={}", super::NAME, token.reveal())).status().await, 401);
}

#[tokio::test]
async fn a_role_that_changes_counts_at_once() {
    let scene = scene().await;
    let id = scene.member("admin").await;
    let browser = scene.as_member(&id).await;
    scene.owner.call("PATCH", &format!("/v1/members/{id}"), &json!({"access": "viewer"})).await;
    assert_eq!(browser.get("/v1/members").await.status, 403);
    assert_eq!(browser.get("/v1/approvals").await.status, 200);
    scene.owner.call("PATCH", &format!("/v1/members/{id}"), &json!({"access": null})).await;
    assert_eq!((browser.get("/v1/deliveries").await.status, browser.status().await), (403, 200));
}

#[tokio::test]
async fn a_revoked_key_ends_its_sessions_and_a_new_secret_does_not_bring_them_back() {
    let scene = scene().await;
    let set = |secret: &str| SecretString::from(format!("csk_operator_{secret}"));
    bootstrap(&scene.app.store, &scene.app.world, Some(&set("0123456789abcdef"))).await.unwrap();
    let browser = scene.with_key("csk_operator_0123456789abcdef").await;
    assert_eq!(browser.status().await, 200);
    // The key of the session cannot be revoked by the session.
    let own = browser.call("DELETE", "/v1/keys/key_operator", &Value::Null).await;
    assert_eq!((own.status, own.code()), (409, "own_key"));
    assert_eq!(scene.owner.call("DELETE", "/v1/keys/key_operator", &Value::Null).await.status, 204);
    assert_eq!(browser.status().await, 401);
    bootstrap(&scene.app.store, &scene.app.world, Some(&set("fedcba9876543210"))).await.unwrap();
    let record = scene.app.store.get_unscoped::<ApiKeyRecord>("key_operator").await.unwrap().value;
    assert!(record.revoked_at.is_none());
    assert_eq!(browser.status().await, 401);
}

#[tokio::test]
async fn sessions_are_listed_and_ended_by_their_owner_and_by_administrators() {
    let scene = scene().await;
    let (id, other) = (scene.member("none").await, scene.member("none").await);
    let (here, there, somebody) =
        (scene.as_member(&id).await, scene.as_member(&id).await, scene.as_member(&other).await);
    let admin = scene.with_access("admin").await;
    let listed = here.get("/v1/sessions").await;
    assert_eq!(listed.json["items"].as_array().unwrap().len(), 2, "{}", listed.text);
    for browser in [&here, &there] {
        assert!(!listed.text.contains(browser.cookie.split_once('=').unwrap().1));
    }
    let find = |current: bool| {
        let found = listed.json["items"].as_array().unwrap().iter().find(|item| item["current"] == current);
        format!("/v1/sessions/{}", found.unwrap()["id"].as_str().unwrap())
    };
    let (own, second) = (find(true), find(false));
    // Nobody else's; not even that it is there.
    assert_eq!(somebody.call("DELETE", &second, &Value::Null).await.status, 404);
    assert_eq!(somebody.get(&format!("/v1/sessions?member={id}")).await.status, 403);
    assert_eq!(here.get(&format!("/v1/sessions?member={id}")).await.status, 200);
    assert_eq!(here.call("DELETE", &second, &Value::Null).await.status, 204);
    assert_eq!((here.status().await, there.status().await), (200, 401));
    let theirs = admin.get(&format!("/v1/sessions?member={id}")).await;
    assert_eq!(theirs.json["items"].as_array().unwrap().len(), 1, "{}", theirs.text);
    assert_eq!(admin.call("DELETE", &own, &Value::Null).await.status, 204);
    assert_eq!(here.status().await, 401);
    assert_eq!(admin.call("DELETE", &own, &Value::Null).await.status, 404, "it is over");
    assert_eq!(admin.get("/v1/sessions?member=mem_nobody").await.status, 404);
    // Those of keys are for owners.
    let keyed = scene.with_key(&scene.owner.key).await;
    let listed = keyed.get("/v1/sessions").await;
    let path = format!("/v1/sessions/{}", listed.json["items"][0]["id"].as_str().unwrap());
    assert_eq!(admin.call("DELETE", &path, &Value::Null).await.status, 404);
    assert_eq!(scene.owner.call("DELETE", &path, &Value::Null).await.status, 204);
    assert_eq!(keyed.status().await, 401);
}
