//! `POST /inbound/{source}/quick-audience/apply[/{token}]`: the apply notice of Quick Audience.
//!
//! Nothing in the vendor's protocol proves who sends it; the token in the address does. A notice whose approval is written is
//! answered with `true`, also where the platform has refused it: what becomes of it is told by call back, and that once. So a
//! notice that comes again starts nothing again.

use axum::extract::{Path, Request, State};
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Extension, Router};
use countersign::approval::Status;
use countersign::delivery::rfc3339;
use countersign::engine::App;
use countersign::engine::submit::{Applicant, Asked, Body, submit};
use countersign::http::{Problem, TraceId, pasted};
use countersign::providers::Resource;
use countersign::providers::external::wire;
use countersign::resources::Source;
use countersign::sources::Receiver;
use countersign::sources::quick_audience::apply::Notice;
use countersign::sources::quick_audience::{KIND, Origin, PATH_TOKEN};
use secrecy::ExposeSecret;
use serde_json::Value;
use subtle::ConstantTimeEq;

use super::{Call, Unread, message};

/// What may mend a refusal that the notice is the cause of.
const SOLUTION: &str = "See the field that errorDesc names, and the source's settings and flow.";

pub(crate) fn router() -> Router<App> {
    let router = pasted(Router::new(), "/inbound/{source}/quick-audience/apply", post(notice));
    pasted(router, "/inbound/{source}/quick-audience/apply/{token}", post(notice))
}

/// The variables of the address.
#[derive(serde::Deserialize)]
struct Address {
    source: String,
    token: Option<String>,
}

async fn notice(
    State(app): State<App>,
    Path(address): Path<Address>,
    Extension(trace): Extension<TraceId>,
    request: Request,
) -> Response {
    let call = match Call::read(&app, KIND, &address.source, request).await {
        Ok(call) if is_right(&call, address.token.as_deref()) => call,
        Ok(_) | Err(Unread::Unknown) => return unknown(),
        Err(Unread::Body(problem) | Unread::Ours(problem)) => return Answer::Boolean.refusal(&problem, &trace),
    };
    let answer = Answer::of(&call.receiver);
    match take(&app, call).await {
        Ok(()) => answer.yes(&trace),
        Err(problem) => answer.refusal(&problem, &trace),
    }
}

/// Whether the address holds the source's token, as a last segment or as `token` in the query, if the source has one.
fn is_right(call: &Call, in_path: Option<&str>) -> bool {
    let Some(token) = call.receiver.secrets.get(PATH_TOKEN) else { return true };
    let given = in_path.or_else(|| call.query("token")).unwrap_or_default();
    token.expose_secret().as_bytes().ct_eq(given.as_bytes()).into()
}

async fn take(app: &App, mut call: Call) -> Result<(), Problem> {
    call.read_body()?;
    let notice =
        Notice::parse(&call.body).map_err(|error| Problem::bad_request("invalid_request", error.to_string()))?;
    let origin = origin(&notice, &call.receiver)?;
    // As lines: no id holds a line's end.
    let key = format!("{}\n{}", origin.organization_id, origin.apply_id);
    if has_failed(app, &call.source, &key).await? {
        return Ok(());
    }
    let sent = serde_json::to_value(&notice).map_err(Problem::internal)?;
    let asked = Asked { key, sent, body: body(notice), origin: origin.into_map() };
    let submitted = submit(app, call.source, asked).await?;
    let record = submitted.record();
    tracing::info!(approval.id = %record.id, approval.status = ?record.state.status(), "apply notice taken");
    Ok(())
}

/// A failed approval would be started again: but Quick Audience was told of its end.
async fn has_failed(app: &App, source: &Source, key: &str) -> Result<bool, Problem> {
    let found = app.store.approvals(&app.approval_ids(&source.id, key).await?).await?;
    Ok(found.first().is_some_and(|record| record.state.status() == Status::Failed))
}

/// What the call back needs, found in the notice or in the settings. The settings count: a notice that names others is refused.
fn origin(notice: &Notice, receiver: &Receiver) -> Result<Origin, Problem> {
    let id = |sent: &Option<String>, field: &'static str, setting: &'static str| {
        let refused = |what: String| Problem::bad_request("invalid_request", format!("{field}: {what}"));
        match (sent, receiver.setting(setting)) {
            (Some(sent), Some(ours)) if sent != ours => Err(refused(format!("is not the source's `{setting}`"))),
            (Some(id), _) => Ok(id.clone()),
            (None, Some(ours)) => Ok(ours.to_owned()),
            (None, None) => Err(refused(format!("is missing, and the source has no `{setting}`"))),
        }
    };
    Ok(Origin {
        apply_id: notice.apply_id.clone(),
        organization_id: id(&notice.organization_id, wire::ORGANIZATION_ID, "organization_id")?,
        workspace_id: id(&notice.workspace_id, wire::WORKSPACE_ID, "workspace_id")?,
    })
}

/// What is asked, in our words. Who approves is the business of the source's rules and flow.
fn body(notice: Notice) -> Body {
    let (starts, ends) = notice.times();
    let (title, fields) = (notice.title(), notice.fields());
    let Notice { applicant, reason, resource, link, .. } = notice;
    Body {
        title,
        reason,
        applicant: Applicant {
            name: applicant.name,
            mobile: applicant.mobile,
            email: applicant.email,
            ..Applicant::default()
        },
        fields,
        resource: resource.map(|name| Resource { name, url: link }),
        starts_at: starts.map(rfc3339),
        ends_at: ends.map(rfc3339),
        ..Body::default()
    }
}

/// How Quick Audience is answered: "a Boolean value", says the vendor, and shows none.
#[derive(Debug, Clone, Copy)]
enum Answer {
    Boolean,
    Envelope,
}

impl Answer {
    fn of(receiver: &Receiver) -> Self {
        if receiver.setting("answer") == Some("envelope") { Self::Envelope } else { Self::Boolean }
    }

    fn yes(self, trace: &TraceId) -> Response {
        match self {
            Self::Boolean => json(StatusCode::OK, &Value::Bool(true)),
            Self::Envelope => json(StatusCode::OK, &wire::envelope(None, trace.as_str())),
        }
    }

    /// The status says what kind of refusal it is; only the envelope has room for why.
    fn refusal(self, problem: &Problem, trace: &TraceId) -> Response {
        let description = message(problem);
        tracing::warn!(status = problem.status().as_u16(), code = problem.code(), "apply notice refused");
        let mut response = match self {
            Self::Boolean => json(problem.status(), &Value::Bool(false)),
            Self::Envelope => {
                let code = problem.code().to_ascii_uppercase();
                let said = Some((code.as_str(), description.as_str(), SOLUTION));
                json(problem.status(), &wire::envelope(said, trace.as_str()))
            }
        };
        if problem.status() == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("5"));
        }
        response
    }
}

/// One answer for an unknown source and for a wrong token: it tells neither.
fn unknown() -> Response {
    json(StatusCode::NOT_FOUND, &Value::Bool(false))
}

fn json(status: StatusCode, value: &Value) -> Response {
    (status, [(CONTENT_TYPE, "application/json")], value.to_string()).into_response()
}
