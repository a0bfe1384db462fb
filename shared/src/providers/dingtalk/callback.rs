//! Opening a callback and acknowledging it.

use std::borrow::Cow;

use serde::Deserialize;

use super::events;
use crate::clock::World;
use crate::crypto::envelope::{Decrypted, EnvelopeError, Keys};
use crate::providers::{Account, CallbackError, Opened, RawCallback, Reply, Secrets};

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    encrypt: Cow<'a, str>,
}

/// The signed parts of a callback, not yet verified.
struct Signed<'a> {
    signature: &'a str,
    timestamp: &'a str,
    nonce: &'a str,
    encrypt: Cow<'a, str>,
}

/// Verifies, decrypts and parses a callback, with the current keys or else with those from before a rotation.
pub(super) fn open(account: &Account, callback: &RawCallback, world: &World) -> Result<Opened, CallbackError> {
    let signed = Signed::of(callback)?;
    let now = world.now();
    let mut failure = CallbackError::BadSignature;
    for secrets in std::iter::once(&account.secrets).chain(&account.old_secrets) {
        let Some(keys) = keys(secrets) else { continue };
        match decrypt(&keys, &signed, account) {
            Ok(decrypted) => {
                let message = decrypted.message();
                let read = events::notices(message, now).ok_or_else(|| events::unreadable(message, now));
                let answer = move |world: &World| acknowledge(&keys, decrypted.owner(), world.now(), world.random());
                return Ok(Opened::of(read, answer));
            }
            // A later pair may still fit; that one of them fitted the signature is the better answer.
            Err(CallbackError::BadSignature) => {}
            Err(other) => failure = other,
        }
    }
    Err(failure)
}

impl<'a> Signed<'a> {
    /// The names vary: documentation and captures say `signature` and `timestamp`, DingTalk's own samples read
    /// `msg_signature` and `timeStamp` first.
    fn of(callback: &'a RawCallback) -> Result<Self, CallbackError> {
        let encrypt = match serde_json::from_slice::<Envelope<'_>>(&callback.body) {
            Ok(envelope) => envelope.encrypt,
            Err(_) => Cow::Borrowed(callback.query("encrypt").ok_or(CallbackError::Malformed)?),
        };
        let either = |one, other| callback.query(one).or_else(|| callback.query(other));
        Ok(Self {
            signature: either("msg_signature", "signature").ok_or(CallbackError::BadSignature)?,
            timestamp: either("timestamp", "timeStamp").unwrap_or_default(),
            nonce: callback.query("nonce").unwrap_or_default(),
            encrypt,
        })
    }
}

fn keys(secrets: &Secrets) -> Option<Keys> {
    Keys::new(secrets.get("token")?, secrets.get("aes_key")?).ok()
}

fn decrypt(keys: &Keys, signed: &Signed<'_>, account: &Account) -> Result<Decrypted, CallbackError> {
    let decrypted = keys
        .verify(signed.signature, signed.timestamp, signed.nonce, &signed.encrypt)
        .and_then(|verified| keys.decrypt(verified))
        .map_err(|error| match error {
            EnvelopeError::BadSignature => CallbackError::BadSignature,
            EnvelopeError::Malformed => CallbackError::WrongReceiver,
        })?;
    // The owner is the app where it was subscribed in the console, the corporation where by the registration call.
    let owners = [account.setting("app_key"), account.setting("corp_id")];
    let ours = owners.into_iter().flatten().any(|owner| !owner.is_empty() && owner.as_bytes() == decrypted.owner());
    if ours { Ok(decrypted) } else { Err(CallbackError::WrongReceiver) }
}

/// The word `success`, encrypted for the same owner with the keys that opened the callback. Whether DingTalk checks the
/// reply's time is unconfirmed; ours is the current one in milliseconds.
fn acknowledge(keys: &Keys, owner: &[u8], now: i64, random: [u8; 24]) -> Reply {
    const LETTERS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let [prefix @ .., _, _, _, _, _, _, _, _] = random;
    let nonce: String = random[16..].iter().map(|byte| char::from(LETTERS[usize::from(byte % 62)])).collect();
    let timestamp = now.to_string();
    let encrypt = keys.encrypt(prefix, b"success", owner);
    let signature = keys.signature(&timestamp, &nonce, &encrypt);
    // None of the four holds a character that JSON would escape.
    let body = [
        r#"{"msg_signature":""#,
        &signature,
        r#"","timeStamp":""#,
        &timestamp,
        r#"","nonce":""#,
        &nonce,
        r#"","encrypt":""#,
        &encrypt,
        r#""}"#,
    ];
    let body = body.concat().into_bytes();
    Reply { status: 200, content_type: "application/json", body }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]

    use secrecy::SecretString;
    use serde_json::{Map, Value, json};

    use super::*;
    use crate::approval::{Event, Outcome, TaskOutcome};

    fn vector(name: &str) -> Value {
        let file: Value =
            serde_json::from_str(include_str!("../../../../tests/fixtures/dingtalk_callback.json")).unwrap();
        let groups = ["vectors", "published", "negative"].map(|group| file[group].as_array().unwrap().clone());
        groups.into_iter().flatten().find(|vector| vector["name"] == name).unwrap()
    }

    fn secrets(vector: &Value) -> Secrets {
        ["token", "aes_key"].map(|name| (name.to_owned(), vector[name].as_str().unwrap().into())).into()
    }

    fn account(vector: &Value) -> Account {
        let mut settings = Map::new();
        let name = if vector["owner_key_kind"] == "CorpId" { "corp_id" } else { "app_key" };
        settings.insert("app_key".into(), "dingotherapp".into());
        settings.insert(name.into(), vector["owner_key"].clone());
        Account {
            connection: "con_1".into(),
            settings,
            secrets: secrets(vector),
            old_secrets: None,
            templates: std::collections::BTreeMap::new(),
        }
    }

    fn callback(vector: &Value, names: [&str; 2]) -> RawCallback {
        let value = |name: &str| vector[name].as_str().unwrap().to_owned();
        RawCallback {
            method: "POST".into(),
            query: vec![
                (names[0].into(), value("signature")),
                (names[1].into(), value("timestamp")),
                ("nonce".into(), value("nonce")),
            ],
            headers: Vec::new(),
            body: json!({"encrypt": value("encrypt")}).to_string().into_bytes(),
        }
    }

    fn try_open(name: &str) -> Result<Opened, CallbackError> {
        let vector = vector(name);
        open(&account(&vector), &callback(&vector, ["signature", "timestamp"]), &World::system())
    }

    #[test]
    fn callbacks_made_by_others_open() {
        for name in ["check_url_appkey", "pad_exactly_32", "pad_24", "pad_1", "official_repo_check_url"] {
            assert_eq!(try_open(name).unwrap().notices, [], "{name}");
        }
        let notice = try_open("bpms_task_change_utf8_appkey").unwrap().notices.pop().unwrap();
        assert_eq!(notice.instance, "Xy3_testInstance-0001");
        let [Event::Task { task, fact }] = &notice.events[..] else { panic!() };
        assert_eq!((task.as_str(), fact.assignee.as_str()), ("80000000001", "manager4220"));
        let end = fact.end.as_ref().unwrap();
        assert_eq!((end.outcome, end.at), (TaskOutcome::Rejected, 1_790_000_000_000));
        assert_eq!(end.remark.as_deref(), Some("回滚方案缺失,请补充🚧"));

        let notice = try_open("bpms_instance_change_corpid").unwrap().notices.pop().unwrap();
        assert_eq!(notice.events, [Event::Finished { outcome: Outcome::Withdrawn, at: 1_790_000_000_000 }]);
    }

    #[test]
    fn changed_callbacks_are_refused() {
        for (name, error) in [
            ("ciphertext_changed", CallbackError::BadSignature),
            ("timestamp_changed", CallbackError::BadSignature),
            ("wrong_token", CallbackError::BadSignature),
            ("wrong_owner", CallbackError::WrongReceiver),
            ("padding_corrupt_resigned", CallbackError::WrongReceiver),
        ] {
            assert_eq!(try_open(name).unwrap_err(), error, "{name}");
        }
    }

    #[test]
    fn what_is_the_platforms_and_cannot_be_read_is_acknowledged() {
        // Rightly encrypted, but no event: our own acknowledgement played back.
        for name in ["success_reply_appkey", "official_doc_success"] {
            let opened = try_open(name).unwrap();
            assert!(opened.is_unreadable() && opened.notices.is_empty(), "{name}");
            assert_eq!(opened.acknowledge(&World::system()).status, 200, "{name}");
        }
        assert!(!try_open("check_url_appkey").unwrap().is_unreadable());
    }

    #[test]
    fn the_acknowledgement_is_the_one_that_others_make() {
        for name in ["success_reply_appkey", "success_reply_suitekey", "official_doc_success"] {
            let vector = vector(name);
            let keys = keys(&secrets(&vector)).unwrap();
            let mut random = [0; 24];
            random[..16].copy_from_slice(vector["random16"].as_str().unwrap().as_bytes());
            let now = vector["timestamp"].as_str().unwrap().parse().unwrap();
            let reply = acknowledge(&keys, vector["owner_key"].as_str().unwrap().as_bytes(), now, random);
            assert_eq!((reply.status, reply.content_type), (200, "application/json"));
            let body: Value = serde_json::from_slice(&reply.body).unwrap();
            assert_eq!(body["encrypt"], vector["encrypt"], "{name}");
            assert_eq!((&body["timeStamp"], &body["nonce"]), (&vector["timestamp"], &json!("AAAAAAAA")));
            let expected = keys.signature(&now.to_string(), "AAAAAAAA", vector["encrypt"].as_str().unwrap());
            assert_eq!(body["msg_signature"], expected);
        }
    }

    #[test]
    fn both_spellings_of_the_query_are_read_and_msg_signature_is_preferred() {
        let vector = vector("check_url_appkey");
        let (account, world) = (account(&vector), World::system());
        let mut raw = callback(&vector, ["msg_signature", "timeStamp"]);
        assert!(open(&account, &raw, &world).is_ok());
        raw.query.insert(0, ("signature".into(), "0".repeat(40)));
        assert!(open(&account, &raw, &world).is_ok());
    }

    #[test]
    fn old_keys_still_open_and_answer_while_keys_are_rotated() {
        let vector = vector("check_url_appkey");
        let old = secrets(&vector);
        let new_key = SecretString::from("A".repeat(43));
        // A new pair, and a new AES key under the same token.
        for token in ["another-token", "tkn4GatewayTest01"] {
            let mut account = account(&vector);
            account.secrets = [("token".into(), token.into()), ("aes_key".into(), new_key.clone())].into();
            let raw = callback(&vector, ["signature", "timestamp"]);
            let refused = open(&account, &raw, &World::system()).unwrap_err();
            assert_ne!(refused, CallbackError::Malformed);
            account.old_secrets = Some(old.clone());
            let reply = open(&account, &raw, &World::system()).unwrap().acknowledge(&World::system());
            let body: Value = serde_json::from_slice(&reply.body).unwrap();
            let [signature, timestamp, nonce, encrypt] =
                ["msg_signature", "timeStamp", "nonce", "encrypt"].map(|name| body[name].as_str().unwrap());
            let keys = keys(&old).unwrap();
            let opened = keys.decrypt(keys.verify(signature, timestamp, nonce, encrypt).unwrap()).unwrap();
            assert_eq!((opened.message(), opened.owner()), (&b"success"[..], &b"dingtestappkey000001"[..]));
        }
    }

    #[test]
    fn what_is_no_callback_is_refused_without_a_panic() {
        let vector = vector("check_url_appkey");
        let account = account(&vector);
        let good = callback(&vector, ["signature", "timestamp"]);
        let open = |raw: RawCallback| open(&account, &raw, &World::system()).unwrap_err();
        for body in ["", "{}", "[]", "null", r#"{"encrypt":1}"#, "\u{0}"] {
            assert_eq!(open(RawCallback { body: body.into(), ..good.clone() }), CallbackError::Malformed, "{body}");
        }
        assert_eq!(open(RawCallback::default()), CallbackError::Malformed);
        assert_eq!(open(RawCallback { query: Vec::new(), ..good }), CallbackError::BadSignature);
    }
}
