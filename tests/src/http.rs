//! The functions' routes, called without a network.

use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request};
use countersign::clock::World;
use countersign::crypto::seal::Sealer;
use countersign::engine::App;
use countersign::providers::outbound::{AddressPolicy, Outbound};
use countersign::resources::bootstrap;
use countersign::settings::Settings;
use countersign::store::{DataKey, Store};
use secrecy::ExposeSecret;
use serde_json::Value;
use tower::ServiceExt;

/// What handlers share, over this table: a data key of its own, and every address allowed.
#[must_use]
pub fn test_app(store: Store, world: World) -> App {
    let settings = Settings {
        table: store.table().to_owned(),
        public_url: "https://countersign.example".to_owned(),
        kms_key: None,
        addresses: AddressPolicy::AllowAll,
        owner_key: None,
    };
    let outbound = Outbound::new(settings.addresses.clone(), Duration::from_secs(5));
    App::new(store, DataKey::ready(Sealer::new(&[7; 32])), world, settings, outbound)
}

/// The key of the deployment's owner, made for this table.
///
/// # Panics
/// When there is one already.
#[expect(clippy::expect_used, reason = "a test cannot go on without it")]
pub async fn owner_key(app: &App) -> String {
    let made = bootstrap(&app.store, &app.world, None).await.expect("the table can be written");
    made.new_key.expect("the first start makes a key").expose_secret().to_owned()
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    /// Status.
    pub status: u16,
    /// Headers.
    pub headers: HeaderMap,
    /// The body as text.
    pub text: String,
    /// The body as JSON; null when it is none.
    pub json: Value,
}

impl Answer {
    /// A header's value.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The problem's code.
    #[must_use]
    pub fn code(&self) -> &str {
        self.json["code"].as_str().unwrap_or_default()
    }

    /// The pointers of the problem's errors, in order.
    #[must_use]
    pub fn pointers(&self) -> Vec<&str> {
        let errors = self.json["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
        errors.iter().filter_map(|error| error["pointer"].as_str()).collect()
    }
}

/// A caller: routes and an API key. An empty key sends none.
#[derive(Clone)]
pub struct Client {
    /// The routes.
    pub router: Router,
    /// The key.
    pub key: String,
}

impl Client {
    /// The same routes with another key.
    #[must_use]
    pub fn with_key(&self, key: impl Into<String>) -> Self {
        Self { router: self.router.clone(), key: key.into() }
    }

    /// Calls with JSON, or without a body if it is null.
    ///
    /// # Panics
    /// When the request cannot be written, or the answer is no HTTP.
    pub async fn call(&self, method: &str, path: &str, body: &Value) -> Answer {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.send(method, path, &[("content-type", "application/json")], body).await
    }

    /// Calls with whatever headers and body.
    ///
    /// # Panics
    /// When the request cannot be written, or the answer is no HTTP.
    #[expect(clippy::expect_used, reason = "a test cannot go on without an answer")]
    pub async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if !self.key.is_empty() {
            request = request.header("authorization", format!("Bearer {}", self.key));
        }
        let request = request.body(body.into()).expect("a request");
        let response = self.router.clone().oneshot(request).await.expect("routers do not fail");
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, usize::MAX).await.expect("a whole body");
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let json = serde_json::from_str(&text).unwrap_or_default();
        Answer { status: parts.status.as_u16(), headers: parts.headers, text, json }
    }
}
