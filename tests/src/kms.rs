//! A KMS of our own.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use countersign::clock::World;
use serde_json::{Value, json};

/// Plays KMS: "encrypts" by turning the bytes round, and refuses another encryption context.
#[derive(Debug, Default)]
pub struct FakeKms {
    /// How many data keys it has made.
    pub generated: AtomicUsize,
    /// How many data keys it has decrypted.
    pub decrypted: AtomicUsize,
    /// Whether it refuses everything.
    pub down: AtomicBool,
}

impl FakeKms {
    /// Starts one and says where it is. It ends with the test's runtime.
    ///
    /// # Panics
    /// When it cannot be started.
    #[expect(clippy::expect_used, reason = "a test cannot go on without it")]
    pub async fn start() -> (String, Arc<Self>) {
        let fake = Arc::new(Self::default());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound listener has an address");
        let router = Router::new().route("/", post(answer)).with_state(fake.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        (format!("http://{address}"), fake)
    }
}

async fn answer(State(kms): State<Arc<FakeKms>>, headers: HeaderMap, body: String) -> (StatusCode, String) {
    let request: Value = serde_json::from_str(&body).unwrap_or_default();
    if kms.down.load(Ordering::SeqCst) || request["EncryptionContext"] != json!({"countersign": "data-key"}) {
        return (StatusCode::BAD_REQUEST, json!({"__type": "AccessDeniedException", "message": "no"}).to_string());
    }
    let target = headers.get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default();
    let answer = if target.ends_with("GenerateDataKey") {
        kms.generated.fetch_add(1, Ordering::SeqCst);
        let key: [u8; 32] = World::system().random();
        let wrapped: Vec<u8> = key.iter().rev().copied().collect();
        json!({"KeyId": "k", "Plaintext": STANDARD.encode(key), "CiphertextBlob": STANDARD.encode(wrapped)})
    } else {
        kms.decrypted.fetch_add(1, Ordering::SeqCst);
        let mut key = STANDARD.decode(request["CiphertextBlob"].as_str().unwrap_or_default()).unwrap_or_default();
        key.reverse();
        json!({"KeyId": "k", "Plaintext": STANDARD.encode(key)})
    };
    (StatusCode::OK, answer.to_string())
}
