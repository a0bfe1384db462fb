//! Access tokens. Both APIs take the same one, and asking again while it is good gives the same one.

use axum::http::{Method, StatusCode};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::answer::{Errcode, Refusal};
use super::gateway::body;
use super::sign_in;
use super::state::State;
use crate::platform::Platform as _;
use crate::platform::call::{Arrived, Done};
use crate::platform::fields::text;

/// Seconds that a token is good for, as the answers say.
const LIFE: i64 = 7200;

/// The token calls of the new API: what follows `/v1.0/oauth2/`.
pub(super) fn serve(state: &mut State, path: &str, arrived: &Arrived) -> Result<Done, Refusal> {
    if arrived.method == Method::POST && path == "userAccessToken" {
        return sign_in::exchange(state, &body(arrived)?);
    }
    let found = arrived.method == Method::POST && (path == "accessToken" || path.ends_with("/token"));
    if !found {
        let message = "Specified api is not found, please check your url and method.";
        return Err(Refusal::with(StatusCode::NOT_FOUND, "InvalidAction.NotFound", message));
    }
    let body = body(arrived)?;
    match path.strip_suffix("/token") {
        None => of_app(state, &body),
        Some(corporation) => of_corporation(state, corporation, &body),
    }
}

/// `POST /v1.0/oauth2/accessToken`.
fn of_app(state: &mut State, body: &Value) -> Result<Done, Refusal> {
    let key = text(body, "appKey").ok_or_else(|| Refusal::mandatory("appKey"))?;
    let secret = text(body, "appSecret").ok_or_else(|| Refusal::mandatory("appSecret"))?;
    if !is_app(state, key, secret) {
        return Err(Refusal::bad("invalidClientIdOrSecret", "无效的clientId或者clientSecret"));
    }
    Ok(json!({"accessToken": renew(state)?, "expireIn": LIFE}).into())
}

/// `POST /v1.0/oauth2/{corpId}/token`: the fields are in snake case, there and back.
fn of_corporation(state: &mut State, corporation: &str, body: &Value) -> Result<Done, Refusal> {
    let key = text(body, "client_id").ok_or_else(|| Refusal::mandatory("client_id"))?;
    let secret = text(body, "client_secret").ok_or_else(|| Refusal::mandatory("client_secret"))?;
    let grant = text(body, "grant_type").ok_or_else(|| Refusal::mandatory("grant_type"))?;
    if grant != "client_credentials" {
        return Err(Refusal::bad("unsupported.grant.type", "不支持的 grant_type"));
    }
    if corporation != state.app.corp_id {
        return Err(Refusal::with(StatusCode::INTERNAL_SERVER_ERROR, "unknownError", "未知错误"));
    }
    if !is_app(state, key, secret) {
        return Err(Refusal::bad("invalid.client", "无效的 client_id 或者 client_secret"));
    }
    Ok(json!({"access_token": renew(state)?, "expires_in": LIFE}).into())
}

/// `GET /gettoken` of the old API: it reads the query and nothing else.
pub(super) fn legacy(state: &mut State, query: &[(String, String)]) -> Result<Value, Errcode> {
    let find = |name: &str| query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let (Some(key), Some(secret)) = (find("appkey"), find("appsecret")) else {
        return Err(Errcode::new(40035, "不合法的参数"));
    };
    if !is_app(state, key, secret) {
        return Err(Errcode::new(40096, "不合法的appKey或appSecret"));
    }
    Ok(json!({"errcode": 0, "errmsg": "ok", "access_token": renew(state)?, "expires_in": LIFE}))
}

fn is_app(state: &State, key: &str, secret: &str) -> bool {
    key == state.app.app_key && secret == state.app.app_secret.expose_secret()
}

fn renew(state: &mut State) -> Result<String, crate::platform::files::Error> {
    let mut app = state.app.clone();
    let token = app.renew(&state.desk.world);
    state.put_app(app)?;
    Ok(token.expose_secret().to_owned())
}
