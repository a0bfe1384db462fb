//! What a delivery says of a receiver whose TLS fails, and a receiver whose certificate is of a private authority.

use countersign::store::deliveries::DeliveryStatus;
use countersign_tests::desk::make;
use serde_json::{Value, json};

use super::scene::Scene;
use crate::tls::{Authority, FAILURES, Manner, Server};

/// A scene whose source is called at this address, and trusts these certificates too.
async fn scene(url: &str, ca_certificate: &Value) -> Scene {
    let mut scene = Scene::new(url).await;
    let source = json!({"name": "App", "format": "native", "callback_url": url, "ca_certificate": ca_certificate});
    scene.source = make(&scene.desk.client, "/v1/sources", &source).await;
    scene
}

/// What the first delivery came to.
async fn told(scene: &Scene) -> (DeliveryStatus, String) {
    let mut story = scene.approval(1).await;
    story.tell(scene).await;
    let row = scene.rows(&story.record.id).await.remove(0);
    (row.status, row.last_error.unwrap_or_default())
}

#[tokio::test]
async fn each_failure_of_tls_is_said_with_its_remedy() {
    let authority = Authority::new();
    for (manner, cause, remedy) in FAILURES {
        let server = Server::start(manner, &authority, "");
        let scene = scene(&server.url, &json!(authority.pem())).await;
        let (status, error) = told(&scene).await;
        assert_eq!(status, DeliveryStatus::Pending, "certificates are renewed: {manner:?}");
        assert!(error.contains(cause) && error.to_lowercase().contains(&remedy.to_lowercase()), "{manner:?}: {error}");
        assert!(error.starts_with("no connection to 127.0.0.1: "), "{error}");
        assert_eq!(server.connections(), 1, "{manner:?}");
    }
}

#[tokio::test]
async fn a_private_authority_is_trusted_by_the_source_that_names_it_and_by_no_other() {
    let authority = Authority::new();
    let server = Server::start(Manner::Right, &authority, "");
    let scene = scene(&server.url, &json!(authority.pem())).await;
    assert_eq!(told(&scene).await, (DeliveryStatus::Delivered, String::new()));
    let other = json!({"name": "Other", "format": "native", "callback_url": server.url});
    let other = Scene { source: make(&scene.desk.client, "/v1/sources", &other).await, ..scene };
    let mut story = other.approval(1).await;
    story.tell(&other).await;
    let row = other.rows(&story.record.id).await.remove(0);
    let error = row.last_error.unwrap();
    assert_eq!(row.status, DeliveryStatus::Pending);
    assert!(error.contains("is not trusted") && error.contains("`ca_certificate`"), "{error}");
    // Once it is said whom to trust, what waited is delivered.
    let path = format!("/v1/sources/{}", other.source);
    let change = json!({"ca_certificate": authority.pem()});
    let changed = other.desk.client.call("PATCH", &path, &change).await;
    assert_eq!((changed.status, changed.json["ca_certificate"].is_string()), (200, true), "{}", changed.text);
    other.turns(2, 20_000).await;
    assert_eq!(other.rows(&story.record.id).await[0].status, DeliveryStatus::Delivered);
    let cleared = other.desk.client.call("PATCH", &path, &json!({"ca_certificate": null})).await;
    assert_eq!((cleared.status, &cleared.json["ca_certificate"]), (200, &Value::Null), "{}", cleared.text);
    assert_eq!(told(&other).await.0, DeliveryStatus::Pending);
}
