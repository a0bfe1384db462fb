//! From routes to a running function.

use std::convert::Infallible;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::Uri;
use axum::http::header::HOST;
use axum::middleware::from_fn_with_state;
use axum::routing::MethodRouter;
use lambda_http::request::LambdaRequest;
use lambda_http::{Adapter, LambdaEvent, Service};
use serde::Serialize;
use tracing_subscriber::filter::LevelFilter;
use url::Url;

use super::problem::Problem;
use super::trace;
use crate::clock::World;
use crate::engine::App;
use crate::settings::Settings;
use crate::settings::env::Logging;

/// Largest body that is read, in bytes.
pub const MAX_BODY: usize = 1024 * 1024;

/// Puts around these routes what every endpoint needs: trace ids, problems, the body limit, and an answer when a handler
/// panics. Routers that went through here can be merged.
pub fn ok_router(router: Router, world: &World) -> Router {
    router.layer(DefaultBodyLimit::max(MAX_BODY)).layer(from_fn_with_state(world.clone(), trace::layer))
}

/// Adds a route whose address people paste into another system: it is the same with a slash behind it. The gateway knows no route that
/// ends with a slash, and hands such a request in where a function has a `{proxy+}` route for it.
pub fn pasted<S>(router: Router<S>, path: &str, methods: MethodRouter<S>) -> Router<S>
where
    S: Clone + Send + Sync + 'static,
{
    router.route(&format!("{path}/"), methods.clone()).route(path, methods)
}

/// Why a function could not run.
pub type Failure = lambda_http::Error;

/// Runs a function's routes on Lambda, with everything that the environment describes, until the runtime ends it.
///
/// # Errors
/// When a setting is missing, or the runtime cannot be reached.
pub async fn function(routes: impl FnOnce(App) -> Router) -> Result<(), Failure> {
    init_log();
    let app = App::open(Settings::from_env()?).await;
    let world = app.world.clone();
    serve_lambda(routes(app), &world).await
}

/// Runs routes as a Lambda function.
///
/// # Errors
/// When the runtime cannot be reached.
pub async fn serve_lambda(router: Router, world: &World) -> Result<(), Failure> {
    lambda_runtime::run(lambda_service(router, world)).await
}

/// What answers the gateway's events with these routes. The crate that makes a request of an event panics where path and query are no
/// URI, as with a raw `<`, which the gateway lets through: those never get there, and are answered 400.
pub fn lambda_service(
    router: Router,
    world: &World,
) -> impl Service<LambdaEvent<LambdaRequest>, Response: Serialize, Error = Infallible, Future: Send> + use<> {
    let refuse = || async {
        Problem::bad_request("invalid_request", "the address is no URI: percent-encode what may not stand in its query")
    };
    let mut routes = Adapter::from(router);
    let mut refusal = Adapter::from(ok_router(Router::new().fallback(refuse), world));
    lambda_runtime::service_fn(move |mut event: LambdaEvent<LambdaRequest>| {
        if is_readable(&event.payload) {
            return routes.call(event);
        }
        if let LambdaRequest::ApiGatewayV2(request) = &mut event.payload {
            (request.raw_path, request.raw_query_string) = (Some("/".to_owned()), None);
            request.headers.remove(HOST);
            request.headers.remove("x-forwarded-proto");
            request.request_context.domain_name = None;
        }
        refusal.call(event)
    })
}

/// Whether an event's address can be made a URI, as `lambda_http` 1.3 makes it.
fn is_readable(request: &LambdaRequest) -> bool {
    let LambdaRequest::ApiGatewayV2(request) = request else { return true };
    let host = request.headers.get(HOST).and_then(|host| host.to_str().ok());
    let host = host.or(request.request_context.domain_name.as_deref()).unwrap_or("localhost");
    let path = request.raw_path.as_deref().unwrap_or_default();
    let query = request.raw_query_string.as_deref().unwrap_or_default();
    let scheme = request.headers.get("x-forwarded-proto").and_then(|scheme| scheme.to_str().ok()).unwrap_or("https");
    let Ok(url) = Url::parse(&format!("{scheme}://{host}{path}")) else { return false };
    format!("{url}?{query}").parse::<Uri>().is_ok()
}

/// Sets up the log: JSON where the function's configuration says so, at the level it says, else `INFO`. Amazon adds the
/// time. A level is all that can be asked for: filters by module bring a regular expression engine with them.
pub fn init_log() {
    let Logging { level, json } = Logging::from_env();
    let level = level.and_then(|level| level.parse().ok()).unwrap_or(LevelFilter::INFO);
    let log = tracing_subscriber::fmt().with_target(false).without_time().with_max_level(level);
    // Only a second call could fail, and the first has done the work.
    _ = if json { log.json().try_init() } else { log.fmt_fields(super::log::fields()).try_init() };
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use axum::extract::Request;
    use axum::routing::get;
    use lambda_http::Context;
    use serde_json::{Value, json};

    use super::*;

    async fn answered(path: &str, query: &str, host: &str) -> Value {
        let echo = async |request: Request| request.uri().to_string();
        let routes = ok_router(Router::new().route("/callbacks/{id}", get(echo)), &World::system());
        let event = json!({
            "version": "2.0", "routeKey": "GET /callbacks/{connection}", "rawPath": path, "rawQueryString": query,
            "headers": {"host": host, "x-forwarded-proto": "https"}, "isBase64Encoded": false,
            "requestContext": {
                "accountId": "123456789012", "apiId": "api", "domainName": host, "domainPrefix": "api",
                "http": {"method": "GET", "path": path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1", "userAgent": "x"},
                "requestId": "JKJaXmPLvHcESHA=", "routeKey": "GET /callbacks/{connection}", "stage": "$default",
                "time": "10/Mar/2026:04:41:25 +0000", "timeEpoch": 1_790_000_000_000_i64
            }
        });
        let event = LambdaEvent::new(serde_json::from_value(event).unwrap(), Context::default());
        let response = lambda_service(routes, &World::system()).call(event).await.unwrap();
        serde_json::to_value(response).unwrap()
    }

    #[tokio::test]
    async fn an_address_that_is_no_uri_is_a_bad_request_and_no_panic() {
        let host = "api.example.com";
        for query in ["a=<script>", "msg=a b", "a={}", "q=\\x", "a=\"", "a=`|^"] {
            let answer = answered("/callbacks/con_1", query, host).await;
            assert!(answer["statusCode"] == 400 || answer["statusCode"] == 200, "{query}: {answer}");
        }
        let answer = answered("/callbacks/con_1", "a=<script>", host).await;
        assert_eq!(answer["statusCode"], 400, "{answer}");
        let problem: Value = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
        assert_eq!(problem["code"], "invalid_request");
        assert_eq!(answered("/callbacks/con_1", "", "a host").await["statusCode"], 400);
    }

    #[tokio::test]
    async fn every_other_address_arrives_as_it_was_sent() {
        let answer = answered("/callbacks/con_1", "signature=a%3Cb&timestamp=1", "api.example.com").await;
        assert_eq!(answer["body"], "https://api.example.com/callbacks/con_1?signature=a%3Cb&timestamp=1");
    }
}
