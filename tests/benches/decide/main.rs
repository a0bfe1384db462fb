//! What one callback costs that decides a node: from the request to the encrypted answer, with the state in an embedded
//! DynamoDB. Requests to the table and allocations are counted and held to what the design allows.
//!
//! DynamoDB runs in a process of its own (this program again), so that its allocations are not counted as ours.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod database;
mod scene;

use std::alloc::System;
use std::time::{Duration, Instant};

use countersign::store::Spent;
use countersign_tests::desk::Desk;
use criterion::Criterion;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

use scene::{Scene, Sent};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// How many callbacks are counted.
const COUNTED: u32 = 200;

fn main() {
    if std::env::args().nth(1).as_deref() == Some(database::ARGUMENT) {
        return database::serve();
    }
    let database = database::Database::start();
    // As a function runs.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let scene = runtime.block_on(Scene::new(&database.endpoint));

    runtime.block_on(async {
        let callbacks = scene.deciding(COUNTED).await;
        // Connections, the settings in memory and the first growth of buffers are not a callback's own.
        for callback in &scene.deciding(20).await {
            scene.send(callback).await;
        }
        let decided = count(&scene, "decides a node", &callbacks).await;
        let repeated = count(&scene, "changes nothing", &callbacks).await;
        let most = f64::from(COUNTED);
        assert!(decided.reads as f64 <= 2.0 * most && decided.writes as f64 <= most, "{decided:?}");
        // Where their instances belong is known by now.
        assert!(repeated.reads as f64 <= most && repeated.writes == 0, "{repeated:?}");
    });

    crowd();

    let mut criterion = Criterion::default().configure_from_args().measurement_time(Duration::from_secs(10));
    let mut group = criterion.benchmark_group("decide");
    group.bench_function("a node", |b| {
        b.iter_custom(|times| {
            runtime.block_on(async {
                let callbacks = scene.deciding(u32::try_from(times).unwrap()).await;
                timed(&scene, callbacks.iter()).await
            })
        });
    });
    group.bench_function("nothing", |b| {
        b.iter_custom(|times| {
            runtime.block_on(async {
                let callbacks = scene.deciding(1).await;
                scene.send(&callbacks[0]).await;
                let times = usize::try_from(times).unwrap();
                timed(&scene, callbacks.iter().cycle().take(times)).await
            })
        });
    });
    group.finish();
    criterion.final_summary();
}

/// All approvers of a node at the same moment, each through a process of its own.
fn crowd() {
    const ROUNDS: u64 = 10;
    const APPROVERS: usize = 50;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let read_again: u64 = runtime.block_on(async {
        let desk = Desk::new().await;
        let mut sum = 0;
        for round in 0..ROUNDS {
            sum += desk.crowd(&format!("crowd-{round}"), APPROVERS).await.1;
        }
        sum
    });
    let each = read_again as f64 / (ROUNDS * APPROVERS as u64) as f64;
    println!("{APPROVERS} approvers of one node at once: each reads it again {each:.2} times on average");
    assert!(each <= 2.0, "more than the design allows");
}

async fn timed(scene: &Scene, callbacks: impl Iterator<Item = &Sent>) -> Duration {
    let begin = Instant::now();
    for callback in callbacks {
        scene.send(callback).await;
    }
    begin.elapsed()
}

/// Sends each callback once and tells what one costs.
async fn count(scene: &Scene, what: &str, callbacks: &[Sent]) -> Spent {
    let before = scene.spent();
    let region = Region::new(ALLOCATOR);
    for callback in callbacks {
        scene.send(callback).await;
    }
    let heap = region.change();
    let after = scene.spent();
    let spent = Spent {
        reads: after.reads - before.reads,
        writes: after.writes - before.writes,
        read_units: after.read_units - before.read_units,
        write_units: after.write_units - before.write_units,
    };
    let each = |total: f64| total / callbacks.len() as f64;
    println!(
        "a callback that {what}: {:.2} reads ({:.2} units), {:.2} writes ({:.2} units), \
         {:.0} allocations, {:.0} reallocations, {:.0} bytes",
        each(spent.reads as f64),
        each(spent.read_units),
        each(spent.writes as f64),
        each(spent.write_units),
        each(heap.allocations as f64),
        each(heap.reallocations as f64),
        each(heap.bytes_allocated as f64 + heap.bytes_reallocated as f64),
    );
    spent
}
