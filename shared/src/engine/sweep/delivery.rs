//! Deliveries that are due.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::Round;
use crate::engine::Error;
use crate::engine::deliver::{attempt, put_off, take};
use crate::ids::SourceId;
use crate::store::deliveries::Delivery;

/// A receiver that takes longer to answer has had its turn in this round.
const SLOW: Duration = Duration::from_secs(2);

/// The sources whose receivers were slow in this round.
#[derive(Debug, Default)]
pub(super) struct Receivers(Mutex<HashSet<SourceId>>);

impl Receivers {
    fn is_slow(&self, source: &SourceId) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(source)
    }

    fn note(&self, source: &SourceId, took: Duration) {
        if took >= SLOW {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(source.clone());
        }
    }
}

impl Round {
    /// Sends the deliveries of one approval that are due, one after the other.
    pub(super) async fn deliveries(&self, deliveries: Vec<Delivery>) -> Result<(), Error> {
        let Some(source) = deliveries.first().map(|delivery| delivery.source.clone()) else { return Ok(()) };
        let _place = self.sources.place(source.as_str()).await;
        for mut delivery in deliveries {
            if !self.goes_on() {
                break;
            }
            self.deliver(&mut delivery).await?;
        }
        Ok(())
    }

    async fn deliver(&self, delivery: &mut Delivery) -> Result<(), Error> {
        let app = &self.app;
        let is_silent = app.silent.contains(&delivery.source, app.world.now());
        if is_silent || self.receivers.is_slow(&delivery.source) {
            return Ok(put_off(app, delivery).await?);
        }
        if take(app, delivery).await? {
            let begun = Instant::now();
            attempt(app, delivery).await?;
            self.receivers.note(&delivery.source, begun.elapsed());
            app.silent.note(delivery, app.world.now());
        }
        Ok(())
    }
}
