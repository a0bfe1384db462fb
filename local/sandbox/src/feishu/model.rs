//! What the sandbox keeps of Feishu: definitions, instances, tasks, timelines. All of it is what the files hold. People are
//! kept by their `open_id`.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::i18n::Texts;
use crate::platform::control::Position;
use crate::platform::desk::Kept;
use crate::platform::files::Filed;
use crate::platform::outbox::Callback;

/// An approval definition.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Definition {
    pub(super) code: String,
    pub(super) id: String,
    /// An i18n key.
    pub(super) name: String,
    pub(super) viewers: Value,
    pub(super) widgets: Vec<Widget>,
    pub(super) nodes: Vec<NodeDefinition>,
    pub(super) rules: Rules,
    pub(super) texts: Texts,
    /// Whether the app has subscribed to its events.
    pub(super) subscribed: bool,
    pub(super) created_at: i64,
}

impl Filed for Definition {
    fn key(&self) -> &str {
        &self.code
    }
}

/// What may be done after a decision; the defaults are documented.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct Rules {
    /// Seconds in which an approved instance may be revoked; 0 for never.
    pub(super) revert_interval: i64,
    /// Whether it may be withdrawn after the first node.
    pub(super) revert_option: bool,
    /// Whether a rejection returns it to the initiator.
    pub(super) reject_returns: bool,
}

/// A widget of a definition's form.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Widget {
    pub(super) id: String,
    pub(super) custom_id: Option<String>,
    pub(super) kind: String,
    /// An i18n key.
    pub(super) name: String,
    /// As it was sent.
    pub(super) source: Value,
    pub(super) children: Vec<Self>,
}

/// A node of a definition, START and END among them.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct NodeDefinition {
    /// Given by whoever made the definition: `custom_node_id`.
    pub(super) custom_id: String,
    /// The platform's own: `node_id`, 32 hexadecimal digits.
    pub(super) id: String,
    /// The platform's other one, in timelines and events: `node_key`.
    pub(super) key: String,
    pub(super) name: Option<String>,
    pub(super) mode: Mode,
    /// The initiator chooses the approvers.
    pub(super) free: bool,
    pub(super) chosen_multi: bool,
    pub(super) chosen_range: Value,
    /// Approvers that the definition names.
    pub(super) approvers: Vec<Approver>,
    /// People who are always copied.
    pub(super) ccers: Vec<String>,
    /// The initiator chooses who is copied.
    pub(super) free_cc: bool,
    pub(super) starter: Starter,
}

/// Who approves at a node that does not leave it to the initiator.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Approver {
    Person(String),
    /// The manager so many levels up.
    Manager(usize),
}

/// What happens when an approver is the initiator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum Starter {
    /// They decide all the same: `STARTER`.
    #[serde(rename = "STARTER")]
    Decides,
    AutoPass,
    Supervisor,
    DepartmentManager,
}

/// When a node has passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum Mode {
    And,
    Or,
    Sequential,
}

impl Mode {
    /// As the platform writes it.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::And => "AND",
            Self::Or => "OR",
            Self::Sequential => "SEQUENTIAL",
        }
    }
}

/// A running or ended approval.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Instance {
    pub(super) code: String,
    pub(super) uuid: Option<String>,
    /// Of the request that made it; two equal ones within a second make one instance.
    pub(super) digest: String,
    pub(super) approval_code: String,
    pub(super) approval_name: String,
    pub(super) title: Option<String>,
    pub(super) serial: String,
    pub(super) initiator: String,
    pub(super) department: String,
    pub(super) created_at: i64,
    pub(super) finished_at: Option<i64>,
    pub(super) status: Status,
    pub(super) reverted: bool,
    pub(super) rules: Rules,
    pub(super) forbid_revoke: bool,
    pub(super) form: Vec<FormValue>,
    pub(super) nodes: Vec<Node>,
    /// Index of the node that is being asked.
    pub(super) current: usize,
    /// How many of a sequential node's people have been asked.
    pub(super) turn: usize,
    pub(super) cc_start: Vec<String>,
    pub(super) cc_end: Vec<String>,
    pub(super) tasks: Vec<Task>,
    pub(super) comments: Vec<Comment>,
    pub(super) timeline: Vec<Record>,
    pub(super) callbacks: Vec<Callback>,
}

impl Filed for Instance {
    fn key(&self) -> &str {
        &self.code
    }
}

impl Kept for Instance {
    fn age(&self) -> (i64, &str) {
        (self.created_at, &self.serial)
    }

    fn callbacks(&self) -> &[Callback] {
        &self.callbacks
    }

    fn callbacks_mut(&mut self) -> &mut Vec<Callback> {
        &mut self.callbacks
    }
}

/// Status of an instance. `CANCELED` has one L.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum Status {
    Pending,
    Approved,
    Rejected,
    Canceled,
}

impl Status {
    /// As the platform writes it.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Approved => "APPROVED",
            Self::Rejected => "REJECTED",
            Self::Canceled => "CANCELED",
        }
    }
}

/// A filled-in widget.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct FormValue {
    pub(super) id: String,
    pub(super) custom_id: Option<String>,
    pub(super) kind: String,
    pub(super) name: String,
    pub(super) value: Value,
}

/// One step of an instance.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Node {
    pub(super) custom_id: String,
    pub(super) id: String,
    pub(super) key: String,
    pub(super) name: String,
    pub(super) mode: Mode,
    pub(super) users: Vec<String>,
    /// Passes by itself.
    pub(super) auto: bool,
    /// Copied when the step has passed.
    pub(super) cc: Vec<String>,
    pub(super) starter: Starter,
}

/// What one person is asked in one step.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Task {
    pub(super) id: String,
    /// `None` when it was returned to the initiator.
    pub(super) node: Option<usize>,
    /// `None` for an automatic one.
    pub(super) user: Option<String>,
    pub(super) state: TaskState,
    pub(super) created_at: i64,
    pub(super) finished_at: Option<i64>,
    pub(super) remark: Option<String>,
    pub(super) added: Option<Added>,
}

/// How a task was added (加签).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Added {
    /// The adder's task.
    pub(super) to: String,
    pub(super) position: Position,
    /// One of those who were added together suffices.
    pub(super) any: bool,
}

/// Where a task stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum TaskState {
    Pending,
    /// Waits for people who were added before it. The platform says PENDING.
    Paused,
    Approved,
    Rejected,
    Transferred,
    /// Sent back to an earlier step; the task reads DONE, its event says ROLLBACK.
    RolledBack,
    Done,
}

impl TaskState {
    /// Whether it still keeps its step from passing.
    pub(super) fn open(self) -> bool {
        matches!(self, Self::Pending | Self::Paused)
    }

    /// As `task_list` writes it.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Pending | Self::Paused => "PENDING",
            Self::Approved => "APPROVED",
            Self::Rejected => "REJECTED",
            Self::Transferred => "TRANSFERRED",
            Self::RolledBack | Self::Done => "DONE",
        }
    }
}

/// A comment.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Comment {
    pub(super) id: String,
    pub(super) user: String,
    pub(super) text: String,
    pub(super) at: i64,
}

/// An entry of the timeline.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Record {
    /// As in `timeline[].type`.
    pub(super) kind: String,
    pub(super) at: i64,
    /// `None` for what happened by itself.
    pub(super) user: Option<String>,
    pub(super) task: Option<String>,
    pub(super) remark: Option<String>,
    pub(super) node: Option<usize>,
    /// Who got, was added or was copied.
    pub(super) others: Vec<String>,
}
