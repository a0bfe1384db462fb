//! Writing connections, together with the ways that lead to them from what an external OA calls itself.

use countersign::engine::App;
use countersign::http::{IfMatch, Problem};
use countersign::providers::Provider;
use countersign::resources::Connection;
use countersign::store::external::{
    claim_access, link_organization, release_access, release_earlier_access, unlink_organization,
};
use countersign::store::resources::{create_write, update_write};
use countersign::store::{Current, Error, Resource, Versioned, Write};
use serde_json::Value;

use countersign::http::resource::lost;

/// What an external OA calls itself; nothing for platforms that call back to the connection's own address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Names<'a> {
    access_id: Option<&'a str>,
    organization_id: Option<&'a str>,
}

impl<'a> Names<'a> {
    fn of(connection: &'a Connection, provider: &dyn Provider) -> Self {
        if provider.has_callbacks() {
            return Self { access_id: None, organization_id: None };
        }
        let text = |name| connection.settings.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        Self { access_id: text("access_id"), organization_id: text("organization_id") }
    }
}

/// The writes that lead from new names to the connection, and no longer from old ones.
async fn renaming(app: &App, connection: &Connection, old: Names<'_>, new: Names<'_>) -> Result<Vec<Write>, Problem> {
    let mut writes = Vec::new();
    if old.access_id != new.access_id {
        if let Some(id) = new.access_id {
            must_be_free(app, connection, id).await?;
            writes.push(claim_access(id, &connection.org, &connection.id));
        }
        if let Some(id) = old.access_id {
            let is_earlier = app.store.earlier_claim(id).await?.as_ref() == Some(&connection.id);
            writes.push(if is_earlier { release_earlier_access(id) } else { release_access(id, &connection.org) });
        }
    }
    if old.organization_id != new.organization_id {
        writes.extend(new.organization_id.map(|id| link_organization(id, &connection.id)));
        writes.extend(old.organization_id.map(|id| unlink_organization(id, &connection.id)));
    }
    Ok(writes)
}

/// Refuses an access id that another connection of the organisation claimed when it was one connection's of the deployment. The
/// others are refused by the write.
async fn must_be_free(app: &App, connection: &Connection, access_id: &str) -> Result<(), Problem> {
    let Some(claimed) = app.store.earlier_claim(access_id).await? else { return Ok(()) };
    match app.store.get::<Connection>(&connection.org, claimed.as_str()).await {
        Ok(_) => Err(taken()),
        Err(Error::NotFound) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn taken() -> Problem {
    let detail = "another connection of this organisation has this access id";
    Problem::conflict("access_id_taken", detail).at("/settings/access_id")
}

const NO_NAMES: Names<'static> = Names { access_id: None, organization_id: None };

/// Stores a new connection.
pub(super) async fn create(app: &App, connection: &Connection, provider: &dyn Provider) -> Result<(), Problem> {
    let mut writes = vec![create_write(connection)?];
    writes.extend(renaming(app, connection, NO_NAMES, Names::of(connection, provider)).await?);
    write(app, writes, &IfMatch::Any).await
}

/// Replaces a connection that is still at this version; answers with the new version.
pub(super) async fn replace(
    app: &App,
    old: &Connection,
    new: &Connection,
    version: u64,
    provider: &dyn Provider,
    if_match: &IfMatch,
) -> Result<u64, Problem> {
    let mut writes = vec![update_write(new, version)?];
    writes.extend(renaming(app, new, Names::of(old, provider), Names::of(new, provider)).await?);
    write(app, writes, if_match).await?;
    app.memory.connections.forget(&new.id);
    Ok(version + 1)
}

/// Deletes a connection.
pub(super) async fn remove(app: &App, found: &Versioned<Connection>, if_match: &IfMatch) -> Result<(), Problem> {
    let connection = &found.value;
    let mut writes = vec![Write::delete_if_version(connection.key(), found.version)];
    writes.extend(renaming(app, connection, Names::of(connection, connection.provider()?), NO_NAMES).await?);
    write(app, writes, if_match).await?;
    app.memory.connections.forget(&connection.id);
    Ok(())
}

/// The first write is the connection's; what else is refused is an `access_id` that another connection has.
async fn write(app: &App, writes: Vec<Write>, if_match: &IfMatch) -> Result<(), Problem> {
    match app.store.transact(writes).await? {
        Ok(()) => Ok(()),
        Err(refusal) if refusal.index == 0 => Err(lost(Error::Conflict { current: Current::default() }, if_match)),
        Err(_) => Err(taken()),
    }
}
