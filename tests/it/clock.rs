//! The sandbox's clock, moved through HTTP.

use countersign_tests::local::{Api, Local, OWNER, eventually, instance, request};
use serde_json::{Value, json};

const CLOCK: &str = "/sandbox/_/clock";

async fn now(api: &Api) -> String {
    let answer = api.get(CLOCK).await;
    assert_eq!((answer.status, answer.json.as_object().map(serde_json::Map::len)), (200, Some(1)), "{}", answer.text);
    answer.json["now"].as_str().unwrap().to_owned()
}

/// Moves the clock by so many minutes; answers with the time that it then showed.
async fn forward(api: &Api, minutes: u32) -> String {
    let answer = api.call("POST", CLOCK, &json!({"forward_minutes": minutes})).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json["now"].as_str().unwrap().to_owned()
}

fn seconds(time: &str) -> i64 {
    time.parse::<jiff::Timestamp>().unwrap().as_second()
}

/// A flow that waits an hour.
async fn flow(local: &Local) -> Value {
    let nodes = json!([{"name": "Owner", "mode": "any", "approvers": [{"account": OWNER}]}]);
    let stages = json!([{"connection": local.connection().await, "nodes": nodes}]);
    let flow = json!({"name": "An hour", "stages": stages, "deadline_hours": 1, "on_deadline": "expire"});
    local.make("/v1/flows", &flow).await["id"].clone()
}

/// Waits for what is told before anybody decides: a delivery that is under way while the clock moves comes with an old signature, and
/// is refused once.
async fn told_of_its_start(api: &Api, approval: &Value) {
    api.wait_for_types(approval, &["approval.submitted", "approval.started"]).await;
}

#[tokio::test]
async fn a_deadline_passes_and_all_parts_have_the_same_time() {
    let local = Local::start().await;
    let mut body = request();
    body["flow"] = flow(&local).await;
    let approval = local.settled(&body).await;
    told_of_its_start(&local, &approval).await;
    let before = now(&local).await;
    let after = forward(&local, 61).await;
    assert!((3_660..3_720).contains(&(seconds(&after) - seconds(&before))), "{before} {after}");
    let done = local.wait_for(&approval, "expired").await;
    assert!(seconds(done["decided_at"].as_str().unwrap()) >= seconds(&after), "{done}");
    let types = ["approval.submitted", "approval.started", "approval.expired"];
    let arrived = local.wait_for_types(&approval, &types).await;
    let last = arrived.last().unwrap();
    assert_eq!((&last["signature_ok"], &last["problem"]), (&json!(true), &Value::Null), "{last}");
    assert!(seconds(last["received_at"].as_str().unwrap()) >= seconds(&after), "{last}");
    assert_eq!(local.instance(instance(&approval)).await["status"], "TERMINATED");
}

/// A submit on the platform's own flow; people are named by what is the same everywhere.
async fn submit(api: &Api) -> Value {
    let mut body = request();
    (body["flow"], body["applicant"]) = (json!(api.flow().await), json!({"mobile": "13800000002"}));
    api.pending(&body).await
}

#[tokio::test]
async fn each_platform_goes_on_after_a_move() {
    let local = Local::start().await;
    let platforms: Vec<Api> = local.platforms().into_iter().map(|kind| local.on(kind)).collect();
    let mut open = Vec::new();
    for api in platforms {
        let approval = submit(&api).await;
        told_of_its_start(&api, &approval).await;
        open.push((api, approval));
    }
    // The platforms' access tokens are over by then.
    forward(&local, 24 * 60).await;
    for (api, approval) in open {
        api.act(instance(&approval), "13800000001", "approve", &Value::Null).await;
        api.wait_for(&approval, "approved").await;
        let told = eventually("the deliveries", async || {
            let arrived = api.deliveries(&approval).await;
            let is_last = arrived.last().is_some_and(|last| last["type"] == "approval.approved");
            if is_last { Ok(arrived) } else { Err(format!("{arrived:?}")) }
        })
        .await;
        assert!(told.iter().all(|delivery| delivery["signature_ok"] == true), "{told:?}");
        submit(&api).await;
    }
}

#[tokio::test]
async fn a_delivery_that_waits_for_its_next_attempt_is_sent() {
    let local = Local::start().await;
    let faults = "/sandbox/receiver/_/faults";
    assert_eq!(local.call("POST", faults, &json!({"status": 503})).await.status, 200);
    let mut body = request();
    body["flow"] = json!(local.flow().await);
    let approval = local.pending(&body).await;
    let refused = eventually("an attempt", async || {
        let arrived = local.deliveries(&approval).await.len();
        if arrived > 0 { Ok(arrived) } else { Err("none".to_owned()) }
    })
    .await;
    assert_eq!(local.call("DELETE", faults, &Value::Null).await.status, 200);
    forward(&local, 24 * 60).await;
    eventually("the next attempt", async || {
        let arrived = local.deliveries(&approval).await;
        let is_sent = arrived.len() > refused
            && arrived.iter().any(|delivery| delivery["type"] == "approval.started" && delivery["answered"] == 204);
        if is_sent { Ok(()) } else { Err(format!("{arrived:?}")) }
    })
    .await;
}

#[tokio::test]
async fn what_is_no_move_changes_nothing() {
    let local = Local::start().await;
    let before = now(&local).await;
    let bodies = [
        json!({}),
        json!([]),
        json!(null),
        json!({"forward_minutes": null}),
        json!({"forward_minutes": 0}),
        json!({"forward_minutes": -1}),
        json!({"forward_minutes": 1.5}),
        json!({"forward_minutes": "90"}),
        json!({"forward_minutes": true}),
        json!({"forward_minutes": 525_601}),
        json!({"forward_minutes": u64::MAX}),
        json!({"forward_minutes": 90, "back_minutes": 1}),
        json!({"forward_hours": 1}),
    ];
    let texts = bodies.iter().map(Value::to_string);
    let broken = ["", "90", "{", r#"{"forward_minutes": 1, "forward_minutes": 2}"#, r#"{"forward_minutes": 1e400}"#];
    for body in texts.chain(broken.map(str::to_owned)) {
        let answer = local.send("POST", CLOCK, &[("content-type", "application/json")], body.clone()).await;
        assert_eq!(answer.status, 400, "{body}: {}", answer.text);
        assert!(answer.json["error"].as_str().is_some_and(|error| !error.is_empty()), "{body}: {}", answer.text);
    }
    let foreign = json!({"forward_minutes": 90}).to_string();
    for (name, value, status) in
        [("origin", "http://evil.example", 403), ("host", "evil.example", 421), ("sec-fetch-site", "cross-site", 403)]
    {
        assert_eq!(local.send("POST", CLOCK, &[(name, value)], foreign.clone()).await.status, status, "{name}");
    }
    assert_eq!(local.call("DELETE", CLOCK, &Value::Null).await.status, 405);
    let after = now(&local).await;
    assert!((0..60).contains(&(seconds(&after) - seconds(&before))), "{before} {after}");
    forward(&local, 525_600).await;
}
