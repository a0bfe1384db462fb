//! What is not confirmed of Dataphin, as settings: each has our best guess as its default, and nothing of it is written
//! anywhere else. `docs.md` says which guess rests on what.

use secrecy::SecretString;

use crate::providers::{Field, Shape};
use crate::sources::Receiver;

/// Secret: what Dataphin shows when it calls us.
pub(super) const ACCESS_TOKEN: &str = "access_token";
/// Secret: what callbacks are encrypted with.
pub(super) const AES_KEY: &str = "encoding_aes_key";
/// Secret: what callbacks are signed with, where it is not the access token.
pub(super) const TOKEN: &str = "token";

/// A name of a field or parameter that stands for "is not sent".
pub(super) const LEFT_OUT: &str = "-";

/// Longest name of a field, and longest value that a setting puts into one, in characters.
const NAME: Shape = Shape::Text(64);

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

pub(super) const FIELDS: &[Field] = &[
    secret(ACCESS_TOKEN, true),
    secret(AES_KEY, true),
    secret(TOKEN, false),
    // How we are called.
    one_of("far_timestamp", &["log", "refuse"]),
    setting("timestamp_window_minutes", Shape::Whole(1, 10_080)),
    one_of("error_status", &["http", "ok"]),
    setting("reply_id_field", NAME),
    setting("reply_success_field", NAME),
    setting("reply_message_field", NAME),
    setting("revoke_paths", Shape::Text(512)),
    setting("force_field", NAME),
    one_of("revoke_force", &["field", "always"]),
    setting("tenant_id", NAME),
    // What a form is to us.
    one_of("approve_nodes", &["use", "ignore"]),
    one_of("other_operator", &["any", "all", "sequential"]),
    one_of("user_source_id_is", &["none", "account", "mobile", "email"]),
    setting("form_url", Shape::Link(512)),
    // Which decisions are told.
    one_of("tell_nodes", YES_NO),
    one_of("tell_own_revoke", YES_NO),
    // What a callback says.
    setting("apply_id_field", NAME),
    setting("instance_id_field", NAME),
    setting("tenant_id_field", NAME),
    setting("type_field", NAME),
    setting("result_field", NAME),
    setting("user_field", NAME),
    setting("comment_field", NAME),
    setting("time_field", NAME),
    one_of("user_is", &["user_source_id", "user_id", "name", "account"]),
    one_of("time_as", &["milliseconds", "datetime"]),
    setting("type_finished", NAME),
    setting("type_terminated", NAME),
    setting("type_node", NAME),
    setting("result_approved", NAME),
    setting("result_rejected", NAME),
    setting("result_withdrawn", NAME),
    setting("result_expired", NAME),
    setting("result_failed", NAME),
    setting("result_revoked", NAME),
    // How it is sealed.
    one_of("key_encoding", &["dingtalk43", "base64", "utf8"]),
    one_of("mode", &["cbc", "ecb"]),
    one_of("iv", &["key_prefix", "zero", "random_prefixed"]),
    one_of("padding", &["pkcs7_32", "pkcs7_16"]),
    one_of("frame", &["dingtalk", "bare"]),
    one_of("owner_from", &["nothing", "access_token", "setting"]),
    setting("owner", Shape::Text(128)),
    one_of("sign", &["sha1_sorted", "none"]),
    one_of("token_from", &["access_token", "setting"]),
    // How it travels.
    setting("envelope_field", NAME),
    one_of("stamp_in", &["query", "body"]),
    setting("timestamp_name", NAME),
    setting("nonce_name", NAME),
    setting("signature_name", NAME),
    setting("access_token_name", NAME),
    // What its answer means.
    setting("success_match", Shape::Text(256)),
    setting("closed_match", Shape::Text(256)),
];

/// A setting that has a default.
pub(super) fn or<'a>(receiver: &'a Receiver, name: &str, default: &'a str) -> &'a str {
    receiver.setting(name).unwrap_or(default)
}

/// Whether a setting has this value; `default` is what it has when it is not set.
pub(super) fn is(receiver: &Receiver, name: &str, value: &str, default: &str) -> bool {
    or(receiver, name, default) == value
}

/// The name of a field or parameter that may be left out.
pub(super) fn name<'a>(receiver: &'a Receiver, name: &str, default: &'a str) -> Option<&'a str> {
    Some(or(receiver, name, default)).filter(|name| *name != LEFT_OUT)
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
