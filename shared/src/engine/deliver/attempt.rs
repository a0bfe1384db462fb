//! One attempt at one delivery: sent, judged by the source's format, recorded.

use std::time::Duration;

use tokio::time::timeout;
use url::Url;

use super::lane::{rest, wake};
use crate::delivery::schedule::{MAX_REST, is_over, next_attempt};
use crate::engine::App;
use crate::engine::memory::receivers::Heard;
use crate::providers::outbound::{Answer, OutboundError};
use crate::resources::Source;
use crate::sources::{Format, Outgoing, Receiver, Unsendable, Verdict};
use crate::store::Error;
use crate::store::deliveries::{Delivery, DeliveryStatus};

/// How much of an answer is read, in bytes: enough for a verdict.
const ANSWER_LIMIT: usize = 16 * 1024;
/// How much of it is kept for operators, in bytes.
const KEPT: usize = 512;
/// A receiver that takes longer to answer is slow.
const SLOW: Duration = Duration::from_secs(1);
/// Statuses that speak for the receiver and not for the delivery, if they say how long to wait.
const RESTING: [u16; 2] = [429, 503];

/// A source with everything at hand to send to it.
#[derive(Debug)]
pub(crate) struct Target {
    /// The source.
    pub(crate) source: Source,
    opened: Result<(&'static dyn Format, Receiver), String>,
}

/// What an attempt came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It is delivered or dead: the next one of its approval may go.
    Settled,
    /// It is tried again then (milliseconds), and those behind it wait.
    Waits(i64),
    /// Somebody else has changed it meanwhile: the same id was sent, what they recorded stands.
    Raced,
}

struct Failed {
    status: Option<u16>,
    answer: Option<String>,
    error: String,
    is_final: bool,
    retry_after: i64,
}

impl Failed {
    fn of(error: impl Into<String>, is_final: bool) -> Self {
        Self { status: None, answer: None, error: error.into(), is_final, retry_after: 0 }
    }
}

impl Target {
    /// Opens a source's secrets. Where that fails, each attempt says so.
    pub(crate) async fn open(app: &App, source: Source) -> Self {
        let opened = async { Ok::<_, Error>((source.format()?, source.receiver(&app.data_key).await?)) };
        let opened = opened.await.map_err(|error| error.to_string());
        Self { source, opened }
    }

    /// Where its deliveries go, if it has a callback URL.
    pub(crate) fn url(&self) -> Option<&Url> {
        self.opened.as_ref().ok().and_then(|(_, receiver)| receiver.url.as_ref())
    }
}

/// Sends a delivery once and records what came of it; one that is to be tried again waits in its source's lane from then on. With
/// `patience` the receiver has only so long to answer.
///
/// # Errors
/// The table's own. What the receiver says is recorded.
pub(crate) async fn attempt(
    app: &App,
    to: &Target,
    row: &mut Delivery,
    patience: Option<Duration>,
) -> Result<(Outcome, Heard), Error> {
    let (result, heard) = post(app, to, row, patience).await;
    let (now, [random]) = (app.world.now(), app.world.random::<1>());
    if let Some(url) = to.url() {
        app.memory.receivers.note(url, heard, now, random);
    }
    record(row, result, heard, now, random);
    if let Some(next) = row.next_attempt_at
        && !row.queued
    {
        match heard {
            Heard::Rest(wait) => rest(app, &to.source, now + wait).await?,
            _ => wake(app, &to.source, next).await?,
        }
        row.queued = true;
    }
    let outcome = match app.store.update_delivery(row).await {
        Ok(()) => row.next_attempt_at.map_or(Outcome::Settled, Outcome::Waits),
        Err(Error::Conflict { .. }) => Outcome::Raced,
        Err(error) => return Err(error),
    };
    Ok((outcome, heard))
}

/// Gives a delivery up that has waited for longer than it is tried, behind others of its source that found no answer. `false` when
/// it is not to be given up, or has changed.
///
/// # Errors
/// The table's own.
pub(crate) async fn give_up(app: &App, row: &mut Delivery, error: &str) -> Result<bool, Error> {
    if row.status != DeliveryStatus::Pending || !is_over(row.tried_from(), app.world.now()) {
        return Ok(false);
    }
    bury(app, row, error).await
}

/// Gives a delivery up. `false` when it has changed.
///
/// # Errors
/// The table's own.
pub(crate) async fn bury(app: &App, row: &mut Delivery, error: &str) -> Result<bool, Error> {
    (row.status, row.next_attempt_at) = (DeliveryStatus::Dead, None);
    row.last_error = Some(error.to_owned());
    match app.store.update_delivery(row).await {
        Ok(()) => Ok(true),
        Err(Error::Conflict { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}

/// What a row says after an attempt that ended at `now` (milliseconds).
fn record(row: &mut Delivery, result: Result<Answer, Failed>, heard: Heard, now: i64, random: u8) {
    row.attempts = row.attempts.saturating_add(1);
    row.next_attempt_at = None;
    match result {
        Ok(answer) => {
            row.status = DeliveryStatus::Delivered;
            row.last_status = Some(answer.status);
            row.last_answer = beginning(&answer);
            row.last_error = None;
            row.delivered_at = Some(now);
        }
        Err(failed) => {
            if heard != Heard::Silence {
                row.refusals = row.refusals.saturating_add(1);
            }
            let next = next_attempt(row.refusals, row.tried_from(), now, random).filter(|_| !failed.is_final);
            row.status = if next.is_some() { DeliveryStatus::Pending } else { DeliveryStatus::Dead };
            row.next_attempt_at = next.map(|at| at.max(now + failed.retry_after));
            row.last_status = failed.status;
            row.last_answer = failed.answer;
            row.last_error = Some(failed.error);
        }
    }
}

async fn post(app: &App, to: &Target, row: &Delivery, patience: Option<Duration>) -> (Result<Answer, Failed>, Heard) {
    let (format, receiver) = match &to.opened {
        Ok((format, receiver)) => (*format, receiver),
        Err(error) => return (Err(Failed::of(error.clone(), false)), Heard::Nothing),
    };
    let outgoing = Outgoing { id: row.id.as_str(), body: &row.body };
    let request = match format.request(receiver, &outgoing, &app.world) {
        Ok(request) => request.trusting(receiver.authorities.as_deref()).read_at_most(ANSWER_LIMIT),
        Err(Unsendable(why)) => return (Err(Failed::of(why, true)), Heard::Nothing),
    };
    let request = match patience {
        Some(patience) => request.timeout(patience),
        None => request,
    };
    let mut sending = Box::pin(app.outbound.send(request));
    let (sent, heard) = match timeout(SLOW, &mut sending).await {
        Ok(sent) => (sent, Heard::Answer),
        Err(_) => (sending.await, Heard::LateAnswer),
    };
    let answer = match sent {
        Ok(answer) => answer,
        Err(error) => return unsent(&error, heard),
    };
    match format.verdict(receiver, &answer) {
        Verdict::Accepted => (Ok(answer), heard),
        Verdict::Refused { error, is_final } => {
            let wait = answer.retry_after_ms(app.world.now()).and_then(|wait| i64::try_from(wait).ok());
            let retry_after = wait.unwrap_or(0).min(MAX_REST);
            let rests = retry_after > 0 && RESTING.contains(&answer.status);
            let (status, answer) = (Some(answer.status), beginning(&answer));
            let failed = Failed { status, answer, error, is_final, retry_after };
            (Err(failed), if rests { Heard::Rest(retry_after) } else { heard })
        }
    }
}

/// What it means that there was no answer. A connection that breaks is one in good time: the next delivery may fare better.
fn unsent(error: &OutboundError, heard: Heard) -> (Result<Answer, Failed>, Heard) {
    let (is_final, heard) = match error {
        OutboundError::AddressRefused { .. } | OutboundError::Invalid { .. } => (true, Heard::Nothing),
        OutboundError::Connect { .. }
        | OutboundError::Tls { .. }
        | OutboundError::Timeout { .. }
        | OutboundError::LeftAlone { .. }
        | OutboundError::Crowded { .. } => (false, Heard::Silence),
        OutboundError::Interrupted { .. } | OutboundError::TooLarge { .. } => (false, heard),
    };
    (Err(Failed::of(error.with_fix(), is_final)), heard)
}

/// How an answer begins, for operators; `None` when it is empty.
fn beginning(answer: &Answer) -> Option<String> {
    let mut text = String::from_utf8_lossy(&answer.body[..answer.body.len().min(KEPT)]).into_owned();
    if answer.body.len() > KEPT {
        text.truncate(text.trim_end_matches(char::REPLACEMENT_CHARACTER).len());
        text.push('…');
    }
    (!text.is_empty()).then_some(text)
}
