//! Finding people. Contact calls are the older API's, and are not counted in the monthly quota.

use serde_json::{Value, json};

use super::client::Api;
use crate::providers::failure::Failure;
use crate::providers::lenient::text;
use crate::providers::{Contact, DirectoryEntry, MOST_ENTRIES, Mobile};

/// The user id of the person with this mobile number.
pub(super) async fn by_mobile(api: &Api<'_>, mobile: &str) -> Result<String, Failure> {
    let body = json!({"mobile": plain(mobile)});
    let answer = api.query_old("/topapi/v2/user/getbymobile", &body).await?;
    text(&answer["result"]["userid"]).ok_or_else(|| Failure::not_understood("userid"))
}

/// The department above all others.
const ROOT: i64 = 1;
/// People in one answer. The maximum is not stated for this call; sister calls have 100.
const PAGE: i64 = 100;
/// Most departments that are walked through in one go.
const MOST_DEPARTMENTS: usize = 200;

/// Everybody in a department and those below it.
pub(super) async fn directory(api: &Api<'_>, department: Option<&str>) -> Result<Vec<DirectoryEntry>, Failure> {
    let root = match department {
        None => ROOT,
        Some(id) => {
            id.parse().map_err(|_| Failure::refused("department_unknown", "DingTalk's departments have numbers"))?
        }
    };
    let (mut departments, mut next) = (vec![root], 0);
    let mut found: Vec<DirectoryEntry> = Vec::new();
    while let Some(department) = departments.get(next).copied() {
        next += 1;
        let below = api.query_old("/topapi/v2/department/listsub", &json!({"dept_id": department})).await?;
        let below = below["result"].as_array().map_or(&[][..], Vec::as_slice);
        departments.extend(below.iter().filter_map(|found| found["dept_id"].as_i64()));
        people_of(api, department, &mut found).await?;
        if found.len() > MOST_ENTRIES || departments.len() > MOST_DEPARTMENTS {
            return Err(Failure::refused("directory_too_large", "there are too many people: name a department"));
        }
    }
    Ok(found)
}

/// The direct members of a department; who is in several comes once.
async fn people_of(api: &Api<'_>, department: i64, found: &mut Vec<DirectoryEntry>) -> Result<(), Failure> {
    let mut cursor = 0;
    loop {
        let body = json!({"dept_id": department, "cursor": cursor, "size": PAGE});
        let answer = api.query_old("/topapi/v2/user/list", &body).await?;
        let page = &answer["result"];
        for entry in page["list"].as_array().into_iter().flatten().filter_map(entry) {
            if found.iter().all(|known| known.account != entry.account) {
                found.push(entry);
            }
        }
        match page["next_cursor"].as_i64() {
            Some(next) if page["has_more"] == true && next > cursor => cursor = next,
            _ => return Ok(()),
        }
    }
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
