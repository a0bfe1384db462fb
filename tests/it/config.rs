//! The configuration, as its users see it.

use countersign::engine::App;
use countersign_tests::http::{Client, owner_key, test_app};
use countersign_tests::{TestClock, test_store};
use serde_json::{Value, json};

mod access;
mod connections;
mod external;
mod flows;
mod hosts;
mod members;
mod organizations;
mod public_address;
mod requests;
mod sources;
mod tls;
mod warnings;

/// The configuration's routes on a table of their own, called by the deployment's owner.
async fn setup() -> (Client, App) {
    let app = test_app(test_store().await, TestClock::at(1_790_000_000_000).world());
    let key = owner_key(&app).await;
    (Client { router: countersign_config::routes(app.clone()), key }, app)
}

/// A second organisation's owner.
async fn other_organization(owner: &Client) -> Client {
    let made = owner.call("POST", "/v1/organizations", &json!({"name": "Other"})).await;
    assert_eq!(made.status, 201, "{}", made.text);
    owner.with_key(made.json["owner_key"].as_str().unwrap())
}

/// A key of this role, made by the owner.
async fn key(owner: &Client, role: &str, source: Option<&str>) -> Client {
    let made = owner.call("POST", "/v1/keys", &json!({"name": role, "role": role, "source": source})).await;
    assert_eq!(made.status, 201, "{}", made.text);
    owner.with_key(made.json["key"].as_str().unwrap())
}

const APP_SECRET: &str = "app-secret-0123456789-abcd";
const TOKEN: &str = "token-0123456789-efgh";
const AES_KEY: &str = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQ";

fn dingtalk() -> Value {
    json!({
        "kind": "dingtalk",
        "name": "Head office",
        "settings": {"app_key": "ding-app", "agent_id": "1", "corp_id": "ding-corp", "endpoint": "http://127.0.0.1:9"},
        "secrets": {"app_secret": APP_SECRET, "token": TOKEN, "aes_key": AES_KEY}
    })
}

fn external(access_id: &str) -> Value {
    json!({
        "kind": "external",
        "name": "Own OA",
        "settings": {"url": "https://oa.example/apply", "access_id": access_id, "organization_id": "o-1"},
        "secrets": {"access_key": "access-key-0123456789"}
    })
}

/// Makes something and answers with its id.
async fn make(client: &Client, path: &str, body: &Value) -> String {
    let made = client.call("POST", path, body).await;
    assert_eq!(made.status, 201, "{}", made.text);
    made.json["id"].as_str().unwrap().to_owned()
}
