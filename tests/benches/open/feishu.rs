//! Feishu: SHA-256, AES-256-CBC, JSON.

use std::hint::black_box;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use countersign::clock::World;
use countersign::crypto::passphrase::Passphrase;
use countersign::providers::{Account, Provider, RawCallback, feishu::Feishu};
use criterion::BenchmarkGroup;
use criterion::measurement::WallTime;
use secrecy::SecretString;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::{Cipher, MESSAGE};

const APP: &str = "cli_bench000000000a";
const ENCRYPT_KEY: &str = "benchEncryptKey000000000000000001";
const TOKEN: &str = "benchVerificationToken0000000001";
const TIMESTAMP: &str = "1790000000";
const NONCE: &str = "1487315627";
const IV: [u8; 16] = [7; 16];

/// The event of a decided task; a returned one's `extra` fills it up.
fn message() -> String {
    let event = |extra: &str| {
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
    };
    let message = event(&"x".repeat(MESSAGE - event("").len()));
    assert_eq!(message.len(), MESSAGE);
    message
}

fn account() -> Account {
    let secret = |name: &str, value: &str| (name.to_owned(), value.into());
    let secrets = [secret("app_secret", "s"), secret("verification_token", TOKEN), secret("encrypt_key", ENCRYPT_KEY)];
    Account {
        connection: "con_bench".into(),
        settings: Map::from_iter([("app_id".to_owned(), APP.into())]),
        secrets: secrets.into(),
        old_secrets: None,
        templates: std::collections::BTreeMap::new(),
    }
}

pub(super) fn open(group: &mut BenchmarkGroup<'_, WallTime>) {
    let secret = SecretString::from(ENCRYPT_KEY);
    let key = Passphrase::new(&secret);
    let encrypt = key.encrypt(IV, message().as_bytes());
    let body = json!({ "encrypt": encrypt }).to_string();
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let raw = RawCallback {
        method: "POST".into(),
        query: Vec::new(),
        headers: vec![
            pair("content-type", "application/json;charset=utf-8"),
            pair("x-lark-request-timestamp", TIMESTAMP),
            pair("x-lark-request-nonce", NONCE),
            pair("x-lark-signature", &key.signature(TIMESTAMP, NONCE, body.as_bytes())),
        ],
        body: body.clone().into_bytes(),
    };
    let (account, world) = (account(), World::system());
    assert_eq!(Feishu.open(&account, &raw, &world).unwrap().notices.len(), 1);

    let signed = [TIMESTAMP, NONCE, ENCRYPT_KEY, &body].concat();
    let encrypted = STANDARD.decode(&encrypt).unwrap()[IV.len()..].to_vec();
    let mut cipher = Cipher::new(Sha256::digest(ENCRYPT_KEY).into(), IV, encrypted);
    assert_eq!(&cipher.decrypt()[..MESSAGE], message().as_bytes());

    group.bench_function("feishu", |b| {
        b.iter(|| Feishu.open(black_box(&account), black_box(&raw), &world).unwrap());
    });
    group.bench_function("feishu, bare", |b| {
        b.iter(|| {
            black_box(Sha256::digest(black_box(&signed)));
            serde_json::from_slice::<Value>(&cipher.decrypt()[..MESSAGE]).unwrap()
        });
    });
}
