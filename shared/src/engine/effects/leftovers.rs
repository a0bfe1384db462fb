//! Taking back what is open on a platform although nobody waits for it any more. That it is owed is stored with the approval, and
//! each try is put off in the table before it is made.

use super::cancel::cancel;
use super::find::find_held;
use super::read::read;
use crate::approval::{Leftover, LeftoverEnd};
use crate::engine::App;
use crate::engine::Error;
use crate::engine::transition::transition;
use crate::providers::{self, Fate};
use crate::store::approvals::Record;

/// For so long it is tried (milliseconds).
const GIVEN_UP_AFTER: i64 = 3 * 24 * 60 * 60 * 1000;
/// What the platform's people read of an instance that nobody waits for any more.
const TOO_LATE: &str = "申请已结束 The request has ended";

/// Takes back an instance of a stage that is owed a cancel, or without one looks for what a start may have made; does nothing where
/// nobody owes that. The caller has put the next try off, or the instance has just become known.
///
/// # Errors
/// The table's own.
pub(super) async fn take_back(app: &App, record: &Record, stage: usize, instance: Option<&str>) -> Result<(), Error> {
    let Some(left) = record.state.leftover(stage, instance) else { return Ok(()) };
    let Some(instance) = instance else {
        let found = find_held(app, record.clone(), stage).await;
        if let Ok((found, Some(instance))) = &found {
            Box::pin(take_back(app, found, stage, Some(instance))).await?;
        }
        return note(app, record, left, found.map(drop)).await;
    };
    let tried = cancel(app, record, stage, instance, TOO_LATE).await;
    if let Err(Error::Provider(providers::Error::Refused { .. })) = &tried
        && record.state.stages[stage].instance.as_deref() == Some(instance)
    {
        // It may have ended there, and nobody has told.
        read(app, record, stage, true).await?;
    }
    note(app, record, left, tried).await
}

/// Records what came of a try.
async fn note(app: &App, record: &Record, left: &Leftover, tried: Result<(), Error>) -> Result<(), Error> {
    let is_over = app.world.now() - left.since >= GIVEN_UP_AFTER;
    let end = match &tried {
        Ok(()) => Some(LeftoverEnd::Done),
        Err(Error::Provider(error)) if error.fate() == Fate::Never => Some(LeftoverEnd::Refused),
        Err(_) => is_over.then_some(LeftoverEnd::GivenUp),
    };
    let why = tried.err().map(|error| error.to_string());
    let (stage, instance) = (left.stage, left.instance.as_deref());
    tracing::warn!(approval.id = %record.id, stage, ?instance, ?end, why, "nobody waits for this instance any more");
    transition(app, &record.id, |record| record.state.cancel_tried(stage, instance, end, why.clone())).await?;
    Ok(())
}
