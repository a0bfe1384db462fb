//! Changes of approvals in the embedded DynamoDB, handed to dispatch as Lambda would from a stream.
//!
//! Who writes wakes the reader; nothing is asked while nothing is written. A change is deleted once it is dealt with: a process
//! that dies in between deals with the last ones again, which dispatch allows. A change that fails keeps the later ones of its approval
//! waiting, for longer and longer, and nobody else's.

mod waiting;

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use countersign::engine::App;
use countersign::engine::caught;
use countersign_dispatch::{Numbered, run};
use tokio::time::{Instant, sleep, sleep_until};

use self::waiting::{PAUSE, Waiting};
use crate::Error;
use crate::dynamodb::{Changed, Engine};
use crate::stream::tell_anew;

/// Changes that are dealt with at once.
const MAX_AT_ONCE: usize = 100;

/// The reader.
pub struct Reader {
    app: App,
    engine: Engine,
    /// Changes up to here were seen; those of them that are not dealt with are waiting.
    seen: i64,
    waiting: Waiting,
}

impl Reader {
    /// A reader of the app's table, which is in this engine.
    #[must_use]
    pub fn new(app: App, engine: Engine) -> Self {
        Self { app, engine, seen: 0, waiting: Waiting::default() }
    }

    /// Reads for ever.
    pub async fn run(mut self) {
        let mut writes = self.engine.writes();
        self.take_up().await;
        loop {
            // Before the reading: a write that it does not see is the next one's.
            writes.mark_unchanged();
            match self.read().await {
                Ok(0) => tokio::select! {
                    changed = writes.changed() => if changed.is_err() { return },
                    () = pause(self.waiting.next()) => {}
                },
                Ok(_) => {}
                Err(error) => {
                    tracing::warn!(%error, "changes could not be read");
                    sleep(Duration::from_millis(PAUSE.min.unsigned_abs())).await;
                }
            }
        }
    }

    /// Reads until there is nothing new. Returns how many changes there were.
    ///
    /// # Errors
    /// When changes cannot be read, or one cannot be dealt with; the others are.
    pub async fn drain(&mut self) -> Result<usize, Error> {
        let mut seen = 0;
        loop {
            match self.read().await? {
                0 if self.waiting.is_empty() => return Ok(seen),
                0 => return Err(Error::new("some changes could not be dealt with")),
                more => seen += more,
            }
        }
    }

    /// Deals once with changes that are new or whose pause is over. Returns how many there were.
    async fn read(&mut self) -> Result<usize, Error> {
        let batch = self.next()?;
        if batch.is_empty() {
            return Ok(0);
        }
        // What others are told must not be forgotten here.
        self.engine.settled().await?;
        let count = batch.len();
        let mut tried: BTreeMap<String, Vec<i64>> = BTreeMap::new();
        for changed in &batch {
            tried.entry(changed.approval.clone()).or_default().push(changed.place);
        }
        let numbered = |Changed { place, change, .. }| Numbered { sequence: place.to_string(), change };
        let done = caught(run(&self.app, batch.into_iter().map(numbered).collect())).await;
        let failed: HashMap<i64, bool> = match done {
            Ok(failed) => {
                let place = |sequence: &str| sequence.parse().ok();
                failed.iter().filter_map(|failed| Some((place(&failed.sequence)?, failed.is_lasting))).collect()
            }
            Err(panicked) => {
                tracing::error!(%panicked, "a batch of changes ended in a panic");
                tried.values().filter_map(|places| Some((*places.first()?, false))).collect()
            }
        };
        self.settle(tried, &failed)?;
        Ok(count)
    }

    /// What is to be dealt with now.
    fn next(&mut self) -> Result<Vec<Changed>, Error> {
        let due = self.waiting.due(Instant::now(), MAX_AT_ONCE);
        if !due.is_empty() {
            let found = self.engine.changes_at(&due)?;
            let is_missing = |place: &i64| found.iter().all(|changed| changed.place != *place);
            let missing: Vec<i64> = due.into_iter().filter(is_missing).collect();
            self.waiting.drop_missing(&missing);
            return Ok(found);
        }
        loop {
            let mut found = self.engine.changes_after(self.seen, MAX_AT_ONCE)?;
            let Some(last) = found.last() else { return Ok(found) };
            self.seen = last.place;
            found.retain(|changed| !self.waiting.join(&changed.approval, changed.place));
            if !found.is_empty() {
                return Ok(found);
            }
        }
    }

    /// Takes down what became of the changes that were tried, by approval.
    fn settle(&mut self, tried: BTreeMap<String, Vec<i64>>, failed: &HashMap<i64, bool>) -> Result<(), Error> {
        let (mut done, mut aside) = (Vec::new(), Vec::new());
        for (approval, places) in tried {
            let settled = self.waiting.settle(approval.clone(), places, failed, Instant::now());
            done.extend(settled.done);
            aside.extend(settled.aside.map(|place| (place, approval)));
        }
        for (place, approval) in aside {
            tracing::error!(approval.id = approval, place, "a change is set aside until the next start");
            self.engine.set_aside(place, &approval)?;
        }
        self.engine.forget(&done)
    }

    /// Tells what was not told of approvals whose changes were set aside: this version may be able to.
    async fn take_up(&self) {
        let aside = self.engine.aside().unwrap_or_else(|error| {
            tracing::warn!(%error, "what was set aside could not be read");
            Vec::new()
        });
        for approval in aside {
            let told = tell_anew(&self.app, &approval).await;
            if let Err(error) = told.and_then(|()| self.engine.made_good(&approval)) {
                tracing::error!(approval.id = approval, %error, "a change stays set aside");
            }
        }
    }
}

/// Until then, or for ever.
async fn pause(until: Option<Instant>) {
    match until {
        Some(until) => sleep_until(until).await,
        None => std::future::pending().await,
    }
}
