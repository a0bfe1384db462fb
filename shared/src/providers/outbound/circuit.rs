//! Sick endpoints: one that does not answer is left alone for a while, so that it costs neither its callers' time nor a permit
//! of those who call others. It is what this process has seen; every process learns it by itself.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use url::Url;

use crate::backoff::Backoff;
use crate::ttl_map::TtlMap;

/// So many calls in a row without an answer open the circuit.
const FAILURES: u32 = 5;
/// How long it stays open: longer each time that it fails again.
const OPEN: Backoff = Backoff { min: 5_000, max: 60_000 };
/// Calls to one endpoint at the same time. WeCom refuses more of one organisation (45033) without naming a number.
const SIDE_BY_SIDE: usize = 16;

/// What is known of every endpoint.
#[derive(Debug, Default)]
pub(super) struct Circuits(TtlMap<String, Endpoint, 1_000>);

#[derive(Debug)]
struct Endpoint {
    failures: u32,
    open_until: Option<i64>,
    permits: Arc<Semaphore>,
}

impl Default for Endpoint {
    fn default() -> Self {
        let permits = Arc::new(Semaphore::new(SIDE_BY_SIDE));
        Self { failures: 0, open_until: None, permits }
    }
}

/// The right to call an endpoint. What became of the call is told to [`Circuits::answered`] or [`Circuits::failed`].
#[derive(Debug)]
pub(super) struct Pass {
    endpoint: String,
    _permit: Option<OwnedSemaphorePermit>,
}

impl Circuits {
    /// Waits for a permit to call an endpoint. `None` when it has not answered lately and is left alone at `now`
    /// (milliseconds).
    pub(super) async fn enter(&self, url: &Url, now: i64) -> Option<Pass> {
        let endpoint = endpoint(url);
        let permits = self.0.change_or_make(endpoint.clone(), Endpoint::default, |found| found.enter(now))?;
        Some(Pass { endpoint, _permit: permits.acquire_owned().await.ok() })
    }

    /// It answered, whatever it said.
    pub(super) fn answered(&self, pass: &Pass) {
        let closed = |found: &mut Endpoint| (found.failures, found.open_until) = (0, None);
        self.0.change(&pass.endpoint, closed);
    }

    /// It did not answer; it is `now` (milliseconds).
    pub(super) fn failed(&self, pass: &Pass, now: i64) {
        self.0.change(&pass.endpoint, |found| found.failed(&pass.endpoint, now));
    }
}

impl Endpoint {
    /// Where its callers wait for their turn, unless it is left alone.
    fn enter(&mut self, now: i64) -> Option<Arc<Semaphore>> {
        if self.open_until.is_some_and(|until| until > now) {
            return None;
        }
        if self.open_until.is_some() {
            // One tries it; until that is known, the others leave it alone.
            self.open_until = Some(now + self.open_for());
        }
        Some(Arc::clone(&self.permits))
    }

    fn failed(&mut self, name: &str, now: i64) {
        self.failures += 1;
        if self.failures < FAILURES {
            return;
        }
        let open_ms = self.open_for();
        self.open_until = Some(now + open_ms);
        tracing::warn!(endpoint = name, failures = self.failures, open_ms, "left alone");
    }

    /// How long it stays open after so many failures, in milliseconds.
    fn open_for(&self) -> i64 {
        OPEN.after(self.failures.saturating_sub(FAILURES - 1))
    }
}

/// What fails together: a host, and there what the first two parts of the path name, since one host may stand before several
/// systems. Never the query, which may hold a token.
fn endpoint(url: &Url) -> String {
    let parts = url.path_segments().into_iter().flatten().take(2).collect::<Vec<_>>().join("/");
    format!("{}:{}/{parts}", url.host_str().unwrap_or_default(), url.port_or_known_default().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const NOW: i64 = 1_790_000_000_000;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn an_endpoint_is_a_host_and_the_first_parts_of_the_path() {
        assert_eq!(
            endpoint(&url("https://api.dingtalk.com/v1.0/workflow/forms?a=b")),
            "api.dingtalk.com:443/v1.0/workflow"
        );
        assert_eq!(endpoint(&url("http://127.0.0.1:3000/")), "127.0.0.1:3000/");
    }

    #[tokio::test]
    async fn one_that_does_not_answer_is_left_alone_and_then_tried_by_one() {
        let (circuits, sick, well) = (Circuits::default(), url("http://a/x/y/1"), url("http://a/x/z"));
        for _ in 0..FAILURES {
            let pass = circuits.enter(&sick, NOW).await.unwrap();
            circuits.failed(&pass, NOW);
        }
        assert!(circuits.enter(&sick, NOW).await.is_none());
        assert!(circuits.enter(&well, NOW).await.is_some(), "another endpoint");
        // Its time is over.
        circuits.0.change("a:80/x/y", |found| found.open_until = Some(NOW)).unwrap();
        let pass = circuits.enter(&sick, NOW).await.unwrap();
        assert!(circuits.enter(&sick, NOW).await.is_none(), "one tries it");
        circuits.failed(&pass, NOW);
        assert_eq!(circuits.0.change("a:80/x/y", |found| found.open_for()), Some(OPEN.min * 2));
        circuits.0.change("a:80/x/y", |found| found.open_until = Some(NOW)).unwrap();
        let pass = circuits.enter(&sick, NOW).await.unwrap();
        circuits.answered(&pass);
        assert!(circuits.enter(&sick, NOW).await.is_some() && circuits.enter(&sick, NOW).await.is_some());
    }

    #[tokio::test]
    async fn an_answer_in_between_starts_the_count_again() {
        let (circuits, url) = (Circuits::default(), url("http://a/x"));
        for _ in 0..3 {
            for _ in 1..FAILURES {
                circuits.failed(&circuits.enter(&url, NOW).await.unwrap(), NOW);
            }
            circuits.answered(&circuits.enter(&url, NOW).await.unwrap());
        }
        assert!(circuits.enter(&url, NOW).await.is_some());
    }

    #[tokio::test]
    async fn so_many_call_at_the_same_time_and_the_others_wait() {
        let (circuits, url) = (Circuits::default(), url("http://a/x"));
        let mut passes = Vec::new();
        for _ in 0..SIDE_BY_SIDE {
            passes.push(circuits.enter(&url, NOW).await.unwrap());
        }
        let waits = circuits.enter(&url, NOW);
        tokio::pin!(waits);
        assert!(futures_poll_once(&mut waits).await.is_none());
        passes.pop();
        assert!(waits.await.is_some());
    }

    /// The result, if it is there without waiting.
    async fn futures_poll_once<T>(future: &mut (impl Future<Output = T> + Unpin)) -> Option<T> {
        tokio::select! {
            biased;
            done = future => Some(done),
            () = std::future::ready(()) => None,
        }
    }
}
