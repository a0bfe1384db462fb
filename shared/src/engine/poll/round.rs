//! One turn of asking a source's product.

use std::collections::{BTreeMap, BTreeSet};

use super::forms::{Wanted, enter};
use super::watch::is_polled;
use crate::backoff::Backoff;
use crate::engine::App;
use crate::engine::Error;
use crate::engine::optimistic::{MAX_RACES, Race, optimistic};
use crate::engine::submit::{SubmitError, Submitted};
use crate::ids::ApprovalId;
use crate::resources::Source;
use crate::sources::Receiver;
use crate::sources::quick_bi::approvals::{Form, Page, QueryRefusal, Which, query_approval_info, read};
use crate::sources::quick_bi::{approvers, people_by, poll_every};
use crate::store::Error as StoreError;
use crate::store::approvals::Record;
use crate::store::polls::{Poll, RefusedForm};

/// While one turn is under way another leaves the source alone for so long (milliseconds).
const LEASE: i64 = 60_000;
/// Most calls and submits of one turn, and pages of one person's forms; what is left is for the next.
const MAX_CALLS: usize = 40;
const MAX_SUBMITS: usize = 20;
const MAX_PAGES: usize = 20;
/// How long what did not work is left alone.
const AGAIN: Backoff = Backoff { min: 60_000, max: 60 * 60 * 1000 };
/// Most forms that are remembered as refused, and as open; the longest id of a form, in bytes.
const MAX_REFUSED: usize = 100;
const MAX_OPEN: usize = 500;
const MAX_ID: usize = 128;
/// A refused form that was not seen for so long is forgotten (milliseconds).
const FORGOTTEN: i64 = 24 * 60 * 60 * 1000;
/// Longest text of an error that is kept, in characters.
const MAX_ERROR: usize = 300;

/// A turn under way.
pub(super) struct Turn<'a> {
    pub(super) app: &'a App,
    pub(super) source: &'a Source,
    receiver: Receiver,
    now: i64,
    goes_on: &'a (dyn Fn() -> bool + Send + Sync),
    calls: usize,
    /// What is known, and will be written.
    pub(super) poll: Poll,
    /// Whether something was left for the next turn.
    is_left: bool,
    /// Pushed people whom Quick BI does not know.
    unknown: Vec<String>,
    /// Whose forms were all read, and the forms.
    pub(super) complete: BTreeSet<String>,
    pub(super) listed: BTreeMap<String, Wanted>,
}

/// Takes a source's turn, which was due at `now` (milliseconds), and asks while `goes_on`.
///
/// # Errors
/// The table's own. What the product says is remembered, and logged.
pub async fn run(app: &App, mut poll: Poll, now: i64, goes_on: &(dyn Fn() -> bool + Send + Sync)) -> Result<(), Error> {
    (poll.asked_at, poll.due_at) = (Some(now), Some(now + LEASE));
    match app.store.write_poll(&mut poll).await {
        Ok(()) => {}
        Err(StoreError::Conflict { .. }) => return Ok(()),
        Err(error) => return Err(error.into()),
    }
    let source = match app.store.get_unscoped::<Source>(poll.source.as_str()).await {
        Ok(found) if is_polled(&found.value) => found.value,
        Ok(_) | Err(StoreError::NotFound) => return retire(app, &poll, now).await,
        Err(error) => return Err(error.into()),
    };
    let receiver = match source.receiver(&app.data_key).await {
        Ok(receiver) => receiver,
        Err(error @ StoreError::Corrupt { .. }) => return unopened(app, poll, now, &error).await,
        Err(error) => return Err(error.into()),
    };
    let before = poll.clone();
    let mut turn = Turn {
        app,
        source: &source,
        receiver,
        now,
        goes_on,
        calls: 0,
        poll,
        is_left: false,
        unknown: Vec::new(),
        complete: BTreeSet::new(),
        listed: BTreeMap::new(),
    };
    let failed = turn.ask().await?;
    turn.finish(before, failed).await
}

/// Its secrets do not open: it is asked less and less often until somebody saves them again.
async fn unopened(app: &App, mut poll: Poll, now: i64, error: &StoreError) -> Result<(), Error> {
    tracing::error!(source.id = %poll.source, %error, "a source's secrets do not open; its product cannot be asked");
    poll.failures = poll.failures.saturating_add(1);
    (poll.error, poll.due_at) =
        (Some("the secrets of the source do not open".to_owned()), Some(now + AGAIN.after(poll.failures)));
    match app.store.write_poll(&mut poll).await {
        // A push, or whoever saved the source, has set another time.
        Ok(()) | Err(StoreError::Conflict { .. }) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

async fn retire(app: &App, poll: &Poll, now: i64) -> Result<(), Error> {
    match app.store.retire_poll(poll, now).await {
        // It is wanted again, by a push or by who saves the source.
        Ok(()) | Err(StoreError::Conflict { .. }) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

impl Turn<'_> {
    /// Asks, submits, takes back. `Some` says why Quick BI could not be asked.
    async fn ask(&mut self) -> Result<Option<String>, Error> {
        let began = self.poll.after.take();
        if began.is_none() {
            self.poll.pass_at = Some(self.now);
        }
        let mut people: BTreeSet<String> = approvers(&self.receiver).into_iter().collect();
        people.extend(self.poll.learned.iter().cloned());
        let (mut failed, mut reached) = (None, began.clone());
        for person in people.into_iter().filter(|person| began.as_ref().is_none_or(|began| person > began)) {
            if self.is_spent() {
                self.is_left = true;
                break;
            }
            match self.list(&person).await {
                // It is read again in the next turn, unless a whole turn is not enough for it.
                Ok(false) if reached != began => break,
                Ok(_) => {}
                Err(QueryRefusal::Approver(error)) => {
                    tracing::warn!(source.id = %self.source.id, person, error, "forms could not be read of one person");
                    self.unknown.push(person.clone());
                }
                Err(QueryRefusal::Call(error)) => {
                    failed = Some(error);
                    break;
                }
            }
            reached = Some(person);
        }
        if self.is_left || failed.is_some() {
            self.poll.after = reached;
        }
        if self.submit_new().await? {
            // The same people once more: what is known by then is passed over.
            (self.is_left, self.poll.after) = (true, began);
        }
        if failed.is_none()
            && let Err(QueryRefusal::Call(error) | QueryRefusal::Approver(error)) = self.take_back().await?
        {
            failed = Some(error);
        }
        Ok(failed)
    }

    /// Reads all pages of a person's waiting forms; `false` when the turn ended before.
    async fn list(&mut self, person: &str) -> Result<bool, QueryRefusal> {
        for number in 1..=MAX_PAGES {
            if number > 1 && self.is_spent() {
                self.is_left = true;
                return Ok(false);
            }
            let page = self.page(person, Which::Pending, number).await?;
            for form in page.forms {
                self.note(person, form);
            }
            if !page.has_more {
                self.complete.insert(person.to_owned());
                return Ok(true);
            }
        }
        tracing::warn!(source.id = %self.source.id, person, "more forms wait for one person than are read");
        Ok(true)
    }

    fn note(&mut self, person: &str, form: Form) {
        if form.application.len() > MAX_ID {
            tracing::warn!(source.id = %self.source.id, "a form's id is too long");
            return;
        }
        let approver = form.approver_id.clone().unwrap_or_else(|| person.to_owned());
        let known = self.listed.entry(form.application.clone());
        let wanted = known.or_insert_with(|| Wanted { form, approvers: Vec::new() });
        if !wanted.approvers.contains(&approver) {
            wanted.approvers.push(approver);
        }
    }

    /// One page of a person's forms.
    pub(super) async fn page(&mut self, person: &str, which: Which, number: usize) -> Result<Page, QueryRefusal> {
        self.calls += 1;
        let request = query_approval_info(&self.receiver, person, which, number, &self.app.world);
        let request = request.map_err(|error| QueryRefusal::Call(error.to_string()))?;
        let request = request.trusting(self.receiver.authorities.as_deref());
        let answer = self.app.outbound.send(request).await.map_err(|error| QueryRefusal::Call(error.with_fix()))?;
        read(&answer)
    }

    /// Whether this turn is to stop.
    pub(super) fn is_spent(&self) -> bool {
        self.calls >= MAX_CALLS || !(self.goes_on)()
    }

    /// Submits the forms that have no approval yet. `true` when some are left. One that cannot be submitted holds up no other.
    async fn submit_new(&mut self) -> Result<bool, Error> {
        let known = self.known(self.listed.keys()).await?;
        let waiting = |wanted: &&Wanted| !wanted.form.is_deleted && !wanted.form.is_handled;
        let new: Vec<Wanted> = self.listed.values().filter(waiting).cloned().collect();
        let mut submitted = 0;
        for wanted in new {
            let application = wanted.form.application.clone();
            if let Some(there) = known.get(&application) {
                self.poll.refused.remove(&application);
                if let Some(record) = there {
                    self.note_open(&wanted, record);
                }
                continue;
            }
            if self.poll.refused.get(&application).is_some_and(|refused| refused.again_at > self.now) {
                continue;
            }
            if submitted >= MAX_SUBMITS || !(self.goes_on)() {
                return Ok(true);
            }
            submitted += 1;
            match enter(self.app, self.source, people_by(&self.receiver), &wanted).await {
                Ok(entered) => self.entered(&wanted, &entered),
                Err(error) => self.refused(&application, &error),
            }
        }
        Ok(false)
    }

    /// The approvals of forms, as far as there are any. One that this version cannot read is without its record: it is left, as it is,
    /// for the version that can.
    pub(super) async fn known<'a>(
        &self,
        applications: impl Iterator<Item = &'a String>,
    ) -> Result<BTreeMap<String, Option<Record>>, Error> {
        let mut ids: BTreeMap<ApprovalId, String> = BTreeMap::new();
        for key in applications {
            let both = self.app.approval_ids(&self.source.id, key).await?;
            ids.extend(both.into_iter().map(|id| (id, key.clone())));
        }
        let wanted: Vec<ApprovalId> = ids.keys().cloned().collect();
        let there = self.app.store.approvals_there(&wanted).await?;
        Ok(there.into_iter().filter_map(|(id, record)| Some((ids.get(&id)?.clone(), record))).collect())
    }

    fn entered(&mut self, wanted: &Wanted, entered: &Submitted) {
        let record = entered.record();
        tracing::info!(source.id = %self.source.id, approval.id = %record.id, "a form was submitted");
        self.poll.refused.remove(&wanted.form.application);
        self.note_open(wanted, record);
    }

    fn note_open(&mut self, wanted: &Wanted, record: &Record) {
        if record.state.closed.is_some() {
            self.poll.open.remove(&wanted.form.application);
        } else if let Some(person) = wanted.approvers.first()
            && (self.poll.open.len() < MAX_OPEN || self.poll.open.contains_key(&wanted.form.application))
        {
            self.poll.open.insert(wanted.form.application.clone(), person.clone());
        }
    }

    fn refused(&mut self, application: &str, error: &SubmitError) {
        if let SubmitError::Store(cause) = error {
            tracing::error!(source.id = %self.source.id, application, %cause, "the table failed a form's submit");
        }
        let code = error.code();
        let failures = self.poll.refused.get(application).map_or(0, |refused| refused.failures) + 1;
        tracing::warn!(source.id = %self.source.id, application, code, failures, "a form could not be submitted");
        if self.poll.refused.len() >= MAX_REFUSED && !self.poll.refused.contains_key(application) {
            let next = self.poll.refused.iter().min_by_key(|(_, refused)| refused.again_at);
            if let Some(next) = next.map(|(next, _)| next.clone()) {
                self.poll.refused.remove(&next);
            }
        }
        let again_at = self.now + AGAIN.after(failures);
        let error = format!("{code}: {error}").chars().take(MAX_ERROR).collect();
        self.poll.refused.insert(application.to_owned(), RefusedForm { failures, again_at, error });
    }

    /// Writes what the turn came to. What was pushed meanwhile stays.
    async fn finish(mut self, before: Poll, failed: Option<String>) -> Result<(), Error> {
        let now = self.app.world.now();
        if let Some(error) = &failed {
            tracing::warn!(source.id = %self.source.id, error, "Quick BI could not be asked");
        }
        self.poll.failures = if failed.is_some() { self.poll.failures.saturating_add(1) } else { 0 };
        self.poll.error = failed.map(|error| error.chars().take(MAX_ERROR).collect());
        self.poll.refused.retain(|_, refused| refused.again_at > now - FORGOTTEN);
        let next = self.next(now);
        // `None` is an item that is gone: nothing is left to write.
        let change = |current: &mut Option<Poll>| {
            let Some(poll) = current else { return false };
            let was_pushed = poll.pushed_at != before.pushed_at || poll.due_at != before.due_at;
            poll.learned.retain(|person| !self.unknown.contains(person));
            poll.due_at = if was_pushed { earlier(poll.due_at, next) } else { next };
            (poll.failures, poll.error) = (self.poll.failures, self.poll.error.clone());
            (poll.after, poll.pass_at) = (self.poll.after.clone(), self.poll.pass_at);
            (poll.refused, poll.open) = (self.poll.refused.clone(), self.poll.open.clone());
            true
        };
        let store = &self.app.store;
        let write = |poll: Option<Poll>, _| async move {
            let Some(mut poll) = poll else { return Ok(Race::Won(None)) };
            match store.write_poll(&mut poll).await {
                Ok(()) => Ok(Race::Won(Some(poll))),
                Err(StoreError::Conflict { .. }) => store.poll(&poll.source).await.map(Race::Lost),
                Err(error) => Err(error),
            }
        };
        // Should this fail, it is due again when the lease runs out.
        optimistic(Some(before.clone()), MAX_RACES, change, write).await?;
        Ok(())
    }

    /// When the source is to be asked next.
    fn next(&self, now: i64) -> Option<i64> {
        if self.poll.failures > 0 {
            return Some(now + AGAIN.after(self.poll.failures));
        }
        // Who was asked before a push came is asked again.
        if self.is_left || self.poll.pushed_at > self.poll.pass_at {
            return Some(now);
        }
        let again = self.poll.refused.values().map(|refused| refused.again_at).min();
        earlier(poll_every(&self.receiver).map(|every| now + every), again.map(|at| at.max(now)))
    }
}

fn earlier(one: Option<i64>, other: Option<i64>) -> Option<i64> {
    one.into_iter().chain(other).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fails_is_left_alone_longer_and_longer() {
        assert_eq!(
            [1, 2, 3, 6, 7, u32::MAX].map(|failures| AGAIN.after(failures)),
            [60_000, 120_000, 240_000, 1_920_000, 3_600_000, 3_600_000]
        );
        assert_eq!((earlier(None, Some(2)), earlier(Some(1), Some(2)), earlier(None, None)), (Some(2), Some(1), None));
    }
}
