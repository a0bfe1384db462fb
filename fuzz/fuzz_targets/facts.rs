//! The state machine under events that no platform would send: whatever comes in whatever order, what ended stays ended, nothing that was
//! learned is forgotten, a repeated event is nothing new, and the order makes no difference to what is known.

#![no_main]

use countersign::approval::{
    AccountIds, Added, Approval, Closed, Closure, Comment, Deadline, DecidedBy, Event, Mode, Node, OnDeadline, Outcome,
    Person, Position, Rollback, Snapshot, Stage, TaskEnd, TaskFact, TaskOutcome, Withdrawal,
};
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;

const AT: i64 = 1_790_000_000_000;
const PEOPLE: [&str; 8] = ["a", "b", "c", "A", "d", "e", "", "审批人"];

/// A time, so that many fall into one minute and some are the same.
#[derive(Arbitrary, Debug, Clone, Copy)]
struct When {
    minute: u8,
    second: u8,
    odd: bool,
}

impl When {
    fn at(self) -> i64 {
        let odd = if self.odd { 333 } else { 0 };
        AT + i64::from(self.minute % 8) * 60_000 + i64::from(self.second % 4) * 15_000 + odd
    }
}

#[derive(Arbitrary, Debug, Clone)]
struct Fact {
    who: u8,
    node: Option<u8>,
    opened: Option<When>,
    end: Option<(u8, When, Option<u8>)>,
    text: Option<u16>,
    read: bool,
    /// Beside which task, how and by whom.
    added: Option<(u8, u8, u8)>,
    by: Option<u8>,
}

#[derive(Arbitrary, Debug, Clone)]
enum Told {
    Started(When),
    Task(u8, Fact),
    RolledBack(u8, When, Option<(u8, u16)>),
    Commented(u8, When, u16),
    Finished(u8, When),
    ReadWanted(When),
    ReadDone(When),
    Snapshot(Vec<(u8, Fact)>, Option<(u8, When)>),
    Unknown(u8),
}

#[derive(Arbitrary, Debug, Clone)]
enum Act {
    Tell(u8, Told),
    Start(u8, u8, When),
    Lease(u8, When),
    PutOff(u8, When, bool),
    AskWithdrawal(When, bool),
    DropWithdrawal,
    EndWithdrawn(When),
    Close(u8, When),
    PassDeadline(When),
    EndByDeadline(When),
    Forget,
}

#[derive(Arbitrary, Debug)]
struct Input {
    /// Of each stage its nodes: mode and people.
    stages: Vec<Vec<(u8, u8)>>,
    decided_by: u8,
    knows_no_case: bool,
    own_definition: bool,
    deadline: Option<(When, u8)>,
    acts: Vec<Act>,
}

fn who(index: u8) -> String {
    PEOPLE[usize::from(index) % PEOPLE.len()].to_owned()
}

fn text(length: u16) -> String {
    "审".repeat(usize::from(length % 2_000))
}

fn outcome(index: u8) -> Outcome {
    [Outcome::Approved, Outcome::Rejected, Outcome::Withdrawn, Outcome::Revoked][usize::from(index % 4)]
}

fn fact(told: &Fact) -> TaskFact {
    let outcomes = [TaskOutcome::Skipped, TaskOutcome::Transferred, TaskOutcome::Approved, TaskOutcome::Rejected];
    let end = told.end.map(|(how, when, to)| TaskEnd {
        outcome: outcomes[usize::from(how % 4)],
        at: when.at(),
        remark: told.text.map(text),
        to: to.map(who),
    });
    TaskFact {
        assignee: who(told.who),
        name: None,
        node: told.node,
        opened_at: told.opened.map(When::at),
        end,
        other_ends: Vec::new(),
        read: told.read,
        added: told.added.map(|(beside, how, by)| {
            let position = [Position::Before, Position::After, Position::Parallel][usize::from(how % 3)];
            Box::new(Added { beside: beside.to_string(), position, by: who(by), remark: told.text.map(text) })
        }),
        by: told.by.map(|by| Box::new(Person::with_account(who(by)))),
    }
}

fn event(told: &Told) -> Event {
    match told {
        Told::Started(when) => Event::Started { at: when.at() },
        Told::Task(task, told) => Event::Task { task: task.to_string(), fact: fact(told) },
        Told::RolledBack(to_node, when, by) => Event::RolledBack(Rollback {
            account: by.map(|(by, _)| who(by)),
            remark: by.map(|(_, length)| text(length)),
            ..Rollback::new(*to_node % 5, when.at())
        }),
        Told::Commented(by, when, length) => {
            Event::Commented(Comment { at: when.at(), account: who(*by), text: text(*length) })
        }
        Told::Finished(how, when) => Event::Finished { outcome: outcome(*how), at: when.at() },
        Told::ReadWanted(when) => Event::ReadWanted { at: when.at() },
        Told::ReadDone(when) => Event::ReadDone { at: when.at() },
        Told::Snapshot(tasks, end) => Event::Snapshot(Snapshot {
            tasks: tasks.iter().take(20).map(|(task, told)| (task.to_string(), fact(told))).collect(),
            outcome: end.map(|(how, when)| (outcome(how), when.at())),
            ..Snapshot::default()
        }),
        Told::Unknown(code) => Event::Unknown { code: format!("code-{code}") },
    }
}

/// A mode that so many people can fulfil: flows and submits refuse others.
fn mode(index: u8, people: usize) -> Mode {
    let wanted = 1 + index / 4 % u8::try_from(people).unwrap_or(u8::MAX);
    [Mode::Any, Mode::All, Mode::Sequential, Mode::AtLeast(wanted)][usize::from(index % 4)]
}

fn plan(input: &Input) -> Vec<Stage> {
    let whose = [DecidedBy::Platform, DecidedBy::NodesAndPlatform, DecidedBy::Nodes];
    let stages = input.stages.iter().take(3).map(|nodes| {
        let nodes = nodes.iter().take(4).enumerate().map(|(index, (kind, people))| {
            let people = if *people == 0 { 1 } else { *people };
            let asked = (0..8).filter(|bit| people >> bit & 1 == 1).map(|index| Person::with_account(who(index)));
            let asked: Vec<_> = asked.collect();
            Node::new(format!("n{index}"), mode(*kind, asked.len()), asked)
        });
        let decided_by = whose[usize::from(input.decided_by % 3)];
        let mut stage = Stage::new("con_1".into(), "test".into(), decided_by, nodes.collect());
        stage.own_definition = input.own_definition;
        if input.knows_no_case {
            stage.account_ids = AccountIds::KnowNoCase;
        }
        stage
    });
    stages.collect()
}

fn act(approval: &mut Approval, act: &Act) {
    let person = Person { name: Some("Li".into()), ..Person::default() };
    let index = |stage: u8| usize::from(stage % 4);
    match act {
        Act::Tell(stage, told) => {
            let told = event(told);
            approval.apply(index(*stage), told.clone());
            assert!(!approval.apply(index(*stage), told.clone()), "{told:?} is new again");
        }
        Act::Start(stage, instance, when) => {
            approval.started(index(*stage), format!("i{}", instance % 3), None, when.at());
        }
        Act::Lease(stage, when) => _ = approval.take_lease(index(*stage), when.at(), when.at() + 30_000),
        Act::PutOff(stage, when, unsent) => {
            let held = approval.stages.get(index(*stage)).and_then(|stage| stage.lease_until);
            approval.put_off(index(*stage), held, when.at(), *unsent);
        }
        Act::AskWithdrawal(when, force) => {
            let asked = Withdrawal { at: when.at(), by: person, reason: None, force: *force };
            approval.ask_withdrawal(asked);
        }
        Act::DropWithdrawal => {
            let acted_on = approval.withdrawal.clone();
            approval.drop_withdrawal(acted_on.as_ref());
        }
        Act::EndWithdrawn(when) => _ = approval.end_withdrawn(when.at(), None),
        Act::Close(how, when) => {
            let how = [Closed::Rejected, Closed::Withdrawn, Closed::Expired, Closed::Failed][usize::from(how % 4)];
            approval.close(Closure { how, at: Some(when.at()), by: Some(person), remark: None });
        }
        Act::PassDeadline(when) => _ = approval.pass_deadline(when.at()),
        Act::EndByDeadline(when) => _ = approval.end_by_deadline(when.at(), None),
        Act::Forget => {
            // As it is stored and read again.
            let stored = serde_json::to_vec(&*approval).unwrap();
            let mut read: Approval = serde_json::from_slice(&stored).unwrap();
            for (read, kept) in read.stages.iter_mut().zip(&approval.stages) {
                read.account_ids = kept.account_ids;
            }
            assert_eq!(read, *approval);
        }
    }
}

/// What holds in every state.
fn check(approval: &Approval, before: &Approval) {
    assert!(approval.follows(before), "{before:?}\nbecame\n{approval:?}");
    let view = approval.view();
    assert_eq!(view.status, approval.status());
    assert_eq!(approval.closed.is_some(), view.decided_at.is_some(), "{approval:?}");
    assert!(approval.closed.is_none() || approval.stage_to_start().is_none());
    assert!(view.history.iter().all(|line| line.at >= approval.submitted_at));
    assert!(view.history.len() >= before.view().history.len(), "the history only grows");
    let _ = (view.lacks_deciders(), approval.stage_to_read(), approval.has_supposed_nodes(), approval.most_writers());
    for (index, stage) in approval.stages.iter().enumerate() {
        let _ = (stage.furthest_node(), stage.strangers(true), approval.latest_of(index));
    }
}

fuzz_target!(|input: Input| {
    let stages = plan(&input);
    let mut approval = Approval::new(AT, Person::with_account("a"), stages.clone(), AT + 30_000);
    approval.deadline = input.deadline.map(|(when, then)| {
        let then = [OnDeadline::Expire, OnDeadline::Reject, OnDeadline::Escalate][usize::from(then % 3)];
        Deadline::new(when.at(), then)
    });
    for next in input.acts.iter().take(60) {
        let before = approval.clone();
        act(&mut approval, next);
        check(&approval, &before);
    }
    // What is known does not depend on the order in which it came.
    let told = |acts: &mut dyn Iterator<Item = &Act>| {
        let mut approval = Approval::new(AT, Person::default(), stages.clone(), AT);
        for act in acts {
            if let Act::Tell(stage, told) = act {
                approval.apply(usize::from(stage % 4), event(told));
            }
        }
        approval.stages.into_iter().map(|stage| stage.facts).collect::<Vec<_>>()
    };
    let acts = || input.acts.iter().take(60);
    assert_eq!(told(&mut acts()), told(&mut acts().rev()));
});
