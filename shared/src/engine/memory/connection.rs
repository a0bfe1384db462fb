//! A connection as a process keeps it between calls.

use crate::providers::{Account, Provider};
use crate::resources::Connection;

/// A connection, ready for use.
#[derive(Debug)]
pub struct OpenConnection {
    /// As stored.
    pub connection: Connection,
    /// With its secrets opened.
    pub account: Account,
    /// Its platform.
    pub provider: &'static dyn Provider,
    /// When it was read, milliseconds.
    pub(in crate::engine) read_at: i64,
}
