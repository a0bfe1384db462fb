//! Starting a stage on its platform: never lost, never twice.
//!
//! The right to start is a lease in the state item. Whoever holds it calls the platform, stores the reverse reference, then
//! the instance in the state. If it dies in between, the lease runs out, and the next one looks for the instance on the
//! platform before it makes one.

use super::find::find;
use super::keep::keep;
use super::leftovers::take_back;
use super::open::{Open, open};
use super::plan::{add_names, plan};
use crate::approval::{Closed, Closure, Stage};
use crate::backoff::Backoff;
use crate::engine::App;
use crate::engine::Error;
use crate::engine::failure::{failure, trouble};
use crate::engine::template::{create_template, remember};
use crate::engine::transition::{Transition, continue_from, transition};
use crate::ids::{ApprovalId, ConnectionId};
use crate::providers::{self, Fate, Start, Started};
use crate::store::approvals::{Record, Trouble};
use crate::store::requests::Request;

/// How long one start may take before another may try, in milliseconds. Longer than any function's time limit.
pub const LEASE: i64 = 60_000;

/// How long a start waits that the platform refused for now, or that did not reach it. One that may have had its effect waits as
/// long as a lease at least: a slow platform may still be at it. DingTalk's gateway gives a call up after 3 seconds (documented);
/// the others name no time.
const AGAIN: Backoff = Backoff { min: 2_000, max: 15 * 60 * 1000 };
/// How long a start waits that cannot even be tried.
const BROKEN: Backoff = Backoff { min: 60_000, max: 60 * 60 * 1000 };

/// What a start came to.
#[derive(Debug)]
pub enum StartOutcome {
    /// The platform runs it.
    Started(Box<Record>),
    /// The platform has not answered, or somebody else is at it: it goes on by itself.
    Starting(Box<Record>),
    /// The platform refused for good: the approval has failed.
    Failed(Box<Record>, providers::Error),
    /// There was nothing to start.
    NothingToDo(Box<Record>),
}

/// A start whose lease this process holds.
struct Held {
    record: Record,
    stage: usize,
    /// An earlier try may have reached the platform.
    tried: bool,
}

/// Starts the stage of an approval that is to be started, if there is one and nobody else is at it. A start that cannot even be
/// tried, since something that is stored is missing or cannot be read, is put off more and more.
///
/// # Errors
/// The table's own.
pub(super) async fn start_stage(app: &App, id: &ApprovalId) -> Result<(), Error> {
    let Err(error) = take_and_start(app, id).await else { return Ok(()) };
    if error.is_lasting() {
        let now = app.world.now();
        transition(app, id, |record| {
            let Some(stage) = record.state.stage_to_start() else { return false };
            record.state.stages[stage].lease_until = Some(now + BROKEN.wait((now - record.state.submitted_at) / 2));
            record.trouble = Some(trouble(&error, now));
            true
        })
        .await?;
    }
    Err(error)
}

async fn take_and_start(app: &App, id: &ApprovalId) -> Result<(), Error> {
    let now = app.world.now();
    let (mut taken, mut tried) = (None, false);
    let Transition { record, .. } = transition(app, id, |record| {
        taken = record.state.stage_to_start();
        // A stage that was tried before may have its instance already.
        tried = taken.is_some_and(|stage| record.state.stages[stage].may_be_there());
        taken = taken.filter(|stage| record.state.take_lease(*stage, now, now + LEASE));
        taken.is_some()
    })
    .await?;
    let Some(stage) = taken else { return Ok(()) };
    let request = app.store.request(&record.id).await?.request;
    start_held(app, record, stage, tried, &request).await.map(drop)
}

/// Starts a stage whose lease the caller holds. `tried` says that an earlier try may have reached the platform.
///
/// # Errors
/// The table's own. What the platform says is a [`StartOutcome`].
pub async fn start_held(
    app: &App,
    record: Record,
    stage: usize,
    tried: bool,
    request: &Request,
) -> Result<StartOutcome, Error> {
    if record.state.stages.get(stage).is_none_or(Stage::runs_here) {
        return Ok(StartOutcome::NothingToDo(Box::new(record)));
    }
    let held = Held { record, stage, tried };
    let open = match open(app, &held.record, stage).await {
        Ok(open) => open,
        Err(Error::Provider(error)) => return held.failed(app, error).await,
        Err(error) => return Err(error),
    };
    let mut start = plan(&held.record, stage, request);
    add_names(app, &held.record, open.provider, &mut start).await?;
    // Its callbacks may be faster than the answer: from now on they are known to be ours.
    if let Some(code) = start.template.as_deref().filter(|code| !open.account.has_template(code)) {
        remember(app, &open.connection, code, code).await?;
    }
    let connection = open.connection.id.clone();
    if tried {
        match find(app, &open, &start).await {
            Ok(None) => {}
            Ok(Some(found)) => return held.started(app, &connection, found).await,
            // Whatever the search was refused for, the instance may be there: that fails no approval.
            Err(error) => return held.put_off(app, &error.before_the_call()).await,
        }
    }
    match call(app, open, &start).await {
        Ok(started) => held.started(app, &connection, started).await,
        Err(Error::Provider(error)) => {
            app.note_exhausted(connection.as_str(), &error).await;
            held.failed(app, error).await
        }
        Err(error) => Err(error),
    }
}

/// Makes the instance, and our template before it where there is none.
async fn call(app: &App, open: Open, start: &Start) -> Result<Started, Error> {
    let Open { connection, provider, mut account } = open;
    match provider.start(&account, start, &app.calls()).await {
        Err(providers::Error::NotFound { code, .. }) if code == providers::TEMPLATE_MISSING => {
            let layout = provider.layout(&start.nodes);
            let made = create_template(app, provider, &connection, &mut account, &layout).await;
            made.map_err(before_the_start)?;
            Ok(provider.start(&account, start, &app.calls()).await?)
        }
        other => Ok(other?),
    }
}

/// What fails before the start itself has started nothing.
fn before_the_start(error: Error) -> Error {
    match error {
        Error::Provider(error) => Error::Provider(error.before_the_call()),
        error @ Error::Store(_) => error,
    }
}

impl Held {
    async fn started(self, app: &App, connection: &ConnectionId, started: Started) -> Result<StartOutcome, Error> {
        let record = keep(app, self.record, self.stage, connection, &started).await?;
        take_back(app, &record, self.stage, Some(&started.instance)).await?;
        Ok(StartOutcome::Started(Box::new(record)))
    }

    async fn failed(self, app: &App, error: providers::Error) -> Result<StartOutcome, Error> {
        if error.fate().passes() { self.put_off(app, &error).await } else { self.fail(app, error).await }
    }

    /// Gives the lease back until the start is to be tried again: soon at first, then less and less often, and not before a lease's
    /// time where this try may have had its effect.
    async fn put_off(self, app: &App, error: &providers::Error) -> Result<StartOutcome, Error> {
        let Self { record, stage, tried } = self;
        let now = app.world.now();
        let is_unknown = error.fate() == Fate::Unknown;
        let least = match error {
            providers::Error::Throttled { retry_after_ms: Some(wait), .. } => i64::try_from(*wait).unwrap_or(i64::MAX),
            _ if is_unknown => LEASE,
            _ => 0,
        };
        let wait = AGAIN.at_least(least).wait((now - record.state.submitted_at) / 2);
        tracing::warn!(approval.id = %record.id, stage, %error, wait_ms = wait, "the platform has not started it yet");
        let lease = record.state.stages.get(stage).and_then(|stage| stage.lease_until);
        let Transition { record, .. } = continue_from(app, record, |record| {
            let still = record.state.put_off(stage, lease, now + wait, !tried && !is_unknown);
            if still {
                record.trouble = Some(Trouble { at: now, error: failure(error) });
            }
            still
        })
        .await?;
        Ok(StartOutcome::Starting(Box::new(record)))
    }

    /// Ends an approval that cannot be started. One that was to be withdrawn is: nothing runs.
    async fn fail(self, app: &App, error: providers::Error) -> Result<StartOutcome, Error> {
        let at = app.world.now();
        let failure = failure(&error);
        let id = &self.record.id;
        tracing::warn!(approval.id = %id, code = failure.code, %error, "the platform refused to start it");
        let Transition { record, .. } = continue_from(app, self.record, |record| {
            if record.state.withdrawal.is_some() {
                return record.state.end_withdrawn(at, None);
            }
            let closure =
                Closure { how: Closed::Failed, at: Some(at), by: None, remark: Some(failure.message.clone()) };
            record.failure = Some(failure.clone());
            record.state.close(closure)
        })
        .await?;
        let is_withdrawn = record.state.closed.as_ref().is_some_and(|closure| closure.how == Closed::Withdrawn);
        let record = Box::new(record);
        Ok(if is_withdrawn { StartOutcome::NothingToDo(record) } else { StartOutcome::Failed(record, error) })
    }
}
