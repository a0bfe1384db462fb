//! When a source's product is asked next.

use std::collections::BTreeSet;

use crate::engine::App;
use crate::engine::optimistic::{MAX_RACES, Race, optimistic};
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
    let read = || async {
        let known = app.store.poll(&source.id).await?;
        Ok::<_, Error>(known.unwrap_or_else(|| Poll::new(source.id.clone(), source.org.clone())))
    };
    let write = |mut poll: Poll, _| async move {
        match app.store.write_poll(&mut poll).await {
            Ok(()) => Ok(Race::Won(poll)),
            Err(Error::Conflict { .. } | Error::AlreadyExists { .. }) => read().await.map(Race::Lost),
            Err(error) => Err(error),
        }
    };
    Ok(optimistic(read().await?, MAX_RACES, change, write).await?.1)
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
