//! What the platform blocks callers for: too many wrong secrets, and too many numbers of nobody.

/// Counts what goes wrong within a window and blocks when it is too much. It lives in memory only.
#[derive(Debug, Clone)]
pub(super) struct Guard {
    most: u32,
    window: i64,
    count: u32,
    /// When the window ends, or the block.
    until: i64,
}

const HOUR: i64 = 3_600_000;

impl Guard {
    /// Wrong secrets: about 2000 in an hour, says the platform's staff; then an hour's block, as documented.
    pub(super) fn of_secrets() -> Self {
        Self { most: 2_000, window: HOUR, count: 0, until: 0 }
    }

    /// Wrong mobile numbers and e-mail addresses: a day's block beyond 20 % of the head-count, as documented. The played
    /// corporation counts as one of 200 people, of whom five are seen.
    pub(super) fn of_misses() -> Self {
        Self { most: 40, window: 24 * HOUR, count: 0, until: 0 }
    }

    /// Whether the caller is blocked.
    pub(super) fn blocks(&self, now: i64) -> bool {
        self.count > self.most && now < self.until
    }

    /// Takes down one more that went wrong.
    pub(super) fn wrong(&mut self, now: i64) {
        if now >= self.until {
            (self.count, self.until) = (0, now + self.window);
        }
        self.count += 1;
        if self.count == self.most + 1 {
            self.until = now + self.window;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_too_many_blocks_for_a_window_and_no_longer() {
        let mut guard = Guard::of_secrets();
        (0..2_000).for_each(|_| guard.wrong(1_000));
        assert!(!guard.blocks(1_000));
        guard.wrong(2_000);
        assert!(guard.blocks(2_000) && guard.blocks(2_000 + HOUR - 1));
        assert!(!guard.blocks(2_000 + HOUR));
        guard.wrong(2_000 + HOUR);
        assert!(!guard.blocks(2_000 + HOUR), "the count begins anew");
    }
}
