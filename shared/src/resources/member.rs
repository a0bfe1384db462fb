//! Members: the people of an organisation.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::ids::{ConnectionId, MemberId, OrgId, SourceId, WorkspaceId};

use super::Role;

/// What a member may do who has signed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Access {
    /// See what is theirs.
    #[default]
    None,
    /// Read approvals.
    Viewer,
    /// System administrator: configuration.
    Admin,
    /// Super administrator: keys, and who is an administrator, as well.
    Owner,
}

impl Access {
    /// The role of a session.
    #[must_use]
    pub const fn role(self) -> Role {
        match self {
            Self::None => Role::Member,
            Self::Viewer => Role::Viewer,
            Self::Admin => Role::Admin,
            Self::Owner => Role::Owner,
        }
    }

    const fn is_none(&self) -> bool {
        matches!(self, Self::None)
    }
}

/// A person, with an account per connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Id.
    pub id: MemberId,
    /// Organisation.
    pub org: OrgId,
    /// Name.
    pub name: String,
    /// Mobile number, as the platforms know it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mobile: Option<String>,
    /// E-mail address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// The person's account on each connection.
    #[serde(default)]
    pub accounts: BTreeMap<ConnectionId, String>,
    /// What each source calls the person: its own id of them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub source_ids: BTreeMap<SourceId, String>,
    /// Names of roles, for approvers that are named by role.
    #[serde(default)]
    pub roles: Vec<String>,
    /// Workspaces that the person belongs to; none for somebody who belongs to the organisation as a whole. A role counts in these.
    #[serde(default)]
    pub workspaces: Vec<WorkspaceId>,
    /// Who is above them, for approvers that are named by `supervisor`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub supervisor: Option<MemberId>,
    /// Connections whose platform no longer has the person's account, and since when that is known (milliseconds).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub left: BTreeMap<ConnectionId, i64>,
    /// What they may do who have signed in.
    #[serde(default, skip_serializing_if = "Access::is_none")]
    pub access: Access,
    /// Whether they may sign in: `false` of somebody who was switched off.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub active: bool,
    /// Grows whenever their sessions end: a session counts in the epoch that it began in.
    #[serde(default, skip_serializing_if = "is_first")]
    pub epoch: u64,
    /// When it was made, milliseconds.
    pub created_at: i64,
}

impl Member {
    /// Whether they are a super administrator who may sign in.
    #[must_use]
    pub fn is_owner(&self) -> bool {
        self.active && self.access == Access::Owner
    }

    /// Whether their sessions are over: they were switched off, or are gone from a platform; or were made an administrator, who has to sign in
    /// as one.
    #[must_use]
    pub fn is_signed_out_since(&self, before: &Self) -> bool {
        let is_appointed = self.access > before.access && self.access >= Access::Admin;
        is_appointed
            || (before.active && !self.active)
            || self.left.keys().any(|connection| !before.left.contains_key(connection))
    }
}

const fn yes() -> bool {
    true
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde wants it")]
const fn is_yes(active: &bool) -> bool {
    *active
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde wants it")]
const fn is_first(epoch: &u64) -> bool {
    *epoch == 0
}

super::resource!(Member, "MEM");
