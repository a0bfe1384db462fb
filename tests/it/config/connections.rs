//! Connections: secrets go in and never come out.

use countersign::resources::Connection;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::{AES_KEY, APP_SECRET, TOKEN, dingtalk, external, key, make, setup};

fn hides_secrets(text: &str) {
    for secret in [APP_SECRET, TOKEN, AES_KEY, "sealed", "v1."] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
}

#[tokio::test]
async fn secrets_never_come_out() {
    let (owner, app) = setup().await;
    let made = owner.call("POST", "/v1/connections", &dingtalk()).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let id = made.json["id"].as_str().unwrap();
    assert_eq!(made.json["callback_url"], format!("https://countersign.example/callbacks/{id}"));
    assert_eq!(made.json["secrets"]["app_secret"], json!({"set": true, "hint": "…abcd"}));
    let path = format!("/v1/connections/{id}");
    for (method, path, body) in [
        ("GET", path.as_str(), Value::Null),
        ("GET", "/v1/connections", Value::Null),
        ("PATCH", path.as_str(), json!({"name": "New name"})),
        ("PATCH", path.as_str(), json!({"secrets": {"token": ""}})),
        ("PATCH", path.as_str(), json!({"secrets": {"wrong": TOKEN}})),
        ("PATCH", path.as_str(), json!({"secrets": {"aes_key": TOKEN}})),
        ("PATCH", path.as_str(), json!({"secrets": {"aes_key": {"x": TOKEN}}})),
        ("POST", &format!("{path}/test"), json!({})),
        ("POST", &format!("{path}/template"), json!({})),
    ] {
        let answer = owner.call(method, path, &body).await;
        hides_secrets(&answer.text);
    }
    hides_secrets(&made.text);
    let stored = app.store.get_unscoped::<Connection>(id).await.unwrap().value;
    hides_secrets(&serde_json::to_string(&stored).unwrap().replace("sealed", "").replace("v1.", ""));
    let account = stored.account(&app.data_key).await.unwrap();
    assert_eq!(account.secrets["app_secret"].expose_secret(), APP_SECRET);
    assert!(account.old_secrets.is_none());
    hides_secrets(&format!("{account:?}"));
}

#[tokio::test]
async fn an_update_changes_only_what_is_sent() {
    let (owner, app) = setup().await;
    let id = make(&owner, "/v1/connections", &dingtalk()).await;
    let path = format!("/v1/connections/{id}");
    let open = || async {
        let stored = app.store.get_unscoped::<Connection>(&id).await.unwrap().value;
        stored.account(&app.data_key).await.unwrap()
    };
    let before = open().await;
    let renamed = owner.call("PATCH", &path, &json!({"name": "B", "settings": {"agent_id": null}})).await;
    assert_eq!((renamed.status, &renamed.json["name"]), (200, &json!("B")), "{}", renamed.text);
    assert_eq!(renamed.json["settings"]["app_key"], "ding-app");
    assert!(renamed.json["settings"].get("agent_id").is_none());
    let after = open().await;
    for name in ["app_secret", "token", "aes_key"] {
        assert_eq!(before.secrets[name].expose_secret(), after.secrets[name].expose_secret(), "{name}");
    }
    let changed = owner.call("PATCH", &path, &json!({"secrets": {"app_secret": "another-secret-wxyz"}})).await;
    assert_eq!(changed.json["secrets"]["app_secret"]["hint"], "…wxyz");
    let after = open().await;
    assert_eq!(after.secrets["app_secret"].expose_secret(), "another-secret-wxyz");
    assert_eq!(after.secrets["token"].expose_secret(), TOKEN);
    for (body, pointer) in [
        (json!({"secrets": {"app_secret": null}}), "/secrets/app_secret"),
        (json!({"settings": {"app_key": null}}), "/settings/app_key"),
        (json!({"name": "x".repeat(129)}), "/name"),
        (json!({"name": null}), "/name"),
        (json!({"default_applicant": "  "}), "/default_applicant"),
    ] {
        let answer = owner.call("PATCH", &path, &body).await;
        assert_eq!((answer.status, answer.pointers()), (400, vec![pointer]), "{body}");
    }
    let kind = owner.call("PATCH", &path, &json!({"kind": "external"})).await;
    assert_eq!((kind.status, kind.code()), (400, "unknown_field"));
}

#[tokio::test]
async fn a_sealed_secret_opens_in_its_own_place_only() {
    let (owner, app) = setup().await;
    let one = make(&owner, "/v1/connections", &dingtalk()).await;
    let two = make(&owner, "/v1/connections", &dingtalk()).await;
    let stored = app.store.get_unscoped::<Connection>(&one).await.unwrap().value;
    let mut thief = app.store.get_unscoped::<Connection>(&two).await.unwrap().value;
    thief.secrets = stored.secrets;
    assert!(thief.account(&app.data_key).await.is_err());
}

#[tokio::test]
async fn new_callback_keys_are_shown_once_and_the_old_ones_work_until_they_are_retired() {
    let (owner, app) = setup().await;
    let id = make(&owner, "/v1/connections", &dingtalk()).await;
    let path = format!("/v1/connections/{id}");
    let made = owner.call("POST", &format!("{path}/generate-keys"), &Value::Null).await;
    assert_eq!(made.status, 200, "{}", made.text);
    let (token, aes_key) = (made.json["token"].as_str().unwrap(), made.json["aes_key"].as_str().unwrap());
    assert_eq!((token.len(), aes_key.len()), (32, 43));
    assert_eq!(made.json["old_keys_accepted"], true);
    let open = || async {
        let stored = app.store.get_unscoped::<Connection>(&id).await.unwrap().value;
        stored.account(&app.data_key).await.unwrap()
    };
    let account = open().await;
    assert_eq!(account.secrets["token"].expose_secret(), token);
    assert_eq!(account.secrets["aes_key"].expose_secret(), aes_key);
    let old = account.old_secrets.unwrap();
    assert_eq!((old["token"].expose_secret(), old["aes_key"].expose_secret()), (TOKEN, AES_KEY));
    assert!(!owner.call("GET", &path, &Value::Null).await.text.contains(token));
    let retired = owner.call("POST", &format!("{path}/generate-keys"), &json!({"retire_old": true})).await;
    assert_eq!(retired.json["old_keys_accepted"], false);
    assert!(retired.json.get("token").is_none());
    let account = open().await;
    assert!(account.old_secrets.is_none());
    assert_eq!(account.secrets["token"].expose_secret(), token);
    let oa = make(&owner, "/v1/connections", &external("access-9")).await;
    let refused = owner.call("POST", &format!("/v1/connections/{oa}/generate-keys"), &Value::Null).await;
    assert_eq!((refused.status, refused.code()), (409, "provider_cannot"));
}

#[tokio::test]
async fn kinds_and_addresses_are_checked() {
    let (owner, mut app) = setup().await;
    let mut connection = dingtalk();
    connection["kind"] = json!("slack");
    let answer = owner.call("POST", "/v1/connections", &connection).await;
    assert_eq!((answer.status, answer.code(), answer.pointers()), (400, "unknown_kind", vec!["/kind"]));
    // In the cloud private addresses are refused unless the operator lists them.
    let mut settings = (*app.settings).clone();
    settings.addresses = countersign::settings::address::policy("10.0.0.5");
    app.settings = settings.into();
    let router = countersign_config::routes(app);
    let cloud = countersign_tests::http::Client { router, key: owner.key.clone() };
    for (endpoint, status) in [
        ("http://127.0.0.1:9", 400),
        ("http://localhost", 400),
        ("http://169.254.169.254/latest", 400),
        ("http://10.0.0.5", 201),
        ("https://oapi.dingtalk.com", 201),
    ] {
        let mut connection = dingtalk();
        connection["settings"]["endpoint"] = json!(endpoint);
        let answer = cloud.call("POST", "/v1/connections", &connection).await;
        assert_eq!(answer.status, status, "{endpoint}: {}", answer.text);
    }
    let source = json!({"name": "S", "format": "native", "callback_url": "http://192.168.0.1/hook"});
    let answer = cloud.call("POST", "/v1/sources", &source).await;
    assert_eq!((answer.status, answer.pointers()), (400, vec!["/callback_url"]));
}

#[tokio::test]
async fn a_test_that_cannot_reach_the_platform_says_so() {
    let (owner, _) = setup().await;
    let id = make(&owner, "/v1/connections", &dingtalk()).await;
    let tested = owner.call("POST", &format!("/v1/connections/{id}/test"), &Value::Null).await;
    assert_eq!((tested.status, &tested.json["ok"]), (200, &json!(false)), "{}", tested.text);
    let failed: Vec<&Value> = tested.json["checks"].as_array().unwrap().iter().filter(|c| c["ok"] == false).collect();
    assert!(!failed.is_empty());
    let fix = failed[0]["fix"].as_str().unwrap();
    assert!(fix.contains("endpoint") && !fix.contains("AppSecret"), "the address is dead, not the secret: {fix}");
    let template = owner.call("POST", &format!("/v1/connections/{id}/template"), &Value::Null).await;
    assert!(template.status >= 400 && !template.code().is_empty(), "{}", template.text);
    let unknown = owner.call("POST", &format!("/v1/connections/{id}/test"), &json!({"x": 1})).await;
    assert_eq!((unknown.status, unknown.code()), (400, "unknown_field"));
}

#[tokio::test]
async fn what_is_in_use_is_not_deleted() {
    let (owner, _) = setup().await;
    let id = make(&owner, "/v1/connections", &dingtalk()).await;
    let path = format!("/v1/connections/{id}");
    let member = make(&owner, "/v1/members", &json!({"name": "M", "accounts": {id.clone(): "u1"}})).await;
    let node = json!({"name": "N", "mode": "any", "approvers": [{"member": member}]});
    let flow = make(&owner, "/v1/flows", &json!({"name": "F", "stages": [{"connection": id, "nodes": [node]}]})).await;
    let source = make(&owner, "/v1/sources", &json!({"name": "S", "format": "native", "default_flow": flow})).await;
    for (path, user) in
        [(path.clone(), &flow), (format!("/v1/members/{member}"), &flow), (format!("/v1/flows/{flow}"), &source)]
    {
        let answer = owner.call("DELETE", &path, &Value::Null).await;
        assert_eq!((answer.status, answer.code()), (409, "in_use"), "{path}");
        assert_eq!(answer.json["used_by"], json!(user), "{path}");
    }
    for path in [format!("/v1/sources/{source}"), format!("/v1/flows/{flow}"), format!("/v1/members/{member}"), path] {
        assert_eq!(owner.call("DELETE", &path, &Value::Null).await.status, 204, "{path}");
        assert_eq!(owner.call("GET", &path, &Value::Null).await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn a_viewer_learns_nothing_of_connections() {
    let (owner, _) = setup().await;
    let id = make(&owner, "/v1/connections", &dingtalk()).await;
    let viewer = key(&owner, "viewer", None).await;
    for (method, path) in [("GET", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "/test"), ("POST", "/generate-keys")] {
        let answer = viewer.call(method, &format!("/v1/connections/{id}{path}"), &json!({})).await;
        assert_eq!((answer.status, answer.code()), (403, "forbidden"), "{method} {path}");
    }
}

#[tokio::test]
async fn addresses_are_stored_as_they_are_read() {
    let (owner, _) = setup().await;
    let typed = "HTTPS://Api.DingTalk.com:443/a/../b\\c d";
    let read = "https://api.dingtalk.com/b/c%20d";
    let mut body = dingtalk();
    body["settings"]["endpoint"] = json!(typed);
    let made = owner.call("POST", "/v1/connections", &body).await;
    assert_eq!(made.status, 201, "{}", made.text);
    assert_eq!(made.json["settings"]["endpoint"], read);
    let path = format!("/v1/connections/{}", made.json["id"].as_str().unwrap());
    let change = json!({"settings": {"endpoint": "https://api.dingtalk.com:443"}});
    assert_eq!(owner.call("PATCH", &path, &change).await.json["settings"]["endpoint"], "https://api.dingtalk.com/");
    let source = json!({"name": "S", "format": "native", "callback_url": typed});
    let source = owner.call("POST", "/v1/sources", &source).await;
    assert_eq!(source.json["callback_url"], read, "{}", source.text);
    let path = format!("/v1/sources/{}", source.json["id"].as_str().unwrap());
    let change = json!({"callback_url": "https://B\u{fc}cher.example"});
    assert_eq!(owner.call("PATCH", &path, &change).await.json["callback_url"], "https://xn--bcher-kva.example/");
}

#[tokio::test]
async fn a_secret_that_can_be_guessed_is_refused() {
    let (owner, app) = setup().await;
    let mut body = dingtalk();
    body["secrets"]["token"] = json!("12345");
    let answer = owner.call("POST", "/v1/connections", &body).await;
    assert_eq!((answer.status, answer.code(), answer.pointers()), (422, "secret_too_short", vec!["/secrets/token"]));
    assert!(answer.text.contains("6 characters") && !answer.text.contains("12345\""), "{}", answer.text);
    body["secrets"]["token"] = json!("123456");
    let id = make(&owner, "/v1/connections", &body).await;
    let source =
        json!({"name": "D", "format": "dataphin", "secrets": {"access_token": "x", "encoding_aes_key": AES_KEY}});
    let answer = owner.call("POST", "/v1/sources", &source).await;
    assert_eq!(
        (answer.status, answer.code(), answer.pointers()),
        (422, "secret_too_short", vec!["/secrets/access_token"])
    );

    // One that was stored before still counts, whatever else is changed.
    let found = app.store.get_unscoped::<Connection>(&id).await.unwrap();
    let (mut stored, sealer) = (found.value, app.data_key.sealer().await.unwrap());
    let key = countersign::store::Resource::key(&stored);
    let short = countersign::resources::SealedSecret::seal(sealer, &"t".into(), &key, "token", &app.world).unwrap();
    stored.secrets.insert("token".into(), short);
    app.store.update(&stored, found.version).await.unwrap();
    let path = format!("/v1/connections/{id}");
    assert_eq!(owner.call("PATCH", &path, &json!({"name": "Renamed"})).await.status, 200);
    let answer = owner.call("PATCH", &path, &json!({"secrets": {"token": "t"}})).await;
    assert_eq!((answer.status, answer.code()), (422, "secret_too_short"));
}
