//! From a form of Quick BI's to a submit.

use serde_json::{Map, Value, json};

use crate::approval::Mode;
use crate::delivery::rfc3339;
use crate::engine::App;
use crate::engine::submit::{Applicant, Asked, Body, SubmitError, Submitted, submit};
use crate::ids::MemberId;
use crate::providers::Resource;
use crate::resources::{Approver, NodeSpec, Source};
use crate::sources::quick_bi::approvals::Form;
use crate::sources::quick_bi::{APPLICATION, PeopleBy};
use crate::store::Error;

/// Most people of one form's node; a request may bring no more.
const MAX_APPROVERS: usize = 5;
/// Longest texts of a submit that are made of a form's, in characters.
const MAX_NAME: usize = 128;
const MAX_REASON: usize = 2_000;

/// A form, and everybody in whose lists it was.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    pub(super) form: Form,
    /// Quick BI's ids of them.
    pub(super) approvers: Vec<String>,
}

/// Submits a form. Where the flow lets a request bring its nodes, the form's approvers are its one node, as far as they are
/// known; else the flow's own nodes are asked.
pub(super) async fn enter(app: &App, source: &Source, by: PeopleBy, wanted: &Wanted) -> Result<Submitted, SubmitError> {
    let people = people(app, source, wanted).await?;
    let nodes = node(by, wanted, &people);
    let has_nodes = nodes.is_some();
    match submit(app, source.clone(), asked(by, wanted, &people, nodes)).await {
        Err(SubmitError::ForbiddenNodes) if has_nodes => {
            submit(app, source.clone(), asked(by, wanted, &people, None)).await
        }
        result => result,
    }
}

/// The members whom the source calls by the form's ids: the applicant, then the approvers.
async fn people(app: &App, source: &Source, wanted: &Wanted) -> Result<Vec<Option<MemberId>>, Error> {
    let applicant = wanted.form.applicant_id.as_deref().unwrap_or_default();
    let approvers = wanted.approvers.iter().take(MAX_APPROVERS).map(String::as_str);
    let ids: Vec<&str> = std::iter::once(applicant).chain(approvers).collect();
    app.store.members_by_source_ids(&source.id, &ids).await
}

fn node(by: PeopleBy, wanted: &Wanted, people: &[Option<MemberId>]) -> Option<Vec<NodeSpec>> {
    let found = wanted.approvers.iter().zip(people.iter().skip(1));
    let mut approvers: Vec<Approver> = Vec::new();
    for approver in found.filter_map(|(id, member)| approver(by, id, member.as_ref())) {
        if !approvers.contains(&approver) {
            approvers.push(approver);
        }
    }
    let name = "Approval".to_owned();
    (!approvers.is_empty()).then(|| vec![NodeSpec { name, mode: Mode::Any, approvers }])
}

fn approver(by: PeopleBy, id: &str, member: Option<&MemberId>) -> Option<Approver> {
    match (member, by) {
        (Some(member), _) => Some(Approver::Member(member.clone())),
        (None, PeopleBy::Account) => Some(Approver::Account(id.to_owned())),
        (None, PeopleBy::Mobile) => Some(Approver::Mobile(id.to_owned())),
        (None, PeopleBy::Email) => Some(Approver::Email(id.to_owned())),
        (None, PeopleBy::None) => None,
    }
}

/// What the form asks, in our words.
fn asked(by: PeopleBy, wanted: &Wanted, people: &[Option<MemberId>], nodes: Option<Vec<NodeSpec>>) -> Asked {
    let form = &wanted.form;
    let resource = short(form.resource_name.as_deref(), MAX_NAME);
    let title = match &resource {
        Some(name) => format!("Quick BI: {name}"),
        None => "Quick BI: permission request".to_owned(),
    };
    let body = Body {
        title: title.chars().take(MAX_NAME).collect(),
        reason: short(form.reason.as_deref(), MAX_REASON),
        applicant: applicant(by, form, people.first().and_then(Option::as_ref)),
        nodes,
        fields: fields(form),
        resource: resource.map(|name| Resource { name, url: None }),
        ends_at: form.expires_at.map(rfc3339),
        ..Body::default()
    };
    let origin = Map::from_iter([(APPLICATION.to_owned(), Value::from(form.application.as_str()))]);
    // A form keeps its id while its times move on: only the id makes it another.
    Asked { key: form.application.clone(), sent: json!({ APPLICATION: form.application }), body, origin }
}

fn applicant(by: PeopleBy, form: &Form, member: Option<&MemberId>) -> Applicant {
    if let Some(member) = member {
        return Applicant { member: Some(member.clone()), ..Applicant::default() };
    }
    let id = short(form.applicant_id.as_deref(), MAX_NAME);
    let unnamed = || id.clone().unwrap_or_else(|| "Quick BI".to_owned());
    let name = Some(short(form.applicant_name.as_deref(), MAX_NAME).unwrap_or_else(unnamed));
    match by {
        PeopleBy::Account => Applicant { name, account: id, ..Applicant::default() },
        PeopleBy::Mobile => Applicant { name, mobile: id, ..Applicant::default() },
        PeopleBy::Email => Applicant { name, email: id, ..Applicant::default() },
        PeopleBy::None => Applicant { name, ..Applicant::default() },
    }
}

/// What approvers see beside title and reason.
fn fields(form: &Form) -> Map<String, Value> {
    let shown = [
        ("Resource type", &form.resource_type),
        ("Workspace", &form.workspace),
        ("Applicant", &form.applicant_name),
        ("Approver at Quick BI", &form.approver_name),
    ];
    let text =
        |(name, text): (&str, &Option<String>)| Some((name.to_owned(), short(text.as_deref(), MAX_NAME)?.into()));
    shown.into_iter().filter_map(text).collect()
}

/// A text in one line that is not too long; `None` for an empty one.
fn short(text: Option<&str>, longest: usize) -> Option<String> {
    let clean: String = text?.chars().map(|c| if c.is_control() { ' ' } else { c }).take(longest).collect();
    let clean = clean.trim();
    (!clean.is_empty()).then(|| clean.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted() -> Wanted {
        let text = |text: &str| Some(text.to_owned());
        let form = Form {
            application: "app-1".into(),
            applicant_id: text("u-1"),
            applicant_name: text("李娜"),
            reason: text("monthly\nreport"),
            approver_id: text("u-2"),
            approver_name: text("王芳"),
            resource_name: text(&"x".repeat(200)),
            resource_type: text("dashboard"),
            workspace: text(" "),
            expires_at: Some(1_790_000_000_000),
            ..Form::default()
        };
        Wanted { form, approvers: vec!["u-2".into(), "u-3".into()] }
    }

    #[test]
    fn a_form_becomes_a_submit_that_passes_the_checks() {
        let wanted = wanted();
        let asked = asked(PeopleBy::None, &wanted, &[None, None, None], None);
        asked.body.check().unwrap();
        assert_eq!((asked.key.as_str(), &asked.origin["application_id"]), ("app-1", &json!("app-1")));
        assert_eq!(asked.body.title.chars().count(), 128);
        assert_eq!(asked.body.reason.as_deref(), Some("monthly report"));
        assert_eq!(asked.body.ends_at.as_deref(), Some("2026-09-21T14:13:20Z"));
        assert_eq!(
            asked.body.fields.keys().collect::<Vec<_>>(),
            ["Applicant", "Approver at Quick BI", "Resource type"]
        );
        let bare = Wanted { form: Form { application: "a".into(), ..Form::default() }, approvers: vec![] };
        let asked = super::asked(PeopleBy::Account, &bare, &[], None);
        asked.body.check().unwrap();
        assert_eq!(asked.body.applicant.name.as_deref(), Some("Quick BI"));
    }

    #[test]
    fn people_are_members_or_what_the_setting_says() {
        let (wanted, member): (_, MemberId) = (wanted(), "mem_1".parse().unwrap());
        let nodes = node(PeopleBy::Email, &wanted, &[None, Some(member.clone()), None]).unwrap();
        assert_eq!(nodes[0].approvers, [Approver::Member(member.clone()), Approver::Email("u-3".into())]);
        assert_eq!(node(PeopleBy::None, &wanted, &[None, None, None]), None);
        let found = applicant(PeopleBy::Mobile, &wanted.form, Some(&member));
        assert_eq!((found.member, found.mobile), (Some(member), None));
        let described = applicant(PeopleBy::Mobile, &wanted.form, None);
        assert_eq!((described.name.as_deref(), described.mobile.as_deref()), (Some("李娜"), Some("u-1")));
    }
}
