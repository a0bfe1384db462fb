//! People.

use serde::{Deserialize, Serialize};

/// A person, as far as we know them.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Person {
    /// Our id of the member.
    #[serde(rename = "m", default, skip_serializing_if = "Option::is_none")]
    pub member: Option<String>,
    /// The platform's id of the person.
    #[serde(rename = "a", default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// Display name.
    #[serde(rename = "n", default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

impl Person {
    /// Somebody of whom an account is known.
    #[must_use]
    pub fn with_account(account: impl Into<String>) -> Self {
        Self { member: None, account: Some(account.into()), name: None }
    }
}
