//! `/v1/workspaces`.

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;
use countersign::engine::App;
use countersign::http::{Admin, Created, Id, IfMatch, Json, ListQuery, Patch, Problem, Query, Tagged, time};
use countersign::ids::{MemberId, WorkspaceId};
use countersign::resources::FieldErrors;
use countersign::resources::{Member, Source, Workspace};
use serde::Deserialize;
use serde_json::{Value, json};

use countersign::http::resource::{check_list, list_of, load, must_be_unused, must_exist, pointed, remove, save};
use countersign::resources::MAX_NAME;

pub(crate) fn router() -> Router<App> {
    Router::new()
        .route("/v1/workspaces", get(list_workspaces).post(create_workspace))
        .route("/v1/workspaces/{id}", get(get_workspace).patch(update_workspace).delete(delete_workspace))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct New {
    name: String,
    #[serde(default)]
    administrators: Vec<MemberId>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[derive(Default)]
struct Update {
    name: Patch<String>,
    administrators: Patch<Vec<MemberId>>,
}

fn view(workspace: &Workspace) -> Value {
    json!({
        "id": workspace.id,
        "name": workspace.name,
        "administrators": workspace.administrators,
        "created_at": time(workspace.created_at),
    })
}

async fn check(app: &App, workspace: &Workspace, mut errors: FieldErrors) -> Result<(), Problem> {
    errors.text("/name", &workspace.name, MAX_NAME);
    check_list(&workspace.administrators, "/administrators", &mut errors);
    let named = pointed(&workspace.administrators, "/administrators");
    must_exist::<Member>(app, &workspace.org, &named, &mut errors).await?;
    Ok(errors.into_result()?)
}

async fn create_workspace(
    Admin(caller): Admin,
    State(app): State<App>,
    Json(new): Json<New>,
) -> Result<Created<Value>, Problem> {
    let workspace = Workspace {
        id: WorkspaceId::new(&app.world),
        org: caller.org,
        name: new.name,
        administrators: new.administrators,
        created_at: app.world.now(),
    };
    check(&app, &workspace, FieldErrors::new()).await?;
    let version = app.store.create(&workspace).await?;
    Ok(Created { version, location: format!("/v1/workspaces/{}", workspace.id), body: view(&workspace) })
}

async fn list_workspaces(
    Admin(caller): Admin,
    State(app): State<App>,
    Query(query): Query<ListQuery>,
) -> Result<Response, Problem> {
    list_of(&app, &caller.org, &query, |workspace| Ok(view(workspace))).await
}

async fn get_workspace(
    Admin(caller): Admin,
    State(app): State<App>,
    Id(id): Id<WorkspaceId>,
) -> Result<Tagged<Value>, Problem> {
    let found = app.store.get::<Workspace>(&caller.org, id.as_str()).await?;
    Ok(Tagged { version: found.version, body: view(&found.value) })
}

async fn update_workspace(
    Admin(caller): Admin,
    State(app): State<App>,
    Id(id): Id<WorkspaceId>,
    if_match: IfMatch,
    Json(update): Json<Update>,
) -> Result<Tagged<Value>, Problem> {
    let found = load::<Workspace>(&app, &caller.org, id.as_str(), &if_match).await?;
    let (mut workspace, mut errors) = (found.value, FieldErrors::new());
    update.name.replace(&mut workspace.name, "/name", &mut errors);
    update.administrators.change_or_default(&mut workspace.administrators);
    check(&app, &workspace, errors).await?;
    let version = save(&app, &workspace, found.version, &if_match).await?;
    Ok(Tagged { version, body: view(&workspace) })
}

async fn delete_workspace(
    Admin(caller): Admin,
    State(app): State<App>,
    Id(id): Id<WorkspaceId>,
    if_match: IfMatch,
) -> Result<StatusCode, Problem> {
    let found = load::<Workspace>(&app, &caller.org, id.as_str(), &if_match).await?;
    must_be_unused::<Source>(&app, &caller.org, |source| source.workspace.as_ref() == Some(&id)).await?;
    must_be_unused::<Member>(&app, &caller.org, |member| member.workspaces.contains(&id)).await?;
    remove(&app, &found, &if_match).await
}
