//! Starting a stage on its platform: never lost, never twice.
//!
//! The right to start is a lease in the state item. Whoever holds it calls the platform, stores the reverse reference, then
//! the instance in the state. If it dies in between, the lease runs out, and the next one looks for the instance on the
//! platform before it makes one.

use super::Error;
use super::callback::apply;
use super::due::next_look;
use super::leftovers;
use super::pace::Pace;
use super::template::{create_template, remember};
use super::transition::{Transition, continue_from, transition};
use crate::approval::{Approval, Closed, Closure};
use crate::config::organization::usual;
use crate::config::{Connection, Workspace};
use crate::http::App;
use crate::ids::{ApprovalId, ConnectionId};
use crate::providers::{self, Account, NodePlan, Provider, Start, Started};
use crate::store::Error as StoreError;
use crate::store::approvals::{Failure, Record, Trouble};
use crate::store::references::Reference;
use crate::store::requests::Request;

/// How long one start may take before another may try, in milliseconds. Longer than any function's time limit.
pub const LEASE: i64 = 60_000;

/// Shortest and longest wait before a start that the platform refused for now, or that did not reach it, is tried again, in
/// milliseconds. One that may have had its effect waits as long as a lease: a slow platform may still be at it. DingTalk's
/// gateway gives a call up after 3 seconds (documented); the others name no time.
const AGAIN_AT_LEAST: i64 = 2_000;
const AGAIN_AT_MOST: i64 = 15 * 60 * 1000;
/// A start that cannot even be tried is put off by so long at first and at last, in milliseconds.
const MIN_BROKEN_WAIT: i64 = 60_000;
const MAX_BROKEN_WAIT: i64 = 60 * 60 * 1000;

/// What mends refused credentials and a spent quota, on every platform.
const NEW_CREDENTIALS: &str =
    "Save the app's credentials in the connection again, as the platform's console shows them, and test it";
const MORE_CALLS: &str = "Wait for the next month, or buy calls on the platform";

/// What a start came to.
#[derive(Debug)]
pub enum Outcome {
    /// The platform runs it.
    Started(Box<Record>),
    /// The platform has not answered, or somebody else is at it: it goes on by itself.
    Starting(Box<Record>),
    /// The platform refused for good: the approval has failed.
    Failed(Box<Record>, providers::Error),
    /// There was nothing to start.
    NothingToDo(Box<Record>),
}

/// Starts the stage of an approval that is to be started, if there is one and nobody else is at it.
///
/// # Errors
/// The table's own. What the platform says is an [`Outcome`].
pub async fn start_stage(app: &App, id: &ApprovalId) -> Result<Outcome, Error> {
    let now = app.world.now();
    let mut held = None;
    // A stage that was tried before may have its instance already.
    let mut tried = false;
    let Transition { record, .. } = transition(app, id, |record| {
        held = record.state.stage_to_start();
        tried = held.is_some_and(|stage| record.state.stages[stage].may_be_there());
        let taken = held.is_some_and(|stage| record.state.take_lease(stage, now, now + LEASE));
        if taken {
            record.due_at = next_look(&record.state, now, Pace::Full);
        } else {
            held = None;
        }
        taken
    })
    .await?;
    match held {
        Some(stage) => start_held(app, record, stage, tried).await,
        None if record.state.stage_to_start().is_some() => Ok(Outcome::Starting(Box::new(record))),
        None => Ok(Outcome::NothingToDo(Box::new(record))),
    }
}

/// Starts the stage that is to be started, for a caller that is not told what came of it. A start that cannot even be tried, since
/// something that is stored is missing or cannot be read, is put off more and more.
///
/// # Errors
/// The table's own.
pub(super) async fn start_or_put_off(app: &App, record: &Record) -> Result<(), Error> {
    let Err(error) = start_stage(app, &record.id).await else { return Ok(()) };
    if error.is_lasting() {
        let now = app.world.now();
        let wait = ((now - record.state.submitted_at) / 2).clamp(MIN_BROKEN_WAIT, MAX_BROKEN_WAIT);
        transition(app, &record.id, |record| {
            let Some(stage) = record.state.stage_to_start() else { return false };
            record.state.stages[stage].lease_until = Some(now + wait);
            record.trouble = Some(trouble(&error, now));
            record.due_at = next_look(&record.state, now, Pace::Full);
            true
        })
        .await?;
    }
    Err(error)
}

/// Starts a stage whose lease the caller holds. `tried` says that an earlier try may have reached the platform.
///
/// # Errors
/// The table's own.
pub async fn start_held(app: &App, record: Record, stage: usize, tried: bool) -> Result<Outcome, Error> {
    let request = app.store.request(&record.id).await?.request;
    start_with(app, record, stage, tried, &request).await
}

/// Like [`start_held`], with the request at hand.
///
/// # Errors
/// The table's own.
pub async fn start_with(
    app: &App,
    record: Record,
    stage: usize,
    tried: bool,
    request: &Request,
) -> Result<Outcome, Error> {
    let Some(planned) = record.state.stages.get(stage) else { return Ok(Outcome::NothingToDo(Box::new(record))) };
    let connection = match app.store.get::<Connection>(&record.org, &planned.connection).await {
        Ok(stored) => stored.value,
        Err(StoreError::NotFound) => {
            let error = missing(&planned.connection);
            return fail(app, record, error).await;
        }
        Err(error) => return Err(error.into()),
    };
    let Some(provider) = providers::by_kind(&connection.kind) else {
        let what = "be used: this version does not know the platform";
        return fail(app, record, providers::Error::Unsupported { platform: "this deployment", what }).await;
    };
    let account = match app.account_to_call(&connection).await {
        Ok(account) => account,
        Err(Error::Provider(error)) => return again_later(app, record, stage, tried, &error).await,
        Err(error) => return Err(error),
    };
    let mut start = plan(&record, stage, request);
    if start.starts_at.or(start.ends_at).is_some() || provider.wants_names() {
        name(app, &record, provider, &mut start).await?;
    }
    // Its callbacks may be faster than the answer: from now on they are known to be ours.
    if let Some(code) = start.template.as_deref().filter(|code| !account.has_template(code)) {
        remember(app, &connection, code, code).await?;
    }
    if tried {
        match find(app, provider, &account, &start).await {
            Ok(None) => {}
            Ok(Some(found)) => return keep(app, record, stage, &connection.id, found).await,
            // Whatever the search was refused for, the instance may be there: that fails no approval.
            Err(error) => return again_later(app, record, stage, tried, &error.before_the_call()).await,
        }
    }
    match call(app, provider, &connection, account, &start).await {
        Ok(started) => keep(app, record, stage, &connection.id, started).await,
        Err(Error::Provider(error)) if !error.passes() => fail(app, record, error).await,
        Err(Error::Provider(error)) => {
            app.note_exhausted(connection.id.as_str(), &error).await;
            again_later(app, record, stage, tried, &error).await
        }
        Err(error) => Err(error),
    }
}

/// Gives the lease back until the start is to be tried again: soon at first, then less and less often, and not before a lease's
/// time where this try may have had its effect.
async fn again_later(
    app: &App,
    record: Record,
    stage: usize,
    tried: bool,
    error: &providers::Error,
) -> Result<Outcome, Error> {
    let now = app.world.now();
    let asked = match error {
        providers::Error::Throttled { retry_after_ms: Some(wait), .. } => i64::try_from(*wait).unwrap_or(AGAIN_AT_MOST),
        _ => 0,
    };
    let is_unknown = error.may_have_had_effect();
    let least = if is_unknown { LEASE } else { AGAIN_AT_LEAST };
    let wait = ((now - record.state.submitted_at) / 2).max(asked).clamp(least, AGAIN_AT_MOST);
    tracing::warn!(approval.id = %record.id, stage, %error, wait_ms = wait, "the platform has not started it yet");
    let held = record.state.stages.get(stage).and_then(|stage| stage.lease_until);
    let Transition { record, .. } = continue_from(app, record, |record| {
        let still = record.state.put_off(stage, held, now + wait, !tried && !is_unknown);
        if still {
            record.trouble = Some(Trouble { at: now, error: failure(error) });
            record.due_at = next_look(&record.state, now, Pace::Full);
        }
        still
    })
    .await?;
    Ok(Outcome::Starting(Box::new(record)))
}

/// Looks for the instance where an earlier try may have made it.
async fn find(
    app: &App,
    provider: &dyn Provider,
    account: &Account,
    start: &Start,
) -> Result<Option<Started>, providers::Error> {
    let found = provider.find(account, start, &app.line(&account.connection).calls()).await;
    app.flush_usage().await;
    if let Err(error) = &found {
        app.note_exhausted(&account.connection, error).await;
    }
    found
}

/// Makes the instance, and our template before it where there is none.
async fn call(
    app: &App,
    provider: &dyn Provider,
    connection: &Connection,
    mut account: Account,
    start: &Start,
) -> Result<Started, Error> {
    match provider.start(&account, start, &app.calls()).await {
        Err(providers::Error::NotFound { code, .. }) if code == providers::TEMPLATE_MISSING => {
            let made = create_template(app, provider, connection, &mut account, &provider.layout(&start.nodes)).await;
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
        error => error,
    }
}

/// Looks for the instance of a stage whose lease the caller holds, and keeps it if it is there; starts nothing.
///
/// # Errors
/// The platform's, or the table's own.
pub(super) async fn find_held(app: &App, record: Record, stage: usize) -> Result<Record, Error> {
    let request = app.store.request(&record.id).await?.request;
    let id = &record.state.stages[stage].connection;
    let connection = match app.store.get::<Connection>(&record.org, id).await {
        Ok(stored) => stored.value,
        Err(StoreError::NotFound) => return Err(missing(id).into()),
        Err(error) => return Err(error.into()),
    };
    let account = app.account_to_call(&connection).await?;
    let start = plan(&record, stage, &request);
    let line = app.line(&account.connection);
    match connection.provider()?.find(&account, &start, &line.calls()).await? {
        None => Ok(record),
        Some(found) => match keep(app, record, stage, &connection.id, found).await? {
            Outcome::Started(record)
            | Outcome::Starting(record)
            | Outcome::NothingToDo(record)
            | Outcome::Failed(record, _) => Ok(*record),
        },
    }
}

/// A stage's connection is there no more.
pub(super) fn missing(connection: &str) -> providers::Error {
    let message = format!("connection {connection} was deleted");
    providers::Error::NotFound { code: "connection_missing".into(), message }
}

/// What the platform is asked to start.
fn plan(record: &Record, stage: usize, request: &Request) -> Start {
    let Approval { applicant, stages, submitted_at, .. } = &record.state;
    let accounts =
        |node: &crate::approval::Node| node.approvers.iter().filter_map(|person| person.account.clone()).collect();
    let planned = &stages[stage];
    let nodes = planned.nodes.iter();
    let mut details = request.contact.clone();
    details.name = details.name.or_else(|| applicant.name.clone());
    Start {
        approval: record.id.to_string(),
        stage,
        submitted_at: *submitted_at,
        title: record.title.clone(),
        reason: request.reason.clone(),
        applicant: planned.applicant.clone().or_else(|| request.applicant_accounts.get(stage).cloned().flatten()),
        applicant_details: details,
        fields: request.fields.clone(),
        resource: request.resource.clone(),
        starts_at: request.starts_at,
        ends_at: request.ends_at,
        nodes: nodes
            .map(|node| NodePlan { name: node.name.clone(), mode: node.mode, approvers: accounts(node) })
            .collect(),
        template: planned.template.clone().or_else(|| request.templates.get(stage).cloned().flatten()),
        time_zone: usual(),
        organization_name: None,
        workspace_name: None,
    }
}

/// Adds the organisation's time zone and, for a platform that wants them, our names of the organisation and the workspace; none of what
/// is not there any more.
async fn name(app: &App, record: &Record, provider: &dyn Provider, start: &mut Start) -> Result<(), Error> {
    let organization = app.organization(&record.org).await?;
    if let Some(organization) = &organization {
        start.time_zone = organization.time_zone.time_zone();
    }
    if !provider.wants_names() {
        return Ok(());
    }
    start.organization_name = organization.map(|organization| organization.name.clone());
    let Some(id) = &record.workspace else { return Ok(()) };
    start.workspace_name = match app.store.get::<Workspace>(&record.org, id.as_str()).await {
        Ok(found) => Some(found.value.name),
        Err(StoreError::NotFound) => None,
        Err(error) => return Err(error.into()),
    };
    Ok(())
}

/// Stores a started instance: the way back first, so that a callback finds it, then the state, then what was parked.
async fn keep(
    app: &App,
    record: Record,
    stage: usize,
    connection: &ConnectionId,
    started: Started,
) -> Result<Outcome, Error> {
    let reference = Reference { approval: record.id.clone(), stage };
    app.store.create_reference(connection, &started.instance, &reference).await?;
    let at = app.world.now();
    let parked = app.store.parked(connection, &started.instance).await?;
    let Transition { record, .. } = continue_from(app, record, |record| {
        let before = record.state.clone();
        record.state.started(stage, started.instance.clone(), started.url.clone(), at);
        record.trouble = None;
        apply(record, stage, &started.instance, &parked, at);
        if record.state.withdrawal.is_some() {
            record.due_at = next_look(&record.state, at, Pace::Full);
        }
        record.state != before
    })
    .await?;
    // The approval was ended meanwhile, or the stage has got another instance: nobody waits for this one.
    if let Some(left) = record.state.leftover(stage, &started.instance) {
        leftovers::cancel(app, &record, left, &started.instance).await?;
    }
    Ok(Outcome::Started(Box::new(record)))
}

/// Ends an approval that cannot be started. One that was to be withdrawn is: nothing runs.
async fn fail(app: &App, record: Record, error: providers::Error) -> Result<Outcome, Error> {
    let at = app.world.now();
    let failure = failure(&error);
    tracing::warn!(approval.id = %record.id, code = failure.code, %error, "the platform refused to start it");
    let Transition { record, .. } = continue_from(app, record, |record| {
        if record.state.withdrawal.is_some() {
            return record.state.end_withdrawn(at, None);
        }
        let closure = Closure { how: Closed::Failed, at: Some(at), by: None, remark: Some(failure.message.clone()) };
        record.failure = Some(failure.clone());
        record.state.close(closure)
    })
    .await?;
    let is_withdrawn = record.state.closed.as_ref().is_some_and(|closure| closure.how == Closed::Withdrawn);
    let record = Box::new(record);
    Ok(if is_withdrawn { Outcome::NothingToDo(record) } else { Outcome::Failed(record, error) })
}

/// What stood in the way at `now` (milliseconds).
pub(super) fn trouble(error: &Error, now: i64) -> Trouble {
    let error = match error {
        Error::Provider(error) => failure(error),
        Error::Store(error) => {
            Failure { code: "internal".into(), provider_code: None, message: error.to_string(), fix: None }
        }
    };
    Trouble { at: now, error }
}

/// How a refusal is told.
#[must_use]
pub fn failure(error: &providers::Error) -> Failure {
    use providers::Error as E;
    let (code, provider_code, fix) = match error {
        E::Unsupported { .. } => ("provider_cannot", None, None),
        E::Permission { code, fix, .. } => ("provider_permission", Some(code), Some(fix.clone())),
        E::Credentials { code, .. } | E::TokenRefused { code, .. } => {
            ("provider_credentials", Some(code), Some(NEW_CREDENTIALS.to_owned()))
        }
        E::Throttled { code, .. } => ("provider_throttled", Some(code), None),
        E::QuotaExhausted { code, .. } => ("quota_exhausted", Some(code), Some(MORE_CALLS.to_owned())),
        E::NotFound { code, .. } | E::Refused { code, .. } => ("provider_refused", Some(code), None),
        E::NotYet { code, .. } => ("provider_not_yet", Some(code), None),
        E::NotSent { fix, .. } => ("provider_unavailable", None, fix.map(str::to_owned)),
        E::Unavailable { .. } => ("provider_unavailable", None, None),
    };
    let message = error.to_string().chars().take(500).collect();
    Failure { code: code.into(), provider_code: provider_code.cloned(), message, fix }
}
