//! One run of a source's lane: what waits in its queue is sent, approval by approval.
//!
//! As long as its receiver has not answered in this run, one delivery at a time is sent; then several side by side. A receiver that
//! does not answer ends the run, and its lane rests, longer each time: however much waits, a dead receiver costs one call and a
//! handful of requests to the table for each rest.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::task::{JoinError, JoinSet};

use super::round::Round;
use crate::delivery::schedule::{TRIED_FOR, silence};
use crate::engine::App;
use crate::engine::deliver::{
    HELD_FOR, Outcome, TOUCHED_FOR, Target, attempt, bury, fall_behind, give_up, queue as leave_to_lane,
};
use crate::engine::memory::receivers::{Heard, OF_ONE_RECEIVER};
use crate::engine::optimistic::{MAX_RACES, Race, optimistic};
use crate::engine::{Error, caught};
use crate::ids::{ApprovalId, OrgId, SourceId};
use crate::resources::Source;
use crate::store::Error as StoreError;
use crate::store::deliveries::Delivery;
use crate::store::lanes::Lane;

/// Waiting deliveries that are read at once.
const PAGE: u16 = 100;
/// How long a run takes up approvals, in milliseconds; well below the time for which it holds the lane.
const RUN_FOR: i64 = 20_000;
/// Approvals at the same time where the receiver takes long to answer.
const OF_A_SLOW_ONE: usize = 2;
/// So many deliveries in a row without an answer end a run in which there were answers before.
const MAX_UNANSWERED: u32 = 3;
/// Most approvals whose deliveries one run gives up because they waited for too long.
const MAX_GIVEN_UP: usize = 500;
const GIVEN_UP_AT_ONCE: u16 = 20;
/// So many in a row that are not old enough end the search for those that are.
const MAX_IN_VAIN: usize = 20;
/// A lane that was touched lately is checked again after so long, in milliseconds: the index may be behind.
const CHECK_AGAIN: i64 = 60_000;
/// Shortest time between two runs of a lane, in milliseconds.
const RUN_AGAIN: i64 = 1_000;

/// What waits for a source.
#[derive(Debug)]
pub(super) struct Waiting {
    source: SourceId,
    org: OrgId,
    /// Its lane, if that is due.
    pub(super) lane: Option<Lane>,
    /// What was left by whoever made it.
    pub(super) left: Vec<Delivery>,
}

impl Waiting {
    pub(super) fn of(source: &SourceId, org: &OrgId) -> Self {
        Self { source: source.clone(), org: org.clone(), lane: None, left: Vec::new() }
    }

    /// How many things are due.
    pub(super) fn count(&self) -> usize {
        self.left.len() + usize::from(self.lane.is_some())
    }
}

/// What the approvals of one run share.
struct Run {
    app: App,
    /// `None` where the source was deleted.
    to: Option<Target>,
    is_over: Arc<AtomicBool>,
    until: i64,
    seen: Mutex<Seen>,
}

/// What was heard of the receiver in this run.
#[derive(Debug, Default, Clone, Copy)]
struct Seen {
    answered: bool,
    slow: bool,
    unanswered: u32,
    /// The table failed for an approval, or it cannot be read.
    failed: bool,
    /// A delivery was given up because it found no answer for too long.
    gave_up: bool,
    end: Option<End>,
}

/// Why a run ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// Nothing waits any more that is due.
    Drained,
    /// Its time is over.
    More,
    /// The receiver does not answer.
    Silent,
    /// The receiver asked to be left alone until then (milliseconds).
    Rest(i64),
}

impl Round {
    /// Makes the lane of a source anew that cannot be read, and runs it.
    pub(super) async fn broken_lane(&self, source: SourceId) -> Result<(), Error> {
        match self.app.store.get_unscoped::<Source>(source.as_str()).await {
            Ok(found) => self.lane(Waiting::of(&source, &found.value.org)).await,
            Err(StoreError::NotFound) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Runs the lane of a source, unless somebody else does.
    pub(super) async fn lane(&self, waiting: Waiting) -> Result<(), Error> {
        let mut permit = self.asked.permit(waiting.source.as_str()).await;
        if !self.goes_on() {
            return Ok(());
        }
        let (app, now) = (&self.app, self.app.world.now());
        let Some(mut lane) = lane_of(app, &waiting, now).await? else { return Ok(()) };
        let to = match app.store.get::<Source>(&waiting.org, waiting.source.as_str()).await {
            Ok(stored) => Some(Target::open(app, stored.value).await),
            Err(StoreError::NotFound) => None,
            Err(error) => return Err(error.into()),
        };
        if lane.rests_until.is_some_and(|until| until > now)
            && let Some(to) = &to
        {
            return Ok(leave_to_lane(app, &to.source, waiting.left, now).await?);
        }
        let first = app.store.queued(&waiting.source, now, PAGE, None).await?;
        if waiting.left.is_empty() && first.items.is_empty() {
            return finish(app, lane, End::Drained, Seen::default()).await;
        }
        (lane.held_until, lane.rests_until, lane.due_at) = (Some(now + HELD_FOR), None, now + HELD_FOR);
        match app.store.put_lane(&mut lane).await {
            Ok(()) => {}
            Err(StoreError::Conflict { .. }) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
        let (is_over, until) = (Arc::clone(&self.is_over), now + RUN_FOR);
        let run = Arc::new(Run { app: app.clone(), to, is_over, until, seen: Mutex::default() });
        let mut approvals = Approvals::new(waiting.source.clone(), now, first.next_cursor);
        approvals.add(waiting.left.iter().map(|row| row.approval.clone()));
        approvals.add(first.items.into_iter().map(|queued| queued.approval));
        let mut running = JoinSet::new();
        let mut is_promoted = false;
        let ended = loop {
            let seen = *run.seen();
            if seen.answered && !is_promoted {
                permit = self.answering.permit(waiting.source.as_str()).await;
                is_promoted = true;
            }
            if let Some(end) = run.end() {
                break end;
            }
            if running.len() < seen.width()
                && let Some(approval) = approvals.next(app).await?
            {
                running.spawn(Arc::clone(&run).approval(approval));
            } else {
                match running.join_next().await {
                    Some(done) => run.note_end(done),
                    None => break End::Drained,
                }
            }
        };
        while let Some(done) = running.join_next().await {
            run.note_end(done);
        }
        // Those that were under way may have heard more.
        let seen = *run.seen();
        let ended = seen.end.unwrap_or(ended);
        drop(permit);
        match ended {
            End::Silent => {
                run.set_aside(&approvals, waiting.left).await?;
                run.give_up(&waiting.source, now).await?;
            }
            End::Rest(_) => run.set_aside(&approvals, waiting.left).await?,
            End::Drained | End::More => {}
        }
        finish(app, lane, ended, seen).await
    }
}

/// The lane to run; a new one where there is none. `None` when somebody runs it.
async fn lane_of(app: &App, waiting: &Waiting, now: i64) -> Result<Option<Lane>, Error> {
    let lane = match waiting.lane.clone() {
        Some(lane) => lane,
        None => app.store.lane_or_new(&waiting.source, &waiting.org, now).await?,
    };
    Ok(Some(lane).filter(|lane| lane.held_until.is_none_or(|until| until <= now)))
}

/// The approvals of a run, each once.
struct Approvals {
    source: SourceId,
    now: i64,
    cursor: Option<String>,
    known: HashSet<ApprovalId>,
    /// The last is the next.
    next: Vec<ApprovalId>,
}

impl Approvals {
    fn new(source: SourceId, now: i64, cursor: Option<String>) -> Self {
        Self { source, now, cursor, known: HashSet::new(), next: Vec::new() }
    }

    fn add(&mut self, approvals: impl Iterator<Item = ApprovalId>) {
        let mut new: Vec<ApprovalId> = approvals.filter(|id| self.known.insert(id.clone())).collect();
        new.reverse();
        new.append(&mut self.next);
        self.next = new;
    }

    async fn next(&mut self, app: &App) -> Result<Option<ApprovalId>, Error> {
        loop {
            if let Some(next) = self.next.pop() {
                return Ok(Some(next));
            }
            let Some(cursor) = self.cursor.take() else { return Ok(None) };
            let page = app.store.queued(&self.source, self.now, PAGE, Some(&cursor)).await?;
            self.cursor = page.next_cursor;
            self.add(page.items.into_iter().map(|queued| queued.approval));
        }
    }
}

impl Seen {
    fn width(&self) -> usize {
        match self {
            Self { answered: false, .. } => 1,
            Self { slow: true, .. } => OF_A_SLOW_ONE,
            _ => OF_ONE_RECEIVER,
        }
    }

    /// Takes in what an attempt told that ended at `now` (milliseconds).
    fn note(&mut self, heard: Heard, now: i64) {
        match heard {
            Heard::Answer => (self.answered, self.unanswered) = (true, 0),
            Heard::LateAnswer => (self.answered, self.slow, self.unanswered) = (true, true, 0),
            Heard::Rest(wait) => {
                (self.answered, self.unanswered) = (true, 0);
                self.end = Some(End::Rest(now + wait));
            }
            Heard::Silence => {
                self.unanswered += 1;
                if !self.answered || self.unanswered >= MAX_UNANSWERED {
                    self.end.get_or_insert(End::Silent);
                }
            }
            Heard::Nothing => {}
        }
    }
}

impl Run {
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Why it has to end, if it has to.
    fn end(&self) -> Option<End> {
        let is_over = self.is_over.load(Ordering::Relaxed) || self.app.world.now() >= self.until;
        self.seen().end.or(is_over.then_some(End::More))
    }

    /// Deals with one approval. One that fails or panics stands in nobody's way.
    async fn approval(self: Arc<Self>, approval: ApprovalId) {
        match caught(self.send(&approval)).await {
            Ok(Ok(())) => return,
            Ok(Err(error)) => {
                tracing::warn!(approval.id = %approval, %error, "deliveries could not be sent; they are tried again later");
            }
            Err(panicked) => {
                tracing::error!(approval.id = %approval, %panicked, "sending deliveries panicked; it is tried again later");
            }
        }
        self.seen().failed = true;
    }

    /// Takes in that an approval's task is over; it should have said itself how it went.
    fn note_end(&self, done: Result<(), JoinError>) {
        if let Err(error) = done {
            self.seen().failed = true;
            tracing::error!(source.id = ?self.to.as_ref().map(|to| &to.source.id), %error, "a lane's task ended in a panic");
        }
    }

    /// Sends what an approval has waiting, in order, up to the first that is not taken.
    async fn send(&self, approval: &ApprovalId) -> Result<(), Error> {
        let app = &self.app;
        let mut rows = app.store.pending_deliveries(approval).await?.into_iter();
        let mut is_head = true;
        while let Some(mut row) = rows.next() {
            let now = app.world.now();
            // The head waits for its time; or whoever made this one is sending it.
            if let Some(at) = row.next_attempt_at.filter(|at| *at > now && (is_head || !row.queued)) {
                return Ok(fall_behind(app, rows.collect(), at).await?);
            }
            let Some(to) = &self.to else {
                bury(app, &mut row, "the source was deleted").await?;
                continue;
            };
            let _permit = match to.url() {
                Some(url) => Some(app.memory.receivers.permit(url).await),
                None => None,
            };
            if self.end().is_some() {
                return Ok(());
            }
            row.queued = true;
            let (outcome, heard) = attempt(app, to, &mut row, None).await?;
            self.seen().note(heard, app.world.now());
            match outcome {
                Outcome::Settled if heard == Heard::Silence => {
                    self.seen().gave_up = true;
                    is_head = false;
                }
                Outcome::Settled => is_head = false,
                Outcome::Waits(until) => return Ok(fall_behind(app, rows.collect(), until).await?),
                // It was asked for again meanwhile, and the lane roused.
                Outcome::Raced => return Ok(()),
            }
        }
        Ok(())
    }

    /// Moves what was left by whoever made it and not sent into the queue, where the sweep does not see it while the lane rests.
    async fn set_aside(&self, approvals: &Approvals, left: Vec<Delivery>) -> Result<(), Error> {
        let unsent: HashSet<&ApprovalId> = approvals.next.iter().collect();
        for mut row in left.into_iter().filter(|row| unsent.contains(&row.approval)) {
            row.queued = true;
            match self.app.store.update_delivery(&mut row).await {
                Ok(()) | Err(StoreError::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Gives up what has waited for three days for a receiver that still does not answer. What was never tried stands in the queue at
    /// the time at which it came; what was tried in between stands later, and is looked for where one such was just given up.
    async fn give_up(&self, source: &SourceId, now: i64) -> Result<(), Error> {
        let until = if self.seen().gave_up { now } else { now - TRIED_FOR };
        let (mut cursor, mut read, mut in_vain) = (None, 0, 0);
        loop {
            let page = self.app.store.queued(source, until, GIVEN_UP_AT_ONCE, cursor.as_deref()).await?;
            for queued in &page.items {
                let mut is_young = false;
                for mut row in self.app.store.pending_deliveries(&queued.approval).await? {
                    if !give_up(&self.app, &mut row, "the receiver has not answered for three days").await? {
                        is_young = true;
                        break;
                    }
                }
                in_vain = if is_young { in_vain + 1 } else { 0 };
            }
            read += page.items.len();
            cursor = page.next_cursor;
            let enough = read >= MAX_GIVEN_UP || in_vain >= MAX_IN_VAIN;
            if cursor.is_none() || enough || self.is_over.load(Ordering::Relaxed) {
                return Ok(());
            }
        }
    }
}

/// Says when the lane is to be run next, or removes it.
async fn finish(app: &App, lane: Lane, ended: End, seen: Seen) -> Result<(), Error> {
    let next = match ended {
        End::Drained => app.store.queued(&lane.source, i64::MAX, 1, None).await?.items.first().map(|row| row.due_at),
        _ => None,
    };
    // Something was put into the queue while it ran where the lane is another than was held. `None` is a lane that is gone.
    let held = lane.version;
    let change = |lane: &mut Option<Lane>| {
        let Some(lane) = lane else { return false };
        let (now, [random]) = (app.world.now(), app.world.random::<1>());
        let touched_lately = now - lane.touched_at < TOUCHED_FOR;
        if seen.answered {
            lane.unanswered = 0;
        }
        (lane.held_until, lane.rests_until) = (None, None);
        match ended {
            End::Silent => {
                lane.unanswered = lane.unanswered.saturating_add(1);
                lane.rest_until(now + silence(lane.unanswered, random));
            }
            End::Rest(until) => lane.rest_until(until),
            End::More => lane.due_at = now,
            // Never due: it is removed.
            End::Drained if next.is_none() && !touched_lately => lane.due_at = i64::MAX,
            End::Drained => {
                let again = if lane.version == held { CHECK_AGAIN } else { RUN_AGAIN };
                let check = if touched_lately { now + again } else { i64::MAX };
                let soonest = if seen.failed { CHECK_AGAIN } else { RUN_AGAIN };
                lane.due_at = next.unwrap_or(i64::MAX).min(check).max(now + soonest);
            }
        }
        true
    };
    let write = |lane: Option<Lane>, _| async move {
        let Some(mut lane) = lane else { return Ok(Race::Won(None)) };
        let is_empty = lane.due_at == i64::MAX;
        let written = if is_empty { app.store.remove_lane(&lane).await } else { app.store.put_lane(&mut lane).await };
        match written {
            Ok(()) => Ok(Race::Won(Some(lane))),
            Err(StoreError::Conflict { .. }) => app.store.lane(&lane.source).await.map(Race::Lost),
            Err(error) => Err(error),
        }
    };
    // Should this fail, the lane is looked at again when the time is over for which it was held.
    optimistic(Some(lane), MAX_RACES, change, write).await?;
    Ok(())
}
