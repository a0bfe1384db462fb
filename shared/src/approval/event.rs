//! What can happen to an approval, in no platform's words. All times are milliseconds since the Unix epoch.

use serde::{Deserialize, Serialize};

use super::person::Person;

/// When a node has passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// The first decision decides.
    Any,
    /// Every approver must approve.
    All,
    /// Every approver must approve, one after the other.
    Sequential,
    /// So many approvers must approve.
    AtLeast(u8),
}

/// How a task ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskOutcome {
    /// Closed because its node closed without it. Decides nothing.
    Skipped,
    /// Handed to somebody else. Decides nothing.
    Transferred,
    /// Approved.
    Approved,
    /// Rejected.
    Rejected,
}

/// The end of a task.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TaskEnd {
    /// How.
    #[serde(rename = "o")]
    pub outcome: TaskOutcome,
    /// When.
    #[serde(rename = "at")]
    pub at: i64,
    /// What the assignee wrote.
    #[serde(rename = "rm", default, skip_serializing_if = "Option::is_none")]
    pub remark: Option<String>,
    /// Account that a transferred task went to, where the platform says.
    #[serde(rename = "to", default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
}

/// Where somebody who is added to a node stands beside whoever added them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Position {
    /// Asked first; whoever added them decides after that.
    Before,
    /// Asked once whoever added them has approved.
    After,
    /// Asked at the same time.
    Parallel,
}

/// How somebody came to be asked whom the plan does not name. Only the built-in platform tells it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Added {
    /// The task of whoever added them.
    #[serde(rename = "t")]
    pub beside: String,
    /// Where they stand beside it.
    #[serde(rename = "p")]
    pub position: Position,
    /// Account of whoever added them.
    #[serde(rename = "a")]
    pub by: String,
    /// What that person wrote.
    #[serde(rename = "rm", default, skip_serializing_if = "Option::is_none")]
    pub remark: Option<String>,
}

/// What is known of one task. What is learned later is joined to it; nothing is ever taken back.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TaskFact {
    /// Account of the person who holds or held it.
    #[serde(rename = "a")]
    pub assignee: String,
    /// The person's name, where the platform tells it.
    #[serde(rename = "nm", default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Index of its node in the stage, where the platform says; else it is derived from the plan.
    #[serde(rename = "n", default, skip_serializing_if = "Option::is_none")]
    pub node: Option<u8>,
    /// When it was given to the assignee.
    #[serde(rename = "op", default, skip_serializing_if = "Option::is_none")]
    pub opened_at: Option<i64>,
    /// How it ended, by the end that counts: of two decisions the first; `None` while it is open.
    #[serde(rename = "e", default, skip_serializing_if = "Option::is_none")]
    pub end: Option<TaskEnd>,
    /// What else was told of how it ended, which does not count.
    #[serde(rename = "oe", default, skip_serializing_if = "Vec::is_empty")]
    pub other_ends: Vec<TaskEnd>,
    /// Whether a reading of the instance told of it: then all that the platform says of its node is known.
    #[serde(rename = "r", default, skip_serializing_if = "std::ops::Not::not")]
    pub read: bool,
    /// How the assignee came to be asked, where they were added.
    #[serde(rename = "ad", default, skip_serializing_if = "Option::is_none")]
    pub added: Option<Box<Added>>,
    /// Who ended it in the assignee's name, where it was not the assignee.
    #[serde(rename = "by", default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Box<Person>>,
}

/// How a platform says an instance ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Passed.
    Approved,
    /// Rejected.
    Rejected,
    /// Taken back by the applicant, or ended or deleted by an administrator, before a decision.
    Withdrawn,
    /// Undone after it had been approved.
    Revoked,
}

/// A return to an earlier node: what was decided from that node on, up to that moment, is void.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Rollback {
    /// Index of the node that is asked again.
    #[serde(rename = "n")]
    pub to_node: u8,
    /// When.
    #[serde(rename = "at")]
    pub at: i64,
    /// Account of whoever sent it back, where that is known.
    #[serde(rename = "a", default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// What they wrote.
    #[serde(rename = "rm", default, skip_serializing_if = "Option::is_none")]
    pub remark: Option<String>,
}

impl Rollback {
    /// A return of which no more is known than where to and when (milliseconds).
    #[must_use]
    pub const fn new(to_node: u8, at: i64) -> Self {
        Self { to_node, at, account: None, remark: None }
    }
}

/// A remark that decides nothing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Comment {
    /// When.
    pub at: i64,
    /// Account of the writer.
    #[serde(rename = "a")]
    pub account: String,
    /// The text.
    #[serde(rename = "t")]
    pub text: String,
}

/// All that a platform tells of an instance at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Snapshot {
    /// Every task, by the platform's task id.
    pub tasks: Vec<(String, TaskFact)>,
    /// Every return to an earlier node.
    pub rollbacks: Vec<Rollback>,
    /// Remarks.
    pub comments: Vec<Comment>,
    /// The end and when, if it has ended.
    pub outcome: Option<(Outcome, i64)>,
}

/// Something that happened to one stage's instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// The platform runs it.
    Started {
        /// When.
        at: i64,
    },
    /// Something is known of a task.
    Task {
        /// The platform's id of the task; unique in the instance.
        task: String,
        /// What is known.
        fact: TaskFact,
    },
    /// The instance went back to an earlier node.
    RolledBack(Rollback),
    /// Somebody wrote a remark.
    Commented(Comment),
    /// The instance ended.
    Finished {
        /// How.
        outcome: Outcome,
        /// When.
        at: i64,
    },
    /// Something changed that only a reading of the instance tells for sure.
    ReadWanted {
        /// When it changed, by the platform's clock.
        at: i64,
    },
    /// The instance was read because of what changed up to this time, by the platform's clock.
    ReadDone {
        /// The time of the latest [`Event::ReadWanted`] that was known before the reading began.
        at: i64,
    },
    /// The platform was read.
    Snapshot(Snapshot),
    /// A code that we do not know. It is recorded and closes nothing.
    Unknown {
        /// The code, as in `bpms_task_change/finish/audit`.
        code: String,
    },
}
