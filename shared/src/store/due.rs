//! What is due, in the order of its time, whatever it is.

use super::query::{Query, Range};
use super::schema::DUE;
use super::{Consistency, Error, Store, keys};
use super::{approvals::Record, deliveries::Delivery};

/// Something that is due.
#[derive(Debug)]
pub enum Due {
    /// An approval: a start to take up, a withdrawal to repeat, an instance not heard from.
    Approval(Box<Record>),
    /// A delivery to try again.
    Delivery(Box<Delivery>),
}

impl Store {
    /// What is due in one partition at `now` (milliseconds), at most `limit` things. Its cost follows what is due, not what
    /// is stored.
    ///
    /// # Errors
    /// The table's own.
    pub async fn due(&self, shard: u8, now: i64, limit: u16) -> Result<Vec<Due>, Error> {
        let pk = keys::due(shard);
        let query = Query { index: Some(DUE), pk: &pk, range: Range::UpTo(now), limit, cursor: None, forward: true };
        let page = self.query(&query).await?;
        let found: Vec<keys::Key> = page.items.iter().filter_map(keys::Key::of).collect();
        let mut due = Vec::with_capacity(found.len());
        for item in self.batch_get(&found, Consistency::Strong).await? {
            let is_delivery = keys::Key::of(&item).is_some_and(|key| key.sk.starts_with(keys::DELIVERIES));
            due.push(if is_delivery {
                Due::Delivery(Box::new(Delivery::from_item(item)?))
            } else {
                Due::Approval(Box::new(Record::from_item(item)?))
            });
        }
        // The index may be behind the items: what was dealt with meanwhile is left out.
        due.retain(|thing| match thing {
            Due::Approval(record) => record.due_at.is_some_and(|at| at <= now),
            Due::Delivery(delivery) => delivery.next_attempt_at.is_some_and(|at| at <= now),
        });
        Ok(due)
    }
}
