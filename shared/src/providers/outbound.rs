//! The one client for all calls that leave us.

/// The client.
#[derive(Debug, Clone)]
pub struct Outbound {}
