//! A second instance of a stage, and an instance that its platform does not take back for days.

use std::sync::{Arc, Mutex};

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use countersign::approval::{Closed, Closure, Mode};
use countersign::engine::sweep::sweep;
use countersign::resources::Connection;
use countersign::store::references::Reference;
use countersign_tests::desk::{Desk, task_event};
use serde_json::{Value, json};

const NODE: &[(&str, Mode, &[&str])] = &[("Owner", Mode::Any, &["manager4220"])];
const HOUR: i64 = 3_600_000;

/// A DingTalk that only takes instances back, or fails to.
#[derive(Clone, Default)]
struct Played(Arc<Mutex<(Vec<String>, usize)>>);

impl Played {
    /// Leads the desk's connection here; the next so many calls fail.
    async fn of(desk: &Desk, failing: usize) -> Self {
        let played = Self::default();
        played.0.lock().unwrap().1 = failing;
        let token = || async { Json(json!({"accessToken": "token", "expireIn": 7200})) };
        let router = Router::new()
            .route("/v1.0/oauth2/accessToken", post(token))
            .route("/v1.0/workflow/processInstances/terminate", post(terminate))
            .route("/", get(|| async { "DingTalk" }))
            .with_state(played.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        let stored = desk.app.store.get_unscoped::<Connection>(desk.connection.as_str()).await.unwrap();
        let (mut value, version) = (stored.value, stored.version);
        for name in ["endpoint", "legacy_endpoint"] {
            value.settings.insert(name.to_owned(), json!(url));
        }
        desk.app.store.update(&value, version).await.unwrap();
        played
    }

    /// The instances that were to be taken back, call by call.
    fn asked(&self) -> Vec<String> {
        self.0.lock().unwrap().0.clone()
    }
}

async fn terminate(State(played): State<Played>, Json(body): Json<Value>) -> (StatusCode, Json<Value>) {
    let mut platform = played.0.lock().unwrap();
    platform.0.push(body["processInstanceId"].as_str().unwrap().to_owned());
    if platform.1 > 0 {
        platform.1 -= 1;
        return (StatusCode::TOO_MANY_REQUESTS, Json(json!({"code": "Throttling", "message": "slow down"})));
    }
    (StatusCode::OK, Json(json!({"result": true})))
}

/// A while later (milliseconds), what is due is done.
async fn later(desk: &Desk, by: i64) {
    desk.clock.advance(by);
    sweep(&desk.app).await.unwrap();
}

#[tokio::test]
async fn a_second_instance_that_a_crash_left_behind_is_taken_back_and_the_first_goes_on() {
    let desk = Desk::new().await;
    let played = Played::of(&desk, 1).await;
    let record = desk.running("inst-2", NODE).await;
    // Who had made another stored the way back, and died before the state was written.
    let reference = Reference { approval: record.id.clone(), stage: 0 };
    desk.app.store.create_reference(&desk.connection, "inst-1", &reference).await.unwrap();
    let answer = desk.push(&task_event("inst-1", 1, "manager4220", "start", None)).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    later(&desk, 17_000).await;
    assert_eq!(played.asked(), ["inst-1"]);
    let shown = desk.shown(&record.id).await;
    let left = &shown["stages"][0]["left_open"][0];
    assert_eq!((&left["instance"], &left["outcome"]), (&json!("inst-1"), &Value::Null), "{shown}");
    assert!(left["why"].as_str().is_some_and(|why| why.contains("slow down")), "{shown}");
    later(&desk, 5_000).await;
    assert_eq!(played.asked(), ["inst-1"], "it is given time");
    later(&desk, 30_000).await;
    assert_eq!(played.asked(), ["inst-1"; 2]);
    let shown = desk.shown(&record.id).await;
    assert_eq!((&shown["status"], &shown["stages"][0]["instance"]), (&json!("pending"), &json!("inst-2")), "{shown}");
    assert_eq!(shown["stages"][0].get("left_open"), None, "{shown}");
    // What is said of it decides nothing, and it is not taken back again.
    desk.push(&task_event("inst-1", 1, "manager4220", "finish", Some("agree"))).await;
    later(&desk, 60_000).await;
    assert_eq!((desk.shown(&record.id).await["status"].clone(), played.asked().len()), (json!("pending"), 2));
    desk.push(&task_event("inst-2", 2, "manager4220", "finish", Some("agree"))).await;
}

#[tokio::test]
async fn it_is_tried_more_and_more_rarely_and_given_up_after_three_days() {
    let desk = Desk::new().await;
    let played = Played::of(&desk, usize::MAX).await;
    let mut record = desk.running("inst-1", NODE).await;
    record.state.close(Closure { how: Closed::Expired, at: Some(record.updated_at), by: None, remark: None });
    desk.app.store.update_approval(&mut record).await.unwrap();
    // Something is heard of it after the end.
    desk.push(&task_event("inst-1", 1, "manager4220", "start", None)).await;
    for _ in 0..12 {
        later(&desk, 5 * 60_000).await;
    }
    let first_hour = played.asked().len();
    assert!((3..=8).contains(&first_hour), "{first_hour}");
    for _ in 0..80 {
        later(&desk, HOUR).await;
    }
    let asked = played.asked().len();
    assert!((first_hour + 10..=first_hour + 20).contains(&asked), "{asked}");
    let shown = desk.shown(&record.id).await;
    let left = &shown["stages"][0]["left_open"][0];
    assert_eq!((&left["outcome"], &left["next_attempt_at"]), (&json!("given_up"), &Value::Null), "{shown}");
    assert!(left["why"].as_str().is_some_and(|why| why.contains("slow down")), "{shown}");
    assert_eq!(desk.app.store.approval(&record.id).await.unwrap().due_at, None);
    assert_eq!(countersign_sweep::run(&desk.app).await.unwrap(), 0);
}
