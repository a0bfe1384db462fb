//! The apply notice: what Quick Audience asks to be approved.
//!
//! Documented: the names of its fields. Not documented: JSON or form, how times are written, whether `applyContent` is an object or
//! JSON in a text; and two descriptions are called integers. So each is read however it comes. What cannot be read as a time is
//! shown as it is.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::providers::Contact;
use crate::providers::external::wire::notice::{
    APPLICANT_MAIL, APPLICANT_NAME, APPLICANT_PHONE, APPLY_CONTENT, APPLY_REASON, END_TIME, MODULE_NAME,
    RESOURCE_DETAIL_URL, RESOURCE_NAME, START_TIME,
};
use crate::providers::external::wire::{APPLY_ID, ORGANIZATION_ID, WORKSPACE_ID, time};
use crate::providers::lenient::{shorten, text};

/// Longest id, name and text, in characters, and longest link, in bytes.
const MAX_ID: usize = 128;
const MAX_NAME: usize = 128;
const MAX_TEXT: usize = 2_000;
const MAX_LINK: usize = 1_024;
/// Most entries of `applyContent` that are kept.
const MAX_CONTENT: usize = 20;

/// What is known of the entries of `applyContent`, and what we call them.
const CONTENT: [(&str, &str); 6] = [
    ("taskName", "task"),
    ("crowdNames", "audiences"),
    ("channelTypes", "channels"),
    ("taskLink", "task_link"),
    ("processId", "task_id"),
    ("maWebhookIds", "webhooks"),
];

/// Why a notice cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// It is neither JSON nor a form.
    #[error("the body is neither a JSON object nor a form")]
    Unreadable,
    /// A field that it cannot be without.
    #[error("{0}: is missing")]
    Missing(&'static str),
    /// An id that is no id.
    #[error("{0}: must have at most {MAX_ID} characters, none of them a control character")]
    NoId(&'static str),
    /// Nothing says who asks.
    #[error("applicantName, applicantPhone and applicantMail: are all missing")]
    NoApplicant,
}

/// A time of the notice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Time {
    /// Milliseconds.
    At(i64),
    /// As it was sent: it is in no spelling that is known.
    Unread(String),
}

/// A notice. Texts are within the limits of what a request may hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Notice {
    /// The form's id.
    pub apply_id: String,
    /// The organisation's id, if it is told.
    pub organization_id: Option<String>,
    /// The workspace's id, if it is told.
    pub workspace_id: Option<String>,
    /// Why.
    pub reason: Option<String>,
    /// Who asks; not proven.
    pub applicant: Contact,
    /// The kind of what is to be approved.
    pub module: Option<String>,
    /// What is to be approved.
    pub resource: Option<String>,
    /// Where it is seen: an http or https URL.
    pub link: Option<String>,
    /// Begin.
    pub starts: Option<Time>,
    /// End.
    pub ends: Option<Time>,
    /// What else is to be shown: our names and the values, in order.
    pub shown: Vec<(String, String)>,
}

impl Notice {
    /// Reads a notice.
    ///
    /// # Errors
    /// Names the field that is missing or cannot be used.
    pub fn parse(body: &[u8]) -> Result<Self, Malformed> {
        let fields = fields(body)?;
        let line =
            |name: &str, longest: usize| fields.get(name).and_then(text).and_then(|text| one_line(&text, longest));
        let applicant = Contact {
            name: line(APPLICANT_NAME, MAX_NAME),
            mobile: line(APPLICANT_PHONE, MAX_NAME),
            email: line(APPLICANT_MAIL, MAX_NAME),
        };
        let apply_id = id(&fields, APPLY_ID)?.ok_or(Malformed::Missing(APPLY_ID))?;
        if applicant == Contact::default() {
            return Err(Malformed::NoApplicant);
        }
        let names = [("organization", "organizationName"), ("workspace", "workspaceName")];
        let named = names.iter().filter_map(|(ours, theirs)| Some(((*ours).to_owned(), line(theirs, MAX_NAME)?)));
        Ok(Self {
            apply_id,
            organization_id: id(&fields, ORGANIZATION_ID)?,
            workspace_id: id(&fields, WORKSPACE_ID)?,
            reason: fields.get(APPLY_REASON).and_then(text).and_then(|text| several_lines(&text)),
            applicant,
            module: line(MODULE_NAME, MAX_NAME),
            resource: line(RESOURCE_NAME, MAX_NAME),
            link: fields.get(RESOURCE_DETAIL_URL).and_then(text).and_then(|text| web_link(&text)),
            starts: fields.get(START_TIME).and_then(moment),
            ends: fields.get(END_TIME).and_then(moment),
            shown: named.chain(content(fields.get(APPLY_CONTENT))).collect(),
        })
    }

    /// What is asked, in a few words: kind and object as far as they are words, else the task's name.
    #[must_use]
    pub fn title(&self) -> String {
        let is_word = |text: &&String| text.parse::<f64>().is_err();
        let words: Vec<&str> =
            [&self.module, &self.resource].into_iter().flatten().filter(is_word).map(String::as_str).collect();
        let task = || self.shown.iter().find(|(name, _)| name == "task").map(|(_, value)| value.clone());
        let title = if words.is_empty() { task() } else { Some(words.join(": ")) };
        shorten(&title.unwrap_or_else(|| format!("Quick Audience {}", self.apply_id)), MAX_NAME)
    }

    /// Begin and end in milliseconds, as far as they were read; none of both where the end is not after the begin.
    #[must_use]
    pub fn times(&self) -> (Option<i64>, Option<i64>) {
        let read = |time: &Option<Time>| match time {
            Some(Time::At(at)) => Some(*at),
            _ => None,
        };
        match (read(&self.starts), read(&self.ends)) {
            (Some(starts), Some(ends)) if ends <= starts => (None, None),
            times => times,
        }
    }

    /// What approvers are shown of it beside reason, resource and times.
    #[must_use]
    pub fn fields(&self) -> Map<String, Value> {
        let mut fields = Map::new();
        let mut put = |name: &str, value: Option<&str>| {
            if let Some(value) = value {
                fields.insert(name.to_owned(), value.into());
            }
        };
        put("module", self.module.as_deref());
        if self.resource.is_none() {
            put("link", self.link.as_deref());
        }
        for (name, time) in [("starts", &self.starts), ("ends", &self.ends)] {
            if let Some(Time::Unread(text)) = time {
                put(name, Some(text));
            }
        }
        for (name, value) in &self.shown {
            put(name, Some(value));
        }
        fields
    }
}

/// The fields of a body: what begins with a brace is JSON, all else a form. The first of a form's repeated names counts.
fn fields(body: &[u8]) -> Result<Map<String, Value>, Malformed> {
    let body = body.strip_prefix("\u{feff}".as_bytes()).unwrap_or(body).trim_ascii();
    if body.first() == Some(&b'{') {
        return serde_json::from_slice(body).map_err(|_| Malformed::Unreadable);
    }
    if !body.contains(&b'=') || body.first().is_some_and(|first| b"[<\"".contains(first)) {
        return Err(Malformed::Unreadable);
    }
    let mut fields = Map::new();
    for (name, value) in url::form_urlencoded::parse(body) {
        fields.entry(name.into_owned()).or_insert_with(|| value.into_owned().into());
    }
    Ok(fields)
}

fn id(fields: &Map<String, Value>, name: &'static str) -> Result<Option<String>, Malformed> {
    let Some(id) = fields.get(name).and_then(text) else { return Ok(None) };
    let id = id.trim();
    if id.chars().any(char::is_control) || id.chars().count() > MAX_ID {
        return Err(Malformed::NoId(name));
    }
    Ok((!id.is_empty()).then(|| id.to_owned()))
}

/// Without what a form of one line cannot hold; `None` when nothing is left.
fn one_line(text: &str, longest: usize) -> Option<String> {
    let words: Vec<&str> =
        text.split(|c: char| c.is_control() || c.is_whitespace()).filter(|word| !word.is_empty()).collect();
    (!words.is_empty()).then(|| shorten(&words.join(" "), longest))
}

fn several_lines(text: &str) -> Option<String> {
    let kept: String = text.chars().filter(|c| !c.is_control() || *c == '\n').collect();
    let kept = kept.trim();
    (!kept.is_empty()).then(|| shorten(kept, MAX_TEXT))
}

fn web_link(text: &str) -> Option<String> {
    let text = text.trim();
    let is_web = text.starts_with("https://") || text.starts_with("http://");
    (is_web && text.len() <= MAX_LINK && !text.chars().any(char::is_control)).then(|| text.to_owned())
}

fn moment(value: &Value) -> Option<Time> {
    let text = text(value)?;
    Some(time(&text).map_or_else(|| Time::Unread(shorten(text.trim(), MAX_NAME)), Time::At))
}

/// The entries of `applyContent`: those that are known under our names and first, the rest under their own.
fn content(value: Option<&Value>) -> Vec<(String, String)> {
    let object = match value {
        Some(Value::Object(object)) => object.clone(),
        Some(Value::String(text)) => match serde_json::from_str(text) {
            Ok(Value::Object(object)) => object,
            _ => return several_lines(text).map(|text| ("content".to_owned(), text)).into_iter().collect(),
        },
        _ => return Vec::new(),
    };
    let known = CONTENT.iter().map(|(theirs, ours)| ((*ours).to_owned(), object.get(*theirs)));
    let is_known = |name: &str| CONTENT.iter().any(|(theirs, _)| *theirs == name);
    // A name of our own stays ours, whatever they call by it.
    let is_ours = |name: &str| {
        CONTENT.iter().any(|(_, ours)| *ours == name)
            || ["organization", "workspace", "module", "link", "starts", "ends"].contains(&name)
    };
    let others = object.iter().filter(|(name, _)| !is_known(name) && !is_ours(name));
    let others = others.filter_map(|(name, value)| Some((one_line(name, MAX_NAME)?, Some(value))));
    let entry = |(name, value): (String, Option<&Value>)| Some((name, several_lines(&plain(value?)?)?));
    known.chain(others).filter_map(entry).take(MAX_CONTENT).collect()
}

/// A value as people read it: lists as their items, what else is nested as JSON.
fn plain(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::Array(items) => Some(items.iter().filter_map(plain).collect::<Vec<_>>().join(", ")),
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Every field of the vendor's table, those of the newer page among them.
    fn example() -> Value {
        json!({
            "applyId": "4711", "applyReason": "Double eleven", "applicantName": "王芳", "applicantPhone": "13800000001",
            "applicantMail": "wang.fang@yunshan.example", "moduleName": "自动化营销任务", "resourceName": "双十一召回",
            "resourceDetailUrl": "https://qa.example/#/task?id=9", "startTime": "2026-09-21 22:13:20", "endTime": "2026-09-22 22:13:20",
            "organizationId": "org-9", "organizationName": "云杉", "workspaceId": "ws-9", "workspaceName": "市场部",
            "applyContent": {"processId": "p-1", "taskLink": "https://qa.example/#/task?id=9", "maWebhookIds": "id1,id2",
                "channelTypes": "c1,c2", "taskName": "召回", "crowdNames": "a,b"}
        })
    }

    fn parse(value: &Value) -> Result<Notice, Malformed> {
        Notice::parse(value.to_string().as_bytes())
    }

    fn changed(changes: &[(&str, Value)]) -> Value {
        let mut notice = example();
        for (name, value) in changes {
            notice[*name] = value.clone();
        }
        notice
    }

    #[test]
    fn every_field_is_read() {
        let notice = parse(&example()).unwrap();
        assert_eq!(notice.title(), "自动化营销任务: 双十一召回");
        assert_eq!(notice.times(), (Some(1_790_000_000_000), Some(1_790_086_400_000)));
        assert_eq!(
            (notice.applicant.mobile.as_deref(), notice.reason.as_deref()),
            (Some("13800000001"), Some("Double eleven"))
        );
        assert_eq!((notice.organization_id.as_deref(), notice.workspace_id.as_deref()), (Some("org-9"), Some("ws-9")));
        let shown = json!({"module": "自动化营销任务", "organization": "云杉", "workspace": "市场部", "task": "召回", "audiences": "a,b",
            "channels": "c1,c2", "task_link": "https://qa.example/#/task?id=9", "task_id": "p-1", "webhooks": "id1,id2"});
        assert_eq!(Value::Object(notice.fields()), shown);
    }

    #[test]
    fn a_form_and_content_in_a_text_say_the_same() {
        let mut in_text = example();
        in_text["applyContent"] = in_text["applyContent"].to_string().into();
        assert_eq!(parse(&in_text), parse(&example()));
        let fields = in_text.as_object().unwrap();
        let pairs = fields.iter().map(|(name, value)| (name.as_str(), value.as_str().unwrap()));
        let form = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
        assert_eq!(Notice::parse(form.as_bytes()), parse(&example()));
        assert_eq!(Notice::parse(format!("\u{feff} {in_text}\r\n").as_bytes()), parse(&example()));
    }

    #[test]
    fn numbers_stand_for_texts_and_the_newer_fields_may_be_missing() {
        let old = json!({"applyId": 4711, "applyReason": "r", "applicantName": "王芳", "moduleName": 3, "resourceName": 12,
            "startTime": 1_790_000_000_000_i64, "endTime": "1790000000001", "organizationId": 9, "workspaceId": 8});
        let notice = parse(&old).unwrap();
        assert_eq!((notice.apply_id.as_str(), notice.resource.as_deref()), ("4711", Some("12")));
        assert_eq!(notice.times(), (Some(1_790_000_000_000), Some(1_790_000_000_001)));
        assert_eq!(notice.title(), "Quick Audience 4711");
        let named =
            json!({"applyContent": "{\"taskName\": \"召回\"}", "applyId": "1", "applicantName": "n", "moduleName": 3});
        assert_eq!(parse(&named).unwrap().title(), "召回");
    }

    #[test]
    fn what_cannot_be_used_is_named() {
        assert_eq!(parse(&changed(&[("applyId", json!(" "))])), Err(Malformed::Missing("applyId")));
        assert_eq!(parse(&changed(&[("applyId", json!("a\nb"))])), Err(Malformed::NoId("applyId")));
        assert_eq!(
            parse(&changed(&[("organizationId", json!("9".repeat(129)))])),
            Err(Malformed::NoId("organizationId"))
        );
        let nobody = [("applicantName", Value::Null), ("applicantPhone", json!("")), ("applicantMail", json!([]))];
        assert_eq!(parse(&changed(&nobody)), Err(Malformed::NoApplicant));
        for body in ["", "{", "[1]", "<a b=\"c\"/>", "hello", "\"a=b\"", "{\"applyId\": 1,}", "null"] {
            assert_eq!(Notice::parse(body.as_bytes()), Err(Malformed::Unreadable), "{body}");
        }
        assert_eq!(Notice::parse(b"a=b"), Err(Malformed::Missing("applyId")));
        assert_eq!(Notice::parse("[".repeat(100_000).as_bytes()), Err(Malformed::Unreadable));
        assert_eq!(Notice::parse("{\"a\":".repeat(100_000).as_bytes()), Err(Malformed::Unreadable));
    }

    #[test]
    fn everything_fits_into_a_request() {
        let content: Map<String, Value> =
            (0..60).map(|index| (format!("k{index}"), json!("x".repeat(9_000)))).collect();
        let long = [
            ("moduleName", json!("模".repeat(300))),
            ("applyReason", json!("原因\u{0}\r\n".repeat(2_000))),
            ("applicantName", json!("a\tb\u{7}c")),
            ("resourceDetailUrl", json!("javascript:alert(1)")),
            ("applyContent", Value::Object(content)),
            ("startTime", json!("next week")),
            ("endTime", json!({"a": 1})),
        ];
        let notice = parse(&changed(&long)).unwrap();
        assert_eq!(notice.title().chars().count(), 128);
        assert_eq!((notice.applicant.name.as_deref(), notice.link.as_ref()), (Some("a b c"), None));
        assert_eq!(notice.reason.as_ref().unwrap().chars().count(), 2_000);
        assert!(!notice.reason.as_ref().unwrap().contains(['\0', '\r']));
        let fields = notice.fields();
        assert_eq!(fields["starts"], "next week");
        assert!(fields.len() <= 50 && Value::Object(fields).to_string().len() <= 64 * 1024);
    }

    #[test]
    fn content_of_an_unknown_shape_is_shown() {
        let shown = |content: Value| parse(&changed(&[("applyContent", content)])).unwrap().fields();
        assert_eq!(shown(json!("free text"))["content"], "free text");
        let newer =
            shown(json!({"crowdNames": ["a", "b"], "budget": 5, "nested": {"x": 1}, "gone": null, "module": "fake"}));
        assert_eq!(
            (&newer["audiences"], &newer["budget"], &newer["nested"]),
            (&json!("a, b"), &json!("5"), &json!("{\"x\":1}"))
        );
        assert!(newer.get("gone").is_none());
        assert_eq!(newer["module"], "自动化营销任务");
        assert!(!shown(json!([1])).contains_key("content"));
    }

    #[test]
    fn an_end_before_the_begin_is_left_out() {
        let notice = parse(&changed(&[("endTime", json!("2026-09-21 22:13:20"))])).unwrap();
        assert_eq!(notice.times(), (None, None));
    }
}
