//! Calls to platforms as a process counts them, and what it knows of the table's count.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::store::usage::Usage;
use crate::ttl_map::TtlMap;

/// So many calls are added to the table at once, or what there is after so long (milliseconds).
const BATCH: u64 = 20;
const MIN_PAUSE: i64 = 60_000;
/// How long what the table says is believed, in milliseconds.
const BELIEVED: i64 = 60_000;

/// What a process has counted and what it knows of the table.
#[derive(Debug, Default)]
pub struct Tallies {
    counted: Mutex<Counted>,
    /// What the table said, by connection: the month and its use.
    known: TtlMap<String, (String, Usage), 1_000>,
}

/// None of it may be dropped, so it is no map with an end: a counter that nobody holds goes with the next flush.
#[derive(Debug, Default)]
struct Counted {
    /// Calls that are not in the table yet, by connection.
    pending: HashMap<String, Arc<AtomicU64>>,
    flushed_at: i64,
}

impl Tallies {
    fn lock(&self) -> MutexGuard<'_, Counted> {
        self.counted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The counter of a connection.
    pub(in crate::engine) fn counter(&self, connection: &str) -> Arc<AtomicU64> {
        Arc::clone(self.lock().pending.entry(connection.to_owned()).or_default())
    }

    /// Takes what is to be added to the table now: nothing, as long as it is little and not long ago.
    pub(in crate::engine) fn take(&self, now: i64) -> Vec<(String, u64)> {
        let mut counted = self.lock();
        let total: u64 = counted.pending.values().map(|calls| calls.load(Ordering::Relaxed)).sum();
        if total == 0 || (total < BATCH && now - counted.flushed_at < MIN_PAUSE) {
            return Vec::new();
        }
        counted.flushed_at = now;
        // A counter that nobody else holds any more can go.
        let taken = counted.pending.iter().map(|(id, calls)| (id.clone(), calls.swap(0, Ordering::Relaxed))).collect();
        counted.pending.retain(|_, calls| Arc::strong_count(calls) > 1);
        taken
    }

    /// What the table said lately of a connection's use in a month.
    pub(in crate::engine) fn known(&self, connection: &str, month: &str, now: i64) -> Option<Usage> {
        self.known.get(connection, now).filter(|(of, _)| of == month).map(|(_, usage)| usage)
    }

    /// Remembers what the table says now.
    pub(in crate::engine) fn keep(&self, connection: &str, month: &str, now: i64, usage: Usage) {
        self.known.put(connection.to_owned(), (month.to_owned(), usage), now..now + BELIEVED);
    }

    /// Forgets what the table said.
    pub(in crate::engine) fn forget(&self, connection: &str) {
        self.known.forget(connection);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_added_in_batches_or_after_a_while() {
        let tallies = Tallies::default();
        let now = 1_790_000_000_000;
        assert_eq!(tallies.take(now), [], "nothing was counted");
        let calls = tallies.counter("con_1");
        calls.fetch_add(1, Ordering::Relaxed);
        assert_eq!(tallies.take(now), [("con_1".to_owned(), 1)], "the last time is long ago");
        calls.fetch_add(BATCH - 1, Ordering::Relaxed);
        assert_eq!(tallies.take(now + MIN_PAUSE - 1), []);
        calls.fetch_add(1, Ordering::Relaxed);
        assert_eq!(tallies.take(now + MIN_PAUSE - 1), [("con_1".to_owned(), BATCH)]);
        assert_eq!(tallies.take(now + 9 * MIN_PAUSE), [], "nothing twice");
    }

    #[test]
    fn what_the_table_said_is_believed_for_a_while_and_within_the_month() {
        let tallies = Tallies::default();
        let usage = Usage { calls: 7, exhausted_at: None };
        tallies.keep("con_1", "2026-11", 1_000, usage);
        assert_eq!(tallies.known("con_1", "2026-11", 1_000 + BELIEVED - 1), Some(usage));
        assert_eq!(tallies.known("con_1", "2026-11", 1_000 + BELIEVED), None);
        assert_eq!(tallies.known("con_1", "2026-12", 1_001), None);
    }
}
