//! Reading an instance: what callbacks did not tell.

use super::open::open;
use crate::approval::Event;
use crate::engine::App;
use crate::engine::Error;
use crate::engine::transition::{Write, transition};
use crate::providers::{self, Fate};
use crate::store::approvals::Record;

/// What became of a reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reading {
    /// What it told is merged.
    Merged,
    /// The platform did not answer, or not what was asked.
    Failed,
    /// The platform was not asked: it cannot be, or the quota does not allow it.
    NotAsked,
}

/// Reads an instance and merges what it tells. `wanted` says that the state machine asks for it.
///
/// # Errors
/// The table's own.
pub(crate) async fn read(app: &App, record: &Record, stage: usize, wanted: bool) -> Result<Reading, Error> {
    let Some(found) = record.state.stages.get(stage) else { return Ok(Reading::NotAsked) };
    let Some(instance) = found.instance.clone() else { return Ok(Reading::NotAsked) };
    let open = match open(app, record, stage).await {
        Ok(open) => open,
        Err(Error::Provider(error)) if error.fate() == Fate::Never => return Ok(Reading::NotAsked),
        Err(Error::Provider(error)) => return Ok(failed(record, stage, &error)),
        Err(error) => return Err(error),
    };
    let pace = app.pace(&open.connection, app.world.now()).await?;
    if !pace.reads(wanted) {
        return Ok(Reading::NotAsked);
    }
    let (id, line) = (&open.account.connection, app.line(&open.account.connection));
    match open.provider.fetch(&open.account, &instance, &line.calls()).await {
        Ok(snapshot) => {
            app.note_answered(id, app.world.now()).await;
            let done = found.facts.read_wanted.map(|at| Event::ReadDone { at });
            let learned = |record: &mut Record| {
                let events = std::iter::once(snapshot.clone()).chain(done.clone());
                let was_wanted = record.state.stage_to_read().is_some();
                let changed = events.fold(false, |changed, event| record.state.apply(stage, event) | changed);
                match changed {
                    // The next reading is an ordinary one.
                    true if was_wanted && record.state.stage_to_read().is_none() => Write::Read(pace),
                    changed => changed.into(),
                }
            };
            transition(app, &record.id, learned).await?;
            Ok(Reading::Merged)
        }
        // An external OA cannot be asked: it has only its own word.
        Err(providers::Error::Unsupported { .. }) => Ok(Reading::NotAsked),
        Err(error) => {
            app.note_exhausted(id, &error).await;
            Ok(failed(record, stage, &error))
        }
    }
}

fn failed(record: &Record, stage: usize, error: &providers::Error) -> Reading {
    tracing::warn!(approval.id = %record.id, stage, %error, "the instance could not be read");
    Reading::Failed
}
