//! When a node has passed.

use super::data::Person;
use super::event::{Mode, Position, TaskEnd, TaskFact, TaskOutcome};

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

    /// The task beside which this seat was added, and where, if what it says is a part of what that one says. A planned approver has a
    /// say of their own, however their task came about.
    fn beside(&self, mode: Mode) -> Option<(&'a str, Position)> {
        if self.planned.is_some() {
            return None;
        }
        let added = self.tasks.first()?.1.added.as_ref()?;
        let is_part = added.position != Position::Parallel || mode == Mode::Sequential;
        is_part.then_some((added.beside.as_str(), added.position))
    }

    /// Whether it has no say of its own: it was added to another's.
    pub(super) fn is_part(&self, mode: Mode) -> bool {
        self.beside(mode).is_some()
    }

    /// The seats that were added to this one, and where.
    pub(super) fn parts<'s>(&'s self, mode: Mode, seats: &'s [Self]) -> impl Iterator<Item = (&'s Self, Position)> {
        let is_own = |task: &str| self.tasks.iter().any(|(id, _)| *id == task);
        seats.iter().filter_map(move |seat| {
            let (task, position) = seat.beside(mode)?;
            // A task is beside one that was there before it: nothing is a part of itself.
            let is_later = seat.tasks.first().is_some_and(|(id, _)| *id > task);
            (is_later && is_own(task)).then_some((seat, position))
        })
    }

    /// What it says, together with those who were added to it: a rejection of any, or that all have approved, and when.
    pub(super) fn say(&self, mode: Mode, seats: &[Self]) -> Option<(TaskOutcome, i64)> {
        let own = self.end().filter(|end| matches!(end.outcome, TaskOutcome::Approved | TaskOutcome::Rejected));
        let own = own.map(|end| (end.outcome, end.at));
        let parts = self.parts(mode, seats).map(|(seat, _)| seat.say(mode, seats));
        let all: Vec<Option<(TaskOutcome, i64)>> = [own].into_iter().chain(parts).collect();
        let rejected = all.iter().flatten().filter(|(outcome, _)| *outcome == TaskOutcome::Rejected);
        if let Some(first) = rejected.min_by_key(|(_, at)| *at) {
            return Some(*first);
        }
        let approved: Option<Vec<i64>> = all.into_iter().map(|say| say.map(|(_, at)| at)).collect();
        Some((TaskOutcome::Approved, approved?.into_iter().max()?))
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
    let says: Vec<_> = says(mode, seats).collect();
    let times = |outcome: TaskOutcome| says.iter().flatten().filter(move |say| say.0 == outcome).map(|say| say.1);
    let approvals = times(TaskOutcome::Approved).count();
    let rejections = times(TaskOutcome::Rejected).count();
    let passed = match mode {
        Mode::Any => return first_decision(times(TaskOutcome::Approved), times(TaskOutcome::Rejected)),
        Mode::All | Mode::Sequential => approvals == says.len() && approvals > 0,
        Mode::AtLeast(needed) => approvals >= usize::from(needed).max(1),
    };
    let failed = match mode {
        Mode::AtLeast(needed) => says.len().saturating_sub(rejections) < usize::from(needed),
        _ => rejections > 0,
    };
    match (passed, failed) {
        (true, _) => NodeStatus::Approved,
        (false, true) => NodeStatus::Rejected,
        (false, false) => NodeStatus::Pending,
    }
}

/// What each seat that has a say of its own says.
fn says<'s, 'a>(mode: Mode, seats: &'s [Seat<'a>]) -> impl Iterator<Item = Option<(TaskOutcome, i64)>> + use<'s, 'a> {
    seats.iter().filter(move |seat| !seat.is_part(mode)).map(move |seat| seat.say(mode, seats))
}

/// The earliest decision (milliseconds); a rejection where two are of the same time.
fn first_decision(approvals: impl Iterator<Item = i64>, rejections: impl Iterator<Item = i64>) -> NodeStatus {
    match (approvals.min(), rejections.min()) {
        (None, None) => NodeStatus::Pending,
        (Some(approved), Some(rejected)) if approved < rejected => NodeStatus::Approved,
        (Some(_), None) => NodeStatus::Approved,
        (_, Some(_)) => NodeStatus::Rejected,
    }
}

/// When a node whose seats decide had passed by its own seats (milliseconds).
pub(super) fn passed_at(mode: Mode, seats: &[Seat<'_>]) -> Option<i64> {
    let approvals = says(mode, seats).flatten().filter(|(outcome, _)| *outcome == TaskOutcome::Approved);
    let mut times: Vec<i64> = approvals.map(|(_, at)| at).collect();
    times.sort_unstable();
    match mode {
        Mode::Any => times.first().copied(),
        Mode::All | Mode::Sequential => times.last().copied(),
        Mode::AtLeast(needed) => times.get(usize::from(needed.max(1)) - 1).or(times.last()).copied(),
    }
}
