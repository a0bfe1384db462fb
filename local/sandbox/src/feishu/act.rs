//! Acting as a person: what the page does, and tests and scripts may do as well.

use super::engine::{Happening, Obstacle, Step};
use super::model::{Instance, Status, TaskState};
use super::state::State;
use crate::platform::control::{Action, Deed, Position};
use crate::platform::desk::Claim;
use crate::platform::http::Refused;

/// Does what a person does with an instance.
pub(super) fn perform(state: &mut State, id: &str, deed: &Deed) -> Result<Option<Claim>, Refused> {
    let found = state.desk.instances.get(id).cloned();
    let mut instance = found.ok_or_else(|| Refused::missing("there is no such instance"))?;
    let happened = apply(&mut instance, deed, state)?;
    Ok(state.commit(instance, &happened)?)
}

fn apply(instance: &mut Instance, deed: &Deed, state: &State) -> Result<Vec<Happening>, Refused> {
    let by = deed.by(state.now());
    let task = match deed.action {
        Action::Comment | Action::Withdraw => String::new(),
        _ => own_task(instance, &deed.user)?,
    };
    if deed.action == Action::Withdraw && instance.initiator != deed.user {
        return Err(Refused::conflict(format!("only the initiator {} may withdraw", instance.initiator)));
    }
    let ended = ended(instance.status);
    let targets = match deed.action {
        Action::RollBack => vec![target(instance, deed.to.as_deref())?],
        _ => vec![],
    };
    let step = Step::new(instance, by, state.ids());
    let outcome = match deed.action {
        Action::Comment => return Ok(step.comment().1),
        Action::Withdraw => step.withdraw(),
        Action::Approve => step.approve(&task),
        Action::Reject => step.reject(&task),
        Action::Transfer => step.transfer(&task, deed.other()?),
        Action::AddApprover => {
            let people = [deed.other()?.to_owned()];
            step.add(&task, &people, deed.position.unwrap_or(Position::Before), false)
        }
        Action::RollBack => step.roll_back(&task, &targets),
        Action::Urge | Action::Delete | Action::Pay => {
            return Err(Refused::bad("the sandbox does not play this on Feishu"));
        }
    };
    outcome.map_err(|obstacle| {
        Refused::conflict(match obstacle {
            Obstacle::Ended => ended.to_owned(),
            Obstacle::Waits => format!("the task of {} waits for an approver who was added before", deed.user),
            Obstacle::NoTask | Obstacle::NotTheirs => format!("{} has no open task in this instance", deed.user),
            Obstacle::Forbidden => "the definition or the request does not let it be withdrawn now".to_owned(),
            Obstacle::NoTarget => "`to` names no node that has passed".to_owned(),
        })
    })
}

fn own_task(instance: &Instance, user: &str) -> Result<String, Refused> {
    if instance.status != Status::Pending {
        return Err(Refused::conflict(ended(instance.status)));
    }
    let nobody = || Refused::conflict(format!("{user} has no open task in this instance"));
    let held = |state: TaskState| {
        instance.tasks.iter().find(move |task| task.user.as_deref() == Some(user) && task.state == state)
    };
    held(TaskState::Pending).or_else(|| held(TaskState::Paused)).map(|task| task.id.clone()).ok_or_else(nobody)
}

/// The node that a task goes back to: its own id, or `START` (the default) for the initiator.
fn target(instance: &Instance, to: Option<&str>) -> Result<Option<usize>, Refused> {
    let unknown = |to: &str| Refused::bad(format!("there is no node {to}"));
    match to {
        None | Some("START") => Ok(None),
        Some(to) => {
            let found = instance.nodes.iter().position(|node| node.custom_id == to || node.key == to);
            found.map(Some).ok_or_else(|| unknown(to))
        }
    }
}

fn ended(status: Status) -> &'static str {
    match status {
        Status::Canceled => "the instance was withdrawn",
        Status::Rejected => "the instance has been rejected",
        Status::Approved | Status::Pending => "the instance has been approved",
    }
}
