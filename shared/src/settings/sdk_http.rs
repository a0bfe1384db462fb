//! The AWS SDK's requests through `reqwest`, which the functions carry in any case. The SDK's own client would bring a second
//! pool, a second set of TLS roots and HTTP/2, which neither DynamoDB nor KMS speaks.

use std::mem::take;
use std::time::Duration;

use aws_sdk_dynamodb::config::StalledStreamProtectionConfig;
use aws_sdk_dynamodb::error::{BoxError, ConnectorError};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::http::HttpError;
use aws_smithy_types::body::SdkBody;
use axum::http;
use reqwest::redirect::Policy;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// A function may be frozen between two calls; a connection that was idle for long is likely dead. If one is, the SDK
/// tries again.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);

/// What goes with [`client`], and with any client that does not stream: the SDK sees no byte of a request go then. After some seconds it
/// would take one that is only slow for stalled, and repeat it. How long an attempt may take is for its time-outs to say.
#[must_use]
pub fn unstreamed() -> StalledStreamProtectionConfig {
    StalledStreamProtectionConfig::disabled()
}

/// A client with a pool of its own, for a configuration of the SDK that is also [`unstreamed`]. It is made once per process.
#[must_use]
pub fn client() -> SharedHttpClient {
    let client = crate::crypto::tls::client_builder()
        .http1_only()
        .redirect(Policy::none())
        .connect_timeout(CONNECT_TIMEOUT)
        .pool_idle_timeout(IDLE_TIMEOUT)
        .build()
        .map_err(|error| tracing::error!(%error, "no HTTP client can be made"))
        .ok();
    let connector = SharedHttpConnector::new(Connector(client));
    http_client_fn(move |_, _| connector.clone())
}

/// None where no client could be made: every request fails, and the log says why.
#[derive(Debug)]
struct Connector(Option<reqwest::Client>);

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let client = self.0.clone();
        HttpConnectorFuture::new(async move {
            let client = client.ok_or_else(|| ConnectorError::user("there is no HTTP client".into()))?;
            let response = client.execute(outgoing(request)?).await.map_err(failed)?;
            incoming(response).await
        })
    }
}

fn outgoing(request: HttpRequest) -> Result<reqwest::Request, ConnectorError> {
    let user = |error: BoxError| ConnectorError::user(error);
    let (head, body) = request.try_into_http1x().map_err(|error| user(error.into()))?.into_parts();
    let body = body.bytes().ok_or_else(|| user("streamed requests are not supported".into()))?.to_vec();
    http::Request::from_parts(head, body).try_into().map_err(|error: reqwest::Error| user(error.into()))
}

/// Answers are read whole: the table's are a few KiB.
async fn incoming(mut response: reqwest::Response) -> Result<HttpResponse, ConnectorError> {
    let (status, headers) = (response.status(), take(response.headers_mut()));
    let body = response.bytes().await.map_err(failed)?;
    let mut answer = http::Response::new(SdkBody::from(body));
    *answer.status_mut() = status;
    *answer.headers_mut() = headers;
    answer.try_into().map_err(|error: HttpError| ConnectorError::other(error.into(), None))
}

/// Time-outs and broken connections are tried again by the SDK.
fn failed(error: reqwest::Error) -> ConnectorError {
    if error.is_timeout() {
        ConnectorError::timeout(error.into())
    } else if error.is_builder() {
        ConnectorError::user(error.into())
    } else {
        ConnectorError::io(error.into())
    }
}
