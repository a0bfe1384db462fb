//! The sign-in page, the exchange of its codes, and what a person's own token tells.

use axum::http::{Method, StatusCode};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::answer::Refusal;
use super::directory;
use super::state::State;
use crate::platform::call::{Arrived, Done};
use crate::platform::fields::text;
use crate::platform::sign_in::{Asked, must, need};

/// Needed to read a profile.
pub(super) const PROFILE: (&str, &str) = ("/v1.0/contact/users/me", "Contact.User.Read");

/// `/oauth2/auth`. The code goes back twice: under the name of the documentation, and under the usual one.
pub(super) fn asked(state: &State, path: &str, query: &[(String, String)]) -> Result<Asked, String> {
    if path != "/oauth2/auth" {
        return Err("there is no such page".to_owned());
    }
    must(query, "response_type", "code")?;
    must(query, "client_id", &state.app.app_key)?;
    must(query, "prompt", "consent")?;
    let scope = need(query, "scope")?;
    if !["openid", "openid corpid"].contains(&scope) {
        return Err("`scope` must be openid, or openid corpid".to_owned());
    }
    let (redirect, state) = (need(query, "redirect_uri")?.to_owned(), need(query, "state")?.to_owned());
    Ok(Asked { redirect, state, challenge: None, code_names: &["code", "authCode"] })
}

/// `POST /v1.0/oauth2/userAccessToken`. What a wrong code is answered with is unconfirmed.
pub(super) fn exchange(state: &mut State, body: &Value) -> Result<Done, Refusal> {
    let field = |name: &str| text(body, name).ok_or_else(|| Refusal::mandatory(name));
    let (id, secret, grant) = (field("clientId")?, field("clientSecret")?, field("grantType")?);
    if id != state.app.app_key || secret != state.app.app_secret.expose_secret() {
        return Err(Refusal::bad("invalidClientIdOrSecret", "无效的clientId或者clientSecret"));
    }
    if grant != "authorization_code" {
        return Err(Refusal::bad("unsupportedGrantType", "不支持的 grantType"));
    }
    let (code, world) = (field("code")?, state.desk.world.clone());
    let taken = state.desk.codes.take(code, world.now());
    let taken = taken.map_err(|_| Refusal::bad("invalidParameter.authCode.notFound", "不合法的临时授权码"))?;
    let token = state.desk.codes.token(&world, "u", taken.account);
    Ok(json!({"accessToken": token, "refreshToken": format!("r{token}"), "expireIn": 7200}).into())
}

/// `GET /v1.0/contact/users/me`. The number and the address are those that a person gave DingTalk, and not their organisation's.
pub(super) fn profile(state: &mut State, arrived: &Arrived, token: &str) -> Result<Done, Refusal> {
    if arrived.method != Method::GET {
        return Err(Refusal::with(StatusCode::NOT_FOUND, "InvalidAction.NotFound", "Specified api is not found."));
    }
    // An app's token reads nobody's profile.
    if state.app.accepts(token, state.now()) {
        return Err(Refusal::permission(PROFILE.1, &state.app.app_key));
    }
    let person = state.desk.codes.person(token, state.now());
    let account = person.and_then(|account| directory::account(&account));
    let account = account.ok_or_else(|| Refusal::bad("InvalidAuthentication", "不合法的access_token"))?;
    Ok(json!({
        "nick": account.person().map(|person| person.pinyin),
        "unionId": account.unionid,
        "openId": format!("o{}", account.unionid),
        "mobile": "13900000000",
        "email": "somebody@elsewhere.example",
        "stateCode": "86",
    })
    .into())
}
