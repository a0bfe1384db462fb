//! Approval definitions, and the subscription to their events.

use crate::platform::call::Done;
use serde_json::{Value, json};

use super::answer::Refusal;
use super::gateway::{Call, USER_ID};
use super::i18n::{MIN_KEY, Texts};
use super::model::{Definition, NodeDefinition, Rules};
use super::state::State;
use super::{body, nodes, widgets};

/// Most viewers, and most people who manage a definition.
const MAX_VIEWERS: usize = 200;
/// Highest number of an icon.
const ICONS: i64 = 24;
/// Seconds in which an approved instance may be revoked, by default: 31 days.
const REVERT_INTERVAL: i64 = 31 * 86_400;

/// `POST /approvals`: creates a definition, or overwrites the one that is named. That it overwrites is documented on the
/// call's page and denied in the questions and answers: unconfirmed.
pub(super) fn save(state: &mut State, call: &Call) -> Result<Done, Refusal> {
    let name = body::text(&call.body, "approval_name")?;
    let (code, description) = (body::text(&call.body, "approval_code")?, body::text(&call.body, "description")?);
    let form = body::object(&call.body, "form")?;
    let (viewers, settings) = (body::list(&call.body, "viewers")?, body::object(&call.body, "settings")?);
    let config = body::object(&call.body, "config")?;
    let managers = body::texts(&call.body, "process_manager_ids")?;
    let icon = body::integer(&call.body, "icon")?;
    let texts = Texts::read(&call.body)?;

    let name = name.ok_or_else(|| Refusal::required("approval_name"))?;
    if viewers.is_empty() {
        return Err(Refusal::required("viewers"));
    }
    let form_content = body::text(form, "form_content")?.ok_or_else(|| Refusal::required("form.form_content"))?;
    if body::list(&call.body, "i18n_resources")?.is_empty() {
        return Err(Refusal::required("i18n_resources"));
    }
    for name in ["can_update_viewer", "can_update_form", "can_update_process", "can_update_revert"] {
        if !config.is_null() && config.get(name).is_none() {
            return Err(Refusal::required(&format!("config.{name}")));
        }
        body::boolean(config, name)?;
    }
    if viewers.len() > MAX_VIEWERS || managers.len() > MAX_VIEWERS {
        return Err(Refusal::param(format!("at most {MAX_VIEWERS} viewers and managers")));
    }
    viewers.iter().try_for_each(|viewer| self::viewer(call, viewer))?;
    for manager in managers {
        call.account(manager)?;
    }
    if icon.is_some_and(|icon| !(0..=ICONS).contains(&icon)) {
        return Err(Refusal::param(format!("icon is 0 to {ICONS}")));
    }
    texts.check("approval_name", name, MIN_KEY)?;
    if let Some(description) = description {
        texts.check("description", description, MIN_KEY)?;
    }
    let old = code.map(|code| find(state, code)).transpose()?;
    let definition = Definition {
        code: code.map_or_else(|| state.code(), str::to_owned),
        id: state.ids().next(),
        name: name.to_owned(),
        viewers: viewers.into(),
        widgets: widgets::read(form_content, &texts)?,
        nodes: nodes::read(state, call, &texts)?,
        rules: rules(settings)?,
        subscribed: old.is_some_and(|old| old.subscribed),
        texts,
        created_at: state.now(),
    };
    let answer = json!({"approval_code": definition.code, "approval_id": definition.id});
    state.put_definition(definition)?;
    Ok(answer.into())
}

fn viewer(call: &Call, viewer: &Value) -> Result<(), Refusal> {
    match body::required(viewer, "viewer_type")? {
        "TENANT" | "NONE" => Ok(()),
        "USER" => call.account(body::required(viewer, "viewer_user_id")?).map(|_| ()),
        "DEPARTMENT" => {
            let kind = call.query("department_id_type").unwrap_or("open_department_id");
            let id = body::required(viewer, "viewer_department_id")?;
            let unknown = || Refusal::new(99_992_380, format!("The department_id does not exist: {id}"));
            super::directory::department(kind, id).map(|_| ()).ok_or_else(unknown)
        }
        other => {
            let values = "the optional values are [TENANT, DEPARTMENT, USER, NONE]";
            Err(Refusal::field("viewers[*].viewer_type", other, values))
        }
    }
}

fn rules(settings: &Value) -> Result<Rules, Refusal> {
    let option = |name: &str, default: bool| match body::integer(settings, name)? {
        None => Ok(default),
        Some(0) => Ok(false),
        Some(1) => Ok(true),
        Some(_) => Err(Refusal::param(format!("settings.{name} is 0 or 1"))),
    };
    option("quick_approval_option", true)?;
    let revert_interval = body::integer(settings, "revert_interval")?.unwrap_or(REVERT_INTERVAL);
    if revert_interval < 0 {
        return Err(Refusal::param("settings.revert_interval is negative"));
    }
    Ok(Rules {
        revert_interval,
        revert_option: option("revert_option", true)?,
        reject_returns: option("reject_option", false)?,
    })
}

/// The definition with this code.
pub(super) fn find<'a>(state: &'a State, code: &str) -> Result<&'a Definition, Refusal> {
    state.definitions.get(code).ok_or_else(|| Refusal::new(1_390_002, "approval code not found"))
}

/// `GET /approvals/:approval_code`.
pub(super) fn read(state: &mut State, call: &Call) -> Result<Done, Refusal> {
    let definition = find(state, call.part(0))?;
    let locale = call.query("locale");
    let words = |key: &str| definition.texts.words(key, locale).to_owned();
    let node = |node: &NodeDefinition| {
        let range = node.chosen_range.as_array().map(Vec::as_slice).unwrap_or_default();
        let range = range.iter().map(|range| {
            let kind = match range["type"].as_str() {
                Some("ROLE") => 1,
                Some("PERSONAL") => 2,
                _ => 0,
            };
            json!({"approver_range_type": kind, "approver_range_ids": range["id_list"]})
        });
        json!({
            "name": node.name.as_deref().map_or_else(|| node.custom_id.clone(), words),
            "need_approver": node.free,
            "node_id": node.id,
            "custom_node_id": node.custom_id,
            "node_type": node.mode.word(),
            "approver_chosen_multi": node.chosen_multi,
            "approver_chosen_range": range.collect::<Vec<_>>(),
            "require_signature": false,
        })
    };
    let with_user_id = state.granted(USER_ID);
    let viewer = |viewer: &Value| {
        let id = viewer.get("viewer_department_id").or(viewer.get("viewer_user_id")).cloned().unwrap_or_default();
        let mut told = json!({"type": viewer["viewer_type"], "id": id});
        if with_user_id {
            told["user_id"] = viewer["viewer_user_id"].clone();
        }
        told
    };
    Ok(json!({
        "approval_name": words(&definition.name),
        "status": "ACTIVE",
        "form": widgets::told(&definition.widgets, &definition.texts, locale),
        "node_list": definition.nodes.iter().map(node).collect::<Vec<_>>(),
        "viewers": definition.viewers.as_array().map(|list| list.iter().map(viewer).collect::<Vec<_>>()),
    })
    .into())
}

/// `POST /approvals/:approval_code/subscribe`.
pub(super) fn subscribe(state: &mut State, call: &Call) -> Result<Done, Refusal> {
    change(state, call, true)
}

/// `POST /approvals/:approval_code/unsubscribe`.
pub(super) fn unsubscribe(state: &mut State, call: &Call) -> Result<Done, Refusal> {
    change(state, call, false)
}

/// The same code says that it is subscribed already and that it is not. Documented.
fn change(state: &mut State, call: &Call, subscribed: bool) -> Result<Done, Refusal> {
    let definition = find(state, call.part(0))?;
    if definition.subscribed == subscribed {
        return Err(Refusal::new(1_390_007, "subscription existed"));
    }
    let definition = Definition { subscribed, ..definition.clone() };
    state.put_definition(definition)?;
    Ok(json!({}).into())
}
