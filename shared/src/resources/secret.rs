//! A secret as it is stored: sealed, with a hint by which its owner knows it again.

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::clock::World;
use crate::crypto::seal::Sealer;
use crate::store::{Error, Key};

/// Shortest secret of which the last characters are shown: of a shorter one they would be too much of it.
const MIN_HINTED: usize = 12;
/// How many of its last characters are shown.
const HINT_CHARACTERS: usize = 4;

/// A stored secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedSecret {
    /// Sealed for the item and field that it belongs to.
    pub sealed: String,
    /// The last characters, or nothing.
    pub hint: String,
}

impl SealedSecret {
    /// Seals a secret for a field of an item.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when it cannot be sealed.
    pub fn seal(sealer: &Sealer, secret: &SecretString, key: &Key, field: &str, world: &World) -> Result<Self, Error> {
        let sealed = sealer.seal(secret, &key.aad(field), world).map_err(|error| refused(key, field, error))?;
        let characters: Vec<char> = secret.expose_secret().chars().collect();
        let shown = if characters.len() < MIN_HINTED { 0 } else { HINT_CHARACTERS };
        Ok(Self { sealed, hint: characters.iter().skip(characters.len() - shown).collect() })
    }

    /// Opens it.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when it was sealed for another item or field, or with another key.
    pub fn open(&self, sealer: &Sealer, key: &Key, field: &str) -> Result<SecretString, Error> {
        sealer.open(&self.sealed, &key.aad(field)).map_err(|error| refused(key, field, error))
    }

    /// What is shown of a secret that may be there.
    #[must_use]
    pub fn shown(secret: Option<&Self>) -> Value {
        match secret {
            Some(secret) => json!({ "set": true, "hint": format!("…{}", secret.hint) }),
            None => json!({ "set": false, "hint": null }),
        }
    }
}

fn refused(key: &Key, field: &str, error: crate::crypto::seal::Error) -> Error {
    tracing::error!(key = %key, field, %error, "a secret cannot be sealed or opened");
    Error::Corrupt { key: key.to_string() }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn short_secrets_show_nothing() {
        let (sealer, world) = (Sealer::new(&[1; 32]), World::system());
        let key = crate::store::keys::resource("CON", "con_1");
        let seal = |text: &str| SealedSecret::seal(&sealer, &text.into(), &key, "token", &world).unwrap();
        assert_eq!(seal("abcdefghijkl").hint, "ijkl");
        assert_eq!(seal("abcdefghijk").hint, "");
        assert_eq!(seal("ääääääääääää").hint, "ääää");
        let stored = seal("abcdefghijkl");
        assert_eq!(stored.open(&sealer, &key, "token").unwrap().expose_secret(), "abcdefghijkl");
        assert!(stored.open(&sealer, &key, "aes_key").is_err());
        assert_eq!(SealedSecret::shown(Some(&stored)), json!({"set": true, "hint": "…ijkl"}));
    }
}
