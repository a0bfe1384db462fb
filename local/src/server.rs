//! The HTTP server: as many connections as it can carry, and none that costs nothing to hold.

use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use axum::{Extension, Router};
use countersign::http::peer::Connected;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{Sleep, sleep};

/// How much clients may ask for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Connections at the same time; the next one waits.
    pub(crate) connections: u32,
    /// How long a client may take for the head of a request, and be silent between two.
    pub(crate) head: Duration,
    /// How long it may take for a body.
    pub(crate) body: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { connections: 1_024, head: Duration::from_secs(30), body: Duration::from_secs(30) }
    }
}

/// Pause after a connection could not be taken, as when the process has too many files open.
const AFTER_FAILURE: Duration = Duration::from_secs(1);

/// Serves until `shutdown`; then takes no new connections, and returns when all that was under way is answered.
pub(crate) async fn serve(
    listener: TcpListener,
    router: Router,
    limits: Limits,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    let router = router.layer(from_fn(move |request, next| in_time(limits.body, request, next)));
    let places = Arc::new(Semaphore::new(limits.connections as usize));
    let (stop, stopping) = watch::channel(false);
    let mut shutdown = pin!(shutdown);
    loop {
        let accepted = async {
            let place = Arc::clone(&places).acquire_owned().await.map_err(io::Error::other)?;
            Ok::<_, io::Error>((listener.accept().await?.0, place))
        };
        tokio::select! {
            () = &mut shutdown => break,
            accepted = accepted => match accepted {
                Ok((stream, place)) => {
                    tokio::spawn(connection(stream, place, router.clone(), limits, stopping.clone()));
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be taken");
                    sleep(AFTER_FAILURE).await;
                }
            }
        }
    }
    drop(listener);
    // Nobody listens where there is no connection.
    let _ = stop.send(true);
    places.acquire_many(limits.connections).await.map(drop).map_err(io::Error::other)
}

async fn connection(
    stream: TcpStream,
    _place: OwnedSemaphorePermit,
    router: Router,
    limits: Limits,
    mut stopping: watch::Receiver<bool>,
) {
    // Answers are short and somebody waits.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection's answers may be held back");
    }
    let router = match stream.peer_addr() {
        Ok(peer) => router.layer(Extension(Connected(peer.ip()))),
        Err(_) => router,
    };
    let mut server = http1::Builder::new();
    // The time runs from the moment when a head is waited for, so it ends silent connections too.
    server.timer(TokioTimer::new()).header_read_timeout(limits.head);
    let mut serving = pin!(server.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router)));
    let stopped = async { drop(stopping.wait_for(|stop| *stop).await) };
    let ended = tokio::select! {
        ended = serving.as_mut() => ended,
        () = stopped => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended");
    }
}

/// A body that does not arrive in time is one that breaks off.
async fn in_time(limit: Duration, request: Request, next: Next) -> Response {
    let timed = |body| Body::new(Timed { body, until: Box::pin(sleep(limit)) });
    next.run(request.map(timed)).await
}

struct Timed {
    body: Body,
    until: Pin<Box<Sleep>>,
}

impl HttpBody for Timed {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let next = Pin::new(&mut self.body).poll_frame(cx);
        if next.is_pending() && self.until.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Some(Err(axum::Error::new(io::Error::from(io::ErrorKind::TimedOut)))));
        }
        next
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use axum::routing::post;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::sync::oneshot;

    use super::*;

    /// One connection at a time, and no patience.
    async fn start() -> (std::net::SocketAddr, oneshot::Sender<()>, tokio::task::JoinHandle<io::Result<()>>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().route("/", post(async |body: String| body));
        let (stop, stopped) = oneshot::channel::<()>();
        let limits = Limits { connections: 1, head: Duration::from_millis(100), body: Duration::from_millis(100) };
        let serving = tokio::spawn(serve(listener, router, limits, async move { drop(stopped.await) }));
        (address, stop, serving)
    }

    /// What a server answers until it ends the connection.
    async fn said(address: std::net::SocketAddr, text: &str) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(text.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn nobody_holds_a_connection_by_being_slow() {
        let (address, stop, serving) = start().await;
        assert!(!said(address, "").await.contains("200"), "silence");
        assert!(!said(address, "POST / HTTP/1.1\r\nhost: a\r\nx-").await.contains("200"), "half a head");
        let half = said(address, "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\nhalf").await;
        assert!(half.starts_with("HTTP/1.1 4"), "{half}");
        let whole = said(address, "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\n\r\ngood").await;
        assert!(whole.starts_with("HTTP/1.1 200") && whole.ends_with("good"), "{whole}");
        stop.send(()).unwrap();
        serving.await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn who_comes_when_there_are_too_many_waits_for_a_place() {
        let (address, _stop, _serving) = start().await;
        let silent = TcpStream::connect(address).await.unwrap();
        let answer = said(address, "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\n\r\ngood").await;
        assert!(answer.ends_with("good"), "{answer}");
        drop(silent);
    }
}
