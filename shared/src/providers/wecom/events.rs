//! What a decrypted callback says.
//!
//! Only `sys_approval_change` matters; every other event is acknowledged and dropped. Whether the form's status in it is
//! that before or after the change is not told, so only an end is believed; every other change wants a reading. Nothing
//! here tells repeated events apart: what they say is joined, so a repetition changes nothing. (The documented way,
//! `FromUserName` and `CreateTime`, would take two forms that change within one second for one.)

use super::process::{self, FormNode, FormStatus, Piece, Told};
use super::xml::{Document, Element};
use crate::approval::{Comment, Event, Outcome};
use crate::providers::Notice;
use crate::providers::lenient::shorten;

/// Longest remark that is kept, in characters. WeCom states no limit.
pub(super) const REMARK_LIMIT: usize = 1_024;
/// Longest number of a form and longest id of a template, in bytes.
const ID_LIMIT: usize = 128;

/// What a `StatuChangeEvent` says of a form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    Submitted,
    /// Urged, or commented: the form is as it was.
    Nothing,
    /// Somebody acted; who and how the lists may tell already, or not yet.
    Acted,
    Ended(Outcome),
    Unknown,
}

/// The table of `StatuChangeEvent`. Withdrawn is 6 here and 4 among the statuses; withdrawn after approval 8, and 6 there.
const fn change(code: i64) -> Change {
    match code {
        1 => Change::Submitted,
        5 | 10 => Change::Nothing,
        // Agreed, rejected (of a node, perhaps), forwarded, sent back, approver added, added and agreed, handled, handed
        // over.
        2 | 3 | 4 | 11..=15 => Change::Acted,
        6 => Change::Ended(Outcome::Withdrawn),
        8 => Change::Ended(Outcome::Revoked),
        _ => Change::Unknown,
    }
}

/// What a message says of instances; `None` when it is not one of WeCom's. `now` (milliseconds) stands in for a time that
/// the event leaves out.
pub(super) fn notices(message: &[u8], now: i64) -> Option<Vec<Notice>> {
    let document = Document::parse(message)?;
    let event = document.root();
    if event.value("Event") != Some("sys_approval_change") {
        // Messages of people, cards, menus, contacts, and forms of the flow engine, which we do not start.
        return Some(Vec::new());
    }
    let at = event.number("CreateTime").and_then(process::time).unwrap_or(now);
    let info = event.child("ApprovalInfo")?;
    // The number as a text came in 2025; both are the same.
    let instance = id(info, "SpNoStr").or_else(|| id(info, "SpNo"))?;
    Some(vec![Notice { instance, template: id(info, "TemplateId"), events: events(info, at) }])
}

fn id(info: Element<'_>, name: &'static str) -> Option<String> {
    let plain = |text: &&str| text.len() <= ID_LIMIT && text.bytes().all(|byte| byte.is_ascii_graphic());
    info.value(name).filter(plain).map(str::to_owned)
}

/// What happened at `at` (milliseconds).
fn events(info: Element<'_>, at: i64) -> Vec<Event> {
    let nodes = nodes(info);
    let applied_at = info.number("ApplyTime").and_then(process::time);
    let Told { tasks, rollbacks, unknown } = process::told(&nodes, applied_at);
    let mut events: Vec<Event> = tasks.into_iter().map(|(task, fact)| Event::Task { task, fact }).collect();
    events.extend(info.children("Comments").filter_map(comment).map(Event::Commented));
    events.extend(unknown.into_iter().map(|code| Event::Unknown { code }));

    let code = info.number("StatuChangeEvent");
    // Older events may have none: then something has changed.
    let change = code.map_or(Change::Acted, change);
    match change {
        Change::Submitted => events.push(Event::Started { at: applied_at.unwrap_or(at) }),
        Change::Unknown => events.push(unknown_code("StatuChangeEvent", code)),
        _ => {}
    }
    events.extend(rollbacks.into_iter().map(Event::RolledBack));
    let status = info.number("SpStatus").map_or(FormStatus::Unknown, process::form_status);
    if status == FormStatus::Unknown {
        events.push(unknown_code("SpStatus", info.number("SpStatus")));
    }
    let ended = [status.outcome(), change.outcome()].into_iter().flatten().max();
    let as_it_was = matches!(change, Change::Submitted | Change::Nothing) && status == FormStatus::Open;
    match ended {
        Some(outcome) => events.push(Event::Finished { outcome, at }),
        None if as_it_was => {}
        None => events.push(Event::ReadWanted { at: within_second(at, &nodes) }),
    }
    events
}

/// Times are whole seconds, and a reading is wanted again only for a later one: so the time of a change is moved on by a
/// millisecond for everybody who has acted. Repeating the event gives the same.
fn within_second(at: i64, nodes: &[FormNode]) -> i64 {
    at + i64::try_from(process::acts(nodes)).unwrap_or_default().min(999)
}

impl FormStatus {
    const fn outcome(self) -> Option<Outcome> {
        match self {
            Self::Ended(outcome) => Some(outcome),
            Self::Open | Self::Unknown => None,
        }
    }
}

impl Change {
    const fn outcome(self) -> Option<Outcome> {
        match self {
            Self::Ended(outcome) => Some(outcome),
            _ => None,
        }
    }
}

/// The new list, or the old one where there is none.
fn nodes(info: Element<'_>) -> Vec<FormNode> {
    let new = info.children("ProcessList").flat_map(|list| list.children("NodeList")).map(node);
    let new: Vec<FormNode> = new.collect();
    if new.is_empty() { info.children("SpRecord").map(old_node).collect() } else { new }
}

fn node(node: Element<'_>) -> FormNode {
    let piece = |piece: Element<'_>| {
        Some(Piece {
            user: user(piece.child("UserInfo")?)?,
            state: piece.number("SpYj"),
            at: piece.number("Sptime").and_then(process::time),
            remark: remark(piece),
        })
    };
    FormNode {
        kind: node.number("NodeType"),
        status: node.number("SpStatus"),
        apv_rel: node.number("ApvRel"),
        pieces: node.children("SubNodeList").filter_map(piece).collect(),
    }
}

fn old_node(node: Element<'_>) -> FormNode {
    let piece = |piece: Element<'_>| {
        Some(Piece {
            user: user(piece.child("Approver")?)?,
            state: piece.number("SpStatus"),
            at: piece.number("SpTime").and_then(process::time),
            remark: remark(piece),
        })
    };
    FormNode {
        kind: None,
        status: node.number("SpStatus"),
        apv_rel: node.number("ApproverAttr").and_then(process::apv_rel_of_attr),
        pieces: node.children("Details").filter_map(piece).collect(),
    }
}

fn user(of: Element<'_>) -> Option<String> {
    of.value("UserId").map(str::to_owned)
}

fn remark(piece: Element<'_>) -> Option<String> {
    piece.value("Speech").map(|text| shorten(text, REMARK_LIMIT))
}

fn comment(comment: Element<'_>) -> Option<Comment> {
    Some(Comment {
        at: comment.number("CommentTime").and_then(process::time)?,
        account: user(comment.child("CommentUserInfo")?)?,
        text: shorten(comment.value("CommentContent")?, REMARK_LIMIT),
    })
}

fn unknown_code(field: &str, code: Option<i64>) -> Event {
    let code = code.map_or_else(|| format!("{field}/none"), |code| format!("{field}/{code}"));
    Event::Unknown { code }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]

    use super::*;
    use crate::approval::{TaskFact, TaskOutcome};

    const SECOND: i64 = 1_760_000_345;
    const AT: i64 = SECOND * 1_000;

    /// An event of a form with one node and an approver.
    fn event(status: &str, change: &str, more: &str) -> String {
        format!(
            "<xml><ToUserName><![CDATA[ww1]]></ToUserName><FromUserName><![CDATA[sys]]></FromUserName>\
             <CreateTime>{SECOND}</CreateTime><MsgType><![CDATA[event]]></MsgType>\
             <Event><![CDATA[sys_approval_change]]></Event><AgentID>3010040</AgentID><ApprovalInfo>\
             <SpNoStr><![CDATA[202510090007]]></SpNoStr><SpNo>202510090007</SpNo><SpStatus>{status}</SpStatus>\
             <TemplateId><![CDATA[C4Rb]]></TemplateId><ApplyTime>1760000001</ApplyTime>{more}\
             <StatuChangeEvent>{change}</StatuChangeEvent></ApprovalInfo></xml>"
        )
    }

    const OPEN: &str = "<ProcessList><NodeList><NodeType>1</NodeType><SpStatus>1</SpStatus><ApvRel>2</ApvRel>\
        <SubNodeList><UserInfo><UserId>LiSi</UserId></UserInfo><Speech></Speech><SpYj>1</SpYj><Sptime>0</Sptime></SubNodeList>\
        </NodeList></ProcessList>";

    fn read(text: &str) -> Vec<Event> {
        let mut notices = notices(text.as_bytes(), 9).unwrap();
        assert_eq!(notices.len(), 1);
        let notice = notices.pop().unwrap();
        assert_eq!((notice.instance.as_str(), notice.template.as_deref()), ("202510090007", Some("C4Rb")));
        notice.events
    }

    /// What is said beside the task.
    fn beside(status: &str, change: &str) -> Vec<Event> {
        let mut events = read(&event(status, change, OPEN));
        let Event::Task { task, fact } = events.remove(0) else { panic!() };
        let opened_at = Some(1_760_000_001_000);
        let asked = TaskFact { assignee: "LiSi".into(), node: Some(0), opened_at, ..TaskFact::default() };
        assert_eq!((task.as_str(), fact), ("0/lisi", asked));
        events
    }

    #[test]
    fn every_change_of_an_open_form() {
        let wanted = Event::ReadWanted { at: AT };
        let ended = |outcome| vec![Event::Finished { outcome, at: AT }];
        let unknown = |code: &str| vec![Event::Unknown { code: code.into() }, wanted.clone()];
        assert_eq!(beside("1", "1"), [Event::Started { at: 1_760_000_001_000 }]);
        for change in ["2", "3", "4", "11", "12", "13", "14", "15", ""] {
            assert_eq!(beside("1", change), std::slice::from_ref(&wanted), "{change}");
        }
        for change in ["5", "10"] {
            assert_eq!(beside("1", change), [], "{change}: nothing to read");
        }
        // The shift: withdrawn is change 6 and status 4, withdrawn after approval change 8 and status 6.
        assert_eq!(beside("1", "6"), ended(Outcome::Withdrawn));
        assert_eq!(beside("2", "8"), ended(Outcome::Revoked));
        for change in ["0", "7", "9", "16", "-3"] {
            assert_eq!(beside("1", change), unknown(&format!("StatuChangeEvent/{change}")));
        }
    }

    #[test]
    fn every_status_of_a_form() {
        for (status, outcome) in [
            ("2", Outcome::Approved),
            ("10", Outcome::Approved),
            ("3", Outcome::Rejected),
            ("4", Outcome::Withdrawn),
            ("7", Outcome::Withdrawn),
            ("6", Outcome::Revoked),
        ] {
            assert_eq!(beside(status, "2"), [Event::Finished { outcome, at: AT }], "{status}");
        }
        for status in ["5", "8", "9", "11", "99"] {
            let code = format!("SpStatus/{status}");
            assert_eq!(beside(status, "5"), [Event::Unknown { code }, Event::ReadWanted { at: AT }]);
        }
        let none = Event::Unknown { code: "SpStatus/none".into() };
        assert_eq!(beside("", "2"), [none, Event::ReadWanted { at: AT }]);
    }

    #[test]
    fn the_old_list_is_read_where_there_is_no_new_one() {
        let old = "<SpRecord><SpStatus>2</SpStatus><ApproverAttr>1</ApproverAttr><Details><Approver><UserId>LiSi</UserId>\
            </Approver><Speech>fine</Speech><SpStatus>2</SpStatus><SpTime>1760000200</SpTime></Details><Details><Approver>\
            <UserId>WangWu</UserId></Approver><Speech/><SpStatus>1</SpStatus><SpTime>0</SpTime></Details></SpRecord>\
            <SpRecord><SpStatus>1</SpStatus><ApproverAttr>2</ApproverAttr><Details><Approver><UserId>ZhaoLiu</UserId>\
            </Approver><SpStatus>1</SpStatus></Details></SpRecord>";
        let told: Vec<_> = read(&event("1", "2", old))
            .into_iter()
            .filter_map(|event| match event {
                Event::Task { task, fact } => Some((task, fact.end.map(|end| (end.outcome, end.at, end.remark)))),
                _ => None,
            })
            .collect();
        let agreed = Some((TaskOutcome::Approved, 1_760_000_200_000, Some("fine".to_owned())));
        assert_eq!(told, [("0/lisi".into(), agreed), ("0/wangwu".into(), None), ("1/zhaoliu".into(), None)]);
        let both = format!("{old}{OPEN}");
        assert_eq!(read(&event("1", "5", &both)).len(), 1, "the new list counts where both are there");
    }

    #[test]
    fn comments_are_told_and_cost_no_reading() {
        let comment = |text: &str| {
            format!(
                "{OPEN}<Comments><CommentUserInfo><UserId>LiSi</UserId></CommentUserInfo><CommentTime>1760000300</CommentTime>\
                 <CommentContent><![CDATA[{text}]]></CommentContent><CommentId>6750</CommentId></Comments>"
            )
        };
        let events = read(&event("1", "10", &comment("为什么?")));
        let told = Comment { at: 1_760_000_300_000, account: "LiSi".into(), text: "为什么?".into() };
        assert_eq!(events[1..], [Event::Commented(told)]);
        let long = read(&event("1", "10", &comment(&"长".repeat(3_000))));
        let Event::Commented(comment) = &long[1] else { panic!() };
        assert_eq!(comment.text.chars().count(), REMARK_LIMIT);
    }

    #[test]
    fn changes_within_one_second_want_readings_of_their_own() {
        let acted = OPEN.replace("<SpYj>1</SpYj><Sptime>0", "<SpYj>2</SpYj><Sptime>1760000345");
        let at = |list: &str| read(&event("1", "2", list)).pop().unwrap();
        assert_eq!(at(OPEN), Event::ReadWanted { at: AT });
        assert_eq!(at(&acted), Event::ReadWanted { at: AT + 1 });
        assert_eq!(at(&acted), at(&acted), "a repeated event wants no other reading");
        let other = event("1", "2", &acted).replace("202510090007", "202510090008");
        assert_eq!(
            notices(other.as_bytes(), 9).unwrap()[0].instance,
            "202510090008",
            "another form in the same second"
        );
    }

    #[test]
    fn numbers_of_forms_come_under_two_names() {
        let old = event("1", "5", OPEN).replace("<SpNoStr><![CDATA[202510090007]]></SpNoStr>", "");
        assert_eq!(read(&old).len(), 1);
        let new = event("1", "5", OPEN).replace("<SpNo>202510090007</SpNo>", "");
        assert_eq!(read(&new).len(), 1);
        let without = old.replace("<SpNo>202510090007</SpNo>", "");
        assert_eq!(notices(without.as_bytes(), 9), None);
        for odd in ["a b", "\u{7}", "审批", &"9".repeat(200)] {
            let odd = old.replace("<SpNo>202510090007</SpNo>", &format!("<SpNo>{odd}</SpNo>"));
            assert_eq!(notices(odd.as_bytes(), 9), None, "{odd}");
        }
    }

    #[test]
    fn a_time_that_is_left_out_is_the_requests() {
        let event = event("4", "6", "").replace(&format!("<CreateTime>{SECOND}</CreateTime>"), "");
        assert_eq!(read(&event), [Event::Finished { outcome: Outcome::Withdrawn, at: 9 }]);
    }

    #[test]
    fn other_events_say_nothing_and_other_shapes_are_refused() {
        for event in ["open_approval_change", "template_card_event", "change_contact", "enter_agent", "SYS", ""] {
            let text = format!("<xml><Event>{event}</Event><ApprovalInfo><ThirdNo>1</ThirdNo></ApprovalInfo></xml>");
            assert_eq!(notices(text.as_bytes(), 0), Some(Vec::new()), "{event}");
        }
        let bomb = "<!DOCTYPE x [<!ENTITY a \"b\">]><xml><Event>&a;</Event></xml>";
        for bad in ["", "success", "{}", bomb, "<xml>", "<xml><Event>sys_approval_change</Event></xml>"] {
            assert_eq!(notices(bad.as_bytes(), 0), None, "{bad}");
        }
    }

    proptest::proptest! {
        /// Whatever a value is, reading it never panics.
        #[test]
        fn odd_values_are_read_without_a_panic(number in proptest::num::i64::ANY, text in "[a-z0-9 .-]{0,12}") {
            for value in [number.to_string(), text] {
                let list = OPEN.replace("<SpYj>1", &format!("<SpYj>{value}")).replace("<Sptime>0", &format!("<Sptime>{value}"));
                let list = list.replace("<SpStatus>1", &format!("<SpStatus>{value}"));
                let event = event(&value, &value, &list).replace("1760000345", &value).replace("1760000001", &value);
                assert_eq!(notices(event.as_bytes(), 9).unwrap().len(), 1);
            }
        }
    }
}
