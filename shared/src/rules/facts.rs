//! What rules see of a request, as values of CEL.

use std::collections::HashMap;

use cel::Context;
use cel::common::types::{CelBool, CelDouble, CelInt, CelList, CelMap, CelMapKey, CelNull, CelString, CelUInt};
use cel::common::value::Val;
use serde_json::{Map, Value};

use super::time::Timestamp;

/// What rules see of a request. What a map lacks is not there: conditions ask for it with `has(…)`.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// `request`: all but its times.
    pub request: Map<String, Value>,
    /// `request.starts_at`, in milliseconds.
    pub starts_at: Option<i64>,
    /// `request.ends_at`, in milliseconds.
    pub ends_at: Option<i64>,
    /// `applicant`.
    pub applicant: Map<String, Value>,
    /// `source`.
    pub source: Map<String, Value>,
    /// `workspace`; `null` where the request belongs to none.
    pub workspace: Option<Map<String, Value>>,
    /// `now`, in milliseconds.
    pub now: i64,
}

/// The variables, and what each holds at most; what `workspace` and the others lack in a request is simply not there.
pub(super) const VARIABLES: &[(&str, &[&str])] = &[
    ("request", &["title", "reason", "fields", "resource", "starts_at", "ends_at", "nodes"]),
    ("applicant", &["member", "name", "mobile", "email", "account", "roles"]),
    ("source", &["id", "name", "format"]),
    ("workspace", &["id", "name"]),
    ("now", &[]),
];

/// How large facts are, as far as that decides what evaluating over them costs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Size {
    /// Bytes that it takes, about: those of its texts, and [`VALUE`] for each value.
    pub(super) bytes: u64,
    /// Entries of the longest list or map.
    pub(super) longest: u64,
    /// Entries of all lists and maps.
    pub(super) entries: u64,
}

/// What a value takes beside its text (bytes).
const VALUE: u64 = 32;

impl Facts {
    /// How large they are.
    pub(super) fn size(&self) -> Size {
        let mut size = Size { bytes: 8 * VALUE, longest: 8, entries: 8 };
        for map in [Some(&self.request), Some(&self.applicant), Some(&self.source), self.workspace.as_ref()] {
            map.into_iter().for_each(|map| size.add_map(map));
        }
        size
    }

    /// Adds the variables to a context.
    pub(super) fn bind(&self, context: &mut Context<'_, '_>) {
        let mut request = map(&self.request);
        for (name, at) in [("starts_at", self.starts_at), ("ends_at", self.ends_at)] {
            if let Some(at) = at {
                request.insert(CelMapKey::from(name), Box::new(Timestamp(at)));
            }
        }
        let workspace: Box<dyn Val> = match &self.workspace {
            Some(workspace) => Box::new(CelMap::from(map(workspace))),
            None => Box::new(CelNull),
        };
        context.add_variable_as_val("request", Box::new(CelMap::from(request)));
        context.add_variable_as_val("applicant", Box::new(CelMap::from(map(&self.applicant))));
        context.add_variable_as_val("source", Box::new(CelMap::from(map(&self.source))));
        context.add_variable_as_val("workspace", workspace);
        context.add_variable_as_val("now", Box::new(Timestamp(self.now)));
    }
}

impl Size {
    fn add_map(&mut self, map: &Map<String, Value>) {
        self.add_entries(map.len());
        for (name, value) in map {
            self.add_text(name);
            self.add(value);
        }
    }

    fn add(&mut self, value: &Value) {
        self.bytes += VALUE;
        match value {
            Value::String(text) => self.add_text(text),
            Value::Array(list) => {
                self.add_entries(list.len());
                list.iter().for_each(|value| self.add(value));
            }
            Value::Object(map) => self.add_map(map),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn add_text(&mut self, text: &str) {
        self.bytes += u64::try_from(text.len()).unwrap_or(u64::MAX / 4);
    }

    fn add_entries(&mut self, entries: usize) {
        let entries = u64::try_from(entries).unwrap_or(u64::MAX / 4);
        self.longest = self.longest.max(entries);
        self.entries += entries;
    }
}

fn map(fields: &Map<String, Value>) -> HashMap<CelMapKey<'static>, Box<dyn Val>> {
    fields.iter().map(|(name, field)| (CelMapKey::from(name.clone()), value(field))).collect()
}

/// JSON as CEL sees it: whole numbers are `int`, others `double`; the two compare as numbers.
fn value(json: &Value) -> Box<dyn Val> {
    match json {
        Value::Null => Box::new(CelNull),
        Value::Bool(truth) => Box::new(CelBool::from(*truth)),
        Value::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(whole), _) => Box::new(CelInt::from(whole)),
            (None, Some(large)) => Box::new(CelUInt::from(large)),
            (None, None) => Box::new(CelDouble::from(number.as_f64().unwrap_or(f64::NAN))),
        },
        Value::String(text) => Box::new(CelString::from(text.clone())),
        Value::Array(list) => Box::new(CelList::from(list.iter().map(value).collect::<Vec<_>>())),
        Value::Object(fields) => Box::new(CelMap::from(map(fields))),
    }
}
