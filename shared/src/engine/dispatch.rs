//! What follows from a change of an approval: deliveries, the next stage, a reading of the instance, a withdrawal.
//!
//! The table's stream wakes it. A change may be handed to it again, so each step here may be repeated.

use std::time::Duration;

use super::Error;
use super::deliver::{Target, create, first_attempts, wake};
use super::due::{next_look, read_soon};
use super::people;
use super::start::start_or_put_off;
use super::transition::transition;
use super::withdraw::{self, Patience};
use crate::approval::Event;
use crate::config::{Connection, Source};
use crate::delivery::{Told, ToldBefore, told, told_after};
use crate::http::App;
use crate::providers;
use crate::sources::{self, News};
use crate::store::approvals::Record;
use crate::store::{Error as StoreError, Item, Key, keys};

/// How often, and with what pauses, an end that was told without who decided waits for that to be told.
const MOST_LOOKS: u32 = 3;
const LOOK_AGAIN: Duration = Duration::from_millis(200);
/// Deliveries of an approval that are read at once.
const ROWS: u16 = 100;

/// An approval's state item before a change.
#[derive(Debug, Clone)]
pub enum Before {
    /// There was none.
    New,
    /// It was this.
    Known(Box<Record>),
    /// There was one that this version cannot read. What was told of it, its deliveries say.
    Unreadable,
}

impl Before {
    fn known(&self) -> Option<&Record> {
        match self {
            Self::Known(record) => Some(record),
            Self::New | Self::Unreadable => None,
        }
    }
}

impl From<Option<Record>> for Before {
    fn from(record: Option<Record>) -> Self {
        record.map_or(Self::New, |record| Self::Known(Box::new(record)))
    }
}

/// A change of an approval's state item, out of the stream.
#[derive(Debug)]
pub struct Change {
    /// The item before.
    pub old: Before,
    /// The item after.
    pub new: Record,
}

/// A change of an approval's state that this version cannot read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    /// The approval's id, as the key has it.
    pub approval: String,
}

impl Change {
    /// The change that the images of an item are; `None` where it is none of an approval's state, or its removal.
    #[must_use]
    pub fn from_images(key: &Item, old: Option<Item>, new: Option<Item>) -> Option<Result<Self, Unreadable>> {
        let key = Key::of(key)?;
        let approval = key.pk.strip_prefix(keys::APPROVAL)?;
        if key.sk != keys::STATE || (new.is_none() && old.is_some()) {
            return None;
        }
        let Some(Ok(new)) = new.map(Record::from_item) else {
            return Some(Err(Unreadable { approval: approval.to_owned() }));
        };
        let old = match old.map(Record::from_item) {
            None => Before::New,
            Some(Ok(old)) => Before::Known(Box::new(old)),
            Some(Err(_)) => Before::Unreadable,
        };
        Some(Ok(Self { old, new }))
    }
}

/// Does what follows from a change.
///
/// # Errors
/// The table's own: the change should be handed in again. A receiver or a platform that fails is no error: its row says
/// when it is tried next.
pub async fn dispatch(app: &App, change: &Change) -> Result<(), Error> {
    let known = recognised(app, change).await?;
    let change = known.as_ref().unwrap_or(change);
    deliver(app, change).await?;
    count_starts(app, change).await;
    match go_on(app, change).await {
        // The sweep repeats it, and the stream goes on for everybody else.
        Err(error) if error.is_lasting() => {
            tracing::error!(approval.id = %change.new.id, %error, "what follows from a change is left to the sweep");
            Ok(())
        }
        other => other,
    }
}

/// What is to be done on the platform: all of it is due in the table too.
async fn go_on(app: &App, change: &Change) -> Result<(), Error> {
    let Change { new, .. } = change;
    let waiting = new.state.stage_to_start();
    if waiting.is_some_and(|stage| new.state.stages[stage].lease_until.is_none()) {
        start_or_put_off(app, new).await?;
    }
    // Its stage has got an instance, or another stage's turn has come.
    let has_moved = match &change.old {
        Before::New => false,
        Before::Known(old) => old.state.stage_without_instance() != new.state.stage_without_instance(),
        Before::Unreadable => true,
    };
    if new.state.withdrawal.is_some() && has_moved {
        withdraw::carry_out(app, new.clone(), Patience::Some).await?;
    }
    if let Some(stage) = new.state.stage_to_read() {
        let Reading::Failed = read(app, new, stage, true).await? else { return Ok(()) };
        let (now, waited) = (app.world.now(), 0);
        transition(app, &new.id, |record| record.state.stage_to_read().is_some() && read_soon(record, now, waited))
            .await?;
    }
    Ok(())
}

/// The change with the members among the people whom it tells of first, if there are any; they are kept, so that each is found
/// once.
async fn recognised(app: &App, change: &Change) -> Result<Option<Change>, Error> {
    if !tells_more_of_people(change) || change.new.state.stages.iter().all(|stage| stage.strangers(false).is_empty()) {
        return Ok(None);
    }
    let mut new = change.new.clone();
    if !people::recognise(app, &mut [&mut new], false).await? {
        return Ok(None);
    }
    let kept = transition(app, &new.id, |record| people::take_over(record, &new)).await;
    match kept {
        // It was deleted meanwhile.
        Ok(_) | Err(StoreError::NotFound) => Ok(Some(Change { old: change.old.clone(), new })),
        Err(error) => Err(error.into()),
    }
}

/// Whether there is news of people, or all of them are told of because the approval has ended. Else whoever was no member before is
/// not looked up again.
fn tells_more_of_people(change: &Change) -> bool {
    let Some(old) = change.old.known() else { return true };
    let has_ended = old.state.closed.is_none() && change.new.state.closed.is_some();
    let mut stages = change.new.state.stages.iter().enumerate();
    has_ended || stages.any(|(index, stage)| stage.tells_more_of_people(old.state.stages.get(index)))
}

/// A stage that has got its instance cost a call: whoever made it has not counted it.
async fn count_starts(app: &App, change: &Change) {
    if matches!(change.old, Before::Unreadable) {
        return;
    }
    let had = |index: usize| {
        let old = change.old.known().and_then(|old| old.state.stages.get(index));
        old.is_some_and(|stage| stage.instance.is_some())
    };
    let stages = change.new.state.stages.iter().enumerate();
    for (_, stage) in stages.filter(|(index, stage)| stage.instance.is_some() && !had(*index)) {
        app.count_call(&stage.connection);
        app.note_answered(&stage.connection, change.new.updated_at).await;
    }
}

/// Makes the rows of all events first, then sends each in order, so that a crash while sending loses none. Where the receiver is
/// known not to answer, or to be slow, all is left to the source's lane at once.
async fn deliver(app: &App, change: &Change) -> Result<(), Error> {
    let fuller = fuller(app, change).await?;
    let events = events(app, change, fuller.as_ref()).await?;
    if events.is_empty() {
        return Ok(());
    }
    let source = match app.store.get::<Source>(&change.new.org, change.new.source.as_str()).await {
        Ok(stored) => stored.value,
        Err(StoreError::NotFound) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    let bodies = bodies(app, change, fuller.as_ref(), &source, events).await?;
    if bodies.is_empty() {
        return Ok(());
    }
    let (to, now) = (Target::open(app, source).await, app.world.now());
    let queued = to.url().is_some_and(|url| app.receivers.are_left_alone(url, now));
    if queued {
        wake(app, &to.source, now).await?;
    }
    let mut rows = Vec::new();
    for (told, body) in bodies {
        rows.push(create(app, &change.new, &told, body, queued).await?);
    }
    Ok(first_attempts(app, &to, rows, matches!(change.old, Before::New)).await?)
}

/// The events that a change is.
async fn events(app: &App, change: &Change, fuller: Option<&Record>) -> Result<Vec<Told>, Error> {
    let new = &change.new;
    if !matches!(change.old, Before::Unreadable) {
        return Ok(told(change.old.known(), new, fuller));
    }
    tracing::error!(approval.id = %new.id, version = new.version, "the image before a change cannot be read");
    let (mut before, mut cursor) = (ToldBefore::new(new), None);
    loop {
        let page = app.store.list_deliveries(&new.id, ROWS, cursor.as_deref()).await?;
        page.items.iter().for_each(|row| before.add(&row.event, row.sequence));
        cursor = page.next_cursor;
        if cursor.is_none() {
            return Ok(told_after(&before, new, fuller));
        }
    }
}

/// What tells of each event that the source wants and its format has a word for.
async fn bodies(
    app: &App,
    change: &Change,
    fuller: Option<&Record>,
    source: &Source,
    events: Vec<Told>,
) -> Result<Vec<(Told, String)>, Error> {
    let Some(format) = sources::by_kind(&source.format) else {
        // Coming again would not help, and would hold up the others.
        tracing::error!(approval.id = %change.new.id, format = source.format, "a format that this version does not know");
        return Ok(Vec::new());
    };
    let request = match format.needs_request() {
        true => Some(app.store.request(&change.new.id).await?.request),
        false => None,
    };
    let record = fuller.unwrap_or(&change.new);
    let wanted = events.into_iter().filter(|told| source.wants(told.event.name()));
    let told = wanted.filter_map(|told| {
        let news = News { told: &told, record, request: request.as_ref(), settings: &source.settings };
        format.tell(&news).map(|body| (told, body))
    });
    Ok(told.collect())
}

/// The approval as it is now, where the change told the end but not who decided, what was said, or how far it had come. Who decided
/// is told a moment later, and is likely to be known by now, or soon; where it is not, and where an event asked for it, the platform
/// is read.
async fn fuller(app: &App, change: &Change) -> Result<Option<Record>, Error> {
    let had_ended = change.old.known().is_some_and(|old| old.state.closed.is_some());
    let wanted = |record: &Record| {
        let state = &record.state;
        state.view().lacks_deciders() || state.has_supposed_nodes() || state.stage_to_read().is_some()
    };
    if had_ended || change.new.state.closed.is_none() || !wanted(&change.new) {
        return Ok(None);
    }
    let mut now = app.store.approval(&change.new.id).await?;
    for _ in 0..MOST_LOOKS {
        if !now.state.view().lacks_deciders() {
            break;
        }
        tokio::time::sleep(LOOK_AGAIN).await;
        now = app.store.approval(&change.new.id).await?;
    }
    let ended = now.state.stages.iter().rposition(|stage| stage.instance.is_some());
    if let Some(stage) = ended.filter(|_| wanted(&now)) {
        read(app, &now, stage, true).await?;
        now = app.store.approval(&change.new.id).await?;
    }
    people::recognise(app, &mut [&mut now], false).await?;
    Ok(Some(now))
}

/// What became of a reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// What it told is merged.
    Merged,
    /// The platform did not answer, or not what was asked.
    Failed,
    /// The platform was not asked: it cannot be, or the quota does not allow it.
    NotAsked,
}

/// Reads an instance and merges what it tells. `wanted` says that the state machine asks for it.
///
/// # Errors
/// The table's own.
pub async fn read(app: &App, record: &Record, stage: usize, wanted: bool) -> Result<Reading, Error> {
    let Some(found) = record.state.stages.get(stage) else { return Ok(Reading::NotAsked) };
    let Some(instance) = found.instance.clone() else { return Ok(Reading::NotAsked) };
    let connection = match app.store.get::<Connection>(&record.org, &found.connection).await {
        Ok(stored) => stored.value,
        Err(StoreError::NotFound) => return Ok(Reading::NotAsked),
        Err(error) => return Err(error.into()),
    };
    let Some(provider) = providers::by_kind(&connection.kind) else { return Ok(Reading::NotAsked) };
    let pace = app.pace(&connection, app.world.now()).await?;
    if !pace.reads(wanted) {
        return Ok(Reading::NotAsked);
    }
    let account = match app.account_to_call(&connection).await {
        Ok(account) => account,
        Err(Error::Provider(error)) => {
            tracing::warn!(approval.id = %record.id, stage, %error, "the instance could not be read");
            return Ok(Reading::Failed);
        }
        Err(error) => return Err(error),
    };
    match provider.fetch(&account, &instance, &app.line(&account.connection).calls()).await {
        Ok(snapshot) => {
            app.note_answered(&account.connection, app.world.now()).await;
            let done = found.facts.read_wanted.map(|at| Event::ReadDone { at });
            let learned = |record: &mut Record| {
                let events = std::iter::once(snapshot.clone()).chain(done.clone());
                let was_wanted = record.state.stage_to_read().is_some();
                let changed = events.fold(false, |changed, event| record.state.apply(stage, event) | changed);
                if changed && was_wanted && record.state.stage_to_read().is_none() {
                    // It is read: the next reading is an ordinary one.
                    record.due_at = next_look(&record.state, app.world.now(), pace);
                }
                changed
            };
            transition(app, &record.id, learned).await?;
            Ok(Reading::Merged)
        }
        // An external OA cannot be asked: it has only its own word.
        Err(providers::Error::Unsupported { .. }) => Ok(Reading::NotAsked),
        Err(error) => {
            tracing::warn!(approval.id = %record.id, stage, %error, "the instance could not be read");
            app.note_exhausted(&account.connection, &error).await;
            Ok(Reading::Failed)
        }
    }
}
