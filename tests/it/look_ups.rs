//! How people are looked up on platforms: several at a time, each once, a bounded number, and counted as the platform counts.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::extract::{Request, State};
use axum::{Json, Router};
use countersign::approval::Mode;
use countersign::engine::dispatch::{Before, Change, dispatch};
use countersign_tests::desk::{Desk, connection, make, task_event};
use serde_json::{Value, json};
use tokio::sync::Barrier;

/// So many look-ups are expected at the same time.
const AT_ONCE: usize = 8;
/// Longest wait of a look-up for the others.
const PATIENCE: Duration = Duration::from_secs(2);

/// A platform that answers a look-up only when others are under way, if it is told to.
#[derive(Clone)]
struct Platform {
    looked: Arc<AtomicUsize>,
    together: Option<Arc<Barrier>>,
}

async fn answer(State(platform): State<Platform>, request: Request) -> Json<Value> {
    let path = request.uri().path().to_owned();
    if path.ends_with("/getbymobile") || path.ends_with("/getuserid") {
        let number = platform.looked.fetch_add(1, Ordering::SeqCst);
        if let Some(together) = &platform.together {
            _ = tokio::time::timeout(PATIENCE, together.wait()).await.expect("others are looked up at the same time");
        }
        let user = format!("user-{number}");
        return Json(json!({"errcode": 0, "errmsg": "ok", "userid": user, "result": {"userid": user}}));
    }
    Json(
        json!({"errcode": 0, "errmsg": "ok", "access_token": "t", "expires_in": 7200, "accessToken": "t", "expireIn": 7200,
        "instanceId": "inst-1", "sp_no": "1"}),
    )
}

impl Platform {
    async fn start(together: bool) -> (Self, String) {
        let together = together.then(|| Arc::new(Barrier::new(AT_ONCE)));
        let platform = Self { looked: Arc::default(), together };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(answer).with_state(platform.clone());
        tokio::spawn(axum::serve(listener, router).into_future());
        (platform, url)
    }

    fn looked(&self) -> usize {
        self.looked.load(Ordering::SeqCst)
    }
}

/// A request to a flow on this connection: each node asks so many people by mobile number, the first from `from` on.
async fn submit(desk: &Desk, connection: &str, nodes: &[(usize, usize)]) -> countersign_tests::http::Answer {
    let node = |(index, (from, count)): (usize, &(usize, usize))| {
        let people = (*from..from + count).map(|n| json!({"mobile": format!("138{n:08}")})).collect::<Vec<_>>();
        json!({"name": format!("N{index}"), "mode": "any", "approvers": people})
    };
    let nodes: Vec<Value> = nodes.iter().enumerate().map(node).collect();
    let flow = json!({"name": "F", "most_nodes": 20, "most_approvers": 50, "stages": [{"connection": connection, "nodes": nodes}]});
    let flow = make(&desk.client, "/v1/flows", &flow).await;
    let body = json!({"title": "T", "applicant": {"account": "applicant"}, "flow": flow});
    desk.client.call("POST", "/v1/approvals", &body).await
}

async fn dingtalk(desk: &Desk, url: &str) -> String {
    let mut body = connection("ding-other", "token-0123456789", "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQ");
    (body["settings"]["endpoint"], body["settings"]["legacy_endpoint"]) = (json!(url), json!(url));
    make(&desk.client, "/v1/connections", &body).await
}

async fn calls(desk: &Desk, connection: &str) -> u64 {
    let usage = desk.client.call("GET", &format!("/v1/connections/{connection}/usage"), &Value::Null).await;
    usage.json["calls"].as_u64().unwrap()
}

#[tokio::test]
async fn people_are_looked_up_several_at_a_time_and_each_once() {
    let desk = Desk::new().await;
    let (platform, url) = Platform::start(true).await;
    let connection = dingtalk(&desk, &url).await;
    let answer = submit(&desk, &connection, &[(0, 2 * AT_ONCE), (0, 2 * AT_ONCE)]).await;
    assert!([201, 202].contains(&answer.status), "{}", answer.text);
    assert_eq!(platform.looked(), 2 * AT_ONCE, "whoever stands in two nodes is looked up once");
    let tasks = |index: usize| answer.json["stages"][0]["nodes"][index]["tasks"].as_array().unwrap().clone();
    let accounts =
        |index: usize| -> Vec<Value> { tasks(index).iter().map(|task| task["assignee"]["account"].clone()).collect() };
    assert_eq!(accounts(0).len(), 2 * AT_ONCE);
    assert_eq!(accounts(0), accounts(1));
}

#[tokio::test]
async fn more_people_than_a_submit_may_look_up_are_refused() {
    let desk = Desk::new().await;
    let (platform, url) = Platform::start(false).await;
    let connection = dingtalk(&desk, &url).await;
    let many: Vec<(usize, usize)> = (0..5).map(|n| (n * 50, 50)).collect();
    let answer = submit(&desk, &connection, &many).await;
    assert_eq!((answer.status, answer.code()), (422, "too_many_people"), "{}", answer.text);
    assert!(platform.looked() <= 200, "{}", platform.looked());
    let listed = desk.client.call("GET", "/v1/approvals", &Value::Null).await;
    assert_eq!(listed.json["items"], json!([]));
}

#[tokio::test]
async fn look_ups_are_counted_where_the_platform_counts_them() {
    let desk = Desk::new().await;
    let (platform, url) = Platform::start(false).await;
    let wecom = json!({"kind": "wecom", "name": "W", "settings": {"endpoint": url, "corp_id": "ww1", "agent_id": "1000002"},
        "secrets": {"app_secret": "app-secret-0123456789", "token": "token0123456789",
            "aes_key": "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQ"}});
    let wecom = make(&desk.client, "/v1/connections", &wecom).await;
    submit(&desk, &wecom, &[(0, 10)]).await;
    assert_eq!(platform.looked(), 10);
    assert!(calls(&desk, &wecom).await >= 10, "{}", calls(&desk, &wecom).await);
    // DingTalk's quota does not count its contacts; the start is counted by dispatch, which does not run here.
    let dingtalk = dingtalk(&desk, &url).await;
    let before = calls(&desk, &dingtalk).await;
    submit(&desk, &dingtalk, &[(0, 10)]).await;
    assert_eq!(platform.looked(), 20);
    assert!(calls(&desk, &dingtalk).await < before + 10, "{}", calls(&desk, &dingtalk).await);
}

#[tokio::test]
async fn a_change_that_tells_nothing_new_looks_nobody_up_and_reads_nothing_again() {
    let desk = Desk::new().await;
    let record = desk.running("inst-1", &[("Owner", Mode::All, &["manager4220", "u2"])]).await;
    desk.push(&task_event("inst-1", 1, "stranger", "start", None)).await;
    let told = desk.app.store.approval(&record.id).await.unwrap();
    assert!(!told.state.stages[0].strangers(false).is_empty());
    let reads = async |old: Option<countersign::store::approvals::Record>, new| {
        let before = desk.app.store.meter().spent().reads;
        dispatch(&desk.app, &Change { old: Before::from(old), new }).await.unwrap();
        desk.app.store.meter().spent().reads - before
    };
    // What the process keeps is read by then.
    reads(Some(record.clone()), told.clone()).await;
    let first = reads(Some(record), told.clone()).await;
    let mut later = told.clone();
    later.version += 1;
    later.updated_at += 1;
    let second = reads(Some(told), later).await;
    // The first change looks whether the stranger is a member, and wants a reading. That has its time in the table by the next one.
    assert!(first > 1, "{first}");
    assert_eq!(second, 0);
}
