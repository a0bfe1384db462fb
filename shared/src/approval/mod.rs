//! The approval state machine: pure, no clock, no I/O.
//!
//! An [`Approval`] keeps its plan (stages, nodes, approvers) and what was learned so far ([`Facts`]). Facts only ever
//! grow: joining the same fact twice, or facts in another order, gives the same facts. Every status is derived from
//! them ([`Approval::view`]), so duplicates, any order and replays of a platform's events lead to the same state.
//!
//! Three things are kept beside the facts. The *closure* is sticky: once an approval has ended, nothing but a
//! revocation changes that, since the decision may have been delivered. The *intents* (a start under way, a withdrawal
//! that was asked for, what is left open on a platform) say what is wanted. What was *learned* when is the order of the history.
//!
//! What all of it owes to a platform is worked out of it too ([`effects()`]): an interrupted step is owed until it is done.

mod account;
mod acts;
mod bounds;
mod budget;
mod data;
mod deadline;
mod deviation;
mod effects;
mod ends;
mod event;
mod facts;
mod follows;
mod history;
mod inbox;
mod learned;
mod leftovers;
mod node;
mod people;
mod person;
mod state;
mod tasks_by_node;
mod verdict;
mod view;

#[cfg(test)]
mod tests;

pub use account::AccountIds;
pub use acts::{Act, Actor, Place, Refused};
pub(crate) use bounds::cut;
pub use data::{
    Approval, BUILTIN, Closed, Closure, Deadline, DecidedBy, Leftover, LeftoverEnd, Node, OnDeadline, Person, Stage,
    Withdrawal,
};
pub use deviation::Deviation;
pub use effects::{Effect, Owed, Purpose, effects};
pub use event::{Added, Comment, Event, Mode, Outcome, Position, Rollback, Snapshot, TaskEnd, TaskFact, TaskOutcome};
pub use facts::Facts;
pub use history::{Action, Entry};
pub use inbox::{DoneTask, OpenTask};
pub use learned::Learned;
pub use node::NodeStatus;
pub use view::{NodeView, StageStatus, StageView, Status, TaskStatus, TaskView, View};
