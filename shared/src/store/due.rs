//! What is due, in the order of its time, whatever it is.

use aws_sdk_dynamodb::types::AttributeValue;

use super::query::{Page, Query, Range};
use super::schema::DUE;
use super::{Consistency, Error, Item, Store, keys, version};
use super::{approvals::Record, deliveries::Delivery, lanes::Lane, polls::Poll};
use crate::ids::SourceId;

/// After so long something in which we panicked is looked at again, in milliseconds.
const PANICKED_AGAIN: i64 = 10 * 60 * 1000;
/// After so long an item that this version cannot read is looked at again, in milliseconds.
const UNREADABLE_AGAIN: i64 = 60 * 60 * 1000;

/// Something that is due.
#[derive(Debug)]
pub enum Due {
    /// An approval: a deadline, a start to take up, a withdrawal to repeat, an instance left open or not heard from.
    Approval(Box<Record>),
    /// A delivery that whoever made it did not finish with.
    Delivery(Box<Delivery>),
    /// A source's lane.
    Lane(Box<Lane>),
    /// A product to ask.
    Poll(Box<Poll>),
    /// A source's lane that cannot be read: it is to be made anew.
    BrokenLane(SourceId),
}

impl Due {
    fn from_item(item: Item) -> Result<Self, Error> {
        let sk = keys::Key::of(&item).map(|key| key.sk).unwrap_or_default();
        Ok(match sk.as_str() {
            keys::LANE => Self::Lane(Box::new(Lane::from_item(item)?)),
            keys::POLL => Self::Poll(Box::new(Poll::from_item(item)?)),
            sk if sk.starts_with(keys::DELIVERIES) => Self::Delivery(Box::new(Delivery::from_item(item)?)),
            _ => Self::Approval(Box::new(Record::from_item(item)?)),
        })
    }
}

/// The source whose lane an item is.
fn broken_lane(item: &Item) -> Option<Due> {
    let key = keys::Key::of(item).filter(|key| key.sk == keys::LANE)?;
    let source: SourceId = key.pk.rsplit('#').next()?.parse().ok()?;
    (keys::lane(&source) == key).then_some(Due::BrokenLane(source))
}

/// When an item is due (milliseconds).
fn due_at(item: &Item) -> Option<i64> {
    item.get(DUE.sk)?.as_n().ok()?.parse().ok()
}

impl Store {
    /// A page of what is due in one partition at `now` (milliseconds), the longest due first. Its cost follows what is due, not
    /// what is stored. What cannot be read is put off by an hour and left out, so that it stands in nobody's way.
    ///
    /// # Errors
    /// [`Error::InvalidCursor`], or the table's own.
    pub async fn due(&self, shard: u8, now: i64, limit: u16, cursor: Option<&str>) -> Result<Page<Due>, Error> {
        let pk = keys::due(shard);
        let query = Query { index: Some(DUE), pk: &pk, range: Range::UpTo(now), limit, cursor, forward: true };
        let page = self.query(&query).await?;
        let found: Vec<keys::Key> = page.items.iter().filter_map(keys::Key::of).collect();
        let mut due = Vec::with_capacity(found.len());
        for item in self.batch_get(&found, Consistency::Strong).await? {
            // The index may be behind the items: what was dealt with meanwhile is left out.
            if due_at(&item).is_none_or(|at| at > now) {
                continue;
            }
            match Due::from_item(item.clone()) {
                Ok(thing) => due.push(thing),
                Err(_) => {
                    due.extend(broken_lane(&item));
                    self.put_off_item(item, now + UNREADABLE_AGAIN).await?;
                }
            }
        }
        Ok(page.with(due))
    }

    /// Puts off what is still due at `now` (milliseconds): something of ours is broken that it makes panic.
    ///
    /// # Errors
    /// The table's own.
    pub async fn put_off(&self, key: &keys::Key, now: i64) -> Result<(), Error> {
        match self.get_item(key, Consistency::Strong).await? {
            Some(item) if due_at(&item).is_some_and(|at| at <= now) => {
                self.put_off_item(item, now + PANICKED_AGAIN).await
            }
            _ => Ok(()),
        }
    }

    /// Nothing else of it is changed: a newer version may know what it is.
    async fn put_off_item(&self, mut item: Item, until: i64) -> Result<(), Error> {
        let version = version(&item);
        item.insert(DUE.sk.to_owned(), AttributeValue::N(until.to_string()));
        let written = match version {
            Ok(version) => self.put_if_version(item, version).await,
            Err(_) => self.put_item(item).await,
        };
        match written {
            Err(Error::Conflict { .. }) => Ok(()),
            other => other,
        }
    }
}
