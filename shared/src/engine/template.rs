//! The platform's template that a connection's instances are started from.

use super::Error;
use crate::config::Connection;
use crate::http::App;
use crate::providers::{Account, Provider};
use crate::store::Error as StoreError;

/// Makes or finds our template on the platform and remembers its code with the connection.
///
/// # Errors
/// The platform's, or the table's.
pub async fn create_template(
    app: &App,
    provider: &dyn Provider,
    connection: &Connection,
    account: &mut Account,
) -> Result<String, Error> {
    let code = provider.create_template(account, &app.calls()).await?;
    account.template = Some(code.clone());
    remember(app, connection, &code).await?;
    Ok(code)
}

/// Somebody may change the connection at the same time: then the code goes into what they left.
async fn remember(app: &App, connection: &Connection, code: &str) -> Result<(), StoreError> {
    loop {
        let mut stored = app.store.get::<Connection>(&connection.org, connection.id.as_str()).await?;
        if stored.value.template.as_deref() == Some(code) {
            return Ok(());
        }
        stored.value.template = Some(code.to_owned());
        match app.store.update(&stored.value, stored.version).await {
            Err(StoreError::Conflict { .. }) => {}
            other => return other.map(|_| ()),
        }
    }
}
