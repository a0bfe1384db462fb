//! Work whose panic is an error of that work, and not of whoever waits for it.

use std::any::Any;
use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;

/// Work ended in a panic. What it was shows where it was said as text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("panicked: {0}")]
pub struct Panicked(String);

/// Does work to its end, whether or not it panics. What is shared with others is behind locks that do not mind.
///
/// # Errors
/// [`Panicked`].
pub async fn caught<T>(work: impl Future<Output = T>) -> Result<T, Panicked> {
    AssertUnwindSafe(work).catch_unwind().await.map_err(|payload| Panicked(said(&*payload)))
}

fn said(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_else(|| "without a word".to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::panic)]
    use super::*;

    #[tokio::test]
    async fn a_panic_is_told_and_goes_no_further() {
        assert_eq!(caught(async { 7 }).await, Ok(7));
        let told = |text: &str| Err::<(), _>(Panicked(text.to_owned()));
        assert_eq!(caught(async { panic!("a fault") }).await, told("a fault"));
        assert_eq!(caught(async { panic!("fault {}", 2) }).await, told("fault 2"));
        assert_eq!(caught(async { std::panic::panic_any(7) }).await, told("without a word"));
    }
}
