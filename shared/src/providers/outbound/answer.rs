//! What came back.

use reqwest::header::{HeaderMap, RETRY_AFTER};
use serde::de::DeserializeOwned;

/// What came back.
#[derive(Debug, Clone)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
    /// Whether the body went on beyond what was to be read.
    pub is_cut: bool,
    pub(super) headers: HeaderMap,
}

impl Answer {
    /// An answer without headers, for tests of what reads answers.
    #[cfg(test)]
    pub(crate) fn of(status: u16, body: Vec<u8>) -> Self {
        Self { status, body, is_cut: false, headers: HeaderMap::new() }
    }

    /// Whether the status is 2xx.
    #[must_use]
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// A header's value, if it is there and text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The body as JSON of this shape, if it is that.
    #[must_use]
    pub fn json<T: DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_slice(&self.body).ok()
    }

    /// Milliseconds that the answer's `Retry-After` asks to wait from `now` (milliseconds) on.
    #[must_use]
    pub fn retry_after_ms(&self, now: i64) -> Option<u64> {
        let text = self.header(RETRY_AFTER.as_str())?.trim();
        if let Ok(seconds) = text.parse::<u64>() {
            return Some(seconds.saturating_mul(1000));
        }
        let date = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
        Some(u64::try_from(date.as_millisecond().saturating_sub(now)).unwrap_or(0))
    }
}
