//! What a process keeps between calls: so many values by their keys, each for its time. One map for every cache and every count that is
//! kept in memory, so that none of them grows without end.

use std::borrow::Borrow;
use std::fmt;
use std::hash::Hash;
use std::num::NonZeroUsize;
use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};

use lru::LruCache;

/// At most `MAX` values by their keys; beyond that, the one that was used longest ago is dropped. A value is good for a range of times
/// (milliseconds since 1970): not after it, and not before it, should the clock be set back.
pub struct TtlMap<K: Eq + Hash, V, const MAX: usize>(Mutex<Inner<K, V>>);

struct Inner<K: Eq + Hash, V> {
    values: LruCache<K, (V, Range<i64>)>,
    /// How often something was forgotten.
    forgotten: u64,
}

/// All times: for what stays good until it is dropped.
pub const ALWAYS: Range<i64> = i64::MIN..i64::MAX;

/// A moment before a reading: what was read is not kept if something was forgotten since.
#[derive(Debug, Clone, Copy)]
pub struct Since(u64);

impl<K: Eq + Hash, V, const MAX: usize> Default for TtlMap<K, V, MAX> {
    fn default() -> Self {
        // One that is made with its size takes the memory for all of it at once.
        let mut values = LruCache::unbounded();
        values.resize(NonZeroUsize::new(MAX).unwrap_or(NonZeroUsize::MIN));
        Self(Mutex::new(Inner { values, forgotten: 0 }))
    }
}

/// Says how many there are; values may be secrets.
impl<K: Eq + Hash, V, const MAX: usize> fmt::Debug for TtlMap<K, V, MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TtlMap").field("len", &self.inner().values.len()).finish_non_exhaustive()
    }
}

impl<K: Eq + Hash, V, const MAX: usize> TtlMap<K, V, MAX> {
    fn inner(&self) -> MutexGuard<'_, Inner<K, V>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A copy of the value, if it is good at `now`.
    pub fn get<Q: Eq + Hash + ?Sized>(&self, key: &Q, now: i64) -> Option<V>
    where
        K: Borrow<Q>,
        V: Clone,
    {
        self.inner().values.get(key).filter(|(_, good)| good.contains(&now)).map(|(value, _)| value.clone())
    }

    /// Keeps a value for these times.
    pub fn put(&self, key: K, value: V, good: Range<i64>) {
        self.inner().values.put(key, (value, good));
    }

    /// To be asked for before a value is read from elsewhere.
    pub fn since(&self) -> Since {
        Since(self.inner().forgotten)
    }

    /// Keeps what was read, unless something was forgotten since then: it may have been changed before it was read, or after.
    pub fn keep(&self, key: K, value: V, good: Range<i64>, since: Since) {
        let mut inner = self.inner();
        if inner.forgotten == since.0 {
            inner.values.put(key, (value, good));
        }
    }

    /// Forgets a value, because it was changed or deleted here.
    pub fn forget<Q: Eq + Hash + ?Sized>(&self, key: &Q)
    where
        K: Borrow<Q>,
    {
        let mut inner = self.inner();
        inner.values.pop(key);
        inner.forgotten += 1;
    }

    /// Changes a value in place, good or not; `None` where there is none.
    pub fn change<Q: Eq + Hash + ?Sized, R>(&self, key: &Q, change: impl FnOnce(&mut V) -> R) -> Option<R>
    where
        K: Borrow<Q>,
    {
        self.inner().values.get_mut(key).map(|(value, _)| change(value))
    }

    /// Changes a value in place, whatever the time is. Where there is none, it is made first and is [`ALWAYS`] good.
    pub fn change_or_make<R>(&self, key: K, make: impl FnOnce() -> V, change: impl FnOnce(&mut V) -> R) -> R {
        change(&mut self.inner().values.get_or_insert_mut(key, || (make(), ALWAYS)).0)
    }
}

#[cfg(test)]
mod tests {
    use super::{ALWAYS, TtlMap};

    #[test]
    fn a_value_is_good_for_its_time() {
        let map = TtlMap::<&str, i64, 2>::default();
        map.put("a", 1, 10..20);
        assert_eq!([9, 10, 19, 20].map(|now| map.get(&"a", now)), [None, Some(1), Some(1), None]);
        assert_eq!(map.change("a", |value| *value += 1), Some(()));
        assert_eq!((map.get("a", 10), map.change("b", |_| ())), (Some(2), None));
        map.change_or_make("c", || 5, |value| *value += 1);
        assert_eq!(map.get("c", i64::MAX - 1), Some(6));
    }

    #[test]
    fn the_one_that_was_used_longest_ago_is_dropped() {
        let map = TtlMap::<&str, i64, 2>::default();
        map.put("a", 1, ALWAYS);
        map.put("b", 2, ALWAYS);
        assert_eq!(map.get("a", 0), Some(1));
        map.put("c", 3, ALWAYS);
        assert_eq!(["a", "b", "c"].map(|key| map.get(key, 0)), [Some(1), None, Some(3)]);
    }

    #[test]
    fn what_was_read_before_something_was_forgotten_is_not_kept() {
        let map = TtlMap::<&str, i64, 2>::default();
        let before = map.since();
        map.forget("a");
        map.keep("a", 1, ALWAYS, before);
        assert_eq!(map.get("a", 0), None);
        map.keep("a", 1, ALWAYS, map.since());
        assert_eq!(map.get("a", 0), Some(1));
    }
}
