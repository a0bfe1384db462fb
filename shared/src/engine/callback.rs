//! What a platform's callback says, applied to the approval it belongs to.

use sha2::{Digest, Sha256};

use super::transition::{Transition, transition};
use crate::approval::{Event, LeftoverEnd};
use crate::crypto::hex;
use crate::engine::App;
use crate::ids::ConnectionId;
use crate::providers::Notice;
use crate::store::approvals::Record;
use crate::store::references::Reference;
use crate::store::{Error, keys};
use crate::ttl_map::ALWAYS;

/// Most bytes of a callback that is kept until its instance is known: it is one item of the table.
const MAX_PARKED: usize = 350 * 1024;

impl App {
    /// Where an instance belongs; `None` when it is not ours, or not yet.
    async fn reference(&self, connection: &ConnectionId, instance: &str) -> Result<Option<Reference>, Error> {
        let key = keys::reference(connection, instance).pk;
        if let Some(known) = self.memory.references.get(&key, self.world.now()) {
            return Ok(Some(known));
        }
        let found = self.store.reference(connection, instance).await?;
        if let Some(reference) = &found {
            self.memory.references.put(key, reference.clone(), ALWAYS);
        }
        Ok(found)
    }
}

/// What became of a notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Received {
    /// The approval has changed.
    Applied,
    /// It told nothing new.
    Unchanged,
    /// Its instance is not known yet: it is kept until it is.
    Parked,
    /// Its instance is not ours. Nothing was written.
    NotOurs,
}

/// Takes in what a callback says of one instance. `ours` tells whether a template is one that this connection starts
/// instances of: a callback of another template is never ours, so that nothing is written for it.
///
/// # Errors
/// The table's own; the platform should then send the callback again.
pub async fn receive(
    app: &App,
    connection: &ConnectionId,
    notice: &Notice,
    ours: impl Fn(&str) -> bool,
) -> Result<Received, Error> {
    if keys::reference(connection, &notice.instance).pk.len() > keys::MAX_PK {
        // No platform has ids that long, and no key of the table holds one.
        return Ok(Received::NotOurs);
    }
    if let Some(reference) = app.reference(connection, &notice.instance).await? {
        return applied(app, &reference, notice).await;
    }
    if !notice.template.as_deref().is_some_and(ours) {
        return Ok(Received::NotOurs);
    }
    park(app, connection, notice).await?;
    // The reference may have been stored between the first look and the parking, after its writer had looked for parked
    // callbacks: then nobody else takes this one up.
    match app.reference(connection, &notice.instance).await? {
        Some(reference) => applied(app, &reference, notice).await,
        None => Ok(Received::Parked),
    }
}

async fn park(app: &App, connection: &ConnectionId, notice: &Notice) -> Result<(), Error> {
    let text = serde_json::to_vec(&notice.events).unwrap_or_default();
    // Too long to be kept: then the instance is read once it is known.
    let wanted = [Event::ReadWanted { at: app.world.now() }];
    let events = if text.len() > MAX_PARKED { &wanted[..] } else { &notice.events };
    let name = hex(&Sha256::digest(&text)[..12]);
    app.store.park(connection, &notice.instance, &name, events, app.world.now()).await
}

async fn applied(app: &App, reference: &Reference, notice: &Notice) -> Result<Received, Error> {
    let now = app.world.now();
    let change = |record: &mut Record| apply(record, reference.stage, &notice.instance, &notice.events, now);
    let Transition { record, changed } = match transition(app, &reference.approval, change).await {
        Ok(done) => done,
        Err(Error::NotFound) => return Ok(Received::NotOurs),
        Err(error) => return Err(error),
    };
    tracing::info!(
        approval.id = %record.id,
        approval.version = record.version,
        approval.status = ?record.state.status(),
        changed,
        "callback applied"
    );
    Ok(if changed { Received::Applied } else { Received::Unchanged })
}

/// Applies events to a record's stage at `now` (milliseconds). A stage that does not know its instance yet learns it: its reference
/// was stored, and the writer died before the state was. What is said of another instance than the stage's says nothing of the
/// stage: that one is to be taken back, unless it has ended.
pub(super) fn apply(record: &mut Record, stage: usize, instance: &str, events: &[Event], now: i64) -> bool {
    let Some(found) = record.state.stages.get(stage) else { return false };
    if found.instance.as_deref().is_some_and(|own| own != instance) {
        return if events.iter().any(|event| matches!(event, Event::Finished { .. })) {
            record.state.cancel_tried(stage, Some(instance), Some(LeftoverEnd::Done), None)
        } else {
            record.state.owe_second(stage, instance, now)
        };
    }
    let unknown = found.instance.is_none() && record.state.closed.is_none();
    if unknown {
        let at = record.updated_at;
        record.state.started(stage, instance.to_owned(), None, at);
        record.trouble = None;
    }
    events.iter().fold(unknown, |changed, event| record.state.apply(stage, event.clone()) | changed)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::approval::{Approval, DecidedBy, Mode, Node, Outcome, Person, Stage, Status};

    fn record() -> Record {
        let node = Node::new("one", Mode::Any, vec![]);
        let stage = Stage::new("con_1".into(), "dingtalk".into(), DecidedBy::Platform, vec![node]);
        Record {
            id: "apr_1".parse().unwrap(),
            org: "org_1".parse().unwrap(),
            source: "src_1".parse().unwrap(),
            workspace: None,
            flow: None,
            title: "t".into(),
            updated_at: 5,
            due_at: None,
            rule: None,
            failure: None,
            trouble: None,
            version: 1,
            state: Approval::new(0, Person::default(), vec![stage], 0),
        }
    }

    #[test]
    fn a_stage_learns_its_instance_and_listens_to_no_other() {
        let mut record = record();
        let ended = [Event::Finished { outcome: Outcome::Approved, at: 9 }];
        assert!(apply(&mut record, 0, "own", &[Event::Started { at: 7 }], 9));
        assert_eq!(record.state.stages[0].instance.as_deref(), Some("own"));
        assert!(!apply(&mut record, 0, "other", &ended, 9), "it has ended, so it is owed nothing");
        assert!(apply(&mut record, 0, "third", &[Event::Started { at: 8 }], 9));
        assert!(record.state.leftover(0, Some("third")).is_some());
        assert!(apply(&mut record, 0, "third", &ended, 9));
        assert!(record.state.leftover(0, Some("third")).is_none() && !apply(&mut record, 0, "third", &ended, 9));
        assert_eq!(record.state.status(), Status::Pending);
        assert!(!apply(&mut record, 7, "own", &ended, 9), "no such stage");
        assert!(apply(&mut record, 0, "own", &ended, 9));
        assert_eq!(record.state.status(), Status::Approved);
    }
}
