//! What an organisation sets for itself: its name, its time zone, whom its rules bind.

use countersign_tests::desk::{Desk, make};
use countersign_tests::receiver::Receiver;
use serde_json::{Value, json};

use super::{key, other_organization, setup};

const PATH: &str = "/v1/organizations/org_default";

#[tokio::test]
async fn name_time_zone_and_rules_are_changed_one_by_one() {
    let (owner, _) = setup().await;
    let before = owner.call("GET", PATH, &Value::Null).await;
    assert_eq!(
        (before.status, &before.json["time_zone"], &before.json["rules"]),
        (200, &json!("Asia/Shanghai"), &json!("default"))
    );
    let tag = before.header("etag").unwrap().to_owned();
    for (change, field, shown) in [
        (json!({"name": "Yunshan"}), "name", json!("Yunshan")),
        (json!({"time_zone": "Europe/Berlin"}), "time_zone", json!("Europe/Berlin")),
        (json!({"rules": "always"}), "rules", json!("always")),
    ] {
        let answer = owner.call("PATCH", PATH, &change).await;
        assert_eq!((answer.status, &answer.json[field]), (200, &shown), "{}", answer.text);
    }
    let now = owner.call("GET", PATH, &Value::Null).await.json;
    assert_eq!(
        (&now["name"], &now["time_zone"], &now["rules"]),
        (&json!("Yunshan"), &json!("Europe/Berlin"), &json!("always"))
    );
    let stale = [("content-type", "application/json"), ("if-match", tag.as_str())];
    assert_eq!(owner.send("PATCH", PATH, &stale, r#"{"name":"X"}"#).await.status, 412);
    let cleared = owner.call("PATCH", PATH, &json!({"time_zone": null, "rules": null})).await.json;
    assert_eq!((&cleared["time_zone"], &cleared["rules"]), (&json!("Asia/Shanghai"), &json!("default")));
    for (bad, pointer) in [
        (json!({"name": ""}), "/name"),
        (json!({"name": null}), "/name"),
        (json!({"time_zone": "Mars/Olympus"}), "/time_zone"),
        (json!({"time_zone": "../../etc/passwd"}), "/time_zone"),
        (json!({"time_zone": ""}), "/time_zone"),
        (json!({"rules": "never"}), "/rules"),
        (json!({"zone": "UTC"}), "/zone"),
    ] {
        let answer = owner.call("PATCH", PATH, &bad).await;
        assert_eq!((answer.status, answer.pointers()), (400, vec![pointer]), "{bad}: {}", answer.text);
    }
}

#[tokio::test]
async fn only_its_own_owner_and_the_deployments_may() {
    let (owner, _) = setup().await;
    let listed = owner.call("GET", "/v1/organizations", &Value::Null).await;
    assert_eq!(listed.status, 200);
    let other = other_organization(&owner).await;
    let listed = owner.call("GET", "/v1/organizations", &Value::Null).await.json;
    let items = listed["items"].as_array().unwrap().clone();
    let id = items.iter().find(|item| item["name"] == "Other").unwrap()["id"].as_str().unwrap().to_owned();
    let own = format!("/v1/organizations/{id}");
    for client in [&other, &owner] {
        assert_eq!(client.call("PATCH", &own, &json!({"rules": "always"})).await.status, 200);
        assert_eq!(client.call("GET", &own, &Value::Null).await.status, 200);
    }
    let foreign = other.call("PATCH", PATH, &json!({"name": "Mine"})).await;
    assert_eq!((foreign.status, foreign.code()), (404, "not_found"), "{}", foreign.text);
    assert_eq!(other.call("GET", PATH, &Value::Null).await.status, 404);
    let admin = key(&owner, "admin", None).await;
    assert_eq!(admin.call("PATCH", PATH, &json!({"name": "Mine"})).await.status, 403);
}

/// An organisation with an external OA, and the notice that the OA got last.
async fn told(desk: &Desk, receiver: &Receiver, flow: &str) -> Value {
    let body = json!({"title": "T", "applicant": {"name": "Li"}, "flow": flow,
        "starts_at": "2026-11-28T05:30:00Z", "ends_at": "2026-12-28T05:30:00Z"});
    let answer = desk.client.call("POST", "/v1/approvals", &body).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    serde_json::from_slice(&receiver.received().last().unwrap().body).unwrap()
}

#[tokio::test]
async fn a_notice_says_times_in_the_organisations_time_zone() {
    let (desk, receiver) = (Desk::new().await, Receiver::start().await);
    let oa = json!({"kind": "external", "name": "OA", "settings": {"url": receiver.url, "access_id": "access-0"},
        "secrets": {"access_key": "access-key-0123456789"}});
    let oa = make(&desk.client, "/v1/connections", &oa).await;
    let flow =
        make(&desk.client, "/v1/flows", &json!({"name": "F", "stages": [{"connection": oa, "nodes": []}]})).await;
    assert_eq!(told(&desk, &receiver, &flow).await["startTime"], "2026-11-28 13:30:00");
    let changed = desk.client.call("PATCH", PATH, &json!({"time_zone": "America/New_York"})).await;
    assert_eq!(changed.status, 200, "{}", changed.text);
    desk.clock.advance(60_000);
    let notice = told(&desk, &receiver, &flow).await;
    assert_eq!(
        (&notice["startTime"], &notice["endTime"]),
        (&json!("2026-11-28 00:30:00"), &json!("2026-12-28 00:30:00"))
    );
}

#[tokio::test]
async fn an_organisation_whose_rules_bind_is_asked_whatever_flow_a_request_names() {
    let desk = Desk::new().await;
    let node = json!({"name": "N", "mode": "any", "approvers": [{"account": "manager4220"}]});
    let flow = json!({"name": "F", "stages": [{"connection": desk.connection, "nodes": [node]}]});
    let flow = make(&desk.client, "/v1/flows", &flow).await;
    make(&desk.client, "/v1/rules", &json!({"name": "R", "position": 1, "when": "true", "then": {"approve": true}}))
        .await;
    let body = json!({"title": "T", "applicant": {"account": "a"}, "flow": flow});
    let named = desk.client.call("POST", "/v1/approvals", &body).await;
    assert_eq!(named.json["rule"], Value::Null, "the named flow stands: {}", named.text);
    let changed = desk.client.call("PATCH", PATH, &json!({"rules": "always"})).await;
    assert_eq!(changed.status, 200, "{}", changed.text);
    let bound = desk.client.call("POST", "/v1/approvals", &body).await;
    assert_eq!((bound.status, &bound.json["status"]), (201, &json!("approved")), "{}", bound.text);
    let tried = json!({"request": body, "source": desk.source});
    let tried = desk.client.call("POST", "/v1/rules/try", &tried).await;
    if tried.status == 200 {
        assert!(tried.text.contains("approve"), "{}", tried.text);
    }
}
