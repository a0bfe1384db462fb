//! What Dataphin sends: the connection test, and forms. Pure: texts in, forms out.
//!
//! Read leniently: only the form's id must be there, since versions differ in what they send; what is unknown passes through.

use secrecy::ExposeSecret;
use serde_json::{Map, Value, json};
use subtle::ConstantTimeEq;

use super::codec::access_token;
use super::settings::{is, or};
use crate::approval::Mode;
use crate::sources::Receiver;

/// Longest id, in characters.
const MAX_ID: usize = 256;
/// Longest name of a person that is kept, in characters.
pub(super) const MAX_NAME: usize = 100;
/// Longest title, in characters.
const MAX_TITLE: usize = 128;
/// Most people that a form is read with.
const MAX_PEOPLE: usize = 1_000;

/// What is wrong with what was sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct Bad {
    /// The field, as Dataphin names it.
    pub field: String,
    /// What is wrong with it.
    pub problem: String,
}

impl Bad {
    fn new(field: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { field: field.into(), problem: problem.into() }
    }
}

/// A person of a form.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct User {
    /// The id in the customer's directory: the one that people are found by.
    pub source_id: Option<String>,
    /// The id inside Dataphin.
    pub user_id: Option<String>,
    /// The name that Dataphin shows.
    pub name: Option<String>,
}

impl User {
    /// How the person is named to people: name and id, as far as they are known.
    #[must_use]
    pub fn shown(&self) -> String {
        match (&self.name, &self.source_id) {
            (Some(name), Some(id)) => format!("{name} (userSourceId {id})"),
            (None, Some(id)) => format!("userSourceId {id}"),
            (Some(name), None) => format!("{name} (without a userSourceId)"),
            (None, None) => "a person without userSourceId and userName".to_owned(),
        }
    }
}

/// A node of a form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Its position: `approveOrder`.
    pub order: i64,
    /// When it has passed.
    pub mode: Mode,
    /// Who is asked.
    pub users: Vec<User>,
}

/// A form that is submitted.
#[derive(Debug, Clone, PartialEq)]
pub struct Form {
    /// `applyId`.
    pub apply_id: String,
    /// `tenantId`, which older versions do not send.
    pub tenant_id: Option<String>,
    /// `title`, cut to what a title may be; never empty.
    pub title: String,
    /// `type`; `DEFAULT` where none is sent.
    pub kind: String,
    /// `templateCode`.
    pub template_code: Option<String>,
    /// `content`, whatever it is.
    pub content: Value,
    /// Who asks.
    pub applicant: User,
    /// The nodes, in their order. Empty where none are sent, or the source's settings ignore them.
    pub nodes: Vec<Node>,
    /// What makes it another request under the same name: what is asked, by whom and of whom. Not how things are called: a title, a
    /// person's name, a template's code, which a repeated call may have taken anew from where they are kept.
    pub asked: Value,
}

/// Whether a call shows the source's access token. In constant time; a source without a token is never called rightly.
#[must_use]
pub fn is_allowed(receiver: &Receiver, shown: Option<&str>) -> bool {
    let (Ok(token), Some(shown)) = (access_token(receiver), shown) else { return false };
    let token = token.expose_secret().as_bytes();
    !token.is_empty() && bool::from(token.ct_eq(shown.as_bytes()))
}

/// What is to be said of a call's timestamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Age {
    /// It was sent just now.
    Near,
    /// It is far off, or none; the settings let it pass.
    Far,
    /// It is far off, or none, and the settings refuse it.
    Refused,
}

/// Judges the `timestamp` (milliseconds) of a call that came at `now` (milliseconds).
#[must_use]
pub fn age(receiver: &Receiver, timestamp: Option<&str>, now: i64) -> Age {
    let minutes: i64 = or(receiver, "timestamp_window_minutes", "10").parse().unwrap_or(10);
    let sent = timestamp.and_then(|text| text.trim().parse::<i64>().ok());
    match sent.map(|sent| sent.abs_diff(now)) {
        Some(off) if i64::try_from(off).is_ok_and(|off| off <= minutes * 60_000) => Age::Near,
        _ if is(receiver, "far_timestamp", "refuse", "log") => Age::Refused,
        _ => Age::Far,
    }
}

/// Whether a connection test is one: `checkEvent` is `connectivity`, or is not said.
///
/// # Errors
/// The event that is unknown.
pub fn check(body: &[u8]) -> Result<(), Bad> {
    if body.trim_ascii().is_empty() {
        return Ok(());
    }
    let body = object(body)?;
    match text(&body, "checkEvent", "checkEvent")?.as_deref() {
        None | Some("connectivity") => Ok(()),
        Some(_) => Err(Bad::new("checkEvent", "only `connectivity` is known")),
    }
}

/// Reads a form that is submitted.
///
/// # Errors
/// The field that is missing or cannot be read.
pub fn form(receiver: &Receiver, body: &[u8]) -> Result<Form, Bad> {
    let body = object(body)?;
    let field = |name: &str| text(&body, name, name);
    let apply_id = id(field("applyId")?, "applyId")?.ok_or_else(|| Bad::new("applyId", "is missing"))?;
    let title = field("title")?.map(|title| cut(&title, MAX_TITLE)).filter(|title| !title.is_empty());
    let mut applicant = applicant(body.get("applyUserInfo"))?;
    applicant.source_id = match applicant.source_id {
        None => id(field("applyUser")?, "applyUser")?,
        known => known,
    };
    let nodes = match is(receiver, "approve_nodes", "ignore", "use") {
        true => Vec::new(),
        false => nodes(receiver, body.get("approveNodes"))?,
    };
    let kind = field("type")?.map_or_else(|| "DEFAULT".to_owned(), |kind| cut(&kind, 64));
    let content = body.get("content").cloned().unwrap_or_default();
    let asker = applicant.source_id.as_ref().or(applicant.user_id.as_ref());
    let asked_of = body.get("approveNodes").map(without_names);
    Ok(Form {
        asked: json!({"type": kind, "content": content, "applicant": asker, "nodes": asked_of}),
        tenant_id: id(field("tenantId")?, "tenantId")?,
        title: title.unwrap_or_else(|| cut(&format!("Dataphin {apply_id}"), MAX_TITLE)),
        kind,
        template_code: id(field("templateCode")?, "templateCode")?,
        content,
        apply_id,
        applicant,
        nodes,
    })
}

impl Form {
    /// The name under which the form is known here: the same form, the same name.
    #[must_use]
    pub fn key(&self) -> String {
        key(self.tenant_id.as_deref(), &self.apply_id)
    }
}

/// The name under which a form is known here.
#[must_use]
pub fn key(tenant_id: Option<&str>, apply_id: &str) -> String {
    let tenant_id = tenant_id.unwrap_or_default();
    format!("dataphin:{}:{tenant_id}:{apply_id}", tenant_id.len())
}

fn object(body: &[u8]) -> Result<Map<String, Value>, Bad> {
    match serde_json::from_slice::<Value>(body) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(Bad::new("body", "must be a JSON object")),
        Err(error) => Err(Bad::new("body", format!("is not JSON: line {}, column {}", error.line(), error.column()))),
    }
}

/// A text, or a number as one; `None` where it is missing, null or empty. `path` is how the field is named to people.
fn text(object: &Map<String, Value>, name: &str, path: &str) -> Result<Option<String>, Bad> {
    match object.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.trim().to_owned()).filter(|text| !text.is_empty())),
        Some(Value::Number(number)) => Ok(Some(number.to_string())),
        Some(_) => Err(Bad::new(path, "must be a text")),
    }
}

fn id(text: Option<String>, field: &str) -> Result<Option<String>, Bad> {
    let fits = |text: &String| text.chars().count() <= MAX_ID && !text.chars().any(char::is_control);
    match text {
        Some(text) if !fits(&text) => {
            Err(Bad::new(field, format!("must have at most {MAX_ID} characters, none of them a control character")))
        }
        other => Ok(other),
    }
}

/// An object; a list of one is taken for it, as a table of the documentation types it so.
fn applicant(info: Option<&Value>) -> Result<User, Bad> {
    match info {
        None | Some(Value::Null) => Ok(User::default()),
        Some(Value::Object(object)) => user(object, "applyUserInfo"),
        Some(Value::Array(items)) => match items.as_slice() {
            [] => Ok(User::default()),
            [Value::Object(object)] => user(object, "applyUserInfo[0]"),
            _ => Err(Bad::new("applyUserInfo", "must be an object, or a list of one")),
        },
        Some(_) => Err(Bad::new("applyUserInfo", "must be an object")),
    }
}

fn user(object: &Map<String, Value>, path: &str) -> Result<User, Bad> {
    let field = |name: &str| {
        let path = format!("{path}.{name}");
        id(text(object, name, &path)?, &path)
    };
    let name = field("userName")?.map(|name| cut(&name, MAX_NAME));
    Ok(User { source_id: field("userSourceId")?, user_id: field("userId")?, name })
}

fn nodes(receiver: &Receiver, given: Option<&Value>) -> Result<Vec<Node>, Bad> {
    let items = match given {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Array(items)) => items,
        Some(_) => return Err(Bad::new("approveNodes", "must be a list")),
    };
    let mut nodes = Vec::new();
    let mut people = 0;
    for (index, item) in items.iter().enumerate() {
        let path = format!("approveNodes[{index}]");
        let node = node(receiver, item, index, &path)?;
        people += node.users.len().max(1);
        if people > MAX_PEOPLE {
            return Err(Bad::new("approveNodes", format!("must have at most {MAX_PEOPLE} people")));
        }
        nodes.push(node);
    }
    // Stable: nodes of the same order stay as they were sent.
    nodes.sort_by_key(|node| node.order);
    Ok(nodes)
}

/// Nodes as they were sent, but for what their people are called.
fn without_names(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(without_names).collect(),
        Value::Object(object) => {
            let kept = object.iter().filter(|(name, _)| *name != "userName");
            kept.map(|(name, value)| (name.clone(), without_names(value))).collect::<Map<_, _>>().into()
        }
        other => other.clone(),
    }
}

fn node(receiver: &Receiver, item: &Value, index: usize, path: &str) -> Result<Node, Bad> {
    let Value::Object(object) = item else { return Err(Bad::new(path, "must be an object")) };
    let at = format!("{path}.approveOrder");
    let order = match text(object, "approveOrder", &at)? {
        Some(order) => order.parse().map_err(|_| Bad::new(at, "must be a whole number"))?,
        None => i64::try_from(index).map_or(i64::MAX, |index| index + 1),
    };
    let mut users = Vec::new();
    match object.get("approveUsers") {
        None | Some(Value::Null) => {}
        Some(Value::Array(items)) => {
            for (index, item) in items.iter().enumerate() {
                let path = format!("{path}.approveUsers[{index}]");
                let Value::Object(object) = item else { return Err(Bad::new(path, "must be an object")) };
                users.push(user(object, &path)?);
            }
        }
        Some(_) => return Err(Bad::new(format!("{path}.approveUsers"), "must be a list")),
    }
    let at = format!("{path}.approveOperator");
    let operator = text(object, "approveOperator", &at)?;
    let mode = mode(receiver, operator.as_deref(), users.len()).map_err(|problem| Bad::new(at, problem))?;
    Ok(Node { order, mode, users })
}

/// `OR` is documented, `AND` expected; any other is the source's setting, or refused: to guess could let fewer people decide than
/// should. Of one person every operator says the same.
fn mode(receiver: &Receiver, operator: Option<&str>, people: usize) -> Result<Mode, String> {
    match (operator.map(str::to_ascii_uppercase).as_deref(), receiver.setting("other_operator")) {
        (Some("OR"), _) => Ok(Mode::Any),
        (Some("AND"), _) => Ok(Mode::All),
        (_, Some("any")) => Ok(Mode::Any),
        (_, Some("all")) => Ok(Mode::All),
        (_, Some("sequential")) => Ok(Mode::Sequential),
        _ if people <= 1 => Ok(Mode::Any),
        (Some(other), _) => {
            let other = cut(other, 32);
            Err(format!("{other} is not known: the source's `other_operator` says what it is to mean"))
        }
        (None, _) => Err("is missing: the source's `other_operator` says what that is to mean".to_owned()),
    }
}

/// A text in one line and of at most so many characters.
pub(super) fn cut(text: &str, longest: usize) -> String {
    let line: String = text.trim().chars().map(|c| if c.is_control() { ' ' } else { c }).take(longest + 1).collect();
    match line.chars().count() > longest {
        true => line.chars().take(longest - 1).chain(['…']).collect(),
        false => line,
    }
}
