//! Reads the template as its JSON long form: `!Ref X` becomes `{"Ref": "X"}`.

use saphyr::{LoadableYamlNode, Scalar, Yaml};
use serde_json::{Map, Value, json};

pub(super) use crate::root;

/// `template.yaml`.
pub(super) fn template() -> Value {
    let text = std::fs::read_to_string(root().join("template.yaml")).unwrap();
    let documents = Yaml::load_from_str(&text).unwrap();
    assert_eq!(documents.len(), 1, "one document");
    value(&documents[0])
}

/// Every string in a value, keys included.
pub(super) fn strings(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(items) => items.iter().flat_map(strings).collect(),
        Value::Object(fields) => {
            fields.iter().flat_map(|(name, field)| std::iter::once(name.as_str()).chain(strings(field))).collect()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => Vec::new(),
    }
}

fn value(node: &Yaml<'_>) -> Value {
    match node {
        Yaml::Value(Scalar::Null) => Value::Null,
        Yaml::Value(Scalar::Boolean(truth)) => json!(truth),
        Yaml::Value(Scalar::Integer(number)) => json!(number),
        Yaml::Value(Scalar::FloatingPoint(number)) => json!(number.into_inner()),
        Yaml::Value(Scalar::String(text)) => json!(text),
        Yaml::Sequence(items) => items.iter().map(value).collect(),
        Yaml::Mapping(fields) => {
            let fields: Map<_, _> =
                fields.iter().map(|(name, field)| (name.as_str().unwrap().to_owned(), value(field))).collect();
            Value::Object(fields)
        }
        Yaml::Tagged(tag, node) => tagged(&tag.suffix, value(node)),
        Yaml::Representation(..) | Yaml::Alias(_) | Yaml::BadValue => panic!("not CloudFormation: {node:?}"),
    }
}

/// The long form of a short tag. `!GetAtt A.B` is `["A", "B"]` there.
fn tagged(name: &str, argument: Value) -> Value {
    match name {
        "Ref" | "Condition" => json!({ name: argument }),
        "GetAtt" => {
            let (resource, attribute) = argument.as_str().and_then(|text| text.split_once('.')).unwrap();
            json!({ "Fn::GetAtt": [resource, attribute] })
        }
        _ => json!({ format!("Fn::{name}"): argument }),
    }
}
