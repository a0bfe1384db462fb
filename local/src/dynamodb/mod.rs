//! The DynamoDB of the local run: an embedded one inside the process, or another by its address.
//!
//! The embedded one is `dynoxide` on an SQLite file. The AWS SDK reaches it through an HTTP client of ours that hands a request's
//! body to the engine: there is no port, so nobody else reaches it.

mod answers;
mod changes;
mod client;
mod durable;
mod engine;
mod expiry;
mod operations;
mod upkeep;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::config::{Credentials, SharedCredentialsProvider, StalledStreamProtectionConfig};

pub use changes::Changed;
pub use engine::{Answer, Engine};

/// The embedded one's file in the data folder.
pub const FILE: &str = "dynamodb.sqlite";

/// Where requests to the embedded one would go, if they went anywhere.
const NOWHERE: &str = "http://embedded.invalid";

/// How the AWS SDK reaches an embedded DynamoDB.
#[must_use]
pub fn within(engine: &Engine) -> SdkConfig {
    let config = at(NOWHERE).into_builder().http_client(client::client(engine.clone()));
    // Nothing stalls in memory.
    config.stalled_stream_protection(StalledStreamProtectionConfig::disabled()).build()
}

/// The DynamoDB that the environment names, with credentials from the usual places.
pub async fn named() -> SdkConfig {
    aws_config::load_defaults(BehaviorVersion::latest()).await
}

/// The client of a named DynamoDB's streams; `endpoint` where they are at an address of their own.
#[must_use]
pub fn streams(aws: &SdkConfig, endpoint: Option<String>) -> aws_sdk_dynamodbstreams::Client {
    let mut config = aws_sdk_dynamodbstreams::config::Builder::from(aws);
    config.set_endpoint_url(endpoint.or_else(|| aws.endpoint_url().map(str::to_owned)));
    aws_sdk_dynamodbstreams::Client::from_conf(config.build())
}

/// A DynamoDB at this address that takes any credentials.
#[must_use]
pub fn at(endpoint: &str) -> SdkConfig {
    let credentials = Credentials::new("local", "local", None, None, "countersign");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .endpoint_url(endpoint)
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .build()
}
