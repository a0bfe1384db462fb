//! Sources: programs that ask for approvals and get decisions back.

use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use super::secret::SealedSecret;
use crate::ids::{FlowId, OrgId, SourceId, WorkspaceId};
use crate::store::{DataKey, Error, Resource};

/// Field that the webhook secret is sealed for.
pub const WEBHOOK_SECRET: &str = "webhook_secret";

/// The types of events that a source may be told of.
pub const EVENTS: [&str; 9] = [
    "approval.submitted",
    "approval.started",
    "approval.node_decided",
    "approval.approved",
    "approval.rejected",
    "approval.withdrawn",
    "approval.expired",
    "approval.failed",
    "approval.revoked",
];

/// The format in which a source speaks and is told of decisions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// Ours: JSON, signed by Standard Webhooks.
    Native,
    /// Dataphin's.
    Dataphin,
    /// Quick Audience's.
    QuickAudience,
}

/// A source as stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// Its id.
    pub id: SourceId,
    /// Its organisation.
    pub org: OrgId,
    /// Its name.
    pub name: String,
    /// Its format.
    pub format: Format,
    /// Where decisions go; without one the source has to ask.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub callback_url: Option<String>,
    /// The workspace of its approvals, where a request names none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workspace: Option<WorkspaceId>,
    /// The types of events it wants; none named means all.
    #[serde(default)]
    pub events: Vec<String>,
    /// The flow of its approvals, where a request names none and no rule chooses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_flow: Option<FlowId>,
    /// What its deliveries are signed with.
    pub webhook_secret: SealedSecret,
    /// When it was made, milliseconds.
    pub created_at: i64,
}

super::resource!(Source, "SRC");

impl Source {
    /// Whether the source wants to hear of this type of event.
    #[must_use]
    pub fn wants(&self, event: &str) -> bool {
        self.events.is_empty() || self.events.iter().any(|wanted| wanted == event)
    }

    /// The secret that its deliveries are signed with.
    ///
    /// # Errors
    /// As [`DataKey::sealer`]; [`Error::Corrupt`] when it does not open.
    pub async fn webhook_secret(&self, data_key: &DataKey) -> Result<SecretString, Error> {
        self.webhook_secret.open(data_key.sealer().await?, &self.key(), WEBHOOK_SECRET)
    }
}
