//! The callback: a decision in the settings' words, sealed now; and one that was captured, opened.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use secrecy::ExposeSecret;
use serde_json::{Map, Value};
use url::Url;

use super::callback_format::{find, is, name, or};
use super::codec::{Codec, OpenError, Opened, access_token};
use super::decision::{By, Decision, Outcome};
use super::settings::put;
use crate::clock::World;
use crate::sources::{Receiver, Unsendable};

/// A callback, ready to be sent.
#[derive(Clone)]
pub struct Callback {
    /// Where to, with its query.
    pub url: Url,
    /// What is sealed in it: JSON.
    pub plain: String,
    /// The body: JSON.
    pub body: String,
}

impl Callback {
    /// Writes the callback of a decision, sealed now.
    ///
    /// # Errors
    /// The setting that is missing.
    pub fn write(receiver: &Receiver, decision: &Decision, world: &World) -> Result<Self, Unsendable> {
        let (mut url, codec) = (receiver.url()?, Codec::of(receiver)?);
        let plain = Value::Object(plain(receiver, decision)).to_string();
        let encrypt = codec.seal(plain.as_bytes(), world);
        let nonce = format!("{:016x}", u64::from_be_bytes(world.random()));
        // What is not sent is not signed either.
        let timestamp = name(receiver, "timestamp_name").map(|name| (name, world.now().to_string()));
        let nonce = name(receiver, "nonce_name").map(|name| (name, nonce));
        let text = |stamp: &Option<(&str, String)>| stamp.as_ref().map(|(_, text)| text.clone()).unwrap_or_default();
        let signature = codec.signature(&text(&timestamp), &text(&nonce), &encrypt);
        let signature = name(receiver, "signature_name").zip(signature);
        let mut body = Map::new();
        put(&mut body, or(receiver, "envelope_field"), encrypt.into());
        for (name, value) in [timestamp, nonce, signature].into_iter().flatten() {
            if is(receiver, "stamp_in", "body") {
                put(&mut body, name, value.into());
            } else {
                url.query_pairs_mut().append_pair(name, &value);
            }
        }
        if let Some(name) = find(receiver, "access_token_name") {
            url.query_pairs_mut().append_pair(name, access_token(receiver)?.expose_secret());
        }
        Ok(Self { url, plain, body: Value::Object(body).to_string() })
    }
}

/// What is sealed, in the settings' words.
fn plain(receiver: &Receiver, decision: &Decision) -> Map<String, Value> {
    let kind = match decision.outcome {
        Outcome::Approved | Outcome::Rejected => "type_finished",
        Outcome::NodeApproved | Outcome::NodeRejected => "type_node",
        Outcome::Withdrawn | Outcome::Expired | Outcome::Failed | Outcome::Revoked => "type_terminated",
    };
    let kind = or(receiver, kind);
    let result = match decision.outcome {
        Outcome::Approved | Outcome::NodeApproved => or(receiver, "result_approved"),
        Outcome::Rejected | Outcome::NodeRejected => or(receiver, "result_rejected"),
        Outcome::Withdrawn => or(receiver, "result_withdrawn"),
        Outcome::Expired => or(receiver, "result_expired"),
        Outcome::Failed => or(receiver, "result_failed"),
        Outcome::Revoked => or(receiver, "result_revoked"),
    };
    let user = decision.by.as_ref().and_then(|by| user(receiver, by));
    let fields = [
        ("apply_id_field", Some(decision.apply_id.as_str().into())),
        ("instance_id_field", Some(decision.instance_id.as_str().into())),
        ("tenant_id_field", decision.tenant_id.as_deref().map(Value::from)),
        ("type_field", Some(kind.into())),
        ("result_field", Some(result.into())),
        ("user_field", user.map(Value::from)),
        ("comment_field", decision.comment.as_deref().map(Value::from)),
        ("time_field", Some(time(receiver, decision.at))),
    ];
    let mut plain = Map::new();
    for (setting, value) in fields {
        if let (Some(name), Some(value)) = (name(receiver, setting), value) {
            put(&mut plain, name, value);
        }
    }
    plain
}

/// The person as the settings want them named; who cannot be named so is named by the next best.
fn user(receiver: &Receiver, by: &By) -> Option<String> {
    let first = match or(receiver, "user_is") {
        "user_id" => &by.user_id,
        "name" => &by.name,
        "account" => &by.account,
        _ => &by.user_source_id,
    };
    [first, &by.name, &by.account].into_iter().flatten().next().cloned()
}

/// Milliseconds, or the time in China as people write it: the product's home.
fn time(receiver: &Receiver, at: i64) -> Value {
    if is(receiver, "time_as", "milliseconds") {
        return at.into();
    }
    let china = jiff::tz::Offset::constant(8);
    let time = Timestamp::from_millisecond(at).map(|at| at.to_zoned(TimeZone::fixed(china)));
    time.map(|time| time.strftime("%Y-%m-%d %H:%M:%S").to_string()).unwrap_or_default().into()
}

/// What a captured callback came to when it was opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Captured {
    /// What was sealed.
    pub opened: Opened,
    /// Whether it is for the owner of the settings.
    pub for_us: bool,
    /// Whether its signature holds; `None` where the settings ask for none.
    pub signed: Option<bool>,
}

/// Opens a callback that was captured: its query and its body. The body may be the ciphertext alone.
///
/// # Errors
/// What does not fit.
pub fn open(receiver: &Receiver, query: &[(String, String)], body: &str) -> Result<Captured, Unopened> {
    let codec = Codec::of(receiver)?;
    let json: Option<Value> = serde_json::from_str(body).ok();
    let field = |name: &str| {
        let pointer = format!("/{}", name.replace('.', "/"));
        json.as_ref().and_then(|json| json.pointer(&pointer)).and_then(Value::as_str)
    };
    let encrypt = match &json {
        Some(Value::String(text)) => text,
        Some(_) => field(or(receiver, "envelope_field")).ok_or(Unopened::NoEnvelope)?,
        None => body,
    };
    let opened = codec.open(encrypt)?;
    let stamp = |setting: &str| {
        let name = name(receiver, setting)?;
        if is(receiver, "stamp_in", "body") {
            return field(name).map(str::to_owned);
        }
        query.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone())
    };
    let (timestamp, nonce) = (stamp("timestamp_name"), stamp("nonce_name"));
    let expected = codec.signature(&timestamp.unwrap_or_default(), &nonce.unwrap_or_default(), encrypt);
    let signed = expected.map(|expected| stamp("signature_name").is_some_and(|shown| shown == expected));
    Ok(Captured { for_us: codec.is_for_us(&opened), opened, signed })
}

/// Why a captured callback was not opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unopened {
    /// The settings do not make a codec.
    #[error(transparent)]
    Settings(#[from] Unsendable),
    /// The body is JSON without the ciphertext's field.
    #[error("the body has no field of the name that `envelope_field` says")]
    NoEnvelope,
    /// The ciphertext does not open.
    #[error(transparent)]
    Sealed(#[from] OpenError),
}
