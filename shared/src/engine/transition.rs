//! One transition of an approval: read, change, one conditional write; a lost race changes the winner's version instead.

use std::time::Duration;

use super::due;
use super::optimistic::{Race, optimistic};
use super::pace::Pace;
#[cfg(debug_assertions)]
use crate::approval::Approval;
use crate::approval::Owed;
use crate::engine::App;
use crate::ids::ApprovalId;
use crate::store::Error;
use crate::store::approvals::{Lost, Record};

/// How often a lost race is taken up again before the caller is told to come again.
const MAX_TRIES: u32 = 20;
/// How much time each of those who may write the same approval at once is given, in milliseconds: about what a read and a
/// write take.
const TURN: u64 = 16;
/// Longest time over which they are spread, in milliseconds.
const MAX_SPREAD: u64 = 1_000;

/// What a change is to be written for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Write {
    /// For nothing: it changed nothing.
    No,
    /// For what has changed. What the approval owes now and did not owe before makes it due.
    Changed,
    /// For what it owes to be tried: each gets its next time, readings at this pace.
    Tried(Pace),
    /// For an instance that was read, or cannot be: the next reading is an ordinary one, at this pace.
    Read(Pace),
}

impl From<bool> for Write {
    fn from(changed: bool) -> Self {
        if changed { Self::Changed } else { Self::No }
    }
}

/// What a transition came to.
#[derive(Debug)]
pub struct Transition {
    /// The approval as it is now.
    pub record: Record,
    /// Whether anything was written.
    pub changed: bool,
}

/// Reads an approval and changes it with `change`, which says what there is to write. What the change makes the approval owe to a
/// platform is made due by the same write, so that it is not lost with whoever is woken by it; what is to be ended and runs nowhere
/// is ended by it. Of two transitions at the same time one is written first, and the other is worked out again on what that left.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::Throttled`] after too many lost races; the table's own.
pub async fn transition<W: Into<Write>>(
    app: &App,
    id: &ApprovalId,
    change: impl FnMut(&mut Record) -> W,
) -> Result<Transition, Error> {
    let record = app.store.approval(id).await?;
    continue_from(app, record, change).await
}

/// Like [`transition`], from a record that was read just now.
///
/// # Errors
/// As [`transition`].
pub async fn continue_from<W: Into<Write>>(
    app: &App,
    record: Record,
    mut change: impl FnMut(&mut Record) -> W,
) -> Result<Transition, Error> {
    let changed = |record: &mut Record| {
        let before = Before { updated_at: record.updated_at, due_at: record.due_at, owed: record.state.owed() };
        #[cfg(debug_assertions)]
        let was = record.state.clone();
        let what = change(record).into();
        if what == Write::No {
            return false;
        }
        settle(record, &before, what, app.world.now());
        #[cfg(debug_assertions)]
        check(&was, &record.state);
        true
    };
    let write = |mut record: Record, lost| async move {
        let version = record.version;
        match app.store.update_approval(&mut record).await {
            Ok(()) => {
                debug_assert_eq!(record.version, version + 1, "one transition is one version");
                Ok(Race::Won(record))
            }
            Err(Lost::Failed(error)) => Err(error),
            Err(Lost::Race(current)) => take_turns(app, *current, lost).await.map(Race::Lost),
        }
    };
    let (record, changed) = optimistic(record, MAX_TRIES, changed, write).await?;
    Ok(Transition { record, changed })
}

/// What holds of every transition; looked at in tests and on a developer's machine only.
#[cfg(debug_assertions)]
fn check(was: &Approval, is: &Approval) {
    debug_assert!(is.follows(was), "an end stays and facts only grow: {was:?} became {is:?}");
}

/// What a transition began with.
struct Before {
    updated_at: i64,
    due_at: Option<i64>,
    owed: Vec<Owed>,
}

/// Makes a changed record one that may be written at `now` (milliseconds): what is to be ended and runs nowhere has ended, what an end
/// left open is owed, a stage that runs here has begun when its turn has come, what stood in the way of something is forgotten once that is owed no more, and it is due when it is to be.
fn settle(record: &mut Record, before: &Before, what: Write, now: i64) {
    record.updated_at = now.max(before.updated_at);
    let state = &mut record.state;
    state.end_what_runs_nowhere(now);
    state.start_here(now);
    state.owe_cancels(now);
    let state = &record.state;
    let is_owed = state.stage_without_instance().is_some() || state.to_end_since().is_some();
    record.trouble = record.trouble.take().filter(|_| is_owed);
    record.due_at = match what {
        Write::Tried(pace) => due::after_try(state, now, pace),
        Write::Read(pace) => due::after_reading(state, now, pace),
        Write::No | Write::Changed => due::after_change(before.due_at, &before.owed, state, now),
    };
}

/// What to go on from after a lost race. One who lost to one other goes on at once from what the other left. Where many may
/// write, as the approvers of a large node do, each waits a random moment of a time that has room for all of them and then
/// reads again: else all lose to one, again and again.
async fn take_turns(app: &App, left: Record, lost: u32) -> Result<Record, Error> {
    let others = u64::try_from(left.state.most_writers()).unwrap_or(u64::MAX);
    if lost == 0 && others <= 3 {
        return Ok(left);
    }
    let room = others.max(2).saturating_mul(TURN).saturating_mul(u64::from(lost) + 1).min(MAX_SPREAD);
    let random = u64::from(u16::from_be_bytes(app.world.random()));
    tokio::time::sleep(Duration::from_millis(room * random / u64::from(u16::MAX))).await;
    app.store.approval(&left.id).await
}
