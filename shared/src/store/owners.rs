//! That an organisation keeps an owner: whoever takes away an owner's right, of a key or a member, changes one item of the organisation in
//! the same transaction. Two that take away the last two at the same time are told so, since one of them finds the item changed.

use super::{Consistency, Error, Store, Write, blank, keys, version};
use crate::ids::OrgId;

impl Store {
    /// How often somebody has stopped being an owner of the organisation. Read it before looking for who else is one.
    ///
    /// # Errors
    /// The table's own.
    pub async fn owners_left(&self, org: &OrgId) -> Result<u64, Error> {
        let item = self.get_item(&keys::owners(org), Consistency::Strong).await?;
        item.as_ref().map_or(Ok(0), version)
    }
}

/// Counts one more, if there were so many before.
#[must_use]
pub fn owner_leaves(org: &OrgId, before: u64) -> Write {
    let item = blank(&keys::owners(org), "owners", before + 1);
    if before == 0 { Write::put_new(item) } else { Write::put_if_version(item, before) }
}
