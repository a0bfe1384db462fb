//! From a flow to the stages of an approval, with every person resolved.

use crate::approval::{Mode, Stage};
use crate::engine::App;
use crate::http::Problem;
use crate::ids::OrgId;
use crate::resources::FieldErrors;
use crate::resources::flow::{Unsupported, check_nodes};
use crate::resources::{Connection, Flow, Member, NodeSpec};
use crate::store;

use super::body::{Applicant, Body};
use super::nodes::{Identity, Wanted, WantedStage, Wrong, resolve};
use super::people::{Missing, People, Platform};

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
) -> Result<Plan, Problem> {
    check_limits(flow, body)?;
    let mut wrong = Wrong::default();
    let mut known = member.cloned();
    let mut identity = Identity::new(member);
    let mut plan = Plan::default();
    for (index, stage) in flow.stages.iter().enumerate() {
        let connection = connection(people.app, people.org, stage.connection.as_str()).await?;
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
                    identity.add(&stage.connection, account);
                }
                account = starter.account;
            }
            Err(Missing::Problem(problem)) => return Err(problem),
            Err(Missing::Nobody(detail) | Missing::Field(detail) | Missing::TooMany(detail)) => {
                wrong.missing.push("/applicant", detail);
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

async fn connection(app: &App, org: &OrgId, id: &str) -> Result<Connection, Problem> {
    match app.store.get::<Connection>(org, id).await {
        Ok(stored) => Ok(stored.value),
        Err(store::Error::NotFound) => {
            Err(Problem::unprocessable("unknown_connection", format!("the flow's connection {id} was deleted")))
        }
        Err(error) => Err(error.into()),
    }
}

/// The nodes of a stage: the request's own where the flow lets it choose them, else the flow's.
fn wanted<'a>(platform: &Platform, flow: &'a Flow, index: usize, body: &'a Body) -> Result<WantedStage<'a>, Problem> {
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
        let detail = "the flow leaves the nodes to the request, which brings none";
        return Err(Problem::unprocessable("nodes_missing", detail).at("/nodes"));
    }
    stage(all(nodes), false)
}

fn of(node: &NodeSpec) -> Wanted<'_> {
    Wanted { name: &node.name, mode: node.mode, approvers: &node.approvers }
}

/// Whether the flow lets a request bring nodes, and so many.
fn check_limits(flow: &Flow, body: &Body) -> Result<(), Problem> {
    let Some(nodes) = &body.nodes else { return Ok(()) };
    if !flow.nodes_from_request {
        let detail = "the flow does not let a request bring its own nodes";
        return Err(Problem::unprocessable("nodes_not_allowed", detail).at("/nodes"));
    }
    let approvers: Vec<usize> = nodes.iter().map(|node| node.approvers.len()).collect();
    let mut errors = FieldErrors::new();
    flow.limits.check_nodes(&approvers, &mut errors);
    Ok(errors.into_result()?)
}

/// What a flow says was checked when it was saved; what a request brings is checked here.
fn check_own(platform: &Platform, body: &Body) -> Result<(), Problem> {
    let Some(nodes) = &body.nodes else { return Ok(()) };
    let (mut errors, mut unsupported) = (FieldErrors::new(), Unsupported::default());
    check_nodes(nodes, platform.provider, "/nodes", false, &mut errors, &mut unsupported);
    errors.into_result()?;
    Problem::unless_empty("unsupported_mode", unsupported.modes)?;
    Problem::unless_empty("unsupported_approver", unsupported.approvers)
}
