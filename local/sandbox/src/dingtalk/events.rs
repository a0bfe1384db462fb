//! The events as they stand inside the envelope: one flat object, as captures of HTTP pushes up to 2023 show it
//! (`corpId`, and neither `eventId` nor `EventTime`).

use serde::Serialize;

use super::engine::Happening;
use super::model::{Instance, Task, TaskState};

/// Field order is that of the captures.
#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Event<'a> {
    #[serde(rename = "EventType")]
    event_type: &'static str,
    process_instance_id: &'a str,
    corp_id: &'a str,
    business_id: &'a str,
    title: &'a str,
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    remark: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<&'a str>,
    process_code: &'a str,
    biz_category_id: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    business_type: Option<&'static str>,
    staff_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    task_id: Option<i64>,
    create_time: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    finish_time: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
}

/// A short label for people, and the event's JSON text.
pub(super) fn event(instance: &Instance, corp_id: &str, happening: &Happening, now: i64) -> (String, String) {
    let base = Event {
        process_instance_id: &instance.id,
        corp_id,
        business_id: &instance.business_id,
        title: &instance.title,
        process_code: &instance.process_code,
        ..Event::default()
    };
    let event = match happening {
        Happening::InstanceStart => of_instance(base, instance, "start"),
        Happening::InstanceFinish => of_instance(base, instance, "finish"),
        Happening::InstanceTerminate => of_instance(base, instance, "terminate"),
        Happening::TaskStart(id) => of_task(base, instance, *id, "start"),
        Happening::TaskFinish(id) => of_task(base, instance, *id, "finish"),
        Happening::TaskCancel(id) => of_task(base, instance, *id, "cancel"),
        Happening::Comment { user, text } => Event {
            event_type: "bpms_task_change",
            r#type: "comment",
            content: Some(text),
            staff_id: user,
            create_time: whole_seconds(now),
            ..base
        },
    };
    let label = match event.result {
        Some(result) => format!("{} {} {result}", event.event_type, event.r#type),
        None => format!("{} {}", event.event_type, event.r#type),
    };
    (label, serde_json::to_string(&event).unwrap_or_default())
}

fn of_instance<'a>(base: Event<'a>, instance: &'a Instance, kind: &'static str) -> Event<'a> {
    Event {
        event_type: "bpms_instance_change",
        r#type: kind,
        result: instance.result.filter(|_| kind == "finish").map(super::model::Verdict::lower),
        business_type: Some(""),
        staff_id: &instance.originator,
        create_time: whole_seconds(instance.created_at),
        finish_time: instance.finished_at.filter(|_| kind != "start").map(whole_seconds),
        url: Some(format!(
            "https://aflow.dingtalk.com/dingtalk/mobile/homepage.htm?corpid={}&dd_share=false&showmenu=false&procInstId={}#approval",
            base.corp_id, instance.id
        )),
        ..base
    }
}

fn of_task<'a>(base: Event<'a>, instance: &'a Instance, id: i64, kind: &'static str) -> Event<'a> {
    let Some(task) = instance.tasks.iter().find(|task| task.id == id) else { return base };
    Event {
        event_type: "bpms_task_change",
        r#type: kind,
        result: if kind == "finish" { result(task) } else { None },
        remark: if kind == "finish" { Some(task.remark.as_deref().unwrap_or_default()) } else { None },
        staff_id: &task.user,
        task_id: Some(task.id),
        create_time: whole_seconds(task.created_at),
        finish_time: task.finished_at.filter(|_| kind != "start").map(whole_seconds),
        ..base
    }
}

fn result(task: &Task) -> Option<&'static str> {
    match task.state {
        TaskState::Agreed => Some("agree"),
        TaskState::Refused => Some("refuse"),
        TaskState::Redirected => Some("redirect"),
        _ => None,
    }
}

/// Events carry whole seconds, in milliseconds.
fn whole_seconds(at: i64) -> i64 {
    at - at.rem_euclid(1000)
}
