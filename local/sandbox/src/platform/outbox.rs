//! Callbacks on their way out: what is still to be sent, when, and what became of it.
//!
//! They are kept inside the file of the instance that they tell of, so an effect and its callbacks are written at once
//! and a killed process loses neither.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::faults::Faults;

/// Longest answer that is read, in bytes.
const MAX_ANSWER: usize = 64 * 1024;

/// One callback.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Callback {
    /// Its number within the instance.
    pub(crate) number: u32,
    /// What it tells, in short, for people.
    pub(crate) label: String,
    /// The event's JSON text, as it is sent on every attempt.
    pub(crate) event: String,
    /// When the event happened.
    pub(crate) created_at: i64,
    /// Where it stands.
    pub(crate) state: CallbackState,
    /// When it is to be sent, while it is pending.
    pub(crate) due_at: i64,
    /// Extra copies that go out with the first attempt.
    pub(crate) copies: u32,
    /// What happened so far.
    pub(crate) attempts: Vec<Attempt>,
}

/// Where a callback stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum CallbackState {
    /// To be sent, or to be sent again.
    Pending,
    /// Answered as the platform asks.
    Delivered,
    /// Never answered properly; it waits in the platform's list of failed ones.
    Failed,
    /// Failed, and since taken from that list.
    Collected,
    /// Lost, because the sandbox was told to lose it.
    Dropped,
    /// Nobody has subscribed.
    Unsubscribed,
}

/// One attempt to send a callback.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Attempt {
    /// When it began.
    pub(crate) at: i64,
    /// How long it took, in milliseconds.
    pub(crate) took_ms: i64,
    /// Whether the answer was right.
    pub(crate) ok: bool,
    /// What was answered, for people.
    pub(crate) detail: String,
    /// Whether it is an extra copy, sent because the sandbox was told to repeat: it decides nothing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) copy: bool,
}

/// Wraps the events of one change as callbacks, as the faults have it.
pub(crate) fn wrap(
    events: Vec<(String, String)>,
    first: u32,
    now: i64,
    subscribed: bool,
    faults: &mut Faults,
) -> Vec<Callback> {
    let mut callbacks: Vec<Callback> = Vec::with_capacity(events.len());
    for ((label, event), number) in events.into_iter().zip(first..) {
        let state = match subscribed {
            false => CallbackState::Unsubscribed,
            true if faults.drop_callbacks.strike() => CallbackState::Dropped,
            true => CallbackState::Pending,
        };
        let copies = faults.repeat_callbacks;
        callbacks.push(Callback {
            number,
            label,
            event,
            created_at: now,
            state,
            due_at: now,
            copies,
            attempts: vec![],
        });
    }
    if faults.reorder_callbacks {
        callbacks.reverse();
    }
    callbacks
}

impl Callback {
    /// Takes down an attempt; a failed one is repeated after each of `delays` (milliseconds), then given up.
    pub(crate) fn record(&mut self, attempt: Attempt, now: i64, delays: &[i64]) {
        let failures = self.attempts.iter().filter(|earlier| !earlier.ok && !earlier.copy).count();
        if attempt.ok && !attempt.copy {
            self.state = CallbackState::Delivered;
        } else if self.state == CallbackState::Pending && !attempt.copy {
            match delays.get(failures) {
                Some(delay) => self.due_at = now + delay,
                None => self.state = CallbackState::Failed,
            }
        }
        self.attempts.push(attempt);
    }
}

/// The client that callbacks go out with: it follows no redirect and uses no proxy.
pub(crate) fn client() -> Result<reqwest::Client, reqwest::Error> {
    countersign::crypto::tls::client_builder().redirect(reqwest::redirect::Policy::none()).no_proxy().build()
}

/// Status and body of an answer.
pub(crate) struct Answer {
    /// HTTP status.
    pub(crate) status: u16,
    /// The body.
    pub(crate) body: Vec<u8>,
}

/// Sends a request and reads the answer; the error is for people.
pub(crate) async fn send(request: reqwest::RequestBuilder, deadline: Duration) -> Result<Answer, String> {
    let call = async {
        let mut response = request.send().await.map_err(|error| innermost(&error))?;
        let status = response.status().as_u16();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| innermost(&error))? {
            if body.len() + chunk.len() > MAX_ANSWER {
                return Err("the answer is too long".to_owned());
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer { status, body })
    };
    let late = || format!("no answer within {} ms", deadline.as_millis());
    tokio::time::timeout(deadline, call).await.unwrap_or_else(|_| Err(late()))
}

/// The innermost cause says most: "connection refused" rather than "error sending request".
fn innermost(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    fn attempt(at: i64, ok: bool) -> Attempt {
        Attempt { at, took_ms: 1, ok, detail: String::new(), copy: false }
    }

    #[test]
    fn a_callback_is_repeated_at_its_delays_and_then_given_up() {
        let events = vec![("start".to_owned(), "{}".to_owned())];
        let mut callback = wrap(events, 0, 1_000, true, &mut Faults::default()).remove(0);
        callback.record(attempt(1_000, false), 1_005, &[10_000, 30_000]);
        assert_eq!((callback.state, callback.due_at), (CallbackState::Pending, 11_005));
        callback.record(attempt(11_005, false), 11_010, &[10_000, 30_000]);
        assert_eq!((callback.state, callback.due_at), (CallbackState::Pending, 41_010));
        callback.record(attempt(41_010, false), 41_020, &[10_000, 30_000]);
        assert_eq!(callback.state, CallbackState::Failed);
    }
}
