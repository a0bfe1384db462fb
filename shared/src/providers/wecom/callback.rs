//! Opening a callback and acknowledging it.
//!
//! Three types, one after the other. [`Unverified`] is all that is read of a request before its signature is checked: three
//! values of the query and the encrypted text, nothing else of the envelope, not even who it says it is for. Only
//! [`Keys::verify`] lets it through to be decrypted, and only [`Message::of`] lets a decrypted text through to be read, if
//! it was encrypted for our corporation.

use std::borrow::Cow;

use super::events;
use super::names::{self, NAMES};
use crate::clock::World;
use crate::crypto::envelope::{Decrypted, EnvelopeError, Keys};
use crate::providers::{Account, CallbackError, Opened, RawCallback, Reply, Secrets};
use countersign_xml::Document;

/// The signed parts of a callback, not yet verified.
struct Unverified<'a> {
    signature: &'a str,
    timestamp: &'a str,
    nonce: &'a str,
    encrypt: Cow<'a, str>,
    /// Whether it is the check of the URL, which is answered with what it holds.
    is_check: bool,
}

/// What was verified, decrypted, and meant for us.
struct Message(Decrypted);

/// Verifies, decrypts and parses a callback, with the current keys or else with those from before a rotation.
pub(super) fn open(account: &Account, callback: &RawCallback, world: &World) -> Result<Opened, CallbackError> {
    let unverified = Unverified::of(callback)?;
    let mut failure = CallbackError::BadSignature;
    for secrets in std::iter::once(&account.secrets).chain(&account.old_secrets) {
        let Some(keys) = keys(secrets) else { continue };
        match Message::of(&unverified, &keys, account) {
            Ok(Message(decrypted)) if unverified.is_check => {
                return Ok(Opened::new(Vec::new(), move |_| answer(decrypted.message().to_vec())));
            }
            Ok(Message(decrypted)) => {
                return Ok(Opened::of(events::read(decrypted.message(), world.now()), |_| answer(Vec::new())));
            }
            // A later pair may still fit; that one of them fitted the signature is the better answer.
            Err(CallbackError::BadSignature) => {}
            Err(other) => failure = other,
        }
    }
    Err(failure)
}

/// WeCom reads the status alone; the codes are those of its own library for callbacks.
pub(super) fn reject(error: CallbackError) -> Reply {
    let (status, body) = match error {
        CallbackError::Malformed => (400, r#"{"errcode":-40002,"errmsg":"parse xml error"}"#),
        CallbackError::BadSignature | CallbackError::WrongReceiver => {
            (401, r#"{"errcode":-40001,"errmsg":"validate signature error"}"#)
        }
    };
    Reply { status, content_type: "application/json", body: body.as_bytes().to_vec() }
}

impl<'a> Unverified<'a> {
    fn of(callback: &'a RawCallback) -> Result<Self, CallbackError> {
        let is_check = callback.method == "GET";
        let encrypt = if is_check {
            // What decodes a query may take `+` for a space.
            let echo = callback.query("echostr").ok_or(CallbackError::Malformed)?;
            if echo.contains(' ') { Cow::Owned(echo.replace(' ', "+")) } else { Cow::Borrowed(echo) }
        } else {
            encrypted(&callback.body).ok_or(CallbackError::Malformed)?
        };
        Ok(Self {
            signature: callback.query("msg_signature").ok_or(CallbackError::BadSignature)?,
            timestamp: callback.query("timestamp").unwrap_or_default(),
            nonce: callback.query("nonce").unwrap_or_default(),
            encrypt,
            is_check,
        })
    }
}

/// The one element of the envelope that is read; the others may come in any order, or not at all.
fn encrypted(body: &[u8]) -> Option<Cow<'_, str>> {
    Document::parse(body, &NAMES)?.into_value(names::ENCRYPT)
}

impl Message {
    fn of(unverified: &Unverified<'_>, keys: &Keys, account: &Account) -> Result<Self, CallbackError> {
        let decrypted = keys
            .verify(unverified.signature, unverified.timestamp, unverified.nonce, &unverified.encrypt)
            .and_then(|verified| keys.decrypt(verified))
            .map_err(|error| match error {
                EnvelopeError::BadSignature => CallbackError::BadSignature,
                EnvelopeError::Malformed => CallbackError::WrongReceiver,
            })?;
        let corporation = account.setting("corp_id").unwrap_or_default();
        let is_ours = !corporation.is_empty() && corporation.as_bytes() == decrypted.owner();
        if is_ours { Ok(Self(decrypted)) } else { Err(CallbackError::WrongReceiver) }
    }
}

fn keys(secrets: &Secrets) -> Option<Keys> {
    Keys::new(secrets.get("token")?, secrets.get("aes_key")?).ok()
}

fn answer(body: Vec<u8>) -> Reply {
    Reply { status: 200, content_type: "text/plain", body }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]

    use serde_json::{Map, Value};

    use super::*;
    use crate::approval::{Event, Outcome, TaskOutcome};

    /// The check of the URL.
    const CHECK: &str = "url_verification_get";

    fn vector(name: &str) -> Value {
        let file: Value = serde_json::from_str(include_str!("../../../../tests/fixtures/wecom_callback.json")).unwrap();
        let groups = [&file["callbacks"], &file["official_samples"]["vectors"]];
        let mut all: Vec<Value> = groups.into_iter().flat_map(|group| group.as_array().unwrap().clone()).collect();
        all.push(file["url_verification"].clone());
        let mut changed = file["negative"].as_array().unwrap().clone();
        for negative in &mut changed {
            let base = all.iter().find(|vector| vector["name"] == negative["base"]).unwrap();
            let mut whole = base.clone();
            whole["name"] = negative["name"].clone();
            whole.as_object_mut().unwrap().extend(negative["change"].as_object().unwrap().clone());
            *negative = whole;
        }
        all.into_iter().chain(changed).find(|vector| vector["name"] == name).unwrap()
    }

    fn text<'a>(vector: &'a Value, name: &str) -> &'a str {
        vector[name].as_str().unwrap()
    }

    fn account(vector: &Value) -> Account {
        let secret = |name: &str, from: &str| (name.to_owned(), text(vector, from).into());
        Account {
            connection: "con_1".into(),
            settings: Map::from_iter([("corp_id".to_owned(), vector["receive_id"].clone())]),
            secrets: [secret("token", "token"), secret("aes_key", "encoding_aes_key")].into(),
            old_secrets: None,
            templates: std::collections::BTreeMap::new(),
        }
    }

    fn query(vector: &Value) -> Vec<(String, String)> {
        ["msg_signature", "timestamp", "nonce"].map(|name| (name.to_owned(), text(vector, name).to_owned())).into()
    }

    fn check(vector: &Value) -> RawCallback {
        let mut query = query(vector);
        query.push(("echostr".into(), text(vector, "encrypt").to_owned()));
        RawCallback { method: "GET".into(), query, ..RawCallback::default() }
    }

    fn envelope(before: &str, encrypt: &str, after: &str) -> Vec<u8> {
        format!("<xml>{before}<Encrypt><![CDATA[{encrypt}]]></Encrypt>{after}</xml>").into_bytes()
    }

    fn event(vector: &Value) -> RawCallback {
        let body = envelope("<ToUserName><![CDATA[ww0]]></ToUserName>", text(vector, "encrypt"), "");
        RawCallback { method: "POST".into(), query: query(vector), body, ..RawCallback::default() }
    }

    fn opened(vector: &Value, raw: &RawCallback) -> Result<Opened, CallbackError> {
        open(&account(vector), raw, &World::system())
    }

    #[test]
    fn the_check_of_the_url_is_answered_with_its_text_alone() {
        for name in [CHECK, "official_sample_verify_url"] {
            let vector = vector(name);
            let mut raw = check(&vector);
            let reply = opened(&vector, &raw).unwrap().acknowledge(&World::system());
            assert_eq!((reply.status, reply.body.as_slice()), (200, text(&vector, "plaintext").as_bytes()), "{name}");
            // `+` that was taken for a space.
            let echo = raw.query.last_mut().unwrap();
            echo.1 = echo.1.replace('+', " ");
            assert!(opened(&vector, &raw).is_ok(), "{name}");
            raw.query.pop();
            assert_eq!(opened(&vector, &raw).unwrap_err(), CallbackError::Malformed);
        }
    }

    #[test]
    fn events_made_by_others_are_opened() {
        let vector = vector("sys_approval_change_approved");
        let notices = opened(&vector, &event(&vector)).unwrap().notices;
        assert_eq!((notices.len(), notices[0].instance.as_str()), (1, "202510090007"));
        assert_eq!(notices[0].template.as_deref(), Some("C4RbNKm731MCFVgk6XLq1Rs9W4aNXPJV2mmXT4qGy"));
        let ends: Vec<_> = notices[0]
            .events
            .iter()
            .filter_map(|event| match event {
                Event::Task { fact, .. } => Some((fact.assignee.as_str(), fact.node, fact.end.clone().unwrap())),
                _ => None,
            })
            .collect();
        assert_eq!(ends.len(), 2, "the cc node tells of nobody");
        assert_eq!((ends[0].0, ends[0].1, ends[0].2.outcome), ("LiSi", Some(0), TaskOutcome::Approved));
        assert_eq!(ends[0].2.remark.as_deref(), Some("同意 <ok> & go"));
        assert_eq!((ends[1].0, ends[1].2.at, ends[1].2.remark.clone()), ("WangWu", 1_760_000_344_000, None));
        let finished = Event::Finished { outcome: Outcome::Approved, at: 1_760_000_345_000 };
        assert_eq!(notices[0].events.last(), Some(&finished));
    }

    #[test]
    fn other_events_are_acknowledged_with_an_empty_body() {
        for name in [
            "template_card_event_button",
            "change_contact_delete_user_full_pad_block",
            "official_sample_receive_message",
            "sys_approval_change_approved",
        ] {
            let vector = vector(name);
            let opened = opened(&vector, &event(&vector)).unwrap();
            assert_eq!(opened.notices.is_empty(), name != "sys_approval_change_approved", "{name}");
            let reply = opened.acknowledge(&World::system());
            assert_eq!((reply.status, reply.body.len()), (200, 0), "{name}");
        }
    }

    #[test]
    fn the_envelope_may_be_in_any_order_and_without_an_app() {
        let vector = vector("sys_approval_change_approved");
        let encrypt = text(&vector, "encrypt");
        let plain = format!("<xml>\n <Encrypt>{encrypt}</Encrypt>\n <ToUserName>x</ToUserName></xml>").into_bytes();
        let app = "<AgentID><![CDATA[1000012]]></AgentID>";
        for body in [plain, envelope("", encrypt, app), envelope(app, encrypt, ""), envelope("", encrypt, "<AgentID/>")]
        {
            assert!(opened(&vector, &RawCallback { body, ..event(&vector) }).is_ok());
        }
    }

    #[test]
    fn changed_callbacks_are_refused_with_one_answer() {
        for (name, expected) in [
            ("bad_signature_first_nibble", CallbackError::BadSignature),
            ("timestamp_changed", CallbackError::BadSignature),
            ("receive_id_mismatch_but_signed", CallbackError::WrongReceiver),
        ] {
            let vector = vector(name);
            assert_eq!(opened(&vector, &event(&vector)).unwrap_err(), expected, "{name}");
        }
        assert_eq!(reject(CallbackError::BadSignature), reject(CallbackError::WrongReceiver));
        assert_eq!(reject(CallbackError::BadSignature).status, 401);
        assert_eq!(reject(CallbackError::Malformed).status, 400);
    }

    #[test]
    fn what_was_encrypted_for_another_corporation_is_refused() {
        for name in ["sys_approval_change_approved", CHECK] {
            let vector = vector(name);
            let raw = if name == CHECK { check(&vector) } else { event(&vector) };
            for other in ["ww0000000000000000", "", "ww1a2b3c4d5e6f708"] {
                let mut account = account(&vector);
                account.settings.insert("corp_id".into(), other.into());
                assert_eq!(
                    open(&account, &raw, &World::system()).unwrap_err(),
                    CallbackError::WrongReceiver,
                    "{other}"
                );
            }
        }
    }

    #[test]
    fn old_keys_still_open_while_keys_are_rotated() {
        let vector = vector("sys_approval_change_approved");
        for token in ["another-token", text(&vector, "token")] {
            let mut account = account(&vector);
            let old = std::mem::replace(
                &mut account.secrets,
                [("token".into(), token.into()), ("aes_key".into(), "A".repeat(43).into())].into(),
            );
            assert!(open(&account, &event(&vector), &World::system()).is_err());
            account.old_secrets = Some(old);
            assert_eq!(open(&account, &event(&vector), &World::system()).unwrap().notices.len(), 1);
        }
    }

    /// A callback of ours with this text inside.
    fn signed(vector: &Value, message: &str) -> RawCallback {
        let keys = keys(&account(vector).secrets).unwrap();
        let encrypt = keys.encrypt([7; 16], message.as_bytes(), text(vector, "receive_id").as_bytes());
        let mut raw = event(vector);
        raw.query[0].1 = keys.signature(text(vector, "timestamp"), text(vector, "nonce"), &encrypt);
        raw.body = envelope("", &encrypt, "");
        raw
    }

    #[test]
    fn signed_bombs_are_acknowledged_unread_and_without_a_panic() {
        let vector = vector("sys_approval_change_approved");
        let laughs = "<!DOCTYPE x [<!ENTITY a \"ha\"><!ENTITY b \"&a;&a;\">]><xml><Event>&b;</Event></xml>".to_owned();
        let deep = "<xml>".repeat(5_000);
        let wide = format!("<xml>{}</xml>", "<Event/>".repeat(20_000));
        let foreign = "<xml><Event>&nbsp;</Event></xml>".to_owned();
        for bad in [laughs, deep, wide, foreign, String::new(), "not XML".to_owned()] {
            let opened = opened(&vector, &signed(&vector, &bad)).unwrap();
            assert!(opened.is_unreadable() && opened.notices.is_empty());
            let reply = opened.acknowledge(&World::system());
            assert_eq!((reply.status, reply.body.len()), (200, 0));
        }
        for good in
            ["<xml><Event>x</Event></xml>".to_owned(), format!("<xml><Event>{}</Event></xml>", "x".repeat(500_000))]
        {
            assert!(!opened(&vector, &signed(&vector, &good)).unwrap().is_unreadable(), "{}", good.len());
        }
    }

    #[test]
    fn what_is_no_callback_is_refused_without_a_panic() {
        let vector = vector("sys_approval_change_approved");
        let good = event(&vector);
        let open = |raw: RawCallback| opened(&vector, &raw).unwrap_err();
        let bomb = "<!DOCTYPE x [<!ENTITY a \"b\">]><xml><Encrypt>&a;</Encrypt></xml>";
        for body in ["", "{}", "<xml/>", "<xml><Encrypt/></xml>", bomb, "\u{0}"] {
            assert_eq!(open(RawCallback { body: body.into(), ..good.clone() }), CallbackError::Malformed, "{body}");
        }
        assert_eq!(open(RawCallback::default()), CallbackError::Malformed);
        assert_eq!(open(RawCallback { method: "GET".into(), ..good.clone() }), CallbackError::Malformed);
        assert_eq!(open(RawCallback { query: Vec::new(), ..good.clone() }), CallbackError::BadSignature);
        let body = envelope("", "%%% not base64", "");
        assert_eq!(open(RawCallback { body, ..good }), CallbackError::BadSignature);
    }
}
