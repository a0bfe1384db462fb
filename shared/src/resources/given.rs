//! Settings and secrets as a request gives them, for connections and sources.

use std::collections::BTreeMap;

use secrecy::SecretString;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::SealedSecret;
use crate::clock::World;
use crate::store::{DataKey, Error, Key};

/// A secret in a request; it has no `Debug`.
#[derive(Deserialize)]
#[serde(from = "String")]
pub struct SecretText(SecretString);

impl From<String> for SecretText {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

/// The secrets of a new resource.
#[must_use]
pub fn given_secrets(given: BTreeMap<String, SecretText>) -> BTreeMap<String, SecretString> {
    given.into_iter().map(|(name, secret)| (name, secret.0)).collect()
}

/// Changes setting by setting: what is not sent stays, `null` removes.
pub fn change_settings(settings: &mut Map<String, Value>, given: Map<String, Value>) {
    for (name, value) in given {
        if value.is_null() {
            settings.remove(&name);
        } else {
            settings.insert(name, value);
        }
    }
}

/// Changes secret by secret: what is not sent stays, `null` removes. Returns the new ones, which are to be sealed.
pub fn change_secrets(
    secrets: &mut BTreeMap<String, SealedSecret>,
    given: BTreeMap<String, Option<SecretText>>,
) -> BTreeMap<String, SecretString> {
    let mut new = BTreeMap::new();
    for (name, secret) in given {
        match secret {
            Some(secret) => _ = new.insert(name, secret.0),
            None => _ = secrets.remove(&name),
        }
    }
    new
}

/// Seals new secrets of the item with this key.
///
/// # Errors
/// As [`DataKey::sealer`] and [`SealedSecret::seal`].
pub async fn seal(
    data_key: &DataKey,
    world: &World,
    key: &Key,
    secrets: &mut BTreeMap<String, SealedSecret>,
    new: &BTreeMap<String, SecretString>,
) -> Result<(), Error> {
    if new.is_empty() {
        return Ok(());
    }
    let sealer = data_key.sealer().await?;
    for (name, secret) in new {
        secrets.insert(name.clone(), SealedSecret::seal(sealer, secret, key, name, world)?);
    }
    Ok(())
}
