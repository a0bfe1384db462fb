//! An organisation's own settings as a process keeps them between requests.

use std::sync::Arc;

use super::kept::Kept;
use crate::engine::App;
use crate::ids::OrgId;
use crate::resources::{AskRules, Organization};
use crate::store::Error;

/// How long settings are used without looking whether they have changed, in milliseconds.
const KEEP: i64 = 5_000;
/// Most organisations that are kept.
const MAX_KEPT: usize = 500;

/// The organisations that this process has read lately.
#[derive(Debug, Default)]
pub struct Organizations(Kept<OrgId, Read, MAX_KEPT>);

#[derive(Debug, Clone)]
struct Read {
    organization: Option<Arc<Organization>>,
    at: i64,
}

impl Organizations {
    /// Forgets an organisation, because it was changed here.
    pub fn forget(&self, org: &OrgId) {
        self.0.forget(org);
    }
}

impl App {
    /// An organisation: at most five seconds old. `None` where there is none.
    ///
    /// # Errors
    /// The table's own.
    pub async fn organization(&self, org: &OrgId) -> Result<Option<Arc<Organization>>, Error> {
        let at = self.world.now();
        if let Some(read) = self.organizations.0.get(org, |read| (0..KEEP).contains(&(at - read.at))) {
            return Ok(read.organization);
        }
        let since = self.organizations.0.since();
        let organization = match self.store.get_unscoped::<Organization>(org.as_str()).await {
            Ok(found) => Some(Arc::new(found.value)),
            Err(Error::NotFound) => None,
            Err(error) => return Err(error),
        };
        self.organizations.0.keep(org.clone(), Read { organization: organization.clone(), at }, since);
        Ok(organization)
    }

    /// Whether an organisation's rules bind every request of every source.
    ///
    /// # Errors
    /// The table's own.
    pub(super) async fn rules_bind(&self, org: &OrgId) -> Result<bool, Error> {
        let organization = self.organization(org).await?;
        Ok(organization.is_some_and(|organization| organization.rules == AskRules::Always))
    }
}
