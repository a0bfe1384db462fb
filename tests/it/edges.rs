//! The functions that Lambda calls with events of its own: the table's stream and the schedule. What panics or cannot be read is
//! said to whoever hands it in, stands in nobody's way, and is neither lost nor told twice.

mod dispatch;
mod sweep;
mod wire;
