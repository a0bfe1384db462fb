//! `/v1/keys`: for owners.

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;
use countersign::crypto::api_key::ApiKey;
use countersign::engine::App;
use countersign::http::{Created, Id, IfMatch, Json, ListQuery, Owner, Problem, Query, Tagged, time};
use countersign::ids::{KeyId, SourceId};
use countersign::resources::FieldErrors;
use countersign::resources::{ApiKeyRecord, Role, Source};
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::{Value, json};

use countersign::http::resource::{list_of, load, lost, must_exist, save};
use countersign::resources::MAX_NAME;
use countersign::store::Error;
use countersign::store::resources::update_write;

use crate::owners::{self, Leaving};

pub(crate) fn router() -> Router<App> {
    Router::new()
        .route("/v1/keys", get(list_keys).post(create_key))
        .route("/v1/keys/{id}", get(get_key).delete(revoke_key))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct New {
    name: String,
    role: Role,
    source: Option<SourceId>,
}

fn view(key: &ApiKeyRecord) -> Value {
    json!({
        "id": key.id,
        "name": key.name,
        "role": key.role,
        "source": key.source,
        "created_at": time(key.created_at),
        "revoked_at": key.revoked_at.map(time),
    })
}

/// The key itself is in this answer and nowhere else.
async fn create_key(
    Owner(caller): Owner,
    State(app): State<App>,
    Json(new): Json<New>,
) -> Result<Created<Value>, Problem> {
    let mut errors = FieldErrors::new();
    errors.text("/name", &new.name, MAX_NAME);
    match (new.role, &new.source) {
        (Role::Submitter, None) => errors.push("/source", "a submitter submits for one source; name it"),
        (Role::Submitter, Some(source)) => {
            let named = [("/source".to_owned(), source.as_str())];
            must_exist::<Source>(&app, &caller.org, &named, &mut errors).await?;
        }
        (_, Some(_)) => errors.push("/source", "only a submitter is bound to a source"),
        (_, None) => {}
    }
    errors.into_result()?;
    let key = ApiKey::generate(&app.world);
    let record = ApiKeyRecord {
        id: key.id().clone(),
        org: caller.org,
        name: new.name,
        role: new.role,
        source: new.source,
        hash: key.hash(),
        deployment: false,
        created_at: app.world.now(),
        revoked_at: None,
    };
    let version = app.store.create(&record).await?;
    let mut body = view(&record);
    body["key"] = key.reveal().expose_secret().into();
    Ok(Created { version, location: format!("/v1/keys/{}", record.id), body })
}

async fn list_keys(
    Owner(caller): Owner,
    State(app): State<App>,
    Query(query): Query<ListQuery>,
) -> Result<Response, Problem> {
    list_of(&app, &caller.org, &query, |key| Ok(view(key))).await
}

async fn get_key(Owner(caller): Owner, State(app): State<App>, Id(id): Id<KeyId>) -> Result<Tagged<Value>, Problem> {
    let found = app.store.get::<ApiKeyRecord>(&caller.org, id.as_str()).await?;
    Ok(Tagged { version: found.version, body: view(&found.value) })
}

/// Its record stays, so that the key is known as one that was revoked.
async fn revoke_key(
    Owner(caller): Owner,
    State(app): State<App>,
    Id(id): Id<KeyId>,
    if_match: IfMatch,
) -> Result<StatusCode, Problem> {
    if caller.key() == Some(&id) {
        let detail = "a key cannot revoke itself: make another owner's key and use that";
        return Err(Problem::conflict("own_key", detail));
    }
    let mut found = load::<ApiKeyRecord>(&app, &caller.org, id.as_str(), &if_match).await?;
    if found.value.revoked_at.is_none() {
        if found.value.deployment && !caller.deployment {
            return Err(Problem::forbidden("only the deployment's owner revokes a key of its own"));
        }
        found.value.revoked_at = Some(app.world.now());
        if found.value.role == Role::Owner {
            let leaves = owners::without(&app, &caller.org, &Leaving::Key(&id)).await??;
            let writes = vec![update_write(&found.value, found.version)?, leaves];
            let done = app.store.transact(writes).await?;
            done.map_err(|refused| lost(Error::Conflict { current: refused.current }, &if_match))?;
        } else {
            save(&app, &found.value, found.version, &if_match).await?;
        }
    }
    Ok(StatusCode::NO_CONTENT)
}
