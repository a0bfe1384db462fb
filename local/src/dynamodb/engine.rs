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

/// What everybody is told once the disk has refused.
const REFUSED: &str = "a write could not be brought to the disk; look to the disk, then start again: nothing is written or told until then";

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
    /// write follows before it matters (`Wrote::Prelude`). Once the disk has refused, every request is refused, reads too: they
    /// would show what is perhaps not there after the next start.
    pub async fn call(&self, target: &str, body: &str) -> Answer {
        if self.0.durable.has_failed() {
            return not_on_disk();
        }
        let operation = target.rsplit('.').next().unwrap_or_default();
        let (answer, ticket) = self.perform(operation, body);
        match ticket {
            Some(ticket) if !self.0.durable.wait(ticket).await => not_on_disk(),
            _ => answer,
        }
    }

    /// Waits until everything that was written so far is on the disk.
    ///
    /// # Errors
    /// When the disk has refused: nothing may be told then that rests on what was written.
    pub async fn settled(&self) -> Result<(), Error> {
        let is_there = self.0.durable.wait(self.0.durable.last()).await;
        is_there.then_some(()).ok_or_else(|| Error::new(REFUSED))
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
            // What it tells of may be on its way to the disk still.
            return (answer, Some(self.0.durable.last()));
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

fn not_on_disk() -> Answer {
    refusal(&DynoxideError::InternalServerError(REFUSED.to_owned()))
}

fn refusal(error: &DynoxideError) -> Answer {
    let status = error.status_code();
    if status >= 500 {
        tracing::error!(%error, "the embedded DynamoDB failed");
    }
    Answer { status, body: error.to_json() }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// An engine on a file whose log cannot be brought to the disk any more.
    async fn refused() -> (Engine, std::path::PathBuf) {
        let folder = std::env::temp_dir().join(format!("countersign-engine-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let engine = Engine::open(&folder.join("table.sqlite")).unwrap();
        std::fs::remove_file(folder.join("table.sqlite-wal")).unwrap();
        (engine, folder)
    }

    async fn call(engine: &Engine, operation: &str, body: &Value) -> u16 {
        engine.call(&format!("DynamoDB_20120810.{operation}"), &body.to_string()).await.status
    }

    #[tokio::test]
    async fn nothing_is_acknowledged_once_the_disk_has_refused() {
        let (engine, folder) = refused().await;
        let key = |name: &str| json!({"AttributeName": name, "KeyType": if name == "pk" { "HASH" } else { "RANGE" }});
        let kind = |name: &str| json!({"AttributeName": name, "AttributeType": "S"});
        let table = json!({"TableName": "table", "KeySchema": [key("pk"), key("sk")],
            "AttributeDefinitions": [kind("pk"), kind("sk")], "BillingMode": "PAY_PER_REQUEST"});
        // What waits for nobody is done, and told by nobody.
        let (made, ticket) = engine.perform("CreateTable", &table.to_string());
        assert_eq!((made.status, ticket.is_some()), (200, true));
        let item = json!({"pk": {"S": "a"}, "sk": {"S": "b"}});
        let put = json!({"TableName": "table", "Item": item});
        let transaction = json!({"TransactItems": [{"Put": put}], "ClientRequestToken": "once"});
        let (done, ticket) = engine.perform("TransactWriteItems", &transaction.to_string());
        assert_eq!((done.status, ticket.is_some()), (200, true));
        // The same again is answered as before, and waits as the first did.
        let again = engine.perform("TransactWriteItems", &transaction.to_string());
        assert!(again.0.status == 200 && again.1.is_some());
        assert_eq!(call(&engine, "TransactWriteItems", &transaction).await, 500);
        assert!(engine.settled().await.is_err());
        for (operation, body) in [
            ("PutItem", put),
            ("TransactWriteItems", transaction),
            ("GetItem", json!({"TableName": "table", "Key": item})),
        ] {
            assert_eq!(call(&engine, operation, &body).await, 500, "{operation}");
        }
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[tokio::test]
    async fn in_memory_there_is_nothing_to_wait_for() {
        let engine = Engine::memory().unwrap();
        assert!(engine.settled().await.is_ok());
        assert_eq!(call(&engine, "ListNothing", &json!({})).await, 400);
    }
}
