//! Which events a change of an approval is. The source's format makes the body that tells of each.

use serde::{Deserialize, Serialize};

use crate::approval::{Action, NodeStatus, Status, View};
use crate::store::approvals::Record;

/// Kinds of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum EventType {
    /// The source asked.
    #[serde(rename = "approval.submitted")]
    Submitted,
    /// The first platform runs it.
    #[serde(rename = "approval.started")]
    Started,
    /// A node was approved or rejected.
    #[serde(rename = "approval.node_decided")]
    NodeDecided,
    /// The deadline passed, and it stays open.
    #[serde(rename = "approval.escalated")]
    Escalated,
    /// Every node passed.
    #[serde(rename = "approval.approved")]
    Approved,
    /// A node was rejected.
    #[serde(rename = "approval.rejected")]
    Rejected,
    /// It was taken back.
    #[serde(rename = "approval.withdrawn")]
    Withdrawn,
    /// The deadline passed.
    #[serde(rename = "approval.expired")]
    Expired,
    /// It could not be started.
    #[serde(rename = "approval.failed")]
    Failed,
    /// It was undone after approval.
    #[serde(rename = "approval.revoked")]
    Revoked,
}

impl EventType {
    /// Every kind, in the order in which an approval meets them.
    pub const ALL: [Self; 10] = [
        Self::Submitted,
        Self::Started,
        Self::NodeDecided,
        Self::Escalated,
        Self::Approved,
        Self::Rejected,
        Self::Withdrawn,
        Self::Expired,
        Self::Failed,
        Self::Revoked,
    ];

    /// Its name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Submitted => "approval.submitted",
            Self::Started => "approval.started",
            Self::NodeDecided => "approval.node_decided",
            Self::Escalated => "approval.escalated",
            Self::Approved => "approval.approved",
            Self::Rejected => "approval.rejected",
            Self::Withdrawn => "approval.withdrawn",
            Self::Expired => "approval.expired",
            Self::Failed => "approval.failed",
            Self::Revoked => "approval.revoked",
        }
    }

    const fn of_end(status: Status) -> Option<Self> {
        match status {
            Status::Starting | Status::Pending => None,
            Status::Approved => Some(Self::Approved),
            Status::Rejected => Some(Self::Rejected),
            Status::Withdrawn => Some(Self::Withdrawn),
            Status::Expired => Some(Self::Expired),
            Status::Failed => Some(Self::Failed),
            Status::Revoked => Some(Self::Revoked),
        }
    }
}

/// Positions of one change; the sequence of a delivery is the approval's version times this, and its position. Each kind has a
/// position of its own, so that an event keeps its sequence whatever else is told with it.
const POSITIONS: u32 = 100;
const STARTED: u32 = 1;
const FIRST_NODE: u32 = 2;
const ESCALATED: u32 = POSITIONS - 2;
const END: u32 = POSITIONS - 1;

/// An event to tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// Its kind.
    pub event: EventType,
    /// Position among the events of its approval: the same for the same change, whoever works it out.
    pub sequence: u32,
    /// The node that a `node_decided` event is about.
    pub node: Option<DecidedNode>,
    /// When the change was stored (milliseconds).
    pub at: i64,
    /// Whether the approval was open before the change: a revocation that ends an open one was never told as approved.
    pub was_open: bool,
}

/// The node that a `node_decided` event is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct DecidedNode {
    /// Index of its stage.
    pub stage: usize,
    /// Its index in the stage.
    pub node: usize,
    /// What was decided.
    pub status: NodeStatus,
}

/// The events that a change of an approval is; `old` is `None` for a new one. The same change gives the same events with the
/// same sequences. What is told shows `shown`, a later state of it, if there is one: an end may be told before who decided, and
/// then the node's event is found there. Once an approval has ended, nodes are no news any more.
#[must_use]
pub fn told(old: Option<&Record>, new: &Record, shown: Option<&Record>) -> Vec<Told> {
    let before = old.map(|record| record.state.view());
    let after = new.state.view();
    let mut kinds: Vec<(u32, EventType, Option<DecidedNode>)> = Vec::new();
    if old.is_none() {
        kinds.push((0, EventType::Submitted, None));
    }
    let runs = |record: &Record| record.state.stages.iter().any(|stage| stage.instance.is_some());
    if runs(new) && !old.is_some_and(runs) {
        kinds.push((STARTED, EventType::Started, None));
    }
    let had_ended = old.is_some_and(|record| record.state.closed.is_some());
    if !had_ended {
        let seen = shown.map_or_else(|| after.clone(), |record| record.state.view());
        let decided = newly_decided(before.as_ref(), &seen);
        kinds.extend(
            (FIRST_NODE..ESCALATED).zip(decided).map(|(position, node)| (position, EventType::NodeDecided, Some(node))),
        );
    }
    let escalated = |view: &View| view.history.iter().any(|entry| entry.action == Action::Escalated);
    if escalated(&after) && !before.as_ref().is_some_and(escalated) {
        kinds.push((ESCALATED, EventType::Escalated, None));
    }
    if before.as_ref().map(|view| view.status) != Some(after.status) {
        kinds.extend(EventType::of_end(after.status).map(|event| (END, event, None)));
    }
    let first = first_sequence(new);
    let told = kinds.into_iter().map(|(position, event, node)| Told {
        event,
        sequence: first + position,
        node,
        at: new.updated_at,
        was_open: !had_ended,
    });
    told.collect()
}

/// What was told of an approval before a change, by its deliveries: for a change of which nobody can say any more how it was before.
#[derive(Debug)]
pub struct ToldBefore {
    /// The first sequence of the change.
    from: u32,
    /// The latest kind.
    latest: Option<EventType>,
    nodes: usize,
}

impl ToldBefore {
    /// Nothing yet, for the change that led to this version.
    #[must_use]
    pub fn new(new: &Record) -> Self {
        Self { from: first_sequence(new), latest: None, nodes: 0 }
    }

    /// Takes a delivery in. Those of the change itself, and later ones, do not count: so it gives the same events when it is handed
    /// in again.
    pub fn add(&mut self, event: &str, sequence: u32) {
        let Some(kind) = EventType::ALL.into_iter().find(|kind| kind.name() == event && sequence < self.from) else {
            return;
        };
        self.latest = self.latest.max(Some(kind));
        self.nodes += usize::from(kind == EventType::NodeDecided);
    }
}

/// The events that a change of an approval is whose item before it cannot be read: what is so now and was not told. Nodes are decided
/// one after the other, so those that were told are the first ones. A change that was told before gets the same sequences.
#[must_use]
pub fn told_after(before: &ToldBefore, new: &Record, shown: Option<&Record>) -> Vec<Told> {
    let had_ended = before.latest >= Some(EventType::Approved);
    let mut nodes = 0;
    let is_new = |told: &Told| match told.event {
        EventType::NodeDecided => {
            nodes += 1;
            !had_ended && nodes > before.nodes
        }
        kind => Some(kind) > before.latest,
    };
    let mut events: Vec<Told> = told(None, new, shown).into_iter().filter(is_new).collect();
    let decided = events.iter_mut().filter(|told| told.event == EventType::NodeDecided);
    for (position, told) in (FIRST_NODE..ESCALATED).zip(decided) {
        told.sequence = before.from + position;
    }
    events.iter_mut().for_each(|told| told.was_open = !had_ended);
    events
}

fn first_sequence(new: &Record) -> u32 {
    u32::try_from(new.version).unwrap_or(u32::MAX / POSITIONS) * POSITIONS
}

/// The nodes that are decided now and were not before.
fn newly_decided<'a>(before: Option<&'a View>, after: &'a View) -> impl Iterator<Item = DecidedNode> + 'a {
    let is_decided = |status: NodeStatus| matches!(status, NodeStatus::Approved | NodeStatus::Rejected);
    let was_decided = move |stage: usize, node: usize| {
        let nodes = before.and_then(|view| view.stages.get(stage)).map(|stage| &stage.nodes);
        nodes.and_then(|nodes| nodes.get(node)).is_some_and(|node| is_decided(node.status))
    };
    after.stages.iter().enumerate().flat_map(move |(stage, seen)| {
        let decided = seen.nodes.iter().enumerate().filter(move |(_, node)| is_decided(node.status));
        decided.filter(move |(node, _)| !was_decided(stage, *node)).map(move |(node, seen)| DecidedNode {
            stage,
            node,
            status: seen.status,
        })
    })
}

/// What tests tell of.
#[cfg(test)]
pub(crate) mod testing {
    use super::Record;
    use crate::approval::{Approval, DecidedBy, Mode, Node, Person, Stage};

    /// An approval of two nodes that was just submitted.
    pub(crate) fn record() -> Record {
        let node = |name: &str| Node::new(name, Mode::Any, vec![]);
        let nodes = vec![node("one"), node("two")];
        let stage = Stage::new("con_1".into(), "dingtalk".into(), DecidedBy::Platform, nodes);
        Record {
            id: "apr_1".parse().unwrap(),
            org: "org_1".parse().unwrap(),
            source: "src_1".parse().unwrap(),
            workspace: None,
            flow: None,
            title: "t".into(),
            updated_at: 1_790_000_000_000,
            due_at: None,
            rule: None,
            failure: None,
            trouble: None,
            version: 1,
            state: Approval::new(1_790_000_000_000, Person::default(), vec![stage], 0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::testing::record;
    use super::*;
    use crate::approval::{
        Closed, Closure, Deadline, Event, OnDeadline, Outcome, Person, TaskEnd, TaskFact, TaskOutcome,
    };

    fn kinds(old: Option<&Record>, new: &Record) -> Vec<EventType> {
        told(old, new, None).iter().map(|told| told.event).collect()
    }

    #[test]
    fn each_change_tells_what_is_new_and_nothing_twice() {
        let first = record();
        assert_eq!(kinds(None, &first), [EventType::Submitted]);
        let mut started = first.clone();
        started.version = 2;
        started.state.started(0, "i".into(), None, 1_790_000_000_500);
        assert_eq!(kinds(Some(&first), &started), [EventType::Started]);
        let mut ended = started.clone();
        ended.version = 3;
        ended.state.apply(0, Event::Finished { outcome: Outcome::Approved, at: 1_790_000_001_000 });
        assert_eq!(
            kinds(Some(&started), &ended),
            [EventType::NodeDecided, EventType::NodeDecided, EventType::Approved]
        );
        assert_eq!(kinds(Some(&ended), &ended), []);
        let sequences: Vec<u32> = told(Some(&started), &ended, None).iter().map(|told| told.sequence).collect();
        assert_eq!(sequences, [302, 303, 399]);
    }

    #[test]
    fn a_rejection_told_before_its_node_is_told_after_it() {
        let mut open = record();
        open.state.stages[0].nodes[0].approvers = vec![Person { account: Some("a".into()), ..Person::default() }];
        open.state.started(0, "i".into(), None, 1_790_000_000_500);
        let mut ended = open.clone();
        ended.version = 2;
        ended.state.apply(0, Event::Finished { outcome: Outcome::Rejected, at: 1_790_000_001_000 });
        assert!(ended.state.view().lacks_deciders());
        let early = told(Some(&open), &ended, None);
        assert_eq!((early.len(), early[0].event), (1, EventType::Rejected));
        let mut fuller = ended.clone();
        fuller.version = 3;
        let end = TaskEnd { outcome: TaskOutcome::Rejected, at: 1_790_000_001_000, remark: None, to: None };
        let fact = TaskFact { assignee: "a".into(), node: Some(0), end: Some(end), ..TaskFact::default() };
        fuller.state.apply(0, Event::Task { task: "1".into(), fact });
        assert!(!fuller.state.view().lacks_deciders());
        let whole = told(Some(&open), &ended, Some(&fuller));
        let kinds_of: Vec<EventType> = whole.iter().map(|told| told.event).collect();
        assert_eq!(kinds_of, [EventType::NodeDecided, EventType::Rejected]);
        assert_eq!(whole[1].sequence, early[0].sequence, "the same event, whatever else is told");
        assert_eq!(kinds(Some(&ended), &fuller), [], "not again after the end");
    }

    #[test]
    fn what_people_decide_after_the_end_is_not_told() {
        let mut open = record();
        open.state.started(0, "i".into(), None, 0);
        let mut withdrawn = open.clone();
        withdrawn.state.close(Closure { how: Closed::Withdrawn, at: Some(1), by: None, remark: None });
        assert_eq!(kinds(Some(&open), &withdrawn), [EventType::Withdrawn]);
        let mut later = withdrawn.clone();
        later.state.apply(0, Event::Finished { outcome: Outcome::Approved, at: 2 });
        assert_eq!(kinds(Some(&withdrawn), &later), []);
    }

    #[test]
    fn a_deadline_is_told_once() {
        let mut open = record();
        open.state.started(0, "i".into(), None, 0);
        for (then, told) in [(OnDeadline::Escalate, EventType::Escalated), (OnDeadline::Reject, EventType::Rejected)] {
            open.state.deadline = Some(Deadline::new(1_790_000_000_900, then));
            let mut passed = open.clone();
            passed.version = 2;
            passed.state.pass_deadline(1_790_000_001_000);
            passed.state.end_by_deadline(1_790_000_001_000, None);
            assert_eq!(kinds(Some(&open), &passed), [told]);
            assert_eq!(kinds(Some(&passed), &passed), []);
        }
    }

    #[test]
    fn a_change_that_skips_steps_tells_them_all_in_order() {
        let mut ended = record();
        ended.state.started(0, "i".into(), None, 0);
        ended.state.apply(0, Event::Finished { outcome: Outcome::Withdrawn, at: 1 });
        assert_eq!(kinds(None, &ended), [EventType::Submitted, EventType::Started, EventType::Withdrawn]);
    }

    #[test]
    fn a_revocation_says_whether_it_was_approved_before() {
        let mut open = record();
        open.state.started(0, "i".into(), None, 0);
        let mut approved = open.clone();
        approved.state.apply(0, Event::Finished { outcome: Outcome::Approved, at: 1 });
        let mut revoked = approved.clone();
        revoked.state.apply(0, Event::Finished { outcome: Outcome::Revoked, at: 2 });
        for (old, was_open) in [(&open, true), (&approved, false)] {
            let told = told(Some(old), &revoked, None);
            let last = told.last().unwrap();
            assert_eq!((last.event, last.was_open), (EventType::Revoked, was_open));
        }
    }
}
