//! What has expired, and what is due: questions that DynamoDB answers by a service of its own, or at a price that nobody sees here.

use countersign::store::keys;
use countersign::store::schema::{DUE, DUE_SHARDS};
use dynoxide::storage::Storage;
use dynoxide::{AttributeValue, DynoxideError, Item, actions};
use serde_json::json;

use super::changes::told;
use super::engine::Engine;
use super::operations::at_once;
use super::upkeep::{expires, expiry, quoted};
use crate::Error;

type Result<T, E = DynoxideError> = std::result::Result<T, E>;

/// Items that are removed while others wait for the connection.
const AT_ONCE: usize = 25;

impl Engine {
    /// Removes items that have expired at `now` (milliseconds), a few. Returns how many.
    ///
    /// # Errors
    /// When the table cannot be read or written.
    pub fn expire(&self, table: &str, now: i64) -> Result<usize, Error> {
        let storage = self.storage();
        let removed = expire(&storage, table, now / 1000).map_err(told)?;
        if removed > 0 {
            self.wrote();
        }
        Ok(removed)
    }

    /// Whether anything is due at `now` (milliseconds): one question instead of one for each partition.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub fn is_due(&self, table: &str, now: i64) -> Result<bool, Error> {
        is_due(&self.storage(), table, now).map_err(told)
    }
}

fn expire(storage: &Storage, table: &str, now: i64) -> Result<usize> {
    let expired = expired(storage, table, now)?;
    for item in &expired {
        let key = json!({ "pk": item.get("pk"), "sk": item.get("sk") });
        let request = serde_json::from_value(json!({ "TableName": table, "Key": key }));
        let request = request.map_err(|error| DynoxideError::InternalServerError(error.to_string()))?;
        at_once(actions::delete_item::execute(storage, request))?;
    }
    Ok(expired.len())
}

fn expired(storage: &Storage, table: &str, now: i64) -> Result<Vec<Item>> {
    let (table, expires, expiry) = (quoted(table), expires(), expiry());
    let sql = format!("SELECT item_json FROM {table} WHERE {expires} AND {expiry} < ?1 LIMIT {AT_ONCE}");
    let mut statement = storage.conn().prepare_cached(&sql)?;
    let mut rows = statement.query([now])?;
    let mut items = Vec::new();
    while let Some(row) = rows.next()? {
        let text: String = row.get(0)?;
        items.extend(serde_json::from_str::<Item>(&text).ok());
    }
    Ok(items)
}

fn is_due(storage: &Storage, table: &str, now: i64) -> Result<bool> {
    let index = quoted(&format!("{table}::gsi::{}", DUE.name));
    let partition = |shard| key_text(&AttributeValue::S(keys::due(shard)));
    let partitions: Vec<String> = (0..DUE_SHARDS).map(|shard| format!("'{}'", partition(shard))).collect();
    let sql =
        format!("SELECT EXISTS (SELECT 1 FROM {index} WHERE gsi_pk IN ({}) AND gsi_sk <= ?1)", partitions.join(", "));
    let now = key_text(&AttributeValue::N(now.to_string()));
    Ok(storage.conn().prepare_cached(&sql)?.query_row([now], |row| row.get(0))?)
}

/// A key's value as the engine's tables hold it.
fn key_text(value: &AttributeValue) -> String {
    value.to_key_string().unwrap_or_default()
}
