//! Reading what callers send as the platforms do: numbers and booleans may come as text.

use serde_json::Value;

/// A text that is not empty.
pub(crate) fn text<'a>(body: &'a Value, name: &str) -> Option<&'a str> {
    body.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
}

/// A whole number, also as text.
pub(crate) fn integer(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.trim().parse().ok())
}

/// A whole number field, also as text.
pub(crate) fn number(body: &Value, name: &str) -> Option<i64> {
    body.get(name).and_then(integer)
}

/// A boolean, also as text.
pub(crate) fn boolean(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(value) => Some(*value),
        Value::String(text) if text == "true" => Some(true),
        Value::String(text) if text == "false" => Some(false),
        _ => None,
    }
}

/// A list of texts; `None` when it is none. Absent and `null` are empty lists.
pub(crate) fn texts(body: &Value, name: &str) -> Option<Vec<String>> {
    match body.get(name) {
        None | Some(Value::Null) => Some(vec![]),
        Some(Value::Array(items)) => items.iter().map(|item| item.as_str().map(str::to_owned)).collect(),
        Some(_) => None,
    }
}

/// Whether a field is absent or `null`.
pub(crate) fn absent(body: &Value, name: &str) -> bool {
    body.get(name).is_none_or(Value::is_null)
}

/// The length as the platform counts it: characters, not bytes.
pub(crate) fn length(text: &str) -> usize {
    text.chars().count()
}
