//! The table's stream.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use countersign::approval::{
    Closed, Closure, Event, Mode, Outcome, Person, TaskEnd, TaskFact, TaskOutcome, Withdrawal,
};
use countersign::engine::App;
use countersign::ids::ApprovalId;
use countersign::providers::{Keeping, TokenStore};
use countersign::resources::Connection;
use countersign::store::approvals::Record;
use countersign::store::requests::{Request, StoredRequest};
use countersign_tests::desk::{Desk, make};
use countersign_tests::receiver::Receiver;
use countersign_tests::test_store;
use secrecy::SecretString;
use serde_json::json;

use super::wire::{Changed, hand_in, unreadable, write};

/// A store of tokens with a fault: it panics while it is broken.
#[derive(Default)]
struct Broken(AtomicBool);

impl TokenStore for Broken {
    fn get<'a>(&'a self, _: &'a str, _: i64) -> Keeping<'a, Option<SecretString>> {
        assert!(!self.0.load(Ordering::SeqCst), "a fault of ours");
        Box::pin(async { Some(SecretString::from("token")) })
    }
    fn put<'a>(&'a self, _: &'a str, _: &'a SecretString, _: i64) -> Keeping<'a, ()> {
        Box::pin(async {})
    }
    fn forget<'a>(&'a self, _: &'a str, _: &'a SecretString) -> Keeping<'a, ()> {
        Box::pin(async {})
    }
    fn claim<'a>(&'a self, _: &'a str, _: i64) -> Keeping<'a, bool> {
        Box::pin(async { true })
    }
    fn give_up<'a>(&'a self, _: &'a str) -> Keeping<'a, ()> {
        Box::pin(async {})
    }
}

/// A desk whose source has a receiver that answers.
async fn scene() -> (Desk, Receiver) {
    let (mut desk, receiver) = (Desk::new().await, Receiver::start().await);
    let source = json!({"name": "Told", "format": "native", "callback_url": receiver.url});
    desk.source = make(&desk.client, "/v1/sources", &source).await.parse().unwrap();
    (desk, receiver)
}

/// An approval of two nodes that nobody has begun to start.
async fn submitted(desk: &Desk) -> Record {
    let mut record = desk.record(&[("First", Mode::Any, &["first"]), ("Second", Mode::Any, &["second"])]);
    record.state.stages[0].lease_until = None;
    let request = Request { applicant_accounts: vec![Some("0123456789".to_owned())], ..Request::default() };
    let stored = StoredRequest { body_hash: String::new(), request };
    desk.app.store.create_request(&record.id, &stored).await.unwrap();
    record
}

fn withdrawn(record: &mut Record) {
    record.state.close(Closure { how: Closed::Withdrawn, at: Some(1_790_000_000_000), by: None, remark: None });
}

fn approves(record: &mut Record, who: &str) {
    let end = TaskEnd { outcome: TaskOutcome::Approved, at: 1_790_000_000_500, remark: None, to: None };
    let node = Some(u8::from(who != "first"));
    let fact = TaskFact { assignee: who.to_owned(), node, end: Some(end), ..TaskFact::default() };
    record.state.apply(0, Event::Task { task: who.to_owned(), fact });
}

/// The sequences of an approval's deliveries.
async fn told(app: &App, id: &ApprovalId) -> Vec<u32> {
    let rows = app.store.list_deliveries(id, 100, None).await.unwrap().items;
    rows.iter().map(|row| row.sequence).collect()
}

/// The types that arrived of an approval, in order.
fn arrived(receiver: &Receiver, id: &ApprovalId) -> Vec<String> {
    let bodies = receiver.received().into_iter().map(|request| request.body);
    let events = bodies.map(|body| serde_json::from_slice::<serde_json::Value>(&body).unwrap());
    let of_it = events.filter(|event| event["data"]["id"] == json!(id.as_str()));
    of_it.map(|event| event["type"].as_str().unwrap().trim_start_matches("approval.").to_owned()).collect()
}

#[tokio::test]
async fn a_panic_is_reported_and_what_follows_of_that_approval_waits_behind_it() {
    let (mut desk, receiver) = scene().await;
    let tokens = Arc::new(Broken(AtomicBool::new(true)));
    desk.app.tokens = tokens.clone();
    let elsewhere = test_store().await;
    let mut bad = submitted(&desk).await;
    desk.app.store.create_approval(&mut bad.clone()).await.unwrap();
    let first = write(&elsewhere, &mut bad).await;
    withdrawn(&mut bad);
    let second = write(&elsewhere, &mut bad).await;
    let mut good = desk.running("good", &[("Owner", Mode::Any, &["first"])]).await;
    good.source = desk.source.clone();
    let other = write(&desk.app.store, &mut good).await;
    let batch = [
        Changed { sequence: "101", old: None, new: &first },
        Changed { sequence: "102", old: None, new: &other },
        Changed { sequence: "103", old: Some(&first), new: &second },
    ];
    assert_eq!(hand_in(&desk.app, &batch).await, ["101"]);
    assert_eq!(arrived(&receiver, &good.id), ["submitted", "started"], "the others are dealt with");
    assert_eq!(told(&desk.app, &bad.id).await, [100], "and what follows waits");
    tokens.0.store(false, Ordering::SeqCst);
    assert!(hand_in(&desk.app, &batch).await.is_empty());
    assert_eq!(arrived(&receiver, &bad.id), ["submitted", "withdrawn"]);
    assert_eq!(arrived(&receiver, &good.id).len(), 2, "nothing twice");
}

#[tokio::test]
async fn a_new_image_that_cannot_be_read_is_reported_and_holds_up_its_own_approval_only() {
    let (desk, receiver) = scene().await;
    let mut bad = submitted(&desk).await;
    bad.due_at = None;
    let first = unreadable(&write(&desk.app.store, &mut bad).await);
    withdrawn(&mut bad);
    let second = write(&desk.app.store, &mut bad).await;
    let mut good = desk.running("good", &[("Owner", Mode::Any, &["first"])]).await;
    good.source = desk.source.clone();
    let other = write(&desk.app.store, &mut good).await;
    let batch = [
        Changed { sequence: "201", old: None, new: &first },
        Changed { sequence: "202", old: Some(&first), new: &second },
        Changed { sequence: "203", old: None, new: &other },
    ];
    assert_eq!(hand_in(&desk.app, &batch).await, ["201"], "Lambda gives it up in the end, to the failure queue");
    assert_eq!(arrived(&receiver, &good.id), ["submitted", "started"]);
    assert!(told(&desk.app, &bad.id).await.is_empty());
    // The failure queue has it, and the stream goes on: what nobody was told is told with what follows.
    assert!(hand_in(&desk.app, &batch[1..]).await.is_empty());
    assert_eq!(arrived(&receiver, &bad.id), ["submitted", "withdrawn"]);
}

#[tokio::test]
async fn after_an_old_image_that_cannot_be_read_nothing_is_told_twice_and_nothing_is_lost() {
    for first_is_told in [true, false] {
        let (desk, receiver) = scene().await;
        let (app, mut record) = (&desk.app, submitted(&desk).await);
        record.due_at = None;
        let mut images = vec![write(&app.store, &mut record).await];
        record.state.started(0, "inst".to_owned(), None, 1_790_000_000_100);
        images.push(write(&app.store, &mut record).await);
        approves(&mut record, "first");
        // The platform's word that the first node has passed: it names the next one.
        let asked = TaskFact { assignee: "second".to_owned(), node: Some(1), ..TaskFact::default() };
        record.state.apply(0, Event::Task { task: "second".to_owned(), fact: asked });
        images.push(write(&app.store, &mut record).await);
        approves(&mut record, "second");
        record.state.apply(0, Event::Finished { outcome: Outcome::Approved, at: 1_790_000_000_900 });
        images.push(write(&app.store, &mut record).await);
        let batch = [
            Changed { sequence: "301", old: None, new: &images[0] },
            Changed { sequence: "302", old: Some(&images[0]), new: &images[1] },
            Changed { sequence: "303", old: Some(&images[1]), new: &images[2] },
        ];
        let upto = if first_is_told { 3 } else { 2 };
        assert!(hand_in(app, &batch[..upto]).await.is_empty());
        let before = told(app, &record.id).await;
        let broken = unreadable(&images[2]);
        let last = [Changed { sequence: "304", old: Some(&broken), new: &images[3] }];
        for _ in 0..2 {
            assert!(hand_in(app, &last).await.is_empty());
            let new: Vec<u32> = told(app, &record.id).await.into_iter().filter(|at| !before.contains(at)).collect();
            assert_eq!(new, if first_is_told { vec![402, 499] } else { vec![402, 403, 499] }, "{before:?}");
        }
        let all = ["submitted", "started", "node_decided", "node_decided", "approved"];
        assert_eq!(arrived(&receiver, &record.id), all, "each once");
        // A revocation is told as one of an approved approval, whatever the image before.
        record.state.apply(0, Event::Finished { outcome: Outcome::Revoked, at: 1_790_000_001_900 });
        let revoked = write(&app.store, &mut record).await;
        let last = [Changed { sequence: "305", old: Some(&broken), new: &revoked }];
        assert!(hand_in(app, &last).await.is_empty());
        assert_eq!(arrived(&receiver, &record.id)[5..], ["revoked"]);
    }
}

#[tokio::test]
async fn secrets_that_do_not_open_are_the_trouble_of_their_own_approvals() {
    let (desk, receiver) = scene().await;
    let app = &desk.app;
    let stored = app.store.get_unscoped::<Connection>(desk.connection.as_str()).await.unwrap();
    let (mut connection, version) = (stored.value, stored.version);
    let swapped = connection.secrets["token"].clone();
    connection.secrets.insert("app_secret".to_owned(), swapped);
    app.store.update(&connection, version).await.unwrap();
    let now = app.world.now();
    let mut starting = submitted(&desk).await;
    let start = write(&app.store, &mut starting).await;
    let node: &[(&str, Mode, &[&str])] = &[("Owner", Mode::Any, &["first"])];
    let mut read = desk.running("read", node).await;
    read.source = desk.source.clone();
    read.state.apply(0, Event::ReadWanted { at: now });
    let reading = write(&app.store, &mut read).await;
    let mut back = submitted(&desk).await;
    let before = write(&app.store, &mut back).await;
    let asked = Withdrawal { at: now, by: Person::default(), reason: None, force: false };
    back.state.ask_withdrawal(asked);
    back.state.started(0, "back".to_owned(), None, now);
    back.due_at = Some(now + 16_000);
    let taking = write(&app.store, &mut back).await;
    let batch = [
        Changed { sequence: "401", old: None, new: &start },
        Changed { sequence: "402", old: None, new: &reading },
        Changed { sequence: "403", old: Some(&before), new: &taking },
    ];
    assert!(hand_in(app, &batch).await.is_empty(), "the stream goes on");
    assert_eq!(arrived(&receiver, &starting.id), ["submitted"]);
    for (id, what) in [(&starting.id, "start"), (&read.id, "reading"), (&back.id, "withdrawal")] {
        let record = app.store.approval(id).await.unwrap();
        assert!(record.state.closed.is_none(), "{what}");
        let due = record.due_at.unwrap_or_default();
        assert!(due > now && due <= now + 600_000, "the {what} is tried again, in {} ms", due - now);
    }
}
