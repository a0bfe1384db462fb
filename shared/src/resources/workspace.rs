//! Workspaces: parts of an organisation with administrators of their own.

use serde::{Deserialize, Serialize};

use crate::ids::{MemberId, OrgId, WorkspaceId};

/// A workspace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Workspace {
    /// Its id.
    pub id: WorkspaceId,
    /// Its organisation.
    pub org: OrgId,
    /// Its name.
    pub name: String,
    /// Members who are asked where a flow says `workspace_administrators`.
    #[serde(default)]
    pub administrators: Vec<MemberId>,
    /// When it was made, milliseconds.
    pub created_at: i64,
}

super::resource!(Workspace, "WS");
