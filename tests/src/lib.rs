//! What the tests of the whole share: a table of their own, the functions' routes without a network, and a clock.

pub mod desk;
pub mod http;
pub mod kms;
pub mod local;
pub mod receiver;

use std::sync::Arc;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use countersign::clock::World;
use countersign::store::{Store, create_table};

/// A DynamoDB client for an address, with credentials that any local DynamoDB takes.
#[must_use]
pub fn client(endpoint: &str) -> Client {
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .credentials_provider(Credentials::new("test", "test", None, None, "test"))
        .region(Region::new("us-east-1"))
        .endpoint_url(endpoint)
        .build();
    Client::from_conf(config)
}

/// An empty table of its own: in an embedded DynamoDB, or in the one that `TEST_DYNAMODB_ENDPOINT` names.
///
/// # Panics
/// When there is none.
#[expect(clippy::expect_used, clippy::disallowed_methods, reason = "a test cannot go on without its table")]
pub async fn test_store() -> Store {
    let endpoint = match std::env::var("TEST_DYNAMODB_ENDPOINT") {
        Ok(endpoint) => endpoint,
        Err(_) => embedded().await,
    };
    let client = client(&endpoint);
    let table = format!("test-{:032x}", u128::from_be_bytes(World::system().random()));
    create_table(&client, &table).await.expect("the table can be made");
    Store::new(client, table)
}

/// Starts an embedded DynamoDB in memory and says where it is. It ends with the test's runtime.
///
/// # Panics
/// When it cannot be started.
#[expect(clippy::expect_used, reason = "a test cannot go on without it")]
pub async fn embedded() -> String {
    let database = dynoxide::Database::memory().expect("a database in memory");
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("a bound listener has an address");
    tokio::spawn(dynoxide::server::serve_on(listener, database));
    format!("http://{address}")
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
}
