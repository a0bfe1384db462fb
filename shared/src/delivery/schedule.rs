//! When a delivery is tried again.

/// Waits after each failed attempt, in seconds: ten more attempts over three days.
const WAITS: [i64; 10] = [5, 30, 120, 600, 1_800, 7_200, 18_000, 36_000, 72_000, 123_000];

/// When to try again (milliseconds) after so many failed attempts, with up to a tenth of random delay (`random`) so that
/// what failed together is not repeated together. `None` when it is given up.
#[must_use]
pub fn next_attempt(failed: u32, now: i64, random: u8) -> Option<i64> {
    let index = usize::try_from(failed.checked_sub(1)?).ok()?;
    let wait = WAITS.get(index)? * 1000;
    Some(now + wait + wait / 10 * i64::from(random) / 255)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_over_three_days_and_then_end() {
        let waits: Vec<i64> = (1..=10).filter_map(|failed| next_attempt(failed, 0, 0)).collect();
        assert_eq!(waits.len(), 10);
        assert!(waits.windows(2).all(|pair| pair[0] < pair[1]));
        let days = waits.iter().sum::<i64>() as f64 / 86_400_000.0;
        assert!((2.9..=3.1).contains(&days), "{days}");
        assert_eq!(next_attempt(11, 0, 0), None);
        assert_eq!(next_attempt(1, 0, 255), Some(5_500));
        assert_eq!(next_attempt(0, 0, 0), None);
    }
}
