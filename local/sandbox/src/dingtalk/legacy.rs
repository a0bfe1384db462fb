//! The old API: contacts, work notices, failed pushes. It answers HTTP 200 to everything and reads the token from the
//! query.

use axum::Json;
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use super::answer::Errcode;
use super::directory::{self, ACCOUNTS, Account};
use super::model::Notice;
use super::state::State;
use super::{DingTalk, token};
use crate::platform::call::Arrived;
use crate::platform::fields::{absent, boolean, number, text};
use crate::platform::outbox::CallbackState;
use crate::platform::people::{DEPARTMENTS, Department};

/// Most users on a page of a department's members.
const MAX_PAGE: i64 = 100;
/// Most receivers of one work notice, by user and by department.
const MAX_RECEIVERS: (usize, usize) = (100, 20);
/// Most bytes of a work notice.
const MAX_NOTICE: usize = 2048;
/// Most failed pushes in one answer.
const MAX_FAILED: usize = 200;

/// A call's own code: the answer's fields beside `errcode`.
type Run = fn(&mut State, &Value) -> Result<Value, Errcode>;

/// Path, permission if it needs one that is not given to every app, and code.
struct Api(&'static str, Option<&'static str>, Run);

const APIS: &[Api] = &[
    Api("/topapi/v2/user/getbymobile", Some("qyapi_get_member_by_mobile"), by_mobile),
    Api("/topapi/v2/user/get", Some("qyapi_get_member"), user),
    Api("/topapi/user/getbyunionid", Some("qyapi_get_member"), by_unionid),
    Api("/topapi/v2/user/list", Some("qyapi_get_department_member"), users),
    Api("/topapi/user/listid", Some("qyapi_get_department_member"), user_ids),
    Api("/topapi/v2/department/listsub", Some("qyapi_get_department_list"), departments),
    Api("/auth/scopes", None, scopes),
    Api("/topapi/message/corpconversation/asyncsend_v2", None, notify),
    Api("/call_back/get_call_back_failed_result", None, failed),
];

/// Every call that is not of the new API.
pub(super) fn answer(platform: &DingTalk, arrived: &Arrived) -> Response {
    let mut state = platform.state();
    let body =
        if arrived.path == "/gettoken" { token::legacy(&mut state, &arrived.query) } else { call(&mut state, arrived) };
    drop(state);
    let body = body.unwrap_or_else(|refused| refused.body(&platform.world));
    Json(body).into_response()
}

fn call(state: &mut State, arrived: &Arrived) -> Result<Value, Errcode> {
    let api = APIS.iter().find(|api| api.0 == arrived.path);
    let api = api.ok_or_else(|| Errcode::new(22, "不合法的ApiName"))?;
    let token = arrived.query("access_token").ok_or_else(|| Errcode::gateway("40000", "access_token is blank"))?;
    if !state.app.accepts(token, state.now()) {
        return Err(Errcode::gateway("40014", "不合法的access_token"));
    }
    if state.desk.faults.throttles() {
        let text = "您的服务器调用钉钉开放平台当前接口的所有请求都被暂时禁用了";
        return Err(Errcode::gateway("90018", text));
    }
    if state.desk.faults.quota.strike() {
        return Err(Errcode::gateway("90020", "您的企业本月的API调用量已用完"));
    }
    if state.desk.faults.fails() {
        return Err(Errcode::new(-1, "系统繁忙"));
    }
    if let Some(scope) = api.1.filter(|scope| state.desk.faults.missing_scopes.iter().any(|missing| missing == scope)) {
        return Err(Errcode::permission(scope, &state.app.app_key));
    }
    let mut answer = (api.2)(state, &body(arrived)?)?;
    if let Some(map) = answer.as_object_mut() {
        map.insert("errcode".to_owned(), 0.into());
        map.insert("errmsg".to_owned(), "ok".into());
    }
    Ok(answer)
}

/// JSON, or a form whose values are texts.
fn body(arrived: &Arrived) -> Result<Value, Errcode> {
    let bad = || Errcode::new(40035, "不合法的参数");
    if arrived.body.is_empty() {
        return Ok(Value::Object(Map::new()));
    }
    let kind = arrived.headers.get("content-type").and_then(|value| value.to_str().ok()).unwrap_or_default();
    if kind.starts_with("application/x-www-form-urlencoded") {
        let pairs = form(&arrived.body).ok_or_else(bad)?;
        return Ok(Value::Object(pairs.into_iter().map(|(name, value)| (name, value.into())).collect()));
    }
    serde_json::from_slice::<Value>(&arrived.body).ok().filter(Value::is_object).ok_or_else(bad)
}

fn form(bytes: &[u8]) -> Option<Vec<(String, String)>> {
    let text = std::str::from_utf8(bytes).ok()?;
    let url = reqwest::Url::parse(&format!("http://form/?{text}")).ok()?;
    Some(url.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned())).collect())
}

fn parameter(name: &str) -> Errcode {
    Errcode::new(40035, format!("不合法的参数：{name}"))
}

fn nobody() -> Errcode {
    Errcode::new(60121, "找不到该用户")
}

fn by_mobile(_: &mut State, body: &Value) -> Result<Value, Errcode> {
    let mobile = text(body, "mobile").ok_or_else(|| Errcode::new(400_002, "缺少参数：mobile"))?;
    if !mobile.bytes().all(|byte| byte.is_ascii_digit() || byte == b'+' || byte == b'-') || mobile.len() < 5 {
        return Err(Errcode::new(40104, "不合法的手机号"));
    }
    // Nobody here has an exclusive account; the list of them is told to who asks for it.
    let account = directory::by_mobile(mobile).ok_or_else(nobody)?;
    let mut result = json!({"userid": account.userid});
    if body.get("support_exclusive_account_search").and_then(boolean) == Some(true) {
        result["exclusive_account_userid_list"] = json!([]);
    }
    Ok(json!({"result": result}))
}

fn user(state: &mut State, body: &Value) -> Result<Value, Errcode> {
    let id = text(body, "userid").ok_or_else(|| parameter("userid"))?;
    let range = &state.desk.faults.range;
    let account = directory::account(id).filter(|_| !range.has_left(id)).ok_or_else(nobody)?;
    if !account.person().is_some_and(|person| range.shows(person, id)) {
        return Err(Errcode::new(50002, "请求的员工userid不在授权范围内"));
    }
    let details = directory::details(account).ok_or_else(nobody)?;
    Ok(json!({"result": details}))
}

fn by_unionid(_: &mut State, body: &Value) -> Result<Value, Errcode> {
    let id = text(body, "unionid").ok_or_else(|| parameter("unionid"))?;
    let account = ACCOUNTS.iter().find(|account| account.unionid == id).ok_or_else(nobody)?;
    Ok(json!({"result": {"contact_type": 0, "userid": account.userid}}))
}

/// The department that a call names, in which the app may look.
fn department(state: &State, body: &Value) -> Result<i64, Errcode> {
    let id = number(body, "dept_id").ok_or_else(|| parameter("dept_id"))?;
    if !directory::has_department(id) {
        return Err(Errcode::new(60003, "部门不存在"));
    }
    let shown = state.desk.faults.range.shows_department(id);
    if shown { Ok(id) } else { Err(Errcode::new(50004, "请求的部门id不在授权范围内")) }
}

/// The accounts directly in a department.
fn members(state: &State, department: i64) -> impl Iterator<Item = &'static Account> {
    directory::members(department).filter(|account| !state.desk.faults.range.has_left(account.userid))
}

fn users(state: &mut State, body: &Value) -> Result<Value, Errcode> {
    let department = department(state, body)?;
    let cursor = number(body, "cursor").and_then(|cursor| usize::try_from(cursor).ok());
    let cursor = cursor.ok_or_else(|| parameter("cursor"))?;
    let size = number(body, "size").filter(|size| (1..=MAX_PAGE).contains(size)).ok_or_else(|| parameter("size"))?;
    let size = usize::try_from(size).unwrap_or_default();
    let all: Vec<Value> = members(state, department).filter_map(directory::details).collect();
    let list: Vec<&Value> = all.iter().skip(cursor).take(size).collect();
    let more = cursor + size < all.len();
    let mut result = json!({"has_more": more, "list": list});
    if let Some(map) = result.as_object_mut().filter(|_| more) {
        map.insert("next_cursor".to_owned(), (cursor + size).into());
    }
    Ok(json!({"result": result}))
}

fn user_ids(state: &mut State, body: &Value) -> Result<Value, Errcode> {
    let department = department(state, body)?;
    let ids: Vec<&str> = members(state, department).map(|account| account.userid).collect();
    Ok(json!({"result": {"userid_list": ids}}))
}

fn departments(state: &mut State, body: &Value) -> Result<Value, Errcode> {
    let parent = if absent(body, "dept_id") { 1 } else { department(state, body)? };
    let children = DEPARTMENTS.iter().filter(|department| department.parent == Some(parent));
    let line = |department: &Department| {
        json!({
            "dept_id": department.id,
            "name": department.name,
            "parent_id": parent,
            "create_dept_group": false,
            "auto_add_user": false,
        })
    };
    Ok(json!({"result": children.map(line).collect::<Vec<_>>()}))
}

fn scopes(state: &mut State, _: &Value) -> Result<Value, Errcode> {
    let range = &state.desk.faults.range;
    let users = ACCOUNTS.iter().map(|account| account.userid).filter(|userid| range.names(userid));
    Ok(json!({
        "auth_user_field": ["name", "email", "mobile", "avatar", "position", "department"],
        "condition_field": [],
        "auth_org_scopes": {"authed_user": users.collect::<Vec<_>>(), "authed_dept": range.departments()},
    }))
}

/// Takes a work notice and keeps it for the people's pages. It is asynchronous: strangers are dropped silently.
fn notify(state: &mut State, body: &Value) -> Result<Value, Errcode> {
    if number(body, "agent_id") != Some(state.app.agent_id) {
        return Err(parameter("agent_id"));
    }
    let listed = |name| text(body, name).map(|list| list.split(',').map(str::trim).collect::<Vec<_>>());
    let (users, departments) = (listed("userid_list"), listed("dept_id_list"));
    let everybody = body.get("to_all_user").and_then(boolean) == Some(true);
    if users.is_none() && departments.is_none() && !everybody {
        return Err(parameter("userid_list"));
    }
    let (users, departments) = (users.unwrap_or_default(), departments.unwrap_or_default());
    if users.len() > MAX_RECEIVERS.0 || departments.len() > MAX_RECEIVERS.1 {
        return Err(parameter("userid_list"));
    }
    let msg = message(body)?;
    let in_departments = |account: &&Account| {
        let home = account.person().map(|person| person.department.to_string());
        home.is_some_and(|home| departments.contains(&home.as_str()))
    };
    let meant = |account: &&Account| everybody || users.contains(&account.userid) || in_departments(account);
    let users = ACCOUNTS.iter().filter(meant).map(|account| account.userid.to_owned()).collect();
    let last = state.notices.last().map_or(256_271_667_526, |notice| notice.task_id);
    let notice = Notice { task_id: last + 1, at: state.now(), users, msg };
    let answer = json!({"task_id": notice.task_id});
    state.put_notice(notice)?;
    Ok(answer)
}

/// A work notice's content, which may also come as a JSON text.
fn message(body: &Value) -> Result<Value, Errcode> {
    let bad = || parameter("msg");
    let msg = match body.get("msg") {
        Some(Value::String(text)) => serde_json::from_str(text).map_err(|_| bad())?,
        Some(msg) => msg.clone(),
        None => return Err(bad()),
    };
    let kind = text(&msg, "msgtype").ok_or_else(bad)?;
    let fits = msg.get(kind).is_some_and(Value::is_object) && msg.to_string().len() <= MAX_NOTICE;
    if fits { Ok(msg) } else { Err(bad()) }
}

/// The pushes that were given up. Telling them removes them from the list.
fn failed(state: &mut State, _: &Value) -> Result<Value, Errcode> {
    let mut waiting: Vec<(i64, String, u32)> = Vec::new();
    for instance in state.desk.instances.values() {
        let failed = instance.callbacks.iter().filter(|callback| callback.state == CallbackState::Failed);
        waiting.extend(failed.map(|callback| (callback.created_at, instance.id.clone(), callback.number)));
    }
    waiting.sort();
    let more = waiting.len() > MAX_FAILED;
    waiting.truncate(MAX_FAILED);
    let mut list = Vec::with_capacity(waiting.len());
    for (at, id, number) in waiting {
        let Some(mut instance) = state.desk.instances.get(&id).cloned() else { continue };
        let Some(callback) = instance.callbacks.iter_mut().find(|callback| callback.number == number) else { continue };
        callback.state = CallbackState::Collected;
        list.push(failed_line(&callback.event, at));
        state.desk.put(instance)?;
    }
    Ok(json!({"has_more": more, "failed_list": list}))
}

fn failed_line(event: &str, at: i64) -> Value {
    let mut data: Map<String, Value> = serde_json::from_str(event).unwrap_or_default();
    let tag = data.remove("EventType").and_then(|tag| tag.as_str().map(str::to_owned)).unwrap_or_default();
    let corp = data.remove("corpId").unwrap_or_default();
    json!({"call_back_tag": tag, "event_time": at, tag: {"corpid": corp, "bpmsCallBackData": data}})
}
