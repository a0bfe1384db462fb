//! Sending callbacks and taking down what became of them.

use std::future::Future;
use std::time::Instant;

use super::desk::{Claim, Desk, Kept};
use super::files::Error;
use super::outbox::{Attempt, Callback};

/// A platform that sends callbacks.
pub(crate) trait Sends: Clone + Send + Sync + 'static {
    /// What its files hold.
    type Instance: Kept;

    /// When a failed callback goes out again, in milliseconds after each failure.
    const RETRIES: &'static [i64];

    /// Does something with the instances while nobody else does.
    fn desk<T>(&self, work: impl FnOnce(&mut Desk<Self::Instance>) -> T) -> T;

    /// Sends one event. Both texts are for people; the error is the platform's.
    fn push(&self, event: &str) -> impl Future<Output = Result<String, String>> + Send;
}

/// Sends the callbacks of a claimed instance, one after the other, until none is due.
pub(crate) async fn deliver<P: Sends>(platform: P, claim: Claim) {
    while let Some(callback) = platform.desk(|desk| desk.next_or_release(&claim)) {
        if let Err(error) = deliver_one(&platform, claim.instance(), &callback).await {
            tracing::error!(%error, "the sandbox cannot keep the result of a callback");
            return platform.desk(|desk| desk.release(&claim));
        }
    }
}

/// Sends in the background what a call brought about.
pub(crate) fn spawn<P: Sends>(platform: &P, claim: Option<Claim>) {
    if let Some(claim) = claim {
        tokio::spawn(deliver(platform.clone(), claim));
    }
}

/// Sends every callback that is due, those of different instances at once, and waits for the answers.
pub(crate) async fn deliver_due<P: Sends>(platform: &P) {
    let due = platform.desk(Desk::claim_due);
    let mut sending = tokio::task::JoinSet::new();
    for claim in due {
        sending.spawn(deliver(platform.clone(), claim));
    }
    sending.join_all().await;
}

async fn deliver_one<P: Sends>(platform: &P, instance: &str, callback: &Callback) -> Result<(), Error> {
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
