//! When the sweep is to deal with an approval next: the earliest of everything that is due of it. It is worked out with every write.

use super::pace::Pace;
use crate::approval::{Approval, Effect, Owed, Purpose};
use crate::backoff::Backoff;

/// Readings find what a lost callback would have told; they count against the platform's monthly quota, so an approval of three days
/// is read a dozen times.
const READ: Backoff = Backoff { min: 10 * 60 * 1000, max: 12 * 60 * 60 * 1000 };
/// A reading that the state machine asks for and that failed. It is never later than the next ordinary one.
const READ_WANTED: Backoff = Backoff { min: 60_000, max: 12 * 60 * 60 * 1000 };
/// An end that the platform does not take yet. DingTalk takes none in the first 15 seconds of an instance.
const END: Backoff = Backoff { min: 16_000, max: 15 * 60 * 1000 };
/// A start that nobody has taken: dispatch does mostly, and if it does not, the sweep (milliseconds).
const UNTAKEN: i64 = 60_000;
/// For so long an instance that has ended is read for what an event could not tell (milliseconds).
const MAX_LATE: i64 = 24 * 60 * 60 * 1000;
/// Over so long the readings are spread that a new month lets begin again (milliseconds).
const SPREAD: i64 = 30 * 60 * 1000;

/// When a new approval is due.
#[must_use]
pub(super) fn first(state: &Approval, now: i64) -> Option<i64> {
    let owed = state.owed();
    earliest(state, owed.iter().filter_map(|owed| first_try(owed, now)))
}

/// When an approval is due after a change at `now` (milliseconds), which was due at `due_at` and owed `before`. What it owed before and
/// still owes keeps its time; what it owes now makes it due. An ordinary reading may as well have the time that is there, though that
/// is too early: to move it would cost two write units more, in the answer to a submit.
pub(super) fn after_change(due_at: Option<i64>, before: &[Owed], state: &Approval, now: i64) -> Option<i64> {
    let owed = state.owed();
    let takes_any = |owed: &Owed| matches!(owed.effect, Effect::Read { wanted: false, .. });
    let kept = due_at.filter(|_| owed.iter().any(|owed| before.contains(owed) || takes_any(owed)));
    let new = owed.iter().filter(|owed| !before.contains(owed));
    earliest(state, new.filter_map(|owed| first_try(owed, now)).chain(kept))
}

/// When it is due after what it owes is tried at `now` (milliseconds): all that may fail again and again is done more and more rarely.
/// This is written before the try, so that a failure does not repeat it at once. `pace` is that of ordinary readings.
pub(super) fn after_try(state: &Approval, now: i64, pace: Pace) -> Option<i64> {
    let owed = state.owed();
    earliest(state, owed.iter().filter_map(|owed| next_try(owed, state, now, pace))).map(|at| at.max(now + 1))
}

/// When it is due after its instance was read, or cannot be: a reading that was wanted has done what it could, and the next is an
/// ordinary one.
pub(super) fn after_reading(state: &Approval, now: i64, pace: Pace) -> Option<i64> {
    let mut owed = state.owed();
    if state.closed.is_none() {
        for owed in &mut owed {
            if let Effect::Read { wanted, .. } = &mut owed.effect {
                *wanted = false;
            }
        }
    }
    earliest(state, owed.iter().filter_map(|owed| next_try(owed, state, now, pace)))
}

fn earliest(state: &Approval, owed: impl Iterator<Item = i64>) -> Option<i64> {
    owed.chain(state.deadline_to_come()).min()
}

/// When something that is owed since just now is tried, where nobody does it at once.
fn first_try(owed: &Owed, now: i64) -> Option<i64> {
    let at = match owed.effect {
        Effect::Start { .. } => owed.not_before.unwrap_or(now + UNTAKEN),
        Effect::Find { purpose: Purpose::End, .. } | Effect::Cancel { purpose: Purpose::End, .. } => {
            next_end(owed, now)
        }
        Effect::Find { .. } | Effect::Cancel { .. } => return owed.not_before,
        Effect::Read { wanted: true, .. } => now + READ_WANTED.min,
        Effect::Read { wanted: false, .. } => now + READ.min,
    };
    Some(at)
}

/// When something that is owed is tried again, if it is tried at `now`.
fn next_try(owed: &Owed, state: &Approval, now: i64, pace: Pace) -> Option<i64> {
    match owed.effect {
        // Whoever reads it does so after the end of what is to be ended.
        Effect::Read { .. } if state.to_end_since().is_some() => None,
        Effect::Read { wanted: true, .. } if state.closed.is_some() && now - owed.since >= MAX_LATE => None,
        Effect::Read { wanted: true, .. } if state.closed.is_some() => Some(READ_WANTED.next(owed.since, now)),
        Effect::Read { wanted, .. } => {
            let ordinary = next_reading(state.submitted_at, now, pace);
            Some(if wanted { ordinary.min(READ_WANTED.next(owed.since, now)) } else { ordinary })
        }
        _ => first_try(owed, now),
    }
}

/// Whoever is at the start knows first whether there is anything to take back.
fn next_end(owed: &Owed, now: i64) -> i64 {
    owed.not_before.filter(|until| *until > now).unwrap_or_else(|| END.next(owed.since, now))
}

/// The older an approval, the more rarely its instance is read: each time at twice its age, within bounds.
fn next_reading(submitted_at: i64, now: i64, pace: Pace) -> i64 {
    if is_new(submitted_at, now) {
        return submitted_at + READ.min;
    }
    let ordinary = READ.wait(now - submitted_at);
    match pace {
        Pace::Full => now + ordinary,
        Pace::Half | Pace::Wanted => now + 2 * ordinary,
        Pace::Stopped { until } => (now + ordinary).max(until + submitted_at.rem_euclid(SPREAD)),
    }
}

/// Whether it is too early to read what was submitted then (milliseconds): there is nothing to find yet.
#[must_use]
pub(super) fn is_new(submitted_at: i64, now: i64) -> bool {
    now - submitted_at < READ.min
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::approval::{
        Closed, Closure, Deadline, DecidedBy, Event, Mode, Node, OnDeadline, Outcome, Person, Stage, Withdrawal,
    };

    const AT: i64 = 1_790_000_000_000;
    const MINUTE: i64 = 60_000;
    const HOUR: i64 = 60 * MINUTE;

    fn submitted() -> Approval {
        let node = Node::new("one", Mode::Any, vec![]);
        let stage = || Stage::new("con_1".into(), "dingtalk".into(), DecidedBy::Platform, vec![node.clone()]);
        Approval::new(AT, Person::default(), vec![stage(), stage()], AT + MINUTE)
    }

    fn running() -> Approval {
        let mut state = submitted();
        state.started(0, "i".into(), None, AT);
        state
    }

    fn due_after(state: &Approval, now: i64) -> i64 {
        after_try(state, now, Pace::Full).unwrap()
    }

    fn ask(state: &mut Approval, at: i64, force: bool) {
        assert!(state.ask_withdrawal(Withdrawal { at, by: Person::default(), reason: None, force }));
    }

    #[test]
    fn what_an_event_could_not_tell_is_read_for_a_day_after_the_end() {
        let mut state = running();
        state.apply(0, Event::ReadWanted { at: AT });
        state.apply(0, Event::Finished { outcome: Outcome::Rejected, at: AT });
        assert_eq!(due_after(&state, AT), AT + MINUTE);
        assert_eq!(due_after(&state, AT + HOUR), AT + 2 * HOUR);
        assert_eq!(after_reading(&state, AT + HOUR, Pace::Full), Some(AT + 2 * HOUR), "it is wanted still");
        assert_eq!(after_try(&state, AT + 25 * HOUR, Pace::Full), None);
        state.apply(0, Event::ReadDone { at: AT });
        assert_eq!(after_try(&state, AT + HOUR, Pace::Full), None);
    }

    #[test]
    fn a_start_is_looked_at_when_its_lease_runs_out() {
        assert_eq!(first(&submitted(), AT), Some(AT + MINUTE));
        let mut second = running();
        second.apply(0, Event::Finished { outcome: Outcome::Approved, at: AT });
        assert_eq!(due_after(&second, AT + HOUR), AT + HOUR + MINUTE, "nobody holds a lease");
    }

    #[test]
    fn an_instance_is_read_more_and_more_rarely() {
        let (before, state) = (submitted(), running());
        let mut times = vec![after_change(Some(AT + MINUTE), &before.owed(), &state, AT).unwrap()];
        while times.len() < 12 {
            times.push(due_after(&state, times[times.len() - 1]));
        }
        let minutes: Vec<i64> = times.iter().map(|at| (at - AT) / MINUTE).collect();
        assert_eq!(minutes, [1, 10, 20, 40, 80, 160, 320, 640, 1280, 2000, 2720, 3440]);
    }

    #[test]
    fn a_reading_that_is_wanted_and_failed_is_repeated_soon_and_one_that_was_made_is_not() {
        let mut state = running();
        state.apply(0, Event::ReadWanted { at: AT + 5 * HOUR });
        let now = AT + 5 * HOUR + 2 * MINUTE;
        assert_eq!(due_after(&state, now), now + 2 * MINUTE);
        assert_eq!(after_reading(&state, now, Pace::Full), Some(now + 5 * HOUR + 2 * MINUTE));
    }

    #[test]
    fn a_quota_that_is_nearly_spent_makes_readings_rare_and_a_spent_one_ends_them() {
        let (state, now) = (running(), AT + HOUR);
        assert_eq!(after_try(&state, now, Pace::Half), Some(now + 2 * HOUR));
        assert_eq!(after_try(&state, now, Pace::Wanted), Some(now + 2 * HOUR));
        let until = now + 240 * HOUR;
        let then = after_try(&state, now, Pace::Stopped { until }).unwrap();
        assert!((until..until + SPREAD).contains(&then), "after the month's end, not all in one second");
        let at_once = after_try(&state, now, Pace::Stopped { until: now }).unwrap();
        assert!(at_once >= now + HOUR, "never sooner than otherwise");
    }

    #[test]
    fn a_withdrawal_is_repeated_more_and_more_rarely() {
        let mut state = running();
        ask(&mut state, AT + HOUR, false);
        assert_eq!(due_after(&state, AT + HOUR), AT + HOUR + 16_000);
        assert_eq!(due_after(&state, AT + HOUR + 32_000), AT + HOUR + 64_000);
        assert_eq!(due_after(&state, AT + 9 * HOUR), AT + 9 * HOUR + 15 * MINUTE);
    }

    #[test]
    fn a_withdrawal_waits_for_whoever_is_at_the_start() {
        let mut state = submitted();
        ask(&mut state, AT, true);
        assert_eq!(due_after(&state, AT + 5_000), AT + MINUTE);
        assert_eq!(due_after(&state, AT + MINUTE), AT + 2 * MINUTE, "nobody is at it any more");
    }

    #[test]
    fn the_deadline_is_never_missed() {
        for then in [OnDeadline::Expire, OnDeadline::Reject, OnDeadline::Escalate] {
            let mut states = [submitted(), running(), running()];
            ask(&mut states[2], AT, false);
            for state in &mut states {
                state.deadline = Some(Deadline::new(AT + HOUR, then));
                for pace in [Pace::Full, Pace::Half, Pace::Wanted, Pace::Stopped { until: AT + 999 * HOUR }] {
                    let mut now = AT;
                    while now < AT + HOUR {
                        let next = after_try(state, now, pace).unwrap();
                        assert!(next <= AT + HOUR, "{state:?} at {now}");
                        // A lease that ran out is taken again before the next check.
                        now = next.max(now + MINUTE);
                    }
                }
                assert!(state.pass_deadline(AT + HOUR));
                assert_ne!(due_after(state, AT + HOUR), AT + HOUR, "it is dealt with once");
            }
        }
    }

    #[test]
    fn what_the_deadline_ends_is_tried_more_and_more_rarely() {
        let mut state = running();
        state.deadline = Some(Deadline::new(AT + HOUR, OnDeadline::Expire));
        state.pass_deadline(AT + HOUR);
        assert_eq!(due_after(&state, AT + HOUR), AT + HOUR + 16_000);
        assert_eq!(due_after(&state, AT + HOUR + 3 * MINUTE), AT + HOUR + 6 * MINUTE);
    }

    #[test]
    fn the_write_that_owes_something_makes_it_due_and_what_was_owed_keeps_its_time() {
        let changes: [fn(&mut Approval); 4] = [
            |state| _ = state.apply(0, Event::Finished { outcome: Outcome::Approved, at: AT }),
            |state| _ = state.apply(0, Event::ReadWanted { at: AT + HOUR }),
            |state| ask(state, AT + HOUR, false),
            |state| _ = state.pass_deadline(AT + HOUR),
        ];
        for change in changes {
            let mut state = running();
            state.deadline = Some(Deadline::new(AT + HOUR, OnDeadline::Expire));
            let before = state.owed();
            change(&mut state);
            let now = AT + HOUR - 1;
            let due = after_change(Some(AT + 12 * HOUR), &before, &state, now).unwrap();
            assert!(due <= now + MINUTE, "{state:?}");
            state.deadline = None;
            let again = after_change(Some(AT + 9 * HOUR), &state.owed(), &state, AT + 2 * HOUR);
            assert_eq!(again, Some(AT + 9 * HOUR).filter(|_| !state.owed().is_empty()));
        }
    }

    #[test]
    fn what_is_said_to_an_approval_whose_reading_was_put_off_is_read_soon() {
        let mut state = running();
        state.apply(0, Event::ReadWanted { at: AT });
        let before = state.owed();
        state.apply(0, Event::ReadWanted { at: AT + HOUR });
        assert_eq!(after_change(Some(AT + 9 * HOUR), &before, &state, AT + HOUR), Some(AT + HOUR + MINUTE));
    }

    #[test]
    fn nothing_is_due_of_what_has_ended() {
        let mut state = running();
        state.deadline = Some(Deadline::new(AT + HOUR, OnDeadline::Expire));
        let before = state.owed();
        state.close(Closure { how: Closed::Failed, at: Some(AT), by: None, remark: None });
        assert_eq!(after_try(&state, AT, Pace::Full), None);
        assert_eq!(after_change(Some(AT + HOUR), &before, &state, AT), None);
    }
}
