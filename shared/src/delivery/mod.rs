//! Decision events on their way to sources: what is told, in which form, how it is signed and when it is tried again.

pub mod document;
pub mod events;
mod fit;
pub mod schedule;

pub use document::{Document, from_rfc3339, rfc3339};
pub use events::{EventType, Told, ToldBefore, told, told_after};
pub use fit::{MAX_BODY, within};
