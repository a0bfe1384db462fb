//! Lanes: one item for each source with deliveries that wait, due when its receiver is to be called next. The deliveries
//! themselves stand in the source's queue, a partition of the index of due things that the sweep reads only through the lane: so a
//! source whose receiver is dead costs one due thing, however many deliveries wait for it.

use aws_sdk_dynamodb::types::AttributeValue;
use serde::{Deserialize, Serialize};

use super::query::{Page, Query, Range};
use super::schema::DUE;
use super::{Consistency, Error, Item, Key, Store, blank, decode, keys, version};
use crate::ids::{ApprovalId, OrgId, SourceId};

/// The lane of a source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lane {
    /// The source.
    pub source: SourceId,
    /// Its organisation.
    pub org: OrgId,
    /// When something was put into its queue last, to the minute (milliseconds).
    pub touched_at: i64,
    /// Until when one run has it (milliseconds).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_until: Option<i64>,
    /// Until when its receiver is left alone (milliseconds): it did not answer, or asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rests_until: Option<i64>,
    /// How many runs in a row got no answer.
    #[serde(default)]
    pub unanswered: u32,
    /// When it is to be run next (milliseconds).
    #[serde(skip)]
    pub due_at: i64,
    /// Grows by one with every write; 0 when it was never written. Set by the store.
    #[serde(skip)]
    pub version: u64,
}

impl Lane {
    /// A lane that is not stored yet.
    #[must_use]
    pub fn new(source: SourceId, org: OrgId, now: i64) -> Self {
        let (held_until, rests_until) = (None, None);
        Self { source, org, touched_at: now, held_until, rests_until, unanswered: 0, due_at: now, version: 0 }
    }

    /// Leaves its receiver alone until then (milliseconds).
    pub fn rest_until(&mut self, until: i64) {
        (self.rests_until, self.due_at) = (Some(until), until);
    }

    /// Reads a stored item.
    ///
    /// # Errors
    /// [`Error::Corrupt`].
    pub fn from_item(item: Item) -> Result<Self, Error> {
        let version = version(&item)?;
        let due_at = item.get(DUE.sk).and_then(|at| at.as_n().ok()).and_then(|at| at.parse().ok());
        let mut lane: Self = decode(item)?;
        lane.version = version;
        lane.due_at = due_at.unwrap_or_default();
        Ok(lane)
    }

    fn item(&self, version: u64) -> Result<Item, Error> {
        let key = keys::lane(&self.source);
        let body: Item = serde_dynamo::to_item(self).map_err(|_| Error::Corrupt { key: key.to_string() })?;
        let mut item = blank(&key, "lane", version);
        item.extend(body);
        item.insert(DUE.pk.into(), AttributeValue::S(keys::due_of(self.source.as_str())));
        item.insert(DUE.sk.into(), AttributeValue::N(self.due_at.to_string()));
        Ok(item)
    }
}

/// A delivery in a queue, as the index shows it: it may have been dealt with meanwhile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queued {
    /// Its approval.
    pub approval: ApprovalId,
    /// When it is due (milliseconds).
    pub due_at: i64,
}

impl Queued {
    fn from_keys(item: &Item) -> Option<Self> {
        let key = Key::of(item)?;
        let due_at = item.get(DUE.sk)?.as_n().ok()?.parse().ok()?;
        Some(Self { approval: key.pk.strip_prefix(keys::APPROVAL)?.parse().ok()?, due_at })
    }
}

impl Store {
    /// Reads the lane of a source, if it has one.
    ///
    /// # Errors
    /// The table's own.
    pub async fn lane(&self, source: &SourceId) -> Result<Option<Lane>, Error> {
        self.get_item(&keys::lane(source), Consistency::Strong).await?.map(Lane::from_item).transpose()
    }

    /// Reads the lane of a source; a new one where it has none. One that cannot be read is replaced at once: all that it holds is
    /// when its receiver is called next, and without it nobody looks into the queue.
    ///
    /// # Errors
    /// The table's own.
    pub async fn lane_or_new(&self, source: &SourceId, org: &OrgId, now: i64) -> Result<Lane, Error> {
        let mut new = Lane::new(source.clone(), org.clone(), now);
        match self.lane(source).await {
            Ok(found) => Ok(found.unwrap_or(new)),
            Err(Error::Corrupt { .. }) => {
                self.put_item(new.item(1)?).await?;
                new.version = 1;
                Ok(new)
            }
            Err(error) => Err(error),
        }
    }

    /// Writes a lane that is still at the version it was read at, or a new one.
    ///
    /// # Errors
    /// [`Error::Conflict`] when somebody else was faster; or the table's own.
    pub async fn put_lane(&self, lane: &mut Lane) -> Result<(), Error> {
        let next = lane.version + 1;
        let written = match lane.version {
            0 => self.put_new(lane.item(next)?).await,
            version => self.put_if_version(lane.item(next)?, version).await,
        };
        match written {
            Ok(()) => {
                lane.version = next;
                Ok(())
            }
            Err(Error::AlreadyExists { current }) => Err(Error::Conflict { current }),
            Err(error) => Err(error),
        }
    }

    /// Removes a lane that is still at the version it was read at.
    ///
    /// # Errors
    /// [`Error::Conflict`] when somebody else was faster; or the table's own.
    pub async fn remove_lane(&self, lane: &Lane) -> Result<(), Error> {
        self.delete_if_version(&keys::lane(&lane.source), lane.version).await
    }

    /// A page of what waits in a source's queue until `until` (milliseconds), the longest due first. The index may be a moment
    /// behind.
    ///
    /// # Errors
    /// [`Error::InvalidCursor`], or the table's own.
    pub async fn queued(
        &self,
        source: &SourceId,
        until: i64,
        limit: u16,
        cursor: Option<&str>,
    ) -> Result<Page<Queued>, Error> {
        let pk = keys::queue(source);
        let query = Query { index: Some(DUE), pk: &pk, range: Range::UpTo(until), limit, cursor, forward: true };
        let page = self.query(&query).await?;
        let found = page.items.iter().filter_map(Queued::from_keys).collect();
        Ok(page.with(found))
    }
}
