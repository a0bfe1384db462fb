//! How those who are asked differ from those who were named.

use serde::{Deserialize, Serialize};

/// How a node's approvers differ from those that the flow or the request names, for whoever looks at it later.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deviation {
    /// Whether the workspace's administrators are asked instead of those who were named.
    #[serde(rename = "fb", default, skip_serializing_if = "std::ops::Not::not")]
    pub fallback: bool,
    /// Who was named and could not be found, for people: `mobile 13900000000`.
    #[serde(rename = "ms", default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
    /// Whether the applicant was among them, and is not asked.
    #[serde(rename = "wa", default, skip_serializing_if = "std::ops::Not::not")]
    pub without_applicant: bool,
}

impl Deviation {
    /// Whether those who were named are asked, all of them and nobody else.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}
