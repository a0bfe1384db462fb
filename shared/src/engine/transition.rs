//! One transition of an approval: read, change, one conditional write; a lost race changes the winner's version instead.

use std::time::Duration;

use super::due::{Owed, settle};
use crate::http::App;
use crate::ids::ApprovalId;
use crate::store::approvals::{Lost, Record};
use crate::store::{Error, Store};

/// How often a lost race is taken up again before the caller is told to come again.
const MOST_TRIES: u32 = 20;
/// How much time each of those who may write the same approval at once is given, in milliseconds: about what a read and a
/// write take.
const TURN: u64 = 16;
/// Longest time over which they are spread, in milliseconds.
const LONGEST: u64 = 1_000;

/// What a transition came to.
#[derive(Debug)]
pub struct Transition {
    /// The approval as it is now.
    pub record: Record,
    /// Whether anything was written.
    pub changed: bool,
}

/// Reads an approval and changes it with `change`, which says whether there is anything to write. What the change makes the approval
/// owe to a platform is made due by the same write, so that it is not lost with whoever is woken by it. Of two transitions at the
/// same time one is written first, and the other is worked out again on what that left.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::Throttled`] after too many lost races; the table's own.
pub async fn transition(
    app: &App,
    id: &ApprovalId,
    change: impl FnMut(&mut Record) -> bool,
) -> Result<Transition, Error> {
    let record = app.store.approval(id).await?;
    continue_from(app, record, change).await
}

/// Like [`transition`], from a record that was read just now.
///
/// # Errors
/// As [`transition`].
pub async fn continue_from(
    app: &App,
    mut record: Record,
    mut change: impl FnMut(&mut Record) -> bool,
) -> Result<Transition, Error> {
    for attempt in 0..MOST_TRIES {
        let (before, owed) = (record.updated_at, Owed::of(&record.state));
        #[cfg(debug_assertions)]
        let was = record.clone();
        if !change(&mut record) {
            return Ok(Transition { record, changed: false });
        }
        let now = app.world.now();
        record.updated_at = now.max(before);
        owed.make_due(&mut record, now);
        match write(&app.store, &mut record, now).await {
            Ok(()) => {
                #[cfg(debug_assertions)]
                check(&was, &record);
                return Ok(Transition { record, changed: true });
            }
            Err(Lost::Failed(error)) => return Err(error),
            Err(Lost::Race(current)) => record = take_turns(app, *current, attempt).await?,
        }
    }
    Err(Error::Throttled)
}

/// What holds of every transition; looked at in tests and on a developer's machine only.
#[cfg(debug_assertions)]
fn check(was: &Record, is: &Record) {
    debug_assert_eq!(is.version, was.version + 1, "one transition is one version");
    debug_assert!(
        is.state.follows(&was.state),
        "an end stays and facts only grow: {:?} became {:?}",
        was.state,
        is.state
    );
}

/// Writes a changed record, with all that it owes.
async fn write(store: &Store, record: &mut Record, now: i64) -> Result<(), Lost> {
    record.state.owe_cancels(now);
    settle(record);
    store.update_approval(record).await
}

/// What to go on from after a lost race. One who lost to one other goes on at once from what the other left. Where many may
/// write, as the approvers of a large node do, each waits a random moment of a time that has room for all of them and then
/// reads again: else all lose to one, again and again.
async fn take_turns(app: &App, left: Record, attempt: u32) -> Result<Record, Error> {
    let others = u64::try_from(left.state.most_writers()).unwrap_or(u64::MAX);
    if attempt == 0 && others <= 3 {
        return Ok(left);
    }
    let room = others.max(2).saturating_mul(TURN).saturating_mul(u64::from(attempt) + 1).min(LONGEST);
    let random = u64::from(u16::from_be_bytes(app.world.random()));
    tokio::time::sleep(Duration::from_millis(room * random / u64::from(u16::MAX))).await;
    app.store.approval(&left.id).await
}
