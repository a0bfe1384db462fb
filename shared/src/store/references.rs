//! The way back from a platform's instance to our approval, and callbacks that came before it was known.

use aws_sdk_dynamodb::types::AttributeValue;
use serde::{Deserialize, Serialize};

use super::query::{Query, Range};
use super::schema::TTL;
use super::{Consistency, Error, Item, Store, blank, corrupt, decode, keys};
use crate::approval::Event;
use crate::ids::{ApprovalId, ConnectionId};

/// Where an instance belongs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reference {
    /// The approval.
    #[serde(rename = "ap")]
    pub approval: ApprovalId,
    /// Index of the stage.
    #[serde(rename = "sg")]
    pub stage: usize,
}

/// How long a parked callback waits for its reference, in seconds.
pub const PARKED_FOR: i64 = 24 * 60 * 60;
/// Most parked callbacks of one instance that are taken up.
const MAX_PARKED: u16 = 200;
const EVENTS: &str = "ev";

impl Store {
    /// Remembers where an instance belongs. Doing it again is the same.
    ///
    /// # Errors
    /// [`Error::AlreadyExists`] when it belongs to another approval; or the table's own.
    pub async fn create_reference(
        &self,
        connection: &ConnectionId,
        instance: &str,
        reference: &Reference,
    ) -> Result<(), Error> {
        let key = keys::reference(connection, instance);
        let body: Item = serde_dynamo::to_item(reference).map_err(|_| Error::Corrupt { key: key.to_string() })?;
        let mut item = blank(&key, "reference", 1);
        item.extend(body);
        match self.put_new(item).await {
            Err(Error::AlreadyExists { current }) => match current.clone().into_item().map(decode::<Reference>) {
                Some(Ok(known)) if known == *reference => Ok(()),
                _ => Err(Error::AlreadyExists { current }),
            },
            other => other,
        }
    }

    /// Where an instance belongs, as the last answered write left it; `None` when it is not ours, or not yet.
    ///
    /// # Errors
    /// The table's own.
    pub async fn reference(&self, connection: &ConnectionId, instance: &str) -> Result<Option<Reference>, Error> {
        let item = self.get_item(&keys::reference(connection, instance), Consistency::Strong).await?;
        item.map(decode::<Reference>).transpose()
    }

    /// Keeps the events of a callback whose instance is not known yet, for a day. `name` tells callbacks apart: the same one
    /// is kept once.
    ///
    /// # Errors
    /// The table's own.
    pub async fn park(
        &self,
        connection: &ConnectionId,
        instance: &str,
        name: &str,
        events: &[Event],
        now: i64,
    ) -> Result<(), Error> {
        let key = keys::parked(connection, instance, name);
        let body = serde_json::to_string(events).map_err(|_| Error::Corrupt { key: key.to_string() })?;
        let mut item = blank(&key, "parked", 1);
        item.insert(EVENTS.into(), AttributeValue::S(body));
        item.insert(TTL.into(), AttributeValue::N((now / 1000 + PARKED_FOR).to_string()));
        self.put_item(item).await
    }

    /// The parked events of an instance. For those that this version cannot read, a reading of the instance is wanted: it tells as
    /// much.
    ///
    /// # Errors
    /// The table's own.
    pub async fn parked(&self, connection: &ConnectionId, instance: &str) -> Result<Vec<Event>, Error> {
        let pk = keys::reference(connection, instance).pk;
        let range = Range::StartsWith(keys::PARKED.to_owned());
        let query = Query { index: None, pk: &pk, range, limit: MAX_PARKED, cursor: None, forward: true };
        let page = self.query(&query).await?;
        let mut events = Vec::new();
        for item in &page.items {
            let text = item.get(EVENTS).and_then(|value| value.as_s().ok());
            match text.and_then(|text| serde_json::from_str::<Vec<Event>>(text).ok()) {
                Some(known) => events.extend(known),
                None => {
                    // Says so in the log.
                    _ = corrupt(item);
                    events.push(Event::ReadWanted { at: parked_at(item) });
                }
            }
        }
        Ok(events)
    }
}

/// When a callback was parked (milliseconds).
fn parked_at(item: &Item) -> i64 {
    let until: Option<i64> = item.get(TTL).and_then(|at| at.as_n().ok()).and_then(|at| at.parse().ok());
    until.map_or(0, |until| (until - PARKED_FOR).saturating_mul(1000))
}
