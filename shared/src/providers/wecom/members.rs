//! Finding people.
//!
//! WeCom counts look-ups that find nobody: when they are more than a fifth of the staff, it blocks the call for a day. So
//! what cannot be a number or an address is not asked for, and nothing is tried twice.

use serde_json::{Value, json};

use super::client::Api;
use crate::providers::failure::{Failure, Kind};
use crate::providers::lenient::{items, number, text};
use crate::providers::{Contact, DirectoryEntry, Error, MOST_ENTRIES, Mobile};

/// The kind of address that is asked for: that of the corporation's mail (2 would be a private one).
const CORPORATE_MAIL: i64 = 1;
/// Most departments that are read in one go; each is a call.
const MOST_DEPARTMENTS: usize = 200;

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

/// Everybody in a department and those below it; without one, in all that the app may see.
pub(super) async fn directory(api: &Api<'_>, department: Option<&str>) -> Result<Vec<DirectoryEntry>, Failure> {
    if department.is_some_and(|id| id.parse::<u64>().is_err()) {
        return Err(Failure::refused("department_unknown", "WeCom's departments have numbers"));
    }
    let departments = departments(api, department).await?;
    if departments.len() > MOST_DEPARTMENTS {
        return Err(too_large());
    }
    let mut found: Vec<DirectoryEntry> = Vec::new();
    for department in departments {
        for entry in people_of(api, department).await? {
            if found.iter().all(|known| !known.account.eq_ignore_ascii_case(&entry.account)) {
                found.push(entry);
            }
        }
        if found.len() > MOST_ENTRIES {
            return Err(too_large());
        }
    }
    Ok(found)
}

/// The department and all below it.
pub(super) async fn departments(api: &Api<'_>, department: Option<&str>) -> Result<Vec<i64>, Failure> {
    let query: Vec<(&str, &str)> = department.into_iter().map(|id| ("id", id)).collect();
    let answer = api.get("/cgi-bin/department/simplelist", &query).await?;
    Ok(items(&answer["department_id"]).iter().filter_map(|found| number(&found["id"])).collect())
}

/// The direct members of a department. Details, where the app may read them, hold mobile and e-mail for older apps; else
/// there are ids and names.
async fn people_of(api: &Api<'_>, department: i64) -> Result<Vec<DirectoryEntry>, Failure> {
    let department = department.to_string();
    let query = [("department_id", department.as_str())];
    let answer = match api.get("/cgi-bin/user/list", &query).await {
        // Too many for one answer, or not allowed.
        Err(Failure::Refused(refusal)) if matches!(refusal.kind, Kind::Permission | Kind::Refused) => {
            api.get("/cgi-bin/user/simplelist", &query).await?
        }
        other => other?,
    };
    Ok(items(&answer["userlist"]).iter().filter_map(entry).collect())
}

fn entry(user: &Value) -> Option<DirectoryEntry> {
    let email = text(&user["email"]).or_else(|| text(&user["biz_mail"]));
    let number = text(&user["mobile"]).and_then(|mobile| Mobile::parse(&mobile));
    let mobile = number.map(|mobile| mobile.to_string());
    let contact = Contact { name: text(&user["name"]), mobile, email };
    Some(DirectoryEntry { account: text(&user["userid"])?, contact })
}

fn too_large() -> Failure {
    Failure::refused("directory_too_large", "there are too many people: name a department")
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
