//! What waits for a person and what they have done: rows that follow the approvals, so that a list of them costs what is on it.
//!
//! A row only says where to look. What is shown comes from the approval itself, and a row that it does not bear out is left out.

use aws_sdk_dynamodb::types::AttributeValue;

use super::keys::{self, Key};
use super::query::{Query, Range};
use super::schema::SK;
use super::{Condition, Error, Item, Store, blank};
use crate::ids::ApprovalId;

/// Which of a person's lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Inbox {
    /// What waits for them.
    Open,
    /// What they have dealt with.
    Done,
}

impl Inbox {
    const fn name(self) -> &'static str {
        match self {
            Self::Open => "OPEN",
            Self::Done => "DONE",
        }
    }
}

/// A row of such a list. It is its key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct InboxRow {
    /// Which list.
    pub list: Inbox,
    /// The connection's id.
    pub connection: String,
    /// The person's account there, as the list has it: without regard to case.
    pub account: String,
    /// Since when it waits, or when it was dealt with (milliseconds).
    pub at: i64,
    /// The approval.
    pub approval: ApprovalId,
    /// Index of the stage.
    pub stage: usize,
    /// Index of the node, where it is known.
    pub node: Option<usize>,
}

impl InboxRow {
    /// Where it stands in its list: by time, then by approval.
    #[must_use]
    pub fn position(&self) -> String {
        let node = self.node.map_or_else(|| "-".to_owned(), |node| node.to_string());
        format!("{}#{}#{}#{node}", keys::from_time(self.at), self.approval, self.stage)
    }

    fn key(&self) -> Key {
        keys::inbox(self.list.name(), &self.connection, &self.account, &self.position())
    }

    fn read(list: Inbox, connection: &str, account: &str, position: &str) -> Option<Self> {
        let mut parts = position.split('#');
        let (at, approval) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        let (stage, node) = (parts.next()?.parse().ok()?, parts.next()?);
        let node = if node == "-" { None } else { Some(node.parse().ok()?) };
        let (connection, account) = (connection.to_owned(), account.to_owned());
        Some(Self { list, connection, account, at, approval, stage, node })
    }
}

impl Store {
    /// Puts a row into its list, for what an approval is at this version. A row that a later version has put stays.
    ///
    /// # Errors
    /// The table's own.
    pub async fn put_inbox_row(&self, row: &InboxRow, version: u64) -> Result<(), Error> {
        // A row of a later version, or of this one: the change was handed in before.
        self.put(blank(&row.key(), "inbox", version), Condition::Older(version)).await.map(drop)
    }

    /// Takes a row out of its list, unless a later version than this has put it.
    ///
    /// # Errors
    /// The table's own.
    pub async fn remove_inbox_row(&self, row: &InboxRow, version: u64) -> Result<(), Error> {
        self.remove(&row.key(), Condition::Older(version)).await.map(drop)
    }

    /// The newest rows of a list before a position, at most so many.
    ///
    /// # Errors
    /// The table's own.
    pub async fn inbox(
        &self,
        list: Inbox,
        connection: &str,
        account: &str,
        before: Option<&str>,
        limit: u16,
    ) -> Result<Vec<InboxRow>, Error> {
        let pk = keys::inbox(list.name(), connection, account, "").pk;
        let range = before.map_or(Range::All, |position| Range::Before(position.to_owned()));
        let query = Query { index: None, pk: &pk, range, limit, cursor: None, forward: false };
        let page = self.query(&query).await?;
        let position = |item: &Item| item.get(SK).and_then(|value: &AttributeValue| value.as_s().ok()).cloned();
        let rows = page.items.iter().filter_map(position);
        Ok(rows.filter_map(|position| InboxRow::read(list, connection, account, &position)).collect())
    }
}
