#![doc = include_str!("docs.md")]

mod auth;
mod callback;
mod notice;
pub mod wire;

use std::future::Future;
use std::pin::Pin;

use serde_json::{Map, Value};

pub use auth::{Credentials, authenticate};
pub use callback::{Decision, FieldError, parse};

use super::{
    AUTHORITIES, Account, Call, CallbackError, Calls, Check, Error, Field, Opened, Provider, RawCallback, Shape, Start,
    Started, Warning,
};
use crate::approval::{DecidedBy, Event, Mode};
use crate::clock::World;

/// The platform's name.
pub const KIND: &str = "external";

/// An external OA.
#[derive(Debug)]
pub struct External;

/// Fewest characters of a new `access_id`: others should not meet it by guessing.
const MIN_ACCESS_ID: usize = 8;

const fn text(name: &'static str, required: bool) -> Field {
    Field { name, secret: false, required, shape: Shape::Text(128) }
}

const FIELDS: &[Field] = &[
    Field { name: "url", secret: false, required: true, shape: Shape::Url },
    AUTHORITIES,
    text("access_id", true),
    text("organization_id", false),
    text("organization_name", false),
    text("workspace_id", false),
    text("workspace_name", false),
    text("app_id", false),
    Field { name: "content_type", secret: false, required: false, shape: Shape::OneOf(&["json", "form"]) },
    Field {
        name: "auth",
        secret: false,
        required: false,
        shape: Shape::OneOf(&["access_id", "open_platform", "none"]),
    },
    Field { name: "access_key", secret: true, required: false, shape: Shape::Text(256) },
];

fn cannot<'a, T: Send + 'a>(what: &'static str) -> Call<'a, T> {
    Box::pin(async move { Err(Error::Unsupported { platform: "an external OA", what }) })
}

impl Provider for External {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn fields(&self) -> &'static [Field] {
        FIELDS
    }

    fn check(
        &self,
        settings: &Map<String, Value>,
        old: Option<&Map<String, Value>>,
        has_secret: &dyn Fn(&str) -> bool,
    ) -> Vec<(&'static str, String)> {
        let text = |of: &Map<String, Value>, name: &str| of.get(name).and_then(Value::as_str).map(str::to_owned);
        let mut wrong = Vec::new();
        let id = text(settings, "access_id");
        let is_new = old.is_none_or(|old| text(old, "access_id") != id);
        if is_new && id.is_some_and(|id| id.chars().count() < MIN_ACCESS_ID) {
            wrong.push(("/settings/access_id", format!("must have at least {MIN_ACCESS_ID} characters")));
        }
        if text(settings, "auth").as_deref() != Some("none") && !has_secret("access_key") {
            let detail = "is required: without it anybody could decide; where the OA's gateway checks by itself, say `auth`: `none`";
            wrong.push(("/secrets/access_key", detail.to_owned()));
        }
        wrong
    }

    fn warnings(&self, settings: &Map<String, Value>, has_secret: &dyn Fn(&str) -> bool) -> Vec<Warning> {
        let (detail, fix) = match settings.get("auth").and_then(Value::as_str).unwrap_or("access_id") {
            "none" => (
                "call backs are not verified: whoever knows the address and a form's id can decide",
                "Only behind a gateway of yours that checks by itself; else set `access_key`, and `auth` to null.",
            ),
            _ if has_secret("access_key") => return Vec::new(),
            "open_platform" => (
                "call backs are signed with a key, and none is set: every one of them is refused",
                "Set `access_key` to the application's secret.",
            ),
            _ => (
                "call backs are verified by the access id alone: whoever learns it can decide",
                "Set `access_key`, and have the OA send it.",
            ),
        };
        vec![Warning { name: "callback_keys", detail, fix }]
    }

    fn has_callbacks(&self) -> bool {
        false
    }

    fn decided_by(&self) -> DecidedBy {
        DecidedBy::NodesAndPlatform
    }

    fn wants_names(&self) -> bool {
        true
    }

    fn needs_approvers(&self) -> bool {
        false
    }

    fn refuses(&self, mode: Mode, _approvers: usize) -> Option<&'static str> {
        (mode != Mode::Any).then_some("an external OA decides by itself who approves: only the mode `any` can be kept")
    }

    fn open(&self, _: &Account, _: &RawCallback, _: &World) -> Result<Opened, CallbackError> {
        Err(CallbackError::Malformed)
    }

    fn start<'a>(&'a self, account: &'a Account, start: &'a Start, calls: &'a Calls<'a>) -> Call<'a, Started> {
        Box::pin(notice::send(account, start, calls))
    }

    /// A form cannot be looked up; the notice carries our own id, so sending it again makes no second form.
    fn find<'a>(&'a self, _: &'a Account, _: &'a Start, _: &'a Calls<'a>) -> Call<'a, Option<Started>> {
        Box::pin(async { Ok(None) })
    }

    fn fetch<'a>(&'a self, _: &'a Account, _: &'a str, _: &'a Calls<'a>) -> Call<'a, Event> {
        cannot("be asked how a form stands")
    }

    fn cancel<'a>(&'a self, _: &'a Account, _: &'a str, _: &'a str, _: &'a str, _: &'a Calls<'a>) -> Call<'a, ()> {
        cannot("be told of a withdrawal")
    }

    fn create_template<'a>(&'a self, _: &'a Account, _: &'a str, _: &'a Calls<'a>) -> Call<'a, String> {
        cannot("take a template")
    }

    fn account_by_mobile<'a>(&'a self, _: &'a Account, _: &'a str, _: &'a Calls<'a>) -> Call<'a, String> {
        cannot("find members by mobile number")
    }

    fn account_by_email<'a>(&'a self, _: &'a Account, _: &'a str, _: &'a Calls<'a>) -> Call<'a, String> {
        cannot("find members by e-mail")
    }

    fn test_connection<'a>(
        &'a self,
        account: &'a Account,
        calls: &'a Calls<'a>,
    ) -> Pin<Box<dyn Future<Output = Vec<Check>> + Send + 'a>> {
        Box::pin(async move {
            let warnings = self.warnings(&account.settings, &|name| account.secrets.contains_key(name));
            let mut checks = vec![notice::reachable(account, calls).await];
            checks.extend(warnings.into_iter().map(Check::from));
            checks
        })
    }
}
