//! What follows from a change of an approval: deliveries, the next stage, a reading of the instance, a withdrawal.
//!
//! The table's stream wakes it. A change may be handed to it again, so each step here may be repeated.

use std::time::Duration;

use super::Error;
use super::deliver::{Target, create, first_attempts, wake};
use super::effects::{carry_out, read};
use super::inbox;
use super::people;
use super::transition::transition;
use crate::approval::{Effect, Owed, Purpose};
use crate::delivery::{Told, ToldBefore, told, told_after};
use crate::engine::App;
use crate::resources::Source;
use crate::sources::{self, News};
use crate::store::approvals::Record;
use crate::store::{Error as StoreError, Item, Key, keys};

/// How often, and with what pauses, an end that was told without who decided waits for that to be told.
const MAX_CHECKS: u32 = 3;
const CHECK_AGAIN: Duration = Duration::from_millis(200);
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

    /// Whether this change is what something is owed for, and nobody is at it.
    fn wakes(&self, owed: &Owed) -> bool {
        let before = self.old.known().map(|old| &old.state);
        match &owed.effect {
            Effect::Start { .. } => owed.not_before.is_none(),
            // Its instance has become known. Else whoever wanted the end is at it.
            Effect::Cancel { stage, instance, purpose: Purpose::End } => {
                let known = before.and_then(|state| state.stages.get(*stage)?.instance.as_ref());
                known != Some(instance)
            }
            Effect::Read { wanted: true, .. } => before.is_none_or(|state| !state.owed().contains(owed)),
            Effect::Read { .. } | Effect::Find { .. } | Effect::Cancel { .. } => false,
        }
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
    inbox::keep_up(app, change.old.known(), &change.new).await?;
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

/// What is to be done on the platform, where it is not left to its time: all of it is due in the table too.
async fn go_on(app: &App, change: &Change) -> Result<(), Error> {
    for owed in change.new.state.owed() {
        if change.wakes(&owed) {
            carry_out(app, &change.new, &owed.effect).await?;
        }
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
    for (_, stage) in stages.filter(|(index, stage)| stage.instance.is_some() && !stage.runs_here() && !had(*index)) {
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
    let queued = to.url().is_some_and(|url| app.memory.receivers.are_left_alone(url, now));
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
    for _ in 0..MAX_CHECKS {
        if !now.state.view().lacks_deciders() {
            break;
        }
        tokio::time::sleep(CHECK_AGAIN).await;
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
