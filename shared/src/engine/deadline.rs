//! Ending an approval whose deadline has passed, on the platform too.
//!
//! The sweep first records that it has passed; what is done here may be interrupted after any step and called again.

use super::dispatch;
use super::leftovers::{Came, DONE, ended_with, refusal};
use super::look::{Looked, look};
use super::transition::continue_from;
use super::{Error, withdraw};
use crate::http::App;
use crate::providers;
use crate::store::Error as StoreError;
use crate::store::approvals::Record;

/// A platform that does not answer, or not yet, is given so long after the deadline (milliseconds); then the approval is ended
/// without it.
pub(super) const GRACE: i64 = 15 * 60 * 1000;
/// What the platform's people read.
const REASON: &str = "已超过截止时间 The deadline has passed";
/// An instance may be found, or a stage pass, while it is being taken back: so often it is looked at anew.
const MOST_ROUNDS: u32 = 4;

pub(super) const UNKNOWN: &str = "It is not known whether the platform runs it";

/// What became of the instance.
enum Taken {
    /// Nothing of this stage runs on the platform any more.
    Back(usize),
    /// There is nothing to take back.
    Nothing,
    /// An interrupted start had made one, and it is known now.
    Found,
    /// It is to be tried again.
    Later,
    /// It may run on; this is what is to be known of it, and what became of the stage's instance, where that is certain.
    Not(String, Option<(usize, Came)>),
}

/// Ends an approval whose deadline has passed, if the platform has not decided before.
///
/// # Errors
/// The table's own.
pub async fn end(app: &App, mut record: Record) -> Result<(), Error> {
    for _ in 0..MOST_ROUNDS {
        let Some((since, _)) = record.state.ending() else { return Ok(()) };
        let before = record.state.current_stage();
        let (taken, left) = take_back(app, record, app.world.now() - since).await?;
        record = left;
        match taken {
            Taken::Later => return Ok(()),
            Taken::Found => {}
            // Another stage's turn has come: its instance is to be taken back too.
            _ if record.state.current_stage() != before => {}
            Taken::Nothing => return close(app, record, None, None).await,
            Taken::Back(stage) => return close(app, record, None, Some((stage, DONE))).await,
            Taken::Not(note, end) => return close(app, record, Some(note), end).await,
        }
    }
    // The next look goes on.
    Ok(())
}

async fn close(app: &App, record: Record, note: Option<String>, end: Option<(usize, Came)>) -> Result<(), Error> {
    let now = app.world.now();
    if let Some(note) = &note {
        tracing::warn!(approval.id = %record.id, note, "the deadline has passed");
    }
    continue_from(app, record, |record| {
        let ends = record.state.end_by_deadline(now, note.clone());
        ended_with(&mut record.state, ends, end.as_ref(), now)
    })
    .await?;
    Ok(())
}

/// Takes the current stage's instance back, `waited` milliseconds after the deadline, and says what is left.
async fn take_back(app: &App, record: Record, waited: i64) -> Result<(Taken, Record), Error> {
    let Some(stage) = record.state.current_stage() else { return Ok((Taken::Nothing, record)) };
    let planned = &record.state.stages[stage];
    if planned.instance.is_none() {
        return match planned.lease_until.filter(|_| planned.may_be_there()) {
            None => Ok((Taken::Nothing, record)),
            Some(until) if until > app.world.now() => Ok((Taken::Later, record)),
            Some(_) => find(app, record, stage, waited).await,
        };
    }
    match withdraw::cancel(app, &record, REASON).await {
        Ok(()) => Ok((Taken::Back(stage), record)),
        Err(Error::Provider(error)) if is_later(&error, waited) => {
            Ok((Taken::Later, withdraw::tell(app, record, &error).await?))
        }
        Err(Error::Provider(error)) => refused(app, record, stage, &error).await,
        // Its connection was deleted, or its secrets do not open: nobody will mend that for it.
        Err(Error::Store(error @ (StoreError::NotFound | StoreError::Corrupt { .. }))) if waited >= GRACE => {
            Ok((Taken::Not(format!("The platform was not told: {error}."), None), record))
        }
        Err(error) => Err(error),
    }
}

/// An interrupted start may have made an instance.
async fn find(app: &App, record: Record, stage: usize, waited: i64) -> Result<(Taken, Record), Error> {
    let (looked, record) = look(app, record, stage).await?;
    let taken = match looked {
        Looked::Held => Taken::Later,
        Looked::Nothing => Taken::Back(stage),
        Looked::Found => Taken::Found,
        Looked::Failed(Error::Provider(error)) if is_later(&error, waited) => {
            return Ok((Taken::Later, withdraw::tell(app, record, &error).await?));
        }
        Looked::Failed(Error::Provider(error)) => Taken::Not(format!("{UNKNOWN}: {error}."), None),
        Looked::Failed(Error::Store(error @ (StoreError::NotFound | StoreError::Corrupt { .. })))
            if waited >= GRACE =>
        {
            Taken::Not(format!("{UNKNOWN}: {error}."), None)
        }
        Looked::Failed(error) => return Err(error),
    };
    Ok((taken, record))
}

/// The platform does not take it back. It may have ended there before: then that stands.
async fn refused(app: &App, record: Record, stage: usize, error: &providers::Error) -> Result<(Taken, Record), Error> {
    app.note_exhausted(&record.state.stages[stage].connection, error).await;
    dispatch::read(app, &record, stage, true).await?;
    let record = app.store.approval(&record.id).await?;
    let end = refusal(error).map(|end| (stage, end));
    Ok((Taken::Not(format!("The platform was not told: {error}."), end), record))
}

/// Whether to try again. A spent quota lasts longer than anybody would wait.
fn is_later(error: &providers::Error, waited: i64) -> bool {
    waited < GRACE && error.passes() && !matches!(error, providers::Error::QuotaExhausted { .. })
}
