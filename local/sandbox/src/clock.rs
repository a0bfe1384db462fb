//! The clock of a run with the sandbox: the machine's, which can be moved forward, so that deadlines and retries need not be waited for.
//!
//! How far it was moved is kept in a file: time does not go back when the program starts again.

use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::State as Shared;
use axum::routing::get;
use axum::{Json, Router};
use countersign::clock::{Clock, Waiting, World};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::Notify;

use super::platform::files::{Error, Folder};
use super::platform::http::{Body, Refused, SameSite};
use super::platform::text::rfc3339;

/// Furthest that the clock is moved at once, in minutes: a year.
const MAX_FORWARD: u32 = 365 * 24 * 60;
/// Furthest that it is ahead of the machine's, in minutes: a century.
const MAX_AHEAD: u32 = 100 * MAX_FORWARD;
/// The file that says how far it is ahead.
const FILE: &str = "clock.json";
/// Milliseconds of a minute.
const MINUTE: i64 = 60_000;

/// The clock. Cheap to clone; all clones are the same clock.
#[derive(Clone)]
pub struct SandboxClock {
    inner: Arc<Inner>,
    folder: Arc<Mutex<Folder>>,
    moved: Arc<Notify>,
}

struct Inner {
    machine: Arc<dyn Clock>,
    /// Minutes.
    ahead: AtomicI64,
}

/// What the file holds.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Kept {
    ahead_minutes: u32,
}

/// What a request asks for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Move {
    /// Looked at here, for an answer that says what it must be.
    forward_minutes: Value,
}

impl Clock for Inner {
    fn now(&self) -> i64 {
        self.machine.now() + self.ahead.load(Ordering::SeqCst) * MINUTE
    }

    fn wait(&self, ms: u64) -> Waiting<'_> {
        self.machine.wait(ms)
    }
}

impl SandboxClock {
    /// The clock of this world, as far ahead as the sandbox's files below this folder say.
    ///
    /// # Errors
    /// [`Error`] when its file cannot be read, or holds something else.
    pub fn open(data_dir: &Path, world: &World) -> Result<Self, Error> {
        let folder = Folder::open(data_dir.join("sandbox"))?;
        let kept = folder.read::<Kept>(FILE)?.unwrap_or_default();
        let inner = Inner { machine: world.clock.clone(), ahead: AtomicI64::new(kept.ahead_minutes.into()) };
        Ok(Self { inner: Arc::new(inner), folder: Arc::new(Mutex::new(folder)), moved: Arc::default() })
    }

    /// A world with this clock, and the randomness of that one.
    #[must_use]
    pub fn world(&self, world: &World) -> World {
        World { clock: self.inner.clone(), entropy: world.entropy.clone() }
    }

    /// Ends when the clock was moved since the last time. For one waiter.
    pub async fn moved(&self) {
        self.moved.notified().await;
    }

    /// Its endpoints.
    pub fn router(&self) -> Router {
        Router::new().route("/sandbox/_/clock", get(read).post(forward)).with_state(self.clone())
    }

    fn told(&self) -> Json<Value> {
        Json(json!({"now": rfc3339(self.inner.now())}))
    }

    /// Moves it by so many minutes. It is kept first: what was seen of the time stays true.
    fn forward(&self, minutes: u32) -> Result<(), Refused> {
        let folder: MutexGuard<'_, Folder> = self.folder.lock().unwrap_or_else(PoisonError::into_inner);
        let ahead = self.inner.ahead.load(Ordering::SeqCst) + i64::from(minutes);
        let ahead_minutes = u32::try_from(ahead).ok().filter(|ahead| *ahead <= MAX_AHEAD);
        let Some(ahead_minutes) = ahead_minutes else {
            return Err(Refused::conflict(format!("the clock is at most {MAX_AHEAD} minutes ahead of the machine's")));
        };
        folder.write(FILE, &Kept { ahead_minutes })?;
        self.inner.ahead.store(ahead, Ordering::SeqCst);
        drop(folder);
        self.moved.notify_one();
        Ok(())
    }
}

impl std::fmt::Debug for SandboxClock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SandboxClock")
    }
}

/// `GET /sandbox/_/clock`.
async fn read(_: SameSite, Shared(clock): Shared<SandboxClock>) -> Json<Value> {
    clock.told()
}

/// `POST /sandbox/_/clock`: moves it forward.
async fn forward(
    _: SameSite,
    Shared(clock): Shared<SandboxClock>,
    Body(asked): Body<Move>,
) -> Result<Json<Value>, Refused> {
    let minutes = asked.forward_minutes.as_u64().and_then(|minutes| u32::try_from(minutes).ok());
    let Some(minutes) = minutes.filter(|minutes| (1..=MAX_FORWARD).contains(minutes)) else {
        return Err(Refused::bad(format!("`forward_minutes` must be a whole number from 1 to {MAX_FORWARD}")));
    };
    clock.forward(minutes)?;
    Ok(clock.told())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    /// A machine whose time stands still.
    struct Still;

    impl Clock for Still {
        fn now(&self) -> i64 {
            1_000
        }
    }

    struct Data(PathBuf);

    impl Data {
        fn new() -> Self {
            let name = u64::from_be_bytes(World::system().random());
            Self(std::env::temp_dir().join(format!("countersign-clock-{name}")))
        }

        fn clock(&self) -> SandboxClock {
            SandboxClock::open(&self.0, &World { clock: Arc::new(Still), ..World::system() }).unwrap()
        }
    }

    impl Drop for Data {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    #[tokio::test]
    async fn it_goes_forward_for_all_who_share_it_and_stays_there_after_a_restart() {
        let data = Data::new();
        let clock = data.clock();
        let world = clock.world(&World::system());
        assert_eq!(world.now(), 1_000);
        clock.forward(90).unwrap();
        clock.moved().await;
        clock.clone().forward(1).unwrap();
        assert_eq!(world.now(), 1_000 + 91 * MINUTE);
        drop((clock, world));
        assert_eq!(data.clock().world(&World::system()).now(), 1_000 + 91 * MINUTE);
    }

    #[test]
    fn it_does_not_go_on_for_ever() {
        let data = Data::new();
        let clock = data.clock();
        clock.forward(MAX_AHEAD).unwrap();
        let now = clock.inner.now();
        assert_eq!(clock.forward(1).unwrap_err().0, 409);
        assert_eq!((clock.inner.now(), data.clock().inner.now()), (now, now));
    }

    #[test]
    fn a_file_that_it_did_not_write_is_refused() {
        let data = Data::new();
        drop(data.clock());
        std::fs::write(data.0.join("sandbox").join(FILE), r#"{"ahead_minutes": -1}"#).unwrap();
        assert!(matches!(SandboxClock::open(&data.0, &World::system()), Err(Error::Content { .. })));
    }
}
