//! What a decrypted callback says.
//!
//! Only `sys_approval_change` matters; every other event is acknowledged and dropped. Whether the form's status in it is
//! that before or after the change is not told, so only an end is believed; every other change wants a reading. Nothing
//! here tells repeated events apart: what they say is joined, so a repetition changes nothing. (The documented way,
//! `FromUserName` and `CreateTime`, would take two forms that change within one second for one.)
//!
//! Whether what people write can leave its CDATA is not confirmed, so an event is taken for a text into which they may have
//! written. What stands before their first word, in every sample the form's number, status, template and times, is
//! believed, if nothing says it again; the lists, if the old and the new one agree: their elements have different names,
//! so that no text can end one in both. Comments and the change stand behind: they only say that a reading is wanted. Of a
//! document that breaks, or that holds twice what stands once, nothing is believed but the number.

use super::names::{self, NAMES};
use super::process::{self, FormNode, FormStatus, Piece, Told};
use crate::approval::{Event, Outcome};
use crate::providers::lenient::shorten;
use crate::providers::{Notice, Unreadable};
use countersign_xml::{Document, Element, Name};

/// Longest remark that is kept, in characters. WeCom states no limit.
pub(super) const REMARK_LIMIT: usize = 1_024;
/// Longest number of a form and longest id of a template, in bytes.
const ID_LIMIT: usize = 128;
/// The elements that hold, or lead to, what people write.
const PEOPLES: [Name; 3] = [names::SP_RECORD, names::PROCESS_LIST, names::COMMENTS];

/// What a `StatuChangeEvent` says of a form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    Submitted,
    /// Urged: the form is as it was.
    Nothing,
    /// Somebody acted or wrote; who and what the lists may tell already, or not yet.
    Acted,
    /// Ended, if the status says so too.
    Ended(Outcome),
    Unknown,
}

/// The table of `StatuChangeEvent`. Withdrawn is 6 here and 4 among the statuses; withdrawn after approval 8, and 6 there.
const fn change(code: i64) -> Change {
    match code {
        1 => Change::Submitted,
        5 => Change::Nothing,
        // Agreed, rejected (of a node, perhaps), forwarded, commented, sent back, approver added, added and agreed, handled,
        // handed over.
        2 | 3 | 4 | 10..=15 => Change::Acted,
        6 => Change::Ended(Outcome::Withdrawn),
        8 => Change::Ended(Outcome::Revoked),
        _ => Change::Unknown,
    }
}

/// What a message says of instances, unless it cannot be read, or not be believed. `now` (milliseconds) stands in for a time
/// that the event leaves out.
pub(super) fn read(message: &[u8], now: i64) -> Result<Vec<Notice>, Unreadable> {
    let document = Document::before_break(message, &NAMES).ok_or_else(Unreadable::default)?;
    let event = document.root();
    if event.value(names::EVENT) != Some("sys_approval_change") {
        // Messages of people, cards, menus, contacts, and forms of the flow engine, which we do not start.
        return if document.is_whole() { Ok(Vec::new()) } else { Err(Unreadable::default()) };
    }
    let at = event.number(names::CREATE_TIME).and_then(process::time).unwrap_or(now);
    let info = Info::of(event.child(names::APPROVAL_INFO).ok_or_else(Unreadable::default)?);
    // The number as a text came in 2025; both are the same.
    let instance = info.id(names::SP_NO_STR).or_else(|| info.id(names::SP_NO));
    let template = info.id(names::TEMPLATE_ID);
    let is_certain = document.is_whole() && document.has_once();
    match instance {
        Some(instance) if is_certain => Ok(vec![Notice { instance, template, events: events(info, at) }]),
        // Another change within the same second must not look like one that was read already.
        instance => Err(Unreadable::of(instance, template, at + 999)),
    }
}

/// What a message says of instances, certain or not; `None` when it names none.
#[cfg(test)]
pub(super) fn notices(message: &[u8], now: i64) -> Option<Vec<Notice>> {
    read(message, now).map_or_else(|unreadable| unreadable.notice.map(|notice| vec![notice]), Some)
}

/// What an event says of a form.
#[derive(Clone, Copy)]
struct Info<'d> {
    all: Element<'d>,
    /// The first element that may hold what people write.
    peoples: Option<Element<'d>>,
}

impl<'d> Info<'d> {
    fn of(all: Element<'d>) -> Self {
        Self { all, peoples: all.first_of(&PEOPLES) }
    }

    fn id(self, name: Name) -> Option<String> {
        let plain = |text: &&str| text.len() <= ID_LIMIT && text.bytes().all(|byte| byte.is_ascii_graphic());
        self.before_people(name).filter(plain).map(str::to_owned)
    }

    /// The value of an element that stands before all that people write.
    fn before_people(self, name: Name) -> Option<&'d str> {
        let found = self.all.child(name).filter(|found| self.peoples.is_none_or(|list| found.is_before(list)));
        found.map(Element::text).filter(|text| !text.is_empty())
    }
}

/// What happened at `at` (milliseconds).
fn events(info: Info<'_>, at: i64) -> Vec<Event> {
    let applied_at = info.before_people(names::APPLY_TIME).and_then(|time| process::time(time.parse().ok()?));
    let lists = Lists::of(info.all);
    let nodes = lists.agreed();
    let Told { tasks, rollbacks, unknown } = process::told(nodes.unwrap_or_default(), applied_at);
    let mut events: Vec<Event> = tasks.into_iter().map(|(task, fact)| Event::Task { task, fact }).collect();
    events.extend(unknown.into_iter().map(|code| Event::Unknown { code }));

    let code = info.all.number(names::STATU_CHANGE_EVENT);
    // Older events may have none: then something has changed.
    let change = code.map_or(Change::Acted, change);
    match change {
        Change::Submitted => events.push(Event::Started { at: applied_at.unwrap_or(at) }),
        Change::Unknown => events.push(unknown_code("StatuChangeEvent", code)),
        _ => {}
    }
    events.extend(rollbacks.into_iter().map(Event::RolledBack));
    let code = info.before_people(names::SP_STATUS).and_then(|code| code.parse().ok());
    let status = code.map_or(FormStatus::Unknown, process::form_status);
    if status == FormStatus::Unknown {
        events.push(unknown_code("SpStatus", code));
    }
    let ended = status.outcome().filter(|outcome| change.outcome().is_none_or(|changed| changed == *outcome));
    // Deleted, perhaps after it had been decided: then that came first.
    let before = nodes.filter(|_| ended == Some(Outcome::Withdrawn)).and_then(process::decided);
    events.extend(before.map(|(outcome, at)| Event::Finished { outcome, at }));
    events.extend(ended.map(|outcome| Event::Finished { outcome, at }));
    let is_as_it_was = matches!(change, Change::Submitted | Change::Nothing) && status == FormStatus::Open;
    if nodes.is_none() || (ended.is_none() && !is_as_it_was) {
        events.push(Event::ReadWanted { at: within_second(info.all, &lists, at) });
    }
    events
}

/// Times are whole seconds, and a reading is wanted again only for a later one: so the time of a change is moved on by a
/// millisecond for everybody who has acted and for each comment. Repeating the event gives the same.
fn within_second(info: Element<'_>, lists: &Lists, at: i64) -> i64 {
    let acts = process::acts(&lists.new).max(process::acts(&lists.old));
    at + i64::try_from(acts + info.children(names::COMMENTS).count()).unwrap_or_default().min(998)
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

/// The nodes of a form, as the new list tells them and as the old one does.
struct Lists {
    new: Vec<FormNode>,
    old: Vec<FormNode>,
}

impl Lists {
    fn of(info: Element<'_>) -> Self {
        Self {
            new: info
                .children(names::PROCESS_LIST)
                .flat_map(|list| list.children(names::NODE_LIST))
                .map(node)
                .collect(),
            old: info.children(names::SP_RECORD).map(old_node).collect(),
        }
    }

    /// The new list, if the old one tells the same of the same people.
    fn agreed(&self) -> Option<&[FormNode]> {
        let [new, old] = [&self.new, &self.old].map(|list| process::deciding(list).map(|node| &node.pieces));
        new.eq(old).then_some(&self.new)
    }
}

fn node(node: Element<'_>) -> FormNode {
    let piece = |piece: Element<'_>| {
        Some(Piece {
            user: user(piece.child(names::USER_INFO)?)?,
            state: piece.number(names::SP_YJ),
            at: piece.number(names::SP_TIME).and_then(process::time),
            remark: remark(piece),
        })
    };
    FormNode {
        kind: node.number(names::NODE_TYPE),
        status: node.number(names::SP_STATUS),
        apv_rel: node.number(names::APV_REL),
        pieces: node.children(names::SUB_NODE_LIST).filter_map(piece).collect(),
    }
}

fn old_node(node: Element<'_>) -> FormNode {
    let piece = |piece: Element<'_>| {
        Some(Piece {
            user: user(piece.child(names::APPROVER)?)?,
            state: piece.number(names::SP_STATUS),
            at: piece.number(names::SP_TIME).and_then(process::time),
            remark: remark(piece),
        })
    };
    FormNode {
        kind: None,
        status: node.number(names::SP_STATUS),
        apv_rel: node.number(names::APPROVER_ATTR).and_then(process::apv_rel_of_attr),
        pieces: node.children(names::DETAILS).filter_map(piece).collect(),
    }
}

fn user(of: Element<'_>) -> Option<String> {
    of.value(names::USER_ID).map(str::to_owned)
}

fn remark(piece: Element<'_>) -> Option<String> {
    piece.value(names::SPEECH).map(|text| shorten(text, REMARK_LIMIT))
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

    const OPEN: &str = "<SpRecord><SpStatus>1</SpStatus><ApproverAttr>1</ApproverAttr><Details><Approver><UserId>LiSi</UserId>\
        </Approver><Speech></Speech><SpStatus>1</SpStatus><SpTime>0</SpTime></Details></SpRecord>\
        <ProcessList><NodeList><NodeType>1</NodeType><SpStatus>1</SpStatus><ApvRel>2</ApvRel>\
        <SubNodeList><UserInfo><UserId>LiSi</UserId></UserInfo><Speech></Speech><SpYj>1</SpYj><Sptime>0</Sptime></SubNodeList>\
        </NodeList></ProcessList>";

    /// The same lists after the approver did this, at this second, with these words.
    fn acted(state: &str, at: i64, words: &str) -> String {
        OPEN.replace("<SpYj>1</SpYj><Sptime>0", &format!("<SpYj>{state}</SpYj><Sptime>{at}"))
            .replace("<SpStatus>1</SpStatus><SpTime>0", &format!("<SpStatus>{state}</SpStatus><SpTime>{at}"))
            .replace("<Speech></Speech>", &format!("<Speech><![CDATA[{words}]]></Speech>"))
    }

    /// The lists, and a comment whose text stands in CDATA as it is.
    fn commented(text: &str) -> String {
        format!(
            "{OPEN}<Comments><CommentUserInfo><UserId>LiSi</UserId></CommentUserInfo><CommentTime>1760000300</CommentTime>\
             <CommentContent><![CDATA[{text}]]></CommentContent><CommentId>6750</CommentId></Comments>"
        )
    }

    fn told(text: &str) -> Vec<Event> {
        let mut notices = notices(text.as_bytes(), 9).unwrap();
        assert_eq!(notices.len(), 1);
        let notice = notices.pop().unwrap();
        assert_eq!((notice.instance.as_str(), notice.template.as_deref()), ("202510090007", Some("C4Rb")));
        notice.events
    }

    /// What is said beside the task.
    fn beside(status: &str, change: &str) -> Vec<Event> {
        let mut events = told(&event(status, change, OPEN));
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
        for change in ["2", "3", "4", "10", "11", "12", "13", "14", "15", ""] {
            assert_eq!(beside("1", change), std::slice::from_ref(&wanted), "{change}");
        }
        assert_eq!(beside("1", "5"), [], "nothing to read");
        // The shift: withdrawn is change 6 and status 4, withdrawn after approval change 8 and status 6.
        assert_eq!(beside("4", "6"), ended(Outcome::Withdrawn));
        assert_eq!(beside("6", "8"), ended(Outcome::Revoked));
        // The change stands behind what people write: alone it ends nothing.
        for (status, change) in [("1", "6"), ("2", "6"), ("1", "8"), ("2", "8")] {
            assert_eq!(beside(status, change), std::slice::from_ref(&wanted), "{status} {change}");
        }
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
    fn lists_are_believed_where_both_tell_the_same() {
        let tasks = |lists: &str| -> (Vec<_>, bool) {
            let events = told(&event("2", "2", lists));
            let wanted = events.iter().any(|event| matches!(event, Event::ReadWanted { .. }));
            assert!(events.contains(&Event::Finished { outcome: Outcome::Approved, at: AT }));
            let ends = events.into_iter().filter_map(|event| match event {
                Event::Task { task, fact } => Some((task, fact.end.map(|end| (end.outcome, end.at, end.remark)))),
                _ => None,
            });
            (ends.collect(), wanted)
        };
        let both = acted("2", 1_760_000_200, "fine");
        let agreed = Some((TaskOutcome::Approved, 1_760_000_200_000, Some("fine".to_owned())));
        assert_eq!(tasks(&both), (vec![("0/lisi".into(), agreed)], false));
        let (old, new) = both.split_at(both.find("<ProcessList>").unwrap());
        let open = OPEN.split_at(OPEN.find("<ProcessList>").unwrap());
        let other = new.replace("LiSi", "WangWu");
        for lists in [
            old.to_owned(),
            new.to_owned(),
            format!("{old}{}", open.1),
            format!("{}{new}", open.0),
            format!("{old}{other}"),
        ] {
            assert_eq!(tasks(&lists), (vec![], true), "{lists}");
        }
    }

    #[test]
    fn comments_are_read() {
        for text in ["为什么?", "a[b[0]] > 1", "]]]]><![CDATA[>", ""] {
            let events = told(&event("1", "10", &commented(text)));
            assert!(matches!(events[0], Event::Task { .. }), "{text}");
            assert_eq!(events[1..], [Event::ReadWanted { at: AT + 1 }], "{text}");
        }
    }

    /// Whatever is certain of an event into which somebody wrote this, in a comment and as an approver.
    fn certain(status: &str, change: &str, words: &str) -> [Vec<Event>; 2] {
        [commented(words), acted("2", SECOND, words)].map(|lists| {
            let mut events = told(&event(status, change, &lists));
            assert!(events.iter().any(|event| matches!(event, Event::ReadWanted { .. })), "{words}");
            events.retain(|event| !matches!(event, Event::ReadWanted { .. }));
            events
        })
    }

    #[test]
    fn words_that_leave_their_place_decide_nothing() {
        let out = "ok]]></CommentContent></Comments>";
        let back = "<Comments><CommentContent><![CDATA[";
        let ended = "<StatuChangeEvent>6</StatuChangeEvent>";
        let node = "<NodeList><NodeType>1</NodeType><SpStatus>3</SpStatus><SubNodeList><UserInfo><UserId>LiSi</UserId></UserInfo>\
            <SpYj>3</SpYj><Sptime>1760000340</Sptime></SubNodeList></NodeList>";
        let piece = "x]]></Speech><SpYj>3</SpYj><Sptime>1760000340</Sptime></SubNodeList><SubNodeList><UserInfo><UserId>Boss</UserId>\
            </UserInfo><Speech><![CDATA[";
        let detail = "x]]></Speech><SpStatus>3</SpStatus><SpTime>1760000340</SpTime></Details><Details><Approver><UserId>Boss</UserId>\
            </Approver><Speech><![CDATA[";
        for words in [
            format!("{out}{ended}{back}"),
            format!("{out}<StatuChangeEvent>8</StatuChangeEvent>{back}"),
            format!("{out}<statuchangeevent>6</statuchangeevent>{back}"),
            format!("{out}{ended}</ApprovalInfo></xml><!--"),
            format!("{out}{ended}<!--"),
            format!("{out}{ended}<Other a='"),
            format!("{out}{ended}<?"),
            format!("{out}<SpStatus>4</SpStatus>{back}"),
            format!("{out}<SpNo>1</SpNo><SpNoStr>2</SpNoStr>{back}"),
            format!("{out}<ProcessList>{node}</ProcessList>{back}"),
            format!("{out}<SpRecord><SpStatus>3</SpStatus></SpRecord>{back}"),
            format!("{out}</ApprovalInfo><ApprovalInfo>{ended}{back}"),
            format!("ok]]></CommentContent>{ended}<CommentContent><![CDATA["),
            piece.to_owned(),
            detail.to_owned(),
            "a[b[0]]>1 && x<y".into(),
            "a[b[0]]>1".into(),
            "]]>".into(),
            "]]><b/><![CDATA[".into(),
        ] {
            for events in certain("1", "10", &words) {
                let closes = |event: &Event| match event {
                    Event::Task { fact, .. } => {
                        fact.assignee != "LiSi"
                            || fact.end.as_ref().is_some_and(|end| end.outcome != TaskOutcome::Approved)
                    }
                    _ => true,
                };
                assert!(!events.iter().any(closes), "{words}: {events:?}");
            }
        }
    }

    #[test]
    fn a_document_that_breaks_is_read_once_its_number_is_known() {
        let whole = event("2", "2", OPEN);
        let at = whole.find("</SpNoStr>").unwrap();
        let wanted = [Event::ReadWanted { at: AT + 999 }];
        for (cut, _) in whole.char_indices() {
            let told = notices(&whole.as_bytes()[..cut], 9);
            if cut < at + "</SpNoStr>".len() {
                assert_eq!(told, None, "{cut}");
            } else {
                let told = told.unwrap();
                assert_eq!((told[0].instance.as_str(), &told[0].events[..]), ("202510090007", &wanted[..]), "{cut}");
            }
        }
        let mut bytes = event("2", "2", &commented("gbk")).into_bytes();
        let at = bytes.windows(3).position(|three| three == b"gbk").unwrap();
        bytes[at] = 0xD5;
        assert_eq!(notices(&bytes, 9).unwrap()[0].events, wanted);
    }

    #[test]
    fn what_stands_behind_peoples_words_is_no_number() {
        let head = "<SpNoStr><![CDATA[202510090007]]></SpNoStr><SpNo>202510090007</SpNo>";
        let behind = event("1", "10", &format!("{OPEN}{head}")).replacen(head, "", 1);
        assert_eq!(notices(behind.as_bytes(), 9), None);
        let status =
            event("1", "2", &format!("{OPEN}<SpStatus>4</SpStatus>")).replacen("<SpStatus>1</SpStatus>", "", 1);
        assert!(!told(&status).iter().any(|event| matches!(event, Event::Finished { .. })));
    }

    #[test]
    fn changes_within_one_second_want_readings_of_their_own() {
        let acted = acted("2", SECOND, "");
        let at = |list: &str| told(&event("1", "2", list)).pop().unwrap();
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
        assert_eq!(told(&old).len(), 1);
        let new = event("1", "5", OPEN).replace("<SpNo>202510090007</SpNo>", "");
        assert_eq!(told(&new).len(), 1);
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
        assert_eq!(told(&event), [Event::Finished { outcome: Outcome::Withdrawn, at: 9 }]);
    }

    #[test]
    fn other_events_say_nothing_and_other_shapes_are_refused() {
        for event in ["open_approval_change", "template_card_event", "change_contact", "enter_agent", "SYS", ""] {
            let text = format!("<xml><Event>{event}</Event><ApprovalInfo><ThirdNo>1</ThirdNo></ApprovalInfo></xml>");
            assert_eq!(notices(text.as_bytes(), 0), Some(Vec::new()), "{event}");
        }
        let bomb = "<!DOCTYPE x [<!ENTITY a \"b\">]><xml><Event>&a;</Event></xml>";
        for bad in [
            "",
            "success",
            "{}",
            bomb,
            "<xml>",
            "<xml><Event>SYS</Event>",
            "<xml><Event>sys_approval_change</Event></xml>",
        ] {
            assert_eq!(notices(bad.as_bytes(), 0), None, "{bad}");
        }
    }

    proptest::proptest! {
        /// Whatever a value is, reading it never panics.
        #[test]
        fn odd_values_are_read_without_a_panic(number in proptest::num::i64::ANY, text in "[a-z0-9 .-]{0,12}") {
            for value in [number.to_string(), text] {
                let list = OPEN.replace("<SpYj>1", &format!("<SpYj>{value}")).replace("<Sptime>0", &format!("<Sptime>{value}"));
                let list = list.replace("<SpStatus>1", &format!("<SpStatus>{value}")).replace("<SpTime>0", &format!("<SpTime>{value}"));
                let event = event(&value, &value, &list).replace("1760000345", &value).replace("1760000001", &value);
                assert_eq!(notices(event.as_bytes(), 9).unwrap().len(), 1);
            }
        }
    }
}
