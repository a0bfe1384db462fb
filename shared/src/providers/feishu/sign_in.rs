//! Signing in: OAuth 2 with the app, and PKCE.
//!
//! An open id belongs to one app and one tenant's person. The profile's tenant must be the app's own, which the app asks for: where it may not, nobody
//! is signed in.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use url::Url;

use super::client::Api;
use super::settings::Settings;
use crate::providers::Error;
use crate::providers::lenient::text;
use crate::providers::sign_in::{Arrived, Begun, NotKnown, Step, failed, page};

/// The permission to ask for the own tenant.
const TENANT: &str = "tenant:tenant:readonly";

/// Where the browser goes. Nothing more than who somebody is is asked for, so no `scope`.
pub(super) fn begin(settings: &Settings<'_>, begun: &Begun<'_>) -> Result<Url, Error> {
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(begun.verifier.expose_secret()));
    let mut url = page(settings.endpoint, settings.sign_in_page(), "/open-apis/authen/v1/authorize")?;
    url.query_pairs_mut()
        .append_pair("client_id", settings.app_id)
        .append_pair("response_type", "code")
        .append_pair("redirect_uri", begun.returns_to)
        .append_pair("state", begun.state)
        .append_pair("code_challenge", &challenge)
        .append_pair("code_challenge_method", "S256");
    Ok(url)
}

/// Whose code it is: the open id.
pub(super) async fn account(api: &Api<'_>, arrived: &Arrived<'_>) -> Result<String, NotKnown> {
    let at = |step| failed(step, |failure| api.error(failure));
    let body = json!({
        "grant_type": "authorization_code",
        "client_id": api.settings.app_id,
        "client_secret": api.settings.app_secret.expose_secret(),
        "code": arrived.code.expose_secret(),
        "redirect_uri": arrived.returns_to,
        "code_verifier": arrived.verifier.expose_secret(),
    });
    let granted = api.exchange("/authen/v2/oauth/token", &body, arrived.code).await.map_err(at(Step::Code))?;
    let token = SecretString::from(text(&granted["access_token"]).ok_or(NotKnown::NoId("access_token"))?);
    let profile = api.as_user("/authen/v1/user_info", &token).await.map_err(at(Step::Profile))?;
    let open_id = text(&profile["open_id"]).ok_or(NotKnown::NoId("open_id"))?;
    let theirs = text(&profile["tenant_key"]).ok_or(NotKnown::NoId("tenant_key"))?;
    let own = api.get("/tenant/v2/tenant/query", &[]).await.map_err(at(Step::Organization))?;
    let own = text(&own["tenant"]["tenant_key"]).ok_or(NotKnown::NoId(TENANT))?;
    if bool::from(own.as_bytes().ct_eq(theirs.as_bytes())) { Ok(open_id) } else { Err(NotKnown::Foreign) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::providers::feishu::Feishu;
    use crate::providers::feishu::tests::account;
    use crate::providers::sign_in::SignIn;
    use crate::providers::testing::{FakePlatform, Manners};

    const MANNERS: Manners = Manners {
        account,
        token_call: "POST /open-apis/auth/v3/tenant_access_token/internal",
        token: |_| json!({"code": 0, "msg": "ok", "tenant_access_token": "t-1", "expire": 7200}),
        token_header: Some("authorization"),
    };
    const EXCHANGE: &str = "POST /open-apis/authen/v2/oauth/token";
    const PROFILE: &str = "GET /open-apis/authen/v1/user_info";
    const OWN: &str = "GET /open-apis/tenant/v2/tenant/query";

    #[tokio::test]
    async fn only_the_own_tenants_people_have_accounts() {
        let (code, verifier) = (SecretString::from("the-code"), SecretString::from("the-verifier"));
        let arrived = Arrived { code: &code, returns_to: "https://a/return", verifier: &verifier };
        let own = json!({"code": 0, "data": {"tenant": {"tenant_key": "own"}}});
        let missing = json!({"code": 99_991_672, "msg": "Access denied. One of the following scopes is required: [tenant:tenant:readonly]"});
        for (profile, tenant, expected) in [
            (json!({"open_id": "ou_1", "tenant_key": "own"}), &own, "Ok(\"ou_1\")"),
            (json!({"open_id": "ou_1", "tenant_key": "other"}), &own, "Err(Foreign)"),
            (json!({"open_id": "ou_1", "tenant_key": "own"}), &missing, "Err(Failed(Organization, Permission"),
            (json!({"tenant_key": "own", "user_id": null}), &own, "Err(NoId(\"open_id\"))"),
            (json!({"open_id": "", "tenant_key": "own"}), &own, "Err(NoId(\"open_id\"))"),
            (json!({"open_id": "ou_1"}), &own, "Err(NoId(\"tenant_key\"))"),
        ] {
            let platform = FakePlatform::new(MANNERS).await;
            platform.says(EXCHANGE, 200, json!({"code": 0, "access_token": "u-1", "expires_in": 7200}));
            platform.says(PROFILE, 200, json!({"code": 0, "data": profile})).says(OWN, 200, tenant);
            let found = Feishu.account(&platform.account, &arrived, &platform.calls()).await;
            assert!(format!("{found:?}").starts_with(expected), "{profile}: {found:?}");
            assert_eq!(platform.seen(PROFILE)[0].token.as_deref(), Some("Bearer u-1"));
            let sent = &platform.seen(EXCHANGE)[0].body;
            assert_eq!(
                (&sent["code_verifier"], &sent["redirect_uri"]),
                (&json!("the-verifier"), &json!("https://a/return"))
            );
        }
        let platform = FakePlatform::new(MANNERS).await;
        platform.says(EXCHANGE, 400, json!({"code": 20_065, "error": "invalid_grant", "error_description": "used"}));
        let found = Feishu.account(&platform.account, &arrived, &platform.calls()).await;
        assert!(matches!(found, Err(NotKnown::Failed(Step::Code, _))), "{found:?}");
    }

    #[test]
    fn a_tenant_signs_in_where_it_lives() {
        let page = |endpoint: Option<&str>| {
            let mut account = account("https://x.example");
            account.settings.remove("endpoint");
            account.settings.extend(endpoint.map(|endpoint| ("endpoint".to_owned(), endpoint.into())));
            let verifier = SecretString::from("v");
            let begun = Begun { returns_to: "https://a", state: "s", verifier: &verifier, user_agent: "" };
            Feishu.page(&account, &begun).unwrap().to_string()
        };
        let path = "open-apis/authen/v1/authorize?client_id=";
        assert!(page(None).starts_with(&format!("https://accounts.feishu.cn/{path}")));
        assert!(
            page(Some("https://open.larksuite.com/")).starts_with(&format!("https://accounts.larksuite.com/{path}"))
        );
        let played = page(Some("http://127.0.0.1:3000/sandbox/feishu"));
        assert!(played.starts_with(&format!("http://127.0.0.1:3000/sandbox/feishu/sign-in/{path}")), "{played}");
        assert!(played.contains("code_challenge_method=S256") && !played.contains("scope="), "{played}");
    }
}
