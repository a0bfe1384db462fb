//! Carrying out what approvals owe to their platforms. What is owed is worked out of the state ([`crate::approval::effects()`]); here each
//! kind is taken, called and recorded: a conditional write before the call says that somebody is at it or puts the next try off, and
//! one after it says what came of it. Whoever stops in between has forgotten nothing, since it is still owed.
//!
//! `open` is the way to a stage's connection, `plan` what is asked to be started, `find`, `cancel` and `read` are calls; `keep` stores what
//! was made. On top of them `start`, `end` and `leftovers` record what the calls came to.

mod cancel;
mod end;
mod find;
mod keep;
mod leftovers;
mod open;
mod plan;
mod read;
mod start;

pub use end::{EndOutcome, Patience, end};
pub(super) use read::{Reading, read};
pub use start::{LEASE, StartOutcome, start_held};

use super::Error;
use crate::approval::{Effect, Purpose};
use crate::engine::App;
use crate::store::approvals::Record;

/// What carrying out an effect came to, where its caller has more to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Carried {
    /// An instance was to be read.
    Read(Reading),
    /// Everything else records what it came to.
    Recorded,
}

/// Carries out what a record owes. A start takes its lease here; the next try of everything else has been put off by the caller, who
/// is woken by a write that did.
///
/// # Errors
/// The table's own. What a platform says is recorded.
pub(super) async fn carry_out(app: &App, record: &Record, effect: &Effect) -> Result<Carried, Error> {
    match effect {
        Effect::Start { .. } => start::start_stage(app, &record.id).await?,
        Effect::Find { purpose: Purpose::End, .. } | Effect::Cancel { purpose: Purpose::End, .. } => {
            drop(end(app, record.clone(), Patience::Some).await?);
        }
        Effect::Find { stage, purpose: Purpose::Leftover } => leftovers::take_back(app, record, *stage, None).await?,
        Effect::Cancel { stage, instance, purpose: Purpose::Leftover } => {
            leftovers::take_back(app, record, *stage, Some(instance)).await?;
        }
        Effect::Read { stage, wanted } => return Ok(Carried::Read(read(app, record, *stage, *wanted).await?)),
    }
    Ok(Carried::Recorded)
}
