//! Organisations: the tenants of a deployment.

use serde::{Deserialize, Serialize};

use crate::ids::OrgId;

/// The organisation whose owner is the owner of the deployment; its name is `default`.
#[must_use]
pub fn default_org() -> OrgId {
    #[expect(clippy::expect_used, reason = "a constant")]
    "org_default".parse().expect("an organisation id")
}

/// An organisation. Only the deployment's owner sees it, so it belongs to [`default_org`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Organization {
    /// Its id.
    pub id: OrgId,
    /// Who may see it: always [`default_org`].
    pub org: OrgId,
    /// Its name.
    pub name: String,
    /// When it was made, milliseconds.
    pub created_at: i64,
}

impl Organization {
    /// A new organisation.
    #[must_use]
    pub fn new(id: OrgId, name: impl Into<String>, now: i64) -> Self {
        Self { id, org: default_org(), name: name.into(), created_at: now }
    }
}

super::resource!(Organization, "ORG");
