//! When the last of 10,000 deliveries arrives at a good receiver: alone, and while as many go to a receiver at whose address every
//! call waits for an answer that never comes. `DELIVERIES` is another number than 10,000.
//!
//! * **lane**: all of them wait, as after an outage; the sweep looks as often as the function does, and the good receiver's lane is worked through.
//! * **stream**: their changes come in at a steady rate, as the table's stream hands them to dispatch, and the sweep runs beside it.
//!
//! The good receiver takes [`ANSWERS_AFTER`] to answer. The bound is a tenth later beside the dead one than alone.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use countersign::approval::Mode;
use countersign::engine::App;
use countersign::engine::dispatch::{Before, Change, dispatch};
use countersign::engine::sweep::Sweeper;
use countersign::ids::{ApprovalId, SourceId};
use countersign::store::deliveries::Delivery;
use countersign::store::lanes::Lane;
use countersign_tests::desk::{Desk, make};
use serde_json::json;
use tokio::sync::Notify;
use tokio::task::JoinSet;

const MANY: usize = 10_000;
const ANSWERS_AFTER: Duration = Duration::from_millis(15);
/// Pause between two looks of the sweep, as in its function.
const LOOK: Duration = Duration::from_millis(500);
/// In milliseconds.
const A_DAY: i64 = 24 * 60 * 60 * 1000;
/// Changes of each source that come in a second, in batches.
const A_SECOND: usize = 100;
const BATCH: usize = 10;
/// Changes that dispatch deals with at the same time.
const SIDE_BY_SIDE: usize = 16;

#[derive(Clone, Default)]
struct Good {
    taken: Arc<AtomicUsize>,
    grown: Arc<Notify>,
}

impl Good {
    async fn start() -> (Self, String) {
        let (good, listener) = (Self::default(), tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap());
        let url = format!("http://{}/good", listener.local_addr().unwrap());
        let router = Router::new().fallback(take).with_state(good.clone());
        tokio::spawn(axum::serve(listener, router).into_future());
        (good, url)
    }

    async fn has(&self, count: usize) {
        while self.taken.load(Ordering::SeqCst) < count {
            self.grown.notified().await;
        }
    }
}

async fn take(State(good): State<Good>) -> StatusCode {
    tokio::time::sleep(ANSWERS_AFTER).await;
    good.taken.fetch_add(1, Ordering::SeqCst);
    good.grown.notify_one();
    StatusCode::NO_CONTENT
}

/// An address at which every call is taken and none is answered.
async fn dead() -> String {
    let never = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/dead", never.local_addr().unwrap());
    tokio::spawn(async move {
        let mut kept = Vec::new();
        while let Ok((stream, _)) = never.accept().await {
            kept.push(stream);
        }
    });
    url
}

/// A table with a good and a dead receiver's source.
struct Scene {
    desk: Desk,
    good: Good,
    well: SourceId,
    sick: SourceId,
}

impl Scene {
    async fn new() -> Self {
        let desk = Desk::new().await;
        let (good, url) = Good::start().await;
        let source = async |url: &str| {
            let body = json!({"name": "App", "format": "native", "callback_url": url});
            make(&desk.client, "/v1/sources", &body).await.parse().unwrap()
        };
        let (well, sick) = (source(&url).await, source(&dead().await).await);
        Self { desk, good, well, sick }
    }

    /// So many deliveries of approvals of their own wait in the source's lane, for as long as `later` says (milliseconds).
    async fn fill(&self, source: &SourceId, count: usize, later: i64) {
        let app = &self.desk.app;
        let now = app.world.now();
        let body = "x".repeat(1_000);
        let mut writing = JoinSet::new();
        for _ in 0..count {
            let approval = ApprovalId::new(&app.world);
            let (org, event) = (self.desk.org.clone(), "approval.approved");
            let mut row = Delivery::new(org, source.clone(), approval, 100, event, body.clone(), now);
            (row.queued, row.next_attempt_at) = (true, Some(now + later));
            let app = app.clone();
            writing.spawn(async move { app.store.create_delivery(&mut row).await.unwrap() });
            if writing.len() >= 32 {
                writing.join_next().await.unwrap().unwrap();
            }
        }
        writing.join_all().await;
        let mut lane = Lane::new(source.clone(), self.desk.org.clone(), now + later);
        app.store.put_lane(&mut lane).await.unwrap();
    }

    /// So many changes that are events of this source.
    fn changes(&self, source: &SourceId, count: usize) -> Vec<Change> {
        let change = |_| {
            let mut record = self.desk.record(&[("Owner", Mode::Any, &["manager4220"])]);
            (record.source, record.version) = (source.clone(), 1);
            Change { old: Before::New, new: record }
        };
        (0..count).map(change).collect()
    }
}

async fn sweeps(app: App) {
    let mut sweeper = Sweeper::new(&app);
    loop {
        sweeper.check().await.unwrap();
        sweeper.wait(LOOK).await;
        tokio::time::sleep(LOOK).await;
    }
}

/// How long the good receiver's last of so many takes that wait in its lane. Alone, as many of the other's are stored and not due:
/// the embedded DynamoDB gets slower with what it stores, which is not what is asked.
async fn lane(count: usize, beside_dead: bool) -> Duration {
    let scene = Scene::new().await;
    scene.fill(&scene.well, count, 0).await;
    scene.fill(&scene.sick, count, if beside_dead { 0 } else { A_DAY }).await;
    let begun = Instant::now();
    let sweep = tokio::spawn(sweeps(ticking(&scene)));
    scene.good.has(count).await;
    sweep.abort();
    begun.elapsed()
}

/// How long the good receiver's last of so many takes that come in by the stream.
async fn stream(count: usize, beside_dead: bool) -> Duration {
    let scene = Scene::new().await;
    let app = ticking(&scene);
    let (mut good, mut bad) = (scene.changes(&scene.well, count), scene.changes(&scene.sick, count));
    let sweep = tokio::spawn(sweeps(app.clone()));
    let begun = Instant::now();
    let mut beat = tokio::time::interval(Duration::from_secs(1) / u32::try_from(A_SECOND / BATCH).unwrap());
    let mut running = JoinSet::new();
    while !good.is_empty() {
        beat.tick().await;
        let mut batch = good.split_off(good.len().saturating_sub(BATCH));
        if beside_dead {
            batch.extend(bad.split_off(bad.len().saturating_sub(BATCH)));
        }
        for change in batch {
            if running.len() >= SIDE_BY_SIDE {
                running.join_next().await.unwrap().unwrap();
            }
            let app = app.clone();
            running.spawn(async move { dispatch(&app, &change).await.unwrap() });
        }
    }
    running.join_all().await;
    scene.good.has(count).await;
    sweep.abort();
    begun.elapsed()
}

/// The scene's functions on a clock that goes.
fn ticking(scene: &Scene) -> App {
    let clock = Arc::new(countersign_tests::MovedClock::default());
    countersign_tests::http::test_app(scene.desk.app.store.clone(), clock.world())
}

#[expect(clippy::disallowed_methods, reason = "how many there are is for who runs the bench")]
fn many() -> usize {
    std::env::var("DELIVERIES").ok().and_then(|text| text.parse().ok()).unwrap_or(MANY)
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let count = many();
        // The first run pays for what the process does once.
        lane(count / 20, false).await;
        let mut held = true;
        for name in ["lane", "stream"] {
            let (alone, beside) = match name {
                "lane" => (lane(count, false).await, lane(count, true).await),
                _ => (stream(count, false).await, stream(count, true).await),
            };
            let later = beside.as_secs_f64() / alone.as_secs_f64() - 1.0;
            println!(
                "{name}: the last of {count} after {:.2} s alone, {:.2} s beside a dead receiver with {count} more: {:+.1} %",
                alone.as_secs_f64(),
                beside.as_secs_f64(),
                later * 100.0
            );
            held &= later <= 0.1;
        }
        assert!(held, "no more than a tenth later");
    });
}
