//! That an organisation keeps an owner: a key of that role, or a member with that access.

use countersign::engine::App;
use countersign::http::Problem;
use countersign::ids::{KeyId, MemberId, OrgId};
use countersign::resources::{ApiKeyRecord, Member, Role};
use countersign::store::owners::owner_leaves;
use countersign::store::{Error, Resource, Versioned, Write};

/// So many are looked at together.
const BATCH: u16 = 200;

/// Who is to be an owner no more.
pub(crate) enum Leaving<'a> {
    Member(&'a MemberId),
    Key(&'a KeyId),
}

/// Nobody would be an owner any more.
#[derive(Debug)]
pub(crate) struct LastOwner;

impl From<LastOwner> for Problem {
    fn from(LastOwner: LastOwner) -> Self {
        let detail =
            "nobody would be an owner any more: appoint another member, or make a key of the role owner, first";
        Self::conflict("last_owner", detail)
    }
}

/// The write that goes with somebody's ceasing to be an owner, if another one is left. It fails if somebody else ceased to be one
/// meanwhile.
pub(crate) async fn without(app: &App, org: &OrgId, who: &Leaving<'_>) -> Result<Result<Write, LastOwner>, Error> {
    let before = app.store.owners_left(org).await?;
    let is_other_key = |key: &ApiKeyRecord| {
        let leaves = matches!(who, Leaving::Key(id) if **id == key.id);
        key.role == Role::Owner && key.revoked_at.is_none() && !leaves
    };
    let is_other_member = |member: &Member| {
        let leaves = matches!(who, Leaving::Member(id) if **id == member.id);
        member.is_owner() && !leaves
    };
    let is_left = any(app, org, is_other_key).await? || any(app, org, is_other_member).await?;
    Ok(if is_left { Ok(owner_leaves(org, before)) } else { Err(LastOwner) })
}

/// Whether one of the organisation's resources of a kind is such a one. The list may be a second old; whom it names is read as they are
/// now.
async fn any<T: Resource>(app: &App, org: &OrgId, is_one: impl Fn(&T) -> bool) -> Result<bool, Error> {
    let mut cursor: Option<String> = None;
    loop {
        let page = app.store.list::<T>(org, BATCH, cursor.as_deref()).await?;
        let found = page.items.iter().filter(|found| is_one(&found.value));
        let ids: Vec<&str> = found.map(|found| found.value.id()).collect();
        let now: Vec<Versioned<T>> = app.store.get_readable(org, &ids).await?;
        if now.iter().any(|found| is_one(&found.value)) {
            return Ok(true);
        }
        match page.next_cursor {
            Some(next) => cursor = Some(next),
            None => return Ok(false),
        }
    }
}
