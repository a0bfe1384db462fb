//! Access tokens of platforms: in this process, and sealed in the table for the others.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use aws_sdk_dynamodb::types::AttributeValue;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

use super::leases::Lease;
use super::schema::TTL;
use super::{Consistency, DataKey, Error, Key, Store, blank, corrupt, keys};
use crate::clock::World;
use crate::providers::{Keeping, TokenStore};
use crate::ttl_map::TtlMap;

/// How long a token must be good for to be handed out, in milliseconds.
const MARGIN: i64 = 10 * 60 * 1000;
/// How long the fetching of a token may take before another may try, in milliseconds.
const CLAIM: i64 = 10_000;
const SEALED: &str = "sealed";
const EXPIRES: &str = "expires_at";

/// Tokens that processes share through the table. What the table holds is sealed for its own item.
#[derive(Debug)]
pub struct Tokens {
    store: Store,
    data_key: DataKey,
    world: World,
    /// Those that this process knows, for as long as they are good to be handed out.
    here: TtlMap<String, SecretString, 1_000>,
    /// Tokens that this process is fetching.
    claims: Mutex<HashMap<String, Lease>>,
}

impl Tokens {
    /// Tokens kept in this table.
    #[must_use]
    pub fn new(store: Store, data_key: DataKey, world: World) -> Self {
        Self { store, data_key, world, here: TtlMap::default(), claims: Mutex::default() }
    }

    fn claims(&self) -> std::sync::MutexGuard<'_, HashMap<String, Lease>> {
        self.claims.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn read(&self, key: &str) -> Result<Option<(SecretString, i64)>, Error> {
        let at = item_key(key);
        let Some(item) = self.store.get_item(&at, Consistency::Strong).await? else { return Ok(None) };
        let sealed = item.get(SEALED).and_then(|value| value.as_s().ok()).ok_or_else(|| corrupt(&item))?;
        let expires = item.get(EXPIRES).and_then(|value| value.as_n().ok()).and_then(|at| at.parse().ok());
        // Sealed with another data key, after a restore perhaps: the next refresh replaces it.
        let token = self.data_key.sealer().await?.open(sealed, &at.aad(SEALED)).ok();
        Ok(token.zip(expires))
    }

    async fn write(&self, key: &str, token: &SecretString, expires_at: i64) -> Result<(), Error> {
        let at = item_key(key);
        let unsealed = || Error::Corrupt { key: at.to_string() };
        let sealer = self.data_key.sealer().await?;
        let sealed = sealer.seal(token, &at.aad(SEALED), &self.world).map_err(|_| unsealed())?;
        let mut item = blank(&at, "token", 1);
        item.insert(SEALED.into(), AttributeValue::S(sealed));
        item.insert(EXPIRES.into(), AttributeValue::N(expires_at.to_string()));
        item.insert(TTL.into(), AttributeValue::N((expires_at / 1000).to_string()));
        self.store.put_item(item).await
    }
}

/// The times at which a token is handed out that ends then (milliseconds).
fn good(expires_at: i64) -> Range<i64> {
    i64::MIN..expires_at.saturating_sub(MARGIN - 1)
}

fn claim_name(key: &str) -> String {
    format!("token#{}", hash(key))
}

fn item_key(key: &str) -> Key {
    keys::token(&hash(key))
}

/// Hashed: what a token belongs to may be longer than a key, and is nobody's business.
fn hash(key: &str) -> String {
    crate::crypto::hex(&Sha256::digest(key))
}

impl TokenStore for Tokens {
    fn get<'a>(&'a self, key: &'a str, now: i64) -> Keeping<'a, Option<SecretString>> {
        Box::pin(async move {
            if let Some(token) = self.here.get(key, now) {
                return Some(token);
            }
            match self.read(key).await {
                Ok(found) => {
                    let (token, expires_at) = found.filter(|(_, expires_at)| good(*expires_at).contains(&now))?;
                    self.here.put(key.to_owned(), token.clone(), good(expires_at));
                    Some(token)
                }
                Err(error) => {
                    tracing::warn!(%error, "a kept token could not be read");
                    None
                }
            }
        })
    }

    fn put<'a>(&'a self, key: &'a str, token: &'a SecretString, expires_at: i64) -> Keeping<'a, ()> {
        Box::pin(async move {
            self.here.put(key.to_owned(), token.clone(), good(expires_at));
            if let Err(error) = self.write(key, token, expires_at).await {
                tracing::warn!(%error, "a token could not be kept");
            }
            self.give_up(key).await;
        })
    }

    fn forget<'a>(&'a self, key: &'a str, refused: &'a SecretString) -> Keeping<'a, ()> {
        Box::pin(async move {
            let is_it = |token: &SecretString| token.expose_secret() == refused.expose_secret();
            if self.here.change(key, |token| is_it(token)).unwrap_or(false) {
                self.here.forget(key);
            }
            let result = match self.read(key).await {
                // Written over, not deleted: no function on an approval's way needs the right to delete.
                Ok(Some((token, _))) if is_it(&token) => self.write(key, &SecretString::from(""), 0).await,
                Ok(_) => Ok(()),
                Err(error) => Err(error),
            };
            if let Err(error) = result {
                tracing::warn!(%error, "a refused token could not be removed");
            }
        })
    }

    fn claim<'a>(&'a self, key: &'a str, now: i64) -> Keeping<'a, bool> {
        Box::pin(async move {
            match self.store.take_lease(&claim_name(key), now, now + CLAIM).await {
                Ok(Some(lease)) => {
                    self.claims().insert(key.to_owned(), lease);
                    true
                }
                Ok(None) => false,
                Err(error) => {
                    tracing::warn!(%error, "the fetching of a token could not be claimed");
                    true
                }
            }
        })
    }

    fn give_up<'a>(&'a self, key: &'a str) -> Keeping<'a, ()> {
        Box::pin(async move {
            let Some(lease) = self.claims().remove(key) else { return };
            if let Err(error) = self.store.release_lease(lease).await {
                tracing::warn!(%error, "the claim on a token could not be given back");
            }
        })
    }
}
