//! The requests that everything in the store is made of.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use countersign::store::{Consistency, Error, Item, Key, Query, Range, Store, Write, schema};
use countersign_tests::test_store;

fn key(pk: &str) -> Key {
    Key { pk: pk.to_owned(), sk: "S".to_owned() }
}

fn item(pk: &str, version: u64, text: &str) -> Item {
    let mut item = key(pk).item();
    item.insert("v".to_owned(), AttributeValue::N(version.to_string()));
    item.insert("text".to_owned(), AttributeValue::S(text.to_owned()));
    item
}

fn text(item: &Item) -> &str {
    item["text"].as_s().unwrap()
}

#[tokio::test]
async fn a_put_that_expects_nothing_finds_what_was_there() {
    let store = test_store().await;
    store.put_new(item("a", 1, "first")).await.unwrap();
    let Err(Error::AlreadyExists { current }) = store.put_new(item("a", 1, "second")).await else { panic!() };
    assert_eq!(text(&current.into_item().unwrap()), "first");
}

#[tokio::test]
async fn a_lost_race_brings_the_winner() {
    let store = test_store().await;
    store.put_new(item("a", 1, "first")).await.unwrap();
    store.put_if_version(item("a", 2, "second"), 1).await.unwrap();
    let Err(Error::Conflict { current }) = store.put_if_version(item("a", 2, "third"), 1).await else { panic!() };
    assert_eq!(text(&current.into_item().unwrap()), "second");
    let Err(Error::Conflict { current }) = store.put_if_version(item("b", 2, "x"), 1).await else { panic!() };
    assert!(current.into_item().is_none(), "there is no such item");
    assert!(matches!(store.delete_if_version(&key("a"), 1).await, Err(Error::Conflict { .. })));
    store.delete_if_version(&key("a"), 2).await.unwrap();
    store.delete_item(&key("a")).await.unwrap();
    assert!(store.get_item(&key("a"), Consistency::Strong).await.unwrap().is_none());
}

#[tokio::test]
async fn of_many_writers_at_one_version_one_wins() {
    let store = test_store().await;
    store.put_new(item("a", 1, "first")).await.unwrap();
    let writers: Vec<_> = (0..8)
        .map(|n| {
            let store = store.clone();
            tokio::spawn(async move { store.put_if_version(item("a", 2, &n.to_string()), 1).await.is_ok() })
        })
        .collect();
    let mut won = 0;
    for writer in writers {
        won += u32::from(writer.await.unwrap());
    }
    assert_eq!(won, 1);
}

#[tokio::test]
async fn a_batch_keeps_the_order_and_leaves_out_what_is_missing() {
    let store = test_store().await;
    for n in 0..120 {
        store.put_item(item(&format!("k{n}"), 1, &n.to_string())).await.unwrap();
    }
    let mut wanted: Vec<Key> = (0..120).rev().map(|n| key(&format!("k{n}"))).collect();
    wanted.push(key("missing"));
    wanted.push(key("k7"));
    let found = store.batch_get(&wanted, Consistency::Eventual).await.unwrap();
    let texts: Vec<String> = found.iter().map(|item| text(item).to_owned()).collect();
    assert_eq!(texts, (0..120).rev().map(|n: i32| n.to_string()).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_transaction_writes_all_or_nothing_and_says_what_stood_in_the_way() {
    let store = test_store().await;
    store.put_new(item("taken", 1, "first")).await.unwrap();
    let writes = vec![Write::put_new(item("free", 1, "x")), Write::put_new(item("taken", 1, "x"))];
    let refusal = store.transact(writes).await.unwrap().unwrap_err();
    assert_eq!(refusal.index, 1);
    assert_eq!(text(&refusal.current.into_item().unwrap()), "first");
    assert!(store.get_item(&key("free"), Consistency::Strong).await.unwrap().is_none());
    let writes = vec![Write::put_new(item("free", 1, "x")), Write::delete_if_version(key("taken"), 1)];
    store.transact(writes).await.unwrap().unwrap();
    assert!(store.get_item(&key("taken"), Consistency::Strong).await.unwrap().is_none());
}

async fn put_listed(store: &Store, pk: &str, list: &str) {
    let mut item = item(pk, 1, pk);
    item.insert(schema::LIST.pk.to_owned(), AttributeValue::S(list.to_owned()));
    item.insert(schema::LIST.sk.to_owned(), AttributeValue::S(pk.to_owned()));
    store.put_item(item).await.unwrap();
}

#[tokio::test]
async fn pages_follow_each_other_and_a_full_last_page_promises_no_other() {
    let store = test_store().await;
    for pk in ["a", "b", "c", "d"] {
        put_listed(&store, pk, "L").await;
    }
    put_listed(&store, "z", "M").await;
    let mut seen = Vec::new();
    let mut cursor: Option<String> = None;
    let mut pages = 0;
    loop {
        let index = Some(schema::LIST);
        let query = Query { index, pk: "L", range: Range::All, limit: 2, cursor: cursor.as_deref(), forward: false };
        let page = store.query(&query).await.unwrap();
        seen.extend(page.items.iter().map(|item| Key::of(item).unwrap().pk));
        pages += 1;
        cursor = page.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!((seen.concat().as_str(), pages), ("dcba", 2));
}

#[tokio::test]
async fn ranges_of_the_table_and_of_numbers() {
    let store = test_store().await;
    for (sk, due) in [("DLV#0001", 10), ("DLV#0002", 20), ("STATE", 30)] {
        let mut item = Key { pk: "APR#x".to_owned(), sk: sk.to_owned() }.item();
        item.insert(schema::DUE.pk.to_owned(), AttributeValue::S("DUE#1".to_owned()));
        item.insert(schema::DUE.sk.to_owned(), AttributeValue::N(due.to_string()));
        store.put_item(item).await.unwrap();
    }
    let query = |index, pk, range| Query { index, pk, range, limit: 10, cursor: None, forward: true };
    let deliveries = store.query(&query(None, "APR#x", Range::StartsWith("DLV#".to_owned()))).await.unwrap();
    assert_eq!(deliveries.items.len(), 2);
    let due = store.query(&query(Some(schema::DUE), "DUE#1", Range::UpTo(20))).await.unwrap();
    assert_eq!(due.items.len(), 2);
}

#[tokio::test]
async fn requests_and_capacity_are_counted() {
    let store = test_store().await;
    let metered = store.metered();
    metered.put_new(item("a", 1, "x")).await.unwrap();
    assert!(metered.put_new(item("a", 1, "x")).await.is_err());
    metered.get_item(&key("a"), Consistency::Strong).await.unwrap();
    metered.get_item(&key("a"), Consistency::Eventual).await.unwrap();
    let spent = metered.meter().spent();
    assert_eq!((spent.reads, spent.writes), (2, 2));
    assert!((spent.read_units - 1.5).abs() < 1e-9, "{spent:?}");
    assert!(spent.write_units >= 1.0, "{spent:?}");
    assert_eq!(store.meter().spent().reads, 0, "each meter counts its own");
}

#[tokio::test]
async fn an_item_that_is_too_large_is_named_so() {
    let store = test_store().await;
    let big = item("a", 1, &"x".repeat(420 * 1024));
    assert!(matches!(store.put_item(big.clone()).await, Err(Error::TooLarge)));
    assert!(matches!(store.transact(vec![Write::put_new(big)]).await, Err(Error::TooLarge)));
}

#[tokio::test]
async fn no_answer_is_unavailable() {
    let port = countersign_tests::port::Port::closed();
    let store = Store::new(countersign_tests::client(&format!("http://{}", port.address())), "t");
    assert!(matches!(store.get_item(&key("a"), Consistency::Strong).await, Err(Error::Unavailable)));
    assert!(matches!(store.put_item(HashMap::new()).await, Err(Error::Unavailable)));
}
