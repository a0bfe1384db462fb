//! One approval that is due.

use super::Round;
use crate::config::Connection;
use crate::engine::dispatch::Reading;
use crate::engine::due::{is_new, next_look, read_soon};
use crate::engine::pace::Pace;
use crate::engine::start::start_or_put_off;
use crate::engine::transition::{Transition, transition};
use crate::engine::withdraw::{self, Patience};
use crate::engine::{Error, deadline, dispatch, leftovers};
use crate::http::App;
use crate::store::Error as StoreError;
use crate::store::approvals::Record;

/// What is to be done with an approval that is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Task {
    /// Its start is to be taken up.
    Start,
    /// Its deadline is over: it is to be ended.
    End,
    /// Its withdrawal is to be repeated.
    Withdraw,
    /// The instance of a stage is to be read; whether the state machine asks for it.
    Read(usize, bool),
    /// Only its next time was to be set.
    Nothing,
}

impl Round {
    /// Deals with an approval that was due at `now` (milliseconds).
    pub(super) async fn approval(&self, record: Record, now: i64) -> Result<(), Error> {
        let stage = record.state.current_stage().and_then(|stage| record.state.stages.get(stage));
        let connection = stage.map(|stage| stage.connection.clone()).unwrap_or_default();
        let _place = self.connections.place(&connection).await;
        if self.goes_on() { deal(&self.app, record, now).await } else { Ok(()) }
    }
}

async fn deal(app: &App, record: Record, now: i64) -> Result<(), Error> {
    let seen = record.due_at;
    let pace = pace(app, &record, now).await?;
    let (mut task, mut left) = (Task::Nothing, Vec::new());
    let moved = transition(app, &record.id, |record| {
        (task, left) = (Task::Nothing, Vec::new());
        if record.due_at != seen {
            return false;
        }
        let passed = record.state.pass_deadline(now);
        task = task_of(record, now);
        left = record.state.take_due_cancels(now);
        // A start pushes its own time on, by its lease.
        if task == Task::Start && !passed && left.is_empty() {
            return false;
        }
        record.due_at = next_look(&record.state, now, pace).map(|at| at.max(now + 1));
        if let Task::Read(stage, true) = task {
            read_soon(record, now, now - record.state.latest_of(stage));
        }
        true
    })
    .await?;
    if !moved.changed && task != Task::Start {
        return Ok(());
    }
    let mut done = Ok(());
    for left in &left {
        done = done.and(leftovers::take_back(app, &moved.record, left).await);
    }
    done.and(carry_out(app, moved, task, now, pace).await)
}

fn task_of(record: &Record, now: i64) -> Task {
    let state = &record.state;
    if state.closed.is_some() {
        return state.stage_to_read().map_or(Task::Nothing, |stage| Task::Read(stage, true));
    }
    if state.ending().is_some() {
        Task::End
    } else if let Some(stage) = state.stage_to_start() {
        let is_held = state.stages[stage].lease_until.is_some_and(|until| until > now);
        if is_held { Task::Nothing } else { Task::Start }
    } else if state.withdrawal.is_some() {
        Task::Withdraw
    } else if let Some(stage) = state.stage_to_read() {
        Task::Read(stage, true)
    } else if let Some(stage) = state.current_stage()
        && !is_new(state, now)
    {
        Task::Read(stage, false)
    } else {
        Task::Nothing
    }
}

async fn carry_out(app: &App, moved: Transition, task: Task, now: i64, pace: Pace) -> Result<(), Error> {
    let record = moved.record;
    match task {
        Task::Nothing => Ok(()),
        Task::Start => start_or_put_off(app, &record).await,
        Task::End => deadline::end(app, record).await,
        Task::Withdraw => withdraw::carry_out(app, record, Patience::Some).await.map(drop),
        Task::Read(stage, wanted) => {
            let reading = dispatch::read(app, &record, stage, wanted).await?;
            if wanted && reading != Reading::Failed {
                // What was wanted is read, or cannot be: from now on as usual.
                transition(app, &record.id, |record| {
                    let next = next_look(&record.state, now, pace);
                    std::mem::replace(&mut record.due_at, next) != next
                })
                .await?;
            }
            Ok(())
        }
    }
}

/// How often the current stage's connection is read now.
async fn pace(app: &App, record: &Record, now: i64) -> Result<Pace, Error> {
    let stage = record.state.current_stage().and_then(|stage| record.state.stages.get(stage));
    let Some(stage) = stage.filter(|stage| stage.instance.is_some()) else { return Ok(Pace::Full) };
    match app.store.get::<Connection>(&record.org, &stage.connection).await {
        Ok(stored) => Ok(app.pace(&stored.value, now).await?),
        Err(StoreError::NotFound | StoreError::Corrupt { .. }) => Ok(Pace::Full),
        Err(error) => Err(error.into()),
    }
}
