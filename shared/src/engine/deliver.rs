//! Sending a decision event to its source, signed by Standard Webhooks.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::config::Source;
use crate::crypto::webhook::WebhookSecret;
use crate::delivery::Told;
use crate::delivery::schedule::next_attempt;
use crate::http::App;
use crate::ids::{DeliveryId, SourceId};
use crate::providers::outbound::{OutboundError, Request};
use crate::store::Error;
use crate::store::approvals::Record;
use crate::store::deliveries::{Delivery, DeliveryStatus};

/// While one process sends a delivery, others leave it alone for so long (milliseconds).
const LEASE: i64 = 30_000;
/// Longest time that a delivery is put off without an attempt, in milliseconds.
const PUT_OFF_AT_MOST: i64 = 60 * 60 * 1000;
/// Gone: the receiver wants no more of it.
const GONE: u16 = 410;

/// How long a source whose receiver did not answer at all is left to the sweep, in milliseconds: each attempt would hold up
/// the changes behind it for the whole time-out.
const SILENT_FOR: i64 = 15_000;
/// Most silent sources that are remembered.
const MOST_SILENT: usize = 1_000;

/// The sources whose receivers did not answer this process lately.
#[derive(Debug, Default)]
pub struct Silent(Mutex<HashMap<SourceId, i64>>);

impl Silent {
    /// Whether this source is to be left alone at `now` (milliseconds).
    #[must_use]
    pub fn contains(&self, source: &SourceId, now: i64) -> bool {
        self.lock().get(source).is_some_and(|until| now < *until)
    }

    /// Remembers what an attempt came to: no HTTP status is no answer.
    pub fn note(&self, delivery: &Delivery, now: i64) {
        let mut silent = self.lock();
        if delivery.status == DeliveryStatus::Delivered || delivery.last_status.is_some() {
            silent.remove(&delivery.source);
            return;
        }
        if silent.len() >= MOST_SILENT {
            silent.clear();
        }
        silent.insert(delivery.source.clone(), now + SILENT_FOR);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<SourceId, i64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The delivery of an event: made once, whoever makes it.
///
/// # Errors
/// The table's own.
pub async fn create(app: &App, record: &Record, told: Told) -> Result<Delivery, Error> {
    let now = app.world.now();
    let mut delivery = Delivery {
        id: DeliveryId::of(&record.id, told.sequence),
        approval: record.id.clone(),
        org: record.org.clone(),
        source: record.source.clone(),
        sequence: told.sequence,
        event: told.event.name().to_owned(),
        body: told.body,
        created_at: now,
        status: DeliveryStatus::Pending,
        attempts: 0,
        last_status: None,
        last_error: None,
        delivered_at: None,
        next_attempt_at: Some(now + LEASE),
        version: 0,
    };
    app.store.create_delivery(&mut delivery).await?;
    Ok(delivery)
}

/// Takes the right to send a delivery that is due. `false` when it is not pending, or somebody else was faster.
///
/// # Errors
/// The table's own.
pub async fn take(app: &App, delivery: &mut Delivery) -> Result<bool, Error> {
    move_on(app, delivery, LEASE).await
}

/// Leaves a delivery that is due for later, without an attempt: its receiver does not answer, or is slow. The older it is, the
/// longer.
///
/// # Errors
/// The table's own.
pub async fn put_off(app: &App, delivery: &mut Delivery) -> Result<(), Error> {
    let wait = ((app.world.now() - delivery.created_at) / 4).clamp(LEASE, PUT_OFF_AT_MOST);
    move_on(app, delivery, wait).await.map(drop)
}

/// Moves the time of the next attempt. `false` when it is not pending, or somebody else was faster.
async fn move_on(app: &App, delivery: &mut Delivery, wait: i64) -> Result<bool, Error> {
    if delivery.status != DeliveryStatus::Pending {
        return Ok(false);
    }
    delivery.next_attempt_at = Some(app.world.now() + wait);
    match app.store.update_delivery(delivery).await {
        Ok(()) => Ok(true),
        Err(Error::Conflict { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Sends a delivery once and records what came of it. The caller holds the right to: it made it, or took it.
///
/// # Errors
/// The table's own. What the receiver says is recorded.
pub async fn attempt(app: &App, delivery: &mut Delivery) -> Result<(), Error> {
    let result = send(app, delivery).await?;
    let now = app.world.now();
    delivery.attempts += 1;
    delivery.next_attempt_at = None;
    match result {
        Ok(status) => {
            delivery.status = DeliveryStatus::Delivered;
            delivery.last_status = Some(status);
            delivery.last_error = None;
            delivery.delivered_at = Some(now);
        }
        Err(failed) => {
            let [random] = app.world.random::<1>();
            let next = if failed.is_final { None } else { next_attempt(delivery.attempts, now, random) };
            delivery.status = if next.is_some() { DeliveryStatus::Pending } else { DeliveryStatus::Dead };
            delivery.next_attempt_at = next.map(|at| at.max(now + failed.retry_after_ms));
            delivery.last_status = failed.status;
            delivery.last_error = Some(failed.error);
        }
    }
    match app.store.update_delivery(delivery).await {
        // Somebody else has sent it too, under the same id; what they recorded stands.
        Err(Error::Conflict { .. }) => Ok(()),
        other => other,
    }
}

struct Failed {
    status: Option<u16>,
    error: String,
    is_final: bool,
    retry_after_ms: i64,
}

impl Failed {
    fn of(error: impl Into<String>, is_final: bool) -> Self {
        Self { status: None, error: error.into(), is_final, retry_after_ms: 0 }
    }
}

async fn send(app: &App, delivery: &Delivery) -> Result<Result<u16, Failed>, Error> {
    let source = match app.store.get::<Source>(&delivery.org, delivery.source.as_str()).await {
        Ok(stored) => stored.value,
        Err(Error::NotFound) => return Ok(Err(Failed::of("the source was deleted", true))),
        Err(error) => return Err(error),
    };
    let Some(url) = source.callback_url.as_deref().and_then(|url| url::Url::parse(url).ok()) else {
        return Ok(Err(Failed::of("the source has no callback URL", true)));
    };
    let secret = match app.webhook_secret(&source).await {
        Ok(secret) => secret,
        Err(error) => return Ok(Err(Failed::of(error.to_string(), false))),
    };
    let now = app.world.now();
    Ok(post(app, delivery, url, &secret, now).await)
}

async fn post(app: &App, delivery: &Delivery, url: url::Url, secret: &WebhookSecret, now: i64) -> Result<u16, Failed> {
    let seconds = now / 1000;
    let body = delivery.body.as_bytes();
    let request = Request::post(url)
        .header("webhook-id", delivery.id.as_str())
        .header("webhook-timestamp", &seconds.to_string())
        .header("webhook-signature", &secret.sign(delivery.id.as_str(), seconds, body))
        .body("application/json", body.to_vec());
    match app.outbound.send(request).await {
        Ok(answer) if answer.is_success() => Ok(answer.status),
        Ok(answer) => Err(Failed {
            status: Some(answer.status),
            error: format!("the receiver answered {}", answer.status),
            is_final: answer.status == GONE,
            retry_after_ms: answer.retry_after_ms(now).and_then(|wait| i64::try_from(wait).ok()).unwrap_or(0),
        }),
        Err(error @ (OutboundError::AddressRefused { .. } | OutboundError::Invalid { .. })) => {
            Err(Failed::of(error.to_string(), true))
        }
        Err(error) => Err(Failed::of(error.to_string(), false)),
    }
}
