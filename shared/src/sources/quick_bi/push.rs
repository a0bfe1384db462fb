//! A push of a custom channel.
//!
//! `sign` is SHA-256 over timestamp, nonce and token (documented; its encoding is not: hex and base64 are taken). It covers
//! neither the body nor `X-TaskId`, so of the body only ids are taken, and only to know whom to ask for.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::{PUSH_TOKEN, Receiver, whole};

/// How far a push's time may be from ours, where the setting does not say, in seconds.
const WINDOW_SECONDS: i64 = 300;
/// Where the ids of approvers are looked for in a push, where the setting does not say: what the fields of an approval's event
/// are called is not documented.
const APPROVERS: &str =
    "/event/approverId,/event/approverIds,/event/approverUserId,/event/approvers,/event/customReceiveUsers";
/// Names under which a person that is an object may have an id.
const IDS: [&str; 4] = ["userId", "approverId", "accountId", "id"];
/// Most ids that one push tells, and the longest, in bytes.
const MAX_IDS: usize = 50;
const MAX_ID: usize = 128;
/// Longest part of what is signed, in bytes.
const MAX_PART: usize = 256;
/// Below this a time is in seconds: as milliseconds it would lie in 1973.
const FIRST_MILLIS: i64 = 100_000_000_000;

/// What of a push is signed, as the query has it, decoded.
#[derive(Debug, Clone, Copy)]
pub struct Signed<'a> {
    /// When it was sent.
    pub timestamp: &'a str,
    /// Random.
    pub nonce: &'a str,
    /// The signature.
    pub sign: &'a str,
}

impl Signed<'_> {
    /// Whether it was signed with the source's token, near `now` (milliseconds).
    #[must_use]
    pub fn is_valid(&self, receiver: &Receiver, now: i64) -> bool {
        let Some(token) = receiver.secrets.get(PUSH_TOKEN) else { return false };
        let window = whole(receiver, "push_window_seconds").unwrap_or(WINDOW_SECONDS).saturating_mul(1000);
        let is_near = millis(self.timestamp).is_some_and(|at| now.abs_diff(at) <= window.unsigned_abs());
        self.is_signed(token) && is_near
    }

    fn is_signed(&self, token: &SecretString) -> bool {
        let Self { timestamp, nonce, sign } = *self;
        if [timestamp, nonce, sign].iter().any(|part| part.is_empty() || part.len() > MAX_PART) {
            return false;
        }
        let hash = Sha256::new().chain_update(timestamp).chain_update(nonce).chain_update(token.expose_secret());
        let Some(given) = digest(sign) else { return false };
        hash.finalize().as_slice().ct_eq(&given).into()
    }
}

/// The bytes of a digest in hex or base64. A `+` in a query may have been read as a space.
fn digest(text: &str) -> Option<Vec<u8>> {
    if text.len() == 64 {
        let pair = |at: usize| text.get(at..at + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok());
        let is_hex = text.bytes().all(|byte| byte.is_ascii_hexdigit());
        return if is_hex { (0..64).step_by(2).map(pair).collect() } else { None };
    }
    let text = text.replace(' ', "+");
    STANDARD.decode(&text).or_else(|_| STANDARD_NO_PAD.decode(&text)).ok()
}

/// A time in seconds or milliseconds, told apart by its size, in milliseconds.
pub(super) fn millis(text: &str) -> Option<i64> {
    let number: i64 = text.parse().ok().filter(|number| *number >= 0)?;
    if number < FIRST_MILLIS { Some(number * 1000) } else { Some(number) }
}

/// What makes a push the same as another: its task, and its nonce, each hashed.
#[must_use]
pub fn marks(task: Option<&str>, nonce: &str) -> Vec<String> {
    let mark = |kind: &str, text: &str| {
        let hash = Sha256::new().chain_update(kind).chain_update([0]).chain_update(text).finalize();
        STANDARD_NO_PAD.encode(&hash[..12])
    };
    let task = task.filter(|task| !task.is_empty()).map(|task| mark("task", task));
    task.into_iter().chain([mark("nonce", nonce)]).collect()
}

/// What a push tells.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Told {
    /// The kind of event, for the log; empty where it says none.
    pub event: String,
    /// Quick BI's ids of the approvers that it names.
    pub approvers: Vec<String>,
}

/// Reads a push. A body that is no JSON, or names nobody, tells nothing: it is a push all the same.
#[must_use]
pub fn read(receiver: &Receiver, body: &[u8]) -> Told {
    let Ok(body) = serde_json::from_slice::<Value>(body) else { return Told::default() };
    let event = body.pointer("/header/eventType").and_then(Value::as_str).unwrap_or_default();
    let event = event.chars().filter(|c| c.is_ascii_alphanumeric() || "_.-".contains(*c)).take(64).collect();
    let pointers = receiver.setting("push_approvers").unwrap_or(APPROVERS).split(',');
    let mut approvers = Vec::new();
    for id in pointers.filter_map(|pointer| body.pointer(pointer.trim())).flat_map(ids) {
        if approvers.len() < MAX_IDS && !approvers.contains(&id) {
            approvers.push(id);
        }
    }
    Told { event, approvers }
}

/// The ids in a value: a text or number, an object that has one, or a list of them.
fn ids(value: &Value) -> Vec<String> {
    match value {
        Value::Array(items) => items.iter().take(MAX_IDS).filter_map(id).collect(),
        single => id(single).into_iter().collect(),
    }
}

fn id(value: &Value) -> Option<String> {
    match value {
        Value::Object(person) => IDS.iter().find_map(|name| plain(person.get(*name)?)),
        single => plain(single),
    }
}

fn plain(value: &Value) -> Option<String> {
    let id = match value {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    let is_plain = !id.is_empty() && id.len() <= MAX_ID && !id.chars().any(char::is_control);
    is_plain.then_some(id)
}
