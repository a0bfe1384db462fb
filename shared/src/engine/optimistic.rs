//! The loop of every conditional write: change what was read, write it unless somebody else was faster, begin again on what they left.

use crate::store::Error;

/// How often a lost race is taken up again where few write the same item.
pub(super) const MAX_RACES: u32 = 8;

/// What a conditional write came to.
pub(super) enum Race<T> {
    /// It is written; this is the value as it was written.
    Won(T),
    /// Somebody else was faster; this is what they left.
    Lost(T),
}

/// Changes a value and writes it, until the write is not one that somebody else was faster at. `change` says whether there is anything
/// to write. `write` is told how many races were lost before.
///
/// Answers with the value as it was left, and whether it was written.
///
/// # Errors
/// [`Error::Throttled`] after `max` lost races; what `write` fails with.
pub(super) async fn optimistic<T, F: Future<Output = Result<Race<T>, Error>>>(
    mut value: T,
    max: u32,
    mut change: impl FnMut(&mut T) -> bool,
    mut write: impl FnMut(T, u32) -> F,
) -> Result<(T, bool), Error> {
    for lost in 0..max {
        if !change(&mut value) {
            return Ok((value, false));
        }
        match write(value, lost).await? {
            Race::Won(written) => return Ok((written, true)),
            Race::Lost(current) => value = current,
        }
    }
    Err(Error::Throttled)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[tokio::test]
    async fn a_lost_race_is_begun_again_on_what_was_left_and_not_without_end() {
        let mut left = vec![10, 20];
        let write = |n: i32, _| std::future::ready(Ok(left.pop().map_or(Race::Won(n), Race::Lost)));
        assert_eq!(optimistic(1, 3, |n| *n < 25, write).await.unwrap(), (10, true), "two races were lost");
        let write = |_, _| std::future::ready(Ok(Race::Lost(25)));
        assert_eq!(optimistic(1, 3, |n| *n < 25, write).await.unwrap(), (25, false), "what was left needs no change");
        let mut tries = Vec::new();
        let write = |n: i32, lost| {
            tries.push(lost);
            std::future::ready(Ok(Race::Lost(n)))
        };
        assert!(matches!(optimistic(1, 3, |_| true, write).await, Err(Error::Throttled)));
        assert_eq!(tries, [0, 1, 2]);
    }
}
