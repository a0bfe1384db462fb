//! How an instance moves: a pure function of the instance and what somebody does. It says what happened; the caller
//! keeps the instance and tells the subscribers.

use super::model::{Added, Comment, Instance, Mode, Status, TaskState};
use crate::platform::control::{By, Position};

/// Something that subscribers are told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Happening {
    /// `approval_instance` with the instance's status.
    Instance(&'static str),
    /// `approval_task`: the task and its status.
    Task(String, &'static str),
    /// `approval_task` with status ROLLBACK: the task and the steps that are asked again (`None` for the initiator).
    Rollback(String, Vec<Option<usize>>),
    /// `approval_cc`: who was copied.
    Cc(String),
}

/// Why somebody cannot do something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Obstacle {
    /// The instance has ended.
    Ended,
    /// There is no such task, or it is not open any more.
    NoTask,
    /// The task waits for people who were added before it.
    Waits,
    /// The task is somebody else's.
    NotTheirs,
    /// The definition, the instance or the time does not let it be taken back.
    Forbidden,
    /// There is nothing to roll back to there.
    NoTarget,
}

/// Ids of tasks and comments: growing, of 19 digits.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ids(pub(super) i64);

impl Ids {
    /// The next one.
    pub(super) fn next(&mut self) -> String {
        self.0 += 1 + self.0 % 97;
        self.0.to_string()
    }
}

/// What is done, by whom, and what comes of it.
pub(super) struct Step<'a> {
    pub(super) instance: &'a mut Instance,
    pub(super) by: By<'a>,
    pub(super) ids: Ids,
    pub(super) happened: Vec<Happening>,
}

type Outcome = Result<Vec<Happening>, Obstacle>;

impl<'a> Step<'a> {
    /// Something is about to be done.
    pub(super) fn new(instance: &'a mut Instance, by: By<'a>, ids: Ids) -> Self {
        Self { instance, by, ids, happened: vec![] }
    }

    /// Opens the first step.
    pub(super) fn begin(mut self) -> Vec<Happening> {
        self.note("START", None, None, vec![]);
        self.happened.push(Happening::Instance("PENDING"));
        self.copy(self.instance.cc_start.clone());
        self.open_node(0);
        self.happened
    }

    /// Approves; on a task that was returned to the initiator, submits again.
    pub(super) fn approve(mut self, id: &str) -> Outcome {
        let index = self.held(id)?;
        let task = self.instance.tasks[index].clone();
        self.close(index, TaskState::Approved);
        self.happened.push(Happening::Task(task.id.clone(), "APPROVED"));
        let Some(node) = task.node else {
            self.note("START", Some(&task.id), None, vec![]);
            self.open_node(0);
            return Ok(self.happened);
        };
        self.note("PASS", Some(&task.id), Some(node), vec![]);
        self.follow(&task, node);
        Ok(self.happened)
    }

    /// Rejects: the end, unless the definition returns it to the initiator.
    pub(super) fn reject(mut self, id: &str) -> Outcome {
        let index = self.held(id)?;
        let task = self.instance.tasks[index].clone();
        self.close(index, TaskState::Rejected);
        self.happened.push(Happening::Task(task.id.clone(), "REJECTED"));
        self.note("REJECT", Some(&task.id), task.node, vec![]);
        self.close_open(|_| true);
        if self.instance.rules.reject_returns && task.node.is_some() {
            self.return_to_initiator();
        } else {
            self.end(Status::Rejected);
        }
        Ok(self.happened)
    }

    /// Hands a task to somebody else (转交). The new task takes the old one's place.
    pub(super) fn transfer(mut self, id: &str, to: &str) -> Outcome {
        let index = self.held(id)?;
        let (node, added) = (self.instance.tasks[index].node, self.instance.tasks[index].added.clone());
        self.close(index, TaskState::Transferred);
        self.happened.push(Happening::Task(id.to_owned(), "TRANSFERRED"));
        self.note("TRANSFER", Some(id), node, vec![to.to_owned()]);
        let fresh = self.ask(node, to, added);
        for added in self.instance.tasks.iter_mut().filter_map(|task| task.added.as_mut()) {
            if added.to == id {
                added.to.clone_from(&fresh);
            }
        }
        Ok(self.happened)
    }

    /// Adds people before, after or beside one's own task (加签). Afterwards means that one's own task passes.
    pub(super) fn add(mut self, id: &str, people: &[String], position: Position, any: bool) -> Outcome {
        let index = self.held(id)?;
        let node = self.instance.tasks[index].node;
        let kind = match position {
            Position::Before => "ADD_APPROVER_BEFORE",
            Position::After => "ADD_APPROVER_AFTER",
            Position::Parallel => "ADD_APPROVER",
        };
        self.note(kind, Some(id), node, people.to_vec());
        match position {
            Position::Before => self.instance.tasks[index].state = TaskState::Paused,
            Position::After => {
                self.close(index, TaskState::Approved);
                self.happened.push(Happening::Task(id.to_owned(), "APPROVED"));
                if node.and_then(|node| self.instance.nodes.get(node)).is_some_and(|node| node.mode == Mode::Or) {
                    self.close_open(|task| task.node == node);
                }
            }
            Position::Parallel => {}
        }
        for person in people {
            self.ask(node, person, Some(Added { to: id.to_owned(), position, any }));
        }
        Ok(self.happened)
    }

    /// Sends an instance back to steps that have passed (退回), or to the initiator.
    pub(super) fn roll_back(mut self, id: &str, targets: &[Option<usize>]) -> Outcome {
        let index = self.held(id)?;
        let node = self.instance.tasks[index].node;
        let passed = |target: &Option<usize>| target.is_none_or(|target| node.is_some_and(|node| target < node));
        // `None` sorts first: the initiator comes before every step.
        let first = targets.iter().min().filter(|_| targets.iter().all(passed)).copied().ok_or(Obstacle::NoTarget)?;
        self.close(index, TaskState::RolledBack);
        self.happened.push(Happening::Rollback(id.to_owned(), targets.to_vec()));
        self.note("ROLLBACK_SELECTED", Some(id), node, vec![]);
        self.close_open(|_| true);
        match first {
            Some(target) => self.open_node(target),
            None => self.return_to_initiator(),
        }
        Ok(self.happened)
    }

    /// Takes the instance back (撤回) or, once it is approved, undoes it.
    pub(super) fn withdraw(mut self) -> Outcome {
        let rules = self.instance.rules;
        match self.instance.status {
            _ if self.instance.forbid_revoke => return Err(Obstacle::Forbidden),
            Status::Pending if !rules.revert_option && self.instance.current > 0 => return Err(Obstacle::Forbidden),
            Status::Pending => {
                self.note("CANCEL", None, None, vec![]);
                self.close_open(|_| true);
                self.end(Status::Canceled);
            }
            Status::Approved => {
                let finished = self.instance.finished_at.unwrap_or_default();
                if self.by.now - finished >= rules.revert_interval.saturating_mul(1000) {
                    return Err(Obstacle::Forbidden);
                }
                self.note("CANCEL", None, None, vec![]);
                self.instance.status = Status::Canceled;
                self.instance.reverted = true;
                self.happened.push(Happening::Instance("REVERTED"));
            }
            Status::Rejected | Status::Canceled => return Err(Obstacle::Ended),
        }
        Ok(self.happened)
    }

    /// Writes a comment, which decides nothing and of which nobody is told.
    pub(super) fn comment(mut self) -> (String, Vec<Happening>) {
        let id = self.ids.next();
        let (user, text) = (self.by.user.to_owned(), self.by.remark.unwrap_or_default().to_owned());
        self.instance.comments.push(Comment { id: id.clone(), user, text, at: self.by.now });
        (id, self.happened)
    }

    /// Copies people (抄送).
    pub(super) fn copy_to(mut self, people: Vec<String>) -> Vec<Happening> {
        self.happened.extend(people.iter().cloned().map(Happening::Cc));
        self.note("CC", None, None, people);
        self.happened
    }

    /// The index of a task that this person may act on now.
    fn held(&self, id: &str) -> Result<usize, Obstacle> {
        if self.instance.status != Status::Pending {
            return Err(Obstacle::Ended);
        }
        let index = self.instance.tasks.iter().position(|task| task.id == id).ok_or(Obstacle::NoTask)?;
        let task = &self.instance.tasks[index];
        match task.state {
            _ if task.user.as_deref() != Some(self.by.user) => Err(Obstacle::NotTheirs),
            TaskState::Pending => Ok(index),
            TaskState::Paused => Err(Obstacle::Waits),
            _ => Err(Obstacle::NoTask),
        }
    }
}
