//! The baseline of platforms with DingTalk's envelope.

use std::hint::black_box;
use std::ops::Range;

use aes::Aes256;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cbc::cipher::{Array, BlockModeDecrypt, KeyIvInit};
use sha1::{Digest, Sha1};

use super::{AES_KEY, MESSAGE, TOKEN};

/// Where the message stands in the plain bytes.
pub(crate) const TEXT: Range<usize> = 20..20 + MESSAGE;

/// The signed text's digest, and the plain bytes.
pub(crate) struct Bare {
    key: [u8; 32],
    signed: String,
    encrypted: Vec<u8>,
    plain: Vec<u8>,
}

impl Bare {
    pub(crate) fn new(timestamp: &str, nonce: &str, encrypt: &str) -> Self {
        let encrypted = STANDARD.decode(encrypt).unwrap();
        let mut parts = [TOKEN, timestamp, nonce, encrypt];
        parts.sort_unstable();
        let key = STANDARD.decode(format!("{AES_KEY}=")).unwrap().try_into().unwrap();
        Self { key, signed: parts.concat(), plain: encrypted.clone(), encrypted }
    }

    pub(crate) fn hash_and_decrypt(&mut self) -> &[u8] {
        black_box(Sha1::digest(black_box(&self.signed)));
        let mut iv = [0; 16];
        iv.copy_from_slice(&self.key[..16]);
        self.plain.copy_from_slice(&self.encrypted);
        let (blocks, _) = Array::slice_as_chunks_mut(&mut self.plain);
        cbc::Decryptor::<Aes256>::new(&self.key.into(), &iv.into()).decrypt_blocks(blocks);
        black_box(&self.plain)
    }
}
