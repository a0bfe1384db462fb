//! The nodes of an approval as Quick Audience counts them: one after the other from 1, over all stages.
//!
//! Each level is told of once. The end of an approval tells of the level that Quick Audience stands at by then: the last one where it
//! was approved, else the one that was being asked. A decided node is told of as long as it lies before that; of a node whose
//! approvers are asked again after a return to it, what was said first stands.

use crate::approval::{NodeStatus, NodeView, Person, TaskStatus, TaskView, View};
use crate::store::approvals::Record;

/// An approval's levels.
pub(super) struct Levels<'a> {
    record: &'a Record,
    /// The first level of each stage.
    first: Vec<usize>,
    /// What is seen of each level. Nothing of one that the plan does not know and that a return made void: it keeps its number.
    nodes: Vec<Option<NodeView>>,
    /// The furthest level that was ever asked.
    furthest: usize,
    is_open: bool,
}

impl<'a> Levels<'a> {
    pub(super) fn of(record: &'a Record) -> Self {
        let View { stages, .. } = record.state.view();
        let (mut first, mut nodes, mut furthest) = (Vec::new(), Vec::new(), 0);
        for (seen, stage) in stages.into_iter().zip(&record.state.stages) {
            first.push(nodes.len());
            let asked = stage.furthest_node();
            let unseen = asked.map_or(0, |asked| (asked + 1).saturating_sub(seen.nodes.len()));
            furthest = asked.map_or(furthest, |asked| nodes.len() + asked);
            nodes.extend(seen.nodes.into_iter().map(Some));
            nodes.extend(std::iter::repeat_n(None, unseen));
        }
        Self { record, first, nodes, furthest, is_open: record.state.closed.is_none() }
    }

    /// Whether there is more than one level.
    pub(super) fn are_several(&self) -> bool {
        self.nodes.len() > 1
    }

    /// The index of a node that has passed and is to be told of by itself; `None` where the end tells of it, where it was told of
    /// before, and where it has not passed.
    pub(super) fn passed(&self, stage: usize, node: usize) -> Option<usize> {
        let level = self.first.get(stage)? + node;
        let found = self.record.state.stages.get(stage)?;
        let is_passed = self.node(level)?.status == NodeStatus::Approved && !found.passed_before_return(node);
        (is_passed && level < self.at_the_end()).then_some(level)
    }

    /// The level that the end of the approval is told at. While it is open: from which on levels wait for the end.
    pub(super) fn at_the_end(&self) -> usize {
        let last = self.nodes.len().saturating_sub(1);
        let first = |is_it: fn(NodeStatus) -> bool| {
            self.nodes.iter().position(|node| node.as_ref().is_some_and(|node| is_it(node.status)))
        };
        let undecided = || {
            let rejected = first(|status| status == NodeStatus::Rejected);
            rejected.or_else(|| first(|status| status != NodeStatus::Approved)).unwrap_or(last)
        };
        let level = if self.is_open { last } else { undecided() };
        level.max(self.furthest)
    }

    /// What is seen of a level.
    pub(super) fn node(&self, level: usize) -> Option<&NodeView> {
        self.nodes.get(level)?.as_ref()
    }

    /// The tasks that rejected.
    pub(super) fn rejections(&self) -> impl Iterator<Item = &TaskView> {
        let tasks = self.nodes.iter().flatten().flat_map(|node| &node.tasks);
        tasks.filter(|task| task.status == TaskStatus::Rejected)
    }

    /// Who is asked at a level, and the node's name where that is not known.
    pub(super) fn asked(&self, level: usize) -> Option<String> {
        let node = self.node(level)?;
        let asked = node.tasks.iter().filter(|task| task.status != TaskStatus::Transferred);
        Some(names(asked.map(|task| &task.assignee)).unwrap_or_else(|| without_commas(&node.name)))
    }
}

/// The names of these people, separated by commas, each once; `None` where nobody has one.
pub(super) fn names<'a>(people: impl Iterator<Item = &'a Person>) -> Option<String> {
    let mut names: Vec<String> = Vec::new();
    for name in people.filter_map(name) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    (!names.is_empty()).then(|| names.join(","))
}

/// A person's name; else their account.
pub(super) fn name(person: &Person) -> Option<String> {
    let known = [&person.name, &person.account, &person.member].into_iter().flatten();
    known.map(|name| without_commas(name)).find(|name| !name.is_empty())
}

/// A comma would make two names of one.
fn without_commas(name: &str) -> String {
    name.trim().replace([',', '，'], " ")
}
