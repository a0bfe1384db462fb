//! Finding people. Contact calls are the older API's, and are not counted in the monthly quota.

use serde_json::json;

use super::client::Api;
use super::errors::Failure;
use super::lenient::text;

/// The user id of the person with this mobile number.
pub(super) async fn by_mobile(api: &Api<'_>, mobile: &str) -> Result<String, Failure> {
    let body = json!({"mobile": plain(mobile)});
    let answer = api.query_old("/topapi/v2/user/getbymobile", &body).await?;
    text(&answer["result"]["userid"]).ok_or_else(|| Failure::not_understood("userid"))
}

/// A number as DingTalk keeps it: mainland numbers without country code, others as `+<code>-<number>`.
fn plain(mobile: &str) -> String {
    let bare: String = mobile.chars().filter(|c| !c.is_whitespace()).collect();
    match bare.strip_prefix("+86").or_else(|| bare.strip_prefix("0086")) {
        Some(mainland) => mainland.replace('-', ""),
        None if bare.starts_with('+') => bare,
        None => bare.replace('-', ""),
    }
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
