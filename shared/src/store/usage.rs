//! How many calls to its platform a connection has made in a month.

use aws_sdk_dynamodb::types::{AttributeValue, ReturnConsumedCapacity};

use super::schema::{TTL, TYPE};
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
    /// Whether the platform has said that the quota is spent.
    pub exhausted: bool,
}

impl Store {
    /// Adds to what a connection has used in a month; once `exhausted`, it stays so. Many may add at the same time.
    ///
    /// # Errors
    /// The table's own.
    pub async fn add_usage(&self, connection: &str, month: &str, more: Usage, now: i64) -> Result<(), Error> {
        let key = keys::usage(connection, month);
        let number = |number: String| AttributeValue::N(number);
        let mut values = Item::from([
            (":n".to_owned(), number(more.calls.to_string())),
            (":t".to_owned(), number(((now + KEPT) / 1000).to_string())),
            (":k".to_owned(), AttributeValue::S("usage".to_owned())),
        ]);
        let mut change = format!("ADD {CALLS} :n SET #t = :t, #k = :k");
        if more.exhausted {
            change = format!("{change}, {EXHAUSTED} = :e");
            values.insert(":e".to_owned(), AttributeValue::Bool(true));
        }
        let sent = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key.item()))
            .update_expression(change)
            .expression_attribute_names("#t", TTL)
            .expression_attribute_names("#k", TYPE)
            .set_expression_attribute_values(Some(values))
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await;
        match self.written("UpdateItem", sent.map(|answer| answer.consumed_capacity))? {
            None => Ok(()),
            Some(current) => Err(Error::Conflict { current }),
        }
    }

    /// What a connection has used in a month, perhaps without the last second's.
    ///
    /// # Errors
    /// The table's own.
    pub async fn usage(&self, connection: &str, month: &str) -> Result<Usage, Error> {
        let item = self.get_item(&keys::usage(connection, month), Consistency::Eventual).await?.unwrap_or_default();
        let calls = item.get(CALLS).and_then(|calls| calls.as_n().ok()).and_then(|calls| calls.parse().ok());
        Ok(Usage { calls: calls.unwrap_or_default(), exhausted: item.contains_key(EXHAUSTED) })
    }
}
