#![doc = include_str!("docs.md")]

pub mod apply;

mod auth;
mod callback;
mod envelope;
mod levels;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Format, News, Outgoing, Receiver, Unsendable, Verdict};
use crate::clock::World;
use crate::providers::outbound::{Answer, Request};
use crate::providers::{Field, Shape};

/// The format's name.
pub const KIND: &str = "quick_audience";
/// The secret in the address that Quick Audience is given.
pub const PATH_TOKEN: &str = "path_token";

/// The format.
#[derive(Debug, Clone, Copy)]
pub struct QuickAudience;

const fn setting(name: &'static str, shape: Shape) -> Field {
    Field { name, secret: false, required: false, shape }
}

const fn secret(name: &'static str) -> Field {
    Field { name, secret: true, required: false, shape: Shape::Text(256) }
}

const FIELDS: &[Field] = &[
    setting("auth", Shape::OneOf(&["access_id", "open_platform", "none"])),
    setting("app_id", Shape::Text(128)),
    setting("signature_covers", Shape::OneOf(&["query", "query_and_form"])),
    setting("signature_values", Shape::OneOf(&["plain", "encoded"])),
    setting("answer", Shape::OneOf(&["boolean", "envelope"])),
    setting("organization_id", Shape::Text(128)),
    setting("workspace_id", Shape::Text(128)),
    secret("access_id"),
    secret("access_key"),
    secret("access_secret"),
    secret(PATH_TOKEN),
];

/// What is kept of a notice to call back with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// `applyId`.
    pub apply_id: String,
    /// `organizationId`.
    pub organization_id: String,
    /// `workspaceId`.
    pub workspace_id: String,
}

impl Origin {
    /// What was kept with a request; `None` of one that did not come from Quick Audience.
    fn of(origin: &Map<String, Value>) -> Option<Self> {
        serde_json::from_value(Value::Object(origin.clone())).ok()
    }

    /// As it is kept with the request.
    #[must_use]
    pub fn into_map(self) -> Map<String, Value> {
        let Self { apply_id, organization_id, workspace_id } = self;
        let pairs = [("apply_id", apply_id), ("organization_id", organization_id), ("workspace_id", workspace_id)];
        pairs.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect()
    }
}

impl Format for QuickAudience {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn fields(&self) -> &'static [Field] {
        FIELDS
    }

    /// The token is in the address that Quick Audience calls.
    fn sends(&self, _: &str, secret: &str) -> bool {
        secret != PATH_TOKEN
    }

    fn generated(&self) -> &'static [&'static str] {
        &[PATH_TOKEN]
    }

    fn needs_request(&self) -> bool {
        true
    }

    fn tell(&self, news: &News<'_>) -> Option<String> {
        callback::tell(news)
    }

    fn request(&self, receiver: &Receiver, outgoing: &Outgoing<'_>, world: &World) -> Result<Request, Unsendable> {
        auth::request(receiver, outgoing.body, world.now())
    }

    fn verdict(&self, receiver: &Receiver, answer: &Answer) -> Verdict {
        envelope::verdict(receiver, answer)
    }
}
