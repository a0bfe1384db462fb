//! Deciding, handing over and commenting through the API, and counting what a person has to do.

use serde_json::json;

use super::answer::Refusal;
use super::directory;
use super::engine::Obstacle;
use super::gateway::Call;
use super::instances::{MAX_REMARK, refusal};
use super::model::{TaskState, Verdict};
use super::state::State;
use crate::platform::call::Done;
use crate::platform::control::By;
use crate::platform::fields::{length, number, text};

/// Most characters of a remark on a transfer.
const MAX_TRANSFER_REMARK: usize = 256;

/// `POST /processInstances/execute`.
pub(super) fn execute(state: &mut State, call: &Call) -> Result<Done, Refusal> {
    let body = &call.body;
    let id = text(body, "processInstanceId").ok_or_else(|| Refusal::mandatory("processInstanceId"))?;
    let task = number(body, "taskId");
    let task = task.ok_or_else(|| Refusal::bad("invalidInstanceExecuteTaskId", "任务 ID 不合法"))?;
    let user = text(body, "actionerUserId");
    let user = user.ok_or_else(|| Refusal::bad("invalidInstanceExecuteActionerUserId", "执行人不能为空"))?;
    let verdict = match text(body, "result") {
        Some("agree") => Verdict::Agree,
        Some("refuse") => Verdict::Refuse,
        _ => return Err(Refusal::bad("invalidInstanceExecuteResult", "result 只能是 agree 或 refuse")),
    };
    let remark = text(body, "remark");
    if remark.is_some_and(|remark| length(remark) > MAX_REMARK) {
        return Err(Refusal::bad("invalidParameter", "remark 过长"));
    }
    if directory::account(user).is_none() {
        return Err(Refusal::bad("userNotExist", "用户不存在"));
    }
    let instance = state.desk.instances.get(id);
    let mut instance = instance.ok_or_else(|| Refusal::bad("aflowProcessNotExist", "审批实例不存在"))?.clone();
    let by = By { user, remark, now: state.now() };
    let happened = instance.decide(task, verdict, by, &mut state.task_ids()).map_err(refusal)?;
    let claim = state.commit(instance, &happened)?;
    Ok(Done { body: json!({"result": true, "success": true}), claim })
}

/// `POST /tasks/redirect`.
pub(super) fn redirect(state: &mut State, call: &Call) -> Result<Done, Refusal> {
    let body = &call.body;
    let blank = |name: &str| Refusal::bad("param.blank", format!("{name} 不能为空"));
    let task = number(body, "taskId").ok_or_else(|| blank("taskId"))?;
    let to = text(body, "toUserId").ok_or_else(|| blank("toUserId"))?;
    let user = text(body, "operateUserId").ok_or_else(|| blank("operateUserId"))?;
    let remark = text(body, "remark");
    let illegal = |text| Refusal::bad("param.illegal", text);
    if remark.is_some_and(|remark| length(remark) > MAX_TRANSFER_REMARK) {
        return Err(illegal("remark 过长"));
    }
    if directory::account(to).is_none() || to == user {
        return Err(illegal("toUserId 不合法"));
    }
    let holder = state.desk.instances.values().find(|instance| instance.tasks.iter().any(|each| each.id == task));
    let mut instance = holder.ok_or_else(|| illegal("taskId 不存在"))?.clone();
    let by = By { user, remark, now: state.now() };
    let happened = instance.transfer(task, to, by, &mut state.task_ids()).map_err(|obstacle| match obstacle {
        Obstacle::Ended => Refusal::bad("instance.status.error", "审批实例已结束"),
        Obstacle::NoTask => illegal("taskId 不存在"),
        Obstacle::NotTheirs => Refusal::bad("param.illegal.operator", "操作人不是当前任务的执行人"),
        Obstacle::NotOpen => Refusal::bad("task.status.error", "任务状态错误"),
    })?;
    let claim = state.commit(instance, &happened)?;
    Ok(Done { body: json!({"result": true}), claim })
}

/// `POST /processInstances/comments`.
pub(super) fn comment(state: &mut State, call: &Call) -> Result<Done, Refusal> {
    let body = &call.body;
    let id = text(body, "processInstanceId").ok_or_else(|| Refusal::mandatory("processInstanceId"))?;
    let remark = text(body, "text").filter(|text| length(text) <= MAX_REMARK);
    let remark = remark.ok_or_else(|| Refusal::bad("invalidInstanceCommentText", "评论内容为空或过长"))?;
    let user = text(body, "commentUserId").filter(|user| directory::account(user).is_some());
    let user = user.ok_or_else(|| Refusal::bad("invalidInstanceCommentUserId", "评论人不合法"))?;
    let instance = state.desk.instances.get(id);
    let mut instance = instance.ok_or_else(|| Refusal::bad("aflowProcessInstNotExist", "审批实例不存在"))?.clone();
    let happened = instance.comment(By { user, remark: Some(remark), now: state.now() });
    let claim = state.commit(instance, &happened)?;
    Ok(Done { body: json!({"result": true, "success": true}), claim })
}

/// `GET /processes/todoTasks/numbers`.
pub(super) fn todo(state: &mut State, call: &Call) -> Result<Done, Refusal> {
    let user = call.query("userId").filter(|user| directory::account(user).is_some());
    let user = user.ok_or_else(|| Refusal::bad("invalidGetTodoTaskSumUserId", "userId 不合法"))?;
    let tasks = state.desk.instances.values().flat_map(|instance| &instance.tasks);
    let open = tasks.filter(|task| task.user == user && task.state == TaskState::Running).count();
    Ok(json!({"result": open}).into())
}
