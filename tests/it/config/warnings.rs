//! What a connection does without is said, where it is saved and where it is tested.

use serde_json::{Value, json};

use super::{external, make, setup};

/// The names of the warnings.
fn warned(body: &Value) -> Vec<&str> {
    let warnings = body["warnings"].as_array().into_iter().flatten();
    warnings
        .map(|warning| {
            assert!(!warning["detail"].as_str().unwrap().is_empty() && !warning["fix"].as_str().unwrap().is_empty());
            warning["name"].as_str().unwrap()
        })
        .collect()
}

#[tokio::test]
async fn feishu_without_an_encrypt_key_says_what_that_means() {
    let (owner, _) = setup().await;
    let body = json!({"kind": "feishu", "name": "F", "settings": {"app_id": "cli_0123456789", "endpoint": "http://127.0.0.1:9"},
        "secrets": {"app_secret": "app-secret-0123456789", "verification_token": "verification-token-01"}});
    let made = owner.call("POST", "/v1/connections", &body).await;
    assert_eq!(made.status, 201, "{}", made.text);
    assert_eq!(warned(&made.json), ["callback_keys"], "{}", made.text);
    let path = format!("/v1/connections/{}", made.json["id"].as_str().unwrap());
    assert_eq!(warned(&owner.call("GET", &path, &Value::Null).await.json), ["callback_keys"]);
    let tested = owner.call("POST", &format!("{path}/test"), &json!({})).await.json;
    let check = tested["checks"].as_array().unwrap().iter().find(|check| check["name"] == "callback_keys").cloned();
    let check = check.expect("it is said before the platform is asked");
    assert_eq!(check["ok"], true, "{check}");
    assert!(!check["fix"].as_str().unwrap().is_empty(), "{check}");
    let mended = owner.call("PATCH", &path, &json!({"secrets": {"encrypt_key": "encrypt-key-0123456789"}})).await;
    assert_eq!((mended.status, warned(&mended.json)), (200, vec![]), "{}", mended.text);
}

#[tokio::test]
async fn an_external_oa_that_proves_nothing_says_what_that_means() {
    let (owner, app) = setup().await;
    let mut open = external("access-1");
    open["settings"]["auth"] = json!("none");
    open["secrets"] = json!({});
    let made = owner.call("POST", "/v1/connections", &open).await;
    assert_eq!((made.status, warned(&made.json)), (201, vec!["callback_keys"]), "{}", made.text);

    // As they were stored when a key was not asked for.
    for (auth, access_id) in [("open_platform", "access-2"), ("access_id", "access-3")] {
        let mut body = external(access_id);
        body["settings"]["auth"] = json!(auth);
        let id = make(&owner, "/v1/connections", &body).await;
        let path = format!("/v1/connections/{id}");
        assert_eq!(warned(&owner.call("GET", &path, &Value::Null).await.json), Vec::<&str>::new());
        let mut stored = app.store.get_unscoped::<countersign::resources::Connection>(&id).await.unwrap();
        stored.value.secrets.clear();
        app.store.update(&stored.value, stored.version).await.unwrap();
        assert_eq!(warned(&owner.call("GET", &path, &Value::Null).await.json), ["callback_keys"], "{auth}");
        let renamed = owner.call("PATCH", &path, &json!({"name": "Other"})).await;
        assert_eq!((renamed.status, warned(&renamed.json)), (200, vec!["callback_keys"]), "{}", renamed.text);
    }
}
