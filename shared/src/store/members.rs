//! From what a person is known by (what a source calls them, an account, a mobile number, an e-mail address) to the member, and
//! from a role to the members who have it.
//!
//! These items are written in one transaction with the member that they lead to, so none leads to somebody who is gone, and none
//! blocks an id after a crash.

use std::collections::{HashMap, HashSet};

use aws_sdk_dynamodb::types::AttributeValue;

use super::{Consistency, Current, Error, Item, Key, Query, Range, Store, Write, blank, corrupt, keys};
use crate::ids::{MemberId, OrgId, SourceId, WorkspaceId};

/// Attribute with the member's id.
const MEMBER: &str = "member";
/// Attribute with the ids of the member's workspaces; absent where there are none.
const WORKSPACES: &str = "workspaces";
/// Most members of a role that are looked at.
pub const MAX_WITH_ROLE: u16 = 500;
/// Longest id of a person that a source has, in characters.
pub const MAX_SOURCE_ID: usize = 256;

/// Claims what a source calls a person for a member; refused when another has it.
#[must_use]
pub fn claim_source_id(source: &SourceId, id: &str, member: &MemberId) -> Write {
    let key = keys::member_source_id(source, id);
    Write::put_new(leading_to(&key, "SOURCE_ID", member))
}

/// What only one member of an organisation may have.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Claim {
    /// An account on a connection: the connection's id, and the account as its platform's are compared.
    Account(String, String),
    /// A mobile number, as E.164.
    Mobile(String),
}

impl Claim {
    fn key(&self, org: &OrgId) -> Key {
        match self {
            Self::Account(connection, account) => keys::member_account(org, connection, account),
            Self::Mobile(mobile) => keys::member_mobile(org, mobile),
        }
    }

    /// Makes it a member's; refused when another has it.
    #[must_use]
    pub fn take(&self, org: &OrgId, member: &MemberId) -> Write {
        Write::put_new(leading_to(&self.key(org), "MEMBER_CLAIM", member))
    }

    /// Gives it back.
    #[must_use]
    pub fn release(&self, org: &OrgId) -> Write {
        Write::delete(self.key(org))
    }
}

fn leading_to(key: &Key, kind: &str, member: &MemberId) -> Item {
    let mut item = blank(key, kind, 1);
    item.insert(MEMBER.to_owned(), AttributeValue::S(member.as_str().to_owned()));
    item
}

/// Leads from an e-mail address to a member who has it.
#[must_use]
pub fn give_email(org: &OrgId, email: &str, member: &MemberId) -> Write {
    Write::put(leading_to(&keys::member_email(org, &folded(email), member), "MEMBER_EMAIL", member))
}

/// No longer leads there.
#[must_use]
pub fn take_email(org: &OrgId, email: &str, member: &MemberId) -> Write {
    Write::delete(keys::member_email(org, &folded(email), member))
}

/// An e-mail address as addresses are compared.
#[must_use]
pub fn folded(email: &str) -> String {
    email.trim().to_lowercase()
}

/// Gives it back.
#[must_use]
pub fn release_source_id(source: &SourceId, id: &str) -> Write {
    Write::delete(keys::member_source_id(source, id))
}

/// The member of a claim that stood in the way.
#[must_use]
pub fn holder(current: Current) -> Option<MemberId> {
    current.into_item().and_then(|item| member(&item).ok())
}

/// Leads from a role to a member who has it, in these workspaces.
#[must_use]
pub fn give_role(org: &OrgId, role: &str, member: &MemberId, workspaces: &[WorkspaceId]) -> Write {
    let mut item = blank(&keys::member_role(org, role, member), "MEMBER_ROLE", 1);
    if !workspaces.is_empty() {
        let ids = workspaces.iter().map(|id| AttributeValue::S(id.as_str().to_owned()));
        item.insert(WORKSPACES.to_owned(), AttributeValue::L(ids.collect()));
    }
    Write::put(item)
}

/// No longer leads there.
#[must_use]
pub fn take_role(org: &OrgId, role: &str, member: &MemberId) -> Write {
    Write::delete(keys::member_role(org, role, member))
}

/// Who has a role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WithRole {
    /// These, in the order of their ids.
    Members(Vec<MemberId>),
    /// More than [`MAX_WITH_ROLE`]: nobody is asked then, since the rest would be left out.
    TooMany,
}

impl Store {
    /// The member whom a source calls by this id; a source belongs to one organisation, and so does the member.
    ///
    /// # Errors
    /// [`Error::Corrupt`], [`Error::Throttled`] or [`Error::Unavailable`].
    pub async fn member_by_source_id(&self, source: &SourceId, id: &str) -> Result<Option<MemberId>, Error> {
        if !may_be_claimed(id) {
            return Ok(None);
        }
        let found = self.get_item(&keys::member_source_id(source, id), Consistency::Strong).await?;
        found.map(|item| member(&item)).transpose()
    }

    /// The members whom a source calls by these ids, in their order: `None` for one that nobody has. One request for up to a
    /// hundred.
    ///
    /// # Errors
    /// As [`Store::member_by_source_id`].
    pub async fn members_by_source_ids(&self, source: &SourceId, ids: &[&str]) -> Result<Vec<Option<MemberId>>, Error> {
        let key = |id: &str| keys::member_source_id(source, id);
        let wanted: Vec<Key> = ids.iter().filter(|id| may_be_claimed(id)).map(|id| key(id)).collect();
        let items = self.batch_get(&wanted, Consistency::Strong).await?;
        let found = items.iter().map(|item| Ok((Key::of(item), member(item)?))).collect::<Result<Vec<_>, Error>>()?;
        let of = |id: &&str| {
            let key = Some(key(id));
            found.iter().find(|(other, _)| *other == key).map(|(_, member)| member.clone())
        };
        Ok(ids.iter().map(of).collect())
    }

    /// The members of an organisation who have these, in their order: `None` for what nobody has. One request for up to a hundred.
    ///
    /// # Errors
    /// As [`Store::member_by_source_id`].
    pub async fn members_by_claims(&self, org: &OrgId, claims: &[Claim]) -> Result<Vec<Option<MemberId>>, Error> {
        let may_be = |claim: &&Claim| match claim {
            Claim::Account(_, text) | Claim::Mobile(text) => may_be_claimed(text),
        };
        let wanted: Vec<Key> = claims.iter().filter(may_be).map(|claim| claim.key(org)).collect();
        let items = self.batch_get(&wanted, Consistency::Strong).await?;
        let found = items.iter().map(|item| Ok((Key::of(item), member(item)?)));
        let found = found.collect::<Result<HashMap<_, _>, Error>>()?;
        Ok(claims.iter().map(|claim| found.get(&Some(claim.key(org))).cloned()).collect())
    }

    /// Whether these e-mail addresses lead to these members, in their order. One request for up to a hundred.
    ///
    /// # Errors
    /// As [`Store::member_by_source_id`].
    pub async fn emails_lead(&self, org: &OrgId, emails: &[(&str, &MemberId)]) -> Result<Vec<bool>, Error> {
        let key = |(email, member): &(&str, &MemberId)| keys::member_email(org, &folded(email), member);
        let wanted: Vec<Key> = emails.iter().map(key).collect();
        let items = self.batch_get(&wanted, Consistency::Strong).await?;
        let found: HashSet<Key> = items.iter().filter_map(Key::of).collect();
        Ok(wanted.iter().map(|key| found.contains(key)).collect())
    }

    /// The one member of an organisation who has this e-mail address; `None` where nobody has it, or several.
    ///
    /// # Errors
    /// As [`Store::member_by_source_id`].
    pub async fn member_by_email(&self, org: &OrgId, email: &str) -> Result<Option<MemberId>, Error> {
        if !may_be_claimed(email.trim()) {
            return Ok(None);
        }
        let pk = keys::member_emails(org, &folded(email));
        let query = Query { index: None, pk: &pk, range: Range::All, limit: 2, cursor: None, forward: true };
        match &self.query(&query).await?.items[..] {
            [only] => member(only).map(Some),
            _ => Ok(None),
        }
    }

    /// The one member of an organisation who has this account, on whichever connections; `None` where nobody has it, or several.
    ///
    /// # Errors
    /// As [`Store::member_by_source_id`].
    pub async fn member_by_any_account(&self, org: &OrgId, account: &str) -> Result<Option<MemberId>, Error> {
        if !may_be_claimed(account) {
            return Ok(None);
        }
        let pk = keys::member_accounts(org, account);
        let query = Query { index: None, pk: &pk, range: Range::All, limit: 100, cursor: None, forward: true };
        let mut found = self.query(&query).await?.items.iter().map(member).collect::<Result<Vec<_>, _>>()?;
        found.dedup();
        Ok(if found.len() == 1 { found.pop() } else { None })
    }

    /// The members who have a role: with a workspace, those who belong to it or to none. One query, however many members
    /// there are.
    ///
    /// # Errors
    /// [`Error::Corrupt`], [`Error::Throttled`] or [`Error::Unavailable`].
    pub async fn members_with_role(
        &self,
        org: &OrgId,
        role: &str,
        workspace: Option<&WorkspaceId>,
    ) -> Result<WithRole, Error> {
        let pk = keys::member_roles(org, role);
        let query =
            Query { index: None, pk: &pk, range: Range::All, limit: MAX_WITH_ROLE, cursor: None, forward: true };
        let page = self.query(&query).await?;
        if page.next_cursor.is_some() {
            return Ok(WithRole::TooMany);
        }
        let mut members = Vec::new();
        for item in &page.items {
            if workspace.is_none_or(|workspace| belongs(item, workspace)) {
                members.push(role_member(item)?);
            }
        }
        Ok(WithRole::Members(members))
    }
}

/// What comes from outside may be longer than what a member can be given; then nobody has it.
fn may_be_claimed(id: &str) -> bool {
    !id.is_empty() && id.chars().count() <= MAX_SOURCE_ID
}

fn member(item: &Item) -> Result<MemberId, Error> {
    let text = item.get(MEMBER).and_then(|value| value.as_s().ok());
    text.and_then(|text| text.parse().ok()).ok_or_else(|| corrupt(item))
}

fn role_member(item: &Item) -> Result<MemberId, Error> {
    Key::of(item).and_then(|key| key.sk.parse().ok()).ok_or_else(|| corrupt(item))
}

/// Whether the member of a role's entry belongs to the workspace, or to no workspace in particular.
fn belongs(item: &Item, workspace: &WorkspaceId) -> bool {
    let Some(Ok(workspaces)) = item.get(WORKSPACES).map(AttributeValue::as_l) else { return true };
    workspaces.iter().any(|id| id.as_s().is_ok_and(|id| id == workspace.as_str()))
}
