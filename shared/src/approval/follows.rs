//! What holds between an approval before a change and after it.

use super::data::{Approval, Closed};
use super::event::Outcome;
use super::facts::Facts;

impl Approval {
    /// Whether this may be what a change made of `before`: an end stays an end, but for a revocation after an approval; an
    /// instance stays, nothing that was learned is forgotten, and nothing that is owed. A submit that starts anew what could not be started is no such
    /// change.
    #[must_use]
    pub fn follows(&self, before: &Self) -> bool {
        let how = |approval: &Self| approval.closed.as_ref().map(|closure| closure.how);
        let end = match (how(before), how(self)) {
            (None, _) | (Some(Closed::Approved), Some(Closed::Revoked)) => true,
            (was, is) => was == is,
        };
        let mut stages = before.stages.iter().zip(&self.stages);
        let grown = stages
            .all(|(was, is)| (was.instance.is_none() || was.instance == is.instance) && is.facts.hold(&was.facts));
        end && before.stages.len() == self.stages.len() && grown && self.owes_all_of(before)
    }
}

impl Facts {
    /// Whether they hold all that `before` did, but for what a limit leaves out.
    fn hold(&self, before: &Self) -> bool {
        let tasks = before
            .tasks
            .iter()
            .all(|(id, was)| self.tasks.get(id).map_or(self.left_out, |is| was.end.is_none() || is.end.is_some()));
        let ends = [Outcome::Approved, Outcome::Rejected, Outcome::Withdrawn, Outcome::Revoked];
        let ended = ends.into_iter().all(|how| before.ended(how).is_none() || self.ended(how).is_some());
        let returns = self.left_out || self.rollbacks.is_superset(&before.rollbacks);
        let read = self.read_wanted >= before.read_wanted && self.read_done >= before.read_done;
        let started = before.started_at.is_none() || self.started_at.is_some();
        tasks && ended && returns && read && started
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::approval::{DecidedBy, Event, Mode, Node, Person, Stage, TaskFact};

    fn running() -> Approval {
        let node = Node::new("one", Mode::Any, vec![]);
        let stage = Stage::new("con_1".into(), "dingtalk".into(), DecidedBy::Platform, vec![node]);
        let mut approval = Approval::new(0, Person::default(), vec![stage], 0);
        approval.started(0, "i".into(), None, 1);
        approval
    }

    #[test]
    fn what_was_learned_is_not_forgotten_and_an_end_stays() {
        let open = running();
        let mut told = open.clone();
        let fact = TaskFact { assignee: "a".into(), ..TaskFact::default() };
        told.apply(0, Event::Task { task: "1".into(), fact });
        assert!(told.follows(&open) && told.follows(&told) && !open.follows(&told));
        let mut approved = told.clone();
        approved.apply(0, Event::Finished { outcome: Outcome::Approved, at: 2 });
        let mut revoked = approved.clone();
        revoked.apply(0, Event::Finished { outcome: Outcome::Revoked, at: 3 });
        assert!(approved.follows(&told) && revoked.follows(&approved));
        assert!(!approved.follows(&revoked) && !told.follows(&approved));
        let mut reopened = revoked.clone();
        reopened.closed = None;
        assert!(!reopened.follows(&revoked));
        let mut other = open.clone();
        other.stages[0].instance = Some("j".into());
        assert!(!other.follows(&open), "the first instance stays");
    }
}
