//! How requests are read: every refusal is a problem that points at what is wrong.

use std::str::FromStr;

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_path_to_error::{Path as ErrorPath, Segment};

use super::duplicates::duplicate;
use super::problem::Problem;
use super::trace;
use crate::resources::fields::{FieldErrors, step};

/// Most items of a list page.
pub const MAX_LIMIT: u16 = 200;
/// Items of a list page when the request does not say.
const DEFAULT_LIMIT: u16 = 50;
/// Most unknown fields that one answer names.
const MAX_UNKNOWN: usize = 20;

/// A JSON body.
#[derive(Debug)]
pub struct Json<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        if !is_json(request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok())) {
            let detail = "the body must be JSON: Content-Type: application/json";
            return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", detail));
        }
        let bytes = body(request, state).await?;
        parse(&bytes).map(Self)
    }
}

/// A JSON body that may be left out.
#[derive(Debug)]
pub struct OptionalJson<T>(pub T);

impl<T: DeserializeOwned + Default, S: Send + Sync> FromRequest<S> for OptionalJson<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let bytes = body(request, state).await?;
        if bytes.is_empty() { Ok(Self(T::default())) } else { parse(&bytes).map(Self) }
    }
}

/// The bytes of a body of at most [`super::MAX_BODY`].
///
/// # Errors
/// 413 `body_too_large`, or 400 when the client stops sending.
pub async fn body<S: Send + Sync>(request: Request, state: &S) -> Result<Bytes, Problem> {
    Bytes::from_request(request, state).await.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => trace::too_large(),
        _ => Problem::bad_request("unreadable_body", "the body ended early"),
    })
}

fn is_json(content_type: Option<&str>) -> bool {
    let kind = content_type.unwrap_or_default().split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    kind == "application/json" || (kind.starts_with("application/") && kind.ends_with("+json"))
}

/// Reads JSON, strictly.
///
/// # Errors
/// 400: `invalid_json` with line and column, `unknown_field` or `invalid_request` with pointers.
pub fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    // serde would take an array for the fields of a struct, in their order.
    if bytes.trim_ascii_start().first().is_some_and(|first| *first != b'{') {
        serde_json::from_slice::<serde::de::IgnoredAny>(bytes).map_err(|error| not_json(&error))?;
        return Err(Problem::bad_field("invalid_request", "", "the body must be a JSON object"));
    }
    if let Some(pointer) = duplicate(bytes) {
        return Err(Problem::bad_field("invalid_request", pointer, "stands twice in one object"));
    }
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let error = match serde_path_to_error::deserialize(&mut reader) {
        Ok(value) => match reader.end() {
            Ok(()) => return Ok(value),
            Err(error) => return Err(not_json(&error)),
        },
        Err(error) => error,
    };
    // Either it is no JSON, or the shape is wrong: read it as any JSON and see what else is.
    let mut value: Value = serde_json::from_slice(bytes).map_err(|error| not_json(&error))?;
    let mut errors = FieldErrors::new();
    let mut code = None;
    for _ in 0..MAX_UNKNOWN {
        let Err(error) = serde_path_to_error::deserialize::<_, T>(value.clone()) else { break };
        let message = error.inner().to_string();
        let mut pointer = pointer(error.path());
        match unknown_field(&message) {
            Some(name) => {
                code.get_or_insert("unknown_field");
                let end = format!("/{}", step(name));
                if !pointer.ends_with(&end) || value.pointer(&pointer).is_none() {
                    pointer.push_str(&end);
                }
                errors.push(&pointer, message.as_str());
                if !remove(&mut value, &pointer) {
                    break;
                }
            }
            None => {
                code.get_or_insert("invalid_request");
                errors.push(&pointer, without_value(&message));
                break;
            }
        }
    }
    if errors.is_empty() {
        errors.push(pointer(error.path()), without_value(&error.inner().to_string()));
    }
    Err(Problem::bad_fields(StatusCode::BAD_REQUEST, code.unwrap_or("invalid_request"), errors))
}

fn not_json(error: &serde_json::Error) -> Problem {
    let detail = format!("the body is not JSON: line {}, column {}", error.line(), error.column());
    Problem::bad_request("invalid_json", detail)
}

/// The name in serde's message of an unknown field.
fn unknown_field(message: &str) -> Option<&str> {
    message.strip_prefix("unknown field `")?.split('`').next()
}

/// serde's message without the text that was sent: it may be a secret in the wrong place.
fn without_value(message: &str) -> String {
    for start in ["invalid type: string", "invalid value: string"] {
        if let Some((_, expected)) = message.strip_prefix(start).and_then(|rest| rest.rsplit_once(", expected ")) {
            return format!("{start}, expected {expected}");
        }
    }
    message.to_owned()
}

fn pointer(path: &ErrorPath) -> String {
    path.iter().fold(String::new(), |mut pointer, segment| {
        match segment {
            Segment::Seq { index } => pointer.push_str(&format!("/{index}")),
            Segment::Map { key } => pointer.push_str(&format!("/{}", step(key))),
            Segment::Enum { variant } => pointer.push_str(&format!("/{}", step(variant))),
            Segment::Unknown => {}
        }
        pointer
    })
}

/// Removes the field that a pointer names.
fn remove(value: &mut Value, pointer: &str) -> bool {
    let Some((parent, name)) = pointer.rsplit_once('/') else { return false };
    let name = name.replace("~1", "/").replace("~0", "~");
    let parent = value.pointer_mut(parent).and_then(Value::as_object_mut);
    parent.is_some_and(|parent| parent.remove(&name).is_some())
}

/// A query string, read as strictly as a body.
#[derive(Debug)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        // `?status=&limit=` says the same as leaving them out.
        let given = url::form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes());
        let given = given.filter(|(_, value)| !value.is_empty());
        let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(given).finish();
        let reader = serde_html_form::Deserializer::from_bytes(query.as_bytes());
        serde_path_to_error::deserialize(reader).map(Self).map_err(|error| {
            let message = error.inner().to_string();
            match unknown_field(&message) {
                Some(name) => Problem::bad_field("unknown_field", format!("/{}", step(name)), message.as_str()),
                None => Problem::bad_field("invalid_request", pointer(error.path()), without_value(&message)),
            }
        })
    }
}

/// The query of a plain list.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListQuery {
    /// Most items, 1 to [`MAX_LIMIT`].
    pub limit: Option<u16>,
    /// Where the page before ended.
    pub cursor: Option<String>,
}

impl ListQuery {
    /// The limit.
    ///
    /// # Errors
    /// 400 when it is out of range.
    pub fn limit(&self) -> Result<u16, Problem> {
        limit(self.limit)
    }
}

/// The limit of a list.
///
/// # Errors
/// 400 when it is out of range.
pub fn limit(limit: Option<u16>) -> Result<u16, Problem> {
    match limit.unwrap_or(DEFAULT_LIMIT) {
        limit @ 1..=MAX_LIMIT => Ok(limit),
        _ => Err(Problem::bad_field("invalid_request", "/limit", format!("must be from 1 to {MAX_LIMIT}"))),
    }
}

/// The id in a path with one variable. What is not an id cannot exist: 404.
#[derive(Debug)]
pub struct Id<T>(pub T);

impl<T: FromStr, S: Send + Sync> FromRequestParts<S> for Id<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Path(text) = Path::<String>::from_request_parts(parts, state).await.map_err(|_| Problem::not_found())?;
        text.parse().map(Self).map_err(|_| Problem::not_found())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Outer {
        #[expect(dead_code, reason = "only read from JSON")]
        name: String,
        #[serde(default)]
        #[expect(dead_code, reason = "only read from JSON")]
        inner: Vec<Inner>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        #[expect(dead_code, reason = "only read from JSON")]
        n: u8,
    }

    fn refusal(json: &str) -> (&'static str, String) {
        let problem = parse::<Outer>(json.as_bytes()).unwrap_err();
        (problem.code(), format!("{problem:?}"))
    }

    #[test]
    fn unknown_fields_are_all_named() {
        let (code, text) = refusal(r#"{"name": "a", "x/y": 1, "inner": [{"n": 1}, {"n": 1, "z": {}}], "w": null}"#);
        assert_eq!(code, "unknown_field");
        for pointer in ["\"/x~1y\"", "\"/inner/1/z\"", "\"/w\""] {
            assert!(text.contains(pointer), "{pointer} in {text}");
        }
    }

    #[test]
    fn wrong_types_are_pointed_at() {
        let (code, text) = refusal(r#"{"name": "a", "inner": [{"n": 300}]}"#);
        assert_eq!(code, "invalid_request");
        assert!(text.contains("\"/inner/0/n\""), "{text}");
        let (code, text) = refusal(r#"{"inner": []}"#);
        assert_eq!(code, "invalid_request");
        assert!(text.contains("missing field `name`"), "{text}");
        let (code, text) = refusal(r#"{"extra": 1, "name": 5}"#);
        assert_eq!(code, "unknown_field");
        assert!(text.contains("\"/extra\"") && text.contains("\"/name\""), "{text}");
    }

    #[test]
    fn what_was_sent_is_not_repeated() {
        let (code, text) = refusal(r#"{"name": "a", "inner": "hunter2, expected x"}"#);
        assert_eq!(code, "invalid_request");
        assert!(!text.contains("hunter2") && text.contains("invalid type: string, expected a sequence"), "{text}");
    }

    #[test]
    fn what_is_not_json_says_where() {
        for bad in ["", "{", "nope", "{\"name\": \"a\"} x", "\u{feff}{}"] {
            assert_eq!(refusal(bad).0, "invalid_json", "{bad}");
        }
        assert_eq!(refusal(&"[".repeat(500)).0, "invalid_json");
        for other in ["[]", "[\"a\"]", "null", "1", "\"a\""] {
            assert_eq!(refusal(other).0, "invalid_request", "{other}");
        }
        assert_eq!(refusal(r#"{"name": "a", "name": "b"}"#).0, "invalid_request");
    }

    #[test]
    fn json_types_are_known_by_their_ending() {
        for good in ["application/json", "application/json; charset=utf-8", "Application/Problem+JSON"] {
            assert!(is_json(Some(good)), "{good}");
        }
        for bad in [None, Some("text/plain"), Some("application/x-www-form-urlencoded"), Some("text/json+json")] {
            assert!(!is_json(bad), "{bad:?}");
        }
    }

    #[test]
    fn limits() {
        assert_eq!(limit(None).unwrap(), 50);
        assert_eq!(limit(Some(200)).unwrap(), 200);
        assert!(limit(Some(0)).is_err() && limit(Some(201)).is_err());
    }
}
