//! The one client for all calls that leave us: platforms, deliveries to sources, an external OA.
//!
//! Redirects are not followed, answers are read up to a limit, private addresses are refused unless the policy lets
//! them, and no error or log line holds a URL, because old platform APIs carry tokens in the query.

mod address;
mod answer;
mod circuit;
mod clients;
mod error;
mod fault;
mod request;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use reqwest::Client;

pub use address::{AddressPolicy, is_public};
pub use answer::Answer;
use circuit::Circuits;
use clients::Clients;
pub use error::OutboundError;
use error::classify;
pub use fault::TlsFault;
pub use request::Request;

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

#[cfg(test)]
mod tests;
