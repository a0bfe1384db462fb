//! Sessions of people and keys that have signed in: one item each, found by the hash of what the browser holds.
//!
//! A session ends by itself: some hours after it was last used, some days after it began. It is also over when its member or key
//! says so by [`Session::mark`]; nobody has to find the items of a member for that.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::{AttributeValue, ReturnConsumedCapacity};
use serde::{Deserialize, Serialize};

use super::schema::{LIST, PK, TTL};
use super::{Consistency, Error, Item, Key, Page, Query, Range, Store, blank, decode, keys};
use crate::ids::{ConnectionId, KeyId, MemberId, OrgId, SessionId};

/// How long a session may go unused, in milliseconds: eight hours.
pub const MAX_IDLE: i64 = 8 * 60 * 60 * 1000;
/// How long a session lasts, however much it is used, in milliseconds: seven days.
pub const MAX_AGE: i64 = 7 * 24 * 60 * 60 * 1000;
/// A use is written down when the one before that was is longer ago than this, in milliseconds: five minutes.
const NOTED_EVERY: i64 = 5 * 60 * 1000;
const SEEN: &str = "seen_at";

/// Who has signed in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Holder {
    /// Whoever has a key.
    Key(KeyId),
    /// A person.
    Member(MemberId),
}

impl Holder {
    /// The id of the key or the member.
    #[must_use]
    pub fn id(&self) -> &str {
        match self {
            Self::Key(id) => id.as_str(),
            Self::Member(id) => id.as_str(),
        }
    }
}

/// A session.
#[derive(Clone, Serialize, Deserialize)]
pub struct Session {
    /// Its id, a hash of the browser's token.
    pub id: SessionId,
    /// The organisation.
    pub org: OrgId,
    /// Whose it is.
    pub holder: Holder,
    /// What its key or member had when it began: the session is over once they have another.
    pub mark: String,
    /// The connection through whose platform the person signed in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub via: Option<ConnectionId>,
    /// What the browser called itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// When it began, milliseconds.
    pub created_at: i64,
    /// When it was used, milliseconds, to some minutes.
    pub seen_at: i64,
}

impl Session {
    /// When it ends if it is not used again, milliseconds.
    #[must_use]
    pub const fn expires_at(&self) -> i64 {
        let (idle, old) = (self.seen_at.saturating_add(MAX_IDLE), self.created_at.saturating_add(MAX_AGE));
        if idle < old { idle } else { old }
    }

    /// Whether its use now is worth a write.
    #[must_use]
    pub const fn is_to_be_noted(&self, now: i64) -> bool {
        now.saturating_sub(self.seen_at) >= NOTED_EVERY
    }
}

impl Store {
    /// Begins a session.
    ///
    /// # Errors
    /// The table's own.
    pub async fn begin_session(&self, session: &Session) -> Result<(), Error> {
        let key = keys::session(&session.id);
        let mut item = blank(&key, "session", 1);
        let body: Item = serde_dynamo::to_item(session).map_err(|_| Error::Corrupt { key: key.to_string() })?;
        item.extend(body);
        item.insert(TTL.into(), AttributeValue::N(ttl(session)));
        item.insert(LIST.pk.into(), AttributeValue::S(keys::sessions(&session.org, session.holder.id())));
        item.insert(LIST.sk.into(), AttributeValue::S(keys::session_by_time(session.created_at, &session.id)));
        self.put_new(item).await
    }

    /// A session that is not over at `now` (milliseconds), read consistently. Whether its member or key still has the session's mark
    /// is for the caller to look at.
    ///
    /// # Errors
    /// The table's own.
    pub async fn session(&self, id: &SessionId, now: i64) -> Result<Option<Session>, Error> {
        let Some(item) = self.get_item(&keys::session(id), Consistency::Strong).await? else { return Ok(None) };
        let session: Session = decode(item)?;
        Ok((now < session.expires_at()).then_some(session))
    }

    /// Notes that a session is used at `now` (milliseconds), which puts off its end. `false` where it was ended meanwhile: it stays so.
    ///
    /// # Errors
    /// The table's own.
    pub async fn extend_session(&self, session: &Session, now: i64) -> Result<bool, Error> {
        let seen = Session { seen_at: now, ..session.clone() };
        let number = AttributeValue::N;
        let sent = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(keys::session(&session.id).item()))
            .update_expression("SET #s = :s, #t = :t")
            .condition_expression("attribute_exists(#pk)")
            .set_expression_attribute_names(Some(
                [("#s", SEEN), ("#t", TTL), ("#pk", PK)].map(|(name, of)| (name.to_owned(), of.to_owned())).into(),
            ))
            .set_expression_attribute_values(Some(HashMap::from([
                (":s".to_owned(), number(now.to_string())),
                (":t".to_owned(), number(ttl(&seen))),
            ])))
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await;
        Ok(self.written("UpdateItem", sent.map(|answer| answer.consumed_capacity))?.is_none())
    }

    /// Ends a session; one that is over already stays so.
    ///
    /// # Errors
    /// The table's own.
    pub async fn end_session(&self, id: &SessionId) -> Result<(), Error> {
        self.delete_item(&keys::session(id)).await
    }

    /// The sessions of a member or a key, the newest first. Those that began or ended in the last second or so may be missing or there
    /// still; those that are over may be among them.
    ///
    /// # Errors
    /// [`Error::InvalidCursor`] or the table's own.
    pub async fn sessions(
        &self,
        org: &OrgId,
        holder: &Holder,
        limit: u16,
        cursor: Option<&str>,
    ) -> Result<Page<Session>, Error> {
        let pk = keys::sessions(org, holder.id());
        let query = Query { index: Some(LIST), pk: &pk, range: Range::All, limit, cursor, forward: false };
        let page = self.query(&query).await?;
        let found: Vec<Key> = page.items.iter().filter_map(Key::of).collect();
        let items = self.batch_get(&found, Consistency::Strong).await?;
        let sessions = items.into_iter().map(decode).collect::<Result<Vec<Session>, _>>()?;
        Ok(page.with(sessions))
    }
}

/// When DynamoDB may remove the item, in seconds.
fn ttl(session: &Session) -> String {
    (session.expires_at() / 1000 + 1).to_string()
}
