//! When a node has passed.

use super::data::Person;
use super::event::{Mode, TaskEnd, TaskFact, TaskOutcome};

/// Where a node stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NodeStatus {
    /// An earlier node has not passed.
    Waiting,
    /// Its approvers are asked.
    Pending,
    /// Passed.
    Approved,
    /// Rejected.
    Rejected,
    /// The approval ended without it.
    Skipped,
}

/// A task with its id.
pub(super) type Task<'a> = (&'a str, &'a TaskFact);

/// One say in a node: a planned approver's, or that of somebody who was added. A transfer hands the seat on.
#[derive(Debug, Clone)]
pub(super) struct Seat<'a> {
    /// The planned approver; `None` for somebody who was added.
    pub(super) planned: Option<&'a Person>,
    /// The tasks of the seat, each the successor of the one before; empty while the platform has told of none.
    pub(super) tasks: Vec<Task<'a>>,
    /// Whether the node of the last task is known and not guessed.
    pub(super) sure: bool,
}

impl<'a> Seat<'a> {
    /// The task that counts: the last one.
    pub(super) fn last(&self) -> Option<&'a TaskFact> {
        self.tasks.last().map(|(_, fact)| *fact)
    }

    /// Whether it was handed on to somebody that we do not know yet.
    pub(super) fn lost(&self) -> bool {
        self.last().and_then(|fact| fact.end.as_ref()).is_some_and(|end| end.outcome == TaskOutcome::Transferred)
    }

    /// How the seat's last task ended.
    fn end(&self) -> Option<&'a TaskEnd> {
        self.last().and_then(|fact| fact.end.as_ref())
    }
}

/// What a node has come to by its own seats, where its seats decide (`alone`): the built-in approvals, and an outside OA
/// that tells of each node.
///
/// Elsewhere only the platform's word passes a node: a later node begins, or the instance ends. All seats that we know may
/// have approved while an added approver, of whom we have not heard yet, is still asked. A rejection needs no such word,
/// but must be known to be of this node, and to end it (`refusals_end`): a customer's definition may send the form back.
pub(super) fn decide(mode: Mode, seats: &[Seat<'_>], alone: bool, refusals_end: bool) -> NodeStatus {
    if !alone {
        let rejected =
            |seat: &Seat<'_>| seat.sure && seat.end().is_some_and(|end| end.outcome == TaskOutcome::Rejected);
        let ends_it = refusals_end && !matches!(mode, Mode::AtLeast(_)) && seats.iter().any(rejected);
        return if ends_it { NodeStatus::Rejected } else { NodeStatus::Pending };
    }
    let ends = |outcome: TaskOutcome| seats.iter().filter_map(Seat::end).filter(move |end| end.outcome == outcome);
    let approvals = ends(TaskOutcome::Approved).count();
    let rejections = ends(TaskOutcome::Rejected).count();
    let passed = match mode {
        Mode::Any => return first_decision(ends(TaskOutcome::Approved), ends(TaskOutcome::Rejected)),
        Mode::All | Mode::Sequential => approvals == seats.len() && approvals > 0,
        Mode::AtLeast(needed) => approvals >= usize::from(needed).max(1),
    };
    let failed = match mode {
        Mode::AtLeast(needed) => seats.len().saturating_sub(rejections) < usize::from(needed),
        _ => rejections > 0,
    };
    match (passed, failed) {
        (true, _) => NodeStatus::Approved,
        (false, true) => NodeStatus::Rejected,
        (false, false) => NodeStatus::Pending,
    }
}

/// The earliest decision; a rejection where two are of the same time.
fn first_decision<'a>(
    approvals: impl Iterator<Item = &'a TaskEnd>,
    rejections: impl Iterator<Item = &'a TaskEnd>,
) -> NodeStatus {
    match (approvals.map(|end| end.at).min(), rejections.map(|end| end.at).min()) {
        (None, None) => NodeStatus::Pending,
        (Some(approved), Some(rejected)) if approved < rejected => NodeStatus::Approved,
        (Some(_), None) => NodeStatus::Approved,
        (_, Some(_)) => NodeStatus::Rejected,
    }
}

/// When a node whose seats decide had passed by its own seats (milliseconds).
pub(super) fn passed_at(mode: Mode, seats: &[Seat<'_>]) -> Option<i64> {
    let ends = seats.iter().filter_map(Seat::end).filter(|end| end.outcome == TaskOutcome::Approved);
    let mut times: Vec<i64> = ends.map(|end| end.at).collect();
    times.sort_unstable();
    match mode {
        Mode::Any => times.first().copied(),
        Mode::All | Mode::Sequential => times.last().copied(),
        Mode::AtLeast(needed) => times.get(usize::from(needed.max(1)) - 1).or(times.last()).copied(),
    }
}
