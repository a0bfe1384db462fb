//! Quick BI: permission requests that its approval flow hands to a custom channel.
//!
//! A push says that there is something ([`push`]); what it is, is asked for, and the decision is called back
//! ([`approvals`]). Calls are signed as Alibaba Cloud's OpenAPI ([`openapi`]) or as a private deployment ([`private`]) wants
//! it. `docs.md` beside this file says what is documented and what is not.

pub mod approvals;
pub mod openapi;
pub mod private;
pub mod push;
mod reason;
mod refused;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Format, News, Outgoing, Receiver, Unsendable, Verdict};
use crate::clock::World;
use crate::delivery::EventType;
use crate::providers::outbound::{Answer, Request};
use crate::providers::{Field, Shape};
use approvals::Decision;

/// The format's name.
pub const KIND: &str = "quick_bi";

/// Name in a request's origin of the form that it came from, and key of its approval.
pub const APPLICATION: &str = "application_id";

/// The secret that pushes are signed with.
pub const PUSH_TOKEN: &str = "push_token";

/// The format.
#[derive(Debug, Clone, Copy)]
pub struct QuickBi;

const fn text(name: &'static str, longest: usize) -> Field {
    Field { name, secret: false, required: false, shape: Shape::Text(longest) }
}

const fn secret(name: &'static str, required: bool) -> Field {
    Field { name, secret: true, required, shape: Shape::Text(256) }
}

const fn shaped(name: &'static str, shape: Shape) -> Field {
    Field { name, secret: false, required: false, shape }
}

const FIELDS: &[Field] = &[
    Field { name: "access_key_id", secret: false, required: true, shape: Shape::Text(128) },
    secret("access_key_secret", true),
    secret(PUSH_TOKEN, false),
    shaped("deployment", Shape::OneOf(&["cloud", "private"])),
    shaped("endpoint", Shape::Url),
    text("approver_user_ids", 4_000),
    shaped("people_by", Shape::OneOf(&["none", "account", "mobile", "email"])),
    shaped("poll_minutes", Shape::Whole(0, 10_080)),
    shaped("push_window_seconds", Shape::Whole(1, 86_400)),
    shaped("push_approvers", Shape::Pointers(1_000)),
    text("query_path", 200),
    text("result_path", 200),
    shaped("parameters", Shape::OneOf(&["query", "json"])),
];

/// Most approvers whose forms are asked for; what a setting names beyond them is left out.
const MAX_APPROVERS: usize = 200;
/// How often forms are asked for without a push, where the setting does not say, in minutes.
const POLL_MINUTES: i64 = 60;

/// Quick BI's ids of the approvers whose forms are asked for, as the setting lists them.
#[must_use]
pub fn approvers(receiver: &Receiver) -> Vec<String> {
    let listed = receiver.setting("approver_user_ids").unwrap_or_default();
    let ids = listed.split(',').map(str::trim).filter(|id| !id.is_empty());
    ids.take(MAX_APPROVERS).map(str::to_owned).collect()
}

/// How often forms are asked for without a push, in milliseconds; `None` when only a push asks.
#[must_use]
pub fn poll_every(receiver: &Receiver) -> Option<i64> {
    let minutes = whole(receiver, "poll_minutes").unwrap_or(POLL_MINUTES);
    (minutes > 0).then_some(minutes * 60_000)
}

/// What Quick BI's id of a person is on the platform, where no member has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PeopleBy {
    /// Nothing.
    None,
    /// An account.
    Account,
    /// A mobile number.
    Mobile,
    /// An e-mail address.
    Email,
}

/// What the setting says of it.
#[must_use]
pub fn people_by(receiver: &Receiver) -> PeopleBy {
    match receiver.setting("people_by") {
        Some("account") => PeopleBy::Account,
        Some("mobile") => PeopleBy::Mobile,
        Some("email") => PeopleBy::Email,
        _ => PeopleBy::None,
    }
}

fn whole(receiver: &Receiver, name: &str) -> Option<i64> {
    receiver.setting(name)?.parse().ok()
}

/// What is kept of a decision until Quick BI has it.
#[derive(Serialize, Deserialize)]
struct Body {
    application: String,
    status: u8,
    reason: String,
}

impl Format for QuickBi {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn fields(&self) -> &'static [Field] {
        FIELDS
    }

    /// Pushes are signed by Quick BI, and `callback_url` is not called.
    fn sends(&self, address: &str, secret: &str) -> bool {
        address == "endpoint" && secret != PUSH_TOKEN
    }

    fn usual_address(&self, setting: &str) -> Option<&'static str> {
        (setting == "endpoint").then_some(approvals::CLOUD)
    }

    fn generated(&self) -> &'static [&'static str] {
        &[PUSH_TOKEN]
    }

    fn needs_request(&self) -> bool {
        true
    }

    fn is_polled(&self) -> bool {
        true
    }

    /// Only the end of what came from a form: passed, or not. There is no word for anything else.
    fn tell(&self, news: &News<'_>) -> Option<String> {
        let passed = match news.told.event {
            EventType::Approved => true,
            EventType::Rejected | EventType::Withdrawn | EventType::Expired | EventType::Failed => false,
            // Undone before Quick BI was told anything.
            EventType::Revoked if news.told.was_open => false,
            _ => return None,
        };
        let application = origin(&news.request?.origin)?;
        let status = if passed { approvals::PASS } else { approvals::REJECT };
        let body =
            Body { application: application.to_owned(), status, reason: reason::of(news.told.event, news.record) };
        serde_json::to_string(&body).ok()
    }

    fn request(&self, receiver: &Receiver, outgoing: &Outgoing<'_>, world: &World) -> Result<Request, Unsendable> {
        let body: Body =
            serde_json::from_str(outgoing.body).map_err(|_| Unsendable("this is no decision of a form"))?;
        let decision = Decision { application: &body.application, status: body.status, reason: &body.reason };
        approvals::result_callback(receiver, &decision, world)
    }

    fn verdict(&self, _: &Receiver, answer: &Answer) -> Verdict {
        approvals::verdict(answer)
    }
}

fn origin(origin: &Map<String, Value>) -> Option<&str> {
    origin.get(APPLICATION).and_then(Value::as_str)
}

#[cfg(test)]
mod tests;
