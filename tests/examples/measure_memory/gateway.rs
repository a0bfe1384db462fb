//! An HTTP API as API Gateway runs it: requests become events of payload format 2.0.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{MatchedPath, RawPathParams, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, Method, Response, StatusCode, Uri};
use axum::routing::{MethodFilter, on};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use countersign::clock::World;
use serde_json::{Map, Value, json};

use super::function::Function;

/// The routes of a function.
pub(crate) fn routes(function: Arc<Function>, routes: &[(&str, &str)]) -> Router {
    routes
        .iter()
        .fold(Router::new(), |router, (method, path)| {
            let method = MethodFilter::try_from(method.parse::<Method>().unwrap()).unwrap();
            router.route(path, on(method, forward))
        })
        .with_state(function)
}

async fn forward(
    State(function): State<Arc<Function>>,
    method: Method,
    matched: MatchedPath,
    parameters: RawPathParams,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let event = event(&method, matched.as_str(), &parameters, &uri, &headers, &body);
    match function.invoke(&event).await {
        Ok(answer) => response(&answer),
        Err(error) => {
            eprintln!("{error}");
            let mut response = Response::new(json!({"message": "Internal Server Error"}).to_string().into());
            *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
            response
        }
    }
}

fn event(
    method: &Method,
    path: &str,
    parameters: &RawPathParams,
    uri: &Uri,
    headers: &HeaderMap,
    body: &Bytes,
) -> Value {
    let world = World::system();
    let header = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let route = format!("{method} {path}");
    let text = is_text(header("content-type"));
    let body = if text { String::from_utf8_lossy(body).into_owned() } else { STANDARD.encode(body) };
    let headers: Map<_, _> = headers
        .iter()
        .map(|(name, value)| (name.as_str().to_owned(), json!(String::from_utf8_lossy(value.as_bytes()))))
        .collect();
    let parameters: Map<_, _> = parameters.iter().map(|(name, value)| (name.to_owned(), json!(value))).collect();
    json!({
        "version": "2.0",
        "routeKey": route,
        "rawPath": uri.path(),
        "rawQueryString": uri.query().unwrap_or_default(),
        "headers": headers,
        "pathParameters": parameters,
        "requestContext": {
            "accountId": "000000000000",
            "apiId": "local",
            "domainName": "127.0.0.1",
            "domainPrefix": "127",
            "http": {
                "method": method.as_str(),
                "path": uri.path(),
                "protocol": "HTTP/1.1",
                "sourceIp": "127.0.0.1",
                "userAgent": headers.get("user-agent"),
            },
            "requestId": format!("{:016x}", u64::from_be_bytes(world.random())),
            "routeKey": route,
            "stage": "$default",
            "time": "01/Jan/2026:00:00:00 +0000",
            "timeEpoch": world.now(),
        },
        "body": body,
        "isBase64Encoded": !text,
    })
}

/// What API Gateway passes on as text; the rest it encodes.
fn is_text(content_type: &str) -> bool {
    let kind = content_type.split(';').next().unwrap_or_default().trim();
    kind.starts_with("text/") || matches!(kind, "application/json" | "application/xml" | "application/javascript")
}

fn response(answer: &Value) -> Response<Body> {
    let body = answer["body"].as_str().unwrap_or_default();
    let body =
        if answer["isBase64Encoded"] == true { STANDARD.decode(body).unwrap() } else { body.as_bytes().to_vec() };
    let status = answer["statusCode"].as_u64().and_then(|code| u16::try_from(code).ok()).unwrap_or(500);
    let mut response = Response::builder().status(status);
    for (name, value) in answer["headers"].as_object().into_iter().flatten() {
        response = response.header(name, value.as_str().unwrap_or_default());
    }
    if !response.headers_ref().is_some_and(|headers| headers.contains_key(CONTENT_TYPE)) {
        response = response.header(CONTENT_TYPE, "application/json");
    }
    response.body(body.into()).unwrap()
}
