//! What a sandbox platform can be told to do wrong. Faults live in memory: a new start is a healthy platform.

use serde::{Deserialize, Serialize};

use super::range::Range;

/// Longest delay, in milliseconds.
const MAX_DELAY: u64 = 60_000;
/// Most extra copies of one callback.
const MAX_COPIES: u32 = 20;

/// How many more times a fault strikes: `false`, `true` (until told otherwise) or a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Times {
    /// The next so many times.
    Next(u32),
    /// Always or never.
    Switch(bool),
}

impl Default for Times {
    fn default() -> Self {
        Self::Switch(false)
    }
}

impl Times {
    /// Whether the fault strikes now; counts down.
    pub(crate) fn strike(&mut self) -> bool {
        match self {
            Self::Switch(on) => *on,
            Self::Next(0) => false,
            Self::Next(left) => {
                *left -= 1;
                true
            }
        }
    }

    /// Whether it would strike.
    pub(crate) fn armed(self) -> bool {
        !matches!(self, Self::Next(0) | Self::Switch(false))
    }
}

/// How calls fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Failure {
    /// Nothing happens and the answer is the platform's server error.
    Before(Times),
    /// The next call that changes something does so, and its answer is lost: a time-out. Strikes once.
    Word(AfterEffect),
}

/// The word `after_effect`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum AfterEffect {
    /// The effect happens, the answer does not.
    AfterEffect,
}

impl Default for Failure {
    fn default() -> Self {
        Self::Before(Times::default())
    }
}

/// All faults of one platform. In a change, what is absent stays and `null` ends a fault.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Faults {
    /// Calls that are refused as too many.
    pub(crate) throttle: Times,
    /// How many calls are let through before that.
    pub(crate) throttle_after: u32,
    /// Calls that fail.
    pub(crate) fail: Failure,
    /// How long each API answer takes, in milliseconds.
    pub(crate) delay_ms: u64,
    /// Callbacks that are lost: never sent, never in the failed list.
    pub(crate) drop_callbacks: Times,
    /// How many extra copies of each callback are sent.
    pub(crate) repeat_callbacks: u32,
    /// Callbacks of one change go out last first.
    pub(crate) reorder_callbacks: bool,
    /// Permissions that the app lacks.
    pub(crate) missing_scopes: Vec<String>,
    /// What the app may see of the organisation.
    pub(crate) range: Range,
    /// Calls that are refused because the month's quota is used up, on platforms that have one.
    pub(crate) quota: Times,
}

/// A change of the faults: what is absent stays as it is.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Change {
    #[serde(default, with = "present")]
    throttle: Option<Times>,
    #[serde(default, with = "present")]
    throttle_after: Option<u32>,
    #[serde(default, with = "present")]
    fail: Option<Failure>,
    #[serde(default, with = "present")]
    delay_ms: Option<u64>,
    #[serde(default, with = "present")]
    drop_callbacks: Option<Times>,
    #[serde(default, with = "present")]
    repeat_callbacks: Option<u32>,
    #[serde(default, with = "present")]
    reorder_callbacks: Option<bool>,
    #[serde(default, with = "present")]
    missing_scopes: Option<Vec<String>>,
    #[serde(default, with = "present")]
    range: Option<Range>,
    #[serde(default, with = "present")]
    quota: Option<Times>,
}

/// Reads a field that is there; its `null` is the default.
mod present {
    use serde::{Deserialize, Deserializer};

    pub(super) fn deserialize<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
    where
        D: Deserializer<'de>,
        T: Deserialize<'de> + Default,
    {
        Option::<T>::deserialize(deserializer).map(|value| Some(value.unwrap_or_default()))
    }
}

impl Faults {
    /// Applies a change; on an error nothing is changed.
    pub(crate) fn change(&mut self, change: Change) -> Result<(), String> {
        if change.delay_ms.is_some_and(|delay| delay > MAX_DELAY) {
            return Err(format!("delay_ms is at most {MAX_DELAY}"));
        }
        if change.repeat_callbacks.is_some_and(|copies| copies > MAX_COPIES) {
            return Err(format!("repeat_callbacks is at most {MAX_COPIES}"));
        }
        set(&mut self.throttle, change.throttle);
        set(&mut self.throttle_after, change.throttle_after);
        set(&mut self.fail, change.fail);
        set(&mut self.delay_ms, change.delay_ms);
        set(&mut self.drop_callbacks, change.drop_callbacks);
        set(&mut self.repeat_callbacks, change.repeat_callbacks);
        set(&mut self.reorder_callbacks, change.reorder_callbacks);
        set(&mut self.missing_scopes, change.missing_scopes);
        set(&mut self.range, change.range);
        set(&mut self.quota, change.quota);
        Ok(())
    }

    /// Whether this call is refused as one too many.
    pub(crate) fn throttles(&mut self) -> bool {
        if self.throttle.armed() && self.throttle_after > 0 {
            self.throttle_after -= 1;
            return false;
        }
        self.throttle.strike()
    }

    /// Whether this call fails before it has an effect.
    pub(crate) fn fails(&mut self) -> bool {
        match &mut self.fail {
            Failure::Before(times) => times.strike(),
            Failure::Word(AfterEffect::AfterEffect) => false,
        }
    }

    /// Whether the answer of this call, which had its effect, is lost.
    pub(crate) fn loses_answer(&mut self) -> bool {
        let lost = self.fail == Failure::Word(AfterEffect::AfterEffect);
        if lost {
            self.fail = Failure::default();
        }
        lost
    }

    /// Whether any fault is on.
    pub(crate) fn any(&self) -> bool {
        let fails = match self.fail {
            Failure::Before(times) => times.armed(),
            Failure::Word(AfterEffect::AfterEffect) => true,
        };
        fails
            || self.throttle.armed()
            || self.quota.armed()
            || self.drop_callbacks.armed()
            || self.delay_ms > 0
            || self.repeat_callbacks > 0
            || self.reorder_callbacks
            || !self.missing_scopes.is_empty()
            || self.range.any()
    }
}

fn set<T>(field: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *field = value;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use serde_json::json;

    fn change(faults: &mut Faults, json: serde_json::Value) -> Result<(), String> {
        let change = serde_json::from_value(json).map_err(|error| error.to_string())?;
        faults.change(change)
    }

    #[test]
    fn faults_strike_as_often_as_they_were_told_and_a_null_ends_them() {
        let mut faults = Faults::default();
        change(&mut faults, json!({"throttle": 2, "drop_callbacks": true})).unwrap();
        let struck: Vec<bool> = (0..3).map(|_| faults.throttle.strike()).collect();
        assert_eq!(struck, [true, true, false]);
        assert!(faults.drop_callbacks.strike() && faults.drop_callbacks.strike());

        change(&mut faults, json!({"drop_callbacks": null, "throttle": null})).unwrap();
        assert!(!faults.any());
    }

    #[test]
    fn an_answer_is_lost_once() {
        let mut faults = Faults::default();
        change(&mut faults, json!({"fail": "after_effect"})).unwrap();
        assert!(!faults.fails());
        assert!(faults.loses_answer());
        assert!(!faults.loses_answer());
    }

    #[test]
    fn a_change_that_makes_no_sense_changes_nothing() {
        let mut faults = Faults::default();
        for bad in [
            json!({"throtle": 1}),
            json!({"throttle": -1}),
            json!({"fail": "sometimes"}),
            json!({"throttle": true, "delay_ms": 60_001}),
            json!({"repeat_callbacks": 21}),
        ] {
            assert!(change(&mut faults, bad.clone()).is_err(), "{bad}");
            assert!(!faults.any(), "{bad}");
        }
    }
}
