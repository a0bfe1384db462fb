//! Conditions of rules, as an administrator types them, over a request: read or refused, and within the steps that they were bound to.

#![no_main]

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use countersign::rules::{Expression, Facts, Finding, MAX_STEPS, evaluate};
use libfuzzer_sys::fuzz_target;
use serde_json::{Map, Value, json};

/// Longer than any condition may take here, under the fuzzer's own weight.
const MAX_TIME: Duration = Duration::from_secs(5);

fn map(value: Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}

static FACTS: LazyLock<Facts> = LazyLock::new(|| {
    let rows: Vec<Value> = (0..40).map(|n| json!({"n": n, "name": format!("表 {n}"), "cost": 1.5})).collect();
    Facts {
        request: map(json!({
            "title": "SELECT on orders", "reason": "因为需要", "fields": {"amount": "5000", "rows": rows, "level": 3, "urgent": true},
            "resource": {"name": "orders", "url": "https://a.example"}, "nodes": [],
        })),
        starts_at: Some(1_790_000_000_000),
        ends_at: Some(1_790_086_400_000),
        applicant: map(json!({"member": "mem_1", "name": "Zhang San", "mobile": "+8613800000001", "roles": ["owner"]})),
        source: map(json!({"id": "src_1", "name": "Dataphin", "format": "dataphin"})),
        workspace: None,
        now: 1_790_000_000_000,
    }
});

fuzz_target!(|text: &str| {
    let began = Instant::now();
    let read = Expression::read(text);
    if let Ok(expression) = &read {
        let mut left = MAX_STEPS;
        let once = expression.holds(&FACTS, &mut left);
        assert!(left <= MAX_STEPS);
        let mut again = MAX_STEPS;
        assert_eq!(once, expression.holds(&FACTS, &mut again), "the same request, the same answer");
        if let Err(why) = once {
            assert!(why.chars().count() <= 400, "{why}");
        }
    }
    let findings = evaluate([Some(&read), Some(&read)], &FACTS);
    assert_eq!(findings.len(), 2);
    assert!(matches!(findings[0], Finding::NotMatched) || findings[1] == Finding::NotReached);
    assert!(began.elapsed() < MAX_TIME, "{:?}", began.elapsed());
});
