//! `gettoken`. It reads the query alone, whatever the verb, and succeeds from an address that is not trusted.

use crate::platform::Platform as _;
use crate::platform::call::Done;
use secrecy::ExposeSecret;
use serde_json::json;

use super::answer::Refusal;
use super::gateway::Call;
use super::state::State;

/// `GET /cgi-bin/gettoken`.
pub(super) fn get(state: &mut State, call: &Call) -> Result<Done, Refusal> {
    let corp = call.query("corpid").ok_or_else(|| Refusal::new(41_002, "corpid missing"))?;
    let secret = call.query("corpsecret").ok_or_else(|| Refusal::new(41_004, "corpsecret missing"))?;
    let now = state.now();
    if state.wrong_secrets.blocks(now) {
        return Err(Refusal::new(45_009, "api freq out of limit"));
    }
    let refused = if corp != state.app.corp_id {
        Some(Refusal::new(40_013, "invalid corpid"))
    } else if secret != state.app.secret.expose_secret() {
        // Which of the two codes a wrong secret gets is unconfirmed: here, 40091 when it does not even look like one.
        Some(if secret.len() == state.app.secret.expose_secret().len() {
            Refusal::new(40_001, "invalid credential")
        } else {
            Refusal::new(40_091, "secret is invalid")
        })
    } else {
        None
    };
    if let Some(refusal) = refused {
        state.wrong_secrets.wrong(now);
        return Err(refusal);
    }
    let mut app = state.app.clone();
    let (token, seconds) = app.token(&state.desk.world);
    state.put_app(app)?;
    Ok(json!({"access_token": token.expose_secret(), "expires_in": seconds}).into())
}
