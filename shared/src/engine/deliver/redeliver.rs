//! Sending again what was asked for again: under the same id, with attempts that start anew, at its position among the events of its
//! approval.

use super::lane::rouse;
use crate::engine::App;
use crate::engine::optimistic::{MAX_RACES, Race, optimistic};
use crate::ids::OrgId;
use crate::resources::Source;
use crate::store::Error;
use crate::store::deliveries::{Delivery, DeliveryStatus, ToSource};

/// Most deliveries that one call sends again, and that it reads for that.
pub const MAX_REDELIVERED: usize = 200;
const MAX_READ: usize = 1_000;
const PAGE: u16 = 100;

/// Which deliveries of a source are to be sent again. Pending ones are on their way anyway.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// Of events that happened then (milliseconds) or later.
    pub since: i64,
    /// Those that were delivered.
    pub delivered: bool,
    /// Those that were given up.
    pub dead: bool,
    /// Where the call before ended.
    pub cursor: Option<&'a str>,
}

/// What a call did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redelivered {
    /// How many deliveries are sent again.
    pub count: usize,
    /// How to go on; `None` when all were read.
    pub next_cursor: Option<String>,
}

/// Sends a delivery again, whatever it has come to.
///
/// # Errors
/// The table's own.
pub async fn one(app: &App, source: &Source, row: Delivery) -> Result<Delivery, Error> {
    rouse(app, source).await?;
    again(app, row, |_| true).await
}

/// Sends those deliveries of a source again, the oldest first and so many in one call.
///
/// # Errors
/// [`Error::InvalidCursor`], or the table's own.
pub async fn many(app: &App, org: &OrgId, source: &Source, asked: Asked<'_>) -> Result<Redelivered, Error> {
    let wanted = |row: &Delivery| match row.status {
        DeliveryStatus::Pending => false,
        DeliveryStatus::Delivered => asked.delivered,
        DeliveryStatus::Dead => asked.dead,
    };
    let (mut count, mut read, mut cursor) = (0, 0, asked.cursor.map(str::to_owned));
    loop {
        let limit = PAGE.min(u16::try_from(MAX_REDELIVERED - count).unwrap_or(PAGE));
        let since = Some(asked.since);
        let to = ToSource { org, source: &source.id, since, oldest_first: true, limit, cursor: cursor.as_deref() };
        let page = app.store.deliveries_to(&to).await?;
        read += page.items.len();
        cursor = page.next_cursor;
        for row in page.items.into_iter().filter(wanted) {
            if count == 0 {
                // The lane before the rows.
                rouse(app, source).await?;
            }
            again(app, row, wanted).await?;
            count += 1;
        }
        if cursor.is_none() || count >= MAX_REDELIVERED || read >= MAX_READ {
            break;
        }
    }
    if count > 0 {
        // It may have looked at its queue meanwhile.
        rouse(app, source).await?;
    }
    Ok(Redelivered { count, next_cursor: cursor })
}

async fn again(app: &App, row: Delivery, wanted: impl Fn(&Delivery) -> bool) -> Result<Delivery, Error> {
    let change = |row: &mut Delivery| {
        if !wanted(row) {
            return false;
        }
        let now = app.world.now();
        (row.status, row.attempts, row.refusals) = (DeliveryStatus::Pending, 0, 0);
        row.delivered_at = None;
        (row.queued, row.redelivered_at, row.next_attempt_at) = (true, Some(now), Some(now));
        true
    };
    let write = |mut row: Delivery, _| async move {
        match app.store.update_delivery(&mut row).await {
            Ok(()) => Ok(Race::Won(row)),
            Err(Error::Conflict { .. }) => app.store.delivery(&row.approval, row.sequence).await.map(Race::Lost),
            Err(error) => Err(error),
        }
    };
    Ok(optimistic(row, MAX_RACES, change, write).await?.0)
}
