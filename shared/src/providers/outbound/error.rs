//! Why a call brought no answer.

use std::error::Error as _;

use super::address;
use super::fault::TlsFault;

/// Why a call brought no answer. What is known of its effect is said of each.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OutboundError {
    /// The address may not be called. Nothing was sent.
    #[error("{host} is a private address, which may not be called")]
    AddressRefused {
        /// The host.
        host: String,
    },
    /// No connection. Nothing was sent.
    #[error("no connection to {host}")]
    Connect {
        /// The host.
        host: String,
    },
    /// A connection, but no TLS on it. Nothing was sent.
    #[error("no connection to {host}: {fault}")]
    Tls {
        /// The host.
        host: String,
        /// What is wrong.
        fault: TlsFault,
    },
    /// It has not answered lately, and is left alone for some seconds. Nothing was sent.
    #[error("{host} has not answered lately and is left alone for some seconds")]
    LeftAlone {
        /// The host.
        host: String,
    },
    /// As many calls to it as may be made at once are under way, and none ended in time. Nothing was sent.
    #[error("too many calls to {host} are under way")]
    Crowded {
        /// The host.
        host: String,
    },
    /// The request cannot be written: a header that is none, or a scheme other than HTTP. Nothing was sent.
    #[error("the request to {host} cannot be written")]
    Invalid {
        /// The host.
        host: String,
    },
    /// No answer in time. The call may have had its effect.
    #[error("no answer from {host} in time")]
    Timeout {
        /// The host.
        host: String,
    },
    /// The connection broke. The call may have had its effect.
    #[error("the connection to {host} broke")]
    Interrupted {
        /// The host.
        host: String,
    },
    /// The answer is longer than [`super::ANSWER_LIMIT`]. The call has had its effect.
    #[error("the answer of {host} is too large")]
    TooLarge {
        /// The host.
        host: String,
    },
}

impl OutboundError {
    /// Whether the call may have had its effect: something was sent.
    #[must_use]
    pub const fn was_sent(&self) -> bool {
        match self {
            Self::AddressRefused { .. }
            | Self::Connect { .. }
            | Self::Tls { .. }
            | Self::LeftAlone { .. }
            | Self::Crowded { .. }
            | Self::Invalid { .. } => false,
            Self::Timeout { .. } | Self::Interrupted { .. } | Self::TooLarge { .. } => true,
        }
    }

    /// How to mend it, where that is known of the error alone.
    #[must_use]
    pub const fn fix(&self) -> Option<&'static str> {
        match self {
            Self::Tls { fault, .. } => Some(fault.fix()),
            _ => None,
        }
    }

    /// The error and its remedy in one text, where one field holds both.
    #[must_use]
    pub fn with_fix(&self) -> String {
        match self.fix() {
            Some(fix) => format!("{self}. {fix}"),
            None => self.to_string(),
        }
    }

    /// Whether the same call, made again at once, may fare better. What is wrong with a certificate stays wrong.
    pub(super) const fn may_pass_at_once(&self) -> bool {
        match self {
            Self::Connect { .. } | Self::Interrupted { .. } => true,
            Self::Tls { fault, .. } => fault.passes(),
            _ => false,
        }
    }

    /// Whether there was no sign of life. Who refuses TLS, or shows a wrong certificate, does answer.
    pub(super) const fn is_silence(&self) -> bool {
        self.may_pass_at_once() || matches!(self, Self::Timeout { .. })
    }
}

/// What an error of the HTTP client means.
pub(super) fn classify(error: &reqwest::Error, host: &str, is_https: bool) -> OutboundError {
    let host = host.to_owned();
    let mut source = error.source();
    while let Some(cause) = source {
        if cause.is::<address::Refused>() {
            return OutboundError::AddressRefused { host };
        }
        source = cause.source();
    }
    // Who wants a certificate of ours says so only after the greeting; nothing that came with it is read then (RFC 8446, 4.4.2.4).
    match TlsFault::of(error) {
        Some(fault) if error.is_connect() || fault == TlsFault::WantsCertificate => {
            return OutboundError::Tls { host, fault };
        }
        _ => {}
    }
    if error.is_connect() && is_https && !error.is_timeout() && TlsFault::is_hang_up(error) {
        OutboundError::Tls { host, fault: TlsFault::HungUp }
    } else if error.is_connect() {
        OutboundError::Connect { host }
    } else if error.is_timeout() {
        OutboundError::Timeout { host }
    } else if error.is_builder() {
        OutboundError::Invalid { host }
    } else {
        OutboundError::Interrupted { host }
    }
}
