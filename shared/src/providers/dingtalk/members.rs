//! Finding people. Contact calls are the older API's, and are not counted in the monthly quota.

use serde_json::{Value, json};

use super::client::Api;
use crate::providers::directory::{DirectoryEntry, Read, Step};
use crate::providers::failure::Failure;
use crate::providers::lenient::{items, text};
use crate::providers::{Contact, Error, Mobile, SEVERAL_ACCOUNTS};

/// The user id of the person with this mobile number: of an ordinary account or, where nobody has one, of the exclusive account
/// (专属帐号) that has it. Whether DingTalk fills both where a person has both is not confirmed; then the ordinary one counts, as it
/// always did.
pub(super) async fn by_mobile(api: &Api<'_>, mobile: &str) -> Result<String, Failure> {
    let body = json!({"mobile": plain(mobile), "support_exclusive_account_search": true});
    let mut answer = api.query_old("/topapi/v2/user/getbymobile", &body).await?;
    let found = answer["result"].take();
    if let Some(user) = text(&found["userid"]) {
        return Ok(user);
    }
    let mut exclusive: Vec<String> = items(&found["exclusive_account_userid_list"]).iter().filter_map(text).collect();
    exclusive.sort_unstable();
    exclusive.dedup();
    match (exclusive.len(), exclusive.pop()) {
        (1, Some(only)) => Ok(only),
        (0, _) | (_, None) => Err(Failure::not_understood("userid")),
        (count, _) => {
            let message =
                format!("{count} exclusive accounts (专属帐号) have this mobile number: name one by its account");
            Err(Error::NotFound { code: SEVERAL_ACCOUNTS.to_owned(), message }.into())
        }
    }
}

/// People in one answer. The maximum is not stated for this call; sister calls have 100.
const PAGE: i64 = 100;

/// Takes one step through the directory.
pub(super) async fn read(api: &Api<'_>, step: &Step) -> Result<Read, Failure> {
    match step {
        Step::Scope { .. } => scope(api).await,
        Step::Department { id, .. } => department(api, id).await,
        Step::People { department, page } => people_of(api, step, department, page.as_deref()).await,
        Step::Person { account } => person(api, account).await,
        // DingTalk's app sees departments and people alone.
        Step::Group { .. } => Ok(Read::steps(Vec::new())),
    }
}

/// What the app may see: all of the organisation is department 1. The departments are the topmost ones of what was chosen
/// in the console (unconfirmed); one that stands below another is read twice then, and does no harm.
async fn scope(api: &Api<'_>) -> Result<Read, Failure> {
    let answer = api.get_old("/auth/scopes").await?;
    let Some(scopes) = answer.get("auth_org_scopes") else { return Err(Failure::not_understood("auth_org_scopes")) };
    let people = items(&scopes["authed_user"]).iter().filter_map(text).map(Step::person);
    let departments = items(&scopes["authed_dept"]).iter().filter_map(text).map(Step::department);
    Ok(Read::steps(people.chain(departments).collect()))
}

async fn department(api: &Api<'_>, id: &str) -> Result<Read, Failure> {
    let answer = api.query_old("/topapi/v2/department/listsub", &json!({"dept_id": number(id)?})).await?;
    let below = items(&answer["result"]).iter().filter_map(|below| text(&below["dept_id"])).map(Step::department);
    Ok(Read::steps(below.chain([Step::people(id)]).collect()))
}

/// The direct members of a department.
async fn people_of(api: &Api<'_>, step: &Step, id: &str, page: Option<&str>) -> Result<Read, Failure> {
    let cursor = page.map_or(Ok(0), number)?;
    let body = json!({"dept_id": number(id)?, "cursor": cursor, "size": PAGE});
    let answer = api.query_old("/topapi/v2/user/list", &body).await?;
    let page = &answer["result"];
    let next = page["next_cursor"].as_i64().filter(|next| page["has_more"] == true && *next > cursor);
    let people = items(&page["list"]).iter().filter_map(entry).collect();
    Ok(Read::people(people, next.map(|next| step.after(next.to_string()))))
}

async fn person(api: &Api<'_>, account: &str) -> Result<Read, Failure> {
    let answer = api.query_old("/topapi/v2/user/get", &json!({"userid": account})).await?;
    Ok(Read::people(entry(&answer["result"]).into_iter().collect(), None))
}

fn number(id: &str) -> Result<i64, Failure> {
    id.parse().map_err(|_| Failure::refused("department_unknown", "DingTalk's departments have numbers"))
}

/// A person; mobile and e-mail are absent where the app may not see them.
fn entry(user: &Value) -> Option<DirectoryEntry> {
    // The country's code stands apart.
    let number =
        text(&user["mobile"]).and_then(|mobile| Mobile::with_country(text(&user["state_code"]).as_deref(), &mobile));
    let mobile = number.map(|mobile| mobile.to_string());
    let contact = Contact { name: text(&user["name"]), mobile, email: text(&user["email"]) };
    Some(DirectoryEntry { account: text(&user["userid"])?, contact })
}

/// A number as DingTalk keeps it: mainland numbers without country code, others as `+<code>-<number>`.
fn plain(mobile: &str) -> String {
    Mobile::parse(mobile).map_or_else(|| mobile.to_owned(), |mobile| mobile.with_hyphen())
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn mainland_numbers_lose_their_country_code() {
        for written in ["13800000001", "+86 138 0000 0001", "+86-13800000001", "0086138-0000-0001"] {
            assert_eq!(plain(written), "13800000001");
        }
        assert_eq!(plain("+852-91234567"), "+852-91234567");
    }
}
