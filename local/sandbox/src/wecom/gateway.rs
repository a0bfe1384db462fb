//! The gateway: which call it is, whether the token may make it, and the answer's form.
//!
//! It checks in this order: path, token, address, rate, permission, body, and then the call itself.

use std::net::{IpAddr, Ipv4Addr};

use axum::Json;
use axum::body::Bytes;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use super::answer::Refusal;
use super::app::Worth;
use super::state::State;
use super::{WeCom, contacts, forms, sign_in, start, templates, token};
use crate::platform::call::{self, Arrived, Done};
use crate::platform::fields;
use crate::platform::sending;

/// Where callers seem to come from, as refusals tell it.
const FROM: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// A call as the platform's code sees it.
#[derive(Debug, Default)]
pub(super) struct Call {
    query: Vec<(String, String)>,
    /// The JSON body; `null` where there is none.
    pub(super) body: Value,
}

impl Call {
    /// The first query value of this name that is not empty.
    pub(super) fn query(&self, name: &str) -> Option<&str> {
        call::first(&self.query, name)
    }

    /// A text of the body that has to be there. Another type is not read.
    pub(super) fn text(&self, name: &str) -> Result<&str, Refusal> {
        match &self.body[name] {
            Value::String(text) if !text.is_empty() => Ok(text),
            Value::Null | Value::String(_) => Err(Refusal::missing()),
            _ => Err(Refusal::mistyped()),
        }
    }

    /// A whole number of the body; `None` when it is absent.
    pub(super) fn number(&self, name: &str) -> Result<Option<i64>, Refusal> {
        match &self.body[name] {
            Value::Null => Ok(None),
            value => fields::integer(value).map(Some).ok_or_else(Refusal::mistyped),
        }
    }
}

/// What a call needs of the administrator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Needs {
    /// The app among the callable ones of the Approval app; 301055 without.
    Approval,
    /// The same for calls that change templates; 301088 without.
    Templates,
    /// To see members.
    Contacts,
    /// Nothing.
    Nothing,
}

/// A call's own code.
type Run = fn(&mut State, &Call) -> Result<Done, Refusal>;

/// A call below `/cgi-bin`: its path, verb, need and code. The platform takes POST for what is read by GET, but not the
/// other way round: then it does not read the body.
struct Api(&'static str, Method, Needs, Run);

/// Every call that the sandbox plays. None acts on a form: there is no such call.
const APIS: &[Api] = &[
    Api("oa/gettemplatedetail", Method::POST, Needs::Approval, templates::read),
    Api("oa/approval/create_template", Method::POST, Needs::Templates, templates::create),
    Api("oa/approval/update_template", Method::POST, Needs::Templates, templates::update),
    Api("oa/applyevent", Method::POST, Needs::Approval, start::start),
    Api("oa/getapprovalinfo", Method::POST, Needs::Approval, forms::list),
    Api("oa/getapprovaldetail", Method::POST, Needs::Approval, forms::read),
    Api("user/getuserid", Method::POST, Needs::Contacts, contacts::by_mobile),
    Api("user/get_userid_by_email", Method::POST, Needs::Contacts, contacts::by_email),
    Api("user/get", Method::GET, Needs::Contacts, contacts::member),
    Api("user/simplelist", Method::GET, Needs::Contacts, contacts::simple_list),
    Api("user/list", Method::GET, Needs::Contacts, contacts::list),
    Api("user/list_id", Method::POST, Needs::Contacts, contacts::ids),
    Api("department/list", Method::GET, Needs::Contacts, contacts::departments),
    Api("department/simplelist", Method::GET, Needs::Contacts, contacts::department_ids),
    Api("department/get", Method::GET, Needs::Contacts, contacts::department),
    Api("tag/get", Method::GET, Needs::Contacts, contacts::tag),
    Api("auth/getuserinfo", Method::GET, Needs::Nothing, sign_in::person),
    Api("agent/get", Method::GET, Needs::Nothing, contacts::agent),
    Api("getcallbackip", Method::GET, Needs::Nothing, contacts::addresses),
    Api("get_api_domain_ip", Method::GET, Needs::Nothing, contacts::addresses),
];

/// Every call.
pub(super) fn answer(platform: &WeCom, arrived: Arrived) -> Response {
    match arrived.path.strip_prefix("/cgi-bin/") {
        Some("gettoken") => {
            let mut state = platform.state();
            let done = token::get(&mut state, &Call { query: arrived.query, body: Value::Null });
            drop(state);
            finish(platform, done)
        }
        Some(name) => run(platform, name, &arrived.method, arrived.query.clone(), &arrived.body),
        None => unknown(),
    }
}

/// What an address answers that is no call. Unconfirmed.
fn unknown() -> Response {
    StatusCode::NOT_FOUND.into_response()
}

fn run(platform: &WeCom, name: &str, method: &Method, query: Vec<(String, String)>, bytes: &Bytes) -> Response {
    let Some(Api(_, verb, needs, run)) = APIS.iter().find(|api| api.0 == name) else { return unknown() };
    let mut state = platform.state();
    let call = Call { query, body: Value::Null };
    let admitted = admit(&mut state, &call, *needs);
    let reads_body = *verb == Method::POST && method == Method::POST;
    let done = admitted.and_then(|()| {
        let (body, broken) = if reads_body { parse(bytes)? } else { (Value::Null, false) };
        let done = run(&mut state, &Call { body, ..call });
        done.map_err(|refusal| if broken { refusal.after_wrong_json() } else { refusal })
    });
    let changes = matches!(name, "oa/applyevent" | "oa/approval/create_template" | "oa/approval/update_template");
    let lost = changes && done.is_ok() && state.desk.faults.loses_answer();
    drop(state);
    let answer = finish(platform, done);
    if lost { StatusCode::GATEWAY_TIMEOUT.into_response() } else { answer }
}

/// Token, address, faults and permission.
fn admit(state: &mut State, call: &Call, needs: Needs) -> Result<(), Refusal> {
    let token = call.query("access_token").ok_or_else(|| Refusal::new(41_001, "access_token missing"))?;
    match state.app.worth(token, state.now()) {
        Worth::Good => {}
        Worth::Expired => return Err(Refusal::new(42_001, "access_token expired")),
        Worth::Unknown => return Err(Refusal::new(40_014, "invalid access_token")),
    }
    if state.lacks("trusted_ip") {
        return Err(Refusal::new(60_020, "not allow to access from your ip"));
    }
    if state.desk.faults.throttles() {
        return Err(Refusal::new(45_009, "api freq out of limit"));
    }
    if state.desk.faults.fails() {
        return Err(Refusal::new(-1, "system busy"));
    }
    match needs {
        Needs::Approval | Needs::Templates if state.lacks("approval_app") => {
            Err(Refusal::new(301_056, "approval app is closed"))
        }
        Needs::Approval if state.lacks("approval") => Err(Refusal::new(301_055, "no approval auth")),
        Needs::Templates if state.lacks("approval") => Err(Refusal::new(301_088, "no approval template auth")),
        Needs::Contacts if state.lacks("contacts") => Err(Refusal::new(48_002, "api forbidden")),
        _ => Ok(()),
    }
}

/// The body, and whether it could not be read. Then the call goes on without it.
fn parse(bytes: &Bytes) -> Result<(Value, bool), Refusal> {
    if escapes(bytes) {
        return Err(Refusal::new(
            40_033,
            "invalid charset. please check your request, if include \\uxxxx will create fail!",
        ));
    }
    match serde_json::from_slice(bytes) {
        Ok(body @ Value::Object(_)) => Ok((body, false)),
        _ => Ok((Value::Null, true)),
    }
}

/// Whether a JSON text holds a `\uXXXX`.
fn escapes(bytes: &[u8]) -> bool {
    let mut rest = bytes.iter();
    while let Some(byte) = rest.next() {
        if *byte == b'\\' && rest.next() == Some(&b'u') {
            return true;
        }
    }
    false
}

/// Answers a call, and has its callbacks sent meanwhile: they may well arrive before the answer.
fn finish(platform: &WeCom, done: Result<Done, Refusal>) -> Response {
    match done {
        Ok(Done { mut body, claim }) => {
            sending::spawn(platform, claim);
            body["errcode"] = 0.into();
            body["errmsg"] = "ok".into();
            Json(body).into_response()
        }
        Err(refusal) => {
            let code = refusal.code.to_string();
            ([("error-code", code)], Json(refusal.body(&platform.world, FROM))).into_response()
        }
    }
}
