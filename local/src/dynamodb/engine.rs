//! The embedded DynamoDB: one SQLite connection, which one request at a time has.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dynoxide::DynoxideError;
use dynoxide::storage::Storage;
use tokio::sync::watch;

use super::answers::Answers;
use super::changes::told;
use super::durable::Durable;
use super::operations::{self, Wrote};
use super::upkeep;
use crate::Error;

/// The embedded DynamoDB. Clones share everything; the last one closes the file.
#[derive(Clone)]
pub struct Engine(Arc<Inner>);

struct Inner {
    storage: Mutex<Storage>,
    durable: Durable,
    answers: Mutex<Answers>,
    /// How many requests wrote, for those who wait for changes.
    writes: watch::Sender<u64>,
}

/// What a request is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// The JSON text.
    pub body: String,
}

impl Engine {
    /// Opens the table's file, or makes it.
    ///
    /// # Errors
    /// When the file cannot be opened, or is not what this program wrote.
    pub fn open(file: &Path) -> Result<Self, Error> {
        let path = file.to_str().ok_or_else(|| Error::new("the data directory's name is not readable text"))?;
        let opened = upkeep::begin(path).and_then(|()| Storage::new(path));
        let storage = opened.map_err(|error| Error::new(format!("cannot open {path}: {error}")))?;
        let in_wal = upkeep::settle(&storage).map_err(|error| Error::new(format!("cannot use {path}: {error}")))?;
        let durable = if in_wal { Durable::of(file)? } else { Durable::by_itself() };
        Ok(Self::new(storage, durable))
    }

    /// A DynamoDB in memory, for tests.
    ///
    /// # Errors
    /// When SQLite fails.
    pub fn memory() -> Result<Self, Error> {
        let storage = Storage::memory().map_err(told)?;
        upkeep::prepare(&storage).map_err(told)?;
        Ok(Self::new(storage, Durable::by_itself()))
    }

    fn new(storage: Storage, durable: Durable) -> Self {
        let (storage, answers, writes) = (Mutex::new(storage), Mutex::default(), watch::Sender::new(0));
        Self(Arc::new(Inner { storage, durable, answers, writes }))
    }

    /// Deals with a request: its `X-Amz-Target` and its JSON text. A write is answered once it is on the disk, but for what another
    /// write follows before it matters (`Wrote::Prelude`).
    pub async fn call(&self, target: &str, body: &str) -> Answer {
        let operation = target.rsplit('.').next().unwrap_or_default();
        let (answer, ticket) = self.perform(operation, body);
        match ticket {
            Some(ticket) if !self.0.durable.wait(ticket).await => {
                let error = DynoxideError::InternalServerError("the write could not be brought to the disk".to_owned());
                refusal(&error)
            }
            _ => answer,
        }
    }

    /// Waits until everything that was written so far is on the disk.
    pub async fn settled(&self) {
        self.0.durable.wait(self.0.durable.last()).await;
    }

    /// Counts the requests that wrote; it changes with each.
    #[must_use]
    pub fn writes(&self) -> watch::Receiver<u64> {
        self.0.writes.subscribe()
    }

    /// Deals with a request; answers with the ticket of what it wrote, if that is waited for.
    fn perform(&self, operation: &str, body: &str) -> (Answer, Option<u64>) {
        let storage = self.storage();
        if let Some(answer) = self.answers().get(operation, body) {
            return (answer, None);
        }
        // A panic must not leave its transaction open for the next request.
        let done = catch_unwind(AssertUnwindSafe(|| operations::perform(&storage, operation, body)));
        let done = done.unwrap_or_else(|_| {
            tracing::error!(operation, "the embedded DynamoDB panicked");
            // There may be none.
            let _ = storage.rollback();
            Err(DynoxideError::InternalServerError("a panic".to_owned()))
        });
        let done = match done {
            Ok(done) => done,
            Err(error) => return (refusal(&error), None),
        };
        let answer = Answer { status: 200, body: done.text };
        if done.wrote == Wrote::Nothing {
            return (answer, None);
        }
        if operation == "CreateTable"
            && let Err(error) = upkeep::prepare(&storage)
        {
            return (refusal(&error), None);
        }
        self.answers().keep(operation, body, &answer);
        let ticket = self.0.durable.wrote();
        drop(storage);
        self.0.writes.send_modify(|writes| *writes += 1);
        (answer, (done.wrote == Wrote::Something).then_some(ticket))
    }

    /// The connection, while nobody else has it.
    pub(super) fn storage(&self) -> MutexGuard<'_, Storage> {
        self.0.storage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes down that something was written beside [`Engine::call`], while the connection is held.
    pub(super) fn wrote(&self) {
        self.0.durable.wrote();
    }

    fn answers(&self) -> MutexGuard<'_, Answers> {
        self.0.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Engine")
    }
}

fn refusal(error: &DynoxideError) -> Answer {
    let status = error.status_code();
    if status >= 500 {
        tracing::error!(%error, "the embedded DynamoDB failed");
    }
    Answer { status, body: error.to_json() }
}
