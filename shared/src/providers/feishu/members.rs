//! Finding people. Contact calls are not counted in the monthly quota. What the app may not see of a person is
//! absent, and no error.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::client::{Api, BY_OPEN_ID};
use super::template::segment;
use crate::providers::failure::Failure;
use crate::providers::lenient::{items, text};
use crate::providers::{Contact, DirectoryEntry, Error, MOST_ENTRIES, Mobile};

/// The department above all others.
const ROOT: &str = "0";
/// Largest page of contact calls.
const PAGE: &str = "50";
/// Most departments that are walked through in one go, and most pages of one list.
const MOST_DEPARTMENTS: usize = 200;
const MOST_PAGES: usize = 100;
/// Departments are named by their open ids.
const BY_OPEN_DEPARTMENT: (&str, &str) = ("department_id_type", "open_department_id");

/// The open id of the person with this mobile number: bare for the mainland, else with `+` and the country's code.
pub(super) async fn by_mobile(api: &Api<'_>, mobile: &str) -> Result<String, Failure> {
    look_up(api, "mobiles", &Mobile::shorten(mobile)).await
}

/// The open id of the person with this e-mail address: that of the contacts, not of the company's mailbox.
pub(super) async fn by_email(api: &Api<'_>, email: &str) -> Result<String, Failure> {
    look_up(api, "emails", email.trim()).await
}

async fn look_up(api: &Api<'_>, list: &str, value: &str) -> Result<String, Failure> {
    let body = json!({list: [value], "include_resigned": false});
    let answer = api.post_by_open_id("/contact/v3/users/batch_get_id", &body).await?;
    // Who is not found comes back without an id.
    items(&answer["user_list"]).iter().find_map(|user| text(&user["user_id"])).ok_or_else(|| {
        let message = "nobody in the app's contact range (通讯录权限范围) has it".to_owned();
        Error::NotFound { code: "user_not_found".to_owned(), message }.into()
    })
}

/// Everybody in a department and those below it.
pub(super) async fn directory(api: &Api<'_>, department: Option<&str>) -> Result<Vec<DirectoryEntry>, Failure> {
    let root = department.unwrap_or(ROOT);
    let too_large = || Failure::refused("directory_too_large", "there are too many people: name a department");
    let below = format!("/contact/v3/departments/{}/children", segment(root));
    let mut departments = vec![root.to_owned()];
    pages(api, &below, &[BY_OPEN_DEPARTMENT, ("fetch_child", "true")], |department| {
        departments.extend(text(&department["open_department_id"]));
        departments.len() <= MOST_DEPARTMENTS
    })
    .await?;
    if departments.len() > MOST_DEPARTMENTS {
        return Err(too_large());
    }
    let (mut found, mut known) = (Vec::new(), BTreeSet::new());
    for department in &departments {
        let query = [BY_OPEN_ID, BY_OPEN_DEPARTMENT, ("department_id", department)];
        pages(api, "/contact/v3/users/find_by_department", &query, |user| {
            // Who is in several departments comes once.
            found.extend(entry(user).filter(|entry| known.insert(entry.account.clone())));
            found.len() <= MOST_ENTRIES
        })
        .await?;
        if found.len() > MOST_ENTRIES {
            return Err(too_large());
        }
    }
    Ok(found)
}

/// Takes each item of a paged list, until `take` says that it is enough.
async fn pages(
    api: &Api<'_>,
    path: &str,
    query: &[(&str, &str)],
    mut take: impl FnMut(&Value) -> bool + Send,
) -> Result<(), Failure> {
    let mut next = String::new();
    for _ in 0..MOST_PAGES {
        let mut query = query.to_vec();
        query.push(("page_size", PAGE));
        if !next.is_empty() {
            query.push(("page_token", &next));
        }
        let answer = api.get(path, &query).await?;
        if !items(&answer["items"]).iter().all(&mut take) {
            return Ok(());
        }
        match text(&answer["page_token"]) {
            Some(token) if answer["has_more"] == true && token != next => next = token,
            _ => return Ok(()),
        }
    }
    Err(Failure::refused("directory_too_large", "there are too many pages: name a department"))
}

/// A person; who has left is nobody.
fn entry(user: &Value) -> Option<DirectoryEntry> {
    if user["status"]["is_resigned"] == true {
        return None;
    }
    let contact = Contact { name: text(&user["name"]), mobile: number(&user["mobile"]), email: text(&user["email"]) };
    Some(DirectoryEntry { account: text(&user["open_id"])?, contact })
}

/// A mobile number, in one form.
fn number(value: &Value) -> Option<String> {
    text(value).and_then(|mobile| Mobile::parse(&mobile)).map(|mobile| mobile.to_string())
}
