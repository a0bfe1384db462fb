//! What becomes of a call that failed.

use super::Error;

/// What an error comes to, for whoever asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It had no effect, and the same call may pass later by itself.
    Later,
    /// It may have had its effect, and may pass later by itself.
    Unknown,
    /// It was refused, and passes only once somebody mends a permission or a secret.
    Mendable,
    /// It was refused for good.
    Never,
}

impl Fate {
    /// Whether the same call may pass later by itself.
    #[must_use]
    pub const fn passes(self) -> bool {
        matches!(self, Self::Later | Self::Unknown)
    }
}

impl Error {
    /// The one table of what errors come to.
    #[must_use]
    pub const fn fate(&self) -> Fate {
        match self {
            Self::TokenRefused { .. }
            | Self::Throttled { .. }
            | Self::QuotaExhausted { .. }
            | Self::NotYet { .. }
            | Self::NotSent { .. } => Fate::Later,
            Self::Unavailable { .. } => Fate::Unknown,
            Self::Permission { .. } | Self::Credentials { .. } => Fate::Mendable,
            Self::Unsupported { .. } | Self::NotFound { .. } | Self::Refused { .. } => Fate::Never,
        }
    }
}
