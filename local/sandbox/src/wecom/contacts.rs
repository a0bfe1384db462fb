//! Members, departments and the app itself. Members outside the visible range are as good as absent.

use serde_json::{Value, json};

use super::answer::Refusal;
use super::directory::{self, ACCOUNTS, Account};
use super::gateway::Call;
use super::state::State;
use crate::platform::call::Done;
use crate::platform::range::{GROUP_DEPARTMENT, GROUP_PERSON};

/// Bytes of a mobile number.
const MOBILE: std::ops::RangeInclusive<usize> = 5..=32;

/// `POST user/getuserid`.
pub(super) fn by_mobile(state: &mut State, call: &Call) -> Result<Done, Refusal> {
    let mobile = call.text("mobile")?;
    if !MOBILE.contains(&mobile.len()) {
        return Err(Refusal::invalid());
    }
    find(state, |account| account.person().is_some_and(|person| person.mobile == mobile))
}

/// `POST user/get_userid_by_email`. The people's addresses are those of the corporation, kind 1.
pub(super) fn by_email(state: &mut State, call: &Call) -> Result<Done, Refusal> {
    let email = call.text("email")?;
    let kind = call.number("email_type")?.unwrap_or(1);
    if !(1..=2).contains(&kind) {
        return Err(Refusal::invalid());
    }
    let is_theirs = |account: &Account| account.person().is_some_and(|person| person.email.eq_ignore_ascii_case(email));
    find(state, |account| kind == 1 && is_theirs(account))
}

fn find(state: &mut State, fits: impl Fn(&Account) -> bool) -> Result<Done, Refusal> {
    let now = state.now();
    if state.misses.blocks(now) {
        return Err(Refusal::new(45_009, "api freq out of limit"));
    }
    let found = ACCOUNTS.iter().find(|account| fits(account) && state.sees(account.userid));
    match found {
        Some(account) => Ok(json!({"userid": account.userid}).into()),
        None => {
            state.misses.wrong(now);
            Err(Refusal::new(46_004, "user no exist"))
        }
    }
}

/// `GET user/get`.
pub(super) fn member(state: &mut State, call: &Call) -> Result<Done, Refusal> {
    let userid = call.query("userid").ok_or_else(|| Refusal::new(40_003, "invalid userid"))?;
    let account = directory::account(userid).filter(|account| state.sees(account.userid));
    let found = account.and_then(directory::member);
    found.map(Done::from).ok_or_else(|| Refusal::new(60_111, "userid not found"))
}

/// `GET user/simplelist`.
pub(super) fn simple_list(state: &mut State, call: &Call) -> Result<Done, Refusal> {
    let line = |account: &Account| {
        let name = directory::name(account.userid);
        Some(json!({"userid": account.userid, "name": name, "department": [account.department()]}))
    };
    members(state, call, line)
}

/// `GET user/list`.
pub(super) fn list(state: &mut State, call: &Call) -> Result<Done, Refusal> {
    members(state, call, directory::member)
}

/// The members of one department; for those below it the caller walks the tree.
fn members(state: &State, call: &Call, line: impl Fn(&Account) -> Option<Value>) -> Result<Done, Refusal> {
    let department = number(call, "department_id")?.ok_or_else(no_department)?;
    shown(state, department)?;
    let own = ACCOUNTS.iter().filter(|account| account.department() == department && state.sees(account.userid));
    Ok(json!({"userlist": own.filter_map(line).collect::<Vec<_>>()}).into())
}

/// `POST user/list_id`: for the secret of the address book's assistant alone, which this app's is not.
pub(super) fn ids(_: &mut State, _: &Call) -> Result<Done, Refusal> {
    Err(Refusal::new(48_002, "api forbidden"))
}

/// `GET department/list`.
pub(super) fn departments(state: &mut State, call: &Call) -> Result<Done, Refusal> {
    let list: Vec<Value> = below(state, call)?.into_iter().map(described).collect();
    Ok(json!({"department": list}).into())
}

/// `GET department/simplelist`.
pub(super) fn department_ids(state: &mut State, call: &Call) -> Result<Done, Refusal> {
    let line = |(id, _, parent): (i64, &str, i64)| json!({"id": id, "parentid": parent, "order": order(id)});
    let list: Vec<Value> = below(state, call)?.into_iter().map(line).collect();
    Ok(json!({"department_id": list}).into())
}

/// `GET department/get`.
pub(super) fn department(_: &mut State, call: &Call) -> Result<Done, Refusal> {
    let id = number(call, "id")?.ok_or_else(no_department)?;
    let found = directory::departments().find(|(number, ..)| *number == id);
    Ok(json!({"department": described(found.ok_or_else(no_department)?)}).into())
}

/// A department and those below it; without one, all that the app may see.
fn below(state: &State, call: &Call) -> Result<Vec<(i64, &'static str, i64)>, Refusal> {
    let tops = match number(call, "id")? {
        Some(id) => {
            shown(state, id)?;
            vec![id]
        }
        None => state.desk.faults.range.departments().into_iter().map(directory::department_number).collect(),
    };
    Ok(tops.into_iter().flat_map(directory::tree).collect())
}

/// Whether there is such a department, and the app may read it.
fn shown(state: &State, number: i64) -> Result<(), Refusal> {
    let id = directory::own_number(number).ok_or_else(no_department)?;
    let shown = state.desk.faults.range.shows_department(id);
    if shown { Ok(()) } else { Err(Refusal::new(60_011, "no privilege to access/modify contact/party/agent")) }
}

/// The one tag.
const TAG: i64 = 12;

/// `GET tag/get`.
pub(super) fn tag(state: &mut State, call: &Call) -> Result<Done, Refusal> {
    if number(call, "tagid")? != Some(TAG) || !state.desk.faults.range.has_group() {
        return Err(Refusal::new(40_068, "invalid tagid"));
    }
    let person = |account: &&Account| account.person().is_some_and(|person| person.key == GROUP_PERSON);
    let users = ACCOUNTS
        .iter()
        .filter(person)
        .map(|account| json!({"userid": account.userid, "name": directory::name(account.userid)}));
    let parties = [directory::department_number(GROUP_DEPARTMENT)];
    Ok(json!({"tagname": "审批人", "userlist": users.collect::<Vec<_>>(), "partylist": parties}).into())
}

fn described((id, name, parent): (i64, &str, i64)) -> Value {
    json!({"id": id, "name": name, "name_en": "", "department_leader": [], "parentid": parent, "order": order(id)})
}

/// Departments are ordered downwards from here.
fn order(id: i64) -> i64 {
    100_000_000 - id * 1_000
}

/// A number of the query.
fn number(call: &Call, name: &str) -> Result<Option<i64>, Refusal> {
    call.query(name).map(|text| text.parse().map_err(|_| no_department())).transpose()
}

fn no_department() -> Refusal {
    Refusal::new(60_003, "department not found")
}

/// `GET agent/get`.
pub(super) fn agent(state: &mut State, call: &Call) -> Result<Done, Refusal> {
    let id = call.query("agentid").ok_or_else(|| Refusal::new(41_011, "missing agentid"))?;
    let number: i64 = id.parse().map_err(|_| Refusal::new(40_056, "invalid agentid"))?;
    if id != state.app.agent_id {
        return Err(Refusal::new(301_002, "not allow operate another agent with this accesstoken"));
    }
    let range = &state.desk.faults.range;
    let hides = state.desk.faults.missing_scopes.iter().any(|missing| missing.starts_with("visible_range:"));
    let listed = |account: &&Account| if hides { state.sees(account.userid) } else { range.names(account.userid) };
    let users: Vec<Value> = ACCOUNTS.iter().filter(listed).map(|account| json!({"userid": account.userid})).collect();
    // All of the corporation is in range, unless somebody is not.
    let parties = if hides { vec![] } else { range.departments() };
    let parties: Vec<i64> = parties.into_iter().map(directory::department_number).collect();
    let tags: Vec<i64> = range.has_group().then_some(TAG).into_iter().collect();
    Ok(json!({
        "agentid": number,
        "name": "Countersign",
        "square_logo_url": "",
        "description": "",
        "allow_userinfos": {"user": users},
        "allow_partys": {"partyid": parties},
        "allow_tags": {"tagid": tags},
        "close": 0,
        "redirect_domain": "",
        "report_location_flag": 0,
        "isreportenter": 0,
        "home_url": "",
        "customized_publish_status": 1,
    })
    .into())
}

/// `GET getcallbackip` and `GET get_api_domain_ip`.
pub(super) fn addresses(_: &mut State, _: &Call) -> Result<Done, Refusal> {
    Ok(json!({"ip_list": ["127.0.0.1", "127.0.1.*"]}).into())
}
