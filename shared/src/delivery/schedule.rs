//! When a delivery is tried again, and when its receiver is called again.

use crate::backoff::Backoff;

/// Waits after each failed attempt, in seconds: ten more attempts over three days.
const WAITS: [i64; 10] = [5, 30, 120, 600, 1_800, 7_200, 18_000, 36_000, 72_000, 123_000];
/// For how long a delivery is tried, in milliseconds: three days, and a little less than all waits together, so that the attempt
/// after the last of them is the last one.
pub const TRIED_FOR: i64 = 258_000_000;
/// Longest time that a receiver may ask us to wait, in milliseconds.
pub const MAX_REST: i64 = 3_600_000;
/// The wait before a receiver is called again that did not answer at all.
const UNANSWERED: Backoff = Backoff { min: 15_000, max: 600_000 };

/// When to try again (milliseconds) what was refused so often since `from`, with up to a tenth of random delay (`random`) so that
/// what failed together is not repeated together. `None` when it is given up. What found no answer counts as refused no more
/// often: how long its receiver is left alone is [`silence`]'s.
#[must_use]
pub fn next_attempt(refused: u32, from: i64, now: i64, random: u8) -> Option<i64> {
    if is_over(from, now) {
        return None;
    }
    let index = usize::try_from(refused).unwrap_or(WAITS.len()).saturating_sub(1).min(WAITS.len() - 1);
    // The last attempt comes when the three days are over, and not a day later.
    let longest = (from + TRIED_FOR - now).max(WAITS[0] * 1000);
    Some(now + spread(WAITS[index] * 1000, random).min(longest))
}

/// Whether a delivery that is tried since `from` has been tried for long enough at `now` (milliseconds).
#[must_use]
pub fn is_over(from: i64, now: i64) -> bool {
    now - from >= TRIED_FOR
}

/// How long a receiver is left alone (milliseconds) that did not answer so many times in a row, once at least.
#[must_use]
pub fn silence(unanswered: u32, random: u8) -> i64 {
    spread(UNANSWERED.after(unanswered), random)
}

fn spread(wait: i64, random: u8) -> i64 {
    wait + wait / 10 * i64::from(random) / 255
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_over_three_days_and_then_end() {
        for random in [0, 255] {
            let (mut now, mut waits) = (0, Vec::new());
            while let Some(next) = next_attempt(u32::try_from(waits.len()).unwrap_or(0) + 1, 0, now, random) {
                waits.push(next - now);
                now = next;
            }
            assert_eq!(waits.len(), 10, "{waits:?}");
            assert!(waits.windows(2).all(|pair| pair[0] < pair[1]));
            assert!((2.9..=3.1).contains(&(now as f64 / 86_400_000.0)), "{now}");
        }
        assert_eq!(next_attempt(1, 0, 0, 0), Some(5_000));
        assert_eq!(next_attempt(1, 0, 0, 255), Some(5_500));
    }

    #[test]
    fn what_was_rarely_tried_ends_after_three_days_too() {
        assert_eq!(next_attempt(1, 0, TRIED_FOR, 0), None);
        assert_eq!(next_attempt(500, 0, TRIED_FOR - 60_000, 0), Some(TRIED_FOR), "once more at the end");
        assert_eq!(next_attempt(500, 0, TRIED_FOR - 1, 0), Some(TRIED_FOR + 4_999));
        assert_eq!(next_attempt(3, TRIED_FOR, TRIED_FOR, 0), Some(TRIED_FOR + 120_000), "asked for again");
    }

    #[test]
    fn a_silent_receiver_is_left_alone_for_longer_and_longer() {
        assert_eq!([1, 2, 3, 6, 7, 40].map(|n| silence(n, 0)), [15_000, 30_000, 60_000, 480_000, 600_000, 600_000]);
        assert_eq!(silence(1, 255), 16_500);
    }
}
