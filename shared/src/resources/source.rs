//! Sources: programs that ask for approvals and get decisions back.

use std::collections::{BTreeMap, BTreeSet};

use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use url::Url;

use super::hosts::{Destination, addresses, destinations};
use super::secret::SealedSecret;
use crate::crypto::webhook::WebhookSecret;
use crate::ids::{FlowId, OrgId, SourceId, WorkspaceId};
use crate::sources::{Format, Receiver, by_kind};
use crate::store::{DataKey, Error, Resource};

/// Field that the webhook secret is sealed for.
pub const WEBHOOK_SECRET: &str = "webhook_secret";

/// Which requests of a source the rules decide.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AskRules {
    /// Those that name no flow; of the others only what would be rejected is.
    #[default]
    Default,
    /// All. A flow that a request names is followed only where no rule decides.
    Always,
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
    /// Its format, by its name.
    pub format: String,
    /// Where decisions go; without one the source has to ask.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub callback_url: Option<String>,
    /// Certificates of private authorities, in PEM, that calls to it trust beside the public ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_certificate: Option<String>,
    /// The workspace of its approvals, where a request names none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workspace: Option<WorkspaceId>,
    /// The types of events it wants; none named means all.
    #[serde(default)]
    pub events: Vec<String>,
    /// The flow of its approvals, where a request names none and no rule chooses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_flow: Option<FlowId>,
    /// The flows that its requests may name; none listed means any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub flows: Vec<FlowId>,
    /// Whether a request that names its flow is asked about all the same.
    #[serde(default)]
    pub rules: AskRules,
    /// The format's settings, by name.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub settings: Map<String, Value>,
    /// The format's secrets, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub secrets: BTreeMap<String, SealedSecret>,
    /// What its deliveries are signed with.
    pub webhook_secret: SealedSecret,
    /// The one before, while it is being rotated: deliveries are signed with both.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub old_webhook_secret: Option<SealedSecret>,
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

    /// The format.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when it is one that this version does not know.
    pub fn format(&self) -> Result<&'static dyn Format, Error> {
        by_kind(&self.format).ok_or_else(|| self.corrupt())
    }

    /// Where the format's secrets go; nowhere in a format that this version does not know. The webhook secret is not among them: it is
    /// made here from random bytes, so that a signature tells nothing of it.
    #[must_use]
    pub fn destinations(&self) -> BTreeSet<Destination> {
        let Some(format) = by_kind(&self.format) else { return BTreeSet::new() };
        let addresses = addresses(format.fields(), &self.settings, |name| format.usual_address(name));
        let callback = self.callback_url.as_deref().map(|url| ("callback_url", url));
        destinations(addresses.chain(callback), self.secrets.keys(), |address, secret| format.sends(address, secret))
    }

    /// Where its decisions go, with its secrets opened.
    ///
    /// # Errors
    /// As [`DataKey::sealer`]; [`Error::Corrupt`] when a secret does not open.
    pub async fn receiver(&self, data_key: &DataKey) -> Result<Receiver, Error> {
        let (sealer, key) = (data_key.sealer().await?, self.key());
        let open = |(name, secret): (&String, &SealedSecret)| Ok((name.clone(), secret.open(sealer, &key, name)?));
        let secrets: Result<BTreeMap<String, SecretString>, Error> = self.secrets.iter().map(open).collect();
        let mut signing = Vec::new();
        for secret in std::iter::once(&self.webhook_secret).chain(&self.old_webhook_secret) {
            let text = secret.open(sealer, &key, WEBHOOK_SECRET)?;
            signing.push(WebhookSecret::parse(&text).map_err(|_| self.corrupt())?);
        }
        let url = self.callback_url.as_deref().and_then(|url| Url::parse(url).ok());
        let (settings, authorities) = (self.settings.clone(), self.ca_certificate.clone());
        Ok(Receiver { url, authorities, settings, secrets: secrets?, signing })
    }

    fn corrupt(&self) -> Error {
        Error::Corrupt { key: self.key().to_string() }
    }
}
