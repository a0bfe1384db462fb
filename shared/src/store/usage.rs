//! How many calls to its platform a connection has made in a month.

use aws_sdk_dynamodb::types::AttributeValue;

use super::{Consistency, Error, Item, Store, keys};

const CALLS: &str = "calls";
const EXHAUSTED: &str = "exhausted";
/// How long a month's figures are kept after it was last counted in, in milliseconds: 400 days.
const KEPT: i64 = 400 * 24 * 60 * 60 * 1000;

/// What a connection has used in a month.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Calls.
    pub calls: u64,
    /// When the platform last said that the quota is spent (milliseconds), if nothing has shown since that it is not.
    pub exhausted_at: Option<i64>,
}

impl Store {
    /// Adds to what a connection has used in a month; where it is exhausted, the latest time stays until [`Store::end_exhausted`].
    /// Many may add at the same time.
    ///
    /// # Errors
    /// The table's own.
    pub async fn add_usage(&self, connection: &str, month: &str, more: Usage, now: i64) -> Result<(), Error> {
        let number = |number: String| AttributeValue::N(number);
        let mut values = Item::from([
            (":n".to_owned(), number(more.calls.to_string())),
            (":t".to_owned(), number(((now + KEPT) / 1000).to_string())),
            (":k".to_owned(), AttributeValue::S("usage".to_owned())),
        ]);
        let mut change = format!("ADD {CALLS} :n SET #t = :t, #k = :k");
        if let Some(at) = more.exhausted_at {
            change = format!("{change}, {EXHAUSTED} = :e");
            values.insert(":e".to_owned(), number(at.to_string()));
        }
        self.change_item(&keys::usage(connection, month), &change, values).await
    }

    /// Forgets that a connection's quota was said to be spent in a month.
    ///
    /// # Errors
    /// The table's own.
    pub async fn end_exhausted(&self, connection: &str, month: &str) -> Result<(), Error> {
        let values = Item::from([(":k".to_owned(), AttributeValue::S("usage".to_owned()))]);
        self.change_item(&keys::usage(connection, month), &format!("SET #k = :k REMOVE {EXHAUSTED}"), values).await
    }

    /// What a connection has used in a month, perhaps without the last second's.
    ///
    /// # Errors
    /// The table's own.
    pub async fn usage(&self, connection: &str, month: &str) -> Result<Usage, Error> {
        let item = self.get_item(&keys::usage(connection, month), Consistency::Eventual).await?.unwrap_or_default();
        let calls = item.get(CALLS).and_then(|calls| calls.as_n().ok()).and_then(|calls| calls.parse().ok());
        // Older items say only that it is, and not since when.
        let since = |value: &AttributeValue| value.as_n().ok().and_then(|at| at.parse().ok()).unwrap_or(0);
        Ok(Usage { calls: calls.unwrap_or_default(), exhausted_at: item.get(EXHAUSTED).map(since) })
    }
}
