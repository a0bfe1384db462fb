//! Secrets at rest: AES-256-GCM, bound to the item and the field they are stored in.
//!
//! A sealed text is `v1.<key id>.<nonce and ciphertext, base64url>`. The additional data names the item and the field
//! (`<pk>|<sk>|<field>`), so that a value copied to another item or field does not open.

use std::fmt;

use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret, SecretBox, SecretString};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::clock::World;

/// Bytes of a data key.
pub const KEY_BYTES: usize = 32;
/// Bytes of a nonce.
const NONCE_BYTES: usize = 12;

/// Why a sealed value was not opened. None says what was in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It does not look like a sealed value.
    #[error("not a sealed value")]
    Malformed,
    /// It names another data key.
    #[error("sealed with another data key")]
    OtherKey,
    /// It was changed, or belongs to another item or field.
    #[error("the sealed value was changed or belongs elsewhere")]
    Refused,
}

/// Seals and opens with one data key.
pub struct Sealer {
    key_id: String,
    key: SecretBox<[u8; KEY_BYTES]>,
}

impl Sealer {
    /// Takes a data key. The caller's copy is the caller's to wipe.
    #[must_use]
    pub fn new(key: &[u8; KEY_BYTES]) -> Self {
        let mut hash = Sha256::new();
        hash.update(b"countersign data key");
        hash.update(key);
        let key_id = super::hex(&hash.finalize()[..4]);
        Self { key_id, key: SecretBox::new(Box::new(*key)) }
    }

    /// Seals a secret for one field of an item.
    ///
    /// # Errors
    /// [`Error::Refused`] when it is larger than the cipher takes (64 GiB).
    pub fn seal(&self, plaintext: &SecretString, aad: &str, world: &World) -> Result<String, Error> {
        let nonce = world.random::<NONCE_BYTES>();
        let payload = Payload { msg: plaintext.expose_secret().as_bytes(), aad: aad.as_bytes() };
        let sealed = self.cipher().encrypt(&Nonce::from(nonce), payload).map_err(|_| Error::Refused)?;
        let mut bytes = nonce.to_vec();
        bytes.extend_from_slice(&sealed);
        Ok(format!("v1.{}.{}", self.key_id, URL_SAFE_NO_PAD.encode(bytes)))
    }

    /// Opens what was sealed for this field.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn open(&self, sealed: &str, aad: &str) -> Result<SecretString, Error> {
        let (key_id, body) =
            sealed.strip_prefix("v1.").and_then(|rest| rest.split_once('.')).ok_or(Error::Malformed)?;
        let bytes = URL_SAFE_NO_PAD.decode(body).map_err(|_| Error::Malformed)?;
        let (nonce, ciphertext) = bytes.split_first_chunk::<NONCE_BYTES>().ok_or(Error::Malformed)?;
        if key_id != self.key_id {
            return Err(Error::OtherKey);
        }
        let payload = Payload { msg: ciphertext, aad: aad.as_bytes() };
        let opened = self.cipher().decrypt(&Nonce::from(*nonce), payload).map_err(|_| Error::Refused)?;
        let opened = Zeroizing::new(opened);
        Ok(std::str::from_utf8(&opened).map_err(|_| Error::Refused)?.into())
    }

    /// A digest of these parts that only who has the data key can compute. For each `purpose` it is another.
    #[must_use]
    pub fn digest(&self, purpose: &str, parts: &[&[u8]]) -> [u8; 32] {
        let key = Zeroizing::new(super::hmac_sha256(self.key.expose_secret(), &[b"countersign ", purpose.as_bytes()]));
        super::hmac_sha256(&*key, parts)
    }

    fn cipher(&self) -> Aes256Gcm {
        Aes256Gcm::new(self.key.expose_secret().into())
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealer").field("key_id", &self.key_id).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const AAD: &str = "CON#con_1|CON|app_secret";

    fn sealed() -> (Sealer, String) {
        let sealer = Sealer::new(&[7; KEY_BYTES]);
        let sealed = sealer.seal(&"s3cret ä".into(), AAD, &World::system()).unwrap();
        (sealer, sealed)
    }

    #[test]
    fn what_is_sealed_opens_and_is_never_sealed_the_same_twice() {
        let (sealer, first) = sealed();
        let (_, second) = sealed();
        assert_ne!(first, second);
        assert!(!first.contains("s3cret"));
        assert_eq!(sealer.open(&first, AAD).unwrap().expose_secret(), "s3cret ä");
        let empty = sealer.seal(&"".into(), AAD, &World::system()).unwrap();
        assert_eq!(sealer.open(&empty, AAD).unwrap().expose_secret(), "");
    }

    #[test]
    fn another_key_or_another_place_opens_nothing() {
        let (sealer, sealed) = sealed();
        let other = Sealer::new(&[8; KEY_BYTES]);
        assert_eq!(other.open(&sealed, AAD).unwrap_err(), Error::OtherKey);
        let body = sealed.splitn(3, '.').nth(2).unwrap();
        let forged = format!("v1.{}.{body}", other.key_id);
        assert_eq!(other.open(&forged, AAD).unwrap_err(), Error::Refused);
        assert_eq!(sealer.open(&sealed, "CON#con_2|CON|app_secret").unwrap_err(), Error::Refused);
    }

    #[test]
    fn damaged_values_are_refused() {
        let (sealer, sealed) = sealed();
        let (head, body) = sealed.rsplit_once('.').unwrap();
        let bytes = URL_SAFE_NO_PAD.decode(body).unwrap();
        let again = |bytes: &[u8]| format!("{head}.{}", URL_SAFE_NO_PAD.encode(bytes));
        for index in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[index] ^= 1;
            assert_eq!(sealer.open(&again(&changed), AAD).unwrap_err(), Error::Refused, "byte {index}");
        }
        for length in NONCE_BYTES..bytes.len() {
            assert_eq!(sealer.open(&again(&bytes[..length]), AAD).unwrap_err(), Error::Refused, "{length} bytes");
        }
        let short = format!("v1.{}.AAAA", sealer.key_id);
        for bad in ["", "v1", "v1.", "v1.a", "v2.a.b", "s3cret", "v1.a.!!", &short] {
            assert_eq!(sealer.open(bad, AAD).unwrap_err(), Error::Malformed, "{bad}");
        }
    }

    #[test]
    fn the_messages_are_fixed() {
        assert_eq!(Error::Malformed.to_string(), "not a sealed value");
        assert_eq!(Error::OtherKey.to_string(), "sealed with another data key");
        assert_eq!(Error::Refused.to_string(), "the sealed value was changed or belongs elsewhere");
        assert!(!format!("{:?}", Sealer::new(&[7; KEY_BYTES])).contains("7, 7"));
    }
}
