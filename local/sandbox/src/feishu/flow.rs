//! What follows from what somebody does: the other tasks of a step, the next step, the end.

use super::directory;
use super::engine::{Happening, Step};
use super::model::{Added, Mode, Node, Record, Starter, Status, Task, TaskState};
use crate::platform::control::Position;

impl Step<'_> {
    /// What an approval does to the other tasks of its step, and to the instance.
    pub(super) fn follow(&mut self, task: &Task, node: usize) {
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
    pub(super) fn resume(&mut self, added: &Added) {
        if self.instance.tasks.iter().any(|task| task.added.as_ref() == Some(added) && task.state.open()) {
            return;
        }
        if let Some(adder) = self.instance.tasks.iter_mut().find(|task| task.id == added.to) {
            adder.state = TaskState::Pending;
            self.happened.push(Happening::Task(adder.id.clone(), "PENDING"));
        }
    }

    /// The next person of a sequential step, else the next step.
    pub(super) fn advance(&mut self, node: usize) {
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

    pub(super) fn open_node(&mut self, index: usize) {
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
    pub(super) fn hand_out(&mut self, index: usize, user: &str) -> bool {
        let starter = self.instance.nodes.get(index).map_or(Starter::Decides, |node: &Node| node.starter);
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
            Starter::Decides => self.ask(Some(index), user, None),
        };
        true
    }

    pub(super) fn pass_by_itself(&mut self, index: usize) {
        let task = self.task(Some(index), None, None, TaskState::Approved);
        self.happened.push(Happening::Task(task.clone(), "APPROVED"));
        self.record("AUTO_PASS", None, Some(&task), Some(index), vec![]);
    }

    pub(super) fn return_to_initiator(&mut self) {
        self.instance.current = 0;
        let initiator = self.instance.initiator.clone();
        self.ask(None, &initiator, None);
    }

    pub(super) fn end(&mut self, status: Status) {
        self.instance.status = status;
        self.instance.finished_at = Some(self.by.now);
        if status == Status::Approved {
            self.copy(self.instance.cc_end.clone());
        }
        self.happened.push(Happening::Instance(status.word()));
    }

    pub(super) fn copy(&mut self, people: Vec<String>) {
        if !people.is_empty() {
            self.happened.extend(people.iter().cloned().map(Happening::Cc));
            self.record("CC", None, None, None, people);
        }
    }

    pub(super) fn ask(&mut self, node: Option<usize>, user: &str, added: Option<Added>) -> String {
        let id = self.task(node, Some(user), added, TaskState::Pending);
        self.happened.push(Happening::Task(id.clone(), "PENDING"));
        id
    }

    pub(super) fn task(
        &mut self,
        node: Option<usize>,
        user: Option<&str>,
        added: Option<Added>,
        state: TaskState,
    ) -> String {
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

    pub(super) fn mode(&self, node: usize) -> Mode {
        self.instance.nodes.get(node).map_or(Mode::And, |node| node.mode)
    }

    pub(super) fn open_tasks(&self, node: usize) -> Vec<String> {
        let tasks = self.instance.tasks.iter().filter(|task| task.node == Some(node) && task.state.open());
        tasks.map(|task| task.id.clone()).collect()
    }

    pub(super) fn close(&mut self, index: usize, state: TaskState) {
        let task = &mut self.instance.tasks[index];
        task.state = state;
        task.finished_at = Some(self.by.now);
        task.remark = self.by.remark.map(str::to_owned);
    }

    pub(super) fn close_open(&mut self, whose: impl Fn(&Task) -> bool) {
        for task in self.instance.tasks.iter_mut().filter(|task| task.state.open()) {
            if whose(task) {
                task.state = TaskState::Done;
                task.finished_at = Some(self.by.now);
                self.happened.push(Happening::Task(task.id.clone(), "DONE"));
            }
        }
    }

    pub(super) fn note(&mut self, kind: &str, task: Option<&str>, node: Option<usize>, others: Vec<String>) {
        let user = self.by.user.to_owned();
        self.record(kind, Some(user), task, node, others);
    }

    pub(super) fn record(
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
