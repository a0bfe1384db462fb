//! Members who were stored before accounts, numbers and addresses led to them: they are made findable, so that nobody is made a
//! second time.

use countersign::http::Problem;
use countersign::resources::Member;
use countersign::store::directories::Phase;

use super::run::Page;
use crate::members::stored;

/// So many members are looked at together.
const BATCH: u16 = 100;

impl Page<'_> {
    /// Looks at a batch of the organisation's members.
    pub(super) async fn index(&mut self, after: Option<&str>) -> Result<(), Problem> {
        let page = self.app.store.list::<Member>(&self.connection.org, BATCH, after).await?;
        stored::index(self.app, &self.connection.org, &page.items).await?;
        self.run.phase = match page.next_cursor {
            Some(after) => Phase::Index { after: Some(after) },
            None => Phase::Read,
        };
        Ok(())
    }
}
