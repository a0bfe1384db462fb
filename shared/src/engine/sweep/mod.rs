//! What is due: deadlines, starts whose lease ran out, withdrawals to repeat, instances not heard from, deliveries to try again,
//! products to ask.
//!
//! One round reads a bounded number of due things and deals with them side by side; what is left is due in the next. Each
//! thing's time is pushed on before it is dealt with, so one that fails, or takes the process with it, stands in nobody's way.

mod approval;
mod delivery;
mod lanes;
mod poll;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::timeout;

use super::Error;
use crate::http::App;
use crate::ids::ApprovalId;
use crate::store::approvals::Record;
use crate::store::deliveries::Delivery;
use crate::store::due::Due;
use crate::store::polls::Poll;
use crate::store::schema::DUE_SHARDS;
use delivery::Receivers;
use lanes::Lanes;

/// Most things of one partition in one round, and how many are read at once.
const MOST: usize = 100;
const PAGE: u16 = 50;
/// Partitions that are read, approvals and deliveries that are dealt with at the same time, and how many of them may be of one
/// connection or one source.
const SHARDS_AT_ONCE: usize = 8;
const APPROVALS_AT_ONCE: usize = 8;
const OF_ONE_CONNECTION: usize = 4;
const DELIVERIES_AT_ONCE: usize = 16;
const OF_ONE_SOURCE: usize = 2;
/// How long a round takes up new things, and how long it then waits for those that were taken up. What is given up goes on as
/// after a crash.
const TAKE_UP: Duration = Duration::from_secs(10);
const GIVE_UP: Duration = Duration::from_secs(15);

/// What was read to be dealt with in one round.
#[derive(Default)]
struct Found {
    approvals: Vec<Record>,
    /// Of one approval in the order of their events.
    deliveries: BTreeMap<ApprovalId, Vec<Delivery>>,
    polls: Vec<Poll>,
}

/// What a round shares.
struct Round {
    app: App,
    /// No new thing is taken up any more.
    is_over: AtomicBool,
    connections: Lanes,
    sources: Lanes,
    receivers: Receivers,
}

/// Deals with what is due now: one round. Returns how many things were due. One that fails does not hold up the others.
///
/// # Errors
/// The table's own, when it cannot be asked what is due of any partition.
pub async fn sweep(app: &App) -> Result<usize, Error> {
    let now = app.world.now();
    let found = look(app, now).await?;
    let due = found.approvals.len() + found.deliveries.values().map(Vec::len).sum::<usize>() + found.polls.len();
    if due == 0 {
        app.flush_usage().await;
        return Ok(0);
    }
    let round = Arc::new(Round {
        app: app.clone(),
        is_over: AtomicBool::new(false),
        connections: Lanes::new(APPROVALS_AT_ONCE, OF_ONE_CONNECTION),
        sources: Lanes::new(DELIVERIES_AT_ONCE, OF_ONE_SOURCE),
        receivers: Receivers::default(),
    });
    let mut running = JoinSet::new();
    for record in found.approvals {
        let round = Arc::clone(&round);
        running.spawn(async move { round.approval(record, now).await });
    }
    for deliveries in found.deliveries.into_values() {
        let round = Arc::clone(&round);
        running.spawn(async move { round.deliveries(deliveries).await });
    }
    for poll in found.polls {
        let round = Arc::clone(&round);
        running.spawn(async move { round.poll(poll, now).await });
    }
    if timeout(TAKE_UP, join(&mut running)).await.is_err() {
        round.is_over.store(true, Ordering::Relaxed);
        if timeout(GIVE_UP, join(&mut running)).await.is_err() {
            // What is still running when the set is dropped is stopped where it is.
            tracing::warn!(left = running.len(), "the round was too long; what is left goes on in the next");
        }
    }
    app.flush_usage().await;
    Ok(due)
}

/// Waits until all is done.
async fn join(running: &mut JoinSet<Result<(), Error>>) {
    while let Some(done) = running.join_next().await {
        match done {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "something due failed; it is tried again later"),
            Err(error) => tracing::error!(%error, "something due ended in a panic"),
        }
    }
}

/// Reads what is due, several partitions at the same time. One that cannot be read is left to the next round.
async fn look(app: &App, now: i64) -> Result<Found, Error> {
    let mut found = Found::default();
    let mut running = JoinSet::new();
    let mut failed = None;
    let mut shards = 0..DUE_SHARDS;
    loop {
        while running.len() < SHARDS_AT_ONCE
            && let Some(shard) = shards.next()
        {
            let app = app.clone();
            running.spawn(async move { of_shard(&app, shard, now).await });
        }
        let Some(read) = running.join_next().await else { break };
        match read {
            Ok(Ok(due)) => due.into_iter().for_each(|thing| found.add(thing)),
            Ok(Err(error)) => failed = Some(error),
            Err(error) => tracing::error!(%error, "a partition of what is due ended in a panic"),
        }
    }
    match failed {
        Some(error) if found.approvals.is_empty() && found.deliveries.is_empty() => return Err(error),
        Some(error) => tracing::warn!(%error, "a part of what is due could not be read"),
        None => {}
    }
    for deliveries in found.deliveries.values_mut() {
        deliveries.sort_by_key(|delivery| delivery.sequence);
    }
    Ok(found)
}

/// What is due in one partition, the longest due first.
async fn of_shard(app: &App, shard: u8, now: i64) -> Result<Vec<Due>, Error> {
    let (mut due, mut cursor) = (Vec::new(), None);
    loop {
        let page = app.store.due(shard, now, PAGE, cursor.as_deref()).await?;
        due.extend(page.items);
        cursor = page.next_cursor;
        if cursor.is_none() || due.len() >= MOST {
            return Ok(due);
        }
    }
}

impl Found {
    fn add(&mut self, thing: Due) {
        match thing {
            Due::Approval(record) => self.approvals.push(*record),
            Due::Poll(poll) => self.polls.push(*poll),
            Due::Delivery(delivery) => self.deliveries.entry(delivery.approval.clone()).or_default().push(*delivery),
        }
    }
}

impl Round {
    /// Whether something new may still be taken up.
    fn goes_on(&self) -> bool {
        !self.is_over.load(Ordering::Relaxed)
    }
}
