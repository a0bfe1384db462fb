//! The AWS clients, built once per process.

use std::time::Duration;

use aws_config::SdkConfig;
use aws_config::environment::{EnvironmentVariableCredentialsProvider, EnvironmentVariableRegionProvider};
use aws_config::meta::region::ProvideRegion;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::config::SharedCredentialsProvider;
use tokio::time::timeout;

use super::env::{self, Settings};
use super::sdk_http;
use crate::store::{Consistency, DataKey, Store, keys};

/// What all AWS clients share. Region and credentials come from where Lambda puts them, the environment: the SDK's search
/// through profiles, metadata services and roles is left out of the binary.
pub async fn aws() -> SdkConfig {
    let timeouts = TimeoutConfig::builder()
        .operation_attempt_timeout(Duration::from_secs(5))
        .operation_timeout(Duration::from_secs(12))
        .build();
    SdkConfig::builder()
        .behavior_version(aws_config::BehaviorVersion::latest())
        .region(EnvironmentVariableRegionProvider::new().region().await)
        .credentials_provider(SharedCredentialsProvider::new(EnvironmentVariableCredentialsProvider::new()))
        .http_client(sdk_http::client())
        .stalled_stream_protection(sdk_http::unstreamed())
        .timeout_config(timeouts)
        .build()
}

fn dynamodb(aws: &SdkConfig) -> aws_sdk_dynamodb::Client {
    let mut config = aws_sdk_dynamodb::config::Builder::from(aws);
    config.set_endpoint_url(env::aws_endpoint("AWS_ENDPOINT_URL_DYNAMODB"));
    aws_sdk_dynamodb::Client::from_conf(config.build())
}

fn kms(aws: &SdkConfig) -> aws_sdk_kms::Client {
    let mut config = aws_sdk_kms::config::Builder::from(aws);
    config.set_endpoint_url(env::aws_endpoint("AWS_ENDPOINT_URL_KMS"));
    aws_sdk_kms::Client::from_conf(config.build())
}

/// The longest that starting up waits for the data key: Lambda gives all of it ten seconds.
const MAX_OPENING: Duration = Duration::from_secs(4);

/// Opens the connections to the table and to KMS, and the data key: starting up has more processor time than a request, and the first
/// handshakes are the dearest. A failure does not matter: the first request that needs the key tries again.
async fn warm(store: &Store, data_key: &DataKey, has_key: bool) {
    let opened = timeout(MAX_OPENING, async {
        match has_key {
            true => data_key.open().await,
            false => store.get_item(&keys::data_key(), Consistency::Eventual).await.map(drop),
        }
    });
    match opened.await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => {
            tracing::warn!(%error, "the data key is not open yet; the first request that needs it tries again");
        }
        Err(_) => tracing::warn!("the data key is not open in time; the first request that needs it tries again"),
    }
}

/// The table that the settings name, and where the sealer of its secrets comes from.
pub async fn table(settings: &Settings) -> (Store, DataKey) {
    let aws = aws().await;
    let store = Store::new(dynamodb(&aws), &settings.table);
    let data_key = match &settings.kms_key {
        Some(key) => DataKey::kms(kms(&aws), key, store.clone()),
        None => DataKey::absent(),
    };
    warm(&store, &data_key, settings.kms_key.is_some()).await;
    (store, data_key)
}
