//! `/v1/sources`.

use std::collections::BTreeMap;

use crate::secrets::{secret_too_short, secrets_needed};
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use countersign::crypto::api_key::ApiKey;
use countersign::crypto::authorities::Authorities;
use countersign::crypto::webhook::WebhookSecret;
use countersign::delivery::EventType;
use countersign::engine::App;
use countersign::engine::poll;
use countersign::http::{
    Admin, Created, Id, IfMatch, Json, ListQuery, OptionalJson, Patch, Problem, Query, Tagged, time,
};
use countersign::ids::{FlowId, OrgId, SourceId, WorkspaceId};
use countersign::resources::FieldErrors;
use countersign::resources::connection::{Given, check_fields, check_lengths, normalise, normalise_authorities};
use countersign::resources::hosts::must_be_given_again;
use countersign::resources::nested;
use countersign::resources::source::WEBHOOK_SECRET;
use countersign::resources::{ApiKeyRecord, AskRules, Flow, Role, SealedSecret, Source, Workspace};
use countersign::settings::address;
use countersign::sources::{self, Format, SettingsObject, Unsendable};
use countersign::store::Resource;
use countersign::store::polls::Poll;
use countersign::store::resources::create_write;
use countersign::store::{Error, keys};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use countersign::http::resource::{check_list, list_of, load, must_exist, pointed, remove, save};
use countersign::resources::MAX_NAME;
use countersign::resources::given::{SecretText, change_secrets, change_settings, given_secrets, seal};

pub(crate) fn router() -> Router<App> {
    Router::new()
        .route("/v1/sources", get(list_sources).post(create_source))
        .route("/v1/sources/{id}", get(get_source).patch(update_source).delete(delete_source))
        .route("/v1/sources/{id}/rotate-secret", post(rotate_secret))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct New {
    name: String,
    format: String,
    #[serde(default)]
    settings: Map<String, Value>,
    #[serde(default)]
    secrets: BTreeMap<String, SecretText>,
    callback_url: Option<String>,
    ca_certificate: Option<String>,
    workspace: Option<WorkspaceId>,
    #[serde(default)]
    events: Vec<String>,
    default_flow: Option<FlowId>,
    #[serde(default)]
    flows: Vec<FlowId>,
    #[serde(default)]
    rules: AskRules,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Update {
    name: Patch<String>,
    format: Patch<String>,
    /// Setting by setting: what is not sent stays, `null` removes.
    settings: Map<String, Value>,
    /// Secret by secret: what is not sent stays, `null` removes.
    secrets: BTreeMap<String, Option<SecretText>>,
    callback_url: Patch<String>,
    ca_certificate: Patch<String>,
    workspace: Patch<WorkspaceId>,
    events: Patch<Vec<String>>,
    default_flow: Patch<FlowId>,
    flows: Patch<Vec<FlowId>>,
    rules: Patch<AskRules>,
}

fn object(format: &str) -> Option<&'static SettingsObject> {
    sources::by_kind(format).and_then(Format::object)
}

fn view(source: &Source) -> Value {
    let fields = sources::by_kind(&source.format).map_or(&[][..], Format::fields);
    let secret = |name: &str| (name.to_owned(), SealedSecret::shown(source.secrets.get(name)));
    let secrets: Map<String, Value> =
        fields.iter().filter(|field| field.secret).map(|field| secret(field.name)).collect();
    json!({
        "id": source.id,
        "name": source.name,
        "format": source.format,
        "settings": nested::shown(object(&source.format), &source.settings),
        "secrets": secrets,
        "callback_url": source.callback_url,
        "ca_certificate": source.ca_certificate,
        "workspace": source.workspace,
        "events": source.events,
        "default_flow": source.default_flow,
        "flows": source.flows,
        "rules": source.rules,
        "webhook_secret": SealedSecret::shown(Some(&source.webhook_secret)),
        "old_webhook_secret_signs": source.old_webhook_secret.is_some(),
        "created_at": time(source.created_at),
    })
}

/// How far asking the product is, and what went wrong.
fn polling(poll: Option<&Poll>) -> Value {
    let Some(poll) = poll else { return Value::Null };
    let refused = poll.refused.iter().map(|(form, refused)| {
        json!({"form": form, "attempts": refused.failures, "error": refused.error, "next_attempt_at": time(refused.again_at)})
    });
    json!({
        "asked_at": poll.asked_at.map(time),
        "pushed_at": poll.pushed_at.map(time),
        "next_at": poll.due_at.map(time),
        "failures": poll.failures,
        "error": poll.error,
        "refused": refused.collect::<Vec<_>>(),
    })
}

fn format_of(kind: &str) -> Result<&'static dyn Format, Problem> {
    sources::by_kind(kind).ok_or_else(|| {
        let kinds: Vec<_> = sources::ALL.iter().map(|format| format.kind()).collect();
        Problem::bad_field("unknown_format", "/format", format!("must be one of {}", kinds.join(", ")))
    })
}

/// Checks a source that is to get these new secrets, and writes its addresses as they were read.
async fn check(
    app: &App,
    source: &mut Source,
    secrets: &BTreeMap<String, SecretString>,
    mut errors: FieldErrors,
) -> Result<(), Problem> {
    let format = format_of(&source.format)?;
    let kept: Vec<&str> = source.secrets.keys().map(String::as_str).collect();
    let given = Given { settings: &source.settings, secrets, kept: &kept };
    let mut found = FieldErrors::new();
    check_fields(format.fields(), &given, &app.settings.addresses, &mut found);
    nested::point(format.object(), found, &mut errors);
    errors.text("/name", &source.name, MAX_NAME);
    if let Some(url) = &source.callback_url
        && let Err(detail) = address::check(&app.settings.addresses, url)
    {
        errors.push("/callback_url", detail);
    }
    if let Some(pem) = &source.ca_certificate
        && let Err(detail) = Authorities::read(pem)
    {
        errors.push("/ca_certificate", detail);
    }
    check_list(&source.events, "/events", &mut errors);
    for (index, event) in source.events.iter().enumerate() {
        let names = EventType::ALL.map(EventType::name);
        if !names.contains(&event.as_str()) {
            errors.push(format!("/events/{index}"), format!("must be one of {}", names.join(", ")));
        }
    }
    let workspace: Vec<_> = source.workspace.iter().map(|id| ("/workspace".to_owned(), id.as_str())).collect();
    must_exist::<Workspace>(app, &source.org, &workspace, &mut errors).await?;
    check_list(&source.flows, "/flows", &mut errors);
    let mut flows = pointed(&source.flows, "/flows");
    flows.extend(source.default_flow.iter().map(|id| ("/default_flow".to_owned(), id.as_str())));
    must_exist::<Flow>(app, &source.org, &flows, &mut errors).await?;
    if errors.is_empty()
        && let Ok(mut receiver) = source.receiver(&app.data_key).await
    {
        receiver.secrets.extend(secrets.clone());
        if let Err(Unsendable(why)) = format.fits(&receiver) {
            errors.push("/settings", why);
        }
    }
    errors.into_result()?;
    check_lengths(secrets).map_err(secret_too_short)?;
    normalise(format.fields(), &mut source.settings);
    if let Some(url) = &mut source.callback_url {
        *url = address::normalised(url);
    }
    source.ca_certificate.as_mut().map(normalise_authorities);
    Ok(())
}

/// The source's API key and webhook secret are in this answer and nowhere else.
async fn create_source(
    Admin(caller): Admin,
    State(app): State<App>,
    Json(new): Json<New>,
) -> Result<Created<Value>, Problem> {
    let now = app.world.now();
    let id = SourceId::new(&app.world);
    let secret = WebhookSecret::generate(app.world.random());
    let at = keys::resource(Source::KIND, id.as_str());
    let mut secrets = given_secrets(new.secrets);
    let generated = generate(&app, format_of(&new.format)?, &mut secrets);
    let mut errors = FieldErrors::new();
    let mut source = Source {
        settings: nested::taken(object(&new.format), new.settings, false, &mut errors),
        webhook_secret: SealedSecret::seal(app.data_key.sealer().await?, &secret, &at, WEBHOOK_SECRET, &app.world)?,
        id,
        org: caller.org,
        name: new.name,
        format: new.format,
        secrets: BTreeMap::new(),
        old_webhook_secret: None,
        callback_url: new.callback_url,
        ca_certificate: new.ca_certificate,
        workspace: new.workspace,
        events: new.events,
        default_flow: new.default_flow,
        flows: new.flows,
        rules: new.rules,
        created_at: now,
    };
    check(&app, &mut source, &secrets, errors).await?;
    seal(&app.data_key, &app.world, &at, &mut source.secrets, &secrets).await?;
    let key = ApiKey::generate(&app.world);
    let record = ApiKeyRecord {
        id: key.id().clone(),
        org: source.org.clone(),
        name: source.name.clone(),
        role: Role::Submitter,
        source: Some(source.id.clone()),
        hash: key.hash(),
        deployment: false,
        created_at: now,
        revoked_at: None,
    };
    let mut writes = vec![create_write(&source)?, create_write(&record)?];
    if let Some(poll) = poll::first(&app, &source) {
        writes.push(poll.create_write()?);
    }
    if app.store.transact(writes).await?.is_err() {
        return Err(Problem::internal("a new id is taken already"));
    }
    let mut body = view(&source);
    body["api_key"] = key.reveal().expose_secret().into();
    body["webhook_secret"] = secret.expose_secret().into();
    if !generated.is_empty() {
        body["generated_secrets"] = generated.into();
    }
    Ok(Created { version: 1, location: format!("/v1/sources/{}", source.id), body })
}

/// Makes up those of a format's secrets that are to be and were not given. Returns them.
fn generate(app: &App, format: &dyn Format, secrets: &mut BTreeMap<String, SecretString>) -> Map<String, Value> {
    let mut generated = Map::new();
    for name in format.generated() {
        if !secrets.contains_key(*name) {
            let secret = format!("{:032x}", u128::from_be_bytes(app.world.random()));
            generated.insert((*name).to_owned(), secret.as_str().into());
            secrets.insert((*name).to_owned(), secret.into());
        }
    }
    generated
}

async fn list_sources(
    Admin(caller): Admin,
    State(app): State<App>,
    Query(query): Query<ListQuery>,
) -> Result<Response, Problem> {
    list_of(&app, &caller.org, &query, |source| Ok(view(source))).await
}

async fn get_source(
    Admin(caller): Admin,
    State(app): State<App>,
    Id(id): Id<SourceId>,
) -> Result<Tagged<Value>, Problem> {
    let found = app.store.get::<Source>(&caller.org, id.as_str()).await?;
    let mut body = view(&found.value);
    if poll::is_polled(&found.value) {
        body["polling"] = polling(app.store.poll(&id).await?.as_ref());
    }
    Ok(Tagged { version: found.version, body })
}

async fn update_source(
    Admin(caller): Admin,
    State(app): State<App>,
    Id(id): Id<SourceId>,
    if_match: IfMatch,
    Json(update): Json<Update>,
) -> Result<Tagged<Value>, Problem> {
    let found = load::<Source>(&app, &caller.org, id.as_str(), &if_match).await?;
    let (mut source, mut errors) = (found.value, FieldErrors::new());
    let before = source.destinations();
    update.name.replace(&mut source.name, "/name", &mut errors);
    update.format.replace(&mut source.format, "/format", &mut errors);
    update.callback_url.change(&mut source.callback_url);
    update.ca_certificate.change(&mut source.ca_certificate);
    update.workspace.change(&mut source.workspace);
    update.events.change_or_default(&mut source.events);
    update.default_flow.change(&mut source.default_flow);
    update.flows.change_or_default(&mut source.flows);
    update.rules.change_or_default(&mut source.rules);
    let given = nested::taken(object(&source.format), update.settings, true, &mut errors);
    change_settings(&mut source.settings, given);
    let secrets = change_secrets(&mut source.secrets, update.secrets);
    check(&app, &mut source, &secrets, errors).await?;
    must_be_given_again(&before, &source.destinations(), &secrets).map_err(secrets_needed)?;
    let key = source.key();
    seal(&app.data_key, &app.world, &key, &mut source.secrets, &secrets).await?;
    poll::watch(&app, &source).await?;
    let version = save(&app, &source, found.version, &if_match).await?;
    Ok(Tagged { version, body: view(&source) })
}

async fn delete_source(
    Admin(caller): Admin,
    State(app): State<App>,
    Id(id): Id<SourceId>,
    if_match: IfMatch,
) -> Result<StatusCode, Problem> {
    let found = load::<Source>(&app, &caller.org, id.as_str(), &if_match).await?;
    revoke_keys(&app, &caller.org, &id).await?;
    remove(&app, &found, &if_match).await
}

/// What a rotation is to do, instead of beginning.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Rotate {
    /// Sign with the new secret only from now on.
    retire_old: bool,
    /// Make another new secret instead of the one that was made last; the old one stays.
    replace_new: bool,
}

/// `POST /v1/sources/{id}/rotate-secret`: a new webhook secret, in this answer and nowhere else. Deliveries are signed with both until
/// the old one is retired.
async fn rotate_secret(
    Admin(caller): Admin,
    State(app): State<App>,
    Id(id): Id<SourceId>,
    if_match: IfMatch,
    OptionalJson(rotate): OptionalJson<Rotate>,
) -> Result<Tagged<Value>, Problem> {
    let found = load::<Source>(&app, &caller.org, id.as_str(), &if_match).await?;
    let mut source = found.value;
    if rotate.retire_old {
        if rotate.replace_new {
            return Err(Problem::bad_field("invalid_request", "/replace_new", "cannot be together with `retire_old`"));
        }
        source.old_webhook_secret = None;
        let version = save(&app, &source, found.version, &if_match).await?;
        return Ok(Tagged { version, body: view(&source) });
    }
    if source.old_webhook_secret.is_some() != rotate.replace_new {
        return Err(if rotate.replace_new {
            Problem::conflict("no_rotation", "no rotation is under way, so there is no new secret to replace")
        } else {
            let detail = "the secret before the current one still signs: retire it first, or replace the new one";
            Problem::conflict("rotation_under_way", detail)
        });
    }
    let (secret, key) = (WebhookSecret::generate(app.world.random()), source.key());
    let sealed = SealedSecret::seal(app.data_key.sealer().await?, &secret, &key, WEBHOOK_SECRET, &app.world)?;
    let current = std::mem::replace(&mut source.webhook_secret, sealed);
    source.old_webhook_secret.get_or_insert(current);
    let version = save(&app, &source, found.version, &if_match).await?;
    let mut body = view(&source);
    body["webhook_secret"] = secret.expose_secret().into();
    Ok(Tagged { version, body })
}

/// Revokes the keys that submit for a source: before it goes, so that no key outlives it.
async fn revoke_keys(app: &App, org: &OrgId, source: &SourceId) -> Result<(), Problem> {
    let mut cursor: Option<String> = None;
    loop {
        let page = app.store.list::<ApiKeyRecord>(org, 200, cursor.as_deref()).await?;
        for found in page.items {
            let mut key = found.value;
            if key.source.as_ref() == Some(source) && key.revoked_at.is_none() {
                key.revoked_at = Some(app.world.now());
                match app.store.update(&key, found.version).await {
                    // Changed since it was listed: nothing but a revocation changes a key.
                    Ok(_) | Err(Error::Conflict { .. }) => {}
                    Err(error) => return Err(error.into()),
                }
            }
        }
        match page.next_cursor {
            Some(next) => cursor = Some(next),
            None => return Ok(()),
        }
    }
}
