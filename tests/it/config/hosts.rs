//! A secret goes to no host that it was not given for.

use countersign_tests::http::{Answer, Client};
use serde_json::{Value, json};

use super::{APP_SECRET, dingtalk, external, make, setup};

const OWN: &str = "http://127.0.0.1:9";
const OTHER: &str = "https://elsewhere.example";

async fn patch(owner: &Client, path: &str, body: &Value) -> Answer {
    owner.call("PATCH", path, body).await
}

/// Refused, and the fields that are to be sent again.
fn refused<'a>(answer: &'a Answer, about: &Value) -> Vec<&'a str> {
    assert_eq!((answer.status, answer.code()), (422, "secrets_needed"), "{about}: {}", answer.text);
    answer.pointers()
}

#[tokio::test]
async fn a_changed_host_of_a_platform_asks_for_what_is_sent_there() {
    let (owner, _) = setup().await;
    let feishu = json!({"kind": "feishu", "name": "F", "settings": {"app_id": "cli_a", "endpoint": OWN},
        "secrets": {"app_secret": APP_SECRET, "verification_token": "verification-token", "encrypt_key": "encrypt-key-1"}});
    let wecom = json!({"kind": "wecom", "name": "W", "settings": {"corp_id": "ww1", "agent_id": "1", "endpoint": OWN},
        "secrets": {"app_secret": APP_SECRET, "token": "token-0123", "aes_key": super::AES_KEY}});
    for (body, secret) in [(dingtalk(), "app_secret"), (feishu, "app_secret"), (wecom, "app_secret")] {
        let path = format!("/v1/connections/{}", make(&owner, "/v1/connections", &body).await);
        let read = || async { owner.call("GET", &path, &Value::Null).await.json["settings"]["endpoint"].clone() };
        let before = read().await;
        for endpoint in [json!(OTHER), json!("http://127.0.0.1:10"), json!("https://127.0.0.1:9"), Value::Null] {
            let change = json!({"settings": {"endpoint": endpoint}, "name": "Renamed"});
            let answer = patch(&owner, &path, &change).await;
            assert_eq!(refused(&answer, &change), [format!("/secrets/{secret}")]);
            assert!(!answer.text.contains(APP_SECRET));
            assert_eq!(read().await, before);
        }
        // The same host, however it is written, asks for nothing; nor does anything else.
        for change in [
            json!({"settings": {"endpoint": "http://127.0.0.1:9/gateway"}}),
            json!({"settings": {"endpoint": "HTTP://127.1:9/"}}),
            json!({"name": "Renamed"}),
        ] {
            let answer = patch(&owner, &path, &change).await;
            assert_eq!(answer.status, 200, "{change}: {}", answer.text);
        }
        let change = json!({"settings": {"endpoint": OTHER}, "secrets": {secret: "given-for-elsewhere"}});
        let answer = patch(&owner, &path, &change).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert_eq!(read().await, format!("{OTHER}/"));
        assert_eq!(patch(&owner, &path, &json!({"settings": {"endpoint": OTHER}})).await.status, 200);
    }
}

#[tokio::test]
async fn every_address_of_a_connection_is_watched() {
    let (owner, _) = setup().await;
    let path = format!("/v1/connections/{}", make(&owner, "/v1/connections", &dingtalk()).await);
    // The access token goes there.
    let change = json!({"settings": {"legacy_endpoint": OTHER}});
    assert_eq!(refused(&patch(&owner, &path, &change).await, &change), ["/secrets/app_secret"]);
    let change = json!({"settings": {"legacy_endpoint": OWN}});
    assert_eq!(patch(&owner, &path, &change).await.status, 200, "that host has the secret already");
    let path = format!("/v1/connections/{}", make(&owner, "/v1/connections", &external("access-9")).await);
    let change = json!({"settings": {"url": OTHER}});
    assert_eq!(refused(&patch(&owner, &path, &change).await, &change), ["/secrets/access_key"]);
    let change = json!({"settings": {"url": OTHER, "auth": "none"}, "secrets": {"access_key": null}});
    assert_eq!(patch(&owner, &path, &change).await.status, 200, "what is not there cannot go astray");
    assert_eq!(patch(&owner, &path, &json!({"settings": {"url": OWN}})).await.status, 200);
}

#[tokio::test]
async fn the_usual_host_may_be_written_out() {
    let (owner, _) = setup().await;
    for (kind, usual, settings, secrets) in [
        (
            "dingtalk",
            "https://api.dingtalk.com",
            json!({"app_key": "k"}),
            json!({"token": "token-0123", "aes_key": super::AES_KEY}),
        ),
        (
            "feishu",
            "https://open.feishu.cn",
            json!({"app_id": "k"}),
            json!({"verification_token": "verification-token"}),
        ),
        (
            "wecom",
            "https://qyapi.weixin.qq.com",
            json!({"corp_id": "k", "agent_id": "1"}),
            json!({"token": "token-0123", "aes_key": super::AES_KEY}),
        ),
    ] {
        let mut body = json!({"kind": kind, "name": kind, "settings": settings, "secrets": secrets});
        body["secrets"]["app_secret"] = json!(APP_SECRET);
        let path = format!("/v1/connections/{}", make(&owner, "/v1/connections", &body).await);
        let change = json!({"settings": {"endpoint": OTHER}});
        assert_eq!(refused(&patch(&owner, &path, &change).await, &change), ["/secrets/app_secret"]);
        let answer = patch(&owner, &path, &json!({"settings": {"endpoint": usual}})).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
    }
}

#[tokio::test]
async fn a_changed_receiver_of_a_source_asks_for_what_is_shown_or_signed_there() {
    let (owner, _) = setup().await;
    let dataphin = json!({"name": "D", "format": "dataphin", "callback_url": "https://dataphin.example/call",
        "secrets": {"access_token": "access-token-1", "encoding_aes_key": super::AES_KEY}});
    let path = format!("/v1/sources/{}", make(&owner, "/v1/sources", &dataphin).await);
    let wanted = ["/secrets/access_token", "/secrets/encoding_aes_key"];
    let change = json!({"callback_url": OTHER});
    assert_eq!(refused(&patch(&owner, &path, &change).await, &change), wanted);
    // Not by a detour either: over a format that sends nothing, or over no receiver.
    for detour in [json!({"format": "native", "callback_url": OTHER}), json!({"callback_url": null})] {
        let path = format!("/v1/sources/{}", make(&owner, "/v1/sources", &dataphin).await);
        let answer = patch(&owner, &path, &detour).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let change = json!({"format": "dataphin", "callback_url": OTHER});
        assert_eq!(refused(&patch(&owner, &path, &change).await, &change), wanted);
    }
    let given = json!({"callback_url": OTHER,
        "secrets": {"access_token": "access-token-2", "encoding_aes_key": super::AES_KEY}});
    let answer = patch(&owner, &path, &given).await;
    assert_eq!(answer.status, 200, "{}", answer.text);

    // What only comes in from the product is not asked for.
    let audience = json!({"name": "Q", "format": "quick_audience", "callback_url": "https://qa.example",
        "secrets": {"access_id": "access-id-1"}});
    let path = format!("/v1/sources/{}", make(&owner, "/v1/sources", &audience).await);
    assert_eq!(refused(&patch(&owner, &path, &change).await, &change), ["/secrets/access_id"]);
    let bi = json!({"name": "B", "format": "quick_bi", "secrets": {"access_key_secret": "access-key-secret"},
        "settings": {"access_key_id": "LTAI"}});
    let path = format!("/v1/sources/{}", make(&owner, "/v1/sources", &bi).await);
    let change = json!({"settings": {"endpoint": OTHER}});
    assert_eq!(refused(&patch(&owner, &path, &change).await, &change), ["/secrets/access_key_secret"]);
    assert_eq!(patch(&owner, &path, &json!({"callback_url": OTHER})).await.status, 200, "nothing is sent there");
}

#[tokio::test]
async fn a_native_receiver_may_move() {
    let (owner, _) = setup().await;
    let body = json!({"name": "N", "format": "native", "callback_url": "https://portal.example/hook"});
    let path = format!("/v1/sources/{}", make(&owner, "/v1/sources", &body).await);
    // Its secret was made here from random bytes: a signature tells nothing of it, and nobody could type it again.
    assert_eq!(patch(&owner, &path, &json!({"callback_url": OTHER})).await.status, 200);
}
