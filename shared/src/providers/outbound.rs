//! The one client for all calls that leave us: platforms, deliveries to sources, an external OA.
//!
//! Redirects are not followed, answers are read up to a limit, private addresses are refused unless the policy lets
//! them, and no error or log line holds a URL, because old platform APIs carry tokens in the query.

mod address;
mod circuit;
mod clients;
mod fault;

use std::error::Error as _;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::{Client, Method};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde::de::DeserializeOwned;
use url::Url;

use crate::clock::World;

pub use address::{AddressPolicy, is_public};
use circuit::Circuits;
use clients::Clients;
pub use fault::TlsFault;

/// Longest answer that is read, in bytes.
pub const ANSWER_LIMIT: usize = 1024 * 1024;
/// Time for a whole call where the caller says nothing else.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);

/// Pauses before a read is repeated; the second has up to a quarter of a second of random delay on it, so that what failed
/// together is not repeated together.
const AGAIN: [Duration; 2] = [Duration::ZERO, Duration::from_millis(100)];

/// The client. Cheap to clone; connections are shared between clones and opened when first needed.
#[derive(Clone)]
pub struct Outbound {
    shared: Arc<Shared>,
    /// Counts the calls that were answered.
    counter: Option<Arc<AtomicU64>>,
}

struct Shared {
    policy: AddressPolicy,
    timeout: Duration,
    clients: Clients,
    circuits: Circuits,
}

impl fmt::Debug for Outbound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outbound")
            .field("policy", &self.shared.policy)
            .field("timeout", &self.shared.timeout)
            .finish_non_exhaustive()
    }
}

/// Why a call brought no answer. What is known of its effect is said of each.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OutboundError {
    /// The address may not be called. Nothing was sent.
    #[error("{host} is a private address, which may not be called")]
    AddressRefused {
        /// The host.
        host: String,
    },
    /// No connection. Nothing was sent.
    #[error("no connection to {host}")]
    Connect {
        /// The host.
        host: String,
    },
    /// A connection, but no TLS on it. Nothing was sent.
    #[error("no connection to {host}: {fault}")]
    Tls {
        /// The host.
        host: String,
        /// What is wrong.
        fault: TlsFault,
    },
    /// It has not answered lately, and is left alone for some seconds. Nothing was sent.
    #[error("{host} has not answered lately and is left alone for some seconds")]
    LeftAlone {
        /// The host.
        host: String,
    },
    /// As many calls to it as may be made at once are under way, and none ended in time. Nothing was sent.
    #[error("too many calls to {host} are under way")]
    Crowded {
        /// The host.
        host: String,
    },
    /// The request cannot be written: a header that is none, or a scheme other than HTTP. Nothing was sent.
    #[error("the request to {host} cannot be written")]
    Invalid {
        /// The host.
        host: String,
    },
    /// No answer in time. The call may have had its effect.
    #[error("no answer from {host} in time")]
    Timeout {
        /// The host.
        host: String,
    },
    /// The connection broke. The call may have had its effect.
    #[error("the connection to {host} broke")]
    Interrupted {
        /// The host.
        host: String,
    },
    /// The answer is longer than [`ANSWER_LIMIT`]. The call has had its effect.
    #[error("the answer of {host} is too large")]
    TooLarge {
        /// The host.
        host: String,
    },
}

impl OutboundError {
    /// Whether the call may have had its effect: something was sent.
    #[must_use]
    pub const fn was_sent(&self) -> bool {
        match self {
            Self::AddressRefused { .. }
            | Self::Connect { .. }
            | Self::Tls { .. }
            | Self::LeftAlone { .. }
            | Self::Crowded { .. }
            | Self::Invalid { .. } => false,
            Self::Timeout { .. } | Self::Interrupted { .. } | Self::TooLarge { .. } => true,
        }
    }

    /// How to mend it, where that is known of the error alone.
    #[must_use]
    pub const fn fix(&self) -> Option<&'static str> {
        match self {
            Self::Tls { fault, .. } => Some(fault.fix()),
            _ => None,
        }
    }

    /// The error and its remedy in one text, where one field holds both.
    #[must_use]
    pub fn with_fix(&self) -> String {
        match self.fix() {
            Some(fix) => format!("{self}. {fix}"),
            None => self.to_string(),
        }
    }

    /// Whether the same call, made again at once, may fare better. What is wrong with a certificate stays wrong.
    const fn may_pass_at_once(&self) -> bool {
        match self {
            Self::Connect { .. } | Self::Interrupted { .. } => true,
            Self::Tls { fault, .. } => fault.passes(),
            _ => false,
        }
    }

    /// Whether there was no sign of life. Who refuses TLS, or shows a wrong certificate, does answer.
    const fn is_silence(&self) -> bool {
        self.may_pass_at_once() || matches!(self, Self::Timeout { .. })
    }
}

/// A call that is about to be made.
#[derive(Clone)]
pub struct Request {
    method: Method,
    url: Url,
    headers: HeaderMap,
    body: Vec<u8>,
    repeatable: bool,
    guarded: Option<World>,
    free: bool,
    timeout: Option<Duration>,
    read_at_most: Option<usize>,
    authorities: Option<Arc<str>>,
    invalid: bool,
}

impl Request {
    /// A read: it is repeated, twice at most, where no connection comes about or it breaks.
    #[must_use]
    pub fn get(url: Url) -> Self {
        Self { repeatable: true, ..Self::new(Method::GET, url) }
    }

    /// A write: it is made once.
    #[must_use]
    pub fn post(url: Url) -> Self {
        Self::new(Method::POST, url)
    }

    fn new(method: Method, url: Url) -> Self {
        let (headers, body) = (HeaderMap::new(), Vec::new());
        Self {
            method,
            url,
            headers,
            body,
            repeatable: false,
            guarded: None,
            free: false,
            timeout: None,
            read_at_most: None,
            authorities: None,
            invalid: false,
        }
    }

    /// Says that a `POST` only reads.
    #[must_use]
    pub fn repeatable(mut self) -> Self {
        self.repeatable = true;
        self
    }

    /// Leaves an endpoint alone that has not answered lately, and calls it a bounded number of times at once. Not for what has a
    /// schedule of its own, as deliveries have.
    #[must_use]
    pub fn guarded(mut self, world: &World) -> Self {
        self.guarded = Some(world.clone());
        self
    }

    /// Says that the platform's quota does not count this call.
    #[must_use]
    pub fn free(mut self) -> Self {
        self.free = true;
        self
    }

    /// Another time-out than the client's.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Reads no more than so many bytes of the answer and leaves the rest: [`Answer::is_cut`] says that there was more. Without it a
    /// long answer is [`OutboundError::TooLarge`].
    #[must_use]
    pub fn read_at_most(mut self, bytes: usize) -> Self {
        self.read_at_most = Some(bytes);
        self
    }

    /// Trusts these authorities too (PEM that [`Authorities::read`] takes), beside the public ones.
    ///
    /// [`Authorities::read`]: crate::crypto::authorities::Authorities::read
    #[must_use]
    pub fn trusting(mut self, authorities: Option<&str>) -> Self {
        self.authorities = authorities.map(Arc::from);
        self
    }

    /// Where it goes.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// A header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        match (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            (Ok(name), Ok(value)) => _ = self.headers.insert(name, value),
            _ => self.invalid = true,
        }
        self
    }

    /// A header that is never shown.
    #[must_use]
    pub fn secret_header(mut self, name: &str, value: &SecretString) -> Self {
        match (HeaderName::try_from(name), HeaderValue::try_from(value.expose_secret())) {
            (Ok(name), Ok(mut value)) => {
                value.set_sensitive(true);
                self.headers.insert(name, value);
            }
            _ => self.invalid = true,
        }
        self
    }

    /// A body of this content type.
    #[must_use]
    pub fn body(mut self, content_type: &'static str, body: Vec<u8>) -> Self {
        self.headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        self.body = body;
        self
    }

    /// A JSON body.
    #[must_use]
    pub fn json(self, body: &impl Serialize) -> Self {
        match serde_json::to_vec(body) {
            Ok(bytes) => self.body("application/json", bytes),
            Err(_) => Self { invalid: true, ..self },
        }
    }

    /// A form body of these names and values.
    #[must_use]
    pub fn form<'a>(self, pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let text = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
        self.body("application/x-www-form-urlencoded", text.into_bytes())
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Request({} {})", self.method, self.url.host_str().unwrap_or_default())
    }
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
    /// Whether the body went on beyond what was to be read.
    pub is_cut: bool,
    headers: HeaderMap,
}

impl Answer {
    /// An answer without headers, for tests of what reads answers.
    #[cfg(test)]
    pub(crate) fn of(status: u16, body: Vec<u8>) -> Self {
        Self { status, body, is_cut: false, headers: HeaderMap::new() }
    }

    /// Whether the status is 2xx.
    #[must_use]
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// A header's value, if it is there and text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The body as JSON of this shape, if it is that.
    #[must_use]
    pub fn json<T: DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_slice(&self.body).ok()
    }

    /// Milliseconds that the answer's `Retry-After` asks to wait from `now` (milliseconds) on.
    #[must_use]
    pub fn retry_after_ms(&self, now: i64) -> Option<u64> {
        let text = self.header(RETRY_AFTER.as_str())?.trim();
        if let Ok(seconds) = text.parse::<u64>() {
            return Some(seconds.saturating_mul(1000));
        }
        let date = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
        Some(u64::try_from(date.as_millisecond().saturating_sub(now)).unwrap_or(0))
    }
}

impl Outbound {
    /// A client with this policy that gives up a call after `timeout`.
    #[must_use]
    pub fn new(policy: AddressPolicy, timeout: Duration) -> Self {
        let (clients, circuits) = (Clients::default(), Circuits::default());
        Self { shared: Arc::new(Shared { policy, timeout, clients, circuits }), counter: None }
    }

    /// The same client, which counts the calls that are answered and not [`Request::free`].
    #[must_use]
    pub fn counted(&self, counter: Arc<AtomicU64>) -> Self {
        Self { shared: Arc::clone(&self.shared), counter: Some(counter) }
    }

    /// Makes the call.
    ///
    /// # Errors
    /// See [`OutboundError`]. An answer of any status is not an error.
    pub async fn send(&self, request: Request) -> Result<Answer, OutboundError> {
        let host = request.url.host_str().unwrap_or_default().to_owned();
        if request.invalid || !matches!(request.url.scheme(), "http" | "https") {
            return Err(OutboundError::Invalid { host });
        }
        if self.shared.policy.refuses(&request.url) {
            return Err(OutboundError::AddressRefused { host });
        }
        let Shared { policy, clients, .. } = &*self.shared;
        let client = clients.of(policy, &request.url, request.authorities.as_ref());
        let Some(client) = client else { return Err(OutboundError::Invalid { host }) };
        let Some(world) = request.guarded.clone() else { return self.repeated(&client, request, &host).await };
        let circuits = &self.shared.circuits;
        let patience = request.timeout.unwrap_or(self.shared.timeout);
        let pass = match tokio::time::timeout(patience, circuits.enter(&request.url, world.now())).await {
            Ok(Some(pass)) => pass,
            Ok(None) => return Err(OutboundError::LeftAlone { host }),
            Err(_) => return Err(OutboundError::Crowded { host }),
        };
        let result = self.repeated(&client, request, &host).await;
        if result.as_ref().is_err_and(OutboundError::is_silence) {
            circuits.failed(&pass, world.now());
        } else {
            circuits.answered(&pass);
        }
        result
    }

    /// Repeats a read where no connection came about or it broke: at once, then after a moment. A time-out is not waited for
    /// twice.
    async fn repeated(&self, client: &Client, request: Request, host: &str) -> Result<Answer, OutboundError> {
        for pause in AGAIN {
            if !request.repeatable {
                break;
            }
            match self.attempt(client, request.clone(), host).await {
                Err(error) if error.may_pass_at_once() => {
                    let random = request.guarded.as_ref().map_or(0, |world| u64::from(world.random::<1>()[0]));
                    let jitter = if pause.is_zero() { 0 } else { random };
                    tokio::time::sleep(pause + Duration::from_millis(jitter)).await;
                }
                result => return result,
            }
        }
        self.attempt(client, request, host).await
    }

    async fn attempt(&self, client: &Client, request: Request, host: &str) -> Result<Answer, OutboundError> {
        let counter = self.counter.as_ref().filter(|_| !request.free);
        let is_https = request.url.scheme() == "https";
        let call = client
            .request(request.method, request.url)
            .headers(request.headers)
            .timeout(request.timeout.unwrap_or(self.shared.timeout))
            .body(request.body);
        let mut response = call.send().await.map_err(|error| classify(&error, host, is_https))?;
        if let Some(counter) = counter {
            counter.fetch_add(1, Ordering::Relaxed);
        }
        let (mut body, mut is_cut) = (Vec::new(), false);
        while let Some(chunk) = response.chunk().await.map_err(|error| classify(&error, host, is_https))? {
            let room = request.read_at_most.unwrap_or(ANSWER_LIMIT) - body.len();
            if chunk.len() > room && request.read_at_most.is_none() {
                return Err(OutboundError::TooLarge { host: host.to_owned() });
            }
            body.extend_from_slice(&chunk[..chunk.len().min(room)]);
            if chunk.len() > room {
                is_cut = true;
                break;
            }
        }
        let (status, headers) = (response.status().as_u16(), std::mem::take(response.headers_mut()));
        Ok(Answer { status, headers, body, is_cut })
    }
}

fn classify(error: &reqwest::Error, host: &str, is_https: bool) -> OutboundError {
    let host = host.to_owned();
    let mut source = error.source();
    while let Some(cause) = source {
        if cause.is::<address::Refused>() {
            return OutboundError::AddressRefused { host };
        }
        source = cause.source();
    }
    // Who wants a certificate of ours says so only after the greeting; nothing that came with it is read then (RFC 8446, 4.4.2.4).
    match TlsFault::of(error) {
        Some(fault) if error.is_connect() || fault == TlsFault::WantsCertificate => {
            return OutboundError::Tls { host, fault };
        }
        _ => {}
    }
    if error.is_connect() && is_https && !error.is_timeout() && TlsFault::is_hang_up(error) {
        OutboundError::Tls { host, fault: TlsFault::HungUp }
    } else if error.is_connect() {
        OutboundError::Connect { host }
    } else if error.is_timeout() {
        OutboundError::Timeout { host }
    } else if error.is_builder() {
        OutboundError::Invalid { host }
    } else {
        OutboundError::Interrupted { host }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use axum::Router;
    use axum::http::header::LOCATION;
    use axum::routing::get;

    use super::*;

    fn client() -> Outbound {
        Outbound::new(AddressPolicy::AllowAll, Duration::from_millis(400))
    }

    async fn serve(router: Router) -> Url {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/?access_token=secret-token", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Url::parse(&url).unwrap()
    }

    #[tokio::test]
    async fn answered_calls_are_counted_but_for_free_ones() {
        let url = serve(Router::new().route("/", get(|| async { "fine" }))).await;
        let counter = Arc::new(AtomicU64::new(0));
        let counted = client().counted(Arc::clone(&counter));
        counted.send(Request::get(url.clone())).await.unwrap();
        counted.send(Request::get(url.clone()).free()).await.unwrap();
        counted.send(Request::get(url.join("/none").unwrap())).await.unwrap();
        client().send(Request::get(url)).await.unwrap();
        counted.send(Request::get(Url::parse("http://127.0.0.1:9/").unwrap())).await.unwrap_err();
        assert_eq!(counter.load(Ordering::Relaxed), 2);
    }

    #[tokio::test]
    async fn redirects_are_answers() {
        let url =
            serve(Router::new().route("/", get(|| async { (axum::http::StatusCode::FOUND, [(LOCATION, "/x")]) })));
        let answer = client().send(Request::get(url.await)).await.unwrap();
        assert_eq!((answer.status, answer.header("location")), (302, Some("/x")));
    }

    #[tokio::test]
    async fn long_and_late_answers_are_errors_that_hold_no_url() {
        let router = Router::new()
            .route("/", get(|| async { vec![b'x'; ANSWER_LIMIT + 1] }))
            .route("/late", get(|| tokio::time::sleep(Duration::from_secs(5))));
        let url = serve(router).await;
        let too_large = client().send(Request::get(url.clone())).await.unwrap_err();
        assert_eq!(too_large, OutboundError::TooLarge { host: "127.0.0.1".into() });
        let late = client().send(Request::get(url.join("/late?access_token=secret-token").unwrap())).await.unwrap_err();
        assert_eq!(late, OutboundError::Timeout { host: "127.0.0.1".into() });
        assert!(late.was_sent() && too_large.was_sent());
        let shown = format!("{too_large} {late} {:?} {:?}", Request::get(url), client());
        assert!(!shown.contains("secret-token"), "{shown}");
    }

    #[tokio::test]
    async fn of_an_answer_no_more_is_read_than_was_asked_for() {
        let long = || async { vec![b'x'; 2 * ANSWER_LIMIT] };
        let url = serve(Router::new().route("/", get(long)).route("/short", get(|| async { "fine" }))).await;
        let answer = client().send(Request::get(url.clone()).read_at_most(4096)).await.unwrap();
        assert_eq!((answer.status, answer.body.len(), answer.is_cut), (200, 4096, true));
        let answer = client().send(Request::get(url.join("/short").unwrap()).read_at_most(4)).await.unwrap();
        assert_eq!((answer.body.as_slice(), answer.is_cut), (b"fine".as_slice(), false));
    }

    #[tokio::test]
    async fn private_addresses_are_refused_by_number_and_by_name() {
        let public = Outbound::new(AddressPolicy::PublicOnly, DEFAULT_TIMEOUT);
        for url in ["http://127.0.0.1:9/", "http://localhost:9/"] {
            let error = public.send(Request::get(Url::parse(url).unwrap())).await.unwrap_err();
            assert!(matches!(error, OutboundError::AddressRefused { .. }), "{error:?}");
        }
        let listed = Outbound::new(AddressPolicy::PublicAnd(vec!["localhost:9".into()]), DEFAULT_TIMEOUT);
        let error = listed.send(Request::get(Url::parse("http://localhost:9/").unwrap())).await.unwrap_err();
        assert_eq!(error, OutboundError::Connect { host: "localhost".into() });
        assert!(!error.was_sent());
    }

    #[tokio::test]
    async fn what_cannot_be_written_is_not_sent() {
        let url = Url::parse("http://127.0.0.1:9/").unwrap();
        let bad = Request::post(url).header("x-note", "line\nbreak");
        assert!(matches!(client().send(bad).await, Err(OutboundError::Invalid { .. })));
        let file = Request::get(Url::parse("file:///etc/passwd").unwrap());
        assert!(matches!(client().send(file).await, Err(OutboundError::Invalid { .. })));
    }

    struct At(AtomicU64);

    impl crate::clock::Clock for At {
        fn now(&self) -> i64 {
            self.0.load(Ordering::Relaxed).try_into().unwrap()
        }
    }

    #[tokio::test]
    async fn a_call_that_gets_no_permit_in_time_was_not_sent() {
        let (world, client) = (World::system(), client());
        let url = serve(Router::new().route("/", axum::routing::post(std::future::pending::<()>))).await;
        let call = |patience| client.send(Request::post(url.clone()).guarded(&world).timeout(patience));
        let mut under_way: Vec<_> = (0..16).map(|_| Box::pin(call(Duration::from_secs(60)))).collect();
        for call in &mut under_way {
            // Each takes its permit when it is first polled.
            tokio::select! { biased; _ = call => panic!("it is never answered"), () = std::future::ready(()) => {} }
        }
        let error = call(Duration::from_millis(1)).await.unwrap_err();
        assert_eq!(error, OutboundError::Crowded { host: "127.0.0.1".into() });
        assert!(!error.was_sent());
    }

    #[tokio::test]
    async fn an_endpoint_that_does_not_answer_is_left_alone_until_it_does() {
        let at = Arc::new(At(AtomicU64::new(0)));
        let world = World { clock: at.clone(), ..World::system() };
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let url = Url::parse(&format!("http://{address}/")).unwrap();
        let client = client();
        let call = || client.send(Request::post(url.clone()).guarded(&world));
        for _ in 0..5 {
            assert!(matches!(call().await, Err(OutboundError::Connect { .. })));
        }
        assert!(matches!(call().await, Err(OutboundError::LeftAlone { .. })));
        let unguarded = client.send(Request::post(url.clone())).await;
        assert!(matches!(unguarded, Err(OutboundError::Connect { .. })), "deliveries have a schedule of their own");
        let listener = tokio::net::TcpListener::bind(address).await.unwrap();
        let router = Router::new().route("/", axum::routing::post(|| async { "fine" }));
        tokio::spawn(async move { axum::serve(listener, router).await });
        assert!(matches!(call().await, Err(OutboundError::LeftAlone { .. })));
        at.0.store(5_001, Ordering::Relaxed);
        assert!(call().await.unwrap().is_success());
        assert!(call().await.unwrap().is_success());
    }

    #[test]
    fn retry_after_is_read_in_seconds_and_as_a_date() {
        let answer = |value: &'static str| Answer {
            status: 429,
            body: Vec::new(),
            is_cut: false,
            headers: [(RETRY_AFTER, HeaderValue::from_static(value))].into_iter().collect(),
        };
        assert_eq!(answer("3").retry_after_ms(0), Some(3000));
        assert_eq!(answer("Thu, 01 Jan 1970 00:00:09 GMT").retry_after_ms(4000), Some(5000));
        assert_eq!(answer("Thu, 01 Jan 1970 00:00:09 GMT").retry_after_ms(40_000), Some(0));
        assert_eq!(answer("soon").retry_after_ms(0), None);
    }
}
