//! `POST /openapi/apply/externalApplyCallBack`: decisions of an external OA, in Quick Audience's form and envelope.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Extension, Router};
use countersign::approval::Stage;
use countersign::engine::App;
use countersign::engine::connections::OpenConnection;
use countersign::engine::transition::continue_from;
use countersign::http::form::{self, Unreadable};
use countersign::http::{TraceId, extract, ok_router, pasted};
use countersign::ids::ApprovalId;
use countersign::providers::external::{Credentials, Decision, authenticate, parse, wire};
use countersign::store;
use countersign::store::approvals::Record;

/// What this function serves: the path that Quick Audience's customers know.
pub const ROUTES: &[(&str, &str)] = &[("POST", wire::CALL_BACK_PATH)];

/// Below this the gateway hands in everything else: the address with a slash behind it.
pub const BELOW: &[(&str, &str)] = &[("POST", "/openapi/apply/{proxy+}")];

/// The routes of this function.
pub fn routes(app: App) -> Router {
    let world = app.world.clone();
    ok_router(pasted(Router::new(), wire::CALL_BACK_PATH, post(callback)).with_state(app), &world)
}

/// Why a call back was refused, in the envelope's words.
struct CallbackRefusal {
    status: StatusCode,
    code: &'static str,
    description: String,
    solution: &'static str,
}

impl CallbackRefusal {
    fn new(status: StatusCode, code: &'static str, description: impl Into<String>, solution: &'static str) -> Self {
        Self { status, code, description: description.into(), solution }
    }

    /// One answer for every way of not being who one says: it tells an attacker nothing.
    fn unauthorized() -> Self {
        let solution = "Check accessId, organizationId and the secret against the connection's settings.";
        Self::new(StatusCode::UNAUTHORIZED, "UNAUTHORIZED", "the call back is not from a known connection", solution)
    }

    fn unknown_form() -> Self {
        let solution = "Send the applyId of the notice.";
        Self::new(StatusCode::NOT_FOUND, "APPLY_NOT_FOUND", "there is no such form", solution)
    }
}

impl From<Unreadable> for CallbackRefusal {
    fn from(unreadable: Unreadable) -> Self {
        let (status, code, description, solution) = match unreadable {
            Unreadable::Charset => (
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "UNKNOWN_CHARSET",
                "the stated character set is not read",
                "Send UTF-8, GBK or GB18030, and state which in Content-Type.",
            ),
            Unreadable::Bytes => (
                StatusCode::BAD_REQUEST,
                "INVALID_CHARACTERS",
                "a value is not of the stated character set, or of UTF-8 where none is stated",
                "Send UTF-8, or state the character set: Content-Type: application/x-www-form-urlencoded; charset=GBK.",
            ),
            Unreadable::Control => {
                (StatusCode::BAD_REQUEST, "INVALID_CHARACTERS", "a value holds a control character", "Remove it.")
            }
        };
        Self::new(status, code, description, solution)
    }
}

impl From<store::Error> for CallbackRefusal {
    fn from(error: store::Error) -> Self {
        match error {
            store::Error::NotFound => Self::unknown_form(),
            error => {
                tracing::error!(%error, "the call back could not be applied");
                let description = "the call back could not be stored";
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "UNAVAILABLE", description, "Send it again.")
            }
        }
    }
}

async fn callback(State(app): State<App>, Extension(trace): Extension<TraceId>, request: Request) -> Response {
    let result = handle(&app, request).await;
    let (status, envelope) = match &result {
        Ok(()) => (StatusCode::OK, wire::envelope(None, trace.as_str())),
        Err(refusal) => {
            let said = (refusal.code, refusal.description.as_str(), refusal.solution);
            (refusal.status, wire::envelope(Some(said), trace.as_str()))
        }
    };
    let mut response = (status, axum::Json(envelope)).into_response();
    if status == StatusCode::SERVICE_UNAVAILABLE {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("5"));
    }
    response
}

async fn handle(app: &App, request: Request) -> Result<(), CallbackRefusal> {
    let call = Call::read(app, request).await?;
    let connections = call.connections(app).await?;
    let now = app.world.now();
    let allowed: Vec<Arc<OpenConnection>> =
        connections.into_iter().filter(|open| authenticate(&open.account, &call.credentials(), now)).collect();
    if allowed.is_empty() {
        return Err(CallbackRefusal::unauthorized());
    }
    let decision = match parse(&call.form) {
        Ok(decision) => decision,
        Err(error) => {
            // Whose it is, is certain only where one connection may have sent it.
            if let [open] = &allowed[..] {
                app.note_unreadable(&open.connection.id).await;
            }
            let description = error.to_string();
            return Err(CallbackRefusal::new(
                StatusCode::BAD_REQUEST,
                "INVALID_PARAMETER",
                description,
                "Correct the field.",
            ));
        }
    };
    let (record, stage) = find(app, &allowed, &decision).await?;
    let done = continue_from(app, record, |record| {
        let events = decision.events(&record.state, stage, now);
        events.into_iter().fold(false, |changed, event| record.state.apply(stage, event) | changed)
    })
    .await?;
    tracing::info!(
        approval.id = %done.record.id,
        approval.status = ?done.record.state.status(),
        changed = done.changed,
        "call back applied"
    );
    Ok(())
}

/// The approval that the form is, on one of these connections, and the stage.
async fn find(
    app: &App,
    connections: &[Arc<OpenConnection>],
    decision: &Decision,
) -> Result<(Record, usize), CallbackRefusal> {
    let id: ApprovalId = decision.apply_id.parse().map_err(|_| CallbackRefusal::unknown_form())?;
    let record = app.store.approval(&id).await?;
    let open = connections.iter().find_map(|open| {
        let own = open.connection.org == record.org;
        let is_theirs = |stage: &Stage| own && stage.connection == open.connection.id.as_str();
        let stage = record.state.stages.iter().position(is_theirs)?;
        // Before its notice went out the OA knows of no form: what it says then is not of this one.
        record.state.has_begun(stage).then_some((open, stage))
    });
    let (open, stage) = open.ok_or_else(CallbackRefusal::unknown_form)?;
    for (field, sent, setting) in [
        ("organizationId", &decision.organization_id, "organization_id"),
        ("workspaceId", &decision.workspace_id, "workspace_id"),
    ] {
        let ours = open.account.setting(setting);
        if let (Some(sent), Some(ours)) = (sent, ours)
            && sent != ours
        {
            let description = format!("{field}: is not the connection's");
            return Err(CallbackRefusal::new(
                StatusCode::BAD_REQUEST,
                "INVALID_PARAMETER",
                description,
                "Correct the field.",
            ));
        }
    }
    Ok((record, stage))
}

/// A call back as it came in.
struct Call {
    form: Vec<(String, String)>,
    query: Vec<(String, String)>,
    authorization: Option<String>,
}

impl Call {
    async fn read(app: &App, request: Request) -> Result<Self, CallbackRefusal> {
        let authorization = header(&request, &AUTHORIZATION);
        let kind = header(&request, &CONTENT_TYPE).unwrap_or_default();
        let media_type = kind.split(';').next().unwrap_or_default().trim();
        let is_form = media_type.eq_ignore_ascii_case("application/x-www-form-urlencoded");
        let query = form::pairs(request.uri().query().unwrap_or_default().as_bytes(), form::UTF_8)?;
        if !is_form {
            let solution = "Send Content-Type: application/x-www-form-urlencoded.";
            let description = "the body is not a form";
            return Err(CallbackRefusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "NOT_A_FORM", description, solution));
        }
        let charset = form::charset(&kind)?;
        let body = extract::body(request, app).await.map_err(|problem| match problem.status() {
            StatusCode::PAYLOAD_TOO_LARGE => {
                CallbackRefusal::new(problem.status(), "TOO_LARGE", "the body is larger than 1 MiB", "Send less.")
            }
            status => CallbackRefusal::new(status, "UNREADABLE", "the body ended early", "Send it again."),
        })?;
        Ok(Self { form: form::pairs(&body, charset)?, query, authorization })
    }

    fn form(&self, name: &str) -> Option<&str> {
        first(&self.form, name)
    }

    fn credentials(&self) -> Credentials<'_> {
        Credentials {
            access_id: self.form("accessId").or_else(|| first(&self.query, "accessId")),
            access_key: self.form("accessKey").or_else(|| first(&self.query, "accessKey")),
            app_id: first(&self.query, "appId"),
            timestamp: first(&self.query, "timestamp"),
            authorization: self.authorization.as_deref(),
        }
    }

    /// The connections that the call may be of: by access id, else by organisation id.
    async fn connections(&self, app: &App) -> Result<Vec<Arc<OpenConnection>>, CallbackRefusal> {
        let shown = self.credentials();
        // The open platform's `accessKey` is the public half of its credentials: our access id.
        let access_id = shown.access_id.or_else(|| shown.authorization.and(shown.access_key));
        let organization_id = self.form("organizationId");
        Ok(app.external_connections(access_id, organization_id).await?)
    }
}

fn header(request: &Request, name: &HeaderName) -> Option<String> {
    request.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
}

fn first<'a>(pairs: &'a [(String, String)], name: &str) -> Option<&'a str> {
    pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
}
