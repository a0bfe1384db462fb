//! Opening a callback and acknowledging it.
//!
//! Four steps, each its own type: the signature makes a [`Verified`], only that becomes a [`Decrypted`], only that is
//! read as a [`Message`], and only the right token and app make that message a [`Trusted`] one.
//!
//! The platform's check of the URL is the one message without a signature, so it is let through without one, and
//! nothing else is where the connection has an Encrypt Key. Every way of not being let through has the same answer,
//! so that nobody learns from it whether a padding fitted.

use std::borrow::Cow;

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::json;
use subtle::ConstantTimeEq;

use super::events::{self, Fields};
use crate::clock::World;
use crate::crypto::passphrase::Passphrase;
use crate::providers::lenient::{Loose, named};
use crate::providers::{Account, CallbackError, Notice, Opened, RawCallback, Reply, Secrets, Unreadable};

/// A body whose signature was checked, or that must prove itself otherwise.
struct Verified<'a> {
    body: &'a [u8],
    /// Whether only the check of the URL may come so: the connection has an Encrypt Key, and there is no signature.
    only_challenge: bool,
}

/// What stood in a body, in the clear.
struct Decrypted<'a> {
    text: Cow<'a, [u8]>,
    only_challenge: bool,
    was_encrypted: bool,
}

/// Everything that a body may hold: an encrypted text; the old envelope, with `type` and `event`; the new one, with
/// `schema` and `header`; the check of the URL.
#[derive(Deserialize)]
struct Message<'a> {
    #[serde(default, borrow)]
    encrypt: Loose<'a>,
    #[serde(default, borrow)]
    schema: Loose<'a>,
    #[serde(default, borrow)]
    header: Option<Header<'a>>,
    #[serde(default, borrow)]
    event: Option<Fields<'a>>,
    #[serde(default, borrow, rename = "type")]
    kind: Loose<'a>,
    #[serde(default, borrow)]
    token: Loose<'a>,
    #[serde(default, borrow)]
    challenge: Loose<'a>,
    #[serde(default, borrow)]
    uuid: Loose<'a>,
    #[serde(default, borrow)]
    ts: Loose<'a>,
}

#[derive(Deserialize)]
struct Header<'a> {
    #[serde(default, borrow)]
    event_type: Loose<'a>,
    #[serde(default, borrow)]
    token: Loose<'a>,
    #[serde(default, borrow)]
    app_id: Loose<'a>,
}

/// A message that carried the token, for our own app.
enum Trusted {
    Challenge(String),
    Notices(Vec<Notice>),
    /// Proved by its signature or its token, and not of a shape that we know.
    Unreadable(Unreadable),
}

/// Verifies, decrypts and parses a callback, with the current keys or else with those from before a rotation.
pub(super) fn open(account: &Account, callback: &RawCallback, world: &World) -> Result<Opened, CallbackError> {
    let mut failure = CallbackError::BadSignature;
    for secrets in std::iter::once(&account.secrets).chain(&account.old_secrets) {
        match open_with(secrets, account, callback, world.now()) {
            Ok(Trusted::Challenge(challenge)) => return Ok(Opened::new(Vec::new(), move |_| answer(&challenge))),
            Ok(Trusted::Notices(notices)) => return Ok(Opened::new(notices, |_| acknowledge())),
            Ok(Trusted::Unreadable(unreadable)) => return Ok(Opened::of(Err(unreadable), |_| acknowledge())),
            // Others may still fit; that something was wrong beside the signature is the better answer.
            Err(CallbackError::BadSignature) => {}
            Err(other) => failure = other,
        }
    }
    Err(failure)
}

fn open_with(secrets: &Secrets, account: &Account, callback: &RawCallback, now: i64) -> Result<Trusted, CallbackError> {
    let key = secrets.get("encrypt_key").map(Passphrase::new);
    let token = secrets.get("verification_token").ok_or(CallbackError::BadSignature)?;
    let app = account.setting("app_id").ok_or(CallbackError::BadSignature)?;
    let verified = Verified::of(key.as_ref(), callback)?;
    let is_signed = key.is_some() && !verified.only_challenge;
    let decrypted = match verified.decrypt(key.as_ref()) {
        Err(CallbackError::Malformed) if is_signed => return Ok(Trusted::Unreadable(Unreadable::default())),
        other => other?,
    };
    let vague = decrypted.only_challenge && decrypted.was_encrypted;
    let trusted = match Message::read(&decrypted).and_then(|message| message.trust(&decrypted, token, app, now)) {
        Err(CallbackError::Malformed) => decrypted.unreadable(is_signed, token, app, now),
        other => other,
    };
    // Whoever sends unsigned ciphertext is not told what became of it.
    trusted.map_err(|error| if vague { CallbackError::BadSignature } else { error })
}

impl<'a> Verified<'a> {
    fn of(key: Option<&Passphrase<'_>>, callback: &'a RawCallback) -> Result<Self, CallbackError> {
        let body = &callback.body[..];
        let signature = callback.header("x-lark-signature");
        let only_challenge = match (key, signature) {
            (Some(key), Some(signature)) => {
                let header = |name| callback.header(name).unwrap_or_default();
                let (timestamp, nonce) = (header("x-lark-request-timestamp"), header("x-lark-request-nonce"));
                key.verify(signature, timestamp, nonce, body).map_err(|_| CallbackError::BadSignature)?;
                false
            }
            (Some(_), None) => true,
            // Without an Encrypt Key there is nothing to check a signature with.
            (None, _) => false,
        };
        Ok(Self { body, only_challenge })
    }

    fn decrypt(self, key: Option<&Passphrase<'_>>) -> Result<Decrypted<'a>, CallbackError> {
        let Self { body, only_challenge } = self;
        let plain = Decrypted { text: Cow::Borrowed(body), only_challenge, was_encrypted: false };
        let message: Message<'_> = match serde_json::from_slice(body) {
            Ok(message) => message,
            // Where nothing is encrypted, the token in the text may still prove whose it is.
            Err(_) if key.is_none() => return Ok(plain),
            Err(_) => return Err(CallbackError::Malformed),
        };
        match &message.encrypt {
            Loose::Nothing => Ok(plain),
            Loose::Text(encrypt) if !message.is_old() && !message.is_new() => {
                let opened = key.and_then(|key| key.decrypt(encrypt).ok());
                let wrong = if only_challenge { CallbackError::BadSignature } else { CallbackError::WrongReceiver };
                let text = Cow::Owned(opened.ok_or(wrong)?);
                Ok(Decrypted { text, only_challenge, was_encrypted: true })
            }
            _ => Err(CallbackError::Malformed),
        }
    }
}

impl Decrypted<'_> {
    /// A text of no shape that we know: to be acknowledged if its signature, or the token in it, proves that it is the
    /// platform's, and was meant for our app.
    fn unreadable(&self, is_signed: bool, token: &SecretString, app: &str, now: i64) -> Result<Trusted, CallbackError> {
        let either = |old: &[&str], new: &[&str]| named(&self.text, old).or_else(|| named(&self.text, new));
        let told = either(&["token"], &["header", "token"]).unwrap_or_default();
        let is_token = bool::from(told.as_bytes().ct_eq(token.expose_secret().as_bytes()));
        if self.only_challenge || !(is_signed || is_token) {
            return Err(CallbackError::Malformed);
        }
        let receiver = either(&["event", "app_id"], &["header", "app_id"]);
        if receiver.is_some_and(|receiver| receiver != app) {
            return Err(CallbackError::WrongReceiver);
        }
        let field = |name| named(&self.text, &["event", name]);
        Ok(Trusted::Unreadable(Unreadable::of(field("instance_code"), field("approval_code"), now)))
    }
}

impl<'a> Message<'a> {
    /// Reads an envelope of either schema, and of not more than one.
    fn read(decrypted: &'a Decrypted<'_>) -> Result<Self, CallbackError> {
        let message: Self = serde_json::from_slice(&decrypted.text).map_err(|_| CallbackError::Malformed)?;
        let is_one = message.is_old() != message.is_new();
        let has_kind = match &message.header {
            Some(header) => header.event_type.text().is_some(),
            None => message.kind.text().is_some(),
        };
        if is_one && has_kind && message.encrypt == Loose::Nothing {
            Ok(message)
        } else {
            Err(CallbackError::Malformed)
        }
    }

    fn is_new(&self) -> bool {
        self.schema != Loose::Nothing || self.header.is_some()
    }

    fn is_old(&self) -> bool {
        [&self.kind, &self.token, &self.challenge, &self.uuid, &self.ts].iter().any(|field| **field != Loose::Nothing)
    }

    /// Checks the token, in constant time, and whose app it is for.
    fn trust(
        &self,
        decrypted: &Decrypted<'_>,
        token: &SecretString,
        app: &str,
        now: i64,
    ) -> Result<Trusted, CallbackError> {
        let told = self.header.as_ref().map_or(&self.token, |header| &header.token);
        if !bool::from(told.word().as_bytes().ct_eq(token.expose_secret().as_bytes())) {
            return Err(CallbackError::BadSignature);
        }
        if self.kind.word() == "url_verification" {
            let challenge = self.challenge.text().filter(|_| self.event.is_none());
            return challenge.map(|text| Trusted::Challenge(text.into_owned())).ok_or(CallbackError::Malformed);
        }
        if decrypted.only_challenge {
            return Err(CallbackError::BadSignature);
        }
        let event = self.event.as_ref();
        let receiver = match &self.header {
            Some(header) => header.app_id.text(),
            None => event.and_then(|event| event.app_id.text()),
        };
        // The token is this app's alone, so an event without an app is ours.
        if receiver.is_some_and(|receiver| receiver != app) {
            return Err(CallbackError::WrongReceiver);
        }
        let Some(event) = event else { return Err(CallbackError::Malformed) };
        let kind = self.header.as_ref().map_or(&event.kind, |header| &header.event_type);
        let notices = events::notices(kind.word(), event, &self.ts, now);
        Ok(notices.map_or_else(|| Trusted::Unreadable(Unreadable::default()), Trusted::Notices))
    }
}

fn answer(challenge: &str) -> Reply {
    reply(200, json!({"challenge": challenge}).to_string().into_bytes())
}

/// The body is not looked at; this is what the platform's own libraries say.
fn acknowledge() -> Reply {
    reply(200, br#"{"msg":"success"}"#.to_vec())
}

/// The answer to a callback that was not opened: the same for every way of not being verified.
pub(super) fn reject(error: CallbackError) -> Reply {
    match error {
        CallbackError::Malformed => reply(400, br#"{"code":400,"msg":"malformed callback"}"#.to_vec()),
        CallbackError::BadSignature | CallbackError::WrongReceiver => {
            reply(401, br#"{"code":401,"msg":"signature verification failed"}"#.to_vec())
        }
    }
}

const fn reply(status: u16, body: Vec<u8>) -> Reply {
    Reply { status, content_type: "application/json", body }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::Value;

    use super::*;
    use crate::approval::{Event, Outcome};

    fn vectors() -> Value {
        serde_json::from_str(include_str!("../../../../tests/fixtures/feishu_event.json")).unwrap()
    }

    fn event(index: usize) -> Value {
        vectors()["events"][index].clone()
    }

    fn text<'a>(vector: &'a Value, name: &str) -> &'a str {
        vector[name].as_str().unwrap()
    }

    /// The connection that a vector was made for.
    fn account(vector: &Value) -> Account {
        let mut account = crate::providers::feishu::tests::account("https://x.example");
        for name in ["encrypt_key", "verification_token"] {
            match vector[name].as_str().unwrap_or_default() {
                "" => _ = account.secrets.remove(name),
                value => _ = account.secrets.insert(name.into(), value.into()),
            }
        }
        account
    }

    fn raw(vector: &Value) -> RawCallback {
        let headers = vector["headers"].as_object().cloned().unwrap_or_default();
        let lower = |(name, value): (String, Value)| (name.to_ascii_lowercase(), value.as_str().unwrap().to_owned());
        RawCallback {
            method: "POST".into(),
            query: Vec::new(),
            headers: headers.into_iter().map(lower).collect(),
            body: text(vector, "raw_body").into(),
        }
    }

    fn plain(body: &Value) -> RawCallback {
        RawCallback { method: "POST".into(), body: body.to_string().into_bytes(), ..RawCallback::default() }
    }

    /// A body encrypted and signed with the account's key.
    fn signed(account: &Account, message: &str) -> RawCallback {
        let key = Passphrase::new(&account.secrets["encrypt_key"]);
        let body = json!({"encrypt": key.encrypt([9; 16], message.as_bytes())}).to_string();
        let header = |name: &str, value: String| (format!("x-lark-{name}"), value);
        let signature = key.signature("1766390400", "n", body.as_bytes());
        let headers = vec![
            header("request-timestamp", "1766390400".into()),
            header("request-nonce", "n".into()),
            header("signature", signature),
        ];
        RawCallback { method: "POST".into(), headers, body: body.into_bytes(), ..RawCallback::default() }
    }

    fn try_open(account: &Account, raw: &RawCallback) -> Result<Opened, CallbackError> {
        open(account, raw, &World::system())
    }

    #[test]
    fn events_made_by_others_open() {
        let opened = |index| try_open(&account(&event(index)), &raw(&event(index))).unwrap();
        let instance = opened(0);
        let [notice] = &instance.notices[..] else { unreachable!() };
        assert_eq!(notice.instance, "81D31358-93AF-92D6-7425-01A5D67C4E71", "the id of the instance, not of the event");
        assert_eq!(notice.template.as_deref(), Some("7C468A54-8745-2245-9675-08B7C63E7A85"));
        let at = 1_766_390_399_871;
        assert_eq!(notice.events, [Event::Finished { outcome: Outcome::Approved, at }, Event::ReadWanted { at }]);
        let reply = instance.acknowledge(&World::system());
        assert_eq!((reply.status, &reply.body[..]), (200, &br#"{"msg":"success"}"#[..]));

        let rollback = opened(1);
        assert_eq!(rollback.notices[0].events.len(), 2, "{rollback:?}");
        assert!(rollback.notices[0].events.contains(&Event::ReadWanted { at: 1_766_391_025_640 }));
        assert_eq!(opened(2).notices, [], "what we have no use for is acknowledged");

        let unencrypted = &vectors()["plain_event"];
        assert_eq!(try_open(&account(unencrypted), &raw(unencrypted)).unwrap().notices, rollback.notices);
    }

    #[test]
    fn changed_events_are_refused_and_all_alike() {
        for index in 0..3 {
            let vector = event(index);
            let (account, good) = (account(&vector), raw(&vector));
            let mut digit = good.clone();
            let signature = &mut digit.headers.iter_mut().find(|(name, _)| name == "x-lark-signature").unwrap().1;
            let first = if signature.starts_with('0') { "1" } else { "0" };
            signature.replace_range(..1, first);
            let mut longer = good.clone();
            longer.body.push(b' ');
            let unsigned = RawCallback { headers: Vec::new(), ..good.clone() };
            let mut other_token = account.clone();
            other_token.secrets.insert("verification_token".into(), "another".into());
            let mut other_key = account.clone();
            other_key.secrets.insert("encrypt_key".into(), "another".into());
            let mut no_key = account.clone();
            no_key.secrets.remove("encrypt_key");
            let mut other_app = account.clone();
            other_app.settings.insert("app_id".into(), "cli_other".into());
            for (account, raw) in [
                (&account, &digit),
                (&account, &longer),
                (&account, &unsigned),
                (&other_token, &good),
                (&other_key, &good),
                (&no_key, &good),
                (&other_app, &good),
            ] {
                let reply = reject(try_open(account, raw).unwrap_err());
                assert_eq!(reply, reject(CallbackError::BadSignature));
                assert_eq!(reply.status, 401);
            }
            assert!(try_open(&account, &good).is_ok());
        }
        let legacy = &vectors()["legacy_card"];
        let mut account = account(&event(0));
        assert!(try_open(&account, &raw(legacy)).is_err(), "cards of the old kind are not for us");
        account.secrets.remove("encrypt_key");
        assert!(try_open(&account, &raw(legacy)).is_err());
    }

    #[test]
    fn the_check_of_the_url_carries_no_signature() {
        let vector = &vectors()["url_verification"];
        let account = account(vector);
        let message: Value = serde_json::from_str(text(vector, "plaintext")).unwrap();
        let mut no_key = account.clone();
        no_key.secrets.remove("encrypt_key");
        for (account, raw) in [(&account, raw(vector)), (&account, plain(&message)), (&no_key, plain(&message))] {
            let opened = try_open(account, &raw).unwrap();
            assert_eq!(opened.notices, []);
            let reply = opened.acknowledge(&World::system());
            assert_eq!((reply.status, reply.content_type), (200, "application/json"));
            assert_eq!(serde_json::from_slice::<Value>(&reply.body).unwrap(), vector["expected"]["response_body"]);
        }
        let mut wrong = account.clone();
        wrong.secrets.insert("verification_token".into(), "another".into());
        assert_eq!(try_open(&wrong, &raw(vector)).unwrap_err(), CallbackError::BadSignature);
        assert_eq!(try_open(&wrong, &plain(&message)).unwrap_err(), CallbackError::BadSignature);
        let mut wrong = account;
        wrong.secrets.insert("encrypt_key".into(), "another".into());
        assert_eq!(try_open(&wrong, &raw(vector)).unwrap_err(), CallbackError::BadSignature);
    }

    #[test]
    fn unsigned_ciphertext_learns_nothing() {
        let account = account(&event(0));
        let key = Passphrase::new(&account.secrets["encrypt_key"]);
        let token = account.secrets["verification_token"].expose_secret();
        let approved = text(&event(0), "plaintext").to_owned();
        let no_challenge = json!({"type": "url_verification", "token": token}).to_string();
        for message in [approved.as_str(), "no json", "{}", r#"{"schema":"2.0","type":"x"}"#, &no_challenge] {
            let body = json!({"encrypt": key.encrypt([9; 16], message.as_bytes())});
            assert_eq!(try_open(&account, &plain(&body)).unwrap_err(), CallbackError::BadSignature, "{message}");
        }
        for encrypt in ["", "AAAA", "no base64!", &"A".repeat(64)] {
            let error = try_open(&account, &plain(&json!({"encrypt": encrypt}))).unwrap_err();
            assert_eq!(error, CallbackError::BadSignature, "{encrypt}");
        }
    }

    #[test]
    fn two_schemas_in_one_body_say_nothing() {
        let account = account(&event(0));
        let old: Value = serde_json::from_str(text(&event(0), "plaintext")).unwrap();
        let header =
            json!({"event_type": "approval_instance", "token": old["token"], "app_id": "cli_a1b2c3d4e5f6a00d"});
        let mut both = old.clone();
        both["schema"] = json!("2.0");
        let mut headed = old.clone();
        headed["header"] = header.clone();
        let mut challenge = old.clone();
        challenge["type"] = json!("url_verification");
        challenge["challenge"] = json!("x");
        let mut wrapped = old.clone();
        wrapped["encrypt"] = json!("x");
        let neither = json!({"event": old["event"]});
        for body in [both, headed, challenge, wrapped.clone(), neither] {
            let opened = try_open(&account, &signed(&account, &body.to_string())).unwrap();
            assert!(opened.is_unreadable(), "{body}");
            let decides = |event: &Event| !matches!(event, Event::ReadWanted { .. });
            assert!(!opened.notices.iter().flat_map(|notice| &notice.events).any(decides), "{body}");
        }
        let error = try_open(&account, &plain(&wrapped)).unwrap_err();
        assert_eq!((error, reject(error).status), (CallbackError::Malformed, 400));
        // The same event is one in either schema.
        let new = json!({"schema": "2.0", "header": header, "event": old["event"]}).to_string();
        let read = |message: &str| try_open(&account, &signed(&account, message)).unwrap().notices;
        assert_eq!(read(&new), read(&old.to_string()));
        let foreign = new.replace("cli_a1b2c3d4e5f6a00d", "cli_other");
        let error = try_open(&account, &signed(&account, &foreign)).unwrap_err();
        assert_eq!(error, CallbackError::WrongReceiver);
    }

    #[test]
    fn old_keys_still_open_while_keys_are_rotated() {
        let vector = event(0);
        let mut account = account(&vector);
        account.old_secrets = Some(account.secrets.clone());
        account.secrets.insert("encrypt_key".into(), "the next one".into());
        assert_eq!(try_open(&account, &raw(&vector)).unwrap().notices.len(), 1);
        let challenge = &vectors()["url_verification"];
        assert!(try_open(&account, &raw(challenge)).is_ok());
        assert_eq!(try_open(&account, &signed(&account, text(&vector, "plaintext"))).unwrap().notices.len(), 1);
        account.old_secrets = None;
        assert_eq!(try_open(&account, &raw(&vector)).unwrap_err(), CallbackError::BadSignature);
    }

    #[test]
    fn what_is_no_callback_is_refused_without_a_panic() {
        let account = account(&event(0));
        for body in ["", "{}", "[]", "null", r#"{"encrypt":1}"#, r#"{"encrypt":null}"#, "\u{0}", r#"{"type":{}}"#] {
            let raw = RawCallback { body: body.into(), ..RawCallback::default() };
            assert_eq!(try_open(&account, &raw).unwrap_err(), CallbackError::Malformed, "{body}");
            let opened = try_open(&account, &signed(&account, body)).unwrap();
            assert!(opened.is_unreadable() && opened.notices.is_empty(), "{body}");
            assert_eq!(opened.acknowledge(&World::system()).status, 200, "{body}");
        }
        let mut nothing = account;
        nothing.secrets.clear();
        assert_eq!(try_open(&nothing, &raw(&event(0))).unwrap_err(), CallbackError::BadSignature);
    }

    #[test]
    fn the_instance_of_an_unreadable_event_is_read_where_it_is_proved_to_be_the_platforms() {
        let account = account(&event(0));
        let mut bare = account.clone();
        bare.secrets.remove("encrypt_key");
        let token = text(&event(0), "verification_token").to_owned();
        let app = account.setting("app_id").unwrap().to_owned();
        let body = |token: &str, app: &str, status: &str| {
            format!(
                r#"{{"token":"{token}","uuid":"u","type":"event_callback","event":{{"app_id":"{app}","type":"approval_instance","instance_code":"i","status":{status}}}}}"#
            )
        };
        let plain =
            |body: String| RawCallback { method: "POST".into(), body: body.into_bytes(), ..RawCallback::default() };
        let twice = r#""PENDING","status":"APPROVED""#;
        for (account, raw) in [
            (&account, signed(&account, &body(&token, &app, twice))),
            (&account, signed(&account, &body("", &app, twice))),
            (&bare, plain(body(&token, &app, twice))),
            (&bare, plain(body(&token, &app, r#""APPROV"#))),
        ] {
            let opened = try_open(account, &raw).unwrap();
            assert!(opened.is_unreadable());
            assert_eq!(opened.notices.len(), 1);
            assert!(matches!(opened.notices[0].events[..], [Event::ReadWanted { .. }]));
            assert_eq!(opened.notices[0].instance, "i");
        }
        for (account, raw, error) in [
            (&bare, plain(body("another", &app, twice)), CallbackError::Malformed),
            (&account, plain(body(&token, &app, twice)), CallbackError::Malformed),
            (&account, signed(&account, &body(&token, "cli_other", twice)), CallbackError::WrongReceiver),
        ] {
            assert_eq!(try_open(account, &raw).unwrap_err(), error);
        }
    }
}
