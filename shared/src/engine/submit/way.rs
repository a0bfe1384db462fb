//! Which way a request goes: the flow that it names, what the rules say, or its source's default flow.

use serde_json::{Map, Value, json};

use super::body::Body;
use super::error::SubmitError;
use super::found::Missing;
use super::people::People;
use super::submission::{Submission, workspace};
use crate::engine::App;
use crate::engine::rules::{Ready, ask};
use crate::ids::{FlowId, OrgId};
use crate::providers::Contact;
use crate::resources::{AskRules, Flow, Member, OnError, Source, Then, Workspace};
use crate::rules::{Facts, Finding};
use crate::store;
use crate::store::approvals::{Ruled, RuledAs};

/// Where a request goes.
pub(super) enum Way {
    /// It follows this flow.
    Flow(Box<Flow>),
    /// A rule approves it at once.
    Approve,
    /// A rule rejects it at once, for this reason.
    Reject(String),
}

/// What becomes of a request, and which rule says so.
pub(super) struct Chosen {
    pub(super) way: Way,
    pub(super) rule: Option<Ruled>,
}

impl Submission<'_> {
    /// Chooses the way.
    pub(super) async fn way(
        &self,
        workspace: Option<&Workspace>,
        contact: &Contact,
        member: Option<&Member>,
    ) -> Result<Chosen, SubmitError> {
        let (app, org) = (self.app, &self.source.org);
        let rules = app.rules(org).await?;
        let facts = facts(&self.body, &self.source, workspace, contact, member, app.world.now());
        let is_bound = is_bound(app, &self.source, &self.body).await?;
        let decided = decide(&self.source, &self.body, is_bound, &rules, &facts)?;
        if let Some(rule) = decided.rule.as_ref().filter(|rule| rule.outcome == RuledAs::Failed) {
            let (source, approval) = (&self.source.id, &self.id);
            tracing::warn!(rule.id = %rule.id, source.id = %source, approval.id = %approval,
                "a rule could not be evaluated: the request goes the way that the rule's on_error says");
        }
        let way = match decided.way {
            TriedWay::Approve => Way::Approve,
            TriedWay::Reject => Way::Reject(decided.why),
            TriedWay::Flow(id) => Way::Flow(Box::new(flow(app, org, &id).await?)),
            TriedWay::NoFlow => return Err(missing_flow(decided.rule)),
        };
        Ok(Chosen { way, rule: decided.rule })
    }
}

/// Where a request goes, before the flow is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TriedWay {
    /// It is approved at once.
    Approve,
    /// It is rejected at once.
    Reject,
    /// It follows this flow.
    Flow(FlowId),
    /// Nothing says which flow it follows.
    NoFlow,
}

impl TriedWay {
    /// The flow, if it follows one.
    #[must_use]
    pub const fn flow(&self) -> Option<&FlowId> {
        match self {
            Self::Flow(flow) => Some(flow),
            Self::Approve | Self::Reject | Self::NoFlow => None,
        }
    }
}

/// Who chose the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// The request, which names its flow.
    Request,
    /// A rule.
    Rule,
    /// The source, by its default flow.
    Source,
}

/// What the source's setting, the request and the rules come to.
struct Decided {
    way: TriedWay,
    by: By,
    /// Why it is rejected; empty where it is not.
    why: String,
    /// The rule that decided or failed; `None` where the request's own choice stands.
    rule: Option<Ruled>,
    findings: Vec<Finding>,
}

/// Whether the rules decide all of a request: it names no flow, or its source's or its organisation's rules are asked always.
async fn is_bound(app: &App, source: &Source, body: &Body) -> Result<bool, SubmitError> {
    Ok(body.flow.is_none() || source.rules == AskRules::Always || app.rules_bind(&source.org).await?)
}

/// Decides. A flow that the request names must be one that its source may use. It stands against rules that would approve or choose
/// another flow, unless it is bound by them; never against one that rejects, or whose failure rejects. Where rules
/// are asked always and one fails, the named flow is not taken either: whoever asks could have made it fail.
fn decide(
    source: &Source,
    body: &Body,
    is_bound: bool,
    rules: &[Ready],
    facts: &Facts,
) -> Result<Decided, SubmitError> {
    if let Some(named) = &body.flow
        && !source.flows.is_empty()
        && !source.flows.contains(named)
    {
        return Err(SubmitError::ForbiddenFlow);
    }
    let verdict = ask(rules, facts);
    let default = || source.default_flow.clone().map_or(TriedWay::NoFlow, TriedWay::Flow);
    let named = || body.flow.clone().map(|flow| (TriedWay::Flow(flow), By::Request));
    let (mut rule, mut why) = (verdict.ruled, String::new());
    let (way, by) = match verdict.by {
        Some((_, Some(Then::Reject(reason)))) => {
            why.clone_from(reason);
            (TriedWay::Reject, By::Rule)
        }
        Some((failed, None)) if failed.on_error == OnError::Reject => {
            "The request could not be checked.".clone_into(&mut why);
            (TriedWay::Reject, By::Rule)
        }
        decided => {
            let own = if is_bound && decided.is_some() { None } else { named() };
            match (own, decided) {
                (Some(own), _) => {
                    rule = None;
                    own
                }
                (None, Some((_, Some(Then::Approve(_))))) => (TriedWay::Approve, By::Rule),
                (None, Some((_, Some(Then::Flow(flow))))) => (TriedWay::Flow(flow.clone()), By::Rule),
                (None, Some((failed, None))) if failed.error_flow().is_some() => {
                    (failed.error_flow().cloned().map_or_else(default, TriedWay::Flow), By::Rule)
                }
                (None, _) => (default(), By::Source),
            }
        }
    };
    Ok(Decided { way, by, why, rule, findings: verdict.findings })
}

fn missing_flow(rule: Option<Ruled>) -> SubmitError {
    let failed = rule.filter(|rule| rule.outcome == RuledAs::Failed);
    SubmitError::MissingFlow { failed: failed.map(Box::new) }
}

async fn flow(app: &App, org: &OrgId, id: &FlowId) -> Result<Flow, SubmitError> {
    match app.store.get::<Flow>(org, id.as_str()).await {
        Ok(stored) => Ok(stored.value),
        Err(store::Error::NotFound) => Err(SubmitError::UnknownFlow(id.clone())),
        Err(error) => Err(error.into()),
    }
}

/// What rules see of a request.
fn facts(
    body: &Body,
    source: &Source,
    workspace: Option<&Workspace>,
    contact: &Contact,
    member: Option<&Member>,
    now: i64,
) -> Facts {
    let request = json!({
        "title": body.title, "reason": body.reason, "fields": body.fields, "resource": body.resource, "nodes": body.nodes,
    });
    let applicant = json!({
        "member": member.map(|member| &member.id), "name": contact.name, "mobile": contact.mobile, "email": contact.email,
        "account": body.applicant.account, "roles": member.map_or(&[][..], |member| &member.roles),
    });
    let source = json!({"id": source.id, "name": source.name, "format": source.format});
    let workspace = workspace.map(|workspace| present(json!({"id": workspace.id, "name": workspace.name})));
    Facts {
        request: present(request),
        starts_at: body.starts_at(),
        ends_at: body.ends_at(),
        applicant: present(applicant),
        source: present(source),
        workspace,
        now,
    }
}

/// Without what is not there: conditions ask with `has(…)`.
fn present(fields: Value) -> Map<String, Value> {
    match fields {
        Value::Object(fields) => fields.into_iter().filter(|(_, value)| !value.is_null()).collect(),
        _ => Map::new(),
    }
}

/// What a request would come to.
#[derive(Debug)]
pub struct Tried {
    /// Where it would go.
    pub way: TriedWay,
    /// Who says so.
    pub by: By,
    /// The rule that would decide, or has failed.
    pub rule: Option<Ruled>,
    /// What each rule came to, in their order.
    pub findings: Vec<Finding>,
}

/// Tells what a request would come to under these rules. Starts nothing, writes nothing, calls no platform.
///
/// # Errors
/// What the sender of such a request would be told of its workspace, its applicant or the flow that it names.
pub async fn try_rules(app: &App, source: &Source, body: &Body, rules: &[Ready]) -> Result<Tried, SubmitError> {
    let workspace = workspace(app, source, body).await?;
    let id = workspace.as_ref().map(|workspace| &workspace.id);
    let people = People::new(app, &source.org, id);
    let (_, contact, member) = people.applicant(&body.applicant).await.map_err(Missing::of_applicant)?;
    if let Some(named) = &body.flow {
        flow(app, &source.org, named).await?;
    }
    let facts = facts(body, source, workspace.as_ref(), &contact, member.as_ref(), app.world.now());
    let is_bound = is_bound(app, source, body).await?;
    let Decided { way, by, rule, findings, .. } = decide(source, body, is_bound, rules, &facts)?;
    Ok(Tried { way, by, rule, findings })
}
