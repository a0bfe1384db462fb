//! The plan of an approval, its facts, and the transitions.

use serde::{Deserialize, Serialize};

use super::account::AccountIds;
use super::deadline::Deadline;
use super::deviation::Deviation;
use super::event::{Event, Mode, Outcome};
use super::facts::Facts;
use super::history::keys;
use super::learned::Learned;
use super::leftovers::Leftover;
use super::node::NodeStatus;
use super::place::Placed;

/// A person, as far as we know them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// Our id of the member.
    #[serde(rename = "m", default, skip_serializing_if = "Option::is_none")]
    pub member: Option<String>,
    /// The platform's id of the person.
    #[serde(rename = "a", default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// Display name.
    #[serde(rename = "n", default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// A planned node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    /// Its name.
    #[serde(rename = "n")]
    pub name: String,
    /// When it has passed.
    #[serde(rename = "md")]
    pub mode: Mode,
    /// Its approvers; empty where an outside system decides who they are.
    #[serde(rename = "ap", default, skip_serializing_if = "Vec::is_empty")]
    pub approvers: Vec<Person>,
    /// How they differ from those who were named.
    #[serde(rename = "dv", default, skip_serializing_if = "Deviation::is_none")]
    pub deviation: Deviation,
}

impl Node {
    /// A node that asks those who were named.
    #[must_use]
    pub fn new(name: impl Into<String>, mode: Mode, approvers: Vec<Person>) -> Self {
        Self { name: name.into(), mode, approvers, deviation: Deviation::default() }
    }
}

/// Whose word counts for a stage and its nodes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DecidedBy {
    /// The platform's: it may hold nodes and added approvers that the plan does not know.
    #[default]
    Platform,
    /// A node is decided by its approvers, the instance by the platform.
    NodesAndPlatform,
    /// The nodes alone.
    Nodes,
}

impl DecidedBy {
    fn is_platform(&self) -> bool {
        *self == Self::Platform
    }
}

/// Nodes that run on one connection, as one platform instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stage {
    /// The connection's id.
    #[serde(rename = "c")]
    pub connection: String,
    /// The platform.
    #[serde(rename = "k")]
    pub kind: String,
    /// Whose word counts.
    #[serde(rename = "d", default, skip_serializing_if = "DecidedBy::is_platform")]
    pub decided_by: DecidedBy,
    /// Whether its platform's account ids know case. Not stored: the store sets it by the platform's kind when it reads.
    #[serde(skip)]
    pub account_ids: AccountIds,
    /// The nodes, in order.
    #[serde(rename = "ns")]
    pub nodes: Vec<Node>,
    /// The applicant's account on the connection, where the platform needs one. (Approvals from before have it in their request.)
    #[serde(rename = "aa", default, skip_serializing_if = "Option::is_none")]
    pub applicant: Option<String>,
    /// The customer's template, where the flow names one. (As above.)
    #[serde(rename = "tp", default, skip_serializing_if = "Option::is_none")]
    pub template: Option<String>,
    /// Names of nodes that would have asked nobody but the applicant, and are left out.
    #[serde(rename = "lo", default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<String>,
    /// Whether it runs by a definition that the customer made on the platform. There a refusal may send the form back to the
    /// applicant, and only the instance's own end ends it.
    #[serde(rename = "od", default, skip_serializing_if = "std::ops::Not::not")]
    pub own_definition: bool,
    /// The platform's id of the instance, once it runs.
    #[serde(rename = "i", default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// Where people see the instance.
    #[serde(rename = "u", default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// While a start is under way: until when nobody else may try (milliseconds).
    #[serde(rename = "ls", default, skip_serializing_if = "Option::is_none")]
    pub lease_until: Option<i64>,
    /// Whether nothing that was tried so far can have reached the platform: then the lease is only a time to wait, and nobody is
    /// at it.
    #[serde(rename = "us", default, skip_serializing_if = "std::ops::Not::not")]
    pub unsent: bool,
    /// Members among the people whom the plan does not know as members, by their accounts.
    #[serde(rename = "pp", default, skip_serializing_if = "Vec::is_empty")]
    pub people: Vec<Person>,
    /// What was learned of the instance.
    #[serde(rename = "f", default)]
    pub facts: Facts,
}

/// How an approval ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Closed {
    /// Every node passed, or a rule approved.
    Approved,
    /// A node was rejected, or a rule or the deadline rejected.
    Rejected,
    /// Taken back.
    Withdrawn,
    /// The deadline passed.
    Expired,
    /// It could not be started.
    Failed,
    /// Undone after it had been approved.
    Revoked,
}

/// The end of an approval. Once set it stays, except that an approved one may be revoked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closure {
    /// How.
    #[serde(rename = "s")]
    pub how: Closed,
    /// When, for an end that we made; `None` where the facts tell it.
    #[serde(rename = "at", default, skip_serializing_if = "Option::is_none")]
    pub at: Option<i64>,
    /// Who ended it, where it was a person that we know.
    #[serde(rename = "by", default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Person>,
    /// Why.
    #[serde(rename = "rm", default, skip_serializing_if = "Option::is_none")]
    pub remark: Option<String>,
}

/// A withdrawal that was asked for and that the platform has not taken yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Withdrawal {
    /// When it was asked for (milliseconds).
    pub at: i64,
    /// Who asked.
    pub by: Person,
    /// Why.
    #[serde(rename = "rm", default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Whether the approval ends here even where the platform cannot or will not take it back.
    #[serde(rename = "f", default, skip_serializing_if = "std::ops::Not::not")]
    pub force: bool,
}

/// One approval: plan, facts, intents and, at last, its closure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// When it was submitted (milliseconds).
    #[serde(rename = "at")]
    pub submitted_at: i64,
    /// Who asks.
    #[serde(rename = "by")]
    pub applicant: Person,
    /// The stages, in order.
    #[serde(rename = "sg")]
    pub stages: Vec<Stage>,
    /// How it ended.
    #[serde(rename = "cl", default, skip_serializing_if = "Option::is_none")]
    pub closed: Option<Closure>,
    /// A withdrawal that the platform has not taken yet.
    #[serde(rename = "wd", default, skip_serializing_if = "Option::is_none")]
    pub withdrawal: Option<Withdrawal>,
    /// Until when it waits for people.
    #[serde(rename = "dl", default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Deadline>,
    /// To how many bytes remarks and comments were cut, if they had to be.
    #[serde(rename = "ct", default, skip_serializing_if = "Option::is_none")]
    pub(super) texts_cut_to: Option<u32>,
    /// In which order all of it became known.
    #[serde(rename = "lg", default, skip_serializing_if = "Learned::is_empty")]
    pub learned: Learned,
    /// Instances that are open on their platform although nobody waits for them any more.
    #[serde(rename = "lf", default, skip_serializing_if = "Vec::is_empty")]
    pub(super) leftovers: Vec<Leftover>,
}

/// What a stage has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Open,
    Approved,
    Rejected,
    Withdrawn,
    Revoked,
}

impl Approval {
    /// A new approval; its first stage is to be started under a lease that ends at `lease_until`.
    #[must_use]
    pub fn new(submitted_at: i64, applicant: Person, mut stages: Vec<Stage>, lease_until: i64) -> Self {
        if let Some(first) = stages.first_mut() {
            first.lease_until = Some(lease_until);
        }
        Self {
            submitted_at,
            applicant,
            stages,
            closed: None,
            withdrawal: None,
            deadline: None,
            texts_cut_to: None,
            learned: Learned::default(),
            leftovers: Vec::new(),
        }
    }

    /// An approval that is decided in the moment of its submit, by us and without any platform. `remark` says by what.
    #[must_use]
    pub fn decided(submitted_at: i64, applicant: Person, approved: bool, remark: String) -> Self {
        let how = if approved { Closed::Approved } else { Closed::Rejected };
        let closed = Some(Closure { how, at: Some(submitted_at), by: None, remark: Some(remark) });
        Self { closed, ..Self::new(submitted_at, applicant, Vec::new(), submitted_at) }
    }

    /// Applies what happened to a stage's instance. Returns whether anything is new; if not, nothing need be written.
    pub fn apply(&mut self, stage: usize, event: Event) -> bool {
        if stage < self.stages.len() && self.closed.is_some() && !self.learned.knows_the_end() {
            // Stored by an earlier version: all that is known by now came before what is learned next.
            self.note();
        }
        let Some(found) = self.stages.get_mut(stage) else { return false };
        let before = (found.facts.clone(), self.closed.clone());
        found.facts.join(event);
        self.fit();
        let facts_changed = self.stages.get(stage).is_some_and(|found| found.facts != before.0);
        self.settle();
        let changed = facts_changed || self.closed != before.1;
        if changed {
            self.note();
        }
        changed
    }

    /// Gives every line of the history that shows for the first time its place.
    pub(super) fn note(&mut self) {
        let keys = keys(self);
        self.learned.note(keys, self.closed.is_some());
    }

    /// The stage that is to be started now, if one is: the earlier ones have passed, it has no instance, and neither the deadline
    /// nor a withdrawal is to end the approval.
    #[must_use]
    pub fn stage_to_start(&self) -> Option<usize> {
        self.stage_without_instance().filter(|_| self.ending().is_none() && self.withdrawal.is_none())
    }

    /// The stage whose start was begun and has come neither to an instance nor to an end. It may run on the platform already.
    #[must_use]
    pub fn stage_under_way(&self) -> Option<usize> {
        self.stage_without_instance().filter(|stage| self.stages[*stage].may_be_there())
    }

    /// The stage whose turn it is, if it has no instance.
    #[must_use]
    pub fn stage_without_instance(&self) -> Option<usize> {
        if self.closed.is_some() {
            return None;
        }
        let current = self.current_stage()?;
        self.stages[current].instance.is_none().then_some(current)
    }

    /// The first stage that has not passed.
    #[must_use]
    pub fn current_stage(&self) -> Option<usize> {
        self.stages.iter().position(|stage| stage.verdict() != Verdict::Approved)
    }

    /// How many people may be deciding at the same moment: the approvers of the largest node of the current stage.
    #[must_use]
    pub fn most_writers(&self) -> usize {
        let nodes = self.current_stage().map(|stage| self.stages[stage].nodes.as_slice()).unwrap_or_default();
        nodes.iter().map(|node| node.approvers.len()).max().unwrap_or_default()
    }

    /// Whether a stage runs on its platform, or may run there already: its start is under way.
    #[must_use]
    pub fn has_begun(&self, stage: usize) -> bool {
        let Some(found) = self.stages.get(stage) else { return false };
        found.instance.is_some() || self.stage_under_way() == Some(stage)
    }

    /// Takes the right to start a stage, or to look for its instance, until `lease_until`. `false` when another holds it at
    /// `now`, or when it is not this stage's turn.
    pub fn take_lease(&mut self, stage: usize, now: i64, lease_until: i64) -> bool {
        if self.stage_without_instance() != Some(stage)
            || self.stages[stage].lease_until.is_some_and(|until| until > now)
        {
            return false;
        }
        self.stages[stage].lease_until = Some(lease_until);
        self.stages[stage].unsent = false;
        true
    }

    /// Gives the lease `held` on a stage's start back until `again_at`, when it is tried again. `unsent` says that nothing has
    /// reached the platform so far. `false` when somebody else has it by now, or the stage has got on.
    pub fn put_off(&mut self, stage: usize, held: Option<i64>, again_at: i64, unsent: bool) -> bool {
        if self.stage_without_instance() != Some(stage) || self.stages[stage].lease_until != held {
            return false;
        }
        self.stages[stage].lease_until = Some(again_at);
        self.stages[stage].unsent = unsent;
        true
    }

    /// Records at `at` (milliseconds) that the platform runs a stage. The first instance stays: a second one never replaces it, and is
    /// owed a cancel.
    pub fn started(&mut self, stage: usize, instance: String, url: Option<String>, at: i64) {
        let Some(found) = self.stages.get_mut(stage) else { return };
        (found.lease_until, found.unsent) = (None, false);
        if found.instance.is_none() {
            found.instance = Some(instance);
            found.url = url;
        } else if found.instance.as_deref() == Some(instance.as_str()) {
            // A callback was faster, and did not know where people see it.
            found.url = found.url.take().or(url);
        } else {
            self.owe_second(stage, &instance, at);
            return;
        }
        found.facts.join(Event::Started { at });
        self.settle();
        self.note();
    }

    /// Records that a withdrawal was asked for. `false` when the approval has ended, or one that does as much was asked for before.
    pub fn ask_withdrawal(&mut self, mut withdrawal: Withdrawal) -> bool {
        if self.closed.is_some() {
            return false;
        }
        if let Some(earlier) = &self.withdrawal {
            if earlier.force || !withdrawal.force {
                return false;
            }
            withdrawal.reason = withdrawal.reason.or_else(|| earlier.reason.clone());
        }
        self.withdrawal = Some(withdrawal);
        true
    }

    /// Drops a withdrawal that cannot come true. One that was asked for since, as a forced one, stays: `acted_on` is the one that
    /// the platform refused. `false` when there is nothing to drop.
    pub fn drop_withdrawal(&mut self, acted_on: Option<&Withdrawal>) -> bool {
        let drops = self.withdrawal.is_some() && self.withdrawal.as_ref() == acted_on;
        if drops {
            self.withdrawal = None;
        }
        drops
    }

    /// Ends an approval whose withdrawal was asked for; `note` says what the platform would not do. `false` when it has ended.
    pub fn end_withdrawn(&mut self, at: i64, note: Option<&str>) -> bool {
        let (by, reason) = self.withdrawal.clone().map_or((None, None), |asked| (Some(asked.by), asked.reason));
        let said: Vec<&str> = reason.as_deref().into_iter().chain(note).collect();
        let remark = (!said.is_empty()).then(|| said.join("\n"));
        self.close(Closure { how: Closed::Withdrawn, at: Some(at), by, remark })
    }

    /// Ends an open approval by our own act (withdrawn, expired, failed, rejected by its deadline). `false` when it has ended already.
    pub fn close(&mut self, closure: Closure) -> bool {
        if self.closed.is_some() {
            return false;
        }
        let was_refused = closure.how == Closed::Failed;
        self.closed = Some(closure);
        self.withdrawal = None;
        self.end_starts(was_refused);
        self.note();
        true
    }

    /// Nothing is started any more. The lease of a start that may have made an instance stays until that is owed a cancel.
    fn end_starts(&mut self, was_refused: bool) {
        for stage in &mut self.stages {
            if was_refused || !stage.may_be_there() {
                stage.lease_until = None;
            }
            stage.unsent = false;
        }
    }

    /// Lets the facts end the approval, or revoke an approved one.
    fn settle(&mut self) {
        let reached = self.reached();
        let closed = self.closed.as_ref().map(|closure| closure.how);
        let next = match (closed, reached) {
            (None, Some(how)) => how,
            (Some(Closed::Approved), Some(Closed::Revoked)) => Closed::Revoked,
            _ => return,
        };
        let by_deadline = if next == Closed::Withdrawn { self.taken_back_by_deadline() } else { None };
        let asked = self.withdrawal.take().filter(|_| next == Closed::Withdrawn);
        let (by, remark) = asked.map_or((None, None), |asked| (Some(asked.by), asked.reason));
        self.closed = Some(by_deadline.unwrap_or(Closure { how: next, at: None, by, remark }));
        self.end_starts(false);
    }

    /// What the facts say the approval has come to.
    fn reached(&self) -> Option<Closed> {
        let verdicts: Vec<Verdict> = self.stages.iter().map(Stage::verdict).collect();
        if verdicts.contains(&Verdict::Revoked) {
            return Some(Closed::Revoked);
        }
        match verdicts.iter().find(|verdict| **verdict != Verdict::Approved) {
            None => (!verdicts.is_empty()).then_some(Closed::Approved),
            Some(Verdict::Rejected) => Some(Closed::Rejected),
            Some(Verdict::Withdrawn) => Some(Closed::Withdrawn),
            Some(_) => None,
        }
    }

    /// The stage whose instance should be read because its events were not enough: the platform's events tell only that
    /// something changed, a task was handed on to somebody unknown, somebody who is in no node of the plan holds one, or a later
    /// node seems to have begun.
    /// After the end only what the platform's events asked for is read: it may tell what was said.
    #[must_use]
    pub fn stage_to_read(&self) -> Option<usize> {
        if self.closed.is_some() {
            return self.stages.iter().rposition(|stage| stage.instance.is_some() && stage.facts.wants_reading());
        }
        let current = self.current_stage()?;
        let stage = &self.stages[current];
        let wanted = stage.facts.wants_reading() || Placed::of(stage).is_incomplete();
        (stage.instance.is_some() && wanted).then_some(current)
    }

    /// Whether the stage that ran last has nodes of which only the plan tells how far they came: a reading tells it, and nobody
    /// hears of them before.
    #[must_use]
    pub fn has_supposed_nodes(&self) -> bool {
        let ran = self.stages.iter().rfind(|stage| stage.instance.is_some());
        ran.is_some_and(|stage| Placed::of(stage).is_supposed())
    }

    /// When the latest thing that is known of a stage happened (milliseconds): since then at the most a reading is wanted.
    #[must_use]
    pub fn latest_of(&self, stage: usize) -> i64 {
        self.stages.get(stage).and_then(|stage| stage.facts.latest()).unwrap_or(self.submitted_at)
    }
}

impl Stage {
    /// A stage that has not begun.
    #[must_use]
    pub fn new(connection: String, kind: String, decided_by: DecidedBy, nodes: Vec<Node>) -> Self {
        Self {
            connection,
            kind,
            decided_by,
            account_ids: AccountIds::default(),
            nodes,
            applicant: None,
            template: None,
            left_out: Vec::new(),
            own_definition: false,
            instance: None,
            url: None,
            lease_until: None,
            unsent: false,
            people: Vec::new(),
            facts: Facts::default(),
        }
    }

    /// Whether a try to start it may have reached the platform.
    #[must_use]
    pub const fn may_be_there(&self) -> bool {
        self.lease_until.is_some() && !self.unsent
    }

    pub(super) fn verdict(&self) -> Verdict {
        match self.facts.outcome {
            Some((Outcome::Approved, _)) => return Verdict::Approved,
            Some((Outcome::Rejected, _)) => return Verdict::Rejected,
            Some((Outcome::Withdrawn, _)) => return Verdict::Withdrawn,
            Some((Outcome::Revoked, _)) => return Verdict::Revoked,
            None => {}
        }
        let nodes = Placed::of(self).statuses();
        if nodes.contains(&NodeStatus::Rejected) {
            return Verdict::Rejected;
        }
        let all_passed = !nodes.is_empty() && nodes.iter().all(|status| *status == NodeStatus::Approved);
        if self.decided_by == DecidedBy::Nodes && all_passed { Verdict::Approved } else { Verdict::Open }
    }
}
