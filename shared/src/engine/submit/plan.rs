//! From a flow to the stages of an approval, with every person resolved.

use crate::approval::{Mode, Node, Person, Stage};
use crate::config::flow::{Unsupported, check_nodes};
use crate::config::{Approver, Connection, Flow, Member};
use crate::http::{App, FieldErrors, Problem};
use crate::ids::OrgId;
use crate::store;
use axum::http::StatusCode;

use super::body::{Applicant, Body};
use super::people::{Missing, People, Platform};

/// The stages, and the applicant's account and the customer's template on each; nothing where a rule has decided.
#[derive(Default)]
pub(super) struct Plan {
    pub(super) stages: Vec<Stage>,
    pub(super) applicant_accounts: Vec<Option<String>>,
    pub(super) templates: Vec<Option<String>>,
}

/// A node to be resolved, and where a bad approver of it is reported.
struct Wanted<'a> {
    name: &'a str,
    mode: Mode,
    approvers: &'a [Approver],
    pointer: Option<String>,
}

/// Resolves a flow for a request. Everybody who cannot be found is named at once.
pub(super) async fn plan(
    people: &People<'_>,
    flow: &Flow,
    body: &Body,
    applicant: &Applicant,
    member: Option<&Member>,
) -> Result<Plan, Problem> {
    let mut errors = FieldErrors::new();
    let mut plan = Plan { stages: Vec::new(), applicant_accounts: Vec::new(), templates: Vec::new() };
    for (index, stage) in flow.stages.iter().enumerate() {
        let connection = connection(people.app, people.org, stage.connection.as_str()).await?;
        let platform = Platform::open(people.app, connection).await?;
        let wanted = wanted(&platform, flow, index, body)?;
        if index == 0 {
            check_own(&platform, body)?;
        }
        let nodes = resolve(people, &platform, &wanted, index, &mut errors).await?;
        // An account that the request names is one of the platform on which it starts.
        let named = flow.stages.first().is_some_and(|first| first.connection == stage.connection);
        match people.applicant_account(&platform, applicant, member, named).await {
            Ok(account) => plan.applicant_accounts.push(account),
            Err(Missing::Field(detail)) => errors.push("/applicant", detail),
            Err(Missing::Problem(problem)) => return Err(problem),
        }
        let (id, kind) = (platform.connection.id.to_string(), platform.connection.kind.clone());
        plan.stages.push(Stage::new(id, kind, platform.provider.decided_by(), nodes));
        plan.templates.push(stage.template.clone());
    }
    errors.into_result_as(StatusCode::UNPROCESSABLE_ENTITY, "person_not_found")?;
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
fn wanted<'a>(platform: &Platform, flow: &'a Flow, index: usize, body: &'a Body) -> Result<Vec<Wanted<'a>>, Problem> {
    if let Some(nodes) = body.nodes.as_ref().filter(|_| index == 0) {
        if !flow.nodes_from_request {
            let detail = "the flow does not let a request bring its own nodes";
            return Err(Problem::unprocessable("nodes_not_allowed", detail).at("/nodes"));
        }
        let own = nodes.iter().enumerate().map(|(index, node)| Wanted {
            name: &node.name,
            mode: node.mode,
            approvers: &node.approvers,
            pointer: Some(format!("/nodes/{index}")),
        });
        return Ok(own.collect());
    }
    let nodes = &flow.stages[index].nodes;
    if nodes.is_empty() && !platform.provider.needs_approvers() {
        // It decides by itself who is asked; it will tell of its nodes.
        return Ok(vec![Wanted { name: "Approval", mode: Mode::Any, approvers: &[], pointer: None }]);
    }
    if nodes.is_empty() {
        let detail = "the flow leaves the nodes to the request, which brings none";
        return Err(Problem::unprocessable("nodes_missing", detail).at("/nodes"));
    }
    let planned = nodes.iter().map(|node| Wanted {
        name: &node.name,
        mode: node.mode,
        approvers: &node.approvers,
        pointer: None,
    });
    Ok(planned.collect())
}

/// What a flow says was checked when it was saved; what a request brings is checked here.
fn check_own(platform: &Platform, body: &Body) -> Result<(), Problem> {
    let Some(nodes) = &body.nodes else { return Ok(()) };
    let (mut errors, mut unsupported) = (FieldErrors::new(), Unsupported::default());
    check_nodes(nodes, platform.provider, "/nodes", false, &mut errors, &mut unsupported);
    errors.into_result()?;
    unsupported.modes.into_result_as(StatusCode::UNPROCESSABLE_ENTITY, "unsupported_mode")?;
    unsupported.approvers.into_result_as(StatusCode::UNPROCESSABLE_ENTITY, "unsupported_approver")
}

async fn resolve(
    people: &People<'_>,
    platform: &Platform,
    wanted: &[Wanted<'_>],
    stage: usize,
    errors: &mut FieldErrors,
) -> Result<Vec<Node>, Problem> {
    let mut nodes = Vec::new();
    for node in wanted {
        let mut approvers: Vec<Person> = Vec::new();
        for (index, approver) in node.approvers.iter().enumerate() {
            match people.approvers(platform, approver).await {
                Ok(found) => {
                    for person in found {
                        // A person stands in a node once, however often the flow leads to them.
                        if !approvers.iter().any(|known| known.account == person.account) {
                            approvers.push(person);
                        }
                    }
                }
                Err(Missing::Problem(problem)) => return Err(problem),
                Err(Missing::Field(detail)) => match &node.pointer {
                    Some(pointer) => errors.push(format!("{pointer}/approvers/{index}"), detail),
                    None => errors.push("/flow", format!("stage {}, node \"{}\": {detail}", stage + 1, node.name)),
                },
            }
        }
        nodes.push(Node { name: node.name.to_owned(), mode: node.mode, approvers });
    }
    Ok(nodes)
}
