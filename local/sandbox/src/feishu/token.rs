//! `POST /auth/v3/…`: tokens. The answers are flat, without `data`.

use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::answer::Refusal;
use super::state::State;
use crate::platform::Platform as _;

/// The call, and whether its answer names the app's token as well: for an app of one's own it is the same.
pub(super) fn serve(state: &mut State, body: &Value, app: bool) -> Result<Value, Refusal> {
    let field = |name: &str| {
        let text = body.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        text.ok_or_else(|| Refusal::new(10_003, format!("invalid param: {name}")))
    };
    let (app_id, app_secret) = (field("app_id")?, field("app_secret")?);
    if app_id != state.app.app_id {
        return Err(Refusal::new(99_991_543, "app_id or app_secret does not exist"));
    }
    if app_secret != state.app.app_secret.expose_secret() {
        return Err(Refusal::new(10_015, "app secret invalid"));
    }
    let mut changed = state.app.clone();
    let (token, expire) = changed.token(&state.desk.world);
    state.put_app(changed)?;
    let mut answer = json!({"code": 0, "msg": "ok", "tenant_access_token": token.expose_secret(), "expire": expire});
    if app {
        answer["app_access_token"] = token.expose_secret().into();
    }
    Ok(answer)
}
