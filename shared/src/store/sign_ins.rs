//! Sign-ins through a platform whose browser has come back: each is used once.
//!
//! What a sign-in is about, the browser has, sealed; the table learns of it when the browser brings it back.

use aws_sdk_dynamodb::types::AttributeValue;
use serde::{Deserialize, Serialize};

use super::schema::TTL;
use super::{Consistency, Error, Item, Key, Store, blank, decode, keys};
use crate::ids::SessionId;

/// How long a used sign-in is remembered, in milliseconds: longer than what the browser has is good.
const KEPT: i64 = 60 * 60 * 1000;

/// A sign-in that was used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsedSignIn {
    /// The session that it was to begin, or that it belongs to.
    pub session: SessionId,
    /// Where the browser was to go.
    pub back: String,
    /// Whether it came to that; `None` while it is under way.
    #[serde(default)]
    pub ok: Option<bool>,
}

impl Store {
    /// Uses a sign-in, at `now` (milliseconds). Answers with what it was used for where it was used before.
    ///
    /// # Errors
    /// The table's own.
    pub async fn use_sign_in(&self, id: &str, used: &UsedSignIn, now: i64) -> Result<Option<UsedSignIn>, Error> {
        let key = keys::sign_in(id);
        match self.put_new(item(&key, used, now)?).await {
            Err(Error::AlreadyExists { current }) => current.into_item().map(decode).transpose(),
            other => other.map(|()| None),
        }
    }

    /// Notes what a sign-in has come to.
    ///
    /// # Errors
    /// The table's own.
    pub async fn end_sign_in(&self, id: &str, used: &UsedSignIn, ok: bool, now: i64) -> Result<(), Error> {
        let done = UsedSignIn { ok: Some(ok), ..used.clone() };
        self.put_item(item(&keys::sign_in(id), &done, now)?).await
    }

    /// A sign-in that was used.
    ///
    /// # Errors
    /// The table's own.
    pub async fn used_sign_in(&self, id: &str) -> Result<Option<UsedSignIn>, Error> {
        self.get_item(&keys::sign_in(id), Consistency::Strong).await?.map(decode).transpose()
    }
}

fn item(key: &Key, used: &UsedSignIn, now: i64) -> Result<Item, Error> {
    let mut item = blank(key, "used sign-in", 1);
    let body: Item = serde_dynamo::to_item(used).map_err(|_| Error::Corrupt { key: key.to_string() })?;
    item.extend(body);
    item.insert(TTL.into(), AttributeValue::N(((now + KEPT) / 1000).to_string()));
    Ok(item)
}
