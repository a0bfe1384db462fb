//! Every minute: what is due. Deadlines, starts that the platform did not answer, withdrawals that it did not take yet,
//! instances not heard from, deliveries to try again.

use std::time::Duration;

use countersign::engine::App;
use countersign::engine::Error;
use countersign::engine::sweep::Sweeper;

/// It answers no requests.
pub const ROUTES: &[(&str, &str)] = &[];

/// How long a run looks for what is due, in milliseconds. What was taken up then ends within 25 seconds, and a function within 60.
const CHECK_FOR: i64 = 30_000;
/// Pause between two looks, so that what is due within the minute need not wait for the next run, and nobody waits for one who is
/// slow.
const PAUSE: Duration = Duration::from_secs(2);

/// Deals with what is due until nothing is, or the time is up. Returns how many things were due.
///
/// # Errors
/// The table's own, when it cannot be asked what is due.
pub async fn run(app: &App) -> Result<usize, Error> {
    let until = app.world.now() + CHECK_FOR;
    let mut sweeper = Sweeper::new(app);
    let mut done = 0;
    let checked = loop {
        match sweeper.check().await {
            Ok(due) => done += due,
            Err(error) => break Err(error),
        }
        let idle_at_once = sweeper.is_idle();
        if idle_at_once || app.world.now() >= until {
            break Ok(done);
        }
        let pause = tokio::time::sleep(PAUSE);
        sweeper.wait(PAUSE).await;
        pause.await;
    };
    sweeper.finish().await;
    checked
}
