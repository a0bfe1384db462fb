//! The sign-in page, the exchange of its codes, and what a person's own token tells.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::answer::Refusal;
use super::directory;
use super::gateway::USER_ID;
use super::state::State;
use crate::platform::sign_in::{Asked, Spent, must, need};

/// Where codes are exchanged, and profiles read.
pub(super) const EXCHANGE: &str = "/authen/v2/oauth/token";
pub(super) const PROFILE: &str = "/authen/v1/user_info";

/// `/open-apis/authen/v1/authorize`.
pub(super) fn asked(state: &State, path: &str, query: &[(String, String)]) -> Result<Asked, String> {
    if path != "/open-apis/authen/v1/authorize" {
        return Err("there is no such page".to_owned());
    }
    must(query, "client_id", &state.app.app_id)?;
    must(query, "response_type", "code")?;
    let challenge = match need(query, "code_challenge") {
        Ok(challenge) => {
            must(query, "code_challenge_method", "S256")?;
            Some(challenge.to_owned())
        }
        Err(_) => None,
    };
    let (redirect, state) = (need(query, "redirect_uri")?.to_owned(), need(query, "state")?.to_owned());
    Ok(Asked { redirect, state, challenge, code_names: &["code"] })
}

/// `POST /authen/v2/oauth/token`: the answer is flat.
pub(super) fn exchange(state: &mut State, body: &Value) -> Result<Value, Refusal> {
    let field = |name: &str| {
        let text = body.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        text.ok_or_else(|| Refusal::new(20_001, format!("The request is missing a required parameter: {name}")))
    };
    if field("grant_type")? != "authorization_code" {
        return Err(Refusal::new(20_036, "The grant_type is not supported."));
    }
    if field("client_id")? != state.app.app_id {
        return Err(Refusal::new(20_048, "The app does not exist."));
    }
    if field("client_secret")? != state.app.app_secret.expose_secret() {
        return Err(Refusal::new(20_002, "The client secret is invalid."));
    }
    let world = state.desk.world.clone();
    let code = state.desk.codes.take(field("code")?, world.now()).map_err(|spent| match spent {
        Spent::Unknown => Refusal::new(20_003, "The authorization code is not found."),
        Spent::Expired => Refusal::new(20_004, "The authorization code has expired."),
        Spent::Used => Refusal::new(20_065, "The authorization code has been used."),
    })?;
    if code.redirect != field("redirect_uri")? {
        return Err(Refusal::new(20_071, "The redirect_uri does not match."));
    }
    if let Some(challenge) = code.challenge
        && challenge != URL_SAFE_NO_PAD.encode(Sha256::digest(field("code_verifier")?))
    {
        return Err(Refusal::new(20_049, "The code_verifier does not match."));
    }
    let token = state.desk.codes.token(&world, "u-", code.account);
    Ok(json!({"code": 0, "access_token": token, "expires_in": 7200, "token_type": "Bearer", "scope": ""}))
}

/// `GET /authen/v1/user_info`.
pub(super) fn profile(state: &State, token: Option<&str>) -> Result<Value, Refusal> {
    let refused = || Refusal::new(20_005, "The user access token is invalid.");
    let open_id = token.and_then(|token| state.desk.codes.person(token, state.now())).ok_or_else(refused)?;
    let account = directory::account(&open_id).ok_or_else(refused)?;
    let name = directory::name(&open_id);
    let mut data = json!({
        "name": name, "open_id": open_id, "union_id": account.union_id, "tenant_key": state.app.tenant_key,
    });
    if state.granted(USER_ID) {
        data["user_id"] = account.user_id.into();
    }
    Ok(json!({"code": 0, "msg": "success", "data": data}))
}
