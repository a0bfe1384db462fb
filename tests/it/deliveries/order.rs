//! Whatever fails, stops, runs side by side or is sent again: no event of an approval is lost, and none arrives for the first time
//! before those before it were taken or given up.

use std::collections::HashSet;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use countersign::engine::App;
use countersign::engine::deliver::redeliver;
use countersign::engine::dispatch::{Change, dispatch};
use countersign::engine::sweep::sweep;
use countersign::ids::DeliveryId;
use countersign::store::deliveries::DeliveryStatus;
use countersign_tests::desk::Desk;
use proptest::prelude::*;

use super::scene::{Act, Scene, Scripted, Story};

/// Approvals of one schedule, and nodes of each.
const APPROVALS: usize = 2;
const NODES: usize = 3;

/// A process that stops when it was woken so often.
struct Stops<F> {
    work: Pin<Box<F>>,
    after: usize,
}

impl<F: Future> Future for Stops<F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if self.after == 0 {
            return Poll::Ready(None);
        }
        self.after -= 1;
        self.work.as_mut().poll(context).map(Some)
    }
}

/// Something that happens.
#[derive(Debug, Clone)]
enum Op {
    /// An approval goes on.
    Step(usize),
    /// Dispatch works through what it was not handed yet, and stops after so many wakings.
    Dispatch(usize),
    /// So much time passes (milliseconds), and the sweep looks, and stops after so many wakings.
    Sweep(i64, usize),
    /// Another process sweeps while this one dispatches.
    Both(i64),
    /// The receiver changes its mind.
    Receiver(Act),
    /// A delivery is asked for again.
    Again(usize, usize),
    /// A process begins with nothing in memory.
    Restart,
}

fn op() -> impl Strategy<Value = Op> {
    let stop = prop_oneof![3 => Just(usize::MAX), 2 => 1..30usize];
    let passes = prop_oneof![Just(0i64), Just(1_000), Just(6_000), Just(61_000), Just(660_000), Just(7_300_000)];
    let acts = prop_oneof![
        3 => Just(Act::Say(204)),
        2 => Just(Act::Say(500)),
        1 => Just(Act::Say(410)),
        1 => Just(Act::Say(302)),
        1 => Just(Act::BreakOff),
        1 => Just(Act::SayWith(429, "retry-after", "30")),
    ];
    prop_oneof![
        6 => (0..APPROVALS).prop_map(Op::Step),
        5 => stop.clone().prop_map(Op::Dispatch),
        5 => (passes.clone(), stop).prop_map(|(by, after)| Op::Sweep(by, after)),
        2 => passes.prop_map(Op::Both),
        4 => acts.prop_map(Op::Receiver),
        2 => (0..APPROVALS, 0..NODES).prop_map(|(approval, event)| Op::Again(approval, event)),
        1 => Just(Op::Restart),
    ]
}

struct Run {
    scene: Scene,
    /// The process that dispatches and sweeps now.
    now: Desk,
    receiver: Scripted,
    stories: Vec<Story>,
    /// What the stream has not been rid of, in order.
    stream: Vec<Change>,
}

impl Run {
    async fn new() -> Self {
        let receiver = Scripted::start().await;
        let scene = Scene::new(&receiver.url).await;
        let mut stories = Vec::new();
        for _ in 0..APPROVALS {
            stories.push(scene.approval(NODES).await);
        }
        Self { now: scene.desk.elsewhere(), scene, receiver, stories, stream: Vec::new() }
    }

    async fn dispatch(&mut self, after: usize) {
        let app = self.now.app.clone();
        let stream = &mut self.stream;
        let work = async {
            while let Some(change) = stream.first() {
                dispatch(&app, change).await.unwrap();
                stream.remove(0);
            }
        };
        if (Stops { work: Box::pin(work), after }).await.is_none() {
            self.now = self.scene.desk.elsewhere();
        }
    }

    async fn sweep(&mut self, after: usize) {
        let app = self.now.app.clone();
        if (Stops { work: Box::pin(async move { sweep(&app).await.unwrap() }), after }).await.is_none() {
            self.now = self.scene.desk.elsewhere();
        }
    }

    async fn again(&self, approval: usize, event: usize) {
        let app: &App = &self.now.app;
        let rows = self.scene.rows(&self.stories[approval].record.id).await;
        let Some(row) = rows.into_iter().nth(event) else { return };
        let source = app.store.get_unscoped(&self.scene.source).await.unwrap().value;
        redeliver::one(app, &source, row).await.unwrap();
    }

    async fn does(&mut self, op: Op) {
        match op {
            Op::Step(n) => {
                if !self.stories[n].has_ended() {
                    let change = self.stories[n].step(&self.scene).await;
                    self.stream.push(change);
                }
            }
            Op::Dispatch(after) => self.dispatch(after).await,
            Op::Sweep(by, after) => {
                self.scene.desk.clock.advance(by);
                self.sweep(after).await;
            }
            Op::Both(by) => {
                self.scene.desk.clock.advance(by);
                let other = self.scene.desk.elsewhere().app;
                let other = tokio::spawn(async move { sweep(&other).await.unwrap() });
                self.dispatch(usize::MAX).await;
                other.await.unwrap();
            }
            Op::Receiver(act) => self.receiver.always(act),
            Op::Again(approval, event) => self.again(approval, event).await,
            Op::Restart => self.now = self.scene.desk.elsewhere(),
        }
    }

    /// All is well again, everything happens that is still to happen, and time passes.
    async fn settle(&mut self) {
        self.receiver.always(Act::Say(204));
        for n in 0..APPROVALS {
            while !self.stories[n].has_ended() {
                self.does(Op::Step(n)).await;
            }
        }
        self.dispatch(usize::MAX).await;
        for by in [31_000, 61_000, 61_000, 700_000, 3_700_000, 40_000_000, 80_000_000, 140_000_000, 61_000] {
            self.does(Op::Sweep(by, usize::MAX)).await;
        }
    }

    async fn check(&self) {
        let arrived = self.receiver.arrived();
        for story in &self.stories {
            let rows = self.scene.rows(&story.record.id).await;
            assert_eq!(rows.len(), story.events(), "each event has its row");
            for row in &rows {
                let gone = row.status == DeliveryStatus::Dead && row.last_status == Some(410);
                assert!(row.status == DeliveryStatus::Delivered || gone, "{row:?}");
                assert!(arrived.iter().any(|one| one.id == row.id.as_str()), "it has arrived: {row:?}");
            }
            let ids: Vec<&DeliveryId> = rows.iter().map(|row| &row.id).collect();
            let (mut seen, mut settled) = (HashSet::new(), HashSet::new());
            for one in &arrived {
                let Some(place) = ids.iter().position(|id| id.as_str() == one.id) else { continue };
                if seen.insert(place) {
                    let before = (0..place).find(|before| !settled.contains(before));
                    assert_eq!(before, None, "{} came before it: {:?}", ids[place], arrived_ids(&arrived));
                }
                if one.taken || one.gone {
                    settled.insert(place);
                }
            }
        }
    }
}

fn arrived_ids(arrived: &[super::scene::Arrived]) -> Vec<(&str, bool)> {
    arrived.iter().map(|one| (one.id.as_str(), one.taken)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, max_shrink_iters: 30, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_event_is_lost_or_overtakes_another(ops in proptest::collection::vec(op(), 10..35)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut run = Run::new().await;
            for op in ops {
                run.does(op).await;
            }
            run.settle().await;
            run.check().await;
        });
        runtime.shutdown_timeout(Duration::ZERO);
    }
}
