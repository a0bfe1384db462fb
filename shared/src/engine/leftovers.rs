//! Taking back what is open on a platform although nobody waits for it any more. That it is owed is stored with the approval, and
//! each try is put off in the table before it is made.

use super::start::find_held;
use super::transition::transition;
use super::{Error, dispatch, withdraw};
use crate::approval::{Approval, Leftover, LeftoverEnd};
use crate::http::App;
use crate::providers;
use crate::store::approvals::Record;

/// For so long it is tried (milliseconds).
const GIVEN_UP_AFTER: i64 = 3 * 24 * 60 * 60 * 1000;
/// What the platform's people read of an instance that nobody waits for any more.
const TOO_LATE: &str = "申请已结束 The request has ended";

/// What became of an instance for good, and why.
pub(super) type Came = (LeftoverEnd, Option<String>);

/// Records at `now` (milliseconds) what became of a stage's instance that was taken back to end an approval, if `ends` says that this
/// write ends it. Answers `ends`.
pub(super) fn ended_with(approval: &mut Approval, ends: bool, taken: Option<&(usize, Came)>, now: i64) -> bool {
    if ends && let Some((stage, (end, why))) = taken {
        approval.taken_back(*stage, *end, why.clone(), now);
    }
    ends
}

/// It is open no more.
pub(super) const DONE: Came = (LeftoverEnd::Done, None);

/// What it comes to that a platform does not take an instance back: `None` where it may do so later, by itself or because somebody
/// mends a permission or a secret.
pub(super) fn refusal(error: &providers::Error) -> Option<Came> {
    use providers::Error as E;
    match error {
        E::Unsupported { .. } | E::Refused { .. } | E::NotFound { .. } => {
            Some((LeftoverEnd::Refused, Some(error.to_string())))
        }
        _ => None,
    }
}

/// Takes back what is left over of an approval, or looks for what may have been made. The caller has put the next try off.
///
/// # Errors
/// The table's own.
pub(super) async fn take_back(app: &App, record: &Record, left: &Leftover) -> Result<(), Error> {
    match &left.instance {
        Some(instance) => cancel(app, record, left, instance).await,
        None => {
            let found = find_held(app, record.clone(), left.stage).await.map(drop);
            note(app, record, left, found).await
        }
    }
}

/// Takes an instance back.
///
/// # Errors
/// The table's own.
pub(super) async fn cancel(app: &App, record: &Record, left: &Leftover, instance: &str) -> Result<(), Error> {
    let tried = withdraw::cancel_instance(app, record, left.stage, instance, TOO_LATE).await;
    let stage = &record.state.stages[left.stage];
    if let Err(Error::Provider(error)) = &tried {
        app.note_exhausted(&stage.connection, error).await;
        if matches!(error, providers::Error::Refused { .. }) && stage.instance.as_deref() == Some(instance) {
            // It may have ended there, and nobody has told.
            dispatch::read(app, record, left.stage, true).await?;
        }
    }
    note(app, record, left, tried).await
}

/// Records what came of a try.
async fn note(app: &App, record: &Record, left: &Leftover, tried: Result<(), Error>) -> Result<(), Error> {
    let is_over = app.world.now() - left.since >= GIVEN_UP_AFTER;
    let end = match &tried {
        Ok(()) => Some(LeftoverEnd::Done),
        Err(Error::Provider(error)) if refusal(error).is_some() => Some(LeftoverEnd::Refused),
        Err(_) => is_over.then_some(LeftoverEnd::GivenUp),
    };
    let why = tried.err().map(|error| error.to_string());
    let (stage, instance) = (left.stage, left.instance.as_deref());
    tracing::warn!(approval.id = %record.id, stage, ?instance, ?end, why, "nobody waits for this instance any more");
    transition(app, &record.id, |record| record.state.cancel_tried(stage, instance, end, why.clone())).await?;
    Ok(())
}
