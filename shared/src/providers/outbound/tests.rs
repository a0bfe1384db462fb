//! The one HTTP client against small servers.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use axum::Router;
use axum::http::header::LOCATION;
use axum::routing::get;
use reqwest::header::{HeaderValue, RETRY_AFTER};
use url::Url;

use super::*;
use crate::clock::World;

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
    let url = serve(Router::new().route("/", get(|| async { (axum::http::StatusCode::FOUND, [(LOCATION, "/x")]) })));
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
    // Bound, so that nobody else is given the port, and not yet listening.
    let port = tokio::net::TcpSocket::new_v4().unwrap();
    port.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = port.local_addr().unwrap();
    let url = Url::parse(&format!("http://{address}/")).unwrap();
    let client = client();
    let call = || client.send(Request::post(url.clone()).guarded(&world));
    for _ in 0..5 {
        assert!(matches!(call().await, Err(OutboundError::Connect { .. })));
    }
    assert!(matches!(call().await, Err(OutboundError::LeftAlone { .. })));
    let unguarded = client.send(Request::post(url.clone())).await;
    assert!(matches!(unguarded, Err(OutboundError::Connect { .. })), "deliveries have a schedule of their own");
    let listener = port.listen(16).unwrap();
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
