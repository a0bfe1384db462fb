//! Stored approvals of before: what each version wrote is still read, and means the same. One file in `fixtures/stored` for each
//! format and state; a file is never changed, a new format gets files of its own.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;
use countersign::approval::Status;
use countersign::store::Item;
use countersign::store::approvals::Record;
use serde_json::{Map, Value};

use super::root;

/// DynamoDB's JSON of an attribute, as its API has it.
fn attribute(value: &Value) -> AttributeValue {
    let (kind, value) = value.as_object().unwrap().iter().next().unwrap();
    match (kind.as_str(), value) {
        ("S", Value::String(text)) => AttributeValue::S(text.clone()),
        ("N", Value::String(number)) => AttributeValue::N(number.clone()),
        ("BOOL", Value::Bool(is)) => AttributeValue::Bool(*is),
        ("NULL", _) => AttributeValue::Null(true),
        ("L", Value::Array(items)) => AttributeValue::L(items.iter().map(attribute).collect()),
        ("M", Value::Object(fields)) => AttributeValue::M(item(fields)),
        other => panic!("{other:?}"),
    }
}

fn item(fields: &Map<String, Value>) -> Item {
    fields.iter().map(|(name, value)| (name.clone(), attribute(value))).collect()
}

/// The records of `fixtures/stored` by the names of their files.
fn stored() -> BTreeMap<String, Record> {
    let folder = root().join("tests/fixtures/stored");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files
        .map(|path| {
            let fields: Map<String, Value> = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            (name.clone(), Record::from_item(item(&fields)).unwrap_or_else(|error| panic!("{name}: {error}")))
        })
        .collect()
}

#[test]
fn what_was_stored_before_is_read_and_written_as_it_was() {
    let mut seen = Vec::new();
    for (name, record) in stored() {
        let status = record.state.status();
        seen.push((name.clone(), status));
        let text = std::fs::read_to_string(root().join(format!("tests/fixtures/stored/{name}.json"))).unwrap();
        let due = text.split_once("\"due_at\": {\n    \"N\": \"").map(|(_, rest)| rest.split('"').next().unwrap());
        assert_eq!(record.due_at.map(|at| at.to_string()).as_deref(), due, "{name}");
    }
    let expected = [
        ("1_approved", Status::Approved),
        ("1_ending", Status::Pending),
        ("1_failed", Status::Failed),
        ("1_left_open", Status::Revoked),
        ("1_looked_for", Status::Withdrawn),
        ("1_reading", Status::Pending),
        ("1_running", Status::Pending),
        ("1_second_stage", Status::Pending),
        ("1_starting", Status::Starting),
        ("1_withdrawing", Status::Pending),
    ];
    assert_eq!(seen, expected.map(|(name, status)| (name.to_owned(), status)));
}
