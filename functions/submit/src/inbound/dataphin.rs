//! `/inbound/{source}/dataphin/bpms/…`: Dataphin's connection test, its forms, its revokes, and whatever else it calls.
//!
//! What the wire holds is read in `countersign::sources::dataphin`; the answers have its shape.

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use countersign::approval::Person;
use countersign::engine::App;
use countersign::engine::submit::{Asked, SubmitError, Submitted, submit};
use countersign::engine::withdraw::{EndOutcome, withdraw};
use countersign::http::Problem;
use countersign::ids::ApprovalId;
use countersign::providers;
use countersign::sources::dataphin::inbound::{self, Age, Form};
use countersign::sources::dataphin::reply;
use countersign::sources::dataphin::revoke::{self, Revoke};
use countersign::sources::dataphin::{KIND, REVOKED_IN_DATAPHIN, origin};
use countersign::store;
use countersign::store::approvals::{Failure, Record};
use serde_json::{Value, json};

use super::{Call, Unread};
use people::Mapped;

mod people;

/// Dataphin puts `/dataphin/bpms/…` behind the address that was pasted, and behind its slash, if it has one.
pub(super) fn router() -> Router<App> {
    ["/inbound/{source}/dataphin/bpms", "/inbound/{source}//dataphin/bpms"].into_iter().fold(
        Router::new(),
        |router, base| {
            router
                .route(&format!("{base}/check/connect"), post(check))
                .route(&format!("{base}/processinstance/create"), post(create))
                .route(&format!("{base}/{{*path}}"), post(other).get(other))
        },
    )
}

/// Why a call of Dataphin was refused, and how it is answered.
struct DataphinRefusal {
    status: StatusCode,
    code: &'static str,
    message: String,
}

impl DataphinRefusal {
    fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into() }
    }

    fn of(problem: &Problem) -> Self {
        Self::new(problem.status(), problem.code(), super::message(problem))
    }
}

impl From<inbound::Bad> for DataphinRefusal {
    fn from(bad: inbound::Bad) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_request", bad.to_string())
    }
}

/// One answer for every way of not being who one says, on every path: it tells an attacker nothing.
fn unauthorized() -> Response {
    let body = json!({"checkResult": "failed", "success": false, "message": "the access token is wrong"});
    (StatusCode::UNAUTHORIZED, axum::Json(body)).into_response()
}

/// Reads a call.
async fn read(app: &App, id: &str, request: Request) -> Result<Call, Response> {
    Call::read(app, KIND, id, request).await.map_err(|unread| match unread {
        Unread::Unknown => unauthorized(),
        Unread::Body(problem) | Unread::Ours(problem) => {
            let body = json!({"checkResult": "failed", "success": false, "message": super::message(&problem)});
            (problem.status(), axum::Json(body)).into_response()
        }
    })
}

/// Why a call is turned away, if it is: its token is wrong, or its time is refused.
fn turned_away(app: &App, call: &Call) -> Option<Response> {
    let source = call.source.id.as_str();
    if !inbound::is_allowed(&call.receiver, call.query("accessToken")) {
        tracing::warn!(source.id = source, "a call for Dataphin's source has a wrong access token");
        return Some(unauthorized());
    }
    match inbound::age(&call.receiver, call.query("timestamp"), app.world.now()) {
        Age::Near => None,
        Age::Far => {
            tracing::warn!(source.id = source, "Dataphin's timestamp is missing or far off: is a clock wrong?");
            None
        }
        Age::Refused => {
            let message = "timestamp: is missing or too far from this server's time";
            Some(refused(call, None, &DataphinRefusal::new(StatusCode::UNAUTHORIZED, "far_timestamp", message)))
        }
    }
}

/// Reads a call, and lets it in.
async fn enter(app: &App, id: &str, request: Request) -> Result<Call, Response> {
    let call = read(app, id, request).await?;
    turned_away(app, &call).map_or(Ok(call), Err)
}

/// Reads the body of a call that was let in. Answers with the refusal, if it cannot be read.
fn unread(call: &mut Call) -> Option<Response> {
    let problem = call.read_body().err()?;
    Some(refused(call, None, &DataphinRefusal::of(&problem)))
}

/// What was refused, in the source's words; logged, since Dataphin may show its users less.
fn refused(call: &Call, apply_id: Option<&str>, refusal: &DataphinRefusal) -> Response {
    let DataphinRefusal { status, code, message } = refusal;
    tracing::warn!(source.id = %call.source.id, apply_id, code, why = message, "refused a call of Dataphin");
    let status = if reply::tells_by_status(&call.receiver) { *status } else { StatusCode::OK };
    (status, axum::Json(reply::refused(&call.receiver, message))).into_response()
}

fn accepted(call: &Call, id: Option<&ApprovalId>, message: Option<&str>) -> Response {
    axum::Json(reply::accepted(&call.receiver, id.map(ApprovalId::as_str), message)).into_response()
}

/// The connection test. Whatever its answer says beside `checkResult`, only `success` passes.
async fn check(State(app): State<App>, Path(id): Path<String>, request: Request) -> Response {
    let call = match enter(&app, &id, request).await {
        Ok(call) => call,
        Err(answer) => return answer,
    };
    match inbound::check(&call.body) {
        Ok(()) => axum::Json(json!({"checkResult": "success"})).into_response(),
        Err(bad) => {
            let body = json!({"checkResult": "failed", "message": bad.to_string()});
            let by_status = reply::tells_by_status(&call.receiver);
            (if by_status { StatusCode::BAD_REQUEST } else { StatusCode::OK }, axum::Json(body)).into_response()
        }
    }
}

/// A form. The same form again is answered as the first time.
async fn create(State(app): State<App>, Path(id): Path<String>, request: Request) -> Response {
    let mut call = match enter(&app, &id, request).await {
        Ok(call) => call,
        Err(answer) => return answer,
    };
    if let Some(answer) = unread(&mut call) {
        return answer;
    }
    let form = match inbound::form(&call.receiver, &call.body) {
        Ok(form) => form,
        Err(bad) => return refused(&call, None, &bad.into()),
    };
    let result = take_in(&app, &call, &form).await;
    app.flush_usage().await;
    match result {
        Ok(record) => {
            let ended = record.state.closed.is_some();
            let message = ended.then(|| format!("the approval has ended: {}", status(&record)));
            accepted(&call, Some(&record.id), message.as_deref())
        }
        Err(refusal) => refused(&call, Some(&form.apply_id), &refusal),
    }
}

fn status(record: &Record) -> Value {
    serde_json::to_value(record.state.status()).unwrap_or_default()
}

/// Submits a form.
async fn take_in(app: &App, call: &Call, form: &Form) -> Result<Box<Record>, DataphinRefusal> {
    let mapped = Mapped::of(app, call, form).await?;
    let asked = Asked {
        key: form.key(),
        sent: form.asked.clone(),
        body: mapped.body(call, form),
        origin: origin(form, mapped.known.clone()),
    };
    match submit(app, call.source.clone(), asked).await {
        Ok(Submitted::Created(record) | Submitted::Starting(record) | Submitted::Known(record)) => Ok(record),
        Ok(Submitted::Refused(_, failure)) => Err(not_started(&failure)),
        Err(error @ SubmitError::ReusedKey(_)) => {
            let message = "applyId: a form of this id was submitted before, with another content or other people";
            Err(DataphinRefusal::new(StatusCode::CONFLICT, error.code(), message))
        }
        Err(error) => Err(mapped.explain(form, error)),
    }
}

/// The platform refused for good.
fn not_started(failure: &Failure) -> DataphinRefusal {
    let fix = failure.fix.as_ref().map(|fix| format!(" ({fix})")).unwrap_or_default();
    let message = format!("the approval could not be started: {}{fix}", failure.message);
    DataphinRefusal::new(StatusCode::UNPROCESSABLE_ENTITY, "not_started", message)
}

/// A revoke, at whatever path the source's settings say; else a call that is not known, whose path and shape an operator finds in the
/// log, whether or not it showed the token in the way that is known.
async fn other(State(app): State<App>, Path((id, path)): Path<(String, String)>, request: Request) -> Response {
    let mut call = match read(&app, &id, request).await {
        Ok(call) => call,
        Err(answer) => return answer,
    };
    let is_revoke = revoke::is_at(&call.receiver, &path);
    if !is_revoke {
        tell_of_unknown(&call, &path, "a call that is not known: `revoke_paths` of the source names those that revoke");
    }
    if let Some(answer) = turned_away(&app, &call) {
        return answer;
    }
    if is_revoke {
        if let Some(answer) = unread(&mut call) {
            return answer;
        }
        return match withdraw_form(&app, &call, &path).await {
            Ok(answer) => answer,
            Err(refusal) => refused(&call, None, &refusal),
        };
    }
    let message = "this call is not known here; its path and the names of its fields are in the log";
    refused(&call, None, &DataphinRefusal::new(StatusCode::NOT_FOUND, "unknown_call", message))
}

/// Longest path that is logged, in characters.
const MAX_PATH: usize = 200;

/// Logs names and types, and no values.
fn tell_of_unknown(call: &Call, path: &str, what: &str) {
    let path: String = path.chars().take(MAX_PATH).collect();
    let names: Vec<&str> = call.query.iter().map(|(name, _)| name.as_str()).take(20).collect();
    let (method, shape) = (&call.method, revoke::shape(&call.body));
    let content_type = call.headers.get("content-type");
    tracing::warn!(source.id = %call.source.id, %method, ?path, query = ?names, ?content_type, ?shape, "{what}");
}

/// Withdraws the approval of a form. What is not known, or has ended, needs nothing done: Dataphin may close its form.
async fn withdraw_form(app: &App, call: &Call, path: &str) -> Result<Response, DataphinRefusal> {
    let revoke = revoke::read(&call.receiver, &call.query, &call.body);
    if revoke.instance_id.is_none() && revoke.apply_id.is_none() {
        tell_of_unknown(call, path, "a revoke without an id that is known");
        let message = "no id was found: one of processInstanceId, instanceId, applyId is needed";
        return Err(DataphinRefusal::new(StatusCode::BAD_REQUEST, "invalid_request", message));
    }
    let Some(record) = find(app, call, &revoke).await? else {
        tracing::warn!(source.id = %call.source.id, apply_id = revoke.apply_id, "a revoke of a form that is not known");
        return Ok(accepted(call, None, Some("there is no approval of this form: nothing was withdrawn")));
    };
    let by = match &revoke.user {
        Some(user) => format!("{REVOKED_IN_DATAPHIN}: {user}"),
        None => REVOKED_IN_DATAPHIN.to_owned(),
    };
    let by = Person { name: Some(by), ..Person::default() };
    let outcome = withdraw(app, &record.id, by, revoke.reason, revoke.force).await;
    app.flush_usage().await;
    match outcome.map_err(|error| DataphinRefusal::of(&error.into()))? {
        EndOutcome::Done { record, note } => Ok(accepted(call, Some(&record.id), note.as_deref())),
        EndOutcome::Later(record) => Ok(accepted(
            call,
            Some(&record.id),
            Some("the platform takes it only later: it is tried again until it does"),
        )),
        EndOutcome::Ended(record) => {
            let message = format!("the approval has ended: {}", status(&record));
            Ok(accepted(call, Some(&record.id), Some(&message)))
        }
        EndOutcome::Refused(_, error @ providers::Error::Unsupported { .. }) => {
            let message = format!("{error}; a forced revoke closes it here without telling the platform");
            Err(DataphinRefusal::new(StatusCode::CONFLICT, "provider_cannot", message))
        }
        EndOutcome::Refused(_, error) => {
            let message = format!("{error}; a forced revoke closes it here all the same");
            Err(DataphinRefusal::new(StatusCode::CONFLICT, "provider_refused", message))
        }
    }
}

/// The approval that a revoke is about, if it is one of this source: by our id, else by the form's.
async fn find(app: &App, call: &Call, revoke: &Revoke) -> Result<Option<Record>, DataphinRefusal> {
    let failed = |error: store::Error| DataphinRefusal::of(&error.into());
    let ours = revoke.instance_id.as_deref().and_then(|id| id.parse::<ApprovalId>().ok());
    let mut ids: Vec<ApprovalId> = ours.into_iter().collect();
    if let Some(apply_id) = revoke.apply_id.as_deref() {
        // A version that sends no tenant with a form may send one with its revoke.
        for tenant in [revoke.tenant_id.as_deref(), None] {
            let key = inbound::key(tenant, apply_id);
            ids.extend(app.approval_ids(&call.source.id, &key).await.map_err(failed)?);
        }
    }
    let found = app.store.approvals(&ids).await.map_err(failed)?;
    Ok(found.into_iter().find(|record| record.source == call.source.id))
}
