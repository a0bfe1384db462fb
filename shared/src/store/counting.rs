//! Changes of an item where it stands, without reading it first: many may count in it at the same time.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::ReturnConsumedCapacity;

use super::keys::Key;
use super::schema::{TTL, TYPE};
use super::{Error, Item, Store};

/// Names in an expression, and the attributes that they stand for: DynamoDB takes some words for its own.
const NAMES: [(&str, &str); 3] = [("#t", TTL), ("#k", TYPE), ("#c", "count")];

impl Store {
    /// Changes an item by an update expression, in which `#t` is its time to live, `#k` its type and `#c` its `count`. Makes the
    /// item where there is none.
    ///
    /// # Errors
    /// The table's own.
    pub(super) async fn change_item(&self, key: &Key, change: &str, values: Item) -> Result<(), Error> {
        // DynamoDB refuses names that are not used.
        let names = NAMES.into_iter().filter(|(name, _)| change.contains(name));
        let names: HashMap<_, _> = names.map(|(name, attribute)| (name.to_owned(), attribute.to_owned())).collect();
        let sent = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key.item()))
            .update_expression(change)
            .set_expression_attribute_names(Some(names))
            .set_expression_attribute_values(Some(values))
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await;
        match self.written("UpdateItem", sent.map(|answer| answer.consumed_capacity))? {
            None => Ok(()),
            Some(current) => Err(Error::Conflict { current }),
        }
    }
}
