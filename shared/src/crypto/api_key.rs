//! API keys: `csk_<id>_<secret>`. Only a hash of the secret is stored.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::clock::World;
use crate::crypto::envelope::random_text;
use crate::ids::KeyId;

/// What every key starts with.
const PREFIX: &str = "csk_";
/// Shortest secret that is taken, in characters.
const MIN_SECRET: usize = 16;
/// Longest key that is read, in bytes.
const MAX_KEY: usize = 256;
/// Letters and digits of a new secret: more than 256 bits.
const SECRET_CHARACTERS: usize = 44;

/// A text that is not an API key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an API key looks like csk_<id>_<secret>: letters and digits, and a secret of at least {MIN_SECRET}")]
pub struct InvalidKey;

/// An API key in the clear: shown once when it is made, and seen in requests.
pub struct ApiKey {
    id: KeyId,
    secret: SecretString,
}

impl ApiKey {
    /// A new key.
    #[must_use]
    pub fn generate(world: &World) -> Self {
        Self { id: KeyId::new(world), secret: random_text(|bytes| world.entropy.fill(bytes), SECRET_CHARACTERS) }
    }

    /// Reads a key.
    ///
    /// # Errors
    /// [`InvalidKey`] when it has another shape. The text is in no message.
    pub fn parse(text: &str) -> Result<Self, InvalidKey> {
        if text.len() > MAX_KEY {
            return Err(InvalidKey);
        }
        let (id, secret) = text.strip_prefix(PREFIX).and_then(|rest| rest.split_once('_')).ok_or(InvalidKey)?;
        let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if !plain(id) || !plain(secret) || secret.len() < MIN_SECRET {
            return Err(InvalidKey);
        }
        let id = format!("{}{id}", KeyId::PREFIX).parse().map_err(|_| InvalidKey)?;
        Ok(Self { id, secret: secret.to_owned().into() })
    }

    /// The id that it is stored under.
    #[must_use]
    pub fn id(&self) -> &KeyId {
        &self.id
    }

    /// The whole key, to be shown once.
    #[must_use]
    pub fn reveal(&self) -> SecretString {
        let id = self.id.as_str().strip_prefix(KeyId::PREFIX).unwrap_or_default();
        format!("{PREFIX}{id}_{}", self.secret.expose_secret()).into()
    }

    /// What is stored of it. The secret has 256 random bits, so that a plain hash is enough: there is nothing to guess.
    #[must_use]
    pub fn hash(&self) -> String {
        URL_SAFE_NO_PAD.encode(Sha256::digest(self.secret.expose_secret()))
    }

    /// Whether this is the hash of this key, in a time that does not depend on where they differ.
    #[must_use]
    pub fn matches(&self, hash: &str) -> bool {
        self.hash().as_bytes().ct_eq(hash.as_bytes()).into()
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiKey").field("id", &self.id).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_key_reads_back_and_matches_its_own_hash_only() {
        let world = World::system();
        let (key, other) = (ApiKey::generate(&world), ApiKey::generate(&world));
        let read = ApiKey::parse(key.reveal().expose_secret()).unwrap();
        assert_eq!(read.id(), key.id());
        assert!(read.matches(&key.hash()));
        assert!(!read.matches(&other.hash()));
        assert!(!read.matches(""));
    }

    #[test]
    fn any_id_and_a_long_enough_secret_will_do() {
        let key = ApiKey::parse("csk_owner_0123456789abcdef").unwrap();
        assert_eq!(key.id().as_str(), "key_owner");
        let long = format!("csk_a_{}", "x".repeat(300));
        for bad in [
            "",
            "csk_",
            "csk_a",
            "csk_a_short",
            "csk__0123456789abcdef",
            "sk_a_0123456789abcdef",
            "csk_a_0123456789abcde_",
            "csk_a_0123456789abcde ",
            "csk_ä_0123456789abcdef",
            &long,
        ] {
            assert_eq!(ApiKey::parse(bad).unwrap_err(), InvalidKey, "{bad}");
        }
    }

    #[test]
    fn debug_does_not_show_the_secret() {
        let key = ApiKey::parse("csk_owner_0123456789abcdef").unwrap();
        assert!(!format!("{key:?}").contains("0123456789abcdef"));
    }
}
