//! From what an external OA sends (`accessId` or `organizationId`) to its connection.
//!
//! These items are written in one transaction with the connection that they lead to, so none leads nowhere and none
//! blocks an id after a crash.

use aws_sdk_dynamodb::types::AttributeValue;

use super::{Consistency, Error, Key, Query, Range, Store, Write, blank, corrupt, keys};
use crate::ids::{ConnectionId, OrgId};

/// Attribute with the connection's id.
const CONNECTION: &str = "connection";
/// Most connections that share an `organizationId` or an `accessId` and are looked at.
const MAX_CONNECTIONS: u16 = 50;

/// Claims an `accessId` for a connection; refused when another of the organisation has it. What other organisations have is not
/// told: whose a call back is, is proved by the key in it.
#[must_use]
pub fn claim_access(access_id: &str, org: &OrgId, connection: &ConnectionId) -> Write {
    Write::put_new(item(&keys::external_access(access_id, org), connection))
}

/// Gives an `accessId` back.
#[must_use]
pub fn release_access(access_id: &str, org: &OrgId) -> Write {
    Write::delete(keys::external_access(access_id, org))
}

/// Gives an `accessId` back that [`Store::earlier_claim`] says is the connection's.
#[must_use]
pub fn release_earlier_access(access_id: &str) -> Write {
    Write::delete(keys::earlier_external_access(access_id))
}

/// Leads from an `organizationId` to a connection.
#[must_use]
pub fn link_organization(organization_id: &str, connection: &ConnectionId) -> Write {
    Write::put_new(item(&keys::external_organization(organization_id, connection), connection))
}

/// No longer leads from an `organizationId` to a connection.
#[must_use]
pub fn unlink_organization(organization_id: &str, connection: &ConnectionId) -> Write {
    Write::delete(keys::external_organization(organization_id, connection))
}

fn item(key: &Key, connection: &ConnectionId) -> super::Item {
    let mut item = blank(key, "EXTERNAL", 1);
    item.insert(CONNECTION.to_owned(), AttributeValue::S(connection.as_str().to_owned()));
    item
}

impl Store {
    /// The connections that have this `accessId`, 50 at most: one of an organisation.
    ///
    /// # Errors
    /// [`Error::Corrupt`], [`Error::Throttled`] or [`Error::Unavailable`].
    pub async fn connections_by_access_id(&self, access_id: &str) -> Result<Vec<ConnectionId>, Error> {
        if !fits(access_id) {
            return Ok(Vec::new());
        }
        let pk = keys::external_accesses(access_id);
        let range = Range::StartsWith(keys::EXTERNAL_ACCESS.to_owned());
        let query = Query { index: None, pk: &pk, range, limit: MAX_CONNECTIONS, cursor: None, forward: true };
        self.query(&query).await?.items.iter().map(connection).collect()
    }

    /// The connection that claimed this `accessId` when it was one connection's of the whole deployment. Nothing new claims it so.
    ///
    /// # Errors
    /// [`Error::Corrupt`], [`Error::Throttled`] or [`Error::Unavailable`].
    pub async fn earlier_claim(&self, access_id: &str) -> Result<Option<ConnectionId>, Error> {
        if !fits(access_id) {
            return Ok(None);
        }
        let found = self.get_item(&keys::earlier_external_access(access_id), Consistency::Strong).await?;
        found.map(|item| connection(&item)).transpose()
    }

    /// The connections that have this `organizationId`, 50 at most.
    ///
    /// # Errors
    /// [`Error::Corrupt`], [`Error::Throttled`] or [`Error::Unavailable`].
    pub async fn connections_by_organization_id(&self, organization_id: &str) -> Result<Vec<ConnectionId>, Error> {
        if !fits(organization_id) {
            return Ok(Vec::new());
        }
        let pk = keys::external_organizations(organization_id);
        let query =
            Query { index: None, pk: &pk, range: Range::All, limit: MAX_CONNECTIONS, cursor: None, forward: true };
        self.query(&query).await?.items.iter().map(connection).collect()
    }
}

/// What comes from outside may be longer than a key can be; then nothing has it.
fn fits(value: &str) -> bool {
    !value.is_empty() && value.len() <= keys::MAX_SK
}

fn connection(item: &super::Item) -> Result<ConnectionId, Error> {
    item.get(CONNECTION)
        .and_then(|value| value.as_s().ok())
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| corrupt(item))
}
