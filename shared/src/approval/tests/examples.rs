//! Single cases, among them those that others fell into.

use super::platform::stage;
use crate::approval::{
    AccountIds, Action, Approval, Closed, Closure, Comment, DecidedBy, Event, Mode, NodeStatus, Outcome, Person,
    Snapshot, Status, TaskEnd, TaskFact, TaskOutcome, TaskStatus, Withdrawal,
};

pub(super) const AT: i64 = 1_790_000_000_000;

pub(super) fn with(plan: &[(Mode, &[&str])]) -> Approval {
    decided_by(DecidedBy::Platform, plan)
}

pub(super) fn decided_by(decided_by: DecidedBy, plan: &[(Mode, &[&str])]) -> Approval {
    let plan: Vec<(Mode, Vec<String>)> =
        plan.iter().map(|(mode, people)| (*mode, people.iter().map(|p| (*p).to_owned()).collect())).collect();
    Approval::new(AT, Person::default(), vec![stage(&plan, decided_by)], 0)
}

pub(super) fn fact(assignee: &str, opened: i64, end: Option<(TaskOutcome, i64)>) -> TaskFact {
    let end = end.map(|(outcome, at)| TaskEnd { outcome, at: AT + at, remark: None, to: None });
    TaskFact { assignee: assignee.into(), opened_at: Some(AT + opened), end, ..TaskFact::default() }
}

pub(super) fn task(id: &str, fact: TaskFact) -> Event {
    Event::Task { task: id.into(), fact }
}

pub(super) fn finished(outcome: Outcome, at: i64) -> Event {
    Event::Finished { outcome, at: AT + at }
}

pub(super) fn nodes(approval: &Approval) -> Vec<NodeStatus> {
    approval.view().stages[0].nodes.iter().map(|node| node.status).collect()
}

#[test]
fn the_losers_of_an_any_node_are_skipped_and_decide_nothing() {
    let mut approval = with(&[(Mode::Any, &["a", "b"])]);
    assert!(approval.apply(0, task("2", fact("b", 1, Some((TaskOutcome::Skipped, 9))))));
    assert_eq!(nodes(&approval), [NodeStatus::Pending]);
    assert!(approval.apply(0, task("1", fact("a", 1, Some((TaskOutcome::Approved, 9))))));
    assert_eq!(nodes(&approval), [NodeStatus::Pending], "somebody may have been added: the platform's word passes it");
    assert_eq!(approval.status(), Status::Pending);
    approval.apply(0, finished(Outcome::Approved, 10));
    let view = approval.view();
    assert_eq!(view.status, Status::Approved);
    assert_eq!(view.decided_at, Some(AT + 10));
    let tasks: Vec<TaskStatus> = view.stages[0].nodes[0].tasks.iter().map(|task| task.status).collect();
    assert_eq!(tasks, [TaskStatus::Approved, TaskStatus::Skipped]);
}

#[test]
fn an_instance_may_end_before_its_last_task() {
    let mut approval = with(&[(Mode::Any, &["a"])]);
    approval.apply(0, finished(Outcome::Approved, 390));
    assert_eq!(approval.status(), Status::Approved);
    let early = approval.view();
    assert_eq!(early.stages[0].nodes[0].tasks[0].status, TaskStatus::Pending, "nobody was skipped, as far as we know");
    assert!(early.lacks_deciders());
    assert!(approval.apply(0, task("1", fact("a", 1, Some((TaskOutcome::Approved, 427))))));
    let view = approval.view();
    assert!(!view.lacks_deciders());
    assert_eq!(view.decided_at, Some(AT + 390));
    assert_eq!(view.stages[0].nodes[0].tasks[0].decided_at, Some(AT + 427));
}

#[test]
fn an_instance_may_end_before_the_last_of_several_is_told() {
    let mut approval = with(&[(Mode::All, &["a", "b"])]);
    approval.apply(0, task("1", fact("a", 1, Some((TaskOutcome::Approved, 300)))));
    approval.apply(0, finished(Outcome::Approved, 390));
    assert!(approval.view().lacks_deciders(), "b had to approve too");
    approval.apply(0, task("2", fact("b", 1, Some((TaskOutcome::Approved, 389)))));
    assert!(!approval.view().lacks_deciders());
    let mut left_out = with(&[(Mode::All, &["a", "b"])]);
    left_out.apply(0, task("1", fact("a", 1, Some((TaskOutcome::Approved, 300)))));
    left_out.apply(0, task("2", fact("b", 1, Some((TaskOutcome::Skipped, 301)))));
    left_out.apply(0, finished(Outcome::Approved, 390));
    assert!(!left_out.view().lacks_deciders(), "the platform asked b for nothing");
}

#[test]
fn a_transfer_is_not_a_decision_and_asks_for_a_reading() {
    let mut approval = with(&[(Mode::All, &["a", "b"])]);
    approval.apply(0, task("1", fact("a", 1, Some((TaskOutcome::Transferred, 50)))));
    assert_eq!(nodes(&approval), [NodeStatus::Pending]);
    assert_eq!(approval.stage_to_read(), Some(0));
    let successor = TaskFact { node: Some(0), ..fact("c", 50, None) };
    let seen = vec![("1".into(), TaskFact { node: Some(0), ..fact("a", 1, None) }), ("9".into(), successor)];
    approval.apply(0, Event::Snapshot(Snapshot { tasks: seen, ..Snapshot::default() }));
    assert_eq!(approval.stage_to_read(), None, "the reading told who holds it");
    approval.apply(0, task("9", fact("c", 50, Some((TaskOutcome::Approved, 60)))));
    assert_eq!(nodes(&approval), [NodeStatus::Pending], "b is still asked");
    approval.apply(0, task("2", fact("b", 1, Some((TaskOutcome::Approved, 70)))));
    approval.apply(0, finished(Outcome::Approved, 70));
    assert_eq!(nodes(&approval), [NodeStatus::Approved]);
    let tasks = &approval.view().stages[0].nodes[0].tasks;
    let seen: Vec<(&str, TaskStatus)> =
        tasks.iter().map(|task| (task.assignee.account.as_deref().unwrap_or_default(), task.status)).collect();
    assert_eq!(
        seen,
        [("a", TaskStatus::Transferred), ("c", TaskStatus::Approved), ("b", TaskStatus::Approved)],
        "the seat is handed on"
    );
}

#[test]
fn an_added_approver_must_approve_too() {
    let mut approval = with(&[(Mode::All, &["a"])]);
    approval.apply(0, task("2", fact("x", 5, None)));
    assert_eq!(approval.stage_to_read(), Some(0), "x is in no node of the plan");
    let seen = vec![("2".into(), TaskFact { node: Some(0), ..fact("x", 5, None) })];
    approval.apply(0, Event::Snapshot(Snapshot { tasks: seen, ..Snapshot::default() }));
    approval.apply(0, task("1", fact("a", 1, Some((TaskOutcome::Approved, 9)))));
    assert_eq!(nodes(&approval), [NodeStatus::Pending]);
    assert!(approval.view().history.iter().any(|entry| entry.action == Action::Countersigned));
    approval.apply(0, task("2", fact("x", 5, Some((TaskOutcome::Approved, 10)))));
    approval.apply(0, finished(Outcome::Approved, 10));
    assert_eq!(nodes(&approval), [NodeStatus::Approved]);
}

#[test]
fn an_unknown_code_is_recorded_and_closes_nothing() {
    let mut approval = with(&[(Mode::Any, &["a"])]);
    assert!(approval.apply(0, Event::Unknown { code: "bpms_task_change/finish/audit".into() }));
    assert!(!approval.apply(0, Event::Unknown { code: "bpms_task_change/finish/audit".into() }));
    assert_eq!(approval.status(), Status::Pending);
    assert!(approval.stages[0].facts.unknown.contains("bpms_task_change/finish/audit"));
}

#[test]
fn a_closed_approval_stays_closed() {
    let mut approval = with(&[(Mode::Any, &["a"])]);
    let expired = Closure { how: Closed::Expired, at: Some(AT + 5), by: None, remark: None };
    assert!(approval.close(expired.clone()));
    assert!(!approval.close(Closure { how: Closed::Failed, ..expired }));
    assert!(approval.apply(0, finished(Outcome::Approved, 9)), "what the platform says is kept");
    assert_eq!(approval.status(), Status::Expired);
    assert_eq!(approval.view().decided_at, Some(AT + 5));
}

#[test]
fn only_an_approved_one_is_revoked_and_in_either_order() {
    for events in [
        [finished(Outcome::Approved, 1), finished(Outcome::Revoked, 2)],
        [finished(Outcome::Revoked, 2), finished(Outcome::Approved, 1)],
    ] {
        let mut approval = with(&[(Mode::Any, &["a"])]);
        for event in events {
            approval.apply(0, event);
        }
        assert_eq!(approval.status(), Status::Revoked);
        assert_eq!(approval.view().decided_at, Some(AT + 2));
    }
    let mut rejected = with(&[(Mode::Any, &["a"])]);
    rejected.apply(0, finished(Outcome::Rejected, 1));
    rejected.apply(0, finished(Outcome::Revoked, 2));
    assert_eq!(rejected.status(), Status::Rejected);
}

#[test]
fn a_withdrawal_that_was_asked_for_names_who_asked_once_the_platform_takes_it() {
    let mut approval = with(&[(Mode::Any, &["a"])]);
    let by = Person { name: Some("Li".into()), ..Person::default() };
    let asked = Withdrawal { at: AT, by: by.clone(), reason: Some("mistake".into()), force: false };
    assert!(approval.ask_withdrawal(asked.clone()));
    assert!(!approval.ask_withdrawal(asked.clone()));
    let forced = Withdrawal { at: AT + 1, reason: None, force: true, ..asked.clone() };
    assert!(approval.ask_withdrawal(forced.clone()), "that does more");
    assert!(!approval.ask_withdrawal(forced) && !approval.ask_withdrawal(asked));
    approval.apply(0, finished(Outcome::Withdrawn, 3));
    assert_eq!(approval.status(), Status::Withdrawn);
    let last = approval.view().history.pop().unwrap();
    assert_eq!((last.action, last.actor, last.remark.as_deref()), (Action::Withdrawn, Some(by), Some("mistake")));
    assert_eq!(approval.withdrawal, None);
}

#[test]
fn what_is_to_be_withdrawn_is_not_started_and_may_have_begun() {
    let mut approval = with(&[(Mode::Any, &["a"])]);
    approval.stages[0].instance = None;
    approval.stages[0].lease_until = Some(AT + 30_000);
    assert_eq!((approval.stage_to_start(), approval.stage_under_way()), (Some(0), Some(0)));
    let asked = Withdrawal { at: AT, by: Person::default(), reason: None, force: false };
    approval.ask_withdrawal(asked.clone());
    assert_eq!((approval.stage_to_start(), approval.stage_under_way()), (None, Some(0)));
    assert!(approval.has_begun(0) && approval.take_lease(0, AT + 30_000, AT + 60_000), "it is looked for");
    assert!(approval.end_withdrawn(AT + 5, Some("The platform was not told.")));
    assert!(!approval.end_withdrawn(AT + 6, None));
    assert_eq!(approval.view().history.last().unwrap().remark.as_deref(), Some("The platform was not told."));
    assert_eq!(approval.stage_under_way(), None);
    let stored = serde_json::to_value(&asked).unwrap();
    assert_eq!(stored.get("f"), None, "few bytes, and what was stored before is read");
    assert_eq!(serde_json::from_value::<Withdrawal>(stored).unwrap(), asked);
}

#[test]
fn a_lease_lets_one_start_at_a_time_and_the_first_instance_stays() {
    let mut approval = with(&[(Mode::Any, &["a"])]);
    approval.stages[0].instance = None;
    assert_eq!(approval.status(), Status::Starting);
    assert!(approval.take_lease(0, AT, AT + 30_000));
    assert!(!approval.take_lease(0, AT + 29_999, AT + 60_000));
    assert!(approval.take_lease(0, AT + 30_000, AT + 60_000));
    approval.started(0, "first".into(), None, AT);
    approval.started(0, "second".into(), None, AT);
    assert_eq!(approval.stages[0].instance.as_deref(), Some("first"));
    approval.started(0, "first".into(), Some("https://a.example".into()), AT);
    assert_eq!(
        approval.stages[0].url.as_deref(),
        Some("https://a.example"),
        "a callback was faster than the start's answer"
    );
    assert!(!approval.take_lease(0, AT + 90_000, AT + 99_000), "it runs");
}

#[test]
fn at_least_counts() {
    let mode = Mode::AtLeast(2);
    let mut approval = decided_by(DecidedBy::Nodes, &[(mode, &["a", "b", "c"])]);
    approval.apply(0, task("1", fact("a", 1, Some((TaskOutcome::Rejected, 2)))));
    assert_eq!(nodes(&approval), [NodeStatus::Pending], "two can still approve");
    let mut passed = approval.clone();
    for (id, who) in [("2", "b"), ("3", "c")] {
        passed.apply(0, task(id, fact(who, 1, Some((TaskOutcome::Approved, 3)))));
    }
    assert_eq!(nodes(&passed), [NodeStatus::Approved]);
    approval.apply(0, task("2", fact("b", 1, Some((TaskOutcome::Rejected, 3)))));
    assert_eq!(approval.status(), Status::Rejected);
}

/// A reading of tasks, each with its node.
pub(super) fn read(tasks: &[(&str, u8, TaskFact)]) -> Event {
    let tasks = tasks.iter().map(|(id, node, fact)| ((*id).into(), TaskFact { node: Some(*node), ..fact.clone() }));
    Event::Snapshot(Snapshot { tasks: tasks.collect(), ..Snapshot::default() })
}

#[test]
fn a_later_node_has_begun_when_the_platform_says_so() {
    let mut approval = with(&[(Mode::Any, &["a"]), (Mode::Any, &["b"])]);
    let first = fact("a", 1, Some((TaskOutcome::Approved, 5)));
    approval.apply(0, task("1", first.clone()));
    assert_eq!((nodes(&approval), approval.stage_to_read()), (vec![NodeStatus::Pending, NodeStatus::Waiting], None));
    approval.apply(0, task("2", fact("b", 6, None)));
    assert_eq!(nodes(&approval), [NodeStatus::Pending, NodeStatus::Waiting], "a may have added b behind them");
    assert_eq!(approval.stage_to_read(), Some(0));
    let mut told = approval.clone();
    told.apply(0, task("2", TaskFact { node: Some(1), ..fact("b", 6, None) }));
    let second = fact("b", 6, None);
    approval.apply(0, read(&[("1", 0, first), ("2", 1, second)]));
    for approval in [told, approval] {
        assert_eq!(nodes(&approval), [NodeStatus::Approved, NodeStatus::Pending]);
        assert_eq!(approval.stage_to_read(), None);
    }
}

#[test]
fn a_task_that_is_handed_to_somebody_of_the_next_node_begins_no_node() {
    let plan: [(Mode, &[&str]); 2] = [(Mode::Any, &["p1"]), (Mode::Any, &["p2"])];
    let handed_on = fact("p1", 1, Some((TaskOutcome::Transferred, 5)));
    for first in [handed_on, fact("p1", 1, None)] {
        let mut approval = with(&plan);
        approval.apply(0, task("1", first.clone()));
        approval.apply(0, task("2", fact("p2", 5, None)));
        assert_eq!(nodes(&approval), [NodeStatus::Pending, NodeStatus::Waiting], "{first:?}");
        assert_eq!(approval.stage_to_read(), Some(0));
        approval.apply(0, read(&[("1", 0, first.clone()), ("2", 0, fact("p2", 5, None))]));
        assert_eq!(approval.stage_to_read(), None);
        approval.apply(0, task("2", fact("p2", 5, Some((TaskOutcome::Rejected, 9)))));
        assert_eq!(nodes(&approval)[0], NodeStatus::Rejected, "{first:?}");
    }
}

#[test]
fn by_a_customers_definition_a_refusal_may_go_back_to_the_applicant() {
    for own in [false, true] {
        let mut approval = with(&[(Mode::Any, &["a"]), (Mode::Any, &["b"])]);
        approval.stages[0].own_definition = own;
        approval.apply(0, task("1", TaskFact { node: Some(0), ..fact("a", 1, Some((TaskOutcome::Rejected, 5))) }));
        assert_eq!(approval.status(), if own { Status::Pending } else { Status::Rejected });
        let mut refused = approval.clone();
        refused.apply(0, finished(Outcome::Rejected, 6));
        assert_eq!((refused.status(), nodes(&refused)[0]), (Status::Rejected, NodeStatus::Rejected));
        approval.apply(0, task("2", TaskFact { node: Some(0), ..fact("a", 7, Some((TaskOutcome::Approved, 8))) }));
        approval.apply(0, finished(Outcome::Approved, 9));
        assert_eq!(approval.status(), if own { Status::Approved } else { Status::Rejected });
    }
}

#[test]
fn an_outside_oa_decides_node_by_node_but_ends_by_its_own_word() {
    let mut approval = decided_by(DecidedBy::NodesAndPlatform, &[(Mode::Any, &[])]);
    approval.apply(0, task("1", TaskFact { node: Some(0), ..fact("Wang", 1, Some((TaskOutcome::Approved, 5))) }));
    assert_eq!(nodes(&approval), [NodeStatus::Approved]);
    assert_eq!(approval.status(), Status::Pending, "it may have more nodes than the plan");
    approval.apply(0, task("2", TaskFact { node: Some(1), ..fact("Zhao", 6, None) }));
    assert_eq!(nodes(&approval), [NodeStatus::Approved, NodeStatus::Pending]);
    approval.apply(0, finished(Outcome::Approved, 9));
    assert_eq!(approval.status(), Status::Approved);
}

#[test]
fn nothing_happens_before_it_was_asked_for() {
    let mut approval = with(&[(Mode::Any, &["a"])]);
    approval.submitted_at = AT + 700;
    approval.apply(0, Event::Started { at: AT });
    approval.apply(0, finished(Outcome::Approved, 0));
    let view = approval.view();
    assert_eq!(view.decided_at, Some(AT + 700));
    assert!(view.history.iter().all(|entry| entry.at == AT + 700));
    assert_eq!(view.history[0].action, Action::Submitted);
}

#[test]
fn a_start_is_told_before_what_happened_in_the_stage() {
    let mut approval = with(&[(Mode::Any, &["a"])]);
    approval.started(0, "i".into(), None, AT + 930);
    approval.apply(0, task("1", fact("a", 0, Some((TaskOutcome::Approved, 0)))));
    approval.apply(0, finished(Outcome::Approved, 0));
    let actions: Vec<Action> = approval.view().history.iter().map(|entry| entry.action).collect();
    assert_eq!(actions, [Action::Submitted, Action::Started, Action::Approved]);
}

#[test]
fn what_only_a_reading_tells_is_read_once_for_each_change() {
    let mut approval = with(&[(Mode::Any, &["a"])]);
    assert_eq!(approval.stage_to_read(), None);
    assert!(approval.apply(0, Event::ReadWanted { at: 50 }));
    assert_eq!(approval.stage_to_read(), Some(0));
    assert!(!approval.apply(0, Event::ReadWanted { at: 50 }), "a repeated callback wants nothing new");
    assert!(approval.apply(0, Event::ReadWanted { at: 60 }), "it changed again while it was read");
    approval.apply(0, Event::ReadDone { at: 50 });
    assert_eq!(approval.stage_to_read(), Some(0));
    approval.apply(0, Event::ReadDone { at: 60 });
    assert_eq!(approval.stage_to_read(), None);
    assert!(!approval.apply(0, Event::ReadWanted { at: 60 }), "the same callback, later");
    approval.apply(0, Event::ReadWanted { at: 70 });
    approval.apply(0, finished(Outcome::Approved, 80));
    assert_eq!(approval.stage_to_read(), Some(0), "it has ended, and what was said is still to be read");
    approval.apply(0, Event::ReadDone { at: 70 });
    assert_eq!(approval.stage_to_read(), None);
}

#[test]
fn what_a_rule_decides_has_ended_at_once_and_stays_so() {
    for (approved, status, action) in
        [(true, Status::Approved, Action::Approved), (false, Status::Rejected, Action::Rejected)]
    {
        let decided = Approval::decided(AT, Person::default(), approved, "Rule \"Low risk\"".into());
        let view = decided.view();
        assert_eq!((view.status, view.decided_at, decided.status()), (status, Some(AT), status));
        let lines: Vec<_> = view.history.iter().map(|line| (line.action, line.remark.as_deref())).collect();
        assert_eq!(lines, [(Action::Submitted, None), (action, Some("Rule \"Low risk\""))]);
        assert!(view.history[1].actor.is_none() && view.stages.is_empty());
        assert!(!view.lacks_deciders(), "nobody is waited for");
        assert_eq!((decided.stage_to_start(), decided.stage_to_read(), decided.ending()), (None, None, None));
        assert_eq!((decided.stage_under_way(), decided.deadline_to_come()), (None, None));

        let mut later = decided.clone();
        assert!(!later.apply(0, Event::Finished { outcome: Outcome::Rejected, at: AT + 1 }));
        assert!(!later.apply(0, Event::Finished { outcome: Outcome::Revoked, at: AT + 1 }));
        later.started(0, "i".into(), None, AT + 1);
        assert!(!later.take_lease(0, AT, AT + 1) && !later.pass_deadline(AT + 1) && !later.has_begun(0));
        let asked = Withdrawal { at: AT, by: Person::default(), reason: None, force: true };
        assert!(!later.ask_withdrawal(asked) && !later.end_withdrawn(AT, None));
        let failed = Closure { how: Closed::Failed, at: Some(AT), by: None, remark: None };
        assert!(!later.close(failed));
        assert_eq!(later, decided);
    }
}

#[test]
fn an_account_in_another_case_is_the_planned_persons_where_ids_know_none() {
    let tasks = |ids: AccountIds| {
        let mut approval = with(&[(Mode::All, &["userid01", "LiSi"]), (Mode::Any, &["userid01"])]);
        approval.stages[0].account_ids = ids;
        let handed_on =
            TaskEnd { outcome: TaskOutcome::Transferred, at: AT + 3, remark: None, to: Some("wangwu".into()) };
        approval.apply(0, task("1", fact("UserId01", 1, Some((TaskOutcome::Approved, 2)))));
        approval.apply(0, task("2", TaskFact { end: Some(handed_on), ..fact("lisi", 1, None) }));
        approval.apply(0, task("3", fact("WangWu", 3, Some((TaskOutcome::Approved, 4)))));
        approval.apply(0, task("4", TaskFact { read: true, ..fact("USERID01", 5, None) }));
        let view = approval.view();
        let seen = |node: usize| -> Vec<(String, TaskStatus)> {
            let tasks = view.stages[0].nodes[node].tasks.iter();
            tasks.map(|task| (task.assignee.account.clone().unwrap_or_default(), task.status)).collect()
        };
        (seen(0), seen(1), approval.stage_to_read())
    };
    let task = |account: &str, status| (account.to_owned(), status);
    let (first, second, to_read) = tasks(AccountIds::KnowNoCase);
    let approved = TaskStatus::Approved;
    // As the plan writes them; who is in no plan, as the platform does.
    assert_eq!(first, [task("userid01", approved), task("LiSi", TaskStatus::Transferred), task("WangWu", approved)]);
    assert_eq!(second, [task("userid01", TaskStatus::Pending)]);
    assert_eq!(to_read, None, "everybody is in their node");
    assert!(tasks(AccountIds::KnowCase).2.is_some(), "elsewhere these are other people");
}

#[test]
fn the_first_end_counts_whatever_is_done_to_the_form_later() {
    const LATER: i64 = 3 * 86_400_000;
    for (first, status) in [(Outcome::Approved, Status::Approved), (Outcome::Rejected, Status::Rejected)] {
        let mut approval = with(&[(Mode::Any, &["a"])]);
        approval.apply(0, task("1", fact("a", 1, Some((TaskOutcome::Approved, 9)))));
        approval.apply(0, finished(first, 10));
        let ended = approval.view();
        assert!(approval.apply(0, finished(Outcome::Withdrawn, LATER)), "what the platform says is kept");
        let read = Snapshot { outcome: Some((Outcome::Withdrawn, AT + LATER)), ..Snapshot::default() };
        approval.apply(0, Event::Snapshot(read));
        let now = approval.view();
        assert_eq!((now.status, now.decided_at, &now.stages), (status, Some(AT + 10), &ended.stages));
    }
    let mut taken_back = with(&[(Mode::Any, &["a"])]);
    taken_back.apply(0, finished(Outcome::Withdrawn, 10));
    taken_back.apply(0, finished(Outcome::Withdrawn, LATER));
    assert_eq!(taken_back.decided_at(), Some(AT + 10), "deleted after it was taken back");
}

#[test]
fn a_stage_that_has_passed_has_passed_whatever_becomes_of_its_form() {
    let plan = [(Mode::Any, vec!["a".to_owned()])];
    let (first, mut second) = (stage(&plan, DecidedBy::Platform), stage(&plan, DecidedBy::Platform));
    second.instance = None;
    let mut approval = Approval::new(AT, Person::default(), vec![first, second], 0);
    approval.apply(0, finished(Outcome::Approved, 10));
    approval.apply(0, finished(Outcome::Withdrawn, 90_000));
    assert_eq!((approval.status(), approval.stage_to_start()), (Status::Pending, Some(1)));
    approval.started(1, "j".into(), None, AT + 100_000);
    approval.apply(0, finished(Outcome::Withdrawn, 110_000));
    approval.apply(1, finished(Outcome::Approved, 120_000));
    assert_eq!((approval.status(), approval.decided_at()), (Status::Approved, Some(AT + 120_000)));
    approval.apply(0, finished(Outcome::Withdrawn, 130_000));
    assert_eq!(approval.decided_at(), Some(AT + 120_000));
    approval.apply(0, finished(Outcome::Revoked, 140_000));
    assert_eq!((approval.status(), approval.decided_at()), (Status::Revoked, Some(AT + 140_000)));
}

#[test]
fn what_an_earlier_version_stored_is_read() {
    let stored =
        serde_json::json!({"oc": ["revoked", AT + 7], "t": {"1": {"a": "a", "e": {"o": "approved", "at": AT + 5}}}});
    let mut approval = with(&[(Mode::Any, &["a"])]);
    approval.stages[0].facts = serde_json::from_value(stored.clone()).unwrap();
    approval.closed = Some(Closure { how: Closed::Revoked, at: None, by: None, remark: None });
    assert_eq!((approval.status(), approval.decided_at()), (Status::Revoked, Some(AT + 7)));
    assert_eq!(serde_json::to_value(&approval.stages[0].facts).unwrap(), stored, "few bytes");
    approval.apply(0, finished(Outcome::Approved, 6));
    assert_eq!((approval.status(), approval.decided_at()), (Status::Revoked, Some(AT + 7)));
    // An approval that was deleted later, when the last end was taken for the end.
    approval.stages[0].facts = serde_json::from_value(serde_json::json!({"oc": ["withdrawn", AT + 9]})).unwrap();
    approval.closed = Some(Closure { how: Closed::Approved, at: None, by: None, remark: None });
    let view = approval.view();
    assert_eq!((view.status, view.stages[0].nodes[0].status), (Status::Approved, NodeStatus::Approved));
}

#[test]
fn what_comes_after_the_end_stands_behind_it_and_says_so() {
    let lines = |approval: &Approval| -> Vec<_> {
        approval.view().history.iter().skip(1).map(|line| (line.action, line.at - AT, line.after_end)).collect()
    };
    let mut rejected = with(&[(Mode::All, &["a", "b"])]);
    rejected.apply(0, finished(Outcome::Rejected, 60_000));
    rejected.apply(0, task("1", fact("a", 1, Some((TaskOutcome::Rejected, 60_000)))));
    rejected.apply(0, task("2", fact("b", 1, Some((TaskOutcome::Approved, 50_000)))));
    rejected.apply(0, finished(Outcome::Withdrawn, 500_000));
    let expected =
        [(Action::Rejected, 60_000, false), (Action::Approved, 50_000, true), (Action::Withdrawn, 500_000, true)];
    assert_eq!(lines(&rejected), expected);
    let mut forced = with(&[(Mode::Any, &["a"])]);
    let asked = Withdrawal { at: AT, by: Person::default(), reason: None, force: true };
    forced.ask_withdrawal(asked);
    forced.end_withdrawn(AT + 90_000, None);
    forced.apply(0, task("1", fact("a", 1, Some((TaskOutcome::Approved, 80_000)))));
    forced.apply(0, finished(Outcome::Approved, 80_000));
    assert_eq!(lines(&forced), [(Action::Withdrawn, 90_000, false), (Action::Approved, 80_000, true)]);
    let mut approved = with(&[(Mode::Any, &["a"])]);
    approved.apply(0, finished(Outcome::Approved, 390));
    approved.apply(0, task("1", fact("a", 1, Some((TaskOutcome::Approved, 427)))));
    assert_eq!(lines(&approved), [(Action::Approved, 427, false)], "told a moment late, it is the decision");
    approved.apply(0, Event::Commented(Comment { at: AT + 900_000, account: "b".into(), text: "thanks".into() }));
    assert_eq!(lines(&approved)[1], (Action::Commented, 900_000, true));
}

#[test]
fn a_refusal_drops_the_withdrawal_that_was_acted_on_and_no_other() {
    let mut approval = with(&[(Mode::Any, &["u1"])]);
    let asked = |force| Withdrawal { at: AT, by: Person::default(), reason: None, force };
    approval.ask_withdrawal(asked(false));
    let acted_on = approval.withdrawal.clone();
    assert!(approval.ask_withdrawal(asked(true)), "somebody insists");
    assert!(!approval.drop_withdrawal(acted_on.as_ref()));
    assert!(approval.withdrawal.as_ref().is_some_and(|asked| asked.force));
    let acted_on = approval.withdrawal.clone();
    assert!(approval.drop_withdrawal(acted_on.as_ref()) && approval.withdrawal.is_none());
}

#[test]
fn how_far_a_withdrawn_instance_came_is_only_supposed_until_it_is_read() {
    let mut approval = with(&[(Mode::Any, &["a"]), (Mode::Any, &["b"])]);
    let approved = fact("a", 1, Some((TaskOutcome::Approved, 5)));
    approval.apply(0, task("1", approved.clone()));
    assert!(!approval.has_supposed_nodes());
    approval.apply(0, task("2", fact("b", 6, None)));
    approval.apply(0, finished(Outcome::Withdrawn, 10));
    assert!(approval.has_supposed_nodes(), "b may have been handed the task, or added");
    assert_eq!(nodes(&approval)[0], NodeStatus::Skipped);

    let at = |node: u8, fact: TaskFact| TaskFact { node: Some(node), ..fact };
    let tasks = vec![("1".to_owned(), at(0, approved)), ("2".to_owned(), at(1, fact("b", 6, None)))];
    approval.apply(0, Event::Snapshot(Snapshot { tasks, ..Snapshot::default() }));
    assert!(!approval.has_supposed_nodes());
    assert_eq!(nodes(&approval)[0], NodeStatus::Approved);
}
