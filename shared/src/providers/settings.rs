//! Reading a connection's settings.

use url::Url;

use super::{Error, Field, Shape};

/// A field of the settings.
pub(super) const fn setting(name: &'static str, required: bool, shape: Shape) -> Field {
    Field { name, secret: false, required, shape }
}

/// A field of the secrets.
pub(super) const fn secret(name: &'static str, required: bool, shape: Shape) -> Field {
    Field { name, secret: true, required, shape }
}

/// The address of a call: `path` below an endpoint, which may have a path of its own.
pub(super) fn address(endpoint: &str, path: &str) -> Result<Url, Error> {
    Url::parse(&format!("{}{path}", endpoint.trim_end_matches('/'))).map_err(|_| missing("endpoint"))
}

/// A setting is not there, or not what it must be.
pub(super) fn missing(name: &str) -> Error {
    let message = format!("the connection's `{name}` is missing or cannot be read");
    Error::Refused { code: "invalid_settings".to_owned(), message }
}
