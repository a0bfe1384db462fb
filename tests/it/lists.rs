//! Lists: a page ends by bytes as well as by number, and what cannot be read does not hide the rest.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::AttributeValue;
use countersign::approval::Mode;
use countersign::ids::FlowId;
use countersign::resources::Flow;
use countersign::store::deliveries::Delivery;
use countersign::store::{Consistency, Key};
use countersign_tests::desk::{Desk, make};
use serde_json::{Value, json};

const ONE: &[(&str, Mode, &[&str])] = &[("Owner", Mode::Any, &["manager4220"])];
/// Lambda refuses answers of more bytes.
const LAMBDA: usize = 6 * 1024 * 1024;

/// Makes what is stored under this key something that nobody can read.
async fn damage(desk: &Desk, pk: String, sk: &str, attribute: &str) {
    let key = Key { pk, sk: sk.to_owned() };
    let mut item = desk.app.store.get_item(&key, Consistency::Strong).await.unwrap().expect("it is stored");
    item.insert(attribute.to_owned(), AttributeValue::S("damaged".to_owned()));
    desk.app.store.put_item(item).await.unwrap();
}

/// The list names what is damaged, and shows all the others.
async fn shows_the_rest(desk: &Desk, path: &str, damaged: &str, others: &[&str]) {
    let answer = desk.client.call("GET", path, &Value::Null).await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.text);
    assert_eq!(answer.json["unreadable"], json!([damaged]), "{path}: {}", answer.text);
    let shown: Vec<&str> =
        answer.json["items"].as_array().unwrap().iter().filter_map(|item| item["id"].as_str()).collect();
    assert!(others.iter().all(|id| shown.contains(id)) && !shown.contains(&damaged), "{path}: {shown:?}");
}

#[tokio::test]
async fn one_that_cannot_be_read_does_not_hide_the_rest() {
    let desk = Desk::new().await;
    let node = json!({"name": "N", "mode": "any", "approvers": [{"account": "manager4220"}]});
    let flow = json!({"name": "F", "stages": [{"connection": desk.connection, "nodes": [node]}]});
    let source = json!({"name": "S", "format": "native", "callback_url": "http://127.0.0.1:9/"});
    let oa = json!({"kind": "external", "name": "OA", "settings": {"url": "http://127.0.0.1:9", "access_id": "access-0"},
        "secrets": {"access_key": "access-key-0123456789"}});
    let rule = json!({"name": "R", "position": 1, "when": "true", "then": {"approve": true}});
    for (path, kind, body) in [
        ("/v1/connections", "CON", oa),
        ("/v1/flows", "FLOW", flow),
        ("/v1/members", "MEM", json!({"name": "Zhang"})),
        ("/v1/workspaces", "WS", json!({"name": "W"})),
        ("/v1/rules", "RULE", rule),
        ("/v1/keys", "KEY", json!({"name": "K", "role": "viewer"})),
        ("/v1/sources", "SRC", source),
    ] {
        let (good, bad) = (make(&desk.client, path, &body).await, {
            let mut second = body.clone();
            if kind == "CON" {
                second["settings"]["access_id"] = json!("access-00");
            }
            make(&desk.client, path, &second).await
        });
        let before = desk.client.call("GET", path, &Value::Null).await;
        assert_eq!(before.json.get("unreadable"), None, "{path}: only where there is something");
        damage(&desk, format!("{kind}#{bad}"), kind, "body").await;
        shows_the_rest(&desk, path, &bad, &[&good]).await;
    }
    let (good, bad) = (desk.running("inst-1", ONE).await, desk.running("inst-2", ONE).await);
    damage(&desk, format!("APR#{}", bad.id), "STATE", "st").await;
    shows_the_rest(&desk, "/v1/approvals", bad.id.as_str(), &[good.id.as_str()]).await;

    let mut rows = Vec::new();
    for sequence in 0..3 {
        let (org, source, id) = (desk.org.clone(), desk.source.clone(), good.id.clone());
        let mut row = Delivery::new(org, source, id, sequence, "approval.started", "{}".to_owned(), 1_790_000_000_000);
        desk.app.store.create_delivery(&mut row).await.unwrap();
        rows.push(row.id.to_string());
    }
    damage(&desk, format!("APR#{}", good.id), "DLV#00000001", "attempts").await;
    let others = [rows[0].as_str(), rows[2].as_str()];
    shows_the_rest(&desk, &format!("/v1/approvals/{}/deliveries", good.id), &rows[1], &others).await;
    shows_the_rest(&desk, &format!("/v1/deliveries?source={}", desk.source), &rows[1], &others).await;
}

/// Reads a list to its end; answers with the ids, and with how many pages there were.
async fn walk(desk: &Desk, path: &str) -> (Vec<String>, usize) {
    let (mut ids, mut pages, mut cursor) = (Vec::new(), 0, String::new());
    loop {
        let answer = desk.client.call("GET", &format!("{path}?limit=200{cursor}"), &Value::Null).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert!(answer.text.len() < LAMBDA - 100_000, "{path}: {} bytes", answer.text.len());
        let items = answer.json["items"].as_array().unwrap();
        assert!(!items.is_empty() && pages < 50);
        ids.extend(items.iter().map(|item| item["id"].as_str().unwrap().to_owned()));
        pages += 1;
        match answer.json["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return (ids, pages),
        }
    }
}

#[tokio::test]
async fn pages_end_by_bytes_and_go_on_where_they_ended() {
    let desk = Desk::new().await;
    let person = |n: usize| json!({"account": format!("{n:064}")});
    let node = json!({"name": "N", "mode": "any", "approvers": (0..50).map(person).collect::<Vec<_>>()});
    let nodes: Vec<&Value> = std::iter::repeat_n(&node, 20).collect();
    let stage = json!({"connection": desk.connection, "nodes": nodes});
    let flow = json!({"name": "F", "most_nodes": 20, "most_approvers": 50, "stages": [stage, stage, stage]});
    let first = make(&desk.client, "/v1/flows", &flow).await;
    let mut flow = desk.app.store.get_unscoped::<Flow>(&first).await.unwrap().value;
    let mut flows = BTreeSet::from([first]);
    for _ in 0..29 {
        flow.id = FlowId::new(&desk.app.world);
        desk.app.store.create(&flow).await.unwrap();
        flows.insert(flow.id.to_string());
    }
    let (shown, pages) = walk(&desk, "/v1/flows").await;
    assert_eq!(shown.len(), flows.len(), "each once");
    assert_eq!(shown.into_iter().collect::<BTreeSet<_>>(), flows);
    assert!(pages > 1);

    let many: Vec<String> = (0..400).map(|n| format!("{n:064}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let mut approvals = BTreeSet::new();
    for _ in 0..70 {
        desk.clock.advance(1);
        let mut record = desk.record(&[("All", Mode::All, &many)]);
        desk.app.store.create_approval(&mut record).await.unwrap();
        approvals.insert(record.id.to_string());
    }
    let (shown, pages) = walk(&desk, "/v1/approvals").await;
    assert_eq!(shown.len(), approvals.len(), "each once");
    assert_eq!(shown.into_iter().collect::<BTreeSet<_>>(), approvals);
    assert!(pages > 1);
}
