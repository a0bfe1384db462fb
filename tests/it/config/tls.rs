//! What testing a connection says of TLS that fails, and certificates of private authorities.

use countersign_tests::http::Client;
use serde_json::{Value, json};

use super::{AES_KEY, APP_SECRET, TOKEN, make, setup};
use crate::tls::{Authority, FAILURES, Manner, Server};

/// What every server says: an access token to DingTalk, Feishu and WeCom at once.
const TOKENS: &str = r#"{"accessToken": "token", "expireIn": 7200, "code": 0, "msg": "ok", "tenant_access_token": "token",
    "expire": 7200, "errcode": 0, "errmsg": "ok", "access_token": "token", "expires_in": 7200}"#;

/// A connection of each platform at this address, and the check of it that calls there first.
fn connections(url: &str, ca_certificate: &Value) -> Vec<(Value, &'static str)> {
    let of = |kind: &str, mut settings: Value, secrets: Value| {
        settings["ca_certificate"] = ca_certificate.clone();
        json!({"kind": kind, "name": kind, "settings": settings, "secrets": secrets})
    };
    let keys = json!({"app_secret": APP_SECRET, "token": TOKEN, "aes_key": AES_KEY});
    let feishu =
        json!({"app_secret": APP_SECRET, "verification_token": "verification-token", "encrypt_key": "encrypt-key-1"});
    let access = json!({"access_key": "access-key-0123456789"});
    let port = url.rsplit(':').next().unwrap();
    vec![
        (of("dingtalk", json!({"app_key": "k", "endpoint": url, "legacy_endpoint": url}), keys.clone()), "credentials"),
        (of("feishu", json!({"app_id": "cli_a", "endpoint": url}), feishu), "credentials"),
        (of("wecom", json!({"corp_id": "ww1", "agent_id": "1", "endpoint": url}), keys), "credentials"),
        (of("external", json!({"url": url, "access_id": format!("access-{port}")}), access), "address"),
    ]
}

/// Makes a connection, tests it and answers with this check.
async fn tested(owner: &Client, body: &Value, name: &str) -> Value {
    let mut body = body.clone();
    if body["settings"]["ca_certificate"].is_null() {
        body["settings"].as_object_mut().unwrap().remove("ca_certificate");
    }
    let id = make(owner, "/v1/connections", &body).await;
    let tested = owner.call("POST", &format!("/v1/connections/{id}/test"), &json!({})).await.json;
    let found = tested["checks"].as_array().unwrap().iter().find(|check| check["name"] == name);
    found.unwrap_or_else(|| panic!("{tested}")).clone()
}

#[tokio::test]
async fn each_failure_of_tls_is_a_check_with_its_remedy_and_is_met_once() {
    let (owner, _) = setup().await;
    let authority = Authority::new();
    let untrusted = (Manner::Right, "is not trusted", "`ca_certificate`");
    for (manner, cause, remedy) in FAILURES.into_iter().chain([untrusted]) {
        let ca = if manner == Manner::Right { Value::Null } else { json!(authority.pem()) };
        let server = Server::start(manner, &authority, TOKENS);
        for (body, name) in connections(&server.url, &ca) {
            let before = server.connections();
            let check = tested(&owner, &body, name).await;
            let (detail, fix) = (check["detail"].as_str().unwrap(), check["fix"].as_str().unwrap());
            assert_eq!(check["ok"], false, "{manner:?} {check}");
            assert!(
                detail.contains(cause) && fix.to_lowercase().contains(&remedy.to_lowercase()),
                "{manner:?} {check}"
            );
            // A connection that breaks is tried again at once; what is wrong with a certificate stays wrong.
            let calls = if manner == Manner::HangsUp { 3 } else { 1 };
            assert_eq!(server.connections() - before, calls, "{manner:?} {}", body["kind"]);
        }
    }
}

#[tokio::test]
async fn a_private_authority_is_trusted_by_every_platform() {
    let (owner, _) = setup().await;
    let authority = Authority::new();
    let server = Server::start(Manner::Right, &authority, TOKENS);
    for (body, name) in connections(&server.url, &json!(authority.pem())) {
        let check = tested(&owner, &body, name).await;
        assert_eq!(check["ok"], true, "{check}");
    }
}

#[tokio::test]
async fn only_certificates_are_taken_and_they_are_shown_as_they_were_read() {
    let (owner, _) = setup().await;
    let (one, other) = (Authority::new(), Authority::new());
    let key = one.key_pem();
    let many = one.pem().repeat(11);
    let body = |ca: &str| connections("https://127.0.0.1:9", &json!(ca)).remove(3).0;
    let source = |ca: &str| json!({"name": "S", "format": "native", "ca_certificate": ca});
    for (bad, why) in [
        ("", "no certificate"),
        ("hello", "no certificate"),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "number 1"),
        (&one.pem().replace("-----END", "----END"), "cannot be read"),
        (&format!("{}{key}", one.pem()), "private key"),
        (&key, "private key"),
        (&format!("{}-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n", one.pem()), "only certificates"),
        (&many, "at most 10"),
        (&" ".repeat(40_000), "bytes"),
    ] {
        for (path, body, pointer) in [
            ("/v1/connections", body(bad), "/settings/ca_certificate"),
            ("/v1/sources", source(bad), "/ca_certificate"),
        ] {
            let answer = owner.call("POST", path, &body).await;
            assert_eq!((answer.status, answer.pointers()), (400, vec![pointer]), "{why}: {}", answer.text);
            assert!(answer.text.contains(why), "{why}: {}", answer.text);
            assert!(!answer.text.contains(key.lines().nth(1).unwrap()), "{}", answer.text);
        }
    }
    let both = format!("{}{}", one.pem(), other.pem());
    // What surrounds the certificates is not kept.
    let told = format!("Own authority\r\n{}\r\n", both.replace('\n', "\r\n"));
    let read = both.replace("\r\n", "\n");
    let id = make(&owner, "/v1/connections", &body(&told)).await;
    let path = format!("/v1/connections/{id}");
    let shown = owner.call("GET", &path, &Value::Null).await.json;
    assert_eq!(shown["settings"]["ca_certificate"], read);
    let changed = owner.call("PATCH", &path, &json!({"name": "Renamed"})).await;
    assert_eq!((changed.status, &changed.json["settings"]["ca_certificate"]), (200, &json!(read)), "{}", changed.text);
    let cleared = owner.call("PATCH", &path, &json!({"settings": {"ca_certificate": null}})).await;
    assert_eq!((cleared.status, cleared.json["settings"].get("ca_certificate")), (200, None), "{}", cleared.text);
    let made = owner.call("POST", "/v1/sources", &source(&told)).await;
    assert_eq!((made.status, &made.json["ca_certificate"]), (201, &json!(read)), "{}", made.text);
}
