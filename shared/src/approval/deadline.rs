//! The deadline of an approval: until when it waits for people, and what happens then.

use super::data::{Approval, Closed, Closure};
use super::event::Outcome;

/// A platform that is read tells whole minutes only: so much earlier than it was may a time be (milliseconds).
const IMPRECISION: i64 = 60_000;

impl Approval {
    /// When the deadline is to be dealt with: of an open approval, and only once.
    #[must_use]
    pub fn deadline_to_come(&self) -> Option<i64> {
        let deadline = self.deadline.filter(|deadline| deadline.passed_at.is_none() && self.closed.is_none())?;
        Some(deadline.at)
    }

    /// Records that the deadline has passed at `now`. `false` when it has not, or when that is known already. This comes before
    /// the platform hears of it, so that a crash in between does not lose it, and what the platform tells of being taken
    /// back is understood.
    pub fn pass_deadline(&mut self, now: i64) -> bool {
        if self.deadline_to_come().is_none_or(|at| at > now) {
            return false;
        }
        if let Some(deadline) = &mut self.deadline {
            deadline.passed_at = Some(now);
        }
        self.note();
        true
    }

    /// Since when the approval is to be ended because its deadline has passed, and how. While it is, no stage is started.
    #[must_use]
    pub fn ending(&self) -> Option<(i64, Closed)> {
        let deadline = self.deadline.as_ref().filter(|_| self.closed.is_none())?;
        Some((deadline.passed_at?, deadline.end()?))
    }

    /// Ends the approval by its deadline; `note` is what is to be known of it. One that somebody has asked to withdraw is withdrawn.
    /// `false` when it has ended otherwise.
    pub fn end_by_deadline(&mut self, now: i64, note: Option<String>) -> bool {
        let Some((_, how)) = self.ending() else { return false };
        let (at, remark) = (Some(now), remark(note));
        let closure = match self.withdrawal.take() {
            None => Closure { how, at, by: None, remark: Some(remark) },
            Some(asked) => {
                let remark = asked.reason.map_or_else(|| remark.clone(), |reason| format!("{reason}\n{remark}"));
                Closure { how: Closed::Withdrawn, at, by: Some(asked.by), remark: Some(remark) }
            }
        };
        self.close(closure)
    }

    /// How a stage that was taken back on its platform after the deadline ends the approval.
    pub(super) fn taken_back_by_deadline(&self) -> Option<Closure> {
        let (since, how) = self.ending().filter(|_| self.withdrawal.is_none())?;
        let outcomes = self.stages.iter().filter_map(|stage| stage.facts.outcome);
        let mut withdrawn = outcomes.filter(|(outcome, _)| *outcome == Outcome::Withdrawn);
        let ours = withdrawn.all(|(_, at)| at + IMPRECISION > since);
        ours.then(|| Closure { how, at: Some(since), by: None, remark: Some(remark(None)) })
    }
}

fn remark(note: Option<String>) -> String {
    let passed = "The deadline has passed.";
    note.map_or_else(|| passed.to_owned(), |note| format!("{passed} {note}"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::approval::{
        Action, Deadline, DecidedBy, Event, Mode, Node, OnDeadline, Person, Stage, Status, Withdrawal,
    };

    const AT: i64 = 1_790_000_000_000;
    const HOUR: i64 = 3_600_000;

    fn approval(then: OnDeadline) -> Approval {
        let node = Node::new("one", Mode::Any, vec![]);
        let stage = Stage::new("con_1".into(), "dingtalk".into(), DecidedBy::Platform, vec![node]);
        let mut approval = Approval::new(AT, Person::default(), vec![stage], AT + 60_000);
        approval.deadline = Some(Deadline::new(AT + HOUR, then));
        approval
    }

    fn running(then: OnDeadline) -> Approval {
        let mut approval = approval(then);
        approval.started(0, "i".into(), None, AT + 500);
        approval
    }

    fn withdrawn(at: i64) -> Event {
        Event::Finished { outcome: Outcome::Withdrawn, at }
    }

    fn actions(approval: &Approval) -> Vec<Action> {
        approval.view().history.iter().map(|entry| entry.action).collect()
    }

    #[test]
    fn it_passes_once_and_not_before_its_time() {
        let mut approval = running(OnDeadline::Expire);
        assert_eq!(approval.deadline_to_come(), Some(AT + HOUR));
        assert!(!approval.pass_deadline(AT + HOUR - 1));
        assert!(!approval.end_by_deadline(AT, None), "it has not passed");
        assert!(approval.pass_deadline(AT + HOUR));
        assert_eq!((approval.ending(), approval.deadline_to_come()), (Some((AT + HOUR, Closed::Expired)), None));
        assert!(!approval.pass_deadline(AT + HOUR + 1));
        assert!(approval.end_by_deadline(AT + HOUR + 9, None));
        assert_eq!((approval.status(), approval.ending()), (Status::Expired, None));
        assert_eq!(approval.decided_at(), Some(AT + HOUR + 9));
        assert_eq!(actions(&approval), [Action::Submitted, Action::Started, Action::Expired]);
        assert!(!approval.end_by_deadline(AT + HOUR + 10, None));
    }

    #[test]
    fn a_rejection_by_the_deadline_says_so() {
        let mut approval = running(OnDeadline::Reject);
        approval.pass_deadline(AT + HOUR);
        approval.end_by_deadline(AT + HOUR, Some("The platform was not told: no answer.".into()));
        let view = approval.view();
        assert_eq!(view.status, Status::Rejected);
        assert!(!view.lacks_deciders(), "nobody has decided, and nobody is waited for");
        let last = view.history.last().unwrap();
        assert_eq!((last.action, last.actor.as_ref()), (Action::Rejected, None));
        let remark = "The deadline has passed. The platform was not told: no answer.";
        assert_eq!(last.remark.as_deref(), Some(remark));
    }

    #[test]
    fn an_escalated_approval_stays_open() {
        let mut approval = running(OnDeadline::Escalate);
        assert!(approval.pass_deadline(AT + HOUR));
        assert_eq!((approval.ending(), approval.status()), (None, Status::Pending));
        assert!(!approval.end_by_deadline(AT + HOUR, None));
        assert_eq!(actions(&approval), [Action::Submitted, Action::Started, Action::Escalated]);
        approval.apply(0, Event::Finished { outcome: Outcome::Approved, at: AT + 2 * HOUR });
        assert_eq!(approval.status(), Status::Approved);
    }

    #[test]
    fn a_withdrawal_that_was_asked_for_stays_one() {
        let mut approval = running(OnDeadline::Expire);
        let by = Person { name: Some("key k".into()), ..Person::default() };
        approval.ask_withdrawal(Withdrawal { at: AT, by: by.clone(), reason: Some("not needed".into()), force: false });
        approval.pass_deadline(AT + HOUR);
        assert!(approval.end_by_deadline(AT + HOUR, None));
        let view = approval.view();
        let last = view.history.last().unwrap();
        assert_eq!((view.status, last.actor.as_ref()), (Status::Withdrawn, Some(&by)));
        assert_eq!(last.remark.as_deref(), Some("not needed\nThe deadline has passed."));
    }

    #[test]
    fn nothing_is_started_any_more_once_it_has_passed() {
        let mut waiting = approval(OnDeadline::Expire);
        assert_eq!(waiting.stage_to_start(), Some(0));
        waiting.pass_deadline(AT + HOUR);
        assert_eq!(waiting.stage_to_start(), None);
        assert!(waiting.has_begun(0), "its start was under way, so it may have begun");
        assert!(waiting.take_lease(0, AT + HOUR, AT + 2 * HOUR), "whoever looks for it holds the lease");
        let mut escalated = approval(OnDeadline::Escalate);
        escalated.pass_deadline(AT + HOUR);
        assert_eq!(escalated.stage_to_start(), Some(0));
    }

    #[test]
    fn what_the_platform_decided_before_it_was_taken_back_stands() {
        let mut approval = running(OnDeadline::Expire);
        approval.pass_deadline(AT + HOUR);
        approval.apply(0, Event::Finished { outcome: Outcome::Approved, at: AT + HOUR + 1 });
        assert_eq!(approval.status(), Status::Approved);
    }

    #[test]
    fn being_taken_back_on_the_platform_is_understood_as_the_deadlines_if_it_came_after_it() {
        let mut by_us = running(OnDeadline::Reject);
        by_us.pass_deadline(AT + HOUR);
        by_us.apply(0, withdrawn(AT + HOUR - 59_000));
        assert_eq!((by_us.status(), by_us.decided_at()), (Status::Rejected, Some(AT + HOUR)));
        let mut earlier = running(OnDeadline::Expire);
        earlier.pass_deadline(AT + HOUR);
        earlier.apply(0, withdrawn(AT + HOUR / 2));
        assert_eq!(earlier.status(), Status::Withdrawn);
        let mut before = running(OnDeadline::Expire);
        before.apply(0, withdrawn(AT + HOUR + 5));
        assert_eq!(before.status(), Status::Withdrawn, "the deadline was not acted on");
    }

    #[test]
    fn it_is_stored_in_few_bytes() {
        let stored = |deadline: Deadline| serde_json::to_string(&deadline).unwrap();
        assert_eq!(stored(Deadline::new(5, OnDeadline::Expire)), r#"{"at":5}"#);
        let passed = Deadline { passed_at: Some(7), ..Deadline::new(5, OnDeadline::Escalate) };
        assert_eq!(stored(passed), r#"{"at":5,"on":"escalate","p":7}"#);
        assert_eq!(serde_json::from_str::<Deadline>(r#"{"at":5}"#).unwrap(), Deadline::new(5, OnDeadline::Expire));
    }
}
