//! What an approval's state owes to the platforms it runs on. It is worked out of the state and stored nowhere else, so that it
//! cannot be forgotten: whoever finds it owed, and finds nobody at it, carries it out.

use super::data::Approval;

/// Why an instance is taken back, or looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// The approval is to be ended, by a withdrawal or by its deadline.
    End,
    /// It is open although nobody waits for it any more.
    Leftover,
}

/// One thing that a platform is owed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// A stage is to be started.
    Start {
        /// Its index.
        stage: usize,
    },
    /// What a start of a stage may have made is to be looked for. Nothing is started.
    Find {
        /// The stage's index.
        stage: usize,
        /// What for.
        purpose: Purpose,
    },
    /// An instance is to be taken back.
    Cancel {
        /// Index of its stage.
        stage: usize,
        /// The platform's id of it.
        instance: String,
        /// What for.
        purpose: Purpose,
    },
    /// The instance of a stage is to be read.
    Read {
        /// The stage's index.
        stage: usize,
        /// Whether what is known is not enough. Otherwise it is read now and then, since a callback may have been lost.
        wanted: bool,
    },
}

/// What is owed, since when, and whether it has to wait.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owed {
    /// What.
    pub effect: Effect,
    /// Since when (milliseconds).
    pub since: i64,
    /// Not before this (milliseconds): somebody is at it, or has put it off.
    pub not_before: Option<i64>,
}

impl Owed {
    /// Whether it may be taken up at `now` (milliseconds).
    #[must_use]
    pub fn is_free(&self, now: i64) -> bool {
        self.not_before.is_none_or(|at| at <= now)
    }
}

/// What a state owes that may be taken up at `now` (milliseconds), the most urgent first.
#[must_use]
pub fn effects(approval: &Approval, now: i64) -> Vec<Effect> {
    approval.owed().into_iter().filter(|owed| owed.is_free(now)).map(|owed| owed.effect).collect()
}

impl Approval {
    /// All that this state owes, the most urgent first: its end, or the start of the stage whose turn it is; what was left open;
    /// readings.
    #[must_use]
    pub fn owed(&self) -> Vec<Owed> {
        let end = self.owed_end();
        let mut owed: Vec<Owed> = end.into_iter().chain(self.owed_start()).collect();
        owed.extend(self.open_leftovers().map(|left| Owed {
            effect: match left.instance.clone() {
                Some(instance) => Effect::Cancel { stage: left.stage, instance, purpose: Purpose::Leftover },
                None => Effect::Find { stage: left.stage, purpose: Purpose::Leftover },
            },
            since: left.since,
            not_before: Some(left.next_at),
        }));
        owed.extend(self.owed_reading());
        owed
    }

    /// Since when the approval is to be ended by us, if it is: its deadline has passed, or its withdrawal was asked for.
    #[must_use]
    pub fn to_end_since(&self) -> Option<i64> {
        if self.closed.is_some() {
            return None;
        }
        let by_deadline = self.ending().map(|(since, _)| since);
        by_deadline.or_else(|| self.withdrawal.as_ref().map(|asked| asked.at))
    }

    /// What stands before the end of an approval that is to be ended.
    #[must_use]
    pub fn owed_end(&self) -> Option<Owed> {
        let (since, stage, purpose) = (self.to_end_since()?, self.current_stage()?, Purpose::End);
        let found = &self.stages[stage];
        if found.runs_here() {
            return None;
        }
        if let Some(instance) = found.instance.clone() {
            return Some(Owed { effect: Effect::Cancel { stage, instance, purpose }, since, not_before: None });
        }
        let effect = Effect::Find { stage, purpose };
        found.may_be_there().then_some(Owed { effect, since, not_before: found.lease_until })
    }

    fn owed_start(&self) -> Option<Owed> {
        let stage = self.stage_to_start()?;
        let not_before = self.stages[stage].lease_until;
        Some(Owed { effect: Effect::Start { stage }, since: self.submitted_at, not_before })
    }

    fn owed_reading(&self) -> Option<Owed> {
        if let Some(stage) = self.stage_to_read() {
            let facts = &self.stages[stage].facts;
            let asked = facts.read_wanted.filter(|_| facts.wants_reading());
            let (effect, since) = (Effect::Read { stage, wanted: true }, asked.unwrap_or(self.latest_of(stage)));
            return Some(Owed { effect, since, not_before: None });
        }
        let stage = self.current_stage().filter(|_| self.closed.is_none() && self.to_end_since().is_none())?;
        let runs_elsewhere = self.stages[stage].instance.is_some() && !self.stages[stage].runs_here();
        if !runs_elsewhere {
            return None;
        }
        Some(Owed { effect: Effect::Read { stage, wanted: false }, since: self.submitted_at, not_before: None })
    }

    /// Ends an approval that is to be ended and of which nothing is, or may be, on a platform. `false` where there is something, or
    /// nothing to end.
    pub fn end_what_runs_nowhere(&mut self, now: i64) -> bool {
        if self.to_end_since().is_none() || self.owed_end().is_some() {
            return false;
        }
        self.end(now, None)
    }

    /// Ends at `now` (milliseconds) an approval that is to be ended; `note` is what is to be known of it. `false` when it has ended,
    /// or is to go on.
    pub fn end(&mut self, now: i64, note: Option<&str>) -> bool {
        if self.ending().is_some() {
            return self.end_by_deadline(now, note.map(str::to_owned));
        }
        self.withdrawal.is_some() && self.end_withdrawn(now, note)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::approval::{
        Deadline, DecidedBy, Event, Mode, Node, OnDeadline, Outcome, Person, Stage, Status, Withdrawal,
    };

    const AT: i64 = 1_790_000_000_000;

    fn submitted() -> Approval {
        let node = Node::new("one", Mode::Any, vec![]);
        let stage = || Stage::new("con_1".into(), "dingtalk".into(), DecidedBy::Platform, vec![node.clone()]);
        let mut approval = Approval::new(AT, Person::default(), vec![stage(), stage()], AT + 60_000);
        approval.deadline = Some(Deadline::new(AT + 3_600_000, OnDeadline::Expire));
        approval
    }

    fn running() -> Approval {
        let mut approval = submitted();
        approval.started(0, "i".into(), None, AT + 1);
        approval
    }

    fn ask(approval: &mut Approval) {
        let asked = Withdrawal { at: AT + 5, by: Person::default(), reason: None, force: false };
        assert!(approval.ask_withdrawal(asked));
    }

    fn owed(approval: &Approval) -> Vec<Effect> {
        approval.owed().into_iter().map(|owed| owed.effect).collect()
    }

    fn cancel(stage: usize, instance: &str, purpose: Purpose) -> Effect {
        Effect::Cancel { stage, instance: instance.to_owned(), purpose }
    }

    #[test]
    fn a_stage_is_started_by_one_after_the_other_and_read_while_it_runs() {
        let mut approval = submitted();
        assert_eq!(
            (owed(&approval), effects(&approval, AT)),
            (vec![Effect::Start { stage: 0 }], vec![]),
            "it is taken"
        );
        assert_eq!(effects(&approval, AT + 60_000), [Effect::Start { stage: 0 }], "its holder is gone");
        approval = running();
        assert_eq!(owed(&approval), [Effect::Read { stage: 0, wanted: false }]);
        approval.apply(0, Event::ReadWanted { at: AT + 2 });
        assert_eq!(owed(&approval), [Effect::Read { stage: 0, wanted: true }]);
        approval.apply(0, Event::Finished { outcome: Outcome::Approved, at: AT + 3 });
        assert_eq!(effects(&approval, AT + 3), [Effect::Start { stage: 1 }]);
    }

    #[test]
    fn what_is_to_be_ended_is_taken_back_first_or_looked_for_and_starts_nothing() {
        for by_deadline in [false, true] {
            let end = |approval: &mut Approval| match by_deadline {
                true => assert!(approval.pass_deadline(AT + 3_600_000)),
                false => ask(approval),
            };
            let (mut first, mut second) = (submitted(), running());
            for approval in [&mut first, &mut second] {
                end(approval);
            }
            assert_eq!(owed(&first), [Effect::Find { stage: 0, purpose: Purpose::End }]);
            assert_eq!(effects(&first, AT), [], "whoever starts it knows first");
            assert_eq!(owed(&second), [cancel(0, "i", Purpose::End)], "and no ordinary readings");
            assert!(!first.end_what_runs_nowhere(AT) && !second.end_what_runs_nowhere(AT));
            // The platform passes the stage meanwhile: nothing runs anywhere.
            second.apply(0, Event::Finished { outcome: Outcome::Approved, at: AT + 6 });
            assert_eq!(owed(&second), []);
            assert!(second.end_what_runs_nowhere(AT + 7));
            assert_eq!(second.status(), if by_deadline { Status::Expired } else { Status::Withdrawn });
        }
    }

    #[test]
    fn what_never_reached_the_platform_is_ended_at_once() {
        let mut approval = submitted();
        assert!(approval.put_off(0, Some(AT + 60_000), AT + 90_000, true));
        ask(&mut approval);
        assert!(owed(&approval).is_empty() && approval.end_what_runs_nowhere(AT + 9));
        assert!(!approval.end_what_runs_nowhere(AT + 9), "once");
    }

    #[test]
    fn what_an_end_leaves_open_is_owed_when_its_time_has_come() {
        let mut approval = running();
        ask(&mut approval);
        assert!(approval.end(AT + 9, Some("The platform was not told")));
        approval.owe_cancels(AT + 9);
        assert_eq!((owed(&approval), effects(&approval, AT + 9)), (vec![cancel(0, "i", Purpose::Leftover)], vec![]));
        assert_eq!(effects(&approval, AT + 9 + 16_000), [cancel(0, "i", Purpose::Leftover)]);
    }
}
