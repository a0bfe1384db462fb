//! Signing in: OAuth 2 with an app of the organisation.
//!
//! The profile is that of a person, who may be in many organisations: its name, number and address are anybody's. Only its union id counts, and the
//! organisation's own directory says who that is here.

use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use url::Url;

use super::client::Api;
use super::settings::Settings;
use crate::providers::Error;
use crate::providers::lenient::{number, text};
use crate::providers::outbound::Request;
use crate::providers::sign_in::{Arrived, Begun, NotKnown, Step, failed, page};

/// The code is called `authCode`; other pages of the documentation show `code`.
pub(super) const CODE: &[&str] = &["authCode", "code"];
/// The `contact_type` of somebody outside.
const EXTERNAL: i64 = 1;

/// Where the browser goes. Documented: `prompt=consent` is required.
pub(super) fn begin(settings: &Settings<'_>, begun: &Begun<'_>) -> Result<Url, Error> {
    let mut url = page(settings.endpoint, settings.sign_in_page(), "/oauth2/auth")?;
    url.query_pairs_mut()
        .append_pair("redirect_uri", begun.returns_to)
        .append_pair("response_type", "code")
        .append_pair("client_id", settings.app_key)
        .append_pair("scope", "openid")
        .append_pair("state", begun.state)
        .append_pair("prompt", "consent");
    Ok(url)
}

/// Whose code it is.
pub(super) async fn account(api: &Api<'_>, arrived: &Arrived<'_>) -> Result<String, NotKnown> {
    let at = |step| failed(step, |failure| api.error(failure));
    let body = json!({
        "clientId": api.settings.app_key,
        "clientSecret": api.settings.app_secret.expose_secret(),
        "grantType": "authorization_code",
        "code": arrived.code.expose_secret(),
    });
    let url = api.settings.url("/v1.0/oauth2/userAccessToken").map_err(|error| NotKnown::Failed(Step::Code, error))?;
    let granted = api.once(Request::post(url).json(&body), arrived.code).await.map_err(at(Step::Code))?;
    let token = text(&granted["accessToken"]).ok_or(NotKnown::NoId("Contact.User.Read"))?;
    let token = SecretString::from(token);
    let url = api.settings.url("/v1.0/contact/users/me").map_err(|error| NotKnown::Failed(Step::Profile, error))?;
    let profile = api.once(api.as_user(Request::get(url), &token), &token).await.map_err(at(Step::Profile))?;
    let union = text(&profile["unionId"]).ok_or(NotKnown::NoId("Contact.User.Read"))?;
    let found = match api.query_old("/topapi/user/getbyunionid", &json!({"unionid": union})).await {
        Ok(answer) => answer,
        // Not one of this organisation.
        Err(failure) if failure.is_not_found() => return Err(NotKnown::Foreign),
        Err(failure) => return Err(at(Step::Directory)(failure)),
    };
    if number(&found["result"]["contact_type"]) == Some(EXTERNAL) {
        return Err(NotKnown::Foreign);
    }
    text(&found["result"]["userid"]).ok_or(NotKnown::NoId("qyapi_get_member"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::providers::dingtalk::DingTalk;
    use crate::providers::dingtalk::tests::account;
    use crate::providers::sign_in::SignIn;
    use crate::providers::testing::{FakePlatform, Manners};

    const MANNERS: Manners = Manners {
        account,
        token_call: "POST /v1.0/oauth2/accessToken",
        token: |_| json!({"accessToken": "app-token", "expireIn": 7200}),
        token_header: Some("x-acs-dingtalk-access-token"),
    };
    const EXCHANGE: &str = "POST /v1.0/oauth2/userAccessToken";
    const PROFILE: &str = "GET /v1.0/contact/users/me";
    const OWN: &str = "POST /topapi/user/getbyunionid";

    /// The profile's number and address are of whatever organisation: nothing but the union id is looked at.
    #[tokio::test]
    async fn a_person_is_who_the_own_directory_says() {
        let code = SecretString::from("the-code");
        let arrived = Arrived { code: &code, returns_to: "https://a", verifier: &code };
        let nobody = json!({"errcode": 60_121, "errmsg": "找不到该用户"});
        let missing = json!({"errcode": 88, "sub_code": "60011", "sub_msg": "应用尚未开通所需的权限：[qyapi_get_member]",
            "errmsg": "ding talk error[subcode=60011]{requiredScopes=[qyapi_get_member]}"});
        let profile = json!({"nick": "x", "unionId": "union-1", "mobile": "13800000001", "email": "boss@own.example"});
        for (profile, own, expected) in [
            (&profile, json!({"errcode": 0, "result": {"contact_type": 0, "userid": "u1"}}), "Ok(\"u1\")"),
            (&profile, json!({"errcode": 0, "result": {"contact_type": 1, "userid": "u1"}}), "Err(Foreign)"),
            (&profile, nobody, "Err(Foreign)"),
            (&profile, missing, "Err(Failed(Directory, Permission"),
            (&profile, json!({"errcode": 0, "result": {"userid": ""}}), "Err(NoId(\"qyapi_get_member\"))"),
            (&json!({"mobile": "13800000001"}), json!({}), "Err(NoId(\"Contact.User.Read\"))"),
        ] {
            let platform = FakePlatform::new(MANNERS).await;
            platform.says(EXCHANGE, 200, json!({"accessToken": "user-token", "expireIn": 7200}));
            platform.says(PROFILE, 200, profile).says(OWN, 200, &own);
            let found = DingTalk.account(&platform.account, &arrived, &platform.calls()).await;
            assert!(format!("{found:?}").starts_with(expected), "{own}: {found:?}");
            assert_eq!(platform.seen(PROFILE)[0].token.as_deref(), Some("user-token"));
            if let Some(asked) = platform.seen(OWN).first() {
                assert_eq!(asked.body, json!({"unionid": "union-1"}));
            }
        }
        let platform = FakePlatform::new(MANNERS).await;
        let refused = json!({"code": "invalidParameter", "message": "the-code is no code"});
        platform.says(EXCHANGE, 400, &refused);
        let why = format!("{:?}", DingTalk.account(&platform.account, &arrived, &platform.calls()).await.unwrap_err());
        assert!(why.starts_with("Failed(Code") && !why.contains("the-code"), "{why}");
        let platform = FakePlatform::new(MANNERS).await;
        let refused = json!({"code": "Forbidden.AccessDenied.AccessTokenPermissionDenied",
            "message": "应用尚未开通所需的权限：[Contact.User.Read]"});
        platform.says(EXCHANGE, 200, json!({"accessToken": "user-token"})).says(PROFILE, 403, &refused);
        let found = DingTalk.account(&platform.account, &arrived, &platform.calls()).await;
        assert!(matches!(found, Err(NotKnown::Failed(Step::Profile, Error::Permission { .. }))), "{found:?}");
    }
}
