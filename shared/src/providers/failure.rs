//! Why a call to a platform brought no result, before it is told as an [`Error`].
//!
//! Each platform's `errors.rs` reads its own answers into a [`PlatformRefusal`]; what a caller can do about one is the same
//! everywhere.

use super::Error;
use super::outbound::{Answer, OutboundError};

/// Longest text of a platform's that we pass on, in characters.
pub(super) const MESSAGE_LIMIT: usize = 500;

/// Reads an answer at a time in milliseconds.
pub(super) type Judge = fn(&Answer, i64) -> Result<serde_json::Value, Failure>;

/// Why a call brought no result.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Failure {
    /// There was no answer.
    NoAnswer(OutboundError),
    /// The platform refused.
    Refused(PlatformRefusal),
    /// The answer is none of the known shapes: it has no such field.
    NotUnderstood(&'static str),
    /// We could not make the call, or say ourselves what its answer means.
    Ours(Error),
    /// Something before the call failed so, and the call itself was not made.
    Before(Box<Self>),
}

/// What a platform refused a call with.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct PlatformRefusal {
    /// The platform's code, the inner one where it is wrapped.
    pub(super) code: String,
    /// The platform's text.
    pub(super) message: String,
    /// What it means.
    pub(super) kind: Kind,
    /// The permissions that are missing, where it names them.
    pub(super) scopes: Vec<String>,
    /// How long it asks to wait, in milliseconds.
    pub(super) retry_after_ms: Option<u64>,
}

/// What a refusal means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The access token is unknown or has expired.
    Token,
    Credentials,
    Permission,
    /// Our address is not in the app's list.
    AddressList,
    /// The person or department is not in the app's scope of contacts.
    ContactScope,
    /// Too many calls, with the usual time to wait in milliseconds.
    Throttled(Option<u64>),
    Quota,
    NotFound,
    /// The server's side; the effect is unknown.
    Unavailable,
    Refused,
}

impl From<OutboundError> for Failure {
    fn from(error: OutboundError) -> Self {
        Self::NoAnswer(error)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Ours(error)
    }
}

impl Failure {
    /// An answer that is none of the known shapes.
    pub(super) const fn not_understood(what: &'static str) -> Self {
        Self::NotUnderstood(what)
    }

    /// A refusal of our own.
    pub(super) fn refused(code: &str, message: impl Into<String>) -> Self {
        Self::Ours(Error::Refused { code: code.to_owned(), message: message.into() })
    }

    /// The same, of something before the call that matters: where its own effect is unknown, that call had none.
    pub(super) fn before_the_call(self) -> Self {
        let unknown = match &self {
            Self::NoAnswer(error) => error.was_sent(),
            Self::Refused(refusal) => refusal.kind == Kind::Unavailable,
            Self::NotUnderstood(_) => true,
            Self::Ours(error) => error.fate() == super::Fate::Unknown,
            Self::Before(_) => false,
        };
        if unknown { Self::Before(Box::new(self)) } else { self }
    }

    /// Whether another token may help.
    pub(super) fn refuses_token(&self) -> bool {
        matches!(self, Self::Refused(refusal) if refusal.kind == Kind::Token)
    }

    /// The same, of the call that asks for a token: what it refuses is the secret.
    pub(super) fn of_the_secret(mut self) -> Self {
        if let Self::Refused(refusal) = &mut self
            && refusal.kind == Kind::Token
        {
            refusal.kind = Kind::Credentials;
        }
        self
    }

    /// Whether what was asked for is not there.
    pub(super) fn is_not_found(&self) -> bool {
        matches!(self, Self::Refused(refusal) if refusal.kind == Kind::NotFound)
    }

    /// The platform's code, if it refused.
    pub(super) fn code(&self) -> Option<&str> {
        match self {
            Self::Refused(refusal) => Some(&refusal.code),
            _ => None,
        }
    }

    /// Takes a secret out of the text, should the platform have repeated it.
    pub(super) fn without(mut self, secret: &str) -> Self {
        if let Self::Before(failure) = self {
            return Self::Before(Box::new(failure.without(secret)));
        }
        if let Self::Refused(refusal) = &mut self
            && !secret.is_empty()
            && refusal.message.contains(secret)
        {
            refusal.message = refusal.message.replace(secret, "…");
        }
        self
    }

    /// For the caller; `fix` says where the administrator mends a refusal.
    pub(super) fn into_error(self, platform: &str, fix: impl FnOnce(&PlatformRefusal) -> String) -> Error {
        match self {
            Self::Ours(error) => error,
            Self::Refused(refusal) => {
                let fix = fix(&refusal);
                refusal.into_error(platform, fix)
            }
            Self::NotUnderstood(what) => Error::Unavailable { message: format!("{platform}'s answer has no {what}") },
            Self::NoAnswer(error @ (OutboundError::AddressRefused { .. } | OutboundError::Invalid { .. })) => {
                Error::Refused { code: "endpoint".to_owned(), message: error.to_string() }
            }
            Self::NoAnswer(error) if error.was_sent() => Error::Unavailable { message: error.to_string() },
            Self::NoAnswer(error) => Error::NotSent { message: error.to_string(), fix: error.fix() },
            Self::Before(failure) => failure.into_error(platform, fix).before_the_call(),
        }
    }
}

impl PlatformRefusal {
    fn into_error(self, platform: &str, fix: String) -> Error {
        let Self { code, message, kind, scopes, retry_after_ms } = self;
        match kind {
            Kind::Token => Error::TokenRefused { code, message },
            Kind::Credentials => Error::Credentials { code, message },
            Kind::Permission if !scopes.is_empty() => {
                let message = format!("{platform} has not granted the app {}", scopes.join(", "));
                Error::Permission { code, message, fix }
            }
            Kind::Permission | Kind::AddressList | Kind::ContactScope => Error::Permission { code, message, fix },
            Kind::Throttled(usual) => Error::Throttled { code, message, retry_after_ms: retry_after_ms.or(usual) },
            Kind::Quota => Error::QuotaExhausted { code, message },
            Kind::NotFound => Error::NotFound { code, message },
            Kind::Unavailable => Error::Unavailable { message: format!("{platform}: {message} ({code})") },
            Kind::Refused => Error::Refused { code, message },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_that_come_back_are_not_passed_on() {
        let refusal = PlatformRefusal {
            code: "40035".into(),
            message: "bad url ?access_token=tok-123&x".into(),
            kind: Kind::Refused,
            scopes: Vec::new(),
            retry_after_ms: None,
        };
        let failure = Failure::Refused(refusal).without("tok-123");
        assert!(!format!("{failure:?}").contains("tok-123"));
    }
}
