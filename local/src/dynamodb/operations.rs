//! DynamoDB's operations that the store uses, each handed to `dynoxide`.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use dynoxide::actions;
use dynoxide::actions::vector_lifecycle::VectorIndexLifecycle;
use dynoxide::storage::Storage;
use dynoxide::{DynoxideError, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Whether an operation that succeeds may have written.
pub(super) fn writes(operation: &str) -> bool {
    matches!(
        operation,
        "PutItem" | "UpdateItem" | "DeleteItem" | "TransactWriteItems" | "CreateTable" | "UpdateTimeToLive"
    )
}

/// Deals with a request; answers with JSON text.
pub(super) fn perform(storage: &Storage, operation: &str, body: &str) -> Result<String> {
    match operation {
        "GetItem" => text(&at_once(actions::get_item::execute(storage, read(body)?))?),
        "BatchGetItem" => text(&at_once(actions::batch_get_item::execute(storage, read(body)?))?),
        "Query" => text(&at_once(actions::query::execute(storage, read(body)?))?),
        "Scan" => text(&at_once(actions::scan::execute(storage, read(body)?))?),
        "PutItem" => text(&at_once(actions::put_item::execute(storage, read(body)?))?),
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
