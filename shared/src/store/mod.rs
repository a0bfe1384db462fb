//! DynamoDB: one table, one file per access pattern. AWS types do not leave this module.
//!
//! Every write that depends on what was read carries the version it was read at; a lost race is an ordinary
//! [`Error::Conflict`]. What follows are the few requests that all files here are made of.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::types::{
    AttributeValue, ConsumedCapacity, KeysAndAttributes, ReturnConsumedCapacity, ReturnValuesOnConditionCheckFailure,
};

pub mod approvals;
pub mod attempts;
mod counting;
pub mod data_key;
pub mod deliveries;
pub mod directories;
pub mod due;
pub mod error;
pub mod external;
pub mod inbox;
pub mod keys;
pub mod lanes;
pub mod leases;
pub mod members;
pub mod meter;
pub mod owners;
pub mod polls;
pub mod query;
pub mod references;
pub mod requests;
pub mod resources;
pub mod schema;
pub mod sessions;
pub mod sign_ins;
pub mod tokens;
pub mod transaction;
pub mod unreadable;
pub mod usage;

pub use data_key::DataKey;
pub use error::{Current, Error};
pub use keys::Key;
pub use meter::{Meter, Spent};
pub use query::{Page, Query, Range, Row, Rows};
pub use resources::{Resource, Versioned};
pub use schema::create_table;
pub use transaction::{RefusedWrite, Write};

use error::Refused;
use schema::{PK, SK, VERSION};
use serde::de::DeserializeOwned;

/// A stored item: attributes by name.
pub type Item = HashMap<String, AttributeValue>;

/// Most items one batch read may ask for.
const BATCH: usize = 100;

/// How a read relates to writes that have just been answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consistency {
    /// Sees every write that was answered before. Costs twice as much.
    Strong,
    /// May miss the last second or so.
    Eventual,
}

/// The table. Clones share its connections and its meter.
#[derive(Debug, Clone)]
pub struct Store {
    client: Client,
    table: String,
    meter: Meter,
}

impl Store {
    /// The table of this name.
    #[must_use]
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        Self { client, table: table.into(), meter: Meter::default() }
    }

    /// The same table with a meter of its own that starts at zero.
    #[must_use]
    pub fn metered(&self) -> Self {
        Self { meter: Meter::default(), ..self.clone() }
    }

    /// Counts what this store's requests cost.
    #[must_use]
    pub fn meter(&self) -> &Meter {
        &self.meter
    }

    /// Name of the table.
    #[must_use]
    pub fn table(&self) -> &str {
        &self.table
    }

    /// Reads one item.
    ///
    /// # Errors
    /// [`Error::Throttled`] or [`Error::Unavailable`].
    pub async fn get_item(&self, key: &Key, consistency: Consistency) -> Result<Option<Item>, Error> {
        let answer = self
            .client
            .get_item()
            .table_name(&self.table)
            .set_key(Some(key.item()))
            .consistent_read(consistency == Consistency::Strong)
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await
            .map_err(|error| Error::from_sdk("GetItem", error))?;
        self.meter.read(answer.consumed_capacity.as_slice());
        Ok(answer.item)
    }

    /// Reads many items in their keys' order; what is not there is left out.
    ///
    /// # Errors
    /// [`Error::Throttled`] when some were still not read after several attempts, or [`Error::Unavailable`].
    pub async fn batch_get(&self, keys: &[Key], consistency: Consistency) -> Result<Vec<Item>, Error> {
        let mut found = HashMap::with_capacity(keys.len());
        for part in keys.chunks(BATCH) {
            let mut wanted: Vec<Key> = part.to_vec();
            wanted.sort_unstable_by(|a, b| (&a.pk, &a.sk).cmp(&(&b.pk, &b.sk)));
            wanted.dedup();
            let mut wanted: Vec<Item> = wanted.iter().map(Key::item).collect();
            let mut attempt = 0;
            while !wanted.is_empty() {
                if attempt == 5 {
                    return Err(Error::Throttled);
                }
                if attempt > 0 {
                    tokio::time::sleep(std::time::Duration::from_millis(25 << attempt)).await;
                }
                attempt += 1;
                wanted = self.batch_once(wanted, consistency, &mut found).await?;
            }
        }
        Ok(keys.iter().filter_map(|key| found.remove(key)).collect())
    }

    /// One batch read: keeps what came and returns the keys that DynamoDB did not get to.
    async fn batch_once(
        &self,
        wanted: Vec<Item>,
        consistency: Consistency,
        found: &mut HashMap<Key, Item>,
    ) -> Result<Vec<Item>, Error> {
        let request = KeysAndAttributes::builder()
            .set_keys(Some(wanted))
            .consistent_read(consistency == Consistency::Strong)
            .build()
            .map_err(|_| Error::Unavailable)?;
        let mut answer = self
            .client
            .batch_get_item()
            .request_items(&self.table, request)
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await
            .map_err(|error| Error::from_sdk("BatchGetItem", error))?;
        self.meter.read(answer.consumed_capacity());
        let items = answer.responses.as_mut().and_then(|tables| tables.remove(&self.table)).unwrap_or_default();
        found.extend(items.into_iter().filter_map(|item| Some((Key::of(&item)?, item))));
        let left = answer.unprocessed_keys.as_mut().and_then(|tables| tables.remove(&self.table));
        Ok(left.map(|keys| keys.keys).unwrap_or_default())
    }

    /// Writes an item whatever is there.
    ///
    /// # Errors
    /// [`Error::TooLarge`], [`Error::Throttled`] or [`Error::Unavailable`].
    pub async fn put_item(&self, item: Item) -> Result<(), Error> {
        match self.put(item, Condition::None).await? {
            None => Ok(()),
            Some(current) => Err(Error::Conflict { current }),
        }
    }

    /// Writes an item whose key is not there yet.
    ///
    /// # Errors
    /// [`Error::AlreadyExists`] with the item that is there; else as [`Store::put_item`].
    pub async fn put_new(&self, item: Item) -> Result<(), Error> {
        match self.put(item, Condition::Absent).await? {
            None => Ok(()),
            Some(current) => Err(Error::AlreadyExists { current }),
        }
    }

    /// Replaces an item that is still at this version.
    ///
    /// # Errors
    /// [`Error::Conflict`] with the item as it is now (none if it is gone); else as [`Store::put_item`].
    pub async fn put_if_version(&self, item: Item, version: u64) -> Result<(), Error> {
        match self.put(item, Condition::Version(version)).await? {
            None => Ok(()),
            Some(current) => Err(Error::Conflict { current }),
        }
    }

    async fn put(&self, item: Item, condition: Condition) -> Result<Option<Current>, Error> {
        let sent = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item))
            .set_condition_expression(condition.expression())
            .set_expression_attribute_names(condition.names())
            .set_expression_attribute_values(condition.values())
            .set_return_values_on_condition_check_failure(condition.returns())
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await;
        self.written("PutItem", sent.map(|answer| answer.consumed_capacity))
    }

    /// Counts a write, and finds the item that stood in its way, if one did.
    fn written<E>(
        &self,
        operation: &'static str,
        sent: Result<Option<ConsumedCapacity>, SdkError<E>>,
    ) -> Result<Option<Current>, Error>
    where
        E: Refused + ProvideErrorMetadata + std::error::Error + 'static,
    {
        match sent {
            Ok(consumed) => {
                self.meter.write(consumed.as_slice());
                Ok(None)
            }
            Err(error) => {
                self.meter.write(&[]);
                Error::from_write(operation, error).map(Some)
            }
        }
    }

    /// Deletes an item if it is there.
    ///
    /// # Errors
    /// [`Error::Throttled`] or [`Error::Unavailable`].
    pub async fn delete_item(&self, key: &Key) -> Result<(), Error> {
        match self.remove(key, Condition::None).await? {
            None => Ok(()),
            Some(current) => Err(Error::Conflict { current }),
        }
    }

    /// Deletes an item that is still at this version.
    ///
    /// # Errors
    /// [`Error::Conflict`] with the item as it is now (none if it is gone); else as [`Store::delete_item`].
    pub async fn delete_if_version(&self, key: &Key, version: u64) -> Result<(), Error> {
        match self.remove(key, Condition::Version(version)).await? {
            None => Ok(()),
            Some(current) => Err(Error::Conflict { current }),
        }
    }

    async fn remove(&self, key: &Key, condition: Condition) -> Result<Option<Current>, Error> {
        let sent = self
            .client
            .delete_item()
            .table_name(&self.table)
            .set_key(Some(key.item()))
            .set_condition_expression(condition.expression())
            .set_expression_attribute_names(condition.names())
            .set_expression_attribute_values(condition.values())
            .set_return_values_on_condition_check_failure(condition.returns())
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await;
        self.written("DeleteItem", sent.map(|answer| answer.consumed_capacity))
    }
}

/// What a write depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) enum Condition {
    /// Nothing.
    None,
    /// No item has this key.
    Absent,
    /// The item is at this version.
    Version(u64),
    /// There is no such item, or it is of an earlier version than this.
    Older(u64),
}

impl Condition {
    fn expression(self) -> Option<String> {
        match self {
            Self::None => None,
            Self::Absent => Some("attribute_not_exists(#c)".to_owned()),
            Self::Version(_) => Some("#c = :c".to_owned()),
            Self::Older(_) => Some("attribute_not_exists(#c) OR #c < :c".to_owned()),
        }
    }

    fn names(self) -> Option<HashMap<String, String>> {
        let name = match self {
            Self::None => return None,
            Self::Absent => PK,
            Self::Version(_) | Self::Older(_) => VERSION,
        };
        Some(HashMap::from([("#c".to_owned(), name.to_owned())]))
    }

    fn values(self) -> Option<Item> {
        match self {
            Self::None | Self::Absent => None,
            Self::Version(version) | Self::Older(version) => {
                Some(Item::from([(":c".to_owned(), AttributeValue::N(version.to_string()))]))
            }
        }
    }

    fn returns(self) -> Option<ReturnValuesOnConditionCheckFailure> {
        (self != Self::None).then_some(ReturnValuesOnConditionCheckFailure::AllOld)
    }
}

/// An item that can be written: its key, version and type, without anything else yet.
#[must_use]
pub(in crate::store) fn blank(key: &Key, kind: &str, version: u64) -> Item {
    Item::from([
        (PK.to_owned(), AttributeValue::S(key.pk.clone())),
        (SK.to_owned(), AttributeValue::S(key.sk.clone())),
        (schema::TYPE.to_owned(), AttributeValue::S(kind.to_owned())),
        (VERSION.to_owned(), AttributeValue::N(version.to_string())),
    ])
}

/// Version of a stored item.
///
/// # Errors
/// [`Error::Corrupt`] when it has none.
pub(in crate::store) fn version(item: &Item) -> Result<u64, Error> {
    item.get(VERSION).and_then(|v| v.as_n().ok()).and_then(|n| n.parse().ok()).ok_or_else(|| corrupt(item))
}

/// The error for an item that cannot be read. What is wrong with it is not said: it may be personal.
#[must_use]
pub(in crate::store) fn corrupt(item: &Item) -> Error {
    unreadable(Key::of(item))
}

fn unreadable(key: Option<Key>) -> Error {
    let key = key.map(|key| key.to_string()).unwrap_or_default();
    tracing::error!(key, "a stored item cannot be read");
    Error::Corrupt { key }
}

/// Reads what an item holds. Only its key is kept for the error: this stands on every approval's way.
///
/// # Errors
/// [`Error::Corrupt`] when it holds something else.
pub(in crate::store) fn decode<T: DeserializeOwned>(item: Item) -> Result<T, Error> {
    let key = Key::of(&item);
    serde_dynamo::from_item(item).map_err(|_| unreadable(key))
}
