//! What a process knows from earlier calls. All of it may be lost at any time: what must not be lost is in the table.

mod connection;
pub mod receivers;
pub mod unread;
pub mod usage;

use std::sync::Arc;

pub use connection::OpenConnection;
use receivers::Receivers;
use unread::Unread;
use usage::Tallies;

use super::rules::Ready;
use crate::ids::{ConnectionId, OrgId, SourceId};
use crate::resources::Organization;
use crate::store::references::Reference;
use crate::ttl_map::TtlMap;

/// What a process knows from earlier calls.
#[derive(Debug, Default)]
pub struct Memory {
    /// Connections that were read lately, with their secrets opened.
    pub connections: TtlMap<ConnectionId, Arc<OpenConnection>, 1_000>,
    /// Organisations that were read lately; `None` where there is none.
    pub organizations: TtlMap<OrgId, Option<Arc<Organization>>, 500>,
    /// Rules of organisations that were read lately, in their order.
    pub rules: TtlMap<OrgId, Arc<[Ready]>, 500>,
    /// References that were read, by their keys. One never changes and is never taken away, so it is read once. That there is none is
    /// not kept: it may be stored the next moment.
    pub references: TtlMap<String, Reference, 10_000>,
    /// Lanes that are known to rest.
    pub(super) resting: TtlMap<SourceId, (), 1_000>,
    /// Receivers of sources, and how they answered lately.
    pub(super) receivers: Receivers,
    /// Calls to platforms that are not in the table yet, and what the table said of them lately.
    pub(super) usage: Tallies,
    /// Callbacks that could not be read and are not in the table yet.
    pub(super) unread: Unread,
}
