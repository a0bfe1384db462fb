//! What a stage has come to, and when.

use super::data::{DecidedBy, Stage};
use super::event::{Outcome, TaskOutcome};
use super::node::{NodeStatus, passed_at};
use super::tasks_by_node::TasksByNode;

/// What a stage has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Open,
    Approved,
    Rejected,
    Withdrawn,
    Revoked,
}

impl Stage {
    /// What it has come to: by the platform's word, else by its nodes.
    pub(super) fn verdict(&self) -> Verdict {
        match self.facts.outcome {
            Some((Outcome::Approved, _)) => return Verdict::Approved,
            Some((Outcome::Rejected, _)) => return Verdict::Rejected,
            Some((Outcome::Withdrawn, _)) => return Verdict::Withdrawn,
            Some((Outcome::Revoked, _)) => return Verdict::Revoked,
            None => {}
        }
        let nodes = TasksByNode::of(self).statuses();
        if nodes.contains(&NodeStatus::Rejected) {
            return Verdict::Rejected;
        }
        let all_passed = !nodes.is_empty() && nodes.iter().all(|status| *status == NodeStatus::Approved);
        if self.decided_by == DecidedBy::Nodes && all_passed { Verdict::Approved } else { Verdict::Open }
    }

    /// When it was approved (milliseconds): by the platform's word, else by its nodes.
    pub(super) fn approved_at(&self) -> Option<i64> {
        let by_nodes = || {
            let tasks = TasksByNode::of(self);
            let nodes = tasks.nodes.iter().zip(&self.nodes);
            nodes.filter_map(|(seats, node)| passed_at(node.mode, seats)).max()
        };
        self.facts.ended(Outcome::Approved).or_else(by_nodes)
    }

    /// When it was rejected (milliseconds): by the platform's word, else by the first task that was.
    pub(super) fn rejected_at(&self) -> Option<i64> {
        let ends = || self.facts.tasks.values().filter_map(|fact| fact.end.as_ref());
        let rejections = || ends().filter(|end| end.outcome == TaskOutcome::Rejected).map(|end| end.at).min();
        self.facts.ended(Outcome::Rejected).or_else(rejections)
    }
}
