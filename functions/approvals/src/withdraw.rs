//! `POST /v1/approvals/{id}/withdraw`: on the platform too.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use countersign::delivery::Document;
use countersign::engine::App;
use countersign::engine::failure;
use countersign::engine::withdraw::{EndOutcome, withdraw as withdraw_on_platform};
use countersign::http::{Id, Json, Problem, SignedIn};
use countersign::ids::ApprovalId;
use countersign::providers;
use countersign::resources::{FieldErrors, Role};
use countersign::store::approvals::Record;
use serde::{Deserialize, Serialize};
use serde_json::json;

const MAX_REASON: usize = 500;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Body {
    reason: Option<String>,
    #[serde(default)]
    force: bool,
}

pub(crate) async fn withdraw(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Id(id): Id<ApprovalId>,
    Json(body): Json<Body>,
) -> Result<Response, Problem> {
    if let Some(reason) = &body.reason {
        let mut errors = FieldErrors::new();
        errors.text("/reason", reason, MAX_REASON);
        errors.into_result()?;
    }
    let found = super::find(&app, &caller, &id).await?;
    let is_own = caller.member().is_some_and(|own| found.state.applicant.member.as_deref() == Some(own.as_str()));
    if !is_own {
        caller.require(Role::Submitter)?;
    }
    let outcome = withdraw_on_platform(&app, &id, super::by(&caller), body.reason, body.force).await;
    app.flush_usage().await;
    answer(outcome?)
}

fn answer(outcome: EndOutcome) -> Result<Response, Problem> {
    match outcome {
        EndOutcome::Done { record, note } => Ok(approval(StatusCode::OK, &record, note)),
        EndOutcome::Later(record) => Ok(approval(StatusCode::ACCEPTED, &record, None)),
        EndOutcome::Ended(record) => {
            let detail = "the approval has ended";
            Err(Problem::conflict("already_ended", detail).with("approval", json!(Document::from(&*record))))
        }
        EndOutcome::Refused(_, error @ providers::Error::Unsupported { .. }) => {
            let detail = format!("{error}; `force` withdraws it here without telling the platform");
            Err(Problem::conflict("provider_cannot", detail))
        }
        EndOutcome::Refused(_, error) => {
            let failure = failure(&error);
            let detail = format!("{}; `force` withdraws it here all the same", failure.message);
            let problem = Problem::conflict("provider_refused", detail);
            Err(match failure.provider_code {
                Some(code) => problem.with("provider_code", code),
                None => problem,
            })
        }
    }
}

/// The approval, and what is to be known of its withdrawal.
#[derive(Serialize)]
struct Withdrawn {
    #[serde(flatten)]
    approval: Document,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

fn approval(status: StatusCode, record: &Record, note: Option<String>) -> Response {
    (status, axum::Json(Withdrawn { approval: Document::from(record), note })).into_response()
}
