//! Sending a decision event to its source, in its format.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::config::Source;
use crate::delivery::Told;
use crate::delivery::schedule::next_attempt;
use crate::http::App;
use crate::ids::{DeliveryId, SourceId};
use crate::providers::outbound::OutboundError;
use crate::sources::{Outgoing, Unsendable, Verdict};
use crate::store::Error;
use crate::store::approvals::Record;
use crate::store::deliveries::{Delivery, DeliveryStatus};

/// While one process sends a delivery, others leave it alone for so long (milliseconds).
const LEASE: i64 = 30_000;
/// Longest time that a delivery is put off without an attempt, in milliseconds.
const PUT_OFF_AT_MOST: i64 = 60 * 60 * 1000;

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

/// The delivery of an event with this body: made once, whoever makes it.
///
/// # Errors
/// The table's own.
pub async fn create(app: &App, record: &Record, told: &Told, body: String) -> Result<Delivery, Error> {
    let now = app.world.now();
    let mut delivery = Delivery {
        id: DeliveryId::of(&record.id, told.sequence),
        approval: record.id.clone(),
        org: record.org.clone(),
        source: record.source.clone(),
        sequence: told.sequence,
        event: told.event.name().to_owned(),
        body,
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
    Ok(post(app, delivery, &source).await)
}

async fn post(app: &App, delivery: &Delivery, source: &Source) -> Result<u16, Failed> {
    let opened = async { Ok::<_, Error>((source.format()?, source.receiver(&app.data_key).await?)) };
    let (format, receiver) = opened.await.map_err(|error| Failed::of(error.to_string(), false))?;
    let outgoing = Outgoing { id: delivery.id.as_str(), body: &delivery.body };
    let request = format.request(&receiver, &outgoing, &app.world).map_err(|Unsendable(why)| Failed::of(why, true))?;
    let answer = app.outbound.send(request).await.map_err(|error| {
        let is_final = matches!(error, OutboundError::AddressRefused { .. } | OutboundError::Invalid { .. });
        Failed::of(error.to_string(), is_final)
    })?;
    match format.verdict(&receiver, &answer) {
        Verdict::Accepted => Ok(answer.status),
        Verdict::Refused { error, is_final } => {
            let retry_after = answer.retry_after_ms(app.world.now()).and_then(|wait| i64::try_from(wait).ok());
            Err(Failed { status: Some(answer.status), error, is_final, retry_after_ms: retry_after.unwrap_or(0) })
        }
    }
}
