//! What the page shows of an instance: its lists, its form, its flow and its history.

use serde_json::Value;

use super::directory::name;
use super::model::{Instance, Mode, Position, Record, Status, Task, TaskState, Verdict};
use super::view;
use crate::platform::inbox::{List, Shown};
use crate::platform::sheet::{Abilities, Badge, Entry, Line, Sheet, Step};

impl Shown for Instance {
    fn summary(&self) -> Value {
        view::summary(self)
    }

    fn whole(&self) -> Value {
        view::whole(self)
    }

    fn lists(&self, user: &str, list: List) -> bool {
        let holds = |fits: fn(TaskState) -> bool| self.tasks.iter().any(|task| task.user == user && fits(task.state));
        match list {
            List::Todo => holds(|state| matches!(state, TaskState::Running | TaskState::Paused)),
            List::Submitted => self.originator == user,
            List::Handled => {
                holds(|state| matches!(state, TaskState::Agreed | TaskState::Refused | TaskState::Redirected))
            }
            List::Copied => self
                .records
                .iter()
                .any(|record| record.kind == "PROCESS_CC" && record.others.iter().any(|other| other == user)),
        }
    }

    fn open_tasks(&self, user: &str) -> usize {
        self.tasks.iter().filter(|task| task.user == user && task.state == TaskState::Running).count()
    }

    fn badge(&self) -> Badge {
        match (self.status, self.result) {
            (Status::Running, _) => Badge("wait", "In progress", "审批中"),
            (Status::Terminated, _) => Badge("", "Withdrawn", "已撤销"),
            (Status::Completed, Some(Verdict::Refuse)) => Badge("bad", "Rejected", "审批拒绝"),
            (Status::Completed, _) => Badge("good", "Approved", "审批通过"),
        }
    }

    fn abilities(&self, user: &str) -> Abilities {
        let running = self.status == Status::Running;
        let task = self.task_of(user).filter(|_| running);
        Abilities {
            decide: task.is_some_and(|task| task.state == TaskState::Running),
            waits: task.is_some_and(|task| task.state == TaskState::Paused),
            withdraw: (running && self.originator == user && self.withdrawable).then_some("撤销"),
            positions: &[("before", "before me"), ("after", "after me")],
            ..Abilities::default()
        }
    }

    fn sheet(&self) -> Sheet {
        Sheet {
            title: self.title.clone(),
            number: self.business_id.clone(),
            applicant: name(&self.originator).to_owned(),
            form: self.form.iter().map(|value| (value.name.clone(), value.value.clone())).collect(),
            steps: steps(self),
            records: self.records.iter().map(record).collect(),
            ids: vec![("Instance", self.id.clone()), ("template", self.process_code.clone())],
        }
    }
}

fn steps(instance: &Instance) -> Vec<Step> {
    let person = |user: &String| Line { name: name(user).to_owned(), ..Line::default() };
    let submitted = Line { at: Some(instance.created_at), ..person(&instance.originator) };
    let mut steps = vec![Step { class: "good", heading: ("Submitted", "发起"), lines: vec![submitted] }];
    for (index, node) in instance.nodes.iter().enumerate() {
        let tasks: Vec<&Task> = instance.tasks.iter().filter(|task| task.node == index).collect();
        let class = match tasks.as_slice() {
            [] => "",
            tasks if tasks.iter().any(|task| task.state == TaskState::Refused) => "bad",
            tasks if tasks.iter().any(|task| task.state.open()) => "wait",
            _ if instance.status == Status::Terminated && index >= instance.current => "",
            _ => "good",
        };
        let heading = match node.mode {
            Mode::And => ("Approvers · all of them", "会签"),
            Mode::Or => ("Approvers · the first decides", "或签"),
            Mode::None => ("Approver", "审批人"),
        };
        let waiting = |user: &String| Line { word: "waiting for its turn".to_owned(), ..person(user) };
        let lines = match tasks.as_slice() {
            [] => node.users.iter().map(waiting).collect(),
            tasks => tasks.iter().map(|each| task(each)).collect(),
        };
        steps.push(Step { class, heading, lines });
    }
    if !instance.cc.is_empty() {
        steps.push(Step { class: "", heading: ("Copied", "抄送"), lines: instance.cc.iter().map(person).collect() });
    }
    steps
}

fn task(task: &Task) -> Line {
    let (class, word) = match task.state {
        TaskState::New => ("", "after the one who added"),
        TaskState::Running => ("wait", "to decide"),
        TaskState::Paused => ("", "waits for an added approver"),
        TaskState::Agreed => ("good", "approved"),
        TaskState::Refused => ("bad", "rejected"),
        TaskState::Redirected => ("on", "transferred"),
        TaskState::Cancelled => ("", "not needed any more"),
        TaskState::Terminated => ("", "withdrawn"),
    };
    let word = match task.added {
        Some(added) if task.state != TaskState::New => match added.position {
            Position::Before => format!("added before · {word}"),
            Position::After => format!("added after · {word}"),
        },
        _ => word.to_owned(),
    };
    Line { name: name(&task.user).to_owned(), class, word, remark: task.remark.clone(), at: task.finished_at }
}

fn record(record: &Record) -> Entry {
    let what = match record.kind.as_str() {
        "START_PROCESS_INSTANCE" => "submitted",
        "EXECUTE_TASK_NORMAL" if record.result == "AGREE" => "approved",
        "EXECUTE_TASK_NORMAL" => "rejected",
        "REDIRECT_TASK" => "transferred the task to",
        "APPEND_TASK_BEFORE" => "asked somebody else to decide first:",
        "APPEND_TASK_AFTER" => "asked somebody else to decide as well, afterwards:",
        "ADD_REMARK" => "commented",
        "TERMINATE_PROCESS_INSTANCE" => "withdrew",
        "PROCESS_CC" => "copied",
        "FINISH_PROCESS_INSTANCE" => "finished it",
        other => other,
    };
    Entry {
        at: record.at,
        name: name(&record.user).to_owned(),
        what: what.to_owned(),
        others: record.others.iter().map(|user| name(user).to_owned()).collect(),
        remark: record.remark.clone(),
    }
}
