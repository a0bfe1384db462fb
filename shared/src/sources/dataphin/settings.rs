//! The settings and secrets of a source: the handful that people fill in. What is not confirmed of Dataphin is in
//! `callback_format.rs`.

use secrecy::SecretString;

use super::callback_format;
use crate::providers::{Field, Shape};
use crate::sources::Receiver;

/// Secret: what Dataphin shows when it calls us.
pub(super) const ACCESS_TOKEN: &str = "access_token";
/// Secret: what callbacks are encrypted with.
pub(super) const AES_KEY: &str = "encoding_aes_key";
/// Secret: what callbacks are signed with, where it is not the access token.
pub(super) const TOKEN: &str = "token";

const fn secret(name: &'static str, required: bool) -> Field {
    Field { name, secret: true, required, shape: Shape::Text(256) }
}

const fn setting(name: &'static str, shape: Shape) -> Field {
    Field { name, secret: false, required: false, shape }
}

const fn one_of(name: &'static str, words: &'static [&'static str]) -> Field {
    setting(name, Shape::OneOf(words))
}

const YES_NO: &[&str] = &["yes", "no"];

const OWN: [Field; 12] = [
    secret(ACCESS_TOKEN, true),
    secret(AES_KEY, true),
    secret(TOKEN, false),
    // How we are called.
    one_of("far_timestamp", &["log", "refuse"]),
    setting("timestamp_window_minutes", Shape::Whole(1, 10_080)),
    setting("tenant_id", Shape::Text(64)),
    // What a form is to us.
    one_of("approve_nodes", &["use", "ignore"]),
    one_of("other_operator", &["any", "all", "sequential"]),
    one_of("user_source_id_is", &["none", "account", "mobile", "email"]),
    setting("form_url", Shape::Link(512)),
    // Which decisions are told.
    one_of("tell_nodes", YES_NO),
    one_of("tell_own_revoke", YES_NO),
];

/// Those, and what stands in `callback_format`.
pub(super) static FIELDS: [Field; OWN.len() + callback_format::FIELDS.len()] = {
    let mut fields = [OWN[0]; OWN.len() + callback_format::FIELDS.len()];
    let mut index = 0;
    while index < fields.len() {
        fields[index] = if index < OWN.len() { OWN[index] } else { callback_format::FIELDS[index - OWN.len()] };
        index += 1;
    }
    fields
};

/// A setting that has a default.
pub(super) fn or<'a>(receiver: &'a Receiver, name: &str, default: &'a str) -> &'a str {
    receiver.setting(name).unwrap_or(default)
}

/// Whether a setting has this value; `default` is what it has when it is not set.
pub(super) fn is(receiver: &Receiver, name: &str, value: &str, default: &str) -> bool {
    or(receiver, name, default) == value
}

/// A secret.
pub(super) fn opened<'a>(receiver: &'a Receiver, name: &str) -> Option<&'a SecretString> {
    receiver.secrets.get(name)
}

/// Puts a value under a name; a dot in it leads into an object: `data.id`.
pub(super) fn put(object: &mut serde_json::Map<String, serde_json::Value>, name: &str, value: serde_json::Value) {
    let Some((outer, inner)) = name.split_once('.') else {
        object.insert(name.to_owned(), value);
        return;
    };
    let within = object.entry(outer).or_insert_with(|| serde_json::Map::new().into());
    if !within.is_object() {
        *within = serde_json::Map::new().into();
    }
    if let Some(within) = within.as_object_mut() {
        put(within, inner, value);
    }
}
