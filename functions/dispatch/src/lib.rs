//! DynamoDB stream to what follows from a change: deliveries, the next stage, a reading of the instance.
//!
//! Changes of one approval are dealt with in order, different approvals side by side. A change that fails is reported by its
//! sequence number, and comes again with those after it; each step may be repeated.

use std::collections::BTreeMap;

use aws_lambda_events::event::dynamodb::{Event as StreamEvent, EventRecord};
use aws_lambda_events::streams::{DynamoDbBatchItemFailure, DynamoDbEventResponse};
use countersign::engine::dispatch::{Change, dispatch};
use countersign::http::App;
use countersign::store::Item;
use tokio::task::JoinSet;

/// Approvals that are dealt with at the same time.
const SIDE_BY_SIDE: usize = 16;

/// A change and the place in the stream that reports it.
#[derive(Debug)]
pub struct Numbered {
    /// The stream's sequence number.
    pub sequence: String,
    /// The change.
    pub change: Change,
}

/// Deals with a batch of the stream. Returns the sequence numbers that are to come again, the lowest of each approval.
pub async fn run(app: &App, changes: Vec<Numbered>) -> Vec<String> {
    let mut by_approval: BTreeMap<String, Vec<Numbered>> = BTreeMap::new();
    for numbered in changes {
        by_approval.entry(numbered.change.new.id.to_string()).or_default().push(numbered);
    }
    let mut waiting = by_approval.into_values();
    let mut running = JoinSet::new();
    let mut failed = Vec::new();
    for changes in waiting.by_ref().take(SIDE_BY_SIDE) {
        running.spawn(in_order(app.clone(), changes));
    }
    while let Some(done) = running.join_next().await {
        failed.extend(done.unwrap_or_else(|error| {
            tracing::error!(%error, "a change ended in a panic");
            None
        }));
        if let Some(changes) = waiting.next() {
            running.spawn(in_order(app.clone(), changes));
        }
    }
    app.flush_usage().await;
    failed
}

/// Deals with the changes of one approval; stops at the first that fails.
async fn in_order(app: App, changes: Vec<Numbered>) -> Option<String> {
    for Numbered { sequence, change } in changes {
        if let Err(error) = dispatch(&app, &change).await {
            tracing::error!(approval.id = %change.new.id, %sequence, %error, "a change could not be dealt with");
            return Some(sequence);
        }
    }
    None
}

/// Deals with one event of the stream.
pub async fn handle(app: &App, event: StreamEvent) -> DynamoDbEventResponse {
    let changes = event.records.into_iter().filter_map(numbered).collect();
    let failed = run(app, changes).await;
    let failures = failed.into_iter().map(|sequence| {
        let mut failure = DynamoDbBatchItemFailure::default();
        failure.item_identifier = Some(sequence);
        failure
    });
    let mut response = DynamoDbEventResponse::default();
    response.batch_item_failures = failures.collect();
    response
}

/// The change that a record of the stream is, if it is one of an approval's state. What cannot be read is logged and left:
/// coming again would not make it readable, and would hold up the others.
fn numbered(record: EventRecord) -> Option<Numbered> {
    let sequence = record.change.sequence_number.unwrap_or_default();
    let new = item(record.change.new_image)?;
    let change = Change::from_images(item(record.change.old_image), new)?;
    Some(Numbered { sequence, change })
}

fn item(image: serde_dynamo::Item) -> Option<Item> {
    let item: Item = image.into();
    (!item.is_empty()).then_some(item)
}
