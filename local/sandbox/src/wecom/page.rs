//! What the page shows of a form: its lists, its contents, its flow and its history.

use serde_json::Value;

use super::directory::{administers, name};
use super::events::label;
use super::model::{Asked, Change, Content, Form, Kind, Mark, Node, Record, Relation, Status};
use super::view::{self, acted, open};
use crate::platform::inbox::{List, Shown};
use crate::platform::sheet::{Abilities, Badge, Entry, Line, Sheet, Step};

impl Shown for Form {
    fn summary(&self) -> Value {
        view::summary(self)
    }

    fn whole(&self) -> Value {
        view::whole(self)
    }

    fn lists(&self, user: &str, list: List) -> bool {
        let among = |copied: bool, fits: fn(&Asked) -> bool| {
            let nodes = self.nodes.iter().filter(|node| (node.kind == Kind::Copied) == copied);
            nodes.flat_map(|node| &node.people).any(|asked| asked.user == user && fits(asked))
        };
        match list {
            List::Todo => self.current().is_some_and(|node| {
                self.nodes[node].people.iter().any(|one| one.user == user && one.mark == Mark::Open)
            }),
            List::Submitted => self.applicant == user,
            List::Handled => among(false, |asked| acted(asked.mark)),
            List::Copied => among(true, |_| true),
        }
    }

    fn open_tasks(&self, user: &str) -> usize {
        open(self).filter(|asked| asked.user == user).count()
    }

    fn badge(&self) -> Badge {
        match self.status {
            Status::Running => Badge("wait", "In progress", "审批中"),
            Status::Approved => Badge("good", "Approved", "已通过"),
            Status::Rejected => Badge("bad", "Rejected", "已驳回"),
            Status::Withdrawn => Badge("", "Withdrawn", "已撤销"),
            Status::WithdrawnAfterApproval => Badge("bad", "Withdrawn after approval", "通过后撤销"),
            Status::Deleted => Badge("", "Deleted", "已删除"),
            Status::Paid => Badge("good", "Paid", "已支付"),
        }
    }

    fn abilities(&self, user: &str) -> Abilities {
        let (running, applicant) = (self.status == Status::Running, self.applicant == user);
        let turn = self.open_tasks(user) > 0;
        let current = self.current().unwrap_or_default();
        let earlier = self.nodes.iter().enumerate().take(current).filter(|(_, node)| node.kind != Kind::Copied);
        let mut more = vec![];
        if running && applicant {
            more.push(("urge", "Urge", "催办"));
        }
        if administers(user) && self.status == Status::Approved {
            more.push(("pay", "Note as paid", "标记已支付"));
        }
        if administers(user) && self.status != Status::Deleted {
            more.push(("delete", "Delete", "删除"));
        }
        Abilities {
            decide: turn,
            waits: !turn && self.lists(user, List::Todo),
            withdraw: match self.status {
                Status::Running if applicant => Some("撤销"),
                Status::Approved if applicant => Some("通过后撤销"),
                _ => None,
            },
            positions: &[("before", "before me"), ("after", "after me")],
            targets: earlier.map(|(index, _)| ((index + 1).to_string(), format!("№ {}", index + 1))).collect(),
            more,
        }
    }

    fn sheet(&self) -> Sheet {
        Sheet {
            title: self.sp_name.clone(),
            number: self.sp_no.clone(),
            applicant: name(&self.applicant).to_owned(),
            form: self.contents.iter().map(content).collect(),
            steps: steps(self),
            records: self.records.iter().map(record).collect(),
            ids: vec![("Form", self.sp_no.clone()), ("template", self.template_id.clone())],
        }
    }
}

fn content(content: &Content) -> (String, String) {
    let title = content.title.first().map_or(content.id.as_str(), |title| title.text.as_str());
    let plain = ["text", "new_number", "new_money"].iter().find_map(|name| content.value[*name].as_str());
    let chosen = || {
        let options = content.value["selector"]["options"].as_array()?;
        let names: Vec<&str> = options.iter().filter_map(|option| option["value"][0]["text"].as_str()).collect();
        Some(names.join("、"))
    };
    let value = plain.map(str::to_owned).or_else(chosen);
    (title.to_owned(), value.unwrap_or_else(|| Value::to_string(&content.value)))
}

fn steps(form: &Form) -> Vec<Step> {
    let submitted = Line { name: name(&form.applicant).to_owned(), at: Some(form.created_at), ..Line::default() };
    let mut steps = vec![Step { class: "good", heading: ("Submitted", "发起"), lines: vec![submitted] }];
    for (index, node) in form.nodes.iter().enumerate() {
        let lines = node.people.iter().enumerate().map(|(place, asked)| line(form, index, place, asked));
        steps.push(Step { class: class(form, index, node), heading: heading(node), lines: lines.collect() });
    }
    steps
}

fn class(form: &Form, index: usize, node: &Node) -> &'static str {
    match node.mark {
        _ if node.kind == Kind::Copied => "",
        Mark::Rejected => "bad",
        Mark::Open | Mark::SentBack if form.current() == Some(index) => "wait",
        Mark::Open | Mark::SentBack => "",
        _ => "good",
    }
}

fn heading(node: &Node) -> (&'static str, &'static str) {
    match (node.kind, node.relation) {
        (Kind::Copied, _) => ("Copied", "抄送"),
        (Kind::Handler, _) => ("Handlers", "办理人"),
        (Kind::Approver, Relation::All) => ("Approvers · all of them", "会签"),
        (Kind::Approver, Relation::Any) => ("Approvers · any one of them", "或签"),
        (Kind::Approver, Relation::InTurn) => ("Approvers · one after the other", "依次审批"),
    }
}

fn line(form: &Form, index: usize, place: usize, asked: &Asked) -> Line {
    let node = &form.nodes[index];
    let passed = !matches!(node.mark, Mark::Open | Mark::SentBack);
    let (class, word) = match asked.mark {
        _ if node.kind == Kind::Copied => ("", ""),
        Mark::Open if form.turn((index, place)) => ("wait", "to decide"),
        Mark::Open if passed => ("", "not needed any more"),
        Mark::Open => ("", "waiting"),
        Mark::Agreed => ("good", "approved"),
        Mark::Rejected => ("bad", "rejected"),
        Mark::Forwarded => ("on", "forwarded"),
        Mark::SentBack => ("on", "sent back"),
        Mark::Added => ("on", "added an approver"),
        Mark::AgreedAndAdded => ("good", "approved, added an approver"),
        Mark::Handled => ("good", "handled"),
        Mark::HandedOver => ("on", "handed over"),
    };
    let remark = Some(asked.speech.clone()).filter(|speech| !speech.is_empty());
    Line { name: name(&asked.user).to_owned(), class, word: word.to_owned(), remark, at: asked.at }
}

fn record(record: &Record) -> Entry {
    let what = if record.change == Change::Urged { "reminded those who are asked" } else { label(record.change) };
    Entry {
        at: record.at,
        name: name(&record.user).to_owned(),
        what: if record.other.is_some() { format!("{what}:") } else { what.to_owned() },
        others: record.other.iter().map(|user| name(user).to_owned()).collect(),
        remark: record.remark.clone(),
    }
}
