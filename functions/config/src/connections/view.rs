//! What is shown of a connection: no secret, ever.

use countersign::http::time;
use countersign::providers::Provider;
use countersign::resources::{Connection, SealedSecret};
use countersign::settings::Settings;
use countersign::store::unreadable::UnreadableCallbacks;
use serde_json::{Map, Value, json};

/// Path of the call back that external OAs share.
const EXTERNAL_CALLBACK: &str = "/openapi/apply/externalApplyCallBack";

pub(super) fn view(connection: &Connection, provider: &dyn Provider, settings: &Settings) -> Value {
    let secrets: Map<String, Value> = provider
        .fields()
        .iter()
        .filter(|field| field.secret)
        .map(|field| (field.name.to_owned(), SealedSecret::shown(connection.secrets.get(field.name))))
        .collect();
    let warnings = provider.warnings(&connection.settings, &|name| connection.secrets.contains_key(name));
    json!({
        "id": connection.id,
        "kind": connection.kind,
        "name": connection.name,
        "settings": connection.settings,
        "secrets": secrets,
        "templates": connection.templates,
        "default_applicant": connection.default_applicant,
        "monthly_quota": connection.monthly_quota,
        "callback_url": callback_url(connection, provider, settings),
        "old_keys_accepted": !connection.old_secrets.is_empty(),
        "warnings": warnings,
        "of_owner": connection.of_owner,
        "created_at": time(connection.created_at),
    })
}

/// What is shown of callbacks that could not be read.
pub(super) fn unreadable(callbacks: UnreadableCallbacks) -> Value {
    json!({"count": callbacks.count, "last_at": time(callbacks.last_at)})
}

/// Where the platform is to send its callbacks; `None` for one that sends none.
fn callback_url(connection: &Connection, provider: &dyn Provider, settings: &Settings) -> Option<String> {
    if provider.has_callbacks() {
        Some(format!("{}/callbacks/{}", settings.public_url, connection.id))
    } else if provider.fields().is_empty() {
        None
    } else {
        Some(format!("{}{EXTERNAL_CALLBACK}", settings.public_url))
    }
}
