//! How often instances are read, by how much of the month's quota of calls is left.

use jiff::tz::{Offset, TimeZone};
use jiff::{Span, Timestamp};

/// From so many hundredths of the quota on readings are half as frequent, and from so many only those that are wanted are made.
const HALF_FROM: u64 = 80;
const WANTED_FROM: u64 = 95;
/// Quotas are counted in months of UTC+8: the platforms' own time.
const HOURS_AHEAD: i8 = 8;

/// How often instances are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Pace {
    /// As usual.
    #[default]
    Full,
    /// Half as often.
    Half,
    /// Only those that the state machine asks for, because a callback was not enough.
    Wanted,
    /// Not at all before `until` (milliseconds): the platform says that the quota is spent.
    Stopped {
        /// When the quota begins anew.
        until: i64,
    },
}

impl Pace {
    /// The pace after so many calls of a quota.
    #[must_use]
    pub fn of(calls: u64, quota: Option<u64>) -> Self {
        let Some(quota) = quota else { return Self::Full };
        let reached = |hundredths: u64| u128::from(calls) * 100 >= u128::from(quota) * u128::from(hundredths);
        if reached(WANTED_FROM) {
            Self::Wanted
        } else if reached(HALF_FROM) {
            Self::Half
        } else {
            Self::Full
        }
    }

    /// Whether an instance may be read; `wanted` says that the state machine asks for it.
    #[must_use]
    pub const fn reads(self, wanted: bool) -> bool {
        match self {
            Self::Full | Self::Half => true,
            Self::Wanted => wanted,
            Self::Stopped { .. } => false,
        }
    }
}

/// A month of a quota.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Month {
    /// Its name, as in `2026-11`.
    pub name: String,
    /// When the next one begins (milliseconds).
    pub ends_at: i64,
}

impl Month {
    /// The month at `now` (milliseconds), by the platforms' clocks.
    #[must_use]
    pub fn at(now: i64) -> Self {
        let zone = TimeZone::fixed(Offset::constant(HOURS_AHEAD));
        let there = Timestamp::from_millisecond(now).unwrap_or_default().to_zoned(zone.clone());
        let first = there.date().first_of_month();
        let next = first.checked_add(Span::new().months(1)).and_then(|next| next.to_zoned(zone));
        let ends_at = next.map_or(now, |next| next.timestamp().as_millisecond());
        Self { name: format!("{:04}-{:02}", first.year(), first.month()), ends_at }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn at(text: &str) -> i64 {
        text.parse::<Timestamp>().unwrap().as_millisecond()
    }

    #[test]
    fn readings_become_rare_as_the_quota_is_spent() {
        let pace = |calls| Pace::of(calls, Some(5_000));
        assert_eq!([pace(0), pace(3_999)], [Pace::Full; 2]);
        assert_eq!([pace(4_000), pace(4_749)], [Pace::Half; 2]);
        assert_eq!([pace(4_750), pace(9_999)], [Pace::Wanted; 2]);
        assert_eq!(Pace::of(u64::MAX, None), Pace::Full);
        assert_eq!(Pace::of(u64::MAX, Some(u64::MAX)), Pace::Wanted);
        assert!(Pace::Full.reads(false) && Pace::Half.reads(false) && Pace::Wanted.reads(true));
        assert!(!Pace::Wanted.reads(false) && !Pace::Stopped { until: 0 }.reads(true));
    }

    #[test]
    fn months_are_those_of_utc_plus_8() {
        let month = Month::at(at("2026-11-30T15:59:59.999Z"));
        assert_eq!((month.name.as_str(), month.ends_at), ("2026-11", at("2026-11-30T16:00:00Z")));
        let next = Month::at(month.ends_at);
        assert_eq!((next.name.as_str(), next.ends_at), ("2026-12", at("2026-12-31T16:00:00Z")));
        assert_eq!(Month::at(next.ends_at).name, "2027-01");
    }
}
