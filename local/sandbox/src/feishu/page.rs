//! What the page shows of an instance: its lists, its form, its flow and its history.

use serde_json::Value;

use super::directory::name;
use super::model::{Instance, Mode, Record, Status, Task, TaskState};
use super::view::{self, title};
use crate::platform::control::Position;
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
        let holds = |fits: fn(TaskState) -> bool| {
            self.tasks.iter().any(|task| task.user.as_deref() == Some(user) && fits(task.state))
        };
        match list {
            List::Todo => holds(TaskState::open),
            List::Submitted => self.initiator == user,
            List::Handled => holds(|state| !state.open() && state != TaskState::Done),
            List::Copied => {
                let copied = |record: &Record| record.kind == "CC" && record.others.iter().any(|other| other == user);
                self.timeline.iter().any(copied)
            }
        }
    }

    fn open_tasks(&self, user: &str) -> usize {
        let own = self.tasks.iter().filter(|task| task.user.as_deref() == Some(user));
        own.filter(|task| task.state == TaskState::Pending).count()
    }

    fn badge(&self) -> Badge {
        match self.status {
            Status::Pending => Badge("wait", "In progress", "审批中"),
            Status::Approved => Badge("good", "Approved", "已通过"),
            Status::Rejected => Badge("bad", "Rejected", "已拒绝"),
            Status::Canceled if self.reverted => Badge("", "Revoked", "已撤销"),
            Status::Canceled => Badge("", "Withdrawn", "已撤回"),
        }
    }

    fn abilities(&self, user: &str) -> Abilities {
        let own =
            |state: TaskState| self.tasks.iter().find(|task| task.user.as_deref() == Some(user) && task.state == state);
        let running = self.status == Status::Pending;
        let task = own(TaskState::Pending).filter(|_| running);
        let withdraw = match self.status {
            _ if self.initiator != user || self.forbid_revoke => None,
            Status::Pending => Some("撤回"),
            Status::Approved if self.rules.revert_interval > 0 => Some("通过后撤销"),
            _ => None,
        };
        let targets = match task.and_then(|task| task.node) {
            None => vec![],
            Some(current) => {
                let start = ("START".to_owned(), name(&self.initiator).to_owned());
                let passed = self.nodes.iter().take(current).map(|node| (node.custom_id.clone(), node.name.clone()));
                std::iter::once(start).chain(passed).collect()
            }
        };
        Abilities {
            decide: task.is_some(),
            waits: running && own(TaskState::Paused).is_some(),
            withdraw,
            positions: &[("before", "before me"), ("after", "after me"), ("parallel", "beside me")],
            targets,
            more: vec![],
        }
    }

    fn sheet(&self) -> Sheet {
        let value = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let mut records: Vec<Entry> = self.timeline.iter().map(record).collect();
        records.extend(self.comments.iter().map(|comment| Entry {
            at: comment.at,
            name: name(&comment.user).to_owned(),
            what: "commented".to_owned(),
            others: vec![],
            remark: Some(comment.text.clone()),
        }));
        records.sort_by_key(|record| record.at);
        Sheet {
            title: title(self).to_owned(),
            number: self.serial.clone(),
            applicant: name(&self.initiator).to_owned(),
            form: self.form.iter().map(|one| (one.name.clone(), value(&one.value))).collect(),
            steps: steps(self),
            records,
            ids: vec![("Instance", self.code.clone()), ("definition", self.approval_code.clone())],
        }
    }
}

fn steps(instance: &Instance) -> Vec<Step> {
    let person = |user: &String| Line { name: name(user).to_owned(), ..Line::default() };
    let mut first = vec![Line { at: Some(instance.created_at), ..person(&instance.initiator) }];
    first.extend(instance.tasks.iter().filter(|task| task.node.is_none()).map(line));
    let mut steps = vec![Step { class: "good", heading: ("Submitted", "发起"), lines: first }];
    for (index, node) in instance.nodes.iter().enumerate() {
        let tasks: Vec<&Task> = instance.tasks.iter().filter(|task| task.node == Some(index)).collect();
        let class = match tasks.as_slice() {
            [] => "",
            tasks if tasks.iter().any(|task| task.state == TaskState::Rejected) => "bad",
            tasks if tasks.iter().any(|task| task.state.open()) => "wait",
            _ if instance.status != Status::Approved && index >= instance.current => "",
            _ => "good",
        };
        let heading = match node.mode {
            Mode::And => ("Approvers · all of them", "会签"),
            Mode::Or => ("Approvers · the first decides", "或签"),
            Mode::Sequential => ("Approvers · one after the other", "依次审批"),
        };
        let asked: Vec<Line> = tasks.iter().map(|task| line(task)).collect();
        let is_asked = |user: &&String| tasks.iter().any(|task| task.user.as_ref() == Some(*user));
        let waits =
            node.users.iter().filter(|user| !is_asked(user) && (tasks.is_empty() || node.mode == Mode::Sequential));
        let waits = waits.map(|user| Line { word: "waiting for their turn".to_owned(), ..person(user) });
        steps.push(Step { class, heading, lines: asked.into_iter().chain(waits).collect() });
    }
    let copied: Vec<Line> = instance.cc_start.iter().chain(&instance.cc_end).map(person).collect();
    if !copied.is_empty() {
        steps.push(Step { class: "", heading: ("Copied", "抄送"), lines: copied });
    }
    steps
}

fn line(task: &Task) -> Line {
    let (class, word) = match task.state {
        TaskState::Pending => ("wait", "to decide"),
        TaskState::Paused => ("", "waits for an added approver"),
        TaskState::Approved => ("good", "approved"),
        TaskState::Rejected => ("bad", "rejected"),
        TaskState::Transferred => ("on", "transferred"),
        TaskState::RolledBack => ("on", "rolled back"),
        TaskState::Done => ("", "not needed any more"),
    };
    let word = match task.added.as_ref().map(|added| added.position) {
        Some(Position::Before) => format!("added before · {word}"),
        Some(Position::After) => format!("added after · {word}"),
        Some(Position::Parallel) => format!("added · {word}"),
        None => word.to_owned(),
    };
    let name = task.user.as_deref().map_or("自动", name).to_owned();
    Line { name, class, word, remark: task.remark.clone(), at: task.finished_at }
}

fn record(record: &Record) -> Entry {
    let what = match record.kind.as_str() {
        "START" => "submitted",
        "PASS" => "approved",
        "REJECT" => "rejected",
        "AUTO_PASS" => "passed by itself",
        "TRANSFER" => "transferred the task to",
        "ADD_APPROVER_BEFORE" => "asked somebody else to decide first:",
        "ADD_APPROVER_AFTER" => "approved and asked somebody else to decide as well:",
        "ADD_APPROVER" => "asked somebody else to decide as well:",
        "ROLLBACK_SELECTED" => "sent it back",
        "CANCEL" => "took it back",
        "CC" => "copied",
        other => other,
    };
    Entry {
        at: record.at,
        name: record.user.as_deref().map_or("", name).to_owned(),
        what: what.to_owned(),
        others: record.others.iter().map(|user| name(user).to_owned()).collect(),
        remark: record.remark.clone(),
    }
}
