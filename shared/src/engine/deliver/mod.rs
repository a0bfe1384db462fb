//! Decision events on their way to sources: rows first, then the first attempt at once, then the source's lane.
//!
//! The events of one approval are sent in order: whoever sends one has seen in the table that all before it are delivered or dead
//! (`order.rs`). Where the first attempt fails, or is better not made ([`super::memory::receivers`]), the delivery waits in its source's queue, and the
//! source's lane says when the sweep looks there (`lane.rs`). So who is dead or slow holds up nobody: not the table's stream, which
//! waits for an answer for a moment only, and not the sweep, for which a dead receiver is one due thing.

mod attempt;
mod lane;
mod order;
pub mod redeliver;

pub(crate) use attempt::{Outcome, Target, attempt, bury, give_up};
pub(crate) use lane::{HELD_FOR, TOUCHED_FOR, queue, wake};
pub(crate) use order::{fall_behind, first_attempts};

use crate::delivery::Told;
use crate::engine::App;
use crate::store::Error;
use crate::store::approvals::Record;
use crate::store::deliveries::Delivery;

/// While one process sends a delivery that it made, others leave it alone for so long (milliseconds).
const LEASE: i64 = 30_000;

/// The delivery of an event with this body: made once, whoever makes it. `queued` says that it waits in its source's lane from
/// the beginning, which has to be awake before.
///
/// # Errors
/// The table's own.
pub async fn create(app: &App, record: &Record, told: &Told, body: String, queued: bool) -> Result<Delivery, Error> {
    let now = app.world.now();
    let (org, source) = (record.org.clone(), record.source.clone());
    let mut delivery = Delivery::new(org, source, record.id.clone(), told.sequence, told.event.name(), body, now);
    delivery.queued = queued;
    delivery.next_attempt_at = Some(if queued { now } else { now + LEASE });
    app.store.create_delivery(&mut delivery).await?;
    Ok(delivery)
}
