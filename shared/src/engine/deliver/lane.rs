//! The lane of a source: woken by whoever leaves a delivery to it.
//!
//! **The lane before the row**: a row that stands in the queue is looked for by nobody but the lane, so the lane is in the table
//! first. An empty lane goes away only when nobody has touched it for minutes, since the index in which the queue stands may be behind.

use crate::engine::App;
use crate::engine::optimistic::{MAX_RACES, Race, optimistic};
use crate::resources::Source;
use crate::store::Error;
use crate::store::deliveries::Delivery;
use crate::store::lanes::Lane;

/// For how long a run of the sweep has a lane to itself, in milliseconds.
pub(crate) const HELD_FOR: i64 = 60_000;
/// For how long after a touch a lane is looked at every minute, and not removed, in milliseconds.
pub(crate) const TOUCHED_FOR: i64 = 300_000;
/// Touches within so long (milliseconds) are one.
const SAME_TOUCH: i64 = 60_000;

/// Sees to it that the source's lane is run at `at` (milliseconds), or when its receiver may be called again. Costs nothing while
/// this process knows that it rests, and a read while it is known to others.
///
/// # Errors
/// The table's own.
pub(crate) async fn wake(app: &App, source: &Source, at: i64) -> Result<(), Error> {
    if app.memory.resting.get(&source.id, app.world.now()).is_some() {
        return Ok(());
    }
    change(app, source, |lane, now| {
        let due_at = at.max(lane.rests_until.unwrap_or(at));
        let is_seen = match lane.held_until.filter(|until| *until > now) {
            // Who has it looks once more when it was touched meanwhile.
            Some(until) => lane.touched_at > until - HELD_FOR,
            None => now - lane.touched_at < SAME_TOUCH && lane.due_at <= due_at,
        };
        if is_seen && lane.version > 0 {
            return false;
        }
        lane.touched_at = now;
        lane.due_at = if lane.version > 0 { lane.due_at.min(due_at) } else { due_at };
        true
    })
    .await
}

/// Leaves the source's receiver alone until then (milliseconds): it asked for it.
///
/// # Errors
/// The table's own.
pub(super) async fn rest(app: &App, source: &Source, until: i64) -> Result<(), Error> {
    change(app, source, |lane, now| {
        if lane.held_until.is_some_and(|held| held > now) {
            // Whoever has it will hear it too.
            return false;
        }
        lane.touched_at = now;
        lane.rest_until(until);
        true
    })
    .await
}

/// Sees to it that the source's lane is run now, even if its receiver is being left alone: somebody asked for it.
///
/// # Errors
/// The table's own.
pub(super) async fn rouse(app: &App, source: &Source) -> Result<(), Error> {
    change(app, source, |lane, now| {
        if lane.version > 0 && lane.rests_until.is_none() && lane.due_at <= now && lane.touched_at == now {
            return false;
        }
        (lane.touched_at, lane.rests_until) = (now, None);
        lane.due_at = now.max(lane.held_until.unwrap_or(now));
        true
    })
    .await
}

async fn change(app: &App, source: &Source, mut change: impl FnMut(&mut Lane, i64) -> bool) -> Result<(), Error> {
    let read = || app.store.lane_or_new(&source.id, &source.org, app.world.now());
    let write = |mut lane: Lane, _| async move {
        match app.store.put_lane(&mut lane).await {
            Ok(()) => Ok(Race::Won(lane)),
            Err(Error::Conflict { .. }) => read().await.map(Race::Lost),
            Err(error) => Err(error),
        }
    };
    let change = |lane: &mut Lane| change(lane, app.world.now());
    let (lane, _) = optimistic(read().await?, MAX_RACES, change, write).await?;
    note(app, &lane);
    Ok(())
}

/// Remembers whether a lane is known to rest.
fn note(app: &App, lane: &Lane) {
    match lane.rests_until {
        Some(until) => {
            let good = i64::MIN..until.min(lane.touched_at + SAME_TOUCH);
            app.memory.resting.put(lane.source.clone(), (), good);
        }
        None => app.memory.resting.forget(&lane.source),
    }
}

/// Leaves deliveries that this process made to the lane, to be tried at `at` (milliseconds): nothing was sent.
///
/// # Errors
/// The table's own.
pub(crate) async fn queue(app: &App, source: &Source, rows: Vec<Delivery>, at: i64) -> Result<(), Error> {
    if rows.is_empty() {
        return Ok(());
    }
    wake(app, source, at).await?;
    for mut row in rows {
        (row.queued, row.next_attempt_at) = (true, Some(at));
        match app.store.update_delivery(&mut row).await {
            // Somebody else has dealt with it.
            Ok(()) | Err(Error::Conflict { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
