//! Every minute: what is due. Deadlines, starts that the platform did not answer, withdrawals that it did not take yet,
//! instances not heard from, deliveries to try again.

use std::time::Duration;

use countersign::engine::Error;
use countersign::engine::sweep::sweep;
use countersign::http::App;
use tokio::time::Instant;

/// It answers no requests.
pub const ROUTES: &[(&str, &str)] = &[];

/// How long a run begins new rounds while there is something due. The longest round takes 25 seconds, and a function 60.
const BEGIN_UNTIL: Duration = Duration::from_secs(30);
/// Pause between two rounds of a run in which things were due, so that what is due within the minute need not wait for the next.
const PAUSE: Duration = Duration::from_secs(2);

/// Deals with what is due until nothing is, or the time is up. Returns how many things were due.
///
/// # Errors
/// The table's own, when it cannot be asked what is due.
pub async fn run(app: &App) -> Result<usize, Error> {
    let begun = Instant::now();
    let mut done = 0;
    loop {
        let due = sweep(app).await?;
        done += due;
        if due == 0 || begun.elapsed() >= BEGIN_UNTIL {
            return Ok(done);
        }
        tokio::time::sleep(PAUSE).await;
    }
}
