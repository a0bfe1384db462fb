//! Feishu's callbacks: JSON in an envelope of its own.

use std::hint::black_box;

use aes::Aes256;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cbc::cipher::{Array, BlockModeDecrypt, KeyIvInit};
use countersign::clock::World;
use countersign::crypto::passphrase::Passphrase;
use countersign::providers::{Provider, RawCallback, feishu::Feishu};
use criterion::BenchmarkGroup;
use criterion::measurement::WallTime;
use secrecy::SecretString;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{MESSAGE, TOKEN, account, filled, pair};

const APP: &str = "cli_bench000000000a";
const ENCRYPT_KEY: &str = "benchEncryptKey000000000000000001";
const TIMESTAMP: &str = "1790000000";
const NONCE: &str = "1487315627";
const IV: [u8; 16] = [7; 16];

/// The event of a decided task; what a returned one has in `extra` fills it up.
fn message() -> String {
    filled(|extra| {
        json!({
            "ts": "1790000000.118273", "uuid": "4f1d2a90c7be4d0c8a5f36e27b1c9d84", "token": TOKEN, "type": "event_callback",
            "event": {
                "app_id": APP, "approval_code": "7C468A54-8745-2245-9675-08B7C63E7A85", "custom_key": "node_0",
                "def_key": "APPROVAL_240330_4058663", "extra": extra, "instance_code": "81D31358-93AF-92D6-7425-01A5D67C4E71",
                "open_id": "ou_3cda9c969f737aaa05e6915dce306cb9", "operate_time": "1789999999871", "status": "APPROVED",
                "task_id": "7310082318364393475", "tenant_key": "2ca1d211f64f6438", "type": "approval_task",
                "user_id": "b85s39b1",
            },
        })
        .to_string()
    })
}

/// A callback as it comes in.
fn callback(key: &Passphrase<'_>, body: &str) -> RawCallback {
    RawCallback {
        method: "POST".into(),
        query: Vec::new(),
        headers: vec![
            pair("content-type", "application/json;charset=utf-8"),
            pair("x-lark-request-timestamp", TIMESTAMP),
            pair("x-lark-request-nonce", NONCE),
            pair("x-lark-signature", &key.signature(TIMESTAMP, NONCE, body.as_bytes())),
        ],
        body: body.into(),
    }
}

/// The baseline: the signed text's digest, and the plain bytes.
struct Bare {
    key: [u8; 32],
    signed: String,
    encrypted: Vec<u8>,
    plain: Vec<u8>,
}

impl Bare {
    fn hash_and_decrypt(&mut self) -> &[u8] {
        black_box(Sha256::digest(black_box(&self.signed)));
        self.plain.copy_from_slice(&self.encrypted);
        let (blocks, _) = Array::slice_as_chunks_mut(&mut self.plain);
        cbc::Decryptor::<Aes256>::new(&self.key.into(), &IV.into()).decrypt_blocks(blocks);
        &black_box(&self.plain)[..MESSAGE]
    }
}

pub(crate) fn bench(group: &mut BenchmarkGroup<'_, WallTime>) {
    let secret = SecretString::from(ENCRYPT_KEY);
    let key = Passphrase::new(&secret);
    let encrypt = key.encrypt(IV, message().as_bytes());
    let body = json!({ "encrypt": encrypt }).to_string();
    let raw = callback(&key, &body);
    let (mut account, world) = (account(&[("app_id", APP)]), World::system());
    account.secrets.insert("verification_token".into(), TOKEN.into());
    account.secrets.insert("encrypt_key".into(), secret.clone());
    assert_eq!(Feishu.open(&account, &raw, &world).unwrap().notices.len(), 1);

    let encrypted = STANDARD.decode(&encrypt).unwrap()[IV.len()..].to_vec();
    let signed = [TIMESTAMP, NONCE, ENCRYPT_KEY, &body].concat();
    let key = Sha256::digest(ENCRYPT_KEY).into();
    let mut bare = Bare { key, signed, plain: encrypted.clone(), encrypted };
    assert_eq!(bare.hash_and_decrypt(), message().as_bytes());

    group.bench_function("feishu", |b| {
        b.iter(|| Feishu.open(black_box(&account), black_box(&raw), &world).unwrap());
    });
    group.bench_function("feishu, bare", |b| {
        b.iter(|| serde_json::from_slice::<Value>(bare.hash_and_decrypt()).unwrap());
    });
}
