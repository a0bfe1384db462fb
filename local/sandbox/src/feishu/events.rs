//! The events as they stand inside the envelope: the old one ("1.0"), which approval events use.

use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::directory;
use super::engine::Happening;
use super::model::{Instance, Node};
use super::state::State;

/// A short label for people, and the whole event's JSON text.
pub(super) fn event(instance: &Instance, state: &State, happening: &Happening) -> (String, String) {
    let now = state.now();
    let mut event = json!({
        "app_id": state.app.app_id,
        "approval_code": instance.approval_code,
        "instance_code": instance.code,
        "tenant_key": state.app.tenant_key,
    });
    let label = match happening {
        Happening::Instance(status) => {
            // Documented: texts, but a number for REVERTED.
            let time = if *status == "REVERTED" { json!(now) } else { json!(now.to_string()) };
            event["type"] = "approval_instance".into();
            event["status"] = (*status).into();
            event["operate_time"] = time.clone();
            event["instance_operate_time"] = time;
            if let Some(uuid) = &instance.uuid {
                event["uuid"] = uuid.clone().into();
            }
            format!("approval_instance {status}")
        }
        Happening::Task(id, status) => of_task(&mut event, instance, state, id, status),
        Happening::Rollback(id, targets) => {
            let nodes = targets.iter().filter_map(|target| instance.nodes.get((*target)?));
            let extra = json!({
                "rollback_node_ids": nodes.clone().map(|node| &node.key).collect::<Vec<_>>(),
                "rollback_custom_node_ids": nodes.map(|node| &node.custom_id).collect::<Vec<_>>(),
            });
            event["extra"] = extra.to_string().into();
            of_task(&mut event, instance, state, id, "ROLLBACK")
        }
        Happening::Cc(user) => {
            event["type"] = "approval_cc".into();
            event["id"] = state.hex(19).into();
            event["user_id"] = user_id(state, user);
            event["create_time"] = now.into();
            event["operate"] = "CREATE".into();
            event["from"] = "".into();
            format!("approval_cc CREATE {}", directory::name(user))
        }
    };
    if let Some(event) = event.as_object_mut() {
        event.retain(|_, value| !value.is_null());
    }
    let envelope = json!({
        "ts": format!("{}.{:06}", now.div_euclid(1000), now.rem_euclid(1000) * 1000),
        "uuid": state.hex(32),
        "token": state.app.verification_token.expose_secret(),
        "type": "event_callback",
        "event": event,
    });
    (label, envelope.to_string())
}

/// Completes `approval_task` and answers its label.
fn of_task(event: &mut Value, instance: &Instance, state: &State, id: &str, status: &str) -> String {
    let task = instance.tasks.iter().find(|task| task.id == id);
    let node: Option<&Node> = task.and_then(|task| instance.nodes.get(task.node?));
    let user = task.and_then(|task| task.user.as_deref()).unwrap_or_default();
    event["type"] = "approval_task".into();
    event["status"] = status.into();
    event["task_id"] = id.into();
    event["open_id"] = user.into();
    event["user_id"] = user_id(state, user);
    event["operate_time"] = state.now().to_string().into();
    event["custom_key"] = node.map_or("START", |node| node.custom_id.as_str()).into();
    event["def_key"] = node.map_or("START", |node| node.key.as_str()).into();
    format!("approval_task {status} {}", directory::name(user))
}

/// Documented for every field of this name: absent without its own permission.
fn user_id(state: &State, open_id: &str) -> Value {
    if state.granted(super::gateway::USER_ID) { directory::user_id(open_id).into() } else { Value::Null }
}
