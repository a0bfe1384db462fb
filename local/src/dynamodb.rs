//! The DynamoDB of the local run: an embedded one behind loopback, or another by its address.

use std::path::Path;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::config::{Credentials, SharedCredentialsProvider};
use dynoxide::Database;
use tokio::net::TcpListener;

use crate::Error;

/// Starts the embedded DynamoDB on a free port, with its data in `data_dir`, and says how to reach it.
///
/// # Errors
/// When the data cannot be opened or no port is free.
pub async fn embedded(data_dir: &Path) -> Result<SdkConfig, Error> {
    let path = data_dir.join("dynamodb.sqlite");
    let path = path.to_str().ok_or_else(|| Error::new("the data directory's name is not readable text"))?;
    let database = Database::new(path).map_err(|error| Error::new(format!("cannot open {path}: {error}")))?;
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = listener.local_addr()?;
    tokio::spawn(dynoxide::server::serve_on(listener, database));
    Ok(at(&format!("http://{address}")))
}

/// The DynamoDB that the environment names, with credentials from the usual places.
pub async fn named() -> SdkConfig {
    aws_config::load_defaults(BehaviorVersion::latest()).await
}

/// The client of the streams; `endpoint` where they are at an address of their own.
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
