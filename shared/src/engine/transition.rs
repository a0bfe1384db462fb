//! One transition of an approval: read, change, one conditional write; a lost race changes the winner's version instead.

use std::time::Duration;

use crate::http::App;
use crate::ids::ApprovalId;
use crate::store::approvals::{Lost, Record};
use crate::store::{Error, Store};

/// How often a lost race is taken up again before the caller is told to come again.
const MOST_TRIES: u32 = 60;

/// What a transition came to.
#[derive(Debug)]
pub struct Transition {
    /// The approval as it is now.
    pub record: Record,
    /// Whether anything was written.
    pub changed: bool,
}

/// Reads an approval and changes it with `change`, which says whether there is anything to write. Of two transitions at the
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
        let before = record.updated_at;
        if !change(&mut record) {
            return Ok(Transition { record, changed: false });
        }
        record.updated_at = app.world.now().max(before);
        match write(&app.store, &mut record).await {
            Ok(()) => return Ok(Transition { record, changed: true }),
            Err(Lost::Failed(error)) => return Err(error),
            Err(Lost::Race(current)) => record = *current,
        }
        back_off(app, attempt).await;
    }
    Err(Error::Throttled)
}

/// Writes a changed record. An approval that has ended is due for nothing more.
async fn write(store: &Store, record: &mut Record) -> Result<(), Lost> {
    if record.state.closed.is_some() {
        record.due_at = None;
    }
    store.update_approval(record).await
}

/// Waits a random moment that grows with the losses, so that many writers of one approval do not stay in step.
async fn back_off(app: &App, attempt: u32) {
    let most = u64::from(attempt.min(20)) * 4;
    let [random] = app.world.random::<1>();
    let millis = most * u64::from(random) / 255;
    if millis > 0 {
        tokio::time::sleep(Duration::from_millis(millis)).await;
    }
}
