//! Configuration resources: each belongs to one organisation, carries a version and is listed by kind.
//!
//! An id of another organisation is [`Error::NotFound`], as if it did not exist.

use aws_sdk_dynamodb::types::AttributeValue;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::schema::LIST;
use super::transaction::Write;
use super::{Consistency, Error, Item, Key, Page, Query, Range, Rows, Store, blank, corrupt, keys, version};
use crate::ids::OrgId;

/// Attribute that holds the resource itself.
const BODY: &str = "body";

/// Something that is configured, as it is stored.
pub trait Resource: Serialize + DeserializeOwned + Send + Sync {
    /// First part of its key, and its name in the list of its organisation.
    const KIND: &'static str;

    /// Its id.
    fn id(&self) -> &str;

    /// The organisation that it belongs to.
    fn org(&self) -> &OrgId;

    /// When it was made, milliseconds.
    fn created_at(&self) -> i64;

    /// Where it is stored.
    fn key(&self) -> Key {
        keys::resource(Self::KIND, self.id())
    }
}

/// A resource and the version it was read at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Versioned<T> {
    /// Grows by one with every write; 1 at first.
    pub version: u64,
    /// The resource.
    pub value: T,
}

/// The write that makes a resource, for a transaction.
///
/// # Errors
/// [`Error::Corrupt`] when it cannot be expressed as an item.
pub fn create_write<T: Resource>(resource: &T) -> Result<Write, Error> {
    Ok(Write::put_new(to_item(resource, 1)?))
}

/// The write that replaces a resource which is still at this version, for a transaction.
///
/// # Errors
/// [`Error::Corrupt`] when it cannot be expressed as an item.
pub fn update_write<T: Resource>(resource: &T, expected: u64) -> Result<Write, Error> {
    Ok(Write::put_if_version(to_item(resource, expected + 1)?, expected))
}

impl Store {
    /// Stores a new resource.
    ///
    /// # Errors
    /// [`Error::AlreadyExists`], [`Error::TooLarge`], [`Error::Throttled`] or [`Error::Unavailable`].
    pub async fn create<T: Resource>(&self, resource: &T) -> Result<u64, Error> {
        self.put_new(to_item(resource, 1)?).await?;
        Ok(1)
    }

    /// Reads a resource of this organisation, consistently.
    ///
    /// # Errors
    /// [`Error::NotFound`], also when it is of another organisation; [`Error::Corrupt`], [`Error::Throttled`] or
    /// [`Error::Unavailable`].
    pub async fn get<T: Resource>(&self, org: &OrgId, id: &str) -> Result<Versioned<T>, Error> {
        let found = self.get_unscoped::<T>(id).await?;
        if found.value.org() == org { Ok(found) } else { Err(Error::NotFound) }
    }

    /// Reads a resource of whatever organisation, consistently: for callers that prove their right to it by other
    /// means, such as a key or a signed callback.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Corrupt`], [`Error::Throttled`] or [`Error::Unavailable`].
    pub async fn get_unscoped<T: Resource>(&self, id: &str) -> Result<Versioned<T>, Error> {
        let key = keys::resource(T::KIND, id);
        let item = self.get_item(&key, Consistency::Strong).await?.ok_or(Error::NotFound)?;
        from_item(item)
    }

    /// Reads several resources of this organisation, in the order of the ids; those that do not exist, or are of another
    /// organisation, are left out.
    ///
    /// # Errors
    /// [`Error::Corrupt`], [`Error::Throttled`] or [`Error::Unavailable`].
    pub async fn get_many<T: Resource>(&self, org: &OrgId, ids: &[&str]) -> Result<Vec<Versioned<T>>, Error> {
        self.read_many(org, ids).await?.into_iter().collect()
    }

    /// The same without those that cannot be read.
    ///
    /// # Errors
    /// [`Error::Throttled`] or [`Error::Unavailable`].
    pub async fn get_readable<T: Resource>(&self, org: &OrgId, ids: &[&str]) -> Result<Vec<Versioned<T>>, Error> {
        Ok(self.read_many(org, ids).await?.into_iter().flatten().collect())
    }

    async fn read_many<T: Resource>(
        &self,
        org: &OrgId,
        ids: &[&str],
    ) -> Result<Vec<Result<Versioned<T>, Error>>, Error> {
        let wanted: Vec<Key> = ids.iter().map(|id| keys::resource(T::KIND, id)).collect();
        let items = self.batch_get(&wanted, Consistency::Strong).await?;
        let mut found: Vec<_> = items.into_iter().map(from_item::<T>).collect();
        found.retain(|found| found.as_ref().map_or(true, |resource| resource.value.org() == org));
        Ok(found)
    }

    /// Replaces a resource that is still at this version; answers with the new version.
    ///
    /// # Errors
    /// [`Error::Conflict`], [`Error::TooLarge`], [`Error::Throttled`] or [`Error::Unavailable`].
    pub async fn update<T: Resource>(&self, resource: &T, expected: u64) -> Result<u64, Error> {
        self.put_if_version(to_item(resource, expected + 1)?, expected).await?;
        Ok(expected + 1)
    }

    /// Deletes a resource that is still at this version.
    ///
    /// # Errors
    /// [`Error::Conflict`], [`Error::Throttled`] or [`Error::Unavailable`].
    pub async fn delete<T: Resource>(&self, resource: &T, expected: u64) -> Result<(), Error> {
        self.delete_if_version(&resource.key(), expected).await
    }

    /// Lists an organisation's resources of a kind, oldest first.
    ///
    /// # Errors
    /// [`Error::InvalidCursor`], [`Error::Corrupt`], [`Error::Throttled`] or [`Error::Unavailable`].
    pub async fn list<T: Resource>(
        &self,
        org: &OrgId,
        limit: u16,
        cursor: Option<&str>,
    ) -> Result<Page<Versioned<T>>, Error> {
        let pk = keys::list(org, T::KIND);
        let query = Query { index: Some(LIST), pk: &pk, range: Range::All, limit, cursor, forward: true };
        let page = self.query(&query).await?;
        let found: Vec<Key> = page.items.iter().filter_map(Key::of).collect();
        let items = self.batch_get(&found, Consistency::Eventual).await?;
        let mut resources = items.into_iter().map(from_item::<T>).collect::<Result<Vec<_>, _>>()?;
        resources.retain(|resource| resource.value.org() == org);
        Ok(page.with(resources))
    }
}

impl Store {
    /// Lists an organisation's resources of a kind to be shown, oldest first: one that cannot be read is a row like the others.
    ///
    /// # Errors
    /// [`Error::InvalidCursor`], [`Error::Throttled`] or [`Error::Unavailable`].
    pub async fn resource_rows<T: Resource>(
        &self,
        org: &OrgId,
        limit: u16,
        cursor: Option<&str>,
    ) -> Result<Rows<Versioned<T>>, Error> {
        let pk = keys::list(org, T::KIND);
        let query = Query { index: Some(LIST), pk: &pk, range: Range::All, limit, cursor, forward: true };
        let mut found = self.rows(&query, Consistency::Eventual, Key::id, from_item::<T>).await?;
        found.rows.retain(|row| row.value.as_ref().map_or(true, |resource| resource.value.org() == org));
        Ok(found)
    }
}

fn to_item<T: Resource>(resource: &T, version: u64) -> Result<Item, Error> {
    let key = resource.key();
    let body: AttributeValue = serde_dynamo::to_attribute_value(resource).map_err(|_| {
        tracing::error!(key = %key, "a resource cannot be written as an item");
        Error::Corrupt { key: key.to_string() }
    })?;
    let mut item = blank(&key, T::KIND, version);
    item.insert(BODY.to_owned(), body);
    item.insert(LIST.pk.to_owned(), AttributeValue::S(keys::list(resource.org(), T::KIND)));
    item.insert(LIST.sk.to_owned(), AttributeValue::S(resource.id().to_owned()));
    Ok(item)
}

fn from_item<T: Resource>(mut item: Item) -> Result<Versioned<T>, Error> {
    let version = version(&item)?;
    let body = item.remove(BODY).ok_or_else(|| corrupt(&item))?;
    let value = serde_dynamo::from_attribute_value(body).map_err(|_| corrupt(&item))?;
    Ok(Versioned { version, value })
}
