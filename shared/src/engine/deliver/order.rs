//! The order of an approval's events: a later one waits until those before it are delivered or dead.
//!
//! That they are is read consistently from the approval's own partition by whoever is about to send. So the order of first arrivals
//! holds whatever runs side by side, and whoever stops where: two who send the same approval may send an event twice, and
//! neither sends the next before it knows that this one was taken.

use std::time::Duration;

use super::attempt::{Outcome, Target, attempt};
use super::lane::{queue, wake};
use crate::engine::App;
use crate::engine::memory::receivers::Heard;
use crate::store::Error;
use crate::store::deliveries::{Delivery, DeliveryStatus};

/// How long a first attempt waits for an answer. It holds up what follows in the table's stream.
const PATIENCE: Duration = Duration::from_millis(1_500);
/// How long a delivery waits at least behind another before it is looked at again, in milliseconds. It goes on at once when the
/// one before it is done; this is for what got lost.
const MIN_BEHIND: i64 = 60_000;

/// When a delivery is looked at again that waits behind one which is tried at `head` (milliseconds): not before it, and the more
/// rarely the longer that takes.
pub(crate) fn behind(head: i64, now: i64) -> i64 {
    head + (head - now).max(MIN_BEHIND)
}

/// Makes the first attempts at deliveries that this process just made for one approval, in order. What cannot be sent now waits in
/// the source's lane. `is_first` says that the approval has no earlier events.
///
/// # Errors
/// The table's own. What the receiver says is recorded.
pub(crate) async fn first_attempts(
    app: &App,
    to: &Target,
    mut rows: Vec<Delivery>,
    is_first: bool,
) -> Result<(), Error> {
    // A row that was there before is somebody else's, or the lane's.
    rows.retain(|row| row.status == DeliveryStatus::Pending && row.version == 1 && !row.queued);
    let Some(first) = rows.first() else { return Ok(()) };
    if !is_first {
        let pending = app.store.pending_deliveries(&first.approval).await?;
        let before = pending.into_iter().find(|row| row.sequence < first.sequence);
        if let Some(head) = before.and_then(|row| row.next_attempt_at) {
            let now = app.world.now();
            wake(app, &to.source, head.max(now)).await?;
            return queue(app, &to.source, rows, behind(head.max(now), now)).await;
        }
    }
    let mut waiting = rows.into_iter();
    while let Some(mut row) = waiting.next() {
        let permit = match to.url() {
            Some(url) => match app.memory.receivers.permit_within(url, PATIENCE, app.world.now()).await {
                Some(permit) => Some(permit),
                None => {
                    let rows = std::iter::once(row).chain(waiting).collect();
                    return queue(app, &to.source, rows, app.world.now()).await;
                }
            },
            None => None,
        };
        let (outcome, heard) = attempt(app, to, &mut row, Some(PATIENCE)).await?;
        drop(permit);
        let now = app.world.now();
        match outcome {
            Outcome::Waits(until) => return queue(app, &to.source, waiting.collect(), behind(until, now)).await,
            Outcome::Settled if heard == Heard::Silence => {
                return queue(app, &to.source, waiting.collect(), now).await;
            }
            Outcome::Settled => {}
            // The others wait until their lease is over; then the sweep leads them to the lane.
            Outcome::Raced => return Ok(()),
        }
    }
    Ok(())
}

/// Puts those that wait behind one that is tried again at `head` (milliseconds) where they are not looked at before it.
///
/// # Errors
/// The table's own.
pub(crate) async fn fall_behind(app: &App, rows: Vec<Delivery>, head: i64) -> Result<(), Error> {
    let now = app.world.now();
    for mut row in rows {
        if row.queued && row.next_attempt_at.is_some_and(|at| at >= head) {
            continue;
        }
        (row.queued, row.next_attempt_at) = (true, Some(behind(head, now)));
        match app.store.update_delivery(&mut row).await {
            Ok(()) | Err(Error::Conflict { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
