//! The approval state machine: pure, no clock, no I/O.

mod event;

pub use event::{Comment, Event, Mode, Outcome, Rollback, Snapshot, TaskEnd, TaskFact, TaskOutcome};
