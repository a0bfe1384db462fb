//! What the handlers of configuration resources have in common.

use std::collections::BTreeSet;

use axum::http::StatusCode;
use axum::response::Response;
use serde_json::Value;

use super::{IfMatch, ListQuery, Listing, Problem};
use crate::engine::App;
use crate::ids::OrgId;
use crate::resources::{FieldErrors, MAX_ENTRIES};
use crate::store::{Error, Resource, Row, Versioned};

/// Reads a resource of the organisation and checks that it is the version that the request means.
///
/// # Errors
/// 404, 412 for another version, or what the store's error is answered with.
pub async fn load<T: Resource>(app: &App, org: &OrgId, id: &str, if_match: &IfMatch) -> Result<Versioned<T>, Problem> {
    let found = app.store.get::<T>(org, id).await?;
    if_match.check(found.version)?;
    Ok(found)
}

/// Stores a changed resource; answers with its new version.
///
/// # Errors
/// See [`lost`].
pub async fn save<T: Resource>(app: &App, resource: &T, version: u64, if_match: &IfMatch) -> Result<u64, Problem> {
    app.store.update(resource, version).await.map_err(|error| lost(error, if_match))
}

/// Deletes a resource.
///
/// # Errors
/// See [`lost`].
pub async fn remove<T: Resource>(app: &App, found: &Versioned<T>, if_match: &IfMatch) -> Result<StatusCode, Problem> {
    app.store.delete(&found.value, found.version).await.map_err(|error| lost(error, if_match))?;
    Ok(StatusCode::NO_CONTENT)
}

/// What a failed write is answered with: a lost race is 412 for a request that named a version, 409 for one that did not.
#[must_use]
pub fn lost(error: Error, if_match: &IfMatch) -> Problem {
    match (error, if_match) {
        (Error::Conflict { .. }, IfMatch::OneOf(_)) => Problem::precondition_failed(),
        (error, _) => error.into(),
    }
}

/// Answers with one page of the organisation's resources of a kind. One that cannot be read, or of which `view` makes nothing, is
/// named as unreadable.
///
/// # Errors
/// 400 for a wrong `limit` or `cursor`, or what the store's error is answered with.
pub async fn list_of<T: Resource>(
    app: &App,
    org: &OrgId,
    query: &ListQuery,
    view: impl Fn(&T) -> Result<Value, Problem>,
) -> Result<Response, Problem> {
    let found = app.store.resource_rows::<T>(org, query.limit()?, query.cursor.as_deref()).await?;
    let mut listing = Listing::default();
    for Row { id, cursor, value } in found.rows {
        if !listing.take(id, cursor, value.map_err(Problem::from).and_then(|found| view(&found.value)))? {
            break;
        }
    }
    listing.answer(found.next_cursor)
}

/// Adds an error for each id of these that names no resource of the organisation. Lists that are wrong by their length
/// are not looked up.
///
/// # Errors
/// What the store's error is answered with; never what is wrong with the ids, which goes into `errors`.
pub async fn must_exist<T: Resource>(
    app: &App,
    org: &OrgId,
    named: &[(String, &str)],
    errors: &mut FieldErrors,
) -> Result<(), Problem> {
    if named.is_empty() || (named.len() > MAX_ENTRIES && !errors.is_empty()) {
        return Ok(());
    }
    let ids: Vec<&str> = named.iter().map(|(_, id)| *id).collect();
    let found = app.store.get_many::<T>(org, &ids).await?;
    let found: BTreeSet<&str> = found.iter().map(|found| found.value.id()).collect();
    for (pointer, id) in named {
        if !found.contains(id) {
            errors.push(pointer, format!("there is no `{id}`"));
        }
    }
    Ok(())
}

/// Refuses with 409 `in_use` when one of the organisation's resources of kind `T` uses what is to be deleted.
///
/// # Errors
/// That, or what the store's error is answered with.
pub async fn must_be_unused<T: Resource>(app: &App, org: &OrgId, uses: impl Fn(&T) -> bool) -> Result<(), Problem> {
    let mut cursor: Option<String> = None;
    loop {
        let page = app.store.list::<T>(org, 200, cursor.as_deref()).await?;
        if let Some(user) = page.items.iter().find(|found| uses(&found.value)) {
            let id = user.value.id();
            return Err(Problem::conflict("in_use", format!("`{id}` still uses it")).with("used_by", id));
        }
        match page.next_cursor {
            Some(next) => cursor = Some(next),
            None => return Ok(()),
        }
    }
}

/// Adds an error when a list has too many entries, or one twice.
pub fn check_list<T: PartialEq>(entries: &[T], pointer: &str, errors: &mut FieldErrors) {
    if entries.len() > MAX_ENTRIES {
        errors.push(pointer, format!("must have at most {MAX_ENTRIES} entries"));
        return;
    }
    for (index, entry) in entries.iter().enumerate() {
        if entries[..index].contains(entry) {
            errors.push(format!("{pointer}/{index}"), "is named twice");
        }
    }
}

/// Pointers to the entries of a list of ids, as [`must_exist`] takes them.
#[must_use]
pub fn pointed<'a, T: AsRef<str>>(ids: &'a [T], pointer: &str) -> Vec<(String, &'a str)> {
    ids.iter().enumerate().map(|(index, id)| (format!("{pointer}/{index}"), id.as_ref())).collect()
}
