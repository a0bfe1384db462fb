//! What people see: stages, nodes, tasks, and the history.

use super::ends::two_stages;
use super::examples::{AT, decided_by, fact, finished, nodes, read, task, with};
use crate::approval::{
    Action, Approval, Closed, Closure, Comment, DecidedBy, Entry, Event, Learned, Mode, NodeStatus, Outcome, Person,
    Rollback, Snapshot, StageStatus, Status, TaskEnd, TaskFact, TaskOutcome, TaskStatus,
};

const APPROVED: TaskOutcome = TaskOutcome::Approved;
const REJECTED: TaskOutcome = TaskOutcome::Rejected;

fn comment(when: i64, account: &str) -> Event {
    Event::Commented(Comment { at: AT + when, account: account.into(), text: "hm".into() })
}

fn stages(approval: &Approval) -> Vec<StageStatus> {
    approval.view().stages.iter().map(|stage| stage.status).collect()
}

fn nodes_of(approval: &Approval, stage: usize) -> Vec<NodeStatus> {
    approval.view().stages[stage].nodes.iter().map(|node| node.status).collect()
}

fn plan_of_two() -> [(Mode, Vec<String>); 2] {
    [(Mode::Any, vec!["a".to_owned()]), (Mode::Any, vec!["b".to_owned()])]
}

#[test]
fn the_stages_that_are_to_come_wait_and_the_current_one_is_asked() {
    use NodeStatus::{Approved, Pending, Skipped, Waiting};
    let mut approval = two_stages(&plan_of_two());
    for stage in &mut approval.stages {
        stage.instance = None;
    }
    assert_eq!(
        (approval.status(), stages(&approval)),
        (Status::Starting, vec![StageStatus::Starting, StageStatus::Waiting])
    );
    assert_eq!(nodes_of(&approval, 1), [Waiting, Waiting]);
    approval.started(0, "i".into(), None, AT);
    assert_eq!(
        (approval.status(), stages(&approval)),
        (Status::Pending, vec![StageStatus::Pending, StageStatus::Waiting])
    );
    assert_eq!((nodes_of(&approval, 0), nodes_of(&approval, 1)), (vec![Pending, Waiting], vec![Waiting, Waiting]));
    let expired = |mut approval: Approval| {
        approval.close(Closure { how: Closed::Expired, at: Some(AT + 5), by: None, remark: None });
        approval
    };
    let ended = expired(approval.clone());
    assert_eq!(stages(&ended), [StageStatus::Skipped, StageStatus::Skipped]);
    assert_eq!((nodes_of(&ended, 0), nodes_of(&ended, 1)), (vec![Skipped, Skipped], vec![Skipped, Skipped]));
    approval.apply(0, finished(Outcome::Approved, 9));
    assert_eq!(stages(&approval), [StageStatus::Approved, StageStatus::Starting]);
    assert_eq!((nodes_of(&approval, 0), nodes_of(&approval, 1)), (vec![Approved, Approved], vec![Pending, Waiting]));
    assert_eq!(stages(&expired(approval.clone())), [StageStatus::Approved, StageStatus::Skipped]);
    approval.started(1, "j".into(), None, AT + 10);
    assert_eq!(stages(&approval), [StageStatus::Approved, StageStatus::Pending]);
    for (outcome, status) in [(Outcome::Rejected, StageStatus::Rejected), (Outcome::Withdrawn, StageStatus::Withdrawn)]
    {
        let mut ended = approval.clone();
        ended.apply(1, finished(outcome, 20));
        assert_eq!(stages(&ended), [StageStatus::Approved, status]);
    }
    approval.apply(1, finished(Outcome::Approved, 20));
    assert_eq!(stages(&approval), [StageStatus::Approved, StageStatus::Approved]);
    approval.apply(0, finished(Outcome::Revoked, 30));
    assert_eq!(stages(&approval), [StageStatus::Revoked, StageStatus::Approved]);
    assert_eq!(nodes_of(&approval, 0), [Approved, Approved], "it had passed");
}

#[test]
fn that_it_was_approved_stays_whatever_is_learned_of_before() {
    let mut approval = with(&[(Mode::Any, &["a"])]);
    approval.apply(0, finished(Outcome::Approved, 90_000));
    approval.apply(0, finished(Outcome::Rejected, 1));
    assert_eq!((approval.status(), stages(&approval)), (Status::Approved, vec![StageStatus::Approved]));
    let mut expired = with(&[(Mode::Any, &["a"])]);
    expired.close(Closure { how: Closed::Expired, at: Some(AT + 5), by: None, remark: None });
    expired.apply(0, finished(Outcome::Rejected, 9));
    assert_eq!((expired.status(), stages(&expired)), (Status::Expired, vec![StageStatus::Rejected]));
}

#[test]
fn who_decided_is_lacking_until_it_is_told() {
    let lacks = |approval: &Approval| approval.view().lacks_deciders();
    let approve = |approval: &mut Approval, id: &str, who: &str| {
        approval.apply(0, task(id, fact(who, 1, Some((APPROVED, 5)))));
    };
    for (mode, needed) in [(Mode::Any, 1), (Mode::All, 3), (Mode::Sequential, 3), (Mode::AtLeast(2), 2)] {
        let mut approval = with(&[(mode, &["a", "b", "c"])]);
        assert!(!lacks(&approval), "nothing is decided");
        approval.apply(0, finished(Outcome::Approved, 9));
        for (index, who) in ["a", "b", "c"].iter().enumerate().take(needed) {
            assert!(lacks(&approval), "{mode:?} with {index}");
            approve(&mut approval, who, who);
        }
        assert!(!lacks(&approval), "{mode:?}");
    }
    let mut rejected = with(&[(Mode::Any, &["a"]), (Mode::Any, &["b"])]);
    rejected.apply(0, Event::Started { at: AT });
    rejected.apply(0, finished(Outcome::Rejected, 9));
    assert!(lacks(&rejected), "at which node?");
    let refused = fact("a", 1, Some((REJECTED, 8)));
    rejected.apply(0, task("1", refused.clone()));
    assert!(lacks(&rejected), "a may have been handed a task of the other node");
    rejected.apply(0, read(&[("1", 0, refused)]));
    assert!(!lacks(&rejected));
    let mut withdrawn = with(&[(Mode::Any, &["a"])]);
    withdrawn.apply(0, finished(Outcome::Withdrawn, 9));
    assert!(!lacks(&withdrawn));
}

#[test]
fn whoever_was_not_needed_is_shown_as_left_out_once_it_is_known_who_was() {
    let mut approval = with(&[(Mode::Any, &["a"]), (Mode::Any, &["b", "c"])]);
    approval.apply(0, finished(Outcome::Approved, 9));
    approval.apply(0, read(&[("2", 1, fact("c", 5, Some((APPROVED, 8))))]));
    let statuses = |node: usize| -> Vec<TaskStatus> {
        approval.view().stages[0].nodes[node].tasks.iter().map(|task| task.status).collect()
    };
    assert_eq!(
        (statuses(0), statuses(1)),
        (vec![TaskStatus::Pending], vec![TaskStatus::Skipped, TaskStatus::Approved])
    );
    let mut rejected = with(&[(Mode::Any, &["a"]), (Mode::Any, &["b"])]);
    rejected.apply(0, finished(Outcome::Rejected, 9));
    let tasks = rejected.view().stages[0].nodes.iter().map(|node| node.tasks[0].status).collect::<Vec<_>>();
    assert_eq!(tasks, [TaskStatus::Skipped, TaskStatus::Skipped]);
}

/// A line of the history in short: who, what, when, at which node, what they wrote, and whether it came after the end.
type Short<'a> = (&'a str, Action, i64, Option<&'a str>, Option<&'a str>, bool);

fn short(line: &Entry) -> Short<'_> {
    let who = line.actor.as_ref().and_then(|actor| actor.account.as_deref()).unwrap_or_default();
    (who, line.action, line.at - AT, line.node.as_deref(), line.remark.as_deref(), line.after_end)
}

#[test]
fn a_line_says_who_did_what_when_and_where() {
    let mut approval = with(&[(Mode::All, &["a"]), (Mode::All, &["b"])]);
    let end = |outcome, at, remark: &str, to: Option<&str>| {
        Some(TaskEnd { outcome, at: AT + at, remark: Some(remark.into()), to: to.map(str::to_owned) })
    };
    let approved = TaskFact { end: end(APPROVED, 10, "fine", None), ..fact("a", 1, None) };
    let handed_on = TaskFact { end: end(TaskOutcome::Transferred, 20, "you", Some("c")), ..fact("b", 11, None) };
    approval.apply(0, Event::Started { at: AT });
    approval.apply(0, comment(5, "w"));
    approval.apply(0, read(&[("1", 0, approved), ("2", 1, handed_on), ("3", 1, fact("x", 15, None))]));
    approval.apply(0, Event::RolledBack(Rollback::new(1, AT + 30)));
    let view = approval.view();
    let lines: Vec<Short<'_>> = view.history.iter().skip(1).map(short).collect();
    let expected = [
        ("", Action::Started, 0, None, None, false),
        ("w", Action::Commented, 5, None, Some("hm"), false),
        ("a", Action::Approved, 10, Some("n0"), Some("fine"), false),
        ("x", Action::Countersigned, 15, Some("n1"), None, false),
        ("b", Action::Transferred, 20, Some("n1"), Some("you"), false),
        ("", Action::RolledBack, 30, Some("n1"), None, false),
    ];
    assert_eq!(lines, expected);
}

#[test]
fn only_who_was_added_to_named_approvers_and_was_read_is_shown_as_added() {
    let added = |approval: &Approval| {
        let history = approval.view().history.into_iter();
        let lines = history.filter(|line| line.action == Action::Countersigned);
        lines.filter_map(|line| line.actor?.account).collect::<Vec<_>>()
    };
    let at = |node, fact| TaskFact { node: Some(node), ..fact };
    let mut approval = with(&[(Mode::All, &["a"])]);
    approval.apply(0, task("2", at(0, fact("x", 5, None))));
    assert_eq!(added(&approval), [""; 0], "x may have been handed a's task");
    approval.apply(0, read(&[("1", 0, fact("a", 1, None)), ("2", 0, fact("x", 5, None))]));
    assert_eq!(added(&approval), ["x"]);
    let handed_on = TaskEnd { outcome: TaskOutcome::Transferred, at: AT + 3, remark: None, to: Some("x".into()) };
    approval.apply(0, task("1", TaskFact { end: Some(handed_on), ..fact("a", 1, None) }));
    assert_eq!(added(&approval), ["x"], "what was shown is never left out again");
    let mut outside = decided_by(DecidedBy::NodesAndPlatform, &[(Mode::Any, &[])]);
    outside.apply(0, read(&[("1", 0, fact("y", 1, None))]));
    assert_eq!(added(&outside), [""; 0], "an outside OA decides who is asked");
}

#[test]
fn what_was_undone_by_a_return_still_says_at_which_node_it_was() {
    let mut approval = with(&[(Mode::Any, &["a"]), (Mode::Any, &["b"])]);
    approval.apply(0, read(&[("1", 1, fact("b", 1, Some((APPROVED, 5))))]));
    approval.apply(0, Event::RolledBack(Rollback::new(0, AT + 9)));
    let view = approval.view();
    assert_eq!(short(&view.history[1]), ("b", Action::Approved, 5, Some("n1"), None, false));
}

#[test]
fn what_comes_a_minute_after_the_end_or_contradicts_it_came_after_it() {
    let late = |approval: &Approval| {
        let last = approval.view().history.pop().unwrap();
        (last.action, last.after_end)
    };
    let ended = |outcome| {
        let mut approval = with(&[(Mode::All, &["a", "b"])]);
        approval.apply(0, finished(outcome, 100_000));
        approval
    };
    for (when, after_end) in [(100_000, false), (159_999, false), (160_000, true)] {
        let mut approval = ended(Outcome::Approved);
        approval.apply(0, comment(when, "b"));
        assert_eq!(late(&approval), (Action::Commented, after_end), "{when}");
    }
    let mut approved = ended(Outcome::Approved);
    approved.apply(0, task("1", fact("a", 1, Some((APPROVED, 90_000)))));
    assert_eq!(late(&approved), (Action::Approved, false), "who decided is told a moment later");
    approved.apply(0, task("2", fact("b", 1, Some((REJECTED, 90_000)))));
    assert_eq!(late(&approved), (Action::Rejected, true));
    let mut rejected = ended(Outcome::Rejected);
    rejected.apply(0, task("1", fact("a", 1, Some((REJECTED, 90_000)))));
    assert_eq!(late(&rejected), (Action::Rejected, false));
    rejected.apply(0, task("2", fact("b", 1, Some((APPROVED, 90_000)))));
    assert_eq!(late(&rejected), (Action::Approved, true));
    let mut revoked = ended(Outcome::Approved);
    revoked.apply(0, finished(Outcome::Revoked, 900_000));
    revoked.apply(0, task("1", fact("a", 1, Some((APPROVED, 90_000)))));
    let view = revoked.view();
    let lines: Vec<_> = view.history.iter().skip(1).map(|line| (line.action, line.after_end)).collect();
    assert_eq!(lines, [(Action::Revoked, false), (Action::Approved, false)]);
}

#[test]
fn of_an_approval_that_an_earlier_version_stored_only_what_comes_now_came_after_the_end() {
    let mut approval = with(&[(Mode::Any, &["a"])]);
    approval.apply(0, finished(Outcome::Approved, 10));
    approval.apply(0, comment(900_000, "b"));
    approval.learned = Learned::default();
    let stored = approval.clone();
    assert!(!approval.apply(1, comment(1_000_000, "c")), "there is no such stage");
    assert_eq!(approval, stored);
    approval.apply(0, comment(1_000_000, "c"));
    let view = approval.view();
    let lines: Vec<_> = view.history.iter().skip(1).map(|line| (line.at - AT, line.after_end)).collect();
    assert_eq!(lines, [(900_000, false), (1_000_000, true)]);
}

#[test]
fn a_form_that_is_gone_is_told_once_and_as_the_end_only_where_it_ended_it() {
    let actions = |approval: &Approval| -> Vec<(Action, bool)> {
        approval.view().history.iter().skip(1).map(|line| (line.action, line.after_end)).collect()
    };
    let mut withdrawn = with(&[(Mode::Any, &["a"])]);
    withdrawn.apply(0, finished(Outcome::Withdrawn, 10));
    assert_eq!(actions(&withdrawn), [(Action::Withdrawn, false)]);
    let mut deleted = two_stages(&plan_of_two());
    deleted.apply(0, finished(Outcome::Approved, 10));
    deleted.apply(0, finished(Outcome::Withdrawn, 90_000));
    assert_eq!((deleted.status(), actions(&deleted)), (Status::Pending, vec![(Action::Withdrawn, true)]));
    deleted.apply(0, finished(Outcome::Withdrawn, 5));
    assert_eq!(actions(&deleted)[0], (Action::Withdrawn, true), "what was shown stays");
}

#[test]
fn the_end_is_told_after_what_became_known_together_with_it() {
    let mut approval = with(&[(Mode::Any, &["a"])]);
    let said = Comment { at: AT + 20, account: "b".into(), text: "why?".into() };
    let outcome = Some((Outcome::Withdrawn, AT + 10));
    approval.apply(0, Event::Snapshot(Snapshot { comments: vec![said], outcome, ..Snapshot::default() }));
    let lines: Vec<_> = approval.view().history.iter().skip(1).map(|line| (line.action, line.at - AT)).collect();
    assert_eq!(lines, [(Action::Commented, 20), (Action::Withdrawn, 10)]);
}

#[test]
fn an_end_that_we_made_is_told_by_whom_and_why() {
    let by = Person { member: Some("mem_1".into()), ..Person::default() };
    for (how, action) in [
        (Closed::Approved, Action::Approved),
        (Closed::Rejected, Action::Rejected),
        (Closed::Withdrawn, Action::Withdrawn),
        (Closed::Expired, Action::Expired),
        (Closed::Failed, Action::Failed),
    ] {
        let mut approval = with(&[(Mode::Any, &["a"])]);
        approval.close(Closure { how, at: Some(AT + 5), by: Some(by.clone()), remark: Some("why".into()) });
        let last = approval.view().history.pop().unwrap();
        assert_eq!((last.action, last.at, last.actor.as_ref()), (action, AT + 5, Some(&by)));
        assert_eq!((last.remark.as_deref(), last.after_end, last.node), (Some("why"), false, None));
    }
}

#[test]
fn what_happened_before_the_start_was_known_is_told_after_it() {
    let mut approval = two_stages(&plan_of_two());
    approval.apply(0, Event::Started { at: AT + 50 });
    approval.apply(0, comment(20, "a"));
    approval.apply(1, Event::Started { at: AT + 60 });
    let lines: Vec<_> = approval.view().history.iter().skip(1).map(|line| (line.action, line.at - AT)).collect();
    assert_eq!(lines, [(Action::Started, 20), (Action::Commented, 20), (Action::Started, 60)]);
    assert_eq!(nodes(&approval)[0], NodeStatus::Pending);
}
