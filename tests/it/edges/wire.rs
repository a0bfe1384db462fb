//! Events of the table's stream as Lambda hands them in, and what it is answered.

use aws_sdk_dynamodb::types::AttributeValue;
use countersign::engine::App;
use countersign::store::approvals::Record;
use countersign::store::{Consistency, Item, Store, keys};
use serde_json::{Map, Value, json};

/// A change: its place in the stream, and the images.
pub(super) struct Changed<'a> {
    pub(super) sequence: &'a str,
    pub(super) old: Option<&'a Item>,
    pub(super) new: &'a Item,
}

/// Hands a batch in as Lambda does. Answers with the sequence numbers that are to come again.
pub(super) async fn hand_in(app: &App, batch: &[Changed<'_>]) -> Vec<String> {
    let records: Vec<Value> = batch.iter().map(record).collect();
    let text = json!({ "Records": records }).to_string();
    let event = serde_json::from_str(&text).unwrap();
    let answer = serde_json::to_value(countersign_dispatch::handle(app, event).await).unwrap();
    let failures = answer["batchItemFailures"].as_array().unwrap();
    failures.iter().map(|failure| failure["itemIdentifier"].as_str().unwrap().to_owned()).collect()
}

fn record(changed: &Changed<'_>) -> Value {
    let key = |name: &str| value(&changed.new[name]);
    let mut change = json!({
        "ApproximateCreationDateTime": 1_790_000_000,
        "Keys": {"pk": key("pk"), "sk": key("sk")},
        "NewImage": image(changed.new),
        "SequenceNumber": changed.sequence,
        "SizeBytes": 812,
        "StreamViewType": "NEW_AND_OLD_IMAGES"
    });
    if let Some(old) = changed.old {
        change["OldImage"] = image(old);
    }
    json!({
        "eventID": "c4ca4238a0b923820dcc509a6f75849b",
        "eventName": if changed.old.is_some() { "MODIFY" } else { "INSERT" },
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": "cn-north-1",
        "dynamodb": change,
        "eventSourceARN": "arn:aws-cn:dynamodb:cn-north-1:123456789012:table/countersign/stream/2026-09-21T00:00:00.000"
    })
}

fn image(item: &Item) -> Value {
    Value::Object(item.iter().map(|(name, part)| (name.clone(), value(part))).collect())
}

fn value(part: &AttributeValue) -> Value {
    match part {
        AttributeValue::S(text) => json!({ "S": text }),
        AttributeValue::N(number) => json!({ "N": number }),
        AttributeValue::Bool(truth) => json!({ "BOOL": truth }),
        AttributeValue::Null(_) => json!({ "NULL": true }),
        AttributeValue::L(list) => json!({ "L": list.iter().map(value).collect::<Vec<_>>() }),
        AttributeValue::M(map) => {
            let map: Map<String, Value> = map.iter().map(|(name, part)| (name.clone(), value(part))).collect();
            json!({ "M": map })
        }
        other => panic!("no approval holds {other:?}"),
    }
}

/// Writes an approval, a new one or its next version. Answers with its item, as the stream shows it.
pub(super) async fn write(store: &Store, record: &mut Record) -> Item {
    match record.version {
        0 => store.create_approval(record).await.unwrap(),
        _ => store.update_approval(record).await.unwrap(),
    }
    store.get_item(&keys::approval(&record.id), Consistency::Strong).await.unwrap().unwrap()
}

/// The same item as a version to come may write it.
pub(super) fn unreadable(item: &Item) -> Item {
    let mut item = item.clone();
    item.insert("st".to_owned(), AttributeValue::S("another shape".to_owned()));
    item
}
