//! What is due: deadlines, starts whose lease ran out, withdrawals to repeat, instances left open or not heard from, lanes of sources with
//! deliveries that wait, products to ask.
//!
//! One check reads a bounded number of due things, which are then dealt with side by side; what is left is due at the next check. Each
//! thing's time is pushed on before it is dealt with, so one that fails, or takes the process with it, stands in nobody's way. Checks
//! follow each other whether or not everything of the one before is done: who is slow holds up his own.

mod approval;
mod permits;
mod poll;
mod queue;
mod round;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::timeout;

use super::Error;
use crate::engine::App;
use crate::ids::{ApprovalId, SourceId};
use crate::store::approvals::Record;
use crate::store::due::Due;
use crate::store::polls::Poll;
use crate::store::schema::DUE_SHARDS;
use crate::store::{Error as StoreError, keys};
use queue::Waiting;
use round::Round;

/// Most things of one partition in one check, and how many are read at once.
const MAX_DUE: usize = 100;
const PAGE: u16 = 50;
/// Partitions that are read at the same time.
const SHARDS_AT_ONCE: usize = 8;
/// How long the end of a sweep lets new things be taken up, and how long it then waits for those that were taken up. What is given
/// up goes on as after a crash.
const TAKE_UP: Duration = Duration::from_secs(10);
const GIVE_UP: Duration = Duration::from_secs(15);

/// What was read to be dealt with.
#[derive(Default)]
struct Found {
    approvals: Vec<Record>,
    /// By source.
    lanes: HashMap<SourceId, Waiting>,
    polls: Vec<Poll>,
    /// Sources whose lanes cannot be read.
    broken: Vec<SourceId>,
}

/// What is dealt with just now.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Thing {
    Approval(ApprovalId),
    Lane(SourceId),
    Poll(SourceId),
}

/// Finds what is due and deals with it, for as long as it lives.
pub struct Sweeper {
    round: Arc<Round>,
    running: JoinSet<Result<(), Error>>,
    busy: HashMap<Thing, Id>,
}

/// Deals with what is due now: one check, until all is done. Returns how many things were due. One that fails does not hold up
/// the others.
///
/// # Errors
/// The table's own, when it cannot be asked what is due of any partition.
pub async fn sweep(app: &App) -> Result<usize, Error> {
    let mut sweeper = Sweeper::new(app);
    let due = sweeper.check().await;
    sweeper.finish().await;
    due
}

impl Sweeper {
    /// One that has read nothing yet.
    #[must_use]
    pub fn new(app: &App) -> Self {
        Self { round: Arc::new(Round::new(app)), running: JoinSet::new(), busy: HashMap::new() }
    }

    /// Reads what is due and begins to deal with it. Returns how many things were due that were not being dealt with already; of
    /// deliveries that wait, those that were left by whoever made them and each lane count as one.
    ///
    /// # Errors
    /// The table's own, when it cannot be asked what is due of any partition.
    pub async fn check(&mut self) -> Result<usize, Error> {
        let now = self.round.app.world.now();
        let found = read_due(&self.round.app, now).await?;
        let mut due = 0;
        for record in found.approvals {
            let round = Arc::clone(&self.round);
            let thing = Thing::Approval(record.id.clone());
            due += self.begin(thing, 1, async move { round.approval(record, now).await });
        }
        for (source, waiting) in found.lanes {
            let (round, count) = (Arc::clone(&self.round), waiting.count());
            due += self.begin(Thing::Lane(source), count, async move { round.lane(waiting).await });
        }
        for source in found.broken {
            let round = Arc::clone(&self.round);
            due += self.begin(Thing::Lane(source.clone()), 1, async move { round.broken_lane(source).await });
        }
        for poll in found.polls {
            let round = Arc::clone(&self.round);
            let thing = Thing::Poll(poll.source.clone());
            due += self.begin(thing, 1, async move { round.poll(poll, now).await });
        }
        Ok(due)
    }

    fn begin(
        &mut self,
        thing: Thing,
        count: usize,
        work: impl Future<Output = Result<(), Error>> + Send + 'static,
    ) -> usize {
        if self.busy.contains_key(&thing) {
            return 0;
        }
        let id = self.running.spawn(work).id();
        self.busy.insert(thing, id);
        count
    }

    /// Whether nothing is being dealt with.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.running.is_empty()
    }

    /// Waits until nothing is being dealt with any more, for so long at most. Returns whether nothing is.
    pub async fn wait(&mut self, most: Duration) -> bool {
        timeout(most, self.join()).await.is_ok()
    }

    /// Takes up nothing more after a while, and waits for the rest; what takes too long is stopped where it is.
    pub async fn finish(mut self) {
        if !self.wait(TAKE_UP).await {
            self.round.is_over.store(true, Ordering::Relaxed);
            if !self.wait(GIVE_UP).await {
                tracing::warn!(left = self.running.len(), "the round was too long; what is left goes on in the next");
            }
        }
        self.round.app.flush_usage().await;
    }

    async fn join(&mut self) {
        while let Some(done) = self.running.join_next_with_id().await {
            let id = done.as_ref().map_or_else(JoinError::id, |(id, _)| *id);
            let thing = self.busy.iter().find(|(_, running)| **running == id).map(|(thing, _)| thing.clone());
            match done {
                Ok((_, Ok(()))) => {}
                Ok((_, Err(error))) => tracing::warn!(?thing, %error, "something due failed; it is tried again later"),
                Err(error) => {
                    tracing::error!(?thing, %error, "something due ended in a panic");
                    self.put_off(thing.as_ref()).await;
                }
            }
            self.busy.retain(|_, running| *running != id);
        }
    }
}

impl Sweeper {
    /// Puts off what panicked before its time was pushed on, so that it stands in nobody's way.
    async fn put_off(&self, thing: Option<&Thing>) {
        let app = &self.round.app;
        let key = match thing {
            Some(Thing::Approval(id)) => keys::approval(id),
            Some(Thing::Lane(source)) => keys::lane(source),
            Some(Thing::Poll(source)) => keys::poll(source),
            None => return,
        };
        if let Err(error) = app.store.put_off(&key, app.world.now()).await {
            tracing::warn!(?thing, %error, "what panicked could not be put off");
        }
    }
}

/// Reads what is due, several partitions at the same time. One that cannot be read is left to the next round.
async fn read_due(app: &App, now: i64) -> Result<Found, Error> {
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
            Err(error) => {
                tracing::error!(%error, "a partition of what is due ended in a panic");
                failed = Some(StoreError::Unavailable.into());
            }
        }
    }
    match failed {
        Some(error) if found.is_empty() => return Err(error),
        Some(error) => tracing::warn!(%error, "a part of what is due could not be read"),
        None => {}
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
        if cursor.is_none() || due.len() >= MAX_DUE {
            return Ok(due);
        }
    }
}

impl Found {
    fn is_empty(&self) -> bool {
        self.approvals.is_empty() && self.lanes.is_empty() && self.polls.is_empty() && self.broken.is_empty()
    }

    fn add(&mut self, thing: Due) {
        match thing {
            Due::Approval(record) => self.approvals.push(*record),
            Due::Poll(poll) => self.polls.push(*poll),
            Due::BrokenLane(source) => self.broken.push(source),
            Due::Delivery(row) => {
                let waiting = self.lanes.entry(row.source.clone());
                waiting.or_insert_with(|| Waiting::of(&row.source, &row.org)).left.push(*row);
            }
            Due::Lane(lane) => {
                let waiting = self.lanes.entry(lane.source.clone());
                let waiting = waiting.or_insert_with(|| Waiting::of(&lane.source, &lane.org));
                waiting.lane = Some(*lane);
            }
        }
    }
}
