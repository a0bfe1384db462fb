//! How an instance moves: a pure function of the instance and what somebody does. It says what happened; the caller
//! keeps the instance and tells the subscribers.

use super::model::{Added, CcPosition, Instance, Mode, Position, Record, Status, Task, TaskState, Verdict};
use crate::platform::control::By;

/// Something that subscribers are told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Happening {
    InstanceStart,
    InstanceFinish,
    InstanceTerminate,
    TaskStart(i64),
    TaskFinish(i64),
    TaskCancel(i64),
    Comment { user: String, text: String },
}

/// Why somebody cannot do something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Obstacle {
    /// The instance has ended.
    Ended,
    /// There is no such task in the instance.
    NoTask,
    /// The task is not open, or waits for somebody who was added before it.
    NotOpen,
    /// The task is somebody else's.
    NotTheirs,
}

/// Task ids: growing, beyond 32 bits.
#[derive(Debug, Clone, Copy)]
pub(super) struct TaskIds(pub(super) i64);

impl TaskIds {
    fn next(&mut self) -> i64 {
        self.0 += 1 + self.0 % 97;
        self.0
    }
}

impl Instance {
    /// Opens the first step.
    pub(super) fn begin(&mut self, by: By<'_>, ids: &mut TaskIds) -> Vec<Happening> {
        self.note(by, "START_PROCESS_INSTANCE", "NONE", None, vec![]);
        if self.cc_position != CcPosition::Finish {
            self.copy_people(by);
        }
        let mut happened = vec![Happening::InstanceStart];
        self.open_node(by, ids, &mut happened);
        happened
    }

    /// The open task of a person, the oldest first; a paused one if there is no other.
    pub(super) fn task_of(&self, user: &str) -> Option<&Task> {
        let held = |state: TaskState| self.tasks.iter().find(move |task| task.user == user && task.state == state);
        held(TaskState::Running).or_else(|| held(TaskState::Paused))
    }

    /// Agrees or refuses.
    pub(super) fn decide(
        &mut self,
        id: i64,
        verdict: Verdict,
        by: By<'_>,
        ids: &mut TaskIds,
    ) -> Result<Vec<Happening>, Obstacle> {
        let index = self.held(id, by.user)?;
        let node = self.tasks[index].node;
        self.note(by, "EXECUTE_TASK_NORMAL", verdict.upper(), Some(node), vec![]);
        let mut happened = vec![Happening::TaskFinish(id)];
        if verdict == Verdict::Refuse {
            self.close(index, TaskState::Refused, by);
            self.cancel_open(|_| true, by, &mut happened);
            self.finish(Verdict::Refuse, by, &mut happened);
            return Ok(happened);
        }
        self.close(index, TaskState::Agreed, by);
        self.follow_agreement(index, by, &mut happened);
        if self.tasks.iter().any(|task| task.node == node && task.state.open()) {
            return Ok(happened);
        }
        self.current += 1;
        if self.current < self.nodes.len() {
            self.open_node(by, ids, &mut happened);
        } else {
            self.finish(Verdict::Agree, by, &mut happened);
        }
        Ok(happened)
    }

    /// Hands a task to somebody else (转交). The new task takes the old one's place.
    pub(super) fn transfer(
        &mut self,
        id: i64,
        to: &str,
        by: By<'_>,
        ids: &mut TaskIds,
    ) -> Result<Vec<Happening>, Obstacle> {
        let index = self.held(id, by.user)?;
        let (node, added) = (self.tasks[index].node, self.tasks[index].added);
        self.note(by, "REDIRECT_TASK", "NONE", Some(node), vec![to.to_owned()]);
        self.close(index, TaskState::Redirected, by);
        let fresh = self.give(node, to, TaskState::Running, added, by, ids);
        let heirs = self.tasks.iter_mut().filter(|task| task.state.open()).filter_map(|task| task.added.as_mut());
        heirs.filter(|added| added.to == id).for_each(|added| added.to = fresh);
        Ok(vec![Happening::TaskFinish(id), Happening::TaskStart(fresh)])
    }

    /// Adds a person to a step, before or after one's own task (加签).
    pub(super) fn add_approver(
        &mut self,
        id: i64,
        who: &str,
        position: Position,
        by: By<'_>,
        ids: &mut TaskIds,
    ) -> Result<Vec<Happening>, Obstacle> {
        let index = self.held(id, by.user)?;
        let node = self.tasks[index].node;
        let kind = match position {
            Position::Before => "APPEND_TASK_BEFORE",
            Position::After => "APPEND_TASK_AFTER",
        };
        self.note(by, kind, "NONE", Some(node), vec![who.to_owned()]);
        let added = Some(Added { to: id, position });
        if position == Position::After {
            self.give(node, who, TaskState::New, added, by, ids);
            return Ok(vec![]);
        }
        self.tasks[index].state = TaskState::Paused;
        let fresh = self.give(node, who, TaskState::Running, added, by, ids);
        Ok(vec![Happening::TaskStart(fresh)])
    }

    /// Takes the instance back (撤销).
    pub(super) fn withdraw(&mut self, by: By<'_>) -> Result<Vec<Happening>, Obstacle> {
        self.running()?;
        self.note(by, "TERMINATE_PROCESS_INSTANCE", "NONE", None, vec![]);
        for index in 0..self.tasks.len() {
            if self.tasks[index].state.open() {
                self.close(index, TaskState::Terminated, By { remark: None, ..by });
            }
        }
        self.status = Status::Terminated;
        self.finished_at = Some(by.now);
        Ok(vec![Happening::InstanceTerminate])
    }

    /// Writes a remark that decides nothing.
    pub(super) fn comment(&mut self, by: By<'_>) -> Vec<Happening> {
        self.note(by, "ADD_REMARK", "NONE", None, vec![]);
        let text = by.remark.unwrap_or_default().to_owned();
        vec![Happening::Comment { user: by.user.to_owned(), text }]
    }

    fn running(&self) -> Result<(), Obstacle> {
        if self.status == Status::Running { Ok(()) } else { Err(Obstacle::Ended) }
    }

    /// The index of a task that this person may act on now.
    fn held(&self, id: i64, user: &str) -> Result<usize, Obstacle> {
        self.running()?;
        let index = self.tasks.iter().position(|task| task.id == id).ok_or(Obstacle::NoTask)?;
        match &self.tasks[index] {
            task if task.user != user => Err(Obstacle::NotTheirs),
            task if task.state != TaskState::Running => Err(Obstacle::NotOpen),
            _ => Ok(index),
        }
    }

    fn open_node(&mut self, by: By<'_>, ids: &mut TaskIds, happened: &mut Vec<Happening>) {
        let users = self.nodes.get(self.current).map(|node| node.users.clone()).unwrap_or_default();
        for user in users {
            let id = self.give(self.current, &user, TaskState::Running, None, by, ids);
            happened.push(Happening::TaskStart(id));
        }
    }

    /// What an agreement does to the other tasks of its step.
    fn follow_agreement(&mut self, index: usize, by: By<'_>, happened: &mut Vec<Happening>) {
        let (id, node, added) = (self.tasks[index].id, self.tasks[index].node, self.tasks[index].added);
        // A person who was added before the adder decides nothing for the step: the adder still has to.
        let is_before = added.is_some_and(|added| added.position == Position::Before);
        if self.nodes.get(node).is_some_and(|node| node.mode == Mode::Or) && !is_before {
            self.cancel_open(|task| task.added.is_none_or(|added| added.to != id), by, happened);
        }
        let behind = Some(Added { to: id, position: Position::After });
        for task in self.tasks.iter_mut().filter(|task| task.added == behind && task.state == TaskState::New) {
            task.state = TaskState::Running;
            task.created_at = by.now;
            happened.push(Happening::TaskStart(task.id));
        }
        if let Some(added) = added.filter(|_| is_before)
            && !self.tasks.iter().any(|task| task.added == Some(added) && task.state.open())
            && let Some(adder) = self.tasks.iter_mut().find(|task| task.id == added.to)
        {
            adder.state = TaskState::Running;
        }
    }

    fn cancel_open(&mut self, whose: impl Fn(&Task) -> bool, by: By<'_>, happened: &mut Vec<Happening>) {
        for task in self.tasks.iter_mut().filter(|task| task.state.open()) {
            if whose(task) {
                task.state = TaskState::Cancelled;
                task.finished_at = Some(by.now);
                happened.push(Happening::TaskCancel(task.id));
            }
        }
    }

    fn finish(&mut self, verdict: Verdict, by: By<'_>, happened: &mut Vec<Happening>) {
        self.status = Status::Completed;
        self.result = Some(verdict);
        self.finished_at = Some(by.now);
        let end = By { remark: None, ..by };
        if verdict == Verdict::Agree && self.cc_position != CcPosition::Start {
            self.copy_people(end);
        }
        self.note(end, "FINISH_PROCESS_INSTANCE", verdict.upper(), None, vec![]);
        // Seen in captures: the instance's end is told before the end of the task that brought it about.
        happened.insert(0, Happening::InstanceFinish);
    }

    fn copy_people(&mut self, by: By<'_>) {
        if !self.cc.is_empty() {
            self.note(By { remark: None, ..by }, "PROCESS_CC", "NONE", None, self.cc.clone());
        }
    }

    fn give(
        &mut self,
        node: usize,
        user: &str,
        state: TaskState,
        added: Option<Added>,
        by: By<'_>,
        ids: &mut TaskIds,
    ) -> i64 {
        let id = ids.next();
        let (user, created_at) = (user.to_owned(), by.now);
        self.tasks.push(Task { id, node, user, state, created_at, finished_at: None, remark: None, added });
        id
    }

    fn close(&mut self, index: usize, state: TaskState, by: By<'_>) {
        let task = &mut self.tasks[index];
        task.state = state;
        task.finished_at = Some(by.now);
        task.remark = by.remark.map(str::to_owned);
    }

    fn note(&mut self, by: By<'_>, kind: &str, result: &str, node: Option<usize>, others: Vec<String>) {
        self.records.push(Record {
            at: by.now,
            user: by.user.to_owned(),
            kind: kind.to_owned(),
            result: result.to_owned(),
            remark: by.remark.map(str::to_owned),
            node,
            others,
        });
    }
}
