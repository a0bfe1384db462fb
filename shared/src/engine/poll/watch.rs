//! When a source's product is asked next.

use std::collections::BTreeSet;

use crate::engine::App;
use crate::resources::Source;
use crate::sources;
use crate::store::Error;
use crate::store::polls::Poll;

/// A push brings a source's turn forward, but not closer to the last one than so many milliseconds.
const APART: i64 = 2_000;
/// A source that is about to be saved is asked after so many milliseconds: by then it is saved, or never will be.
const SAVED_BY: i64 = 60_000;
/// Most pushes and people that are remembered of a source.
const MAX_MARKS: usize = 64;
const MAX_LEARNED: usize = 50;
/// How often a write is repeated that somebody else was faster at.
pub(super) const ATTEMPTS: usize = 5;

/// Whether a source's product is asked by the sweep.
#[must_use]
pub fn is_polled(source: &Source) -> bool {
    sources::by_kind(&source.format).is_some_and(sources::Format::is_polled)
}

/// What a new source is asked, to be written together with it; `None` where its product is not asked.
#[must_use]
pub fn first(app: &App, source: &Source) -> Option<Poll> {
    is_polled(source)
        .then(|| Poll { due_at: Some(app.world.now()), ..Poll::new(source.id.clone(), source.org.clone()) })
}

/// Sees to it that a source is asked again, with the settings that it is about to be saved with.
///
/// # Errors
/// The table's own.
pub async fn watch(app: &App, source: &Source) -> Result<(), Error> {
    if !is_polled(source) {
        return Ok(());
    }
    let soon = app.world.now() + SAVED_BY;
    change(app, source, |poll| {
        poll.due_at = Some(poll.due_at.map_or(soon, |at| at.min(soon)));
        // What was wrong may be mended.
        poll.failures = 0;
        poll.refused.clear();
        true
    })
    .await
    .map(drop)
}

/// Notes that a push came, known by these marks, which names these people. `false` when it came before.
///
/// # Errors
/// The table's own.
pub async fn pushed(app: &App, source: &Source, marks: &[String], people: &[String]) -> Result<bool, Error> {
    let now = app.world.now();
    change(app, source, |poll| {
        if marks.iter().any(|mark| poll.marks.contains(mark)) {
            return false;
        }
        remember(&mut poll.marks, marks, MAX_MARKS);
        remember(&mut poll.learned, people, MAX_LEARNED);
        let at = poll.asked_at.map_or(now, |asked| now.max(asked + APART));
        poll.pushed_at = Some(now);
        poll.due_at = Some(poll.due_at.map_or(at, |due| due.min(at)));
        true
    })
    .await
}

/// The latest stay.
fn remember(known: &mut Vec<String>, new: &[String], most: usize) {
    let fresh: BTreeSet<&String> = new.iter().collect();
    known.retain(|text| !fresh.contains(text));
    known.extend(new.iter().cloned());
    known.drain(..known.len().saturating_sub(most));
}

/// Changes what is asked of a source, by one conditional write; `false` when `change` wanted none.
async fn change(app: &App, source: &Source, change: impl Fn(&mut Poll) -> bool) -> Result<bool, Error> {
    let mut last = Error::Unavailable;
    for _ in 0..ATTEMPTS {
        let known = app.store.poll(&source.id).await?;
        let mut poll = known.unwrap_or_else(|| Poll::new(source.id.clone(), source.org.clone()));
        if !change(&mut poll) {
            return Ok(false);
        }
        match app.store.write_poll(&mut poll).await {
            Ok(()) => return Ok(true),
            Err(error @ (Error::Conflict { .. } | Error::AlreadyExists { .. })) => last = error,
            Err(error) => return Err(error),
        }
    }
    Err(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_are_remembered_once() {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let mut known = texts(&["a", "b", "c"]);
        remember(&mut known, &texts(&["b", "d"]), 3);
        assert_eq!(known, texts(&["c", "b", "d"]));
    }
}
