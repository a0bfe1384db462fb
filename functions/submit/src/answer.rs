//! What the source is answered.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use countersign::delivery::Document;
use countersign::engine::start;
use countersign::http::Problem;
use countersign::providers;
use countersign::store::approvals::{Failure, Record};

/// The approval with this status.
pub(crate) fn approval(status: StatusCode, record: &Record) -> Response {
    (status, axum::Json(Document::from(record))).into_response()
}

/// 422: the platform refused for good, and the approval has failed.
pub(crate) fn refused(record: &Record, failure: &Failure) -> Problem {
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

/// The problem that a platform's refusal is, before there is an approval.
pub(crate) fn provider_problem(error: &providers::Error) -> Problem {
    use providers::Error as E;
    let failure = start::failure(error);
    let problem = match error {
        E::Throttled { retry_after_ms, .. } => {
            let seconds = retry_after_ms.map_or(1, |wait| wait.div_ceil(1000).max(1));
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, code(&failure.code), failure.message)
                .with_retry_after(seconds)
        }
        E::QuotaExhausted { .. } | E::Unavailable { .. } | E::NotYet { .. } => {
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, code(&failure.code), failure.message).with_retry_after(30)
        }
        _ => Problem::unprocessable(code(&failure.code), failure.message),
    };
    match failure.provider_code {
        Some(provider_code) => problem.with("provider_code", provider_code),
        None => problem,
    }
}

/// Codes that are stored are among these; the problem wants them to be constants.
fn code(code: &str) -> &'static str {
    const CODES: [&str; 6] = [
        "provider_cannot",
        "provider_permission",
        "provider_credentials",
        "provider_throttled",
        "quota_exhausted",
        "provider_unavailable",
    ];
    CODES.into_iter().find(|known| *known == code).unwrap_or("provider_refused")
}
