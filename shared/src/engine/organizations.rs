//! An organisation's own settings and its rules, as a process keeps them between requests.

use std::sync::Arc;

use super::rules::{Ready, in_order};
use crate::engine::App;
use crate::ids::OrgId;
use crate::resources::{AskRules, Organization, Rule};
use crate::store::Error;

/// How long an organisation's settings and rules are used without looking whether they have changed, in milliseconds.
pub const KEEP: i64 = 5_000;

impl App {
    /// An organisation: at most five seconds old. `None` where there is none.
    ///
    /// # Errors
    /// The table's own.
    pub async fn organization(&self, org: &OrgId) -> Result<Option<Arc<Organization>>, Error> {
        let at = self.world.now();
        let known = &self.memory.organizations;
        if let Some(organization) = known.get(org, at) {
            return Ok(organization);
        }
        let since = known.since();
        let organization = match self.store.get_unscoped::<Organization>(org.as_str()).await {
            Ok(found) => Some(Arc::new(found.value)),
            Err(Error::NotFound) => None,
            Err(error) => return Err(error),
        };
        known.keep(org.clone(), organization.clone(), at..at + KEEP, since);
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

    /// The organisation's rules in their order: at most five seconds old.
    ///
    /// # Errors
    /// The table's own.
    pub async fn rules(&self, org: &OrgId) -> Result<Arc<[Ready]>, Error> {
        let at = self.world.now();
        let known = &self.memory.rules;
        if let Some(rules) = known.get(org, at) {
            return Ok(rules);
        }
        let since = known.since();
        let mut rules = Vec::new();
        let mut cursor: Option<String> = None;
        loop {
            let page = self.store.list::<Rule>(org, 200, cursor.as_deref()).await?;
            rules.extend(page.items.into_iter().map(|found| Ready::from(found.value)));
            match page.next_cursor {
                Some(next) => cursor = Some(next),
                None => break,
            }
        }
        let rules = in_order(rules);
        known.keep(org.clone(), Arc::clone(&rules), at..at + KEEP, since);
        Ok(rules)
    }
}
