//! The sign-in pages, in a browser and in the client, and whose their codes are.

use serde_json::json;

use super::answer::Refusal;
use super::gateway::Call;
use super::state::State;
use crate::platform::call::Done;
use crate::platform::sign_in::{Asked, Spent, must, need};

/// Longest code that is read, in bytes. Documented.
const MAX_CODE: usize = 512;

/// `/wwlogin/sso/login` and `/connect/oauth2/authorize`.
pub(super) fn asked(state: &State, path: &str, query: &[(String, String)]) -> Result<Asked, String> {
    match path {
        "/wwlogin/sso/login" => must(query, "login_type", "CorpApp")?,
        "/connect/oauth2/authorize" => {
            must(query, "response_type", "code")?;
            must(query, "scope", "snsapi_base")?;
        }
        _ => return Err("there is no such page".to_owned()),
    }
    must(query, "appid", &state.app.corp_id)?;
    must(query, "agentid", &state.app.agent_id)?;
    let (redirect, state) = (need(query, "redirect_uri")?.to_owned(), need(query, "state")?.to_owned());
    Ok(Asked { redirect, state, challenge: None, code_names: &["code"] })
}

/// `GET auth/getuserinfo`: of every member, in the visible range or not.
pub(super) fn person(state: &mut State, call: &Call) -> Result<Done, Refusal> {
    let invalid = || Refusal::new(40_029, "invalid code");
    let code = call.query("code").filter(|code| code.len() <= MAX_CODE).ok_or_else(invalid)?;
    let now = state.now();
    let taken = state.desk.codes.take(code, now).map_err(|spent| match spent {
        Spent::Expired => Refusal::new(42_003, "oauth_code expired"),
        Spent::Unknown | Spent::Used => invalid(),
    })?;
    Ok(json!({"userid": taken.account}).into())
}
