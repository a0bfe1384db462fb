//! What the API does in an assignee's place.

use serde_json::json;

use super::answer::Refusal;
use super::engine::{Happening, Obstacle, Step};
use super::gateway::Call;
use super::instances::{named, refusal};
use super::model::Instance;
use super::state::State;
use super::{body, directory};
use crate::platform::call::Done;
use crate::platform::control::{By, Position};

/// Most nodes that a task is rolled back to.
const MAX_TARGETS: usize = 100;

/// What is done to a task.
type Act<'a> = &'a dyn Fn(Step<'_>, &str) -> Result<Vec<Happening>, Obstacle>;

/// Does something with the task that the body names.
fn perform(state: &mut State, call: &Call, user: &str, instance: Instance, act: Act<'_>) -> Result<Done, Refusal> {
    let mut instance = instance;
    let task = body::required(&call.body, "task_id")?;
    let remark = body::text(&call.body, "comment")?.or(body::text(&call.body, "reason")?);
    let by = By { user, remark, now: state.now() };
    // A task that was decided reads as one that is not there, whether or not the instance goes on. Documented.
    let decided = instance.tasks.iter().any(|one| one.id == task && !one.state.open());
    let outcome = act(Step::new(&mut instance, by, state.ids()), task);
    let happened = outcome.map_err(|obstacle| match obstacle {
        Obstacle::Ended if decided => refusal(Obstacle::NoTask),
        obstacle => refusal(obstacle),
    })?;
    let claim = state.commit(instance, &happened)?;
    Ok(Done { body: json!({}), claim })
}

fn user(call: &Call) -> Result<&'static str, Refusal> {
    Ok(call.account(body::required(&call.body, "user_id")?)?.open_id)
}

/// `POST /tasks/approve`.
pub(super) fn approve(state: &mut State, call: &Call) -> Result<Done, Refusal> {
    body::text(&call.body, "form")?;
    perform(state, call, user(call)?, named(state, &call.body)?, &|step, task| step.approve(task))
}

/// `POST /tasks/reject`.
pub(super) fn reject(state: &mut State, call: &Call) -> Result<Done, Refusal> {
    body::text(&call.body, "form")?;
    perform(state, call, user(call)?, named(state, &call.body)?, &|step, task| step.reject(task))
}

/// `POST /tasks/transfer`.
pub(super) fn transfer(state: &mut State, call: &Call) -> Result<Done, Refusal> {
    let user = user(call)?;
    let to = call.account(body::required(&call.body, "transfer_user_id")?)?.open_id;
    if to == user {
        return Err(Refusal::param("transfer_user_id is user_id"));
    }
    perform(state, call, user, named(state, &call.body)?, &|step, task| step.transfer(task, to))
}

/// `POST /tasks/resubmit`: of a task that was returned to the initiator.
pub(super) fn resubmit(state: &mut State, call: &Call) -> Result<Done, Refusal> {
    body::required(&call.body, "form")?;
    let instance = named(state, &call.body)?;
    let task = body::required(&call.body, "task_id")?;
    if !instance.tasks.iter().any(|one| one.id == task && one.node.is_none()) {
        return Err(refusal(Obstacle::NoTask));
    }
    perform(state, call, user(call)?, instance, &|step, task| step.approve(task))
}

/// `POST /instances/specified_rollback`: names no instance; the task does.
pub(super) fn roll_back(state: &mut State, call: &Call) -> Result<Done, Refusal> {
    let keys = body::texts(&call.body, "task_def_key_list")?;
    let (user, task) = (user(call)?, body::required(&call.body, "task_id")?);
    if keys.is_empty() {
        return Err(Refusal::required("task_def_key_list"));
    }
    if keys.len() > MAX_TARGETS {
        return Err(Refusal::param(format!("task_def_key_list has at most {MAX_TARGETS} entries")));
    }
    let holds = |instance: &&Instance| instance.tasks.iter().any(|one| one.id == task);
    let found = state.desk.instances.values().find(holds).cloned();
    let instance = found.ok_or_else(|| refusal(Obstacle::NoTask))?;
    let target = |key: &&str| match *key {
        "START" => Some(None),
        key => instance.nodes.iter().position(|node| node.key == key).map(Some),
    };
    let targets: Option<Vec<Option<usize>>> = keys.iter().map(target).collect();
    let targets = targets.ok_or_else(|| refusal(Obstacle::NoTarget))?;
    perform(state, call, user, instance, &|step, task| step.roll_back(task, &targets))
}

/// `POST /instances/add_sign`: takes plain `user_id`s, whatever `user_id_type` says.
pub(super) fn add_sign(state: &mut State, call: &Call) -> Result<Done, Refusal> {
    let by_user_id = |id: &str| {
        let found = directory::by_id("user_id", id).map(|account| account.open_id.to_owned());
        found.ok_or_else(|| Refusal::new(1_390_004, "user not found"))
    };
    let people = body::texts(&call.body, "add_sign_user_ids")?;
    let kind = body::integer(&call.body, "add_sign_type")?.ok_or_else(|| Refusal::required("add_sign_type"))?;
    let method = body::integer(&call.body, "approval_method")?;
    let user = by_user_id(body::required(&call.body, "user_id")?)?;
    let instance = named(state, &call.body)?;
    if people.is_empty() {
        return Err(Refusal::required("add_sign_user_ids"));
    }
    let people: Vec<String> = people.into_iter().map(by_user_id).collect::<Result<_, _>>()?;
    let position = match kind {
        1 => Position::Before,
        2 => Position::After,
        3 => Position::Parallel,
        _ => return Err(Refusal::param("add_sign_type is 1, 2 or 3")),
    };
    let any = match (position, method) {
        (_, Some(1)) => true,
        (_, Some(2)) | (Position::Parallel, None) => false,
        _ => return Err(Refusal::param("approval_method is 1 or 2")),
    };
    perform(state, call, &user, instance, &|step, task| step.add(task, &people, position, any))
}
