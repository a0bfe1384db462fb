//! An approval whose events a test makes one by one, and a receiver that does what it is told.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Response};
use countersign::approval::{Event, Mode, Outcome, TaskEnd, TaskFact, TaskOutcome};
use countersign::engine::dispatch::{Change, dispatch};
use countersign::engine::sweep::sweep;
use countersign::ids::ApprovalId;
use countersign::store::approvals::Record;
use countersign::store::deliveries::Delivery;
use countersign_tests::desk::{Desk, make};
use serde_json::json;

/// What a receiver does with a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Act {
    /// Answers with this status and nothing else.
    Say(u16),
    /// Answers with this status and header.
    SayWith(u16, &'static str, &'static str),
    /// Answers 200 with so many bytes.
    Tell(usize),
    /// Promises more than it sends.
    BreakOff,
    /// Takes so long, and answers 204 then.
    Dawdle(Duration),
}

/// A request that arrived.
#[derive(Debug, Clone)]
pub(super) struct Arrived {
    pub(super) id: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    /// Whether it was answered with 2xx, in full.
    pub(super) taken: bool,
    /// Whether it was answered that no more of it is wanted.
    pub(super) gone: bool,
}

/// A receiver that answers 204 until it is told otherwise. Clones share everything.
#[derive(Debug, Clone)]
pub(super) struct Scripted {
    pub(super) url: String,
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug)]
struct Inner {
    arrived: Vec<Arrived>,
    next: VecDeque<Act>,
    else_: Act,
}

impl Scripted {
    pub(super) async fn start() -> Self {
        Self::on(tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap())
    }

    pub(super) fn on(listener: tokio::net::TcpListener) -> Self {
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let inner = Inner { arrived: Vec::new(), next: VecDeque::new(), else_: Act::Say(204) };
        let receiver = Self { url, inner: Arc::new(Mutex::new(inner)) };
        let router = Router::new().fallback(receive).with_state(receiver.clone());
        tokio::spawn(axum::serve(listener, router).into_future());
        receiver
    }

    /// Does these with the next requests.
    pub(super) fn next(&self, acts: impl IntoIterator<Item = Act>) {
        self.lock().next.extend(acts);
    }

    /// Does this from now on, and forgets what it was told for the next requests.
    pub(super) fn always(&self, act: Act) {
        let mut inner = self.lock();
        inner.next.clear();
        inner.else_ = act;
    }

    pub(super) fn arrived(&self) -> Vec<Arrived> {
        self.lock().arrived.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn receive(State(receiver): State<Scripted>, headers: HeaderMap, body: Bytes) -> Response<Body> {
    let act = {
        let mut inner = receiver.lock();
        let act = inner.next.pop_front().unwrap_or_else(|| inner.else_.clone());
        let id = headers["webhook-id"].to_str().unwrap().to_owned();
        let taken = match &act {
            Act::Say(status) | Act::SayWith(status, ..) => (200..300).contains(status),
            Act::Tell(_) => true,
            Act::BreakOff | Act::Dawdle(_) => false,
        };
        let gone = act == Act::Say(410);
        inner.arrived.push(Arrived { id, headers, body, taken, gone });
        act
    };
    let with = |status: u16, body: Body| Response::builder().status(status).body(body).unwrap();
    match act {
        Act::Say(status) => with(status, Body::empty()),
        Act::SayWith(status, name, value) => {
            Response::builder().status(status).header(name, value).body(Body::from("as I said")).unwrap()
        }
        Act::Tell(bytes) => with(200, Body::from(vec![b'x'; bytes])),
        Act::BreakOff => {
            let pieces = [Ok(Bytes::from_static(b"{")), Err(std::io::Error::other("the line is cut"))];
            let body = Body::from_stream(futures_util::stream::iter(pieces));
            Response::builder().header("content-length", "100").body(body).unwrap()
        }
        Act::Dawdle(time) => {
            tokio::time::sleep(time).await;
            with(204, Body::empty())
        }
    }
}

/// A source with a callback URL, and an approval of it that goes on event by event.
pub(super) struct Scene {
    pub(super) desk: Desk,
    pub(super) source: String,
}

impl Scene {
    pub(super) async fn new(url: &str) -> Self {
        let desk = Desk::new().await;
        let source = source(&desk, url).await;
        Self { desk, source }
    }

    /// A new approval with so many nodes of one approver.
    pub(super) async fn approval(&self, nodes: usize) -> Story {
        let people: Vec<String> = (0..nodes).map(|n| format!("user-{n}")).collect();
        let people: Vec<[&str; 1]> = people.iter().map(|name| [name.as_str()]).collect();
        let nodes: Vec<(&str, Mode, &[&str])> = people.iter().map(|one| ("Node", Mode::Any, &one[..])).collect();
        let mut record = self.desk.record(&nodes);
        // Nobody but the test brings it on.
        (record.source, record.due_at) = (self.source.parse().unwrap(), None);
        let request = countersign::store::requests::Request::default();
        let stored = countersign::store::requests::StoredRequest { body_hash: String::new(), request };
        self.desk.app.store.create_request(&record.id, &stored).await.unwrap();
        Story { record, nodes: nodes.len(), step: 0 }
    }

    /// One round of the sweep.
    pub(super) async fn sweep(&self) -> usize {
        sweep(&self.desk.app).await.unwrap()
    }

    /// Lets time pass and sweeps, so many times.
    pub(super) async fn turns(&self, times: usize, by: i64) {
        for _ in 0..times {
            self.desk.clock.advance(by);
            self.sweep().await;
        }
    }

    /// The approval's deliveries, in order.
    pub(super) async fn rows(&self, approval: &ApprovalId) -> Vec<Delivery> {
        self.desk.app.store.list_deliveries(approval, 100, None).await.unwrap().items
    }
}

/// Makes a source.
pub(super) async fn source(desk: &Desk, url: &str) -> String {
    make(&desk.client, "/v1/sources", &json!({"name": "App", "format": "native", "callback_url": url})).await
}

/// An approval and how far it is.
pub(super) struct Story {
    pub(super) record: Record,
    nodes: usize,
    step: usize,
}

impl Story {
    /// How many events there are in all: submitted, started, each node, approved.
    pub(super) fn events(&self) -> usize {
        self.nodes + 3
    }

    /// Whether it has ended.
    pub(super) fn has_ended(&self) -> bool {
        self.step > self.nodes + 1
    }

    /// Goes a step on in the table. Answers with the change as the stream would hand it in.
    pub(super) async fn step(&mut self, scene: &Scene) -> Change {
        let store = &scene.desk.app.store;
        let old = (self.step > 0).then(|| self.record.clone());
        let now = scene.desk.app.world.now();
        let task = |n: usize, end: Option<TaskEnd>| {
            // As a reading tells it: events do not name the node.
            let node = u8::try_from(n).ok();
            let fact = TaskFact { assignee: format!("user-{n}"), node, end, ..TaskFact::default() };
            Event::Task { task: n.to_string(), fact }
        };
        let approved = TaskEnd { outcome: TaskOutcome::Approved, at: now, remark: None, to: None };
        let last = self.nodes + 1;
        match self.step {
            0 => store.create_approval(&mut self.record).await.unwrap(),
            step => {
                if step == 1 {
                    self.record.state.started(0, format!("inst-{}", self.record.id), None, now);
                    self.record.state.apply(0, task(0, None));
                } else {
                    self.record.state.apply(0, task(step - 2, Some(approved)));
                    if step == last {
                        self.record.state.apply(0, Event::Finished { outcome: Outcome::Approved, at: now });
                    } else {
                        self.record.state.apply(0, task(step - 1, None));
                    }
                }
                store.update_approval(&mut self.record).await.unwrap();
            }
        }
        self.step += 1;
        Change { old: old.into(), new: self.record.clone() }
    }

    /// Goes a step on, and lets dispatch deal with it.
    pub(super) async fn tell(&mut self, scene: &Scene) {
        let change = self.step(scene).await;
        dispatch(&scene.desk.app, &change).await.unwrap();
    }
}
