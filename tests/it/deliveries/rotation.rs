//! Signatures as a library that is not ours sees them, also while a secret is being rotated.

use countersign_tests::desk::{Desk, NOW};
use serde_json::{Value, json};
use standardwebhooks::Webhook;

use super::scene::{Arrived, Scene, Scripted, Story};

/// Whether a library verifies this with a secret, at the moment at which it was sent.
fn holds(secret: &str, one: &Arrived) -> bool {
    let text = |name: &str| one.headers[name].to_str().unwrap();
    let sent_at: i64 = text("webhook-timestamp").parse().unwrap();
    assert!((sent_at - NOW / 1000).abs() < 1_000_000);
    let signature = Webhook::new(secret).unwrap().sign(&one.id, sent_at, &one.body).unwrap();
    text("webhook-signature").split(' ').any(|given| given == signature)
}

async fn rotate(desk: &Desk, source: &str, body: &Value) -> Value {
    let answer = desk.client.call("POST", &format!("/v1/sources/{source}/rotate-secret"), body).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json
}

async fn last(scene: &Scene, receiver: &Scripted, story: &mut Story) -> Arrived {
    story.tell(scene).await;
    receiver.arrived().pop().unwrap()
}

#[tokio::test]
async fn both_secrets_sign_until_the_old_one_is_retired() {
    let receiver = Scripted::start().await;
    let desk = Desk::new().await;
    let body = json!({"name": "App", "format": "native", "callback_url": receiver.url});
    let made = desk.client.call("POST", "/v1/sources", &body).await.json;
    let (source, old) = (made["id"].as_str().unwrap().to_owned(), made["webhook_secret"].as_str().unwrap().to_owned());
    let scene = Scene { desk, source: source.clone() };
    let mut story = scene.approval(4).await;
    let one = last(&scene, &receiver, &mut story).await;
    assert!(holds(&old, &one));
    assert_eq!(one.headers["webhook-signature"].to_str().unwrap().split(' ').count(), 1);

    let rotated = rotate(&scene.desk, &source, &Value::Null).await;
    let new = rotated["webhook_secret"].as_str().unwrap().to_owned();
    assert!(new.starts_with("whsec_") && new != old);
    assert_eq!(rotated["old_webhook_secret_signs"], true);
    let shown = scene.desk.client.call("GET", &format!("/v1/sources/{source}"), &Value::Null).await;
    assert!(!shown.text.contains(&new[6..]) && !shown.text.contains(&old[6..]), "shown once: {}", shown.text);
    let one = last(&scene, &receiver, &mut story).await;
    assert!(holds(&old, &one) && holds(&new, &one));

    // A second rotation would take from the receiver the secret that it may still use.
    let path = format!("/v1/sources/{source}/rotate-secret");
    let again = scene.desk.client.call("POST", &path, &Value::Null).await;
    assert_eq!((again.status, again.code()), (409, "rotation_under_way"));
    // The answer with the new one may have been lost: it can be replaced, and the old one stays.
    let newest = rotate(&scene.desk, &source, &json!({"replace_new": true})).await["webhook_secret"].clone();
    let newest = newest.as_str().unwrap();
    let one = last(&scene, &receiver, &mut story).await;
    assert!(holds(&old, &one) && holds(newest, &one) && !holds(&new, &one));

    for _ in 0..2 {
        let retired = rotate(&scene.desk, &source, &json!({"retire_old": true})).await;
        assert_eq!(retired["old_webhook_secret_signs"], false);
        assert!(retired["webhook_secret"]["set"] == true, "{retired}");
    }
    let one = last(&scene, &receiver, &mut story).await;
    assert!(!holds(&old, &one) && holds(newest, &one));
    for (bad, code) in [
        (json!({"replace_new": true}), "no_rotation"),
        (json!({"replace_new": true, "retire_old": true}), "invalid_request"),
        (json!({"retire": true}), "unknown_field"),
    ] {
        assert_eq!(scene.desk.client.call("POST", &path, &bad).await.code(), code, "{bad}");
    }
}

#[tokio::test]
async fn only_administrators_rotate_and_only_their_own() {
    let desk = Desk::new().await;
    let path = format!("/v1/sources/{}/rotate-secret", desk.source);
    let viewer = desk.client.call("POST", "/v1/keys", &json!({"name": "v", "role": "viewer"})).await.json;
    let viewer = desk.client.with_key(viewer["key"].as_str().unwrap());
    assert_eq!(viewer.call("POST", &path, &Value::Null).await.status, 403);
    assert_eq!(desk.another().await.client.call("POST", &path, &Value::Null).await.status, 404);
    let stale = [("content-type", "application/json"), ("if-match", "\"77\"")];
    assert_eq!(desk.client.send("POST", &path, &stale, "{}").await.status, 412);
}
