//! What is kept of what was told, and who the people are.

use super::examples::{AT, fact, finished, read, task, with};
use crate::approval::{
    Action, Approval, Closed, Closure, Comment, Event, Mode, Outcome, Person, Rollback, TaskEnd, TaskFact, TaskOutcome,
};

fn comment(when: i64, account: &str, text: &str) -> Event {
    Event::Commented(Comment { at: AT + when, account: account.into(), text: text.into() })
}

fn back(when: i64) -> Event {
    Event::RolledBack(Rollback::new(0, AT + when))
}

fn applied(events: impl IntoIterator<Item = Event>) -> Approval {
    let mut approval = with(&[(Mode::Any, &["a"])]);
    events.into_iter().for_each(|event| _ = approval.apply(0, event));
    approval
}

#[test]
fn of_everything_so_many_are_kept_whatever_their_order() {
    type Make = fn(i64) -> Event;
    let unknown: Make = |n| Event::Unknown { code: format!("code-{n:03}") };
    let kinds: [(usize, Make, bool); 3] =
        [(100, back, true), (50, |n| comment(n, "b", "so"), true), (8, unknown, false)];
    for (most, make, tells) in kinds {
        let most_i = i64::try_from(most).unwrap();
        let count = |approval: &Approval| {
            let facts = &approval.stages[0].facts;
            facts.rollbacks.len() + facts.comments.len() + facts.unknown.len()
        };
        let full = applied((0..most_i).map(make));
        assert_eq!((count(&full), full.has_left_out()), (most, false));
        let (forth, back) = (applied((0..=most_i).map(make)), applied((0..=most_i).rev().map(make)));
        assert_eq!((count(&forth), forth.has_left_out()), (most, tells));
        assert_eq!(forth.stages, back.stages);
        let mut again = forth.clone();
        assert!(!again.apply(0, make(most_i)), "what was left out is left out again");
        assert_eq!(again, forth);
    }
    let tasks = |count: usize| applied((0..count).map(|n| task(&format!("{n:04}"), fact("b", 1, None))));
    assert!(!tasks(400).has_left_out() && tasks(401).has_left_out());
}

#[test]
fn of_what_is_told_differently_the_same_counts_in_either_order() {
    let named = |assignee: &str, name: &str, opened: i64| TaskFact {
        assignee: assignee.into(),
        name: Some(name.into()),
        opened_at: Some(AT + opened),
        ..TaskFact::default()
    };
    let (one, other) = (named("a", "Anna", 0), named("b", "Berta", 7));
    for told in [[&one, &other, &one], [&other, &one, &other]] {
        let approval = applied(told.map(|fact| task("1", fact.clone())));
        assert_eq!(approval.stages[0].facts.tasks["1"], other);
    }
    for starts in [[3, 9], [9, 3]] {
        let approval = applied(starts.map(|at| Event::Started { at: AT + at }));
        assert_eq!(approval.stages[0].facts.started_at, Some(AT + 3));
    }
}

#[test]
fn the_latest_thing_of_a_stage_is_whatever_happened_last_in_it() {
    let nothing = with(&[(Mode::Any, &["a"])]);
    assert_eq!((nothing.latest_of(0), nothing.latest_of(7)), (AT, AT), "else its submit");
    let opened = task("1", fact("a", 5, None));
    let ended = task("1", fact("a", 5, Some((TaskOutcome::Approved, 8))));
    let started = Event::Started { at: AT + 3 };
    let wanted = Event::ReadWanted { at: AT + 11 };
    for (events, latest) in [
        (vec![started.clone()], 3),
        (vec![started.clone(), opened.clone()], 5),
        (vec![started.clone(), opened.clone(), ended.clone()], 8),
        (vec![wanted, started, opened, ended], 11),
    ] {
        assert_eq!(applied(events).latest_of(0), AT + latest);
    }
}

#[test]
fn strangers_are_those_of_whom_nobody_knows_whether_they_are_members() {
    let mut approval = with(&[(Mode::Any, &["planned", "member"])]);
    approval.stages[0].nodes[0].approvers[1].member = Some("mem_1".into());
    for (id, who) in [("1", "planned"), ("2", "member"), ("3", "x"), ("4", "x"), ("5", "")] {
        approval.apply(0, task(id, fact(who, 1, None)));
    }
    approval.apply(0, comment(5, "writer", "hm"));
    approval.apply(0, comment(6, "planned", "hm"));
    let stage = &mut approval.stages[0];
    assert_eq!(stage.strangers(false), ["writer", "x"]);
    assert_eq!(stage.strangers(true), ["planned", "writer", "x"]);

    let member = |account: &str| Person { member: Some("mem_2".into()), ..Person::with_account(account) };
    assert!(!stage.recognise(Person { account: None, ..member("x") }), "without an account it is nobody's");
    assert!(stage.recognise(member("x")) && !stage.recognise(member("x")), "once");
    assert!(!stage.recognise(member("member")), "the plan knows");
    assert_eq!(stage.people.len(), 1);
    assert_eq!(stage.strangers(true), ["planned", "writer"]);
    let mut everybody = approval.view().stages[0].nodes[0].tasks.clone();
    everybody.retain(|task| task.assignee.account.as_deref() == Some("x"));
    assert!(everybody.iter().all(|task| task.assignee.member.as_deref() == Some("mem_2")), "{everybody:?}");
}

#[test]
fn people_are_called_as_the_plan_does_else_as_the_member_is_else_as_the_platform_does() {
    let shown = |approval: &Approval, account: &str| {
        let lines = approval.view().history.into_iter();
        let mut people = lines.filter(|line| line.action == Action::Approved).filter_map(|line| line.actor);
        people.find(|person| person.account.as_deref() == Some(account)).unwrap()
    };
    let told = |id: &str, who: &str| {
        let fact = fact(who, 1, Some((TaskOutcome::Approved, 2)));
        task(id, TaskFact { name: Some(format!("platform's {who}")), ..fact })
    };
    let mut approval = with(&[(Mode::All, &["a", "b"])]);
    approval.stages[0].nodes[0].approvers[0].name = Some("plan's a".into());
    for (id, who) in [("1", "a"), ("2", "b"), ("3", "x")] {
        approval.apply(0, told(id, who));
    }
    let name = |who| shown(&approval, who).name.unwrap();
    assert_eq!([name("a"), name("b"), name("x")], ["plan's a", "platform's b", "platform's x"]);
    let known = Person { member: Some("mem_9".into()), name: Some("Xaver".into()), ..Person::with_account("x") };
    approval.stages[0].recognise(known.clone());
    assert_eq!(shown(&approval, "x"), known);
}

/// A running approval of which everything that can be forgotten is known.
fn learned() -> Approval {
    let ended = task("1", fact("a", 1, Some((TaskOutcome::Skipped, 2))));
    let open = task("2", fact("a", 1, None));
    let wanted = [Event::ReadWanted { at: 5 }, Event::ReadDone { at: 4 }, Event::Started { at: AT }];
    applied([ended, open, back(3)].into_iter().chain(wanted))
}

#[test]
fn a_change_forgets_nothing() {
    type Forget = fn(&mut Approval);
    let forgetting: [(&str, Forget); 9] = [
        ("a task", |a| _ = a.stages[0].facts.tasks.remove("2")),
        ("a task's end", |a| a.stages[0].facts.tasks.get_mut("1").unwrap().end = None),
        ("a return", |a| a.stages[0].facts.rollbacks.clear()),
        ("a wish", |a| a.stages[0].facts.read_wanted = Some(4)),
        ("a reading", |a| a.stages[0].facts.read_done = Some(3)),
        ("the start", |a| a.stages[0].facts.started_at = None),
        ("the instance", |a| a.stages[0].instance = None),
        ("another instance", |a| a.stages[0].instance = Some("j".into())),
        ("a stage", |a| a.stages.clear()),
    ];
    let before = learned();
    assert!(before.follows(&before));
    for (what, forget) in forgetting {
        let mut after = before.clone();
        forget(&mut after);
        assert!(!after.follows(&before), "{what}");
    }
    for how in [Outcome::Approved, Outcome::Rejected, Outcome::Withdrawn, Outcome::Revoked] {
        let mut told = before.clone();
        told.stages[0].facts.other_ends.push((how, AT));
        assert!(told.follows(&before) && !before.follows(&told), "{how:?}");
    }
}

#[test]
fn what_a_limit_leaves_out_is_not_forgotten_by_a_change_and_what_is_new_follows() {
    let before = learned();
    let mut after = before.clone();
    let facts = &mut after.stages[0].facts;
    facts.left_out = true;
    facts.tasks.remove("2");
    facts.rollbacks.clear();
    assert!(after.follows(&before));
    let mut more = before.clone();
    more.apply(0, task("2", fact("a", 1, Some((TaskOutcome::Skipped, 2)))));
    more.apply(0, back(9));
    more.apply(0, Event::ReadWanted { at: 9 });
    more.apply(0, Event::ReadDone { at: 9 });
    assert!(more.follows(&before) && !before.follows(&more));
    let mut begun = with(&[(Mode::Any, &["a"])]);
    begun.stages[0].instance = None;
    let waiting = begun.clone();
    begun.started(0, "i".into(), None, AT);
    assert!(begun.follows(&waiting));
}

#[test]
fn an_end_follows_an_open_approval_and_only_a_revocation_follows_an_end() {
    let closed = |how| {
        let mut approval = with(&[(Mode::Any, &["a"])]);
        approval.closed = Some(Closure { how, at: Some(AT), by: None, remark: None });
        approval
    };
    let open = with(&[(Mode::Any, &["a"])]);
    let ends =
        [Closed::Approved, Closed::Rejected, Closed::Withdrawn, Closed::Expired, Closed::Failed, Closed::Revoked];
    for was in ends {
        assert!(closed(was).follows(&open) && !open.follows(&closed(was)), "{was:?}");
        for is in ends {
            let may = was == is || (was == Closed::Approved && is == Closed::Revoked);
            assert_eq!(closed(is).follows(&closed(was)), may, "{was:?}, {is:?}");
        }
    }
}

#[test]
fn texts_are_left_whole_as_long_as_all_of_them_fit_and_cut_to_the_longest_that_does() {
    let said = |texts: usize, length: usize| {
        let text = "x".repeat(length);
        let tasks = (0..texts).map(|n| {
            let end = TaskEnd { outcome: TaskOutcome::Approved, at: AT + 2, remark: Some(text.clone()), to: None };
            (format!("{n:03}"), 0, TaskFact { end: Some(end), ..fact("b", 1, None) })
        });
        let tasks: Vec<_> = tasks.collect();
        let tasks: Vec<_> = tasks.iter().map(|(id, node, fact)| (id.as_str(), *node, fact.clone())).collect();
        let approval = applied([read(&tasks)]);
        let kept = approval.stages[0].facts.tasks["000"].end.clone().unwrap().remark.unwrap();
        (kept.len(), approval.has_cut_texts())
    };
    // 200 KiB in all.
    assert_eq!(said(50, 4_096), (4_096, false));
    assert_eq!(said(25, 8_192), (8_192, false));
    assert_eq!(said(50, 4_097), (4_096, true));
    assert_eq!(said(50, 8_192), (4_096, true));
    assert_eq!(said(51, 4_096), (2_048, true));
    assert_eq!(said(400, 1_024), (512, true));
}

#[test]
fn comments_are_cut_like_remarks_and_those_who_wrote_them_are_kept() {
    let long = "y".repeat(8_192);
    let approval = applied((0..50).map(|n| comment(n, "writer", &long)));
    let facts = &approval.stages[0].facts;
    assert!(approval.has_cut_texts() && facts.comments.len() == 50);
    assert!(facts.comments.iter().all(|c| c.text.len() == 4_096 && c.account == "writer" && c.at >= AT));
    let mut ended = approval.clone();
    assert!(ended.apply(0, finished(Outcome::Approved, 99)) && !approval.has_left_out());
}
