//! `/v1/flows`.

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;
use countersign::engine::App;
use countersign::http::{Admin, Created, Id, IfMatch, Json, ListQuery, Patch, Problem, Query, Tagged, time};
use countersign::ids::FlowId;
use countersign::resources::FieldErrors;
use countersign::resources::flow::{MAX_STAGES, RequestLimits, check_nodes, members_named, point};
use countersign::resources::{Connection, Fallback, Flow, Member, OnDeadline, OwnApprover, Rule, Source, StageSpec};
use serde::Deserialize;
use serde_json::{Value, json};

use countersign::http::resource::{list_of, load, must_be_unused, must_exist, remove, save};

pub(crate) fn router() -> Router<App> {
    Router::new()
        .route("/v1/flows", get(list_flows).post(create_flow))
        .route("/v1/flows/{id}", get(get_flow).patch(update_flow).delete(delete_flow))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct New {
    name: String,
    stages: Vec<StageSpec>,
    deadline_hours: Option<u16>,
    #[serde(default)]
    on_deadline: OnDeadline,
    #[serde(default)]
    nodes_from_request: bool,
    most_nodes: Option<usize>,
    most_approvers: Option<usize>,
    fallback: Option<Fallback>,
    own_approver: Option<OwnApprover>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Update {
    name: Patch<String>,
    stages: Patch<Vec<StageSpec>>,
    deadline_hours: Patch<u16>,
    on_deadline: Patch<OnDeadline>,
    nodes_from_request: Patch<bool>,
    most_nodes: Patch<usize>,
    most_approvers: Patch<usize>,
    fallback: Patch<Fallback>,
    own_approver: Patch<OwnApprover>,
}

fn view(flow: &Flow) -> Value {
    let stages: Vec<Value> = flow
        .stages
        .iter()
        .map(|stage| json!({ "connection": stage.connection, "template": stage.template, "nodes": stage.nodes }))
        .collect();
    json!({
        "id": flow.id,
        "name": flow.name,
        "stages": stages,
        "deadline_hours": flow.deadline_hours,
        "on_deadline": flow.on_deadline,
        "nodes_from_request": flow.nodes_from_request,
        "most_nodes": flow.limits.most_nodes,
        "most_approvers": flow.limits.most_approvers,
        "fallback": flow.fallback,
        "own_approver": flow.own_approver,
        "created_at": time(flow.created_at),
    })
}

/// Checks a flow: by itself, against what it names, and against what its platforms can do.
async fn check(app: &App, flow: &Flow, mut errors: FieldErrors) -> Result<(), Problem> {
    flow.check(&mut errors);
    if flow.stages.len() > MAX_STAGES {
        return Ok(errors.into_result()?);
    }
    let (mut modes, mut approvers) = (FieldErrors::new(), FieldErrors::new());
    let mut members = Vec::new();
    for (index, stage) in flow.stages.iter().enumerate() {
        let pointer = format!("/stages/{index}/nodes");
        match connection(app, flow, stage).await {
            Ok(connection) => {
                let provider = connection.provider()?;
                let may_be_empty = flow.may_be_empty(index, provider);
                let found = check_nodes(&stage.nodes, provider, may_be_empty);
                point(&found.invalid, &pointer, &mut errors);
                point(&found.unsupported_modes, &pointer, &mut modes);
                point(&found.unsupported_approvers, &pointer, &mut approvers);
                let earlier = flow.stages[..index].iter().any(|earlier| earlier.connection == stage.connection);
                if earlier && !provider.has_callbacks() && !provider.asks_members() {
                    let why = "runs an earlier stage: an external OA knows the approval by one form";
                    errors.push(format!("/stages/{index}/connection"), why);
                }
            }
            Err(countersign::store::Error::NotFound) => {
                let name = stage.connection.as_ref().map_or("", |id| id.as_str());
                errors.push(format!("/stages/{index}/connection"), format!("there is no `{name}`"));
            }
            Err(error) => return Err(error.into()),
        }
        members.extend(members_named(&stage.nodes, &pointer));
    }
    if !errors.is_empty() {
        return Ok(errors.into_result()?);
    }
    let named: Vec<_> = members.iter().map(|(pointer, id)| (pointer.clone(), id.as_str())).collect();
    must_exist::<Member>(app, &flow.org, &named, &mut errors).await?;
    errors.into_result()?;
    Problem::unless_empty("unsupported_mode", modes)?;
    Problem::unless_empty("unsupported_approver", approvers)
}

/// What a stage runs on.
async fn connection(app: &App, flow: &Flow, stage: &StageSpec) -> Result<Connection, countersign::store::Error> {
    match &stage.connection {
        Some(id) => Ok(app.store.get::<Connection>(&flow.org, id.as_str()).await?.value),
        None => Ok(Connection::builtin(flow.org.clone())),
    }
}

async fn create_flow(
    Admin(caller): Admin,
    State(app): State<App>,
    Json(new): Json<New>,
) -> Result<Created<Value>, Problem> {
    let usual = RequestLimits::default();
    let flow = Flow {
        id: FlowId::new(&app.world),
        org: caller.org,
        name: new.name,
        stages: new.stages,
        deadline_hours: new.deadline_hours,
        on_deadline: new.on_deadline,
        nodes_from_request: new.nodes_from_request,
        limits: RequestLimits {
            most_nodes: new.most_nodes.unwrap_or(usual.most_nodes),
            most_approvers: new.most_approvers.unwrap_or(usual.most_approvers),
        },
        fallback: new.fallback,
        own_approver: new.own_approver,
        created_at: app.world.now(),
    };
    check(&app, &flow, FieldErrors::new()).await?;
    let version = app.store.create(&flow).await?;
    Ok(Created { version, location: format!("/v1/flows/{}", flow.id), body: view(&flow) })
}

async fn list_flows(
    Admin(caller): Admin,
    State(app): State<App>,
    Query(query): Query<ListQuery>,
) -> Result<Response, Problem> {
    list_of(&app, &caller.org, &query, |flow| Ok(view(flow))).await
}

async fn get_flow(Admin(caller): Admin, State(app): State<App>, Id(id): Id<FlowId>) -> Result<Tagged<Value>, Problem> {
    let found = app.store.get::<Flow>(&caller.org, id.as_str()).await?;
    Ok(Tagged { version: found.version, body: view(&found.value) })
}

async fn update_flow(
    Admin(caller): Admin,
    State(app): State<App>,
    Id(id): Id<FlowId>,
    if_match: IfMatch,
    Json(update): Json<Update>,
) -> Result<Tagged<Value>, Problem> {
    let found = load::<Flow>(&app, &caller.org, id.as_str(), &if_match).await?;
    let (mut flow, mut errors) = (found.value, FieldErrors::new());
    update.name.replace(&mut flow.name, "/name", &mut errors);
    update.stages.replace(&mut flow.stages, "/stages", &mut errors);
    update.deadline_hours.change(&mut flow.deadline_hours);
    update.on_deadline.change_or_default(&mut flow.on_deadline);
    update.nodes_from_request.change_or_default(&mut flow.nodes_from_request);
    let usual = RequestLimits::default();
    update.most_nodes.change_or(&mut flow.limits.most_nodes, usual.most_nodes);
    update.most_approvers.change_or(&mut flow.limits.most_approvers, usual.most_approvers);
    update.fallback.change(&mut flow.fallback);
    update.own_approver.change(&mut flow.own_approver);
    check(&app, &flow, errors).await?;
    let version = save(&app, &flow, found.version, &if_match).await?;
    Ok(Tagged { version, body: view(&flow) })
}

async fn delete_flow(
    Admin(caller): Admin,
    State(app): State<App>,
    Id(id): Id<FlowId>,
    if_match: IfMatch,
) -> Result<StatusCode, Problem> {
    let found = load::<Flow>(&app, &caller.org, id.as_str(), &if_match).await?;
    let names = |source: &Source| source.default_flow.as_ref() == Some(&id) || source.flows.contains(&id);
    must_be_unused::<Source>(&app, &caller.org, names).await?;
    let names = |rule: &Rule| rule.flow() == Some(&id) || rule.error_flow() == Some(&id);
    must_be_unused::<Rule>(&app, &caller.org, names).await?;
    remove(&app, &found, &if_match).await
}
