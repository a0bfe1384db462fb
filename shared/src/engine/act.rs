//! What people do with approvals through our own API: they decide, hand on, add, send back, remark; an approved one is revoked.

use super::transition::{Transition, continue_from, transition};
use crate::approval::{Act, Actor, Closed, Person, Place, Refused};
use crate::engine::App;
use crate::ids::ApprovalId;
use crate::store::Error;
use crate::store::approvals::Record;

/// What became of an act.
#[derive(Debug)]
pub enum ActOutcome {
    /// It is done, now or before.
    Done(Box<Record>),
    /// It is refused; nothing has changed by it.
    Refused(Box<Record>, Refused),
}

/// Lets somebody act on an approval that was read just now, at `place` where that is said: one conditional write. A deadline that has
/// passed counts first, though nobody has seen it pass.
///
/// # Errors
/// The table's own.
pub async fn act(
    app: &App,
    record: Record,
    actor: &Actor,
    act: &Act,
    place: Option<Place>,
) -> Result<ActOutcome, Error> {
    let mut refused = None;
    let Transition { record, .. } = continue_from(app, record, |record| {
        let (state, now) = (&mut record.state, app.world.now());
        let passed = state.current_stage_runs_here() && state.pass_deadline(now);
        state.end_what_runs_nowhere(now);
        let done = state.act(actor, act.clone(), place, now);
        refused = done.err();
        passed || done == Ok(true)
    })
    .await?;
    let record = Box::new(record);
    Ok(match refused {
        None => ActOutcome::Done(record),
        Some(why) => ActOutcome::Refused(record, why),
    })
}

/// Undoes an approved approval at the wish of `by`; its platform is not told. `false` beside the approval where it is not an approved
/// one.
///
/// # Errors
/// The table's own.
pub async fn revoke(
    app: &App,
    id: &ApprovalId,
    by: &Person,
    reason: Option<&String>,
) -> Result<(Box<Record>, bool), Error> {
    let change = |record: &mut Record| record.state.revoke(app.world.now(), by.clone(), reason.cloned());
    let Transition { record, .. } = transition(app, id, change).await?;
    let is_revoked = record.state.closed.as_ref().is_some_and(|closure| closure.how == Closed::Revoked);
    Ok((Box::new(record), is_revoked))
}
