//! `/inbound/{source}/…`: what products send in formats of their own. A module for each product reads it and answers in the
//! product's words; what they share is here.
//!
//! Nobody is told whether a source is there: a call to an unknown one is answered as one with wrong credentials.

use axum::Router;
use axum::body::Bytes;
use axum::extract::Request;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, Method};
use countersign::engine::App;
use countersign::http::duplicates::duplicate;
use countersign::http::{Problem, extract, form};
use countersign::ids::SourceId;
use countersign::resources::Source;
use countersign::resources::fields::FieldError;
use countersign::sources::Receiver;
use countersign::store;

mod dataphin;
mod quick_audience;
mod quick_bi;

/// What products call.
pub(crate) fn router() -> Router<App> {
    dataphin::router().merge(quick_audience::router()).merge(quick_bi::router())
}

/// A call of a product, read whole, and the source that its address names. Its credentials are not checked yet.
pub(crate) struct Call {
    /// The source.
    pub(crate) source: Source,
    /// Its settings, and its secrets opened.
    pub(crate) receiver: Receiver,
    /// The method.
    pub(crate) method: Method,
    /// The headers.
    pub(crate) headers: HeaderMap,
    /// Names and values of the query, decoded, in order.
    pub(crate) query: Vec<(String, String)>,
    /// The body, of at most [`countersign::http::serve::MAX_BODY`].
    pub(crate) body: Bytes,
}

/// Why a call could not be read. Each product says it in its own words.
#[derive(Debug)]
pub(crate) enum Unread {
    /// There is no such source, or it speaks another format: to be answered as wrong credentials are.
    Unknown,
    /// The body is too large, or ended early.
    Body(Problem),
    /// A fault of ours: the same call may pass later.
    Ours(Problem),
}

impl Call {
    /// Reads a call to the source with this id, if it speaks this format.
    ///
    /// # Errors
    /// Why it could not be read.
    pub(crate) async fn read(app: &App, format: &str, id: &str, request: Request) -> Result<Self, Unread> {
        let (method, headers) = (request.method().clone(), request.headers().clone());
        let query = pairs(request.uri().query().unwrap_or_default().as_bytes());
        // First, so that a body that is too large tells nobody whether the source is there.
        let body = extract::body(request, app).await.map_err(Unread::Body)?;
        let source = find(app, format, id).await?;
        let receiver = source.receiver(&app.data_key).await.map_err(|error| Unread::Ours(error.into()))?;
        Ok(Self { source, receiver, method, headers, query, body })
    }

    /// Reads the body in the character set that it states, and refuses one in which a name stands twice: what one reads in it, another
    /// might not. From then on it is UTF-8. For calls whose credentials have been checked.
    ///
    /// # Errors
    /// 400 or 415.
    pub(crate) fn read_body(&mut self) -> Result<(), Problem> {
        let kind = self.headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let charset = form::charset(kind)?;
        let is_json = self.body.trim_ascii_start().first().is_some_and(|first| matches!(first, b'{' | b'['));
        if is_json {
            let text = form::text(&self.body, charset)?;
            if let Some(pointer) = duplicate(text.as_bytes()) {
                return Err(twice(pointer));
            }
            self.body = text.into();
            return Ok(());
        }
        let pairs = form::pairs(&self.body, charset)?;
        let mut names: Vec<&str> = pairs.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        if let Some(pair) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(twice(format!("/{}", pair[0])));
        }
        if charset != form::UTF_8 {
            let mut form = url::form_urlencoded::Serializer::new(String::new());
            self.body = form.extend_pairs(pairs).finish().into();
        }
        Ok(())
    }

    /// The first value of this name in the query that is not empty.
    pub(crate) fn query(&self, name: &str) -> Option<&str> {
        first(&self.query, name)
    }
}

fn twice(pointer: String) -> Problem {
    Problem::bad_field("invalid_request", pointer, "stands twice")
}

/// The source with this id, if it speaks this format.
async fn find(app: &App, format: &str, id: &str) -> Result<Source, Unread> {
    let id: SourceId = id.parse().map_err(|_| Unread::Unknown)?;
    match app.store.get_unscoped::<Source>(id.as_str()).await {
        Ok(found) if found.value.format == format => Ok(found.value),
        Ok(_) | Err(store::Error::NotFound) => Err(Unread::Unknown),
        Err(error) => Err(Unread::Ours(error.into())),
    }
}

/// Names and values of a form or a query, decoded, in order.
pub(crate) fn pairs(text: &[u8]) -> Vec<(String, String)> {
    url::form_urlencoded::parse(text).into_owned().collect()
}

/// The first value of this name that is not empty.
pub(crate) fn first<'a>(pairs: &'a [(String, String)], name: &str) -> Option<&'a str> {
    pairs.iter().find(|(key, value)| key == name && !value.is_empty()).map(|(_, value)| value.as_str())
}

/// A problem in one line, for answers that have room for a message only; what is our fault is logged here and not shown.
pub(crate) fn message(problem: &Problem) -> String {
    problem.log();
    let told = |error: &FieldError| match error.pointer.as_str() {
        "" => error.detail.clone(),
        pointer => format!("{pointer}: {}", error.detail),
    };
    match problem.errors() {
        [] => problem.detail().to_owned(),
        errors => errors.iter().map(told).collect::<Vec<_>>().join("; "),
    }
}
