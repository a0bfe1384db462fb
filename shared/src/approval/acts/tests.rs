#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;
use crate::approval::{
    Action, Closed, Deadline, DecidedBy, Effect, Node, NodeStatus, OnDeadline, Status, TaskStatus, Withdrawal,
};

const AT: i64 = 1_790_000_000_000;

fn person(account: &str) -> Person {
    Person { member: Some(account.to_owned()), account: Some(account.to_owned()), name: Some(account.to_uppercase()) }
}

fn stage(nodes: &[(Mode, &[&str])]) -> Stage {
    let nodes = nodes.iter().enumerate().map(|(index, (mode, people))| {
        Node::new(format!("node {index}"), *mode, people.iter().map(|name| person(name)).collect())
    });
    Stage::new("con_builtin".into(), "builtin".into(), DecidedBy::Nodes, nodes.collect())
}

fn running(nodes: &[(Mode, &[&str])]) -> Approval {
    let mut approval = Approval::new(AT, person("asker"), vec![stage(nodes)], AT + 60_000);
    assert!(approval.start_here(AT) && !approval.start_here(AT));
    approval
}

fn act(approval: &mut Approval, who: &str, act: Act, at: i64) -> Result<bool, Refused> {
    let before = approval.clone();
    let done = approval.act(&Actor { person: person(who), by: None }, act, None, AT + at);
    assert!(approval.follows(&before));
    assert_eq!(done == Ok(true), *approval != before, "{done:?}");
    done
}

fn decide(approve: bool) -> Act {
    Act::Decide { approve, remark: None }
}

fn to(who: &str) -> Act {
    Act::Transfer { to: person(who), remark: None }
}

fn add(who: &str, position: Position) -> Act {
    Act::Add { to: person(who), position, remark: None }
}

fn turns(approval: &Approval) -> Vec<(usize, String)> {
    approval.turns().into_iter().map(|(place, who)| (place.node, who)).collect()
}

fn names(approval: &Approval) -> Vec<String> {
    approval.turns().into_iter().map(|(_, who)| who).collect()
}

/// Each of these approves in turn; answers with where it stands then.
fn approve(approval: &mut Approval, people: &[&str]) -> Status {
    for (n, who) in people.iter().enumerate() {
        assert_eq!(act(approval, who, decide(true), 10 + i64::try_from(n).unwrap()), Ok(true), "{who}");
    }
    approval.status()
}

#[test]
fn it_is_pending_at_once_and_owes_no_platform_anything() {
    let mut approval = running(&[(Mode::Any, &["a", "b"])]);
    assert_eq!((approval.status(), approval.owed()), (Status::Pending, vec![]));
    assert_eq!(turns(&approval), [(0, "a".into()), (0, "b".into())]);
    assert_eq!((approve(&mut approval, &["b"]), approval.owed()), (Status::Approved, vec![]));
    let tasks = &approval.view().stages[0].nodes[0].tasks;
    assert_eq!(tasks.iter().map(|task| task.status).collect::<Vec<_>>(), [TaskStatus::Skipped, TaskStatus::Approved]);
    assert_eq!(approval.decided_at(), Some(AT + 10));
}

#[test]
fn each_mode_asks_whom_it_asks_and_passes_when_it_has_passed() {
    let mut all = running(&[(Mode::All, &["a", "b"])]);
    assert_eq!(approve(&mut all, &["b"]), Status::Pending);
    assert_eq!((names(&all), approve(&mut all, &["a"])), (vec!["a".into()], Status::Approved));

    let mut sequential = running(&[(Mode::Sequential, &["a", "b", "c"])]);
    assert_eq!(act(&mut sequential, "b", decide(true), 1), Err(Refused::NotAssigned));
    assert_eq!((names(&sequential), approve(&mut sequential, &["a", "b"])), (vec!["a".into()], Status::Pending));
    assert_eq!((names(&sequential), approve(&mut sequential, &["c"])), (vec!["c".into()], Status::Approved));

    let mut some = running(&[(Mode::AtLeast(2), &["a", "b", "c"])]);
    act(&mut some, "a", decide(false), 1).unwrap();
    assert_eq!((approve(&mut some, &["b"]), approve(&mut some, &["c"])), (Status::Pending, Status::Approved));
    let mut too_few = running(&[(Mode::AtLeast(2), &["a", "b", "c"])]);
    act(&mut too_few, "a", decide(false), 1).unwrap();
    act(&mut too_few, "b", decide(false), 2).unwrap();
    assert_eq!(too_few.status(), Status::Rejected, "two of three can no more approve");
    assert_eq!(too_few.decided_at(), Some(AT + 1));
}

#[test]
fn a_repeated_decision_is_no_error_and_another_one_is() {
    let mut approval = running(&[(Mode::All, &["a", "b"]), (Mode::Any, &["c"])]);
    assert_eq!(act(&mut approval, "a", decide(true), 1), Ok(true));
    assert_eq!(act(&mut approval, "a", decide(true), 2), Ok(false));
    assert_eq!(act(&mut approval, "a", decide(false), 3), Err(Refused::DecidedOtherwise));
    assert_eq!(act(&mut approval, "x", decide(true), 4), Err(Refused::NotAssigned));
    assert_eq!(act(&mut approval, "c", decide(true), 4), Err(Refused::NotAssigned), "not yet");
    assert_eq!(approve(&mut approval, &["b", "c"]), Status::Approved);
    for (who, approves, expected) in [
        ("a", true, Ok(false)),
        ("a", false, Err(Refused::DecidedOtherwise)),
        ("x", true, Err(Refused::Ended)),
        ("asker", false, Err(Refused::Ended)),
    ] {
        assert_eq!(act(&mut approval, who, decide(approves), 99), expected, "{who}");
    }
}

#[test]
fn who_says_which_node_decides_no_other() {
    let mut approval = running(&[(Mode::Any, &["a"]), (Mode::Any, &["a"])]);
    let actor = Actor { person: person("a"), by: None };
    let at_node = |approval: &mut Approval, node: usize| {
        approval.act(&actor, decide(true), Some(Place { stage: 0, node }), AT + 5)
    };
    assert_eq!(at_node(&mut approval, 1), Err(Refused::NotAssigned));
    assert_eq!((at_node(&mut approval, 0), at_node(&mut approval, 0)), (Ok(true), Ok(false)));
    assert_eq!(turns(&approval), [(1, "a".into())], "the repeated call decided nothing else");
    assert_eq!((at_node(&mut approval, 1), approval.status()), (Ok(true), Status::Approved));
}

#[test]
fn a_task_that_is_handed_on_is_the_others_alone() {
    let mut approval = running(&[(Mode::All, &["a", "b"])]);
    for (who, refused) in [("a", Refused::Oneself), ("b", Refused::AskedAlready), ("asker", Refused::Applicant)] {
        assert_eq!(act(&mut approval, "a", to(who), 1), Err(refused), "{who}");
    }
    assert_eq!((act(&mut approval, "a", to("x"), 1), act(&mut approval, "a", to("x"), 2)), (Ok(true), Ok(false)));
    assert_eq!(act(&mut approval, "a", decide(true), 3), Err(Refused::NotAssigned));
    assert_eq!(names(&approval), ["x", "b"]);
    assert_eq!(act(&mut approval, "x", to("a"), 4), Err(Refused::Circle));
    assert_eq!(act(&mut approval, "x", to("y"), 5), Ok(true));
    assert_eq!(act(&mut approval, "y", to("a"), 6), Err(Refused::Circle), "a longer one too");
    for who in ["a", "x"] {
        assert_eq!(act(&mut approval, "b", to(who), 6), Err(Refused::AskedAlready), "{who} has had a say here");
    }
    assert_eq!(approve(&mut approval, &["y", "b"]), Status::Approved);
    let view = approval.view();
    let tasks: Vec<_> =
        view.stages[0].nodes[0].tasks.iter().map(|task| (task.assignee.name.clone().unwrap(), task.status)).collect();
    let expected = [
        ("A", TaskStatus::Transferred),
        ("X", TaskStatus::Transferred),
        ("Y", TaskStatus::Approved),
        ("B", TaskStatus::Approved),
    ];
    assert_eq!(tasks, expected.map(|(name, status)| (name.to_owned(), status)));
}

#[test]
fn who_is_added_before_is_asked_first_and_a_refusal_counts() {
    for mode in [Mode::Any, Mode::All, Mode::Sequential, Mode::AtLeast(1)] {
        let mut approval = running(&[(mode, &["a"])]);
        assert_eq!(act(&mut approval, "a", add("x", Position::Before), 1), Ok(true));
        assert_eq!(names(&approval), ["x"], "{mode:?}");
        assert_eq!(act(&mut approval, "a", decide(true), 2), Err(Refused::NotAssigned));
        let mut refused = approval.clone();
        act(&mut refused, "x", decide(false), 3).unwrap();
        assert_eq!(refused.status(), Status::Rejected, "{mode:?}");
        assert_eq!((approve(&mut approval, &["x"]), names(&approval)), (Status::Pending, vec!["a".to_owned()]));
        assert_eq!(approve(&mut approval, &["a"]), Status::Approved, "{mode:?}");
    }
}

#[test]
fn who_is_added_after_is_asked_once_the_other_has_approved() {
    for mode in [Mode::Any, Mode::All, Mode::Sequential, Mode::AtLeast(1)] {
        let mut approval = running(&[(mode, &["a"]), (Mode::Any, &["z"])]);
        assert_eq!(act(&mut approval, "a", add("x", Position::After), 1), Ok(true));
        assert_eq!(
            (names(&approval), act(&mut approval, "x", decide(true), 2)),
            (vec!["a".into()], Err(Refused::NotAssigned))
        );
        let mut refused = approval.clone();
        act(&mut refused, "a", decide(false), 3).unwrap();
        assert_eq!(refused.status(), Status::Rejected, "{mode:?}");
        approve(&mut approval, &["a"]);
        assert_eq!(turns(&approval), [(0, "x".into())], "{mode:?}");
        assert_eq!(approval.view().stages[0].nodes[0].status, NodeStatus::Pending);
        approve(&mut approval, &["x"]);
        assert_eq!(turns(&approval), [(1, "z".into())], "{mode:?}");
    }
}

#[test]
fn who_is_added_at_the_same_time_is_one_more_of_the_node() {
    let with = |mode: Mode, people: &[&str]| {
        let mut approval = running(&[(mode, people)]);
        assert_eq!(act(&mut approval, "a", add("x", Position::Parallel), 1), Ok(true));
        assert_eq!(act(&mut approval, "a", add("x", Position::Before), 2), Err(Refused::AskedAlready));
        approval
    };
    let mut any = with(Mode::Any, &["a"]);
    assert_eq!((names(&any), approve(&mut any, &["x"])), (vec!["a".into(), "x".into()], Status::Approved));
    let mut all = with(Mode::All, &["a", "b"]);
    assert_eq!(approve(&mut all, &["a", "b"]), Status::Pending);
    assert_eq!(approve(&mut all, &["x"]), Status::Approved);
    let mut two = with(Mode::AtLeast(2), &["a", "b"]);
    assert_eq!(approve(&mut two, &["x", "b"]), Status::Approved);
    let mut sequential = with(Mode::Sequential, &["a", "b"]);
    assert_eq!(names(&sequential), ["x", "a"], "both before the next");
    assert_eq!((approve(&mut sequential, &["a"]), names(&sequential)), (Status::Pending, vec!["x".into()]));
    approve(&mut sequential, &["x"]);
    assert_eq!((names(&sequential), approve(&mut sequential, &["b"])), (vec!["b".into()], Status::Approved));
}

#[test]
fn who_was_added_may_hand_it_on_and_add_others() {
    let mut approval = running(&[(Mode::Any, &["a"])]);
    act(&mut approval, "a", add("x", Position::Before), 1).unwrap();
    act(&mut approval, "x", to("y"), 2).unwrap();
    act(&mut approval, "y", add("z", Position::After), 3).unwrap();
    assert_eq!((approve(&mut approval, &["y"]), names(&approval)), (Status::Pending, vec!["z".to_owned()]));
    assert_eq!(approve(&mut approval, &["z", "a"]), Status::Approved);
}

#[test]
fn what_is_sent_back_is_asked_again_from_there() {
    let mut approval = running(&[(Mode::Any, &["a"]), (Mode::All, &["b", "c"]), (Mode::Any, &["d"])]);
    approve(&mut approval, &["a", "b", "c"]);
    let back = |node: usize| Act::Return { node, remark: Some("the amount is wrong".into()) };
    assert_eq!(act(&mut approval, "a", back(0), 20), Err(Refused::NotAssigned));
    assert_eq!(act(&mut approval, "d", back(2), 20), Err(Refused::NoSuchNode));
    assert_eq!(act(&mut approval, "d", back(1), 12), Ok(true), "in the moment of the last decision");
    assert_eq!(turns(&approval), [(1, "b".into()), (1, "c".into())]);
    let line = approval.view().history.into_iter().find(|line| line.action == Action::RolledBack).unwrap();
    assert_eq!((line.actor.unwrap().name.unwrap(), line.remark.unwrap()), ("D".into(), "the amount is wrong".into()));
    // In the same moment as the return: none of it is void.
    for who in ["b", "c", "d"] {
        assert_eq!(act(&mut approval, who, decide(true), 12), Ok(true), "{who}");
    }
    assert_eq!(approval.status(), Status::Approved);
}

#[test]
fn a_clock_that_is_behind_makes_a_return_void_nothing_less_and_one_that_is_ahead_is_kept() {
    let mut approval = running(&[(Mode::Any, &["a"]), (Mode::Any, &["b"])]);
    approve(&mut approval, &["a"]);
    assert_eq!(act(&mut approval, "b", Act::Return { node: 0, remark: None }, 3), Ok(true));
    assert_eq!(turns(&approval), [(0, "a".into())], "though the clock says that it was before the decision");
    assert_eq!(act(&mut approval, "a", decide(true), 500), Ok(true));
    assert_eq!(act(&mut approval, "b", decide(true), 600), Ok(true));
    assert_eq!(approval.decided_at(), Some(AT + 600));
    let decided = &approval.view().stages[0].nodes[0].tasks;
    assert_eq!(decided.iter().map(|task| task.decided_at).collect::<Vec<_>>(), [Some(AT + 500)]);
}

#[test]
fn those_whom_the_plan_names_count_too() {
    let names: Vec<String> = (0..MAX_SEATS).map(|n| format!("p{n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut approval = running(&[(Mode::All, &names)]);
    assert_eq!(act(&mut approval, "p0", add("more", Position::After), 1), Err(Refused::TooMany));
    let mut approval = running(&[(Mode::All, &names[1..])]);
    assert_eq!(act(&mut approval, "p1", add("more", Position::After), 1), Ok(true));
}

#[test]
fn a_remark_is_written_by_who_has_a_part_in_it_and_decides_nothing() {
    let mut approval = running(&[(Mode::Any, &["a"]), (Mode::Any, &["b"])]);
    for who in ["a", "b", "asker"] {
        assert_eq!(act(&mut approval, who, Act::Comment { text: format!("by {who}") }, 1), Ok(true));
    }
    assert_eq!(act(&mut approval, "x", Act::Comment { text: "who?".into() }, 2), Err(Refused::NotAssigned));
    assert_eq!(turns(&approval), [(0, "a".into())]);
    approve(&mut approval, &["a", "b"]);
    assert_eq!(act(&mut approval, "a", Act::Comment { text: "late".into() }, 50), Err(Refused::Ended));
}

#[test]
fn the_history_names_who_acted_in_whose_name_and_who_added_whom() {
    let mut approval = running(&[(Mode::Any, &["a"])]);
    let admin = Person { name: Some("key key_1".into()), ..Person::default() };
    let actor = Actor { person: person("a"), by: Some(admin.clone()) };
    assert_eq!(approval.act(&actor, add("x", Position::After), None, AT + 1), Ok(true));
    assert_eq!(approval.act(&actor, decide(true), None, AT + 2), Ok(true));
    approve(&mut approval, &["x"]);
    let history: Vec<_> = approval.view().history.into_iter().map(|line| (line.action, line.actor, line.by)).collect();
    assert_eq!(history[2], (Action::Countersigned, Some(person("x")), Some(person("a"))));
    assert_eq!(history[3], (Action::Approved, Some(person("a")), Some(admin)));
    assert_eq!(history[4], (Action::Approved, Some(person("x")), None));
}

#[test]
fn a_withdrawal_and_a_deadline_end_it_at_once() {
    let mut withdrawn = running(&[(Mode::Any, &["a"])]);
    let asked = Withdrawal { at: AT + 1, by: person("asker"), reason: None, force: false };
    assert!(withdrawn.ask_withdrawal(asked) && withdrawn.end_what_runs_nowhere(AT + 1));
    let mut expired = running(&[(Mode::Any, &["a"])]);
    expired.deadline = Some(Deadline::new(AT + 5, OnDeadline::Reject));
    assert!(expired.pass_deadline(AT + 5) && expired.end_what_runs_nowhere(AT + 5));
    for (mut approval, status) in [(withdrawn, Status::Withdrawn), (expired, Status::Rejected)] {
        approval.owe_cancels(AT + 9);
        assert_eq!((approval.status(), approval.owed()), (status, vec![]));
        assert_eq!(act(&mut approval, "a", decide(true), 9), Err(Refused::Ended));
    }
}

#[test]
fn a_stage_here_and_one_on_a_platform_follow_each_other() {
    let on_platform =
        || Stage::new("con_1".into(), "dingtalk".into(), DecidedBy::Platform, stage(&[(Mode::Any, &["p"])]).nodes);
    let mut approval = Approval::new(AT, person("asker"), vec![stage(&[(Mode::Any, &["a"])]), on_platform()], AT);
    assert!(approval.start_here(AT));
    approve(&mut approval, &["a"]);
    assert!(!approval.start_here(AT + 20) && approval.owed()[0].effect == Effect::Start { stage: 1 });
    assert_eq!(act(&mut approval, "p", decide(true), 21), Err(Refused::Elsewhere));
    let mut approval = Approval::new(AT, person("asker"), vec![on_platform(), stage(&[(Mode::Any, &["a"])])], AT);
    approval.started(0, "i".into(), None, AT);
    assert!(!approval.start_here(AT));
    assert_eq!(act(&mut approval, "a", decide(true), 1), Err(Refused::Elsewhere));
    approval.apply(0, Event::Finished { outcome: crate::approval::Outcome::Approved, at: AT + 2 });
    assert!(approval.start_here(AT + 3));
    assert_eq!(approve(&mut approval, &["a"]), Status::Approved);
}

#[test]
fn there_is_an_end_to_those_who_are_asked() {
    let mut approval = running(&[(Mode::All, &["a"])]);
    let asked = (0..100).take_while(|n| act(&mut approval, "a", add(&format!("x{n}"), Position::Parallel), 1).is_ok());
    assert_eq!(asked.count(), MAX_SEATS - 1);
    assert_eq!(act(&mut approval, "a", add("more", Position::Parallel), 1), Err(Refused::TooMany));
    assert_eq!(act(&mut approval, "a", to("more"), 1), Err(Refused::TooMany));
    assert_eq!(act(&mut approval, "a", decide(true), 2), Ok(true));
}

const PEOPLE: [&str; 6] = ["a", "b", "c", "x", "y", "z"];

fn acts() -> impl Strategy<Value = Act> {
    let who = || prop::sample::select(&PEOPLE[..]);
    let position = prop::sample::select(&[Position::Before, Position::After, Position::Parallel][..]);
    prop_oneof![
        4 => any::<bool>().prop_map(decide),
        4 => Just(decide(true)),
        2 => who().prop_map(to),
        2 => (who(), position).prop_map(|(who, position)| add(who, position)),
        1 => (0..3_usize).prop_map(|node| Act::Return { node, remark: None }),
        1 => Just(Act::Comment { text: "hm".into() }),
    ]
}

fn modes() -> impl Strategy<Value = Mode> {
    prop::sample::select(&[Mode::Any, Mode::All, Mode::Sequential, Mode::AtLeast(2)][..])
}

proptest! {
    /// Whoever does what in whatever order: only those decide whose turn it is, while it is open somebody's turn it is, an end
    /// stays, and a repeat changes nothing.
    #[test]
    fn whatever_people_do_it_is_somebodys_turn_or_it_has_ended(
        modes in prop::collection::vec(modes(), 1..3),
        deeds in prop::collection::vec((prop::sample::select(&PEOPLE[..]), acts(), 0..3_i64), 0..40),
    ) {
        let nodes: Vec<(Mode, &[&str])> = modes.into_iter().map(|mode| (mode, &["a", "b", "c"][..])).collect();
        let mut approval = running(&nodes);
        let mut at = 0;
        for (who, what, later) in deeds {
            at += later;
            let (before, turn) = (approval.clone(), names(&approval).iter().any(|name| name == who));
            let decides = matches!(what, Act::Decide { .. });
            let done = act(&mut approval, who, what.clone(), at);
            if !turn && !matches!(what, Act::Comment { .. }) {
                prop_assert_ne!(done, Ok(true), "{} had no turn in {:?}", who, before);
            }
            if turn && decides {
                prop_assert_eq!(done, Ok(true));
                prop_assert!(!names(&approval).iter().any(|name| name == who) || turns(&approval) != turns(&before));
            }
            let is_open = approval.closed.is_none();
            prop_assert_eq!(is_open, !approval.turns().is_empty(), "{:?}", approval);
            if let Some(closure) = &before.closed {
                prop_assert_eq!(Some(closure), approval.closed.as_ref());
            }
            let stored = serde_json::to_string(&approval).unwrap();
            let mut read: Approval = serde_json::from_str(&stored).unwrap();
            read.stages.iter_mut().for_each(|stage| stage.account_ids = approval.stages[0].account_ids);
            prop_assert_eq!(&read, &approval);
            prop_assert!(!matches!(approval.closed.as_ref().map(|closure| closure.how), Some(Closed::Failed)));
        }
        // Whoever is asked approves, until it has ended.
        for n in 0..200 {
            let Some(who) = names(&approval).into_iter().next() else { break };
            prop_assert!(n < 199 && act(&mut approval, &who, decide(true), at + n) == Ok(true));
        }
        prop_assert!(matches!(approval.status(), Status::Approved | Status::Rejected));
    }
}
