//! DynamoDB's operations that the store uses, each handed to `dynoxide`.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use countersign::store::keys;
use countersign::store::schema::SK;
use dynoxide::actions;
use dynoxide::actions::put_item::PutItemRequest;
use dynoxide::actions::vector_lifecycle::VectorIndexLifecycle;
use dynoxide::storage::Storage;
use dynoxide::{AttributeValue, DynoxideError, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// What an operation did that succeeded.
pub(super) struct Done {
    /// JSON text.
    pub(super) text: String,
    pub(super) wrote: Wrote,
}

/// Whether something may have been written, and whether it is waited for until that is on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wrote {
    Nothing,
    Something,
    /// Something that another write follows before anybody outside is told or asked. Who waits for that one has waited for both.
    Prelude,
}

/// Deals with a request.
pub(super) fn perform(storage: &Storage, operation: &str, body: &str) -> Result<Done> {
    if operation == "PutItem" {
        let request: PutItemRequest = read(body)?;
        let wrote = if is_prelude(&request) { Wrote::Prelude } else { Wrote::Something };
        return Ok(Done { text: text(&at_once(actions::put_item::execute(storage, request))?)?, wrote });
    }
    let writes =
        matches!(operation, "UpdateItem" | "DeleteItem" | "TransactWriteItems" | "CreateTable" | "UpdateTimeToLive");
    let wrote = if writes { Wrote::Something } else { Wrote::Nothing };
    Ok(Done { text: answer(storage, operation, body)?, wrote })
}

/// What was submitted, and where an instance belongs: the approval's state is written after either, before a platform is called or
/// somebody is answered.
fn is_prelude(request: &PutItemRequest) -> bool {
    let Some(AttributeValue::S(sk)) = request.item.get(SK) else { return false };
    sk == keys::REQUEST || sk == keys::REFERENCE
}

fn answer(storage: &Storage, operation: &str, body: &str) -> Result<String> {
    match operation {
        "GetItem" => text(&at_once(actions::get_item::execute(storage, read(body)?))?),
        "BatchGetItem" => text(&at_once(actions::batch_get_item::execute(storage, read(body)?))?),
        "Query" => text(&at_once(actions::query::execute(storage, read(body)?))?),
        "Scan" => text(&at_once(actions::scan::execute(storage, read(body)?))?),
        "UpdateItem" => text(&at_once(actions::update_item::execute(storage, read(body)?))?),
        "DeleteItem" => text(&at_once(actions::delete_item::execute(storage, read(body)?))?),
        "TransactWriteItems" => text(&at_once(actions::transact_write_items::execute(storage, read(body)?))?),
        "CreateTable" => text(&at_once(actions::create_table::execute(storage, read(body)?))?),
        "DescribeTable" => {
            let none = VectorIndexLifecycle::new();
            text(&at_once(actions::describe_table::execute(storage, read(body)?, &none))?)
        }
        "DescribeTimeToLive" => text(&at_once(actions::describe_time_to_live::execute(storage, read(body)?))?),
        "UpdateTimeToLive" => text(&at_once(actions::update_time_to_live::execute(storage, read(body)?))?),
        other => Err(DynoxideError::ValidationException(format!("{other} is not offered here"))),
    }
}

/// Ends a future of the engine: with SQLite none of them ever waits.
pub(super) fn at_once<T>(future: impl Future<Output = Result<T>>) -> Result<T> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(done) => done,
        Poll::Pending => Err(DynoxideError::InternalServerError("the engine waits for something".to_owned())),
    }
}

/// The SDK writes what is well formed; what the engine refuses while it reads is a value that DynamoDB refuses.
fn read<T: DeserializeOwned>(body: &str) -> Result<T> {
    serde_json::from_str(body).map_err(|error| DynoxideError::ValidationException(error.to_string()))
}

fn text<T: Serialize>(response: &T) -> Result<String> {
    serde_json::to_string(response).map_err(|error| DynoxideError::InternalServerError(error.to_string()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn all_is_waited_for_but_what_the_state_follows() {
        let storage = Storage::memory().unwrap();
        let table = json!({
            "TableName": "tab", "BillingMode": "PAY_PER_REQUEST",
            "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
            "AttributeDefinitions": [
                {"AttributeName": "pk", "AttributeType": "S"}, {"AttributeName": "sk", "AttributeType": "S"},
            ],
        });
        assert_eq!(perform(&storage, "CreateTable", &table.to_string()).unwrap().wrote, Wrote::Something);
        for (sk, wrote) in [
            ("REQUEST", Wrote::Prelude),
            ("REF", Wrote::Prelude),
            ("STATE", Wrote::Something),
            ("DLV#00000001", Wrote::Something),
        ] {
            let put = json!({"TableName": "tab", "Item": {"pk": {"S": "APR#1"}, "sk": {"S": sk}}});
            assert_eq!(perform(&storage, "PutItem", &put.to_string()).unwrap().wrote, wrote, "{sk}");
            let key = json!({"TableName": "tab", "Key": {"pk": {"S": "APR#1"}, "sk": {"S": sk}}});
            assert_eq!(perform(&storage, "GetItem", &key.to_string()).unwrap().wrote, Wrote::Nothing);
            assert_eq!(perform(&storage, "DeleteItem", &key.to_string()).unwrap().wrote, Wrote::Something);
        }
    }
}
