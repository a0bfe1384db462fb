//! Sources, members, workspaces and organisations.

use countersign::engine::App;
use countersign::resources::Source;
use countersign::resources::source::WEBHOOK_SECRET;
use countersign::store::Resource;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use super::{make, setup};

async fn opened(app: &App, source: &Source) -> SecretString {
    source.webhook_secret.open(app.data_key.sealer().await.unwrap(), &source.key(), WEBHOOK_SECRET).unwrap()
}

#[tokio::test]
async fn a_source_gets_a_key_and_a_secret_that_are_shown_once() {
    let (owner, app) = setup().await;
    let body = json!({
        "name": "Portal", "format": "native", "callback_url": "https://portal.example/hook",
        "events": ["approval.approved", "approval.rejected"],
    });
    let made = owner.call("POST", "/v1/sources", &body).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let (key, secret) = (made.json["api_key"].as_str().unwrap(), made.json["webhook_secret"].as_str().unwrap());
    assert!(key.starts_with("csk_") && secret.starts_with("whsec_"));
    let id = made.json["id"].as_str().unwrap();
    let path = format!("/v1/sources/{id}");
    let read = owner.call("GET", &path, &Value::Null).await;
    for text in [&read.text, &owner.call("GET", "/v1/sources", &Value::Null).await.text] {
        assert!(!text.contains(key) && !text.contains(secret) && !text.contains("api_key"), "{text}");
    }
    assert_eq!(read.json["webhook_secret"]["set"], true);
    let stored = app.store.get_unscoped::<Source>(id).await.unwrap().value;
    assert_eq!(opened(&app, &stored).await.expose_secret(), secret);
    assert!(stored.wants("approval.approved") && !stored.wants("approval.started"));

    // Its key is a submitter's, and goes with it.
    let submitter = owner.with_key(key);
    assert_eq!(submitter.call("GET", "/v1/members", &Value::Null).await.status, 403);
    let keys = owner.call("GET", "/v1/keys", &Value::Null).await;
    let bound: Vec<&Value> = keys.json["items"].as_array().unwrap().iter().filter(|k| k["source"] == id).collect();
    assert_eq!((bound.len(), &bound[0]["role"]), (1, &json!("submitter")));
    assert_eq!(owner.call("DELETE", &path, &Value::Null).await.status, 204);
    assert_eq!(submitter.call("GET", "/v1/members", &Value::Null).await.status, 401);
}

#[tokio::test]
async fn a_source_is_changed_field_by_field() {
    let (owner, app) = setup().await;
    let workspace = make(&owner, "/v1/workspaces", &json!({"name": "W"})).await;
    let body = json!({"name": "P", "format": "native", "workspace": workspace, "callback_url": "https://p.example"});
    let id = make(&owner, "/v1/sources", &body).await;
    let path = format!("/v1/sources/{id}");
    let secret = || async {
        let stored = app.store.get_unscoped::<Source>(&id).await.unwrap().value;
        opened(&app, &stored).await.expose_secret().to_owned()
    };
    let before = secret().await;
    let changed = owner.call("PATCH", &path, &json!({"name": "Q", "workspace": null})).await;
    assert_eq!((&changed.json["name"], &changed.json["workspace"]), (&json!("Q"), &Value::Null));
    assert_eq!(changed.json["callback_url"], "https://p.example/");
    assert_eq!(secret().await, before);
    for (body, pointer) in [
        (json!({"callback_url": "javascript:alert(1)"}), "/callback_url"),
        (json!({"events": ["approval.exploded"]}), "/events/0"),
        (json!({"events": ["approval.failed", "approval.failed"]}), "/events/1"),
        (json!({"format": null}), "/format"),
        (json!({"default_flow": "flow_none"}), "/default_flow"),
    ] {
        let answer = owner.call("PATCH", &path, &body).await;
        assert_eq!((answer.status, answer.pointers()), (400, vec![pointer]), "{body}: {}", answer.text);
    }
    assert_eq!(owner.call("DELETE", &format!("/v1/workspaces/{workspace}"), &Value::Null).await.status, 204);
}

#[tokio::test]
async fn members_have_an_account_per_connection() {
    let (owner, _) = setup().await;
    let one = make(&owner, "/v1/connections", &super::dingtalk()).await;
    let two = make(&owner, "/v1/connections", &super::external("access-9")).await;
    let workspace = make(&owner, "/v1/workspaces", &json!({"name": "W"})).await;
    let accounts = json!({one.clone(): "u1", two.clone(): "u2"});
    let body = json!({"name": "李雷", "accounts": accounts, "roles": ["dba"], "workspaces": [workspace]});
    let member = make(&owner, "/v1/members", &body).await;
    let path = format!("/v1/members/{member}");
    let mut update = json!({"accounts": {}});
    update["accounts"][&one] = Value::Null;
    let changed = owner.call("PATCH", &path, &update).await;
    assert_eq!(changed.json["accounts"], json!({two: "u2"}));
    assert_eq!((&changed.json["name"], &changed.json["roles"]), (&json!("李雷"), &json!(["dba"])));
    let administrators = json!({"administrators": [member]});
    let path = format!("/v1/workspaces/{workspace}");
    assert_eq!(owner.call("PATCH", &path, &administrators).await.json["administrators"], json!([member]));
    let refused = owner.call("DELETE", &format!("/v1/members/{member}"), &Value::Null).await;
    assert_eq!((refused.status, &refused.json["used_by"]), (409, &json!(workspace)));
}

#[tokio::test]
async fn the_deployments_owner_makes_organisations() {
    let (owner, _) = setup().await;
    let made = owner.call("POST", "/v1/organizations", &json!({"name": "Subsidiary"})).await;
    assert_eq!(made.status, 201);
    let id = made.json["id"].as_str().unwrap();
    let read = owner.call("GET", &format!("/v1/organizations/{id}"), &Value::Null).await;
    assert_eq!((&read.json["name"], read.json.get("owner_key")), (&json!("Subsidiary"), None));
    let listed = owner.call("GET", "/v1/organizations", &Value::Null).await;
    assert_eq!(listed.json["items"].as_array().unwrap().len(), 2);
    let empty = owner.call("POST", "/v1/organizations", &json!({"name": ""})).await;
    assert_eq!((empty.status, empty.pointers()), (400, vec!["/name"]));
}

#[tokio::test]
async fn the_link_to_a_form_leads_to_the_web() {
    let (owner, _) = setup().await;
    let with = |url: &str| {
        json!({"name": "D", "format": "dataphin", "settings": {"form_url": url},
            "secrets": {"access_token": "access-token-1", "encoding_aes_key": super::AES_KEY}})
    };
    for bad in [
        "javascript:alert(1)//{applyId}",
        "{applyId}",
        "data:text/html,x",
        "https://",
        "https://{applyId}.example/",
        "https://u:p@h/",
    ] {
        let answer = owner.call("POST", "/v1/sources", &with(bad)).await;
        assert_eq!((answer.status, answer.pointers()), (400, vec!["/settings/form_url"]), "{bad}: {}", answer.text);
    }
    let good = "https://dataphin.example/form?id={applyId}";
    let made = owner.call("POST", "/v1/sources", &with(good)).await;
    assert_eq!((made.status, &made.json["settings"]["form_url"]), (201, &json!(good)), "{}", made.text);
}
