//! DingTalk's callbacks: JSON in the envelope.

use std::hint::black_box;

use countersign::clock::World;
use countersign::crypto::envelope::Keys;
use countersign::providers::{Provider, RawCallback, dingtalk::DingTalk};
use criterion::BenchmarkGroup;
use criterion::measurement::WallTime;
use serde::Deserialize;
use serde_json::{Value, json};

use super::bare::{Bare, TEXT};
use super::{AES_KEY, TOKEN, account, filled, pair};

const OWNER: &str = "dingbenchappkey00001";
const TIMESTAMP: &str = "1790000000555";
const NONCE: &str = "Zx9Qw8Er";

/// The event of a decided task, with a remark that fills it up.
fn message() -> String {
    filled(|remark: &str| {
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
    })
}

/// A callback as it comes in, with the headers that API Gateway adds.
fn callback(signature: &str, encrypt: &str) -> RawCallback {
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

pub(crate) fn bench(group: &mut BenchmarkGroup<'_, WallTime>) {
    let keys = Keys::new(&TOKEN.into(), &AES_KEY.into()).unwrap();
    let encrypt = keys.encrypt([7; 16], message().as_bytes(), OWNER.as_bytes());
    let raw = callback(&keys.signature(TIMESTAMP, NONCE, &encrypt), &encrypt);
    let (account, world) = (account(&[("app_key", OWNER)]), World::system());
    assert_eq!(DingTalk.open(&account, &raw, &world).unwrap().notices.len(), 1);
    let mut bare = Bare::new(TIMESTAMP, NONCE, &encrypt);
    assert_eq!(&bare.hash_and_decrypt()[TEXT], message().as_bytes());

    group.bench_function("dingtalk", |b| {
        b.iter(|| DingTalk.open(black_box(&account), black_box(&raw), &world).unwrap());
    });
    group.bench_function("bare", |b| {
        b.iter(|| serde_json::from_slice::<Value>(&bare.hash_and_decrypt()[TEXT]).unwrap());
    });
    group.bench_function("bare, borrowed fields", |b| {
        b.iter(|| black_box(serde_json::from_slice::<Event<'_>>(&bare.hash_and_decrypt()[TEXT]).unwrap().finished));
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
