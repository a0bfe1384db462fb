//! Templates: reading, creating, changing.

use serde_json::{Value, json};

use super::answer::Refusal;
use super::controls;
use super::gateway::Call;
use super::model::{Control, Template, Text};
use super::state::State;
use crate::platform::call::Done;
use crate::platform::fields::length;
use crate::platform::text::random_name;

/// Most characters of a template's name.
const MAX_NAME: usize = 40;
/// Most templates of the corporation. The true number is unconfirmed.
const MAX_TEMPLATES: usize = 500;

/// A wrong field of a template.
pub(super) fn wrong(what: &str) -> Refusal {
    Refusal::new(301_086, format!("invalid template control param:{what}"))
}

/// `POST oa/gettemplatedetail`.
pub(super) fn read(state: &mut State, call: &Call) -> Result<Done, Refusal> {
    let found = state.templates.get(call.text("template_id")?);
    // Seen in captures: a refusal carries an empty list of names.
    let template = found.ok_or_else(|| Refusal::approval("invalid template_id").with("template_names", json!([])))?;
    let controls: Vec<Value> = template.controls.iter().map(control).collect();
    Ok(json!({"template_names": template.names, "template_content": {"controls": controls}}).into())
}

fn control(control: &Control) -> Value {
    let mut value = json!({"property": {
        "control": control.kind,
        "id": control.id,
        "title": control.title,
        "placeholder": control.placeholder,
        "require": i64::from(control.required),
        "un_print": control.un_print,
    }});
    if !control.config.is_null() {
        value["config"] = control.config.clone();
    }
    if control.kind == "Table" {
        value["config"]["table"]["children"] = control.children.iter().map(self::control).collect();
    }
    value
}

/// `POST oa/approval/create_template`.
pub(super) fn create(state: &mut State, call: &Call) -> Result<Done, Refusal> {
    let names = names(state, &call.body, None)?;
    let controls = controls::read(&call.body["template_content"])?;
    if state.templates.len() >= MAX_TEMPLATES {
        return Err(Refusal::new(301_087, "approval template count over limit"));
    }
    let letters = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let id = random_name(&state.desk.world, letters, 40);
    state.put_template(Template { id: id.clone(), names, controls })?;
    Ok(json!({"template_id": id}).into())
}

/// `POST oa/approval/update_template`: the content is replaced. The app may change only what it created, as all here.
pub(super) fn update(state: &mut State, call: &Call) -> Result<Done, Refusal> {
    let id = call.text("template_id")?;
    if !state.templates.contains_key(id) {
        return Err(Refusal::approval("invalid template_id"));
    }
    let names = names(state, &call.body, Some(id))?;
    let controls = controls::read(&call.body["template_content"])?;
    state.put_template(Template { id: id.to_owned(), names, controls })?;
    Ok(json!({}).into())
}

/// The names of a template, which no other one has.
fn names(state: &State, body: &Value, own: Option<&str>) -> Result<Vec<Text>, Refusal> {
    let names = texts(&body["template_name"], MAX_NAME).ok_or_else(|| wrong("template_name"))?;
    if names.is_empty() {
        return Err(Refusal::missing());
    }
    let others = state.templates.values().filter(|other| own != Some(other.id.as_str()));
    let taken = others.flat_map(|other| &other.names).any(|other| names.contains(other));
    // The code for a name that is taken is unconfirmed.
    if taken { Err(wrong("template_name exists")) } else { Ok(names) }
}

/// Texts, each with its language; `None` when one is empty, too long, or of no language. Absent is none.
pub(super) fn texts(value: &Value, longest: usize) -> Option<Vec<Text>> {
    if value.is_null() {
        return Some(vec![]);
    }
    let read = |item: &Value| {
        let text: Text = serde_json::from_value(item.clone()).ok()?;
        let fits = !text.text.trim().is_empty() && length(&text.text) <= longest;
        (fits && matches!(text.lang.as_str(), "zh_CN" | "en")).then_some(text)
    };
    value.as_array()?.iter().map(read).collect()
}
