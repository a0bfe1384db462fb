//! Which way a request goes: the flow that it names, else what the rules say, else its source's default flow.

use serde_json::{Map, Value, json};

use super::Body;
use super::people::{Missing, People};
use super::{Submission, workspace};
use crate::config::{Flow, Member, Source, Then, Workspace};
use crate::engine::rules::{Ready, ask};
use crate::http::{App, Problem};
use crate::ids::{FlowId, OrgId};
use crate::providers::Contact;
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
    /// Chooses the way. A flow that the request names is taken without asking the rules: whoever may submit may say how.
    pub(super) async fn way(
        &self,
        workspace: Option<&Workspace>,
        contact: &Contact,
        member: Option<&Member>,
    ) -> Result<Chosen, Problem> {
        let (app, org) = (self.app, &self.source.org);
        if let Some(named) = &self.body.flow {
            return Ok(Chosen { way: Way::Flow(Box::new(flow(app, org, named).await?)), rule: None });
        }
        let rules = app.rules(org).await?;
        let verdict = ask(&rules, &facts(&self.body, &self.source, workspace, contact, member, app.world.now()));
        let rule = verdict.ruled;
        let way = match verdict.by {
            Some((_, Some(Then::Approve(_)))) => Way::Approve,
            Some((_, Some(Then::Reject(why)))) => Way::Reject(why.clone()),
            Some((_, Some(Then::Flow(id)))) => Way::Flow(Box::new(flow(app, org, id).await?)),
            undecided => {
                if let Some((failed, _)) = undecided {
                    let (source, approval) = (&self.source.id, &self.id);
                    tracing::warn!(rule.id = %failed.id, source.id = %source, approval.id = %approval,
                        "a rule could not be evaluated: the request follows its source's default flow");
                }
                let id = self.source.default_flow.as_ref().ok_or_else(|| no_flow(rule.as_ref()))?;
                Way::Flow(Box::new(flow(app, org, id).await?))
            }
        };
        Ok(Chosen { way, rule })
    }
}

fn no_flow(rule: Option<&Ruled>) -> Problem {
    let detail = match rule.filter(|rule| rule.outcome == RuledAs::Failed) {
        Some(rule) => {
            let why = rule.detail.as_deref().unwrap_or_default();
            let (name, id) = (&rule.name, &rule.id);
            format!("the rule \"{name}\" ({id}) could not be evaluated ({why}), and the source has no default flow")
        }
        None => "the request names no flow, no rule chooses one, and its source has no default one".to_owned(),
    };
    Problem::unprocessable("no_flow", detail).at("/flow")
}

async fn flow(app: &App, org: &OrgId, id: &FlowId) -> Result<Flow, Problem> {
    match app.store.get::<Flow>(org, id.as_str()).await {
        Ok(stored) => Ok(stored.value),
        Err(store::Error::NotFound) => {
            Err(Problem::unprocessable("unknown_flow", format!("there is no flow {id}")).at("/flow"))
        }
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
    /// The rule that would decide, or has failed.
    pub rule: Option<Ruled>,
    /// The flow that it would follow; `None` where a rule decides at once, or where there is none.
    pub flow: Option<FlowId>,
    /// Whether the request names the flow itself, so that rules are not asked.
    pub named: bool,
    /// What each rule came to, in their order.
    pub findings: Vec<Finding>,
}

/// Tells what a request would come to under these rules. Starts nothing, writes nothing, calls no platform.
///
/// # Errors
/// What the sender of such a request would be told of its workspace or its applicant.
pub async fn try_rules(app: &App, source: &Source, body: &Body, rules: &[Ready]) -> Result<Tried, Problem> {
    let workspace = workspace(app, source, body).await?;
    let id = workspace.as_ref().map(|workspace| &workspace.id);
    let people = People { app, org: &source.org, workspace: id };
    let (_, contact, member) = people.applicant(&body.applicant).await.map_err(Missing::of_applicant)?;
    if let Some(named) = &body.flow {
        let findings = vec![Finding::NotReached; rules.len()];
        let flow = flow(app, &source.org, named).await?;
        return Ok(Tried { rule: None, flow: Some(flow.id), named: true, findings });
    }
    let verdict = ask(rules, &facts(body, source, workspace.as_ref(), &contact, member.as_ref(), app.world.now()));
    let flow = match verdict.by {
        Some((_, Some(then))) => match then {
            Then::Flow(flow) => Some(flow.clone()),
            Then::Approve(_) | Then::Reject(_) => None,
        },
        _ => source.default_flow.clone(),
    };
    Ok(Tried { rule: verdict.ruled, flow, named: false, findings: verdict.findings })
}
