//! What the cloud does on a schedule: a look at what is due, every second.

use std::time::Duration;

use countersign::engine::App;
use countersign::engine::caught;
use countersign::engine::sweep::Sweeper;
use countersign_sandbox::SandboxClock;

use crate::dynamodb::Engine;

/// Pause between two looks at what is due.
const TICK: Duration = Duration::from_secs(1);
/// Ticks between two looks at what has expired.
const EXPIRY: u32 = 60;

/// The schedule.
#[derive(Clone)]
pub(crate) struct Ticks {
    app: App,
    engine: Option<Engine>,
    clock: Option<SandboxClock>,
}

impl Ticks {
    /// The schedule of the app's table. The embedded DynamoDB, where it is that, is asked in one question whether there is anything to
    /// look at, and is told to remove what has expired. A move of the sandbox's clock is followed by a look at once.
    pub(crate) fn new(app: App, engine: Option<Engine>, clock: Option<SandboxClock>) -> Self {
        Self { app, engine, clock }
    }

    /// Goes on for ever. Like in the cloud, a run that panics is followed by the next.
    pub(crate) async fn run(self) {
        loop {
            if let Err(panicked) = caught(self.clone().ticks()).await {
                tracing::error!(%panicked, "a look at what is due panicked");
            }
            tokio::time::sleep(TICK).await;
        }
    }

    async fn ticks(self) {
        let mut sweeper = Sweeper::new(&self.app);
        for turn in 0_u32.. {
            let next = tokio::time::sleep(TICK);
            if self.is_due()
                && let Err(error) = sweeper.check().await
            {
                tracing::warn!(%error, "what is due could not be looked up");
            }
            sweeper.wait(TICK).await;
            self.app.flush_usage().await;
            if turn.is_multiple_of(EXPIRY) {
                self.expire().await;
            }
            tokio::select! {
                () = next => {}
                () = self.moved() => {}
            }
        }
    }

    /// Ends when the clock was moved; without the sandbox, never.
    async fn moved(&self) {
        match &self.clock {
            Some(clock) => clock.moved().await,
            None => std::future::pending().await,
        }
    }

    fn is_due(&self) -> bool {
        let Some(engine) = &self.engine else { return true };
        // Where that cannot be told, the look tells why.
        engine.is_due(self.app.store.table(), self.app.world.now()).unwrap_or(true)
    }

    /// A few at a time, so that nobody waits for long.
    async fn expire(&self) {
        let Some(engine) = &self.engine else { return };
        loop {
            match engine.expire(self.app.store.table(), self.app.world.now()) {
                Ok(0) => return,
                Ok(_) => tokio::task::yield_now().await,
                Err(error) => return tracing::warn!(%error, "what has expired could not be removed"),
            }
        }
    }
}
