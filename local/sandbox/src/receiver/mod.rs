//! The receiver: an address that takes decision events as a customer's program would, checks their signatures with an
//! implementation that is not ours, and shows them.

mod page;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State as Shared};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use countersign::clock::World;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use standardwebhooks::Webhook;

use super::platform::files::{Error, Folder};
use super::platform::http::{Body, Refused, SameSite};
use super::platform::text::rfc3339;

/// Deliveries that are kept.
const MAX_KEPT: usize = 500;
/// Signing secrets that are kept.
const MAX_SECRETS: usize = 100;
/// Most bytes of a delivery.
const MAX_DELIVERY: usize = 2 * 1024 * 1024;
/// How far a timestamp may be off, in seconds.
const TOLERANCE: i64 = 5 * 60;
/// Longest delay, in milliseconds.
const MAX_DELAY: u64 = 60_000;

/// The receiver. Cheap to clone.
#[derive(Clone)]
pub struct Receiver {
    inner: Arc<Inner>,
}

struct Inner {
    memory: Mutex<Memory>,
    world: World,
}

struct Memory {
    root: Folder,
    files: Folder,
    /// Oldest first.
    deliveries: VecDeque<Delivery>,
    secrets: Vec<SecretString>,
    faults: Faults,
    version: u64,
}

/// What arrived.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Delivery {
    number: u64,
    received_at: i64,
    webhook_id: String,
    webhook_timestamp: String,
    signature: String,
    signature_ok: bool,
    /// Why the signature does not hold.
    problem: Option<String>,
    /// The status that was answered.
    answered: u16,
    body: Value,
}

/// What the receiver can be told to do wrong, until told otherwise.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Faults {
    /// The status that every delivery gets.
    #[serde(default)]
    status: Option<u16>,
    /// How long every answer takes, in milliseconds.
    #[serde(default)]
    delay_ms: u64,
}

impl std::fmt::Debug for Receiver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Receiver")
    }
}

impl Receiver {
    pub(super) fn open(path: PathBuf, world: World) -> Result<Self, Error> {
        let files = Folder::open(path.join("deliveries"))?;
        let root = Folder::open(path)?;
        let mut deliveries = files.read_all::<Delivery>()?;
        deliveries.sort_by_key(|delivery| delivery.number);
        let secrets: Vec<String> = root.read("secrets.json")?.unwrap_or_default();
        let secrets = secrets.into_iter().map(SecretString::from).collect();
        let faults = Faults::default();
        let memory = Memory { root, files, deliveries: deliveries.into(), secrets, faults, version: 0 };
        Ok(Self { inner: Arc::new(Inner { memory: Mutex::new(memory), world }) })
    }

    /// Verifies deliveries with this secret too, now and after a restart. One that is known already is not kept twice;
    /// of more than a hundred the oldest goes.
    ///
    /// # Errors
    /// [`Error::Secret`] for what is no `whsec_…` secret; [`Error::File`] when it cannot be kept.
    pub fn trust(&self, secret: &SecretString) -> Result<(), Error> {
        let text = secret.expose_secret();
        if !text.starts_with("whsec_") || Webhook::new(text).is_err() {
            return Err(Error::Secret);
        }
        let mut memory = self.memory();
        let mut all: Vec<String> = memory.secrets.iter().map(|known| known.expose_secret().to_owned()).collect();
        if all.iter().any(|known| known == text) {
            return Ok(());
        }
        all.push(text.to_owned());
        all.drain(..all.len().saturating_sub(MAX_SECRETS));
        memory.root.write("secrets.json", &all)?;
        memory.secrets = all.into_iter().map(SecretString::from).collect();
        memory.version += 1;
        Ok(())
    }

    pub(super) fn router(&self) -> Router {
        Router::new()
            .route("/sandbox/receiver", get(page::page).post(receive))
            .route("/sandbox/receiver/_/deliveries", get(list))
            .route("/sandbox/receiver/_/secrets", post(add_secret))
            .route("/sandbox/receiver/_/faults", get(faults).post(set_faults).delete(clear_faults))
            .route("/sandbox/receiver/_/version", get(version))
            .layer(DefaultBodyLimit::max(MAX_DELIVERY))
            .with_state(self.clone())
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.inner.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a delivery, and forgets the oldest ones.
    fn keep(&self, headers: &HeaderMap, body: &Bytes) -> Result<(Delivery, Duration), Error> {
        let mut memory = self.memory();
        let problem = verify(&memory.secrets, headers, body, self.inner.world.now()).err();
        let text = |name: &str| header(headers, name).unwrap_or_default().to_owned();
        let delivery = Delivery {
            number: memory.deliveries.back().map_or(1, |last| last.number + 1),
            received_at: self.inner.world.now(),
            webhook_id: text(standardwebhooks::HEADER_WEBHOOK_ID),
            webhook_timestamp: text(standardwebhooks::HEADER_WEBHOOK_TIMESTAMP),
            signature: text(standardwebhooks::HEADER_WEBHOOK_SIGNATURE),
            signature_ok: problem.is_none(),
            answered: memory.faults.status.unwrap_or(if problem.is_none() { 204 } else { 200 }),
            problem,
            body: serde_json::from_slice(body).unwrap_or_else(|_| String::from_utf8_lossy(body).into()),
        };
        memory.files.write(&file(delivery.number), &delivery)?;
        memory.deliveries.push_back(delivery.clone());
        while memory.deliveries.len() > MAX_KEPT {
            if let Some(oldest) = memory.deliveries.pop_front() {
                memory.files.remove(&file(oldest.number))?;
            }
        }
        memory.version += 1;
        Ok((delivery, Duration::from_millis(memory.faults.delay_ms)))
    }
}

fn file(number: u64) -> String {
    format!("{number:012}.json")
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// Whether the signature holds with any trusted secret at `now` (milliseconds). The library makes the signature that it
/// should be; its own check would look at the machine's clock, which a test may have left behind.
fn verify(secrets: &[SecretString], headers: &HeaderMap, body: &[u8], now: i64) -> Result<(), String> {
    let wanted = |name: &str| header(headers, name).ok_or_else(|| format!("the header {name} is missing"));
    let id = wanted(standardwebhooks::HEADER_WEBHOOK_ID)?;
    let signatures = wanted(standardwebhooks::HEADER_WEBHOOK_SIGNATURE)?;
    let timestamp: i64 = wanted(standardwebhooks::HEADER_WEBHOOK_TIMESTAMP)?
        .parse()
        .map_err(|_| "the timestamp is no number of seconds".to_owned())?;
    if (now / 1000 - timestamp).abs() > TOLERANCE {
        return Err("the timestamp is more than five minutes off".to_owned());
    }
    let mut problem = "no secret is trusted".to_owned();
    for secret in secrets.iter().rev() {
        match Webhook::new(secret.expose_secret()).and_then(|webhook| webhook.sign(id, timestamp, body)) {
            Ok(signature) if signatures.split(' ').any(|given| given == signature) => return Ok(()),
            Ok(_) => "no signature matches".clone_into(&mut problem),
            Err(error) => problem = error.to_string(),
        }
    }
    Err(problem)
}

/// `POST /sandbox/receiver`: 204, or 200 with a warning when the signature does not hold, or what the faults say.
async fn receive(Shared(receiver): Shared<Receiver>, headers: HeaderMap, body: Bytes) -> Response {
    let (delivery, delay) = match receiver.keep(&headers, &body) {
        Ok(kept) => kept,
        Err(error) => return Refused::from(error).into_response(),
    };
    tokio::time::sleep(delay).await;
    match (StatusCode::from_u16(delivery.answered), delivery.problem) {
        (Ok(StatusCode::OK), Some(problem)) => {
            let warning = format!("kept, but the signature does not hold: {problem}");
            Json(json!({"warning": warning})).into_response()
        }
        (status, _) => status.unwrap_or(StatusCode::NO_CONTENT).into_response(),
    }
}

/// `GET /sandbox/receiver/_/deliveries`: newest first.
async fn list(_: SameSite, Shared(receiver): Shared<Receiver>) -> Json<Value> {
    let memory = receiver.memory();
    let line = |delivery: &Delivery| {
        json!({
            "received_at": rfc3339(delivery.received_at),
            "webhook_id": delivery.webhook_id,
            "webhook_timestamp": delivery.webhook_timestamp,
            "type": delivery.body.get("type"),
            "signature_ok": delivery.signature_ok,
            "signature": delivery.signature,
            "problem": delivery.problem,
            "answered": delivery.answered,
            "body": delivery.body,
        })
    };
    Json(json!({"items": memory.deliveries.iter().rev().map(line).collect::<Vec<_>>()}))
}

/// A secret to trust.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Trust {
    secret: String,
}

/// `POST /sandbox/receiver/_/secrets`: trusts the secret of another source.
async fn add_secret(
    _: SameSite,
    Shared(receiver): Shared<Receiver>,
    Body(trust): Body<Trust>,
) -> Result<StatusCode, Refused> {
    match receiver.trust(&trust.secret.into()) {
        Err(Error::Secret) => Err(Refused::bad(Error::Secret.to_string())),
        Err(error) => Err(error.into()),
        Ok(()) => Ok(StatusCode::NO_CONTENT),
    }
}

/// `GET /sandbox/receiver/_/faults`.
async fn faults(_: SameSite, Shared(receiver): Shared<Receiver>) -> Json<Faults> {
    Json(receiver.memory().faults.clone())
}

/// `POST /sandbox/receiver/_/faults`: replaces the faults.
async fn set_faults(
    _: SameSite,
    Shared(receiver): Shared<Receiver>,
    Body(faults): Body<Faults>,
) -> Result<Json<Faults>, Refused> {
    if faults.status.is_some_and(|status| !(200..=599).contains(&status)) || faults.delay_ms > MAX_DELAY {
        return Err(Refused::bad(format!("status is 200 to 599, delay_ms at most {MAX_DELAY}")));
    }
    let mut memory = receiver.memory();
    memory.faults = faults.clone();
    memory.version += 1;
    Ok(Json(faults))
}

/// `DELETE /sandbox/receiver/_/faults`.
async fn clear_faults(_: SameSite, Shared(receiver): Shared<Receiver>) -> Json<Faults> {
    let mut memory = receiver.memory();
    memory.faults = Faults::default();
    memory.version += 1;
    Json(memory.faults.clone())
}

/// `GET /sandbox/receiver/_/version`.
async fn version(_: SameSite, Shared(receiver): Shared<Receiver>) -> Json<Value> {
    Json(json!({"version": receiver.memory().version}))
}
