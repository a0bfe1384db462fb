//! Instances as the sandbox's own endpoints tell them.

use serde_json::{Value, json};

use super::directory::name;
use super::model::{Instance, Task};
use crate::platform::text::rfc3339;

/// A line of a list.
pub(super) fn summary(instance: &Instance) -> Value {
    json!({
        "id": instance.code,
        "uuid": instance.uuid,
        "serial_number": instance.serial,
        "title": title(instance),
        "approval_code": instance.approval_code,
        "status": instance.status.word(),
        "reverted": instance.reverted,
        "initiator": person(&instance.initiator),
        "created_at": rfc3339(instance.created_at),
        "finished_at": instance.finished_at.map(rfc3339),
        "open": instance.tasks.iter().filter(|task| task.state.open()).map(|task| &task.user).collect::<Vec<_>>(),
    })
}

/// What people read above it.
pub(super) fn title(instance: &Instance) -> &str {
    instance.title.as_ref().unwrap_or(&instance.approval_name)
}

/// Everything.
pub(super) fn whole(instance: &Instance) -> Value {
    let mut value = summary(instance);
    let nodes = instance.nodes.iter().enumerate().map(|(index, node)| {
        let tasks = instance.tasks.iter().filter(|task| task.node == Some(index)).map(task);
        json!({
            "node_id": node.id,
            "custom_node_id": node.custom_id,
            "node_key": node.key,
            "name": node.name,
            "mode": node.mode.word(),
            "users": node.users,
            "tasks": tasks.collect::<Vec<_>>(),
        })
    });
    let form = instance.form.iter().map(|value| json!({"id": value.id, "name": value.name, "value": value.value}));
    let timeline = instance.timeline.iter().map(|record| {
        json!({
            "at": rfc3339(record.at),
            "user": record.user.as_deref().map(person),
            "type": record.kind,
            "remark": record.remark,
            "others": record.others,
        })
    });
    let comments = instance
        .comments
        .iter()
        .map(|comment| json!({"at": rfc3339(comment.at), "user": person(&comment.user), "text": comment.text}));
    value["form"] = form.collect();
    value["nodes"] = nodes.collect();
    value["timeline"] = timeline.collect();
    value["comments"] = comments.collect();
    value
}

fn person(user: &str) -> Value {
    json!({"user": user, "name": name(user)})
}

fn task(task: &Task) -> Value {
    json!({
        "task_id": task.id,
        "user": task.user,
        "name": task.user.as_deref().map(name),
        "status": task.state.word(),
        "remark": task.remark,
        "created_at": rfc3339(task.created_at),
        "finished_at": task.finished_at.map(rfc3339),
        "added": task.added.as_ref().map(|added| added.position),
    })
}
