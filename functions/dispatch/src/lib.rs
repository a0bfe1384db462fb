//! DynamoDB stream to what follows from a change: deliveries, the next stage, a reading of the instance.
//!
//! Changes of one approval are dealt with in order, different approvals side by side. A change that fails, panics or cannot be read
//! is reported by its sequence number, and comes again with those after it; each step may be repeated. What comes too often goes
//! to the failure queue.

use std::collections::BTreeMap;
use std::panic::resume_unwind;

use aws_lambda_events::event::dynamodb::{Event as StreamEvent, EventRecord};
use aws_lambda_events::streams::{DynamoDbBatchItemFailure, DynamoDbEventResponse};
use countersign::engine::App;
use countersign::engine::dispatch::{Change, Unreadable, dispatch};
use countersign::engine::{Error, caught};
use countersign::store::Item;
use tokio::task::JoinSet;

/// Approvals that are dealt with at the same time.
const SIDE_BY_SIDE: usize = 16;

/// A change and the position in the stream that reports it.
#[derive(Debug)]
pub struct Numbered {
    /// The stream's sequence number.
    pub sequence: String,
    /// The change, or that it cannot be read.
    pub change: Result<Change, Unreadable>,
}

/// A change that was not dealt with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed {
    /// Its sequence number.
    pub sequence: String,
    /// Whether it is to be feared that it fails again: it cannot be read, or something of ours is broken.
    pub is_lasting: bool,
}

/// Deals with a batch of the stream. Returns what is to come again, the first of each approval.
///
/// # Panics
/// Where something outside of every change does: then the whole batch is to come again.
pub async fn run(app: &App, changes: Vec<Numbered>) -> Vec<Failed> {
    let mut by_approval: BTreeMap<String, Vec<Numbered>> = BTreeMap::new();
    for numbered in changes {
        let approval = match &numbered.change {
            Ok(change) => change.new.id.to_string(),
            Err(Unreadable { approval }) => approval.clone(),
        };
        by_approval.entry(approval).or_default().push(numbered);
    }
    let mut waiting = by_approval.into_values();
    let mut running = JoinSet::new();
    let mut failed = Vec::new();
    for changes in waiting.by_ref().take(SIDE_BY_SIDE) {
        running.spawn(in_order(app.clone(), changes));
    }
    while let Some(done) = running.join_next().await {
        match done {
            Ok(done) => failed.extend(done),
            // Nobody stops them, and what a change does is caught: which sequence number it was is not known.
            Err(error) if error.is_panic() => resume_unwind(error.into_panic()),
            Err(_) => {}
        }
        if let Some(changes) = waiting.next() {
            running.spawn(in_order(app.clone(), changes));
        }
    }
    app.flush_usage().await;
    failed
}

/// Deals with the changes of one approval; stops at the first that fails.
async fn in_order(app: App, changes: Vec<Numbered>) -> Option<Failed> {
    for Numbered { sequence, change } in changes {
        let change = match change {
            Ok(change) => change,
            Err(Unreadable { approval }) => {
                tracing::error!(approval, %sequence, "a change cannot be read");
                return Some(Failed { sequence, is_lasting: true });
            }
        };
        let is_lasting = match caught(dispatch(&app, &change)).await {
            Ok(Ok(())) => continue,
            Ok(Err(error)) => {
                tracing::error!(approval.id = %change.new.id, %sequence, %error, "a change could not be dealt with");
                Error::is_lasting(&error)
            }
            Err(panicked) => {
                tracing::error!(approval.id = %change.new.id, %sequence, %panicked, "a change ended in a panic");
                true
            }
        };
        return Some(Failed { sequence, is_lasting });
    }
    None
}

/// Deals with one event of the stream.
pub async fn handle(app: &App, event: StreamEvent) -> DynamoDbEventResponse {
    let changes = event.records.into_iter().filter_map(numbered).collect();
    let failed = run(app, changes).await;
    let failures = failed.into_iter().map(|failed| {
        let mut failure = DynamoDbBatchItemFailure::default();
        failure.item_identifier = Some(failed.sequence);
        failure
    });
    let mut response = DynamoDbEventResponse::default();
    response.batch_item_failures = failures.collect();
    response
}

/// The change that a record of the stream is, if it is one of an approval's state.
fn numbered(record: EventRecord) -> Option<Numbered> {
    let sequence = record.change.sequence_number.unwrap_or_default();
    let (keys, old, new) = (record.change.keys, record.change.old_image, record.change.new_image);
    let change = Change::from_images(&keys.into(), item(old), item(new))?;
    Some(Numbered { sequence, change })
}

fn item(image: serde_dynamo::Item) -> Option<Item> {
    let item: Item = image.into();
    (!item.is_empty()).then_some(item)
}
