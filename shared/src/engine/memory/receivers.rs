//! What this process knows of receivers: which did not answer lately, which are slow, which asked to be left alone, and how many
//! calls go to one at the same time.
//!
//! A receiver is a scheme, host, port and path. Its host has permits too, more of them, so that one of several receivers on a host
//! does not take them all.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use url::Url;

use crate::delivery::schedule::silence;
use crate::ttl_map::TtlMap;

/// Calls to one receiver, and to all receivers of one host, at the same time.
pub const OF_ONE_RECEIVER: usize = 8;
const OF_ONE_HOST: usize = 16;
/// For how long a receiver that was slow gets no first attempts, in milliseconds.
const SLOW_FOR: i64 = 60_000;

/// What an attempt told of its receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// It answered, in good time.
    Answer,
    /// It answered, and took long.
    LateAnswer,
    /// It asked to be left alone for so long (milliseconds).
    Rest(i64),
    /// It did not answer.
    Silence,
    /// It was not called.
    Nothing,
}

/// The receivers that this process knows.
#[derive(Debug, Default)]
pub struct Receivers(TtlMap<String, Known, 2_000>);

#[derive(Debug)]
struct Known {
    permits: Arc<Semaphore>,
    unanswered: u32,
    left_until: i64,
    /// A first attempt is finding out whether it is still silent.
    is_asked: bool,
}

/// The right to call a receiver; others may when it is dropped.
#[derive(Debug)]
pub struct Permit {
    _receiver: Option<OwnedSemaphorePermit>,
    _host: Option<OwnedSemaphorePermit>,
}

impl Receivers {
    /// Whether first attempts are better not made at `now` (milliseconds).
    #[must_use]
    pub fn are_left_alone(&self, url: &Url, now: i64) -> bool {
        self.0.change(&receiver(url), |known| known.left_until > now).unwrap_or(false)
    }

    /// Waits for a permit to call a receiver.
    pub async fn permit(&self, url: &Url) -> Permit {
        let own = self.permits(receiver(url), OF_ONE_RECEIVER);
        let host = self.permits(host(url), OF_ONE_HOST);
        // Nobody closes them. Whoever waits for one of its own takes none of the host's.
        Permit { _receiver: own.acquire_owned().await.ok(), _host: host.acquire_owned().await.ok() }
    }

    /// A permit for a first attempt, unless the receiver is left alone, or nobody frees one for so long. Of a receiver that was silent
    /// one attempt finds out whether it still is; until that is known, it is left alone by the others.
    pub async fn permit_within(&self, url: &Url, patience: Duration, now: i64) -> Option<Permit> {
        let permit = timeout(patience, self.permit(url)).await.ok()?;
        let may_call = self.0.change(&receiver(url), |found| {
            if found.left_until > now {
                return false;
            }
            if found.unanswered > 0 {
                found.left_until = now + silence(found.unanswered, 0);
                found.is_asked = true;
            }
            true
        });
        may_call?.then_some(permit)
    }

    /// Remembers what an attempt told at `now` (milliseconds), with a byte of randomness.
    pub fn note(&self, url: &Url, heard: Heard, now: i64, random: u8) {
        self.0.change(&receiver(url), |known| known.note(heard, now, random));
    }

    fn permits(&self, name: String, most: usize) -> Arc<Semaphore> {
        let new = || Known { permits: Arc::new(Semaphore::new(most)), unanswered: 0, left_until: 0, is_asked: false };
        self.0.change_or_make(name, new, |known| Arc::clone(&known.permits))
    }
}

impl Known {
    fn note(&mut self, heard: Heard, now: i64, random: u8) {
        let was_asked = heard != Heard::Nothing && std::mem::take(&mut self.is_asked);
        match heard {
            Heard::Answer => (self.unanswered, self.left_until) = (0, 0),
            Heard::LateAnswer => (self.unanswered, self.left_until) = (0, now + SLOW_FOR),
            Heard::Rest(wait) => (self.unanswered, self.left_until) = (0, now + wait),
            // Those that were under way together are one silence.
            Heard::Silence if !was_asked && self.left_until > now && self.unanswered > 0 => {}
            Heard::Silence => {
                self.unanswered += 1;
                self.left_until = now + silence(self.unanswered, random);
            }
            Heard::Nothing => {}
        }
    }
}

fn host(url: &Url) -> String {
    let port = url.port_or_known_default().unwrap_or_default();
    format!("{}://{}:{port}", url.scheme(), url.host_str().unwrap_or_default())
}

/// Never the query, which may hold a token.
fn receiver(url: &Url) -> String {
    host(url) + url.path()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const NOW: i64 = 1_790_000_000_000;
    const SOON: Duration = Duration::from_millis(20);

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[tokio::test]
    async fn one_that_is_silent_is_left_alone_for_longer_each_time_and_then_asked_by_one() {
        let (known, sick, well) = (Receivers::default(), url("http://a/x?token=1"), url("http://a/y"));
        let permit = known.permit_within(&sick, SOON, NOW).await.unwrap();
        known.note(&sick, Heard::Silence, NOW, 0);
        known.note(&sick, Heard::Silence, NOW + 5, 0);
        drop(permit);
        assert!(known.are_left_alone(&url("http://a/x?token=2"), NOW + 14_999), "whatever its query is");
        assert!(known.permit_within(&sick, SOON, NOW + 14_999).await.is_none());
        assert!(!known.are_left_alone(&well, NOW), "another receiver on the same host");
        let later = NOW + 15_000;
        assert!(known.permit_within(&sick, SOON, later).await.is_some(), "one finds out");
        assert!(known.permit_within(&sick, SOON, later).await.is_none(), "and only one");
        known.note(&sick, Heard::Answer, later, 0);
        assert!(known.permit_within(&sick, SOON, later).await.is_some());
    }

    #[tokio::test]
    async fn what_is_under_way_together_is_one_silence_and_the_next_is_longer() {
        let (known, sick) = (Receivers::default(), url("http://a/x"));
        drop(known.permit(&sick).await);
        known.note(&sick, Heard::Silence, NOW, 0);
        let later = NOW + 15_000;
        drop(known.permit_within(&sick, SOON, later).await.unwrap());
        known.note(&sick, Heard::Silence, later + 1_500, 0);
        known.note(&sick, Heard::Silence, later + 1_600, 0);
        assert!(known.are_left_alone(&sick, later + 1_500 + 29_999));
        assert!(!known.are_left_alone(&sick, later + 1_500 + 30_000));
    }

    #[tokio::test]
    async fn one_that_asks_for_it_or_is_slow_gets_no_first_attempts() {
        let known = Receivers::default();
        for (name, heard, wait) in [("r", Heard::Rest(7_000), 7_000), ("s", Heard::LateAnswer, SLOW_FOR)] {
            let url = url(&format!("http://a/{name}"));
            drop(known.permit(&url).await);
            known.note(&url, heard, NOW, 0);
            assert!(known.are_left_alone(&url, NOW + wait - 1) && !known.are_left_alone(&url, NOW + wait));
        }
    }

    #[tokio::test]
    async fn one_receiver_does_not_take_all_permits_of_its_host() {
        let (known, one, other) = (Receivers::default(), url("http://a/x"), url("http://a/y"));
        let mut kept = Vec::new();
        for _ in 0..OF_ONE_RECEIVER {
            kept.push(known.permit(&one).await);
        }
        assert!(known.permit_within(&one, SOON, NOW).await.is_none());
        for _ in OF_ONE_RECEIVER..OF_ONE_HOST {
            kept.push(known.permit(&other).await);
        }
        assert!(known.permit_within(&url("http://a/z"), SOON, NOW).await.is_none(), "the host's permits are taken");
        assert!(known.permit_within(&url("http://b/z"), SOON, NOW).await.is_some());
        kept.pop();
        assert!(known.permit_within(&url("http://a/z"), SOON, NOW).await.is_some());
    }
}
