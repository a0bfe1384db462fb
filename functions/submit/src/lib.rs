//! `POST /v1/approvals`, and `/inbound/…` for products: starts an approval.
//!
//! Who asks and for what is checked, people are resolved to accounts of the platforms, the request and the state are
//! written, and the first stage is started. A repeated `Idempotency-Key` finds the first approval.

mod answer;
mod inbound;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::response::Response;
use axum::routing::post;
use countersign::engine::App;
use countersign::engine::submit::{Body, Submission, source};
use countersign::http::{Problem, Submitter, extract, ok_router};
use serde_json::Value;

/// What this function serves.
pub const ROUTES: &[(&str, &str)] = &[
    ("POST", "/v1/approvals"),
    ("POST", "/inbound/{source}/dataphin/bpms/check/connect"),
    ("POST", "/inbound/{source}/dataphin/bpms/processinstance/create"),
    // Revokes, and what is not known yet: `{proxy+}` is the rest of the path.
    ("GET", "/inbound/{source}/dataphin/bpms/{proxy+}"),
    ("POST", "/inbound/{source}/dataphin/bpms/{proxy+}"),
    ("POST", "/inbound/{source}/quick-audience/apply"),
    ("POST", "/inbound/{source}/quick-audience/apply/{token}"),
    ("POST", "/inbound/{source}/quick-bi/push"),
];

/// Below these the gateway hands in everything else: addresses that were pasted with a slash behind them.
pub const BELOW: &[(&str, &str)] = &[("GET", "/inbound/{source}/{proxy+}"), ("POST", "/inbound/{source}/{proxy+}")];

/// The routes of this function.
pub fn routes(app: App) -> Router {
    let world = app.world.clone();
    ok_router(Router::new().route("/v1/approvals", post(submit)).merge(inbound::router()).with_state(app), &world)
}

/// Longest `Idempotency-Key`, in characters.
const MAX_KEY: usize = 128;

async fn submit(State(app): State<App>, Submitter(caller): Submitter, request: Request) -> Result<Response, Problem> {
    let key = idempotency_key(request.headers())?;
    let bytes = extract::body(request, &app).await?;
    let value: Value = extract::parse(&bytes)?;
    let body: Body = extract::parse(&bytes)?;
    body.check()?;
    let source = source(&app, &caller.org, caller.source.as_ref(), &body).await?;
    let submission = Submission::new(&app, source, key.as_deref(), &value, body).await?;
    answer::submitted(&submission.run().await?)
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let mut keys = headers.get_all("idempotency-key").iter();
    let Some(first) = keys.next() else { return Ok(None) };
    let key = first.to_str().ok().filter(|key| !key.is_empty() && key.len() <= MAX_KEY);
    match (key, keys.next()) {
        (Some(key), None) => Ok(Some(key.to_owned())),
        _ => {
            let detail = "Idempotency-Key must be sent once, with 1 to 128 visible ASCII characters";
            Err(Problem::bad_request("invalid_idempotency_key", detail))
        }
    }
}
