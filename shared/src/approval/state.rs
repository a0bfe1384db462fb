//! The transitions of an approval.

use super::bounds;
use super::data::{Approval, Closed, Closure, Person, Stage, Withdrawal};
use super::event::Event;
use super::history::keys;
use super::learned::Learned;
use super::tasks_by_node::TasksByNode;
use super::verdict::Verdict;

/// The instance of a stage that runs here.
const HERE: &str = "builtin";

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
        let room = self.room(stage);
        let Some(found) = self.stages.get_mut(stage) else { return false };
        let before = (found.facts.clone(), self.closed.clone());
        found.facts.join(event, room);
        self.fit();
        let facts_changed = self.stages.get(stage).is_some_and(|found| found.facts != before.0);
        self.settle();
        let changed = facts_changed || self.closed != before.1;
        if changed {
            self.note();
        }
        changed
    }

    /// Gives every line of the history that shows for the first time its position.
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

    /// Whether the stage whose turn it is runs here.
    #[must_use]
    pub fn current_stage_runs_here(&self) -> bool {
        self.current_stage().is_some_and(|stage| self.stages[stage].runs_here())
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
        let (url, room) = (bounds::url(url), self.room(stage));
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
        found.facts.join(Event::Started { at }, room);
        self.settle();
        self.note();
    }

    /// Starts at `at` (milliseconds) the stage whose turn it is, if it runs here: nothing has to be called for that. `false` where there
    /// is none.
    pub fn start_here(&mut self, at: i64) -> bool {
        let Some(stage) = self.stage_to_start().filter(|stage| self.stages[*stage].runs_here()) else { return false };
        self.started(stage, HERE.to_owned(), None, at);
        true
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

    /// Undoes it at `at` (milliseconds), once it has been approved. `false` when it has not, or was undone before.
    pub fn revoke(&mut self, at: i64, by: Person, reason: Option<String>) -> bool {
        if self.closed.as_ref().is_none_or(|closure| closure.how != Closed::Approved) {
            return false;
        }
        self.closed = Some(Closure { how: Closed::Revoked, at: Some(at), by: Some(by), remark: reason });
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
        if stage.runs_here() {
            return None;
        }
        let wanted = stage.facts.wants_reading() || TasksByNode::of(stage).is_incomplete();
        (stage.instance.is_some() && wanted).then_some(current)
    }

    /// Whether the stage that ran last has nodes of which only the plan tells how far they came: a reading tells it, and nobody
    /// hears of them before.
    #[must_use]
    pub fn has_supposed_nodes(&self) -> bool {
        let ran = self.stages.iter().rfind(|stage| stage.instance.is_some());
        ran.is_some_and(|stage| TasksByNode::of(stage).is_supposed())
    }

    /// When the latest thing that is known of a stage happened (milliseconds): since then at the most a reading is wanted.
    #[must_use]
    pub fn latest_of(&self, stage: usize) -> i64 {
        self.stages.get(stage).and_then(|stage| stage.facts.latest()).unwrap_or(self.submitted_at)
    }
}
