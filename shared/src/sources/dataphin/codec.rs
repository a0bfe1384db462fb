//! The cipher and signature of a callback. The default is DingTalk's envelope, out of [`crate::crypto::envelope`]; what Dataphin may do
//! otherwise is a setting each. Both directions, so that what was sealed can be opened again for a comparison.

use std::fmt;

use aes::cipher::{BlockCipherDecrypt, BlockCipherEncrypt, InvalidLength, KeyInit};
use aes::{Aes128, Aes192, Aes256, Block};
use base64::Engine as _;
use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::callback_format::{find, is, or};
use super::settings::{ACCESS_TOKEN, AES_KEY, TOKEN, opened};
use crate::clock::World;
use crate::crypto::envelope::{AES_KEY_CHARACTERS, BASE64, frame, pad, sorted_sha1, strip_padding, unframe};
use crate::sources::{Receiver, Unsendable};

/// Bytes of a block, and of an initialisation vector.
const BLOCK: usize = 16;

/// AES with a key of one of its three lengths.
#[derive(Clone)]
enum Aes {
    Short(Box<Aes128>),
    Middle(Box<Aes192>),
    Long(Box<Aes256>),
}

impl Aes {
    fn new(key: &[u8]) -> Result<Self, InvalidLength> {
        Ok(match key.len() {
            16 => Self::Short(Box::new(Aes128::new_from_slice(key)?)),
            24 => Self::Middle(Box::new(Aes192::new_from_slice(key)?)),
            _ => Self::Long(Box::new(Aes256::new_from_slice(key)?)),
        })
    }

    fn encrypt(&self, block: [u8; BLOCK]) -> [u8; BLOCK] {
        let mut block = Block::from(block);
        match self {
            Self::Short(aes) => aes.encrypt_block(&mut block),
            Self::Middle(aes) => aes.encrypt_block(&mut block),
            Self::Long(aes) => aes.encrypt_block(&mut block),
        }
        block.into()
    }

    fn decrypt(&self, block: [u8; BLOCK]) -> [u8; BLOCK] {
        let mut block = Block::from(block);
        match self {
            Self::Short(aes) => aes.decrypt_block(&mut block),
            Self::Middle(aes) => aes.decrypt_block(&mut block),
            Self::Long(aes) => aes.decrypt_block(&mut block),
        }
        block.into()
    }
}

/// How blocks are chained, and where the first one's initialisation vector comes from.
#[derive(Clone, Copy)]
enum Chain {
    /// Not at all.
    Ecb,
    /// CBC with this vector, which the receiver knows.
    Known([u8; BLOCK]),
    /// CBC with a random vector, sent in front.
    Prefixed,
}

/// How callbacks are sealed: key and settings, read.
#[derive(Clone)]
pub struct Codec {
    aes: Aes,
    chain: Chain,
    padded_to: usize,
    /// Whether the message stands in DingTalk's frame: random bytes, length, message, owner.
    framed: bool,
    owner: SecretString,
    token: Option<SecretString>,
}

impl fmt::Debug for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Codec([REDACTED])")
    }
}

/// Why a sealed text was not opened, for whoever holds the key and compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// Not base64.
    #[error("the ciphertext is not base64")]
    NotBase64,
    /// Nothing, or a broken block.
    #[error("the ciphertext is not a whole number of 16-byte blocks: another `iv` or encoding?")]
    NotBlocks,
    /// What follows the message is no padding.
    #[error("the last byte is no padding of 1 to 32: another key, `key_encoding`, `mode` or `iv`?")]
    BadPadding,
    /// The length does not fit.
    #[error("the length before the message does not fit: another key, `frame`, `mode` or `iv`?")]
    BadFrame,
}

/// What was sealed.
#[derive(Clone, PartialEq, Eq)]
pub struct Opened {
    /// The message.
    pub message: Vec<u8>,
    /// Whom it is for; `None` where the frame has no place for it.
    pub owner: Option<Vec<u8>>,
}

impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Opened({} bytes)", self.message.len())
    }
}

impl Codec {
    /// Reads a receiver's settings and secrets.
    ///
    /// # Errors
    /// What is missing, or does not fit.
    pub fn of(receiver: &Receiver) -> Result<Self, Unsendable> {
        let key = key(receiver)?;
        let aes = Aes::new(&key).map_err(|_| UNFIT)?;
        let mut known = [0; BLOCK];
        if is(receiver, "iv", "key_prefix") {
            known.copy_from_slice(key.get(..BLOCK).ok_or(UNFIT)?);
        }
        let chain = match (or(receiver, "mode"), or(receiver, "iv")) {
            ("ecb", _) => Chain::Ecb,
            (_, "random_prefixed") => Chain::Prefixed,
            _ => Chain::Known(known),
        };
        Ok(Self {
            aes,
            chain,
            padded_to: if is(receiver, "padding", "pkcs7_16") { 16 } else { 32 },
            framed: is(receiver, "frame", "dingtalk"),
            owner: owner(receiver)?,
            token: token(receiver)?,
        })
    }

    /// Encrypts a message: base64. No two are the same where the settings let there be anything random in them.
    #[must_use]
    pub fn seal(&self, message: &[u8], world: &World) -> String {
        let mut plain = match self.framed {
            true => frame(world.random(), message, self.owner.expose_secret().as_bytes()),
            false => message.to_vec(),
        };
        pad(&mut plain, self.padded_to);
        BASE64.encode(self.encrypt(&plain, world))
    }

    /// Decrypts what was sealed, here or elsewhere. A padding of 1 to 32 is taken whatever the setting says: encoders differ.
    ///
    /// # Errors
    /// What does not fit.
    pub fn open(&self, encrypt: &str) -> Result<Opened, OpenError> {
        let text: String = encrypt.split_ascii_whitespace().collect();
        let bytes = BASE64.decode(text).map_err(|_| OpenError::NotBase64)?;
        let mut plain = self.decrypt(&bytes)?;
        strip_padding(&mut plain).map_err(|_| OpenError::BadPadding)?;
        if !self.framed {
            return Ok(Opened { message: plain, owner: None });
        }
        let (message, owner) = unframe(&plain).map_err(|_| OpenError::BadFrame)?;
        Ok(Opened { message: message.to_vec(), owner: Some(owner.to_vec()) })
    }

    /// Whether what was opened is for the owner that the settings name.
    #[must_use]
    pub fn is_for_us(&self, opened: &Opened) -> bool {
        let ours = self.owner.expose_secret().as_bytes();
        opened.owner.as_deref().is_none_or(|owner| bool::from(owner.ct_eq(ours)))
    }

    /// The signature of a sealed text: 40 lower-case hexadecimal digits. `None` where the settings ask for none.
    #[must_use]
    pub fn signature(&self, timestamp: &str, nonce: &str, encrypt: &str) -> Option<String> {
        let token = self.token.as_ref()?;
        let digits = sorted_sha1([token.expose_secret(), timestamp, nonce, encrypt]);
        Some(String::from_utf8_lossy(&digits).into_owned())
    }

    fn encrypt(&self, plain: &[u8], world: &World) -> Vec<u8> {
        let mut out = Vec::with_capacity(plain.len() + BLOCK);
        let mut last = match self.chain {
            Chain::Ecb => [0; BLOCK],
            Chain::Known(iv) => iv,
            Chain::Prefixed => {
                let iv = world.random();
                out.extend_from_slice(&iv);
                iv
            }
        };
        for block in blocks(plain) {
            last = match self.chain {
                Chain::Ecb => self.aes.encrypt(block),
                Chain::Known(_) | Chain::Prefixed => self.aes.encrypt(xor(block, last)),
            };
            out.extend_from_slice(&last);
        }
        out
    }

    fn decrypt(&self, sealed: &[u8]) -> Result<Vec<u8>, OpenError> {
        let whole = !sealed.is_empty() && sealed.len().is_multiple_of(BLOCK);
        let mut blocks = blocks(sealed);
        let mut last = match self.chain {
            Chain::Ecb => [0; BLOCK],
            Chain::Known(iv) => iv,
            Chain::Prefixed => blocks.next().ok_or(OpenError::NotBlocks)?,
        };
        if !whole {
            return Err(OpenError::NotBlocks);
        }
        let mut plain = Vec::with_capacity(sealed.len());
        for block in blocks {
            let opened = self.aes.decrypt(block);
            plain.extend_from_slice(&match self.chain {
                Chain::Ecb => opened,
                Chain::Known(_) | Chain::Prefixed => xor(opened, last),
            });
            last = block;
        }
        Ok(plain)
    }
}

const UNFIT: Unsendable = Unsendable(
    "the source's `encoding_aes_key` does not fit its `key_encoding`: dingtalk43 takes 43 characters of base64, \
        the others 16, 24 or 32 bytes",
);

/// The key's bytes.
fn key(receiver: &Receiver) -> Result<Zeroizing<Vec<u8>>, Unsendable> {
    let text = opened(receiver, AES_KEY).ok_or(Unsendable("the source has no `encoding_aes_key`"))?.expose_secret();
    let encoding = or(receiver, "key_encoding");
    let text = text.trim();
    let bare = text.strip_suffix('=').unwrap_or(text);
    let key = Zeroizing::new(match encoding {
        "utf8" => text.as_bytes().to_vec(),
        "dingtalk43" if bare.len() != AES_KEY_CHARACTERS => return Err(UNFIT),
        _ => BASE64.decode(text).map_err(|_| UNFIT)?,
    });
    if matches!(key.len(), 16 | 24 | 32) { Ok(key) } else { Err(UNFIT) }
}

fn owner(receiver: &Receiver) -> Result<SecretString, Unsendable> {
    Ok(match or(receiver, "owner_from") {
        "access_token" => access_token(receiver)?.clone(),
        "setting" => find(receiver, "owner").ok_or(Unsendable("the source has no `owner`"))?.into(),
        _ => SecretString::default(),
    })
}

fn token(receiver: &Receiver) -> Result<Option<SecretString>, Unsendable> {
    if is(receiver, "sign", "none") {
        return Ok(None);
    }
    let token = match or(receiver, "token_from") {
        "setting" => opened(receiver, TOKEN).ok_or(Unsendable("the source has no `token`"))?,
        _ => access_token(receiver)?,
    };
    Ok(Some(token.clone()))
}

/// The access token.
pub(super) fn access_token(receiver: &Receiver) -> Result<&SecretString, Unsendable> {
    opened(receiver, ACCESS_TOKEN).ok_or(Unsendable("the source has no `access_token`"))
}

fn blocks(bytes: &[u8]) -> impl Iterator<Item = [u8; BLOCK]> + '_ {
    bytes.chunks_exact(BLOCK).filter_map(|chunk| chunk.try_into().ok())
}

fn xor(mut block: [u8; BLOCK], other: [u8; BLOCK]) -> [u8; BLOCK] {
    for (byte, other) in block.iter_mut().zip(other) {
        *byte ^= other;
    }
    block
}
