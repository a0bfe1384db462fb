//! The callback: what is told, in the settings' words, sealed, and what its answer means.
//!
//! A delivery keeps the plain facts. Names, values, cipher and signature are those of the source's settings at the moment of each
//! attempt, so a correction of the settings reaches what is still to be told.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use url::Url;

use super::codec::{Codec, OpenError, Opened, access_token};
use super::inbound::Form;
use super::settings::{is, name, or, put};
use crate::approval::{Action, NodeStatus, Person, TaskStatus, View};
use crate::clock::World;
use crate::delivery::{EventType, Told};
use crate::providers::outbound::Answer;
use crate::sources::{News, Receiver, Unsendable};
use crate::store::requests;

/// How a person who revokes in Dataphin is written into the approval.
pub const REVOKED_IN_DATAPHIN: &str = "Dataphin";

/// What a callback says, before the settings give it names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// Dataphin's id of the form.
    pub apply_id: String,
    /// Its tenant, if the form named one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant_id: Option<String>,
    /// Our id of the approval, which Dataphin got as the instance's.
    pub instance_id: String,
    /// What was decided.
    pub outcome: Outcome,
    /// Who decided, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<By>,
    /// What they wrote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// When (milliseconds).
    pub at: i64,
}

/// What was decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Every node passed.
    Approved,
    /// A node was rejected.
    Rejected,
    /// It was taken back.
    Withdrawn,
    /// The deadline passed.
    Expired,
    /// It could not be started.
    Failed,
    /// It was undone after approval.
    Revoked,
    /// A node passed, and others may follow.
    NodeApproved,
    /// A node was rejected.
    NodeRejected,
}

/// Who decided.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct By {
    /// The id in the customer's directory, of people whom the form named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_source_id: Option<String>,
    /// The id inside Dataphin, of people whom the form named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    /// The name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The account on the platform.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
}

/// What is kept of a form to tell of its decision.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Origin {
    apply_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant_id: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    people: Vec<Known>,
}

/// A person whom a form named, and who that is to us.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Known {
    /// `userSourceId`.
    #[serde(rename = "s", skip_serializing_if = "Option::is_none")]
    pub source_id: Option<String>,
    /// `userId`.
    #[serde(rename = "u", skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    /// `userName`.
    #[serde(rename = "n", skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The member.
    #[serde(rename = "m", skip_serializing_if = "Option::is_none")]
    pub member: Option<String>,
    /// The account on the platform that the flow starts on.
    #[serde(rename = "a", skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
}

/// What is kept of a form to tell of its decision.
#[must_use]
pub fn origin(form: &Form, people: Vec<Known>) -> Map<String, Value> {
    let origin = Origin { apply_id: form.apply_id.clone(), tenant_id: form.tenant_id.clone(), people };
    match serde_json::to_value(origin) {
        Ok(Value::Object(origin)) => origin,
        _ => Map::new(),
    }
}

impl Decision {
    /// What an event is to Dataphin; `None` where it has no word for it, or the approval is none of its forms.
    #[must_use]
    pub fn of(news: &News<'_>) -> Option<Self> {
        let origin = origin_of(news.request?)?;
        let setting =
            |name: &str, default: &str| news.settings.get(name).and_then(Value::as_str).unwrap_or(default) == "yes";
        let outcome = outcome(news.told)?;
        let view = news.record.state.view();
        let is_node = matches!(outcome, Outcome::NodeApproved | Outcome::NodeRejected);
        if is_node && !setting("tell_nodes", "no") {
            return None;
        }
        let own = news.record.state.closed.as_ref().and_then(|closure| closure.by.as_ref()).is_some_and(is_own);
        if outcome == Outcome::Withdrawn && own && !setting("tell_own_revoke", "yes") {
            return None;
        }
        let said = if is_node { said_at(&view, news.told) } else { said_last(&view, outcome) };
        let (person, comment, at) = said.unwrap_or_default();
        Some(Self {
            apply_id: origin.apply_id,
            tenant_id: origin.tenant_id,
            instance_id: news.record.id.to_string(),
            outcome,
            by: person.map(|person| by(person, &origin.people)),
            comment,
            at: at.or(view.decided_at).unwrap_or(news.told.at),
        })
    }
}

fn origin_of(request: &requests::Request) -> Option<Origin> {
    let origin: Origin = serde_json::from_value(request.origin.clone().into()).ok()?;
    (!origin.apply_id.is_empty()).then_some(origin)
}

/// Whether a withdrawal came from Dataphin itself.
fn is_own(by: &Person) -> bool {
    let is_nobody = by.member.is_none() && by.account.is_none();
    is_nobody && by.name.as_deref().is_some_and(|name| name.starts_with(REVOKED_IN_DATAPHIN))
}

fn outcome(told: &Told) -> Option<Outcome> {
    Some(match told.event {
        EventType::Approved => Outcome::Approved,
        EventType::Rejected => Outcome::Rejected,
        EventType::Withdrawn => Outcome::Withdrawn,
        EventType::Expired => Outcome::Expired,
        EventType::Failed => Outcome::Failed,
        EventType::Revoked => Outcome::Revoked,
        EventType::NodeDecided => match told.node?.status {
            NodeStatus::Rejected => Outcome::NodeRejected,
            _ => Outcome::NodeApproved,
        },
        EventType::Submitted | EventType::Started | EventType::Escalated => return None,
    })
}

/// Who did something, what they wrote, and when.
type Said = (Option<Person>, Option<String>, Option<i64>);

/// The last line of the history that is about how it ended.
fn said_last(view: &View, outcome: Outcome) -> Option<Said> {
    let action = match outcome {
        Outcome::Approved | Outcome::NodeApproved => Action::Approved,
        Outcome::Rejected | Outcome::NodeRejected => Action::Rejected,
        Outcome::Withdrawn => Action::Withdrawn,
        Outcome::Expired => Action::Expired,
        Outcome::Failed => Action::Failed,
        Outcome::Revoked => Action::Revoked,
    };
    let entry = view.history.iter().rev().find(|entry| entry.action == action)?;
    Some((entry.actor.clone(), entry.remark.clone(), None))
}

/// The last decision at the node of an event.
fn said_at(view: &View, told: &Told) -> Option<Said> {
    let node = told.node?;
    let tasks = &view.stages.get(node.stage)?.nodes.get(node.node)?.tasks;
    let decided = tasks.iter().filter(|task| matches!(task.status, TaskStatus::Approved | TaskStatus::Rejected));
    let last = decided.max_by_key(|task| task.decided_at)?;
    Some((Some(last.assignee.clone()), last.remark.clone(), last.decided_at))
}

/// Who that is to Dataphin, if the form named them.
fn by(person: Person, people: &[Known]) -> By {
    let is_same = |known: &&Known| {
        let same = |own: &Option<String>, other: &Option<String>| own.is_some() && own == other;
        same(&known.member, &person.member) || same(&known.account, &person.account)
    };
    let known = people.iter().find(is_same).cloned().unwrap_or_default();
    By {
        user_source_id: known.source_id,
        user_id: known.user_id,
        name: known.name.or(person.name),
        account: person.account,
    }
}

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
        let timestamp = name(receiver, "timestamp_name", TIMESTAMP).map(|name| (name, world.now().to_string()));
        let nonce = name(receiver, "nonce_name", NONCE).map(|name| (name, nonce));
        let text = |stamp: &Option<(&str, String)>| stamp.as_ref().map(|(_, text)| text.clone()).unwrap_or_default();
        let signature = codec.signature(&text(&timestamp), &text(&nonce), &encrypt);
        let signature = name(receiver, "signature_name", SIGNATURE).zip(signature);
        let mut body = Map::new();
        put(&mut body, or(receiver, "envelope_field", ENVELOPE), encrypt.into());
        for (name, value) in [timestamp, nonce, signature].into_iter().flatten() {
            if is(receiver, "stamp_in", "body", "query") {
                put(&mut body, name, value.into());
            } else {
                url.query_pairs_mut().append_pair(name, &value);
            }
        }
        if let Some(name) = receiver.setting("access_token_name") {
            url.query_pairs_mut().append_pair(name, access_token(receiver)?.expose_secret());
        }
        Ok(Self { url, plain, body: Value::Object(body).to_string() })
    }
}

/// What the ciphertext, and what belongs to its signature, is called.
const ENVELOPE: &str = "encrypt";
const TIMESTAMP: &str = "timestamp";
const NONCE: &str = "nonce";
const SIGNATURE: &str = "signature";

/// What is sealed, in the settings' words.
fn plain(receiver: &Receiver, decision: &Decision) -> Map<String, Value> {
    let (kind, default) = match decision.outcome {
        Outcome::Approved | Outcome::Rejected => ("type_finished", "finish"),
        Outcome::NodeApproved | Outcome::NodeRejected => ("type_node", "node"),
        Outcome::Withdrawn | Outcome::Expired | Outcome::Failed | Outcome::Revoked => ("type_terminated", "terminate"),
    };
    let kind = or(receiver, kind, default);
    let result = match decision.outcome {
        Outcome::Approved | Outcome::NodeApproved => or(receiver, "result_approved", "agree"),
        Outcome::Rejected | Outcome::NodeRejected => or(receiver, "result_rejected", "refuse"),
        Outcome::Withdrawn => or(receiver, "result_withdrawn", "terminate"),
        Outcome::Expired => or(receiver, "result_expired", "terminate"),
        Outcome::Failed => or(receiver, "result_failed", "terminate"),
        Outcome::Revoked => or(receiver, "result_revoked", "terminate"),
    };
    let user = decision.by.as_ref().and_then(|by| user(receiver, by));
    let fields = [
        ("apply_id_field", "applyId", Some(decision.apply_id.as_str().into())),
        ("instance_id_field", "processInstanceId", Some(decision.instance_id.as_str().into())),
        ("tenant_id_field", "tenantId", decision.tenant_id.as_deref().map(Value::from)),
        ("type_field", "type", Some(kind.into())),
        ("result_field", "result", Some(result.into())),
        ("user_field", "approveUser", user.map(Value::from)),
        ("comment_field", "remark", decision.comment.as_deref().map(Value::from)),
        ("time_field", "finishTime", Some(time(receiver, decision.at))),
    ];
    let mut plain = Map::new();
    for (setting, default, value) in fields {
        if let (Some(name), Some(value)) = (name(receiver, setting, default), value) {
            put(&mut plain, name, value);
        }
    }
    plain
}

/// The person as the settings want them named; who cannot be named so is named by the next best.
fn user(receiver: &Receiver, by: &By) -> Option<String> {
    let first = match or(receiver, "user_is", "user_source_id") {
        "user_id" => &by.user_id,
        "name" => &by.name,
        "account" => &by.account,
        _ => &by.user_source_id,
    };
    [first, &by.name, &by.account].into_iter().flatten().next().cloned()
}

/// Milliseconds, or the time in China as people write it: the product's home.
fn time(receiver: &Receiver, at: i64) -> Value {
    if is(receiver, "time_as", "milliseconds", "milliseconds") {
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
        Some(_) => field(or(receiver, "envelope_field", ENVELOPE)).ok_or(Unopened::NoEnvelope)?,
        None => body,
    };
    let opened = codec.open(encrypt)?;
    let stamp = |setting: &str, default: &str| {
        let name = name(receiver, setting, default)?;
        if is(receiver, "stamp_in", "body", "query") {
            return field(name).map(str::to_owned);
        }
        query.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone())
    };
    let (timestamp, nonce) = (stamp("timestamp_name", TIMESTAMP), stamp("nonce_name", NONCE));
    let expected = codec.signature(&timestamp.unwrap_or_default(), &nonce.unwrap_or_default(), encrypt);
    let signed = expected.map(|expected| stamp("signature_name", SIGNATURE).is_some_and(|shown| shown == expected));
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

/// Whether a callback was taken: by `success_match`; or the form is closed already, by `closed_match`.
///
/// Without `success_match`: 2xx, unless the body says `"success": false`. Patterns are alternatives between `|`: a JSON pointer and a
/// value, as `/code=0`, or a text that the answer holds. An answer that is sealed as callbacks are is opened first.
#[must_use]
pub fn is_taken(receiver: &Receiver, answer: &Answer) -> bool {
    let text = String::from_utf8_lossy(&answer.body);
    let opened = open(receiver, &[], &text).ok().map(|captured| captured.opened.message);
    let text = opened.map_or_else(|| text.to_string(), |message| String::from_utf8_lossy(&message).into_owned());
    let json: Option<Value> = serde_json::from_str(&text).ok();
    let says_no = || json.as_ref().and_then(|json| json.get("success")).is_some_and(|said| !is_yes(said));
    if matches(or(receiver, "closed_match", CLOSED), &text, json.as_ref()) {
        return true;
    }
    answer.is_success()
        && match receiver.setting("success_match") {
            Some(pattern) => matches(pattern, &text, json.as_ref()),
            None => !says_no(),
        }
}

/// What Dataphin may say of a form that is closed: guesses.
const CLOSED: &str = "already closed|already finished|已关闭|已结束";

fn is_yes(said: &Value) -> bool {
    said == true || said == "true"
}

fn matches(pattern: &str, text: &str, json: Option<&Value>) -> bool {
    let lower = text.to_lowercase();
    pattern.split('|').map(str::trim).filter(|pattern| !pattern.is_empty()).any(|pattern| {
        match pattern.strip_prefix('/').and_then(|rest| rest.split_once('=')) {
            Some((pointer, wanted)) => {
                let found = json.and_then(|json| json.pointer(&format!("/{pointer}")));
                found.is_some_and(|found| found.as_str().map_or_else(|| found.to_string(), str::to_owned) == wanted)
            }
            None => lower.contains(&pattern.to_lowercase()),
        }
    })
}
