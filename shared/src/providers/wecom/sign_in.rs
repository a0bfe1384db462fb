//! Signing in: a silent redirect inside the client, a page with a QR code in a browser. Either brings a code that the app's token opens.

use secrecy::ExposeSecret;
use url::Url;

use super::client::Api;
use super::settings::Settings;
use crate::providers::Error;
use crate::providers::lenient::text;
use crate::providers::sign_in::{Arrived, Begun, NotKnown, Step, failed, page};

/// What the client's own browser has in its name.
const CLIENT: &str = "wxwork";
/// The page for the client, and the page for browsers.
const INSIDE: (&str, &str) = ("https://open.weixin.qq.com", "/connect/oauth2/authorize");
const OUTSIDE: (&str, &str) = ("https://login.work.weixin.qq.com", "/wwlogin/sso/login");

/// Where the browser goes.
pub(super) fn begin(settings: &Settings<'_>, begun: &Begun<'_>) -> Result<Url, Error> {
    let is_inside = begun.user_agent.to_ascii_lowercase().contains(CLIENT);
    let (host, path) = if is_inside { INSIDE } else { OUTSIDE };
    let mut url = page(settings.endpoint, settings.is_usual().then_some(host), path)?;
    let mut query = url.query_pairs_mut();
    query.append_pair("appid", settings.corp_id).append_pair("redirect_uri", begun.returns_to);
    if is_inside {
        query.append_pair("response_type", "code").append_pair("scope", "snsapi_base");
    } else {
        query.append_pair("login_type", "CorpApp");
    }
    query.append_pair("state", begun.state).append_pair("agentid", settings.agent_id);
    drop(query);
    if is_inside {
        // Documented: it does nothing without.
        url.set_fragment(Some("wechat_redirect"));
    }
    Ok(url)
}

/// Whose code it is. The call tells members by `userid` (older ones by `UserId`), others by other names; of a corporation up or down the stream it is
/// `CorpId/userid`.
pub(super) async fn account(api: &Api<'_>, arrived: &Arrived<'_>) -> Result<String, NotKnown> {
    let query = [("code", arrived.code.expose_secret())];
    let answer = api.get("/cgi-bin/auth/getuserinfo", &query).await;
    let answer = answer.map_err(|failure| failure.without(arrived.code.expose_secret()));
    let answer = answer.map_err(failed(Step::Code, |failure| api.error(failure)))?;
    let is_there = |name: &str| text(&answer[name]).is_some_and(|id| !id.is_empty());
    let user = ["userid", "UserId"].iter().find_map(|name| text(&answer[*name])).filter(|user| !user.is_empty());
    match user {
        Some(user) if user.contains('/') => Err(NotKnown::Foreign),
        Some(user) => Ok(user),
        None if ["external_userid", "openid", "OpenId"].into_iter().any(is_there) => Err(NotKnown::Foreign),
        None => Err(NotKnown::NoId("userid")),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use secrecy::SecretString;
    use serde_json::json;

    use super::*;
    use crate::providers::sign_in::SignIn;
    use crate::providers::testing::{FakePlatform, Manners};
    use crate::providers::wecom::WeCom;
    use crate::providers::wecom::tests::account;

    #[tokio::test]
    async fn only_a_member_of_the_corporation_has_an_account() {
        let token = |_| json!({"errcode": 0, "errmsg": "ok", "access_token": "t", "expires_in": 7200});
        let manners = Manners { account, token_call: "GET /cgi-bin/gettoken", token, token_header: None };
        let code = SecretString::from("the-code");
        let arrived = Arrived { code: &code, returns_to: "https://a", verifier: &code };
        for (answer, expected) in [
            (json!({"errcode": 0, "userid": "zhangwei"}), Ok("zhangwei".to_owned())),
            (json!({"errcode": 0, "UserId": "zhangwei"}), Ok("zhangwei".to_owned())),
            (json!({"errcode": 0, "userid": "wwother/zhangwei"}), Err(NotKnown::Foreign)),
            (json!({"errcode": 0, "openid": "o", "external_userid": "wm"}), Err(NotKnown::Foreign)),
            (json!({"errcode": 0, "OpenId": "o"}), Err(NotKnown::Foreign)),
            (json!({"errcode": 0, "UserId": ""}), Err(NotKnown::NoId("userid"))),
            (json!({"errcode": 0}), Err(NotKnown::NoId("userid"))),
        ] {
            let platform = FakePlatform::new(manners).await;
            platform.says("GET /cgi-bin/auth/getuserinfo", 200, &answer);
            let found = WeCom.account(&platform.account, &arrived, &platform.calls()).await;
            assert_eq!(found, expected, "{answer}");
        }
        for (errcode, text) in [(40_029, "invalid code the-code"), (60_020, "not allow to access from your ip")] {
            let platform = FakePlatform::new(manners).await;
            platform.says("GET /cgi-bin/auth/getuserinfo", 200, json!({"errcode": errcode, "errmsg": text}));
            let found = WeCom.account(&platform.account, &arrived, &platform.calls()).await;
            let why = format!("{:?}", found.unwrap_err());
            assert!(why.starts_with("Failed(Code") && !why.contains("the-code"), "{why}");
        }
    }

    #[test]
    fn the_client_has_a_page_of_its_own() {
        let mut account = account("https://x.example");
        account.settings.remove("endpoint");
        let verifier = SecretString::from("v");
        let url = |user_agent| {
            let begun = Begun { returns_to: "https://a/b", state: "s", verifier: &verifier, user_agent };
            WeCom.page(&account, &begun).unwrap().to_string()
        };
        let (inside, outside) = (url("Mozilla/5.0 MicroMessenger wxwork/4.1"), url("Mozilla/5.0"));
        assert!(inside.starts_with("https://open.weixin.qq.com/connect/oauth2/authorize?appid="), "{inside}");
        assert!(inside.contains("scope=snsapi_base") && inside.ends_with("#wechat_redirect"), "{inside}");
        assert!(outside.starts_with("https://login.work.weixin.qq.com/wwlogin/sso/login?"), "{outside}");
        assert!(
            outside.contains("login_type=CorpApp") && outside.contains("redirect_uri=https%3A%2F%2Fa%2Fb"),
            "{outside}"
        );
    }
}
