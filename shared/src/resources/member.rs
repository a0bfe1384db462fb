//! Members: the people of an organisation.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::ids::{ConnectionId, MemberId, OrgId, SourceId, WorkspaceId};

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
    /// Connections whose platform no longer has the person's account, and since when that is known (milliseconds).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub left: BTreeMap<ConnectionId, i64>,
    /// When it was made, milliseconds.
    pub created_at: i64,
}

super::resource!(Member, "MEM");
