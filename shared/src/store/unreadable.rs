//! How many callbacks of a connection were verified and could not be read.

use aws_sdk_dynamodb::types::AttributeValue;

use super::{Consistency, Error, Item, Store, keys};
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
    /// Adds to a connection's callbacks that could not be read. Many may add at the same time.
    ///
    /// # Errors
    /// The table's own.
    pub async fn add_unreadable(&self, connection: &ConnectionId, more: u64, now: i64) -> Result<(), Error> {
        let number = |number: String| AttributeValue::N(number);
        let values = Item::from([
            (":n".to_owned(), number(more.to_string())),
            (":a".to_owned(), number(now.to_string())),
            (":t".to_owned(), number(((now + KEPT) / 1000).to_string())),
            (":k".to_owned(), AttributeValue::S("unreadable".to_owned())),
        ]);
        let change = format!("ADD #c :n SET {LAST_AT} = :a, #t = :t, #k = :k");
        self.change_item(&keys::unreadable(connection), &change, values).await
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
