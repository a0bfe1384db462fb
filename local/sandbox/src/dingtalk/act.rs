//! Acting as a person: what the page does, and tests and scripts may do as well.

use super::engine::{Happening, Obstacle};
use super::model::{Instance, Position, Status, Verdict};
use super::state::State;
use crate::platform::control::{self, Action, By, Deed};
use crate::platform::desk::Claim;
use crate::platform::http::Refused;

/// Does what a person does with an instance.
pub(super) fn perform(state: &mut State, id: &str, deed: &Deed) -> Result<Option<Claim>, Refused> {
    let found = state.desk.instances.get(id).cloned();
    let mut instance = found.ok_or_else(|| Refused::missing("there is no such instance"))?;
    let by = deed.by(state.now());
    let happened = apply(&mut instance, deed, by, state)?;
    Ok(state.commit(instance, &happened)?)
}

fn apply(instance: &mut Instance, deed: &Deed, by: By<'_>, state: &State) -> Result<Vec<Happening>, Refused> {
    let ids = &mut state.task_ids();
    let happened = match deed.action {
        Action::Comment => Ok(instance.comment(by)),
        Action::Withdraw => {
            may_withdraw(instance, by.user)?;
            instance.withdraw(by)
        }
        Action::Approve => instance.decide(own_task(instance, by.user)?, Verdict::Agree, by, ids),
        Action::Reject => instance.decide(own_task(instance, by.user)?, Verdict::Refuse, by, ids),
        Action::Transfer => {
            let (task, to) = (own_task(instance, by.user)?, deed.other()?);
            instance.transfer(task, to, by, ids)
        }
        Action::AddApprover => {
            let (task, who) = (own_task(instance, by.user)?, deed.other()?);
            let position = match deed.position {
                None | Some(control::Position::Before) => Position::Before,
                Some(control::Position::After) => Position::After,
                Some(control::Position::Parallel) => return Err(Refused::bad("DingTalk adds before or after")),
            };
            instance.add_approver(task, who, position, by, ids)
        }
        _ => return Err(Refused::bad("the sandbox does not play this on DingTalk")),
    };
    happened.map_err(|obstacle| {
        Refused::conflict(match obstacle {
            Obstacle::Ended => ended(instance),
            Obstacle::NotOpen => format!("the task of {} waits for an approver who was added before", by.user),
            Obstacle::NoTask | Obstacle::NotTheirs => format!("{} has no open task in this instance", by.user),
        })
    })
}

fn own_task(instance: &Instance, user: &str) -> Result<i64, Refused> {
    if instance.status != Status::Running {
        return Err(Refused::conflict(ended(instance)));
    }
    let nobody = || Refused::conflict(format!("{user} has no open task in this instance"));
    instance.task_of(user).map(|task| task.id).ok_or_else(nobody)
}

fn may_withdraw(instance: &Instance, user: &str) -> Result<(), Refused> {
    if instance.originator != user {
        return Err(Refused::conflict(format!("only the originator {} may withdraw", instance.originator)));
    }
    if !instance.withdrawable {
        return Err(Refused::conflict("the template does not let its originators withdraw"));
    }
    Ok(())
}

fn ended(instance: &Instance) -> String {
    match (instance.status, instance.result) {
        (Status::Terminated, _) => "the instance was withdrawn".to_owned(),
        (_, Some(Verdict::Refuse)) => "the instance has been rejected".to_owned(),
        _ => "the instance has been approved".to_owned(),
    }
}
