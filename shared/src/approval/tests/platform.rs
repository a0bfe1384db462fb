//! A small approval platform: it lets people act at random and tells the events that a real one would send.

use std::collections::BTreeMap;

use crate::approval::{
    Comment, DecidedBy, Event, Mode, Node, Outcome, Person, Rollback, Snapshot, Stage, TaskEnd, TaskFact, TaskOutcome,
};

/// How much the platform's events tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Telling {
    /// Each event names its node, as Feishu's do.
    Nodes,
    /// No event names a node; a transfer names its receiver. Nobody is sent back.
    Receivers,
    /// No event names a node or a receiver, as DingTalk's do; the instance is read once at the end, where times are cut to
    /// the minute.
    Nothing,
}

struct Open {
    task: String,
    node: usize,
    fact: TaskFact,
}

pub(super) struct Platform {
    telling: Telling,
    plan: Vec<(Mode, Vec<String>)>,
    clock: i64,
    next_task: u32,
    node: usize,
    approved: usize,
    total: usize,
    open: Vec<Open>,
    queue: Vec<String>,
    all: Vec<(String, TaskFact)>,
    pub(super) events: Vec<Event>,
    /// What it has come to in the end: how it ended, or that it was revoked after an approval.
    pub(super) outcome: Option<Outcome>,
    pub(super) ended: bool,
    /// The position of the first end among the events.
    pub(super) end: Option<usize>,
    /// What a reading would tell of its end now.
    shown: Option<Outcome>,
}

pub(super) fn stage(plan: &[(Mode, Vec<String>)], decided_by: DecidedBy) -> Stage {
    let person = |account: &String| Person { account: Some(account.clone()), ..Person::default() };
    let nodes = plan
        .iter()
        .enumerate()
        .map(|(index, (mode, accounts))| Node::new(format!("n{index}"), *mode, accounts.iter().map(person).collect()));
    let mut stage = Stage::new("con_1".into(), "test".into(), decided_by, nodes.collect());
    stage.instance = Some("i".into());
    stage
}

impl Platform {
    /// Runs an instance by `script`, one byte an act; what is left open when it ends stays open.
    pub(super) fn run(plan: Vec<(Mode, Vec<String>)>, script: &[u8], telling: Telling) -> Self {
        let mut platform = Self {
            telling,
            plan,
            clock: 1_790_000_000_000,
            next_task: 100,
            node: 0,
            approved: 0,
            total: 0,
            open: Vec::new(),
            queue: Vec::new(),
            all: Vec::new(),
            events: Vec::new(),
            outcome: None,
            ended: false,
            end: None,
            shown: None,
        };
        platform.events.push(Event::Started { at: platform.clock });
        platform.enter(0);
        for byte in script {
            if platform.ended {
                platform.act_after_the_end(*byte);
            } else {
                platform.act(*byte);
            }
        }
        platform.read();
        platform
    }

    fn tick(&mut self) -> i64 {
        self.clock += 7_000;
        self.clock
    }

    fn enter(&mut self, node: usize) {
        self.node = node;
        self.approved = 0;
        let (mode, people) = self.plan[node].clone();
        self.total = people.len();
        if mode == Mode::Sequential {
            self.queue = people[1..].to_vec();
            self.give(people[0].clone());
        } else {
            people.into_iter().for_each(|person| self.give(person));
        }
    }

    fn give(&mut self, assignee: String) {
        let at = self.tick();
        self.next_task += 1;
        let node = u8::try_from(self.node).unwrap();
        let fact = TaskFact { assignee, node: Some(node), opened_at: Some(at), ..TaskFact::default() };
        let open = Open { task: self.next_task.to_string(), node: self.node, fact };
        self.tell(&open.task, &open.fact);
        self.open.push(open);
    }

    fn tell(&mut self, task: &str, fact: &TaskFact) {
        let mut told = fact.clone();
        if self.telling != Telling::Nodes {
            told.node = None;
        }
        if self.telling == Telling::Nothing
            && let Some(end) = &mut told.end
        {
            end.to = None;
        }
        self.events.push(Event::Task { task: task.into(), fact: told });
        self.all.retain(|(known, _)| known != task);
        self.all.push((task.into(), fact.clone()));
    }

    fn end(&mut self, index: usize, outcome: TaskOutcome, to: Option<String>) {
        let at = self.tick();
        let mut open = self.open.remove(index);
        let remark = (at % 2 == 0).then(|| format!("r{at}"));
        open.fact.end = Some(TaskEnd { outcome, at, remark, to });
        self.tell(&open.task, &open.fact);
    }

    fn act(&mut self, byte: u8) {
        let index = usize::from(byte >> 4) % self.open.len();
        match byte % 16 {
            0..=8 => self.approve(index),
            9 => {
                self.end(index, TaskOutcome::Rejected, None);
                let (mode, _) = self.plan[self.node];
                let can_pass = self.approved + self.open.len();
                match mode {
                    Mode::AtLeast(needed) if can_pass >= usize::from(needed) => {}
                    _ => self.finish(Outcome::Rejected),
                }
            }
            10 | 11 => {
                let receiver = self.somebody(byte, 't');
                self.end(index, TaskOutcome::Transferred, Some(receiver.clone()));
                self.give(receiver);
            }
            12 if self.telling != Telling::Receivers && matches!(self.plan[self.node].0, Mode::All) => {
                let added = self.somebody(byte, 'x');
                self.total += 1;
                self.give(added);
            }
            13 if self.telling == Telling::Nodes && self.node > 0 => self.send_back(usize::from(byte >> 5) % self.node),
            14 => {
                let at = self.tick();
                self.events.push(Event::Commented(Comment { at, account: "c".into(), text: "hm".into() }));
            }
            15 if byte > 200 => self.finish(Outcome::Withdrawn),
            _ => self.approve(index),
        }
    }

    /// Somebody outside of the node: of the next one, perhaps, where they will be asked as well.
    fn somebody(&self, byte: u8, letter: char) -> String {
        let next = self.plan.get(self.node + 1).map(|(_, people)| people[0].clone());
        let holds = |who: &String| self.open.iter().any(|open| open.fact.assignee == *who);
        let next = next.filter(|who| byte >= 128 && self.telling != Telling::Receivers && !holds(who));
        next.unwrap_or_else(|| format!("{letter}{}", self.next_task))
    }

    /// What a reading tells now, with all that has happened up to this event.
    pub(super) fn reading_after(&self, event: usize) -> Snapshot {
        let cut = |at: i64| at - at.rem_euclid(60_000);
        let mut tasks: BTreeMap<String, TaskFact> = BTreeMap::new();
        for told in &self.events[..=event] {
            let Event::Task { task, fact } = told else { continue };
            let known = self.all.iter().find(|(id, _)| id == task).and_then(|(_, fact)| fact.node);
            let mut fact = TaskFact { node: known, opened_at: fact.opened_at.map(cut), ..fact.clone() };
            if let Some(end) = &mut fact.end {
                end.at = cut(end.at);
                end.to = None;
            }
            tasks.insert(task.clone(), fact);
        }
        Snapshot { tasks: tasks.into_iter().collect(), ..Snapshot::default() }
    }

    fn approve(&mut self, index: usize) {
        self.end(index, TaskOutcome::Approved, None);
        self.approved += 1;
        if !self.queue.is_empty() {
            let next = self.queue.remove(0);
            return self.give(next);
        }
        let passed = match self.plan[self.node].0 {
            Mode::Any => true,
            Mode::All | Mode::Sequential => self.approved == self.total,
            Mode::AtLeast(needed) => self.approved >= usize::from(needed),
        };
        if passed {
            self.skip_rest();
            if self.node + 1 == self.plan.len() { self.finish(Outcome::Approved) } else { self.enter(self.node + 1) }
        }
    }

    fn skip_rest(&mut self) {
        while !self.open.is_empty() {
            self.end(0, TaskOutcome::Skipped, None);
        }
    }

    fn send_back(&mut self, to: usize) {
        self.queue.clear();
        self.skip_rest();
        let at = self.tick();
        self.events.push(Event::RolledBack(Rollback::new(u8::try_from(to).unwrap(), at)));
        self.enter(to);
    }

    fn finish(&mut self, outcome: Outcome) {
        self.skip_rest();
        self.end = Some(self.events.len());
        self.tell_end(outcome);
        self.outcome = Some(outcome);
        self.ended = true;
    }

    fn tell_end(&mut self, outcome: Outcome) {
        let at = self.tick();
        self.events.push(Event::Finished { outcome, at });
        self.shown = Some(outcome);
    }

    /// Now and then it is deleted or taken back after its end, and what was approved is undone.
    fn act_after_the_end(&mut self, byte: u8) {
        match byte % 8 {
            0 => self.tell_end(Outcome::Withdrawn),
            1 if self.outcome == Some(Outcome::Approved) => {
                self.outcome = Some(Outcome::Revoked);
                self.tell_end(Outcome::Revoked);
            }
            2 => self.clock += 300_000,
            _ => {}
        }
    }

    fn read(&mut self) {
        if self.telling != Telling::Nothing {
            return;
        }
        let cut = |at: i64| at - at.rem_euclid(60_000);
        let mut tasks = self.all.clone();
        for (_, fact) in &mut tasks {
            fact.opened_at = fact.opened_at.map(cut);
            if let Some(end) = &mut fact.end {
                end.at = cut(end.at);
                end.to = None;
            }
        }
        let outcome = self.shown.map(|outcome| (outcome, cut(self.clock)));
        self.events.push(Event::Snapshot(Snapshot { tasks, outcome, ..Snapshot::default() }));
        debug_assert!(self.open.iter().all(|open| open.node == self.node));
    }
}
