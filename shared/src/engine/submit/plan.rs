//! From a flow to the stages of an approval, with every person resolved.

use crate::approval::{Mode, Stage};
use crate::engine::App;
use crate::ids::{ConnectionId, OrgId};
use crate::resources::flow::{NodeFault, check_nodes};
use crate::resources::{Connection, Flow, Member, NodeSpec};
use crate::store;

use super::body::{Applicant, Body};
use super::error::SubmitError;
use super::fault::{BodyField, Fault};
use super::found::{Missing, Platform};
use super::nodes::{Identity, Wanted, WantedStage, Wrong, resolve};
use super::people::People;

/// The stages; none where a rule has decided.
#[derive(Default)]
pub(super) struct Plan {
    pub(super) stages: Vec<Stage>,
    /// The applicant, where it was found out on a platform which member they are.
    pub(super) applicant: Option<Member>,
}

/// Resolves a flow for a request. Everybody who cannot be found is named at once.
pub(super) async fn plan(
    people: &People<'_>,
    flow: &Flow,
    body: &Body,
    applicant: &Applicant,
    member: Option<&Member>,
) -> Result<Plan, SubmitError> {
    check_limits(flow, body)?;
    let mut wrong = Wrong::default();
    let mut known = member.cloned();
    let mut identity = Identity::new(member);
    let mut plan = Plan::default();
    for (index, stage) in flow.stages.iter().enumerate() {
        let connection = connection(people.app, people.org, stage.connection.as_ref()).await?;
        let platform = Platform::open(people.app, connection).await?;
        let wanted = wanted(&platform, flow, index, body)?;
        if index == 0 {
            check_own(&platform, body)?;
        }
        // An account that the request names is one of the platform on which it starts.
        let named = flow.stages.first().is_some_and(|first| first.connection == stage.connection);
        let mut account = None;
        match people.starter(&platform, applicant, known.as_ref(), named).await {
            Ok(starter) => {
                if let Some(account) = starter.account.clone().filter(|_| starter.is_own) {
                    if known.is_none() {
                        known = people.owner(&platform, &account).await?;
                        identity = identity.or_of(known.as_ref());
                        plan.applicant = known.clone();
                    }
                    identity.add(&platform.connection.id, account);
                }
                account = starter.account;
            }
            Err(Missing::Failed(error)) => return Err(error),
            Err(Missing::Nobody(detail) | Missing::Field(detail) | Missing::TooMany(detail)) => {
                wrong.missing.push(Fault::of(BodyField::Applicant, detail));
            }
        }
        let (nodes, left_out) = resolve(people, &platform, flow, &identity, &wanted, &mut wrong).await?;
        let (id, kind) = (platform.connection.id.to_string(), platform.connection.kind.clone());
        let mut planned = Stage::new(id, kind, platform.provider.decided_by(), nodes);
        planned.account_ids = platform.provider.account_ids();
        planned.left_out = left_out;
        planned.own_definition = stage.template.is_some();
        (planned.applicant, planned.template) = (account, stage.template.clone());
        plan.stages.push(planned);
    }
    wrong.into_result()?;
    Ok(plan)
}

async fn connection(app: &App, org: &OrgId, id: Option<&ConnectionId>) -> Result<Connection, SubmitError> {
    let Some(id) = id else { return Ok(Connection::builtin(org.clone())) };
    match app.store.get::<Connection>(org, id.as_str()).await {
        Ok(stored) => Ok(stored.value),
        Err(store::Error::NotFound) => Err(SubmitError::UnknownConnection(id.to_string())),
        Err(error) => Err(error.into()),
    }
}

/// The nodes of a stage: the request's own where the flow lets it choose them, else the flow's.
fn wanted<'a>(
    platform: &Platform,
    flow: &'a Flow,
    index: usize,
    body: &'a Body,
) -> Result<WantedStage<'a>, SubmitError> {
    let stage = |nodes: Vec<Wanted<'a>>, is_own| Ok(WantedStage { index, nodes, is_own });
    let all = |nodes: &'a [NodeSpec]| nodes.iter().map(of).collect();
    if let Some(nodes) = body.nodes.as_ref().filter(|_| index == 0) {
        return stage(all(nodes), true);
    }
    let nodes = &flow.stages[index].nodes;
    if nodes.is_empty() && !platform.provider.needs_approvers() {
        // It decides by itself who is asked; it will tell of its nodes.
        return stage(vec![Wanted { name: "Approval", mode: Mode::Any, approvers: &[] }], false);
    }
    if nodes.is_empty() {
        return Err(SubmitError::MissingNodes);
    }
    stage(all(nodes), false)
}

fn of(node: &NodeSpec) -> Wanted<'_> {
    Wanted { name: &node.name, mode: node.mode, approvers: &node.approvers }
}

/// Whether the flow lets a request bring nodes, and so many.
fn check_limits(flow: &Flow, body: &Body) -> Result<(), SubmitError> {
    let Some(nodes) = &body.nodes else { return Ok(()) };
    if !flow.nodes_from_request {
        return Err(SubmitError::ForbiddenNodes);
    }
    let approvers: Vec<usize> = nodes.iter().map(|node| node.approvers.len()).collect();
    SubmitError::unless_empty(faults(flow.limits.check_nodes(&approvers)), SubmitError::InvalidBody)
}

/// What a flow says was checked when it was saved; what a request brings is checked here.
fn check_own(platform: &Platform, body: &Body) -> Result<(), SubmitError> {
    let Some(nodes) = &body.nodes else { return Ok(()) };
    let found = check_nodes(nodes, platform.provider, false);
    SubmitError::unless_empty(faults(found.invalid), SubmitError::InvalidBody)?;
    SubmitError::unless_empty(faults(found.unsupported_modes), SubmitError::UnsupportedMode)?;
    SubmitError::unless_empty(faults(found.unsupported_approvers), SubmitError::UnsupportedApprover)
}

/// What is wrong with the nodes that a request brings.
fn faults(of_nodes: Vec<NodeFault>) -> Vec<Fault> {
    of_nodes.into_iter().map(Fault::from).collect()
}
