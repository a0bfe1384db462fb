//! How an instance moves: a pure function of the instance and what somebody does. It says what happened; the caller
//! keeps the instance and tells the subscribers.

use super::directory;
use super::model::{Added, Comment, Instance, Mode, Node, Record, Starter, Status, Task, TaskState};
use crate::sandbox::platform::control::Position;

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

/// Somebody who does something.
#[derive(Debug, Clone, Copy)]
pub(super) struct By<'a> {
    /// Who does it.
    pub(super) user: &'a str,
    /// What they write.
    pub(super) remark: Option<&'a str>,
    /// When.
    pub(super) now: i64,
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
    instance: &'a mut Instance,
    by: By<'a>,
    ids: Ids,
    happened: Vec<Happening>,
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

    /// What an approval does to the other tasks of its step, and to the instance.
    fn follow(&mut self, task: &Task, node: usize) {
        if let Some(added) = task.added.as_ref().filter(|added| added.any && added.position != Position::Parallel) {
            self.close_open(|other| other.added.as_ref() == Some(added));
        }
        if let Some(added) = task.added.as_ref().filter(|added| added.position == Position::Before) {
            self.resume(added);
            return;
        }
        // People who were added behind somebody decide by their own method, whatever the step's is.
        let behind = task.added.as_ref().is_some_and(|added| added.position == Position::After);
        if self.mode(node) == Mode::Or && !behind {
            self.close_open(|other| other.node == Some(node));
        }
        let open: Vec<String> = self.open_tasks(node);
        if !open.is_empty() {
            // Documented: the others of a step are told again that they are pending.
            self.happened.extend(open.into_iter().map(|id| Happening::Task(id, "PENDING")));
            return;
        }
        self.advance(node);
    }

    /// Lets the adder decide once nobody who was added before is open.
    fn resume(&mut self, added: &Added) {
        if self.instance.tasks.iter().any(|task| task.added.as_ref() == Some(added) && task.state.open()) {
            return;
        }
        if let Some(adder) = self.instance.tasks.iter_mut().find(|task| task.id == added.to) {
            adder.state = TaskState::Pending;
            self.happened.push(Happening::Task(adder.id.clone(), "PENDING"));
        }
    }

    /// The next person of a sequential step, else the next step.
    fn advance(&mut self, node: usize) {
        let next = self.instance.nodes.get(node).filter(|node| node.mode == Mode::Sequential);
        if let Some(user) = next.and_then(|node| node.users.get(self.instance.turn)).cloned() {
            self.instance.turn += 1;
            if self.hand_out(node, &user) {
                return;
            }
            return self.advance(node);
        }
        let cc = self.instance.nodes.get(node).map(|node| node.cc.clone()).unwrap_or_default();
        self.copy(cc);
        self.open_node(node + 1);
    }

    fn open_node(&mut self, index: usize) {
        self.instance.current = index;
        self.instance.turn = 0;
        let Some(node) = self.instance.nodes.get(index).cloned() else { return self.end(Status::Approved) };
        if node.auto || node.users.is_empty() {
            self.pass_by_itself(index);
            return self.open_node(index + 1);
        }
        if node.mode == Mode::Sequential {
            return self.advance(index);
        }
        let asked = node.users.iter().filter(|user| self.hand_out(index, user)).count();
        let passed = asked < node.users.len() && node.mode == Mode::Or;
        if passed {
            self.close_open(|task| task.node == Some(index));
        }
        if passed || asked == 0 {
            self.advance(index);
        }
    }

    /// Gives a step's task to a person; `false` when it passed by itself because they are the initiator.
    fn hand_out(&mut self, index: usize, user: &str) -> bool {
        let starter = self.instance.nodes.get(index).map_or(Starter::Starter, |node: &Node| node.starter);
        match starter {
            _ if user != self.instance.initiator => self.ask(Some(index), user, None),
            Starter::AutoPass => {
                self.pass_by_itself(index);
                return false;
            }
            Starter::Supervisor | Starter::DepartmentManager => {
                let manager = directory::manager(user, 1).unwrap_or_else(|| user.to_owned());
                self.ask(Some(index), &manager, None)
            }
            Starter::Starter => self.ask(Some(index), user, None),
        };
        true
    }

    fn pass_by_itself(&mut self, index: usize) {
        let task = self.task(Some(index), None, None, TaskState::Approved);
        self.happened.push(Happening::Task(task.clone(), "APPROVED"));
        self.record("AUTO_PASS", None, Some(&task), Some(index), vec![]);
    }

    fn return_to_initiator(&mut self) {
        self.instance.current = 0;
        let initiator = self.instance.initiator.clone();
        self.ask(None, &initiator, None);
    }

    fn end(&mut self, status: Status) {
        self.instance.status = status;
        self.instance.finished_at = Some(self.by.now);
        if status == Status::Approved {
            self.copy(self.instance.cc_end.clone());
        }
        self.happened.push(Happening::Instance(status.word()));
    }

    fn copy(&mut self, people: Vec<String>) {
        if !people.is_empty() {
            self.happened.extend(people.iter().cloned().map(Happening::Cc));
            self.record("CC", None, None, None, people);
        }
    }

    fn ask(&mut self, node: Option<usize>, user: &str, added: Option<Added>) -> String {
        let id = self.task(node, Some(user), added, TaskState::Pending);
        self.happened.push(Happening::Task(id.clone(), "PENDING"));
        id
    }

    fn task(&mut self, node: Option<usize>, user: Option<&str>, added: Option<Added>, state: TaskState) -> String {
        let (id, user, created_at) = (self.ids.next(), user.map(str::to_owned), self.by.now);
        let finished_at = (!state.open()).then_some(created_at);
        self.instance.tasks.push(Task {
            id: id.clone(),
            node,
            user,
            state,
            created_at,
            finished_at,
            remark: None,
            added,
        });
        id
    }

    fn mode(&self, node: usize) -> Mode {
        self.instance.nodes.get(node).map_or(Mode::And, |node| node.mode)
    }

    fn open_tasks(&self, node: usize) -> Vec<String> {
        let tasks = self.instance.tasks.iter().filter(|task| task.node == Some(node) && task.state.open());
        tasks.map(|task| task.id.clone()).collect()
    }

    fn close(&mut self, index: usize, state: TaskState) {
        let task = &mut self.instance.tasks[index];
        task.state = state;
        task.finished_at = Some(self.by.now);
        task.remark = self.by.remark.map(str::to_owned);
    }

    fn close_open(&mut self, whose: impl Fn(&Task) -> bool) {
        for task in self.instance.tasks.iter_mut().filter(|task| task.state.open()) {
            if whose(task) {
                task.state = TaskState::Done;
                task.finished_at = Some(self.by.now);
                self.happened.push(Happening::Task(task.id.clone(), "DONE"));
            }
        }
    }

    fn note(&mut self, kind: &str, task: Option<&str>, node: Option<usize>, others: Vec<String>) {
        let user = self.by.user.to_owned();
        self.record(kind, Some(user), task, node, others);
    }

    fn record(
        &mut self,
        kind: &str,
        user: Option<String>,
        task: Option<&str>,
        node: Option<usize>,
        others: Vec<String>,
    ) {
        let remark = user.as_ref().and(self.by.remark).map(str::to_owned);
        let (kind, task) = (kind.to_owned(), task.map(str::to_owned));
        self.instance.timeline.push(Record { kind, at: self.by.now, user, task, remark, node, others });
    }
}
