//! Looking for what a start that was interrupted may have made, where it is to be taken back and not to be started again.

use super::keep::keep;
use super::open::{Open, open};
use super::plan::plan;
use crate::engine::App;
use crate::engine::Error;
use crate::providers::{self, Start, Started};
use crate::store::approvals::Record;

/// Looks on the platform for the instance of a start.
///
/// # Errors
/// The platform's.
pub(super) async fn find(app: &App, open: &Open, start: &Start) -> Result<Option<Started>, providers::Error> {
    let (id, line) = (&open.account.connection, app.line(&open.account.connection));
    let found = open.provider.find(&open.account, start, &line.calls()).await;
    app.flush_usage().await;
    if let Err(error) = &found {
        app.note_exhausted(id, error).await;
    }
    found
}

/// Looks for the instance of a stage whose lease the caller holds, and keeps it if it is there: the approval then, and the platform's
/// id of the instance. Starts nothing.
///
/// # Errors
/// The platform's, that of opening the connection, or the table's own.
pub(super) async fn find_held(app: &App, record: Record, stage: usize) -> Result<(Record, Option<String>), Error> {
    let request = app.store.request(&record.id).await?.request;
    let open = open(app, &record, stage).await?;
    let Some(found) = find(app, &open, &plan(&record, stage, &request)).await? else { return Ok((record, None)) };
    let record = keep(app, record, stage, &open.connection.id, &found).await?;
    Ok((record, Some(found.instance)))
}
