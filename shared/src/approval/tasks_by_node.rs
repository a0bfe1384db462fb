//! Which node and which seat of it each task belongs to.
//!
//! Some platforms say a task's node, some only whose task it is. What is not said is derived from the plan, from all
//! facts at once, so that the order in which they came makes no difference.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::data::{DecidedBy, Node, Person, Stage};
use super::ends::MINUTE;
use super::event::{Mode, Outcome, Rollback, TaskFact, TaskOutcome};
use super::node::{NodeStatus, Seat, Task, decide};

/// Nodes beyond this index are not believed.
const LAST_NODE: u8 = 63;

/// A stage's tasks, in the seats of its nodes.
#[derive(Debug)]
pub(super) struct TasksByNode<'a> {
    stage: &'a Stage,
    /// The seats of each node.
    pub(super) nodes: Vec<Vec<Seat<'a>>>,
    /// Tasks of people who are in no node of the plan.
    pub(super) without_node: Vec<Task<'a>>,
}

impl<'a> TasksByNode<'a> {
    pub(super) fn of(stage: &'a Stage) -> Self {
        let (by_node, without_node) = spread(stage);
        let count = by_node.keys().next_back().map_or(0, |last| usize::from(*last) + 1).max(stage.nodes.len());
        let nodes = (0..count)
            .map(|index| {
                let planned = stage.nodes.get(index).map_or(&[][..], |node| &node.approvers);
                let tasks = u8::try_from(index).ok().and_then(|index| by_node.get(&index));
                seats(stage, planned, tasks.map_or(&[][..], Vec::as_slice))
            })
            .collect();
        Self { stage, nodes, without_node }
    }

    /// Whether reading the instance would tell more: somebody holds a task and we do not know in which node, a task was handed
    /// on to we do not know whom, or a node is only supposed.
    pub(super) fn is_incomplete(&self) -> bool {
        self.is_supposed() || self.nodes.iter().flatten().any(Seat::lost)
    }

    /// Whether a node was rejected or a later one has begun as far as the plan tells, and a reading has not said so yet: whoever
    /// is asked there may as well have been handed a task of an earlier node, or been added to it.
    pub(super) fn is_supposed(&self) -> bool {
        let unread = |(_, fact): &Task<'_>| fact.node.is_none() && !fact.read;
        let rejected = |(_, fact): &Task<'_>| fact.end.as_ref().is_some_and(|end| end.outcome == TaskOutcome::Rejected);
        let next = self.reached().unwrap_or(0) + 1;
        let tasks_from = |node: usize| self.nodes.iter().skip(node).flatten().flat_map(|seat| &seat.tasks);
        self.without_node.iter().any(unread)
            || tasks_from(next).any(unread)
            || (self.stage.nodes.len() > 1 && tasks_from(0).any(|task| unread(task) && rejected(task)))
    }

    /// The furthest node of which the platform itself says that it has begun. Whose task it is proves nothing: it may have been
    /// handed on, or given to somebody who was added.
    fn reached(&self) -> Option<usize> {
        let is_told = |seat: &Seat<'_>| seat.tasks.iter().any(|(_, fact)| fact.node.is_some());
        self.nodes.iter().rposition(|seats| seats.iter().any(is_told))
    }

    /// A node's mode; one that the plan does not know asks any.
    pub(super) fn mode(&self, node: usize) -> Mode {
        self.stage.nodes.get(node).map_or(Mode::Any, |node| node.mode)
    }

    /// The node whose people are asked now.
    pub(super) fn open_node(&self) -> Option<usize> {
        self.statuses().iter().position(|status| *status == NodeStatus::Pending)
    }

    /// The status of each node, before the instance's end is looked at.
    pub(super) fn statuses(&self) -> Vec<NodeStatus> {
        let reached = self.reached();
        // In a customer's own definition a refusal may send the form back to the applicant.
        let refusals_end = !self.stage.own_definition || self.stage.facts.ended(Outcome::Rejected).is_some();
        let mut open_before = false;
        let mut statuses = Vec::with_capacity(self.nodes.len());
        for (index, seats) in self.nodes.iter().enumerate() {
            let mode = self.mode(index);
            let status = if reached.is_some_and(|reached| index < reached) {
                // A later node has begun, which it does only when this one has passed.
                NodeStatus::Approved
            } else if open_before {
                NodeStatus::Waiting
            } else {
                decide(mode, seats, self.stage.decided_by != DecidedBy::Platform, refusals_end)
            };
            open_before |= status != NodeStatus::Approved;
            statuses.push(status);
        }
        statuses
    }
}

type ByNode<'a> = BTreeMap<u8, Vec<Task<'a>>>;

/// Gives each task its node, and leaves out what a return to an earlier node made void.
fn spread(stage: &Stage) -> (ByNode<'_>, Vec<Task<'_>>) {
    let (mut by_node, without_node) = spread_all(stage);
    for (node, tasks) in &mut by_node {
        tasks.retain(|(_, fact)| !is_void(stage, *node, fact));
        tasks.sort_by_key(|(id, fact)| (since(fact), *id));
    }
    by_node.retain(|_, tasks| !tasks.is_empty());
    (by_node, without_node)
}

/// Gives each task its node, those that a return made void too.
fn spread_all(stage: &Stage) -> (ByNode<'_>, Vec<Task<'_>>) {
    let mut by_node = ByNode::new();
    let mut pending: BTreeMap<Cow<'_, str>, Vec<Task<'_>>> = BTreeMap::new();
    let mut hinted: BTreeMap<Cow<'_, str>, Vec<u8>> = BTreeMap::new();
    for (id, fact) in &stage.facts.tasks {
        match fact.node.filter(|node| *node <= LAST_NODE) {
            Some(node) => {
                hinted.entry(stage.account_ids.key(&fact.assignee)).or_default().push(node);
                by_node.entry(node).or_default().push((id, fact));
            }
            None => pending.entry(stage.account_ids.key(&fact.assignee)).or_default().push((id, fact)),
        }
    }
    let mut left = Vec::new();
    for (assignee, mut tasks) in pending {
        tasks.sort_by_key(|(id, fact)| (since(fact), *id));
        let taken = hinted.get(&assignee).map_or(&[][..], Vec::as_slice);
        let mut free = planned_nodes(stage, &assignee).filter(|node| !taken.contains(node));
        for task in tasks {
            match free.next() {
                Some(node) => by_node.entry(node).or_default().push(task),
                None => left.push(task),
            }
        }
    }
    let without_node = follow_transfers(stage, &mut by_node, left);
    (by_node, without_node)
}

impl Stage {
    /// Whether an account is this person's.
    pub(super) fn is_account(&self, person: &Person, account: &str) -> bool {
        person.account.as_deref().is_some_and(|own| self.account_ids.same(own, account))
    }

    /// The furthest node that was ever asked, even if a return to an earlier one made that void. It only grows.
    #[must_use]
    pub fn furthest_node(&self) -> Option<usize> {
        spread_told(self).keys().next_back().map(|node| usize::from(*node))
    }

    /// Whether this node had passed before a return made all void by which that was known: later ones had been asked by then.
    #[must_use]
    pub fn passed_before_return(&self, node: usize) -> bool {
        let by_node = spread_told(self);
        let later = || by_node.iter().filter(|(index, _)| usize::from(**index) > node);
        self.facts.rollbacks.iter().any(|rollback| {
            let asked_by_then = |tasks: &Vec<Task<'_>>| tasks.iter().any(|(_, fact)| is_undone(fact, rollback));
            let mut asked = later().filter(|(_, tasks)| asked_by_then(tasks)).map(|(index, _)| *index).peekable();
            asked.peek().is_some() && asked.all(|index| index >= rollback.to_node)
        })
    }
}

/// The tasks of which the platform itself says the node, those that a return made void too.
fn spread_told(stage: &Stage) -> ByNode<'_> {
    let (mut by_node, _) = spread_all(stage);
    for tasks in by_node.values_mut() {
        tasks.retain(|(_, fact)| fact.node.is_some());
    }
    by_node.retain(|_, tasks| !tasks.is_empty());
    by_node
}

/// The nodes in which a person is a planned approver, in order.
fn planned_nodes<'a>(stage: &'a Stage, account: &'a str) -> impl Iterator<Item = u8> + 'a {
    let listed = |node: &Node| node.approvers.iter().any(|person| stage.is_account(person, account));
    stage
        .nodes
        .iter()
        .enumerate()
        .filter(move |(_, node)| listed(node))
        .filter_map(|(index, _)| u8::try_from(index).ok())
}

/// Puts tasks of people outside the plan into the node from which a transfer names them. Returns the rest.
fn follow_transfers<'a>(stage: &Stage, by_node: &mut ByNode<'a>, mut left: Vec<Task<'a>>) -> Vec<Task<'a>> {
    loop {
        let found = left.iter().enumerate().find_map(|(position, (_, fact))| {
            let names = |task: &Task<'_>| {
                let to = task.1.end.as_ref().and_then(|end| end.to.as_deref());
                to.is_some_and(|to| stage.account_ids.same(to, &fact.assignee))
            };
            by_node.iter().find(|(_, tasks)| tasks.iter().any(names)).map(|(node, _)| (position, *node))
        });
        let Some((position, node)) = found else { return left };
        let task = left.remove(position);
        by_node.entry(node).or_default().push(task);
    }
}

fn since(fact: &TaskFact) -> Option<i64> {
    fact.opened_at.or_else(|| fact.end.as_ref().map(|end| end.at))
}

/// Whether a return to an earlier node undid this task.
fn is_void(stage: &Stage, node: u8, fact: &TaskFact) -> bool {
    stage.facts.rollbacks.iter().any(|rollback| rollback.to_node <= node && is_undone(fact, rollback))
}

/// Whether a task of a node that a return undid was given out before it.
fn is_undone(fact: &TaskFact, rollback: &Rollback) -> bool {
    let ended_by = |at: i64| fact.end.as_ref().is_some_and(|end| end.at <= at);
    match since(fact) {
        Some(since) => since < rollback.at || (since == rollback.at && ended_by(rollback.at)),
        None => false,
    }
}

/// Seats a node's tasks: planned approvers first, then whoever a transfer leads to, then those who were added.
fn seats<'a>(stage: &Stage, planned: &'a [Person], tasks: &[Task<'a>]) -> Vec<Seat<'a>> {
    let mut rest: Vec<Task<'a>> = tasks.to_vec();
    let mut seats: Vec<Seat<'a>> = planned
        .iter()
        .map(|person| {
            let own = |task: &Task<'_>| stage.is_account(person, &task.1.assignee);
            let first = rest.iter().position(own).map(|position| rest.remove(position));
            Seat { planned: Some(person), tasks: first.into_iter().collect(), sure: true }
        })
        .collect();
    for seat in &mut seats {
        hand_on(stage, seat, &mut rest);
    }
    while !rest.is_empty() {
        let mut seat = Seat { planned: None, tasks: vec![rest.remove(0)], sure: true };
        hand_on(stage, &mut seat, &mut rest);
        seats.push(seat);
    }
    for seat in &mut seats {
        let is_only_node = stage.nodes.len() == 1;
        let known = |fact: &TaskFact| fact.node.is_some() || is_only_node;
        seat.sure = seat.last().is_none_or(known);
    }
    seats
}

/// Follows a seat's transfers through the tasks that nobody planned.
fn hand_on<'a>(stage: &Stage, seat: &mut Seat<'a>, rest: &mut Vec<Task<'a>>) {
    while let Some(end) = seat.last().and_then(|fact| fact.end.as_ref()) {
        if end.outcome != TaskOutcome::Transferred {
            return;
        }
        let minute = end.at - end.at.rem_euclid(MINUTE);
        let successor = rest.iter().position(|(_, fact)| {
            let named = end.to.as_ref().is_none_or(|to| stage.account_ids.same(to, &fact.assignee));
            named && since(fact).is_none_or(|since| since >= minute)
        });
        let Some(position) = successor else { return };
        seat.tasks.push(rest.remove(position));
    }
}
