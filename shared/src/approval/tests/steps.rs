//! What an approval does next, and what ends it.

use super::ends::two_stages;
use super::examples::{AT, decided_by, fact, finished, task, with};
use crate::approval::{
    Approval, Closed, Closure, Deadline, DecidedBy, Event, Mode, OnDeadline, Outcome, Person, Stage, Status,
    TaskOutcome, Withdrawal,
};

const LEASE: i64 = AT + 30_000;

/// An approval of one stage that is to be started.
fn starting() -> Approval {
    let mut approval = with(&[(Mode::Any, &["a"])]);
    approval.stages[0].instance = None;
    approval.stages[0].lease_until = None;
    approval
}

fn asked(reason: Option<&str>, force: bool) -> Withdrawal {
    let by = Person { name: Some("Li".into()), ..Person::default() };
    Withdrawal { at: AT, by, reason: reason.map(str::to_owned), force }
}

#[test]
fn the_first_stage_is_begun_under_a_lease_from_the_submit_on() {
    let plan = [(Mode::Any, vec!["a".to_owned()])];
    let stages = two_stages(&plan).stages.into_iter().map(|stage| Stage { instance: None, ..stage });
    let approval = Approval::new(AT, Person::default(), stages.collect(), LEASE);
    assert_eq!((approval.stages[0].lease_until, approval.stages[1].lease_until), (Some(LEASE), None));
    assert_eq!((approval.stage_under_way(), approval.stage_without_instance()), (Some(0), Some(0)));
    assert!(approval.has_begun(0) && !approval.has_begun(1) && !approval.has_begun(2));
}

#[test]
fn a_lease_is_given_back_by_whoever_holds_it_and_by_nobody_else() {
    let mut approval = starting();
    assert!(!approval.has_begun(0) && approval.stage_under_way().is_none(), "nobody has tried");
    assert!(approval.take_lease(0, AT, LEASE));
    assert!(!approval.put_off(0, None, LEASE + 1, true) && !approval.put_off(0, Some(AT), LEASE + 1, true));
    assert!(!approval.put_off(1, Some(LEASE), LEASE + 1, true), "it is not that stage's turn");
    assert!(approval.put_off(0, Some(LEASE), LEASE + 1, true));
    assert_eq!((approval.stages[0].lease_until, approval.stages[0].unsent), (Some(LEASE + 1), true));
    assert!(!approval.has_begun(0) && approval.stage_under_way().is_none(), "nothing has reached the platform");
    assert!(approval.take_lease(0, LEASE + 1, LEASE + 9));
    assert!(!approval.stages[0].unsent && approval.has_begun(0), "from now on it may have");
    assert!(approval.put_off(0, Some(LEASE + 9), LEASE + 10, false) && approval.has_begun(0));
    approval.started(0, "i".into(), None, AT);
    assert_eq!((approval.stages[0].lease_until, approval.stages[0].unsent), (None, false));
    assert!(!approval.put_off(0, None, LEASE + 11, false), "it runs");
}

#[test]
fn whatever_ends_it_ends_leases_and_wishes() {
    let ends: [fn(&mut Approval); 2] = [
        |approval| _ = approval.close(Closure { how: Closed::Failed, at: Some(AT), by: None, remark: None }),
        |approval| _ = approval.apply(0, finished(Outcome::Approved, 9)),
    ];
    for end in ends {
        let mut approval = starting();
        approval.take_lease(0, AT, LEASE);
        approval.put_off(0, Some(LEASE), LEASE + 1, true);
        approval.ask_withdrawal(asked(None, false));
        end(&mut approval);
        let stage = &approval.stages[0];
        assert_eq!((stage.lease_until, stage.unsent, &approval.withdrawal), (None, false, &None));
        assert_eq!((approval.stage_under_way(), approval.stage_without_instance()), (None, None));
        assert_eq!(approval.closed.as_ref().unwrap().by, None, "nobody withdrew it");
    }
}

#[test]
fn whose_word_counts_is_stored_in_few_bytes_and_read_again() {
    for whose in [DecidedBy::Platform, DecidedBy::NodesAndPlatform, DecidedBy::Nodes] {
        let stage = decided_by(whose, &[(Mode::Any, &["a"])]).stages.remove(0);
        let stored = serde_json::to_value(&stage).unwrap();
        assert_eq!(stored.get("d").is_none(), whose == DecidedBy::Platform);
        assert_eq!(stored["ns"][0].get("dv"), None);
        assert_eq!(serde_json::from_value::<Stage>(stored).unwrap(), stage);
    }
    let mut approval = with(&[(Mode::Any, &["a"])]);
    let stored = serde_json::to_value(&approval).unwrap();
    assert_eq!(stored.get("lg"), None);
    approval.stages[0].nodes[0].deviation.fallback = true;
    approval.apply(0, finished(Outcome::Withdrawn, 9));
    let stored = serde_json::to_value(&approval).unwrap();
    assert_eq!(serde_json::from_value::<Approval>(stored).unwrap(), approval);
}

/// How this version numbers lines is what later ones find in the table.
#[test]
fn the_positions_of_lines_that_are_stored_today_are_found_again() {
    let stored = |approval: &Approval| serde_json::to_value(&approval.learned).unwrap();
    let mut rejected = with(&[(Mode::All, &["a", "b"])]);
    rejected.started(0, "i".into(), None, AT + 1);
    rejected.apply(0, task("1", fact("a", 2, Some((TaskOutcome::Approved, 3)))));
    rejected.apply(0, task("2", fact("b", 2, Some((TaskOutcome::Rejected, 4)))));
    rejected.apply(0, finished(Outcome::Rejected, 5));
    rejected.apply(0, finished(Outcome::Withdrawn, 6));
    let lines = serde_json::json!({"e": 3, "l": [4_195_269_330_u32, 1_469_884_623, 3_008_634_535_u32, 768_531_570]});
    assert_eq!(stored(&rejected), lines);
    let mut withdrawn = with(&[(Mode::Any, &["a"])]);
    withdrawn.apply(0, finished(Outcome::Withdrawn, 9));
    assert_eq!(stored(&withdrawn), serde_json::json!({"e": 1, "l": [1_749_236_382]}));
    let mut revoked = with(&[(Mode::Any, &["a"])]);
    revoked.apply(0, finished(Outcome::Approved, 9));
    revoked.apply(0, finished(Outcome::Revoked, 19));
    assert_eq!(stored(&revoked), serde_json::json!({"e": 0, "l": [3_165_647_791_u32]}));
}

#[test]
fn as_many_may_decide_at_once_as_the_largest_node_of_the_current_stage_asks() {
    let plan = [(Mode::Any, vec!["a".to_owned()]), (Mode::All, ["b", "c", "d"].map(str::to_owned).to_vec())];
    let mut approval = two_stages(&plan);
    approval.stages[1].nodes.truncate(1);
    approval.stages[1].nodes[0].approvers.clear();
    assert_eq!(approval.most_writers(), 3);
    approval.apply(0, finished(Outcome::Approved, 9));
    assert_eq!(approval.most_writers(), 0);
    approval.apply(1, finished(Outcome::Approved, 10));
    assert_eq!((approval.most_writers(), approval.current_stage()), (0, None), "everything has passed");
}

#[test]
fn only_the_withdrawal_that_is_there_is_dropped() {
    let mut approval = with(&[(Mode::Any, &["a"])]);
    assert!(!approval.drop_withdrawal(None), "there is none");
    approval.ask_withdrawal(asked(None, false));
    assert!(!approval.drop_withdrawal(None) && approval.withdrawal.is_some());
    assert!(approval.drop_withdrawal(Some(&asked(None, false))));
}

#[test]
fn a_withdrawal_says_its_reason_and_what_the_platform_would_not_do() {
    for (reason, note, remark) in [
        (None, None, None),
        (Some("mistake"), None, Some("mistake")),
        (None, Some("not taken back"), Some("not taken back")),
        (Some("mistake"), Some("not taken back"), Some("mistake\nnot taken back")),
    ] {
        let mut approval = with(&[(Mode::Any, &["a"])]);
        approval.ask_withdrawal(asked(reason, false));
        assert!(approval.end_withdrawn(AT + 5, note));
        let last = approval.view().history.pop().unwrap();
        assert_eq!((last.remark.as_deref(), last.actor), (remark, Some(asked(None, false).by)));
    }
}

#[test]
fn after_the_end_only_what_the_events_ask_for_is_read_and_only_where_there_is_an_instance() {
    let plan = [(Mode::Any, vec!["a".to_owned()]), (Mode::Any, vec!["b".to_owned()])];
    let mut approval = two_stages(&plan);
    approval.stages[1].instance = None;
    approval.apply(0, finished(Outcome::Approved, 5));
    approval.apply(1, Event::ReadWanted { at: 7 });
    assert_eq!(approval.stage_to_read(), None, "there is nothing to read");
    approval.started(1, "j".into(), None, AT + 6);
    assert_eq!(approval.stage_to_read(), Some(1));
    approval.apply(1, Event::ReadDone { at: 7 });
    approval.apply(1, finished(Outcome::Rejected, 9));
    assert_eq!(approval.stage_to_read(), None);
    approval.apply(1, task("1", fact("x", 1, None)));
    assert_eq!(approval.stage_to_read(), None, "whose task that was is not read any more");
    assert!(approval.has_supposed_nodes());
    approval.apply(0, Event::ReadWanted { at: 8 });
    assert_eq!(approval.stage_to_read(), Some(0));
    approval.apply(1, Event::ReadWanted { at: 8 });
    assert_eq!(approval.stage_to_read(), Some(1), "the last one first");
}

#[test]
fn a_deadline_has_no_part_in_what_has_ended_or_is_withdrawn() {
    const DUE: i64 = AT + 3_600_000;
    let running = || {
        let mut approval = with(&[(Mode::Any, &["a"])]);
        approval.deadline = Some(Deadline::new(DUE, OnDeadline::Expire));
        approval
    };
    let mut ended = running();
    ended.apply(0, finished(Outcome::Approved, 9));
    assert_eq!(ended.deadline_to_come(), None);
    assert!(!ended.pass_deadline(DUE));
    let mut both = running();
    both.ask_withdrawal(asked(Some("mistake"), false));
    both.pass_deadline(DUE);
    both.apply(0, Event::Finished { outcome: Outcome::Withdrawn, at: DUE + 1 });
    assert_eq!((both.status(), both.decided_at()), (Status::Withdrawn, Some(DUE + 1)));
    // A platform that is read tells whole minutes.
    for (at, status) in [(DUE - 60_000, Status::Withdrawn), (DUE - 59_999, Status::Expired)] {
        let mut approval = running();
        approval.pass_deadline(DUE);
        approval.apply(0, Event::Finished { outcome: Outcome::Withdrawn, at });
        assert_eq!(approval.status(), status);
    }
    let mut rejected = running();
    rejected.pass_deadline(DUE);
    rejected.apply(0, Event::Finished { outcome: Outcome::Rejected, at: DUE + 1 });
    assert_eq!(rejected.status(), Status::Rejected);
}

#[test]
fn it_is_told_whether_the_stage_whose_turn_it_is_runs_here() {
    let plan: &[(Mode, &[&str])] = &[(Mode::Any, &["a"])];
    assert!(decided_by(DecidedBy::Nodes, plan).current_stage_runs_here());
    assert!(!with(plan).current_stage_runs_here());
}

#[test]
fn only_what_was_approved_is_undone_and_only_once() {
    let ended = |how: Option<Outcome>| {
        let mut approval = with(&[(Mode::Any, &["a"])]);
        approval.apply(0, how.map_or(Event::Started { at: AT }, |how| finished(how, 9)));
        approval
    };
    for how in [None, Some(Outcome::Rejected), Some(Outcome::Withdrawn)] {
        let mut approval = ended(how);
        assert!(!approval.revoke(AT + 10, Person::default(), None), "{how:?}");
        assert_eq!(approval, ended(how));
    }
    let mut approval = ended(Some(Outcome::Approved));
    assert!(approval.revoke(AT + 10, Person::default(), None));
    assert_eq!((approval.status(), approval.decided_at()), (Status::Revoked, Some(AT + 10)));
    assert!(!approval.revoke(AT + 11, Person::default(), None));
}
