//! What events and readings of WeCom come to in the state machine.

use crate::approval::{Approval, Event, Mode, Node, NodeStatus, Person, Stage, Status, TaskStatus};
use crate::providers::Provider;
use crate::providers::wecom::{WeCom, events};

/// An approval of two nodes, `any` of A and B, then C, that runs as one form.
fn running() -> Approval {
    let person = |account: &str| Person { account: Some(account.into()), ..Person::default() };
    let node = |approvers: &[&str]| Node::new("Owner", Mode::Any, approvers.iter().copied().map(person).collect());
    let nodes = vec![node(&["A", "B"]), node(&["C"])];
    let stage = Stage::new("con_1".into(), "wecom".into(), WeCom.decided_by(), nodes);
    let mut approval = Approval::new(SECOND * 1_000, person("applicant"), vec![stage], 0);
    approval.started(0, "202510090007".into(), None, SECOND * 1_000);
    approval
}

const SECOND: i64 = 1_760_000_000;

/// One approver of a node: who, state, and seconds after the start.
type At<'a> = (&'a str, i64, i64);

/// The event of a change `after` so many seconds, with the form's two nodes as they are then.
fn event(after: i64, status: i64, change: i64, first: (i64, &[At<'_>]), second: (i64, &[At<'_>])) -> Vec<Event> {
    let time = |at: i64| if at == 0 { 0 } else { SECOND + at };
    let piece = |(user, state, at): &At<'_>| {
        format!(
            "<SubNodeList><UserInfo><UserId>{user}</UserId></UserInfo><SpYj>{state}</SpYj><Sptime>{}</Sptime></SubNodeList>",
            time(*at)
        )
    };
    let old_piece = |(user, state, at): &At<'_>| {
        format!(
            "<Details><Approver><UserId>{user}</UserId></Approver><SpStatus>{state}</SpStatus><SpTime>{}</SpTime></Details>",
            time(*at)
        )
    };
    let node = |(status, pieces): (i64, &[At<'_>])| {
        let pieces: String = pieces.iter().map(piece).collect();
        format!("<NodeList><NodeType>1</NodeType><SpStatus>{status}</SpStatus><ApvRel>2</ApvRel>{pieces}</NodeList>")
    };
    let old_node = |(status, pieces): (i64, &[At<'_>])| {
        let pieces: String = pieces.iter().map(old_piece).collect();
        format!("<SpRecord><SpStatus>{status}</SpStatus><ApproverAttr>1</ApproverAttr>{pieces}</SpRecord>")
    };
    let text = format!(
        "<xml><FromUserName>sys</FromUserName><CreateTime>{}</CreateTime><Event>sys_approval_change</Event><ApprovalInfo>\
         <SpNoStr>202510090007</SpNoStr><SpStatus>{status}</SpStatus><ApplyTime>{SECOND}</ApplyTime>{}{}<ProcessList>{}{}\
         </ProcessList><StatuChangeEvent>{change}</StatuChangeEvent></ApprovalInfo></xml>",
        SECOND + after,
        old_node(first),
        old_node(second),
        node(first),
        node(second),
    );
    events::notices(text.as_bytes(), 0).unwrap().remove(0).events
}

fn apply(approval: &mut Approval, events: &[Event]) -> bool {
    events.iter().fold(false, |changed, event| approval.apply(0, event.clone()) | changed)
}

/// A hands on to D, who agrees; C agrees.
fn handed_on() -> Vec<Vec<Event>> {
    vec![
        event(0, 1, 1, (1, &[("A", 1, 0), ("B", 1, 0)]), (1, &[("C", 1, 0)])),
        event(100, 1, 4, (1, &[("A", 4, 100), ("D", 1, 0), ("B", 1, 0)]), (1, &[("C", 1, 0)])),
        event(200, 1, 2, (2, &[("A", 4, 100), ("D", 2, 200), ("B", 1, 0)]), (1, &[("C", 1, 0)])),
        event(200, 2, 2, (2, &[("A", 4, 100), ("D", 2, 200), ("B", 1, 0)]), (2, &[("C", 2, 200)])),
    ]
}

#[test]
fn events_in_any_order_and_repeated_end_in_the_same_state() {
    let callbacks = handed_on();
    let mut expected = running();
    for events in &callbacks {
        assert!(apply(&mut expected, events));
        assert!(!apply(&mut expected, events), "a repeated callback changes nothing");
    }
    assert_eq!(expected.status(), Status::Approved);
    let view = expected.view();
    let told: Vec<_> = view.stages[0].nodes[0]
        .tasks
        .iter()
        .map(|task| (task.assignee.account.as_deref().unwrap(), task.status))
        .collect();
    assert_eq!(told, [("A", TaskStatus::Transferred), ("D", TaskStatus::Approved), ("B", TaskStatus::Skipped)]);
    for order in [[0, 1, 3, 2], [0, 2, 1, 3], [1, 0, 3, 2], [3, 2, 1, 0], [2, 3, 0, 1], [3, 0, 0, 3]] {
        let mut other = running();
        for index in order {
            apply(&mut other, &callbacks[index]);
        }
        if order != [3, 0, 0, 3] {
            assert_eq!(other.stages[0].facts, expected.stages[0].facts, "{order:?}");
        }
        assert_eq!((other.status(), other.view().decided_at), (expected.status(), view.decided_at), "{order:?}");
    }
}

#[test]
fn a_node_passes_by_the_platforms_word_only() {
    let callbacks = handed_on();
    let mut approval = running();
    apply(&mut approval, &callbacks[0]);
    assert_eq!((approval.status(), approval.stage_to_read()), (Status::Pending, None), "a submission is not read");
    apply(&mut approval, &callbacks[1]);
    assert_eq!(approval.stage_to_read(), Some(0));
    let wanted = approval.stages[0].facts.read_wanted.unwrap();
    apply(&mut approval, &[Event::ReadDone { at: wanted }]);
    assert_eq!(approval.stage_to_read(), None, "whom it was handed to is known");
    apply(&mut approval, &callbacks[2]);
    assert_eq!((approval.status(), approval.stage_to_read()), (Status::Pending, Some(0)));
}

#[test]
fn two_changes_within_one_second_are_two() {
    let callbacks = handed_on();
    let mut approval = running();
    apply(&mut approval, &callbacks[2]);
    let wanted = approval.stages[0].facts.read_wanted.unwrap();
    apply(&mut approval, &[Event::ReadDone { at: wanted }]);
    // C rejects in the same second; the form's status is still that of before.
    let late = event(200, 1, 3, (2, &[("A", 4, 100), ("D", 2, 200), ("B", 1, 0)]), (1, &[("C", 3, 200)]));
    assert!(apply(&mut approval, &late));
    assert_eq!(approval.status(), Status::Rejected);
    let early = event(200, 1, 12, (2, &[("A", 4, 100), ("D", 2, 200), ("B", 1, 0)]), (1, &[("C", 12, 200)]));
    let mut other = running();
    apply(&mut other, &callbacks[2]);
    apply(&mut other, &[Event::ReadDone { at: wanted }]);
    apply(&mut other, &early);
    assert_eq!(other.stage_to_read(), Some(0), "a change in the same second as one that was read is read as well");
}

#[test]
fn a_form_that_was_sent_back_is_decided_again() {
    let mut approval = running();
    let statuses = |approval: &Approval| {
        let view = approval.view();
        view.stages[0].nodes.iter().map(|node| node.status).collect::<Vec<_>>()
    };
    apply(&mut approval, &event(10, 1, 2, (2, &[("A", 2, 10), ("B", 1, 0)]), (1, &[("C", 1, 0)])));
    assert_eq!(statuses(&approval), [NodeStatus::Approved, NodeStatus::Pending]);
    let sent_back = event(20, 1, 11, (1, &[("A", 1, 0), ("B", 1, 0)]), (11, &[("C", 11, 20), ("C", 1, 0)]));
    apply(&mut approval, &sent_back);
    assert_eq!(statuses(&approval), [NodeStatus::Pending, NodeStatus::Waiting]);
    apply(&mut approval, &event(30, 1, 2, (2, &[("A", 1, 0), ("B", 2, 30)]), (11, &[("C", 11, 20), ("C", 1, 0)])));
    assert_eq!(statuses(&approval), [NodeStatus::Approved, NodeStatus::Pending]);
    apply(&mut approval, &sent_back);
    assert_eq!(statuses(&approval), [NodeStatus::Approved, NodeStatus::Pending], "a repeated event moves nothing back");
    apply(&mut approval, &event(40, 2, 2, (2, &[("B", 2, 30)]), (2, &[("C", 11, 20), ("C", 2, 40)])));
    assert_eq!(approval.status(), Status::Approved);
    let lines = approval.view().history;
    let said: Vec<_> = lines.iter().map(|line| (line.action, (line.at - SECOND * 1_000) / 1_000)).collect();
    use crate::approval::Action::{Approved, RolledBack, Started, Submitted};
    let expected = [(Submitted, 0), (Started, 0), (Approved, 10), (RolledBack, 20), (Approved, 30), (Approved, 40)];
    assert_eq!(said, expected, "what was decided before the return stays in the history");
}

#[test]
fn an_approval_is_revoked_when_it_is_withdrawn_after_it_was_approved() {
    let nodes = |status, change| event(900, status, change, (2, &[("A", 2, 10)]), (2, &[("C", 2, 20)]));
    for (status, change) in [(6, 8), (6, 2)] {
        let mut approval = running();
        apply(&mut approval, &event(20, 2, 2, (2, &[("A", 2, 10)]), (2, &[("C", 2, 20)])));
        assert_eq!(approval.status(), Status::Approved);
        assert!(apply(&mut approval, &nodes(status, change)));
        assert_eq!(approval.status(), Status::Revoked, "{status}/{change}");
        apply(&mut approval, &event(20, 2, 2, (2, &[("A", 2, 10)]), (2, &[("C", 2, 20)])));
        assert_eq!(approval.status(), Status::Revoked, "an older event moves nothing back");
    }
    let mut before = running();
    apply(&mut before, &nodes(2, 8));
    assert_eq!(
        (before.status(), before.stage_to_read()),
        (Status::Pending, Some(0)),
        "told by the change alone: it is read"
    );
    let mut withdrawn = running();
    apply(&mut withdrawn, &event(5, 4, 6, (1, &[("A", 1, 0)]), (1, &[("C", 1, 0)])));
    assert_eq!(withdrawn.status(), Status::Withdrawn);
}

#[test]
fn a_form_that_is_deleted_after_its_end_ended_as_it_was_decided() {
    let (a, c, no) = ([("A", 2, 10)], [("C", 2, 20)], [("C", 3, 20)]);
    for (status, second, expected) in [(2, &c, Status::Approved), (3, &no, Status::Rejected)] {
        let deleted = event(900, 7, 2, (2, &a), (status, second));
        let mut approval = running();
        apply(&mut approval, &event(20, status, 2, (2, &a), (status, second)));
        let ended = approval.view();
        apply(&mut approval, &deleted);
        let now = approval.view();
        assert_eq!((now.status, now.decided_at, &now.stages), (expected, ended.decided_at, &ended.stages));
        let mut missed = running();
        apply(&mut missed, &deleted);
        assert_eq!((missed.status(), missed.decided_at()), (expected, ended.decided_at), "its own event was lost");
    }
    let mut open = running();
    apply(&mut open, &event(30, 7, 2, (2, &a), (1, &[("C", 1, 0)])));
    assert_eq!(open.status(), Status::Withdrawn);
}
