//! Finding people.
//!
//! WeCom counts look-ups that find nobody: when they are more than a fifth of the staff, it blocks the call for a day. So
//! what cannot be a number or an address is not asked for, and nothing is tried twice.

use serde_json::{Value, json};

use super::client::Api;
use crate::providers::directory::{DirectoryEntry, Read, Step};
use crate::providers::failure::{Failure, Kind};
use crate::providers::lenient::{items, number, text};
use crate::providers::{Contact, Error, Mobile};

/// The kind of address that is asked for: that of the corporation's mail (2 would be a private one).
const CORPORATE_MAIL: i64 = 1;
/// The `status` of who has left the corporation.
const LEFT: i64 = 5;

/// The user id of the person with this mobile number.
pub(super) async fn by_mobile(api: &Api<'_>, mobile: &str) -> Result<String, Failure> {
    let mobile = plain(mobile);
    let digits = mobile.strip_prefix('+').unwrap_or(&mobile);
    if !(5..=31).contains(&digits.len()) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(nobody("this is no mobile number"));
    }
    let answer = api.query("/cgi-bin/user/getuserid", &json!({"mobile": mobile})).await?;
    text(&answer["userid"]).ok_or_else(|| Failure::not_understood("userid"))
}

/// The user id of the person with this address of the corporation's mail.
pub(super) async fn by_email(api: &Api<'_>, email: &str) -> Result<String, Failure> {
    let email = email.trim();
    let is_address = email.split_once('@').is_some_and(|(name, host)| !name.is_empty() && host.contains('.'));
    if !is_address || email.contains(char::is_whitespace) {
        return Err(nobody("this is no e-mail address"));
    }
    let body = json!({"email": email, "email_type": CORPORATE_MAIL});
    let answer = api.query("/cgi-bin/user/get_userid_by_email", &body).await?;
    text(&answer["userid"]).ok_or_else(|| Failure::not_understood("userid"))
}

fn nobody(message: &str) -> Failure {
    Error::NotFound { code: "46004".to_owned(), message: message.to_owned() }.into()
}

/// Takes one step through the directory.
pub(super) async fn read(api: &Api<'_>, step: &Step) -> Result<Read, Failure> {
    match step {
        Step::Scope { .. } => scope(api).await,
        Step::Department { id, .. } => {
            if id.parse::<u64>().is_err() {
                return Err(Failure::refused("department_unknown", "WeCom's departments have numbers"));
            }
            let departments = departments(api, Some(id)).await?;
            Ok(Read::steps(departments.into_iter().map(|id| Step::people(id.to_string())).collect()))
        }
        Step::People { department, .. } => Ok(Read::people(people_of(api, department).await?, None)),
        Step::Person { account } => {
            let answer = api.get("/cgi-bin/user/get", &[("userid", account)]).await?;
            Ok(Read::people(entry(&answer).into_iter().collect(), None))
        }
        Step::Group { id, .. } => tag(api, id).await,
    }
}

/// The application's visible range: departments, people and tags. Lists may be absent.
async fn scope(api: &Api<'_>) -> Result<Read, Failure> {
    let app = api.get("/cgi-bin/agent/get", &[("agentid", api.settings.agent_id)]).await?;
    let tags = items(&app["allow_tags"]["tagid"]).iter().filter_map(text).map(Step::group);
    let people = items(&app["allow_userinfos"]["user"]).iter().filter_map(|user| text(&user["userid"]));
    let departments = items(&app["allow_partys"]["partyid"]).iter().filter_map(text).map(Step::department);
    Ok(Read::steps(tags.chain(people.map(Step::person)).chain(departments).collect()))
}

/// The people and departments of a tag (`userlist` and `partylist`; unconfirmed).
async fn tag(api: &Api<'_>, id: &str) -> Result<Read, Failure> {
    let answer = api.get("/cgi-bin/tag/get", &[("tagid", id)]).await?;
    let people = items(&answer["userlist"]).iter().filter_map(|user| text(&user["userid"])).map(Step::person);
    let departments = items(&answer["partylist"]).iter().filter_map(text).map(Step::department);
    Ok(Read::steps(people.chain(departments).collect()))
}

/// The department and all below it.
pub(super) async fn departments(api: &Api<'_>, department: Option<&str>) -> Result<Vec<i64>, Failure> {
    let query: Vec<(&str, &str)> = department.into_iter().map(|id| ("id", id)).collect();
    let answer = api.get("/cgi-bin/department/simplelist", &query).await?;
    Ok(items(&answer["department_id"]).iter().filter_map(|found| number(&found["id"])).collect())
}

/// The direct members of a department. Details, where the app may read them, hold mobile and e-mail for older apps; else
/// there are ids and names.
pub(super) async fn people_of(api: &Api<'_>, department: &str) -> Result<Vec<DirectoryEntry>, Failure> {
    let query = [("department_id", department)];
    let answer = match api.get("/cgi-bin/user/list", &query).await {
        // Too many for one answer, or not allowed.
        Err(Failure::Refused(refusal)) if matches!(refusal.kind, Kind::Permission | Kind::Refused) => {
            api.get("/cgi-bin/user/simplelist", &query).await?
        }
        other => other?,
    };
    Ok(items(&answer["userlist"]).iter().filter_map(entry).collect())
}

/// A person; who has left (`status` 5) is nobody.
fn entry(user: &Value) -> Option<DirectoryEntry> {
    if number(&user["status"]) == Some(LEFT) {
        return None;
    }
    let email = text(&user["email"]).or_else(|| text(&user["biz_mail"]));
    let number = text(&user["mobile"]).and_then(|mobile| Mobile::parse(&mobile));
    let mobile = number.map(|mobile| mobile.to_string());
    let contact = Contact { name: text(&user["name"]), mobile, email };
    Some(DirectoryEntry { account: text(&user["userid"])?, contact })
}

/// A number as WeCom keeps it: mainland numbers without country code, others with `+` and theirs (unconfirmed). What is no
/// mobile number stays as it is.
fn plain(mobile: &str) -> String {
    Mobile::shorten(mobile)
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn mainland_numbers_lose_their_country_code() {
        for written in ["13800000001", "+86 138 0000 0001", "+86-13800000001", "0086138-0000-0001"] {
            assert_eq!(plain(written), "13800000001");
        }
        assert_eq!(plain("+852 9123-4567"), "+85291234567");
    }
}
