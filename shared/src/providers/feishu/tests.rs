//! The provider against a small server on the loopback that answers as Feishu is documented to.
#![allow(clippy::unwrap_used)]
use crate::providers::Account;
use secrecy::SecretString;
use serde_json::Map;
/// A connection of a custom app.
pub(super) fn account(endpoint: &str) -> Account {
    let mut settings = Map::new();
    settings.insert("endpoint".into(), endpoint.into());
    settings.insert("app_id".into(), "cli_a1b2c3d4e5f6a00d".into());
    let secrets = [
        ("app_secret", "the-app-secret"),
        ("verification_token", "v3rT0kEnAbCdEfGhIjKlMnOpQrStUv01"),
        ("encrypt_key", "hJ7c2QpXv9LmT4sWz8RfYb3N"),
    ];
    Account {
        connection: "con_1".into(),
        settings,
        secrets: secrets.map(|(name, value)| (name.to_owned(), SecretString::from(value))).into(),
        old_secrets: None,
        templates: [("all-any".to_owned(), "DEF-OURS".to_owned())].into(),
    }
}
