//! One idempotency key, one approval.

use aws_sdk_dynamodb::types::AttributeValue;
use countersign::ids::{ApprovalId, SourceId};
use countersign::store::{Consistency, Key};
use countersign_tests::local::{Local, id, request};
use serde_json::json;

#[tokio::test]
async fn the_same_key_and_body_find_the_first() {
    let local = Local::start().await;
    let first = local.submit_as("order-1", &request()).await;
    assert_eq!(first.status, 201, "{}", first.text);
    let again = local.submit_as("order-1", &request()).await;
    assert_eq!((again.status, &again.json["id"]), (200, &first.json["id"]), "{}", again.text);
    let other = local.submit_as("order-2", &request()).await;
    assert_eq!(other.status, 201);
    assert_ne!(other.json["id"], first.json["id"]);
    assert_eq!(local.instances().await.len(), 2);
    local.approve(&first.json).await;
    local.wait_for(&first.json, "approved").await;
    let late = local.submit_as("order-1", &request()).await;
    assert_eq!((late.status, &late.json["status"]), (200, &json!("approved")), "it shows where it stands now");
}

#[tokio::test]
async fn another_body_is_a_mismatch_and_changes_nothing() {
    let local = Local::start().await;
    let first = local.submit_as("order-1", &request()).await;
    local.approve(&first.json).await;
    let before = local.wait_for(&first.json, "approved").await;
    let mut body = request();
    body["title"] = json!("Write access to orders");
    let other = local.submit_as("order-1", &body).await;
    assert_eq!((other.status, other.code()), (409, "idempotency_mismatch"), "{}", other.text);
    assert_eq!(local.approval(&first.json).await["title"], before["title"]);
    assert_eq!(local.instances().await.len(), 1);
}

#[tokio::test]
async fn order_of_names_and_white_space_make_no_other_request() {
    let local = Local::start().await;
    let headers = [("content-type", "application/json"), ("idempotency-key", "k")];
    let one = r#"{"title":"T","applicant":{"account":"0123456789","name":"Li Na"},"fields":{"a":1,"b":{"c":2,"d":3}}}"#;
    let two = r#" { "fields": { "b": { "d": 3, "c": 2 }, "a": 1 },
        "applicant": { "name": "Li Na", "account": "0123456789" }, "title": "T" } "#;
    let first = local.send("POST", "/v1/approvals", &headers, one).await;
    assert_eq!(first.status, 201, "{}", first.text);
    let second = local.send("POST", "/v1/approvals", &headers, two).await;
    assert_eq!((second.status, &second.json["id"]), (200, &first.json["id"]), "{}", second.text);
    let other = one.replace("\"d\":3", "\"d\":4");
    assert_eq!(local.send("POST", "/v1/approvals", &headers, other).await.code(), "idempotency_mismatch");
}

#[tokio::test]
async fn keys_have_1_to_128_characters() {
    let local = Local::start().await;
    let longest = "k".repeat(128);
    assert_eq!(local.submit_as(&longest, &request()).await.status, 201);
    for bad in [String::new(), "k".repeat(129)] {
        let answer = local.submit_as(&bad, &request()).await;
        assert_eq!((answer.status, answer.code()), (400, "invalid_idempotency_key"), "{}", answer.text);
    }
    let headers = [("content-type", "application/json"), ("idempotency-key", "a"), ("idempotency-key", "b")];
    let twice = local.send("POST", "/v1/approvals", &headers, request().to_string()).await;
    assert_eq!((twice.status, twice.code()), (400, "invalid_idempotency_key"), "{}", twice.text);
    assert_eq!(local.instances().await.len(), 1);
}

#[tokio::test]
async fn keys_of_different_sources_are_different() {
    let local = Local::start().await;
    let flow = local.flow().await;
    let first_source = local.get("/v1/sources").await.json["items"][0]["id"].clone();
    let other =
        json!({"name": "Other", "format": "native", "callback_url": "http://127.0.0.1:9/", "default_flow": flow});
    let other = local.make("/v1/sources", &other).await;
    let mut ids = Vec::new();
    for source in [&first_source, &other["id"]] {
        let mut body = request();
        body["source"] = source.clone();
        let answer = local.submit_as("same", &body).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
        ids.push(id(&answer.json).to_owned());
    }
    assert_ne!(ids[0], ids[1]);
    let unsaid = local.submit(&request()).await;
    assert_eq!((unsaid.status, unsaid.code()), (422, "source_missing"), "now there are two: {}", unsaid.text);
}

/// The seeded source.
async fn source(local: &Local) -> SourceId {
    let listed = local.get("/v1/sources").await.json;
    listed["items"][0]["id"].as_str().unwrap().parse().unwrap()
}

#[tokio::test]
async fn who_knows_source_and_key_does_not_know_the_id() {
    let local = Local::start().await;
    let made = local.submit_as("order-1", &request()).await;
    assert_eq!(made.status, 201, "{}", made.text);
    assert_ne!(id(&made.json), ApprovalId::derived(&source(&local).await, "order-1").as_str());
}

#[tokio::test]
async fn what_was_submitted_when_ids_could_be_computed_is_found_again() {
    let local = Local::start().await;
    let (made, source) = (local.submit_as("order-1", &request()).await, source(&local).await);
    let earlier = ApprovalId::derived(&source, "order-2");
    for sk in ["REQUEST", "STATE"] {
        let key = Key { pk: format!("APR#{}", id(&made.json)), sk: sk.to_owned() };
        let mut item = local.app.store.get_item(&key, Consistency::Strong).await.unwrap().unwrap();
        item.insert("pk".to_owned(), AttributeValue::S(format!("APR#{earlier}")));
        if sk == "STATE" {
            item.insert("id".to_owned(), AttributeValue::S(earlier.to_string()));
        }
        local.app.store.put_item(item).await.unwrap();
    }
    let again = local.submit_as("order-2", &request()).await;
    assert_eq!((again.status, id(&again.json)), (200, earlier.as_str()), "{}", again.text);
    assert_eq!(local.instances().await.len(), 1);
    let mut other = request();
    other["title"] = json!("Write access to orders");
    assert_eq!(local.submit_as("order-2", &other).await.code(), "idempotency_mismatch");
}
