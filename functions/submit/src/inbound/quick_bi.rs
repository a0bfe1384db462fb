//! `POST /inbound/{source}/quick-bi/push`: Quick BI's custom channel says that there is something.
//!
//! It waits for ten seconds at most, and gives the channel up after ten failures in a row: a push is answered as soon as it is
//! noted that Quick BI is to be asked. Whatever is signed is taken, so that saving and testing the channel passes.

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use countersign::engine::App;
use countersign::engine::poll::pushed;
use countersign::http::{Problem, pasted};
use countersign::sources::quick_bi::KIND;
use countersign::sources::quick_bi::push::{Signed, Told, marks, read};
use serde_json::json;

use super::{Call, Unread};

/// The header that names a push's task.
const TASK: &str = "x-taskid";

pub(super) fn router() -> Router<App> {
    pasted(Router::new(), "/inbound/{source}/quick-bi/push", post(push))
}

/// Takes a push.
async fn push(State(app): State<App>, Path(id): Path<String>, request: Request) -> Response {
    let mut call = match Call::read(&app, KIND, &id, request).await {
        Ok(call) => call,
        Err(Unread::Unknown) => return refused(),
        Err(Unread::Body(problem)) => return told(problem.status(), "the body cannot be read"),
        Err(Unread::Ours(problem)) => return ours(&problem),
    };
    let part = |name: &str| call.query(name).unwrap_or_default();
    let signed = Signed { timestamp: part("timestamp"), nonce: part("nonce"), sign: part("sign") };
    if !signed.is_valid(&call.receiver, app.world.now()) {
        tracing::warn!(source.id = %call.source.id, "a push was refused: it is not signed with the source's push_token, or too old");
        return refused();
    }
    let task = call.headers.get(TASK).and_then(|task| task.to_str().ok());
    let seen = marks(task, signed.nonce);
    // It is a push all the same, and Quick BI is asked for what there is.
    let told_of = match call.read_body() {
        Ok(()) => read(&call.receiver, &call.body),
        Err(problem) => {
            tracing::warn!(source.id = %call.source.id, code = problem.code(), "what a push tells cannot be read");
            Told::default()
        }
    };
    match pushed(&app, &call.source, &seen, &told_of.approvers).await {
        Ok(is_new) => {
            let (event, people) = (&told_of.event, told_of.approvers.len());
            tracing::info!(source.id = %call.source.id, event, people, is_new, "push received");
            (StatusCode::OK, axum::Json(json!({"success": true}))).into_response()
        }
        Err(error) => ours(&error.into()),
    }
}

/// The one answer to what cannot be verified.
fn refused() -> Response {
    told(StatusCode::UNAUTHORIZED, "the signature is missing, wrong or too old")
}

fn ours(problem: &Problem) -> Response {
    problem.log();
    told(StatusCode::SERVICE_UNAVAILABLE, "try again later")
}

fn told(status: StatusCode, message: &str) -> Response {
    (status, axum::Json(json!({"success": false, "message": message}))).into_response()
}
