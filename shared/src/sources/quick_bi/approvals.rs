//! The two calls of the open approval API: the forms of one approver, and what became of a form (both documented).

use serde_json::Value;
use url::Url;

use super::openapi::{self, Operation};
use super::push::millis;
use super::refused::Refused;
use super::{Receiver, Unsendable, Verdict, private};
use crate::clock::World;
use crate::crypto::hex;
use crate::providers::outbound::{Answer, Request};

/// Passed, in a form's `FlagStatus` and in `ResultCallback`.
pub const PASS: u8 = 1;
/// Rejected, likewise.
pub const REJECT: u8 = 2;

/// Forms that are asked for at once. A thousand are allowed; with their texts those might be more than is read of an answer.
pub const PAGE_SIZE: usize = 100;

const VERSION: &str = "2022-01-01";
pub(super) const CLOUD: &str = "https://quickbi-public.cn-hangzhou.aliyuncs.com";
/// Where the calls are on a private deployment is not documented: these follow the paths that are, and are settings.
const QUERY_PATH: &str = "/openapi/v2/approval/queryApprovalInfo";
const RESULT_PATH: &str = "/openapi/v2/approval/resultCallback";

/// Which forms of an approver are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// Those that wait.
    Pending,
    /// Those that were decided.
    Handled,
}

/// A decision that Quick BI is to be told.
#[derive(Debug, Clone, Copy)]
pub struct Decision<'a> {
    /// The form's id.
    pub application: &'a str,
    /// [`PASS`] or [`REJECT`].
    pub status: u8,
    /// Why; it must not be empty, not even for a pass.
    pub reason: &'a str,
}

/// A form.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Form {
    /// `ApplicationId`.
    pub application: String,
    /// Who asks, by Quick BI's id.
    pub applicant_id: Option<String>,
    /// Their name.
    pub applicant_name: Option<String>,
    /// Why they ask.
    pub reason: Option<String>,
    /// Who is to decide, by Quick BI's id.
    pub approver_id: Option<String>,
    /// Their name.
    pub approver_name: Option<String>,
    /// What is asked for.
    pub resource_name: Option<String>,
    /// What kind of thing that is.
    pub resource_type: Option<String>,
    /// The workspace that it is in.
    pub workspace: Option<String>,
    /// Until when it is asked for (milliseconds).
    pub expires_at: Option<i64>,
    /// Whether it was decided at Quick BI.
    pub is_handled: bool,
    /// Whether the thing that is asked for is gone.
    pub is_deleted: bool,
}

/// A page of forms.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Page {
    /// The forms.
    pub forms: Vec<Form>,
    /// Whether there is another page.
    pub has_more: bool,
}

/// Why forms could not be read. `message` names no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QueryRefusal {
    /// It is about this approver: others can be asked for.
    #[error("{0}")]
    Approver(String),
    /// It is about every call: later, or with other settings.
    #[error("{0}")]
    Call(String),
}

/// The call that asks for a page of an approver's forms; pages are counted from 1.
///
/// # Errors
/// A setting is missing.
pub fn query_approval_info(
    receiver: &Receiver,
    approver: &str,
    which: Which,
    page: usize,
    world: &World,
) -> Result<Request, Unsendable> {
    let status = if which == Which::Pending { 0 } else { 1 };
    let parameters = [
        ("UserId", approver.to_owned()),
        ("Status", status.to_string()),
        ("Page", page.to_string()),
        ("PageSize", PAGE_SIZE.to_string()),
    ];
    let request = call(receiver, "QueryApprovalInfo", &parameters, world)?;
    Ok(request.guarded(world))
}

/// The call that tells what became of a form.
///
/// # Errors
/// A setting is missing.
pub fn result_callback(receiver: &Receiver, decision: &Decision<'_>, world: &World) -> Result<Request, Unsendable> {
    let parameters = [
        ("ApplicationId", decision.application.to_owned()),
        ("Status", decision.status.to_string()),
        ("HandleReason", decision.reason.to_owned()),
    ];
    call(receiver, "ResultCallback", &parameters, world)
}

fn call(
    receiver: &Receiver,
    action: &str,
    parameters: &[(&str, String)],
    world: &World,
) -> Result<Request, Unsendable> {
    let id = receiver.setting("access_key_id").ok_or(Unsendable("the source has no access_key_id"))?;
    let secret = receiver.secrets.get("access_key_secret").ok_or(Unsendable("the source has no access_key_secret"))?;
    let (now, is_private) = (world.now(), receiver.setting("deployment") == Some("private"));
    let given = receiver.setting("endpoint");
    if !is_private {
        let endpoint = endpoint(given.unwrap_or(CLOUD))?;
        let nonce = hex(&world.random::<16>());
        let operation = Operation { action, version: VERSION, parameters };
        return Ok(openapi::call(&endpoint, &operation, &openapi::Signer { id, secret, now, nonce: &nonce }));
    }
    let endpoint = endpoint(given.ok_or(Unsendable("a private deployment needs the setting `endpoint`"))?)?;
    let is_write = action == "ResultCallback";
    let (setting, path) = if is_write { ("result_path", RESULT_PATH) } else { ("query_path", QUERY_PATH) };
    let names: Vec<String> = parameters.iter().map(|(name, _)| lower_camel(name)).collect();
    let named = || names.iter().map(String::as_str).zip(parameters.iter().map(|(_, value)| value.clone()));
    let in_body = is_write && receiver.setting("parameters") == Some("json");
    let in_query: Vec<(&str, String)> = if in_body { Vec::new() } else { named().collect() };
    let path = receiver.setting(setting).unwrap_or(path);
    let call = private::Call { is_write, path, parameters: &in_query };
    let signer = openapi::Signer { id, secret, now, nonce: &uuid(world) };
    let request = private::call(&endpoint, &call, &signer);
    Ok(if in_body { request.body("application/json;charset=utf-8", json(named())) } else { request })
}

fn endpoint(text: &str) -> Result<Url, Unsendable> {
    Url::parse(text).map_err(|_| Unsendable("the setting `endpoint` is no URL"))
}

/// `Status` is a number, all else is text.
fn json<'a>(pairs: impl Iterator<Item = (&'a str, String)>) -> Vec<u8> {
    let value = |text: String| text.parse::<u8>().map_or_else(|_| Value::from(text.clone()), Value::from);
    let status = |name: &str, text: String| if name == "status" { value(text) } else { Value::from(text) };
    let body: serde_json::Map<String, Value> =
        pairs.map(|(name, text)| (name.to_owned(), status(name, text))).collect();
    Value::Object(body).to_string().into_bytes()
}

/// `UserId` as private deployments write names: `userId`.
fn lower_camel(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map_or_else(String::new, |first| first.to_ascii_lowercase().to_string() + letters.as_str())
}

fn uuid(world: &World) -> String {
    let mut bytes = world.random::<16>();
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let text = hex(&bytes);
    [&text[..8], &text[8..12], &text[12..16], &text[16..20], &text[20..]].join("-")
}

/// Reads the answer to [`query_approval_info`].
///
/// # Errors
/// Why there are no forms in it.
pub fn read(answer: &Answer) -> Result<Page, QueryRefusal> {
    let body: Value = answer.json().unwrap_or_default();
    if !answer.is_success() || is(&body, "Success") == Some(false) {
        let refused = Refused::of(answer, &body);
        return Err(if refused.is_of_approver() {
            QueryRefusal::Approver(refused.to_string())
        } else {
            QueryRefusal::Call(refused.to_string())
        });
    }
    let unread = || QueryRefusal::Call("Quick BI's answer holds no list of forms".to_owned());
    let result = get(&body, "Result").or_else(|| get(&body, "Data")).ok_or_else(unread)?;
    let data = get(result, "Data").unwrap_or(result).as_array().ok_or_else(unread)?;
    let number = |name: &str| get(result, name).and_then(number);
    let has_more = match (number("Page"), number("TotalPages")) {
        (Some(page), Some(pages)) => page < pages,
        _ => data.len() >= PAGE_SIZE,
    };
    Ok(Page { forms: data.iter().filter_map(form).collect(), has_more })
}

/// A form; `None` for one without an id, of which nothing can be told.
fn form(item: &Value) -> Option<Form> {
    let text = |name: &str| get(item, name).and_then(text);
    Some(Form {
        application: text("ApplicationId")?,
        applicant_id: text("ApplicantId"),
        applicant_name: text("ApplicantName"),
        reason: text("ApplyReason"),
        approver_id: text("ApproverId"),
        approver_name: text("ApproverName"),
        resource_name: text("ResourceName"),
        resource_type: text("ResourceType"),
        workspace: text("WorkspaceName"),
        expires_at: text("ExpireDate").and_then(|at| millis(&at)),
        is_handled: matches!(get(item, "FlagStatus").and_then(number), Some(1 | 2)),
        is_deleted: is(item, "DeleteFlag") == Some(true),
    })
}

/// What the answer to [`result_callback`] means. A form that is closed already has had its decision.
pub(super) fn verdict(answer: &Answer) -> Verdict {
    let body: Value = answer.json().unwrap_or_default();
    let told = (is(&body, "Success"), is(&body, "Result").or_else(|| is(&body, "Data")));
    if answer.is_success() && matches!(told, (Some(true), Some(true) | None)) {
        return Verdict::Accepted;
    }
    let refused = Refused::of(answer, &body);
    match refused.code.as_str() {
        "Application.RecordClosed" => Verdict::Accepted,
        _ => Verdict::Refused { is_final: refused.is_final(), error: refused.to_string() },
    }
}

/// A member of an object, by the name that the cloud gives it or by that of private deployments.
pub(super) fn get<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    value.get(name).or_else(|| value.get(lower_camel(name))).filter(|value| !value.is_null())
}

pub(super) fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.trim().is_empty() => Some(text.trim().to_owned()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn number(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.trim().parse().ok())
}

fn is(value: &Value, name: &str) -> Option<bool> {
    match get(value, name)? {
        Value::Bool(is) => Some(*is),
        Value::String(text) => text.trim().to_ascii_lowercase().parse().ok(),
        _ => None,
    }
}
