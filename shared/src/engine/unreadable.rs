//! Callbacks that are proved to be the platform's and that we cannot read: acknowledged, logged, and counted here.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::engine::App;
use crate::ids::ConnectionId;

/// Shortest pause between two times that a process stores what it counted, in milliseconds.
const MIN_PAUSE: i64 = 60_000;
/// Most connections that are remembered.
const MAX_CONNECTIONS: usize = 1_000;

/// What a process has counted.
#[derive(Debug, Default)]
pub struct Unread(Mutex<HashMap<ConnectionId, Count>>);

#[derive(Debug, Default)]
struct Count {
    /// Not in the table yet.
    pending: u64,
    stored_at: Option<i64>,
}

impl Unread {
    /// Counts one; answers with what is to be stored now.
    fn add(&self, connection: &ConnectionId, now: i64) -> Option<u64> {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.len() >= MAX_CONNECTIONS && !counts.contains_key(connection) {
            counts.clear();
        }
        let count = counts.entry(connection.clone()).or_default();
        count.pending += 1;
        if count.stored_at.is_some_and(|at| now - at < MIN_PAUSE) {
            return None;
        }
        count.stored_at = Some(now);
        Some(std::mem::take(&mut count.pending))
    }

    fn give_back(&self, connection: &ConnectionId, more: u64) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.entry(connection.clone()).or_default().pending += more;
    }
}

impl App {
    /// Counts a callback that could not be read; stores it once a minute at the most. A failure to store it is logged: the
    /// platform is acknowledged all the same.
    pub async fn note_unreadable(&self, connection: &ConnectionId) {
        let now = self.world.now();
        let Some(more) = self.unread.add(connection, now) else { return };
        if let Err(error) = self.store.add_unreadable(connection, more, now).await {
            self.unread.give_back(connection, more);
            tracing::warn!(connection.id = %connection, %error, "an unreadable callback could not be counted");
        }
    }
}
