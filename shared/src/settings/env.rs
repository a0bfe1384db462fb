//! The only reader of the environment.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};

use super::address;
use crate::crypto::api_key::{ApiKey, InvalidKey};
use crate::providers::outbound::AddressPolicy;

/// A setting that is missing or cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It must be set and is not.
    #[error("{0} is not set")]
    Missing(&'static str),
    /// It is not UTF-8.
    #[error("{0} is not readable text")]
    NotText(&'static str),
    /// It is not an address.
    #[error("{0} must be an address that starts with https:// or http://, without query or fragment")]
    NotAnAddress(&'static str),
    /// The owner's key has another shape.
    #[error("COUNTERSIGN_OWNER_KEY cannot be used: {0}")]
    OwnerKey(InvalidKey),
}

/// What a deployment is told by its environment.
#[derive(Clone)]
pub struct Settings {
    /// `COUNTERSIGN_TABLE`: name of the DynamoDB table.
    pub table: String,
    /// `COUNTERSIGN_PUBLIC_URL`: the address that goes into callback URLs and links, with no slash at the end.
    pub public_url: String,
    /// `COUNTERSIGN_KMS_KEY`: id or ARN of the KMS key that protects the data key. Unset in functions that open no
    /// secrets, and in the local run.
    pub kms_key: Option<String>,
    /// `COUNTERSIGN_ALLOW_PRIVATE_ENDPOINTS`: `host` or `host:port` with private addresses that may be called, separated
    /// by commas; `*` for all.
    pub addresses: AddressPolicy,
    /// `COUNTERSIGN_OWNER_KEY`: the key of the owner of the organisation `default`.
    pub owner_key: Option<SecretString>,
}

impl Settings {
    /// Reads the environment.
    ///
    /// # Errors
    /// See [`Error`]; the message names the variable.
    pub fn from_env() -> Result<Self, Error> {
        Self::read(variable)
    }

    /// Reads the environment of the local run, which needs none: the table has a name, private addresses may be called, and the public address is `url`
    /// unless the environment says otherwise.
    ///
    /// # Errors
    /// As [`Settings::from_env`].
    pub fn local(url: &str) -> Result<Self, Error> {
        Self::read(|name| {
            let given = variable(name)?.filter(|value| !value.is_empty());
            Ok(given.or_else(|| match name {
                "COUNTERSIGN_TABLE" => Some("countersign".to_owned()),
                "COUNTERSIGN_PUBLIC_URL" => Some(url.to_owned()),
                // A laptop's platforms are on the laptop.
                "COUNTERSIGN_ALLOW_PRIVATE_ENDPOINTS" => Some("*".to_owned()),
                _ => None,
            }))
        })
    }

    /// Where the environment names a DynamoDB other than the region's, the address of its streams: the same
    /// (`AWS_ENDPOINT_URL_DYNAMODB`), unless `AWS_ENDPOINT_URL_DYNAMODB_STREAMS` says otherwise.
    ///
    /// # Errors
    /// As [`Settings::from_env`].
    pub fn streams_of_named_dynamodb() -> Result<Option<String>, Error> {
        streams(variable)
    }

    /// Reads settings from wherever `variable` takes them. Empty is the same as not set.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn read(variable: impl Fn(&'static str) -> Result<Option<String>, Error>) -> Result<Self, Error> {
        let optional = |name| Ok::<_, Error>(variable(name)?.filter(|value| !value.is_empty()));
        let required = |name| optional(name)?.ok_or(Error::Missing(name));
        let owner_key = optional("COUNTERSIGN_OWNER_KEY")?.map(SecretString::from);
        if let Some(key) = &owner_key {
            ApiKey::parse(key.expose_secret()).map_err(Error::OwnerKey)?;
        }
        Ok(Self {
            table: required("COUNTERSIGN_TABLE")?,
            public_url: public_url("COUNTERSIGN_PUBLIC_URL", &required("COUNTERSIGN_PUBLIC_URL")?)?,
            kms_key: optional("COUNTERSIGN_KMS_KEY")?,
            addresses: address::policy(&optional("COUNTERSIGN_ALLOW_PRIVATE_ENDPOINTS")?.unwrap_or_default()),
            owner_key,
        })
    }
}

/// The streams of a DynamoDB that is named.
fn streams(variable: impl Fn(&'static str) -> Result<Option<String>, Error>) -> Result<Option<String>, Error> {
    let named = |name| Ok(variable(name)?.filter(|url| !url.is_empty()));
    match named("AWS_ENDPOINT_URL_DYNAMODB")? {
        Some(table) => Ok(Some(named("AWS_ENDPOINT_URL_DYNAMODB_STREAMS")?.unwrap_or(table))),
        None => Ok(None),
    }
}

/// The address of an AWS service, where this variable names one; else the SDK takes the region's. One that cannot be read
/// is one that is not there.
pub(super) fn aws_endpoint(name: &'static str) -> Option<String> {
    variable(name).ok().flatten().filter(|url| !url.is_empty())
}

/// How a function is to log, as Lambda's logging controls put it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logging {
    /// `AWS_LAMBDA_LOG_LEVEL`, or else `RUST_LOG`.
    pub level: Option<String>,
    /// Whether `AWS_LAMBDA_LOG_FORMAT` asks for JSON.
    pub json: bool,
}

impl Logging {
    /// Reads the environment.
    #[must_use]
    pub fn from_env() -> Self {
        let text = |name| variable(name).ok().flatten().filter(|text| !text.is_empty());
        Self {
            level: text("AWS_LAMBDA_LOG_LEVEL").or_else(|| text("RUST_LOG")),
            json: text("AWS_LAMBDA_LOG_FORMAT").is_some_and(|format| format.eq_ignore_ascii_case("json")),
        }
    }
}

/// A variable of the environment.
fn variable(name: &'static str) -> Result<Option<String>, Error> {
    #[expect(clippy::disallowed_methods, reason = "this is the reader of the environment")]
    match std::env::var(name) {
        Ok(value) => Ok(Some(value)),
        Err(std::env::VarError::NotPresent) => Ok(None),
        Err(std::env::VarError::NotUnicode(_)) => Err(Error::NotText(name)),
    }
}

/// An address of ours, with no slash at the end.
fn public_url(name: &'static str, text: &str) -> Result<String, Error> {
    let url = url::Url::parse(text).map_err(|_| Error::NotAnAddress(name))?;
    let usable = matches!(url.scheme(), "https" | "http") && url.has_host();
    if !usable || url.query().is_some() || url.fragment().is_some() {
        return Err(Error::NotAnAddress(name));
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("table", &self.table)
            .field("public_url", &self.public_url)
            .field("kms_key", &self.kms_key)
            .field("addresses", &self.addresses)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Settings, Error> {
        Settings::read(|name| Ok(pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())))
    }

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        let url = ("COUNTERSIGN_PUBLIC_URL", "https://a.example/");
        let table = ("COUNTERSIGN_TABLE", "t");
        let read_text = |pairs: &[(&str, &str)]| read(pairs).unwrap_err().to_string();
        assert_eq!(read_text(&[url]), "COUNTERSIGN_TABLE is not set");
        assert_eq!(read_text(&[("COUNTERSIGN_TABLE", ""), url]), "COUNTERSIGN_TABLE is not set");
        assert!(
            read_text(&[table, ("COUNTERSIGN_PUBLIC_URL", "a.example")]).starts_with("COUNTERSIGN_PUBLIC_URL must")
        );
        let bad_key = read_text(&[table, url, ("COUNTERSIGN_OWNER_KEY", "hunter2hunter2hunter2")]);
        assert!(bad_key.starts_with("COUNTERSIGN_OWNER_KEY cannot be used") && !bad_key.contains("hunter2"));
    }

    #[test]
    fn the_streams_are_where_the_table_is_unless_named() {
        let (table, other) =
            (("AWS_ENDPOINT_URL_DYNAMODB", "http://a"), ("AWS_ENDPOINT_URL_DYNAMODB_STREAMS", "http://b"));
        let found = |pairs: &[(&str, &str)]| {
            let value = |name: &str| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
            streams(|name| Ok(value(name))).unwrap()
        };
        assert_eq!(found(&[table]).as_deref(), Some("http://a"));
        assert_eq!(found(&[table, other]).as_deref(), Some("http://b"));
        assert_eq!(found(&[other]), None, "the embedded one has its own");
    }

    #[test]
    fn settings_are_read_and_debug_keeps_the_key() {
        let settings = read(&[
            ("COUNTERSIGN_TABLE", "t"),
            ("COUNTERSIGN_PUBLIC_URL", "https://a.example/x/"),
            ("COUNTERSIGN_ALLOW_PRIVATE_ENDPOINTS", "10.0.0.1"),
            ("COUNTERSIGN_OWNER_KEY", "csk_owner_0123456789abcdef"),
        ])
        .unwrap();
        assert_eq!(settings.public_url, "https://a.example/x");
        assert_eq!(settings.addresses, AddressPolicy::PublicAnd(vec!["10.0.0.1".to_owned()]));
        assert!(!format!("{settings:?}").contains("0123456789abcdef"));
    }
}
