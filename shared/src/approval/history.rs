//! What happened to an approval, told in order of time.

use serde::{Deserialize, Serialize};

use super::deadline::OnDeadline;
use super::event::{TaskFact, TaskOutcome};
use super::place::Placed;
use super::state::{Approval, Closed, Person, Stage};

/// What somebody did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// The source asked.
    Submitted,
    /// A platform runs it.
    Started,
    /// An approver was added.
    Countersigned,
    /// A task was handed to somebody else.
    Transferred,
    /// A remark was written.
    Commented,
    /// It went back to an earlier node.
    RolledBack,
    /// A task was approved.
    Approved,
    /// A task was rejected.
    Rejected,
    /// It was taken back.
    Withdrawn,
    /// The deadline passed.
    Expired,
    /// The deadline passed, and the source was told.
    Escalated,
    /// It could not be started.
    Failed,
    /// It was undone after approval.
    Revoked,
}

/// One line of the history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// When (milliseconds).
    pub at: i64,
    /// What.
    pub action: Action,
    /// Who, where it is known.
    pub actor: Option<Person>,
    /// Name of the node.
    pub node: Option<String>,
    /// What they wrote.
    pub remark: Option<String>,
}

/// The history of an approval that ended at `decided_at`.
pub(super) fn history(approval: &Approval, decided_at: Option<i64>) -> Vec<Entry> {
    let applicant = Some(approval.applicant.clone());
    let submitted = entry(approval.submitted_at, Action::Submitted, applicant);
    let mut entries = vec![submitted];
    for stage in &approval.stages {
        let first = entries.len();
        entries.extend(of_tasks(stage));
        entries.extend(stage.facts.rollbacks.iter().map(|rollback| Entry {
            node: stage.nodes.get(usize::from(rollback.to_node)).map(|node| node.name.clone()),
            ..entry(rollback.at, Action::RolledBack, None)
        }));
        entries.extend(stage.facts.comments.iter().map(|comment| Entry {
            remark: Some(comment.text.clone()),
            ..entry(comment.at, Action::Commented, Some(stage.person(&fact_of(&comment.account))))
        }));
        // We may learn of a start after what happened next, and a platform that tells whole seconds is always behind: the
        // stage ran when the first thing happened in it.
        let earliest = entries[first..].iter().map(|entry| entry.at).min();
        let started = stage.facts.started_at.map(|at| earliest.map_or(at, |earliest| at.min(earliest)));
        entries.extend(started.map(|at| entry(at, Action::Started, None)));
    }
    entries.extend(of_escalation(approval));
    entries.extend(of_closure(approval, decided_at));
    // Nothing happens before it was asked for, even where a platform's clock is behind ours or tells whole seconds.
    for entry in &mut entries {
        entry.at = entry.at.max(approval.submitted_at);
    }
    entries[1..].sort_by_key(|line| (line.at, line.action));
    entries
}

fn entry(at: i64, action: Action, actor: Option<Person>) -> Entry {
    Entry { at, action, actor, node: None, remark: None }
}

fn fact_of(account: &str) -> TaskFact {
    TaskFact { assignee: account.to_owned(), ..TaskFact::default() }
}

fn of_tasks(stage: &Stage) -> Vec<Entry> {
    let placed = Placed::of(stage);
    let node_of = |task: &str| {
        placed.nodes.iter().position(|seats| seats.iter().any(|seat| seat.tasks.iter().any(|(id, _)| *id == task)))
    };
    let mut entries = Vec::new();
    for (id, fact) in &stage.facts.tasks {
        let index = node_of(id).or(fact.node.map(usize::from));
        let node = index.and_then(|index| stage.nodes.get(index)).map(|node| node.name.clone());
        let Some(end) = &fact.end else { continue };
        let action = match end.outcome {
            TaskOutcome::Approved => Action::Approved,
            TaskOutcome::Rejected => Action::Rejected,
            TaskOutcome::Transferred => Action::Transferred,
            TaskOutcome::Skipped => continue,
        };
        entries.push(Entry { node, remark: end.remark.clone(), ..entry(end.at, action, Some(stage.person(fact))) });
    }
    for (index, seats) in placed.nodes.iter().enumerate() {
        let Some(node) = stage.nodes.get(index).filter(|node| !node.approvers.is_empty()) else { continue };
        for (_, fact) in seats.iter().filter(|seat| seat.planned.is_none()).filter_map(|seat| seat.tasks.first()) {
            let Some(at) = fact.opened_at else { continue };
            let added = entry(at, Action::Countersigned, Some(stage.person(fact)));
            entries.push(Entry { node: Some(node.name.clone()), ..added });
        }
    }
    entries
}

/// The deadline, where it leaves the approval open.
fn of_escalation(approval: &Approval) -> Option<Entry> {
    let deadline = approval.deadline.filter(|deadline| deadline.then == OnDeadline::Escalate)?;
    Some(entry(deadline.passed_at?, Action::Escalated, None))
}

/// The end, where no task's entry tells it.
fn of_closure(approval: &Approval, decided_at: Option<i64>) -> Option<Entry> {
    let closure = approval.closed.as_ref()?;
    let action = match closure.how {
        // By a rule or the deadline: that is nobody's task.
        Closed::Approved if closure.at.is_some() => Action::Approved,
        Closed::Rejected if closure.at.is_some() => Action::Rejected,
        Closed::Approved | Closed::Rejected => return None,
        Closed::Withdrawn => Action::Withdrawn,
        Closed::Expired => Action::Expired,
        Closed::Failed => Action::Failed,
        Closed::Revoked => Action::Revoked,
    };
    let line = entry(decided_at?, action, closure.by.clone());
    Some(Entry { remark: closure.remark.clone(), ..line })
}
