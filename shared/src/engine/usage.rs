//! Counting the calls to platforms, against their monthly quotas.
//!
//! A process counts in memory and adds to the table in batches. Calls are counted where they are made, but for the call that
//! starts an instance: submit, which mostly makes it, has no write to spare, so dispatch counts it by the change it makes.

use std::sync::atomic::Ordering;

use super::pace::{Month, Pace};
use crate::engine::App;
use crate::providers::outbound::Outbound;
use crate::providers::{self, Calls};
use crate::resources::Connection;
use crate::store::Error;
use crate::store::usage::Usage;

/// After so long (milliseconds) a quota that was said to be spent is tried again: calls may have been bought.
const PROBE_AFTER: i64 = 60 * 60 * 1000;

/// The way out for one connection: its calls are counted.
pub struct Line<'a> {
    app: &'a App,
    outbound: Outbound,
}

impl Line<'_> {
    /// What providers need of the outside.
    #[must_use]
    pub fn calls(&self) -> Calls<'_> {
        Calls { http: &self.outbound, tokens: &*self.app.tokens, world: &self.app.world }
    }
}

impl App {
    /// The way out for a connection.
    #[must_use]
    pub fn line(&self, connection: &str) -> Line<'_> {
        Line { app: self, outbound: self.outbound.counted(self.memory.usage.counter(connection)) }
    }

    /// Counts a call that another process made.
    pub(super) fn count_call(&self, connection: &str) {
        self.memory.usage.counter(connection).fetch_add(1, Ordering::Relaxed);
    }

    /// Adds what was counted to the table, where it is enough or long ago. A failure is logged: the calls are counted again with
    /// the next ones.
    pub async fn flush_usage(&self) {
        let now = self.world.now();
        for (connection, calls) in self.memory.usage.take(now) {
            if calls == 0 {
                continue;
            }
            let more = Usage { calls, exhausted_at: None };
            if let Err(error) = self.store.add_usage(&connection, &Month::at(now).name, more, now).await {
                tracing::warn!(connection.id = connection, calls, %error, "calls could not be counted");
                self.memory.usage.counter(&connection).fetch_add(calls, Ordering::Relaxed);
            }
        }
    }

    /// What a connection has used in the month of `now` (milliseconds), with what this process has not written yet.
    ///
    /// # Errors
    /// The table's own.
    pub async fn usage(&self, connection: &str, now: i64) -> Result<Usage, Error> {
        let stored = self.store.usage(connection, &Month::at(now).name).await?;
        let pending = self.memory.usage.counter(connection).load(Ordering::Relaxed);
        Ok(Usage { calls: stored.calls + pending, ..stored })
    }

    /// How often instances of a connection are read now.
    ///
    /// # Errors
    /// The table's own.
    pub(super) async fn pace(&self, connection: &Connection, now: i64) -> Result<Pace, Error> {
        let usage = self.known_usage(connection.id.as_str(), now).await?;
        match usage.exhausted_at.map(|at| at + PROBE_AFTER) {
            Some(until) if until > now => Ok(Pace::Stopped { until: until.min(Month::at(now).ends_at) }),
            _ => Ok(Pace::of(usage.calls, connection.quota())),
        }
    }

    /// What a connection has used, as this process has read it lately.
    async fn known_usage(&self, id: &str, now: i64) -> Result<Usage, Error> {
        let month = Month::at(now);
        if let Some(usage) = self.memory.usage.known(id, &month.name, now) {
            return Ok(usage);
        }
        let usage = self.usage(id, now).await?;
        self.memory.usage.keep(id, &month.name, now, usage);
        Ok(usage)
    }

    /// Takes in that a platform has answered a call of a connection that its quota counts, at `at` (milliseconds) or a little before: a
    /// quota that was said to be spent by then is not.
    pub(super) async fn note_answered(&self, connection: &str, at: i64) {
        match self.known_usage(connection, self.world.now()).await {
            Ok(Usage { exhausted_at: Some(since), .. }) if since <= at => self.end_exhausted(connection).await,
            Ok(_) => {}
            Err(error) => tracing::warn!(connection.id = connection, %error, "the use of the quota could not be read"),
        }
    }

    /// Forgets that a connection's quota was said to be spent: something has changed, or shown that it is not. Other processes know it
    /// within a minute.
    pub async fn end_exhausted(&self, connection: &str) {
        let month = Month::at(self.world.now()).name;
        if let Err(error) = self.store.end_exhausted(connection, &month).await {
            tracing::warn!(connection.id = connection, %error, "that a quota is not spent could not be stored");
        }
        self.memory.usage.forget(connection);
    }

    /// Remembers that a platform has said that the quota is spent: nothing is read for an hour, or until the month ends or a call is
    /// answered.
    pub(super) async fn note_exhausted(&self, connection: &str, error: &providers::Error) {
        if !matches!(error, providers::Error::QuotaExhausted { .. }) {
            return;
        }
        let now = self.world.now();
        let spent = Usage { calls: 0, exhausted_at: Some(now) };
        let month = Month::at(now).name;
        tracing::warn!(
            connection.id = connection,
            month,
            "the platform's quota is spent; nothing is read until a call is answered, for an hour at most"
        );
        if let Err(error) = self.store.add_usage(connection, &month, spent, now).await {
            tracing::warn!(connection.id = connection, %error, "that a quota is spent could not be stored");
        }
        self.memory.usage.keep(connection, &month, now, spent);
    }
}
