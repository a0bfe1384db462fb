//! Whoever is a member is shown as that member.
//!
//! Platforms and requests tell of accounts. Whose they are is looked up when an approval is submitted, when a change of it is
//! dispatched, and when it is shown; never in a callback. What dispatch finds is kept in the approval.

use std::collections::HashMap;

use crate::approval::{AccountIds, Person, Stage};
use crate::engine::App;
use crate::ids::{MemberId, OrgId};
use crate::providers::Mobile;
use crate::resources::{Approver, Member};
use crate::store::approvals::Record;
use crate::store::members::Claim;
use crate::store::{Error, Versioned};

/// The claim that leads from an account to the member who has it.
#[must_use]
pub fn claim(connection: &str, ids: AccountIds, account: &str) -> Claim {
    Claim::Account(connection.to_owned(), ids.key(account).into_owned())
}

/// The members of an organisation who have these, in their order. Two reads, however many there are (up to a hundred).
///
/// # Errors
/// The table's own.
pub async fn members(app: &App, org: &OrgId, claims: &[Claim]) -> Result<Vec<Option<Member>>, Error> {
    let ids = ids(app, org, claims).await?;
    let found = app.store.get_many::<Member>(org, &each_once(&ids)).await?;
    Ok(in_order(ids, found))
}

/// The same to show who somebody is: a member who cannot be read is shown as the account alone.
async fn readable_members(app: &App, org: &OrgId, claims: &[Claim]) -> Result<Vec<Option<Member>>, Error> {
    let ids = ids(app, org, claims).await?;
    let found = app.store.get_readable::<Member>(org, &each_once(&ids)).await?;
    Ok(in_order(ids, found))
}

async fn ids(app: &App, org: &OrgId, claims: &[Claim]) -> Result<Vec<Option<MemberId>>, Error> {
    if claims.is_empty() { Ok(Vec::new()) } else { app.store.members_by_claims(org, claims).await }
}

fn each_once(ids: &[Option<MemberId>]) -> Vec<&str> {
    let mut wanted: Vec<&str> = ids.iter().flatten().map(MemberId::as_str).collect();
    wanted.sort_unstable();
    wanted.dedup();
    wanted
}

fn in_order(ids: Vec<Option<MemberId>>, found: Vec<Versioned<Member>>) -> Vec<Option<Member>> {
    let found: HashMap<_, _> = found.into_iter().map(|member| (member.value.id.clone(), member.value)).collect();
    ids.into_iter().map(|id| id.and_then(|id| found.get(&id).cloned())).collect()
}

/// The member whom a mobile number, an e-mail address or an account on whichever connection leads to; `None` where it is
/// nobody's, or several people's.
///
/// # Errors
/// The table's own.
pub async fn member_named(app: &App, org: &OrgId, text: &str) -> Result<Option<MemberId>, Error> {
    if let Some(found) = by_mobile(app, org, Some(text)).await? {
        return Ok(Some(found));
    }
    if text.contains('@')
        && let Some(found) = app.store.member_by_email(org, text).await?
    {
        return Ok(Some(found));
    }
    let folded = AccountIds::KnowNoCase.key(text);
    let found = app.store.member_by_any_account(org, text).await?;
    if found.is_some() || folded == text {
        return Ok(found);
    }
    app.store.member_by_any_account(org, &folded).await
}

/// The member who has this mobile number or, where nobody has, this e-mail address.
///
/// # Errors
/// The table's own.
pub async fn member_reached(
    app: &App,
    org: &OrgId,
    mobile: Option<&str>,
    email: Option<&str>,
) -> Result<Option<Member>, Error> {
    let mut id = by_mobile(app, org, mobile).await?;
    if let (None, Some(email)) = (&id, email) {
        id = app.store.member_by_email(org, email).await?;
    }
    match id {
        Some(id) => member(app, org, &id).await,
        None => Ok(None),
    }
}

/// The member of this id, if the organisation has one.
///
/// # Errors
/// The table's own.
pub async fn member(app: &App, org: &OrgId, id: &MemberId) -> Result<Option<Member>, Error> {
    match app.store.get::<Member>(org, id.as_str()).await {
        Ok(found) => Ok(Some(found.value)),
        Err(Error::NotFound) => Ok(None),
        Err(error) => Err(error),
    }
}

async fn by_mobile(app: &App, org: &OrgId, mobile: Option<&str>) -> Result<Option<MemberId>, Error> {
    let Some(mobile) = mobile.and_then(Mobile::parse) else { return Ok(None) };
    let found = app.store.members_by_claims(org, &[Claim::Mobile(mobile.to_string())]).await?;
    Ok(found.into_iter().flatten().next())
}

/// Finds out who the people of these approvals of one organisation are, and keeps it in them; writes nothing. Answers whether
/// anything was found. `planned` says whether those too are looked up whom the plan names by account: they were no members at
/// the submit, and may be by now.
///
/// # Errors
/// The table's own.
pub async fn recognise(app: &App, records: &mut [&mut Record], planned: bool) -> Result<bool, Error> {
    let Some(org) = records.first().map(|record| record.org.clone()) else { return Ok(false) };
    let mut wanted: Vec<(usize, usize, String)> = Vec::new();
    let mut claims = Vec::new();
    for (index, record) in records.iter().enumerate() {
        for (at, stage) in record.state.stages.iter().enumerate() {
            for account in stage.strangers(planned) {
                claims.push(claim(&stage.connection, stage.account_ids, account));
                wanted.push((index, at, account.to_owned()));
            }
        }
    }
    let mut any = false;
    for ((index, at, account), member) in wanted.into_iter().zip(readable_members(app, &org, &claims).await?) {
        let stage = records.get_mut(index).and_then(|record| record.state.stages.get_mut(at));
        let (Some(stage), Some(member)) = (stage, member) else { continue };
        any |= stage.recognise(person(&member, account));
    }
    Ok(any)
}

/// Takes over from another state of the same approval who its people are. Answers whether anything is new.
pub fn take_over(record: &mut Record, known: &Record) -> bool {
    let stages = record.state.stages.iter_mut().zip(&known.state.stages);
    let learn = |(stage, known): (&mut Stage, &Stage)| {
        known.people.iter().fold(false, |any, person| stage.recognise(person.clone()) | any)
    };
    stages.map(learn).fold(false, |any, new| any | new)
}

/// A member, as the state keeps them.
#[must_use]
pub fn person(member: &Member, account: String) -> Person {
    Person { member: Some(member.id.to_string()), account: Some(account), name: Some(member.name.clone()) }
}

/// The one member whom an approver names: by id, mobile number or e-mail address. `None` where there is none, where several have it, and
/// for all other ways to name approvers.
///
/// # Errors
/// The table's own.
pub async fn one_member(app: &App, org: &OrgId, approver: &Approver) -> Result<Option<Member>, Error> {
    match approver {
        Approver::Member(id) => member(app, org, id).await,
        Approver::Mobile(mobile) => member_reached(app, org, Some(mobile), None).await,
        Approver::Email(email) => member_reached(app, org, None, Some(email)).await,
        _ => Ok(None),
    }
}
