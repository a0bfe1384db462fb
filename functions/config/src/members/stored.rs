//! Writing members, together with the ways that lead to them: from what a source calls them, their accounts, mobile number and
//! e-mail address, and their roles.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use countersign::engine::App;
use countersign::ids::{ConnectionId, MemberId, OrgId, SourceId, WorkspaceId};
use countersign::providers::Mobile;
use countersign::resources::FieldErrors;
use countersign::resources::{Connection, Member};
use countersign::store::members::{
    Claim, claim_source_id, folded, give_email, give_role, holder, release_source_id, take_email, take_role,
};
use countersign::store::resources::{create_write, update_write};
use countersign::store::transaction::MAX_WRITES;
use countersign::store::{Error, Resource, Versioned, Write};

use super::not_stored::{NotStored, Wanted};
use crate::owners::{self, LastOwner, Leaving};

/// Most sources that call a member something.
pub(super) const MAX_SOURCE_IDS: usize = 20;
/// Most roles of a member.
pub(super) const MAX_ROLES: usize = 20;
/// Most accounts of a member.
pub(super) const MAX_ACCOUNTS: usize = 50;
/// A member with all of it can be made and deleted in one transaction.
const _: () = assert!(4 + MAX_SOURCE_IDS + MAX_ROLES + MAX_ACCOUNTS <= MAX_WRITES);

/// What leads to a member.
struct Ways<'a> {
    source_ids: BTreeMap<&'a SourceId, &'a str>,
    /// With the workspaces in which they count.
    roles: BTreeMap<&'a str, &'a [WorkspaceId]>,
}

impl<'a> Ways<'a> {
    const NONE: Ways<'static> = Ways { source_ids: BTreeMap::new(), roles: BTreeMap::new() };

    fn of(member: &'a Member) -> Self {
        Self {
            source_ids: member.source_ids.iter().map(|(source, id)| (source, id.as_str())).collect(),
            roles: member.roles.iter().map(|role| (role.as_str(), member.workspaces.as_slice())).collect(),
        }
    }
}

/// What only one member may have, and where it stands in the member's JSON.
type Claims = BTreeMap<Claim, String>;

/// What only this member may have. Accounts are compared as their platform compares them.
async fn claims(app: &App, member: Option<&Member>) -> Result<Claims, Error> {
    let Some(member) = member else { return Ok(Claims::new()) };
    let ids: Vec<&str> = member.accounts.keys().map(ConnectionId::as_str).collect();
    let connections = app.store.get_many::<Connection>(&member.org, &ids).await?;
    Ok(claims_on(&connections, member))
}

/// The same, where the connections of the member's accounts were read.
fn claims_on(connections: &[Versioned<Connection>], member: &Member) -> Claims {
    let mut claims = Claims::new();
    for (connection, account) in &member.accounts {
        let found = connections.iter().find(|found| found.value.id == *connection);
        let ids = found
            .and_then(|found| found.value.provider().ok())
            .map(|provider| provider.account_ids())
            .unwrap_or_default();
        let claim = Claim::Account(connection.to_string(), ids.key(account).into_owned());
        claims.insert(claim, format!("/accounts/{connection}"));
    }
    // One that was stored before numbers were checked may be none.
    if let Some(mobile) = member.mobile.as_deref().and_then(Mobile::parse) {
        claims.insert(Claim::Mobile(mobile.to_string()), "/mobile".to_owned());
    }
    claims
}

/// Makes these members findable who were stored before accounts, numbers and addresses led to a member. What another has by now
/// stays with the other.
pub(crate) async fn index(app: &App, org: &OrgId, members: &[Versioned<Member>]) -> Result<(), Error> {
    let ids: BTreeSet<&str> =
        members.iter().flat_map(|member| member.value.accounts.keys()).map(ConnectionId::as_str).collect();
    let ids: Vec<&str> = ids.into_iter().collect();
    let connections = app.store.get_many::<Connection>(org, &ids).await?;
    let of_each: Vec<Vec<Claim>> =
        members.iter().map(|member| claims_on(&connections, &member.value).into_keys().collect()).collect();
    let mut holders = app.store.members_by_claims(org, &of_each.concat()).await?.into_iter();
    let emails: Vec<(&str, &MemberId)> =
        members.iter().filter_map(|found| Some((found.value.email.as_deref()?, &found.value.id))).collect();
    let leads: HashMap<&MemberId, bool> =
        emails.iter().map(|(_, id)| *id).zip(app.store.emails_lead(org, &emails).await?).collect();
    for (member, claims) in members.iter().zip(of_each) {
        let held = holders.by_ref().take(claims.len()).collect::<Vec<_>>();
        let free = claims.iter().zip(held).filter(|(_, holder)| holder.is_none());
        let mut writes: Vec<Write> = free.map(|(claim, _)| claim.take(org, &member.value.id)).collect();
        if let Some(email) = member.value.email.as_deref().filter(|_| leads.get(&member.value.id) == Some(&false)) {
            writes.push(give_email(org, email, &member.value.id));
        }
        if !writes.is_empty() {
            writes.insert(0, update_write(&member.value, member.version)?);
            // Somebody who changes the member at the same time makes it findable too.
            _ = app.store.transact(writes).await?;
        }
    }
    Ok(())
}

/// The writes of a change: the member's own first, then what others may stand in the way of, then the rest.
struct Change {
    writes: Vec<Write>,
    wanted: Vec<Wanted>,
}

impl Change {
    /// The change from one state of a member to the next; `None` where there is none.
    async fn new(app: &App, own: Write, old: Option<&Member>, new: Option<&Member>) -> Result<Self, NotStored> {
        let Some(member) = new.or(old) else { return Ok(Self { writes: vec![own], wanted: Vec::new() }) };
        let mut change = Self { writes: vec![own], wanted: Vec::new() };
        let (before, after) = (old.map_or(Ways::NONE, Ways::of), new.map_or(Ways::NONE, Ways::of));
        for (source, id) in &after.source_ids {
            if before.source_ids.get(source) != Some(id) {
                change.writes.push(claim_source_id(source, id, &member.id));
                change.wanted.push(Wanted::SourceId((*source).clone()));
            }
        }
        change.claims(app, member, &claims(app, old).await?, claims(app, new).await?).await?;
        change.ways(member, &before, &after);
        if let Some(email) = new.and_then(|new| new.email.as_deref()) {
            change.writes.push(give_email(&member.org, email, &member.id));
        }
        let same =
            |email: &str| new.and_then(|new| new.email.as_deref()).is_some_and(|now| folded(now) == folded(email));
        if let Some(email) = old.and_then(|old| old.email.as_deref()).filter(|email| !same(email)) {
            change.writes.push(take_email(&member.org, email, &member.id));
        }
        if old.is_some_and(Member::is_owner) && !new.is_some_and(Member::is_owner) {
            let leaves = owners::without(app, &member.org, &Leaving::Member(&member.id)).await?;
            change.writes.push(leaves.map_err(|LastOwner| NotStored::LastOwner)?);
        }
        if change.writes.len() > MAX_WRITES {
            let detail = "changes too much at once: change `accounts`, `source_ids` and `roles` in several requests";
            let mut errors = FieldErrors::new();
            errors.push("", detail);
            return Err(NotStored::Invalid(errors));
        }
        Ok(change)
    }

    /// Takes what is not the member's yet, also where it was stored before this was guarded, and gives back what is no more.
    async fn claims(&mut self, app: &App, member: &Member, old: &Claims, new: Claims) -> Result<(), NotStored> {
        let released: Vec<Claim> = old.keys().filter(|claim| !new.contains_key(claim)).cloned().collect();
        let all: Vec<Claim> = new.keys().chain(&released).cloned().collect();
        let holders = app.store.members_by_claims(&member.org, &all).await?;
        let mut holders = holders.into_iter();
        for (claim, pointer) in new {
            match holders.next().flatten() {
                Some(holder) if holder == member.id => {}
                Some(holder) => return Err(NotStored::Taken(Wanted::claim(&claim, pointer), Some(holder))),
                None => {
                    self.writes.push(claim.take(&member.org, &member.id));
                    self.wanted.push(Wanted::claim(&claim, pointer));
                }
            }
        }
        let own = released.iter().zip(holders).filter(|(_, holder)| holder.as_ref() == Some(&member.id));
        self.writes.extend(own.map(|(claim, _)| claim.release(&member.org)));
        Ok(())
    }

    fn ways(&mut self, member: &Member, old: &Ways<'_>, new: &Ways<'_>) {
        let released = old.source_ids.iter().filter(|(source, id)| new.source_ids.get(*source) != Some(*id));
        self.writes.extend(released.map(|(source, id)| release_source_id(source, id)));
        let given = new.roles.iter().filter(|(role, workspaces)| old.roles.get(*role) != Some(*workspaces));
        self.writes.extend(given.map(|(role, workspaces)| give_role(&member.org, role, &member.id, workspaces)));
        let taken = old.roles.keys().filter(|role| !new.roles.contains_key(*role));
        self.writes.extend(taken.map(|role| take_role(&member.org, role, &member.id)));
    }

    async fn write(mut self, app: &App) -> Result<(), NotStored> {
        let Err(refusal) = app.store.transact(self.writes).await? else { return Ok(()) };
        // The member's own write is the first.
        let index = refusal.index.checked_sub(1).filter(|index| *index < self.wanted.len());
        Err(match index {
            Some(index) => NotStored::Taken(self.wanted.swap_remove(index), holder(refusal.current)),
            None => NotStored::Changed,
        })
    }
}

/// Stores a new member.
pub(crate) async fn create(app: &App, member: &Member) -> Result<(), NotStored> {
    let change = Change::new(app, create_write(member)?, None, Some(member)).await?;
    change.write(app).await
}

/// Replaces a member that is still at this version; answers with the new version. Whoever is switched off by it, or has gone from a
/// platform, is signed out, and stays so when they are back; whoever becomes an administrator signs in anew.
pub(crate) async fn replace(app: &App, old: &Versioned<Member>, new: &Member) -> Result<u64, NotStored> {
    let epoch = old.value.epoch + u64::from(new.is_signed_out_since(&old.value));
    let new = &Member { epoch, ..new.clone() };
    let own = update_write(new, old.version)?;
    Change::new(app, own, Some(&old.value), Some(new)).await?.write(app).await?;
    Ok(old.version + 1)
}

/// Deletes a member.
pub(super) async fn remove(app: &App, found: &Versioned<Member>) -> Result<(), NotStored> {
    let member = &found.value;
    let own = Write::delete_if_version(member.key(), found.version);
    Change::new(app, own, Some(member), None).await?.write(app).await
}
