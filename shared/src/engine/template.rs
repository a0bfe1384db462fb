//! The platform's templates that a connection's instances are started from: ours are made once, the customer's are remembered.

use std::time::Duration;

use super::Error;
use super::optimistic::{MAX_RACES, Race, optimistic};
use crate::engine::App;
use crate::providers::{self, Account, Provider};
use crate::resources::Connection;
use crate::store::{Error as StoreError, Versioned};

/// How long the making of a template may take before another may try, in milliseconds.
const LEASE: i64 = 60_000;
/// How often, and with what pauses, one that finds another at it looks whether it is made.
const MAX_CHECKS: u32 = 20;
const CHECK_AGAIN: Duration = Duration::from_millis(150);

/// Makes or finds our template of a layout on the platform and remembers its code with the connection. Some platforms never
/// let go of a template once it is made, so whoever makes one holds a lease, and the others wait for what comes of it.
///
/// # Errors
/// The platform's, or the table's; [`providers::Error::NotYet`] while another is still at it.
pub async fn create_template(
    app: &App,
    provider: &dyn Provider,
    connection: &Connection,
    account: &mut Account,
    layout: &str,
) -> Result<String, Error> {
    let missing = account.templates.get(layout).cloned();
    let lease = format!("template#{}#{layout}", connection.id);
    for check in 0..MAX_CHECKS {
        if check > 0 {
            tokio::time::sleep(CHECK_AGAIN).await;
        }
        let now = app.world.now();
        let taken = app.store.take_lease(&lease, now, now + LEASE).await?;
        // Whoever held the lease before may have made it.
        let stored = app.store.get::<Connection>(&connection.org, connection.id.as_str()).await?.value;
        let known = stored.templates.get(layout).filter(|code| Some(*code) != missing.as_ref()).cloned();
        if let Some(code) = known {
            if let Some(lease) = taken {
                app.store.release_lease(lease).await?;
            }
            account.templates = stored.templates;
            return Ok(code);
        }
        if let Some(lease) = taken {
            let made = make(app, provider, connection, account, layout).await;
            app.store.release_lease(lease).await?;
            return made;
        }
    }
    let message = "the template is being made".to_owned();
    Err(providers::Error::NotYet { code: "template_lease".to_owned(), message }.into())
}

async fn make(
    app: &App,
    provider: &dyn Provider,
    connection: &Connection,
    account: &mut Account,
    layout: &str,
) -> Result<String, Error> {
    let code = provider.create_template(account, layout, &app.line(&account.connection).calls()).await?;
    app.flush_usage().await;
    remember(app, connection, layout, &code).await?;
    account.templates.insert(layout.to_owned(), code.clone());
    Ok(code)
}

/// Remembers a template's code with its connection: ours by its layout, one of the customer's by the code itself. Somebody may
/// change the connection at the same time: then the code goes into what they left.
pub(super) async fn remember(app: &App, connection: &Connection, layout: &str, code: &str) -> Result<(), StoreError> {
    let read = || app.store.get::<Connection>(&connection.org, connection.id.as_str());
    let change = |stored: &mut Versioned<Connection>| {
        let before = stored.value.templates.insert(layout.to_owned(), code.to_owned());
        before.as_deref() != Some(code)
    };
    let write = |stored: Versioned<Connection>, _| async move {
        match app.store.update(&stored.value, stored.version).await {
            Ok(_) => Ok(Race::Won(stored)),
            Err(StoreError::Conflict { .. }) => read().await.map(Race::Lost),
            Err(error) => Err(error),
        }
    };
    optimistic(read().await?, MAX_RACES, change, write).await.map(drop)
}
