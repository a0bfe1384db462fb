//! Why the store did not do what was asked, by what the caller can do about it.

use std::fmt;

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::RequestId;
use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;

use super::Item;

/// Why the store did not do what was asked. Neither `Display` nor `Debug` shows what an item holds.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such item, or it is of another organisation.
    #[error("there is no such item")]
    NotFound,
    /// An item with this key is there already.
    #[error("an item with this key exists already")]
    AlreadyExists {
        /// The item that is there.
        current: Current,
    },
    /// Somebody else was faster, or the version that was expected is no longer the current one.
    #[error("the item has changed meanwhile")]
    Conflict {
        /// The item as it is now.
        current: Current,
    },
    /// Too many requests for the table; try again.
    #[error("the table is busy")]
    Throttled,
    /// No answer, or one that is our fault; try again.
    #[error("the table cannot be reached")]
    Unavailable,
    /// An item cannot be read.
    #[error("the item `{key}` cannot be read")]
    Corrupt {
        /// Its key.
        key: String,
    },
    /// The item is larger than an item may be (400 KB).
    #[error("the item is too large to be stored")]
    TooLarge,
    /// A list was continued with a cursor that this list did not hand out.
    #[error("the cursor does not belong to this list")]
    InvalidCursor,
}

impl Error {
    /// Its stable name, as answers and logs show it.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::NotFound => "not_found",
            Self::AlreadyExists { .. } | Self::Conflict { .. } => "conflict",
            Self::Throttled | Self::Unavailable => "unavailable",
            Self::Corrupt { .. } => "internal",
            Self::TooLarge => "too_large",
            Self::InvalidCursor => "invalid_cursor",
        }
    }

    /// What is told of it: less than `Display` says, which names keys.
    #[must_use]
    pub const fn told(&self) -> &'static str {
        match self {
            Self::NotFound => "there is no such thing here",
            Self::AlreadyExists { .. } => "it exists already",
            Self::Conflict { .. } => "it has changed meanwhile; try again",
            Self::Throttled | Self::Unavailable => "a part of the service does not answer; try again",
            Self::Corrupt { .. } => "something went wrong on our side; the trace id finds it in the log",
            Self::TooLarge => "it is too large to be stored",
            Self::InvalidCursor => "the cursor does not belong to this list",
        }
    }
}

/// The item that stood in the way; `None` when it was deleted meanwhile. `Debug` does not show it.
#[derive(Clone, Default)]
pub struct Current(pub(in crate::store) Option<Box<Item>>);

impl Current {
    /// Takes the item out.
    #[must_use]
    pub fn into_item(self) -> Option<Item> {
        self.0.map(|item| *item)
    }
}

impl fmt::Debug for Current {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Current(..)" } else { "Current(none)" })
    }
}

/// What a write was refused for, if it was for its condition.
pub(super) trait Refused {
    /// The item that is there.
    fn refused(&self) -> Option<Current>;
}

macro_rules! refused {
    ($($error:ident),*) => {$(
        impl Refused for $error {
            fn refused(&self) -> Option<Current> {
                match self {
                    Self::ConditionalCheckFailedException(refusal) => {
                        Some(Current(refusal.item().map(|item| Box::new(item.clone()))))
                    }
                    _ => None,
                }
            }
        }
    )*};
}
refused!(PutItemError, DeleteItemError, UpdateItemError);

impl Error {
    /// Names an SDK error by what can be done about it. Its detail is logged here, once, and goes no further.
    pub(super) fn from_sdk<E>(operation: &'static str, error: SdkError<E>) -> Self
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        let code = error.code().unwrap_or("none");
        let message = error.message().unwrap_or_default();
        let request = error.request_id().unwrap_or_default();
        if message.contains("size has exceeded") {
            return Self::TooLarge;
        }
        match code {
            "ProvisionedThroughputExceededException"
            | "ThrottlingException"
            | "RequestLimitExceeded"
            | "TransactionConflictException" => {
                tracing::warn!(operation, code, request, "the table is busy");
                Self::Throttled
            }
            _ => {
                let detail = aws_sdk_dynamodb::error::DisplayErrorContext(&error);
                tracing::error!(operation, code, request, %detail, "a request to the table failed");
                Self::Unavailable
            }
        }
    }

    /// Like [`Error::from_sdk`], for writes that carry a condition: `Ok` when it was the condition that refused.
    pub(super) fn from_write<E>(operation: &'static str, error: SdkError<E>) -> Result<Current, Self>
    where
        E: Refused + ProvideErrorMetadata + std::error::Error + 'static,
    {
        match error.as_service_error().and_then(Refused::refused) {
            Some(current) => Ok(current),
            None => Err(Self::from_sdk(operation, error)),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use aws_sdk_dynamodb::types::AttributeValue;

    use super::*;

    #[test]
    fn debug_and_display_do_not_show_the_item() {
        let item = Item::from([("secret".to_owned(), AttributeValue::S("hunter2".to_owned()))]);
        let error = Error::Conflict { current: Current(Some(Box::new(item))) };
        assert_eq!(format!("{error:?}"), "Conflict { current: Current(..) }");
        assert!(!error.to_string().contains("hunter2"));
    }
}
