//! Approval templates: making, changing and finding them.

use serde_json::{Map, Value, json};

use super::answer::Refusal;
use super::controls;
use super::directory;
use super::gateway::Call;
use super::model::{Component, Template};
use super::state::State;
use crate::platform::call::Done;
use crate::platform::fields::{absent, length, text};
use crate::platform::text::{beijing, random_name};

/// Most characters of a template's name.
const MAX_NAME: usize = 200;
/// Most characters of a template's description.
const MAX_DESCRIPTION: usize = 300;
/// Most templates of an organisation.
const MAX_TEMPLATES: usize = 200;
/// Most templates on one page of the list.
const MAX_PAGE: usize = 100;
/// How the platform writes times: minutes, in Beijing time, with a `Z` that does not mean UTC.
pub(super) const TIME: &str = "%Y-%m-%dT%H:%MZ";

/// The switches of a template.
const SWITCHES: &[&str] = &[
    "disableStopProcessButton",
    "hidden",
    "disableDeleteProcess",
    "disableFormEdit",
    "disableResubmit",
    "disableHomepage",
];

/// `POST /forms`: makes a template, or changes the one whose `processCode` is given.
pub(super) fn save(state: &mut State, call: &Call) -> Result<Done, Refusal> {
    let body = &call.body;
    let name = text(body, "name").ok_or_else(|| Refusal::mandatory("name"))?;
    if length(name) > MAX_NAME {
        return Err(Refusal::bad("formName.error", "表单名称过长"));
    }
    let description = text(body, "description").unwrap_or_default();
    if length(description) > MAX_DESCRIPTION {
        return Err(schema_error("表单描述过长"));
    }
    let config = config(body)?;
    if absent(body, "formComponents") {
        return Err(Refusal::mandatory("formComponents"));
    }
    let components = controls::read(&body["formComponents"])?;
    let earlier = match text(body, "processCode") {
        Some(code) => {
            Some(template(state, code).cloned().ok_or_else(|| Refusal::bad("processcode.error", "模板不存在"))?)
        }
        None => None,
    };
    let code = earlier.as_ref().map(|template| template.process_code.as_str());
    if state.templates.values().any(|other| other.name == name && Some(other.process_code.as_str()) != code) {
        return Err(Refusal::bad("formName.error", "已有相同名称表单"));
    }
    if earlier.is_none() && state.templates.len() >= MAX_TEMPLATES {
        return Err(Refusal::bad("internalError", "复制的审批流已超过最大数量"));
    }
    let now = state.now();
    let template = Template {
        process_code: code.map_or_else(|| process_code(state), str::to_owned),
        name: name.to_owned(),
        description: description.to_owned(),
        components,
        config,
        created_at: earlier.as_ref().map_or(now, |template| template.created_at),
        updated_at: now,
    };
    let answer = json!({"result": {"processCode": template.process_code}});
    state.put_template(template)?;
    Ok(answer.into())
}

/// `GET /processCentres/schemaNames/processCodes`: the template of a name.
pub(super) fn by_name(state: &mut State, call: &Call) -> Result<Done, Refusal> {
    let name = call.query("name").ok_or_else(|| Refusal::mandatory("name"))?;
    let found = state.templates.values().find(|template| template.name == name);
    let template = found.ok_or_else(|| Refusal::bad("process.error", "流程模板不存在"))?;
    let modified = beijing(template.updated_at, TIME);
    Ok(json!({"result": {"processCode": template.process_code, "gmtModified": modified}}).into())
}

/// `GET /processes/userVisibilities/templates`: all templates, or those that a user may start by hand.
pub(super) fn visible(state: &mut State, call: &Call) -> Result<Done, Refusal> {
    let page = call.query("maxResults").ok_or_else(|| Refusal::mandatory("maxResults"))?;
    let from = call.query("nextToken").ok_or_else(|| Refusal::mandatory("nextToken"))?;
    let page = page.parse().ok().filter(|page| (1..=MAX_PAGE).contains(page));
    let (Some(page), Ok(from)) = (page, from.parse::<usize>()) else {
        return Err(Refusal::bad("invalidParameter", "maxResults 或 nextToken 不合法"));
    };
    let user = call.query("userId");
    if user.is_some_and(|user| directory::account(user).is_none()) {
        return Err(Refusal::bad("invalidParameter", "用户不存在"));
    }
    let shown = |template: &&Template| user.is_none() || !template.switched("hidden");
    let templates: Vec<&Template> = sorted(state).into_iter().filter(shown).collect();
    let list: Vec<Value> = templates.iter().skip(from).take(page).map(|template| line(template)).collect();
    let mut result = json!({"processList": list});
    if let Some(map) = result.as_object_mut().filter(|_| from + page < templates.len()) {
        map.insert("nextToken".to_owned(), (from + page).into());
    }
    Ok(json!({"result": result}).into())
}

/// `GET /processes/managements/templates`: the templates that a user administers.
pub(super) fn managed(state: &mut State, call: &Call) -> Result<Done, Refusal> {
    let user = call.query("userId").ok_or_else(|| Refusal::mandatory("userId"))?;
    let person = directory::account(user).and_then(directory::Account::person);
    let person = person.ok_or_else(|| Refusal::bad("invalidParameter", "用户不存在"))?;
    let templates = sorted(state).into_iter().filter(|_| person.admin);
    let list: Vec<Value> = templates
        .map(|template| {
            json!({
                "flowTitle": template.name,
                "processCode": template.process_code,
                "iconName": "common",
                "iconUrl": "",
                "newProcess": true,
                "gmtModified": beijing(template.updated_at, TIME),
                "attendanceType": 0,
            })
        })
        .collect();
    Ok(json!({"result": list, "success": true}).into())
}

/// `GET /forms/schemas/processCodes`: a template with its controls, whose names differ from those of the call that made it.
pub(super) fn schema(state: &mut State, call: &Call) -> Result<Done, Refusal> {
    let code = call.query("processCode").ok_or_else(|| Refusal::mandatory("processCode"))?;
    let template = template(state, code).ok_or_else(|| Refusal::bad("processcode.error", "模板不存在"))?;
    let items: Vec<Value> = template.components.iter().map(item).collect();
    let result = json!({
        "name": template.name,
        "memo": template.description,
        "formCode": template.process_code,
        "formUuid": template.process_code,
        "ownerIdType": "orgId",
        "schemaContent": {"title": template.name, "icon": "common", "items": items},
        "status": "PUBLISHED",
        "appType": 0,
        "engineType": 1,
        "procType": "inner",
        "visibleRange": "ALL",
        "gmtCreate": beijing(template.created_at, TIME),
        "gmtModified": beijing(template.updated_at, TIME),
    });
    Ok(json!({"result": result}).into())
}

/// The template with this code.
pub(super) fn template<'a>(state: &'a State, code: &str) -> Option<&'a Template> {
    state.templates.get(code)
}

/// A form schema that the platform refuses.
pub(super) fn schema_error(message: impl Into<std::borrow::Cow<'static, str>>) -> Refusal {
    Refusal::bad("formschema.error", message)
}

fn config(body: &Value) -> Result<Map<String, Value>, Refusal> {
    let config = match body.get("templateConfig") {
        None | Some(Value::Null) => return Ok(Map::new()),
        Some(Value::Object(config)) => config,
        Some(_) => return Err(schema_error("templateConfig 不合法")),
    };
    let wrong =
        |name: &&&str| config.get(**name).is_some_and(|value| crate::platform::fields::boolean(value).is_none());
    match SWITCHES.iter().find(wrong) {
        Some(name) => Err(schema_error(format!("templateConfig.{name} 不合法"))),
        None => Ok(config.clone()),
    }
}

fn process_code(state: &State) -> String {
    let hex = random_name(&state.desk.world, b"0123456789ABCDEF", 32);
    format!("PROC-{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

fn sorted(state: &State) -> Vec<&Template> {
    let mut templates: Vec<&Template> = state.templates.values().collect();
    templates.sort_by_key(|template| (template.created_at, &template.process_code));
    templates
}

fn line(template: &Template) -> Value {
    json!({
        "name": template.name,
        "processCode": template.process_code,
        "iconUrl": "",
        "url": format!("https://aflow.dingtalk.com/dingtalk/mobile/homepage.htm?processCode={}", template.process_code),
        "dirId": "other",
        "dirName": "其他",
    })
}

fn item(component: &Component) -> Value {
    let mut props = component.props.clone();
    props.remove("componentId");
    props.insert("id".to_owned(), component.id.clone().into());
    let children: Vec<Value> = component.children.iter().map(item).collect();
    json!({"componentName": component.kind, "props": props, "children": children})
}
