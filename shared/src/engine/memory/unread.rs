//! Counts of callbacks that could not be read, until they are in the table.

use crate::ids::ConnectionId;
use crate::ttl_map::TtlMap;

/// Shortest pause between two times that a process stores what it counted, in milliseconds.
const MIN_PAUSE: i64 = 60_000;

/// What a process has counted, by connection.
#[derive(Debug, Default)]
pub struct Unread(TtlMap<ConnectionId, Count, 1_000>);

#[derive(Debug, Default)]
struct Count {
    /// Not in the table yet.
    pending: u64,
    stored_at: Option<i64>,
}

impl Unread {
    /// Counts one; answers with what is to be stored now.
    pub(in crate::engine) fn add(&self, connection: &ConnectionId, now: i64) -> Option<u64> {
        self.0.change_or_make(connection.clone(), Count::default, |count| {
            count.pending += 1;
            if count.stored_at.is_some_and(|at| now - at < MIN_PAUSE) {
                return None;
            }
            count.stored_at = Some(now);
            Some(std::mem::take(&mut count.pending))
        })
    }

    /// Takes back what could not be stored.
    pub(in crate::engine) fn give_back(&self, connection: &ConnectionId, more: u64) {
        self.0.change_or_make(connection.clone(), Count::default, |count| count.pending += more);
    }
}
