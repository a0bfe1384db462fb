//! What a decrypted callback says.
//!
//! Only the two approval events matter; every other kind is acknowledged and dropped. The envelope's own fields
//! (`eventId`, `EventTime`, `CorpId`) are documented but absent in every capture of an HTTP push, so nothing here
//! depends on them.

use serde::Deserialize;

use crate::approval::{Comment, Event, Outcome, TaskEnd, TaskFact, TaskOutcome};
use crate::providers::lenient::{Loose, named, shorten};
use crate::providers::{Notice, Unreadable};

/// Longest remark that is kept, in characters: DingTalk's own limit.
pub(super) const REMARK_LIMIT: usize = 1024;
/// Reading an instance gives whole minutes.
const MINUTE: i64 = 60_000;

#[derive(Deserialize)]
struct Payload<'a> {
    #[serde(rename = "EventType", borrow)]
    event_type: Loose<'a>,
    #[serde(rename = "EventTime", default, borrow)]
    event_time: Loose<'a>,
    #[serde(rename = "processInstanceId", default, borrow)]
    instance: Loose<'a>,
    #[serde(rename = "processCode", default, borrow)]
    template: Loose<'a>,
    #[serde(rename = "type", default, borrow)]
    kind: Loose<'a>,
    #[serde(default, borrow)]
    result: Loose<'a>,
    #[serde(rename = "staffId", default, borrow)]
    staff: Loose<'a>,
    #[serde(rename = "taskId", default, borrow)]
    task: Loose<'a>,
    #[serde(default, borrow)]
    remark: Loose<'a>,
    #[serde(default, borrow)]
    content: Loose<'a>,
    #[serde(rename = "createTime", default, borrow)]
    created: Loose<'a>,
    #[serde(rename = "finishTime", default, borrow)]
    finished: Loose<'a>,
}

/// What a message says of instances; `None` when it is not an event. `now` (milliseconds) stands in for times that the
/// event leaves out.
pub(super) fn notices(message: &[u8], now: i64) -> Option<Vec<Notice>> {
    let payload: Payload<'_> = serde_json::from_slice(message).ok()?;
    let event = match payload.event_type.word() {
        "bpms_instance_change" => payload.instance_event(now),
        "bpms_task_change" => payload.task_event(now)?,
        "" => return None,
        // `check_url` and all events that we have no use for.
        _ => return Some(Vec::new()),
    };
    let instance = payload.instance.into_text()?;
    Some(vec![Notice { instance, template: payload.template.into_text(), events: vec![event] }])
}

/// What is left of a message that is no event, or says twice what stands once: the instance is to be read, if one is named.
pub(super) fn unreadable(message: &[u8], now: i64) -> Unreadable {
    Unreadable::of(named(message, &["processInstanceId"]), named(message, &["processCode"]), now)
}

impl Payload<'_> {
    fn instance_event(&self, now: i64) -> Event {
        let ended = |outcome| Event::Finished { outcome, at: self.ended_at(now) };
        match (self.kind.word(), self.result.word()) {
            ("start", _) => Event::Started { at: self.created.time().unwrap_or(now) },
            ("finish", "agree") => ended(Outcome::Approved),
            ("finish", "refuse") => ended(Outcome::Rejected),
            // Unconfirmed: `delete` is implied by the event's title; its value was never seen.
            ("terminate" | "delete", _) => ended(Outcome::Withdrawn),
            (kind, result) => unknown("bpms_instance_change", kind, result),
        }
    }

    fn task_event(&self, now: i64) -> Option<Event> {
        let assignee = self.staff.text()?.into_owned();
        let outcome = match (self.kind.word(), self.result.word()) {
            ("start", _) => None,
            ("finish", "agree") => Some(TaskOutcome::Approved),
            ("finish", "refuse") => Some(TaskOutcome::Rejected),
            ("finish", "redirect") => Some(TaskOutcome::Transferred),
            ("cancel", _) => Some(TaskOutcome::Skipped),
            ("comment", _) => return Some(self.comment(assignee, now)),
            // `audit` (somebody carried out the request) is told by one secondary source: never a decision.
            (kind, result) => return Some(unknown("bpms_task_change", kind, result)),
        };
        let remark = self.remark.text().map(|text| shorten(&text, REMARK_LIMIT));
        let end = outcome.map(|outcome| TaskEnd { outcome, at: self.ended_at(now), remark, to: None });
        let opened_at = self.created.time();
        let task = self.task_id(&assignee);
        Some(Event::Task { task, fact: TaskFact { assignee, opened_at, end, ..TaskFact::default() } })
    }

    /// The task's id. Captures of 2017 have none; whose task it is and since when is the same in all its events.
    fn task_id(&self, assignee: &str) -> String {
        match self.task.text() {
            Some(id) => id.into_owned(),
            None => format!("{assignee}@{}", self.created.number().unwrap_or_default()),
        }
    }

    /// A comment, its time cut to the minute as a reading of the instance tells it: so both are one comment.
    fn comment(&self, account: String, now: i64) -> Event {
        let at = self.ended_at(now);
        let text = self.content.text().or_else(|| self.remark.text()).unwrap_or_default();
        Event::Commented(Comment { at: at - at.rem_euclid(MINUTE), account, text: shorten(&text, REMARK_LIMIT) })
    }

    fn ended_at(&self, now: i64) -> i64 {
        self.finished.time().or_else(|| self.event_time.time()).unwrap_or(now)
    }
}

fn unknown(event: &str, kind: &str, result: &str) -> Event {
    let mut code = format!("{event}/{}", shorten(kind, 32));
    if !result.is_empty() {
        code.push('/');
        code.push_str(&shorten(result, 32));
    }
    Event::Unknown { code }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]

    use serde_json::{Value, json};

    use super::*;

    fn one(event: &str, fields: Value) -> Event {
        let mut all = json!({"EventType": event, "processInstanceId": "i-1", "corpId": "ding1", "processCode": "PROC-1",
            "staffId": "u1", "taskId": 61_919_533_393_i64, "createTime": 1_000, "finishTime": 2_000});
        all.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        all.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        let mut notices = notices(all.to_string().as_bytes(), 9_000).unwrap();
        let notice = notices.pop().unwrap();
        assert_eq!((notice.instance.as_str(), notice.template.as_deref()), ("i-1", Some("PROC-1")));
        notice.events.into_iter().next().unwrap()
    }

    #[test]
    fn every_instance_event() {
        let instance = |fields| one("bpms_instance_change", fields);
        let ended = |outcome| Event::Finished { outcome, at: 2_000 };
        assert_eq!(instance(json!({"type": "start", "finishTime": null})), Event::Started { at: 1_000 });
        assert_eq!(instance(json!({"type": "finish", "result": "agree"})), ended(Outcome::Approved));
        assert_eq!(instance(json!({"type": "finish", "result": "refuse"})), ended(Outcome::Rejected));
        assert_eq!(instance(json!({"type": "terminate"})), ended(Outcome::Withdrawn));
        assert_eq!(instance(json!({"type": "delete"})), ended(Outcome::Withdrawn));
        for (fields, code) in [
            (json!({"type": "finish", "result": "perhaps"}), "bpms_instance_change/finish/perhaps"),
            (json!({"type": "finish", "result": null}), "bpms_instance_change/finish"),
            (json!({"type": "pause"}), "bpms_instance_change/pause"),
        ] {
            assert_eq!(instance(fields), Event::Unknown { code: code.into() });
        }
    }

    #[test]
    fn every_task_event() {
        let task = |fields| one("bpms_task_change", fields);
        let Event::Task { task: id, fact } = task(json!({"type": "start", "finishTime": null})) else { panic!() };
        assert_eq!((id.as_str(), fact.assignee.as_str()), ("61919533393", "u1"));
        assert_eq!((fact.opened_at, fact.end), (Some(1_000), None));
        for (kind, result, expected) in [
            ("finish", "agree", TaskOutcome::Approved),
            ("finish", "refuse", TaskOutcome::Rejected),
            ("finish", "redirect", TaskOutcome::Transferred),
            ("cancel", "", TaskOutcome::Skipped),
        ] {
            let event = task(json!({"type": kind, "result": result, "remark": "why"}));
            let Event::Task { fact, .. } = event else { panic!("{kind}/{result}") };
            let end = TaskEnd { outcome: expected, at: 2_000, remark: Some("why".into()), to: None };
            assert_eq!(fact.end, Some(end), "{kind}/{result}");
        }
        let comment = task(json!({"type": "comment", "content": "ok?", "finishTime": 61_000}));
        assert_eq!(comment, Event::Commented(Comment { at: 60_000, account: "u1".into(), text: "ok?".into() }));
        let audit = task(json!({"type": "finish", "result": "audit"}));
        assert_eq!(audit, Event::Unknown { code: "bpms_task_change/finish/audit".into() });
    }

    #[test]
    fn numbers_come_as_text_and_fields_are_left_out() {
        let Event::Task { task, fact } = one(
            "bpms_task_change",
            json!({"type": "finish", "result": "agree", "taskId": "7", "createTime": "1000", "finishTime": null,
                "staffId": 44, "EventTime": "5000", "remark": ""}),
        ) else {
            panic!()
        };
        assert_eq!((task.as_str(), fact.assignee.as_str(), fact.opened_at), ("7", "44", Some(1_000)));
        assert_eq!(fact.end, Some(TaskEnd { outcome: TaskOutcome::Approved, at: 5_000, remark: None, to: None }));
        let late = one("bpms_instance_change", json!({"type": "terminate", "finishTime": null}));
        assert_eq!(late, Event::Finished { outcome: Outcome::Withdrawn, at: 9_000 });
    }

    #[test]
    fn a_task_without_an_id_keeps_its_name_over_its_events() {
        let start = json!({"type": "start", "taskId": null, "finishTime": null});
        let finish = json!({"type": "finish", "result": "agree", "taskId": null});
        for fields in [start, finish] {
            let Event::Task { task, .. } = one("bpms_task_change", fields) else { panic!() };
            assert_eq!(task, "u1@1000");
        }
    }

    #[test]
    fn long_remarks_are_cut() {
        let remark = "长".repeat(2_000);
        let Event::Task { fact, .. } =
            one("bpms_task_change", json!({"type": "finish", "result": "agree", "remark": remark}))
        else {
            panic!()
        };
        assert_eq!(fact.end.unwrap().remark.unwrap().chars().count(), REMARK_LIMIT);
    }

    #[test]
    fn times_that_cannot_be_are_left_out() {
        for odd in [i64::MIN, -1, i64::MAX] {
            let ended = one("bpms_instance_change", json!({"type": "terminate", "finishTime": odd}));
            assert_eq!(ended, Event::Finished { outcome: Outcome::Withdrawn, at: 9_000 });
        }
    }

    #[test]
    fn other_events_say_nothing_and_other_shapes_are_refused() {
        for other in [
            r#"{"EventType":"check_url"}"#,
            r#"{"EventType":"check_create_suite_url","Random":"brdkKLMW","TestSuiteKey":"suite1"}"#,
            r#"{"EventType":"user_add_org","userId":["u1"],"content":{"a":1},"timeStamp":"1"}"#,
        ] {
            assert_eq!(notices(other.as_bytes(), 0), Some(Vec::new()), "{other}");
        }
        for bad in [
            "",
            "success",
            "[]",
            "{}",
            "null",
            r#"{"EventType":1}"#,
            r#"{"EventType":"bpms_instance_change","type":"start"}"#,
            r#"{"EventType":"bpms_task_change","type":"start","processInstanceId":"i"}"#,
            r#"{"EventType":"bpms_instance_change","processInstanceId":{"a":1}}"#,
        ] {
            assert_eq!(notices(bad.as_bytes(), 0), None, "{bad}");
        }
    }

    #[test]
    fn what_is_taken_back_or_deleted_after_its_end_ended_as_it_was_decided() {
        use crate::approval::{Approval, DecidedBy, Mode, Node, Person, Stage, Status};
        let node = Node::new("one", Mode::Any, vec![]);
        let stage = Stage::new("con_1".into(), "dingtalk".into(), DecidedBy::Platform, vec![node]);
        for (result, expected) in [("agree", Status::Approved), ("refuse", Status::Rejected)] {
            let mut approval = Approval::new(0, Person::default(), vec![stage.clone()], 0);
            approval.started(0, "i-1".into(), None, 1_000);
            let told = |fields| one("bpms_instance_change", fields);
            approval.apply(0, told(json!({"type": "finish", "result": result})));
            for after in ["terminate", "delete"] {
                approval.apply(0, told(json!({"type": after, "finishTime": 99_000_000})));
            }
            assert_eq!((approval.status(), approval.decided_at()), (expected, Some(2_000)));
        }
    }

    #[test]
    fn the_instance_of_an_unreadable_event_is_read() {
        let named = |text: &str| unreadable(text.as_bytes(), 7).notice.map(|notice| (notice.instance, notice.events));
        let read = Some(("i".to_owned(), vec![Event::ReadWanted { at: 7 }]));
        for bad in [
            r#"{"EventType":"bpms_task_change","type":"start","processInstanceId":"i"}"#,
            r#"{"EventType":7,"processInstanceId":"i"}"#,
            r#"{"EventType":"bpms_instance_change","type":"terminate","processInstanceId":"i","type":"start"}"#,
            r#"{"EventType":"bpms_instance_change","processInstanceId":"i","type":"term"#,
        ] {
            assert_eq!((notices(bad.as_bytes(), 7), named(bad)), (None, read.clone()), "{bad}");
        }
        let two = r#"{"EventType":"bpms_instance_change","type":"terminate","processInstanceId":"i","processInstanceId":"j"}"#;
        assert_eq!((notices(two.as_bytes(), 7), named(two), named("{}")), (None, None, None));
    }
}
