//! Reading what callers send, in the platform's layers: first JSON types, then required fields, then what they mean.

use serde_json::Value;

use super::answer::Refusal;

/// A text; `None` when it is absent or empty.
pub(super) fn text<'a>(body: &'a Value, name: &str) -> Result<Option<&'a str>, Refusal> {
    match body.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.as_str()).filter(|text| !text.is_empty())),
        Some(_) => Err(Refusal::json_type(name)),
    }
}

/// A text that has to be there.
pub(super) fn required<'a>(body: &'a Value, name: &str) -> Result<&'a str, Refusal> {
    text(body, name)?.ok_or_else(|| Refusal::required(name))
}

/// A list; an absent one is empty.
pub(super) fn list<'a>(body: &'a Value, name: &str) -> Result<&'a [Value], Refusal> {
    match body.get(name) {
        None | Some(Value::Null) => Ok(&[]),
        Some(Value::Array(list)) => Ok(list),
        Some(_) => Err(Refusal::json_type(name)),
    }
}

/// A list of texts; an absent one is empty.
pub(super) fn texts<'a>(body: &'a Value, name: &str) -> Result<Vec<&'a str>, Refusal> {
    list(body, name)?.iter().map(|item| item.as_str().ok_or_else(|| Refusal::json_type(name))).collect()
}

/// An object, or `null` when it is absent.
pub(super) fn object<'a>(body: &'a Value, name: &str) -> Result<&'a Value, Refusal> {
    match body.get(name) {
        None => Ok(&Value::Null),
        Some(value @ (Value::Null | Value::Object(_))) => Ok(value),
        Some(_) => Err(Refusal::json_type(name)),
    }
}

/// A whole number.
pub(super) fn integer(body: &Value, name: &str) -> Result<Option<i64>, Refusal> {
    match body.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => value.as_i64().map(Some).ok_or_else(|| Refusal::json_type(name)),
    }
}

/// `true` or `false`; absent is `false`.
pub(super) fn boolean(body: &Value, name: &str) -> Result<bool, Refusal> {
    match body.get(name) {
        None | Some(Value::Null) => Ok(false),
        Some(Value::Bool(value)) => Ok(*value),
        Some(_) => Err(Refusal::json_type(name)),
    }
}

/// A whole number of a query within bounds; the default when it is absent.
pub(super) fn page_size(text: Option<&str>, range: std::ops::RangeInclusive<usize>, default: usize) -> Option<usize> {
    match text {
        None => Some(default),
        Some(text) => text.parse().ok().filter(|size| range.contains(size)),
    }
}
