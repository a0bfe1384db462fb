//! One page of a run: as many steps as its time allows.

use std::collections::HashSet;

use countersign::engine::App;
use countersign::http::Problem;
use countersign::providers::directory::{Directory, Read, Step};
use countersign::providers::{Account, Error};
use countersign::resources::Connection;
use countersign::store::directories::{MAX_LISTED, MAX_STEPS, Phase, Run, Unreadable};

/// How long a page may take, in milliseconds: a call that has begun and its people come on top, and callers wait for 29 s at most.
const PAGE_TIME: i64 = 15_000;
/// Most accounts that one page sees: they stand in one item.
const MAX_SEEN: usize = 2_000;
/// How long to wait at first where the platform says that it was too much and not for how long, in milliseconds.
const PAUSE: u64 = 1_000;

/// Why a page ended.
pub(super) enum End {
    /// All is done, or its time is over.
    Here,
    /// The platform does not answer just now; it may ask to wait so many milliseconds.
    Later { wait_ms: Option<u64> },
    /// It cannot go on like this.
    Failed(Problem),
}

/// A page that is being worked on.
pub(super) struct Page<'a> {
    pub(super) app: &'a App,
    pub(super) directory: &'static dyn Directory,
    pub(super) connection: &'a Connection,
    account: &'a Account,
    pub(super) run: Run,
    /// Accounts that this page and those before it have seen, as they are compared.
    seen: HashSet<String>,
    /// Those of this page.
    new: Vec<String>,
    until: i64,
    /// Whether something was read already.
    has_read: bool,
}

impl<'a> Page<'a> {
    pub(super) async fn begin(
        app: &'a App,
        directory: &'static dyn Directory,
        connection: &'a Connection,
        account: &'a Account,
        run: Run,
    ) -> Result<Self, Problem> {
        let (seen, until) = (app.store.seen(&connection.id, &run).await?, app.world.now() + PAGE_TIME);
        Ok(Self { app, directory, connection, account, run, seen, new: Vec::new(), until, has_read: false })
    }

    /// Works until all is done or the time is over.
    ///
    /// # Errors
    /// What concerns the table alone: nothing of the page is kept then but the members, and it is done again.
    pub(super) async fn work(&mut self) -> Result<End, Problem> {
        loop {
            let stopped = match self.run.phase.clone() {
                Phase::Index { after } => {
                    self.index(after.as_deref()).await?;
                    None
                }
                Phase::Read => self.read_next().await?,
                Phase::Leavers { after } => self.find_leavers(after.as_deref()).await?,
                Phase::Done => Some(End::Here),
            };
            match stopped {
                Some(end) => return Ok(end),
                None if self.is_over() => return Ok(End::Here),
                None => {}
            }
        }
    }

    /// Keeps how far it is.
    pub(super) async fn keep(mut self) -> Result<Run, Problem> {
        self.app.flush_usage().await;
        let (id, now) = (&self.connection.id, self.app.world.now());
        self.app.store.keep_seen(id, &self.run, &self.new, now).await?;
        self.run.page += 1;
        self.app.store.write_directory_run(id, &mut self.run, now).await?;
        Ok(self.run)
    }

    /// Whether the page is to end. Something is read in each, however slow it is.
    pub(super) fn is_over(&self) -> bool {
        self.app.world.now() >= self.until || self.new.len() >= MAX_SEEN
    }

    /// Notes that an account was seen.
    pub(super) fn saw(&mut self, account: &str) {
        let key = self.key(account);
        if self.seen.insert(key.clone()) {
            self.new.push(key);
        }
    }

    /// Whether an account was seen in this run.
    pub(super) fn has_seen(&self, account: &str) -> bool {
        self.seen.contains(&self.key(account))
    }

    /// An account as it is compared.
    pub(super) fn key(&self, account: &str) -> String {
        self.connection
            .provider()
            .map_or_else(|_| account.to_owned(), |own| own.account_ids().key(account).into_owned())
    }

    /// Takes the next step of the reading; says why, if the page ends with it.
    async fn read_next(&mut self) -> Result<Option<End>, Problem> {
        let Some(step) = self.run.steps.last().cloned() else {
            self.run.phase = self.after_reading();
            return Ok(None);
        };
        match self.ask(&step).await {
            Err(end) => return Ok(Some(end)),
            Ok(Read::Found { people, steps }) => {
                if !self.take_over(people).await? {
                    // The rest of them is for the next page, which reads them again.
                    return Ok(Some(End::Here));
                }
                self.run.steps.pop();
                self.run.steps.extend(steps);
                if self.run.steps.len() > MAX_STEPS {
                    let detail = "there are too many departments: name one";
                    return Err(Problem::unprocessable("directory_too_large", detail));
                }
            }
            Ok(Read::Hidden(error) | Read::Missing(error)) if self.is_what_was_asked_for(&step) => {
                return Ok(Some(End::Failed(error.into())));
            }
            Ok(Read::Missing(_)) if matches!(step, Step::Person { .. }) => {
                // Who has left may stand in the app's scope for a while.
                self.run.steps.pop();
            }
            Ok(Read::Hidden(error) | Read::Missing(error)) => {
                self.run.steps.pop();
                self.report(&step, &error);
            }
        }
        Ok(None)
    }

    /// Whether a step is the department that the request named.
    fn is_what_was_asked_for(&self, step: &Step) -> bool {
        self.run.department.clone().is_some_and(|id| *step == Step::department(id))
    }

    fn report(&mut self, step: &Step, error: &Error) {
        let id = step.id().unwrap_or_default();
        if self.run.unreadable.len() < MAX_LISTED && self.run.unreadable.iter().all(|part| part.id != id) {
            self.run.unreadable.push(Unreadable { id: id.to_owned(), detail: error.to_string() });
        }
    }

    /// What comes after all was read: only who has read everything can say who is missing.
    fn after_reading(&self) -> Phase {
        let Run { department, unreadable, .. } = &self.run;
        let is_whole = department.is_none() && (unreadable.is_empty() || self.directory.tells_gone_from_hidden());
        // An empty directory is one that the app cannot see.
        if is_whole && !self.seen.is_empty() { Phase::Leavers { after: None } } else { Phase::Done }
    }

    /// Asks the platform, and waits where it says that it was too much.
    ///
    /// # Errors
    /// Why the page ends.
    pub(super) async fn ask(&mut self, step: &Step) -> Result<Read, End> {
        let mut pause = PAUSE;
        let line = self.app.line(self.connection.id.as_str());
        loop {
            let error = match self.directory.read(self.account, step, &line.calls()).await {
                Ok(read) => {
                    self.has_read = true;
                    return Ok(read);
                }
                Err(error) => error,
            };
            let Error::Throttled { retry_after_ms, .. } = &error else { return Err(self.end_with(error, None)) };
            let ms = retry_after_ms.unwrap_or_default().max(pause);
            if self.app.world.now().saturating_add_unsigned(ms) >= self.until {
                return Err(self.end_with(error, Some(ms)));
            }
            self.app.world.wait(ms).await;
            pause *= 2;
        }
    }

    /// What passes by itself ends a page that has done something; the next one begins with it.
    fn end_with(&self, error: Error, wait_ms: Option<u64>) -> End {
        if error.fate().passes() && self.has_read { End::Later { wait_ms } } else { End::Failed(error.into()) }
    }
}
