//! What is due and broken or slow stands in nobody's way.

use std::time::{Duration, Instant};

use aws_sdk_dynamodb::types::AttributeValue;
use countersign::approval::Mode;
use countersign::engine::sweep::sweep;
use countersign::ids::ApprovalId;
use countersign::store::deliveries::Delivery;
use countersign::store::schema::DUE_SHARDS;
use countersign::store::{Consistency, Item, keys};
use countersign_tests::desk::{Desk, make};
use countersign_tests::local::{Local, request};
use countersign_tests::receiver::Receiver;
use serde_json::json;

/// An item of a version to come, due in this partition.
fn unreadable(shard: u8) -> Item {
    let text = |text: String| AttributeValue::S(text);
    let number = |number: &str| AttributeValue::N(number.to_owned());
    let mut item = Item::from([
        ("pk".to_owned(), text(format!("APR#apr_bad{shard}"))),
        ("sk".to_owned(), text("STATE".to_owned())),
        ("type".to_owned(), text("approval".to_owned())),
        ("due_pk".to_owned(), text(keys::due(shard))),
        ("due_at".to_owned(), number("1")),
        ("what".to_owned(), text("nobody knows".to_owned())),
    ]);
    if shard.is_multiple_of(2) {
        item.insert("v".to_owned(), number("3"));
    }
    item
}

#[tokio::test]
async fn what_cannot_be_read_blocks_nobody() {
    let local = Local::start().await;
    for shard in 0..DUE_SHARDS {
        local.app.store.put_item(unreadable(shard)).await.unwrap();
    }
    let approval = local.pending(&request()).await;
    local.faults(&json!({"drop_callbacks": true})).await;
    local.approve(&approval).await;
    local.mend().await;
    local.clock.advance(601_000);
    local.wait_for(&approval, "approved").await;
    for shard in 0..DUE_SHARDS {
        let key = keys::approval(&format!("apr_bad{shard}").parse().unwrap());
        let item = local.app.store.get_item(&key, Consistency::Strong).await.unwrap().unwrap();
        let due: i64 = item["due_at"].as_n().unwrap().parse().unwrap();
        assert!(due > local.app.world.now() - 700_000, "it was put off: {due}");
        assert_eq!(item["what"], AttributeValue::S("nobody knows".to_owned()), "and left as it was");
    }
}

fn delivery(desk: &Desk, source: &str, approval: &ApprovalId, sequence: u32) -> Delivery {
    let now = desk.app.world.now();
    let (source, body) = (source.parse().unwrap(), format!("{{\"n\":{sequence}}}"));
    let (org, event) = (desk.org.clone(), "approval.approved");
    let new = Delivery::new(org, source, approval.clone(), sequence, event, body, now - 1_000);
    Delivery { next_attempt_at: Some(now - 500), ..new }
}

async fn source(desk: &Desk, url: &str) -> String {
    make(&desk.client, "/v1/sources", &json!({"name": "App", "format": "native", "callback_url": url})).await
}

#[tokio::test]
async fn a_receiver_that_never_answers_does_not_delay_anothers_deliveries() {
    let desk = Desk::new().await;
    let never = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (held, receiver) = (format!("http://{}/", never.local_addr().unwrap()), Receiver::start().await);
    tokio::spawn(async move {
        let mut kept = Vec::new();
        while let Ok((stream, _)) = never.accept().await {
            kept.push(stream);
        }
    });
    let (slow, good) = (source(&desk, &held).await, source(&desk, &receiver.url).await);
    let mut stuck = Vec::new();
    for _ in 0..60 {
        let id = ApprovalId::new(&desk.app.world);
        desk.app.store.create_delivery(&mut delivery(&desk, &slow, &id, 100)).await.unwrap();
        stuck.push(id);
    }
    let id = ApprovalId::new(&desk.app.world);
    for sequence in [302, 101, 399] {
        desk.app.store.create_delivery(&mut delivery(&desk, &good, &id, sequence)).await.unwrap();
    }
    let begun = Instant::now();
    let app = desk.app.clone();
    let running = tokio::spawn(async move { sweep(&app).await.unwrap() });
    while receiver.received().len() < 3 {
        assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", receiver.received());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let bodies: Vec<_> = receiver.received().iter().map(|request| request.body.clone()).collect();
    assert_eq!(bodies, ["{\"n\":101}", "{\"n\":302}", "{\"n\":399}"], "of one approval in order");
    assert_eq!(running.await.unwrap(), 63);
    let mut tried = 0;
    for id in stuck {
        let row = desk.app.store.delivery(&id, 100).await.unwrap();
        assert!(row.queued && row.next_attempt_at.is_some(), "each waits in the source's lane: {row:?}");
        tried += row.attempts;
    }
    assert_eq!(tried, 1, "and one was tried");
    assert_eq!(sweep(&desk.app).await.unwrap(), 0, "nothing is due any more");
}

#[tokio::test]
async fn more_than_a_page_is_dealt_with_side_by_side() {
    let desk = Desk::new().await;
    for _ in 0..300 {
        let mut record = desk.record(&[("Owner", Mode::Any, &["manager4220"])]);
        record.state.started(0, format!("inst-{}", record.id), None, desk.app.world.now());
        record.due_at = Some(desk.app.world.now());
        desk.app.store.create_approval(&mut record).await.unwrap();
    }
    assert_eq!(sweep(&desk.app).await.unwrap(), 300);
    assert_eq!(sweep(&desk.app).await.unwrap(), 0);
}
