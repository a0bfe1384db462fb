//! How the platform refuses: a code, a text, and in `error` what helps to mend it.

use std::borrow::Cow;

use axum::Json;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use countersign::clock::World;
use serde_json::{Map, Value, json};

use crate::platform::files;
use crate::platform::text::{beijing, random_name};

/// A uuid was used before. Unconfirmed: the field's own text says 60012, the page's table of errors does not have it.
pub(super) const UUID_USED: i64 = 60_012;

/// A refusal.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    pub(super) code: i64,
    message: Cow<'static, str>,
    error: Map<String, Value>,
    headers: Vec<(&'static str, String)>,
}

impl Refusal {
    /// A refusal with HTTP 400, as nearly all are.
    pub(super) fn new(code: i64, message: impl Into<Cow<'static, str>>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, code, message: message.into(), error: Map::new(), headers: vec![] }
    }

    /// An approval call's parameter is wrong.
    pub(super) fn param(detail: impl std::fmt::Display) -> Self {
        Self::new(1_390_001, format!("param is invalid: {detail}"))
    }

    /// A JSON type is wrong.
    pub(super) fn json_type(field: &str) -> Self {
        Self::new(9499, format!("Invalid parameter type in json: {field}"))
    }

    /// A field is missing or breaks a rule of its own.
    pub(super) fn field(field: &str, value: &str, description: impl Into<String>) -> Self {
        let violation = json!({"field": field, "value": value, "description": description.into()});
        Self::new(99_992_402, "field validation failed").with("field_violations", json!([violation]))
    }

    /// A required field is missing.
    pub(super) fn required(field: &str) -> Self {
        Self::field(field, "", format!("{field} is required"))
    }

    /// The app lacks every one of these permissions, of which one would do.
    pub(super) fn permission(scopes: &[&str], app_id: &str) -> Self {
        let list = scopes.join(", ");
        let violation = |scope: &&str| json!({"type": "action_scope_required", "subject": scope});
        let url = format!(
            "https://open.feishu.cn/app/{app_id}/auth?q={}&op_from=openapi&token_type=tenant",
            scopes.join(",")
        );
        let help = json!({"url": url, "description": format!("Learn more about scopes and how to add them: [{list}]")});
        let text = format!("Access denied. One of the following scopes is required: [{list}]");
        let message = "Refer to the documentation to fix the error: https://open.feishu.cn/document/home/index";
        Self::new(99_991_672, text)
            .with("message", message.into())
            .with("permission_violations", scopes.iter().map(violation).collect())
            .with("helps", json!([help]))
    }

    /// Too many calls; `reset` seconds until more are taken.
    pub(super) fn throttled(limit: u32, reset: i64) -> Self {
        let mut refusal =
            Self::new(99_991_400, "request trigger frequency limit").status(StatusCode::TOO_MANY_REQUESTS);
        refusal.headers =
            vec![("x-ogw-ratelimit-limit", limit.to_string()), ("x-ogw-ratelimit-reset", reset.to_string())];
        refusal
    }

    /// With another HTTP status.
    pub(super) fn status(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }

    fn with(mut self, name: &str, value: Value) -> Self {
        self.error.insert(name.to_owned(), value);
        self
    }

    /// The answer.
    pub(super) fn into_response(mut self, log_id: &str) -> Response {
        self.error.insert("log_id".to_owned(), log_id.into());
        let body = json!({"code": self.code, "msg": self.message, "error": self.error});
        let mut response = (self.status, Json(body)).into_response();
        for (name, value) in self.headers {
            if let Ok(value) = HeaderValue::from_str(&value) {
                response.headers_mut().insert(name, value);
            }
        }
        response
    }
}

impl From<files::Error> for Refusal {
    fn from(error: files::Error) -> Self {
        tracing::error!(%error, "the Feishu sandbox cannot keep its state");
        Self::new(1_395_001, "internal error").status(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

/// A log id in the platform's manner: the time and random digits.
pub(super) fn log_id(world: &World) -> String {
    format!("{}{}", beijing(world.now(), "%Y%m%d%H%M%S"), random_name(world, b"0123456789ABCDEF", 18))
}
