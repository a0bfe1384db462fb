//! How long what failed waits before it is tried again.

/// A wait that grows with the age of what is tried, within bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Backoff {
    /// Shortest wait, in milliseconds.
    pub(super) min: i64,
    /// Longest wait, in milliseconds.
    pub(super) max: i64,
}

impl Backoff {
    /// When what is owed since `since` is tried again, if it is tried at `now` (all in milliseconds): each time at twice its age.
    pub(super) fn next(self, since: i64, now: i64) -> i64 {
        now + self.wait(now - since)
    }

    /// The wait at this age, both in milliseconds.
    pub(super) fn wait(self, age: i64) -> i64 {
        age.clamp(self.min, self.max)
    }

    /// The same with a shortest wait that is at least this long.
    pub(super) fn at_least(self, min: i64) -> Self {
        Self { min: min.clamp(self.min, self.max), max: self.max }
    }
}

#[cfg(test)]
mod tests {
    use super::Backoff;

    #[test]
    fn it_grows_with_the_age_within_its_bounds() {
        let backoff = Backoff { min: 2, max: 100 };
        assert_eq!([0, 2, 7, 100, 9_000].map(|now| backoff.next(0, now) - now), [2, 2, 7, 100, 100]);
        assert_eq!(
            [backoff.at_least(60).wait(3), backoff.at_least(900).wait(3), backoff.at_least(0).wait(0)],
            [60, 100, 2]
        );
    }
}
