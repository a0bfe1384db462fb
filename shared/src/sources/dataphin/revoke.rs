//! A revoke by Dataphin. Nothing is known of such a call, whether it comes at all, at which path, and with what: all of it is searched for,
//! and what an operator needs to find the truth is written for the log.

use std::fmt::Write as _;

use serde_json::Value;

use super::callback_format::{is, or};
use super::inbound::{MAX_NAME, cut};
use crate::sources::Receiver;

/// A revoke, as far as it could be understood: nothing is known of what such a call holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Revoke {
    /// Our id of the approval, if it is named.
    pub instance_id: Option<String>,
    /// Dataphin's id of the form, if it is named.
    pub apply_id: Option<String>,
    /// The form's tenant: named, or the source's setting.
    pub tenant_id: Option<String>,
    /// Whether it is to be closed whatever the platform says.
    pub force: bool,
    /// Who revokes.
    pub user: Option<String>,
    /// Why.
    pub reason: Option<String>,
}

/// Reads a revoke, whose fields may be in the query, a form, or JSON at any depth.
#[must_use]
pub fn read(receiver: &Receiver, query: &[(String, String)], body: &[u8]) -> Revoke {
    let mut found: Vec<(String, String)> = query.to_vec();
    match serde_json::from_slice::<Value>(body) {
        Ok(value) => collect(&value, "", &mut found),
        Err(_) => found.extend(url::form_urlencoded::parse(body).into_owned()),
    }
    let first = |names: &[&str]| {
        let named = |name: &&str| found.iter().find(|(key, value)| key == name && !value.is_empty());
        names.iter().find_map(named).map(|(_, value)| value.clone())
    };
    let own = or(receiver, "reply_id_field").rsplit('.').next().unwrap_or_default().to_owned();
    let force = or(receiver, "force_field");
    let forced =
        first(&[force]).is_some_and(|value| matches!(value.to_ascii_lowercase().as_str(), "true" | "1" | "yes"));
    Revoke {
        instance_id: first(&[&own, "processInstanceId", "instanceId"]),
        apply_id: first(&["applyId"]),
        tenant_id: first(&["tenantId"]).or_else(|| receiver.setting("tenant_id").map(str::to_owned)),
        force: forced || is(receiver, "revoke_force", "always"),
        user: first(&["userName", "operatorName", "applyUser"]).map(|name| cut(&name, MAX_NAME)),
        reason: first(&["reason", "remark", "comment"]).map(|text| cut(&text, 500)).filter(|text| !text.is_empty()),
    }
}

/// Most texts that a revoke is searched for.
const MAX_TEXTS: usize = 200;

fn collect(value: &Value, name: &str, found: &mut Vec<(String, String)>) {
    if found.len() >= MAX_TEXTS {
        return;
    }
    match value {
        Value::Object(object) => object.iter().for_each(|(name, value)| collect(value, name, found)),
        Value::Array(items) => items.iter().for_each(|value| collect(value, name, found)),
        Value::String(text) => found.push((name.to_owned(), text.clone())),
        Value::Number(_) | Value::Bool(_) => found.push((name.to_owned(), value.to_string())),
        Value::Null => {}
    }
}

/// Whether a path below `/dataphin/bpms/` is one at which forms are revoked.
#[must_use]
pub fn is_at(receiver: &Receiver, path: &str) -> bool {
    let bare = |path: &str| {
        let path = path.trim().trim_matches('/');
        path.strip_prefix("dataphin/bpms/").unwrap_or(path).to_owned()
    };
    let paths = or(receiver, "revoke_paths");
    paths.split(',').map(bare).any(|wanted| !wanted.is_empty() && wanted == bare(path))
}

/// Longest shape that is written, in bytes.
const MAX_SHAPE: usize = 1_000;

/// Names and types of what was sent, and none of its values: for the log, where an operator finds a call that is not known yet.
#[must_use]
pub fn shape(body: &[u8]) -> String {
    let mut shape = String::new();
    match serde_json::from_slice::<Value>(body) {
        Ok(value) => write_shape(&value, &mut shape),
        Err(_) if body.is_empty() => shape.push_str("nothing"),
        Err(_) => _ = write!(shape, "{} bytes that are not JSON", body.len()),
    }
    shape
}

fn write_shape(value: &Value, shape: &mut String) {
    if shape.len() > MAX_SHAPE {
        return;
    }
    match value {
        Value::Object(object) => {
            shape.push('{');
            for (index, (name, value)) in object.iter().enumerate() {
                if shape.len() > MAX_SHAPE {
                    shape.push('…');
                    break;
                }
                let comma = if index == 0 { "" } else { ", " };
                _ = write!(shape, "{comma}{}: ", cut(name, 64));
                write_shape(value, shape);
            }
            shape.push('}');
        }
        // The first stands for all.
        Value::Array(items) => {
            shape.push('[');
            if let Some(first) = items.first() {
                write_shape(first, shape);
            }
            shape.push(']');
        }
        Value::String(_) => shape.push_str("string"),
        Value::Number(_) => shape.push_str("number"),
        Value::Bool(_) => shape.push_str("boolean"),
        Value::Null => shape.push_str("null"),
    }
}
