//! `/v1/organizations`: all of them for the deployment's owner, and its own for each organisation's owner.

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use countersign::crypto::api_key::ApiKey;
use countersign::engine::App;
use countersign::http::{
    Caller, Created, DeploymentOwner, Id, IfMatch, Json, ListQuery, Owner, Patch, Problem, Query, Tagged, time,
};
use countersign::ids::OrgId;
use countersign::resources::FieldErrors;
use countersign::resources::bootstrap::owner_record;
use countersign::resources::organization::{Zone, default_org};
use countersign::resources::{AskRules, Organization};
use countersign::store::resources::create_write;
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::{Value, json};

use countersign::http::resource::{list_of, load, save};
use countersign::resources::MAX_NAME;

use crate::zones;

pub(crate) fn router() -> Router<App> {
    Router::new()
        .route("/v1/organizations", get(list_organizations).post(create_organization))
        .route("/v1/organizations/{id}", get(get_organization).patch(update_organization))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct New {
    name: String,
}

fn view(organization: &Organization) -> Value {
    json!({
        "id": organization.id,
        "name": organization.name,
        "time_zone": organization.time_zone.name,
        "rules": organization.rules,
        "created_at": time(organization.created_at),
    })
}

/// The new organisation's owner has a key of its own; it is in this answer and nowhere else.
async fn create_organization(
    DeploymentOwner(_): DeploymentOwner,
    State(app): State<App>,
    Json(new): Json<New>,
) -> Result<Created<Value>, Problem> {
    let mut errors = FieldErrors::new();
    errors.text("/name", &new.name, MAX_NAME);
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

/// The organisation, if it is the caller's own, or the caller is the deployment's owner.
fn may_see(caller: &Caller, id: &OrgId) -> Result<(), Problem> {
    if caller.org == *id { Ok(()) } else { caller.require_deployment_owner().map_err(|_| Problem::not_found()) }
}

async fn get_organization(
    Owner(caller): Owner,
    State(app): State<App>,
    Id(id): Id<OrgId>,
) -> Result<Tagged<Value>, Problem> {
    may_see(&caller, &id)?;
    let found = app.store.get::<Organization>(&default_org(), id.as_str()).await?;
    Ok(Tagged { version: found.version, body: view(&found.value) })
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Update {
    #[serde(default)]
    name: Patch<String>,
    #[serde(default)]
    time_zone: Patch<String>,
    #[serde(default)]
    rules: Patch<AskRules>,
}

async fn update_organization(
    Owner(caller): Owner,
    State(app): State<App>,
    Id(id): Id<OrgId>,
    if_match: IfMatch,
    Json(update): Json<Update>,
) -> Result<Tagged<Value>, Problem> {
    may_see(&caller, &id)?;
    let found = load::<Organization>(&app, &default_org(), id.as_str(), &if_match).await?;
    let (mut organization, mut errors) = (found.value, FieldErrors::new());
    update.name.replace(&mut organization.name, "/name", &mut errors);
    errors.text("/name", &organization.name, MAX_NAME);
    update.rules.change_or_default(&mut organization.rules);
    match update.time_zone {
        Patch::Keep => {}
        Patch::Clear => organization.time_zone = Zone::default(),
        Patch::Set(name) => match zones::find(&name) {
            Some(zone) => organization.time_zone = zone,
            None => errors.push("/time_zone", "must be the name of a time zone, as in Asia/Shanghai"),
        },
    }
    errors.into_result()?;
    let version = save(&app, &organization, found.version, &if_match).await?;
    app.memory.organizations.forget(&id);
    Ok(Tagged { version, body: view(&organization) })
}
