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

use std::time::Duration;

use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::config::{Credentials, SharedCredentialsProvider};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use countersign::settings::sdk_http::{self, unstreamed};

pub use changes::Changed;
pub use engine::{Answer, Engine};

/// The embedded one's file in the data folder.
pub const FILE: &str = "dynamodb.sqlite";

/// Where requests to the embedded one would go, if they went anywhere.
const NOWHERE: &str = "http://embedded.invalid";

/// Longest wait for an answer of the one that the environment names.
const MAX_ATTEMPT: Duration = Duration::from_secs(5);

/// How the AWS SDK reaches an embedded DynamoDB.
#[must_use]
pub fn within(engine: &Engine) -> SdkConfig {
    reached_by(client::client(engine.clone()), NOWHERE)
}

/// The DynamoDB that the environment names, with credentials from the usual places.
pub async fn named() -> SdkConfig {
    let timeouts = TimeoutConfig::builder().operation_attempt_timeout(MAX_ATTEMPT).build();
    let config = aws_config::defaults(BehaviorVersion::latest()).http_client(sdk_http::client());
    config.stalled_stream_protection(unstreamed()).timeout_config(timeouts).load().await
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
    reached_by(sdk_http::client(), endpoint)
}

fn reached_by(client: SharedHttpClient, endpoint: &str) -> SdkConfig {
    let credentials = Credentials::new("local", "local", None, None, "countersign");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .endpoint_url(endpoint)
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .http_client(client)
        .stalled_stream_protection(unstreamed())
        .build()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::SystemTime;

    use aws_sdk_dynamodb::Client;
    use aws_smithy_async::time::{SharedTimeSource, TimeSource};
    use aws_smithy_runtime_api::client::http::{
        HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn,
    };
    use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
    use aws_smithy_runtime_api::http::StatusCode;
    use aws_smithy_types::body::SdkBody;
    use tokio::time::{Instant, sleep};

    use super::*;

    /// The time of a test's own clock, which stands still while something is done.
    #[derive(Debug)]
    struct Paused(Instant);

    impl TimeSource for Paused {
        fn now(&self) -> SystemTime {
            SystemTime::UNIX_EPOCH + Duration::from_secs(1_790_000_000) + self.0.elapsed()
        }
    }

    /// Answers after so long, without having read a request by pieces; counts them.
    #[derive(Debug, Clone)]
    struct Slow(Duration, Arc<AtomicUsize>);

    impl HttpConnector for Slow {
        fn call(&self, _: HttpRequest) -> HttpConnectorFuture {
            self.1.fetch_add(1, Ordering::SeqCst);
            let after = self.0;
            HttpConnectorFuture::new(async move {
                sleep(after).await;
                let body = SdkBody::from(r#"{"TableNames":[]}"#);
                let mut answer = HttpResponse::new(StatusCode::try_from(200).unwrap(), body);
                answer.headers_mut().insert("content-type", "application/x-amz-json-1.0");
                Ok(answer)
            })
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_that_is_slow_is_sent_once() {
        let slow = Slow(Duration::from_secs(40), Arc::default());
        let connector = SharedHttpConnector::new(slow.clone());
        let config =
            at("http://slow.invalid").into_builder().http_client(http_client_fn(move |_, _| connector.clone()));
        let config = config.time_source(SharedTimeSource::new(Paused(Instant::now()))).build();
        let answer = Client::new(&config).list_tables().send().await;
        assert!(answer.is_ok(), "{answer:?}");
        assert_eq!(slow.1.load(Ordering::SeqCst), 1);
    }
}
