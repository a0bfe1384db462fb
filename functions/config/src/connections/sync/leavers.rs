//! Members whom the platform no longer has.
//!
//! Whoever was not seen may have left, or be outside of what the app may see now. So the platform is asked about each: only who
//! it says is not there is marked, and the mark goes when they are seen again.

use countersign::http::Problem;
use countersign::providers::directory::{Read, Step};
use countersign::resources::Member;
use countersign::store::Versioned;
use countersign::store::directories::Phase;

use super::run::{End, Page};
use crate::members::not_stored::NotStored;
use crate::members::stored;

/// So many members are looked at together.
const BATCH: u16 = 50;

impl Page<'_> {
    /// Looks at a batch of the organisation's members; says why, if the page ends with it.
    pub(super) async fn find_leavers(&mut self, after: Option<&str>) -> Result<Option<End>, Problem> {
        let page = self.app.store.list::<Member>(&self.connection.org, BATCH, after).await?;
        for member in &page.items {
            let id = &self.connection.id;
            let Some(account) = member.value.accounts.get(id) else { continue };
            if member.value.left.contains_key(id) || self.has_seen(account) {
                continue;
            }
            let has_left = match self.ask(&Step::person(account)).await {
                Err(end) => return Ok(Some(end)),
                Ok(Read::Missing(_)) => true,
                Ok(Read::Found { people, .. }) => people.is_empty(),
                Ok(Read::Hidden(_)) => false,
            };
            if has_left {
                self.mark(member).await?;
            } else {
                // Not to be asked about again.
                self.saw(account);
            }
            if self.is_over() {
                return Ok(Some(End::Here));
            }
        }
        self.run.phase = match page.next_cursor {
            Some(after) => Phase::Leavers { after: Some(after) },
            None => Phase::Done,
        };
        Ok(None)
    }

    /// Marks a member as one whom the platform no longer has. Somebody who changes the member meanwhile may have given them
    /// another account: then the next run looks.
    async fn mark(&mut self, member: &Versioned<Member>) -> Result<(), Problem> {
        let mut new = member.value.clone();
        new.left.insert(self.connection.id.clone(), self.app.world.now());
        match stored::replace(self.app, member, &new).await {
            Ok(_) => self.run.tally.left += 1,
            Err(NotStored::Changed | NotStored::Taken(..)) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }
}
