//! Calls of a platform's API: how they arrive and what they do.

use axum::body::Bytes;
use axum::http::{HeaderMap, Method};
use serde_json::Value;

use super::desk::Claim;

/// A request as it arrived.
pub(crate) struct Arrived {
    pub(crate) method: Method,
    /// The path below `/sandbox/{kind}`.
    pub(crate) path: String,
    /// The decoded query.
    pub(crate) query: Vec<(String, String)>,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Arrived {
    /// The first query value of this name that is not empty.
    pub(crate) fn query(&self, name: &str) -> Option<&str> {
        first(&self.query, name)
    }

    /// A header's text; empty where there is none.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

/// The first query value of this name that is not empty.
pub(crate) fn first<'a>(query: &'a [(String, String)], name: &str) -> Option<&'a str> {
    query.iter().find(|(key, value)| key == name && !value.is_empty()).map(|(_, value)| value.as_str())
}

/// What a call did.
#[derive(Debug)]
pub(crate) struct Done {
    /// What it answers.
    pub(crate) body: Value,
    /// Callbacks that it brought about.
    pub(crate) claim: Option<Claim>,
}

impl From<Value> for Done {
    fn from(body: Value) -> Self {
        Self { body, claim: None }
    }
}
