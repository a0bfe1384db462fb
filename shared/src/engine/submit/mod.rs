//! Submitting: who asks and for what is checked, people are resolved to accounts of the platforms, the request and the state are
//! written, once, and the first stage is started. A repeated key finds the first approval.
//!
//! What the API takes and what the products send in formats of their own end here; the sweep submits what it finds by asking.

mod body;
mod error;
mod fault;
mod found;
mod lookups;
mod nodes;
mod people;
mod plan;
mod submission;
mod way;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::due;
use super::effects::{LEASE, StartOutcome, start_held};
use super::failure;
use crate::approval::{Approval, Closed};
use crate::engine::App;
use crate::ids::{ApprovalId, OrgId, SourceId};
use crate::resources::Source;
use crate::store;
use crate::store::approvals::{Failure, Lost, Record, Ruled};
use crate::store::requests::{Request, StoredRequest};

pub use body::{Applicant, Body};
pub use error::SubmitError;
pub use fault::{BodyField, Fault, Position};
use found::Missing;
use people::People;
use plan::{Plan, plan};
pub use submission::Submission;
use submission::workspace;
use way::Way;
pub use way::{By, Tried, TriedWay, try_rules};

/// What a product asks for in a format of its own.
#[derive(Debug)]
pub struct Asked {
    /// The product's own id of it: whatever has the same id is the same approval.
    pub key: String,
    /// What it sent, by which another request under the same id is known.
    pub sent: Value,
    /// What that is to us.
    pub body: Body,
    /// What its format needs to tell of the decision.
    pub origin: Map<String, Value>,
}

/// Submits what a product asks for.
///
/// # Errors
/// As [`Body::check`] and [`Submission::run`].
pub async fn submit(app: &App, source: Source, asked: Asked) -> Result<Submitted, SubmitError> {
    let body = asked.body.of_product();
    body.check()?;
    let submission = Submission::new(app, source, Some(&asked.key), &asked.sent, body).await?;
    submission.with_origin(asked.origin).run().await
}

/// What became of it.
#[derive(Debug)]
pub enum Submitted {
    /// The platform runs it, or it has ended at once.
    Created(Box<Record>),
    /// The platform has not answered in time; the start goes on by itself.
    Starting(Box<Record>),
    /// The same was submitted before.
    Known(Box<Record>),
    /// The platform refused for good: the approval has failed.
    Refused(Box<Record>, Failure),
}

impl Submitted {
    /// The approval.
    #[must_use]
    pub fn record(&self) -> &Record {
        match self {
            Self::Created(record) | Self::Starting(record) | Self::Known(record) | Self::Refused(record, _) => record,
        }
    }
}

impl<'a> Submission<'a> {
    /// What a source asks. `key` is the source's own name of it: whatever has the same key is the same approval. `sent` is what
    /// it sent, by which another request under the same key is known. `body` has passed [`Body::check`].
    ///
    /// # Errors
    /// The data key's own.
    pub async fn new(
        app: &'a App,
        source: Source,
        key: Option<&str>,
        sent: &Value,
        body: Body,
    ) -> Result<Self, SubmitError> {
        let (id, earlier_id) = match key {
            Some(key) => {
                let [id, earlier] = app.approval_ids(&source.id, key).await?;
                (id, Some(earlier))
            }
            None => (ApprovalId::new(&app.world), None),
        };
        // Of JSON, not of bytes: the order of names and white space make no other request.
        let body_hash = STANDARD_NO_PAD.encode(Sha256::digest(sent.to_string()));
        Ok(Self { app, source, id, earlier_id, body_hash, body, origin: Map::new() })
    }

    /// Keeps what the source's format needs of the request to tell of its decision, as its own id of it.
    #[must_use]
    pub fn with_origin(mut self, origin: Map<String, Value>) -> Self {
        self.origin = origin;
        self
    }

    /// Submits.
    ///
    /// # Errors
    /// What the sender is told: nothing was started then.
    pub async fn run(mut self) -> Result<Submitted, SubmitError> {
        if let Some(earlier) = self.earlier_id.take()
            && let Some(known) = self.known(earlier).await?
        {
            return Ok(known);
        }
        let (mut record, request) = self.resolve().await?;
        let mut stored = StoredRequest { body_hash: self.body_hash.clone(), request };
        if let Some(earlier) = self.app.store.create_request(&self.id, &stored).await? {
            // Its writer died before the state was written, or is about to write it. What it stored is what counts; the plan is
            // whole in the state, whoever writes that.
            self.check_same(&earlier)?;
            stored = earlier;
        }
        match self.app.store.create_approval(&mut record).await {
            Ok(()) => {}
            Err(Lost::Race(current)) => return Ok(Submitted::Known(current)),
            Err(Lost::Failed(error)) => return Err(error.into()),
        }
        self.start(record, false, &stored.request).await
    }

    /// The approval that this key made before. A failed one is started again; one whose writer died before its state was
    /// written is written now. What has the id of earlier times keeps it.
    async fn known(&mut self, earlier_id: ApprovalId) -> Result<Option<Submitted>, SubmitError> {
        let found = self.app.store.first_request(&[self.id.clone(), earlier_id]).await?;
        let Some((id, earlier)) = found else { return Ok(None) };
        self.id = id;
        self.check_same(&earlier)?;
        let record = match self.app.store.approval(&self.id).await {
            Ok(record) => record,
            Err(store::Error::NotFound) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let failed = record.state.closed.as_ref().is_some_and(|closure| closure.how == Closed::Failed);
        if !failed {
            return Ok(Some(Submitted::Known(Box::new(record))));
        }
        self.again(record).await.map(Some)
    }

    fn check_same(&self, earlier: &StoredRequest) -> Result<(), SubmitError> {
        if earlier.body_hash == self.body_hash {
            return Ok(());
        }
        Err(SubmitError::ReusedKey(self.id.clone()))
    }

    /// Starts a failed approval once more, under its id, from where it failed. Of two who do so at once one does it.
    async fn again(&self, failed: Record) -> Result<Submitted, SubmitError> {
        let (mut record, request) = self.resolve().await?;
        record.version = failed.version;
        record.state.submitted_at = failed.state.submitted_at;
        record.state.keep_leftovers(&failed.state);
        // What was mended may be the applicant's account or the flow's template. The body is the same.
        let stored = StoredRequest { body_hash: self.body_hash.clone(), request };
        self.app.store.replace_request(&self.id, &stored).await?;
        match self.app.store.update_approval(&mut record).await {
            Ok(()) => {}
            Err(Lost::Race(current)) => return Ok(Submitted::Known(current)),
            Err(Lost::Failed(error)) => return Err(error.into()),
        }
        self.start(record, true, &stored.request).await
    }

    async fn start(&self, record: Record, tried: bool, request: &Request) -> Result<Submitted, SubmitError> {
        match start_held(self.app, record, 0, tried, request).await? {
            StartOutcome::Started(record) | StartOutcome::NothingToDo(record) => Ok(Submitted::Created(record)),
            StartOutcome::Starting(record) => Ok(Submitted::Starting(record)),
            StartOutcome::Failed(record, error) => {
                let failure = record.failure.clone().unwrap_or_else(|| failure(&error));
                Ok(Submitted::Refused(record, failure))
            }
        }
    }

    /// Everything that the request names, found; nothing is written yet but what looking people up has cost.
    async fn resolve(&self) -> Result<(Record, Request), SubmitError> {
        let resolved = Box::pin(self.find_all()).await;
        self.app.flush_usage().await;
        resolved
    }

    async fn find_all(&self) -> Result<(Record, Request), SubmitError> {
        let found = workspace(self.app, &self.source, &self.body).await?;
        let workspace = found.as_ref().map(|workspace| workspace.id.clone());
        let people = People::new(self.app, &self.source.org, workspace.as_ref());
        let (mut applicant, contact, member) =
            people.applicant(&self.body.applicant).await.map_err(Missing::of_applicant)?;
        let chosen = self.way(found.as_ref(), &contact, member.as_ref()).await?;
        let plan = match &chosen.way {
            Way::Flow(flow) => plan(&people, flow, &self.body, &self.body.applicant, member.as_ref()).await?,
            Way::Approve | Way::Reject(_) => Plan::default(),
        };
        if let Some(member) = plan.applicant {
            let account = applicant.account.take().unwrap_or_default();
            applicant = super::people::person(&member, account);
        }
        let now = self.app.world.now();
        let body = &self.body;
        let rule = chosen.rule;
        let (flow, mut state) = match chosen.way {
            Way::Flow(flow) => {
                let mut state = Approval::new(now, applicant, plan.stages, now + LEASE);
                state.deadline = flow.deadline(now);
                (Some(flow.id), state)
            }
            Way::Approve => (None, Approval::decided(now, applicant, true, by_rule(rule.as_ref()))),
            Way::Reject(why) => {
                let remark = format!("{why}\n{}", by_rule(rule.as_ref()));
                (None, Approval::decided(now, applicant, false, remark))
            }
        };
        state.start_here(now);
        let record = Record {
            id: self.id.clone(),
            org: self.source.org.clone(),
            source: self.source.id.clone(),
            workspace,
            flow,
            rule,
            title: body.title.clone(),
            updated_at: now,
            due_at: due::first(&state, now),
            failure: None,
            trouble: None,
            version: 0,
            state,
        };
        let request = Request {
            reason: body.reason.clone(),
            contact,
            fields: body.fields.clone(),
            resource: body.resource.clone(),
            starts_at: body.starts_at(),
            ends_at: body.ends_at(),
            applicant_accounts: Vec::new(),
            templates: Vec::new(),
            origin: self.origin.clone(),
        };
        Ok((record, request))
    }
}

impl App {
    /// The ids that the approval may have which a source's own key names: the one that it gets, then the one that it had before ids
    /// were made with the data key.
    ///
    /// # Errors
    /// The data key's own.
    pub async fn approval_ids(&self, source: &SourceId, key: &str) -> Result<[ApprovalId; 2], store::Error> {
        let digest =
            self.data_key.sealer().await?.digest("approval ids", &[source.as_str().as_bytes(), &[0], key.as_bytes()]);
        Ok([ApprovalId::of_digest(&digest), ApprovalId::derived(source, key)])
    }
}

/// What the history says of an approval that a rule decided.
fn by_rule(rule: Option<&Ruled>) -> String {
    rule.map_or_else(String::new, |rule| format!("Rule \"{}\" ({})", rule.name, rule.id))
}

/// The source that asks: `own`, if whoever calls is bound to one; else the one that the body names, or the organisation's only one.
///
/// # Errors
/// [`SubmitError::ForeignSource`], [`SubmitError::UnknownSource`], what [`only_source`] says, and the table's own.
pub async fn source(app: &App, org: &OrgId, own: Option<&SourceId>, body: &Body) -> Result<Source, SubmitError> {
    let wanted = match (own, &body.source) {
        (Some(own), Some(named)) if own != named => {
            return Err(SubmitError::ForeignSource);
        }
        (Some(own), _) => own,
        (None, Some(named)) => named,
        (None, None) => return only_source(app, org).await,
    };
    match app.store.get::<Source>(org, wanted.as_str()).await {
        Ok(stored) => Ok(stored.value),
        Err(store::Error::NotFound) => Err(SubmitError::UnknownSource(wanted.clone())),
        Err(error) => Err(error.into()),
    }
}

/// The one source of an organisation.
///
/// # Errors
/// [`SubmitError::MissingSource`] where there is none, or more than one to choose from, and the table's own.
pub async fn only_source(app: &App, org: &OrgId) -> Result<Source, SubmitError> {
    let mut page = app.store.list::<Source>(org, 2, None).await?;
    match (page.items.pop(), page.items.is_empty()) {
        (Some(only), true) => Ok(only.value),
        _ => Err(SubmitError::MissingSource),
    }
}
