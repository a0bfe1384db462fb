//! Which pages of a browser may call the local program: those that it served itself.
//!
//! It listens where any page in the user's browser can reach it. A page of another site names itself in `Origin`; one whose name was made
//! to lead here (DNS rebinding) is seen by `Host`, which holds that name.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{HOST, ORIGIN};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use countersign::http::Problem;

/// What platforms call proves itself by its signature, through whatever tunnel or proxy it comes.
const FROM_OUTSIDE: &str = "/callbacks/";

/// The names under which the program answers.
#[derive(Debug, Clone)]
pub(crate) struct Guard {
    names: Arc<[String]>,
    /// The public URL's host and port.
    public: Option<Authority>,
}

impl Guard {
    /// Names that lead here beside addresses and `localhost`: the public URL's, and those that the person who started the program gave.
    pub(crate) fn new(public_url: &str, names: &[String]) -> Self {
        let public = public_url.parse::<Uri>().ok().and_then(|url| url.authority().cloned());
        let names = names.iter().map(String::as_str).chain(public.iter().map(Authority::host));
        let names = names.map(str::to_ascii_lowercase).collect();
        Self { names, public }
    }

    /// Why a request is not answered.
    fn refuses(&self, uri: &Uri, headers: &HeaderMap) -> Option<Problem> {
        if uri.path().starts_with(FROM_OUTSIDE) {
            return None;
        }
        let Some(host) = host(uri, headers).filter(|host| self.knows(host.host())) else {
            let detail = "the program does not go by the name in `Host`: set COUNTERSIGN_PUBLIC_URL, or start it with --host NAME";
            return Some(Problem::new(StatusCode::MISDIRECTED_REQUEST, "unknown_host", detail));
        };
        let origin = headers.get(ORIGIN)?;
        let is_ours = origin.to_str().ok().and_then(|origin| origin.parse::<Uri>().ok()).is_some_and(|origin| {
            // A proxy in front may name us otherwise than the browser did.
            origin.authority().is_some_and(|origin| *origin == host || self.public.as_ref() == Some(origin))
        });
        let detail = "a page of another site may not call this";
        (!is_ours).then(|| Problem::new(StatusCode::FORBIDDEN, "foreign_origin", detail))
    }

    /// Whether a name leads here for certain. An address does: a page of another site that calls it is seen by its origin.
    fn knows(&self, host: &str) -> bool {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        let address = host.trim_start_matches('[').trim_end_matches(']');
        address.parse::<IpAddr>().is_ok()
            || host == "localhost"
            || host.ends_with(".localhost")
            || self.names.contains(&host)
    }
}

/// Lets through what the guard does not refuse.
pub(crate) async fn check(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    match guard.refuses(request.uri(), request.headers()) {
        Some(problem) => problem.into_response(),
        None => next.run(request).await,
    }
}

fn host(uri: &Uri, headers: &HeaderMap) -> Option<Authority> {
    // Whoever names it in the request line as well means that one.
    if let Some(authority) = uri.authority() {
        return Some(authority.clone());
    }
    let mut hosts = headers.get_all(HOST).iter();
    let host = hosts.next()?.to_str().ok()?.parse().ok()?;
    hosts.next().is_none().then_some(host)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn status(path: &str, host: &str, origin: Option<&str>) -> u16 {
        let guard = Guard::new("https://Approve.example/", &["countersign".to_owned()]);
        let mut headers = HeaderMap::new();
        if !host.is_empty() {
            headers.insert(HOST, host.parse().unwrap());
        }
        headers.extend(origin.map(|origin| (ORIGIN, origin.parse::<HeaderValue>().unwrap())));
        guard.refuses(&path.parse().unwrap(), &headers).map_or(200, |problem| problem.into_response().status().as_u16())
    }

    #[test]
    fn it_answers_under_its_own_names_only() {
        for host in [
            "127.0.0.1:3000",
            "localhost:3000",
            "LOCALHOST.",
            "[::1]:3000",
            "10.0.0.7",
            "a.localhost",
            "approve.example",
            "countersign:80",
        ] {
            assert_eq!(status("/sandbox/dingtalk", host, None), 200, "{host}");
        }
        for host in [
            "",
            "evil.example",
            "evil.example:3000",
            "127.0.0.1.evil.example",
            "localhost.evil.example",
            "a@evil.example",
            "a b",
        ] {
            assert_eq!(status("/sandbox/dingtalk", host, None), 421, "{host}");
            assert_eq!(status("/v1/flows", host, None), 421, "{host}");
            assert_eq!(status("/callbacks/con_1", host, None), 200, "{host}");
        }
        assert_eq!(status("http://evil.example/v1/flows", "localhost", None), 421, "the request line counts");
    }

    #[test]
    fn a_page_calls_what_served_it_and_nothing_else() {
        for (host, origin) in [
            ("127.0.0.1:3000", "http://127.0.0.1:3000"),
            ("localhost:3000", "http://localhost:3000"),
            ("approve.example", "https://approve.example"),
            ("countersign:3000", "https://approve.example"),
        ] {
            assert_eq!(status("/sandbox", host, Some(origin)), 200, "{origin}");
        }
        for origin in [
            "null",
            "http://evil.example",
            "http://countersign:8080",
            "http://approve.example:8080",
            "http://127.0.0.1:8080",
            "http://localhost:3000",
            "http://[::1",
            "",
            "file://",
        ] {
            assert_eq!(status("/sandbox", "127.0.0.1:3000", Some(origin)), 403, "{origin}");
            assert_eq!(status("/callbacks/con_1", "127.0.0.1:3000", Some(origin)), 200, "{origin}");
        }
    }
}
