//! One approval that is due.

use super::round::Round;
use crate::approval::{Approval, Effect, effects};
use crate::engine::App;
use crate::engine::Error;
use crate::engine::due::is_new;
use crate::engine::effects::{Carried, Reading, carry_out};
use crate::engine::pace::Pace;
use crate::engine::transition::{Transition, Write, transition};
use crate::resources::Connection;
use crate::store::Error as StoreError;
use crate::store::approvals::Record;

impl Round {
    /// Deals with an approval that was due at `now` (milliseconds).
    pub(super) async fn approval(&self, record: Record, now: i64) -> Result<(), Error> {
        let stage = record.state.current_stage().and_then(|stage| record.state.stages.get(stage));
        let connection = stage.map(|stage| stage.connection.clone()).unwrap_or_default();
        let _permit = self.connections.permit(&connection).await;
        if self.goes_on() { deal(&self.app, record, now).await } else { Ok(()) }
    }
}

async fn deal(app: &App, record: Record, now: i64) -> Result<(), Error> {
    let seen = record.due_at;
    let pace = pace(app, &record, now).await?;
    let mut due = Vec::new();
    let Transition { record, changed } = transition(app, &record.id, |record| {
        due.clear();
        if record.due_at != seen {
            return Write::No;
        }
        let passed = record.state.pass_deadline(now);
        due = to_do(&record.state, now);
        let put_off = record.state.take_due_cancels(now);
        // A start pushes its own time on, by its lease.
        if is_start(&due) && !passed && put_off.is_empty() { Write::No } else { Write::Tried(pace) }
    })
    .await?;
    if !changed && !is_start(&due) {
        return Ok(());
    }
    let mut done = Ok(());
    for effect in &due {
        done = done.and(try_one(app, &record, effect, pace).await);
    }
    done
}

fn is_start(due: &[Effect]) -> bool {
    matches!(due, [Effect::Start { .. }])
}

/// What is to be done of an approval now. Nothing is read while it is to be ended, nor before there is anything to find.
fn to_do(state: &Approval, now: i64) -> Vec<Effect> {
    let ends = state.to_end_since().is_some();
    let mut due = effects(state, now);
    due.retain(|effect| match effect {
        Effect::Read { wanted, .. } => !ends && (*wanted || !is_new(state.submitted_at, now)),
        _ => true,
    });
    due
}

async fn try_one(app: &App, record: &Record, effect: &Effect, pace: Pace) -> Result<(), Error> {
    let carried = carry_out(app, record, effect).await?;
    let is_wanted = matches!(effect, Effect::Read { wanted: true, .. });
    if is_wanted && carried != Carried::Read(Reading::Failed) {
        // What was wanted is read, or cannot be: from now on as usual.
        let still = |record: &mut Record| match record.state.stage_to_read() {
            Some(_) => Write::Read(pace),
            None => Write::No,
        };
        transition(app, &record.id, still).await?;
    }
    Ok(())
}

/// How often the current stage's connection is read now.
async fn pace(app: &App, record: &Record, now: i64) -> Result<Pace, Error> {
    let stage = record.state.current_stage().and_then(|stage| record.state.stages.get(stage));
    let Some(stage) = stage.filter(|stage| stage.instance.is_some() && !stage.runs_here()) else {
        return Ok(Pace::Full);
    };
    match app.store.get::<Connection>(&record.org, &stage.connection).await {
        Ok(stored) => Ok(app.pace(&stored.value, now).await?),
        Err(StoreError::NotFound | StoreError::Corrupt { .. }) => Ok(Pace::Full),
        Err(error) => Err(error.into()),
    }
}
