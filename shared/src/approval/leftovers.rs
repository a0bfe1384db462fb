//! Instances that are open on a platform although nobody waits for them any more: each is owed a cancel until it is done, refused
//! or given up.

use super::bounds::cut;
use super::data::{Approval, Closed, Leftover, LeftoverEnd, Stage};
use super::verdict::Verdict;

/// Most of them that an approval keeps; those that came to an end make room.
const MAX_LEFTOVERS: usize = 10;
/// Most bytes of why one could not be taken back.
const MAX_WHY: usize = 500;
/// Shortest and longest wait before the next try, in milliseconds. DingTalk takes nothing back in the first 15 seconds.
const MIN_WAIT: i64 = 16_000;
const MAX_WAIT: i64 = 6 * 60 * 60 * 1000;

impl Leftover {
    fn is(&self, stage: usize, instance: Option<&str>) -> bool {
        self.stage == stage && self.instance.as_deref() == instance
    }
}

impl Approval {
    /// Notes at `now` (milliseconds) which instances are owed a cancel: of an approval that has ended, but not as approved, those of
    /// stages that have not ended by themselves.
    pub fn owe_cancels(&mut self, now: i64) {
        let stages = &self.stages;
        let has_ended = |left: &Leftover| {
            let own = stages.get(left.stage).filter(|stage| stage.instance == left.instance);
            own.is_some_and(|stage| stage.facts.outcome.is_some())
        };
        self.leftovers.retain(|left| !has_ended(left));
        if self.closed.as_ref().is_none_or(|closure| closure.how == Closed::Approved) {
            return;
        }
        for stage in 0..self.stages.len() {
            let found = &mut self.stages[stage];
            if found.runs_here() {
                continue;
            }
            if let Some(until) = found.lease_until.take().filter(|_| found.instance.is_none()) {
                _ = self.owe(stage, None, now, until);
            } else if let Some(instance) = found.instance.clone()
                && found.verdict() == Verdict::Open
            {
                match self.leftovers.iter_mut().find(|left| left.is(stage, None) && left.end.is_none()) {
                    Some(looked_for) => looked_for.instance = Some(instance),
                    None => _ = self.owe(stage, Some(instance), now, now),
                }
            }
        }
    }

    /// Notes at `now` (milliseconds) that an instance turned up beside a stage's own. `false` where that is known.
    pub fn owe_second(&mut self, stage: usize, instance: &str, now: i64) -> bool {
        self.owe(stage, Some(instance.to_owned()), now, now)
    }

    fn owe(&mut self, stage: usize, instance: Option<String>, now: i64, not_before: i64) -> bool {
        if self.leftovers.iter().any(|left| left.is(stage, instance.as_deref())) {
            return false;
        }
        if self.leftovers.len() >= MAX_LEFTOVERS {
            let Some(over) = self.leftovers.iter().position(|left| left.end.is_some()) else { return false };
            self.leftovers.remove(over);
        }
        let next_at = not_before.max(now + MIN_WAIT);
        self.leftovers.push(Leftover { stage, instance, since: now, next_at, end: None, why: None });
        true
    }

    /// Records at `now` (milliseconds) what became of a stage's instance when it was taken back to end the approval; of a stage that
    /// has none, that none was made.
    pub fn taken_back(&mut self, stage: usize, end: LeftoverEnd, why: Option<String>, now: i64) {
        let Some(found) = self.stages.get_mut(stage) else { return };
        match found.instance.clone() {
            None => found.lease_until = None,
            Some(instance) => {
                _ = self.owe(stage, Some(instance.clone()), now, now);
                self.cancel_tried(stage, Some(&instance), Some(end), why);
            }
        }
    }

    /// Records what a try came to: an end, or that it is tried again. `false` where it has come to an end before.
    pub fn cancel_tried(
        &mut self,
        stage: usize,
        instance: Option<&str>,
        end: Option<LeftoverEnd>,
        why: Option<String>,
    ) -> bool {
        let open = |left: &&mut Leftover| left.is(stage, instance) && left.end != Some(LeftoverEnd::Done);
        let Some(left) = self.leftovers.iter_mut().find(open) else { return false };
        if left.end.is_some() && end != Some(LeftoverEnd::Done) {
            return false;
        }
        left.end = end;
        left.why = why.map(|why| cut(&why, MAX_WHY).to_owned());
        true
    }

    /// The instance that is owed a cancel, if this one is; without one, the start that may have made one.
    #[must_use]
    pub fn leftover(&self, stage: usize, instance: Option<&str>) -> Option<&Leftover> {
        self.open_leftovers().find(|left| left.is(stage, instance))
    }

    /// Goes on owing what the same approval owed before it was planned anew, where a stage runs on the same connection.
    pub fn keep_leftovers(&mut self, before: &Self) {
        let same = |left: &&Leftover| {
            let connection = |approval: &Self| approval.stages.get(left.stage).map(|stage| stage.connection.clone());
            left.instance.is_some() && connection(before).is_some() && connection(before) == connection(self)
        };
        self.leftovers = before.leftovers.iter().filter(same).cloned().collect();
    }

    /// What is still owed a cancel.
    pub(super) fn open_leftovers(&self) -> impl Iterator<Item = &Leftover> {
        self.leftovers.iter().filter(|left| left.end.is_none())
    }

    /// When a cancel is to be tried next (milliseconds).
    #[cfg(test)]
    fn next_cancel(&self) -> Option<i64> {
        self.open_leftovers().map(|left| left.next_at).min()
    }

    /// What is to be taken back at `now` (milliseconds). The next try of each is put off, the longer the older it is.
    pub fn take_due_cancels(&mut self, now: i64) -> Vec<Leftover> {
        let due = self.leftovers.iter_mut().filter(|left| left.end.is_none() && left.next_at <= now);
        due.map(|left| {
            left.next_at = now + (now - left.since).clamp(MIN_WAIT, MAX_WAIT);
            left.clone()
        })
        .collect()
    }

    /// What is open of a stage, or may be, although nobody waits for it.
    pub fn left_open(&self, stage: usize) -> impl Iterator<Item = &Leftover> {
        self.leftovers.iter().filter(move |left| left.stage == stage && left.end != Some(LeftoverEnd::Done))
    }

    /// Whether nothing that was owed `before` is forgotten.
    pub(super) fn owes_all_of(&self, before: &Self) -> bool {
        let is_known = |was: &Leftover| {
            let same =
                |left: &Leftover| left.stage == was.stage && (was.instance.is_none() || left.instance == was.instance);
            let outcome = |stage: &Stage| stage.facts.outcome.is_some();
            self.leftovers.iter().any(same) || self.stages.get(was.stage).is_some_and(outcome)
        };
        before.leftovers.iter().filter(|was| was.end.is_none()).all(is_known)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::approval::{Closure, DecidedBy, Event, Mode, Node, Outcome, Person};

    const AT: i64 = 1_790_000_000_000;
    const DAY: i64 = 86_400_000;

    /// Two stages; the first has passed, and the second is being started.
    fn second_under_way() -> Approval {
        let node = Node::new("one", Mode::Any, vec![]);
        let stage = || Stage::new("con_1".into(), "dingtalk".into(), DecidedBy::Platform, vec![node.clone()]);
        let mut approval = Approval::new(AT, Person::default(), vec![stage(), stage()], AT + 60_000);
        approval.started(0, "first".into(), None, AT);
        approval.apply(0, Event::Finished { outcome: Outcome::Approved, at: AT });
        assert!(approval.take_lease(1, AT, AT + 60_000));
        approval
    }

    fn running() -> Approval {
        let mut approval = second_under_way();
        approval.started(1, "second".into(), None, AT);
        approval
    }

    fn revoke(approval: &mut Approval) {
        approval.apply(0, Event::Finished { outcome: Outcome::Revoked, at: AT + 1 });
        approval.owe_cancels(AT + 2);
    }

    fn owed(approval: &Approval) -> Vec<(usize, Option<&str>, Option<LeftoverEnd>)> {
        approval.leftovers.iter().map(|left| (left.stage, left.instance.as_deref(), left.end)).collect()
    }

    fn close(approval: &mut Approval, how: Closed) {
        assert!(approval.close(Closure { how, at: Some(AT), by: None, remark: None }));
    }

    #[test]
    fn what_is_open_when_an_earlier_stage_is_undone_is_owed_a_cancel_until_it_ends() {
        let mut approval = running();
        approval.owe_cancels(AT);
        assert_eq!(owed(&approval), [], "it waits for people");
        revoke(&mut approval);
        approval.owe_cancels(AT + 9_999);
        assert_eq!(owed(&approval), [(1, Some("second"), None)], "once");
        assert_eq!(approval.next_cancel(), Some(AT + 2 + MIN_WAIT));
        assert!(approval.left_open(0).next().is_none() && approval.left_open(1).count() == 1);
        let owing = approval.clone();
        approval.apply(1, Event::Finished { outcome: Outcome::Withdrawn, at: AT + 3 });
        approval.owe_cancels(AT + 4);
        assert_eq!((owed(&approval), approval.next_cancel()), (vec![], None), "the platform says that it has ended");
        assert!(approval.follows(&owing));
        let mut forgetful = owing.clone();
        forgetful.leftovers.clear();
        assert!(!forgetful.follows(&owing));
    }

    #[test]
    fn what_may_have_been_started_is_looked_for_and_known_by_its_instance_then() {
        let mut approval = second_under_way();
        revoke(&mut approval);
        assert_eq!(owed(&approval), [(1, None, None)]);
        assert_eq!(approval.next_cancel(), Some(AT + 60_000), "whoever is at the start is given his time");
        let mut late = approval.clone();
        late.started(1, "second".into(), None, AT + 5);
        late.owe_cancels(AT + 6);
        assert_eq!(owed(&late), [(1, Some("second"), None)]);
        assert!(late.follows(&approval));
        assert!(approval.cancel_tried(1, None, Some(LeftoverEnd::Done), None), "nothing was there");
        assert_eq!(approval.next_cancel(), None);
        approval.started(1, "second".into(), None, AT + 5);
        approval.owe_cancels(AT + 6);
        assert_eq!(owed(&approval)[1], (1, Some("second"), None), "it was there after all");
    }

    #[test]
    fn a_start_that_was_refused_leaves_nothing_and_neither_does_one_that_was_looked_for() {
        let mut approval = second_under_way();
        close(&mut approval, Closed::Failed);
        approval.owe_cancels(AT);
        assert_eq!(owed(&approval), []);
        let mut approval = second_under_way();
        close(&mut approval, Closed::Withdrawn);
        approval.taken_back(1, LeftoverEnd::Done, None, AT);
        approval.owe_cancels(AT);
        assert_eq!(owed(&approval), []);
        let mut unsent = second_under_way();
        assert!(unsent.put_off(1, Some(AT + 60_000), AT + 9, true));
        close(&mut unsent, Closed::Expired);
        unsent.owe_cancels(AT);
        assert_eq!(owed(&unsent), []);
    }

    #[test]
    fn what_was_taken_back_to_end_the_approval_is_owed_nothing() {
        let mut approval = running();
        close(&mut approval, Closed::Withdrawn);
        approval.taken_back(1, LeftoverEnd::Done, None, AT);
        approval.owe_cancels(AT);
        assert_eq!(
            (owed(&approval), approval.next_cancel()),
            (vec![(1, Some("second"), Some(LeftoverEnd::Done))], None)
        );
        assert_eq!(approval.left_open(1).count(), 0);
    }

    #[test]
    fn another_instance_does_not_stand_for_one_that_is_owed() {
        let mut owing = running();
        revoke(&mut owing);
        let with = |stage: usize, instance: Option<&str>| {
            let mut after = owing.clone();
            (after.leftovers[0].stage, after.leftovers[0].instance) = (stage, instance.map(str::to_owned));
            after.owes_all_of(&owing)
        };
        assert!(with(1, Some("second")));
        assert!(!with(0, Some("second")) && !with(1, Some("third")) && !with(1, None));
        let mut looked_for = owing.clone();
        looked_for.leftovers[0].instance = None;
        assert!(owing.owes_all_of(&looked_for), "it was found");
    }

    #[test]
    fn it_is_tried_more_and_more_rarely() {
        let mut approval = running();
        revoke(&mut approval);
        let (mut now, mut tries) = (AT, 0);
        while now < AT + 3 * DAY {
            now = approval.next_cancel().unwrap();
            assert!(approval.take_due_cancels(now - 1).is_empty());
            assert_eq!(approval.take_due_cancels(now).len(), 1);
            tries += 1;
        }
        assert_eq!(tries, 23);
    }

    #[test]
    fn a_second_instance_is_owed_a_cancel_though_the_first_goes_on() {
        let mut approval = running();
        approval.started(1, "third".into(), None, AT);
        assert_eq!(approval.stages[1].instance.as_deref(), Some("second"));
        assert_eq!(owed(&approval), [(1, Some("third"), None)]);
        assert!(!approval.owe_second(1, "third", AT));
        assert!(approval.cancel_tried(1, Some("third"), Some(LeftoverEnd::Refused), Some("no".into())));
        assert!(!approval.cancel_tried(1, Some("third"), None, None), "it has an end");
        assert!(approval.cancel_tried(1, Some("third"), Some(LeftoverEnd::Done), None), "somebody else was faster");
        assert_eq!(approval.leftovers[0].why, None);
    }

    #[test]
    fn each_is_known_by_its_stage_and_its_instance() {
        let mut approval = running();
        approval.owe_second(0, "other", AT);
        approval.owe_second(1, "third", AT);
        assert_eq!(approval.leftover(1, Some("third")).map(|left| left.stage), Some(1));
        assert!(approval.leftover(1, Some("other")).is_none() && approval.leftover(1, None).is_none());
        let done = Some(LeftoverEnd::Done);
        assert!(approval.cancel_tried(1, Some("third"), done, None));
        assert_eq!(owed(&approval), [(0, Some("other"), None), (1, Some("third"), done)]);
        assert!(!approval.cancel_tried(1, Some("third"), done, None), "it is done");
        assert!(approval.leftover(1, Some("third")).is_none());
    }

    #[test]
    fn what_is_planned_anew_goes_on_owing_what_it_can_reach() {
        let mut failed = running();
        failed.owe_second(0, "other", AT);
        failed.owe_second(1, "third", AT);
        let mut anew = second_under_way();
        anew.stages[1].connection = "con_2".into();
        anew.keep_leftovers(&failed);
        assert_eq!(owed(&anew), [(0, Some("other"), None)]);
        anew.stages.pop();
        anew.keep_leftovers(&failed);
        assert_eq!(owed(&anew), [(0, Some("other"), None)]);
        let mut looked_for = second_under_way();
        revoke(&mut looked_for);
        let mut anew = second_under_way();
        anew.keep_leftovers(&looked_for);
        assert_eq!((owed(&looked_for), owed(&anew)), (vec![(1, None, None)], vec![]), "no instance is known");
    }

    #[test]
    fn the_list_is_bounded_and_small() {
        let mut approval = running();
        for n in 0..30 {
            approval.owe_second(1, &format!("{n:0>2000}"), AT);
        }
        assert_eq!(approval.leftovers.len(), MAX_LEFTOVERS);
        let first = approval.leftovers[0].instance.clone();
        assert!(approval.cancel_tried(1, first.as_deref(), Some(LeftoverEnd::GivenUp), Some("长".repeat(999))));
        assert!(approval.owe_second(1, "new", AT), "what has an end makes room");
        assert!(approval.leftovers.iter().all(|left| left.instance != first));
        assert!(serde_json::to_string(&approval.leftovers).unwrap().len() < 26_000);
        let left = Leftover { stage: 0, instance: None, since: 5, next_at: 7, end: None, why: None };
        assert_eq!(serde_json::to_string(&left).unwrap(), r#"{"s":0,"at":5,"nx":7}"#);
    }
}
