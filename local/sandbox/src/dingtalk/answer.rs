//! How the platform refuses: one shape for the new API, another for the old one.

use std::borrow::Cow;

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use countersign::clock::World;
use serde_json::{Value, json};

use crate::platform::files;
use crate::platform::text::random_name;

/// A refusal of the new API.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    pub(super) code: Cow<'static, str>,
    pub(super) message: Cow<'static, str>,
    /// Permissions that are missing.
    pub(super) scopes: Vec<String>,
}

impl Refusal {
    /// A refusal with HTTP 400, as nearly all are.
    pub(super) fn bad(code: impl Into<Cow<'static, str>>, message: impl Into<Cow<'static, str>>) -> Self {
        Self::with(StatusCode::BAD_REQUEST, code, message)
    }

    /// A refusal with this status.
    pub(super) fn with(
        status: StatusCode,
        code: impl Into<Cow<'static, str>>,
        message: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { status, code: code.into(), message: message.into(), scopes: vec![] }
    }

    /// A required field is absent: the gateway says so itself, in the manner of its `Missingbody`.
    pub(super) fn mandatory(field: &str) -> Self {
        Self::bad(format!("Missing{field}"), format!("{field} is mandatory for this action."))
    }

    /// A missing permission.
    pub(super) fn permission(scope: &str, app_key: &str) -> Self {
        let message = format!(
            "应用尚未开通所需的权限：[{scope}]，点击链接申请并开通即可：https://open-dev.dingtalk.com/appscope/apply?content={app_key}%23{scope}"
        );
        let code = "Forbidden.AccessDenied.AccessTokenPermissionDenied";
        Self { scopes: vec![scope.to_owned()], ..Self::with(StatusCode::FORBIDDEN, code, message) }
    }

    /// The answer.
    pub(super) fn into_response(self, world: &World) -> Response {
        let mut body = json!({"code": self.code, "requestid": request_id(world), "message": self.message});
        if let Some(map) = body.as_object_mut().filter(|_| !self.scopes.is_empty()) {
            map.insert("accessdenieddetail".to_owned(), json!({"requiredScopes": self.scopes}));
        }
        (self.status, Json(body)).into_response()
    }
}

impl From<files::Error> for Refusal {
    fn from(error: files::Error) -> Self {
        tracing::error!(%error, "the DingTalk sandbox cannot keep its state");
        Self::with(StatusCode::INTERNAL_SERVER_ERROR, "systemError", "系统错误")
    }
}

/// A refusal of the old API: HTTP 200 and an error code.
#[derive(Debug)]
pub(super) struct Errcode {
    errcode: i64,
    errmsg: String,
    sub_code: Option<&'static str>,
}

impl Errcode {
    /// A refusal by the business code.
    pub(super) fn new(errcode: i64, errmsg: impl Into<String>) -> Self {
        Self { errcode, errmsg: errmsg.into(), sub_code: None }
    }

    /// A refusal by the gateway: wrapped as 88, the true code beside it as text.
    pub(super) fn gateway(sub_code: &'static str, text: impl Into<String>) -> Self {
        Self { errcode: 88, errmsg: text.into(), sub_code: Some(sub_code) }
    }

    /// A missing permission.
    pub(super) fn permission(scope: &str, app_key: &str) -> Self {
        let text = format!(
            "应用尚未开通所需的权限：[{scope}]，点击链接申请并开通即可：https://open-dev.dingtalk.com/appscope/apply?content={app_key}%23{scope}"
        );
        Self::gateway("60011", text)
    }

    /// The answer's body.
    pub(super) fn body(&self, world: &World) -> Value {
        const DIGITS: &[u8] = b"0123456789abcdefghijklmnopqrstuvwxyz";
        let request_id = random_name(world, DIGITS, 13);
        let text = &self.errmsg;
        match self.sub_code {
            None => json!({"errcode": self.errcode, "errmsg": text, "request_id": request_id}),
            Some(code) => json!({
                "errcode": self.errcode,
                "sub_code": code,
                "sub_msg": text,
                "errmsg": match code {
                    "60011" => format!("ding talk error[subcode={code},submsg={text}, {{requiredScopes=[{}]}}]", scope(text)),
                    _ => format!("ding talk error[subcode={code},submsg={text}]"),
                },
                "request_id": request_id,
            }),
        }
    }
}

impl From<files::Error> for Errcode {
    fn from(error: files::Error) -> Self {
        tracing::error!(%error, "the DingTalk sandbox cannot keep its state");
        Self::new(-1, "系统繁忙")
    }
}

/// The scope's name, which stands in brackets.
fn scope(text: &str) -> &str {
    text.split_once('[').and_then(|(_, rest)| rest.split_once(']')).map_or("", |(scope, _)| scope)
}

/// A request id in the new API's manner.
pub(super) fn request_id(world: &World) -> String {
    let hex = random_name(world, b"0123456789ABCDEF", 32);
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}
