//! How many callbacks of a connection were verified and could not be read.

use aws_sdk_dynamodb::types::AttributeValue;

use super::schema::TTL;
use super::{Consistency, Error, Item, Store, blank, keys, version};
use crate::ids::ConnectionId;

const COUNT: &str = "count";
const LAST_AT: &str = "last_at";
/// How long the figures are kept after the last one, in milliseconds: 400 days.
const KEPT: i64 = 400 * 24 * 60 * 60 * 1000;

/// The callbacks of a connection that were verified and could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnreadableCallbacks {
    /// How many, at the least: what a process had counted when it stopped is lost.
    pub count: u64,
    /// When the last one came that was stored (milliseconds).
    pub last_at: i64,
}

impl Store {
    /// Adds to a connection's callbacks that could not be read.
    ///
    /// # Errors
    /// [`Error::AlreadyExists`] or [`Error::Conflict`] when another added at the same moment; the table's own.
    pub async fn add_unreadable(&self, connection: &ConnectionId, more: u64, now: i64) -> Result<(), Error> {
        let key = keys::unreadable(connection);
        let known = self.get_item(&key, Consistency::Strong).await?;
        let before = known.as_ref().map(version).transpose()?;
        let count = known.as_ref().and_then(read).map_or(0, |known| known.count).saturating_add(more);
        let mut item = blank(&key, "unreadable", before.unwrap_or_default() + 1);
        let number = |number: String| AttributeValue::N(number);
        item.insert(COUNT.into(), number(count.to_string()));
        item.insert(LAST_AT.into(), number(now.to_string()));
        item.insert(TTL.into(), number(((now + KEPT) / 1000).to_string()));
        match before {
            Some(before) => self.put_if_version(item, before).await,
            None => self.put_new(item).await,
        }
    }

    /// The callbacks of a connection that could not be read; `None` when there were none.
    ///
    /// # Errors
    /// The table's own.
    pub async fn unreadable(&self, connection: &ConnectionId) -> Result<Option<UnreadableCallbacks>, Error> {
        Ok(self.get_item(&keys::unreadable(connection), Consistency::Strong).await?.as_ref().and_then(read))
    }
}

fn read(item: &Item) -> Option<UnreadableCallbacks> {
    let number = |name: &str| item.get(name).and_then(|value| value.as_n().ok());
    Some(UnreadableCallbacks { count: number(COUNT)?.parse().ok()?, last_at: number(LAST_AT)?.parse().ok()? })
}
