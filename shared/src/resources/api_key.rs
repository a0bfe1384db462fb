//! API keys as stored: what they may do, and a hash.

use serde::{Deserialize, Serialize};

use crate::ids::{KeyId, OrgId, SourceId};

/// What a key, or somebody who has signed in, may do. Each role may do what the ones before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Somebody who is a member and no more: sees what is theirs. No key has this role.
    #[serde(skip_deserializing)]
    Member,
    /// Reads approvals.
    Viewer,
    /// Submits for one source.
    Submitter,
    /// System administrator: configuration.
    Admin,
    /// Super administrator: keys as well.
    Owner,
}

/// An API key as stored: never the key itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiKeyRecord {
    /// Its id.
    pub id: KeyId,
    /// The organisation that it belongs to.
    pub org: OrgId,
    /// Its name, for people.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// The source that it submits for; a submitter always has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<SourceId>,
    /// Hash of the secret.
    pub hash: String,
    /// Whether it is the key of the deployment's owner, who may make organisations.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub deployment: bool,
    /// When it was made, milliseconds.
    pub created_at: i64,
    /// When it was revoked, milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<i64>,
}

super::resource!(ApiKeyRecord, "KEY");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_are_in_order() {
        assert!(
            Role::Member < Role::Viewer
                && Role::Viewer < Role::Submitter
                && Role::Submitter < Role::Admin
                && Role::Admin < Role::Owner
        );
    }
}
