//! Why the secrets of a request are refused.

use axum::http::StatusCode;
use countersign::http::Problem;
use countersign::resources::FieldErrors;

/// 422 `secret_too_short`: they could be guessed.
pub(crate) fn secret_too_short(errors: FieldErrors) -> Problem {
    Problem::bad_fields(StatusCode::UNPROCESSABLE_ENTITY, "secret_too_short", errors)
}

/// 422 `secrets_needed`: they would go to a host for which they were not given.
pub(crate) fn secrets_needed(errors: FieldErrors) -> Problem {
    Problem::bad_fields(StatusCode::UNPROCESSABLE_ENTITY, "secrets_needed", errors)
}
