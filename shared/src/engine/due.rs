//! When the sweep is to look at an approval next.

use super::pace::Pace;
use crate::approval::Approval;
use crate::store::approvals::Record;

/// Shortest and longest time between two readings of an instance, in milliseconds. Readings find what a lost callback would
/// have told; they count against the platform's monthly quota, so an approval of three days is read a dozen times.
const READ_AFTER: i64 = 10 * 60 * 1000;
const READ_AT_LEAST: i64 = 12 * 60 * 60 * 1000;
/// A withdrawal that the platform does not take yet is tried again after so long, at first and at last (milliseconds). DingTalk
/// takes none in the first 15 seconds of an instance.
const WITHDRAW_AFTER: i64 = 16_000;
const WITHDRAW_AT_LEAST: i64 = 15 * 60 * 1000;
/// The same of a reading that the state machine asks for and that failed. It is never later than the next ordinary one.
const WANTED_AFTER: i64 = 60_000;
/// For so long an instance that has ended is read for what an event could not tell (milliseconds).
const LATE_AT_MOST: i64 = 24 * 60 * 60 * 1000;
/// Over so long the readings are spread that a new month lets begin again (milliseconds).
const SPREAD: i64 = 30 * 60 * 1000;

/// When the sweep is to look at an approval next, worked out at `now`: the earliest of everything that is due of it. `None` once
/// it has ended. What is due is pushed on by this before it is done, so that a failure does not repeat it at once; all that
/// may fail again and again is done more and more rarely.
#[must_use]
pub fn next_look(state: &Approval, now: i64, pace: Pace) -> Option<i64> {
    if state.closed.is_some() {
        return late_reading(state, now);
    }
    let own = if let Some((since, _)) = state.ending() {
        now + (now - since).clamp(WITHDRAW_AFTER, WITHDRAW_AT_LEAST)
    } else if let Some(stage) = state.stage_to_start() {
        // Nobody is at it: dispatch will be, and if it is not, the sweep.
        state.stages[stage].lease_until.unwrap_or(now + WANTED_AFTER)
    } else if let Some(asked) = &state.withdrawal {
        let again = now + (now - asked.at).clamp(WITHDRAW_AFTER, WITHDRAW_AT_LEAST);
        // Whoever is at the start knows first whether there is anything to take back.
        let held = state.stage_under_way().and_then(|stage| state.stages[stage].lease_until);
        held.filter(|until| *until > now).unwrap_or(again)
    } else {
        next_reading(state.submitted_at, now, pace)
    };
    Some(state.deadline_to_come().map_or(own, |deadline| own.min(deadline)))
}

/// What holds of every record that is written: what stood in the way of something is forgotten once that is owed no more; one that has
/// ended is due for nothing more, unless an event asked for a reading; one that left an instance open on a platform is due when that
/// is to be taken back.
pub(super) fn settle(record: &mut Record) {
    let state = &record.state;
    let owes = state.stage_without_instance().is_some() || state.withdrawal.is_some() || state.ending().is_some();
    record.trouble = record.trouble.take().filter(|_| owes);
    let others = record.due_at.filter(|_| state.closed.is_none() || state.stage_to_read().is_some());
    record.due_at = others.into_iter().chain(state.next_cancel()).min();
}

/// What an approval owes to a platform while nobody is at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Owed {
    /// The stage that is to be started.
    start: Option<usize>,
    /// The stage whose instance is to be read.
    reading: Option<usize>,
    /// The stage whose instance is to be taken back.
    taking_back: Option<usize>,
}

impl Owed {
    /// What a state owes.
    pub(super) fn of(state: &Approval) -> Self {
        let start = state.stage_to_start().filter(|stage| state.stages[*stage].lease_until.is_none());
        let ends = state.closed.is_none() && (state.withdrawal.is_some() || state.ending().is_some());
        let current = state.current_stage().filter(|stage| ends && state.stages[*stage].instance.is_some());
        Self { start, reading: state.stage_to_read(), taking_back: current }
    }

    /// Makes a record due soon where it owes something that it did not owe before: `self` is what it owed. Dispatch mostly deals
    /// with it at once; where it does not, the sweep does, and not only at the next reading.
    pub(super) fn make_due(self, record: &mut Record, now: i64) {
        let after = Self::of(&record.state);
        let is_new = |after: Option<usize>, before: Option<usize>| after.is_some() && after != before;
        if is_new(after.start, self.start)
            || is_new(after.reading, self.reading)
            || is_new(after.taking_back, self.taking_back)
        {
            let at = now + WANTED_AFTER;
            record.due_at = Some(record.due_at.map_or(at, |due| due.min(at)));
        }
    }
}

/// After the end only a reading is due that an event asked for and that failed so far: it tells what was said. It is given up a day
/// after the event.
fn late_reading(state: &Approval, now: i64) -> Option<i64> {
    let stage = state.stage_to_read()?;
    let age = now - state.stages[stage].facts.read_wanted?;
    (age < LATE_AT_MOST).then(|| now + age.clamp(WANTED_AFTER, READ_AT_LEAST))
}

/// The older an approval, the more rarely its instance is read: each time at twice its age, within bounds.
fn next_reading(submitted_at: i64, now: i64, pace: Pace) -> i64 {
    let age = now - submitted_at;
    if age < READ_AFTER {
        return submitted_at + READ_AFTER;
    }
    let ordinary = age.clamp(READ_AFTER, READ_AT_LEAST);
    match pace {
        Pace::Full => now + ordinary,
        Pace::Half | Pace::Wanted => now + 2 * ordinary,
        Pace::Stopped { until } => (now + ordinary).max(until + submitted_at.rem_euclid(SPREAD)),
    }
}

/// Whether it is too early to read: there is nothing to find yet.
#[must_use]
pub(super) fn is_new(state: &Approval, now: i64) -> bool {
    now - state.submitted_at < READ_AFTER
}

/// Brings the next look forward, because a reading that is wanted has failed: after `waited` (milliseconds) it is tried again when
/// that has passed once more. `false` when something is due before.
pub(super) fn read_soon(record: &mut Record, now: i64, waited: i64) -> bool {
    let at = now + waited.clamp(WANTED_AFTER, READ_AT_LEAST);
    let sooner = record.due_at.is_none_or(|due| at < due);
    if sooner {
        record.due_at = Some(at);
    }
    sooner
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

    fn look(state: &Approval, now: i64) -> i64 {
        next_look(state, now, Pace::Full).unwrap()
    }

    #[test]
    fn what_an_event_could_not_tell_is_read_for_a_day_after_the_end() {
        let mut state = running();
        state.apply(0, Event::ReadWanted { at: AT });
        state.apply(0, Event::Finished { outcome: Outcome::Rejected, at: AT });
        assert_eq!(look(&state, AT), AT + MINUTE);
        assert_eq!(look(&state, AT + HOUR), AT + 2 * HOUR);
        assert_eq!(next_look(&state, AT + 25 * HOUR, Pace::Full), None);
        state.apply(0, Event::ReadDone { at: AT });
        assert_eq!(next_look(&state, AT + HOUR, Pace::Full), None);
    }

    #[test]
    fn a_start_is_looked_at_when_its_lease_runs_out() {
        assert_eq!(look(&submitted(), AT), AT + MINUTE);
        let mut second = running();
        second.apply(0, Event::Finished { outcome: Outcome::Approved, at: AT });
        assert_eq!(look(&second, AT + HOUR), AT + HOUR + MINUTE, "nobody holds a lease");
    }

    #[test]
    fn an_instance_is_read_more_and_more_rarely() {
        let state = running();
        let mut looks = vec![AT + MINUTE];
        while looks.len() < 12 {
            looks.push(look(&state, looks[looks.len() - 1]));
        }
        let minutes: Vec<i64> = looks.iter().map(|at| (at - AT) / MINUTE).collect();
        assert_eq!(minutes, [1, 10, 20, 40, 80, 160, 320, 640, 1280, 2000, 2720, 3440]);
    }

    #[test]
    fn a_quota_that_is_nearly_spent_makes_readings_rare_and_a_spent_one_ends_them() {
        let (state, now) = (running(), AT + HOUR);
        assert_eq!(next_look(&state, now, Pace::Half), Some(now + 2 * HOUR));
        assert_eq!(next_look(&state, now, Pace::Wanted), Some(now + 2 * HOUR));
        let until = now + 240 * HOUR;
        let then = next_look(&state, now, Pace::Stopped { until }).unwrap();
        assert!((until..until + SPREAD).contains(&then), "after the month's end, not all in one second");
        let at_once = next_look(&state, now, Pace::Stopped { until: now }).unwrap();
        assert!(at_once >= now + HOUR, "never sooner than otherwise");
    }

    #[test]
    fn a_withdrawal_is_repeated_more_and_more_rarely() {
        let mut state = running();
        state.ask_withdrawal(Withdrawal { at: AT + HOUR, by: Person::default(), reason: None, force: false });
        assert_eq!(look(&state, AT + HOUR), AT + HOUR + 16_000);
        assert_eq!(look(&state, AT + HOUR + 32_000), AT + HOUR + 64_000);
        assert_eq!(look(&state, AT + 9 * HOUR), AT + 9 * HOUR + 15 * MINUTE);
    }

    #[test]
    fn a_withdrawal_waits_for_whoever_is_at_the_start() {
        let mut state = submitted();
        state.ask_withdrawal(Withdrawal { at: AT, by: Person::default(), reason: None, force: true });
        assert_eq!(look(&state, AT + 5_000), AT + MINUTE);
        assert_eq!(look(&state, AT + MINUTE), AT + 2 * MINUTE, "nobody is at it any more");
    }

    #[test]
    fn the_deadline_is_never_missed() {
        for then in [OnDeadline::Expire, OnDeadline::Reject, OnDeadline::Escalate] {
            let mut states = [submitted(), running(), running()];
            states[2].ask_withdrawal(Withdrawal { at: AT, by: Person::default(), reason: None, force: false });
            for state in &mut states {
                state.deadline = Some(Deadline::new(AT + HOUR, then));
                for pace in [Pace::Full, Pace::Half, Pace::Wanted, Pace::Stopped { until: AT + 999 * HOUR }] {
                    let mut now = AT;
                    while now < AT + HOUR {
                        let next = next_look(state, now, pace).unwrap();
                        assert!(next <= AT + HOUR, "{state:?} at {now}");
                        // A lease that ran out is taken again before the next look.
                        now = next.max(now + MINUTE);
                    }
                }
                assert!(state.pass_deadline(AT + HOUR));
                assert_ne!(look(state, AT + HOUR), AT + HOUR, "it is dealt with once");
            }
        }
    }

    #[test]
    fn what_the_deadline_ends_is_tried_more_and_more_rarely() {
        let mut state = running();
        state.deadline = Some(Deadline::new(AT + HOUR, OnDeadline::Expire));
        state.pass_deadline(AT + HOUR);
        assert_eq!(look(&state, AT + HOUR), AT + HOUR + 16_000);
        assert_eq!(look(&state, AT + HOUR + 3 * MINUTE), AT + HOUR + 6 * MINUTE);
    }

    fn record(state: Approval, due_at: i64) -> Record {
        Record { due_at: Some(due_at), state, ..crate::delivery::events::testing::record() }
    }

    #[test]
    fn the_write_that_owes_something_makes_it_due() {
        let changes: [fn(&mut Approval); 4] = [
            |state| _ = state.apply(0, Event::Finished { outcome: Outcome::Approved, at: AT }),
            |state| _ = state.apply(0, Event::ReadWanted { at: AT }),
            |state| {
                let by = Person::default();
                _ = state.ask_withdrawal(Withdrawal { at: AT, by, reason: None, force: false });
            },
            |state| _ = state.pass_deadline(AT + HOUR),
        ];
        for change in changes {
            let mut state = running();
            state.deadline = Some(Deadline::new(AT + HOUR, OnDeadline::Expire));
            let mut record = record(state, AT + 12 * HOUR);
            let owed = Owed::of(&record.state);
            change(&mut record.state);
            owed.make_due(&mut record, AT + HOUR);
            assert_eq!(record.due_at, Some(AT + HOUR + MINUTE), "{:?}", record.state);
            // What is owed already keeps the time that it was put off to.
            record.due_at = Some(AT + 9 * HOUR);
            Owed::of(&record.state).make_due(&mut record, AT + 2 * HOUR);
            assert_eq!(record.due_at, Some(AT + 9 * HOUR));
        }
    }

    #[test]
    fn nothing_is_due_of_what_has_ended() {
        let mut state = running();
        state.deadline = Some(Deadline::new(AT + HOUR, OnDeadline::Expire));
        state.close(Closure { how: Closed::Failed, at: Some(AT), by: None, remark: None });
        assert_eq!(next_look(&state, AT, Pace::Full), None);
    }
}
