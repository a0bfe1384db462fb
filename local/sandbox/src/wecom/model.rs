//! What the sandbox keeps of WeCom: templates and forms. All of it is what the files hold.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::platform::desk::Kept;
use crate::platform::files::Filed;
use crate::platform::outbox::Callback;

/// A text in a language, as the platform writes names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Text {
    pub(super) text: String,
    pub(super) lang: String,
}

/// An approval template.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Template {
    pub(super) id: String,
    pub(super) names: Vec<Text>,
    pub(super) controls: Vec<Control>,
}

impl Filed for Template {
    fn key(&self) -> &str {
        &self.id
    }
}

impl Template {
    /// The name in the first language.
    pub(super) fn name(&self) -> &str {
        self.names.first().map_or("", |name| name.text.as_str())
    }
}

/// A control of a template.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Control {
    /// As in `property.control`.
    pub(super) kind: String,
    pub(super) id: String,
    pub(super) title: Vec<Text>,
    pub(super) placeholder: Vec<Text>,
    pub(super) required: bool,
    pub(super) un_print: i64,
    /// As `oa/gettemplatedetail` answers it; `null` where there is none.
    pub(super) config: Value,
    /// The sub-controls of a `Table`.
    pub(super) children: Vec<Self>,
}

/// A form: a running or ended approval.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Form {
    pub(super) sp_no: String,
    pub(super) template_id: String,
    /// The template's name when the form was submitted.
    pub(super) sp_name: String,
    pub(super) status: Status,
    pub(super) applicant: String,
    pub(super) party: i64,
    pub(super) created_at: i64,
    pub(super) contents: Vec<Content>,
    /// The lines of the summary.
    pub(super) summary: Vec<String>,
    /// The flow, in its order, with the nodes of those who are copied.
    pub(super) nodes: Vec<Node>,
    pub(super) comments: Vec<Comment>,
    pub(super) records: Vec<Record>,
    pub(super) callbacks: Vec<Callback>,
}

impl Filed for Form {
    fn key(&self) -> &str {
        &self.sp_no
    }
}

impl Kept for Form {
    fn age(&self) -> (i64, &str) {
        (self.created_at, &self.sp_no)
    }

    fn callbacks(&self) -> &[Callback] {
        &self.callbacks
    }

    fn callbacks_mut(&mut self) -> &mut Vec<Callback> {
        &mut self.callbacks
    }
}

/// Status of a form. The numbers are the platform's; there is no 5, 8 and 9.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Status {
    Running = 1,
    Approved = 2,
    Rejected = 3,
    Withdrawn = 4,
    WithdrawnAfterApproval = 6,
    Deleted = 7,
    Paid = 10,
}

impl Status {
    /// As the platform writes it.
    pub(super) fn code(self) -> i64 {
        self as i64
    }

    /// As the sandbox's own endpoints write it.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Approved => "approved",
            Self::Rejected => "rejected",
            Self::Withdrawn => "withdrawn",
            Self::WithdrawnAfterApproval => "withdrawn_after_approval",
            Self::Deleted => "deleted",
            Self::Paid => "paid",
        }
    }
}

/// A filled-in control, with the value as the detail call answers it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Content {
    pub(super) control: String,
    pub(super) id: String,
    pub(super) title: Vec<Text>,
    pub(super) value: Value,
}

/// What a node is for. The numbers are those of `type` and `node_type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    Approver = 1,
    Copied = 2,
    Handler = 3,
}

/// When a node has passed. The numbers are those of `apv_rel`, not of the old `approverattr`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Relation {
    All = 1,
    Any = 2,
    InTurn = 3,
}

/// State of a node and of a person in it. The numbers are those of `sp_yj`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Mark {
    Open = 1,
    Agreed = 2,
    Rejected = 3,
    Forwarded = 4,
    SentBack = 11,
    Added = 12,
    AgreedAndAdded = 13,
    Handled = 14,
    HandedOver = 15,
}

impl Mark {
    /// As the platform writes it.
    pub(super) fn code(self) -> i64 {
        self as i64
    }
}

/// A step of the flow.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Node {
    pub(super) kind: Kind,
    pub(super) relation: Relation,
    pub(super) mark: Mark,
    pub(super) people: Vec<Asked>,
}

/// Somebody in a node.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Asked {
    /// Unique within the form.
    pub(super) number: u32,
    pub(super) user: String,
    pub(super) mark: Mark,
    pub(super) speech: String,
    /// When they acted.
    pub(super) at: Option<i64>,
    /// Who has to act first.
    pub(super) after: Option<u32>,
    /// Added before somebody who still decides: their word does not pass a node of which any one is enough.
    pub(super) advises: bool,
}

/// A comment.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Comment {
    pub(super) id: String,
    pub(super) user: String,
    pub(super) at: i64,
    pub(super) content: String,
}

/// A line of a form's history.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) at: i64,
    pub(super) user: String,
    pub(super) change: Change,
    pub(super) remark: Option<String>,
    /// Who got the task or was added.
    pub(super) other: Option<String>,
}

/// What happened to a form. The numbers are those of `StatuChangeEvent`; the last two are told to nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Change {
    Submitted = 1,
    Agreed = 2,
    Rejected = 3,
    Forwarded = 4,
    Urged = 5,
    Withdrawn = 6,
    WithdrawnAfterApproval = 8,
    Commented = 10,
    SentBack = 11,
    Added = 12,
    AgreedAndAdded = 13,
    Handled = 14,
    HandedOver = 15,
    Deleted,
    Paid,
}

impl Change {
    /// The number in the event; `None` for what has no event: only reading finds it.
    pub(super) fn code(self) -> Option<i64> {
        match self {
            Self::Deleted | Self::Paid => None,
            told => Some(told as i64),
        }
    }
}
