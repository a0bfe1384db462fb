//! The apply notice that an external OA gets for each approval, and its Boolean answer.

use serde_json::{Map, Value};
use url::Url;

use super::wire::notice::{
    APPLICANT_MAIL, APPLICANT_NAME, APPLICANT_PHONE, APPLY_CONTENT, APPLY_REASON, END_TIME, MODULE_NAME,
    RESOURCE_DETAIL_URL, RESOURCE_NAME, START_TIME,
};
use super::wire::{
    ACCESS_ID, APPLY_ID, Answered, EnvelopeRefusal, ORGANIZATION_ID, ORGANIZATION_NAME, WORKSPACE_ID, WORKSPACE_NAME,
    local_time,
};
use crate::providers::outbound::{Answer, OutboundError, Request};
use crate::providers::{Account, Calls, Check, Error, Start, Started};

/// Sends the notice. The form's id is our approval id, and so is the instance's.
pub(super) async fn send(account: &Account, start: &Start, calls: &Calls<'_>) -> Result<Started, Error> {
    let fields = fields(account, start);
    let request = Request::post(address(account)?).trusting(account.authorities());
    let request = if account.setting("content_type") == Some("form") {
        let pairs: Vec<(&str, &str)> =
            fields.iter().filter_map(|(name, value)| Some((name.as_str(), value.as_str()?))).collect();
        request.form(pairs)
    } else {
        request.json(&fields)
    };
    let answer = calls.http.send(request).await.map_err(|error| failed(&error))?;
    accepted(&answer)?;
    Ok(Started { instance: start.approval.clone(), url: None })
}

fn address(account: &Account) -> Result<Url, Error> {
    let invalid = || Error::Refused { code: "invalid_url".into(), message: "the OA's address is not a URL".into() };
    account.setting("url").and_then(|url| Url::parse(url).ok()).ok_or_else(invalid)
}

/// The fields of the notice, all text, as Quick Audience's external docking names them.
fn fields(account: &Account, start: &Start) -> Map<String, Value> {
    let resource = start.resource.as_ref();
    let content = (!start.fields.is_empty()).then(|| Value::Object(start.fields.clone()).to_string());
    let contact = &start.applicant_details;
    let setting = |name: &str| account.setting(name).map(str::to_owned);
    let time = |at| local_time(at, start.time_zone.clone());
    let fields = [
        (APPLY_ID, Some(start.approval.clone())),
        (APPLY_CONTENT, content),
        (APPLY_REASON, start.reason.clone().or_else(|| Some(start.title.clone()))),
        (APPLICANT_NAME, contact.name.clone()),
        (APPLICANT_PHONE, contact.mobile.clone()),
        (APPLICANT_MAIL, contact.email.clone()),
        (MODULE_NAME, Some(start.title.clone())),
        (RESOURCE_NAME, resource.map(|resource| resource.name.clone())),
        (RESOURCE_DETAIL_URL, resource.and_then(|resource| resource.url.clone())),
        (START_TIME, Some(time(start.starts_at.unwrap_or(start.submitted_at)))),
        (END_TIME, start.ends_at.map(time)),
        (ORGANIZATION_ID, setting("organization_id")),
        (ORGANIZATION_NAME, setting("organization_name").or_else(|| start.organization_name.clone())),
        (WORKSPACE_ID, setting("workspace_id")),
        (WORKSPACE_NAME, setting("workspace_name").or_else(|| start.workspace_name.clone())),
        (ACCESS_ID, setting("access_id")),
    ];
    fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), Value::String(value?)))).collect()
}

/// Reads the answer: `true` bare, as text, or in the envelope.
fn accepted(answer: &Answer) -> Result<(), Error> {
    match answer.status {
        200..=299 => {}
        429 => {
            let message = "the external OA has too many calls".into();
            return Err(Error::Throttled { code: "429".into(), message, retry_after_ms: None });
        }
        500.. => return Err(Error::Unavailable { message: format!("the external OA answered {}", answer.status) }),
        status => {
            let message = format!("the external OA answered {status}");
            return Err(Error::Refused { code: status.to_string(), message });
        }
    }
    match Answered::of(&answer.body) {
        Answered::Yes { .. } => Ok(()),
        Answered::No(refusal) => Err(refused(refusal)),
        Answered::Unclear => {
            let message = "the external OA did not answer `true`".into();
            Err(Error::Refused { code: "false".into(), message })
        }
    }
}

fn refused(refusal: EnvelopeRefusal) -> Error {
    let code = refusal.code.unwrap_or_else(|| "false".into());
    let message = refusal.description.unwrap_or_else(|| "the external OA refused the form".into());
    Error::Refused { code, message }
}

/// The form's id is ours, so that a notice whose effect is unknown may be sent again.
fn failed(error: &OutboundError) -> Error {
    match error {
        OutboundError::AddressRefused { .. } | OutboundError::Invalid { .. } => {
            Error::Refused { code: "address_refused".into(), message: error.to_string() }
        }
        error if error.was_sent() => Error::Unavailable { message: error.to_string() },
        error => Error::NotSent { message: error.to_string(), fix: error.fix() },
    }
}

/// Whether the OA's address answers at all. What it says is not asked: a notice would make a form.
pub(super) async fn reachable(account: &Account, calls: &Calls<'_>) -> Check {
    let name = "address";
    let fix = "Check `url`, the OA's firewall, and that it is up.".to_owned();
    let url = match address(account) {
        Ok(url) => url,
        Err(error) => return Check { name, ok: false, detail: error.to_string(), fix },
    };
    match calls.http.send(Request::get(url).trusting(account.authorities())).await {
        Ok(answer) if answer.status < 500 => {
            let detail = format!("The OA answers (HTTP {}).", answer.status);
            Check { name, ok: true, detail, fix: String::new() }
        }
        Ok(answer) => Check { name, ok: false, detail: format!("The OA answers HTTP {}.", answer.status), fix },
        Err(error) => {
            let fix = error.fix().map_or(fix, str::to_owned);
            Check { name, ok: false, detail: error.to_string(), fix }
        }
    }
}
