//! An HTTP server that keeps what it is sent and answers as it is told: a customer's OA, or a source's receiver.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};

/// A request that arrived.
#[derive(Debug, Clone)]
pub struct Received {
    /// Its path and query.
    pub uri: Uri,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

/// The server. Clones share everything.
#[derive(Debug, Clone, Default)]
pub struct Receiver {
    /// Where it listens, with no slash at the end.
    pub url: String,
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug, Default)]
struct Inner {
    received: Vec<Received>,
    answers: VecDeque<(u16, String)>,
}

impl Receiver {
    /// Starts it on a free port. It answers 200 and `true` until it is told otherwise, and ends with the test's runtime.
    ///
    /// # Panics
    /// When no port is free.
    #[expect(clippy::expect_used, reason = "a test cannot go on without it")]
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("a bound listener has an address"));
        let receiver = Self { url, inner: Arc::default() };
        let router = Router::new().fallback(receive).with_state(receiver.clone());
        tokio::spawn(axum::serve(listener, router).into_future());
        receiver
    }

    /// Answers the next request so, after those that were told before.
    pub fn answer_next(&self, status: u16, body: impl Into<String>) {
        self.lock().answers.push_back((status, body.into()));
    }

    /// Everything that arrived, the oldest first.
    #[must_use]
    pub fn received(&self) -> Vec<Received> {
        self.lock().received.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn receive(State(receiver): State<Receiver>, uri: Uri, headers: HeaderMap, body: Bytes) -> (StatusCode, String) {
    let mut inner = receiver.lock();
    inner.received.push(Received { uri, headers, body });
    let (status, body) = inner.answers.pop_front().unwrap_or((200, "true".to_owned()));
    (StatusCode::from_u16(status).unwrap_or_default(), body)
}
