//! Taking an approval back, on the platform too.

use super::Error;
use super::deadline::{GRACE, UNKNOWN};
use super::due::next_look;
use super::leftovers::{Came, DONE, ended_with, refusal};
use super::look::{Looked, look};
use super::pace::Pace;
use super::start::{failure, missing};
use super::transition::{Transition, continue_from, transition};
use crate::approval::{Closed, Person, Withdrawal};
use crate::config::Connection;
use crate::http::App;
use crate::ids::ApprovalId;
use crate::providers;
use crate::store::Error as StoreError;
use crate::store::approvals::{Record, Trouble};

const UNTOLD: &str = "The platform was not told";
const PERHAPS: &str = "It is not known whether the platform took it back";

/// What a withdrawal came to.
#[derive(Debug)]
pub enum Outcome {
    /// It is withdrawn; `note` says what the platform would not do, where it was forced.
    Withdrawn {
        /// The approval.
        record: Box<Record>,
        /// What is to be known of it.
        note: Option<String>,
    },
    /// The platform takes it only later: it is tried again until it is done.
    Later(Box<Record>),
    /// It had ended before.
    Ended(Box<Record>),
    /// The platform cannot, or will not.
    Refused(Box<Record>, providers::Error),
}

/// Takes an approval back. `force` closes it on our side even where the platform cannot or will not.
///
/// # Errors
/// The table's own.
pub async fn withdraw(
    app: &App,
    id: &ApprovalId,
    by: Person,
    reason: Option<String>,
    force: bool,
) -> Result<Outcome, Error> {
    let asked = Withdrawal { at: app.world.now(), by, reason, force };
    // The wish is stored before the platform hears of it, so that a crash in between does not lose it.
    let Transition { record, .. } = transition(app, id, |record| {
        let new = record.state.ask_withdrawal(asked.clone());
        if new {
            record.due_at = next_look(&record.state, app.world.now(), Pace::Full);
        }
        new
    })
    .await?;
    if record.state.closed.is_some() {
        return Ok(Outcome::Ended(Box::new(record)));
    }
    carry_out(app, record, if force { Patience::None } else { Patience::Some }).await
}

/// How long a forced withdrawal waits for a platform that does not answer, or not yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Patience {
    /// Not at all: its caller waits for the answer.
    None,
    /// As long as a deadline does, since it was asked for: nobody waits.
    Some,
}

/// Carries out a withdrawal that was asked for. While a start is under way nothing is ended, forced or not: what it has made is
/// looked for, and once it is known the change leads here again.
///
/// # Errors
/// The table's own.
pub async fn carry_out(app: &App, record: Record, patience: Patience) -> Result<Outcome, Error> {
    let Some(stage) = record.state.stage_under_way() else {
        let reason = record.state.withdrawal.as_ref().and_then(|asked| asked.reason.clone()).unwrap_or_default();
        return match cancel(app, &record, &reason).await {
            Ok(()) => close(app, record, None, Some(DONE)).await,
            Err(error) => {
                let unknown = matches!(&error, Error::Provider(error) if error.may_have_had_effect());
                not_taken(app, record, error, if unknown { PERHAPS } else { UNTOLD }, patience).await
            }
        };
    };
    let (looked, record) = look(app, record, stage).await?;
    match looked {
        Looked::Held | Looked::Found => Ok(Outcome::Later(Box::new(record))),
        Looked::Nothing => close(app, record, None, Some(DONE)).await,
        Looked::Failed(error) => not_taken(app, record, error, UNKNOWN, Patience::Some).await,
    }
}

/// The platform has not taken it back; `said` is how that is told.
async fn not_taken(app: &App, record: Record, error: Error, said: &str, patience: Patience) -> Result<Outcome, Error> {
    use providers::Error as E;
    let (force, asked_at) = record.state.withdrawal.as_ref().map_or((false, 0), |asked| (asked.force, asked.at));
    let error = match error {
        Error::Provider(error) => error,
        // Its secrets do not open: nobody will mend that for it.
        Error::Store(error @ (StoreError::NotFound | StoreError::Corrupt { .. })) if force => {
            E::Unavailable { message: error.to_string() }
        }
        error => return Err(error),
    };
    let waited = app.world.now() - asked_at;
    let passes = error.passes();
    let is_spent = patience == Patience::None || waited >= GRACE;
    match (force, passes) {
        (false, true) => Ok(Outcome::Later(Box::new(tell(app, record, &error).await?))),
        (true, true) if !is_spent => Ok(Outcome::Later(Box::new(tell(app, record, &error).await?))),
        (false, false) => refuse(app, record, error).await,
        (true, _) => {
            // What may still run there is owed a cancel.
            let end = refusal(&error).filter(|_| record.state.stage_under_way().is_none());
            close(app, record, Some(format!("{said}: {error}.")), end).await
        }
    }
}

/// Stores why a withdrawal or an end by the deadline is tried again, where that is not what was stored last.
pub(super) async fn tell(app: &App, record: Record, error: &providers::Error) -> Result<Record, Error> {
    let told = Trouble { at: app.world.now(), error: failure(error) };
    let done = continue_from(app, record, |record| {
        let is_new = record.trouble.as_ref().is_none_or(|known| known.error != told.error);
        if is_new {
            record.trouble = Some(told.clone());
        }
        is_new && (record.state.withdrawal.is_some() || record.state.ending().is_some())
    });
    Ok(done.await?.record)
}

/// Ends the current stage's instance on its platform, if one is known.
pub(super) async fn cancel(app: &App, record: &Record, reason: &str) -> Result<(), Error> {
    let Some(current) = record.state.current_stage() else { return Ok(()) };
    let Some(instance) = &record.state.stages[current].instance else { return Ok(()) };
    cancel_instance(app, record, current, instance, reason).await
}

/// Ends an instance of a stage on its platform.
pub(super) async fn cancel_instance(
    app: &App,
    record: &Record,
    current: usize,
    instance: &str,
    reason: &str,
) -> Result<(), Error> {
    let stage = &record.state.stages[current];
    let connection = match app.store.get::<Connection>(&record.org, &stage.connection).await {
        Ok(stored) => stored.value,
        Err(StoreError::NotFound) => return Err(missing(&stage.connection).into()),
        Err(error) => return Err(error.into()),
    };
    let Some(provider) = providers::by_kind(&connection.kind) else {
        let (platform, what) = ("this deployment", "be used: this version does not know the platform");
        return Err(providers::Error::Unsupported { platform, what }.into());
    };
    let account = app.account_to_call(&connection).await?;
    let applicant = match &stage.applicant {
        Some(applicant) => applicant.clone(),
        None => {
            let accounts = app.store.request(&record.id).await?.request.applicant_accounts;
            accounts.get(current).cloned().flatten().unwrap_or_default()
        }
    };
    let line = app.line(&account.connection);
    provider.cancel(&account, instance, &applicant, reason, &line.calls()).await?;
    app.note_answered(&account.connection, app.world.now()).await;
    Ok(())
}

/// Ends it here. `end` is what became of the current stage's instance, where that is certain.
async fn close(app: &App, record: Record, note: Option<String>, end: Option<Came>) -> Result<Outcome, Error> {
    let at = app.world.now();
    let acted_on = record.state.current_stage().zip(end);
    let Transition { record, changed } = continue_from(app, record, |record| {
        let ends = record.state.end_withdrawn(at, note.as_deref());
        ended_with(&mut record.state, ends, acted_on.as_ref(), at)
    })
    .await?;
    // The platform's own callback may have been faster: it says the same.
    let withdrawn = record.state.closed.as_ref().is_some_and(|closure| closure.how == Closed::Withdrawn);
    Ok(if changed || withdrawn {
        Outcome::Withdrawn { record: Box::new(record), note }
    } else {
        Outcome::Ended(Box::new(record))
    })
}

/// The wish is dropped where it cannot come true, so that nobody waits for it.
async fn refuse(app: &App, record: Record, error: providers::Error) -> Result<Outcome, Error> {
    let acted_on = record.state.withdrawal.clone();
    let Transition { record, .. } =
        continue_from(app, record, |record| record.state.drop_withdrawal(acted_on.as_ref())).await?;
    Ok(if record.state.closed.is_some() {
        Outcome::Ended(Box::new(record))
    } else {
        Outcome::Refused(Box::new(record), error)
    })
}
