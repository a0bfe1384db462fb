//! What the sandbox keeps of DingTalk: templates, instances, tasks, records. All of it is what the files hold.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::platform::desk::Kept;
use crate::platform::files::Filed;
use crate::platform::outbox::Callback;

/// An approval template.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Template {
    pub(super) process_code: String,
    pub(super) name: String,
    pub(super) description: String,
    pub(super) components: Vec<Component>,
    pub(super) config: Map<String, Value>,
    pub(super) created_at: i64,
    pub(super) updated_at: i64,
}

impl Filed for Template {
    fn key(&self) -> &str {
        &self.process_code
    }
}

impl Template {
    /// Whether a switch of the template is on.
    pub(super) fn switched(&self, name: &str) -> bool {
        self.config.get(name).is_some_and(|value| crate::platform::fields::boolean(value) == Some(true))
    }
}

/// A control of a template.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Component {
    pub(super) kind: String,
    pub(super) id: String,
    pub(super) alias: Option<String>,
    pub(super) label: String,
    pub(super) required: bool,
    pub(super) options: Vec<Choice>,
    pub(super) props: Map<String, Value>,
    pub(super) children: Vec<Self>,
}

/// One option of a select control.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Choice {
    pub(super) key: String,
    pub(super) value: String,
}

/// A running or ended approval.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Instance {
    pub(super) id: String,
    pub(super) business_id: String,
    pub(super) process_code: String,
    pub(super) template: String,
    pub(super) title: String,
    /// Whether the template lets the originator withdraw.
    pub(super) withdrawable: bool,
    pub(super) originator: String,
    pub(super) originator_dept: i64,
    pub(super) created_at: i64,
    pub(super) finished_at: Option<i64>,
    pub(super) status: Status,
    pub(super) result: Option<Verdict>,
    pub(super) form: Vec<FormValue>,
    pub(super) nodes: Vec<Node>,
    /// Index of the node that is being asked.
    pub(super) current: usize,
    pub(super) tasks: Vec<Task>,
    pub(super) records: Vec<Record>,
    pub(super) cc: Vec<String>,
    pub(super) cc_position: CcPosition,
    pub(super) callbacks: Vec<Callback>,
}

impl Filed for Instance {
    fn key(&self) -> &str {
        &self.id
    }
}

impl Kept for Instance {
    fn age(&self) -> (i64, &str) {
        (self.created_at, &self.business_id)
    }

    fn callbacks(&self) -> &[Callback] {
        &self.callbacks
    }

    fn callbacks_mut(&mut self) -> &mut Vec<Callback> {
        &mut self.callbacks
    }
}

/// Status of an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum Status {
    Running,
    Terminated,
    Completed,
}

/// What was decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Verdict {
    Agree,
    Refuse,
}

impl Verdict {
    /// As events and instances write it.
    pub(super) fn lower(self) -> &'static str {
        match self {
            Self::Agree => "agree",
            Self::Refuse => "refuse",
        }
    }

    /// As tasks and records write it.
    pub(super) fn upper(self) -> &'static str {
        match self {
            Self::Agree => "AGREE",
            Self::Refuse => "REFUSE",
        }
    }
}

/// When people are copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum CcPosition {
    Start,
    Finish,
    StartFinish,
}

/// A filled-in control.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct FormValue {
    pub(super) id: String,
    pub(super) alias: Option<String>,
    pub(super) kind: String,
    pub(super) name: String,
    pub(super) value: String,
    pub(super) ext_value: Option<String>,
}

/// One step of an instance: several people may be asked at once.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Node {
    pub(super) activity_id: String,
    pub(super) mode: Mode,
    pub(super) users: Vec<String>,
}

/// When a step has passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum Mode {
    /// All must agree (会签).
    And,
    /// The first answer decides (或签).
    Or,
    /// One person.
    None,
}

/// What one person is asked in one step.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Task {
    pub(super) id: i64,
    pub(super) node: usize,
    pub(super) user: String,
    pub(super) state: TaskState,
    pub(super) created_at: i64,
    pub(super) finished_at: Option<i64>,
    pub(super) remark: Option<String>,
    /// Who added this task and where, if it was added.
    pub(super) added: Option<Added>,
}

/// How a task was added (加签).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Added {
    /// The adder's task.
    pub(super) to: i64,
    pub(super) position: Position,
}

/// Whether an added person is asked before or after the one who added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Position {
    /// 前加签: the adder's task waits.
    Before,
    /// 后加签: the added task opens when the adder has agreed.
    After,
}

/// Where a task stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum TaskState {
    /// Not opened yet: added behind another one.
    New,
    Running,
    /// Waits for a person who was added before it.
    Paused,
    Agreed,
    Refused,
    Redirected,
    /// Somebody else's answer made it needless.
    Cancelled,
    /// The instance was withdrawn.
    Terminated,
}

impl TaskState {
    /// Whether it still keeps its step from passing.
    pub(super) fn open(self) -> bool {
        matches!(self, Self::New | Self::Running | Self::Paused)
    }

    /// `status` and `result`, as the platform writes them.
    pub(super) fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::New => ("NEW", "NONE"),
            Self::Running => ("RUNNING", "NONE"),
            Self::Paused => ("PAUSED", "NONE"),
            Self::Agreed => ("COMPLETED", "AGREE"),
            Self::Refused => ("COMPLETED", "REFUSE"),
            Self::Redirected => ("COMPLETED", "REDIRECTED"),
            Self::Cancelled => ("CANCELED", "NONE"),
            Self::Terminated => ("TERMINATED", "NONE"),
        }
    }
}

/// A line of an instance's history.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) at: i64,
    pub(super) user: String,
    /// As in `operationRecords[].type`.
    pub(super) kind: String,
    /// As in `operationRecords[].result`.
    pub(super) result: String,
    pub(super) remark: Option<String>,
    pub(super) node: Option<usize>,
    /// Who was copied, or who got or was added to a task; the platform tells only the former.
    pub(super) others: Vec<String>,
}

/// A work notice that was sent to people.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Notice {
    pub(super) task_id: i64,
    pub(super) at: i64,
    pub(super) users: Vec<String>,
    pub(super) msg: Value,
}
