//! A call that is about to be made.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use url::Url;

use crate::clock::World;

/// A call that is about to be made.
#[derive(Clone)]
pub struct Request {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
    pub(super) repeatable: bool,
    pub(super) guarded: Option<World>,
    pub(super) free: bool,
    pub(super) timeout: Option<Duration>,
    pub(super) read_at_most: Option<usize>,
    pub(super) authorities: Option<Arc<str>>,
    pub(super) invalid: bool,
}

impl Request {
    /// A read: it is repeated, twice at most, where no connection comes about or it breaks.
    #[must_use]
    pub fn get(url: Url) -> Self {
        Self { repeatable: true, ..Self::new(Method::GET, url) }
    }

    /// A write: it is made once.
    #[must_use]
    pub fn post(url: Url) -> Self {
        Self::new(Method::POST, url)
    }

    fn new(method: Method, url: Url) -> Self {
        let (headers, body) = (HeaderMap::new(), Vec::new());
        Self {
            method,
            url,
            headers,
            body,
            repeatable: false,
            guarded: None,
            free: false,
            timeout: None,
            read_at_most: None,
            authorities: None,
            invalid: false,
        }
    }

    /// Says that a `POST` only reads.
    #[must_use]
    pub fn repeatable(mut self) -> Self {
        self.repeatable = true;
        self
    }

    /// Leaves an endpoint alone that has not answered lately, and calls it a bounded number of times at once. Not for what has a
    /// schedule of its own, as deliveries have.
    #[must_use]
    pub fn guarded(mut self, world: &World) -> Self {
        self.guarded = Some(world.clone());
        self
    }

    /// Says that the platform's quota does not count this call.
    #[must_use]
    pub fn free(mut self) -> Self {
        self.free = true;
        self
    }

    /// Another time-out than the client's.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Reads no more than so many bytes of the answer and leaves the rest: [`super::Answer::is_cut`] says that there was more. Without it a
    /// long answer is [`super::OutboundError::TooLarge`].
    #[must_use]
    pub fn read_at_most(mut self, bytes: usize) -> Self {
        self.read_at_most = Some(bytes);
        self
    }

    /// Trusts these authorities too (PEM that [`Authorities::read`] takes), beside the public ones.
    ///
    /// [`Authorities::read`]: crate::crypto::authorities::Authorities::read
    #[must_use]
    pub fn trusting(mut self, authorities: Option<&str>) -> Self {
        self.authorities = authorities.map(Arc::from);
        self
    }

    /// Where it goes.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// A header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        match (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            (Ok(name), Ok(value)) => _ = self.headers.insert(name, value),
            _ => self.invalid = true,
        }
        self
    }

    /// A header that is never shown.
    #[must_use]
    pub fn secret_header(mut self, name: &str, value: &SecretString) -> Self {
        match (HeaderName::try_from(name), HeaderValue::try_from(value.expose_secret())) {
            (Ok(name), Ok(mut value)) => {
                value.set_sensitive(true);
                self.headers.insert(name, value);
            }
            _ => self.invalid = true,
        }
        self
    }

    /// A body of this content type.
    #[must_use]
    pub fn body(mut self, content_type: &'static str, body: Vec<u8>) -> Self {
        self.headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        self.body = body;
        self
    }

    /// A JSON body.
    #[must_use]
    pub fn json(self, body: &impl Serialize) -> Self {
        match serde_json::to_vec(body) {
            Ok(bytes) => self.body("application/json", bytes),
            Err(_) => Self { invalid: true, ..self },
        }
    }

    /// A form body of these names and values.
    #[must_use]
    pub fn form<'a>(self, pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let text = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
        self.body("application/x-www-form-urlencoded", text.into_bytes())
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Request({} {})", self.method, self.url.host_str().unwrap_or_default())
    }
}
