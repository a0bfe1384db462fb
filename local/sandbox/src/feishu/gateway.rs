//! The API's gateway: which call it is, whether the token may make it, and the answer's form.
//!
//! It checks in the platform's order: path, token, throttling, permission, body, and then the call itself.

use axum::Json;
use axum::http::{HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::answer::{Refusal, log_id};
use super::apis::{self, Api, Limit};
use super::directory::{self, Account};
use super::state::State;
use super::{Feishu, sign_in, token};
use crate::platform::call::{self, Arrived};
use crate::platform::sending;

/// Needed for `user_id` fields, and to name people by `user_id`.
pub(super) const USER_ID: &str = "contact:user.employee_id:readonly";

/// A call as the platform's code sees it.
pub(super) struct Call {
    /// The parts of the path that stand for something, in order.
    pub(super) path: Vec<String>,
    query: Vec<(String, String)>,
    /// The JSON body; `null` where there is none.
    pub(super) body: Value,
    /// How people are named: `open_id`, `union_id` or `user_id`.
    pub(super) user_id_type: String,
}

impl Call {
    /// The first query value of this name that is not empty.
    pub(super) fn query(&self, name: &str) -> Option<&str> {
        call::first(&self.query, name)
    }

    /// A part of the path.
    pub(super) fn part(&self, index: usize) -> &str {
        self.path.get(index).map_or("", String::as_str)
    }

    /// Somebody named as `user_id_type` says; the gateway translates ids before the call runs.
    pub(super) fn account(&self, id: &str) -> Result<&'static Account, Refusal> {
        directory::by_id(&self.user_id_type, id).ok_or_else(|| match self.user_id_type.as_str() {
            "user_id" => Refusal::new(99_992_360, format!("The user_id does not exist: {id}")),
            "union_id" => Refusal::new(99_992_381, format!("The union_id is not of this tenant: {id}")),
            _ => Refusal::new(99_992_351, format!("The open_id does not exist: {id}")),
        })
    }
}

/// Every call of the API.
pub(super) fn answer(platform: &Feishu, arrived: &Arrived) -> Response {
    let log_id = log_id(&platform.world);
    let mut response = match call(platform, arrived) {
        Ok(body) => Json(body).into_response(),
        Err(refusal) => refusal.into_response(&log_id),
    };
    if let Ok(value) = HeaderValue::from_str(&log_id) {
        response.headers_mut().insert("x-tt-logid", value.clone());
        response.headers_mut().insert("x-request-id", value);
    }
    response
}

fn call(platform: &Feishu, arrived: &Arrived) -> Result<Value, Refusal> {
    let unknown = || Refusal::new(99_991_201, "path not found").status(StatusCode::NOT_FOUND);
    let path = arrived.path.strip_prefix("/open-apis").ok_or_else(unknown)?;
    let mut state = platform.state();
    if let Some(kind @ ("tenant" | "app")) =
        path.strip_prefix("/auth/v3/").and_then(|path| path.strip_suffix("_access_token/internal"))
    {
        if arrived.method != Method::POST {
            return Err(unknown());
        }
        // Faults are for the calls that tokens are for.
        return token::serve(&mut state, &body(arrived)?, kind == "app");
    }
    if arrived.method == Method::POST && path == sign_in::EXCHANGE {
        return sign_in::exchange(&mut state, &body(arrived)?);
    }
    if arrived.method == Method::GET && path == sign_in::PROFILE {
        check_faults(&mut state)?;
        return sign_in::profile(&state, arrived.header("authorization").strip_prefix("Bearer "));
    }
    let found = apis::find(&arrived.method, path);
    if found.is_none() && !apis::exists(path) {
        return Err(unknown());
    }
    check_token(&state, arrived)?;
    // Seen with calls: a path that has no such method refuses the token that works elsewhere.
    let (api, parts) = found.ok_or_else(invalid_token)?;
    check_limit(&mut state, api)?;
    check_faults(&mut state)?;
    if api.counts() && state.desk.faults.quota.strike() {
        return Err(Refusal::new(99_991_403, "this month's API call quota has been exceeded"));
    }
    let missing = |scope: &&str| !state.granted(scope);
    if !api.scopes.is_empty() && api.scopes.iter().all(missing) {
        return Err(Refusal::permission(api.scopes, &state.app.app_id));
    }
    let call = Call {
        path: parts,
        user_id_type: user_id_type(&state, arrived)?,
        query: arrived.query.clone(),
        body: if arrived.method == Method::GET { Value::Null } else { body(arrived)? },
    };
    let done = (api.run)(&mut state, &call)?;
    let lost = api.writes() && state.desk.faults.loses_answer();
    drop(state);
    sending::spawn(platform, done.claim);
    if lost {
        return Err(Refusal::new(1_395_001, "timeout").status(StatusCode::GATEWAY_TIMEOUT));
    }
    Ok(match done.body {
        Value::Object(mut flat) if api.flat => {
            flat.extend([("code".to_owned(), json!(0)), ("msg".to_owned(), json!("ok"))]);
            flat.into()
        }
        data => json!({"code": 0, "msg": "success", "data": data}),
    })
}

fn invalid_token() -> Refusal {
    Refusal::new(99_991_663, "Invalid access token for authorization. Please make a request with token attached.")
}

fn check_token(state: &State, arrived: &Arrived) -> Result<(), Refusal> {
    let token =
        arrived.header("authorization").strip_prefix("Bearer ").map(str::trim).filter(|token| !token.is_empty());
    match token {
        None => Err(Refusal::new(
            99_991_661,
            "Missing access token for authorization. Please make a request with token attached.",
        )),
        Some(token) if token.starts_with("u-") => {
            Err(Refusal::new(99_991_668, "Invalid access token for authorization: not a user token of this tenant."))
        }
        Some(token) if !token.starts_with("t-") => {
            Err(Refusal::new(99_991_671, "Invalid access token: it must start with 't-' or 'u-'."))
        }
        Some(token) if state.app.accepts(token, state.now()) => Ok(()),
        Some(_) => Err(invalid_token()),
    }
}

/// Calls per minute and per second, each API by itself. Documented.
fn check_limit(state: &mut State, api: &Api) -> Result<(), Refusal> {
    let now = state.now();
    let windows: &[(u32, i64)] = match api.limit {
        Limit::Slow => &[(100, 60_000)],
        Limit::Fast => &[(1000, 60_000), (50, 1000)],
    };
    let calls = state.calls.entry(api.name()).or_default();
    calls.retain(|at| now - at < 60_000);
    for (most, window) in windows {
        let mut within = calls.iter().filter(|at| now - **at < *window);
        let first = within.clone().min().copied().unwrap_or(now);
        if within.by_ref().count() >= usize::try_from(*most).unwrap_or(usize::MAX) {
            let reset = (first + window - now + 999) / 1000;
            return Err(Refusal::throttled(*most, reset.max(1)));
        }
    }
    calls.push(now);
    Ok(())
}

fn check_faults(state: &mut State) -> Result<(), Refusal> {
    if state.desk.faults.throttles() {
        return Err(Refusal::throttled(100, 1));
    }
    if state.desk.faults.fails() {
        return Err(Refusal::new(1_395_001, "internal error").status(StatusCode::INTERNAL_SERVER_ERROR));
    }
    Ok(())
}

fn user_id_type(state: &State, arrived: &Arrived) -> Result<String, Refusal> {
    match arrived.query("user_id_type") {
        None => Ok("open_id".to_owned()),
        Some("user_id") if !state.granted(USER_ID) => Err(Refusal::permission(&[USER_ID], &state.app.app_id)),
        Some(kind @ ("open_id" | "union_id" | "user_id")) => Ok(kind.to_owned()),
        Some(other) => {
            let description = "the optional values are [open_id, union_id, user_id]";
            Err(Refusal::field("user_id_type", other, description))
        }
    }
}

/// The JSON object; nothing is an empty one.
fn body(arrived: &Arrived) -> Result<Value, Refusal> {
    if arrived.body.is_empty() {
        return Ok(json!({}));
    }
    match serde_json::from_slice(&arrived.body) {
        Ok(body @ Value::Object(_)) => Ok(body),
        _ => Err(Refusal::new(9499, "Bad Request: the body is no JSON object")),
    }
}
