//! Why a call to a platform failed.

/// Why a call to a platform failed, by what the caller can do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The platform has no such call.
    #[error("{platform} cannot {what}")]
    Unsupported {
        /// The platform.
        platform: &'static str,
        /// What was asked, as in "find members by e-mail".
        what: &'static str,
    },
    /// A permission is missing; the message says which and where to grant it.
    #[error("{message}")]
    Permission {
        /// The platform's code.
        code: String,
        /// For people.
        message: String,
        /// Where to grant it.
        fix: String,
    },
    /// Credentials were refused.
    #[error("{message}")]
    Credentials {
        /// The platform's code.
        code: String,
        /// For people.
        message: String,
    },
    /// The access token was refused, and so was a new one. The credentials got one, so it may pass later.
    #[error("{message}")]
    TokenRefused {
        /// The platform's code.
        code: String,
        /// For people.
        message: String,
    },
    /// Too many calls; try later.
    #[error("{message}")]
    Throttled {
        /// The platform's code.
        code: String,
        /// For people.
        message: String,
        /// When to try again, in milliseconds, if the platform said.
        retry_after_ms: Option<u64>,
    },
    /// The month's calls are used up.
    #[error("{message}")]
    QuotaExhausted {
        /// The platform's code.
        code: String,
        /// For people.
        message: String,
    },
    /// There is no such instance, template or person.
    #[error("{message}")]
    NotFound {
        /// The platform's code.
        code: String,
        /// For people.
        message: String,
    },
    /// Not now, but the same call may pass later (DingTalk's 15 seconds after a start).
    #[error("{message}")]
    NotYet {
        /// The platform's code.
        code: String,
        /// For people.
        message: String,
    },
    /// The platform refused for good.
    #[error("{message}")]
    Refused {
        /// The platform's code.
        code: String,
        /// The platform's text.
        message: String,
    },
    /// The call was sent, and there is no answer, or one that cannot be understood: the effect is unknown.
    #[error("{message}")]
    Unavailable {
        /// For people; holds no secret.
        message: String,
    },
    /// The call was not made: no connection, no access token, or nothing of what must be known before it. It has had no
    /// effect, and may be made again as it is.
    #[error("{message}")]
    NotSent {
        /// For people; holds no secret.
        message: String,
        /// How to mend it, where that is known.
        fix: Option<&'static str>,
    },
}

impl Error {
    /// Its stable name, as answers and logs show it; the platform's own code is another.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Unsupported { .. } => "provider_cannot",
            Self::Permission { .. } => "provider_permission",
            Self::Credentials { .. } => "provider_credentials",
            Self::Throttled { .. } => "provider_throttled",
            Self::QuotaExhausted { .. } => "quota_exhausted",
            Self::NotFound { .. } => "provider_not_found",
            Self::NotYet { .. } => "provider_not_yet",
            Self::Refused { .. } => "provider_refused",
            Self::TokenRefused { .. } | Self::NotSent { .. } | Self::Unavailable { .. } => "provider_unavailable",
        }
    }

    /// The same of a step before the call that matters: that call was not made.
    #[must_use]
    pub fn before_the_call(self) -> Self {
        match self {
            Self::Unavailable { message } => Self::NotSent { message, fix: None },
            other => other,
        }
    }
}

/// The code of [`Error::NotFound`] where several accounts have what was looked for; the text says so.
pub const SEVERAL_ACCOUNTS: &str = "several_accounts";

/// The code of [`Error::NotFound`] by which a provider says that our template is not there (any more): it is to be made, and
/// the start repeated.
pub const TEMPLATE_MISSING: &str = "template_missing";
