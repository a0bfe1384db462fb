//! `/v1/connections`.

use std::collections::BTreeMap;

use crate::secrets::{secret_too_short, secrets_needed};
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use countersign::engine::App;
use countersign::http::{Admin, Created, Id, IfMatch, Json, ListQuery, Patch, Problem, Query, Tagged};
use countersign::ids::ConnectionId;
use countersign::providers::{self, Provider};
use countersign::resources::FieldErrors;
use countersign::resources::connection::{Given, check_fields, check_lengths, normalise};
use countersign::resources::hosts::must_be_given_again;
use countersign::resources::{Connection, Flow, Member, Role};
use countersign::store::Resource;
use serde::Deserialize;
use serde_json::{Map, Value};

use countersign::http::resource::{list_of, load, must_be_unused};
use countersign::resources::given::{SecretText, change_secrets, change_settings, given_secrets, seal};
use countersign::resources::{MAX_NAME, MAX_TEXT};

mod actions;
mod stored;
mod sync;
mod view;

use stored::{create, remove, replace};
use view::view;

/// Largest monthly quota, in calls.
const MAX_QUOTA: u64 = 1_000_000_000_000;

pub(crate) fn router() -> Router<App> {
    Router::new()
        .route("/v1/connections", get(list_connections).post(create_connection))
        .route("/v1/connections/{id}", get(get_connection).patch(update_connection).delete(delete_connection))
        .route("/v1/connections/{id}/test", post(actions::test))
        .route("/v1/connections/{id}/generate-keys", post(actions::generate_keys))
        .route("/v1/connections/{id}/template", post(actions::make_template))
        .route("/v1/connections/{id}/usage", get(actions::usage))
        .route("/v1/connections/{id}/members/sync", post(sync::sync_members))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct New {
    kind: String,
    name: String,
    #[serde(default)]
    settings: Map<String, Value>,
    #[serde(default)]
    secrets: BTreeMap<String, SecretText>,
    default_applicant: Option<String>,
    monthly_quota: Option<u64>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Update {
    name: Patch<String>,
    /// Setting by setting: what is not sent stays, `null` removes.
    settings: Map<String, Value>,
    /// Secret by secret: what is not sent stays, `null` removes.
    secrets: BTreeMap<String, Option<SecretText>>,
    default_applicant: Patch<String>,
    monthly_quota: Patch<u64>,
}

fn check_texts(connection: &Connection, errors: &mut FieldErrors) {
    errors.text("/name", &connection.name, MAX_NAME);
    if let Some(account) = &connection.default_applicant {
        errors.text("/default_applicant", account, MAX_TEXT);
    }
    if connection.monthly_quota.is_some_and(|calls| !(1..=MAX_QUOTA).contains(&calls)) {
        errors.push("/monthly_quota", format!("must be from 1 to {MAX_QUOTA}"));
    }
}

fn provider_of(kind: &str) -> Result<&'static dyn Provider, Problem> {
    providers::by_kind(kind).ok_or_else(|| {
        let kinds: Vec<_> = providers::ALL.iter().map(|provider| provider.kind()).collect();
        Problem::bad_field("unknown_kind", "/kind", format!("must be one of {}", kinds.join(", ")))
    })
}

async fn create_connection(
    Admin(caller): Admin,
    State(app): State<App>,
    Json(new): Json<New>,
) -> Result<Created<Value>, Problem> {
    let provider = provider_of(&new.kind)?;
    let secrets = given_secrets(new.secrets);
    let mut connection = Connection {
        id: ConnectionId::new(&app.world),
        org: caller.org,
        kind: new.kind,
        name: new.name,
        settings: new.settings,
        secrets: BTreeMap::new(),
        old_secrets: BTreeMap::new(),
        templates: BTreeMap::new(),
        default_applicant: new.default_applicant,
        monthly_quota: new.monthly_quota,
        of_owner: caller.role == Role::Owner,
        created_at: app.world.now(),
    };
    let mut errors = FieldErrors::new();
    check_texts(&connection, &mut errors);
    let given = Given { settings: &connection.settings, secrets: &secrets, kept: &[] };
    check_fields(provider.fields(), &given, &app.settings.addresses, &mut errors);
    for (pointer, detail) in provider.check(&connection.settings, None, &|name| secrets.contains_key(name)) {
        errors.push(pointer, detail);
    }
    errors.into_result()?;
    check_lengths(&secrets).map_err(secret_too_short)?;
    normalise(provider.fields(), &mut connection.settings);
    let key = connection.key();
    seal(&app.data_key, &app.world, &key, &mut connection.secrets, &secrets).await?;
    create(&app, &connection, provider).await?;
    let location = format!("/v1/connections/{}", connection.id);
    Ok(Created { version: 1, location, body: view(&connection, provider, &app.settings) })
}

async fn list_connections(
    Admin(caller): Admin,
    State(app): State<App>,
    Query(query): Query<ListQuery>,
) -> Result<Response, Problem> {
    let shown = |connection: &Connection| Ok(view(connection, connection.provider()?, &app.settings));
    list_of(&app, &caller.org, &query, shown).await
}

async fn get_connection(
    Admin(caller): Admin,
    State(app): State<App>,
    Id(id): Id<ConnectionId>,
) -> Result<Tagged<Value>, Problem> {
    let found = app.store.get::<Connection>(&caller.org, id.as_str()).await?;
    let provider = found.value.provider()?;
    let mut body = view(&found.value, provider, &app.settings);
    let unreadable = app.store.unreadable(&id).await?;
    body["unreadable_callbacks"] = unreadable.map_or(Value::Null, view::unreadable);
    Ok(Tagged { version: found.version, body })
}

async fn update_connection(
    Admin(caller): Admin,
    State(app): State<App>,
    Id(id): Id<ConnectionId>,
    if_match: IfMatch,
    Json(update): Json<Update>,
) -> Result<Tagged<Value>, Problem> {
    let found = load::<Connection>(&app, &caller.org, id.as_str(), &if_match).await?;
    let provider = found.value.provider()?;
    let (mut connection, mut errors) = (found.value.clone(), FieldErrors::new());
    update.name.replace(&mut connection.name, "/name", &mut errors);
    update.default_applicant.change(&mut connection.default_applicant);
    update.monthly_quota.change(&mut connection.monthly_quota);
    // A name may be changed though the rest is of a time when less was asked for.
    let is_access_changed = !(update.settings.is_empty() && update.secrets.is_empty());
    // An owner who saves it, whatever they change, says that it is right.
    if is_access_changed || caller.role == Role::Owner {
        connection.of_owner = caller.role == Role::Owner;
    }
    change_settings(&mut connection.settings, update.settings);
    let secrets = change_secrets(&mut connection.secrets, update.secrets);
    check_texts(&connection, &mut errors);
    let kept: Vec<&str> = connection.secrets.keys().map(String::as_str).collect();
    let given = Given { settings: &connection.settings, secrets: &secrets, kept: &kept };
    check_fields(provider.fields(), &given, &app.settings.addresses, &mut errors);
    if is_access_changed {
        let has = |name: &str| kept.contains(&name) || secrets.contains_key(name);
        for (pointer, detail) in provider.check(&connection.settings, Some(&found.value.settings), &has) {
            errors.push(pointer, detail);
        }
    }
    errors.into_result()?;
    check_lengths(&secrets).map_err(secret_too_short)?;
    normalise(provider.fields(), &mut connection.settings);
    must_be_given_again(&found.value.destinations(), &connection.destinations(), &secrets).map_err(secrets_needed)?;
    let key = connection.key();
    seal(&app.data_key, &app.world, &key, &mut connection.secrets, &secrets).await?;
    let version = replace(&app, &found.value, &connection, found.version, provider, &if_match).await?;
    if connection.monthly_quota != found.value.monthly_quota {
        app.end_exhausted(id.as_str()).await;
    }
    Ok(Tagged { version, body: view(&connection, provider, &app.settings) })
}

async fn delete_connection(
    Admin(caller): Admin,
    State(app): State<App>,
    Id(id): Id<ConnectionId>,
    if_match: IfMatch,
) -> Result<StatusCode, Problem> {
    let found = load::<Connection>(&app, &caller.org, id.as_str(), &if_match).await?;
    must_be_unused::<Flow>(&app, &caller.org, |flow| {
        flow.stages.iter().any(|stage| stage.connection.as_ref() == Some(&id))
    })
    .await?;
    must_be_unused::<Member>(&app, &caller.org, |member| member.accounts.contains_key(&id)).await?;
    remove(&app, &found, &if_match).await?;
    Ok(StatusCode::NO_CONTENT)
}
