//! Answers of configuration resources: entity tags and the envelope of lists.

use axum::extract::FromRequestParts;
use axum::http::header::{CONTENT_TYPE, ETAG, IF_MATCH, LOCATION};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Value, json};

use super::problem::Problem;

/// 200 with a resource and its `ETag`.
#[derive(Debug)]
pub struct Tagged<T> {
    /// Its version.
    pub version: u64,
    /// What is shown of it.
    pub body: T,
}

impl<T: Serialize> IntoResponse for Tagged<T> {
    fn into_response(self) -> Response {
        let mut response = axum::Json(self.body).into_response();
        tag(&mut response, self.version);
        response
    }
}

/// 201 with a new resource, its `ETag` and its `Location`.
#[derive(Debug)]
pub struct Created<T> {
    /// Its version.
    pub version: u64,
    /// Its path.
    pub location: String,
    /// What is shown of it.
    pub body: T,
}

impl<T: Serialize> IntoResponse for Created<T> {
    fn into_response(self) -> Response {
        let mut response = (StatusCode::CREATED, axum::Json(self.body)).into_response();
        tag(&mut response, self.version);
        if let Ok(location) = HeaderValue::from_str(&self.location) {
            response.headers_mut().insert(LOCATION, location);
        }
        response
    }
}

fn tag(response: &mut Response, version: u64) {
    if let Ok(tag) = HeaderValue::from_str(&format!("\"{version}\"")) {
        response.headers_mut().insert(ETAG, tag);
    }
}

/// Longest list that is answered, in bytes of JSON: Lambda refuses answers of more than 6 MB.
const MAX_LIST: usize = 4_000_000;

/// The answer with a page of a list: `{"items": […], "next_cursor": …}`. A page ends by bytes as well as by number. Where something
/// cannot be read, `unreadable` names its id, and the others are shown.
#[derive(Debug, Default)]
pub struct Listing {
    /// The items, as JSON with commas between them.
    items: Vec<u8>,
    unreadable: Vec<String>,
    /// What goes on after the last that was taken.
    last: Option<String>,
    is_full: bool,
}

impl Listing {
    /// Takes what the next row of a list is shown as, or passes it where it cannot be read; `cursor` goes on after it. Answers whether it
    /// had room: where it had not, the page has ended before it.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn take<E>(
        &mut self,
        id: String,
        cursor: Option<String>,
        item: Result<impl Serialize, E>,
    ) -> Result<bool, Problem> {
        match item {
            _ if self.is_full => Ok(false),
            Ok(item) => self.push(&item, cursor),
            Err(_) => {
                self.unreadable.push(id);
                self.last = cursor;
                Ok(true)
            }
        }
    }

    fn push(&mut self, item: &impl Serialize, cursor: Option<String>) -> Result<bool, Problem> {
        let item = serde_json::to_vec(item).map_err(Problem::internal)?;
        if !self.items.is_empty() && self.items.len() + item.len() > MAX_LIST {
            self.is_full = true;
            return Ok(false);
        }
        if !self.items.is_empty() {
            self.items.push(b',');
        }
        self.items.extend(item);
        self.last = cursor;
        Ok(true)
    }

    /// The answer. `next_cursor` goes on after all that was to be taken.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn answer(self, next_cursor: Option<String>) -> Result<Response, Problem> {
        let cursor = if self.is_full { self.last } else { next_cursor };
        let json = |value: &Value| serde_json::to_vec(value).map_err(Problem::internal);
        let mut body = b"{\"items\":[".to_vec();
        body.extend(self.items);
        body.extend(b"],\"next_cursor\":");
        body.extend(json(&json!(cursor))?);
        if !self.unreadable.is_empty() {
            body.extend(b",\"unreadable\":");
            body.extend(json(&json!(self.unreadable))?);
        }
        body.push(b'}');
        Ok(([(CONTENT_TYPE, HeaderValue::from_static("application/json"))], body).into_response())
    }
}

/// A time (milliseconds since the Unix epoch) as RFC 3339 in UTC.
#[must_use]
pub fn time(at: i64) -> String {
    jiff::Timestamp::from_millisecond(at).unwrap_or(jiff::Timestamp::UNIX_EPOCH).to_string()
}

/// The `If-Match` of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IfMatch {
    /// None was sent, or `*`.
    Any,
    /// One of these tags, as sent.
    OneOf(Vec<String>),
}

impl IfMatch {
    /// Refuses a version that is not among those that were sent.
    ///
    /// # Errors
    /// 412 `precondition_failed`.
    pub fn check(&self, version: u64) -> Result<(), Problem> {
        let tag = format!("\"{version}\"");
        match self {
            Self::Any => Ok(()),
            Self::OneOf(tags) if tags.contains(&tag) => Ok(()),
            Self::OneOf(_) => Err(Problem::precondition_failed()),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let mut tags = Vec::new();
        for header in parts.headers.get_all(IF_MATCH) {
            // A header that is not text names no version of ours: it matches nothing.
            let text = header.to_str().unwrap_or("unreadable");
            tags.extend(text.split(',').map(|tag| tag.trim().to_owned()));
        }
        let any = tags.is_empty() || tags.iter().any(|tag| tag == "*");
        Ok(if any { Self::Any } else { Self::OneOf(tags) })
    }
}
