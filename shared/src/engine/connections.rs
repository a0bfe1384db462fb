//! Connections as a process keeps them between requests: settings and opened secrets.

use std::sync::Arc;

pub use super::memory::OpenConnection;
use crate::engine::App;
use crate::ids::ConnectionId;
use crate::providers::{self, Account};
use crate::resources::Connection;
use crate::store::Error;

/// How long a connection is used without looking whether it has changed, in milliseconds: a key that another process has retired
/// counts here for so long at most.
const KEEP: i64 = 5_000;
/// A callback that cannot be verified makes us look again at once, but no more often than this (milliseconds): anybody
/// may send one.
const READ_AGAIN: i64 = 1_000;
impl App {
    /// A connection of any organisation, for its callbacks: at most five seconds old. `None` when there is none.
    ///
    /// # Errors
    /// The table's own; [`Error::Corrupt`] when its secrets do not open.
    pub async fn connection(&self, id: &ConnectionId) -> Result<Option<Arc<OpenConnection>>, Error> {
        let now = self.world.now();
        match self.memory.connections.get(id, now) {
            Some(open) => Ok(Some(open)),
            None => self.read_connection(id).await,
        }
    }

    /// The same connection as it is stored now, unless it was read a moment ago: for a callback that cannot be verified.
    ///
    /// # Errors
    /// As [`App::connection`].
    pub async fn connection_afresh(&self, known: &Arc<OpenConnection>) -> Result<Option<Arc<OpenConnection>>, Error> {
        if self.world.now() - known.read_at < READ_AGAIN {
            return Ok(Some(Arc::clone(known)));
        }
        self.read_connection(&known.connection.id).await
    }

    /// The same connection, for a verified callback of a template that it did not have when it was read. One that had none
    /// may have got it just now, so it is read however lately it was.
    ///
    /// # Errors
    /// As [`App::connection`].
    pub async fn connection_with_template(
        &self,
        known: &Arc<OpenConnection>,
    ) -> Result<Option<Arc<OpenConnection>>, Error> {
        if known.account.templates.is_empty() {
            self.read_connection(&known.connection.id).await
        } else {
            self.connection_afresh(known).await
        }
    }

    async fn read_connection(&self, id: &ConnectionId) -> Result<Option<Arc<OpenConnection>>, Error> {
        let since = self.memory.connections.since();
        let connection = match self.store.get_unscoped::<Connection>(id.as_str()).await {
            Ok(stored) => stored.value,
            Err(Error::NotFound) => {
                self.memory.connections.forget(id);
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        let read_at = self.world.now();
        let open = Arc::new(OpenConnection {
            account: self.account(&connection).await?,
            provider: connection.provider()?,
            connection,
            read_at,
        });
        self.memory.connections.keep(id.clone(), Arc::clone(&open), read_at..read_at + KEEP, since);
        Ok(Some(open))
    }

    /// What the platform's code needs of a connection.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when its secrets do not open; the data key's own.
    pub async fn account(&self, connection: &Connection) -> Result<Account, Error> {
        connection.account(&self.data_key).await
    }

    /// The same for a call to the platform that is repeated where it fails. Secrets that do not open are the trouble of what asked
    /// for them, until somebody saves them again.
    ///
    /// # Errors
    /// [`providers::Error::NotSent`] when its secrets do not open; the data key's own.
    pub(super) async fn account_to_call(&self, connection: &Connection) -> Result<Account, super::Error> {
        match self.account(connection).await {
            Err(Error::Corrupt { .. }) => {
                let message = format!("the secrets of connection {} do not open; save them again", connection.id);
                Err(providers::Error::NotSent { message, fix: None }.into())
            }
            other => Ok(other?),
        }
    }

    /// The external OAs that a call back may come from: those with this access id, else those with this organisation id.
    ///
    /// # Errors
    /// As [`App::connection`].
    pub async fn external_connections(
        &self,
        access_id: Option<&str>,
        organization_id: Option<&str>,
    ) -> Result<Vec<Arc<OpenConnection>>, Error> {
        let ids = match (access_id, organization_id) {
            (Some(access_id), _) => self.store.connections_by_access_id(access_id).await?,
            (None, Some(organization_id)) => self.store.connections_by_organization_id(organization_id).await?,
            (None, None) => Vec::new(),
        };
        let mut open = Vec::new();
        for id in ids {
            open.extend(self.connection(&id).await?);
        }
        // The ways here may be older than the connection's settings.
        let still = |open: &Arc<OpenConnection>| {
            access_id.is_none_or(|id| open.account.setting("access_id") == Some(id))
                && (access_id.is_some() || open.account.setting("organization_id") == organization_id)
        };
        open.retain(still);
        Ok(open)
    }
}
