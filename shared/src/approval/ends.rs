//! Which of several ends counts: the first one.
//!
//! What has ended stays as it ended, whatever is done to it later: an approved form that is deleted was approved. A platform
//! tells one end with several times, since a reading may give whole minutes; and of what it tells late, the order is not
//! that in which it happened. So the time decides, minute by minute.

use std::cmp::Reverse;

use super::event::{Outcome, TaskEnd, TaskFact, TaskOutcome};

/// Readings of an instance may cut times to the minute (milliseconds).
pub(super) const MINUTE: i64 = 60_000;

/// Of two times that are told for the same thing the one that counts (milliseconds): that of the earlier minute, and within
/// a minute the exact one. Joining is idempotent, commutative and associative.
pub(super) fn earlier(a: i64, b: i64) -> i64 {
    let rank = |at: i64| (at.div_euclid(MINUTE), at.rem_euclid(MINUTE) == 0, at);
    if rank(b) < rank(a) { b } else { a }
}

/// The end of an instance that counts, among all that are told of it: the first of approved, rejected and withdrawn. A
/// decision comes before a withdrawal of the same minute, since nothing is decided after that. Revoked is what was approved
/// first, whether we heard of that or not.
pub(super) fn first(ends: &[(Outcome, i64)]) -> Option<(Outcome, i64)> {
    let revoked = ends.iter().find(|(outcome, _)| *outcome == Outcome::Revoked).copied();
    let is_told = ends.iter().any(|(outcome, _)| *outcome == Outcome::Approved);
    let implied = revoked.filter(|_| !is_told).map(|(_, at)| (Outcome::Approved, at));
    let own = ends.iter().copied().filter(|(outcome, _)| *outcome != Outcome::Revoked);
    let rank = |(outcome, at): &(Outcome, i64)| {
        (at.div_euclid(MINUTE), *outcome == Outcome::Withdrawn, *at, Reverse(*outcome))
    };
    let first = own.chain(implied).min_by_key(rank)?;
    Some(revoked.filter(|_| first.0 == Outcome::Approved).unwrap_or(first))
}

/// Joins one end of a task to those that are known.
pub(super) fn join(fact: &mut TaskFact, told: Vec<TaskEnd>) {
    let mut ends: Vec<TaskEnd> = fact.end.take().into_iter().chain(fact.other_ends.drain(..)).collect();
    for end in told {
        match ends.iter_mut().find(|known| known.outcome == end.outcome) {
            Some(known) => {
                known.at = earlier(known.at, end.at);
                known.remark = known.remark.take().max(end.remark);
                known.to = known.to.take().max(end.to);
            }
            None => ends.push(end),
        }
    }
    ends.sort_by_key(rank_of_task);
    let mut ends = ends.into_iter();
    fact.end = ends.next();
    fact.other_ends = ends.collect();
}

/// A decision counts before what decides nothing, and the first decision before a later one.
fn rank_of_task(end: &TaskEnd) -> (u8, i64, i64, Reverse<TaskOutcome>) {
    let class = match end.outcome {
        TaskOutcome::Approved | TaskOutcome::Rejected => 0,
        TaskOutcome::Transferred => 1,
        TaskOutcome::Skipped => 2,
    };
    (class, end.at.div_euclid(MINUTE), end.at, Reverse(end.outcome))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const AT: i64 = 29_833_333 * MINUTE;

    #[test]
    fn of_two_times_the_earlier_minute_counts_and_in_it_the_exact_time() {
        assert_eq!(earlier(AT, AT + 7), AT + 7, "a reading cut it");
        assert_eq!(earlier(AT + MINUTE, AT + 7), AT + 7);
        assert_eq!(earlier(AT + 5, AT + 7), AT + 5);
        assert_eq!(earlier(AT, AT), AT);
    }

    #[test]
    fn the_first_end_counts_and_revoked_is_what_was_approved() {
        use Outcome::{Approved, Rejected, Revoked, Withdrawn};
        for (ends, expected) in [
            (vec![], None),
            (vec![(Approved, AT + 9), (Withdrawn, AT + MINUTE)], Some((Approved, AT + 9))),
            (vec![(Withdrawn, AT + 9), (Approved, AT + MINUTE)], Some((Withdrawn, AT + 9))),
            // One of the two was read, so that its time is cut.
            (vec![(Approved, AT + 9), (Withdrawn, AT)], Some((Approved, AT + 9))),
            (vec![(Approved, AT), (Withdrawn, AT + 9)], Some((Approved, AT))),
            (vec![(Approved, AT + 9), (Rejected, AT + 10)], Some((Approved, AT + 9))),
            (vec![(Approved, AT), (Rejected, AT)], Some((Rejected, AT))),
            (vec![(Approved, AT), (Revoked, AT + MINUTE), (Withdrawn, AT + 9)], Some((Revoked, AT + MINUTE))),
            (vec![(Rejected, AT), (Revoked, AT + MINUTE)], Some((Rejected, AT))),
            (vec![(Revoked, AT)], Some((Revoked, AT))),
            (vec![(Revoked, AT), (Withdrawn, AT + MINUTE)], Some((Revoked, AT))),
        ] {
            assert_eq!(first(&ends), expected, "{ends:?}");
        }
    }

    fn end(outcome: TaskOutcome, at: i64) -> TaskEnd {
        TaskEnd { outcome, at, remark: None, to: None }
    }

    fn joined(ends: &[TaskEnd]) -> TaskFact {
        let mut fact = TaskFact::default();
        for end in ends {
            join(&mut fact, vec![end.clone()]);
        }
        fact
    }

    #[test]
    fn of_a_tasks_ends_the_first_decision_counts() {
        use TaskOutcome::{Approved, Rejected, Skipped, Transferred};
        for (ends, expected) in [
            (vec![end(Approved, AT), end(Skipped, AT - MINUTE)], Approved),
            (vec![end(Transferred, AT), end(Skipped, AT - MINUTE)], Transferred),
            (vec![end(Rejected, AT + MINUTE), end(Approved, AT)], Approved),
            (vec![end(Rejected, AT), end(Approved, AT)], Rejected),
        ] {
            let fact = joined(&ends);
            assert_eq!((fact.end.map(|end| end.outcome), fact.other_ends.len()), (Some(expected), 1), "{ends:?}");
        }
    }

    fn ends() -> impl Strategy<Value = TaskEnd> {
        let outcomes = prop::sample::select(vec![
            TaskOutcome::Skipped,
            TaskOutcome::Transferred,
            TaskOutcome::Approved,
            TaskOutcome::Rejected,
        ]);
        let texts = prop::option::of(prop::sample::select(vec!["a", "b"]));
        (outcomes, 0..5_i64, 0..3_i64, texts).prop_map(|(outcome, minute, second, remark)| TaskEnd {
            outcome,
            at: AT + minute * MINUTE + second * 1_000,
            remark: remark.map(str::to_owned),
            to: None,
        })
    }

    proptest! {
        #[test]
        fn joining_ends_is_commutative_associative_and_idempotent(
            a in prop::collection::vec(ends(), 0..6), b in prop::collection::vec(ends(), 0..6),
        ) {
            let whole = joined(&[a.clone(), b.clone()].concat());
            prop_assert_eq!(&joined(&[b.clone(), a.clone(), b.clone()].concat()), &whole);
            let (mut left, right) = (joined(&a), joined(&b));
            join(&mut left, right.end.into_iter().chain(right.other_ends).collect());
            prop_assert_eq!(left, whole);
        }
    }
}
