//! What was learned of an instance, as a set that only grows.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::bounds;
use super::ends;
use super::event::{Comment, Event, Outcome, Rollback, Snapshot, TaskFact};

/// Most tasks, returns, remarks and unknown codes that are kept of one instance: the first ones in their own order, so that order
/// of arrival makes no difference. A platform's own limits are far below.
const MAX_TASKS: usize = 400;
const MAX_ROLLBACKS: usize = 100;
const MAX_COMMENTS: usize = 50;
const MAX_UNKNOWN: usize = 8;

/// What was learned of one instance.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// Tasks by the platform's task id.
    #[serde(rename = "t", default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tasks: BTreeMap<String, TaskFact>,
    /// Returns to earlier nodes.
    #[serde(rename = "rb", default, skip_serializing_if = "BTreeSet::is_empty")]
    pub rollbacks: BTreeSet<Rollback>,
    /// Remarks.
    #[serde(rename = "cm", default, skip_serializing_if = "BTreeSet::is_empty")]
    pub comments: BTreeSet<Comment>,
    /// How the platform says it ended, and when (milliseconds): the first end, or that it was revoked after an approval.
    #[serde(rename = "oc", default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<(Outcome, i64)>,
    /// What else the platform told of its end, each with its time (milliseconds): an approval that was revoked, a deletion
    /// afterwards. It decides nothing.
    #[serde(rename = "oe", default, skip_serializing_if = "Vec::is_empty")]
    pub other_ends: Vec<(Outcome, i64)>,
    /// Whether there were more tasks, returns or remarks than are kept.
    #[serde(rename = "lo", default, skip_serializing_if = "std::ops::Not::not")]
    pub left_out: bool,
    /// Codes that we do not know.
    #[serde(rename = "un", default, skip_serializing_if = "BTreeSet::is_empty")]
    pub unknown: BTreeSet<String>,
    /// Up to when changes are known of that want a reading (milliseconds).
    #[serde(rename = "rw", default, skip_serializing_if = "Option::is_none")]
    pub read_wanted: Option<i64>,
    /// Up to when such changes have been read (milliseconds).
    #[serde(rename = "rd", default, skip_serializing_if = "Option::is_none")]
    pub read_done: Option<i64>,
    /// When the platform began it (milliseconds).
    #[serde(rename = "st", default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<i64>,
}

impl Facts {
    /// Whether something has changed that only a reading tells.
    pub(super) fn wants_reading(&self) -> bool {
        self.read_wanted > self.read_done
    }

    /// Adds what an event tells. Joining is idempotent, commutative and associative, as long as all that is told fits into `room`
    /// (bytes); of what does not, that is kept which came first.
    pub(super) fn join(&mut self, event: Event, room: usize) {
        match bounds::event(event) {
            Event::Started { at } => self.started_at = Some(self.started_at.map_or(at, |known| known.min(at))),
            Event::Task { task, fact } => self.join_task(task, fact, room),
            Event::RolledBack(rollback) => self.join_rollback(rollback),
            Event::Commented(comment) => self.join_comment(comment, room),
            Event::Finished { outcome, at } => self.join_outcome((outcome, at)),
            Event::ReadWanted { at } => self.read_wanted = self.read_wanted.max(Some(at)),
            Event::ReadDone { at } => self.read_done = self.read_done.max(Some(at)),
            Event::Snapshot(snapshot) => self.join_snapshot(snapshot, room),
            Event::Unknown { code } => {
                self.unknown.insert(code);
                while self.unknown.len() > MAX_UNKNOWN {
                    self.unknown.pop_last();
                }
            }
        }
    }

    /// Bytes of all tasks and comments, without their texts.
    pub(super) fn size_of_ids(&self) -> usize {
        let tasks = self.tasks.iter().map(|(task, fact)| bounds::size(task, fact));
        tasks.chain(self.comments.iter().map(bounds::size_of_comment)).sum()
    }

    /// When the latest thing that is known happened (milliseconds).
    pub(super) fn latest(&self) -> Option<i64> {
        let tasks = self.tasks.values();
        let times = tasks.flat_map(|fact| [fact.opened_at, fact.end.as_ref().map(|end| end.at)]).flatten();
        times.chain(self.read_wanted).chain(self.started_at).max()
    }

    fn join_snapshot(&mut self, snapshot: Snapshot, room: usize) {
        for (task, fact) in snapshot.tasks {
            self.join_task(task, TaskFact { read: true, ..fact }, room);
        }
        for rollback in snapshot.rollbacks {
            self.join_rollback(rollback);
        }
        for comment in snapshot.comments {
            self.join_comment(comment, room);
        }
        if let Some(outcome) = snapshot.outcome {
            self.join_outcome(outcome);
        }
    }

    fn join_task(&mut self, task: String, fact: TaskFact, room: usize) {
        // An earlier version stored ids as they came.
        let task = if self.tasks.contains_key(&task) { task } else { bounds::id(task) };
        if let Some(known) = self.tasks.get_mut(&task) {
            join_fact(known, fact);
            return;
        }
        if self.size_of_ids() + bounds::size(&task, &fact) > room {
            self.left_out = true;
            return;
        }
        self.tasks.insert(task, fact);
        if self.tasks.len() > MAX_TASKS {
            self.tasks.pop_last();
            self.left_out = true;
        }
    }

    fn join_rollback(&mut self, rollback: Rollback) {
        self.rollbacks.insert(rollback);
        if self.rollbacks.len() > MAX_ROLLBACKS {
            self.rollbacks.pop_last();
            self.left_out = true;
        }
    }

    fn join_comment(&mut self, comment: Comment, room: usize) {
        if !self.comments.contains(&comment) && self.size_of_ids() + bounds::size_of_comment(&comment) > room {
            self.left_out = true;
            return;
        }
        self.comments.insert(comment);
        if self.comments.len() > MAX_COMMENTS {
            self.comments.pop_last();
            self.left_out = true;
        }
    }

    /// Every kind of end is kept with its first time; the first of them counts.
    fn join_outcome(&mut self, (outcome, at): (Outcome, i64)) {
        let mut known: Vec<(Outcome, i64)> = self.outcome.into_iter().chain(self.other_ends.drain(..)).collect();
        match known.iter_mut().find(|(kind, _)| *kind == outcome) {
            Some((_, earliest)) => *earliest = ends::earlier(*earliest, at),
            None => known.push((outcome, at)),
        }
        known.sort_unstable();
        self.outcome = ends::first(&known);
        let counts = self.outcome.map(|(kind, _)| kind);
        known.retain(|(kind, _)| Some(*kind) != counts);
        self.other_ends = known;
    }

    /// When the platform says that it came to this end (milliseconds).
    pub(super) fn ended(&self, how: Outcome) -> Option<i64> {
        let mut all = self.outcome.iter().chain(&self.other_ends);
        all.find(|(outcome, _)| *outcome == how).map(|(_, at)| *at)
    }
}

/// Joins what is told of one task. Times told by a reading are cut to the minute, so the larger is the more precise; of an
/// end the first time counts.
fn join_fact(known: &mut TaskFact, told: TaskFact) {
    known.node = known.node.max(told.node);
    known.opened_at = known.opened_at.max(told.opened_at);
    known.read |= told.read;
    known.name = known.name.take().max(told.name);
    known.added = known.added.take().max(told.added);
    known.by = known.by.take().max(told.by);
    if known.assignee < told.assignee {
        known.assignee = told.assignee;
    }
    ends::join(known, told.end.into_iter().chain(told.other_ends).collect());
}
