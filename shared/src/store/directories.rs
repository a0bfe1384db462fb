//! How far the taking over of a connection's directory is: one item for each connection, and for each page of it one more with the
//! accounts that were seen. They go by themselves some time after the last page.

use std::collections::HashSet;

use aws_sdk_dynamodb::types::AttributeValue;
use serde::{Deserialize, Serialize};

use super::schema::TTL;
use super::{Consistency, Error, Item, Query, Range, Store, blank, corrupt, decode, keys, version};
use crate::ids::ConnectionId;
use crate::providers::directory::Step;

/// How long what is kept of a run stays after its last page, in milliseconds.
pub const KEPT: i64 = 24 * 60 * 60 * 1000;
const ACCOUNTS: &str = "accounts";
/// Most steps that may wait: they stand in one item.
pub const MAX_STEPS: usize = 10_000;

/// A run through a connection's directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// Which run: another has another.
    pub id: String,
    /// The platform's id of the department that was asked for; `None` for everything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub department: Option<String>,
    /// How many pages are done.
    pub page: u32,
    /// What is being done.
    pub phase: Phase,
    /// What is to be read, the next one last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<Step>,
    /// What the run has done so far.
    pub tally: Tally,
    /// What could not be read, at most [`MAX_LISTED`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unreadable: Vec<Unreadable>,
    /// Whose mobile number another member has, at most [`MAX_LISTED`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub without_mobile: Vec<WithoutMobile>,
    /// Grows by one with every write; set by the store.
    #[serde(skip)]
    version: u64,
}

/// Most entries of a run's lists of what went another way.
pub const MAX_LISTED: usize = 100;

/// What a run is doing. `after` says where a list of the organisation's members goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Phase {
    /// Makes members findable by account, number and address who were stored before that was kept.
    Index {
        /// See [`Phase`].
        after: Option<String>,
    },
    /// Takes over the platform's people.
    Read,
    /// Looks for members whom the platform no longer has.
    Leavers {
        /// See [`Phase`].
        after: Option<String>,
    },
    /// All is done.
    Done,
}

/// How many people it was.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Became members.
    pub created: u64,
    /// Were members, and got their account.
    pub bound: u64,
    /// Were members with the account.
    pub unchanged: u64,
    /// Are members whom the platform no longer has.
    pub left: u64,
}

/// Something that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unreadable {
    /// The platform's id of the department, group or person.
    pub id: String,
    /// Why, for people.
    pub detail: String,
}

/// Somebody who became a member without their mobile number, which another member has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WithoutMobile {
    /// Platform account id.
    pub account: String,
    /// The new member.
    pub member: String,
    /// Who has the number, if that was seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used_by: Option<String>,
}

impl Run {
    /// A run that has done nothing yet.
    #[must_use]
    pub fn new(id: String, department: Option<String>) -> Self {
        let steps = vec![department.clone().map_or(Step::ALL, Step::department)];
        Self {
            id,
            department,
            page: 0,
            phase: Phase::Index { after: None },
            steps,
            tally: Tally::default(),
            unreadable: Vec::new(),
            without_mobile: Vec::new(),
            version: 0,
        }
    }

    fn item(&self, connection: &ConnectionId, version: u64, now: i64) -> Result<Item, Error> {
        let key = keys::directory(connection);
        let body: Item = serde_dynamo::to_item(self).map_err(|_| Error::Corrupt { key: key.to_string() })?;
        let mut item = blank(&key, "directory", version);
        item.extend(body);
        item.insert(TTL.into(), AttributeValue::N(((now + KEPT) / 1000).to_string()));
        Ok(item)
    }
}

impl Store {
    /// The last run through a connection's directory, while it is kept.
    ///
    /// # Errors
    /// The table's own.
    pub async fn directory_run(&self, connection: &ConnectionId) -> Result<Option<Run>, Error> {
        let Some(item) = self.get_item(&keys::directory(connection), Consistency::Strong).await? else {
            return Ok(None);
        };
        let version = version(&item)?;
        let mut run: Run = decode(item)?;
        run.version = version;
        Ok(Some(run))
    }

    /// Replaces the run before with a new one, whatever that was.
    ///
    /// # Errors
    /// The table's own.
    pub async fn begin_directory_run(&self, connection: &ConnectionId, run: &mut Run, now: i64) -> Result<(), Error> {
        let before = self.directory_run(connection).await?.map_or(0, |run| run.version);
        run.version = before;
        self.write_directory_run(connection, run, now).await
    }

    /// Writes how far a run is, if nobody else has since it was read. `now` in milliseconds.
    ///
    /// # Errors
    /// [`Error::Conflict`] or [`Error::AlreadyExists`] when somebody else was faster; or the table's own.
    pub async fn write_directory_run(&self, connection: &ConnectionId, run: &mut Run, now: i64) -> Result<(), Error> {
        let next = run.version + 1;
        let item = run.item(connection, next, now)?;
        if run.version == 0 {
            self.put_new(item).await?;
        } else {
            self.put_if_version(item, run.version).await?;
        }
        run.version = next;
        Ok(())
    }

    /// Keeps the accounts that the page under way has seen. The same page may be done again, and then says it anew.
    ///
    /// # Errors
    /// The table's own.
    pub async fn keep_seen(
        &self,
        connection: &ConnectionId,
        run: &Run,
        accounts: &[String],
        now: i64,
    ) -> Result<(), Error> {
        if accounts.is_empty() {
            return Ok(());
        }
        let mut item = blank(&keys::directory_page(connection, &run.id, run.page), "directory_page", 1);
        let accounts = accounts.iter().cloned().map(AttributeValue::S).collect();
        item.insert(ACCOUNTS.into(), AttributeValue::L(accounts));
        item.insert(TTL.into(), AttributeValue::N(((now + KEPT) / 1000).to_string()));
        self.put_item(item).await
    }

    /// The accounts that the pages of a run have seen which are done.
    ///
    /// # Errors
    /// The table's own.
    pub async fn seen(&self, connection: &ConnectionId, run: &Run) -> Result<HashSet<String>, Error> {
        let (pk, prefix) = (keys::directory(connection).pk, keys::directory_pages(&run.id));
        let (mut seen, mut cursor) = (HashSet::new(), None::<String>);
        if run.page == 0 {
            return Ok(seen);
        }
        let under_way = keys::directory_page(connection, &run.id, run.page);
        loop {
            let range = Range::StartsWith(prefix.clone());
            let query = Query { index: None, pk: &pk, range, limit: 100, cursor: cursor.as_deref(), forward: true };
            let page = self.query(&query).await?;
            for item in &page.items {
                // What is there of the page under way was left by one that did not come to its end.
                if super::Key::of(item).as_ref() == Some(&under_way) {
                    continue;
                }
                let accounts = item.get(ACCOUNTS).and_then(|value| value.as_l().ok()).ok_or_else(|| corrupt(item))?;
                seen.extend(accounts.iter().filter_map(|account| account.as_s().ok().cloned()));
            }
            cursor = page.next_cursor;
            if cursor.is_none() {
                return Ok(seen);
            }
        }
    }
}
