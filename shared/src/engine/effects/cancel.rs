//! Taking an instance back on its platform.

use super::open::open;
use crate::engine::App;
use crate::engine::Error;
use crate::store::approvals::Record;

/// Takes an instance of a stage back; `reason` is what the platform's people read. Nothing is recorded.
///
/// # Errors
/// The platform's, that of opening the connection, or the table's own.
pub(super) async fn cancel(
    app: &App,
    record: &Record,
    stage: usize,
    instance: &str,
    reason: &str,
) -> Result<(), Error> {
    let open = open(app, record, stage).await?;
    let applicant = match &record.state.stages[stage].applicant {
        Some(applicant) => applicant.clone(),
        None => {
            let accounts = app.store.request(&record.id).await?.request.applicant_accounts;
            accounts.get(stage).cloned().flatten().unwrap_or_default()
        }
    };
    let (id, line) = (&open.account.connection, app.line(&open.account.connection));
    match open.provider.cancel(&open.account, instance, &applicant, reason, &line.calls()).await {
        Ok(()) => {
            app.note_answered(id, app.world.now()).await;
            Ok(())
        }
        Err(error) => {
            app.note_exhausted(id, &error).await;
            Err(error.into())
        }
    }
}
