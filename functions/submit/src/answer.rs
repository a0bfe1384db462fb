//! What the source is answered.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use countersign::delivery::Document;
use countersign::engine::submit::Submitted;
use countersign::http::Problem;
use countersign::store::approvals::{Failure, Record};

/// The approval, or the platform's refusal.
pub(crate) fn submitted(submitted: &Submitted) -> Result<Response, Problem> {
    let status = match submitted {
        Submitted::Created(_) => StatusCode::CREATED,
        Submitted::Starting(_) => StatusCode::ACCEPTED,
        Submitted::Known(_) => StatusCode::OK,
        Submitted::Refused(record, failure) => return Err(refused(record, failure)),
    };
    Ok((status, axum::Json(Document::from(submitted.record()))).into_response())
}

/// 422: the platform refused for good, and the approval has failed.
fn refused(record: &Record, failure: &Failure) -> Problem {
    let code = code(&failure.code);
    let problem = Problem::unprocessable(code, failure.message.clone()).with("approval", record.id.to_string());
    let problem = match &failure.provider_code {
        Some(provider_code) => problem.with("provider_code", provider_code.clone()),
        None => problem,
    };
    match &failure.fix {
        Some(fix) => problem.with("fix", fix.clone()),
        None => problem,
    }
}

/// Codes that are stored are among these; the problem wants them to be constants.
fn code(code: &str) -> &'static str {
    const CODES: [&str; 3] = ["provider_cannot", "provider_permission", "provider_credentials"];
    CODES.into_iter().find(|known| *known == code).unwrap_or("provider_refused")
}
