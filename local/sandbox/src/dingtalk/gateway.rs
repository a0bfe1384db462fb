//! The new API's gateway: which call it is, whether the token may make it, and the answer's form.
//!
//! It checks in the platform's order: path, token, throttling, permission, body, and then the call itself.

use axum::Json;
use axum::http::{HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use super::answer::{Refusal, request_id};
use super::state::State;
use super::{DingTalk, forms, instances, legacy, sign_in, start, tasks, token};
use crate::platform::call::{self, Arrived, Done};
use crate::platform::people;
use crate::platform::sending;

/// The header that carries the access token.
const TOKEN_HEADER: &str = "x-acs-dingtalk-access-token";

/// A call as the platform's code sees it.
#[derive(Debug, Default)]
pub(super) struct Call {
    /// The decoded query.
    pub(super) query: Vec<(String, String)>,
    /// The JSON body; `null` where there is none.
    pub(super) body: Value,
}

impl Call {
    /// The first query value of this name that is not empty.
    pub(super) fn query(&self, name: &str) -> Option<&str> {
        call::first(&self.query, name)
    }
}

/// A call's own code.
type Run = fn(&mut State, &Call) -> Result<Done, Refusal>;

/// One call of the new API: method, path, permission, and code. What is not a GET changes something, but for the
/// queries.
struct Api(Method, &'static str, &'static str, Run);

const FORM_READ: &str = "Workflow.Form.Read";
const FORM_WRITE: &str = "Workflow.Form.Write";
const INSTANCE_READ: &str = "Workflow.Instance.Read";
const INSTANCE_WRITE: &str = "Workflow.Instance.Write";

/// Every call that the sandbox plays, below `/v1.0/workflow`.
const APIS: &[Api] = &[
    Api(Method::POST, "/forms", FORM_WRITE, forms::save),
    Api(Method::GET, "/forms/schemas/processCodes", FORM_READ, forms::schema),
    Api(Method::GET, "/processCentres/schemaNames/processCodes", FORM_READ, forms::by_name),
    Api(Method::GET, "/processes/userVisibilities/templates", FORM_READ, forms::visible),
    Api(Method::GET, "/processes/managements/templates", FORM_READ, forms::managed),
    Api(Method::POST, "/processInstances", INSTANCE_WRITE, start::start),
    Api(Method::GET, "/processInstances", INSTANCE_READ, instances::read),
    Api(Method::POST, "/processes/instanceIds/query", INSTANCE_READ, instances::list),
    Api(Method::POST, "/processInstances/terminate", INSTANCE_WRITE, instances::terminate),
    Api(Method::POST, "/processInstances/execute", INSTANCE_WRITE, tasks::execute),
    Api(Method::POST, "/processInstances/comments", INSTANCE_WRITE, tasks::comment),
    Api(Method::POST, "/tasks/redirect", INSTANCE_WRITE, tasks::redirect),
    Api(Method::GET, "/processes/todoTasks/numbers", INSTANCE_READ, tasks::todo),
];

/// The call that tells the organisation's name, and its permission.
const ORGANISATION: (&str, &str) = ("/v1.0/contact/organizations/authInfos", "Contact.Org.Read");

/// Every call of both APIs.
pub(super) fn answer(platform: &DingTalk, arrived: &Arrived) -> Response {
    if !arrived.path.starts_with("/v1.0/") {
        return legacy::answer(platform, arrived);
    }
    let (done, id) = (new_api(platform, arrived), request_id(&platform.world));
    let mut response = match done {
        Ok(done) => finish(platform, done),
        Err(refusal) => refusal.into_response(&platform.world),
    };
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert("x-acs-request-id", value.clone());
        response.headers_mut().insert("x-acs-trace-id", value);
    }
    response
}

/// Answers a call, and has its callbacks sent meanwhile: they may well arrive before the answer.
fn finish(platform: &DingTalk, done: Done) -> Response {
    sending::spawn(platform, done.claim);
    Json(done.body).into_response()
}

fn new_api(platform: &DingTalk, arrived: &Arrived) -> Result<Done, Refusal> {
    let mut state = platform.state();
    if let Some(path) = arrived.path.strip_prefix("/v1.0/oauth2/") {
        return token::serve(&mut state, path, arrived);
    }
    let unknown = || {
        let text = "Specified api is not found, please check your url and method.";
        Refusal::with(StatusCode::NOT_FOUND, "InvalidAction.NotFound", text)
    };
    if arrived.method == Method::GET && arrived.path == ORGANISATION.0 {
        check_token(&state, arrived)?;
        check_faults(&mut state, ORGANISATION.1)?;
        return organisation(&state, arrived);
    }
    if arrived.path == sign_in::PROFILE.0 {
        let token = Some(arrived.header(TOKEN_HEADER)).filter(|text| !text.is_empty()).ok_or_else(no_token)?;
        check_faults(&mut state, sign_in::PROFILE.1)?;
        return sign_in::profile(&mut state, arrived, token);
    }
    let path = arrived.path.strip_prefix("/v1.0/workflow").ok_or_else(unknown)?;
    let premium = path.starts_with("/premium/");
    let api = APIS.iter().find(|api| api.0 == arrived.method && api.1 == path);
    let (scope, run) = match api {
        Some(api) => (api.2, Some(api.3)),
        None if premium => ("Premium.Workflow.ReadWrite.All", None),
        None => return Err(unknown()),
    };
    check_token(&state, arrived)?;
    check_faults(&mut state, scope)?;
    // The organisation has the standard edition: it has no permission for the premium calls.
    let run = run.ok_or_else(|| Refusal::permission(scope, &state.app.app_key))?;
    let call = Call { query: arrived.query.clone(), body: body(arrived)? };
    let done = run(&mut state, &call)?;
    if scope.ends_with(".Write") && state.desk.faults.loses_answer() {
        drop(state);
        let lost = Refusal::with(StatusCode::GATEWAY_TIMEOUT, "ServiceUnavailable", "请求超时");
        finish(platform, done);
        return Err(lost);
    }
    Ok(done)
}

/// Its certification alone: one that is not certified tells no more. Other organisations are nobody's business; how the platform
/// refuses them is unconfirmed.
fn organisation(state: &State, arrived: &Arrived) -> Result<Done, Refusal> {
    let corp = arrived.query("targetCorpId").ok_or_else(|| Refusal::mandatory("targetCorpId"))?;
    if corp != state.app.corp_id {
        return Err(Refusal::bad("invalidParameter", "不合法的corpId"));
    }
    Ok(serde_json::json!({"orgName": people::ORGANISATION, "authLevel": 0}).into())
}

fn no_token() -> Refusal {
    Refusal::bad("AuthenticationFailed.MissingParameter", format!("缺少参数：{TOKEN_HEADER}"))
}

fn check_token(state: &State, arrived: &Arrived) -> Result<(), Refusal> {
    let token = Some(arrived.header(TOKEN_HEADER)).filter(|text| !text.is_empty());
    if state.app.accepts(token.ok_or_else(no_token)?, state.now()) {
        Ok(())
    } else {
        Err(Refusal::bad("InvalidAuthentication", "不合法的access_token"))
    }
}

fn check_faults(state: &mut State, scope: &str) -> Result<(), Refusal> {
    if state.desk.faults.throttles() {
        let text = "您的服务器调用钉钉开放平台当前接口的请求超过 QPS 限制，请稍后重试";
        let code = "Forbidden.AccessDenied.QpsLimitForAppkeyAndApi";
        return Err(Refusal::with(StatusCode::FORBIDDEN, code, text));
    }
    if state.desk.faults.quota.strike() {
        let text = "您的企业本月的API调用量已用完，请升级版本后重试";
        return Err(Refusal::with(StatusCode::FORBIDDEN, "Forbidden.AccessDenied.ApiCountLimitForOrg", text));
    }
    if state.desk.faults.fails() {
        return Err(Refusal::with(StatusCode::INTERNAL_SERVER_ERROR, "systemError", "系统错误"));
    }
    if state.desk.faults.missing_scopes.iter().any(|missing| missing == scope) {
        return Err(Refusal::permission(scope, &state.app.app_key));
    }
    Ok(())
}

/// The JSON body. A form, or nothing, is no body to the gateway.
pub(super) fn body(arrived: &Arrived) -> Result<Value, Refusal> {
    if arrived.method == Method::GET {
        return Ok(Value::Null);
    }
    let kind = arrived.header("content-type");
    if !kind.to_ascii_lowercase().starts_with("application/json") || arrived.body.is_empty() {
        return Err(Refusal::bad("Missingbody", "body is mandatory for this action"));
    }
    match serde_json::from_slice(&arrived.body) {
        Ok(body @ Value::Object(_)) => Ok(body),
        _ => Err(Refusal::bad("invalidParameter", "请求体不是合法的 JSON 对象")),
    }
}
