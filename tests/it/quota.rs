//! Calls are counted by the month, and a quota that is nearly spent slows readings down first.

use countersign::engine::pace::Month;
use countersign::store::usage::Usage;
use countersign_tests::local::{Local, eventually, id, request};
use serde_json::{Value, json};

async fn usage(local: &Local) -> Value {
    let answer = local.get(&format!("/v1/connections/{}/usage", local.connection().await)).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json
}

/// Adds calls as another process would.
async fn spend(local: &Local, calls: u64, exhausted: bool) {
    let (now, connection) = (local.app.world.now(), local.connection().await);
    let more = Usage { calls, exhausted_at: exhausted.then_some(now) };
    local.app.store.add_usage(&connection, &Month::at(now).name, more, now).await.unwrap();
}

async fn due_at(local: &Local, approval: &Value) -> i64 {
    local.app.store.approval(&id(approval).parse().unwrap()).await.unwrap().due_at.unwrap()
}

/// An approval that was decided on the platform, which told nobody.
async fn silent(local: &Local) -> Value {
    let approval = local.settled(&request()).await;
    local.faults(&json!({"drop_callbacks": true})).await;
    local.approve(&approval).await;
    local.mend().await;
    approval
}

/// Waits until the approval was looked at, which moves the next look beyond `now`.
async fn looked_at(local: &Local, approval: &Value) -> i64 {
    let now = local.app.world.now();
    eventually("a look", async || {
        let due = due_at(local, approval).await;
        if due > now { Ok(due) } else { Err(due.to_string()) }
    })
    .await
}

#[tokio::test]
async fn what_a_connection_uses_is_counted() {
    let local = Local::start().await;
    let before = usage(&local).await;
    assert_eq!((&before["quota"], &before["exhausted"]), (&json!(5000), &json!(false)), "{before}");
    let month = Month::at(local.app.world.now());
    assert_eq!(before["month"], json!(month.name));
    assert!(before["resets_at"].as_str().unwrap().ends_with("T16:00:00Z"), "midnight in UTC+8: {before}");
    local.settled(&request()).await;
    let calls = before["calls"].as_u64().unwrap();
    eventually("the start is counted", async || {
        let now = usage(&local).await["calls"].as_u64().unwrap();
        if now > calls { Ok(()) } else { Err(now.to_string()) }
    })
    .await;
    let path = format!("/v1/connections/{}", local.connection().await);
    let calls = usage(&local).await["calls"].as_u64().unwrap();
    local.call("POST", &format!("{path}/test"), &json!({})).await;
    assert!(usage(&local).await["calls"].as_u64().unwrap() > calls, "so is a test");
    local.clock.advance(61_000);
    let stored = async || {
        let connection = local.connection().await;
        local.app.store.usage(&connection, &Month::at(local.app.world.now()).name).await.unwrap().calls
    };
    eventually("it is in the table", async || {
        let now = stored().await;
        if now > calls { Ok(()) } else { Err(now.to_string()) }
    })
    .await;
    let unknown = local.get("/v1/connections/con_unknown/usage").await;
    assert_eq!((unknown.status, unknown.code()), (404, "not_found"));
}

#[tokio::test]
async fn a_quota_of_ones_own_is_checked_and_shown() {
    let local = Local::start().await;
    let path = format!("/v1/connections/{}", local.connection().await);
    for bad in [json!(0), json!(-1), json!("many"), json!(1_000_000_000_001_u64)] {
        let answer = local.call("PATCH", &path, &json!({"monthly_quota": bad})).await;
        assert_eq!(answer.status, 400, "{bad}: {}", answer.text);
    }
    let answer = local.call("PATCH", &path, &json!({"monthly_quota": 200_000})).await;
    assert_eq!((answer.status, &answer.json["monthly_quota"]), (200, &json!(200_000)), "{}", answer.text);
    assert_eq!(usage(&local).await["quota"], json!(200_000));
    local.call("PATCH", &path, &json!({"monthly_quota": null})).await;
    assert_eq!(usage(&local).await["quota"], json!(5_000));
}

#[tokio::test]
async fn a_quota_that_is_nearly_spent_leaves_ordinary_readings_out() {
    let local = Local::start().await;
    let approval = silent(&local).await;
    spend(&local, 4_800, false).await;
    local.clock.advance(61_000);
    looked_at(&local, &approval).await;
    local.clock.advance(601_000);
    let (now, due) = (local.app.world.now(), looked_at(&local, &approval).await);
    assert!(due - now > 19 * 60_000, "half as often: {}", due - now);
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    assert_eq!(local.approval(&approval).await["status"], "pending", "nothing was read");
}

/// How long readings rest once the platform has said that the quota is spent, and over how long they are spread then (milliseconds).
const REST: std::ops::Range<i64> = 3_600_000..3_600_000 + 1_800_000;

#[tokio::test]
async fn a_spent_quota_ends_readings_for_an_hour_and_one_that_is_answered_ends_that() {
    let local = Local::start().await;
    let approval = silent(&local).await;
    // Before its first look is due, which is free to come as soon as the clock says so.
    let spent_at = local.app.world.now();
    spend(&local, 0, true).await;
    local.clock.advance(601_000);
    let due = looked_at(&local, &approval).await;
    assert!(REST.contains(&(due - spent_at)), "{}", due - spent_at);
    assert_eq!(local.approval(&approval).await["status"], "pending");
    assert_eq!(usage(&local).await["exhausted"], json!(true));
    // The month's quota was raised on the platform, or its refusal was a mistake.
    local.clock.advance(due + 1_000 - local.app.world.now());
    local.wait_for(&approval, "approved").await;
    assert_eq!(usage(&local).await["exhausted"], json!(false));
}

#[tokio::test]
async fn a_start_that_is_answered_a_new_quota_and_a_good_test_end_it_at_once() {
    let local = Local::start().await;
    let path = format!("/v1/connections/{}", local.connection().await);
    spend(&local, 0, true).await;
    local.pending(&request()).await;
    eventually("the start is answered", async || {
        let now = usage(&local).await;
        if now["exhausted"] == json!(false) { Ok(()) } else { Err(now.to_string()) }
    })
    .await;
    spend(&local, 0, true).await;
    local.call("PATCH", &path, &json!({"name": "Renamed"})).await;
    assert_eq!(usage(&local).await["exhausted"], json!(true), "that says nothing of the quota");
    local.call("PATCH", &path, &json!({"monthly_quota": 200_000})).await;
    assert_eq!(usage(&local).await["exhausted"], json!(false));
    spend(&local, 0, true).await;
    local.faults(&json!({"quota": true})).await;
    local.call("POST", &format!("{path}/test"), &json!({})).await;
    assert_eq!(usage(&local).await["exhausted"], json!(true), "a bad test ends nothing");
    local.mend().await;
    local.call("POST", &format!("{path}/test"), &json!({})).await;
    assert_eq!(usage(&local).await["exhausted"], json!(false));
}

#[tokio::test]
async fn a_start_that_the_platform_refuses_for_its_quota_is_remembered() {
    let local = Local::start().await;
    local.faults(&json!({"quota": true})).await;
    let answer = local.submit(&request()).await;
    assert_eq!((answer.status, &answer.json["status"]), (202, &json!("starting")), "{}", answer.text);
    assert_eq!(usage(&local).await["exhausted"], true);
}
