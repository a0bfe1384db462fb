//! The instances of a played platform in memory and in files, with their callbacks and the faults. Every change is in its
//! file before anybody is answered.

use std::collections::BTreeSet;
use std::path::PathBuf;

use countersign::clock::World;

use super::faults::Faults;
use super::files::{Error, Filed, Shelf};
use super::outbox::{self, Attempt, Callback, CallbackState};
use super::sign_in::Codes;

/// An instance as its file holds it.
pub(crate) trait Kept: Filed + Clone + Send + 'static {
    /// When it was created, and a text that orders those of one moment.
    fn age(&self) -> (i64, &str);

    /// The callbacks it brought about, in the order in which they go out.
    fn callbacks(&self) -> &[Callback];

    /// The same, to be changed.
    fn callbacks_mut(&mut self) -> &mut Vec<Callback>;
}

/// In which order the callbacks of one instance go out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// Each when it is due.
    Due,
    /// One that is not answered yet holds back the later ones, until it is given up.
    Strict,
}

/// The right to send the callbacks of an instance: nobody else does meanwhile. Whoever holds it has to deliver.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub(crate) struct Claim(String);

impl Claim {
    /// Whose callbacks.
    pub(crate) fn instance(&self) -> &str {
        &self.0
    }
}

/// The instances of a platform.
pub(crate) struct Desk<I> {
    order: Order,
    /// Clock and random numbers.
    pub(crate) world: World,
    /// Every instance by its id.
    pub(crate) instances: Shelf<I>,
    /// What the platform is told to do wrong.
    pub(crate) faults: Faults,
    /// Instances that have callbacks still to be sent.
    pending: BTreeSet<String>,
    /// Instances whose callbacks somebody is sending.
    claimed: BTreeSet<String>,
    /// Codes of people who have signed in. Not kept: they last minutes.
    pub(crate) codes: Codes,
    /// Counts changes, so that pages know when to look again.
    pub(crate) version: u64,
}

impl<I: Kept> Desk<I> {
    /// Reads the instances back from a folder.
    pub(crate) fn open(folder: PathBuf, order: Order, world: World) -> Result<Self, Error> {
        let instances = Shelf::<I>::open(folder)?;
        let pending = instances.values().filter(|instance| has_pending(*instance));
        let pending = pending.map(|instance| instance.key().to_owned()).collect();
        let (faults, claimed) = (Faults::default(), BTreeSet::new());
        let codes = Codes::default();
        Ok(Self { order, world, instances, faults, pending, claimed, codes, version: 0 })
    }

    /// The time.
    pub(crate) fn now(&self) -> i64 {
        self.world.now()
    }

    /// Keeps an instance.
    pub(crate) fn put(&mut self, instance: I) -> Result<(), Error> {
        let (id, pending) = (instance.key().to_owned(), has_pending(&instance));
        self.instances.put(instance)?;
        if pending {
            self.pending.insert(id);
        } else {
            self.pending.remove(&id);
        }
        self.version += 1;
        Ok(())
    }

    /// Keeps an instance together with the events that it brought about: for each a label for people and its text. A
    /// claim that comes back has to be delivered.
    pub(crate) fn commit(
        &mut self,
        mut instance: I,
        told: Vec<(String, String)>,
        subscribed: bool,
    ) -> Result<Option<Claim>, Error> {
        let first = u32::try_from(instance.callbacks().len()).unwrap_or(u32::MAX);
        let callbacks = outbox::wrap(told, first, self.now(), subscribed, &mut self.faults);
        let id = instance.key().to_owned();
        instance.callbacks_mut().extend(callbacks);
        self.put(instance)?;
        Ok(self.claim(&id))
    }

    /// Claims every instance that has something to send and that nobody is sending for.
    pub(crate) fn claim_due(&mut self) -> Vec<Claim> {
        let ids: Vec<String> = self.pending.iter().cloned().collect();
        ids.iter().filter_map(|id| self.claim(id)).collect()
    }

    fn claim(&mut self, id: &str) -> Option<Claim> {
        self.due(id)?;
        self.claimed.insert(id.to_owned()).then(|| Claim(id.to_owned()))
    }

    /// The callback to send next; lets go of the claim when there is none.
    pub(crate) fn next_or_release(&mut self, claim: &Claim) -> Option<Callback> {
        let next = self.due(&claim.0).cloned();
        if next.is_none() {
            self.claimed.remove(&claim.0);
        }
        next
    }

    /// Lets go of a claim although there may be something to send: it goes out with what is due later.
    pub(crate) fn release(&mut self, claim: &Claim) {
        self.claimed.remove(&claim.0);
    }

    /// Whether somebody is sending the callbacks of an instance.
    pub(crate) fn sending(&self, id: &str) -> bool {
        self.claimed.contains(id)
    }

    fn due(&self, id: &str) -> Option<&Callback> {
        let now = self.now();
        let mut pending =
            self.instances.get(id)?.callbacks().iter().filter(|callback| callback.state == CallbackState::Pending);
        match self.order {
            Order::Due => pending.find(|callback| callback.due_at <= now),
            Order::Strict => pending.next().filter(|callback| callback.due_at <= now),
        }
    }

    /// Takes down an attempt; a failed callback goes out again after each of `delays` (milliseconds).
    pub(crate) fn record(&mut self, id: &str, number: u32, attempt: Attempt, delays: &[i64]) -> Result<(), Error> {
        let now = self.now();
        let Some(mut changed) = self.instances.get(id).cloned() else { return Ok(()) };
        if let Some(callback) = changed.callbacks_mut().iter_mut().find(|callback| callback.number == number) {
            callback.record(attempt, now, delays);
        }
        self.put(changed)
    }

    /// The instances, newest first.
    pub(crate) fn newest_first(&self) -> Vec<&I> {
        let mut all: Vec<&I> = self.instances.values().collect();
        all.sort_by(|a, b| b.age().cmp(&a.age()));
        all
    }
}

fn has_pending(instance: &impl Kept) -> bool {
    instance.callbacks().iter().any(|callback| callback.state == CallbackState::Pending)
}
