//! The apply notice that an external OA gets for each approval, and its Boolean answer.

use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};
use serde_json::{Map, Value};
use url::Url;

use crate::providers::outbound::{Answer, OutboundError, Request};
use crate::providers::{Account, Calls, Check, Error, Start, Started};

/// Sends the notice. The form's id is our approval id, and so is the instance's.
pub(super) async fn send(account: &Account, start: &Start, calls: &Calls<'_>) -> Result<Started, Error> {
    let fields = fields(account, start);
    let request = Request::post(address(account)?);
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
    let fields = [
        ("applyId", Some(start.approval.clone())),
        ("applyContent", content),
        ("applyReason", start.reason.clone().or_else(|| Some(start.title.clone()))),
        ("applicantName", contact.name.clone()),
        ("applicantPhone", contact.mobile.clone()),
        ("applicantMail", contact.email.clone()),
        ("moduleName", Some(start.title.clone())),
        ("resourceName", resource.map(|resource| resource.name.clone())),
        ("resourceDetailUrl", resource.and_then(|resource| resource.url.clone())),
        ("startTime", Some(beijing(start.starts_at.unwrap_or(start.submitted_at)))),
        ("endTime", start.ends_at.map(beijing)),
        ("organizationId", setting("organization_id")),
        ("workspaceId", setting("workspace_id")),
        ("accessId", setting("access_id")),
    ];
    fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), Value::String(value?)))).collect()
}

/// `yyyy-MM-dd HH:mm:ss` in Beijing time, from milliseconds.
fn beijing(at: i64) -> String {
    let zone = TimeZone::fixed(Offset::constant(8));
    let time = Timestamp::from_millisecond(at).unwrap_or_default().to_zoned(zone);
    time.strftime("%Y-%m-%d %H:%M:%S").to_string()
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
    match serde_json::from_slice::<Value>(&answer.body) {
        Ok(value) if is_true(&value) => Ok(()),
        Ok(Value::Object(envelope)) => Err(refused(&envelope)),
        Err(_) if answer.body.trim_ascii().eq_ignore_ascii_case(b"true") => Ok(()),
        _ => {
            let message = "the external OA did not answer `true`".into();
            Err(Error::Refused { code: "false".into(), message })
        }
    }
}

fn is_true(value: &Value) -> bool {
    match value {
        Value::Bool(answer) => *answer,
        Value::String(text) => text.trim().eq_ignore_ascii_case("true"),
        Value::Object(envelope) => {
            let said = |name: &str| envelope.get(name).map(is_true);
            said("success").is_some_and(|success| success && said("data").unwrap_or(true))
        }
        _ => false,
    }
}

fn refused(envelope: &Map<String, Value>) -> Error {
    let text = |name: &str| envelope.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let code = text("errorCode").unwrap_or("false").chars().take(64).collect();
    let message = text("errorDesc").unwrap_or("the external OA refused the form").chars().take(500).collect();
    Error::Refused { code, message }
}

/// The form's id is ours, so that a notice whose effect is unknown may be sent again.
fn failed(error: &OutboundError) -> Error {
    match error {
        OutboundError::AddressRefused { .. } | OutboundError::Invalid { .. } => {
            Error::Refused { code: "address_refused".into(), message: error.to_string() }
        }
        _ => Error::Unavailable { message: error.to_string() },
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
    match calls.http.send(Request::get(url)).await {
        Ok(answer) if answer.status < 500 => {
            let detail = format!("The OA answers (HTTP {}).", answer.status);
            Check { name, ok: true, detail, fix: String::new() }
        }
        Ok(answer) => Check { name, ok: false, detail: format!("The OA answers HTTP {}.", answer.status), fix },
        Err(error) => Check { name, ok: false, detail: error.to_string(), fix },
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_boolean_is_read_in_each_form() {
        for yes in [
            json!(true),
            json!("true"),
            json!("True"),
            json!({"success": true, "data": "true"}),
            json!({"success": true}),
        ] {
            assert!(is_true(&yes), "{yes}");
        }
        for no in [
            json!(false),
            json!("false"),
            json!(1),
            json!(null),
            json!({}),
            json!({"success": false, "data": "true"}),
            json!({"success": true, "data": "false"}),
            json!({"data": true}),
        ] {
            assert!(!is_true(&no), "{no}");
        }
    }

    #[test]
    fn dates_are_beijing_time() {
        assert_eq!(beijing(1_790_000_000_000), "2026-09-21 22:13:20");
    }
}
