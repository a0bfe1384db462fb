//! What is asked of a product by the sweep: one item for each source whose format is polled.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;
use serde::{Deserialize, Serialize};

use super::schema::{DUE, TTL};
use super::{Consistency, Error, Item, Store, Write, blank, decode, keys, version};
use crate::ids::{OrgId, SourceId};

/// How long the item of a source that is gone stays, in milliseconds: nobody who writes it needs the right to delete.
const KEPT: i64 = 24 * 60 * 60 * 1000;

/// What is asked of one source, and how far that is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Poll {
    /// The source.
    pub source: SourceId,
    /// Its organisation.
    pub org: OrgId,
    /// When it was asked last (milliseconds).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked_at: Option<i64>,
    /// When a push last said that there is something (milliseconds).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pushed_at: Option<i64>,
    /// How often in a row it could not be asked.
    #[serde(default)]
    pub failures: u32,
    /// Why not, the last time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The person whose forms were read last, while others are left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// When the first of them was asked (milliseconds).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pass_at: Option<i64>,
    /// People whom pushes named, the latest last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub learned: Vec<String>,
    /// What the last pushes are known by.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub marks: Vec<String>,
    /// Forms that could not be submitted, by their ids.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub refused: BTreeMap<String, RefusedForm>,
    /// Forms whose approvals are open, with the person in whose list they were.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub open: BTreeMap<String, String>,
    /// When it is to be asked next (milliseconds).
    #[serde(skip)]
    pub due_at: Option<i64>,
    /// Grows by one with every write; set by the store.
    #[serde(skip)]
    pub version: u64,
}

/// A form that could not be submitted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedForm {
    /// How often.
    pub failures: u32,
    /// When it is tried again (milliseconds).
    pub again_at: i64,
    /// Why.
    pub error: String,
}

impl Poll {
    /// A source that was not asked yet.
    #[must_use]
    pub fn new(source: SourceId, org: OrgId) -> Self {
        Self {
            source,
            org,
            asked_at: None,
            pushed_at: None,
            failures: 0,
            error: None,
            after: None,
            pass_at: None,
            learned: Vec::new(),
            marks: Vec::new(),
            refused: BTreeMap::new(),
            open: BTreeMap::new(),
            due_at: None,
            version: 0,
        }
    }

    /// Reads a stored item.
    ///
    /// # Errors
    /// [`Error::Corrupt`].
    pub fn from_item(item: Item) -> Result<Self, Error> {
        let version = version(&item)?;
        let due_at = item.get(DUE.sk).and_then(|at| at.as_n().ok()).and_then(|at| at.parse().ok());
        let mut poll: Self = decode(item)?;
        poll.version = version;
        poll.due_at = due_at;
        Ok(poll)
    }

    fn item(&self, version: u64) -> Result<Item, Error> {
        let key = keys::poll(&self.source);
        let body: Item = serde_dynamo::to_item(self).map_err(|_| Error::Corrupt { key: key.to_string() })?;
        let mut item = blank(&key, "poll", version);
        item.extend(body);
        if let Some(at) = self.due_at {
            item.insert(DUE.pk.into(), AttributeValue::S(keys::due_of(self.source.as_str())));
            item.insert(DUE.sk.into(), AttributeValue::N(at.to_string()));
        }
        Ok(item)
    }

    /// The write that makes it, for a transaction.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when it cannot be expressed as an item.
    pub fn create_write(&self) -> Result<Write, Error> {
        Ok(Write::put_new(self.item(1)?))
    }
}

impl Store {
    /// What is asked of a source, if anything is.
    ///
    /// # Errors
    /// The table's own.
    pub async fn poll(&self, source: &SourceId) -> Result<Option<Poll>, Error> {
        self.get_item(&keys::poll(source), Consistency::Strong).await?.map(Poll::from_item).transpose()
    }

    /// Writes it if nobody else has since it was read; what was never written is made.
    ///
    /// # Errors
    /// [`Error::Conflict`] or [`Error::AlreadyExists`] when somebody else was faster; or the table's own.
    pub async fn write_poll(&self, poll: &mut Poll) -> Result<(), Error> {
        let next = poll.version + 1;
        if poll.version == 0 {
            self.put_new(poll.item(next)?).await?;
        } else {
            self.put_if_version(poll.item(next)?, poll.version).await?;
        }
        poll.version = next;
        Ok(())
    }

    /// Lets the item of a source go that is gone or is asked nothing any more.
    ///
    /// # Errors
    /// As [`Store::write_poll`].
    pub async fn retire_poll(&self, poll: &Poll, now: i64) -> Result<(), Error> {
        let mut gone = Poll::new(poll.source.clone(), poll.org.clone()).item(poll.version + 1)?;
        gone.insert(TTL.into(), AttributeValue::N(((now + KEPT) / 1000).to_string()));
        self.put_if_version(gone, poll.version).await
    }
}
