//! What can be done with a connection: test it, give it new callback keys, make its template.

use axum::extract::State;
use countersign::approval::Mode;
use countersign::crypto::envelope::random_text;
use countersign::engine::App;
use countersign::engine::pace::Month;
use countersign::engine::public_address;
use countersign::engine::template::create_template;
use countersign::http::{Admin, Id, IfMatch, OptionalJson, Problem, Tagged, time};
use countersign::ids::ConnectionId;
use countersign::providers::{NodePlan, Provider};
use countersign::resources::flow::MAX_NODES;
use countersign::resources::{Connection, SealedSecret};
use countersign::store::{Resource, Versioned};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};

use super::view::view;
use countersign::http::resource::{load, save};

/// No fields.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Empty {}

/// `POST /v1/connections/{id}/test`: what works and what does not, and how to mend it.
pub(super) async fn test(
    Admin(caller): Admin,
    State(app): State<App>,
    Id(id): Id<ConnectionId>,
    OptionalJson(Empty {}): OptionalJson<Empty>,
) -> Result<axum::Json<Value>, Problem> {
    let connection = app.store.get::<Connection>(&caller.org, id.as_str()).await?.value;
    let account = connection.account(&app.data_key).await?;
    let (line, provider) = (app.line(id.as_str()), connection.provider()?);
    let calls = line.calls();
    let (mut checks, address) =
        tokio::join!(provider.test_connection(&account, &calls), public_address::check(&app, &connection));
    app.flush_usage().await;
    if checks.iter().all(|check| check.ok) {
        app.end_exhausted(id.as_str()).await;
    }
    checks.extend(address);
    let ok = checks.iter().all(|check| check.ok);
    Ok(axum::Json(json!({ "ok": ok, "checks": checks })))
}

/// What a template is for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct MakeTemplate {
    /// Modes of the nodes, in order; platforms whose templates do not depend on the nodes take any.
    nodes: Vec<Mode>,
}

impl Default for MakeTemplate {
    fn default() -> Self {
        Self { nodes: vec![Mode::Any] }
    }
}

/// `POST /v1/connections/{id}/template`: makes our template on the platform, or finds it, and remembers its code.
pub(super) async fn make_template(
    Admin(caller): Admin,
    State(app): State<App>,
    Id(id): Id<ConnectionId>,
    OptionalJson(request): OptionalJson<MakeTemplate>,
) -> Result<Tagged<Value>, Problem> {
    let connection = app.store.get::<Connection>(&caller.org, id.as_str()).await?.value;
    let provider = connection.provider()?;
    let layout = provider.layout(&nodes(provider, &request)?);
    let mut account = connection.account(&app.data_key).await?;
    create_template(&app, provider, &connection, &mut account, &layout).await?;
    let stored = app.store.get::<Connection>(&caller.org, id.as_str()).await?;
    Ok(Tagged { version: stored.version, body: view(&stored.value, provider, &app.settings) })
}

fn nodes(provider: &dyn Provider, request: &MakeTemplate) -> Result<Vec<NodePlan>, Problem> {
    if !(1..=MAX_NODES).contains(&request.nodes.len()) {
        return Err(Problem::bad_field("invalid_request", "/nodes", format!("must have 1 to {MAX_NODES} modes")));
    }
    let plan = |(index, mode): (usize, &Mode)| match provider.refuses(*mode, 1) {
        Some(reason) => Err(Problem::bad_field("invalid_request", format!("/nodes/{index}"), reason)),
        None => Ok(NodePlan { name: String::new(), mode: *mode, approvers: Vec::new() }),
    };
    request.nodes.iter().enumerate().map(plan).collect()
}

/// `GET /v1/connections/{id}/usage`: the calls of this month against the quota.
pub(super) async fn usage(
    Admin(caller): Admin,
    State(app): State<App>,
    Id(id): Id<ConnectionId>,
) -> Result<axum::Json<Value>, Problem> {
    let connection = app.store.get::<Connection>(&caller.org, id.as_str()).await?.value;
    let now = app.world.now();
    let (month, usage) = (Month::at(now), app.usage(id.as_str(), now).await?);
    Ok(axum::Json(json!({
        "month": month.name,
        "calls": usage.calls,
        "quota": connection.quota(),
        "exhausted": usage.exhausted_at.is_some(),
        "resets_at": time(month.ends_at),
    })))
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct GenerateKeys {
    /// Instead of making new keys, stop accepting the ones before the current.
    retire_old: bool,
}

/// `POST /v1/connections/{id}/generate-keys`: new keys for callbacks (a token and an AES key, or what the platform has), shown
/// in this answer and nowhere else. Those before them work until they are retired.
pub(super) async fn generate_keys(
    Admin(caller): Admin,
    State(app): State<App>,
    Id(id): Id<ConnectionId>,
    if_match: IfMatch,
    OptionalJson(request): OptionalJson<GenerateKeys>,
) -> Result<Tagged<Value>, Problem> {
    let mut found = load::<Connection>(&app, &caller.org, id.as_str(), &if_match).await?;
    let provider = found.value.provider()?;
    let keys = provider.generated_keys();
    if keys.is_empty() {
        let detail = "the keys of this platform's callbacks are made on the platform, not here";
        return Err(Problem::conflict("provider_cannot", detail));
    }
    let new = if request.retire_old { None } else { Some(renew(&app, &mut found, keys).await?) };
    if request.retire_old {
        found.value.old_secrets.clear();
    }
    let version = save(&app, &found.value, found.version, &if_match).await?;
    app.memory.connections.forget(&id);
    let mut body = view(&found.value, provider, &app.settings);
    for ((name, _), secret) in keys.iter().zip(new.iter().flatten()) {
        body[*name] = secret.expose_secret().into();
    }
    Ok(Tagged { version, body })
}

/// Replaces the current callback keys with new ones, which become the old ones.
async fn renew(
    app: &App,
    found: &mut Versioned<Connection>,
    keys: &[(&str, usize)],
) -> Result<Vec<SecretString>, Problem> {
    let (sealer, key) = (app.data_key.sealer().await?, found.value.key());
    let mut made = Vec::with_capacity(keys.len());
    found.value.old_secrets.clear();
    for (name, length) in keys {
        let secret = random_text(|bytes| app.world.entropy.fill(bytes), *length);
        let sealed = SealedSecret::seal(sealer, &secret, &key, name, &app.world)?;
        if let Some(old) = found.value.secrets.insert((*name).to_owned(), sealed) {
            found.value.old_secrets.insert((*name).to_owned(), old);
        }
        made.push(secret);
    }
    Ok(made)
}
