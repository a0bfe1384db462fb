//! Reading, listing and withdrawing instances.

use serde_json::{Map, Value, json};

use super::answer::Refusal;
use super::directory;
use super::engine::Obstacle;
use super::forms::{TIME, template};
use super::gateway::Call;
use super::model::{FormValue, Instance, Record, Status, Task, Verdict};
use super::start::dept_name;
use super::state::State;
use crate::platform::call::Done;
use crate::platform::control::By;
use crate::platform::fields::{absent, boolean, length, number, text, texts};
use crate::platform::text::beijing;

/// For so long after the start, in milliseconds, an instance cannot be withdrawn by the API.
const TOO_EARLY: i64 = 15_000;
/// Most characters of a remark on a decision or a withdrawal, and of a comment.
pub(super) const MAX_REMARK: usize = 1024;
/// Most instance ids on one page.
const MAX_PAGE: i64 = 20;
/// Most originators in a filter.
const MAX_ORIGINATORS: usize = 10;
/// One day, in milliseconds.
const DAY: i64 = 86_400_000;
/// Longest window of a list, in milliseconds.
const MAX_WINDOW: i64 = 120 * DAY;
/// How far back a list may begin, in milliseconds.
const FARTHEST: i64 = 365 * DAY;

/// `GET /processInstances`.
pub(super) fn read(state: &mut State, call: &Call) -> Result<Done, Refusal> {
    let id = call.query("processInstanceId").ok_or_else(|| Refusal::mandatory("processInstanceId"))?;
    let instance = state.desk.instances.get(id);
    let instance = instance.ok_or_else(|| Refusal::bad("processInstanceNotExist", "审批实例不存在"))?;
    Ok(json!({"result": whole(instance), "success": true}).into())
}

/// An instance as the platform tells it: what has no content is absent.
fn whole(instance: &Instance) -> Value {
    let tasks: Vec<Value> = instance.tasks.iter().map(|each| task(instance, each)).collect();
    let records: Vec<Value> = instance.records.iter().map(|each| record(instance, each)).collect();
    let form: Vec<Value> = instance.form.iter().map(form_value).collect();
    let mut result = json!({
        "title": instance.title,
        "businessId": instance.business_id,
        "createTime": beijing(instance.created_at, TIME),
        "originatorUserId": instance.originator,
        "originatorDeptId": instance.originator_dept.to_string(),
        "originatorDeptName": dept_name(instance.originator_dept),
        "status": status(instance.status),
        "result": instance.result.map_or("", Verdict::lower),
        "bizAction": "NONE",
        "bizData": "{}",
        "operationRecords": records,
        "tasks": tasks,
        "formComponentValues": form,
    });
    let approvers: Vec<&String> = instance.nodes.iter().flat_map(|node| &node.users).collect();
    if let Some(map) = result.as_object_mut() {
        put(map, "finishTime", instance.finished_at.map(|at| beijing(at, TIME)));
        put(map, "approverUserIds", Some(approvers).filter(|list| !list.is_empty()));
        put(map, "ccUserIds", Some(&instance.cc).filter(|list| !list.is_empty()));
    }
    result
}

/// As instances write it.
pub(super) fn status(status: Status) -> &'static str {
    match status {
        Status::Running => "RUNNING",
        Status::Terminated => "TERMINATED",
        Status::Completed => "COMPLETED",
    }
}

fn task(instance: &Instance, task: &Task) -> Value {
    let (status, result) = task.state.words();
    let address =
        format!("aflow.dingtalk.com?procInsId={}&taskId={}&businessId={}", instance.id, task.id, instance.business_id);
    let mut value = json!({
        "taskId": task.id,
        "userId": task.user,
        "status": status,
        "result": result,
        "createTime": beijing(task.created_at, TIME),
        "mobileUrl": address,
        "pcUrl": address,
        "processInstanceId": instance.id,
    });
    if let Some(map) = value.as_object_mut() {
        put(map, "activityId", activity(instance, Some(task.node)));
        put(map, "finishTime", task.finished_at.map(|at| beijing(at, TIME)));
    }
    value
}

fn record(instance: &Instance, record: &Record) -> Value {
    let show_name = match record.kind.as_str() {
        "START_PROCESS_INSTANCE" | "TERMINATE_PROCESS_INSTANCE" => "发起人",
        "PROCESS_CC" => "抄送人",
        "FINISH_PROCESS_INSTANCE" | "ADD_REMARK" => "",
        _ => "审批人",
    };
    let mut value = json!({
        "userId": record.user,
        "date": beijing(record.at, TIME),
        "type": record.kind,
        "result": record.result,
    });
    if let Some(map) = value.as_object_mut() {
        put(map, "showName", Some(show_name).filter(|name| !name.is_empty()));
        put(map, "remark", record.remark.as_deref());
        put(map, "activityId", activity(instance, record.node));
        put(map, "ccUserIds", Some(&record.others).filter(|_| record.kind == "PROCESS_CC"));
    }
    value
}

fn activity(instance: &Instance, node: Option<usize>) -> Option<&str> {
    node.and_then(|node| instance.nodes.get(node)).map(|node| node.activity_id.as_str())
}

fn form_value(value: &FormValue) -> Value {
    let mut item = json!({
        "id": value.id,
        "name": value.name,
        "value": value.value,
        "componentType": value.kind,
    });
    if let Some(map) = item.as_object_mut() {
        put(map, "extValue", value.ext_value.as_deref());
        put(map, "bizAlias", value.alias.as_deref());
    }
    item
}

fn put(map: &mut Map<String, Value>, name: &str, value: Option<impl serde::Serialize>) {
    if let Some(value) = value.and_then(|value| serde_json::to_value(value).ok()) {
        map.insert(name.to_owned(), value);
    }
}

/// `POST /processes/instanceIds/query`.
pub(super) fn list(state: &mut State, call: &Call) -> Result<Done, Refusal> {
    let body = &call.body;
    let code = text(body, "processCode").filter(|code| template(state, code).is_some());
    let code = code.ok_or_else(|| Refusal::bad("invalidProcessCode", "processCode 不合法"))?;
    let (from, to) = window(body, state.now())?;
    let token = number(body, "nextToken").and_then(|token| usize::try_from(token).ok());
    let token = token.ok_or_else(|| Refusal::bad("invalidNextToken", "nextToken 不合法"))?;
    let page = number(body, "maxResults").filter(|page| (1..=MAX_PAGE).contains(page));
    let page = page.ok_or_else(|| Refusal::bad("invalidMaxResults", "maxResults 不合法"))?;
    let page = usize::try_from(page).unwrap_or_default();
    let users = texts(body, "userIds").filter(|users| users.len() <= MAX_ORIGINATORS);
    let users = users.ok_or_else(|| Refusal::bad("invalidUserIds", "userIds 不合法"))?;
    let statuses = texts(body, "statuses").filter(|all| all.iter().all(|one| STATUSES.contains(&one.as_str())));
    let statuses = statuses.ok_or_else(|| Refusal::bad("invalidParameter", "statuses 不合法"))?;

    let fits = |instance: &&&Instance| {
        instance.process_code == code
            && (from..=to).contains(&instance.created_at)
            && (users.is_empty() || users.contains(&instance.originator))
            && (statuses.is_empty() || statuses.iter().any(|one| one == status(instance.status)))
    };
    let all = state.desk.newest_first();
    let matching: Vec<&str> = all.iter().filter(fits).map(|instance| instance.id.as_str()).collect();
    let ids: Vec<&str> = matching.iter().skip(token).take(page).copied().collect();
    let mut result = json!({"list": ids});
    if let Some(map) = result.as_object_mut() {
        // The request's token is a number, the answer's a text.
        put(map, "nextToken", Some((token + page).to_string()).filter(|_| token + page < matching.len()));
    }
    Ok(json!({"result": result, "success": true}).into())
}

/// The statuses that a list can be asked for.
const STATUSES: [&str; 3] = ["RUNNING", "TERMINATED", "COMPLETED"];

/// Begin and end of a list, within the platform's limits.
fn window(body: &Value, now: i64) -> Result<(i64, i64), Refusal> {
    let bad_start = || Refusal::bad("invalidInstanceListIdsStartTime", "startTime 不合法");
    let start = number(body, "startTime").filter(|start| *start > 0).ok_or_else(bad_start)?;
    if absent(body, "endTime") {
        return if start >= now - MAX_WINDOW { Ok((start, i64::MAX)) } else { Err(bad_start()) };
    }
    let end = number(body, "endTime").filter(|end| *end >= start);
    let end = end.ok_or_else(|| Refusal::bad("invalidEndTime", "endTime 不合法"))?;
    let fits = start >= now - FARTHEST && end - start <= MAX_WINDOW;
    if fits { Ok((start, end)) } else { Err(bad_start()) }
}

/// `POST /processInstances/terminate`.
pub(super) fn terminate(state: &mut State, call: &Call) -> Result<Done, Refusal> {
    let body = &call.body;
    let id = text(body, "processInstanceId").ok_or_else(|| Refusal::bad("invalidInstanceId", "实例 ID 不合法"))?;
    let system = body.get("isSystem").and_then(boolean);
    let system = system.ok_or_else(|| Refusal::bad("invalidInstanceTerminateIsSystem", "isSystem 不能为空"))?;
    let remark = text(body, "remark");
    if remark.is_some_and(|remark| length(remark) > MAX_REMARK) {
        return Err(Refusal::bad("invalidParameter", "remark 过长"));
    }
    let user = text(body, "operatingUserId");
    let bad_user = |text| Refusal::bad("invalidInstanceTerminateOperatingUserId", text);
    if !system && user.is_none() {
        return Err(bad_user("operatingUserId 不能为空"));
    }
    if user.is_some_and(|user| directory::account(user).is_none()) {
        return Err(Refusal::bad("userNotExist", "用户不存在"));
    }
    let instance = state.desk.instances.get(id);
    let mut instance = instance.ok_or_else(|| Refusal::bad("aflowProcessInstNotExist", "审批实例不存在"))?.clone();
    if !system && user != Some(&instance.originator) {
        return Err(bad_user("只有发起人可以撤销"));
    }
    if !instance.withdrawable {
        return Err(Refusal::bad("internalError", "您没有任务处理的权限"));
    }
    let now = state.now();
    if now - instance.created_at < TOO_EARLY {
        return Err(Refusal::bad("aflowProcessInstStatusException", "审批发起 15 秒内不能撤销"));
    }
    let originator = instance.originator.clone();
    let by = By { user: user.unwrap_or(&originator), remark, now };
    let happened = instance.withdraw(by).map_err(refusal)?;
    let claim = state.commit(instance, &happened)?;
    Ok(Done { body: json!({"result": true, "success": true}), claim })
}

/// An obstacle in the words of the calls that decide and withdraw.
pub(super) fn refusal(obstacle: Obstacle) -> Refusal {
    match obstacle {
        Obstacle::Ended => Refusal::bad("aflowProcessInstStatusException", "审批实例状态异常，已结束"),
        Obstacle::NoTask => Refusal::bad("invalidInstanceExecuteTaskId", "任务 ID 不合法"),
        Obstacle::NotTheirs => Refusal::bad("invalidInstanceExecuteActionerUserId", "不是当前任务的执行人"),
        Obstacle::NotOpen => Refusal::bad("aflowProcessInstCanNotBeExecuted", "当前任务不能执行"),
    }
}
