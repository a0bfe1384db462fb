//! Looking people up on platforms for one submit: each once, several at a time, and no more of them than a request may cost.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::stream::{self, Stream, StreamExt};
use tokio::sync::{OnceCell, Semaphore};

use crate::providers;

/// Most people whom one submit looks up on platforms; each is a call.
pub(super) const MAX_LOOKUPS: usize = 200;
/// So many calls are made at the same time.
const AT_ONCE: usize = 8;

/// By what somebody is looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum By {
    Mobile,
    Email,
}

type Lookup = Arc<OnceCell<Result<String, providers::Error>>>;

/// Who was looked up, and what came of it.
pub(super) struct Lookups {
    /// By connection, and what was asked there.
    known: Mutex<HashMap<(String, By, String), Lookup>>,
    at_once: Semaphore,
}

impl Default for Lookups {
    fn default() -> Self {
        Self { known: Mutex::default(), at_once: Semaphore::new(AT_ONCE) }
    }
}

impl Lookups {
    /// What the call answers, or what it answered before for the same person; `None` where that would be one person too many.
    pub(super) async fn once(
        &self,
        connection: &str,
        by: By,
        value: &str,
        call: impl Future<Output = Result<String, providers::Error>>,
    ) -> Option<Result<String, providers::Error>> {
        let lookup = self.entry(connection, by, value)?;
        let made = async {
            // It is never closed; and a call too many at once is no reason to fail.
            let _permit = self.at_once.acquire().await;
            call.await
        };
        Some(lookup.get_or_init(|| made).await.clone())
    }

    fn entry(&self, connection: &str, by: By, value: &str) -> Option<Lookup> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let is_full = known.len() >= MAX_LOOKUPS;
        let key = (connection.to_owned(), by, value.to_owned());
        match known.get(&key) {
            Some(lookup) => Some(Arc::clone(lookup)),
            None if is_full => None,
            None => Some(Arc::clone(known.entry(key).or_default())),
        }
    }
}

/// Does several of these at a time. Their results come in their order.
pub(super) fn several<F: Future>(these: Vec<F>) -> impl Stream<Item = F::Output> {
    stream::iter(these).buffered(AT_ONCE)
}
