//! What happened to an approval, told in the order in which it became known, with the platform's time beside it.
//!
//! The history only grows: what was shown keeps its position and is never left out again (`learned.rs`).

use serde::{Deserialize, Serialize};

use super::bounds::cut;
use super::data::{Approval, Closed, OnDeadline, Person, Stage};
use super::ends::MINUTE;
use super::event::{Outcome, TaskFact, TaskOutcome};
use super::learned::key;
use super::tasks_by_node::TasksByNode;
use super::verdict::Verdict;

/// So many bytes of a comment are never cut.
const SURE: usize = 16;

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
    /// Who did it in the actor's name, or had the actor asked, where that is another and known.
    pub by: Option<Person>,
    /// Name of the node.
    pub node: Option<String>,
    /// What they wrote.
    pub remark: Option<String>,
    /// Whether it came after the end: then it decides nothing.
    pub after_end: bool,
}

/// A line, and what makes it that line and no other.
type Line = (u32, Entry);

/// The history of an approval that ended at `decided_at`.
pub(super) fn history(approval: &Approval, decided_at: Option<i64>) -> Vec<Entry> {
    let applicant = Some(approval.applicant.clone());
    let submitted = entry(approval.submitted_at, Action::Submitted, applicant);
    let mut lines = lines(approval, decided_at);
    lines.sort_by_cached_key(|(key, line)| {
        (approval.learned.position(*key).unwrap_or(usize::MAX), line.at, line.action)
    });
    let shown = lines.into_iter().map(|(key, line)| {
        let late = decided_at.is_some_and(|ended| is_after_end(approval, key, &line, ended));
        Entry { after_end: line.after_end || late, ..line }
    });
    std::iter::once(submitted).chain(shown).collect()
}

/// The keys of all lines but the first, in the order of their times; the end is last of those that show for the first time together.
pub(super) fn keys(approval: &Approval) -> Vec<u32> {
    let decided_at = approval.decided_at();
    let mut lines = lines(approval, decided_at);
    let end = of_closure(approval, decided_at).map(|(key, _)| key);
    lines.sort_by_key(|(key, line)| (Some(*key) == end, line.at, line.action));
    lines.into_iter().map(|(key, _)| key).collect()
}

/// Whether a line that became known after the end came after it: it says otherwise than the end, or happened later. Who decided may be
/// told a moment after that it was decided, and a reading cuts times to the minute.
fn is_after_end(approval: &Approval, key: u32, line: &Entry, ended: i64) -> bool {
    let Some(how) = approval.closed.as_ref().map(|closure| closure.how) else { return false };
    let is_end = || of_closure(approval, Some(ended)).is_some_and(|(end, _)| end == key);
    let contradicts = match line.action {
        Action::Approved => !matches!(how, Closed::Approved | Closed::Revoked),
        Action::Rejected => how != Closed::Rejected,
        _ => false,
    };
    (contradicts || line.at >= ended + MINUTE) && approval.learned.is_late(key) && !is_end()
}

/// All lines but the first.
fn lines(approval: &Approval, decided_at: Option<i64>) -> Vec<Line> {
    let mut entries: Vec<Line> = Vec::new();
    for (index, stage) in approval.stages.iter().enumerate() {
        let (first, index) = (entries.len(), index.to_string());
        entries.extend(of_tasks(approval, &index, stage));
        entries.extend(stage.facts.rollbacks.iter().map(|rollback| {
            let node = stage.nodes.get(usize::from(rollback.to_node)).map(|node| node.name.clone());
            let actor = rollback.account.as_deref().map(|account| stage.person(&fact_of(account)));
            let remark = rollback.remark.clone();
            let line = Entry { node, remark, ..entry(rollback.at, Action::RolledBack, actor) };
            (key(&[&index, "back", &rollback.to_node.to_string(), &rollback.at.to_string()]), line)
        }));
        entries.extend(stage.facts.comments.iter().map(|comment| {
            let writer = Some(stage.person(&fact_of(&comment.account)));
            let line = Entry { remark: Some(comment.text.clone()), ..entry(comment.at, Action::Commented, writer) };
            (key(&[&index, "said", &comment.at.to_string(), &comment.account, cut(&comment.text, SURE)]), line)
        }));
        // Taken back or deleted after it had ended.
        let gone = key(&[&index, "gone"]);
        let is_after = stage.verdict() != Verdict::Withdrawn || approval.learned.position(gone).is_some();
        let at = stage.facts.ended(Outcome::Withdrawn).filter(|_| is_after);
        entries.extend(at.map(|at| (gone, Entry { after_end: true, ..entry(at, Action::Withdrawn, None) })));
        // We may learn of a start after what happened next, and a platform that tells whole seconds is always behind: the
        // stage ran when the first thing happened in it.
        let earliest = entries[first..].iter().map(|(_, entry)| entry.at).min();
        let started = stage.facts.started_at.map(|at| earliest.map_or(at, |earliest| at.min(earliest)));
        entries.extend(started.map(|at| (key(&[&index, "started"]), entry(at, Action::Started, None))));
    }
    entries.extend(of_escalation(approval));
    entries.extend(of_closure(approval, decided_at));
    // Nothing happens before it was asked for, even where a platform's clock is behind ours or tells whole seconds.
    for (_, entry) in &mut entries {
        entry.at = entry.at.max(approval.submitted_at);
    }
    entries
}

fn entry(at: i64, action: Action, actor: Option<Person>) -> Entry {
    Entry { at, action, actor, by: None, node: None, remark: None, after_end: false }
}

fn fact_of(account: &str) -> TaskFact {
    TaskFact { assignee: account.to_owned(), ..TaskFact::default() }
}

fn of_tasks(approval: &Approval, stage_index: &str, stage: &Stage) -> Vec<Line> {
    let tasks = TasksByNode::of(stage);
    let node_of = |task: &str| {
        tasks.nodes.iter().position(|seats| seats.iter().any(|seat| seat.tasks.iter().any(|(id, _)| *id == task)))
    };
    let added = tasks.nodes.iter().zip(&stage.nodes).filter(|(_, node)| !node.approvers.is_empty());
    let added = added.flat_map(|(seats, _)| seats).filter(|seat| seat.planned.is_none());
    let added: Vec<&str> = added.filter_map(|seat| seat.tasks.first()).map(|(id, _)| *id).collect();
    let mut entries = Vec::new();
    for (id, fact) in &stage.facts.tasks {
        let index = node_of(id).or(fact.node.map(usize::from));
        let node = index.and_then(|index| stage.nodes.get(index)).map(|node| node.name.clone());
        for end in fact.end.iter().chain(&fact.other_ends) {
            let (action, word) = match end.outcome {
                TaskOutcome::Approved => (Action::Approved, "approved"),
                TaskOutcome::Rejected => (Action::Rejected, "rejected"),
                TaskOutcome::Transferred => (Action::Transferred, "transferred"),
                TaskOutcome::Skipped => continue,
            };
            let line = entry(end.at, action, Some(stage.person(fact)));
            let (by, remark) = (fact.by.as_deref().cloned(), end.remark.clone());
            let line = Entry { by, node: node.clone(), remark, ..line };
            entries.push((key(&[stage_index, word, id]), line));
        }
        let added_key = key(&[stage_index, "added", id]);
        // Until the instance was read, somebody unknown may have been handed another's task as well.
        let is_added = fact.read && added.contains(&id.as_str());
        let at = fact.opened_at.filter(|_| is_added || approval.learned.position(added_key).is_some());
        entries.extend(at.map(|at| {
            let line = entry(at, Action::Countersigned, Some(stage.person(fact)));
            let by = fact.added.as_ref().map(|added| stage.person(&fact_of(&added.by)));
            let remark = fact.added.as_ref().and_then(|added| added.remark.clone());
            (added_key, Entry { by, node, remark, ..line })
        }));
    }
    entries
}

/// The deadline, where it leaves the approval open.
fn of_escalation(approval: &Approval) -> Option<Line> {
    let deadline = approval.deadline.filter(|deadline| deadline.then == OnDeadline::Escalate)?;
    Some((key(&["escalated"]), entry(deadline.passed_at?, Action::Escalated, None)))
}

/// The end, where no task's entry tells it.
fn of_closure(approval: &Approval, decided_at: Option<i64>) -> Option<Line> {
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
    let end = if action == Action::Revoked { "revoked" } else { "end" };
    Some((key(&[end]), Entry { remark: closure.remark.clone(), ..line }))
}
