//! The encrypted envelope that DingTalk and WeCom share: AES-256-CBC and a SHA-1 signature.
//!
//! ```text
//! plain     = random(16) || u32_be(len(message)) || message || owner
//! encrypt   = base64(AES-256-CBC(key, iv = key[0..16], plain padded to 32 as in PKCS #7))
//! signature = hex(SHA-1(concatenation of token, timestamp, nonce, encrypt, sorted by bytes))
//! ```
//!
//! What comes in takes three steps, each its own type: text becomes [`Verified`] by its signature, and only that
//! becomes [`Decrypted`]. Nobody can read a message whose signature was not checked.

use std::fmt;
use std::sync::LazyLock;

use aes::Aes256;
use base64::Engine as _;
use base64::engine::{DecodePaddingMode, GeneralPurposeConfig};
use cbc::cipher::array::Array;
use cbc::cipher::{BlockModeDecrypt, BlockModeEncrypt, KeyIvInit};
use secrecy::{ExposeSecret, SecretString};
use sha1::{Digest, Sha1};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// Random bytes in front of the message.
const PREFIX: usize = 16;
/// Bytes before the message: the random prefix and the message's length.
const HEADER: usize = PREFIX + 4;
/// The padding fills up to multiples of this, twice the cipher's block: a usual PKCS #7 unpadder refuses 17 to 32.
const PADDED_TO: usize = 32;
/// Characters of an AES key as the platforms show it: base64 of 32 bytes without its `=`.
pub const AES_KEY_CHARACTERS: usize = 43;

/// 43 characters hold 258 bits, and the platforms leave the two spare ones as they fall: engines that insist on
/// zeros refuse real keys.
const BASE64_CONFIG: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_allow_trailing_bits(true)
    .with_decode_padding_mode(DecodePaddingMode::Indifferent);

/// A fifth of the scalar engine's time, which is most of what a callback costs beside the cipher and the hash.
#[cfg(any(target_arch = "x86_64", all(target_arch = "aarch64", target_feature = "neon")))]
pub(crate) static BASE64: LazyLock<base64::engine::Simd> =
    LazyLock::new(|| base64::engine::Simd::standard(BASE64_CONFIG));
#[cfg(not(any(target_arch = "x86_64", all(target_arch = "aarch64", target_feature = "neon"))))]
pub(crate) static BASE64: LazyLock<base64::engine::GeneralPurpose> =
    LazyLock::new(|| base64::engine::GeneralPurpose::new(&base64::alphabet::STANDARD, BASE64_CONFIG));

/// An AES key that is not 43 characters of base64.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an AES key has 43 letters and digits and decodes to 32 bytes")]
pub struct InvalidAesKey;

/// Why an envelope was not opened. It says no more, so that an attacker learns no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    /// The signature does not match the token.
    #[error("the signature does not match")]
    BadSignature,
    /// It is signed but cannot be decrypted with this key.
    #[error("the content cannot be decrypted with this key")]
    Malformed,
}

/// The token and AES key of one callback URL.
#[derive(Clone)]
pub struct Keys {
    aes: Zeroizing<[u8; 32]>,
    token: SecretString,
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keys([REDACTED])")
    }
}

/// An encrypted text whose signature was checked.
#[derive(Debug)]
pub struct Verified<'a> {
    encrypt: &'a str,
}

/// A verified and decrypted message, with the owner that it was encrypted for.
pub struct Decrypted {
    plain: Vec<u8>,
    message_end: usize,
}

impl fmt::Debug for Decrypted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Decrypted({} bytes)", self.message().len())
    }
}

impl Decrypted {
    /// The message.
    #[must_use]
    pub fn message(&self) -> &[u8] {
        self.plain.get(HEADER..self.message_end).unwrap_or_default()
    }

    /// The app or corporation that it was encrypted for. The caller must compare it with its own.
    #[must_use]
    pub fn owner(&self) -> &[u8] {
        self.plain.get(self.message_end..).unwrap_or_default()
    }
}

impl Keys {
    /// Keys from the token and the 43 characters of the AES key.
    ///
    /// # Errors
    /// [`InvalidAesKey`] unless the key is 43 characters that decode to 32 bytes.
    pub fn new(token: &SecretString, aes_key: &SecretString) -> Result<Self, InvalidAesKey> {
        let text = aes_key.expose_secret();
        let mut aes = Zeroizing::new([0; 32]);
        if text.len() != AES_KEY_CHARACTERS || BASE64.decode_slice(text, aes.as_mut_slice()) != Ok(aes.len()) {
            return Err(InvalidAesKey);
        }
        Ok(Self { aes, token: token.clone() })
    }

    /// The signature of an encrypted text: 40 lower-case hexadecimal digits.
    #[must_use]
    pub fn signature(&self, timestamp: &str, nonce: &str, encrypt: &str) -> String {
        String::from_utf8_lossy(&self.signature_digits(timestamp, nonce, encrypt)).into_owned()
    }

    /// Checks a signature, in constant time.
    ///
    /// # Errors
    /// [`EnvelopeError::BadSignature`].
    pub fn verify<'a>(
        &self,
        signature: &str,
        timestamp: &str,
        nonce: &str,
        encrypt: &'a str,
    ) -> Result<Verified<'a>, EnvelopeError> {
        let expected = self.signature_digits(timestamp, nonce, encrypt);
        if bool::from(expected.as_slice().ct_eq(signature.as_bytes())) {
            Ok(Verified { encrypt })
        } else {
            Err(EnvelopeError::BadSignature)
        }
    }

    /// Decrypts what [`Keys::verify`] let through.
    ///
    /// # Errors
    /// [`EnvelopeError::Malformed`]: not base64, not whole blocks, or padding or length that do not fit.
    pub fn decrypt(&self, verified: Verified<'_>) -> Result<Decrypted, EnvelopeError> {
        let mut plain = BASE64.decode(verified.encrypt).map_err(|_| EnvelopeError::Malformed)?;
        let (blocks, rest) = Array::slice_as_chunks_mut(&mut plain);
        if !rest.is_empty() {
            return Err(EnvelopeError::Malformed);
        }
        let (key, iv) = self.key_and_iv();
        cbc::Decryptor::<Aes256>::new(&key, &iv).decrypt_blocks(blocks);
        strip_padding(&mut plain)?;
        let message_end = message_end(&plain)?;
        Ok(Decrypted { plain, message_end })
    }

    /// Encrypts a message for an owner: base64. The random bytes must be new for every message.
    #[must_use]
    pub fn encrypt(&self, random: [u8; PREFIX], message: &[u8], owner: &[u8]) -> String {
        let mut bytes = frame(random, message, owner);
        pad(&mut bytes, PADDED_TO);
        let (blocks, _) = Array::slice_as_chunks_mut(&mut bytes);
        let (key, iv) = self.key_and_iv();
        cbc::Encryptor::<Aes256>::new(&key, &iv).encrypt_blocks(blocks);
        BASE64.encode(bytes)
    }

    fn key_and_iv(&self) -> (aes::cipher::Key<Aes256>, aes::Block) {
        let mut iv = [0; 16];
        iv.copy_from_slice(&self.aes[..16]);
        ((*self.aes).into(), iv.into())
    }

    fn signature_digits(&self, timestamp: &str, nonce: &str, encrypt: &str) -> [u8; 40] {
        sorted_sha1([self.token.expose_secret(), timestamp, nonce, encrypt])
    }
}

/// What is encrypted, before it is padded: the random bytes, the message's length, the message, and whom it is for.
pub(crate) fn frame(random: [u8; PREFIX], message: &[u8], owner: &[u8]) -> Vec<u8> {
    // Messages are ours and short; the length field holds up to 4 GiB.
    let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
    let mut bytes = Vec::with_capacity(HEADER + message.len() + owner.len() + PADDED_TO);
    bytes.extend_from_slice(&random);
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(message);
    bytes.extend_from_slice(owner);
    bytes
}

/// Message and owner of what [`frame`] made.
///
/// # Errors
/// [`EnvelopeError::Malformed`]: shorter than it says.
pub(crate) fn unframe(plain: &[u8]) -> Result<(&[u8], &[u8]), EnvelopeError> {
    let end = message_end(plain)?;
    Ok((plain.get(HEADER..end).unwrap_or_default(), plain.get(end..).unwrap_or_default()))
}

/// Fills up to a multiple of `to`, at most 255, as in PKCS #7.
pub(crate) fn pad(bytes: &mut Vec<u8>, to: usize) {
    let pad = to - bytes.len() % to;
    bytes.resize(bytes.len() + pad, u8::try_from(pad).unwrap_or_default());
}

/// 40 lower-case hexadecimal digits: the SHA-1 of these texts one after the other, sorted by bytes.
pub(crate) fn sorted_sha1(mut parts: [&str; 4]) -> [u8; 40] {
    parts.sort_unstable();
    let mut hash = Sha1::new();
    for part in parts {
        hash.update(part);
    }
    hex_digits(hash.finalize().into())
}

/// `length` random letters and digits, from a source of random bytes. As 43 of them it is a fit AES key, as 32 a fit
/// token: the platforms' consoles take nothing but letters and digits.
#[must_use]
pub fn random_text(mut fill: impl FnMut(&mut [u8]), length: usize) -> SecretString {
    const LETTERS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let mut text = String::with_capacity(length);
    let mut bytes = Zeroizing::new([0; 64]);
    while text.len() < length {
        fill(bytes.as_mut_slice());
        // 248 is the largest multiple of 62 in a byte: beyond it, some letters would be likelier than others.
        let fair = bytes.iter().filter(|byte| **byte < 248);
        text.extend(fair.take(length - text.len()).map(|byte| char::from(LETTERS[usize::from(byte % 62)])));
    }
    text.into()
}

/// Takes off a padding of 1 to 32 bytes; only its length is believed.
///
/// # Errors
/// [`EnvelopeError::Malformed`].
pub(crate) fn strip_padding(plain: &mut Vec<u8>) -> Result<(), EnvelopeError> {
    let pad = usize::from(*plain.last().ok_or(EnvelopeError::Malformed)?);
    if !(1..=PADDED_TO).contains(&pad) {
        return Err(EnvelopeError::Malformed);
    }
    let kept = plain.len().checked_sub(pad).ok_or(EnvelopeError::Malformed)?;
    plain.truncate(kept);
    Ok(())
}

fn message_end(plain: &[u8]) -> Result<usize, EnvelopeError> {
    let length = plain.get(PREFIX..HEADER).and_then(|bytes| <[u8; 4]>::try_from(bytes).ok());
    let length = u32::from_be_bytes(length.ok_or(EnvelopeError::Malformed)?);
    let end = usize::try_from(length).ok().and_then(|length| HEADER.checked_add(length));
    end.filter(|end| *end <= plain.len()).ok_or(EnvelopeError::Malformed)
}

fn hex_digits(digest: [u8; 20]) -> [u8; 40] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = [0; 40];
    for (pair, byte) in text.chunks_exact_mut(2).zip(digest) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 15)];
    }
    text
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn vectors(group: &str) -> Vec<Value> {
        let file: Value = serde_json::from_str(include_str!("../../../tests/fixtures/dingtalk_callback.json")).unwrap();
        file[group].as_array().unwrap().clone()
    }

    fn keys(vector: &Value) -> Keys {
        let [token, key] = ["token", "aes_key"].map(|name| SecretString::from(text(vector, name)));
        Keys::new(&token, &key).unwrap()
    }

    fn text<'a>(vector: &'a Value, name: &str) -> &'a str {
        vector[name].as_str().unwrap()
    }

    fn open(vector: &Value) -> Result<Decrypted, EnvelopeError> {
        let keys = keys(vector);
        let [signature, timestamp, nonce, encrypt] =
            ["signature", "timestamp", "nonce", "encrypt"].map(|name| text(vector, name));
        keys.decrypt(keys.verify(signature, timestamp, nonce, encrypt)?)
    }

    #[test]
    fn envelopes_made_by_others_open_and_are_made_again_byte_for_byte() {
        let all: Vec<_> = vectors("vectors").into_iter().chain(vectors("published")).collect();
        assert_eq!(all.len(), 10);
        for vector in all {
            let name = text(&vector, "name");
            let opened = open(&vector).expect(name);
            assert_eq!(opened.message(), text(&vector, "plaintext").as_bytes(), "{name}");
            assert_eq!(opened.owner(), text(&vector, "owner_key").as_bytes(), "{name}");

            let random = text(&vector, "random16").as_bytes().try_into().unwrap();
            let keys = keys(&vector);
            let encrypt = keys.encrypt(random, opened.message(), opened.owner());
            assert_eq!(encrypt, text(&vector, "encrypt"), "{name}");
            let signature = keys.signature(text(&vector, "timestamp"), text(&vector, "nonce"), &encrypt);
            assert_eq!(signature, text(&vector, "signature"), "{name}");
        }
    }

    #[test]
    fn changed_envelopes_are_refused() {
        for vector in vectors("negative") {
            let name = text(&vector, "name");
            match (name, open(&vector)) {
                ("wrong_owner", Ok(opened)) => assert_ne!(opened.owner(), text(&vector, "owner_key").as_bytes()),
                ("padding_corrupt_resigned", Ok(opened)) => {
                    assert_ne!(opened.owner(), text(&vector, "owner_key").as_bytes());
                }
                ("padding_corrupt_resigned", Err(error)) => assert_eq!(error, EnvelopeError::Malformed),
                (_, result) => assert_eq!(result.unwrap_err(), EnvelopeError::BadSignature, "{name}"),
            }
        }
    }

    #[test]
    fn aes_keys_have_43_characters() {
        let token = SecretString::from("t");
        for bad in ["", "abc", &"A".repeat(42), &"A".repeat(44), &"é".repeat(21), &format!("{}=", "A".repeat(42))] {
            assert_eq!(Keys::new(&token, &SecretString::from(bad)).unwrap_err(), InvalidAesKey, "{bad}");
        }
        assert!(Keys::new(&token, &SecretString::from("z".repeat(43))).is_ok(), "spare bits are ignored");
    }

    #[test]
    fn secrets_are_not_shown() {
        let vector = &vectors("vectors")[0];
        let shown = format!("{:?} {:?}", keys(vector), open(vector).unwrap());
        assert_eq!(shown, "Keys([REDACTED]) Decrypted(25 bytes)");
    }

    #[test]
    fn random_texts_are_letters_and_digits() {
        let mut next = 0_u8;
        let fill = |buffer: &mut [u8]| {
            buffer.fill_with(|| {
                next = next.wrapping_add(37);
                next
            });
        };
        let text = random_text(fill, AES_KEY_CHARACTERS);
        assert!(text.expose_secret().bytes().all(|b| b.is_ascii_alphanumeric()));
        assert!(Keys::new(&SecretString::from("t"), &text).is_ok());
    }

    proptest! {
        #[test]
        fn what_is_encrypted_opens(message in prop::collection::vec(any::<u8>(), 0..200), owner in "[a-z0-9]{0,40}") {
            let keys = keys(&vectors("vectors")[1]);
            let encrypt = keys.encrypt([7; 16], &message, owner.as_bytes());
            let signature = keys.signature("1", "n", &encrypt);
            let opened = keys.decrypt(keys.verify(&signature, "1", "n", &encrypt).unwrap()).unwrap();
            prop_assert_eq!(opened.message(), &message[..]);
            prop_assert_eq!(opened.owner(), owner.as_bytes());
        }

        #[test]
        fn signed_garbage_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..130)) {
            let keys = keys(&vectors("vectors")[1]);
            let encrypt = BASE64.encode(bytes);
            let signature = keys.signature("1", "n", &encrypt);
            let _ = keys.decrypt(keys.verify(&signature, "1", "n", &encrypt).unwrap());
        }
    }
}
