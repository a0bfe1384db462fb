//! A source that is made, changed, and removed.

use countersign_tests::local::{APPLICANT, Local, OWNER, id};
use serde_json::{Value, json};

use super::played::{KEY_ID, QuickBi, SECRET};
use super::{HOUR, Scene, TOKEN, scene};

#[tokio::test]
async fn a_wrong_key_is_remembered_as_the_reason_and_shows_no_secret() {
    let scene = scene(json!({})).await;
    let path = format!("/v1/sources/{}", scene.source);
    let changed = scene.local.call("PATCH", &path, &json!({"secrets": {"access_key_secret": "not-the-secret"}})).await;
    assert_eq!(changed.status, 200, "{}", changed.text);
    scene.push("task-1", &json!({})).await;
    let poll = scene.until("the failure", |poll| poll.failures > 0).await;
    assert_eq!(
        poll.error.as_deref(),
        Some("Quick BI answered 403 SignatureDoesNotMatch: The request cannot be verified")
    );
    assert!(!format!("{poll:?}").contains("not-the-secret"));
}

#[tokio::test]
async fn a_source_that_is_gone_or_speaks_otherwise_is_asked_no_more() {
    let scene = scene(json!({"poll_minutes": "60"})).await;
    let path = format!("/v1/sources/{}", scene.source);
    assert_eq!(scene.local.call("DELETE", &path, &Value::Null).await.status, 204);
    scene.bi.ask("app-1", APPLICANT, OWNER);
    let asked = scene.bi.asked();
    scene.local.clock.advance(HOUR);
    let poll = scene.until("the end", |poll| poll.due_at.is_none()).await;
    assert_eq!((poll.asked_at, scene.bi.asked()), (None, asked));
    assert!(scene.approvals().await.is_empty());
}

#[tokio::test]
async fn a_source_that_becomes_one_of_quick_bi_is_asked() {
    let (local, bi) = (Local::start().await, QuickBi::start().await);
    bi.ask("app-1", APPLICANT, OWNER);
    let flow = local.flow().await;
    let source = json!({"name": "S", "format": "native", "default_flow": flow});
    let source = local.make("/v1/sources", &source).await;
    let body = json!({"format": "quick_bi", "secrets": {"access_key_secret": SECRET},
        "settings": {"access_key_id": KEY_ID, "endpoint": bi.url, "approver_user_ids": OWNER, "people_by": "account"}});
    let changed = local.call("PATCH", &format!("/v1/sources/{}", id(&source)), &body).await;
    assert_eq!(changed.status, 200, "{}", changed.text);
    let mut made = body.clone();
    made["name"] = json!("Its token is made up");
    let made = local.make("/v1/sources", &made).await;
    assert_eq!(made["generated_secrets"]["push_token"].as_str().map(str::len), Some(32), "{made}");
    local.clock.advance(61_000);
    let scene = Scene { source: id(&source).to_owned(), local, bi };
    scene.pending().await;
}

#[tokio::test]
async fn settings_that_cannot_be_are_refused() {
    let local = Local::start().await;
    let body = json!({"name": "S", "format": "quick_bi", "secrets": {"push_token": TOKEN},
        "settings": {"poll_minutes": "often", "push_window_seconds": "0", "push_approvers": "event", "people_by": "name",
            "endpoint": "ftp://h", "colour": "red"}});
    let answer = local.call("POST", "/v1/sources", &body).await;
    let mut pointers = answer.pointers();
    pointers.sort_unstable();
    let expected = [
        "/secrets/access_key_secret",
        "/settings/access_key_id",
        "/settings/colour",
        "/settings/endpoint",
        "/settings/people_by",
        "/settings/poll_minutes",
        "/settings/push_approvers",
        "/settings/push_window_seconds",
    ];
    assert_eq!((answer.status, pointers.as_slice()), (400, expected.as_slice()), "{}", answer.text);
}
