//! `/v1/organizations`: for the deployment's owner only.

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use countersign::config::Organization;
use countersign::config::bootstrap::owner_record;
use countersign::crypto::api_key::ApiKey;
use countersign::http::{
    App, Created, DeploymentOwner, FieldErrors, Id, Json, ListQuery, Problem, Query, Tagged, time,
};
use countersign::ids::OrgId;
use countersign::store::resources::create_write;
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::{Value, json};

use countersign::http::resource::{LONGEST_NAME, list_of};

pub(crate) fn router() -> Router<App> {
    Router::new()
        .route("/v1/organizations", get(list_organizations).post(create_organization))
        .route("/v1/organizations/{id}", get(get_organization))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct New {
    name: String,
}

fn view(organization: &Organization) -> Value {
    json!({ "id": organization.id, "name": organization.name, "created_at": time(organization.created_at) })
}

/// The new organisation's owner has a key of its own; it is in this answer and nowhere else.
async fn create_organization(
    DeploymentOwner(_): DeploymentOwner,
    State(app): State<App>,
    Json(new): Json<New>,
) -> Result<Created<Value>, Problem> {
    let mut errors = FieldErrors::new();
    errors.text("/name", &new.name, LONGEST_NAME);
    errors.into_result()?;
    let now = app.world.now();
    let organization = Organization::new(OrgId::new(&app.world), new.name, now);
    let key = ApiKey::generate(&app.world);
    let record = owner_record(&key, organization.id.clone(), false, now);
    let both = vec![create_write(&organization)?, create_write(&record)?];
    if app.store.transact(both).await?.is_err() {
        return Err(Problem::internal("a new id is taken already"));
    }
    let mut body = view(&organization);
    body["owner_key"] = key.reveal().expose_secret().into();
    Ok(Created { version: 1, location: format!("/v1/organizations/{}", organization.id), body })
}

async fn list_organizations(
    DeploymentOwner(caller): DeploymentOwner,
    State(app): State<App>,
    Query(query): Query<ListQuery>,
) -> Result<Response, Problem> {
    list_of(&app, &caller.org, &query, |organization| Ok(view(organization))).await
}

async fn get_organization(
    DeploymentOwner(caller): DeploymentOwner,
    State(app): State<App>,
    Id(id): Id<OrgId>,
) -> Result<Tagged<Value>, Problem> {
    let found = app.store.get::<Organization>(&caller.org, id.as_str()).await?;
    Ok(Tagged { version: found.version, body: view(&found.value) })
}
