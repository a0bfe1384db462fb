//! Products that are to be asked.

use super::round::Round;
use crate::engine::Error;
use crate::engine::poll::run;
use crate::store::polls::Poll;

impl Round {
    /// Takes a source's turn that was due at `now` (milliseconds). It holds the permit of its source, so that a product which does not
    /// answer holds up nobody else.
    pub(super) async fn poll(&self, poll: Poll, now: i64) -> Result<(), Error> {
        let _permit = self.products.permit(poll.source.as_str()).await;
        if self.goes_on() { run(&self.app, poll, now, &|| self.goes_on()).await } else { Ok(()) }
    }
}
