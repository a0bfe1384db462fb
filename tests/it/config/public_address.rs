//! What testing a connection says of the address that the platform is to call back.

use countersign_tests::http::Client;
use countersign_tests::port::Port;
use countersign_tests::receiver::Receiver;
use serde_json::{Value, json};

use super::{dingtalk, make, setup};
use crate::tls::{Authority, Manner, Server};

/// A name that no name server is asked for: one of its parts is too long.
fn no_name() -> String {
    format!("{}.example", "x".repeat(64))
}

/// What the test of a connection to this endpoint says, of a deployment with this public address.
async fn said(endpoint: &str, public_url: &str) -> Value {
    let (owner, mut app) = setup().await;
    let mut settings = (*app.settings).clone();
    settings.public_url = public_url.to_owned();
    app.settings = settings.into();
    let owner = Client { router: countersign_config::routes(app), key: owner.key };
    let mut body = dingtalk();
    body["settings"]["endpoint"] = json!(endpoint);
    body["settings"]["legacy_endpoint"] = json!(endpoint);
    let id = make(&owner, "/v1/connections", &body).await;
    let tested = owner.call("POST", &format!("/v1/connections/{id}/test"), &json!({})).await.json;
    let checks = tested["checks"].as_array().unwrap();
    assert_eq!(tested["ok"], checks.iter().all(|check| check["ok"] == true), "{tested}");
    checks.iter().find(|check| check["name"] == "public_address").unwrap_or_else(|| panic!("{tested}")).clone()
}

#[tokio::test]
async fn a_public_address_that_the_platform_cannot_reach_is_told_with_what_mends_it() {
    let (internet, inside) = (format!("https://{}", no_name()), "http://0.0.0.0:9");
    let closed = Port::closed();
    let healthy = Receiver::start().await;
    healthy.answer_next(200, r#"{"status": "ok"}"#);
    let other = Receiver::start().await;
    let expired = Server::start(Manner::Expired, &Authority::new(), "");
    for (endpoint, public_url, ok, detail, fix) in [
        (&*internet, "countersign", false, "not an address", "https://approvals.example.com"),
        (&internet, &*format!("https://{}", no_name()), false, "leads to no address", "DNS"),
        (&internet, &healthy.url, false, "is a private address", "tunnel"),
        (inside, &healthy.url, true, "answers as this deployment", ""),
        (inside, &other.url, false, "something else", "with the path"),
        (inside, &format!("http://{}", closed.address()), false, "no connection", "load balancer"),
        (inside, &expired.url, false, "has expired", "Renew"),
        ("http://127.0.0.1:9", "https://countersign.example", true, "on this machine", ""),
    ] {
        let check = said(endpoint, public_url).await;
        assert_eq!(check["ok"], ok, "{public_url}: {check}");
        assert!(check["detail"].as_str().unwrap().contains(detail), "{public_url}: {check}");
        let told = check["fix"].as_str().unwrap();
        assert!(told.contains(fix) && told.is_empty() == fix.is_empty(), "{public_url}: {check}");
    }
    let asked: Vec<String> = healthy.received().iter().map(|received| received.uri.to_string()).collect();
    assert_eq!(asked, ["/health"]);
}
