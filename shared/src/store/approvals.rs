//! The state of an approval: one small item, so that one transition is one conditional write.

use aws_sdk_dynamodb::types::AttributeValue;
use serde::{Deserialize, Serialize};

use super::keys;
use super::query::{Query, Range, Rows};
use super::schema::{APPLICANT, DUE, LIST, PK};
use super::{Consistency, Error, Item, Key, Store, blank, decode, version};
use crate::approval::Approval;
use crate::ids::{ApprovalId, FlowId, OrgId, RuleId, SourceId, WorkspaceId};
use crate::providers;

/// Type of a state item.
pub const APPROVAL: &str = "approval";

/// Why a platform did not do what was asked, as the caller is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Our code, as in `provider_refused`.
    #[serde(rename = "c")]
    pub code: String,
    /// The platform's code.
    #[serde(rename = "p", default, skip_serializing_if = "Option::is_none")]
    pub provider_code: Option<String>,
    /// The platform's text.
    #[serde(rename = "m")]
    pub message: String,
    /// Where to mend it.
    #[serde(rename = "x", default, skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
}

/// Why something that an approval owes to a platform (a start, a withdrawal, an end by its deadline) is not done yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    /// When it was tried last with this result (milliseconds).
    #[serde(rename = "at")]
    pub at: i64,
    /// What stood in the way.
    #[serde(rename = "e")]
    pub error: Failure,
}

/// What a rule made of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RuledAs {
    /// It chose the flow.
    Flow,
    /// It approved.
    Approved,
    /// It rejected.
    Rejected,
    /// It could not be evaluated: the source's default flow was taken.
    Failed,
}

/// The rule that decided which way a request goes, or failed to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ruled {
    /// Its id.
    #[serde(rename = "i")]
    pub id: RuleId,
    /// Its name at the time.
    #[serde(rename = "n")]
    pub name: String,
    /// What it did.
    #[serde(rename = "o")]
    pub outcome: RuledAs,
    /// Why it rejected or failed.
    #[serde(rename = "d", default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// An approval as stored. Attribute names are short because every write pays for them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Its id.
    pub id: ApprovalId,
    /// The organisation it belongs to.
    #[serde(rename = "og")]
    pub org: OrgId,
    /// The source that asked.
    #[serde(rename = "sr")]
    pub source: SourceId,
    /// The workspace it belongs to.
    #[serde(rename = "ws", default, skip_serializing_if = "Option::is_none")]
    pub workspace: Option<WorkspaceId>,
    /// The flow it follows.
    #[serde(rename = "fl", default, skip_serializing_if = "Option::is_none")]
    pub flow: Option<FlowId>,
    /// The rule that decided which way it goes, if one was asked and held or failed.
    #[serde(rename = "rl", default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<Ruled>,
    /// Title.
    #[serde(rename = "tt")]
    pub title: String,
    /// When it was last changed (milliseconds).
    #[serde(rename = "up")]
    pub updated_at: i64,
    /// When the sweep is to look at it next (milliseconds); `None` once it has ended.
    #[serde(skip)]
    pub due_at: Option<i64>,
    /// Why it failed, if it did.
    #[serde(rename = "fa", default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// Why what it owes to a platform is not done yet.
    #[serde(rename = "tr", default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<Trouble>,
    /// Grows by one with every write; set by the store.
    #[serde(skip)]
    pub version: u64,
    /// Plan, facts, closure.
    #[serde(rename = "st")]
    pub state: Approval,
}

impl Record {
    /// Reads a stored item, also one out of the table's stream.
    ///
    /// # Errors
    /// [`Error::Corrupt`].
    pub fn from_item(item: Item) -> Result<Self, Error> {
        let version = version(&item)?;
        let due_at = item.get(DUE.sk).and_then(|at| at.as_n().ok()).and_then(|at| at.parse().ok());
        let mut record: Self = decode(item)?;
        record.version = version;
        record.due_at = due_at;
        for stage in &mut record.state.stages {
            stage.account_ids =
                providers::by_kind(&stage.kind).map(|provider| provider.account_ids()).unwrap_or_default();
        }
        Ok(record)
    }

    fn item(&self, version: u64) -> Result<Item, Error> {
        let key = keys::approval(&self.id);
        let body: Item = serde_dynamo::to_item(self).map_err(|_| Error::Corrupt { key: key.to_string() })?;
        let mut item = blank(&key, APPROVAL, version);
        item.extend(body);
        let sort_key = keys::by_time(self.state.submitted_at, &self.id);
        item.insert(LIST.pk.into(), AttributeValue::S(keys::approvals(&self.org)));
        item.insert(LIST.sk.into(), AttributeValue::S(sort_key.clone()));
        let applicant = &self.state.applicant;
        if let Some(who) = applicant.member.as_ref().or(applicant.account.as_ref()) {
            item.insert(APPLICANT.pk.into(), AttributeValue::S(keys::applicant(&self.org, who)));
            item.insert(APPLICANT.sk.into(), AttributeValue::S(sort_key));
        }
        if let Some(at) = self.due_at {
            item.insert(DUE.pk.into(), AttributeValue::S(keys::due_of(self.id.as_str())));
            item.insert(DUE.sk.into(), AttributeValue::N(at.to_string()));
        }
        Ok(item)
    }
}

/// A write of an approval that came too late.
#[derive(Debug)]
pub enum Lost {
    /// Somebody else was faster; this is what is there now.
    Race(Box<Record>),
    /// The store failed.
    Failed(Error),
}

impl From<Error> for Lost {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl Store {
    /// Writes a new approval; its version becomes 1.
    ///
    /// # Errors
    /// [`Lost::Race`] with the one that is there.
    pub async fn create_approval(&self, record: &mut Record) -> Result<(), Lost> {
        match self.put_new(record.item(1)?).await {
            Ok(()) => {
                record.version = 1;
                Ok(())
            }
            Err(Error::AlreadyExists { current }) => Err(self.raced(&record.id, current.into_item()).await),
            Err(error) => Err(error.into()),
        }
    }

    /// Reads an approval as the last answered write left it.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Corrupt`], or the table's own.
    pub async fn approval(&self, id: &ApprovalId) -> Result<Record, Error> {
        let item = self.get_item(&keys::approval(id), Consistency::Strong).await?;
        Record::from_item(item.ok_or(Error::NotFound)?)
    }

    /// Reads several approvals as the last answered writes left them; those that do not exist are left out.
    ///
    /// # Errors
    /// [`Error::Corrupt`], or the table's own.
    pub async fn approvals(&self, ids: &[ApprovalId]) -> Result<Vec<Record>, Error> {
        let wanted: Vec<keys::Key> = ids.iter().map(keys::approval).collect();
        self.batch_get(&wanted, Consistency::Strong).await?.into_iter().map(Record::from_item).collect()
    }

    /// The same, with those that are there and that this version cannot read: without their record.
    ///
    /// # Errors
    /// The table's own.
    pub async fn approvals_there(&self, ids: &[ApprovalId]) -> Result<Vec<(ApprovalId, Option<Record>)>, Error> {
        let wanted: Vec<keys::Key> = ids.iter().map(keys::approval).collect();
        let items = self.batch_get(&wanted, Consistency::Strong).await?;
        let there = items.into_iter().filter_map(|item| {
            let id = item.get(PK)?.as_s().ok()?.strip_prefix(keys::APPROVAL)?.parse().ok()?;
            // Why it cannot be read is in the log.
            Some((id, Record::from_item(item).ok()))
        });
        Ok(there.collect())
    }

    /// Replaces an approval that is still at the version it was read at. One transition is one call of this.
    ///
    /// # Errors
    /// [`Lost::Race`] with what is there now; nothing was written.
    pub async fn update_approval(&self, record: &mut Record) -> Result<(), Lost> {
        let next = record.version + 1;
        match self.put_if_version(record.item(next)?, record.version).await {
            Ok(()) => {
                record.version = next;
                Ok(())
            }
            Err(Error::Conflict { current }) => Err(self.raced(&record.id, current.into_item()).await),
            Err(error) => Err(error.into()),
        }
    }

    /// The record that was faster, from the refused write's answer, or read where the answer does not hold it.
    async fn raced(&self, id: &ApprovalId, current: Option<Item>) -> Lost {
        let read = match current {
            Some(item) => Record::from_item(item),
            None => self.approval(id).await,
        };
        match read {
            Ok(record) => Lost::Race(Box::new(record)),
            Err(error) => Lost::Failed(error),
        }
    }

    /// A page of an organisation's approvals to be shown, the newest first; those of one applicant only, if one is named. One that
    /// cannot be read is a row like the others.
    ///
    /// # Errors
    /// [`Error::InvalidCursor`], or the table's own.
    pub async fn approval_rows(
        &self,
        org: &OrgId,
        applicant: Option<&str>,
        limit: u16,
        cursor: Option<&str>,
    ) -> Result<Rows<Record>, Error> {
        let (index, pk) = match applicant {
            Some(who) => (APPLICANT, keys::applicant(org, who)),
            None => (LIST, keys::approvals(org)),
        };
        let query = Query { index: Some(index), pk: &pk, range: Range::All, limit, cursor, forward: false };
        self.rows(&query, Consistency::Eventual, Key::id, Record::from_item).await
    }
}
