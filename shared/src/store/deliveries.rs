//! Deliveries: one row for each event and source, found by its approval and its own id.

use aws_sdk_dynamodb::types::AttributeValue;
use serde::{Deserialize, Serialize};

use super::query::{Page, Query, Range};
use super::schema::DUE;
use super::{Consistency, Error, Item, Store, blank, decode, keys, version};
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
    /// Place among the deliveries of its approval.
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
    /// HTTP status of the last answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_status: Option<u16>,
    /// What went wrong last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
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

    fn item(&self, version: u64) -> Result<Item, Error> {
        let key = keys::delivery(&self.approval, self.sequence);
        let body: Item = serde_dynamo::to_item(self).map_err(|_| Error::Corrupt { key: key.to_string() })?;
        let mut item = blank(&key, "delivery", version);
        item.extend(body);
        if let Some(at) = self.next_attempt_at {
            item.insert(DUE.pk.into(), AttributeValue::S(keys::due_of(self.approval.as_str())));
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
        let pk = keys::approval(approval).pk;
        let range = Range::StartsWith(keys::DELIVERIES.to_owned());
        let page = self.query(&Query { index: None, pk: &pk, range, limit, cursor, forward: true }).await?;
        let items: Result<Vec<Delivery>, Error> = page.items.iter().cloned().map(Delivery::from_item).collect();
        Ok(page.with(items?))
    }
}
