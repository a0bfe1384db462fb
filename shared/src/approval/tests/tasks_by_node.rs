//! Which node and which seat a task belongs to, and what a return to an earlier node undoes.

use super::examples::{AT, fact, finished, nodes, read, task, with};
use crate::approval::{
    Added, Approval, DecidedBy, Event, Mode, NodeStatus, Outcome, Position, Rollback, TaskEnd, TaskFact, TaskOutcome,
    TaskStatus,
};

const APPROVED: TaskOutcome = TaskOutcome::Approved;

fn at(node: u8, fact: TaskFact) -> TaskFact {
    TaskFact { node: Some(node), ..fact }
}

/// Accounts and statuses of the tasks that a node shows.
fn tasks_of(approval: &Approval, node: usize) -> Vec<(String, TaskStatus)> {
    let view = approval.view();
    let tasks = view.stages[0].nodes[node].tasks.iter();
    tasks.map(|task| (task.assignee.account.clone().unwrap_or_default(), task.status)).collect()
}

fn shown(account: &str, status: TaskStatus) -> (String, TaskStatus) {
    (account.to_owned(), status)
}

fn back(to_node: u8, when: i64) -> Event {
    Event::RolledBack(Rollback::new(to_node, AT + when))
}

#[test]
fn nodes_that_no_platform_has_are_not_believed() {
    let mut approval = with(&[(Mode::Any, &["a"])]);
    approval.apply(0, task("1", at(64, fact("a", 1, None))));
    approval.apply(0, task("2", at(255, fact("b", 1, None))));
    assert_eq!(nodes(&approval), [NodeStatus::Pending], "a is asked where the plan says");
    approval.apply(0, task("3", at(63, fact("c", 1, None))));
    let view = approval.view();
    assert_eq!(view.stages[0].nodes.len(), 64);
    assert_eq!((view.stages[0].nodes[63].name.as_str(), view.stages[0].nodes[63].mode), ("Node 64", Mode::Any));
}

#[test]
fn a_planned_approver_has_a_say_however_their_task_came_about() {
    let mut approval = with(&[(Mode::AtLeast(2), &["a", "b"])]);
    approval.stages[0].decided_by = DecidedBy::Nodes;
    let added = Added { beside: "9".into(), position: Position::Before, by: "x".into(), remark: None };
    approval.apply(0, task("1", TaskFact { added: Some(Box::new(added)), ..fact("a", 1, None) }));
    assert_eq!(nodes(&approval), [NodeStatus::Pending], "nobody has refused");
    assert!(approval.closed.is_none());
}

#[test]
fn somebody_of_two_nodes_is_asked_at_the_one_that_is_not_told_of_another_task() {
    let mut approval = with(&[(Mode::Any, &["a"]), (Mode::Any, &["a"])]);
    approval.apply(0, task("2", fact("a", 9, None)));
    approval.apply(0, task("1", at(0, fact("a", 1, Some((APPROVED, 5))))));
    assert_eq!(tasks_of(&approval, 0), [shown("a", TaskStatus::Approved)]);
    let tasks = approval.view().stages[0].nodes[1].tasks.clone();
    assert_eq!((tasks.len(), tasks[0].status), (1, TaskStatus::Pending));
    assert_eq!(nodes(&approval), [NodeStatus::Pending, NodeStatus::Waiting], "that it began there is only supposed");
    assert_eq!(approval.stage_to_read(), Some(0));
}

#[test]
fn a_task_that_is_handed_on_goes_to_whom_it_was_named_to_and_not_to_one_who_had_his_before() {
    let handed_on = |to: Option<&str>, when: i64| {
        let end = TaskEnd { outcome: TaskOutcome::Transferred, at: AT + when, remark: None, to: to.map(str::to_owned) };
        at(0, TaskFact { end: Some(end), ..fact("a", 1, None) })
    };
    let seats = |first: TaskFact, others: &[(&str, i64)]| {
        let mut approval = with(&[(Mode::All, &["a"])]);
        approval.apply(0, task("1", first));
        for (index, (who, opened)) in others.iter().enumerate() {
            let told = TaskFact { read: true, ..at(0, fact(who, *opened, None)) };
            approval.apply(0, task(&format!("2{index}"), told));
        }
        (tasks_of(&approval, 0).into_iter().map(|(who, _)| who).collect::<Vec<_>>(), approval.stage_to_read())
    };
    // AT is 20 s after the full minute: 70 s later it is the second minute, which begins at 40 s.
    assert_eq!(seats(handed_on(None, 70_000), &[("c", 40_000)]).1, None, "a reading cuts times to the minute");
    assert_eq!(seats(handed_on(None, 70_000), &[("c", 39_999)]).1, Some(0), "c was asked before");
    let (order, lost) = seats(handed_on(Some("d"), 70_000), &[("c", 80_000), ("d", 90_000)]);
    assert_eq!((order, lost), (vec!["a".to_owned(), "d".to_owned(), "c".to_owned()], None));
    assert_eq!(seats(handed_on(Some("d"), 70_000), &[("c", 80_000)]).1, Some(0), "d is to be heard of");
}

#[test]
fn a_task_of_nobody_planned_is_in_the_node_from_which_it_was_handed_on() {
    let to = |who: &str, from: &str, opened: i64, at: i64| TaskFact {
        end: Some(TaskEnd { outcome: TaskOutcome::Transferred, at: AT + at, remark: None, to: Some(who.into()) }),
        ..fact(from, opened, None)
    };
    let mut approval = with(&[(Mode::Any, &["a"]), (Mode::Any, &["b"])]);
    approval.apply(0, task("3", fact("y", 7, Some((APPROVED, 9)))));
    approval.apply(0, task("2", to("y", "x", 5, 7)));
    assert_eq!(approval.stage_to_read(), Some(0), "nobody knows where they are");
    approval.apply(0, task("1", to("x", "a", 1, 5)));
    let seat =
        [shown("a", TaskStatus::Transferred), shown("x", TaskStatus::Transferred), shown("y", TaskStatus::Approved)];
    assert_eq!(tasks_of(&approval, 0), seat);
    assert_eq!(approval.stage_to_read(), None);
}

#[test]
fn a_return_undoes_what_was_given_out_before_it_and_nothing_later() {
    for (opened, ended, is_undone) in [
        (1, Some(5), true),
        (99, None, true),
        (99, Some(200), true),
        (100, Some(100), true),
        (100, Some(101), false),
        (100, None, false),
        (101, Some(102), false),
    ] {
        let mut approval = with(&[(Mode::Any, &["a"]), (Mode::Any, &["b"])]);
        approval.apply(0, back(0, 100));
        let told = fact("a", opened, ended.map(|at| (APPROVED, at)));
        approval.apply(0, task("1", at(0, told.clone())));
        let task = approval.view().stages[0].nodes[0].tasks[0].clone();
        let expected = ended.filter(|_| !is_undone).map(|at| AT + at);
        assert_eq!(task.decided_at, expected, "{opened} {ended:?}");
        // Before the node that is asked again nothing is undone.
        let mut later = with(&[(Mode::Any, &["a"]), (Mode::Any, &["b"])]);
        later.apply(0, back(1, 100));
        later.apply(0, read(&[("1", 0, told)]));
        assert_eq!(later.view().stages[0].nodes[0].tasks[0].decided_at, ended.map(|at| AT + at));
    }
    let mut timeless = with(&[(Mode::Any, &["a"]), (Mode::Any, &["b"])]);
    timeless.apply(0, back(0, 100));
    timeless.apply(0, task("1", TaskFact { node: Some(1), assignee: "b".into(), ..TaskFact::default() }));
    assert_eq!(nodes(&timeless), [NodeStatus::Approved, NodeStatus::Pending], "of what has no time nobody knows");
}

#[test]
fn how_far_a_stage_came_is_what_the_platform_says_and_a_return_does_not_take_it_back() {
    let mut approval = with(&[(Mode::Any, &["a"]), (Mode::Any, &["b"]), (Mode::Any, &["c"])]);
    assert_eq!(approval.stages[0].furthest_node(), None);
    approval.apply(0, task("3", fact("c", 50, None)));
    assert_eq!(approval.stages[0].furthest_node(), None, "c may have been handed it");
    approval.apply(0, task("1", at(0, fact("a", 1, Some((APPROVED, 5))))));
    assert_eq!(approval.stages[0].furthest_node(), Some(0));
    approval.apply(0, task("2", at(1, fact("b", 6, Some((APPROVED, 9))))));
    approval.apply(0, back(0, 100));
    assert_eq!(approval.stages[0].furthest_node(), Some(1));
}

#[test]
fn a_node_had_passed_before_a_return_if_all_that_tells_so_was_undone_by_it() {
    let returned = |to_node: u8, when: i64| {
        let mut approval = with(&[(Mode::Any, &["a"]), (Mode::Any, &["b"]), (Mode::Any, &["c"])]);
        for (index, who) in ["a", "b", "c"].iter().enumerate() {
            let opened = 10 * i64::try_from(index).unwrap() + 1;
            let told = at(u8::try_from(index).unwrap(), fact(who, opened, None));
            approval.apply(0, task(&index.to_string(), told));
        }
        approval.apply(0, back(to_node, when));
        [0, 1, 2].map(|node| approval.stages[0].passed_before_return(node))
    };
    assert_eq!(returned(0, 100), [true, true, false]);
    assert_eq!(returned(1, 100), [true, true, false]);
    assert_eq!(returned(2, 100), [false, true, false], "that the first one passed is told by the second");
    assert_eq!(returned(0, 15), [true, false, false], "the third had not been asked by then");
    assert_eq!(returned(0, 5), [false, false, false]);
    let untouched = with(&[(Mode::Any, &["a"])]);
    assert!(!untouched.stages[0].passed_before_return(0));
}

#[test]
fn whoever_was_read_without_a_node_is_known_as_far_as_the_platform_tells() {
    let mut approval = with(&[(Mode::Any, &["a"]), (Mode::Any, &["b"])]);
    approval.apply(0, task("1", fact("x", 1, None)));
    assert_eq!((approval.stage_to_read(), approval.has_supposed_nodes()), (Some(0), true));
    approval.apply(0, task("1", TaskFact { read: true, ..fact("x", 1, None) }));
    assert_eq!((approval.stage_to_read(), approval.has_supposed_nodes()), (None, false));
    approval.apply(0, task("1", fact("x", 1, None)));
    assert_eq!(approval.stage_to_read(), None, "a repeated event does not make that undone");
    approval.apply(0, finished(Outcome::Approved, 9));
    assert!(!approval.has_supposed_nodes());
}

#[test]
fn a_lost_task_wants_a_reading_though_no_node_is_supposed() {
    let mut approval = with(&[(Mode::All, &["a", "b"])]);
    approval.apply(0, task("1", fact("a", 1, Some((TaskOutcome::Transferred, 5)))));
    assert_eq!((approval.stage_to_read(), approval.has_supposed_nodes()), (Some(0), false));
}
