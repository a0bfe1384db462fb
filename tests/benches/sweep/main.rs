//! What a sweep costs of which 100 approvals are due, over 1,000 stored ones and over 1,000,000. Read units and requests are
//! counted and must be the same; time is shown beside them. `SWEEP_STORED` is another number than a million.
//!
//! The embedded DynamoDB is on disk, since a million approvals and their indexes are some gigabytes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::types::AttributeValue as Sdk;
use countersign::approval::{Approval, DecidedBy, Mode, Node, Person, Stage};
use countersign::engine::App;
use countersign::engine::sweep::sweep;
use countersign::ids::ApprovalId;
use countersign::store::approvals::Record;
use countersign::store::{Consistency, Item, Spent, Store, create_table, keys};
use countersign_local::dynamodb::Engine;
use countersign_tests::http::test_app;
use countersign_tests::{TestClock, within};
use criterion::Criterion;
use dynoxide::{AttributeValue, Database, ImportOptions};

const NOW: i64 = 1_790_000_000_000;
const DAY: i64 = 86_400_000;
const TABLE: &str = "countersign";
const DUE: usize = 100;
const FEW: usize = 1_000;
const MANY: usize = 1_000_000;
/// Items that are written at once.
const BATCH: usize = 10_000;

/// A table with so many open approvals, of which [`DUE`] are due when they are made so.
struct Scene {
    app: App,
    due: Vec<ApprovalId>,
    file: PathBuf,
}

impl Drop for Scene {
    fn drop(&mut self) {
        for end in ["", "-wal", "-shm"] {
            let _ = std::fs::remove_file(format!("{}{end}", self.file.display()));
        }
    }
}

fn record(id: ApprovalId) -> Record {
    let person = |account: &str| Person { account: Some(account.into()), name: Some("张伟".into()), member: None };
    let node = Node::new("Owner", Mode::Any, vec![person("manager4220")]);
    let connection = "con_01k5n1m6z1a2b3c4d5e6f7g8h9".to_owned();
    let stage = Stage::new(connection, "dingtalk".into(), DecidedBy::Platform, vec![node]);
    let mut state = Approval::new(NOW, person("0123456789"), vec![stage], NOW + 60_000);
    state.started(0, format!("inst-{id}"), None, NOW);
    Record {
        id,
        org: "org_1".parse().unwrap(),
        source: "src_1".parse().unwrap(),
        workspace: None,
        flow: None,
        title: "Read access to orders".into(),
        updated_at: NOW,
        due_at: Some(NOW + DAY),
        rule: None,
        failure: None,
        trouble: None,
        version: 0,
        state,
    }
}

fn numbered(n: usize) -> ApprovalId {
    format!("apr_{n:026}").parse().unwrap()
}

/// The same value in the embedded table's own types.
fn value(value: &Sdk) -> AttributeValue {
    match value {
        Sdk::S(text) => AttributeValue::S(text.clone()),
        Sdk::N(number) => AttributeValue::N(number.clone()),
        Sdk::Bool(flag) => AttributeValue::BOOL(*flag),
        Sdk::L(list) => AttributeValue::L(list.iter().map(self::value).collect()),
        Sdk::M(map) => AttributeValue::M(map.iter().map(|(name, held)| (name.clone(), self::value(held))).collect()),
        other => panic!("{other:?}"),
    }
}

/// The item of another approval that is like this one.
fn like(item: &Item, from: &str, to: &str) -> HashMap<String, AttributeValue> {
    let mut made: HashMap<_, _> = item.iter().map(|(name, held)| (name.clone(), value(held))).collect();
    for held in made.values_mut() {
        if let AttributeValue::S(text) = held {
            *text = text.replace(from, to);
        }
    }
    let shard = keys::due_of(to);
    made.insert("due_pk".into(), AttributeValue::S(shard));
    made
}

impl Scene {
    async fn new(stored: usize) -> Self {
        let file = std::env::temp_dir().join(format!("countersign-sweep-{stored}-{}.sqlite", std::process::id()));
        let engine = Engine::open(&file).unwrap();
        create_table(&within(&engine), TABLE).await.unwrap();
        let store = Store::new(within(&engine), TABLE);
        let mut first = record(numbered(0));
        store.create_approval(&mut first).await.unwrap();
        let key = keys::approval(&first.id);
        let item = store.get_item(&key, Consistency::Strong).await.unwrap().unwrap();
        drop((store, engine));
        let begun = Instant::now();
        let database = Database::new(file.to_str().unwrap()).unwrap();
        database.enable_bulk_loading().unwrap();
        for from in (1..stored).step_by(BATCH) {
            let to = (from + BATCH).min(stored);
            let items = (from..to).map(|n| like(&item, numbered(0).as_str(), numbered(n).as_str())).collect();
            database.import_items(TABLE, items, ImportOptions::default()).unwrap();
        }
        database.disable_bulk_loading().unwrap();
        drop(database);
        println!("{stored} approvals were written in {:.0} s", begun.elapsed().as_secs_f64());
        let store = Store::new(within(&Engine::open(&file).unwrap()), TABLE);
        let due = (0..DUE).map(|n| numbered(n * (stored / DUE))).collect();
        Self { app: test_app(store, TestClock::at(NOW + 120_000).world()), due, file }
    }

    async fn make_due(&self) {
        for id in &self.due {
            let mut record = self.app.store.approval(id).await.unwrap();
            record.due_at = Some(NOW + 60_000);
            self.app.store.update_approval(&mut record).await.unwrap();
        }
    }

    /// Sweeps once; says how long it took and what it cost.
    async fn sweep(&self) -> (Duration, Spent) {
        self.make_due().await;
        let before = self.app.store.meter().spent();
        let begun = Instant::now();
        assert_eq!(sweep(&self.app).await.unwrap(), DUE);
        let took = begun.elapsed();
        let after = self.app.store.meter().spent();
        let spent = Spent {
            reads: after.reads - before.reads,
            writes: after.writes - before.writes,
            read_units: after.read_units - before.read_units,
            write_units: after.write_units - before.write_units,
        };
        (took, spent)
    }
}

#[expect(clippy::disallowed_methods, reason = "how much is stored is for who runs the bench")]
fn many() -> usize {
    std::env::var("SWEEP_STORED").ok().and_then(|text| text.parse().ok()).unwrap_or(MANY)
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let scenes: Vec<Arc<Scene>> =
        [FEW, many()].into_iter().map(|stored| Arc::new(runtime.block_on(Scene::new(stored)))).collect();
    let names = [format!("{FEW} stored"), format!("{} stored", many())];
    let mut costs = Vec::new();
    for (scene, name) in scenes.iter().zip(&names) {
        let (_, Spent { reads, writes, read_units, write_units }) = runtime.block_on(scene.sweep());
        println!("{DUE} due of {name}: {reads} reads ({read_units} units), {writes} writes ({write_units} units)");
        costs.push((reads, read_units, writes, write_units));
    }
    assert_eq!(costs[0].2, costs[1].2, "the same writes");
    // How the due ones fall on the partitions differs by a page or two.
    assert!((costs[0].1 - costs[1].1).abs() <= costs[0].1 / 20.0, "the same reads: {costs:?}");

    let mut criterion = Criterion::default().configure_from_args().sample_size(10);
    let mut group = criterion.benchmark_group("sweep");
    for (scene, name) in scenes.iter().zip(&names) {
        group.bench_function(format!("{DUE} due of {name}"), |b| {
            b.iter_custom(|times| {
                runtime.block_on(async {
                    let mut took = Duration::ZERO;
                    for _ in 0..times {
                        took += scene.sweep().await.0;
                    }
                    took
                })
            });
        });
    }
    group.finish();
    criterion.final_summary();
}
