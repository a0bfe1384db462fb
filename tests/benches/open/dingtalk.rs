//! DingTalk: SHA-1, AES-256-CBC, JSON.

use std::hint::black_box;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use countersign::clock::World;
use countersign::crypto::envelope::Keys;
use countersign::providers::{Account, Provider, RawCallback, dingtalk::DingTalk};
use criterion::BenchmarkGroup;
use criterion::measurement::WallTime;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use sha1::{Digest, Sha1};

use super::{Cipher, MESSAGE};

const TOKEN: &str = "tkn4GatewayBench1";
/// 42 letters of base64 and one whose spare bits are zero, which the plain engine of the baseline insists on.
const AES_KEY: &str = "RZ3T1iUqGI1hvZR95bZgq0rVSlSUiXc7Ab2cbbu2HbA";
const OWNER: &str = "dingbenchappkey00001";
const TIMESTAMP: &str = "1790000000555";
const NONCE: &str = "Zx9Qw8Er";

/// The event of a decided task, with a remark that fills it up.
fn message() -> String {
    let event = |remark: &str| {
        json!({
            "EventType": "bpms_task_change", "EventTime": 1_790_000_000_427_i64, "type": "finish", "result": "agree",
            "CorpId": "ding0123456789abcdef0123456789abcdef", "eventId": "0123456789abcdef0123456789abcdef",
            "processInstanceId": "Xy3_benchInstance-0001", "bizCategoryId": "", "businessType": "",
            "processCode": "PROC-00000000-1111-2222-3333-444444444444", "businessId": "202609211200000001234",
            "title": "张三提交的“生产发布”", "taskId": 80_000_000_001_i64, "staffId": "manager4220",
            "url": "https://aflow.dingtalk.com/dingtalk/mobile/homepage.htm?procInstId=Xy3_benchInstance-0001",
            "createTime": 1_789_999_990_000_i64, "finishTime": 1_790_000_000_000_i64, "remark": remark,
        })
        .to_string()
    };
    let message = event(&"x".repeat(MESSAGE - event("").len()));
    assert_eq!(message.len(), MESSAGE);
    message
}

fn account() -> Account {
    let secret = |name: &str, value: &str| (name.to_owned(), value.into());
    Account {
        connection: "con_bench".into(),
        settings: Map::from_iter([("app_key".to_owned(), OWNER.into())]),
        secrets: [secret("app_secret", "s"), secret("token", TOKEN), secret("aes_key", AES_KEY)].into(),
        old_secrets: None,
        templates: std::collections::BTreeMap::new(),
    }
}

/// A callback as it comes in, with the headers that API Gateway adds.
fn callback(signature: &str, encrypt: &str) -> RawCallback {
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    RawCallback {
        method: "POST".into(),
        query: vec![pair("signature", signature), pair("timestamp", TIMESTAMP), pair("nonce", NONCE)],
        headers: vec![pair("content-type", "application/json"), pair("user-agent", "Apache-HttpClient/4.5.13")],
        body: json!({ "encrypt": encrypt }).to_string().into_bytes(),
    }
}

/// The least that may be read of an event: borrowed texts, numbers as they are.
#[derive(Deserialize)]
#[allow(dead_code)]
struct Event<'a> {
    #[serde(rename = "EventType")]
    event: &'a str,
    #[serde(rename = "processInstanceId")]
    instance: &'a str,
    #[serde(rename = "processCode")]
    template: &'a str,
    #[serde(rename = "type")]
    kind: &'a str,
    result: &'a str,
    #[serde(rename = "staffId")]
    staff: &'a str,
    #[serde(rename = "taskId")]
    task: i64,
    remark: &'a str,
    #[serde(rename = "createTime")]
    created: i64,
    #[serde(rename = "finishTime")]
    finished: i64,
}

/// The baseline: the signed text's digest, and the plain bytes.
struct Bare {
    signed: String,
    cipher: Cipher,
}

impl Bare {
    fn hash_and_decrypt(&mut self) -> &[u8] {
        black_box(Sha1::digest(black_box(&self.signed)));
        self.cipher.decrypt()
    }
}

pub(super) fn open(group: &mut BenchmarkGroup<'_, WallTime>) {
    let keys = Keys::new(&TOKEN.into(), &AES_KEY.into()).unwrap();
    let encrypt = keys.encrypt([7; 16], message().as_bytes(), OWNER.as_bytes());
    let raw = callback(&keys.signature(TIMESTAMP, NONCE, &encrypt), &encrypt);
    let (account, world) = (account(), World::system());
    assert_eq!(DingTalk.open(&account, &raw, &world).unwrap().notices.len(), 1);

    let encrypted = STANDARD.decode(&encrypt).unwrap();
    let mut parts = [TOKEN, TIMESTAMP, NONCE, &encrypt];
    parts.sort_unstable();
    let key: [u8; 32] = STANDARD.decode(format!("{AES_KEY}=")).unwrap().try_into().unwrap();
    let iv = key[..16].try_into().unwrap();
    let mut bare = Bare { signed: parts.concat(), cipher: Cipher::new(key, iv, encrypted) };
    let text = 20..20 + MESSAGE;
    assert_eq!(&bare.hash_and_decrypt()[text.clone()], message().as_bytes());

    group.bench_function("dingtalk", |b| {
        b.iter(|| DingTalk.open(black_box(&account), black_box(&raw), &world).unwrap());
    });
    group.bench_function("bare", |b| {
        b.iter(|| serde_json::from_slice::<Value>(&bare.hash_and_decrypt()[text.clone()]).unwrap());
    });
    group.bench_function("bare, borrowed fields", |b| {
        b.iter(|| {
            black_box(serde_json::from_slice::<Event<'_>>(&bare.hash_and_decrypt()[text.clone()]).unwrap().finished)
        });
    });
    group.bench_function("bare, no JSON", |b| b.iter(|| bare.hash_and_decrypt().len()));
    group.bench_function("acknowledge", |b| {
        b.iter_batched(
            || DingTalk.open(&account, &raw, &world).unwrap(),
            |opened| opened.acknowledge(&world),
            criterion::BatchSize::SmallInput,
        );
    });
}
