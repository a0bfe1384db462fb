//! What an approval looks like from outside: every status derived from plan, facts and closure.

use serde::{Deserialize, Serialize};

use super::data::{Approval, Closed, Person, Stage};
use super::deviation::Deviation;
use super::event::{Mode, Outcome, TaskFact, TaskOutcome};
use super::history::{Action, Entry, history};
use super::node::{NodeStatus, Seat};
use super::tasks_by_node::TasksByNode;
use super::verdict::Verdict;

/// Where an approval stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// The platform has not answered yet.
    Starting,
    /// People are asked.
    Pending,
    /// Every node passed.
    Approved,
    /// A node was rejected.
    Rejected,
    /// Taken back.
    Withdrawn,
    /// The deadline passed.
    Expired,
    /// It could not be started.
    Failed,
    /// Undone after approval.
    Revoked,
}

/// Where a stage stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StageStatus {
    /// An earlier stage has not passed.
    Waiting,
    /// The platform has not answered yet.
    Starting,
    /// People are asked.
    Pending,
    /// Passed.
    Approved,
    /// Rejected.
    Rejected,
    /// Taken back on the platform.
    Withdrawn,
    /// Undone after approval.
    Revoked,
    /// The approval ended without it.
    Skipped,
}

/// Where a task stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskStatus {
    /// Open, or not given out yet.
    Pending,
    /// Approved.
    Approved,
    /// Rejected.
    Rejected,
    /// Handed to somebody else.
    Transferred,
    /// Closed because its node closed without it.
    Skipped,
}

/// An approval, as seen from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    /// Where it stands.
    pub status: Status,
    /// When it ended (milliseconds).
    pub decided_at: Option<i64>,
    /// The stages, in order.
    pub stages: Vec<StageView>,
    /// What happened, in the order in which it became known.
    pub history: Vec<Entry>,
}

impl View {
    /// Whether a node was decided of which it is not known by whom, or a rejection of which it is not known at which node:
    /// that event is on its way.
    #[must_use]
    pub fn lacks_deciders(&self) -> bool {
        let nodes = || self.stages.iter().flat_map(|stage| &stage.nodes);
        let mut passed = nodes().filter(|node| node.status == NodeStatus::Approved);
        passed.any(NodeView::lacks_deciders)
            || (self.status == Status::Rejected
                && !nodes().any(|node| node.status == NodeStatus::Rejected)
                // A rule and the deadline reject without anybody.
                && !self.history.iter().any(|entry| entry.action == Action::Rejected && entry.actor.is_none()))
    }
}

/// A stage, as seen from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StageView {
    /// Where it stands.
    pub status: StageStatus,
    /// Its nodes, in order.
    pub nodes: Vec<NodeView>,
}

/// A node, as seen from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeView {
    /// Its name.
    pub name: String,
    /// Its mode.
    pub mode: Mode,
    /// Where it stands.
    pub status: NodeStatus,
    /// How its approvers differ from those who were named.
    pub deviation: Deviation,
    /// Its tasks.
    pub tasks: Vec<TaskView>,
}

impl NodeView {
    /// Whether this node, which has passed, did so by people of whom it is not known yet: nobody has approved, or not everybody
    /// who had to. Whom the platform left out has an end too.
    fn lacks_deciders(&self) -> bool {
        let approved = self.tasks.iter().filter(|task| task.status == TaskStatus::Approved).count();
        let missing = match self.mode {
            Mode::All | Mode::Sequential => self.tasks.iter().any(|task| task.decided_at.is_none()),
            Mode::AtLeast(least) => approved < usize::from(least),
            Mode::Any => false,
        };
        approved == 0 || missing
    }
}

/// A task, as seen from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskView {
    /// Whose it is.
    pub assignee: Person,
    /// Where it stands.
    pub status: TaskStatus,
    /// What the assignee wrote.
    pub remark: Option<String>,
    /// When it ended (milliseconds).
    pub decided_at: Option<i64>,
}

impl Approval {
    /// Where it stands.
    #[must_use]
    pub fn status(&self) -> Status {
        match self.closed.as_ref().map(|closure| closure.how) {
            Some(Closed::Approved) => Status::Approved,
            Some(Closed::Rejected) => Status::Rejected,
            Some(Closed::Withdrawn) => Status::Withdrawn,
            Some(Closed::Expired) => Status::Expired,
            Some(Closed::Failed) => Status::Failed,
            Some(Closed::Revoked) => Status::Revoked,
            None if self.stages.iter().any(|stage| stage.instance.is_some()) => Status::Pending,
            None => Status::Starting,
        }
    }

    /// All of it, as seen from outside.
    #[must_use]
    pub fn view(&self) -> View {
        let current = self.current_stage();
        let stages: Vec<StageView> =
            self.stages.iter().enumerate().map(|(index, stage)| self.stage_view(index, stage, current)).collect();
        let decided_at = self.decided_at();
        View { status: self.status(), decided_at, history: history(self, decided_at), stages }
    }

    /// When it ended: our own time for an end that we made, else what the facts tell.
    #[must_use]
    pub fn decided_at(&self) -> Option<i64> {
        let closure = self.closed.as_ref()?;
        // A platform's clock may be behind ours, or tell whole seconds.
        closure.at.or_else(|| self.told_end(closure.how)).map(|at| at.max(self.submitted_at))
    }

    /// When the facts say that it came to this end (milliseconds). What was done on a platform after the end has no part in it.
    fn told_end(&self, how: Closed) -> Option<i64> {
        let ended = |outcome: Outcome| self.stages.iter().filter_map(move |stage| stage.facts.ended(outcome));
        let by = |verdict: Verdict| self.stages.iter().filter(move |stage| stage.verdict() == verdict);
        let told = match how {
            Closed::Approved => self.stages.iter().map(Stage::approved_at).max()?,
            Closed::Rejected => {
                let first = by(Verdict::Rejected).find_map(Stage::rejected_at);
                first.or_else(|| self.stages.iter().find_map(Stage::rejected_at))
            }
            Closed::Withdrawn => {
                let first = by(Verdict::Withdrawn).find_map(|stage| stage.facts.ended(Outcome::Withdrawn));
                first.or_else(|| ended(Outcome::Withdrawn).min())
            }
            Closed::Revoked => ended(Outcome::Revoked).min(),
            Closed::Expired | Closed::Failed => None,
        };
        // Stored by an earlier version, which kept the last end instead of the first.
        told.or_else(|| self.stages.iter().filter_map(|stage| stage.facts.outcome).map(|(_, at)| at).max())
    }

    fn stage_view(&self, index: usize, stage: &Stage, current: Option<usize>) -> StageView {
        let closed = self.closed.as_ref().map(|closure| closure.how);
        // That it was approved may have been delivered: it stays so.
        let verdict = if closed == Some(Closed::Approved) { Verdict::Approved } else { stage.verdict() };
        let closed = closed.is_some();
        let status = match verdict {
            Verdict::Approved => StageStatus::Approved,
            Verdict::Rejected => StageStatus::Rejected,
            Verdict::Withdrawn => StageStatus::Withdrawn,
            Verdict::Revoked => StageStatus::Revoked,
            Verdict::Open if closed => StageStatus::Skipped,
            Verdict::Open if current != Some(index) => StageStatus::Waiting,
            Verdict::Open if stage.instance.is_none() => StageStatus::Starting,
            Verdict::Open => StageStatus::Pending,
        };
        let begun = current.is_none_or(|current| index <= current);
        StageView { status, nodes: stage.node_views(verdict, begun, closed) }
    }
}

impl Stage {
    /// The status of each node, as seen from outside.
    fn node_statuses(verdict: Verdict, tasks: &TasksByNode<'_>, begun: bool, closed: bool) -> Vec<NodeStatus> {
        let approved = matches!(verdict, Verdict::Approved | Verdict::Revoked);
        let ended = closed || verdict != Verdict::Open;
        let seen = |status: NodeStatus| match status {
            _ if approved => NodeStatus::Approved,
            NodeStatus::Waiting | NodeStatus::Pending if ended => NodeStatus::Skipped,
            NodeStatus::Pending if !begun => NodeStatus::Waiting,
            other => other,
        };
        tasks.statuses().into_iter().map(seen).collect()
    }

    fn node_views(&self, verdict: Verdict, begun: bool, closed: bool) -> Vec<NodeView> {
        let tasks = TasksByNode::of(self);
        let statuses = Self::node_statuses(verdict, &tasks, begun, closed);
        let views = tasks.nodes.iter().zip(statuses).enumerate().map(|(index, (seats, status))| {
            let planned = self.nodes.get(index);
            // The platform may say that a node has passed before it says who approved: then nobody was skipped yet.
            let told = status != NodeStatus::Approved || seats.iter().any(Seat::approved);
            let open = matches!(status, NodeStatus::Waiting | NodeStatus::Pending) || !told;
            let rest = if open { TaskStatus::Pending } else { TaskStatus::Skipped };
            NodeView {
                name: planned.map_or_else(|| format!("Node {}", index + 1), |node| node.name.clone()),
                mode: planned.map_or(Mode::Any, |node| node.mode),
                status,
                deviation: planned.map(|node| node.deviation.clone()).unwrap_or_default(),
                tasks: seats.iter().flat_map(|seat| seat.views(self, rest)).collect(),
            }
        });
        views.collect()
    }
}

impl Seat<'_> {
    fn approved(&self) -> bool {
        self.last().and_then(|fact| fact.end.as_ref()).is_some_and(|end| end.outcome == TaskOutcome::Approved)
    }

    /// Its tasks; those that have not ended are seen as `rest`.
    fn views(&self, stage: &Stage, rest: TaskStatus) -> Vec<TaskView> {
        let unasked = (self.tasks.is_empty()).then(|| TaskView {
            assignee: stage.known(self.planned.cloned().unwrap_or_default()),
            status: rest,
            remark: None,
            decided_at: None,
        });
        let told = self.tasks.iter().map(|(_, fact)| {
            let own = self.planned.filter(|person| stage.is_account(person, &fact.assignee));
            TaskView {
                assignee: own.map_or_else(|| stage.person(fact), |own| stage.known(own.clone())),
                status: task_status(fact, rest),
                remark: fact.end.as_ref().and_then(|end| end.remark.clone()),
                decided_at: fact.end.as_ref().map(|end| end.at),
            }
        });
        unasked.into_iter().chain(told).collect()
    }
}

fn task_status(fact: &TaskFact, rest: TaskStatus) -> TaskStatus {
    match fact.end.as_ref().map(|end| end.outcome) {
        Some(TaskOutcome::Approved) => TaskStatus::Approved,
        Some(TaskOutcome::Rejected) => TaskStatus::Rejected,
        Some(TaskOutcome::Transferred) => TaskStatus::Transferred,
        Some(TaskOutcome::Skipped) => TaskStatus::Skipped,
        None => rest,
    }
}
