//! How a platform's refusal is told.

use super::error::Error;
use crate::providers;
use crate::store::approvals::{Failure, Trouble};

/// What mends refused credentials and a spent quota, on every platform.
const NEW_CREDENTIALS: &str =
    "Save the app's credentials in the connection again, as the platform's console shows them, and test it";
const MORE_CALLS: &str = "Wait for the next month, or buy calls on the platform";
/// Most characters of a platform's text that are kept.
const MAX_MESSAGE: usize = 500;

/// What stood in the way at `now` (milliseconds).
pub(super) fn trouble(error: &Error, now: i64) -> Trouble {
    let error = match error {
        Error::Provider(error) => failure(error),
        Error::Store(error) => {
            Failure { code: "internal".into(), provider_code: None, message: error.to_string(), fix: None }
        }
    };
    Trouble { at: now, error }
}

/// How a refusal is told.
#[must_use]
pub fn failure(error: &providers::Error) -> Failure {
    use providers::Error as E;
    let (code, provider_code, fix) = match error {
        E::Unsupported { .. } => ("provider_cannot", None, None),
        E::Permission { code, fix, .. } => ("provider_permission", Some(code), Some(fix.clone())),
        E::Credentials { code, .. } | E::TokenRefused { code, .. } => {
            ("provider_credentials", Some(code), Some(NEW_CREDENTIALS.to_owned()))
        }
        E::Throttled { code, .. } => ("provider_throttled", Some(code), None),
        E::QuotaExhausted { code, .. } => ("quota_exhausted", Some(code), Some(MORE_CALLS.to_owned())),
        E::NotFound { code, .. } | E::Refused { code, .. } => ("provider_refused", Some(code), None),
        E::NotYet { code, .. } => ("provider_not_yet", Some(code), None),
        E::NotSent { fix, .. } => ("provider_unavailable", None, fix.map(str::to_owned)),
        E::Unavailable { .. } => ("provider_unavailable", None, None),
    };
    let message = error.to_string().chars().take(MAX_MESSAGE).collect();
    Failure { code: code.into(), provider_code: provider_code.cloned(), message, fix }
}
