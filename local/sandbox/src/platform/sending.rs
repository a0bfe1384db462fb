//! Sending callbacks and taking down what became of them.

use std::time::Instant;

use super::Platform;
use super::desk::{Claim, Desk};
use super::files::Error;
use super::host::Host;
use super::outbox::{Attempt, Callback};

/// Sends the callbacks of a claimed instance, one after the other, until none is due.
pub(crate) async fn deliver<P: Platform>(platform: Host<P>, claim: Claim) {
    while let Some(callback) = platform.desk(|desk| desk.next_or_release(&claim)) {
        if let Err(error) = deliver_one(&platform, claim.instance(), &callback).await {
            tracing::error!(%error, "the sandbox cannot keep the result of a callback");
            return platform.desk(|desk| desk.release(&claim));
        }
    }
}

/// Sends in the background what a call brought about.
pub(crate) fn spawn<P: Platform>(platform: &Host<P>, claim: Option<Claim>) {
    if let Some(claim) = claim {
        tokio::spawn(deliver(platform.clone(), claim));
    }
}

/// Sends every callback that is due, those of different instances at once, and waits for the answers.
pub(crate) async fn deliver_due<P: Platform>(platform: &Host<P>) {
    let due = platform.desk(Desk::claim_due);
    let mut sending = tokio::task::JoinSet::new();
    for claim in due {
        sending.spawn(deliver(platform.clone(), claim));
    }
    sending.join_all().await;
}

async fn deliver_one<P: Platform>(platform: &Host<P>, instance: &str, callback: &Callback) -> Result<(), Error> {
    let copies = if callback.attempts.is_empty() { callback.copies } else { 0 };
    for copy in 0..=copies {
        let (at, began) = (platform.desk(|desk| desk.now()), Instant::now());
        let outcome = platform.push(&callback.event).await;
        let took_ms = i64::try_from(began.elapsed().as_millis()).unwrap_or(i64::MAX);
        let (ok, detail) = match outcome {
            Ok(detail) => (true, detail),
            Err(detail) => (false, detail),
        };
        let attempt = Attempt { at, took_ms, ok, detail, copy: copy > 0 };
        platform.desk(|desk| desk.record(instance, callback.number, attempt, P::RETRIES))?;
    }
    Ok(())
}
