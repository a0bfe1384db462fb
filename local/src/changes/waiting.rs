//! Approvals of which a change failed: what of them waits, and until when.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use countersign::backoff::Backoff;
use tokio::time::Instant;

use crate::stream::MAX_FAILURES;

/// The pause after a failure of an approval.
pub(super) const PAUSE: Backoff = Backoff { min: 1_000, max: 60_000 };

/// The approvals that wait.
#[derive(Debug, Default)]
pub(super) struct Waiting(BTreeMap<String, Line>);

/// The changes of one approval.
#[derive(Debug)]
struct Line {
    /// Their places, in order; the first is the one that failed, or whose turn it is.
    places: Vec<i64>,
    until: Instant,
    /// How often it was tried in vain since something of it was done.
    tries: u32,
    /// How often the first failed in a way that lasts.
    failures: u32,
}

/// What became of an approval's changes.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Settled {
    /// They were dealt with.
    pub(super) done: Vec<i64>,
    /// It failed too often in a way that lasts: the later ones go on without it.
    pub(super) aside: Option<i64>,
}

impl Waiting {
    /// Whether nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// When something is to be tried again.
    pub(super) fn next(&self) -> Option<Instant> {
        self.0.values().map(|line| line.until).min()
    }

    /// The first change of each approval whose pause is over, `most` of them: by it one sees whether the later ones have their turn.
    pub(super) fn due(&self, now: Instant, most: usize) -> Vec<i64> {
        let due = self.0.values().filter(|line| line.until <= now);
        due.filter_map(|line| line.places.first().copied()).take(most).collect()
    }

    /// Puts a new change behind those of its approval that wait. False where none does.
    pub(super) fn join(&mut self, approval: &str, place: i64) -> bool {
        let Some(line) = self.0.get_mut(approval) else { return false };
        line.places.push(place);
        true
    }

    /// Takes down what became of an approval's changes that were tried, in order. `failed` holds those that failed, and whether they
    /// are likely to fail again; those after the first of them were not tried.
    pub(super) fn settle(
        &mut self,
        approval: String,
        mut tried: Vec<i64>,
        failed: &HashMap<i64, bool>,
        now: Instant,
    ) -> Settled {
        let first_failed = tried.iter().position(|place| failed.contains_key(place));
        let left = tried.split_off(first_failed.unwrap_or(tried.len()));
        let before = self.0.remove(&approval);
        let (mut later, tries, failures) = match before {
            Some(line) if tried.is_empty() => (line.places, line.tries, line.failures),
            Some(line) => (line.places, 0, 0),
            None => (Vec::new(), 0, 0),
        };
        later.retain(|place| !tried.contains(place) && !left.contains(place));
        let is_lasting = left.first().and_then(|place| failed.get(place)).copied();
        let mut line = Line { places: left, until: now, tries, failures };
        line.places.append(&mut later);
        let mut aside = None;
        if let Some(is_lasting) = is_lasting {
            line.failures += u32::from(is_lasting);
            if line.failures >= MAX_FAILURES {
                aside = Some(line.places.remove(0));
                (line.tries, line.failures) = (0, 0);
            } else {
                line.tries += 1;
                line.until = now + Duration::from_millis(PAUSE.after(line.tries).unsigned_abs());
            }
        }
        if !line.places.is_empty() {
            self.0.insert(approval, line);
        }
        Settled { done: tried, aside }
    }

    /// Forgets changes that are not there any more.
    pub(super) fn drop_missing(&mut self, places: &[i64]) {
        for line in self.0.values_mut() {
            line.places.retain(|place| !places.contains(place));
        }
        self.0.retain(|_, line| !line.places.is_empty());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settle(waiting: &mut Waiting, tried: &[i64], failed: &[(i64, bool)], now: Instant) -> Settled {
        waiting.settle("a".to_owned(), tried.to_vec(), &failed.iter().copied().collect(), now)
    }

    #[test]
    fn a_change_that_fails_keeps_the_later_ones_of_its_approval_waiting_for_longer_and_longer() {
        let (mut waiting, start) = (Waiting::default(), Instant::now());
        assert_eq!(settle(&mut waiting, &[1, 2, 3], &[(2, false)], start).done, [1]);
        assert!(waiting.due(start, 10).is_empty() && waiting.join("a", 4) && !waiting.join("b", 5));
        let (mut now, mut pauses) = (start, Vec::new());
        for _ in 0..8 {
            let next = waiting.next().expect("it waits");
            pauses.push((next - now).as_secs());
            now = next;
            assert_eq!(waiting.due(now, 10), [2]);
            assert_eq!(settle(&mut waiting, &[2], &[(2, false)], now), Settled::default());
        }
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60]);
        let next = waiting.next().expect("it waits");
        for place in [2, 3, 4] {
            assert_eq!(waiting.due(next, 10), [place], "the later ones follow at once");
            assert_eq!(settle(&mut waiting, &[place], &[], next).done, [place]);
        }
        assert!(waiting.is_empty());
    }

    #[test]
    fn a_change_that_fails_for_good_is_set_aside_and_the_later_ones_go_on() {
        let (mut waiting, now) = (Waiting::default(), Instant::now());
        for _ in 1..MAX_FAILURES {
            assert_eq!(settle(&mut waiting, &[1], &[(1, true)], now).aside, None);
        }
        assert!(waiting.join("a", 2));
        assert_eq!(settle(&mut waiting, &[1], &[(1, true)], now), Settled { done: vec![], aside: Some(1) });
        assert_eq!(waiting.due(now, 10), [2]);
        assert_eq!(settle(&mut waiting, &[2], &[(2, true)], now).aside, None, "it is counted anew");
    }

    #[test]
    fn changes_that_are_gone_do_not_wait() {
        let (mut waiting, now) = (Waiting::default(), Instant::now());
        settle(&mut waiting, &[1], &[(1, false)], now);
        waiting.drop_missing(&[1]);
        assert!(waiting.is_empty());
    }
}
