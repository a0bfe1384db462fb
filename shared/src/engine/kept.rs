//! What a process has read lately and keeps for a while, so that the next request need not read it.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// At most `MAX` values by their keys. How long one is good for is for those to say who ask for it.
#[derive(Debug)]
pub(super) struct Kept<K, V, const MAX: usize>(Mutex<Known<K, V>>);

#[derive(Debug)]
struct Known<K, V> {
    values: HashMap<K, V>,
    /// How often something was forgotten.
    forgotten: u64,
}

/// A moment before a reading: what was read is not kept if something was forgotten since.
#[derive(Debug, Clone, Copy)]
pub(super) struct Since(u64);

impl<K, V, const MAX: usize> Default for Kept<K, V, MAX> {
    fn default() -> Self {
        Self(Mutex::new(Known { values: HashMap::new(), forgotten: 0 }))
    }
}

impl<K: Eq + Hash, V: Clone, const MAX: usize> Kept<K, V, MAX> {
    fn known(&self) -> MutexGuard<'_, Known<K, V>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A value that is still good.
    pub(super) fn get(&self, key: &K, is_good: impl Fn(&V) -> bool) -> Option<V> {
        self.known().values.get(key).filter(|value| is_good(value)).cloned()
    }

    /// To be asked for before a value is read.
    pub(super) fn since(&self) -> Since {
        Since(self.known().forgotten)
    }

    /// Keeps what was read, unless something was forgotten since then: it may have been changed before it was read, or after.
    pub(super) fn keep(&self, key: K, value: V, since: Since) {
        let mut known = self.known();
        if known.forgotten != since.0 {
            return;
        }
        if known.values.len() >= MAX {
            known.values.clear();
        }
        known.values.insert(key, value);
    }

    /// Forgets a value, because it was changed or deleted here.
    pub(super) fn forget(&self, key: &K) {
        let mut known = self.known();
        known.values.remove(key);
        known.forgotten += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::Kept;

    #[test]
    fn what_was_read_before_something_was_forgotten_is_not_kept() {
        let kept = Kept::<&str, i64, 2>::default();
        let before = kept.since();
        kept.forget(&"a");
        kept.keep("a", 1, before);
        assert_eq!(kept.get(&"a", |_| true), None);
        kept.keep("a", 1, kept.since());
        assert_eq!((kept.get(&"a", |_| true), kept.get(&"a", |value| *value > 1)), (Some(1), None));
        for (key, value) in [("b", 2), ("c", 3)] {
            kept.keep(key, value, kept.since());
        }
        assert_eq!((kept.get(&"a", |_| true), kept.get(&"c", |_| true)), (None, Some(3)), "two at the most");
    }
}
