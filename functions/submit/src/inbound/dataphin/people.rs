//! The people of a form, and what the form is to us.
//!
//! A person is the member who has this source's id of them, else whoever the platform knows by that id, where the source's setting
//! says what it is there.

use std::collections::HashMap;

use countersign::engine::App;
use countersign::engine::submit::{Applicant, Body, BodyField, Position, SubmitError};
use countersign::http::submit::pointer;
use countersign::ids::{MemberId, SourceId};
use countersign::providers::Resource;
use countersign::resources::flow::NodePart;
use countersign::resources::{Approver, NodeSpec};
use countersign::sources::dataphin::inbound::{Form, User};
use countersign::sources::dataphin::{Known, content};
use countersign::store;
use serde_json::{Map, Value};

use super::DataphinRefusal;
use crate::inbound::Call;

/// The people of a form, found.
pub(super) struct Mapped {
    applicant: Applicant,
    nodes: Vec<NodeSpec>,
    /// Of each node's approvers, which of its users they are.
    users: Vec<Vec<usize>>,
    /// What is kept of them, to name them in a callback.
    pub(super) known: Vec<Known>,
}

/// What a `userSourceId` is on the platform, for people who are no member.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Meaning {
    Nothing,
    Account,
    Mobile,
    Email,
}

impl Mapped {
    /// Finds everybody. An approver who is nobody here is left to the flow: somebody else may be asked.
    ///
    /// # Errors
    /// The table's own.
    pub(super) async fn of(app: &App, call: &Call, form: &Form) -> Result<Self, DataphinRefusal> {
        let meaning = match call.receiver.setting("user_source_id_is") {
            Some("account") => Meaning::Account,
            Some("mobile") => Meaning::Mobile,
            Some("email") => Meaning::Email,
            _ => Meaning::Nothing,
        };
        let users = || form.nodes.iter().flat_map(|node| &node.users).chain([&form.applicant]);
        let members =
            members(app, &call.source.id, users()).await.map_err(|error| DataphinRefusal::of(&error.into()))?;
        let (mut nodes, mut taken) = (Vec::new(), Vec::new());
        for (index, node) in form.nodes.iter().enumerate() {
            let (mut approvers, mut numbers) = (Vec::new(), Vec::new());
            for (number, user) in node.users.iter().enumerate() {
                let approver = approver(user, &members, meaning).unwrap_or_else(|| nobody(user, &call.source.id));
                // Two people of Dataphin may be one of ours.
                if !approvers.contains(&approver) {
                    approvers.push(approver);
                    numbers.push(number);
                }
            }
            nodes.push(NodeSpec { name: format!("节点 {0} Node {0}", index + 1), mode: node.mode, approvers });
            taken.push(numbers);
        }
        let known = users().map(|user| known(user, &members, meaning)).collect();
        let applicant = applicant(&form.applicant, &members, meaning, &call.source.name);
        Ok(Self { applicant, nodes, users: taken, known })
    }

    /// What the form is to us.
    pub(super) fn body(&self, call: &Call, form: &Form) -> Body {
        let Self { applicant, nodes, .. } = self;
        let Applicant { member, name, mobile, email, account } = applicant;
        let applicant = Applicant {
            member: member.clone(),
            name: name.clone(),
            mobile: mobile.clone(),
            email: email.clone(),
            account: account.clone(),
        };
        let url = call.receiver.setting("form_url").map(|url| url.replace("{applyId}", &encoded(&form.apply_id)));
        Body {
            title: form.title.clone(),
            applicant,
            nodes: (!nodes.is_empty()).then(|| nodes.clone()),
            fields: fields(form, url.as_deref()),
            resource: url.map(|url| Resource { name: format!("Dataphin {}", short(&form.apply_id)), url: Some(url) }),
            ..Body::default()
        }
    }

    /// An error in Dataphin's words: people are named as it knows them, nodes as it calls them.
    pub(super) fn explain(&self, form: &Form, error: SubmitError) -> DataphinRefusal {
        let (faults, is_of_nodes) = (error.faults(), matches!(error, SubmitError::ForbiddenNodes));
        let mut refusal = DataphinRefusal::of(&error.into());
        if !faults.is_empty() {
            let told = faults.iter().map(|fault| {
                let named = self.named(form, &fault.position).unwrap_or_else(|| pointer(&fault.position));
                format!("{named}: {fault}")
            });
            refusal.message = told.collect::<Vec<_>>().join("; ");
        }
        if is_of_nodes {
            refusal.message += "; set the flow's `nodes_from_request`, or the source's `approve_nodes` to `ignore`";
        }
        refusal
    }

    /// Who or what stands at a position of our request, where Dataphin has a word for it.
    fn named(&self, form: &Form, position: &Position) -> Option<String> {
        use BodyField as F;
        match *position {
            Position::Field(
                F::Applicant
                | F::ApplicantMember
                | F::ApplicantName
                | F::ApplicantMobile
                | F::ApplicantEmail
                | F::ApplicantAccount,
            ) => Some(format!("applicant {}", form.applicant.shown())),
            Position::Nodes(NodePart::List) | Position::Stage { is_own: true, .. } => Some("approveNodes".to_owned()),
            Position::Nodes(NodePart::Approver { node, approver }) => {
                let user = form.nodes.get(node)?.users.get(*self.users.get(node)?.get(approver)?)?;
                Some(format!("node {}: {}", node + 1, user.shown()))
            }
            Position::Nodes(NodePart::Name(node) | NodePart::Mode(node) | NodePart::Approvers(node)) => {
                Some(format!("node {}", node + 1))
            }
            Position::Field(_) | Position::Stage { .. } | Position::FlowNode { .. } => None,
        }
    }
}

type Members<'a> = HashMap<&'a str, MemberId>;

/// The members who have this source's ids of these people.
async fn members<'a>(
    app: &App,
    source: &SourceId,
    users: impl Iterator<Item = &'a User>,
) -> Result<Members<'a>, store::Error> {
    let mut ids: Vec<&str> = users.filter_map(|user| user.source_id.as_deref()).collect();
    ids.sort_unstable();
    ids.dedup();
    let mut members = Members::new();
    for some in ids.chunks(100) {
        let found = app.store.members_by_source_ids(source, some).await?;
        members.extend(some.iter().zip(found).filter_map(|(id, member)| Some((*id, member?))));
    }
    Ok(members)
}

fn approver(user: &User, members: &Members<'_>, meaning: Meaning) -> Option<Approver> {
    let id = user.source_id.as_deref()?;
    if let Some(member) = members.get(id) {
        return Some(Approver::Member(member.clone()));
    }
    match meaning {
        Meaning::Nothing => None,
        Meaning::Account => Some(Approver::Account(id.to_owned())),
        Meaning::Mobile => Some(Approver::Mobile(id.to_owned())),
        Meaning::Email => Some(Approver::Email(id.to_owned())),
    }
}

/// An approver who is no member, and of whom the source's settings say nothing else.
fn nobody(user: &User, source: &SourceId) -> Approver {
    let why = format!(
        "is nobody here. Give the userSourceId to a member as the id of source {source}, or set the source's `user_source_id_is`"
    );
    Approver::Nobody { who: user.shown(), why }
}

/// Who asks. Nobody who can be found is the connection's default applicant; the platform's people read the name.
fn applicant(user: &User, members: &Members<'_>, meaning: Meaning, source: &str) -> Applicant {
    let id = user.source_id.as_deref();
    if let Some(member) = id.and_then(|id| members.get(id)) {
        return Applicant { member: Some(member.clone()), ..Applicant::default() };
    }
    let name = user.name.as_deref().or(id).or(user.user_id.as_deref()).unwrap_or(source);
    let mut applicant = Applicant { name: Some(short(name)), ..Applicant::default() };
    let id = id.map(str::to_owned);
    match meaning {
        Meaning::Nothing => {}
        Meaning::Account => applicant.account = id,
        Meaning::Mobile => applicant.mobile = id,
        Meaning::Email => applicant.email = id,
    }
    applicant
}

fn known(user: &User, members: &Members<'_>, meaning: Meaning) -> Known {
    let id = user.source_id.as_deref();
    let member = id.and_then(|id| members.get(id)).map(ToString::to_string);
    let is_account = member.is_none() && meaning == Meaning::Account;
    Known {
        account: user.source_id.clone().filter(|_| is_account),
        member,
        source_id: user.source_id.clone(),
        user_id: user.user_id.clone(),
        name: user.name.clone(),
    }
}

/// What approvers read, and what rules may ask for.
fn fields(form: &Form, url: Option<&str>) -> Map<String, Value> {
    let read = content::read(&form.content);
    let mut lines =
        vec![format!("申请类型 Type: {}", content::kind(&form.kind)), format!("单号 Dataphin form: {}", form.apply_id)];
    lines.extend(url.map(|url| format!("链接 Link: {url}")));
    lines.extend(Some(read.text).filter(|text| !text.is_empty()));
    let named = [
        ("内容 Content", Some(lines.join("\n"))),
        ("type", Some(form.kind.clone())),
        ("resource_type", read.resource_type),
        ("environment", read.environment),
        ("template_code", form.template_code.clone()),
    ];
    named.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?.into()))).collect()
}

/// As it may stand in a name.
fn short(text: &str) -> String {
    text.chars().take(100).collect()
}

/// As it may stand in a URL.
fn encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}
