//! The body of a submit, and what is wrong with it.

use super::error::SubmitError;
use super::fault::{BodyField, Fault, Position};
use crate::ids::{FlowId, MemberId, SourceId, WorkspaceId};
use crate::providers::{Mobile, Resource};
use crate::resources::fields::{is_email, wrong_email, wrong_mobile, wrong_text};
use crate::resources::flow::{MAX_APPROVERS, MAX_NODES, NodePart};
use crate::resources::{Approver, NodeSpec};
use serde::Deserialize;
use serde_json::{Map, Value};

const MAX_FIELDS: usize = 50;
const MAX_FIELD: usize = 64 * 1024;
const MAX_TITLE: usize = 128;
const MAX_REASON: usize = 2_000;
const MAX_NAME: usize = 128;

/// Says what is wrong with a text of at most so many characters.
type Wrong = fn(&str, usize) -> Option<String>;

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
    /// The same of what a product sent, whose forms are not refused for what they hold as a number or an address and is none: the
    /// applicant is without it then, and such an approver is nobody.
    pub(super) fn of_product(mut self) -> Self {
        let Applicant { name, mobile, email, .. } = &mut self.applicant;
        let not_mobile = mobile.take_if(|text| Mobile::parse(text).is_none());
        let no_email = email.take_if(|text| !is_email(text));
        if let (None, Some(text)) = (&name, not_mobile.or(no_email)) {
            *name = Some(text);
        }
        for approver in self.nodes.iter_mut().flatten().flat_map(|node| &mut node.approvers) {
            let why = match approver {
                Approver::Mobile(text) if Mobile::parse(text).is_none() => "is no mobile number",
                Approver::Email(text) if !is_email(text) => "is no e-mail address",
                _ => continue,
            };
            *approver = Approver::Nobody { who: approver.to_string(), why: format!("{approver} {why}") };
        }
        self
    }

    /// Checks everything that needs nobody else, all at once.
    ///
    /// # Errors
    /// [`SubmitError::InvalidBody`] with everything that is wrong.
    pub fn check(&self) -> Result<(), SubmitError> {
        let mut faults: Vec<Fault> = text(BodyField::Title, &self.title, MAX_TITLE).into_iter().collect();
        self.check_texts(&mut faults);
        self.check_fields(&mut faults);
        self.check_nodes(&mut faults);
        self.check_times(&mut faults);
        SubmitError::unless_empty(faults, SubmitError::InvalidBody)
    }

    fn check_texts(&self, faults: &mut Vec<Fault>) {
        if self.reason.as_ref().is_some_and(|reason| reason.chars().count() > MAX_REASON) {
            faults.push(Fault::of(BodyField::Reason, format!("must have at most {MAX_REASON} characters")));
        }
        let applicant = &self.applicant;
        let texts = [
            (BodyField::ApplicantName, &applicant.name, wrong_text as Wrong),
            (BodyField::ApplicantMobile, &applicant.mobile, wrong_mobile),
            (BodyField::ApplicantEmail, &applicant.email, wrong_email),
            (BodyField::ApplicantAccount, &applicant.account, wrong_text),
        ];
        let described = texts.iter().any(|(_, text, _)| text.is_some());
        if applicant.member.is_some() == described {
            let why = "must hold either `member`, or some of `name`, `mobile`, `email`, `account`";
            faults.push(Fault::of(BodyField::Applicant, why));
        }
        let wrong = |(field, given, wrong): (_, &Option<String>, Wrong)| {
            wrong(given.as_deref()?, MAX_NAME).map(|why| Fault::of(field, why))
        };
        faults.extend(texts.into_iter().filter_map(wrong));
        if let Some(resource) = &self.resource {
            faults.extend(text(BodyField::ResourceName, &resource.name, MAX_NAME));
            let is_web = |url: &String| url.starts_with("https://") || url.starts_with("http://");
            if resource
                .url
                .as_ref()
                .is_some_and(|url| !is_web(url) || url.len() > 1024 || url.chars().any(char::is_control))
            {
                let why = "must be an http or https URL of at most 1024 characters";
                faults.push(Fault::of(BodyField::ResourceUrl, why));
            }
        }
    }

    fn check_fields(&self, faults: &mut Vec<Fault>) {
        if self.fields.len() > MAX_FIELDS {
            faults.push(Fault::of(BodyField::Fields, format!("must have at most {MAX_FIELDS} entries")));
        }
        let length = serde_json::to_string(&self.fields).map_or(usize::MAX, |text| text.len());
        if length > MAX_FIELD {
            faults.push(Fault::of(BodyField::Fields, format!("must have at most {MAX_FIELD} bytes")));
        }
    }

    /// The flow may allow fewer.
    fn check_nodes(&self, faults: &mut Vec<Fault>) {
        let Some(nodes) = &self.nodes else { return };
        if nodes.is_empty() || nodes.len() > MAX_NODES {
            faults.push(Fault::new(Position::Nodes(NodePart::List), format!("must hold 1 to {MAX_NODES} nodes")));
        }
        for (index, node) in nodes.iter().enumerate() {
            if node.approvers.len() > MAX_APPROVERS {
                let why = format!("must have at most {MAX_APPROVERS} approvers");
                faults.push(Fault::new(Position::Nodes(NodePart::Approvers(index)), why));
            }
        }
    }

    fn check_times(&self, faults: &mut Vec<Fault>) {
        let mut read = |field: BodyField, text: &Option<String>| {
            let parsed = text.as_deref().map(millis);
            if parsed == Some(None) {
                faults.push(Fault::of(field, "must be a time as in 2026-09-21T14:00:00Z"));
            }
            parsed.flatten()
        };
        let (starts, ends) = (read(BodyField::StartsAt, &self.starts_at), read(BodyField::EndsAt, &self.ends_at));
        if let (Some(starts), Some(ends)) = (starts, ends)
            && ends <= starts
        {
            faults.push(Fault::of(BodyField::EndsAt, "must be after `starts_at`"));
        }
    }

    pub(super) fn starts_at(&self) -> Option<i64> {
        self.starts_at.as_deref().and_then(millis)
    }

    pub(super) fn ends_at(&self) -> Option<i64> {
        self.ends_at.as_deref().and_then(millis)
    }
}

/// What is wrong with a text, if anything is.
fn text(field: BodyField, text: &str, longest: usize) -> Option<Fault> {
    wrong_text(text, longest).map(|why| Fault::of(field, why))
}

/// Milliseconds of an RFC 3339 time.
fn millis(text: &str) -> Option<i64> {
    text.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_millisecond)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use crate::approval::Mode;

    fn body(mobile: &str, email: &str) -> Body {
        let applicant = Applicant { mobile: Some(mobile.into()), email: Some(email.into()), ..Applicant::default() };
        let approvers = vec![Approver::Mobile(mobile.into()), Approver::Email(email.into())];
        let node = NodeSpec { name: "Team".into(), mode: Mode::Any, approvers };
        Body { title: "Read access".into(), applicant, nodes: Some(vec![node]), ..Body::default() }
    }

    #[test]
    fn what_is_no_number_or_address_is_a_bad_field() {
        assert!(body("13800000001", "a@b.example").check().is_ok());
        let error = body("abc", "nobody").check().unwrap_err();
        let SubmitError::InvalidBody(faults) = error else { panic!("{error:?}") };
        let positions: Vec<&Position> = faults.iter().map(|fault| &fault.position).collect();
        let of = Position::Field;
        assert_eq!(positions, [&of(BodyField::ApplicantMobile), &of(BodyField::ApplicantEmail)]);
    }

    #[test]
    fn a_products_form_is_not_refused_for_it() {
        let kept = body("13800000001", "a@b.example").of_product();
        assert_eq!((kept.applicant.mobile.as_deref(), kept.applicant.name), (Some("13800000001"), None));
        let body = body("abc", "nobody").of_product();
        body.check().unwrap();
        assert_eq!((body.applicant.name.as_deref(), body.applicant.mobile), (Some("abc"), None));
        let nobody = |who: &str, why: &str| Approver::Nobody { who: who.into(), why: why.into() };
        let expected = [
            nobody("mobile abc", "mobile abc is no mobile number"),
            nobody("email nobody", "email nobody is no e-mail address"),
        ];
        assert_eq!(body.nodes.unwrap()[0].approvers, expected);
    }
}
