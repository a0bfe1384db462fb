//! Reading, listing, withdrawing and copying instances.

use crate::platform::call::Done;
use crate::platform::control::By;
use serde_json::{Map, Value, json};

use super::answer::Refusal;
use super::engine::{Obstacle, Step};
use super::gateway::{Call, USER_ID};
use super::model::{Instance, Record, Status, Task};
use super::state::State;
use super::{body, definitions, directory};

/// Longest time between the bounds of a list, in milliseconds.
const MAX_LIST: i64 = 10 * 3_600_000;
/// Longest time between the bounds of a query, in milliseconds.
const MAX_QUERY: i64 = 30 * 86_400_000;

/// The instance with this code or uuid.
pub(super) fn find<'a>(state: &'a State, id: &str) -> Result<&'a Instance, Refusal> {
    let by_uuid = || {
        let same = |uuid: &String| uuid.eq_ignore_ascii_case(id);
        state.desk.instances.values().find(|instance| instance.uuid.as_ref().is_some_and(same))
    };
    let found = state.desk.instances.get(id).or_else(by_uuid);
    found.ok_or_else(|| Refusal::new(1_390_003, "instance code not found"))
}

/// The instance that a body names, which has to be of the definition that it names.
pub(super) fn named(state: &State, body: &Value) -> Result<Instance, Refusal> {
    let (approval, instance) = (body::required(body, "approval_code")?, body::required(body, "instance_code")?);
    definitions::find(state, approval)?;
    let found = state.desk.instances.get(instance).filter(|instance| instance.approval_code == approval);
    found.cloned().ok_or_else(|| Refusal::new(1_390_003, "instance code not found"))
}

/// Adds `open_id` and, with its permission, `user_id`. Somebody who is nobody is empty.
pub(super) fn person(state: &State, value: &mut Value, open_id: Option<&str>) {
    let open_id = open_id.unwrap_or_default();
    value["open_id"] = open_id.into();
    if state.granted(USER_ID) {
        value["user_id"] = directory::user_id(open_id).into();
    }
}

/// `GET /instances/:instance_id`.
pub(super) fn read(state: &mut State, call: &Call) -> Result<Done, Refusal> {
    let instance = find(state, call.part(0))?;
    let form: Vec<Value> = instance
        .form
        .iter()
        .map(|value| {
            let mut told = json!({"id": value.id, "name": value.name, "type": value.kind, "value": value.value});
            if let Some(custom) = &value.custom_id {
                told["custom_id"] = custom.clone().into();
            }
            told
        })
        .collect();
    let mut told = json!({
        "approval_name": instance.approval_name,
        "approval_code": instance.approval_code,
        "instance_code": instance.code,
        "uuid": instance.uuid.as_deref().unwrap_or_default(),
        "serial_number": instance.serial,
        "department_id": instance.department,
        "start_time": instance.created_at.to_string(),
        "end_time": instance.finished_at.unwrap_or_default().to_string(),
        "status": instance.status.word(),
        "reverted": instance.reverted,
        "form": Value::from(form).to_string(),
        "task_list": instance.tasks.iter().map(|one| task(state, instance, one)).collect::<Vec<_>>(),
        "comment_list": instance.comments.iter().map(|one| super::comments::told(state, one)).collect::<Vec<_>>(),
        "timeline": instance.timeline.iter().map(|record| entry(state, instance, record)).collect::<Vec<_>>(),
    });
    person(state, &mut told, Some(&instance.initiator));
    Ok(told.into())
}

fn task(state: &State, instance: &Instance, task: &Task) -> Value {
    let node = task.node.and_then(|node| instance.nodes.get(node));
    let kind = match (&task.user, node) {
        (None, _) => "AUTO_PASS",
        (_, Some(node)) => node.mode.word(),
        _ => "AND",
    };
    let mut told = json!({
        "id": task.id,
        "status": task.state.word(),
        "node_id": node.map_or("START", |node| node.id.as_str()),
        "node_name": node.map_or("发起", |node| node.name.as_str()),
        "custom_node_id": node.map_or("START", |node| node.custom_id.as_str()),
        "type": kind,
        "start_time": task.created_at.to_string(),
        "end_time": task.finished_at.unwrap_or_default().to_string(),
    });
    person(state, &mut told, task.user.as_deref());
    told
}

fn entry(state: &State, instance: &Instance, record: &Record) -> Value {
    let mut told = json!({
        "type": record.kind,
        "create_time": record.at.to_string(),
        "comment": record.remark.as_deref().unwrap_or_default(),
        "node_key": record.node.and_then(|node| instance.nodes.get(node)).map_or("", |node| node.key.as_str()),
        "task_id": record.task.as_deref().unwrap_or_default(),
    });
    person(state, &mut told, record.user.as_deref());
    let with_user_id = state.granted(USER_ID);
    let user_ids: Vec<&str> = record.others.iter().map(|other| directory::user_id(other)).collect();
    let mut ext = Map::new();
    match record.kind.as_str() {
        "CC" => {
            let copied = |other: &String| {
                let mut one = json!({"cc_id": format!("{}-{other}", instance.serial)});
                person(state, &mut one, Some(other));
                one
            };
            told["cc_user_list"] = record.others.iter().map(copied).collect();
        }
        "TRANSFER" => {
            ext.insert("open_id".to_owned(), record.others.first().cloned().into());
            if with_user_id {
                ext.insert("user_id".to_owned(), user_ids.first().copied().into());
            }
        }
        _ => {}
    }
    if !record.others.is_empty() {
        ext.insert("open_id_list".to_owned(), record.others.clone().into());
        told["open_id_list"] = record.others.clone().into();
        if with_user_id {
            ext.insert("user_id_list".to_owned(), user_ids.clone().into());
            told["user_id_list"] = user_ids.into();
        }
    }
    told["ext"] = Value::Object(ext).to_string().into();
    told
}

/// `GET /instances`: the codes of a definition's instances by the time of their creation.
pub(super) fn list(state: &mut State, call: &Call) -> Result<Done, Refusal> {
    let needed = |name: &str| call.query(name).ok_or_else(|| Refusal::required(name));
    let time = |name: &str| {
        let text = needed(name)?;
        text.parse::<i64>().map_err(|_| Refusal::field(name, text, "it is a time in milliseconds"))
    };
    let code = needed("approval_code")?;
    let (from, to) = (time("start_time")?, time("end_time")?);
    definitions::find(state, code)?;
    if from > to || to - from > MAX_LIST {
        return Err(Refusal::param("end_time is at most 10 hours after start_time"));
    }
    let size = body::page_size(call.query("page_size"), 1..=100, 100)
        .ok_or_else(|| Refusal::param("page_size is 1 to 100"))?;
    let mut found: Vec<&Instance> = state
        .desk
        .newest_first()
        .into_iter()
        .filter(|instance| instance.approval_code == code && (from..=to).contains(&instance.created_at))
        .collect();
    found.reverse();
    let (page, next) = page(&found, call, size)?;
    let codes: Vec<&String> = page.iter().map(|instance| &instance.code).collect();
    Ok(json!({"instance_code_list": codes, "page_token": next.clone().unwrap_or_default(), "has_more": next.is_some()})
        .into())
}

/// A page and the token of the next one.
pub(super) fn page<'a, T>(all: &'a [T], call: &Call, size: usize) -> Result<(&'a [T], Option<String>), Refusal> {
    let first: usize = match call.query("page_token") {
        None => 0,
        Some(token) => token.parse().map_err(|_| Refusal::field("page_token", token, "it is no page_token"))?,
    };
    let rest = all.get(first..).unwrap_or_default();
    let next = (rest.len() > size).then(|| (first + size).to_string());
    Ok((&rest[..size.min(rest.len())], next))
}

/// `POST /instances/query`: statuses are asked in capitals and answered in small letters.
pub(super) fn query(state: &mut State, call: &Call) -> Result<Done, Refusal> {
    let body = &call.body;
    let (user, code) = (body::text(body, "user_id")?, body::text(body, "approval_code")?);
    let instance = body::text(body, "instance_code")?;
    let external = [body::text(body, "instance_external_id")?, body::text(body, "group_external_id")?];
    if user.is_none() && code.is_none() && instance.is_none() && external == [None, None] {
        return Err(Refusal::param("one of user_id, approval_code, instance_code is needed"));
    }
    let user = user.map(|user| call.account(user)).transpose()?;
    let wanted = match body::text(body, "instance_status")? {
        None | Some("ALL") => None,
        Some("PENDING") => Some(Status::Pending),
        Some("RECALL") => Some(Status::Canceled),
        Some("REJECT") => Some(Status::Rejected),
        Some("APPROVED") => Some(Status::Approved),
        Some(other) => return Err(Refusal::param(format!("instance_status {other}"))),
    };
    let time = |name: &str| match body::text(body, name)? {
        None => Ok(None),
        Some(text) => text.parse::<i64>().map(Some).map_err(|_| Refusal::param(name)),
    };
    let (from, to) = (time("instance_start_time_from")?, time("instance_start_time_to")?);
    if let (Some(from), Some(to)) = (from, to)
        && !(0..=MAX_QUERY).contains(&(to - from))
    {
        return Err(Refusal::param("the times are at most 30 days apart"));
    }
    let size =
        body::page_size(call.query("page_size"), 5..=200, 10).ok_or_else(|| Refusal::param("page_size is 5 to 200"))?;
    let fits = |one: &&Instance| {
        external == [None, None]
            && user.is_none_or(|user| one.initiator == user.open_id)
            && code.is_none_or(|code| one.approval_code == code)
            && instance.is_none_or(|code| one.code == code)
            && wanted.is_none_or(|status| one.status == status)
            && from.is_none_or(|from| one.created_at >= from)
            && to.is_none_or(|to| one.created_at <= to)
    };
    let found: Vec<&Instance> = state.desk.newest_first().into_iter().filter(fits).collect();
    let (page, next) = page(&found, call, size)?;
    let line = |one: &&Instance| {
        let account = directory::account(&one.initiator);
        json!({
            "approval": {"code": one.approval_code, "name": one.approval_name, "is_external": false},
            "instance": {
                "code": one.code,
                "user_id": account.and_then(|account| account.id(&call.user_id_type)),
                "start_time": one.created_at.to_string(),
                "end_time": one.finished_at.unwrap_or_default().to_string(),
                "status": one.status.word().to_lowercase(),
                "title": one.title.as_ref().unwrap_or(&one.approval_name),
                "serial_id": one.serial,
            },
        })
    };
    Ok(json!({
        "count": found.len(),
        "instance_list": page.iter().map(line).collect::<Vec<_>>(),
        "page_token": next.clone().unwrap_or_default(),
        "has_more": next.is_some(),
    })
    .into())
}

/// `POST /instances/cancel`: the initiator takes it back.
pub(super) fn cancel(state: &mut State, call: &Call) -> Result<Done, Refusal> {
    let user = call.account(body::required(&call.body, "user_id")?)?;
    let mut instance = named(state, &call.body)?;
    if instance.initiator != user.open_id {
        return Err(Refusal::param("user_id is not the initiator"));
    }
    let by = By { user: user.open_id, remark: None, now: state.now() };
    let happened = Step::new(&mut instance, by, state.ids()).withdraw().map_err(refusal)?;
    let claim = state.commit(instance, &happened)?;
    Ok(Done { body: json!({}), claim })
}

/// `POST /instances/cc`: copies people on a running or ended instance.
pub(super) fn copy(state: &mut State, call: &Call) -> Result<Done, Refusal> {
    let people = body::texts(&call.body, "cc_user_ids")?;
    let remark = body::text(&call.body, "comment")?;
    let user = call.account(body::required(&call.body, "user_id")?)?;
    if people.is_empty() {
        return Err(Refusal::required("cc_user_ids"));
    }
    let people: Result<Vec<String>, Refusal> =
        people.iter().map(|id| call.account(id).map(|account| account.open_id.to_owned())).collect();
    let people = people?;
    let mut instance = named(state, &call.body)?;
    let by = By { user: user.open_id, remark, now: state.now() };
    let happened = Step::new(&mut instance, by, state.ids()).copy_to(people);
    let claim = state.commit(instance, &happened)?;
    Ok(Done { body: json!({}), claim })
}

/// How the platform puts an obstacle.
pub(super) fn refusal(obstacle: Obstacle) -> Refusal {
    match obstacle {
        Obstacle::Ended => Refusal::param("the instance has ended"),
        Obstacle::NoTask => Refusal::new(1_390_010, "task id not found"),
        Obstacle::Waits => Refusal::param("the task waits for an approver who was added before it"),
        Obstacle::NotTheirs => {
            Refusal::new(1_390_009, "no operation permission").status(axum::http::StatusCode::FORBIDDEN)
        }
        Obstacle::Forbidden => Refusal::param("the instance may not be withdrawn"),
        Obstacle::NoTarget => Refusal::param("task_def_key_list names no node that has passed"),
    }
}
