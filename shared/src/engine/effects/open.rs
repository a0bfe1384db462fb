//! The way from an approval to the opened connection of one of its stages.

use crate::engine::App;
use crate::engine::Error;
use crate::providers::{self, Account, Provider};
use crate::resources::Connection;
use crate::store::Error as StoreError;
use crate::store::approvals::Record;

/// The connection that a stage runs on, ready for calls.
pub(super) struct Open {
    /// As stored.
    pub(super) connection: Connection,
    /// Its platform.
    pub(super) provider: &'static dyn Provider,
    /// With its secrets opened.
    pub(super) account: Account,
}

/// Opens the connection of a stage.
///
/// # Errors
/// [`providers::Error::NotFound`] where it was deleted, [`providers::Error::Unsupported`] where this version does not know its platform,
/// [`providers::Error::NotSent`] where its secrets do not open: no call was made in any of them. The table's own.
pub(super) async fn open(app: &App, record: &Record, stage: usize) -> Result<Open, Error> {
    let id = &record.state.stages[stage].connection;
    let connection = match app.store.get::<Connection>(&record.org, id).await {
        Ok(stored) => stored.value,
        Err(StoreError::NotFound) => return Err(missing(id).into()),
        Err(error) => return Err(error.into()),
    };
    let Some(provider) = providers::by_kind(&connection.kind) else {
        let (platform, what) = ("this deployment", "be used: this version does not know the platform");
        return Err(providers::Error::Unsupported { platform, what }.into());
    };
    let account = app.account_to_call(&connection).await?;
    Ok(Open { connection, provider, account })
}

/// A stage's connection is there no more.
fn missing(connection: &str) -> providers::Error {
    let message = format!("connection {connection} was deleted");
    providers::Error::NotFound { code: "connection_missing".into(), message }
}
