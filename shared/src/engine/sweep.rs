//! What is due: starts whose lease ran out, withdrawals to repeat, instances not heard from, deliveries to try again.

use super::deliver::{attempt, take};
use super::start::start_stage;
use super::transition::transition;
use super::{Error, dispatch, withdraw};
use crate::http::App;
use crate::store::approvals::Record;
use crate::store::due::Due;
use crate::store::schema::DUE_SHARDS;

/// Most things of one partition in one run; the rest is due in the next.
const MOST: u16 = 50;
/// Shortest and longest time between two readings of an instance, in milliseconds. Readings find what a lost callback would
/// have told; they count against the platform's monthly quota, so an approval of three days is read a dozen times.
const READ_AFTER: i64 = 10 * 60 * 1000;
const READ_AT_LEAST: i64 = 12 * 60 * 60 * 1000;
/// A withdrawal that the platform does not take yet is tried again after so long (milliseconds).
const WITHDRAW_AGAIN: i64 = 15_000;

/// Deals with what is due now. Returns how many things it dealt with. One that fails does not hold up the others.
///
/// # Errors
/// The table's own, when it cannot be asked what is due.
pub async fn sweep(app: &App) -> Result<usize, Error> {
    let now = app.world.now();
    let mut done = 0;
    for shard in 0..DUE_SHARDS {
        for thing in app.store.due(shard, now, MOST).await? {
            done += 1;
            let result = match thing {
                Due::Approval(record) => approval(app, *record, now).await,
                Due::Delivery(mut delivery) => match take(app, &mut delivery).await {
                    Ok(true) => attempt(app, &mut delivery).await.map_err(Error::from),
                    Ok(false) => Ok(()),
                    Err(error) => Err(error.into()),
                },
            };
            if let Err(error) = result {
                tracing::warn!(%error, "something due failed; it stays due");
            }
        }
    }
    Ok(done)
}

async fn approval(app: &App, record: Record, now: i64) -> Result<(), Error> {
    if record.state.stage_to_start().is_some() {
        start_stage(app, &record.id).await?;
        return Ok(());
    }
    let stage = record.state.current_stage();
    let withdrawing = record.state.withdrawal.is_some();
    // The next time is stored first: two sweeps at once do this once, and a failure does not repeat it at once.
    let age = now - record.state.submitted_at;
    let next = match (withdrawing, age < READ_AFTER) {
        (true, _) => now + WITHDRAW_AGAIN,
        // The lease of its start ran out, and it runs: there is nothing to find yet.
        (false, true) => record.state.submitted_at + READ_AFTER,
        (false, false) => now + read_interval(age),
    };
    let seen = record.due_at;
    let moved = transition(app, &record.id, |record| {
        let still = record.due_at == seen && record.state.closed.is_none();
        if still {
            record.due_at = Some(next);
        }
        still
    })
    .await?;
    match (moved.changed, withdrawing, stage) {
        (false, _, _) => {}
        (true, true, _) => drop(withdraw::carry_out(app, moved.record, false).await?),
        (true, false, Some(_)) if age < READ_AFTER => {}
        (true, false, Some(stage)) => dispatch::read(app, &moved.record, stage).await?,
        (true, false, None) => {}
    }
    Ok(())
}

/// The older an approval, the more rarely its instance is read: each time at twice its age, within bounds.
fn read_interval(age: i64) -> i64 {
    age.clamp(READ_AFTER, READ_AT_LEAST)
}
