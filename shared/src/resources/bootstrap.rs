//! The first organisation and the first key.

use secrecy::{ExposeSecret, SecretString};

use super::api_key::{ApiKeyRecord, Role};
use super::organization::{Organization, default_org};
use crate::clock::World;
use crate::crypto::api_key::ApiKey;
use crate::ids::OrgId;
use crate::store::resources::create_write;
use crate::store::{Error, Store};

/// What [`bootstrap`] found or made.
#[derive(Debug)]
pub struct Bootstrapped {
    /// The organisation `default`.
    pub org: OrgId,
    /// The owner's key if one was made just now: to be shown once.
    pub new_key: Option<SecretString>,
}

/// Sees to it that the organisation `default` and a key of its owner, who is also the deployment's, are there. With
/// `owner_key` that key is the one; if it is another than before, it is added. Calling it again changes nothing.
///
/// # Errors
/// [`Error::Corrupt`] when `owner_key` is not a key (settings check it when they are read); [`Error::Throttled`] or
/// [`Error::Unavailable`].
pub async fn bootstrap(store: &Store, world: &World, owner_key: Option<&SecretString>) -> Result<Bootstrapped, Error> {
    let org = default_org();
    let key = match owner_key {
        Some(text) => {
            ApiKey::parse(text.expose_secret()).map_err(|_| Error::Corrupt { key: "owner key".to_owned() })?
        }
        None => ApiKey::generate(world),
    };
    let record = owner_record(&key, org.clone(), true, world.now());
    let organization = Organization::new(org.clone(), "default", world.now());
    // Both or none: an organisation whose key was never shown could not be entered.
    let both = vec![create_write(&organization)?, create_write(&record)?];
    match store.transact(both).await? {
        Ok(()) => Ok(Bootstrapped { org, new_key: owner_key.is_none().then(|| key.reveal()) }),
        Err(_) => {
            if owner_key.is_some() {
                ensure_key(store, &key, record).await?;
            }
            Ok(Bootstrapped { org, new_key: None })
        }
    }
}

/// The record of an owner's key.
#[must_use]
pub fn owner_record(key: &ApiKey, org: OrgId, deployment: bool, now: i64) -> ApiKeyRecord {
    ApiKeyRecord {
        id: key.id().clone(),
        org,
        name: "Owner".to_owned(),
        role: Role::Owner,
        source: None,
        hash: key.hash(),
        deployment,
        created_at: now,
        revoked_at: None,
    }
}

/// Adds the key that the operator set, or gives a key of this id its new secret. A key that was revoked and still has the
/// same secret stays revoked.
async fn ensure_key(store: &Store, key: &ApiKey, record: ApiKeyRecord) -> Result<(), Error> {
    match store.get_unscoped::<ApiKeyRecord>(record.id.as_str()).await {
        Err(Error::NotFound) => match store.create(&record).await {
            Ok(_) | Err(Error::AlreadyExists { .. }) => Ok(()),
            Err(error) => Err(error),
        },
        Ok(found) if key.matches(&found.value.hash) => Ok(()),
        Ok(found) if found.value.deployment => match store.update(&record, found.version).await {
            Ok(_) | Err(Error::Conflict { .. }) => Ok(()),
            Err(error) => Err(error),
        },
        Ok(_) => {
            tracing::error!(key = %record.id, "COUNTERSIGN_OWNER_KEY has the id of another key; choose another id");
            Err(Error::AlreadyExists { current: crate::store::Current::default() })
        }
        Err(error) => Err(error),
    }
}
