//! Deliveries: one row for each event and source, found by its approval and its own id.

use aws_sdk_dynamodb::types::AttributeValue;
use serde::{Deserialize, Serialize};

use super::query::{Page, Query, Range, Rows};
use super::schema::{DUE, LIST};
use super::{Consistency, Error, Item, Key, Store, blank, decode, keys, version};
use crate::ids::{ApprovalId, DeliveryId, OrgId, SourceId};

/// Where a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryStatus {
    /// To be sent.
    Pending,
    /// The source has it.
    Delivered,
    /// Given up.
    Dead,
}

/// One decision event on its way to a source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// Its id, which is also the `webhook-id` of every attempt.
    pub id: DeliveryId,
    /// The approval it tells of.
    pub approval: ApprovalId,
    /// The organisation it belongs to.
    pub org: OrgId,
    /// The source it goes to.
    pub source: SourceId,
    /// Position among the deliveries of its approval.
    pub sequence: u32,
    /// The event's type, as in `approval.approved`.
    pub event: String,
    /// What is sent: the same bytes on every attempt.
    pub body: String,
    /// When the event happened (milliseconds).
    pub created_at: i64,
    /// Where it stands.
    pub status: DeliveryStatus,
    /// How often it was tried.
    pub attempts: u32,
    /// How often it was refused: what the time of the next attempt follows. A receiver that does not answer is the lane's business.
    #[serde(default)]
    pub refusals: u32,
    /// HTTP status of the last answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_status: Option<u16>,
    /// What went wrong last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
    /// How the body of the last answer begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_answer: Option<String>,
    /// When it was last asked for again (milliseconds): from then on it is tried for three days.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redelivered_at: Option<i64>,
    /// Whether it waits in its source's lane, and not for whoever made it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub queued: bool,
    /// When it was delivered (milliseconds).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivered_at: Option<i64>,
    /// When it is to be tried next (milliseconds).
    #[serde(skip)]
    pub next_attempt_at: Option<i64>,
    /// Grows by one with every write; set by the store.
    #[serde(skip)]
    pub version: u64,
}

impl Delivery {
    /// The delivery of an event that happened at `created_at` (milliseconds) and that nobody has tried yet. When it is due is for
    /// the caller to say.
    #[must_use]
    pub fn new(
        org: OrgId,
        source: SourceId,
        approval: ApprovalId,
        sequence: u32,
        event: &str,
        body: String,
        created_at: i64,
    ) -> Self {
        Self {
            id: DeliveryId::of(&approval, sequence),
            approval,
            org,
            source,
            sequence,
            event: event.to_owned(),
            body,
            created_at,
            status: DeliveryStatus::Pending,
            attempts: 0,
            refusals: 0,
            last_status: None,
            last_error: None,
            last_answer: None,
            redelivered_at: None,
            queued: false,
            delivered_at: None,
            next_attempt_at: None,
            version: 0,
        }
    }

    /// Reads a stored item.
    ///
    /// # Errors
    /// [`Error::Corrupt`].
    pub fn from_item(item: Item) -> Result<Self, Error> {
        let version = version(&item)?;
        let next = item.get(DUE.sk).and_then(|at| at.as_n().ok()).and_then(|at| at.parse().ok());
        let mut delivery: Self = decode(item)?;
        delivery.version = version;
        delivery.next_attempt_at = next;
        Ok(delivery)
    }

    /// From when on it is tried (milliseconds).
    #[must_use]
    pub fn tried_from(&self) -> i64 {
        self.redelivered_at.unwrap_or(self.created_at)
    }

    fn item(&self, version: u64) -> Result<Item, Error> {
        let key = keys::delivery(&self.approval, self.sequence);
        let body: Item = serde_dynamo::to_item(self).map_err(|_| Error::Corrupt { key: key.to_string() })?;
        let mut item = blank(&key, "delivery", version);
        item.extend(body);
        let sort_key = keys::by_time_and_sequence(self.created_at, &self.approval, self.sequence);
        item.insert(LIST.pk.into(), AttributeValue::S(keys::deliveries(&self.org, &self.source)));
        item.insert(LIST.sk.into(), AttributeValue::S(sort_key));
        if let Some(at) = self.next_attempt_at {
            let queue = || keys::queue(&self.source);
            let partition = if self.queued { queue() } else { keys::due_of(self.approval.as_str()) };
            item.insert(DUE.pk.into(), AttributeValue::S(partition));
            item.insert(DUE.sk.into(), AttributeValue::N(at.to_string()));
        }
        Ok(item)
    }
}

impl Store {
    /// Writes a new delivery. Where it is there already it stays, and is returned as it is now.
    ///
    /// # Errors
    /// The table's own.
    pub async fn create_delivery(&self, delivery: &mut Delivery) -> Result<(), Error> {
        match self.put_new(delivery.item(1)?).await {
            Ok(()) => {
                delivery.version = 1;
                Ok(())
            }
            Err(Error::AlreadyExists { current }) => {
                *delivery = match current.into_item() {
                    Some(item) => Delivery::from_item(item)?,
                    None => self.delivery(&delivery.approval, delivery.sequence).await?,
                };
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// Reads a delivery.
    ///
    /// # Errors
    /// [`Error::NotFound`], or the table's own.
    pub async fn delivery(&self, approval: &ApprovalId, sequence: u32) -> Result<Delivery, Error> {
        let item = self.get_item(&keys::delivery(approval, sequence), Consistency::Strong).await?;
        Delivery::from_item(item.ok_or(Error::NotFound)?)
    }

    /// Replaces a delivery that is still at the version it was read at.
    ///
    /// # Errors
    /// [`Error::Conflict`] when somebody else was faster; or the table's own.
    pub async fn update_delivery(&self, delivery: &mut Delivery) -> Result<(), Error> {
        let next = delivery.version + 1;
        self.put_if_version(delivery.item(next)?, delivery.version).await?;
        delivery.version = next;
        Ok(())
    }

    /// A page of an approval's deliveries, in order.
    ///
    /// # Errors
    /// [`Error::InvalidCursor`], or the table's own.
    pub async fn list_deliveries(
        &self,
        approval: &ApprovalId,
        limit: u16,
        cursor: Option<&str>,
    ) -> Result<Page<Delivery>, Error> {
        let found = self.delivery_rows(approval, limit, cursor).await?;
        let items: Result<Vec<Delivery>, Error> = found.rows.into_iter().map(|row| row.value).collect();
        Ok(Page { items: items?, next_cursor: found.next_cursor })
    }

    /// The same page to be shown: one that cannot be read is a row like the others.
    ///
    /// # Errors
    /// [`Error::InvalidCursor`], or the table's own.
    pub async fn delivery_rows(
        &self,
        approval: &ApprovalId,
        limit: u16,
        cursor: Option<&str>,
    ) -> Result<Rows<Delivery>, Error> {
        let pk = keys::approval(approval).pk;
        let range = Range::StartsWith(keys::DELIVERIES.to_owned());
        let query = Query { index: None, pk: &pk, range, limit, cursor, forward: true };
        self.rows(&query, Consistency::Strong, id_at, Delivery::from_item).await
    }

    /// All deliveries of an approval that are still to be sent, in order.
    ///
    /// # Errors
    /// The table's own.
    pub async fn pending_deliveries(&self, approval: &ApprovalId) -> Result<Vec<Delivery>, Error> {
        let (mut pending, mut cursor) = (Vec::new(), None);
        loop {
            let page = self.list_deliveries(approval, PAGE, cursor.as_deref()).await?;
            pending.extend(page.items.into_iter().filter(|row| row.status == DeliveryStatus::Pending));
            cursor = page.next_cursor;
            if cursor.is_none() {
                return Ok(pending);
            }
        }
    }

    /// A page of the deliveries to a source whose events happened at `since` (milliseconds) or later.
    ///
    /// # Errors
    /// [`Error::InvalidCursor`], [`Error::Corrupt`], or the table's own.
    pub async fn deliveries_to(&self, to: &ToSource<'_>) -> Result<Page<Delivery>, Error> {
        let found = self.delivery_rows_to(to).await?;
        let items: Result<Vec<Delivery>, Error> = found.rows.into_iter().map(|row| row.value).collect();
        Ok(Page { items: items?, next_cursor: found.next_cursor })
    }

    /// The same page to be shown: one that cannot be read is a row like the others.
    ///
    /// # Errors
    /// [`Error::InvalidCursor`], or the table's own.
    pub async fn delivery_rows_to(&self, to: &ToSource<'_>) -> Result<Rows<Delivery>, Error> {
        let pk = keys::deliveries(to.org, to.source);
        let range = to.since.map_or(Range::All, |since| Range::From(keys::from_time(since)));
        let (limit, cursor, forward) = (to.limit, to.cursor, to.oldest_first);
        let query = Query { index: Some(LIST), pk: &pk, range, limit, cursor, forward };
        self.rows(&query, Consistency::Strong, id_at, Delivery::from_item).await
    }
}

/// The id of the delivery that stands here.
fn id_at(key: &Key) -> String {
    let sequence = key.sk.strip_prefix(keys::DELIVERIES).and_then(|sequence| sequence.parse().ok());
    let named = key.id().parse::<ApprovalId>().ok().zip(sequence);
    named.map_or_else(String::new, |(approval, sequence)| DeliveryId::of(&approval, sequence).to_string())
}

/// Deliveries of an approval that are read at once.
const PAGE: u16 = 100;

/// Which deliveries to a source are wanted.
#[derive(Debug, Clone, Copy)]
pub struct ToSource<'a> {
    /// Its organisation.
    pub org: &'a OrgId,
    /// The source.
    pub source: &'a SourceId,
    /// Of events that happened then (milliseconds) or later; else all.
    pub since: Option<i64>,
    /// The oldest first; else the newest.
    pub oldest_first: bool,
    /// Most of them.
    pub limit: u16,
    /// Where the page before ended.
    pub cursor: Option<&'a str>,
}
