//! Whose tasks are open, and whose are done, on every platform.

use super::acts::{Place, seat_account};
use super::data::{Approval, Stage};
use super::event::{TaskFact, TaskOutcome};
use super::tasks_by_node::TasksByNode;

/// A task that waits for somebody.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct OpenTask {
    /// Where it is.
    pub place: Place,
    /// Whose it is: an account of the stage's platform.
    pub account: String,
    /// Since when it waits (milliseconds), as far as it is known.
    pub since: i64,
}

/// A task that somebody has dealt with.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct DoneTask {
    /// The stage's index.
    pub stage: usize,
    /// The node's index, where it is known.
    pub node: Option<usize>,
    /// Whose it was: an account of the stage's platform.
    pub account: String,
    /// When they dealt with it (milliseconds).
    pub at: i64,
    /// How.
    pub outcome: TaskOutcome,
}

impl Approval {
    /// The tasks that wait for somebody now: on the platform whose turn it is those of people who are known to be asked, or who are next
    /// by the plan.
    #[must_use]
    pub fn open_tasks(&self) -> Vec<OpenTask> {
        let Some((stage, tasks)) = self.running() else { return Vec::new() };
        let found = &self.stages[stage];
        let open = tasks.turns().into_iter().filter_map(|(node, seat)| {
            let opened = seat.last().and_then(|fact| fact.opened_at);
            let since = opened.unwrap_or_else(|| found.node_open_since(&tasks, node)).max(self.submitted_at);
            Some(OpenTask { place: Place { stage, node }, account: seat_account(seat)?.to_owned(), since })
        });
        let mut open: Vec<OpenTask> = open.filter(|task| !task.account.is_empty()).collect();
        open.sort_unstable();
        open
    }

    /// The tasks that somebody has dealt with, those that a return made void among them.
    #[must_use]
    pub fn done_tasks(&self) -> Vec<DoneTask> {
        let done = self.stages.iter().enumerate().flat_map(|(index, stage)| {
            let tasks = TasksByNode::of(stage);
            let ends = stage.facts.tasks.iter().filter_map(|(id, fact)| {
                let end = fact.end.as_ref().filter(|end| end.outcome != TaskOutcome::Skipped)?;
                let (node, account) = (tasks.node_of(id, fact), fact.assignee.clone());
                Some(DoneTask { stage: index, node, account, at: end.at.max(self.submitted_at), outcome: end.outcome })
            });
            ends.collect::<Vec<_>>()
        });
        done.filter(|task| !task.account.is_empty()).collect()
    }
}

impl Stage {
    /// Since when a node's people are asked (milliseconds), as far as it is known: the last thing that was done in the nodes before it, or
    /// the start of the stage.
    fn node_open_since(&self, tasks: &TasksByNode<'_>, node: usize) -> i64 {
        let before = tasks.nodes.iter().take(node).flatten().flat_map(|seat| &seat.tasks);
        let ends = before.filter_map(|(_, fact)| fact.end.as_ref().map(|end| end.at));
        let returns = self.facts.rollbacks.iter().map(|rollback| rollback.at);
        ends.chain(returns).chain(self.facts.started_at).max().unwrap_or_default()
    }
}

impl TasksByNode<'_> {
    /// The node that a task is in, as far as it is known.
    fn node_of(&self, task: &str, fact: &TaskFact) -> Option<usize> {
        let has = |seats: &Vec<_>| {
            seats.iter().any(|seat: &super::node::Seat<'_>| seat.tasks.iter().any(|(id, _)| *id == task))
        };
        self.nodes.iter().position(has).or_else(|| fact.node.map(usize::from))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::approval::{DecidedBy, Event, Mode, Node, Outcome, Person, Rollback, TaskEnd};

    const AT: i64 = 1_790_000_000_000;

    fn running(nodes: &[(Mode, &[&str])]) -> Approval {
        let nodes = nodes.iter().map(|(mode, people)| {
            Node::new("n", *mode, people.iter().map(|name| Person::with_account(*name)).collect())
        });
        let stage = Stage::new("con_1".into(), "dingtalk".into(), DecidedBy::Platform, nodes.collect());
        let mut approval = Approval::new(AT, Person::default(), vec![stage], AT);
        assert_eq!(approval.open_tasks(), [], "it has not begun");
        approval.started(0, "i".into(), None, AT + 1);
        approval
    }

    fn tell(
        approval: &mut Approval,
        task: &str,
        account: &str,
        node: u8,
        end: Option<(TaskOutcome, i64, Option<&str>)>,
    ) {
        let end =
            end.map(|(outcome, at, to)| TaskEnd { outcome, at: AT + at, remark: None, to: to.map(str::to_owned) });
        let fact = TaskFact {
            assignee: account.into(),
            node: Some(node),
            opened_at: Some(AT + 5),
            end,
            ..TaskFact::default()
        };
        approval.apply(0, Event::Task { task: task.into(), fact });
    }

    fn open(approval: &Approval) -> Vec<(usize, String, i64)> {
        approval.open_tasks().into_iter().map(|task| (task.place.node, task.account, task.since - AT)).collect()
    }

    #[test]
    fn on_a_platform_those_wait_who_are_asked_or_next_by_the_plan() {
        let mut approval = running(&[(Mode::Any, &["a", "b"]), (Mode::Sequential, &["c", "d"])]);
        assert_eq!(open(&approval), [(0, "a".into(), 1), (0, "b".into(), 1)]);
        tell(&mut approval, "1", "a", 0, Some((TaskOutcome::Transferred, 6, Some("x"))));
        tell(&mut approval, "2", "x", 0, None);
        assert_eq!(open(&approval), [(0, "b".into(), 1), (0, "x".into(), 5)]);
        tell(&mut approval, "2", "x", 0, Some((TaskOutcome::Approved, 7, None)));
        assert_eq!(open(&approval), [(0, "b".into(), 1)], "only the platform's word passes a node");
        tell(&mut approval, "3", "c", 1, Some((TaskOutcome::Approved, 8, None)));
        assert_eq!(open(&approval), [(1, "d".into(), 7)]);
        let nodes = |approval: &Approval| approval.done_tasks().into_iter().map(|task| task.node).collect::<Vec<_>>();
        assert_eq!(nodes(&approval), [Some(0), Some(0), Some(1)]);
        approval.apply(0, Event::RolledBack(Rollback::new(0, AT + 20)));
        assert_eq!(open(&approval), [(0, "a".into(), 20), (0, "b".into(), 20)]);
        approval.apply(0, Event::Finished { outcome: Outcome::Withdrawn, at: AT + 30 });
        assert_eq!(approval.open_tasks(), []);
        let done = approval.done_tasks().into_iter().map(|task| (task.account, task.node, task.at - AT, task.outcome));
        let expected =
            [("a", 6, TaskOutcome::Transferred), ("x", 7, TaskOutcome::Approved), ("c", 8, TaskOutcome::Approved)];
        let nodes = [0, 0, 1];
        let expected =
            expected.into_iter().zip(nodes).map(|((who, at, how), node)| (who.to_owned(), Some(node), at, how));
        assert_eq!(done.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
    }

    #[test]
    fn where_nobody_is_known_nobody_is_waited_for() {
        let approval = running(&[(Mode::Any, &[])]);
        assert_eq!((approval.open_tasks(), approval.done_tasks()), (vec![], vec![]));
    }
}
