//! Sick endpoints: one that does not answer is left alone for a while, so that it costs neither its callers' time nor a place
//! of those who call others. It is what this process has seen; every process learns it by itself.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use url::Url;

/// So many calls in a row without an answer open the circuit.
const FAILURES: u32 = 5;
/// How long it stays open at first and at most, in milliseconds; twice as long each time that it fails again.
const OPEN_AT_FIRST: i64 = 5_000;
const MAX_OPEN: i64 = 60_000;
/// Calls to one endpoint at the same time. WeCom refuses more of one organisation (45033) without naming a number.
const SIDE_BY_SIDE: usize = 16;
/// Endpoints that are remembered; beyond that, all are forgotten.
const MAX_ENDPOINTS: usize = 1_000;

/// What is known of every endpoint.
#[derive(Debug, Default)]
pub(super) struct Circuits(Mutex<HashMap<String, Endpoint>>);

#[derive(Debug)]
struct Endpoint {
    failures: u32,
    open_until: Option<i64>,
    open_for: i64,
    places: Arc<Semaphore>,
}

impl Default for Endpoint {
    fn default() -> Self {
        let places = Arc::new(Semaphore::new(SIDE_BY_SIDE));
        Self { failures: 0, open_until: None, open_for: OPEN_AT_FIRST, places }
    }
}

/// The right to call an endpoint. What became of the call is told to [`Circuits::answered`] or [`Circuits::failed`].
#[derive(Debug)]
pub(super) struct Pass {
    endpoint: String,
    _place: Option<OwnedSemaphorePermit>,
}

impl Circuits {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Endpoint>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a place among the calls of an endpoint. `None` when it has not answered lately and is left alone at `now`
    /// (milliseconds).
    pub(super) async fn enter(&self, url: &Url, now: i64) -> Option<Pass> {
        let endpoint = endpoint(url);
        let places = {
            let mut known = self.lock();
            if known.len() >= MAX_ENDPOINTS && !known.contains_key(&endpoint) {
                known.clear();
            }
            let found = known.entry(endpoint.clone()).or_default();
            if found.open_until.is_some_and(|until| until > now) {
                return None;
            }
            if found.open_until.is_some() {
                // One tries it; until that is known, the others leave it alone.
                found.open_until = Some(now + found.open_for);
            }
            Arc::clone(&found.places)
        };
        Some(Pass { endpoint, _place: places.acquire_owned().await.ok() })
    }

    /// It answered, whatever it said.
    pub(super) fn answered(&self, pass: &Pass) {
        if let Some(found) = self.lock().get_mut(&pass.endpoint) {
            (found.failures, found.open_until, found.open_for) = (0, None, OPEN_AT_FIRST);
        }
    }

    /// It did not answer; it is `now` (milliseconds).
    pub(super) fn failed(&self, pass: &Pass, now: i64) {
        let mut known = self.lock();
        let Some(found) = known.get_mut(&pass.endpoint) else { return };
        found.failures += 1;
        if found.failures < FAILURES {
            return;
        }
        if found.open_until.is_some() {
            found.open_for = (found.open_for * 2).min(MAX_OPEN);
        }
        found.open_until = Some(now + found.open_for);
        tracing::warn!(endpoint = pass.endpoint, failures = found.failures, open_ms = found.open_for, "left alone");
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
        circuits.lock().get_mut("a:80/x/y").unwrap().open_until = Some(NOW);
        let pass = circuits.enter(&sick, NOW).await.unwrap();
        assert!(circuits.enter(&sick, NOW).await.is_none(), "one tries it");
        circuits.failed(&pass, NOW);
        assert_eq!(circuits.lock()["a:80/x/y"].open_for, OPEN_AT_FIRST * 2);
        circuits.lock().get_mut("a:80/x/y").unwrap().open_until = Some(NOW);
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
