//! The body of a submit, and what is wrong with it.

use crate::http::Problem;
use crate::ids::{FlowId, MemberId, SourceId, WorkspaceId};
use crate::providers::Resource;
use crate::resources::FieldErrors;
use crate::resources::NodeSpec;
use crate::resources::flow::{MAX_APPROVERS, MAX_NODES};
use serde::Deserialize;
use serde_json::{Map, Value};

const MAX_FIELDS: usize = 50;
const MAX_FIELD: usize = 64 * 1024;
const MAX_TITLE: usize = 128;
const MAX_REASON: usize = 2_000;
const MAX_NAME: usize = 128;

/// What a source sends.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Body {
    /// What is asked, in a few words.
    pub title: String,
    /// Why.
    pub reason: Option<String>,
    /// Who asks.
    pub applicant: Applicant,
    /// The flow it is to follow.
    pub flow: Option<FlowId>,
    /// Nodes of its own, where the flow lets it bring them.
    pub nodes: Option<Vec<NodeSpec>>,
    /// Free fields.
    #[serde(default)]
    pub fields: Map<String, Value>,
    /// What access is asked to.
    pub resource: Option<Resource>,
    /// Begin of what is asked for, RFC 3339.
    pub starts_at: Option<String>,
    /// End of what is asked for, RFC 3339.
    pub ends_at: Option<String>,
    /// The workspace it belongs to.
    pub workspace: Option<WorkspaceId>,
    /// The source that asks, for keys that are bound to none.
    pub source: Option<SourceId>,
}

/// Who asks: a member, or somebody described.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Applicant {
    /// A member.
    pub member: Option<MemberId>,
    /// Their name.
    pub name: Option<String>,
    /// Their mobile number.
    pub mobile: Option<String>,
    /// Their e-mail address.
    pub email: Option<String>,
    /// Their account on the platform that the flow starts on.
    pub account: Option<String>,
}

impl Body {
    /// Checks everything that needs nobody else, all at once.
    ///
    /// # Errors
    /// 400 with a pointer for everything that is wrong.
    pub fn check(&self) -> Result<(), Problem> {
        let mut errors = FieldErrors::new();
        errors.text("/title", &self.title, MAX_TITLE);
        self.check_texts(&mut errors);
        self.check_fields(&mut errors);
        self.check_nodes(&mut errors);
        self.check_times(&mut errors);
        Ok(errors.into_result()?)
    }

    fn check_texts(&self, errors: &mut FieldErrors) {
        if self.reason.as_ref().is_some_and(|reason| reason.chars().count() > MAX_REASON) {
            errors.push("/reason", format!("must have at most {MAX_REASON} characters"));
        }
        let applicant = &self.applicant;
        let texts = [
            ("/applicant/name", &applicant.name),
            ("/applicant/mobile", &applicant.mobile),
            ("/applicant/email", &applicant.email),
            ("/applicant/account", &applicant.account),
        ];
        let described = texts.iter().any(|(_, text)| text.is_some());
        if applicant.member.is_some() == described {
            errors.push("/applicant", "must hold either `member`, or some of `name`, `mobile`, `email`, `account`");
        }
        for (pointer, text) in texts {
            if let Some(text) = text {
                errors.text(pointer, text, MAX_NAME);
            }
        }
        if let Some(resource) = &self.resource {
            errors.text("/resource/name", &resource.name, MAX_NAME);
            let is_web = |url: &String| url.starts_with("https://") || url.starts_with("http://");
            if resource
                .url
                .as_ref()
                .is_some_and(|url| !is_web(url) || url.len() > 1024 || url.chars().any(char::is_control))
            {
                errors.push("/resource/url", "must be an http or https URL of at most 1024 characters");
            }
        }
    }

    fn check_fields(&self, errors: &mut FieldErrors) {
        if self.fields.len() > MAX_FIELDS {
            errors.push("/fields", format!("must have at most {MAX_FIELDS} entries"));
        }
        let length = serde_json::to_string(&self.fields).map_or(usize::MAX, |text| text.len());
        if length > MAX_FIELD {
            errors.push("/fields", format!("must have at most {MAX_FIELD} bytes"));
        }
    }

    /// The flow may allow fewer.
    fn check_nodes(&self, errors: &mut FieldErrors) {
        let Some(nodes) = &self.nodes else { return };
        if nodes.is_empty() || nodes.len() > MAX_NODES {
            errors.push("/nodes", format!("must hold 1 to {MAX_NODES} nodes"));
        }
        for (index, node) in nodes.iter().enumerate() {
            if node.approvers.len() > MAX_APPROVERS {
                errors
                    .push(format!("/nodes/{index}/approvers"), format!("must have at most {MAX_APPROVERS} approvers"));
            }
        }
    }

    fn check_times(&self, errors: &mut FieldErrors) {
        let mut read = |pointer: &str, text: &Option<String>| {
            let parsed = text.as_deref().map(millis);
            if parsed == Some(None) {
                errors.push(pointer, "must be a time as in 2026-09-21T14:00:00Z");
            }
            parsed.flatten()
        };
        let (starts, ends) = (read("/starts_at", &self.starts_at), read("/ends_at", &self.ends_at));
        if let (Some(starts), Some(ends)) = (starts, ends)
            && ends <= starts
        {
            errors.push("/ends_at", "must be after `starts_at`");
        }
    }

    pub(super) fn starts_at(&self) -> Option<i64> {
        self.starts_at.as_deref().and_then(millis)
    }

    pub(super) fn ends_at(&self) -> Option<i64> {
        self.ends_at.as_deref().and_then(millis)
    }
}

/// Milliseconds of an RFC 3339 time.
fn millis(text: &str) -> Option<i64> {
    text.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_millisecond)
}
