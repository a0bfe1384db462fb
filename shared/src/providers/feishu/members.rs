//! Finding people. Contact calls are not counted in the monthly quota. What the app may not see of a person is
//! absent, and no error.

use serde_json::{Value, json};

use super::client::{Api, BY_OPEN_ID};
use super::template::segment;
use crate::providers::directory::{DirectoryEntry, Read, Step};
use crate::providers::failure::Failure;
use crate::providers::lenient::{items, text};
use crate::providers::{Contact, Error, Mobile};

/// Largest pages of contact calls.
const PAGE: (&str, &str) = ("page_size", "50");
const LARGE_PAGE: (&str, &str) = ("page_size", "100");
/// What stands before a group's pages of departments.
const DEPARTMENTS: &str = "d:";
/// Departments are named by their open ids.
const BY_OPEN_DEPARTMENT: (&str, &str) = ("department_id_type", "open_department_id");

/// The open id of the person with this mobile number: bare for the mainland, else with `+` and the country's code.
pub(super) async fn by_mobile(api: &Api<'_>, mobile: &str) -> Result<String, Failure> {
    lookup(api, "mobiles", &Mobile::shorten(mobile)).await
}

/// The open id of the person with this e-mail address: that of the contacts, not of the company's mailbox.
pub(super) async fn by_email(api: &Api<'_>, email: &str) -> Result<String, Failure> {
    lookup(api, "emails", email.trim()).await
}

async fn lookup(api: &Api<'_>, list: &str, value: &str) -> Result<String, Failure> {
    let body = json!({list: [value], "include_resigned": false});
    let answer = api.post_by_open_id("/contact/v3/users/batch_get_id", &body).await?;
    // Who is not found comes back without an id.
    items(&answer["user_list"]).iter().find_map(|user| text(&user["user_id"])).ok_or_else(|| {
        let message = "nobody in the app's contact range (通讯录权限范围) has it".to_owned();
        Error::NotFound { code: "user_not_found".to_owned(), message }.into()
    })
}

/// Takes one step through the directory.
pub(super) async fn read(api: &Api<'_>, step: &Step) -> Result<Read, Failure> {
    match step {
        Step::Scope { page } => scope(api, step, page.as_deref()).await,
        Step::Department { id, page } => department(api, step, id, page.as_deref()).await,
        Step::People { department, page } => people_of(api, step, department, page.as_deref()).await,
        Step::Person { account } => person(api, account).await,
        Step::Group { id, page } => group(api, step, id, page.as_deref()).await,
    }
}

/// What the app's contact range holds: the departments and people that were chosen; where that is everything, the departments
/// at the top and the people above them (unconfirmed).
async fn scope(api: &Api<'_>, step: &Step, page: Option<&str>) -> Result<Read, Failure> {
    let answer = list(api, "/contact/v3/scopes", &[BY_OPEN_ID, BY_OPEN_DEPARTMENT, LARGE_PAGE], page).await?;
    let groups = items(&answer["group_ids"]).iter().filter_map(text).map(Step::group);
    let people = items(&answer["user_ids"]).iter().filter_map(text).map(Step::person);
    let departments = items(&answer["department_ids"]).iter().filter_map(text).map(Step::department);
    Ok(Read::steps(next(step, &answer).into_iter().chain(groups).chain(people).chain(departments).collect()))
}

/// A department and all below it, a page at a time.
async fn department(api: &Api<'_>, step: &Step, id: &str, page: Option<&str>) -> Result<Read, Failure> {
    let path = format!("/contact/v3/departments/{}/children", segment(id));
    let answer = list(api, &path, &[BY_OPEN_DEPARTMENT, ("fetch_child", "true"), PAGE], page).await?;
    let below = items(&answer["items"]).iter().filter_map(|below| text(&below["open_department_id"]));
    let own = page.is_none().then(|| id.to_owned());
    Ok(Read::steps(next(step, &answer).into_iter().chain(below.chain(own).map(Step::people)).collect()))
}

/// The direct members of a department.
async fn people_of(api: &Api<'_>, step: &Step, id: &str, page: Option<&str>) -> Result<Read, Failure> {
    let query = [BY_OPEN_ID, BY_OPEN_DEPARTMENT, ("department_id", id), PAGE];
    let answer = list(api, "/contact/v3/users/find_by_department", &query, page).await?;
    Ok(Read::people(items(&answer["items"]).iter().filter_map(entry).collect(), next(step, &answer)))
}

async fn person(api: &Api<'_>, account: &str) -> Result<Read, Failure> {
    let answer = api.get(&format!("/contact/v3/users/{}", segment(account)), &[BY_OPEN_ID]).await?;
    Ok(Read::people(entry(&answer["user"]).into_iter().collect(), None))
}

/// A user group: people, and on the pages after theirs departments.
async fn group(api: &Api<'_>, step: &Step, id: &str, page: Option<&str>) -> Result<Read, Failure> {
    let path = format!("/contact/v3/group/{}/member/simplelist", segment(id));
    let (kind, page) = match page.and_then(|page| page.strip_prefix(DEPARTMENTS)) {
        Some(page) => ("department", Some(page).filter(|page| !page.is_empty())),
        None => ("user", page),
    };
    let named = if kind == "user" { "open_id" } else { "department_id" };
    let answer = list(api, &path, &[("member_type", kind), ("member_id_type", named), PAGE], page).await?;
    let members = items(&answer["memberlist"]).iter().filter_map(|member| text(&member["member_id"]));
    let mut steps: Vec<Step> = Vec::new();
    match next(step, &answer) {
        Some(next) if kind == "user" => steps.push(next),
        Some(_) => steps.extend(text(&answer["page_token"]).map(|token| step.after(format!("{DEPARTMENTS}{token}")))),
        None if kind == "user" => steps.push(step.after(DEPARTMENTS.to_owned())),
        None => {}
    }
    steps.extend(members.map(|id| if kind == "user" { Step::person(id) } else { Step::department(id) }));
    Ok(Read::steps(steps))
}

/// A page of a list.
async fn list(api: &Api<'_>, path: &str, query: &[(&str, &str)], page: Option<&str>) -> Result<Value, Failure> {
    let mut query = query.to_vec();
    query.extend(page.map(|page| ("page_token", page)));
    api.get(path, &query).await
}

/// The same step on the next page, if there is one.
fn next(step: &Step, answer: &Value) -> Option<Step> {
    text(&answer["page_token"]).filter(|_| answer["has_more"] == true).map(|token| step.after(token))
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
