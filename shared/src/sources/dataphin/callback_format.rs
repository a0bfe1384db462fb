//! What nobody has confirmed of Dataphin: the object `callback_format` of a source's settings. Each has our best guess as its default, and
//! the guesses stand here and nowhere else. `docs.md` says which rests on what.

use crate::providers::Field;
use crate::providers::Shape::{self, OneOf, Text};
use crate::sources::{Receiver, SettingsObject};

/// A name of a field or parameter that stands for "is not sent".
const LEFT_OUT: &str = "-";

/// Longest name of a field, and longest value that a setting puts into one, in characters.
const NAME: Shape = Text(64);

/// A setting, and what is taken where it is not set; empty where there is none.
#[derive(Clone, Copy)]
struct Guess {
    name: &'static str,
    shape: Shape,
    usual: &'static str,
}

const fn guess(name: &'static str, shape: Shape, usual: &'static str) -> Guess {
    Guess { name, shape, usual }
}

const GUESSES: [Guess; 43] = [
    // How calls are answered, and what a revoke looks like.
    guess("error_status", OneOf(&["http", "ok"]), "http"),
    guess("reply_id_field", NAME, "processInstanceId"),
    guess("reply_success_field", NAME, "success"),
    guess("reply_message_field", NAME, "message"),
    guess("revoke_paths", Text(512), "processinstance/terminate,processinstance/revoke"),
    guess("force_field", NAME, "force"),
    guess("revoke_force", OneOf(&["field", "always"]), "field"),
    // What a callback says.
    guess("apply_id_field", NAME, "applyId"),
    guess("instance_id_field", NAME, "processInstanceId"),
    guess("tenant_id_field", NAME, "tenantId"),
    guess("type_field", NAME, "type"),
    guess("result_field", NAME, "result"),
    guess("user_field", NAME, "approveUser"),
    guess("comment_field", NAME, "remark"),
    guess("time_field", NAME, "finishTime"),
    guess("user_is", OneOf(&["user_source_id", "user_id", "name", "account"]), "user_source_id"),
    guess("time_as", OneOf(&["milliseconds", "datetime"]), "milliseconds"),
    guess("type_finished", NAME, "finish"),
    guess("type_terminated", NAME, "terminate"),
    guess("type_node", NAME, "node"),
    guess("result_approved", NAME, "agree"),
    guess("result_rejected", NAME, "refuse"),
    guess("result_withdrawn", NAME, "terminate"),
    guess("result_expired", NAME, "terminate"),
    guess("result_failed", NAME, "terminate"),
    guess("result_revoked", NAME, "terminate"),
    // How it is sealed.
    guess("key_encoding", OneOf(&["dingtalk43", "base64", "utf8"]), "dingtalk43"),
    guess("mode", OneOf(&["cbc", "ecb"]), "cbc"),
    guess("iv", OneOf(&["key_prefix", "zero", "random_prefixed"]), "key_prefix"),
    guess("padding", OneOf(&["pkcs7_32", "pkcs7_16"]), "pkcs7_32"),
    guess("frame", OneOf(&["dingtalk", "bare"]), "dingtalk"),
    guess("owner_from", OneOf(&["nothing", "access_token", "setting"]), "nothing"),
    guess("owner", Text(128), ""),
    guess("sign", OneOf(&["sha1_sorted", "none"]), "sha1_sorted"),
    guess("token_from", OneOf(&["access_token", "setting"]), "access_token"),
    // How it travels.
    guess("envelope_field", NAME, "encrypt"),
    guess("stamp_in", OneOf(&["query", "body"]), "query"),
    guess("timestamp_name", NAME, "timestamp"),
    guess("nonce_name", NAME, "nonce"),
    guess("signature_name", NAME, "signature"),
    guess("access_token_name", NAME, ""),
    // What its answer means.
    guess("success_match", Text(256), ""),
    guess("closed_match", Text(256), "already closed|already finished|已关闭|已结束"),
];

/// The settings as such.
pub(super) const FIELDS: [Field; GUESSES.len()] = {
    let mut fields = [Field { name: "", secret: false, required: false, shape: NAME }; GUESSES.len()];
    let mut index = 0;
    while index < GUESSES.len() {
        (fields[index].name, fields[index].shape) = (GUESSES[index].name, GUESSES[index].shape);
        index += 1;
    }
    fields
};

/// The object in which they stand.
pub(super) static OBJECT: SettingsObject = SettingsObject { name: "callback_format", fields: &FIELDS };

/// A setting, or what is taken where it is not set; `None` where there is neither.
pub(super) fn find<'a>(receiver: &'a Receiver, name: &str) -> Option<&'a str> {
    let usual = || GUESSES.iter().find(|guess| guess.name == name).map(|guess| guess.usual);
    receiver.setting(name).or_else(usual).filter(|text| !text.is_empty())
}

/// A setting that has a default.
pub(super) fn or<'a>(receiver: &'a Receiver, name: &str) -> &'a str {
    find(receiver, name).unwrap_or_default()
}

/// Whether a setting has this value, be it by default.
pub(super) fn is(receiver: &Receiver, name: &str, value: &str) -> bool {
    or(receiver, name) == value
}

/// The name of a field or parameter that may be left out.
pub(super) fn name<'a>(receiver: &'a Receiver, name: &str) -> Option<&'a str> {
    find(receiver, name).filter(|name| *name != LEFT_OUT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_default_is_one_that_could_be_set() {
        for Guess { name, shape, usual } in GUESSES.into_iter().filter(|guess| !guess.usual.is_empty()) {
            match shape {
                OneOf(words) => assert!(words.contains(&usual), "{name}"),
                Text(longest) => assert!(usual.chars().count() <= longest, "{name}"),
                other => panic!("{name}: {other:?}"),
            }
        }
    }
}
