//! The AWS clients, built once per process.

use aws_config::SdkConfig;

use super::env::Settings;
use crate::clock::World;
use crate::http::App;
use crate::providers::outbound::{DEFAULT_TIMEOUT, Outbound};
use crate::store::{Consistency, DataKey, Store, keys};

/// What all AWS clients share: region, credentials and time-outs, from the usual places.
pub async fn aws() -> SdkConfig {
    let timeouts = aws_config::timeout::TimeoutConfig::builder()
        .connect_timeout(std::time::Duration::from_secs(2))
        .operation_attempt_timeout(std::time::Duration::from_secs(5))
        .operation_timeout(std::time::Duration::from_secs(12))
        .build();
    aws_config::defaults(aws_config::BehaviorVersion::latest()).timeout_config(timeouts).load().await
}

/// The table. Opens the connection with one cheap read: starting up has more processor time than a request, and the
/// first handshake is the dearest. Its result does not matter.
pub async fn store(aws: &SdkConfig, table: &str) -> Store {
    let store = Store::new(aws_sdk_dynamodb::Client::new(aws), table);
    if store.get_item(&keys::data_key(), Consistency::Eventual).await.is_err() {
        tracing::debug!("the first read failed; the next one will tell");
    }
    store
}

/// Everything that the handlers of a function share, from what the environment says.
pub async fn app(settings: Settings) -> App {
    let aws = aws().await;
    let store = store(&aws, &settings.table).await;
    let data_key = match &settings.kms_key {
        Some(key) => DataKey::kms(aws_sdk_kms::Client::new(&aws), key, store.clone()),
        None => DataKey::absent(),
    };
    let outbound = Outbound::new(settings.addresses.clone(), DEFAULT_TIMEOUT);
    App::new(store, data_key, World::system(), settings, outbound)
}
