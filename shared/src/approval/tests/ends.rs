//! Which decision counts, and when it was made, where several were.

use super::examples::{AT, decided_by, fact, finished, nodes, read, task, with};
use super::platform::stage;
use crate::approval::{Approval, DecidedBy, Mode, NodeStatus, Outcome, Person, Stage, Status, TaskFact, TaskOutcome};

const APPROVED: TaskOutcome = TaskOutcome::Approved;
const REJECTED: TaskOutcome = TaskOutcome::Rejected;

/// What nodes that decide alone come to when all of this is learned at once: task, account, node, and how it ended when.
fn learned_at_once(plan: &[(Mode, &[&str])], tasks: &[(&str, u8, TaskOutcome, i64)]) -> Approval {
    let ids: Vec<String> = (0..tasks.len()).map(|index| index.to_string()).collect();
    let told = ids.iter().zip(tasks);
    let told: Vec<_> =
        told.map(|(id, (who, node, how, at))| (id.as_str(), *node, fact(who, 1, Some((*how, *at))))).collect();
    let mut approval = decided_by(DecidedBy::Nodes, plan);
    approval.apply(0, read(&told));
    approval
}

#[test]
fn of_an_approval_and_a_rejection_in_an_any_node_the_first_decides_and_at_the_same_time_the_rejection() {
    for (approved, rejected, status) in [(5, 9, Status::Approved), (9, 5, Status::Rejected), (5, 5, Status::Rejected)] {
        for plan in [["a", "b"], ["b", "a"]] {
            let tasks = [("a", 0, APPROVED, approved), ("b", 0, REJECTED, rejected)];
            let approval = learned_at_once(&[(Mode::Any, &plan)], &tasks);
            assert_eq!(approval.status(), status, "{approved} and {rejected}");
        }
    }
}

#[test]
fn a_node_has_passed_when_the_last_approval_that_it_needed_came() {
    for (mode, at) in [
        (Mode::Any, 3),
        (Mode::All, 9),
        (Mode::Sequential, 9),
        (Mode::AtLeast(0), 3),
        (Mode::AtLeast(1), 3),
        (Mode::AtLeast(2), 5),
        (Mode::AtLeast(3), 9),
    ] {
        let tasks = [("a", 0, APPROVED, 9), ("b", 0, APPROVED, 3), ("c", 0, APPROVED, 5)];
        let approval = learned_at_once(&[(mode, &["a", "b", "c"])], &tasks);
        assert_eq!((approval.status(), approval.decided_at()), (Status::Approved, Some(AT + at)), "{mode:?}");
    }
    let tasks = [("a", 0, APPROVED, 3), ("b", 1, APPROVED, 8)];
    let approval = learned_at_once(&[(Mode::Any, &["a"]), (Mode::Any, &["b"])], &tasks);
    assert_eq!(approval.decided_at(), Some(AT + 8), "the last node");
}

#[test]
fn a_stage_was_rejected_when_the_first_of_its_people_did() {
    let tasks = [("a", 0, APPROVED, 3), ("b", 0, REJECTED, 9), ("c", 0, REJECTED, 6)];
    let approval = learned_at_once(&[(Mode::All, &["a", "b", "c"])], &tasks);
    assert_eq!((approval.status(), approval.decided_at()), (Status::Rejected, Some(AT + 6)));
}

#[test]
fn a_node_that_nobody_is_asked_at_has_not_passed() {
    for mode in [Mode::Any, Mode::All, Mode::Sequential, Mode::AtLeast(0)] {
        let approval = learned_at_once(&[(mode, &[])], &[]);
        assert_eq!((approval.status(), nodes(&approval)[0]), (Status::Pending, NodeStatus::Pending), "{mode:?}");
    }
    let mut without_nodes = Stage::new("con_1".into(), "test".into(), DecidedBy::Nodes, Vec::new());
    without_nodes.instance = Some("i".into());
    let mut approval = Approval::new(AT, Person::default(), vec![without_nodes], 0);
    approval.apply(0, crate::approval::Event::Started { at: AT });
    assert_eq!(approval.status(), Status::Pending);
}

#[test]
fn everybody_of_an_all_node_must_approve_and_one_rejects_it() {
    let all: [(Mode, &[&str]); 1] = [(Mode::All, &["a", "b"])];
    assert_eq!(learned_at_once(&all, &[("a", 0, APPROVED, 3)]).status(), Status::Pending);
    assert_eq!(learned_at_once(&all, &[("a", 0, APPROVED, 3), ("b", 0, REJECTED, 4)]).status(), Status::Rejected);
    assert_eq!(learned_at_once(&all, &[("a", 0, APPROVED, 3), ("b", 0, APPROVED, 4)]).status(), Status::Approved);
}

#[test]
fn a_platforms_rejection_ends_a_node_where_it_is_known_to_be_of_it_and_to_end_it() {
    let refused = fact("a", 1, Some((REJECTED, 5)));
    let mut one = with(&[(Mode::All, &["a", "b"])]);
    one.apply(0, task("1", refused.clone()));
    assert_eq!(one.status(), Status::Rejected, "there is only one node");
    assert!(!one.has_supposed_nodes(), "a reading would tell no more");

    let mut of_two = with(&[(Mode::Any, &["a"]), (Mode::Any, &["b"])]);
    of_two.apply(0, task("1", refused.clone()));
    assert_eq!((of_two.status(), nodes(&of_two)[0]), (Status::Pending, NodeStatus::Pending));
    assert!(of_two.has_supposed_nodes() && of_two.stage_to_read() == Some(0));
    of_two.apply(0, read(&[("1", 0, refused.clone())]));
    assert_eq!((of_two.status(), nodes(&of_two)[0]), (Status::Rejected, NodeStatus::Rejected));

    let mut at_least = with(&[(Mode::AtLeast(1), &["a", "b"])]);
    at_least.apply(0, task("1", refused));
    assert_eq!(at_least.status(), Status::Pending, "another may still approve");
    at_least.apply(0, task("2", fact("b", 1, Some((APPROVED, 6)))));
    at_least.apply(0, finished(Outcome::Approved, 7));
    assert_eq!(at_least.status(), Status::Approved);
}

/// Two stages, of which the second runs as well.
pub(super) fn two_stages(plan: &[(Mode, Vec<String>)]) -> Approval {
    let stages = vec![stage(plan, DecidedBy::Platform), stage(plan, DecidedBy::Platform)];
    Approval::new(AT, Person::default(), stages, 0)
}

#[test]
fn an_approval_ended_when_the_stage_that_ended_it_did() {
    let plan = [(Mode::AtLeast(1), vec!["a".to_owned(), "b".to_owned()])];
    let mut rejected = two_stages(&plan);
    rejected.apply(0, task("1", TaskFact { node: Some(0), ..fact("a", 1, Some((REJECTED, 3))) }));
    rejected.apply(0, finished(Outcome::Approved, 10));
    rejected.apply(1, finished(Outcome::Rejected, 20));
    assert_eq!((rejected.status(), rejected.decided_at()), (Status::Rejected, Some(AT + 20)));

    let mut withdrawn = two_stages(&plan);
    withdrawn.apply(0, finished(Outcome::Approved, 10));
    withdrawn.apply(0, finished(Outcome::Withdrawn, 90_000));
    withdrawn.apply(1, finished(Outcome::Withdrawn, 200_000));
    assert_eq!((withdrawn.status(), withdrawn.decided_at()), (Status::Withdrawn, Some(AT + 200_000)));

    let mut approved = two_stages(&plan);
    approved.apply(1, finished(Outcome::Approved, 15));
    assert_eq!((approved.status(), approved.current_stage()), (Status::Pending, Some(0)));
    approved.apply(0, finished(Outcome::Approved, 10));
    assert_eq!((approved.status(), approved.decided_at()), (Status::Approved, Some(AT + 15)));
    approved.apply(1, finished(Outcome::Revoked, 30));
    approved.apply(0, finished(Outcome::Revoked, 40));
    assert_eq!((approved.status(), approved.decided_at()), (Status::Revoked, Some(AT + 30)));
}
