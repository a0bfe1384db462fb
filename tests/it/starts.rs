//! Starts on a platform that is slow, cannot be reached, or refuses a token: one form, and none that is made blindly.

use std::sync::{Arc, Mutex};

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use countersign::approval::Mode;
use countersign::engine::sweep::sweep;
use countersign::resources::Connection;
use countersign_tests::desk::{Desk, instance_event, make};
use serde_json::{Value, json};

/// How the played platform answers a start.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Manner {
    #[default]
    Well,
    /// The gateway gives up, and the form is made later: see [`Played::catch_up`].
    Slow,
    /// No token is good enough.
    NoToken,
    /// The month's calls are used up.
    Spent,
}

#[derive(Default)]
struct Platform {
    manner: Manner,
    forms: Vec<Value>,
    late: Vec<Value>,
    starts: usize,
    searches: usize,
    tokens: usize,
}

/// A DingTalk of a few lines, so that a test decides when a start has its effect.
#[derive(Clone, Default)]
struct Played(Arc<Mutex<Platform>>);

impl Played {
    async fn listen(&self) -> String {
        let router = Router::new()
            .route("/v1.0/oauth2/accessToken", post(token))
            .route("/v1.0/workflow/processInstances", post(start).get(read))
            .route("/v1.0/workflow/processes/instanceIds/query", post(search))
            .route("/", get(|| async { "DingTalk" }))
            .with_state(self.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        url
    }

    fn behaves(&self, manner: Manner) {
        self.0.lock().unwrap().manner = manner;
    }

    /// What it was slow with is done now.
    fn catch_up(&self) {
        let mut platform = self.0.lock().unwrap();
        let late = std::mem::take(&mut platform.late);
        platform.forms.extend(late);
    }

    /// Forms that there are or will be; starts and searches that came in.
    fn seen(&self) -> (usize, usize, usize) {
        let platform = self.0.lock().unwrap();
        (platform.forms.len() + platform.late.len(), platform.starts, platform.searches)
    }
}

async fn token(State(played): State<Played>) -> Json<Value> {
    let mut platform = played.0.lock().unwrap();
    platform.tokens += 1;
    Json(json!({"accessToken": format!("token-{}", platform.tokens), "expireIn": 7200}))
}

async fn start(State(played): State<Played>, Json(body): Json<Value>) -> (StatusCode, Json<Value>) {
    let mut platform = played.0.lock().unwrap();
    platform.starts += 1;
    let form = json!({"status": "RUNNING", "formComponentValues": body["formComponentValues"]});
    match platform.manner {
        Manner::Well => {
            platform.forms.push(form);
            (StatusCode::OK, Json(json!({"instanceId": format!("form-{}", platform.forms.len() - 1)})))
        }
        Manner::Slow => {
            platform.late.push(form);
            (StatusCode::GATEWAY_TIMEOUT, Json(json!({"code": "ServiceUnavailable", "message": "time-out"})))
        }
        Manner::NoToken => {
            (StatusCode::BAD_REQUEST, Json(json!({"code": "InvalidAuthentication", "message": "no such token"})))
        }
        Manner::Spent => {
            let code = "Forbidden.AccessDenied.ApiCountLimitForOrg";
            (StatusCode::FORBIDDEN, Json(json!({"code": code, "message": "no calls left"})))
        }
    }
}

#[derive(serde::Deserialize)]
struct Which {
    #[serde(rename = "processInstanceId")]
    instance: String,
}

async fn read(State(played): State<Played>, Query(which): Query<Which>) -> Json<Value> {
    let index: usize = which.instance.trim_start_matches("form-").parse().unwrap();
    Json(json!({"result": played.0.lock().unwrap().forms[index], "success": true}))
}

async fn search(State(played): State<Played>) -> Json<Value> {
    let mut platform = played.0.lock().unwrap();
    platform.searches += 1;
    let list: Vec<String> = (0..platform.forms.len()).map(|index| format!("form-{index}")).collect();
    Json(json!({"result": {"list": list}, "success": true}))
}

/// Leads the desk's connection to an address.
async fn lead_to(desk: &Desk, url: &str) {
    let stored = desk.app.store.get_unscoped::<Connection>(desk.connection.as_str()).await.unwrap();
    let (mut value, version) = (stored.value, stored.version);
    for name in ["endpoint", "legacy_endpoint"] {
        value.settings.insert(name.to_owned(), json!(url));
    }
    desk.app.store.update(&value, version).await.unwrap();
}

async fn submit(desk: &Desk) -> Value {
    let nodes = json!([{"name": "Owner", "mode": "any", "approvers": [{"account": "manager4220"}]}]);
    let flow = json!({"name": "One", "stages": [{"connection": desk.connection, "nodes": nodes}]});
    let flow = make(&desk.client, "/v1/flows", &flow).await;
    let body = json!({"title": "Read access", "applicant": {"account": "0123456789"}, "flow": flow});
    let answer = desk.client.call("POST", "/v1/approvals", &body).await;
    assert_eq!((answer.status, &answer.json["status"]), (202, &json!("starting")), "{}", answer.text);
    answer.json
}

/// A while later (milliseconds), what is due is done.
async fn later(desk: &Desk, by: i64) {
    desk.clock.advance(by);
    sweep(&desk.app).await.unwrap();
}

async fn status(desk: &Desk, approval: &Value) -> Value {
    desk.shown(&approval["id"].as_str().unwrap().parse().unwrap()).await["status"].clone()
}

#[tokio::test]
async fn a_platform_that_is_slower_than_we_wait_never_gets_two_forms() {
    let (desk, played) = (Desk::new().await, Played::default());
    lead_to(&desk, &played.listen().await).await;
    played.behaves(Manner::Slow);
    let approval = submit(&desk).await;
    // It is still at it, and shows nothing yet.
    for _ in 0..11 {
        later(&desk, 5_000).await;
    }
    assert_eq!(played.seen(), (1, 1, 0), "it is given time, and no second start");
    played.behaves(Manner::Well);
    played.catch_up();
    later(&desk, 10_000).await;
    assert_eq!(played.seen(), (1, 1, 1), "it is looked for and found");
    assert_eq!(status(&desk, &approval).await, "pending");
}

#[tokio::test]
async fn what_did_not_reach_the_platform_is_repeated_soon_and_without_a_search() {
    let (desk, played) = (Desk::new().await, Played::default());
    let approval = submit(&desk).await;
    lead_to(&desk, &played.listen().await).await;
    later(&desk, 2_500).await;
    assert_eq!(status(&desk, &approval).await, "pending");
    assert_eq!(played.seen(), (1, 1, 0), "nothing was there to look for");
}

#[tokio::test]
async fn once_something_was_sent_it_is_looked_for_whatever_fails_later() {
    let (desk, played) = (Desk::new().await, Played::default());
    let url = played.listen().await;
    lead_to(&desk, &url).await;
    played.behaves(Manner::Slow);
    let approval = submit(&desk).await;
    lead_to(&desk, "http://127.0.0.1:9").await;
    later(&desk, 61_000).await;
    lead_to(&desk, &url).await;
    played.catch_up();
    later(&desk, 16 * 60_000).await;
    assert_eq!(status(&desk, &approval).await, "pending");
    assert_eq!(played.seen(), (1, 1, 1), "the search that could not be made is made later");
}

#[tokio::test]
async fn a_token_that_is_refused_twice_fails_no_approval() {
    let (desk, played) = (Desk::new().await, Played::default());
    lead_to(&desk, &played.listen().await).await;
    played.behaves(Manner::NoToken);
    let approval = submit(&desk).await;
    assert_eq!((played.seen(), played.0.lock().unwrap().tokens), ((0, 2, 0), 2), "one new token, one repetition");
    played.behaves(Manner::Well);
    later(&desk, 2_500).await;
    assert_eq!(status(&desk, &approval).await, "pending");
    assert_eq!(played.0.lock().unwrap().tokens, 3, "the second one was not kept");
}

#[tokio::test]
async fn what_never_reached_the_platform_is_withdrawn_at_once() {
    let desk = Desk::new().await;
    let approval = submit(&desk).await;
    let path = format!("/v1/approvals/{}/withdraw", approval["id"].as_str().unwrap());
    let answer = desk.client.call("POST", &path, &json!({})).await;
    assert_eq!((answer.status, &answer.json["status"]), (200, &json!("withdrawn")), "{}", answer.text);
}

#[tokio::test]
async fn why_it_has_not_started_and_when_it_is_tried_again_is_shown_until_it_has() {
    let (desk, played) = (Desk::new().await, Played::default());
    let approval = submit(&desk).await;
    let id = approval["id"].as_str().unwrap().parse().unwrap();
    let told = &approval["last_error"];
    assert_eq!((&told["code"], &told["fix"]), (&json!("provider_unavailable"), &Value::Null), "{approval}");
    assert!(told["detail"].is_string() && told["at"].is_string() && told["next_attempt_at"].is_string(), "{approval}");
    lead_to(&desk, &played.listen().await).await;
    for (manner, code) in [
        (Manner::Spent, "quota_exhausted"),
        (Manner::NoToken, "provider_credentials"),
        (Manner::Slow, "provider_unavailable"),
    ] {
        played.behaves(manner);
        later(&desk, 16 * 60_000).await;
        let shown = desk.shown(&id).await;
        let told = &shown["last_error"];
        assert_eq!((&shown["status"], &told["code"]), (&json!("starting"), &json!(code)), "{shown}");
        assert_eq!(told["fix"].is_string(), code != "provider_unavailable", "{shown}");
        assert!(told["next_attempt_at"].as_str() > told["at"].as_str(), "{shown}");
    }
    played.behaves(Manner::Well);
    later(&desk, 16 * 60_000).await;
    let shown = desk.shown(&id).await;
    assert_eq!((&shown["status"], shown.get("last_error")), (&json!("pending"), None), "{shown}");
}

#[tokio::test]
async fn a_start_that_cannot_even_be_tried_says_so() {
    let desk = Desk::new().await;
    let approval = submit(&desk).await;
    let id = approval["id"].as_str().unwrap().parse().unwrap();
    desk.app.store.delete_item(&countersign::store::keys::request(&id)).await.unwrap();
    later(&desk, 16 * 60_000).await;
    let shown = desk.shown_in_list(&id).await;
    assert_eq!(shown["last_error"]["code"], "internal", "{shown}");
    assert!(shown["last_error"]["next_attempt_at"].is_string(), "{shown}");
}

#[tokio::test]
async fn what_is_submitted_again_after_a_crash_follows_one_plan() {
    let (desk, played) = (Desk::new().await, Played::default());
    let stage = json!({"connection": desk.connection, "nodes": [
        {"name": "Owner", "mode": "any", "approvers": [{"account": "manager4220"}]}]});
    let flow = make(&desk.client, "/v1/flows", &json!({"name": "One", "stages": [stage]})).await;
    let body = json!({"title": "Read access", "applicant": {"account": "0123456789"}, "flow": flow});
    let headers = [("content-type", "application/json"), ("idempotency-key", "k")];
    let submit = async || {
        let answer = desk.client.send("POST", "/v1/approvals", &headers, body.to_string()).await;
        assert_eq!(answer.status, 202, "{}", answer.text);
        answer.json["id"].as_str().unwrap().parse::<countersign::ids::ApprovalId>().unwrap()
    };
    let id = submit().await;
    // The process stopped between the request and the state; meanwhile the flow has got a second stage.
    desk.app.store.delete_item(&countersign::store::keys::approval(&id)).await.unwrap();
    let two = json!({"stages": [stage, stage]});
    let changed = desk.client.call("PATCH", &format!("/v1/flows/{flow}"), &two).await;
    assert_eq!(changed.status, 200, "{}", changed.text);
    assert_eq!(submit().await, id);
    let planned = desk.app.store.approval(&id).await.unwrap().state.stages;
    let applicants: Vec<Option<&str>> = planned.iter().map(|stage| stage.applicant.as_deref()).collect();
    assert_eq!(applicants, [Some("0123456789"); 2], "each stage can be started");
    lead_to(&desk, &played.listen().await).await;
    later(&desk, 2_500).await;
    assert_eq!(played.seen().0, 1);
}

#[tokio::test]
async fn a_next_stage_is_due_by_the_write_that_makes_it_its_turn() {
    let desk = Desk::new().await;
    let mut record = desk.running("inst-1", &[("Owner", Mode::Any, &["manager4220"])]).await;
    let mut second = record.state.stages[0].clone();
    (second.instance, second.facts) = (None, countersign::approval::Facts::default());
    record.state.stages.push(second);
    record.due_at = Some(desk.app.world.now() + 12 * 3_600_000);
    desk.app.store.update_approval(&mut record).await.unwrap();
    // Nobody is woken by the change.
    let answer = desk.push(&instance_event("inst-1", "finish", Some("agree"))).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let after = desk.app.store.approval(&record.id).await.unwrap();
    assert_eq!(after.state.stage_to_start(), Some(1));
    assert!(after.due_at.unwrap() <= desk.app.world.now() + 60_000, "{:?}", after.due_at);
}
