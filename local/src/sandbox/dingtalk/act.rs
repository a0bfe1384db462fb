//! Acting as a person: what the page does, and tests and scripts may do as well.

use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State as Shared};
use serde::Deserialize;
use serde_json::{Value, json};

use super::DingTalk;
use super::directory::{self, ACCOUNTS, account};
use super::engine::{By, Happening, Obstacle};
use super::fields::length;
use super::instances::LONGEST_REMARK;
use super::model::{Instance, Position, Status, Verdict};
use super::state::{Batch, State};
use super::view;
use crate::sandbox::platform::faults::{Change, Faults};
use crate::sandbox::platform::http::{Body, Refused, SameSite};

/// How long the answer of an act waits for its callbacks' first attempt.
const PATIENCE: Duration = Duration::from_secs(3);

/// What a person does.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Deed {
    user: String,
    action: Action,
    /// Who gets the task, or is added.
    #[serde(default)]
    to: Option<String>,
    /// Whether an added person decides before the one who adds (the default) or after.
    #[serde(default)]
    position: Option<Position>,
    #[serde(default)]
    remark: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Action {
    Approve,
    Reject,
    Transfer,
    Withdraw,
    Comment,
    AddApprover,
}

/// `GET _/people`.
pub(super) async fn people(_: SameSite) -> Json<Value> {
    Json(json!({"items": ACCOUNTS.iter().filter_map(directory::card).collect::<Vec<_>>()}))
}

/// `GET _/instances`: newest first.
pub(super) async fn instances(_: SameSite, Shared(platform): Shared<DingTalk>) -> Json<Value> {
    let state = platform.state();
    Json(json!({"items": state.newest_first().into_iter().map(view::summary).collect::<Vec<_>>()}))
}

/// `GET _/instances/{id}`.
pub(super) async fn instance(
    _: SameSite,
    Shared(platform): Shared<DingTalk>,
    Path(id): Path<String>,
) -> Result<Json<Value>, Refused> {
    find(&platform.state(), &id).map(|instance| Json(view::whole(instance)))
}

/// `POST _/instances/{id}/act`. The answer, the instance, comes after the first attempt of every callback.
pub(super) async fn act(
    _: SameSite,
    Shared(platform): Shared<DingTalk>,
    Path(id): Path<String>,
    Body(deed): Body<Deed>,
) -> Result<Json<Value>, Refused> {
    let batch = perform(&mut platform.state(), &id, &deed)?;
    let sender = platform.clone();
    let sending = tokio::spawn(async move { sender.deliver(&batch).await });
    // A slow subscriber does not keep the person waiting: sending goes on by itself.
    let _ = tokio::time::timeout(PATIENCE, sending).await;
    find(&platform.state(), &id).map(|instance| Json(view::whole(instance)))
}

/// `GET _/faults`.
pub(super) async fn faults(_: SameSite, Shared(platform): Shared<DingTalk>) -> Json<Faults> {
    Json(platform.state().faults.clone())
}

/// `POST _/faults`: changes the faults that are named.
pub(super) async fn set_faults(
    _: SameSite,
    Shared(platform): Shared<DingTalk>,
    Body(change): Body<Change>,
) -> Result<Json<Faults>, Refused> {
    let mut state = platform.state();
    state.faults.change(change).map_err(Refused::bad)?;
    state.version += 1;
    Ok(Json(state.faults.clone()))
}

/// `DELETE _/faults`: all is well again.
pub(super) async fn clear_faults(_: SameSite, Shared(platform): Shared<DingTalk>) -> Json<Faults> {
    let mut state = platform.state();
    state.faults = Faults::default();
    state.version += 1;
    Json(state.faults.clone())
}

/// `GET _/version`: a number that changes whenever a page would.
pub(super) async fn version(_: SameSite, Shared(platform): Shared<DingTalk>) -> Json<Value> {
    Json(json!({"version": platform.state().version}))
}

/// Anything else below `_/`.
pub(super) async fn unknown() -> Refused {
    Refused::missing("the sandbox has no such address")
}

fn find<'a>(state: &'a State, id: &str) -> Result<&'a Instance, Refused> {
    state.instances.get(id).ok_or_else(|| Refused::missing("there is no such instance"))
}

fn perform(state: &mut State, id: &str, deed: &Deed) -> Result<Batch, Refused> {
    let mut instance = find(state, id)?.clone();
    if account(&deed.user).is_none() {
        return Err(Refused::bad(format!("there is no user {}", deed.user)));
    }
    let remark = deed.remark.as_deref().map(str::trim).filter(|remark| !remark.is_empty());
    if remark.is_some_and(|remark| length(remark) > LONGEST_REMARK) {
        return Err(Refused::bad(format!("a remark has at most {LONGEST_REMARK} characters")));
    }
    if deed.position.is_some() && deed.action != Action::AddApprover {
        return Err(Refused::bad("`position` goes with add_approver"));
    }
    let by = By { user: &deed.user, remark, now: state.now() };
    let happened = apply(&mut instance, deed, by, state)?;
    Ok(state.commit(instance, &happened)?)
}

fn apply(instance: &mut Instance, deed: &Deed, by: By<'_>, state: &State) -> Result<Vec<Happening>, Refused> {
    let ids = &mut state.task_ids();
    let happened = match deed.action {
        Action::Comment if by.remark.is_none() => return Err(Refused::bad("a comment needs a `remark`")),
        Action::Comment => Ok(instance.comment(by)),
        Action::Withdraw => {
            may_withdraw(instance, by.user)?;
            instance.withdraw(by)
        }
        Action::Approve => instance.decide(own_task(instance, by.user)?, Verdict::Agree, by, ids),
        Action::Reject => instance.decide(own_task(instance, by.user)?, Verdict::Refuse, by, ids),
        Action::Transfer => {
            let (task, to) = (own_task(instance, by.user)?, other(deed)?);
            instance.transfer(task, to, by, ids)
        }
        Action::AddApprover => {
            let (task, who) = (own_task(instance, by.user)?, other(deed)?);
            instance.add_approver(task, who, deed.position.unwrap_or(Position::Before), by, ids)
        }
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

/// The other person of a transfer or an addition.
fn other(deed: &Deed) -> Result<&str, Refused> {
    match deed.to.as_deref() {
        None | Some("") => Err(Refused::bad("`to` names the other person")),
        Some(to) if account(to).is_none() => Err(Refused::bad(format!("there is no user {to}"))),
        Some(to) if to == deed.user => Err(Refused::bad("`to` is somebody else than `user`")),
        Some(to) => Ok(to),
    }
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
