//! People, departments, the tenant and the bot.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::answer::Refusal;
use super::body;
use super::directory::{self, ACCOUNTS, Account, department_ids};
use super::gateway::Call;
use super::instances::page;
use super::state::State;
use crate::platform::call::Done;
use crate::platform::people::{DEPARTMENTS, Department, ORGANISATION, Person, ROOT};
use crate::platform::range::{GROUP_DEPARTMENT, GROUP_PERSON};

/// Most e-mail addresses, and most mobile numbers, of one call.
const MAX_PEOPLE: usize = 50;

/// The one user group.
const GROUP_ID: &str = "g187131";

/// `POST /contact/v3/users/batch_get_id`: nobody found is no error but an entry without an id.
pub(super) fn batch_get_id(state: &mut State, call: &Call) -> Result<Done, Refusal> {
    let (emails, mobiles) = (body::texts(&call.body, "emails")?, body::texts(&call.body, "mobiles")?);
    body::boolean(&call.body, "include_resigned")?;
    if emails.len() > MAX_PEOPLE || mobiles.len() > MAX_PEOPLE || emails.len() + mobiles.len() == 0 {
        return Err(Refusal::new(40_001, format!("param error: 1 to {MAX_PEOPLE} emails or mobiles")));
    }
    let entry = |field: &str, asked: &str, known: &dyn Fn(&Person) -> bool| {
        let found = ACCOUNTS.iter().find(|account| account.person().is_some_and(known));
        let mut entry = json!({});
        entry[field] = asked.into();
        if let Some(account) = found {
            entry["user_id"] = account.id(&call.user_id_type).into();
            if state.granted("contact:user.employee:readonly") {
                entry["status"] = status(false);
            }
        }
        entry
    };
    let by_email = |email: &&str| entry("email", email, &|person| person.email.eq_ignore_ascii_case(email));
    // A foreign number needs its country's code; one of the mainland may have it.
    let by_mobile = |mobile: &&str| {
        entry("mobile", mobile, &|person| person.mobile == mobile.strip_prefix("+86").unwrap_or(mobile))
    };
    let list: Vec<Value> = emails.iter().map(by_email).chain(mobiles.iter().map(by_mobile)).collect();
    Ok(json!({"user_list": list}).into())
}

fn status(is_resigned: bool) -> Value {
    json!({"is_frozen": false, "is_resigned": is_resigned, "is_activated": true, "is_exited": false, "is_unjoin": false})
}

/// `GET /contact/v3/users/:user_id`.
pub(super) fn user(state: &mut State, call: &Call) -> Result<Done, Refusal> {
    let account = call.account(call.part(0))?;
    if !account.person().is_some_and(|person| state.desk.faults.range.shows(person, account.open_id)) {
        return Err(Refusal::new(41_050, "no user authority error").status(StatusCode::FORBIDDEN));
    }
    Ok(json!({"user": details(state, call, account)}).into())
}

/// A field whose permission is missing is missing itself.
fn details(state: &State, call: &Call, account: &Account) -> Value {
    let Some(person) = account.person() else { return Value::Null };
    let has_left = state.desk.faults.range.has_left(account.open_id);
    let mut user = json!({"open_id": account.open_id, "union_id": account.union_id});
    let manager = directory::manager(account.open_id, 1);
    let manager = manager.and_then(|manager| directory::account(&manager)?.id(&call.user_id_type));
    for (scope, name, value) in [
        ("contact:user.employee_id:readonly", "user_id", json!(account.user_id)),
        ("contact:user.base:readonly", "name", json!(person.name)),
        ("contact:user.base:readonly", "en_name", json!(person.pinyin)),
        ("contact:user.base:readonly", "avatar", json!({"avatar_72": ""})),
        ("contact:user.email:readonly", "email", json!(person.email)),
        ("contact:user.phone:readonly", "mobile", json!(format!("+86{}", person.mobile))),
        ("contact:user.employee:readonly", "status", status(has_left)),
        ("contact:user.department:readonly", "department_ids", json!([department_id(call, person.department)])),
        ("contact:user.department:readonly", "leader_user_id", json!(manager.unwrap_or_default())),
    ] {
        if state.granted(scope) {
            user[name] = value;
        }
    }
    user
}

fn department_id(call: &Call, id: i64) -> &'static str {
    let (open, own) = department_ids(id);
    if kind(call) == "department_id" { own } else { open }
}

fn kind(call: &Call) -> &str {
    call.query("department_id_type").unwrap_or("open_department_id")
}

/// A department that the app may read.
fn named(state: &State, call: &Call, id: &str) -> Result<&'static Department, Refusal> {
    let unknown = || Refusal::new(40_004, "no dept authority error").status(StatusCode::FORBIDDEN);
    let found = directory::department(kind(call), id);
    found.filter(|found| state.desk.faults.range.shows_department(found.id)).ok_or_else(unknown)
}

/// The accounts directly in a department.
fn members_of(state: &State, department: i64) -> impl Iterator<Item = &'static Account> {
    directory::members(department).filter(|account| !state.desk.faults.range.has_left(account.open_id))
}

fn size(call: &Call) -> Result<usize, Refusal> {
    let size = body::page_size(call.query("page_size"), 1..=50, 10);
    size.ok_or_else(|| Refusal::new(40_011, "page size is invalid"))
}

/// `GET /contact/v3/users/find_by_department`: those who are directly in it.
pub(super) fn members(state: &mut State, call: &Call) -> Result<Done, Refusal> {
    let department = named(
        state,
        call,
        call.query("department_id").ok_or_else(|| Refusal::new(40_001, "param error: department_id"))?,
    )?;
    let accounts: Vec<&Account> = members_of(state, department.id).collect();
    let (page, next) = page(&accounts, call, size(call)?)?;
    let items = page.iter().map(|account| details(state, call, account)).collect();
    Ok(listed(items, next))
}

fn listed(items: Vec<Value>, next: Option<String>) -> Done {
    let mut data = json!({"items": items, "has_more": next.is_some()});
    if let Some(next) = next {
        data["page_token"] = next.into();
    }
    data.into()
}

/// `GET /contact/v3/departments/:department_id`.
pub(super) fn department(state: &mut State, call: &Call) -> Result<Done, Refusal> {
    let unknown = || Refusal::new(40_015, "department not exist");
    let department = directory::department(kind(call), call.part(0)).ok_or_else(unknown)?;
    Ok(json!({"department": told(state, department)}).into())
}

/// `GET /contact/v3/departments/:department_id/children`.
pub(super) fn children(state: &mut State, call: &Call) -> Result<Done, Refusal> {
    let above = named(state, call, call.part(0))?;
    let below = |department: &&Department| {
        let mut parent = department.parent;
        if call.query("fetch_child") != Some("true") {
            return parent == Some(above.id);
        }
        while let Some(id) = parent {
            if id == above.id {
                return true;
            }
            parent = DEPARTMENTS.iter().find(|one| one.id == id).and_then(|one| one.parent);
        }
        false
    };
    let found: Vec<&Department> = DEPARTMENTS.iter().filter(below).collect();
    let (page, next) = page(&found, call, size(call)?)?;
    Ok(listed(page.iter().map(|department| told(state, department)).collect(), next))
}

fn told(state: &State, department: &Department) -> Value {
    let (open, own) = department_ids(department.id);
    let parent = department.parent.map_or("0", |parent| department_ids(parent).0);
    let mut told = json!({
        "open_department_id": open,
        "department_id": own,
        "parent_department_id": parent,
        "member_count": directory::members(department.id).count(),
        "status": {"is_deleted": false},
    });
    let named = ["contact:department.base:readonly", "contact:department.organize:readonly"];
    if named.iter().any(|scope| state.granted(scope)) {
        told["name"] = department.name.into();
    }
    told
}

/// `GET /contact/v3/scopes`: what was chosen; of everything, the departments at the top and the people above them.
pub(super) fn scopes(state: &mut State, call: &Call) -> Result<Done, Refusal> {
    let range = &state.desk.faults.range;
    let is_all = range.scope.is_none();
    let top = |department: &&Department| match is_all {
        true => department.parent == Some(ROOT),
        false => range.departments().contains(&department.id),
    };
    let departments: Vec<&str> =
        DEPARTMENTS.iter().filter(top).map(|department| department_id(call, department.id)).collect();
    let chosen = |account: &&Account| match is_all {
        true => account.person().is_some_and(|person| person.department == ROOT) && !range.has_left(account.open_id),
        false => range.names(account.open_id),
    };
    let users: Vec<&str> =
        ACCOUNTS.iter().filter(chosen).filter_map(|account| account.id(&call.user_id_type)).collect();
    let groups: Vec<&str> = range.has_group().then_some(GROUP_ID).into_iter().collect();
    let size = body::page_size(call.query("page_size"), 1..=100, 50);
    size.ok_or_else(|| Refusal::new(40_011, "page size is invalid"))?;
    Ok(json!({"department_ids": departments, "user_ids": users, "group_ids": groups, "has_more": false}).into())
}

/// `GET /contact/v3/group/:group_id/member/simplelist`: people or departments.
pub(super) fn group(state: &mut State, call: &Call) -> Result<Done, Refusal> {
    if call.part(0) != GROUP_ID || !state.desk.faults.range.has_group() {
        return Err(Refusal::new(42_002, "group not exist"));
    }
    let member = match call.query("member_type") {
        None | Some("user") => {
            let kind = call.query("member_id_type").unwrap_or("open_id");
            let person = |account: &&Account| account.person().is_some_and(|person| person.key == GROUP_PERSON);
            let id = ACCOUNTS.iter().find(person).and_then(|account| account.id(kind));
            json!({"member_id": id, "member_type": "user", "member_id_type": kind})
        }
        Some("department") => {
            let id = department_ids(GROUP_DEPARTMENT).0;
            json!({"member_id": id, "member_type": "department", "member_id_type": "department_id"})
        }
        Some(_) => return Err(Refusal::new(42_001, "member_type is invalid")),
    };
    Ok(json!({"memberlist": [member], "page_token": "", "has_more": false}).into())
}

/// `GET /tenant/v2/tenant/query`.
pub(super) fn tenant(state: &mut State, _: &Call) -> Result<Done, Refusal> {
    let key = &state.app.tenant_key;
    let display = format!("F{}", key.bytes().take(9).map(|byte| char::from(b'0' + byte % 10)).collect::<String>());
    Ok(json!({"tenant": {"name": ORGANISATION, "display_id": display, "tenant_tag": 0, "tenant_key": key}}).into())
}

/// `GET /bot/v3/info`: the answer is flat.
pub(super) fn bot(state: &mut State, _: &Call) -> Result<Done, Refusal> {
    let open_id = format!("ou_{}{}", state.app.tenant_key, state.app.app_id.trim_start_matches("cli_"));
    Ok(json!({"bot": {"activate_status": 2, "app_name": "Countersign", "open_id": open_id}}).into())
}
