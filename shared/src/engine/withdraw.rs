//! Taking an approval back, on the platform too.

use super::Error;
use super::effects::{Patience, end};
use super::transition::{Transition, transition};
use crate::approval::{Person, Withdrawal};
use crate::engine::App;
use crate::ids::ApprovalId;

pub use super::effects::EndOutcome;

/// Takes an approval back. `force` closes it on our side even where the platform cannot or will not.
///
/// # Errors
/// The table's own.
pub async fn withdraw(
    app: &App,
    id: &ApprovalId,
    by: Person,
    reason: Option<String>,
    force: bool,
) -> Result<EndOutcome, Error> {
    let asked = Withdrawal { at: app.world.now(), by, reason, force };
    // The wish is stored before the platform hears of it, so that a crash in between does not lose it. Where nothing of the approval
    // is on a platform, the same write ends it.
    let Transition { record, changed } =
        transition(app, id, |record| record.state.ask_withdrawal(asked.clone())).await?;
    if record.state.closed.is_some() {
        let record = Box::new(record);
        return Ok(if changed { EndOutcome::Done { record, note: None } } else { EndOutcome::Ended(record) });
    }
    end(app, record, if force { Patience::None } else { Patience::Some }).await
}
