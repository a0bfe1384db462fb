//! An approval as the public contract shows it, in answers and in deliveries.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::Serialize;

use crate::approval::{
    self, Action, BUILTIN, Deadline, Leftover, LeftoverEnd, Mode, NodeStatus, OnDeadline, StageStatus, Status,
    TaskStatus,
};
use crate::store::approvals::{Failure, Record, Ruled, RuledAs, Trouble};

/// RFC 3339 in UTC, from milliseconds since the Unix epoch.
#[must_use]
pub fn rfc3339(at: i64) -> String {
    Timestamp::from_millisecond(at).unwrap_or_default().to_string()
}

/// Milliseconds since the Unix epoch, from RFC 3339; `None` when it is not that.
#[must_use]
pub fn from_rfc3339(text: &str) -> Option<i64> {
    text.parse::<Timestamp>().ok().map(Timestamp::as_millisecond)
}

/// An approval.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Document {
    /// Its id.
    pub id: String,
    /// Where it stands.
    pub status: Status,
    /// Title.
    pub title: String,
    /// The source that asked.
    pub source: String,
    /// The workspace it belongs to.
    pub workspace: Option<String>,
    /// The flow it follows.
    pub flow: Option<String>,
    /// The rule that decided which way it goes, or failed to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<RuleView>,
    /// Who asks.
    pub applicant: Person,
    /// Grows with every change.
    pub version: u64,
    /// When it was submitted.
    pub created_at: String,
    /// When it was last changed.
    pub updated_at: String,
    /// When it ended.
    pub decided_at: Option<String>,
    /// Until when it waits for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deadline: Option<DeadlineView>,
    /// Whether a withdrawal was asked for that the platform has not taken yet.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub withdrawing: bool,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<FailureView>,
    /// Why what it owes to a platform is not done yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_error: Option<TroubleView>,
    /// What is not all there, because it was too long: `remarks` are cut, `tasks` or lines of the `history` are left out.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub shortened: BTreeSet<&'static str>,
    /// The stages, in order.
    pub stages: Vec<Stage>,
    /// What happened, in the order in which it became known.
    pub history: Vec<Entry>,
}

/// Why something is not done yet, and when it is tried again.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TroubleView {
    /// Our code.
    pub code: String,
    /// The platform's code.
    pub provider_code: Option<String>,
    /// The platform's text.
    pub detail: String,
    /// What mends it, where that is known.
    pub fix: Option<String>,
    /// When it was tried last with this result.
    pub at: String,
    /// When it is tried again.
    pub next_attempt_at: Option<String>,
}

/// A deadline.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DeadlineView {
    /// When it passes.
    pub at: String,
    /// What happens then.
    pub on_deadline: OnDeadline,
    /// When it was seen to have passed.
    pub passed_at: Option<String>,
}

/// A rule that decided, or failed to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RuleView {
    /// Its id.
    pub id: String,
    /// Its name at the time.
    pub name: String,
    /// What it did.
    pub outcome: RuledAs,
    /// Why it rejected or failed.
    pub detail: Option<String>,
}

/// Why an approval failed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FailureView {
    /// Our code.
    pub code: String,
    /// The platform's code.
    pub provider_code: Option<String>,
    /// The platform's text.
    pub detail: String,
    /// What mends it, where that is known.
    pub fix: Option<String>,
}

/// A person.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Person {
    /// Our id of the member.
    pub member: Option<String>,
    /// The platform's id of the person.
    pub account: Option<String>,
    /// Display name.
    pub name: Option<String>,
}

/// A stage.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Stage {
    /// The connection; `None` for the built-in platform.
    pub connection: Option<String>,
    /// The platform.
    pub kind: String,
    /// The platform's id of the instance.
    pub instance: Option<String>,
    /// Where people see the instance.
    pub url: Option<String>,
    /// Where it stands.
    pub status: StageStatus,
    /// The nodes, in order.
    pub nodes: Vec<Node>,
    /// Names of nodes that would have asked nobody but the applicant, and are left out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<String>,
    /// What is open of it on the platform although nobody waits for it any more.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub left_open: Vec<LeftOpen>,
}

/// An instance that is open although nobody waits for it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LeftOpen {
    /// The platform's id of it; `None` where a start was interrupted that may have made one.
    pub instance: Option<String>,
    /// Since when nobody waits for it.
    pub since: String,
    /// When it is tried next to take it back.
    pub next_attempt_at: Option<String>,
    /// Why it is not tried any more.
    pub outcome: Option<LeftoverEnd>,
    /// What the last try came to.
    pub why: Option<String>,
}

/// A node.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Node {
    /// Its name.
    pub name: String,
    /// Its mode.
    pub mode: Mode,
    /// Where it stands.
    pub status: NodeStatus,
    /// Whether the workspace's administrators are asked instead of those who were named.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub fallback: bool,
    /// Who was named and could not be found.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
    /// Whether the applicant was among them, and is not asked.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub without_applicant: bool,
    /// Its tasks.
    pub tasks: Vec<Task>,
}

/// A task.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Task {
    /// Whose it is.
    pub assignee: Person,
    /// Where it stands.
    pub status: TaskStatus,
    /// What the assignee wrote.
    pub remark: Option<String>,
    /// When it ended.
    pub decided_at: Option<String>,
}

/// A line of the history.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Entry {
    /// When.
    pub at: String,
    /// What.
    pub action: Action,
    /// Who.
    pub actor: Option<Person>,
    /// Who did it in the actor's name, or had the actor asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<Person>,
    /// In which node.
    pub node: Option<String>,
    /// What they wrote.
    pub remark: Option<String>,
    /// Whether it came after the end: then it decides nothing.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub after_end: bool,
}

impl From<&Record> for Document {
    fn from(record: &Record) -> Self {
        let view = record.state.view();
        let stages = record.state.stages.iter().zip(view.stages).enumerate().map(|(index, (stage, seen))| Stage {
            connection: Some(stage.connection.clone()).filter(|id| id != BUILTIN),
            kind: stage.kind.clone(),
            instance: stage.instance.clone().filter(|_| !stage.runs_here()),
            url: stage.url.clone(),
            status: seen.status,
            nodes: seen.nodes.into_iter().map(Node::from).collect(),
            left_out: stage.left_out.clone(),
            left_open: record.state.left_open(index).map(LeftOpen::from).collect(),
        });
        let (cut, left_out) = (record.state.has_cut_texts(), record.state.has_left_out());
        let shortened = [("remarks", cut), ("tasks", left_out)].into_iter().filter(|(_, is_so)| *is_so);
        Self {
            id: record.id.to_string(),
            status: view.status,
            title: record.title.clone(),
            source: record.source.to_string(),
            workspace: record.workspace.as_ref().map(ToString::to_string),
            flow: record.flow.as_ref().map(ToString::to_string),
            rule: record.rule.as_ref().map(RuleView::from),
            applicant: record.state.applicant.clone().into(),
            version: record.version,
            created_at: rfc3339(record.state.submitted_at),
            updated_at: rfc3339(record.updated_at),
            decided_at: view.decided_at.map(rfc3339),
            deadline: record.state.deadline.map(DeadlineView::from),
            withdrawing: record.state.withdrawal.is_some(),
            failure: record.failure.as_ref().map(FailureView::from),
            last_error: record.trouble.as_ref().map(|trouble| TroubleView::of(trouble, next_attempt(record))),
            shortened: shortened.map(|(what, _)| what).collect(),
            stages: stages.collect(),
            history: view.history.into_iter().map(Entry::from).collect(),
        }
    }
}

impl From<&Leftover> for LeftOpen {
    fn from(left: &Leftover) -> Self {
        Self {
            instance: left.instance.clone(),
            since: rfc3339(left.since),
            next_attempt_at: left.end.is_none().then(|| rfc3339(left.next_at)),
            outcome: left.end,
            why: left.why.clone(),
        }
    }
}

impl From<Deadline> for DeadlineView {
    fn from(deadline: Deadline) -> Self {
        let Deadline { at, then, passed_at } = deadline;
        Self { at: rfc3339(at), on_deadline: then, passed_at: passed_at.map(rfc3339) }
    }
}

impl From<&Ruled> for RuleView {
    fn from(ruled: &Ruled) -> Self {
        let Ruled { id, name, outcome, detail } = ruled;
        Self { id: id.to_string(), name: name.clone(), outcome: *outcome, detail: detail.clone() }
    }
}

impl TroubleView {
    fn of(trouble: &Trouble, next_at: Option<i64>) -> Self {
        let FailureView { code, provider_code, detail, fix } = FailureView::from(&trouble.error);
        Self { code, provider_code, detail, fix, at: rfc3339(trouble.at), next_attempt_at: next_at.map(rfc3339) }
    }
}

/// When what is owed is tried next: a start when its lease ends, anything else at the next look.
fn next_attempt(record: &Record) -> Option<i64> {
    let start = record.state.stage_to_start().and_then(|stage| record.state.stages[stage].lease_until);
    start.or(record.due_at)
}

impl From<&Failure> for FailureView {
    fn from(failure: &Failure) -> Self {
        Self {
            code: failure.code.clone(),
            provider_code: failure.provider_code.clone(),
            detail: failure.message.clone(),
            fix: failure.fix.clone(),
        }
    }
}

impl From<approval::Person> for Person {
    fn from(person: approval::Person) -> Self {
        Self { member: person.member, account: person.account, name: person.name }
    }
}

impl From<approval::NodeView> for Node {
    fn from(node: approval::NodeView) -> Self {
        let tasks = node.tasks.into_iter().map(|task| Task {
            assignee: task.assignee.into(),
            status: task.status,
            remark: task.remark,
            decided_at: task.decided_at.map(rfc3339),
        });
        let approval::Deviation { fallback, missing, without_applicant } = node.deviation;
        Self {
            name: node.name,
            mode: node.mode,
            status: node.status,
            fallback,
            missing,
            without_applicant,
            tasks: tasks.collect(),
        }
    }
}

impl From<approval::Entry> for Entry {
    fn from(entry: approval::Entry) -> Self {
        Self {
            at: rfc3339(entry.at),
            action: entry.action,
            actor: entry.actor.map(Person::from),
            by: entry.by.map(Person::from),
            node: entry.node,
            remark: entry.remark,
            after_end: entry.after_end,
        }
    }
}
