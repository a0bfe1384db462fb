//! How long what failed waits before it is tried again.

/// A wait within bounds, which grows with the age of what is tried, or with how often it has failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// Shortest wait, in milliseconds.
    pub min: i64,
    /// Longest wait, in milliseconds.
    pub max: i64,
}

impl Backoff {
    /// When what is owed since `since` is tried again, if it is tried at `now` (all in milliseconds): each time at twice its age.
    #[must_use]
    pub fn next(self, since: i64, now: i64) -> i64 {
        now + self.wait(now - since)
    }

    /// The wait at this age, both in milliseconds.
    #[must_use]
    pub fn wait(self, age: i64) -> i64 {
        age.clamp(self.min, self.max)
    }

    /// The wait after so many failures in a row, in milliseconds: the shortest after the first, and twice as long after each more.
    #[must_use]
    pub fn after(self, failures: u32) -> i64 {
        self.min.saturating_mul(1 << failures.saturating_sub(1).min(32)).min(self.max)
    }

    /// The same with a shortest wait that is at least this long.
    #[must_use]
    pub fn at_least(self, min: i64) -> Self {
        Self { min: min.clamp(self.min, self.max), max: self.max }
    }
}

#[cfg(test)]
mod tests {
    use super::Backoff;

    #[test]
    fn it_grows_with_age_or_failures_within_its_bounds() {
        let backoff = Backoff { min: 2, max: 100 };
        assert_eq!([0, 2, 7, 100, 9_000].map(|now| backoff.next(0, now) - now), [2, 2, 7, 100, 100]);
        assert_eq!([0, 1, 2, 3, 6, 7, u32::MAX].map(|failures| backoff.after(failures)), [2, 2, 4, 8, 64, 100, 100]);
        assert_eq!(
            [backoff.at_least(60).wait(3), backoff.at_least(900).wait(3), backoff.at_least(0).wait(0)],
            [60, 100, 2]
        );
    }
}
