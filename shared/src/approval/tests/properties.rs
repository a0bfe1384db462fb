//! Any order and any repetition of a platform's events come to one state.

use proptest::prelude::*;
use proptest::sample::Index;

use super::platform::{Platform, Telling, stage};
use crate::approval::{
    Approval, DecidedBy, Event, Mode, NodeStatus, Outcome, Person, Stage, StageStatus, Status, View,
};

fn modes() -> impl Strategy<Value = Mode> {
    prop_oneof![Just(Mode::Any), Just(Mode::All), Just(Mode::Sequential), (1..3_u8).prop_map(Mode::AtLeast)]
}

/// One to four nodes of one to four of six people, who may stand in several nodes.
fn plans() -> impl Strategy<Value = Vec<(Mode, Vec<String>)>> {
    let people = prop::sample::subsequence(vec!["a", "b", "c", "d", "e", "f"], 1..=4);
    let node = (modes(), people).prop_map(|(mode, people)| {
        let mode = match mode {
            Mode::AtLeast(needed) => Mode::AtLeast(needed.min(u8::try_from(people.len()).unwrap())),
            other => other,
        };
        (mode, people.into_iter().map(str::to_owned).collect())
    });
    prop::collection::vec(node, 1..=4)
}

fn tellings() -> impl Strategy<Value = Telling> {
    prop_oneof![Just(Telling::Nodes), Just(Telling::Receivers), Just(Telling::Nothing)]
}

/// Where to put each event, and which to repeat.
fn disorders() -> impl Strategy<Value = (Vec<Index>, Vec<Index>)> {
    (prop::collection::vec(any::<Index>(), 80), prop::collection::vec(any::<Index>(), 0..20))
}

fn disorder(events: &[Event], (order, repeats): &(Vec<Index>, Vec<Index>)) -> Vec<Event> {
    let mut left: Vec<Event> = events.to_vec();
    left.extend(repeats.iter().map(|index| events[index.index(events.len())].clone()));
    let mut out = Vec::with_capacity(left.len());
    let mut at = 0;
    while !left.is_empty() {
        let index = order[at % order.len()].index(left.len());
        out.push(left.swap_remove(index));
        at += 1;
    }
    out
}

/// The same events, but so that of all ends the first is heard of first.
fn first_end_first(platform: &Platform, mut events: Vec<Event>) -> Vec<Event> {
    let Some(end) = platform.end.map(|at| &platform.events[at]) else { return events };
    let tells_an_end = |event: &Event| match event {
        Event::Finished { .. } => true,
        Event::Snapshot(snapshot) => snapshot.outcome.is_some(),
        _ => false,
    };
    if let (Some(any), Some(first)) = (events.iter().position(tells_an_end), events.iter().position(|e| e == end)) {
        events.swap(any, first);
    }
    events
}

/// Without the order in which it became known, which is the order of the events.
fn without_order(mut approval: Approval) -> Approval {
    approval.learned = Default::default();
    approval
}

fn approval(stage: Stage) -> Approval {
    Approval::new(1_789_999_999_000, Person::default(), vec![stage], 0)
}

fn applied(stage: Stage, events: &[Event]) -> Approval {
    let mut approval = approval(stage);
    for event in events {
        approval.apply(0, event.clone());
    }
    approval
}

fn node_statuses(view: &View) -> Vec<NodeStatus> {
    view.stages.iter().flat_map(|stage| stage.nodes.iter().map(|node| node.status)).collect()
}

fn is_decided(status: NodeStatus) -> bool {
    matches!(status, NodeStatus::Approved | NodeStatus::Rejected)
}

/// What holds for every state that can be seen.
fn check_invariants(approval: &Approval) {
    let view = approval.view();
    let nodes = node_statuses(&view);
    assert_eq!(
        matches!(view.status, Status::Approved | Status::Revoked),
        approval.closed.is_some()
            && nodes.iter().all(|n| *n == NodeStatus::Approved)
            && view.status != Status::Withdrawn
            && view.status != Status::Rejected,
        "{view:?}"
    );
    if nodes.contains(&NodeStatus::Rejected) {
        assert_eq!(view.status, Status::Rejected, "a rejected node rejects: {view:?}");
    }
    let first_open = nodes.iter().position(|node| *node != NodeStatus::Approved).unwrap_or(nodes.len());
    for node in nodes.iter().skip(first_open + 1) {
        assert!(!matches!(node, NodeStatus::Pending), "only when a node has passed does the next begin: {view:?}");
    }
}

proptest! {
    #![proptest_config(super::cases(400))]

    #[test]
    fn any_order_and_repetition_ends_in_the_same_state(
        plan in plans(), script in prop::collection::vec(any::<u8>(), 0..40), telling in tellings(), disordered in disorders(),
    ) {
        let platform = Platform::run(plan.clone(), &script, telling);
        let straight = applied(stage(&plan, DecidedBy::Platform), &platform.events);
        let disordered = disorder(&platform.events, &disordered);
        let mixed = applied(stage(&plan, DecidedBy::Platform), &disordered);
        prop_assert_eq!(&mixed.stages, &straight.stages, "what is known");
        // Which end was told first is not undone by an earlier one that is heard of later.
        let mixed = applied(stage(&plan, DecidedBy::Platform), &first_end_first(&platform, disordered));
        let (mixed, straight) = (without_order(mixed), without_order(straight));
        prop_assert_eq!(&mixed, &straight);
        prop_assert_eq!(mixed.view(), straight.view());
    }

    #[test]
    fn the_history_only_grows(
        plan in plans(), script in prop::collection::vec(any::<u8>(), 0..60), telling in tellings(), disordered in disorders(),
    ) {
        let platform = Platform::run(plan.clone(), &script, telling);
        let mut approval = approval(stage(&plan, DecidedBy::Platform));
        let seen = |approval: &Approval| -> Vec<_> {
            let lines = approval.view().history.into_iter();
            lines.map(|line| (line.action, line.actor.and_then(|actor| actor.account), line.after_end)).collect()
        };
        let mut before = seen(&approval);
        for event in disorder(&platform.events, &disordered) {
            approval.apply(0, event);
            let now = seen(&approval);
            prop_assert!(now.starts_with(&before), "{before:?} became {now:?}");
            before = now;
        }
    }

    /// What was told of a node is never taken back by a later reading, whoever was handed a task or added: also somebody who is
    /// to be asked at the next node.
    #[test]
    fn no_decision_of_a_node_that_was_told_is_taken_back(
        plan in plans(), script in prop::collection::vec(any::<u8>(), 0..40),
        telling in prop_oneof![Just(Telling::Nodes), Just(Telling::Nothing)],
        disordered in disorders(), reads in prop::collection::vec(any::<bool>(), 80),
    ) {
        let platform = Platform::run(plan.clone(), &script, telling);
        prop_assume!(!platform.events.iter().any(|event| matches!(event, Event::RolledBack(_))));
        let mut approval = approval(stage(&plan, DecidedBy::Platform));
        let mut told: Vec<Option<NodeStatus>> = vec![None; plan.len()];
        let mut tell = |approval: &Approval| {
            for (node, status) in node_statuses(&approval.view()).into_iter().enumerate() {
                if is_decided(status) {
                    told[node].get_or_insert(status);
                }
            }
        };
        // A reading tells how it is by then, which may be more than the events did.
        let mut seen = 0;
        for (index, event) in first_end_first(&platform, disorder(&platform.events, &disordered)).into_iter().enumerate() {
            let position = platform.events.iter().position(|other| *other == event).unwrap();
            if matches!(event, Event::Snapshot(_)) {
                continue;
            }
            seen = seen.max(position);
            approval.apply(0, event);
            tell(&approval);
            if reads[index % reads.len()] && approval.stage_to_read().is_some() {
                approval.apply(0, Event::Snapshot(platform.reading_after(seen)));
                tell(&approval);
            }
        }
        approval.apply(0, Event::Snapshot(platform.reading_after(platform.events.len() - 1)));
        for (told, now) in told.iter().zip(node_statuses(&approval.view())) {
            prop_assert!(told.is_none_or(|told| told == now), "{told:?} is {now:?}");
        }
    }

    #[test]
    fn what_is_done_after_the_end_changes_nothing_but_for_a_revocation(
        plan in plans(), script in prop::collection::vec(any::<u8>(), 0..60), telling in tellings(),
    ) {
        let platform = Platform::run(plan.clone(), &script, telling);
        let Some(end) = platform.end else { return Ok(()) };
        let mut approval = applied(stage(&plan, DecidedBy::Platform), &platform.events[..=end]);
        let ended = approval.view();
        for event in &platform.events[end + 1..] {
            approval.apply(0, event.clone());
            let now = approval.view();
            // A reading may tell at which node it was rejected.
            if !matches!(event, Event::Snapshot(_)) {
                prop_assert_eq!(node_statuses(&now), node_statuses(&ended));
            }
            if now.status == ended.status {
                prop_assert_eq!((now.decided_at, now.stages[0].status), (ended.decided_at, ended.stages[0].status));
            } else {
                prop_assert_eq!((ended.status, now.status), (Status::Approved, Status::Revoked));
            }
        }
    }

    #[test]
    fn the_end_is_what_the_platform_says(
        plan in plans(), script in prop::collection::vec(any::<u8>(), 0..40), telling in tellings(), disordered in disorders(),
    ) {
        let platform = Platform::run(plan.clone(), &script, telling);
        let events = first_end_first(&platform, disorder(&platform.events, &disordered));
        let view = applied(stage(&plan, DecidedBy::Platform), &events).view();
        let expected = match platform.outcome {
            Some(Outcome::Approved) => Status::Approved,
            Some(Outcome::Rejected) => Status::Rejected,
            Some(Outcome::Withdrawn) => Status::Withdrawn,
            Some(Outcome::Revoked) => Status::Revoked,
            None => Status::Pending,
        };
        prop_assert_eq!(view.status, expected);
    }

    /// Where nobody reports the instance's end, the nodes alone come to the same decision. Such events are our own, so they
    /// come in order; they may come again.
    #[test]
    fn nodes_decide_alone_where_nothing_else_does(
        plan in plans(), script in prop::collection::vec(any::<u8>(), 0..40), repeats in prop::collection::vec(any::<Index>(), 0..20),
    ) {
        let platform = Platform::run(plan.clone(), &script, Telling::Nodes);
        prop_assume!(platform.outcome != Some(Outcome::Withdrawn));
        let told: Vec<Event> =
            platform.events.iter().filter(|event| !matches!(event, Event::Finished { .. })).cloned().collect();
        let mut repeated = told.clone();
        for index in repeats {
            let first = index.index(told.len());
            repeated.insert(first + 1 + index.index(repeated.len() - first), told[first].clone());
        }
        let view = applied(stage(&plan, DecidedBy::Nodes), &repeated).view();
        let expected = match platform.outcome {
            Some(Outcome::Approved | Outcome::Revoked) => Status::Approved,
            Some(Outcome::Rejected) => Status::Rejected,
            _ => Status::Pending,
        };
        prop_assert_eq!(view.status, expected);
    }

    #[test]
    fn every_state_on_the_way_is_sound_and_nothing_decided_opens_again(
        plan in plans(), script in prop::collection::vec(any::<u8>(), 0..40),
        telling in prop_oneof![Just(Telling::Nodes), Just(Telling::Receivers)], disordered in disorders(),
    ) {
        let platform = Platform::run(plan.clone(), &script, telling);
        let mut approval = approval(stage(&plan, DecidedBy::Platform));
        let mut before = node_statuses(&approval.view());
        let mut ended = None;
        for event in first_end_first(&platform, disorder(&platform.events, &disordered)) {
            let sent_back = matches!(event, Event::RolledBack(_));
            approval.apply(0, event);
            check_invariants(&approval);
            let now = node_statuses(&approval.view());
            for (was, is) in before.iter().zip(&now) {
                prop_assert!(sent_back || !is_decided(*was) || is_decided(*is), "{was:?} became {is:?}");
            }
            if let Some(ended) = ended.filter(|ended| *ended != approval.status()) {
                prop_assert_eq!((ended, approval.status()), (Status::Approved, Status::Revoked));
            }
            ended = approval.closed.is_some().then(|| approval.status());
            before = now;
        }
    }

    #[test]
    fn a_repeated_event_changes_nothing(
        plan in plans(), script in prop::collection::vec(any::<u8>(), 0..40), telling in tellings(),
    ) {
        let platform = Platform::run(plan.clone(), &script, telling);
        let mut approval = applied(stage(&plan, DecidedBy::Platform), &platform.events);
        let before = approval.clone();
        for event in platform.events {
            prop_assert!(!approval.apply(0, event));
        }
        prop_assert_eq!(approval, before);
    }

    #[test]
    fn the_next_stage_begins_only_when_the_one_before_has_passed(
        plan in plans(), script in prop::collection::vec(any::<u8>(), 0..40), telling in tellings(), disordered in disorders(),
    ) {
        let platform = Platform::run(plan.clone(), &script, telling);
        let mut second = stage(&plan, DecidedBy::Platform);
        second.instance = None;
        let mut approval = Approval::new(0, Person::default(), vec![stage(&plan, DecidedBy::Platform), second], 0);
        for event in first_end_first(&platform, disorder(&platform.events, &disordered)) {
            prop_assert!(approval.stage_to_start().is_none());
            approval.apply(0, event);
            if approval.stage_to_start().is_some() {
                break;
            }
        }
        prop_assert_eq!(approval.stage_to_start(), matches!(platform.outcome, Some(Outcome::Approved | Outcome::Revoked)).then_some(1));
        prop_assert!(approval.status() != Status::Approved);
        if approval.closed.is_none() && platform.outcome.is_none() {
            prop_assert_eq!(approval.view().stages[1].status, StageStatus::Waiting);
        }
    }
}
