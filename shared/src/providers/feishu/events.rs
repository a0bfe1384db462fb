//! What an event says.
//!
//! The two approval events matter; every other kind is acknowledged and dropped, since one that is not answered with
//! 200 holds back all later ones of its instance. Native approval events come in the old schema; should they come in
//! the new one, their fields are read the same.

use serde::Deserialize;
use serde_json::Value;

use crate::approval::{Event, Outcome, Rollback, TaskEnd, TaskFact, TaskOutcome};
use crate::providers::Notice;
use crate::providers::lenient::{Loose, items, plausible, shorten};

/// The `event` of an envelope, as far as we have use for it. Numbers come as texts and the other way round.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Fields<'a> {
    #[serde(default, borrow, rename = "type")]
    pub(super) kind: Loose<'a>,
    #[serde(default, borrow)]
    pub(super) app_id: Loose<'a>,
    #[serde(default, borrow)]
    approval_code: Loose<'a>,
    #[serde(default, borrow)]
    instance_code: Loose<'a>,
    #[serde(default, borrow)]
    status: Loose<'a>,
    #[serde(default, borrow)]
    operate_time: Loose<'a>,
    #[serde(default, borrow)]
    instance_operate_time: Loose<'a>,
    #[serde(default, borrow)]
    task_id: Loose<'a>,
    #[serde(default, borrow)]
    open_id: Loose<'a>,
    #[serde(default, borrow)]
    user_id: Loose<'a>,
    #[serde(default, borrow)]
    custom_key: Loose<'a>,
    #[serde(default, borrow)]
    extra: Loose<'a>,
}

/// The events that are about an instance.
const OURS: &[&str] =
    &["approval_instance", "approval_task", "approval.instance.status_changed_v4", "approval.task.status_changed_v4"];

/// The id of a node in our definitions; events and readings give it back.
pub(super) fn node_id(index: usize) -> String {
    format!("node_{index}")
}

/// The index of a node, by the id that our definitions give it. Ids of customers' definitions say nothing.
pub(super) fn node_index(id: &str) -> Option<u8> {
    let digits = id.strip_prefix("node_")?;
    let plain = digits == "0" || !digits.starts_with(['0', '+']);
    digits.parse().ok().filter(|_| plain)
}

/// What an event says of instances; `None` when it is about one and does not name it. `sent` is the old envelope's `ts`; it and `now` (milliseconds) stand in for times
/// that the event leaves out.
pub(super) fn notices(kind: &str, fields: &Fields<'_>, sent: &Loose<'_>, now: i64) -> Option<Vec<Notice>> {
    let is_ours = OURS.contains(&kind);
    let Some(instance) = fields.instance_code.text() else { return (!is_ours).then(Vec::new) };
    let at = fields.at().or_else(|| seconds(sent)).unwrap_or(now);
    let events = match kind {
        "approval_instance" => fields.instance_events(at),
        "approval_task" => fields.task_events(at),
        // Subscriptions of single people (unconfirmed): they tell at least that something changed.
        "approval.instance.status_changed_v4" | "approval.task.status_changed_v4" => vec![Event::ReadWanted { at }],
        // Copies for information, changed definitions, leave and overtime, messages, people.
        _ => return Some(Vec::new()),
    };
    if events.is_empty() {
        return Some(Vec::new());
    }
    let template = fields.approval_code.text().map(|code| code.into_owned());
    Some(vec![Notice { instance: instance.into_owned(), template, events }])
}

impl Fields<'_> {
    fn at(&self) -> Option<i64> {
        self.operate_time.time().or_else(|| self.instance_operate_time.time())
    }

    /// Events never say what people wrote: once somebody has decided, the instance is read for that.
    fn instance_events(&self, at: i64) -> Vec<Event> {
        match instance_outcome(self.status.word()) {
            Some(outcome @ (Outcome::Approved | Outcome::Rejected)) => {
                vec![Event::Finished { outcome, at }, Event::ReadWanted { at }]
            }
            Some(outcome) => vec![Event::Finished { outcome, at }],
            None if self.status.word() == "PENDING" => vec![Event::Started { at }],
            None => vec![self.unknown("approval_instance")],
        }
    }

    fn task_events(&self, at: i64) -> Vec<Event> {
        let read = Event::ReadWanted { at };
        match self.status.word() {
            "PENDING" => self.task(at, None),
            "APPROVED" => self.task(at, Some(TaskOutcome::Approved)),
            "REJECTED" => self.task(at, Some(TaskOutcome::Rejected)),
            "DONE" | "OVERTIME_CLOSE" => self.task(at, Some(TaskOutcome::Skipped)),
            // To whom, only a reading tells.
            "TRANSFERRED" => self.task(at, Some(TaskOutcome::Transferred)).into_iter().chain([read]).collect(),
            "ROLLBACK" => {
                let back = self.rollback_target().map(|to_node| Event::RolledBack(Rollback::new(to_node, at)));
                self.task(at, Some(TaskOutcome::Skipped)).into_iter().chain(back).chain([read]).collect()
            }
            // The instance's own event says what that means.
            "REVERTED" | "OVERTIME_RECOVER" => vec![read],
            _ => vec![self.unknown("approval_task")],
        }
    }

    /// What is known of the task; nothing where nobody holds it: it was passed automatically.
    fn task(&self, at: i64, outcome: Option<TaskOutcome>) -> Vec<Event> {
        let assignee = self.open_id.text().or_else(|| self.user_id.text());
        let Some(assignee) = assignee else { return Vec::new() };
        let Some(task) = self.task_id.text() else { return vec![Event::ReadWanted { at }] };
        let node = self.custom_key.text().and_then(|key| node_index(&key));
        let opened_at = outcome.is_none().then_some(at);
        let end = outcome.map(|outcome| TaskEnd { outcome, at, remark: None, to: None });
        let fact = TaskFact { assignee: assignee.into_owned(), node, opened_at, end, ..TaskFact::default() };
        vec![Event::Task { task: task.into_owned(), fact }]
    }

    /// The earliest node that is asked again: `START` is the applicant, after whom all are.
    fn rollback_target(&self) -> Option<u8> {
        let extra: Value = serde_json::from_str(&self.extra.text()?).ok()?;
        let listed = |name: &str| items(&extra[name]).to_vec();
        let nodes = listed("rollback_custom_node_ids").into_iter().chain(listed("rollback_node_ids"));
        let index = |id: Value| id.as_str().and_then(|id| if id == "START" { Some(0) } else { node_index(id) });
        nodes.filter_map(index).min()
    }

    fn unknown(&self, event: &str) -> Event {
        Event::Unknown { code: format!("{event}/{}", shorten(self.status.word(), 32)) }
    }
}

/// How a status says that an instance ended; both spellings of "canceled" are met. An instance that ran into its
/// definition's own time limit was ended by the platform; should somebody restore it by hand, it stays ended here.
pub(super) fn instance_outcome(status: &str) -> Option<Outcome> {
    match status {
        "APPROVED" => Some(Outcome::Approved),
        "REJECTED" => Some(Outcome::Rejected),
        "CANCELED" | "CANCELLED" | "DELETED" | "OVERTIME_CLOSE" => Some(Outcome::Withdrawn),
        "REVERTED" => Some(Outcome::Revoked),
        _ => None,
    }
}

/// A time in seconds with a fraction, as text, in milliseconds.
fn seconds(value: &Loose<'_>) -> Option<i64> {
    let text = value.text()?;
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let millis: String = fraction.chars().chain("000".chars()).take(3).collect();
    let millis: i64 = millis.parse().ok()?;
    whole.parse::<i64>().ok()?.checked_mul(1_000)?.checked_add(millis).and_then(plausible)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]

    use serde_json::json;

    use super::*;

    fn read(kind: &str, fields: &Value) -> Vec<Event> {
        let mut all = json!({"app_id": "cli_1", "approval_code": "DEF-1", "instance_code": "INS-1", "task_id": "73",
            "open_id": "ou_1", "user_id": "b85s39b1", "custom_key": "node_1", "def_key": "APPROVAL_1_2",
            "operate_time": "2000"});
        all.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        let text = all.to_string();
        let fields: Fields<'_> = serde_json::from_str(&text).unwrap();
        let notices = notices(kind, &fields, &Loose::Nothing, 9_000).unwrap();
        for notice in &notices {
            assert_eq!((notice.instance.as_str(), notice.template.as_deref()), ("INS-1", Some("DEF-1")));
        }
        notices.into_iter().flat_map(|notice| notice.events).collect()
    }

    #[test]
    fn every_status_of_an_instance() {
        let ended = |outcome| vec![Event::Finished { outcome, at: 2_000 }];
        let decided = |outcome| vec![Event::Finished { outcome, at: 2_000 }, Event::ReadWanted { at: 2_000 }];
        let unknown = |status: &str| vec![Event::Unknown { code: format!("approval_instance/{status}") }];
        for (status, expected) in [
            ("PENDING", vec![Event::Started { at: 2_000 }]),
            ("APPROVED", decided(Outcome::Approved)),
            ("REJECTED", decided(Outcome::Rejected)),
            ("CANCELED", ended(Outcome::Withdrawn)),
            ("CANCELLED", ended(Outcome::Withdrawn)),
            ("DELETED", ended(Outcome::Withdrawn)),
            ("OVERTIME_CLOSE", ended(Outcome::Withdrawn)),
            ("REVERTED", ended(Outcome::Revoked)),
            ("OVERTIME_RECOVER", unknown("OVERTIME_RECOVER")),
            ("approved", unknown("approved")),
            ("PERHAPS", unknown("PERHAPS")),
            ("", unknown("")),
        ] {
            assert_eq!(read("approval_instance", &json!({"status": status})), expected, "{status}");
        }
        let number = read("approval_instance", &json!({"status": "REVERTED", "operate_time": 2_000}));
        assert_eq!(number, ended(Outcome::Revoked), "the time is a number there");
    }

    #[test]
    fn every_status_of_a_task() {
        let read_wanted = Event::ReadWanted { at: 2_000 };
        for (status, outcome, wants) in [
            ("PENDING", None, false),
            ("APPROVED", Some(TaskOutcome::Approved), false),
            ("REJECTED", Some(TaskOutcome::Rejected), false),
            ("DONE", Some(TaskOutcome::Skipped), false),
            ("OVERTIME_CLOSE", Some(TaskOutcome::Skipped), false),
            ("TRANSFERRED", Some(TaskOutcome::Transferred), true),
            ("ROLLBACK", Some(TaskOutcome::Skipped), true),
        ] {
            let events = read("approval_task", &json!({"status": status}));
            let Event::Task { task, fact } = &events[0] else { panic!("{status}") };
            assert_eq!((task.as_str(), fact.assignee.as_str(), fact.node), ("73", "ou_1", Some(1)));
            assert_eq!(fact.opened_at, outcome.is_none().then_some(2_000), "{status}");
            assert_eq!(fact.end.as_ref().map(|end| (end.outcome, end.at)), outcome.map(|outcome| (outcome, 2_000)));
            assert_eq!(events[1..] == [read_wanted.clone()], wants, "{status}");
        }
        for status in ["REVERTED", "OVERTIME_RECOVER"] {
            assert_eq!(
                read("approval_task", &json!({"status": status})),
                std::slice::from_ref(&read_wanted),
                "{status}"
            );
        }
        let unknown = Event::Unknown { code: "approval_task/PERHAPS".into() };
        assert_eq!(read("approval_task", &json!({"status": "PERHAPS"})), [unknown]);
    }

    #[test]
    fn a_return_names_its_node_where_it_is_one_of_ours() {
        let target = |extra: &str| {
            let events = read("approval_task", &json!({"status": "ROLLBACK", "extra": extra}));
            assert_eq!(events.last(), Some(&Event::ReadWanted { at: 2_000 }));
            events.into_iter().find_map(|event| match event {
                Event::RolledBack(rollback) => Some((rollback.to_node, rollback.at)),
                _ => None,
            })
        };
        assert_eq!(
            target(r#"{"rollback_node_ids":["APPROVAL_1"],"rollback_custom_node_ids":["node_2","node_1"]}"#),
            Some((1, 2_000))
        );
        assert_eq!(target(r#"{"rollback_node_ids":["START"]}"#), Some((0, 2_000)));
        for unknown in [r#"{"rollback_custom_node_ids":["APPROVAL_NODE_0"]}"#, "", "no json", "[]", "{}"] {
            assert_eq!(target(unknown), None, "{unknown}");
        }
    }

    #[test]
    fn people_and_nodes_may_be_left_out() {
        assert_eq!(
            read("approval_task", &json!({"status": "APPROVED", "open_id": "", "user_id": ""})),
            [],
            "automatic"
        );
        let only_user = read("approval_task", &json!({"status": "PENDING", "open_id": null, "custom_key": ""}));
        let Event::Task { fact, .. } = &only_user[0] else { panic!() };
        assert_eq!((fact.assignee.as_str(), fact.node), ("b85s39b1", None));
        for (id, index) in [
            ("node_0", Some(0)),
            ("node_12", Some(12)),
            ("node_256", None),
            ("node_01", None),
            ("node_+1", None),
            ("node_", None),
            ("审批节点-2", None),
            ("APPROVAL_NODE_0", None),
        ] {
            assert_eq!(node_index(id), index, "{id}");
        }
        assert_eq!(node_index(&node_id(7)), Some(7));
    }

    #[test]
    fn times_that_are_left_out_come_from_the_envelope() {
        let fields: Fields<'_> = serde_json::from_str(r#"{"instance_code":"I","status":"APPROVED"}"#).unwrap();
        let at = |sent: &str| {
            let sent: Loose<'_> = serde_json::from_str(sent).unwrap();
            let notice = notices("approval_instance", &fields, &sent, 9_000).unwrap().pop().unwrap();
            let Event::Finished { at, .. } = notice.events[0] else { panic!() };
            at
        };
        assert_eq!(at("\"1766390400.118273\""), 1_766_390_400_118);
        assert_eq!(at("\"1766390400.5\""), 1_766_390_400_500);
        assert_eq!(at("1766390400"), 1_766_390_400_000);
        for odd in ["null", "\"soon\"", "\"-5\"", "\"9223372036854775807.5\"", "{}"] {
            assert_eq!(at(odd), 9_000, "{odd}");
        }
    }

    #[test]
    fn other_events_say_nothing() {
        for kind in ["approval_cc", "approval.approval.updated_v4", "approval", "leave_approvalV2", "app_ticket", ""] {
            assert_eq!(read(kind, &json!({"status": "APPROVED"})), [], "{kind}");
        }
        for kind in ["approval.instance.status_changed_v4", "approval.task.status_changed_v4"] {
            assert_eq!(read(kind, &json!({"status": "approved"})), [Event::ReadWanted { at: 2_000 }], "{kind}");
        }
        let without: Fields<'_> = serde_json::from_str(r#"{"status":"APPROVED"}"#).unwrap();
        for kind in OURS {
            assert_eq!(notices(kind, &without, &Loose::Nothing, 9_000), None, "{kind}: it names no instance");
        }
        assert_eq!(notices("approval_cc", &without, &Loose::Nothing, 9_000), Some(Vec::new()));
        let task = read("approval_task", &json!({"status": "APPROVED", "task_id": null}));
        assert_eq!(task, [Event::ReadWanted { at: 2_000 }], "whose, and not which");
    }

    #[test]
    fn what_is_undone_or_deleted_after_its_end_ended_as_it_was_decided() {
        use crate::approval::{Approval, DecidedBy, Mode, Node, Person, Stage, Status};
        let node = Node::new("one", Mode::Any, vec![]);
        let stage = Stage::new("con_1".into(), "feishu".into(), DecidedBy::Platform, vec![node]);
        let after = |status: &str, ends: &[&str]| {
            let mut approval = Approval::new(0, Person::default(), vec![stage.clone()], 0);
            approval.started(0, "INS-1".into(), None, 1_000);
            for (at, status) in [(2_000, &status)].into_iter().chain(ends.iter().map(|end| (99_000_000, end))) {
                for event in read("approval_instance", &json!({"status": status, "operate_time": at.to_string()})) {
                    approval.apply(0, event);
                }
            }
            (approval.status(), approval.decided_at())
        };
        let gone = ["DELETED", "CANCELED", "OVERTIME_CLOSE"];
        assert_eq!(after("APPROVED", &gone), (Status::Approved, Some(2_000)));
        assert_eq!(after("REJECTED", &gone), (Status::Rejected, Some(2_000)));
        assert_eq!(after("REJECTED", &["REVERTED"]), (Status::Rejected, Some(2_000)));
        assert_eq!(after("APPROVED", &["REVERTED", "DELETED"]), (Status::Revoked, Some(99_000_000)));
        assert_eq!(after("APPROVED", &["CANCELED", "REVERTED"]), (Status::Revoked, Some(99_000_000)));
    }
}
