//! The one shape of every error answer: `application/problem+json` (RFC 9457).
//!
//! What is shown and what went wrong inside are kept apart: the cause is logged once, when the answer leaves.

use std::fmt;
use std::sync::Arc;

use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use crate::engine;
use crate::providers;
use crate::resources::fields::{FieldError, FieldErrors};
use crate::store;

/// An error answer.
#[derive(Clone)]
pub struct Problem(Box<Inner>);

#[derive(Clone)]
struct Inner {
    status: StatusCode,
    code: &'static str,
    detail: String,
    errors: Vec<FieldError>,
    more: Map<String, Value>,
    headers: Vec<(HeaderName, HeaderValue)>,
    cause: Option<Arc<str>>,
}

impl Problem {
    /// Any status with a stable code and a sentence for people.
    #[must_use]
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            status,
            code,
            detail: detail.into(),
            errors: Vec::new(),
            more: Map::new(),
            headers: Vec::new(),
            cause: None,
        }))
    }

    /// 400: the request is wrong by itself.
    #[must_use]
    pub fn bad_request(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, detail)
    }

    /// 400 for one bad field.
    #[must_use]
    pub fn bad_field(code: &'static str, pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        let error = FieldError { pointer: pointer.into(), detail: detail.into() };
        // The body as a whole has an empty pointer.
        let detail = match error.pointer.as_str() {
            "" => error.detail.clone(),
            pointer => format!("{pointer}: {}", error.detail),
        };
        Self::bad_request(code, detail).with_errors(vec![error])
    }

    /// These bad fields, with the status and the code of what is wrong with them.
    #[must_use]
    pub fn bad_fields(status: StatusCode, code: &'static str, errors: FieldErrors) -> Self {
        let errors = errors.into_list();
        let detail = match errors.as_slice() {
            // The body as a whole has an empty pointer.
            [only] if only.pointer.is_empty() => only.detail.clone(),
            [only] => format!("{}: {}", only.pointer, only.detail),
            several => format!("{} fields are wrong", several.len()),
        };
        Self::new(status, code, detail).with_errors(errors)
    }

    /// Refuses these bad fields with 422 and this code, if there are any.
    ///
    /// # Errors
    /// As [`Problem::bad_fields`].
    pub fn unless_empty(code: &'static str, errors: FieldErrors) -> Result<(), Self> {
        if errors.is_empty() { Ok(()) } else { Err(Self::bad_fields(StatusCode::UNPROCESSABLE_ENTITY, code, errors)) }
    }

    /// 401 `invalid_key`. Does not say whether the key exists.
    #[must_use]
    pub fn invalid_key() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "invalid_key", "the API key is missing, wrong or revoked")
            .with_header(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"countersign\""))
    }

    /// The same with another code and sentence.
    #[must_use]
    pub(super) fn with_code(mut self, code: &'static str, detail: &str) -> Self {
        self.0.code = code;
        detail.clone_into(&mut self.0.detail);
        self
    }

    /// 403 `forbidden`.
    #[must_use]
    pub fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", detail)
    }

    /// 404 `not_found`.
    #[must_use]
    pub fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", "there is no such thing here")
    }

    /// 409 with a code that says what is in the way.
    #[must_use]
    pub fn conflict(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, code, detail)
    }

    /// 412 `precondition_failed`.
    #[must_use]
    pub fn precondition_failed() -> Self {
        let detail = "it has changed since it was read; read it again and send its ETag";
        Self::new(StatusCode::PRECONDITION_FAILED, "precondition_failed", detail)
    }

    /// 422: the request is well-formed, but cannot be done here.
    #[must_use]
    pub fn unprocessable(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, detail)
    }

    /// 500 `internal`. The cause is logged and not shown.
    #[must_use]
    pub fn internal(cause: impl fmt::Display) -> Self {
        let detail = "something went wrong on our side; the trace id finds it in the log";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", detail).with_cause(cause)
    }

    /// 503 `unavailable`: the same request may pass a little later.
    #[must_use]
    pub fn unavailable(cause: impl fmt::Display) -> Self {
        let detail = "a part of the service does not answer; try again";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail).with_retry_after(1).with_cause(cause)
    }

    /// Lists bad fields.
    #[must_use]
    pub fn with_errors(mut self, errors: Vec<FieldError>) -> Self {
        self.0.errors = errors;
        self
    }

    /// Points at one bad field.
    #[must_use]
    pub fn at(mut self, pointer: impl Into<String>) -> Self {
        let detail = self.0.detail.clone();
        self.0.errors.push(FieldError { pointer: pointer.into(), detail });
        self
    }

    /// Adds a member of its own, such as the id of the approval that failed. The names of RFC 9457 are not taken.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.more.insert(name.to_owned(), value.into());
        self
    }

    /// Adds a header.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.push((name, value));
        self
    }

    /// Says in how many seconds to try again.
    #[must_use]
    pub fn with_retry_after(self, seconds: u64) -> Self {
        self.with_header(RETRY_AFTER, HeaderValue::from(seconds))
    }

    /// Adds what is to be logged and not shown. It must hold no secret.
    #[must_use]
    pub fn with_cause(mut self, cause: impl fmt::Display) -> Self {
        self.0.cause = Some(cause.to_string().into());
        self
    }

    /// Its status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    /// Its stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.0.code
    }

    /// The sentence for people.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.0.detail
    }

    /// The bad fields.
    #[must_use]
    pub fn errors(&self) -> &[FieldError] {
        &self.0.errors
    }

    /// Logs it, once: what is our fault as an error, the rest for those who look closely. For who answers in words of its own; as an
    /// answer it is logged when it leaves.
    pub fn log(&self) {
        let (status, code) = (self.0.status.as_u16(), self.0.code);
        let cause = self.0.cause.as_deref().unwrap_or_default();
        if self.0.status.is_server_error() {
            tracing::error!(status, code, cause, "the request failed");
        } else {
            tracing::debug!(status, code, cause, "the request was refused");
        }
    }

    /// The answer with this trace id in it.
    pub(super) fn render(&self, trace_id: Option<&str>) -> Response {
        let inner = &self.0;
        let mut body = inner.more.clone();
        body.insert("type".into(), format!("urn:countersign:problem:{}", inner.code).into());
        body.insert("title".into(), inner.status.canonical_reason().unwrap_or("Error").into());
        body.insert("status".into(), inner.status.as_u16().into());
        body.insert("detail".into(), inner.detail.as_str().into());
        body.insert("code".into(), inner.code.into());
        if !inner.errors.is_empty() {
            body.insert("errors".into(), json!(inner.errors));
        }
        if let Some(trace_id) = trace_id {
            body.insert("trace_id".into(), trace_id.into());
        }
        let mut response = (inner.status, Value::Object(body).to_string()).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.extend(inner.headers.iter().cloned());
        response
    }
}

impl fmt::Debug for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Problem")
            .field("status", &self.0.status.as_u16())
            .field("code", &self.0.code)
            .field("detail", &self.0.detail)
            .field("errors", &self.0.errors)
            .finish_non_exhaustive()
    }
}

impl IntoResponse for Problem {
    /// The trace layer, which knows the trace id, writes it anew.
    fn into_response(self) -> Response {
        let mut response = self.render(None);
        response.extensions_mut().insert(self);
        response
    }
}

impl From<FieldErrors> for Problem {
    /// 400 `invalid_request`, or `unknown_field` if one is unknown.
    fn from(errors: FieldErrors) -> Self {
        let code = if errors.has_unknown() { "unknown_field" } else { "invalid_request" };
        Self::bad_fields(StatusCode::BAD_REQUEST, code, errors)
    }
}

impl From<store::Error> for Problem {
    fn from(error: store::Error) -> Self {
        let (name, told) = (error.name(), error.told());
        match error {
            store::Error::NotFound => Self::not_found(),
            store::Error::AlreadyExists { .. } | store::Error::Conflict { .. } => Self::conflict(name, told),
            store::Error::Throttled => Self::unavailable("the table is busy"),
            store::Error::Unavailable => Self::unavailable("the table, or the key of its secrets, did not answer"),
            store::Error::Corrupt { key } => Self::internal(format_args!("the item {key} cannot be read")),
            store::Error::TooLarge => Self::unprocessable(name, told),
            store::Error::InvalidCursor => Self::bad_field(name, "/cursor", told),
        }
    }
}

impl From<engine::Error> for Problem {
    fn from(error: engine::Error) -> Self {
        match error {
            engine::Error::Store(error) => error.into(),
            engine::Error::Provider(error) => error.into(),
        }
    }
}

impl From<providers::Error> for Problem {
    fn from(error: providers::Error) -> Self {
        use providers::Error as E;
        let (name, detail) = (error.name(), error.to_string());
        let platform_code = |problem: Self, code: String| problem.with("provider_code", code);
        match error {
            E::Unsupported { .. } => Self::conflict(name, detail),
            E::Permission { code, fix, .. } => platform_code(Self::unprocessable(name, detail), code).with("fix", fix),
            E::Credentials { code, .. } => platform_code(Self::unprocessable(name, detail), code),
            E::TokenRefused { code, .. } => platform_code(Self::new(StatusCode::BAD_GATEWAY, name, detail), code),
            E::Throttled { code, retry_after_ms, .. } => {
                let seconds = retry_after_ms.unwrap_or(1_000).div_ceil(1_000).max(1);
                let problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, name, detail);
                platform_code(problem.with_retry_after(seconds), code)
            }
            E::QuotaExhausted { code, .. } => {
                platform_code(Self::new(StatusCode::SERVICE_UNAVAILABLE, name, detail), code)
            }
            E::NotFound { code, .. } => platform_code(Self::unprocessable(name, detail), code),
            E::NotYet { code, .. } => platform_code(Self::conflict(name, detail), code),
            E::Refused { code, .. } => platform_code(Self::unprocessable(name, detail), code),
            E::NotSent { fix: Some(fix), .. } => Self::new(StatusCode::BAD_GATEWAY, name, detail).with("fix", fix),
            E::Unavailable { .. } | E::NotSent { .. } => Self::new(StatusCode::BAD_GATEWAY, name, detail),
        }
    }
}
