//! What the tests of the whole share: a table of their own, the functions' routes without a network, and a clock.

pub mod desk;
pub mod http;
pub mod kms;
pub mod local;
pub mod port;
pub mod receiver;

use std::sync::Arc;

use aws_sdk_dynamodb::Client;
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use countersign::clock::World;
use countersign::store::{Store, create_table};
use countersign_local::dynamodb::{self, Engine};

/// A DynamoDB client for an address, with credentials that any local DynamoDB takes.
#[must_use]
pub fn client(endpoint: &str) -> Client {
    Client::new(&dynamodb::at(endpoint))
}

/// An empty table of its own: in an embedded DynamoDB, or in the one that `TEST_DYNAMODB_ENDPOINT` names.
///
/// # Panics
/// When there is none.
#[expect(clippy::expect_used, clippy::disallowed_methods, reason = "a test cannot go on without its table")]
pub async fn test_store() -> Store {
    let client = match std::env::var("TEST_DYNAMODB_ENDPOINT") {
        Ok(endpoint) => client(&endpoint),
        Err(_) => within(&in_memory()),
    };
    let table = format!("test-{:032x}", u128::from_be_bytes(World::system().random()));
    create_table(&client, &table).await.expect("the table can be made");
    Store::new(client, table)
}

/// A client of an embedded DynamoDB.
#[must_use]
pub fn within(engine: &Engine) -> Client {
    Client::new(&dynamodb::within(engine))
}

/// An embedded DynamoDB in memory.
///
/// # Panics
/// When it cannot be made.
#[must_use]
#[expect(clippy::expect_used, reason = "a test cannot go on without it")]
pub fn in_memory() -> Engine {
    Engine::memory().expect("a database in memory")
}

/// Serves an embedded DynamoDB in memory to other processes and says where it is. It ends with the test's runtime.
///
/// # Panics
/// When it cannot be started.
#[expect(clippy::expect_used, reason = "a test cannot go on without it")]
pub async fn embedded() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("a bound listener has an address");
    let router = Router::new().fallback(answer).with_state(in_memory());
    tokio::spawn(axum::serve(listener, router).into_future());
    format!("http://{address}")
}

async fn answer(State(engine): State<Engine>, headers: HeaderMap, body: String) -> impl IntoResponse {
    let target = headers.get("x-amz-target").and_then(|target| target.to_str().ok());
    let answer = engine.call(target.unwrap_or_default(), &body).await;
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, [("content-type", "application/x-amz-json-1.0")], answer.body)
}

/// The machine's time, moved forward by a test.
#[derive(Debug, Default)]
pub struct MovedClock(std::sync::atomic::AtomicI64);

impl MovedClock {
    /// Moves it forward, milliseconds.
    pub fn advance(&self, by: i64) {
        self.0.fetch_add(by, std::sync::atomic::Ordering::SeqCst);
    }

    /// The world with this clock.
    #[must_use]
    pub fn world(self: &Arc<Self>) -> World {
        World { clock: self.clone(), ..World::system() }
    }
}

impl countersign::clock::Clock for MovedClock {
    fn now(&self) -> i64 {
        countersign::clock::SystemClock.now() + self.0.load(std::sync::atomic::Ordering::SeqCst)
    }

    fn wait(&self, ms: u64) -> countersign::clock::Waiting<'_> {
        self.advance(ms.try_into().unwrap_or(i64::MAX));
        Box::pin(std::future::ready(()))
    }
}

/// Time that stands still until a test moves it, and the machine's own randomness.
#[derive(Debug)]
pub struct TestClock(std::sync::atomic::AtomicI64);

impl TestClock {
    /// A clock that shows this time, milliseconds.
    #[must_use]
    pub fn at(now: i64) -> Arc<Self> {
        Arc::new(Self(now.into()))
    }

    /// Moves the clock forward, milliseconds.
    pub fn advance(&self, by: i64) {
        self.0.fetch_add(by, std::sync::atomic::Ordering::SeqCst);
    }

    /// The world with this clock.
    #[must_use]
    pub fn world(self: &Arc<Self>) -> World {
        World { clock: self.clone(), ..World::system() }
    }
}

impl countersign::clock::Clock for TestClock {
    fn now(&self) -> i64 {
        self.0.load(std::sync::atomic::Ordering::SeqCst)
    }

    fn wait(&self, ms: u64) -> countersign::clock::Waiting<'_> {
        self.advance(ms.try_into().unwrap_or(i64::MAX));
        Box::pin(std::future::ready(()))
    }
}
