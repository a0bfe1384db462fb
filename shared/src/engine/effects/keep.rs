//! Keeping an instance that a platform has made.

use crate::engine::App;
use crate::engine::Error;
use crate::engine::callback::apply;
use crate::engine::transition::continue_from;
use crate::ids::ConnectionId;
use crate::providers::Started;
use crate::store::approvals::Record;
use crate::store::references::Reference;

/// Stores a started instance: the way back first, so that a callback finds it, then the state, then what was parked. The stage may
/// have another instance by now, or the approval an end: then this one is owed a cancel.
///
/// # Errors
/// The table's own.
pub(super) async fn keep(
    app: &App,
    record: Record,
    stage: usize,
    connection: &ConnectionId,
    started: &Started,
) -> Result<Record, Error> {
    let reference = Reference { approval: record.id.clone(), stage };
    app.store.create_reference(connection, &started.instance, &reference).await?;
    let at = app.world.now();
    let parked = app.store.parked(connection, &started.instance).await?;
    let kept = continue_from(app, record, |record| {
        let before = record.state.clone();
        record.state.started(stage, started.instance.clone(), started.url.clone(), at);
        record.trouble = None;
        apply(record, stage, &started.instance, &parked, at);
        record.state != before
    });
    Ok(kept.await?.record)
}
