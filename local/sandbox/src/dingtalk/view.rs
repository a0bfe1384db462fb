//! Instances as the sandbox's own endpoints tell them.

use serde_json::{Value, json};

use super::directory::name;
use super::instances::status;
use super::model::{Instance, Mode, Position, Task, Verdict};
use crate::platform::text::rfc3339;

/// A line of a list.
pub(super) fn summary(instance: &Instance) -> Value {
    json!({
        "id": instance.id,
        "business_id": instance.business_id,
        "title": instance.title,
        "template": instance.template,
        "process_code": instance.process_code,
        "status": status(instance.status),
        "result": instance.result.map(Verdict::lower),
        "originator": person(&instance.originator),
        "created_at": rfc3339(instance.created_at),
        "finished_at": instance.finished_at.map(rfc3339),
        "open": instance.tasks.iter().filter(|task| task.state.open()).map(|task| &task.user).collect::<Vec<_>>(),
    })
}

/// Everything.
pub(super) fn whole(instance: &Instance) -> Value {
    let mut value = summary(instance);
    let nodes: Vec<Value> = instance
        .nodes
        .iter()
        .enumerate()
        .map(|(index, node)| {
            let tasks = instance.tasks.iter().filter(|task| task.node == index).map(task);
            json!({
                "activity_id": node.activity_id,
                "mode": mode(node.mode),
                "users": node.users,
                "tasks": tasks.collect::<Vec<_>>(),
            })
        })
        .collect();
    let form = instance.form.iter().map(|value| json!({"name": value.name, "value": value.value}));
    let records = instance.records.iter().map(|record| {
        json!({
            "at": rfc3339(record.at),
            "user": person(&record.user),
            "type": record.kind,
            "result": record.result,
            "remark": record.remark,
            "others": record.others,
        })
    });
    if let Some(map) = value.as_object_mut() {
        map.insert("form".to_owned(), form.collect());
        map.insert("nodes".to_owned(), nodes.into());
        map.insert("records".to_owned(), records.collect());
    }
    value
}

/// As the start call writes it.
pub(super) fn mode(mode: Mode) -> &'static str {
    match mode {
        Mode::And => "AND",
        Mode::Or => "OR",
        Mode::None => "NONE",
    }
}

fn person(user: &str) -> Value {
    json!({"user": user, "name": name(user)})
}

fn task(task: &Task) -> Value {
    let (status, result) = task.state.words();
    json!({
        "task_id": task.id,
        "user": task.user,
        "name": name(&task.user),
        "status": status,
        "result": result,
        "remark": task.remark,
        "created_at": rfc3339(task.created_at),
        "finished_at": task.finished_at.map(rfc3339),
        "added": task.added.map(|added| match added.position {
            Position::Before => "before",
            Position::After => "after",
        }),
    })
}
