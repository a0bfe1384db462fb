//! Ending an approval that is to be ended, on its platform too: its withdrawal was asked for, or its deadline has passed. Both
//! are stored before the platform hears of them, so what is done here may be interrupted after any step and called again.

use super::cancel::cancel;
use super::find::find_held;
use super::read::read;
use super::start::LEASE;
use crate::approval::{Approval, Closed, Effect, LeftoverEnd};
use crate::engine::App;
use crate::engine::Error;
use crate::engine::failure::failure;
use crate::engine::transition::{Transition, continue_from};
use crate::providers::{self, Fate};
use crate::store::Error as StoreError;
use crate::store::approvals::{Record, Trouble};

/// A platform that does not answer, or not yet, is given so long after a deadline or a forced withdrawal (milliseconds); then the
/// approval is ended without it.
const GRACE: i64 = 15 * 60 * 1000;
/// What the platform's people read when the deadline has passed.
const DEADLINE: &str = "已超过截止时间 The deadline has passed";
/// What is to be known of an approval that ended without its platform.
const UNTOLD: &str = "The platform was not told";
const PERHAPS: &str = "It is not known whether the platform took it back";
const UNKNOWN: &str = "It is not known whether the platform runs it";

/// What ending an approval came to.
#[derive(Debug)]
pub enum EndOutcome {
    /// It has ended as wanted; `note` says what the platform would not do.
    Done {
        /// The approval.
        record: Box<Record>,
        /// What is to be known of it.
        note: Option<String>,
    },
    /// It is tried again until it is done.
    Later(Box<Record>),
    /// It had ended before, otherwise.
    Ended(Box<Record>),
    /// The platform cannot, or will not: the withdrawal is dropped.
    Refused(Box<Record>, providers::Error),
}

/// How long a forced withdrawal waits for a platform that does not answer, or not yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Patience {
    /// Not at all: its caller waits for the answer.
    None,
    /// As long as a deadline does, since it was asked for: nobody waits.
    Some,
}

/// What wants the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Deadline,
    Withdrawal { force: bool },
}

impl Wanted {
    fn of(approval: &Approval) -> Option<Self> {
        if approval.ending().is_some() {
            return Some(Self::Deadline);
        }
        approval.withdrawal.as_ref().map(|asked| Self::Withdrawal { force: asked.force })
    }
}

/// Takes back what the current stage has on its platform, or looks for it, and ends the approval. While a start is under way nothing
/// is ended, forced or not: what it made is looked for, and once that is known the change leads here again.
///
/// # Errors
/// The table's own.
pub async fn end(app: &App, record: Record, patience: Patience) -> Result<EndOutcome, Error> {
    let wanted = Wanted::of(&record.state);
    let (Some(wanted), Some(owed)) = (wanted, record.state.owed_end()) else {
        return Ok(without_platform(record));
    };
    let waited = app.world.now() - owed.since;
    let is_spent = waited >= GRACE;
    match owed.effect {
        Effect::Cancel { stage, instance, .. } => {
            let reason = match wanted {
                Wanted::Deadline => DEADLINE,
                Wanted::Withdrawal { .. } => {
                    record.state.withdrawal.as_ref().and_then(|asked| asked.reason.as_deref()).unwrap_or_default()
                }
            };
            match cancel(app, &record, stage, &instance, reason).await {
                Ok(()) => close(app, record, None, Some((stage, LeftoverEnd::Done, None))).await,
                Err(error) => {
                    let is_spent = is_spent || patience == Patience::None;
                    not_taken(app, record, stage, error, &Try { wanted, is_spent, searched: false }).await
                }
            }
        }
        Effect::Find { stage, .. } => find_and_end(app, record, stage, &Try { wanted, is_spent, searched: true }).await,
        Effect::Start { .. } | Effect::Read { .. } => Ok(EndOutcome::Later(Box::new(record))),
    }
}

/// Nothing of it is on a platform, so the write that wanted the end has ended it; or something else has.
fn without_platform(record: Record) -> EndOutcome {
    let record = Box::new(record);
    match record.state.closed.as_ref().map(|closure| closure.how) {
        Some(Closed::Withdrawn | Closed::Expired) => EndOutcome::Done { record, note: None },
        Some(_) => EndOutcome::Ended(record),
        None => EndOutcome::Later(record),
    }
}

/// A try to end an approval.
struct Try {
    wanted: Wanted,
    /// The platform has had its time.
    is_spent: bool,
    /// What may have been started was looked for, and nothing was to be taken back yet.
    searched: bool,
}

/// Looks for the instance of a stage whose start was interrupted, under the lease that a start would hold.
async fn find_and_end(app: &App, record: Record, stage: usize, tried: &Try) -> Result<EndOutcome, Error> {
    let now = app.world.now();
    let Transition { record, changed } =
        continue_from(app, record, |record| record.state.take_lease(stage, now, now + LEASE)).await?;
    if !changed {
        // Somebody else is at the start.
        return Ok(EndOutcome::Later(Box::new(record)));
    }
    match find_held(app, record.clone(), stage).await {
        Ok((record, None)) => close(app, record, None, Some((stage, LeftoverEnd::Done, None))).await,
        Ok((record, Some(_))) => Ok(EndOutcome::Later(Box::new(record))),
        Err(error) => not_taken(app, record, stage, error, tried).await,
    }
}

/// The platform has not taken it back, or could not be asked what there is.
async fn not_taken(app: &App, record: Record, stage: usize, error: Error, tried: &Try) -> Result<EndOutcome, Error> {
    let is_forced = tried.wanted != Wanted::Withdrawal { force: false };
    let error = match error {
        Error::Provider(error) => error,
        // Its secrets do not open, or something else that is stored cannot be read: nobody will mend that for it.
        Error::Store(error @ (StoreError::NotFound | StoreError::Corrupt { .. })) if is_forced => {
            providers::Error::NotSent { message: error.to_string(), fix: None }
        }
        error @ Error::Store(_) => return Err(error),
    };
    let fate = error.fate();
    // A spent quota lasts longer than a deadline waits.
    let outlasts = tried.wanted == Wanted::Deadline && matches!(error, providers::Error::QuotaExhausted { .. });
    let waits = fate.passes() && !outlasts && !(is_forced && tried.is_spent);
    if waits {
        return Ok(EndOutcome::Later(Box::new(tell(app, record, &error).await?)));
    }
    if !is_forced {
        return drop_withdrawal(app, record, error).await;
    }
    let mut record = record;
    if tried.wanted == Wanted::Deadline && !tried.searched {
        // It may have ended there before: then that stands.
        read(app, &record, stage, true).await?;
        record = app.store.approval(&record.id).await?;
    }
    let said = match (tried.searched, fate) {
        (true, _) => UNKNOWN,
        (false, Fate::Unknown) => PERHAPS,
        (false, _) => UNTOLD,
    };
    // What may still run there is owed a cancel.
    let refused = fate == Fate::Never && !tried.searched;
    let end = refused.then(|| (stage, LeftoverEnd::Refused, Some(error.to_string())));
    close(app, record, Some(format!("{said}: {error}.")), end).await
}

/// Stores why it is tried again, where that is not what was stored last.
async fn tell(app: &App, record: Record, error: &providers::Error) -> Result<Record, Error> {
    let told = Trouble { at: app.world.now(), error: failure(error) };
    let done = continue_from(app, record, |record| {
        let is_new = record.trouble.as_ref().is_none_or(|known| known.error != told.error);
        if is_new {
            record.trouble = Some(told.clone());
        }
        is_new && record.state.to_end_since().is_some()
    });
    Ok(done.await?.record)
}

/// Ends it here. `taken` is what became of a stage's instance, where that is certain, and why.
async fn close(
    app: &App,
    record: Record,
    note: Option<String>,
    taken: Option<(usize, LeftoverEnd, Option<String>)>,
) -> Result<EndOutcome, Error> {
    let at = app.world.now();
    let Transition { record, changed } = continue_from(app, record, |record| {
        let ends = record.state.end(at, note.as_deref());
        if ends && let Some((stage, end, why)) = &taken {
            record.state.taken_back(*stage, *end, why.clone(), at);
        }
        ends
    })
    .await?;
    if let Some(note) = &note {
        tracing::warn!(approval.id = %record.id, note, "an approval ended without its platform");
    }
    let record = Box::new(record);
    // The platform's own callback may have been faster: it says the same.
    let withdrawn = record.state.closed.as_ref().is_some_and(|closure| closure.how == Closed::Withdrawn);
    Ok(if changed || withdrawn { EndOutcome::Done { record, note } } else { EndOutcome::Ended(record) })
}

/// The wish is dropped where it cannot come true, so that nobody waits for it. One that somebody has upgraded meanwhile stays.
async fn drop_withdrawal(app: &App, record: Record, error: providers::Error) -> Result<EndOutcome, Error> {
    let acted_on = record.state.withdrawal.clone();
    let Transition { record, .. } =
        continue_from(app, record, |record| record.state.drop_withdrawal(acted_on.as_ref())).await?;
    let record = Box::new(record);
    Ok(if record.state.closed.is_some() { EndOutcome::Ended(record) } else { EndOutcome::Refused(record, error) })
}
