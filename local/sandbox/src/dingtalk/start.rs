//! Starting an instance. There is no idempotency key: a repeated call starts another one.

use serde_json::{Value, json};

use super::answer::Refusal;
use super::directory;
use super::forms;
use super::gateway::Call;
use super::model::{CcPosition, Instance, Mode, Node, Status, Template};
use super::state::State;
use super::values;
use crate::platform::call::Done;
use crate::platform::control::By;
use crate::platform::fields::{absent, number, text, texts};
use crate::platform::people::department_name;
use crate::platform::text::{beijing, random_name};

/// Most nodes of a start.
const MAX_NODES: usize = 20;
/// Most people who are copied.
const MAX_COPIED: usize = 50;
/// Most nodes whose people the caller selects.
const MAX_SELECTED: usize = 20;
/// The root department, as the approval calls number it; the contact calls say 1.
const ROOT: i64 = -1;

/// `POST /processInstances`.
pub(super) fn start(state: &mut State, call: &Call) -> Result<Done, Refusal> {
    let body = &call.body;
    for field in ["originatorUserId", "processCode", "formComponentValues"] {
        if absent(body, field) {
            return Err(Refusal::mandatory(field));
        }
    }
    let originator = text(body, "originatorUserId").filter(|user| directory::account(user).is_some());
    let originator = originator.ok_or_else(|| invalid("发起人不存在或不在企业中"))?;
    let code = text(body, "processCode").unwrap_or_default();
    let template = forms::template(state, code).ok_or_else(|| Refusal::bad("processCodeError", "审批模板不存在"))?;
    check_app(state, body)?;
    let given = nodes(state, body)?;
    let dept = department(body, originator, given.is_some())?;
    let (cc, cc_position) = if given.is_some() { copied(body)? } else { (vec![], CcPosition::Finish) };
    let form = values::read(template, &body["formComponentValues"])?;
    let nodes = match given {
        Some(nodes) => nodes,
        None => default_nodes(state, originator)?,
    };
    let mut instance = blank(state, template, originator, dept);
    (instance.form, instance.nodes, instance.cc, instance.cc_position) = (form, nodes, cc, cc_position);
    let by = By { user: originator, remark: None, now: state.now() };
    let happened = instance.begin(by, &mut state.task_ids());
    let id = instance.id.clone();
    let claim = state.commit(instance, &happened)?;
    Ok(Done { body: json!({"instanceId": id}), claim })
}

/// A bad person or department.
fn invalid(message: impl Into<std::borrow::Cow<'static, str>>) -> Refusal {
    Refusal::bad("processInstanceInvalidParameter", message)
}

fn blank(state: &State, template: &Template, originator: &str, dept: i64) -> Instance {
    let now = state.now();
    let name = random_name(&state.desk.world, b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", 22);
    let digits = random_name(&state.desk.world, b"0123456789", 4);
    Instance {
        id: format!("{name}{digits}{:010}", now / 1000),
        business_id: format!("{}{:09}", beijing(now, "%Y%m%d%H%M"), state.desk.instances.len() + 1),
        process_code: template.process_code.clone(),
        template: template.name.clone(),
        title: format!("{}提交的{}", directory::name(originator), template.name),
        withdrawable: !template.switched("disableStopProcessButton"),
        originator: originator.to_owned(),
        originator_dept: dept,
        created_at: now,
        finished_at: None,
        status: Status::Running,
        result: None,
        form: vec![],
        nodes: vec![],
        current: 0,
        tasks: vec![],
        records: vec![],
        cc: vec![],
        cc_position: CcPosition::Finish,
        callbacks: vec![],
    }
}

fn check_app(state: &State, body: &Value) -> Result<(), Refusal> {
    if !absent(body, "microappAgentId") && number(body, "microappAgentId") != Some(state.app.agent_id) {
        return Err(Refusal::bad("invalidAgentId", "agentId 不合法"));
    }
    if text(body, "bizDetailPageUrl").is_some() {
        return Err(Refusal::bad("benefitStatusInvalid", "当前企业未开通 OA 高级版"));
    }
    let selected = body.get("targetSelectActioners").and_then(Value::as_array).map_or(0, Vec::len);
    if selected > MAX_SELECTED {
        return Err(Refusal::bad("invalidParameter", format!("targetSelectActioners 超过 {MAX_SELECTED} 个")));
    }
    Ok(())
}

/// The nodes that the caller names; `None` when it leaves them to the template.
fn nodes(state: &State, body: &Value) -> Result<Option<Vec<Node>>, Refusal> {
    let list = match body.get("approvers") {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Array(list)) if list.is_empty() => return Ok(None),
        Some(Value::Array(list)) if list.len() <= MAX_NODES => list,
        Some(_) => return Err(invalid(format!("approvers 不合法或超过 {MAX_NODES} 个节点"))),
    };
    list.iter().map(|item| node(state, item)).collect::<Result<_, _>>().map(Some)
}

/// AND and OR want more than one user, NONE exactly one.
fn node(state: &State, item: &Value) -> Result<Node, Refusal> {
    let mode = match text(item, "actionType") {
        Some("AND") => Mode::And,
        Some("OR") => Mode::Or,
        Some("NONE") => Mode::None,
        _ => return Err(invalid("actionType 只能是 AND、OR 或 NONE")),
    };
    let users = texts(item, "userIds").ok_or_else(|| invalid("userIds 不合法"))?;
    if let Some(stranger) = users.iter().find(|user| directory::account(user).is_none()) {
        return Err(invalid(format!("审批人不存在：{stranger}")));
    }
    let people: std::collections::BTreeSet<&String> = users.iter().collect();
    let fits = if mode == Mode::None { people.len() == 1 } else { people.len() > 1 };
    if !fits || people.len() != users.len() {
        return Err(invalid("AND、OR 需要多个审批人，NONE 只能有一个审批人"));
    }
    Ok(Node { activity_id: activity_id(state), mode, users })
}

/// The flow that a template has by itself: the originator's manager decides.
fn default_nodes(state: &State, originator: &str) -> Result<Vec<Node>, Refusal> {
    let user = directory::default_approver(originator);
    let user = user.ok_or_else(|| Refusal::bad("processInstanceStartFailed", "找不到审批人"))?;
    Ok(vec![Node { activity_id: activity_id(state), mode: Mode::None, users: vec![user.to_owned()] }])
}

fn activity_id(state: &State) -> String {
    let hex = |length| random_name(&state.desk.world, b"0123456789abcdef", length);
    format!("{}_{}", hex(4), hex(4))
}

/// The originator's department. It may be left out only when approvers are named.
fn department(body: &Value, originator: &str, has_approvers: bool) -> Result<i64, Refusal> {
    let home =
        directory::account(originator).and_then(directory::Account::person).map_or(1, |person| person.department);
    let home = if home == 1 { ROOT } else { home };
    if absent(body, "deptId") {
        return if has_approvers { Ok(home) } else { Err(invalid("deptId 不能为空")) };
    }
    match number(body, "deptId") {
        Some(dept) if dept == home => Ok(dept),
        Some(dept) if dept == ROOT || (dept != 1 && directory::has_department(dept)) => {
            Err(invalid(format!("发起人不在部门 {dept} 中")))
        }
        _ => Err(invalid("部门不存在")),
    }
}

/// Who is copied and when.
fn copied(body: &Value) -> Result<(Vec<String>, CcPosition), Refusal> {
    let cc = texts(body, "ccList").filter(|cc| cc.len() <= MAX_COPIED);
    let cc = cc.ok_or_else(|| invalid(format!("ccList 不合法或超过 {MAX_COPIED} 人")))?;
    if let Some(stranger) = cc.iter().find(|user| directory::account(user).is_none()) {
        return Err(invalid(format!("抄送人不存在：{stranger}")));
    }
    let position = match text(body, "ccPosition") {
        Some("START") => CcPosition::Start,
        Some("START_FINISH") => CcPosition::StartFinish,
        None | Some("FINISH") => CcPosition::Finish,
        Some(_) => return Err(invalid("ccPosition 只能是 START、FINISH 或 START_FINISH")),
    };
    Ok((cc, position))
}

/// The name of a department, as the approval calls number it.
pub(super) fn dept_name(id: i64) -> &'static str {
    department_name(if id == ROOT { 1 } else { id })
}
