//! Writing members, together with the ways that lead to them: from what a source calls them, and from their roles.

use std::collections::BTreeMap;

use countersign::config::Member;
use countersign::http::resource::lost;
use countersign::http::{App, IfMatch, Problem};
use countersign::ids::{SourceId, WorkspaceId};
use countersign::store::members::{claim_source_id, give_role, holder, release_source_id, take_role};
use countersign::store::resources::{create_write, update_write};
use countersign::store::transaction::MOST_WRITES;
use countersign::store::{Current, Error, Resource, Versioned, Write};

/// Most sources that call a member something.
pub(super) const MOST_SOURCE_IDS: usize = 20;
/// Most roles of a member.
pub(super) const MOST_ROLES: usize = 20;
/// A change may replace every one of both.
const _: () = assert!(1 + 2 * MOST_SOURCE_IDS + 2 * MOST_ROLES <= MOST_WRITES);

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

/// The writes of a change: the member's own first, then the claims, then the rest.
struct Change<'a> {
    writes: Vec<Write>,
    claimed: Vec<&'a SourceId>,
}

impl<'a> Change<'a> {
    fn new(own: Write, member: &'a Member, old: &Ways<'_>, new: &Ways<'a>) -> Self {
        let mut change = Self { writes: vec![own], claimed: Vec::new() };
        for (source, id) in &new.source_ids {
            if old.source_ids.get(source) != Some(id) {
                change.writes.push(claim_source_id(source, id, &member.id));
                change.claimed.push(source);
            }
        }
        let released = old.source_ids.iter().filter(|(source, id)| new.source_ids.get(*source) != Some(*id));
        change.writes.extend(released.map(|(source, id)| release_source_id(source, id)));
        let given = new.roles.iter().filter(|(role, workspaces)| old.roles.get(*role) != Some(*workspaces));
        change.writes.extend(given.map(|(role, workspaces)| give_role(&member.org, role, &member.id, workspaces)));
        let taken = old.roles.keys().filter(|role| !new.roles.contains_key(*role));
        change.writes.extend(taken.map(|role| take_role(&member.org, role, &member.id)));
        change
    }

    async fn write(self, app: &App, if_match: &IfMatch) -> Result<(), Problem> {
        let Err(refusal) = app.store.transact(self.writes).await? else { return Ok(()) };
        match refusal.index.checked_sub(1).and_then(|index| self.claimed.get(index)) {
            Some(source) => Err(taken(source, refusal.current)),
            None => Err(lost(Error::Conflict { current: Current::default() }, if_match)),
        }
    }
}

/// 409: another member has what the source calls this one.
fn taken(source: &SourceId, current: Current) -> Problem {
    let pointer = format!("/source_ids/{source}");
    let problem = Problem::conflict("source_id_taken", "the source calls another member so").at(pointer);
    match holder(current) {
        Some(member) => problem.with("used_by", member.as_str()),
        None => problem,
    }
}

/// Stores a new member.
pub(super) async fn create(app: &App, member: &Member) -> Result<(), Problem> {
    let change = Change::new(create_write(member)?, member, &Ways::NONE, &Ways::of(member));
    change.write(app, &IfMatch::Any).await
}

/// Replaces a member that is still at this version; answers with the new version.
pub(super) async fn replace(
    app: &App,
    old: &Versioned<Member>,
    new: &Member,
    if_match: &IfMatch,
) -> Result<u64, Problem> {
    let own = update_write(new, old.version)?;
    Change::new(own, new, &Ways::of(&old.value), &Ways::of(new)).write(app, if_match).await?;
    Ok(old.version + 1)
}

/// Deletes a member.
pub(super) async fn remove(app: &App, found: &Versioned<Member>, if_match: &IfMatch) -> Result<(), Problem> {
    let member = &found.value;
    let own = Write::delete_if_version(member.key(), found.version);
    Change::new(own, member, &Ways::of(member), &Ways::NONE).write(app, if_match).await
}
