//! All or nothing, for the few configuration changes that touch more than one item. It costs twice as much as single
//! writes, so nothing on an approval's way uses it.

use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::error::TransactionCanceledException;
use aws_sdk_dynamodb::types::{Delete, Put, ReturnConsumedCapacity, TransactWriteItem};

use super::{Condition, Current, Error, Item, Key, Store};

/// Most writes of one transaction.
pub const MAX_WRITES: usize = 100;

/// One write of a transaction.
#[derive(Clone)]
pub struct Write(Kind);

#[derive(Clone)]
enum Kind {
    Put(Item, Condition),
    Delete(Key, Condition),
}

impl Write {
    /// Writes an item whatever is there.
    #[must_use]
    pub fn put(item: Item) -> Self {
        Self(Kind::Put(item, Condition::None))
    }

    /// Writes an item whose key is not there yet.
    #[must_use]
    pub fn put_new(item: Item) -> Self {
        Self(Kind::Put(item, Condition::Absent))
    }

    /// Replaces an item that is still at this version.
    #[must_use]
    pub fn put_if_version(item: Item, version: u64) -> Self {
        Self(Kind::Put(item, Condition::Version(version)))
    }

    /// Deletes an item if it is there.
    #[must_use]
    pub fn delete(key: Key) -> Self {
        Self(Kind::Delete(key, Condition::None))
    }

    /// Deletes an item that is still at this version.
    #[must_use]
    pub fn delete_if_version(key: Key, version: u64) -> Self {
        Self(Kind::Delete(key, Condition::Version(version)))
    }

    fn build(self, table: &str) -> Result<TransactWriteItem, Error> {
        let mut action = TransactWriteItem::builder();
        match self.0 {
            Kind::Put(item, condition) => {
                let put = Put::builder()
                    .set_item(Some(item))
                    .set_condition_expression(condition.expression())
                    .set_expression_attribute_names(condition.names())
                    .set_expression_attribute_values(condition.values())
                    .set_return_values_on_condition_check_failure(condition.returns());
                action = action.put(put.table_name(table).build().map_err(|_| Error::Unavailable)?);
            }
            Kind::Delete(key, condition) => {
                let delete = Delete::builder()
                    .set_key(Some(key.item()))
                    .set_condition_expression(condition.expression())
                    .set_expression_attribute_names(condition.names())
                    .set_expression_attribute_values(condition.values())
                    .set_return_values_on_condition_check_failure(condition.returns());
                action = action.delete(delete.table_name(table).build().map_err(|_| Error::Unavailable)?);
            }
        }
        Ok(action.build())
    }
}

/// The write of a transaction whose condition did not hold; nothing was written.
#[derive(Debug)]
pub struct RefusedWrite {
    /// Which write, counted from 0.
    pub index: usize,
    /// The item that is there.
    pub current: Current,
}

impl Store {
    /// Does all these writes or none: `Ok(Err(..))` names the first whose condition did not hold.
    ///
    /// # Errors
    /// [`Error::Throttled`] (also when another transaction is at the same items), [`Error::TooLarge`] or
    /// [`Error::Unavailable`].
    pub async fn transact(&self, writes: Vec<Write>) -> Result<Result<(), RefusedWrite>, Error> {
        let actions = writes.into_iter().map(|write| write.build(&self.table)).collect::<Result<Vec<_>, _>>()?;
        let sent = self
            .client
            .transact_write_items()
            .set_transact_items(Some(actions))
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await;
        match sent {
            Ok(answer) => {
                self.meter.write(answer.consumed_capacity());
                Ok(Ok(()))
            }
            Err(error) => {
                self.meter.write(&[]);
                match error.as_service_error() {
                    Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => {
                        refused_write(cancelled).map(Err)
                    }
                    _ => Err(Error::from_sdk("TransactWriteItems", error)),
                }
            }
        }
    }
}

/// The first condition that did not hold, or why else the transaction was cancelled.
fn refused_write(cancelled: &TransactionCanceledException) -> Result<RefusedWrite, Error> {
    let reasons = cancelled.cancellation_reasons();
    for (index, reason) in reasons.iter().enumerate() {
        if reason.code() == Some("ConditionalCheckFailed") {
            let current = Current(reason.item().map(|item| Box::new(item.clone())));
            return Ok(RefusedWrite { index, current });
        }
    }
    let code = reasons.iter().filter_map(|reason| reason.code()).find(|code| *code != "None").unwrap_or("None");
    let message = reasons.iter().filter_map(|reason| reason.message()).next().unwrap_or_default();
    tracing::warn!(code, "a transaction was cancelled");
    Err(match code {
        "TransactionConflict" | "ThrottlingError" | "ProvisionedThroughputExceeded" => Error::Throttled,
        _ if message.contains("size has exceeded") => Error::TooLarge,
        _ => Error::Unavailable,
    })
}
