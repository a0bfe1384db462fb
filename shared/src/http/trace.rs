//! One trace id per request: on every answer, in every problem, in the span of every log line.

use std::fmt;

use axum::extract::{Request, State};
use axum::http::header::{ALLOW, CACHE_CONTROL, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tracing::Instrument;

use super::problem::Problem;
use super::serve::MAX_BODY;
use crate::clock::World;

/// The header that every answer carries.
pub const TRACE_HEADER: HeaderName = HeaderName::from_static("x-trace-id");
/// Where the Lambda runtime puts the trace of the gateway.
const XRAY_HEADER: &str = "x-amzn-trace-id";
/// Longest trace id that is taken from outside, in bytes.
const MAX_TRACE_ID: usize = 64;

/// The id of one request's trace; handlers find it among the request's extensions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceId(String);

impl TraceId {
    /// The one that came with the request, if it is fit to be repeated; else a random one.
    fn of(headers: &HeaderMap, world: &World) -> Self {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let root = text(XRAY_HEADER)
            .and_then(|value| value.split(';').find_map(|part| part.trim().strip_prefix("Root=").map(str::trim)));
        match root.or_else(|| text(TRACE_HEADER.as_str())).filter(|id| fit(id)) {
            Some(id) => Self(id.to_owned()),
            None => Self(format!("{:032x}", u128::from_be_bytes(world.random()))),
        }
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Letters, digits, `-` and `_` only: it goes into headers and logs.
fn fit(id: &str) -> bool {
    (8..=MAX_TRACE_ID).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

/// The layer around every handler: trace id and span, a body limit, a problem for what no handler answered, and an
/// answer even when a handler panics.
pub(super) async fn layer(State(world): State<World>, mut request: Request, next: Next) -> Response {
    let trace = TraceId::of(request.headers(), &world);
    let (method, path) = (request.method().clone(), without_token(request.uri().path()).to_owned());
    let span = tracing::info_span!("request", trace_id = %trace, %method, path);
    let began = world.now();
    request.extensions_mut().insert(trace.clone());
    // In a task of its own, so that a panic ends this request only, and a client that hangs up does not cut a change in
    // half. Bodies that are too large are refused where they are read, in that endpoint's own words.
    let response = match tokio::spawn(next.run(request).instrument(span.clone())).await {
        Ok(response) => response,
        Err(error) => {
            let what = if error.is_panic() { "a handler panicked" } else { "the handler was stopped" };
            Problem::internal(what).into_response()
        }
    };
    span.in_scope(|| {
        let response = finish(response, &trace);
        tracing::info!(status = response.status().as_u16(), duration_ms = world.now() - began, "answered");
        response
    })
}

/// A path as it may be logged: without the token that ends the address of Quick Audience's notices.
fn without_token(path: &str) -> &str {
    const END: &str = "/quick-audience/apply";
    path.find(END).map_or(path, |at| &path[..at + END.len()])
}

/// The answer for a body that is too large.
pub(super) fn too_large() -> Problem {
    let detail = format!("the body must not be larger than {MAX_BODY} bytes");
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", detail)
}

/// Puts the trace id into the answer, and turns the router's own bare refusals into problems.
fn finish(mut response: Response, trace: &TraceId) -> Response {
    let problem = response.extensions_mut().remove::<Problem>().or_else(|| bare_refusal(&response));
    if let Some(problem) = problem {
        problem.log();
        let allow = response.headers_mut().remove(ALLOW);
        response = problem.render(Some(trace.as_str()));
        if let Some(allow) = allow {
            response.headers_mut().insert(ALLOW, allow);
        }
    }
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(trace.as_str()) {
        headers.insert(TRACE_HEADER, value);
    }
    // Answers are one caller's, and some hold a key: nobody in between keeps them, unless they say so themselves.
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// No route, or no such method on it: the router answers with no body.
fn bare_refusal(response: &Response) -> Option<Problem> {
    use axum::body::HttpBody;
    if response.body().size_hint().exact() != Some(0) {
        return None;
    }
    match response.status() {
        StatusCode::NOT_FOUND => Some(Problem::not_found()),
        StatusCode::METHOD_NOT_ALLOWED => {
            let detail = "this address does not take this method";
            Some(Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", detail))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn id(pairs: &[(&'static str, &str)]) -> String {
        let headers =
            pairs.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap())).collect();
        TraceId::of(&headers, &World::system()).0
    }

    #[test]
    fn a_token_in_a_path_is_not_logged() {
        let logged = without_token("/inbound/src_1/quick-audience/apply/5ada1953eb6d5aaf");
        assert_eq!(logged, "/inbound/src_1/quick-audience/apply");
        assert_eq!(without_token("/v1/approvals/apr_1"), "/v1/approvals/apr_1");
    }

    #[test]
    fn the_trace_of_the_gateway_comes_first_and_unfit_ones_are_replaced() {
        let xray = ("x-amzn-trace-id", "Self=1-a;Root=1-67891233-abcdef012345678912345678;Sampled=1");
        assert_eq!(id(&[xray, ("x-trace-id", "mine-0001")]), "1-67891233-abcdef012345678912345678");
        assert_eq!(id(&[("x-trace-id", "mine-0001")]), "mine-0001");
        for bad in ["short", "with space inside", "<script>alert</script>", &"a".repeat(65)] {
            assert_eq!(id(&[("x-trace-id", bad)]).len(), 32, "{bad}");
        }
        assert_ne!(id(&[]), id(&[]));
    }
}
