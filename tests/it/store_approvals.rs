//! The store's contract for approvals: states, requests, references, parked callbacks, deliveries, and what is due. It runs
//! on the embedded table and on AWS's own.

use aws_sdk_dynamodb::types::AttributeValue;
use countersign::approval::{Closed, Closure, Event, Mode, Outcome};
use countersign::ids::{ApprovalId, OrgId};
use countersign::store::approvals::{Lost, Record};
use countersign::store::deliveries::{Delivery, DeliveryStatus};
use countersign::store::due::Due;
use countersign::store::references::Reference;
use countersign::store::requests::{Request, StoredRequest};
use countersign::store::schema::DUE_SHARDS;
use countersign::store::{Consistency, Error, Store, keys};
use countersign_tests::desk::NOW;
use countersign_tests::{TestClock, test_store};

/// An approval of this organisation, not stored yet.
fn record(org: &OrgId, account: &str, at: i64) -> Record {
    use countersign::approval::{Approval, DecidedBy, Node, Person, Stage};
    let person = Person { account: Some(account.to_owned()), ..Person::default() };
    let node = Node::new("Owner", Mode::Any, vec![person.clone()]);
    let stage = Stage::new("con_1".to_owned(), "dingtalk".to_owned(), DecidedBy::Platform, vec![node]);
    Record {
        id: ApprovalId::new(&TestClock::at(at).world()),
        org: org.clone(),
        source: "src_1".parse().unwrap(),
        workspace: None,
        flow: None,
        title: "T".to_owned(),
        updated_at: at,
        due_at: Some(at + 60_000),
        rule: None,
        failure: None,
        trouble: None,
        version: 0,
        state: Approval::new(at, person, vec![stage], at + 60_000),
    }
}

fn org(name: &str) -> OrgId {
    format!("org_{name}").parse().unwrap()
}

async fn created(store: &Store, org: &OrgId, account: &str, at: i64) -> Record {
    let mut record = record(org, account, at);
    store.create_approval(&mut record).await.unwrap();
    record
}

#[tokio::test]
async fn an_approval_reads_back_as_it_was_written() {
    let store = test_store().await;
    let mut record = created(&store, &org("1"), "u1", NOW).await;
    assert_eq!(record.version, 1);
    assert_eq!(store.approval(&record.id).await.unwrap(), record);
    record.state.started(0, "i".to_owned(), Some("https://x".to_owned()), NOW + 1);
    record.state.apply(0, Event::Finished { outcome: Outcome::Approved, at: NOW + 2 });
    record.due_at = None;
    store.update_approval(&mut record).await.unwrap();
    assert_eq!((record.version, store.approval(&record.id).await.unwrap()), (2, record));
    let unknown = store.approval(&"apr_unknown".parse().unwrap()).await;
    assert!(matches!(unknown, Err(Error::NotFound)));
}

#[tokio::test]
async fn a_write_that_comes_too_late_brings_the_winner() {
    let store = test_store().await;
    let mut first = created(&store, &org("1"), "u1", NOW).await;
    let mut twin = Record { title: "Twin".to_owned(), version: 0, ..first.clone() };
    let Err(Lost::Race(current)) = store.create_approval(&mut twin).await else { panic!("it is there already") };
    assert_eq!(*current, first);
    let mut late = first.clone();
    first.title = "First".to_owned();
    store.update_approval(&mut first).await.unwrap();
    late.title = "Late".to_owned();
    let Err(Lost::Race(current)) = store.update_approval(&mut late).await else { panic!("it has changed") };
    assert_eq!((*current, late.version), (first.clone(), 1));
    assert_eq!(store.approval(&first.id).await.unwrap().title, "First");
}

#[tokio::test]
async fn of_many_transitions_at_once_each_version_is_written_once() {
    let store = test_store().await;
    let record = created(&store, &org("1"), "u1", NOW).await;
    let writers: Vec<_> = (0..8)
        .map(|_| {
            let (store, mut own) = (store.clone(), record.clone());
            tokio::spawn(async move { store.update_approval(&mut own).await.is_ok() })
        })
        .collect();
    let mut won = 0;
    for writer in writers {
        won += u32::from(writer.await.unwrap());
    }
    assert_eq!((won, store.approval(&record.id).await.unwrap().version), (1, 2));
}

#[tokio::test]
async fn lists_hold_one_organisations_approvals_the_newest_first() {
    let store = test_store().await;
    let mut ids = Vec::new();
    for n in 0..5 {
        let who = if n % 2 == 0 { "even" } else { "odd" };
        ids.push(created(&store, &org("1"), who, NOW + n).await.id);
        created(&store, &org("2"), who, NOW + n).await;
    }
    ids.reverse();
    let mut seen = Vec::new();
    let mut cursor = None;
    loop {
        let page = store.approval_rows(&org("1"), None, 2, cursor.as_deref()).await.unwrap();
        seen.extend(page.rows.into_iter().map(|row| row.value.unwrap().id));
        cursor = page.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(seen, ids);
    let odd = store.approval_rows(&org("1"), Some("odd"), 10, None).await.unwrap();
    assert_eq!(odd.rows.iter().map(|row| row.id.as_str()).collect::<Vec<_>>(), [ids[1].as_str(), ids[3].as_str()]);
    let first = store.approval_rows(&org("1"), None, 1, None).await.unwrap();
    let stolen = store.approval_rows(&org("2"), None, 1, first.next_cursor.as_deref()).await;
    assert!(matches!(stolen, Err(Error::InvalidCursor)), "a cursor is of one list");
    assert!(store.approval_rows(&org("3"), None, 10, None).await.unwrap().rows.is_empty());
}

#[tokio::test]
async fn a_request_is_written_once() {
    let store = test_store().await;
    let id: ApprovalId = "apr_1".parse().unwrap();
    assert!(matches!(store.request(&id).await, Err(Error::NotFound)));
    let fields = serde_json::json!({"table": "orders", "n": 1.5, "deep": {"a": [null, true]}});
    let request =
        Request { reason: Some("r".to_owned()), fields: fields.as_object().unwrap().clone(), ..Request::default() };
    let first = StoredRequest { body_hash: "one".to_owned(), request };
    assert_eq!(store.create_request(&id, &first).await.unwrap(), None);
    let second = StoredRequest { body_hash: "two".to_owned(), request: Request::default() };
    assert_eq!(store.create_request(&id, &second).await.unwrap(), Some(first.clone()));
    assert_eq!(store.request(&id).await.unwrap(), first);
}

#[tokio::test]
async fn an_instance_belongs_to_one_approval_of_one_connection() {
    let store = test_store().await;
    let (one, two) = ("con_1".parse().unwrap(), "con_2".parse().unwrap());
    let reference = Reference { approval: "apr_1".parse().unwrap(), stage: 1 };
    assert_eq!(store.reference(&one, "i#1").await.unwrap(), None);
    store.create_reference(&one, "i#1", &reference).await.unwrap();
    store.create_reference(&one, "i#1", &reference).await.unwrap();
    assert_eq!(store.reference(&one, "i#1").await.unwrap(), Some(reference.clone()));
    assert_eq!(store.reference(&two, "i#1").await.unwrap(), None);
    let other = Reference { approval: "apr_2".parse().unwrap(), stage: 1 };
    assert!(matches!(store.create_reference(&one, "i#1", &other).await, Err(Error::AlreadyExists { .. })));
    assert_eq!(store.reference(&one, "i#1").await.unwrap(), Some(reference));
}

#[tokio::test]
async fn parked_callbacks_wait_beside_the_reference_and_each_is_kept_once() {
    let store = test_store().await;
    let connection = "con_1".parse().unwrap();
    let started = [Event::Started { at: NOW }];
    let ended = [Event::Finished { outcome: Outcome::Rejected, at: NOW + 1 }];
    for _ in 0..2 {
        store.park(&connection, "i", "b", &ended, NOW).await.unwrap();
        store.park(&connection, "i", "a", &started, NOW).await.unwrap();
    }
    store.park(&connection, "other", "a", &started, NOW).await.unwrap();
    let reference = Reference { approval: "apr_1".parse().unwrap(), stage: 0 };
    store.create_reference(&connection, "i", &reference).await.unwrap();
    let parked = store.parked(&connection, "i").await.unwrap();
    assert_eq!(parked, [started[0].clone(), ended[0].clone()]);
    assert!(store.parked(&connection, "none").await.unwrap().is_empty());
}

#[tokio::test]
async fn a_parked_callback_that_cannot_be_read_asks_for_a_reading_and_stays() {
    let store = test_store().await;
    let connection = "con_1".parse().unwrap();
    store.park(&connection, "i", "b", &[Event::Started { at: NOW }], NOW).await.unwrap();
    let key = keys::parked(&connection, "i", "a");
    store.park(&connection, "i", "a", &[], NOW).await.unwrap();
    let mut later = store.get_item(&key, Consistency::Strong).await.unwrap().unwrap();
    for events in [AttributeValue::S(r#"[{"event_of_a_later_version": 1}]"#.into()), AttributeValue::Bool(true)] {
        later.insert("ev".to_owned(), events);
        store.put_item(later.clone()).await.unwrap();
        let parked = store.parked(&connection, "i").await.unwrap();
        assert_eq!(parked, [Event::ReadWanted { at: NOW / 1000 * 1000 }, Event::Started { at: NOW }]);
        assert_eq!(store.get_item(&key, Consistency::Strong).await.unwrap(), Some(later.clone()));
    }
}

fn delivery(approval: &ApprovalId, sequence: u32, next: Option<i64>) -> Delivery {
    let (org, source, event) = (org("1"), "src_1".parse().unwrap(), "approval.approved");
    let new = Delivery::new(org, source, approval.clone(), sequence, event, "{}".to_owned(), NOW);
    Delivery { next_attempt_at: next, ..new }
}

#[tokio::test]
async fn a_delivery_is_made_once_and_changed_by_one_at_a_time() {
    let store = test_store().await;
    let approval: ApprovalId = "apr_1".parse().unwrap();
    let mut first = delivery(&approval, 299, Some(NOW));
    store.create_delivery(&mut first).await.unwrap();
    let mut again = Delivery { body: "other".to_owned(), ..delivery(&approval, 299, None) };
    store.create_delivery(&mut again).await.unwrap();
    assert_eq!(again, first, "the first stays");
    let mut late = first.clone();
    first.status = DeliveryStatus::Delivered;
    first.next_attempt_at = None;
    store.update_delivery(&mut first).await.unwrap();
    assert!(matches!(store.update_delivery(&mut late).await, Err(Error::Conflict { .. })));
    assert_eq!(store.delivery(&approval, 299).await.unwrap(), first);
    let mut earlier = delivery(&approval, 100, None);
    store.create_delivery(&mut earlier).await.unwrap();
    store.create_delivery(&mut delivery(&"apr_2".parse().unwrap(), 100, None)).await.unwrap();
    let page = store.list_deliveries(&approval, 10, None).await.unwrap();
    assert_eq!(page.items, [earlier, first]);
    let page = store.list_deliveries(&approval, 1, None).await.unwrap();
    let rest = store.list_deliveries(&approval, 1, page.next_cursor.as_deref()).await.unwrap();
    assert_eq!((rest.items[0].sequence, rest.next_cursor), (299, None));
}

async fn due(store: &Store, now: i64) -> Vec<String> {
    let mut found = Vec::new();
    for shard in 0..DUE_SHARDS {
        for thing in store.due(shard, now, 10, None).await.unwrap().items {
            found.push(match thing {
                Due::Approval(record) => record.id.to_string(),
                Due::Delivery(delivery) => delivery.id.to_string(),
                Due::Lane(lane) => lane.source.to_string(),
                Due::Poll(poll) => poll.source.to_string(),
                Due::BrokenLane(source) => source.to_string(),
            });
        }
    }
    found.sort();
    found
}

#[tokio::test]
async fn what_is_due_is_found_at_its_time_and_what_has_ended_is_due_for_nothing() {
    let store = test_store().await;
    let mut approval = created(&store, &org("1"), "u1", NOW).await;
    let mut row = delivery(&approval.id, 100, Some(NOW + 5_000));
    store.create_delivery(&mut row).await.unwrap();
    assert!(due(&store, NOW + 4_999).await.is_empty());
    assert_eq!(due(&store, NOW + 5_000).await, [row.id.to_string()]);
    let mut both = [approval.id.to_string(), row.id.to_string()];
    both.sort();
    assert_eq!(due(&store, NOW + 60_000).await, both);
    row.next_attempt_at = None;
    store.update_delivery(&mut row).await.unwrap();
    approval.state.close(Closure { how: Closed::Withdrawn, at: Some(NOW), by: None, remark: None });
    approval.due_at = None;
    store.update_approval(&mut approval).await.unwrap();
    assert!(due(&store, i64::MAX).await.is_empty());
}
