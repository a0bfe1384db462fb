//! Every minute: what is due. Starts that the platform did not answer, withdrawals that it did not take yet, instances not
//! heard from, deliveries to try again.

use std::time::Duration;

use countersign::clock::World;
use countersign::engine::Error;
use countersign::engine::sweep::sweep;
use countersign::http::App;

/// It answers no requests.
pub const ROUTES: &[(&str, &str)] = &[];

/// How long one run goes on while there is something due, in milliseconds: less than the minute to the next.
const AT_MOST: i64 = 40_000;
/// Pause between two looks of one run, so that what is due within the minute need not wait for the next.
const PAUSE: Duration = Duration::from_secs(5);

/// Deals with what is due until nothing is, or the time is up. Returns how many things it dealt with.
///
/// # Errors
/// The table's own, when it cannot be asked what is due.
pub async fn run(app: &App) -> Result<usize, Error> {
    let World { clock, .. } = &app.world;
    let until = clock.now() + AT_MOST;
    let mut done = 0;
    loop {
        let dealt_with = sweep(app).await?;
        done += dealt_with;
        if dealt_with == 0 || clock.now() >= until {
            return Ok(done);
        }
        tokio::time::sleep(PAUSE).await;
    }
}
