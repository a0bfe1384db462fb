//! What opening one callback of 1 KiB costs beside the work that nobody can do without: hashing the signed text,
//! decrypting, and reading what is inside.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod bare;
mod dingtalk;
mod feishu;
mod wecom;

use countersign::providers::{Account, Secrets};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use serde_json::{Map, Value};

const TOKEN: &str = "tkn4GatewayBench1";
/// 42 letters of base64 and one whose spare bits are zero, which the plain engine of the baseline insists on.
const AES_KEY: &str = "RZ3T1iUqGI1hvZR95bZgq0rVSlSUiXc7Ab2cbbu2HbA";
/// Bytes of the message, as in "a callback of 1 KiB".
const MESSAGE: usize = 1024;

/// A connection with these settings and the keys of the bench.
fn account(settings: &[(&str, &str)]) -> Account {
    let secret = |name: &str, value: &str| (name.to_owned(), value.into());
    let setting = |(name, value): &(&str, &str)| ((*name).to_owned(), Value::from(*value));
    Account {
        connection: "con_bench".into(),
        settings: Map::from_iter(settings.iter().map(setting)),
        secrets: Secrets::from([secret("app_secret", "s"), secret("token", TOKEN), secret("aes_key", AES_KEY)]),
        old_secrets: None,
        templates: std::collections::BTreeMap::new(),
    }
}

/// A message, filled up with a remark to its full length.
fn filled(event: impl Fn(&str) -> String) -> String {
    let message = event(&"x".repeat(MESSAGE - event("").len()));
    assert_eq!(message.len(), MESSAGE);
    message
}

fn pair(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

fn open(c: &mut Criterion) {
    let mut group = c.benchmark_group("open");
    group.throughput(Throughput::Bytes(MESSAGE as u64));
    dingtalk::bench(&mut group);
    wecom::bench(&mut group);
    feishu::bench(&mut group);
    group.finish();
}

criterion_group!(benches, open);
criterion_main!(benches);
