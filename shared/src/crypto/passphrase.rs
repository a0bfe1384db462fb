//! The encrypted envelope whose key is a passphrase, as Feishu has it: AES-256-CBC and a SHA-256 signature.
//!
//! ```text
//! key       = SHA-256(passphrase)
//! encrypt   = base64(iv(16) || AES-256-CBC(key, iv, message padded to 16 as in PKCS #7))
//! signature = hex(SHA-256(timestamp || nonce || passphrase || body))
//! ```
//!
//! The signature covers the body as it came in, so it is checked before anything is read of it. It is not part of the
//! envelope: one kind of message, the platform's check of the URL, is encrypted and carries none.

use std::fmt;

use aes::Aes256;
use base64::Engine as _;
use cbc::cipher::array::Array;
use cbc::cipher::{BlockModeDecrypt, BlockModeEncrypt, KeyIvInit};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::envelope::{BASE64, EnvelopeError};

/// Bytes of a block of the cipher, and of the initial vector.
const BLOCK: usize = 16;

/// A passphrase and the key that is made of it.
pub struct Passphrase<'a> {
    text: &'a SecretString,
    key: Zeroizing<[u8; 32]>,
}

impl fmt::Debug for Passphrase<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase([REDACTED])")
    }
}

impl<'a> Passphrase<'a> {
    /// The key of a passphrase: any text.
    #[must_use]
    pub fn new(text: &'a SecretString) -> Self {
        Self { text, key: Zeroizing::new(Sha256::digest(text.expose_secret()).into()) }
    }

    /// The signature of a body: 64 lower-case hexadecimal digits.
    #[must_use]
    pub fn signature(&self, timestamp: &str, nonce: &str, body: &[u8]) -> String {
        String::from_utf8_lossy(&self.signature_digits(timestamp, nonce, body)).into_owned()
    }

    /// Checks a signature, in constant time. Digits of either case are right.
    ///
    /// # Errors
    /// [`EnvelopeError::BadSignature`].
    pub fn verify(&self, signature: &str, timestamp: &str, nonce: &str, body: &[u8]) -> Result<(), EnvelopeError> {
        let expected = self.signature_digits(timestamp, nonce, body);
        let told = signature.to_ascii_lowercase();
        if bool::from(expected.as_slice().ct_eq(told.as_bytes())) { Ok(()) } else { Err(EnvelopeError::BadSignature) }
    }

    /// Decrypts a base64 text.
    ///
    /// # Errors
    /// [`EnvelopeError::Malformed`]: not base64, not whole blocks, or padding that does not fit.
    pub fn decrypt(&self, encrypt: &str) -> Result<Vec<u8>, EnvelopeError> {
        let mut bytes = BASE64.decode(encrypt).map_err(|_| EnvelopeError::Malformed)?;
        let (blocks, rest) = Array::slice_as_chunks_mut(&mut bytes);
        let [iv, blocks @ ..] = blocks else { return Err(EnvelopeError::Malformed) };
        if !rest.is_empty() || blocks.is_empty() {
            return Err(EnvelopeError::Malformed);
        }
        cbc::Decryptor::<Aes256>::new(&(*self.key).into(), iv).decrypt_blocks(blocks);
        let end = message_end(&bytes).ok_or(EnvelopeError::Malformed)?;
        bytes.truncate(end);
        bytes.drain(..BLOCK);
        Ok(bytes)
    }

    /// Encrypts a message: base64. The initial vector must be new for every message.
    #[must_use]
    pub fn encrypt(&self, iv: [u8; BLOCK], message: &[u8]) -> String {
        let pad = BLOCK - message.len() % BLOCK;
        let mut bytes = Vec::with_capacity(BLOCK + message.len() + pad);
        bytes.extend_from_slice(&iv);
        bytes.extend_from_slice(message);
        bytes.resize(BLOCK + message.len() + pad, u8::try_from(pad).unwrap_or_default());
        let (blocks, _) = Array::slice_as_chunks_mut(&mut bytes[BLOCK..]);
        cbc::Encryptor::<Aes256>::new(&(*self.key).into(), &iv.into()).encrypt_blocks(blocks);
        BASE64.encode(bytes)
    }

    fn signature_digits(&self, timestamp: &str, nonce: &str, body: &[u8]) -> [u8; 64] {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut hash = Sha256::new();
        hash.update(timestamp);
        hash.update(nonce);
        hash.update(self.text.expose_secret());
        hash.update(body);
        let mut text = [0; 64];
        for (pair, byte) in text.chunks_exact_mut(2).zip(hash.finalize()) {
            pair[0] = DIGITS[usize::from(byte >> 4)];
            pair[1] = DIGITS[usize::from(byte & 15)];
        }
        text
    }
}

/// Where the message ends: before a padding of 1 to 16 bytes that all hold its length.
fn message_end(bytes: &[u8]) -> Option<usize> {
    let last = *bytes.last()?;
    let pad = usize::from(last);
    let end = bytes.len().checked_sub(pad).filter(|_| (1..=BLOCK).contains(&pad))?;
    bytes[end..].iter().all(|byte| *byte == last).then_some(end)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn vectors() -> Value {
        serde_json::from_str(include_str!("../../../tests/fixtures/feishu_event.json")).unwrap()
    }

    fn text<'a>(vector: &'a Value, name: &str) -> &'a str {
        vector[name].as_str().unwrap()
    }

    /// The texts that other people's code encrypted: passphrase, encrypted, plain, initial vector.
    fn encrypted() -> Vec<(SecretString, String, String, Option<String>)> {
        let all = vectors();
        let events = all["events"].as_array().unwrap().iter().map(|vector| (vector, "encrypt_key"));
        let single =
            [(&all["url_verification"], "encrypt_key"), (&all["external_action_callback"], "action_callback_key")];
        let only = all["decrypt_only"].as_array().unwrap().iter().map(|vector| (vector, "encrypt_key"));
        let read = |(vector, key): (&Value, &str)| {
            let iv = vector["iv_hex"].as_str().map(str::to_owned);
            (text(vector, key).into(), text(vector, "encrypt").to_owned(), text(vector, "plaintext").to_owned(), iv)
        };
        events.chain(single).chain(only).map(read).collect()
    }

    #[test]
    fn texts_made_by_others_open_and_are_made_again_byte_for_byte() {
        let all = encrypted();
        assert_eq!(all.len(), 6);
        for (secret, encrypt, plain, iv) in all {
            let passphrase = Passphrase::new(&secret);
            assert_eq!(passphrase.decrypt(&encrypt).unwrap(), plain.as_bytes());
            if let Some(iv) = iv {
                let bytes = (0..BLOCK).map(|at| u8::from_str_radix(&iv[at * 2..at * 2 + 2], 16).unwrap());
                let iv = <[u8; BLOCK]>::try_from(bytes.collect::<Vec<u8>>()).unwrap();
                assert_eq!(passphrase.encrypt(iv, plain.as_bytes()), encrypt);
            }
        }
    }

    #[test]
    fn signatures_made_by_others_fit_and_changed_ones_do_not() {
        for vector in vectors()["events"].as_array().unwrap() {
            let secret = SecretString::from(text(vector, "encrypt_key"));
            let passphrase = Passphrase::new(&secret);
            let [timestamp, nonce, body, signature] =
                ["timestamp", "nonce", "raw_body", "signature"].map(|name| text(vector, name));
            let fits =
                |signature: &str, body: &str| passphrase.verify(signature, timestamp, nonce, body.as_bytes()).is_ok();
            assert_eq!(passphrase.signature(timestamp, nonce, body.as_bytes()), signature);
            assert!(fits(signature, body) && fits(&signature.to_uppercase(), body), "{vector}");
            assert!(!fits(signature, &format!("{body} ")) && !fits("", body) && !fits(&signature[1..], body));
            let first = if signature.starts_with('0') { "1" } else { "0" };
            assert!(!fits(&format!("{first}{}", &signature[1..]), body));
        }
    }

    #[test]
    fn the_padding_must_fit_in_every_byte() {
        let mut message = vec![b'x'; 13];
        message.extend([3, 3, 3]);
        assert_eq!(message_end(&message), Some(13));
        message[14] = 4;
        assert_eq!(message_end(&message), None);
        for last in [0, 17, 255] {
            assert_eq!(message_end(&[vec![last; 15], vec![last]].concat()), None, "{last}");
        }
        assert_eq!(message_end(&[]), None);
    }

    #[test]
    fn a_wrong_passphrase_opens_nothing() {
        let wrong = SecretString::from("another passphrase");
        for (_, encrypt, plain, _) in encrypted() {
            let opened = Passphrase::new(&wrong).decrypt(&encrypt);
            assert!(opened.is_err() || opened.is_ok_and(|opened| opened != plain.as_bytes()));
        }
        assert_eq!(format!("{:?}", Passphrase::new(&wrong)), "Passphrase([REDACTED])");
    }

    proptest! {
        #[test]
        fn what_is_encrypted_opens(message in prop::collection::vec(any::<u8>(), 0..200), secret in ".{0,20}") {
            let secret = SecretString::from(secret);
            let passphrase = Passphrase::new(&secret);
            prop_assert_eq!(passphrase.decrypt(&passphrase.encrypt([7; 16], &message)).unwrap(), message);
        }

        #[test]
        fn garbage_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..130), text in ".{0,60}") {
            let secret = SecretString::from("k");
            let _ = Passphrase::new(&secret).decrypt(&BASE64.encode(bytes));
            prop_assert!(Passphrase::new(&secret).decrypt(&text).is_err() || !text.is_empty());
        }
    }
}
