//! What opening one callback of 1 KiB costs beside the work that nobody can do without: hashing the signed text, decrypting, and
//! reading what it says. A file for each platform, and a function in it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod dingtalk;
mod feishu;

use std::hint::black_box;

use aes::Aes256;
use cbc::cipher::{Array, BlockModeDecrypt, KeyIvInit};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

/// Bytes of the message, as in "a callback of 1 KiB".
const MESSAGE: usize = 1024;

/// The part of the bare work that all platforms share: AES-256-CBC over bytes that are kept.
struct Cipher {
    key: [u8; 32],
    iv: [u8; 16],
    encrypted: Vec<u8>,
    plain: Vec<u8>,
}

impl Cipher {
    fn new(key: [u8; 32], iv: [u8; 16], encrypted: Vec<u8>) -> Self {
        Self { key, iv, plain: encrypted.clone(), encrypted }
    }

    fn decrypt(&mut self) -> &[u8] {
        self.plain.copy_from_slice(&self.encrypted);
        let (blocks, _) = Array::slice_as_chunks_mut(&mut self.plain);
        cbc::Decryptor::<Aes256>::new(&self.key.into(), &self.iv.into()).decrypt_blocks(blocks);
        black_box(&self.plain)
    }
}

fn open(c: &mut Criterion) {
    let mut group = c.benchmark_group("open");
    group.throughput(Throughput::Bytes(MESSAGE as u64));
    dingtalk::open(&mut group);
    feishu::open(&mut group);
    group.finish();
}

criterion_group!(benches, open);
criterion_main!(benches);
