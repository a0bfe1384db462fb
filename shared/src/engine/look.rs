//! Looking for what a start that was interrupted may have made, where the approval is to be ended and not to be started again.

use super::Error;
use super::start::{LEASE, find_held};
use super::transition::{Transition, continue_from};
use crate::http::App;
use crate::store::Error as StoreError;
use crate::store::approvals::Record;

/// What a look came to.
pub(super) enum Looked {
    /// Somebody else is at the start.
    Held,
    /// The platform has no instance of it.
    Nothing,
    /// It has, and it is known now.
    Found,
    /// It cannot be told.
    Failed(Error),
}

/// Looks for the instance of a stage whose start is under way, under the lease that a start would hold, and says what is known
/// of the approval then.
///
/// # Errors
/// The table's own, before the platform was asked.
pub(super) async fn look(app: &App, record: Record, stage: usize) -> Result<(Looked, Record), StoreError> {
    let now = app.world.now();
    let Transition { record, changed } =
        continue_from(app, record, |record| record.state.take_lease(stage, now, now + LEASE)).await?;
    if !changed {
        return Ok((Looked::Held, record));
    }
    Ok(match find_held(app, record.clone(), stage).await {
        Ok(record) if record.state.stages[stage].instance.is_none() => (Looked::Nothing, record),
        Ok(record) => (Looked::Found, record),
        Err(error) => (Looked::Failed(error), record),
    })
}
