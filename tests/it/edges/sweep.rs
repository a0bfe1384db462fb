//! The schedule.

use countersign::approval::Mode;
use countersign::ids::{ApprovalId, SourceId};
use countersign::store::deliveries::Delivery;
use countersign::store::lanes::Lane;
use countersign::store::{Consistency, keys};
use countersign_tests::desk::{Desk, make};
use countersign_tests::receiver::Receiver;
use serde_json::json;

/// A time from which no other time can be subtracted: a fault of ours that only what holds it has.
const OVERFLOWS: i64 = i64::MIN;

#[tokio::test]
async fn a_run_says_how_many_things_were_due() {
    let desk = Desk::new().await;
    assert_eq!(countersign_sweep::run(&desk.app).await.unwrap(), 0);
    let mut record = desk.record(&[("Owner", Mode::Any, &["first"])]);
    record.state.started(0, "inst".to_owned(), None, desk.app.world.now());
    record.due_at = Some(desk.app.world.now());
    desk.app.store.create_approval(&mut record).await.unwrap();
    assert_eq!(countersign_sweep::run(&desk.app).await.unwrap(), 1);
}

#[tokio::test]
async fn an_approval_that_panics_is_put_off_and_the_others_are_dealt_with() {
    let desk = Desk::new().await;
    let now = desk.app.world.now();
    let mut ids = Vec::new();
    for n in 0..4 {
        let mut record = desk.record(&[("Owner", Mode::Any, &["first"])]);
        record.state.started(0, format!("inst-{n}"), None, now);
        record.due_at = Some(now - 1_000 - n);
        if n % 2 == 0 {
            record.state.submitted_at = OVERFLOWS;
        }
        desk.app.store.create_approval(&mut record).await.unwrap();
        ids.push(record.id);
    }
    assert_eq!(countersign_sweep::run(&desk.app).await.unwrap(), 4, "each once in a run");
    for id in ids {
        let due_at = desk.app.store.approval(&id).await.unwrap().due_at.unwrap();
        assert!(due_at > now, "{id} is looked at again later");
    }
}

#[tokio::test]
async fn a_delivery_that_panics_is_looked_at_again_and_holds_up_no_other() {
    let (desk, receiver) = (Desk::new().await, Receiver::start().await);
    let url = json!({"name": "Told", "format": "native", "callback_url": receiver.url});
    let source: SourceId = make(&desk.client, "/v1/sources", &url).await.parse().unwrap();
    let now = desk.app.world.now();
    let mut ids = Vec::new();
    for created_at in [OVERFLOWS, now] {
        let (id, event) = (ApprovalId::new(&desk.app.world), "approval.approved");
        let (org, body) = (desk.org.clone(), "{}".to_owned());
        let mut row = Delivery::new(org, source.clone(), id.clone(), 199, event, body, created_at);
        // What panics comes first.
        (row.queued, row.next_attempt_at) = (true, Some(if created_at == now { now - 500 } else { now - 1_000 }));
        desk.app.store.create_delivery(&mut row).await.unwrap();
        ids.push(id);
    }
    desk.app.store.put_lane(&mut Lane::new(source.clone(), desk.org.clone(), now - 600_000)).await.unwrap();
    receiver.answer_next(500, "no");
    countersign_sweep::run(&desk.app).await.unwrap();
    let rows =
        [desk.app.store.delivery(&ids[0], 199).await.unwrap(), desk.app.store.delivery(&ids[1], 199).await.unwrap()];
    assert!(rows[0].next_attempt_at.is_some(), "it is not lost");
    assert!(rows[1].delivered_at.is_some(), "the other one arrived");
    let lane = desk.app.store.lane(&source).await.unwrap().unwrap();
    assert!(lane.due_at >= now + 60_000, "the lane is run again, and not at once: in {} ms", lane.due_at - now);
}

#[tokio::test]
async fn a_lane_that_cannot_be_read_is_made_anew() {
    let (desk, receiver) = (Desk::new().await, Receiver::start().await);
    let url = json!({"name": "Told", "format": "native", "callback_url": receiver.url});
    let source: SourceId = make(&desk.client, "/v1/sources", &url).await.parse().unwrap();
    let now = desk.app.world.now();
    let (id, event) = (ApprovalId::new(&desk.app.world), "approval.approved");
    let mut row = Delivery::new(desk.org.clone(), source.clone(), id.clone(), 199, event, "{}".to_owned(), now);
    (row.queued, row.next_attempt_at) = (true, Some(now - 1_000));
    desk.app.store.create_delivery(&mut row).await.unwrap();
    desk.app.store.put_lane(&mut Lane::new(source.clone(), desk.org.clone(), now - 600_000)).await.unwrap();
    let mut item = desk.app.store.get_item(&keys::lane(&source), Consistency::Strong).await.unwrap().unwrap();
    item.remove("touched_at");
    desk.app.store.put_item(item).await.unwrap();
    countersign_sweep::run(&desk.app).await.unwrap();
    assert!(desk.app.store.delivery(&id, 199).await.unwrap().delivered_at.is_some());
}
