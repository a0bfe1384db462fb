//! What was learned of an instance, as a set that only grows.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::event::{Comment, Event, Outcome, Rollback, Snapshot, TaskEnd, TaskFact};

/// Most tasks that are kept of one instance; a platform's own limit is far below.
const MOST_TASKS: usize = 400;
/// Most remarks and most unknown codes that are kept: the first ones in their own order, so that order of arrival
/// makes no difference.
const MOST_COMMENTS: usize = 50;
const MOST_UNKNOWN: usize = 8;

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
    /// How the platform says it ended, and when (milliseconds).
    #[serde(rename = "oc", default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<(Outcome, i64)>,
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

    /// Adds what an event tells. Joining is idempotent, commutative and associative.
    pub(super) fn join(&mut self, event: Event) {
        match event {
            Event::Started { at } => self.started_at = Some(self.started_at.map_or(at, |known| known.min(at))),
            Event::Task { task, fact } => self.join_task(task, fact),
            Event::RolledBack(rollback) => {
                self.rollbacks.insert(rollback);
            }
            Event::Commented(comment) => self.join_comment(comment),
            Event::Finished { outcome, at } => self.join_outcome((outcome, at)),
            Event::ReadWanted { at } => self.read_wanted = self.read_wanted.max(Some(at)),
            Event::ReadDone { at } => self.read_done = self.read_done.max(Some(at)),
            Event::Snapshot(snapshot) => self.join_snapshot(snapshot),
            Event::Unknown { code } => {
                self.unknown.insert(code);
                while self.unknown.len() > MOST_UNKNOWN {
                    self.unknown.pop_last();
                }
            }
        }
    }

    /// When the latest thing that is known happened (milliseconds).
    pub(super) fn latest(&self) -> Option<i64> {
        let tasks = self.tasks.values();
        let times = tasks.flat_map(|fact| [fact.opened_at, fact.end.as_ref().map(|end| end.at)]).flatten();
        times.chain(self.read_wanted).chain(self.started_at).max()
    }

    fn join_snapshot(&mut self, snapshot: Snapshot) {
        for (task, fact) in snapshot.tasks {
            self.join_task(task, fact);
        }
        self.rollbacks.extend(snapshot.rollbacks);
        for comment in snapshot.comments {
            self.join_comment(comment);
        }
        if let Some(outcome) = snapshot.outcome {
            self.join_outcome(outcome);
        }
    }

    fn join_task(&mut self, task: String, fact: TaskFact) {
        if let Some(known) = self.tasks.get_mut(&task) {
            join_fact(known, fact);
        } else if self.tasks.len() < MOST_TASKS {
            self.tasks.insert(task, fact);
        }
    }

    fn join_comment(&mut self, comment: Comment) {
        self.comments.insert(comment);
        while self.comments.len() > MOST_COMMENTS {
            self.comments.pop_last();
        }
    }

    /// An instance has one outcome, and may be revoked after it; of the times told for one outcome the most precise
    /// counts, which is the largest, since reading an instance gives whole minutes.
    fn join_outcome(&mut self, outcome: (Outcome, i64)) {
        self.outcome = self.outcome.max(Some(outcome));
    }
}

/// Joins what is told of one task. Times told by a reading are cut to the minute, so the larger is the more precise.
fn join_fact(known: &mut TaskFact, told: TaskFact) {
    known.node = known.node.max(told.node);
    known.opened_at = known.opened_at.max(told.opened_at);
    known.name = known.name.take().max(told.name);
    if known.assignee < told.assignee {
        known.assignee = told.assignee;
    }
    known.end = match (known.end.take(), told.end) {
        (Some(a), Some(b)) => Some(join_end(a, b)),
        (a, b) => a.or(b),
    };
}

fn join_end(a: TaskEnd, b: TaskEnd) -> TaskEnd {
    if a.outcome != b.outcome {
        return if a.outcome > b.outcome { a } else { b };
    }
    TaskEnd { outcome: a.outcome, at: a.at.max(b.at), remark: a.remark.max(b.remark), to: a.to.max(b.to) }
}
