//! What Feishu's refusals mean.
//!
//! Success is `code` 0, whatever the HTTP status: refusals come as 400, 403, 404 and 429, and from older calls as
//! 200. The code decides, never the text, which mixes languages and is being reworded.

use serde_json::Value;

use super::settings::Settings;
use crate::providers::Error;
use crate::providers::failure::{Failure, Kind, MESSAGE_LIMIT, PlatformRefusal};
use crate::providers::lenient::{items, number, shorten, text};
use crate::providers::outbound::Answer;

/// How long to wait where an answer does not say: limits are per second and per minute.
const A_WHILE: u64 = 1_000;
/// Where the gateway says how many seconds to wait.
const RATE_RESET: &str = "x-ogw-ratelimit-reset";

/// Reads an answer. `now` in milliseconds.
pub(super) fn judge(answer: &Answer, now: i64) -> Result<Value, Failure> {
    let Some(body) = answer.json::<Value>().filter(Value::is_object) else {
        return Err(Failure::Refused(no_json(answer, now)));
    };
    match number(&body["code"]) {
        Some(0) => Ok(body),
        Some(code) => Err(Failure::Refused(refusal(code, &body, answer, now))),
        None if answer.status >= 500 => Err(Failure::Refused(no_json(answer, now))),
        None => Err(Failure::not_understood("code")),
    }
}

fn refusal(code: i64, body: &Value, answer: &Answer, now: i64) -> PlatformRefusal {
    let told = text(&body["msg"]).unwrap_or_default();
    let error = &body["error"];
    let mut message = told.clone();
    let field = &error["field_violations"][0];
    if let (Some(field), Some(why)) = (text(&field["field"]), text(&field["description"])) {
        message = format!("{message}: {field}: {why}");
    }
    let kind = kind_of(code, answer.status);
    let scopes =
        if kind == Kind::Permission { named_scopes(error).unwrap_or_else(|| scopes_in(&told)) } else { Vec::new() };
    if !scopes.is_empty() {
        message = format!("Feishu has granted the app none of {}", scopes.join(", "));
    }
    if kind == Kind::Token {
        // The caller sees this only when a new token was refused too.
        message = format!("a new access token is refused too: a wrong endpoint, or no call for apps ({message})");
    }
    let mut message = shorten(&message, MESSAGE_LIMIT);
    if let Some(log) = log_id(error, answer) {
        message = format!("{message} (log id {log})");
    }
    PlatformRefusal { code: code.to_string(), message, kind, scopes, retry_after_ms: wait(answer, now) }
}

/// What Feishu's support asks for.
fn log_id(error: &Value, answer: &Answer) -> Option<String> {
    let header = |name| answer.header(name).map(str::to_owned);
    let told = text(&error["log_id"]).or_else(|| text(&error["logid"]));
    told.or_else(|| header("x-tt-logid")).or_else(|| header("x-request-id")).map(|log| shorten(&log, 64))
}

fn wait(answer: &Answer, now: i64) -> Option<u64> {
    let reset = answer.header(RATE_RESET).and_then(|seconds| seconds.trim().parse::<u64>().ok());
    reset.map(|seconds| seconds.saturating_mul(1_000)).or_else(|| answer.retry_after_ms(now))
}

/// An answer that is not Feishu's JSON: a gateway that failed, or a wrong endpoint.
fn no_json(answer: &Answer, now: i64) -> PlatformRefusal {
    let (kind, message) = match answer.status {
        500.. => (Kind::Unavailable, "its gateway failed"),
        429 => (Kind::Throttled(Some(A_WHILE)), "too many calls"),
        _ => (Kind::Refused, "the endpoint does not answer as Feishu does"),
    };
    let code = format!("http_{}", answer.status);
    PlatformRefusal { code, message: message.to_owned(), kind, scopes: Vec::new(), retry_after_ms: wait(answer, now) }
}

fn kind_of(code: i64, status: u16) -> Kind {
    match code {
        // Too many calls: of the gateway, of approvals (a changed instance, a concurrent change).
        99_991_400 | 1_390_014 | 60_014 => Kind::Throttled(Some(A_WHILE)),
        99_991_401 => Kind::AddressList,
        99_991_403 => Kind::Quota,
        99_991_661 | 99_991_663 | 99_991_664 | 99_991_665 | 99_991_671 => Kind::Token,
        10_003 | 10_012 | 10_013 | 10_014 | 10_015 | 99_991_543 => Kind::Credentials,
        // A scope is missing; the app is disabled or not installed.
        99_991_672 | 99_991_679 | 99_991_662 | 99_991_673 => Kind::Permission,
        // A person or department that there is not, or an id of another app or tenant.
        99_992_351 | 99_992_359 | 99_992_360 | 99_992_361 | 99_992_364 | 99_992_380 | 99_992_381 => Kind::NotFound,
        // A definition, instance, person or task; a department.
        1_390_002..=1_390_004 | 1_390_010 | 1_390_016 | 60_002..=60_005 | 60_010 | 41_012 | 40_015 => Kind::NotFound,
        // The person or department is outside of what the app may see.
        40_004 | 40_014 | 41_050 => Kind::ContactScope,
        // "Internal error or too frequent": whether it had an effect is unknown.
        1_395_001 | 65_001 | 40_003 => Kind::Unavailable,
        _ if status == 429 => Kind::Throttled(Some(A_WHILE)),
        _ if status >= 500 => Kind::Unavailable,
        // 1390001 and 60001 (a parameter), 1390009 (no right), 1390013 (a free process), 1390015 (disabled), 1390018
        // (a handwritten signature), 99992402 (a field), 9499 (JSON), 99991201 (no such path), 99991668 and 99991677
        // (a person's token): trying again does not help.
        _ => Kind::Refused,
    }
}

/// A failure, for the caller, with the administrator's page for what is missing.
pub(super) fn into_error(failure: Failure, settings: &Settings<'_>) -> Error {
    match failure {
        // The scopes are alternatives: any one of them will do.
        Failure::Refused(refusal) if refusal.kind == Kind::Permission => {
            let fix = fix(&refusal, settings);
            Error::Permission { code: refusal.code, message: refusal.message, fix }
        }
        other => other.into_error("Feishu", |refusal| fix(refusal, settings)),
    }
}

fn fix(refusal: &PlatformRefusal, settings: &Settings<'_>) -> String {
    match refusal.kind {
        Kind::AddressList => {
            format!(
                "Developer console, security settings: add our outgoing address to the IP whitelist (IP 白名单), or empty it: {}/safe",
                settings.console()
            )
        }
        Kind::ContactScope => format!(
            "Developer console, permissions: widen the app's contact range (通讯录权限范围) to this person or department, and \
             release a version: {}/auth",
            settings.console()
        ),
        Kind::Permission if refusal.scopes.is_empty() => {
            format!(
                "Tenant's admin console: install and enable the app; developer console: release a version: {}",
                settings.console()
            )
        }
        Kind::Permission => grant(settings, &refusal.scopes),
        _ => String::new(),
    }
}

/// Where to grant one of these scopes.
pub(super) fn grant(settings: &Settings<'_>, scopes: &[impl AsRef<str>]) -> String {
    let named: Vec<&str> = scopes.iter().map(AsRef::as_ref).collect();
    let page = settings.grant_page(scopes);
    let any = if named.len() > 1 { "one of " } else { "" };
    format!("Grant {any}{}, then release a version of the app: {page}", named.join(", "))
}

fn named_scopes(error: &Value) -> Option<Vec<String>> {
    let scopes: Vec<String> =
        items(&error["permission_violations"]).iter().filter_map(|violation| text(&violation["subject"])).collect();
    (!scopes.is_empty()).then_some(scopes)
}

/// The scopes in a message: `… scopes is required: [a, b]`.
fn scopes_in(message: &str) -> Vec<String> {
    let listed = message.split_once('[').and_then(|(_, rest)| rest.split_once(']'));
    let Some((listed, _)) = listed else { return Vec::new() };
    let plain = |scope: &&str| {
        !scope.is_empty() && scope.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-' | b':'))
    };
    listed.split(',').map(str::trim).filter(plain).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]

    use serde_json::json;

    use super::*;
    use crate::providers::feishu::tests::account;

    fn read(status: u16, body: &Value) -> PlatformRefusal {
        match judge(&Answer::of(status, body.to_string().into_bytes()), 0) {
            Err(Failure::Refused(refusal)) => refusal,
            other => panic!("{other:?}"),
        }
    }

    fn told(status: u16, body: &Value) -> Error {
        let account = account("https://api.example");
        into_error(Failure::Refused(read(status, body)), &Settings::of(&account).unwrap())
    }

    #[test]
    fn every_code_has_a_meaning() {
        let wait = Kind::Throttled(Some(1_000));
        for (codes, kind) in [
            (&[99_991_400, 1_390_014, 60_014][..], wait),
            (&[99_991_401], Kind::AddressList),
            (&[99_991_403], Kind::Quota),
            (&[99_991_661, 99_991_663, 99_991_664, 99_991_665, 99_991_671], Kind::Token),
            (&[10_003, 10_012, 10_013, 10_014, 10_015, 99_991_543], Kind::Credentials),
            (&[99_991_672, 99_991_679, 99_991_662, 99_991_673], Kind::Permission),
            (&[99_992_351, 99_992_359, 99_992_360, 99_992_361, 99_992_364, 99_992_380, 99_992_381], Kind::NotFound),
            (&[1_390_002, 1_390_003, 1_390_004, 1_390_010, 1_390_016], Kind::NotFound),
            (&[60_002, 60_003, 60_004, 60_005, 60_010, 41_012, 40_015], Kind::NotFound),
            (&[40_004, 40_014, 41_050], Kind::ContactScope),
            (&[1_395_001, 65_001, 40_003], Kind::Unavailable),
            (&[1_390_001, 1_390_007, 1_390_009, 1_390_013, 1_390_015, 1_390_018], Kind::Refused),
            (&[60_001, 60_006, 60_007, 60_008, 60_009, 60_011, 60_012, 60_013], Kind::Refused),
            (&[99_991_201, 99_991_668, 99_991_677, 99_992_402, 9_499, 123], Kind::Refused),
        ] {
            for code in codes {
                for status in [200, 400, 403, 404] {
                    let refusal = read(status, &json!({"code": code, "msg": "why"}));
                    assert_eq!((refusal.kind, refusal.code.as_str()), (kind, &*code.to_string()));
                }
            }
        }
        assert_eq!(read(429, &json!({"code": 123})).kind, wait);
        assert_eq!(read(502, &json!({"code": 123})).kind, Kind::Unavailable);
    }

    #[test]
    fn code_zero_is_success_whatever_the_status() {
        for status in [200, 400, 500] {
            let answer = Answer::of(status, br#"{"code":0,"msg":"success","data":{"a":1}}"#.to_vec());
            assert_eq!(judge(&answer, 0).unwrap()["data"]["a"], 1);
        }
        for (status, body, kind) in [
            (504, "<html>", Kind::Unavailable),
            (500, "{}", Kind::Unavailable),
            (429, "", Kind::Throttled(Some(1_000))),
            (404, "<html>", Kind::Refused),
            (200, "[]", Kind::Refused),
        ] {
            let Err(Failure::Refused(refusal)) = judge(&Answer::of(status, body.into()), 0) else { panic!("{body}") };
            assert_eq!(refusal.kind, kind, "{status} {body}");
        }
        let odd = judge(&Answer::of(200, b"{}".to_vec()), 0);
        assert_eq!(odd, Err(Failure::NotUnderstood("code")));
    }

    #[test]
    fn a_missing_scope_names_the_page_that_grants_it() {
        let page = "https://open.feishu.cn/app/cli_a1b2c3d4e5f6a00d/auth?q=";
        let violation = |scope: &str| json!({"type": "action_scope_required", "subject": scope});
        let listed = json!({"code": 99_991_672, "msg": "Access denied.", "error": {"log_id": "2023072116",
            "permission_violations": [violation("approval:approval"), violation("approval:instance")]}});
        let bracketed = json!({"code": 99_991_672,
            "msg": "Access denied. One of the following scopes is required: [approval:approval, approval:instance].应用尚未开通"});
        for body in [&listed, &bracketed] {
            let Error::Permission { message, fix, .. } = told(400, body) else { panic!() };
            assert!(message.starts_with("Feishu has granted the app none of approval:approval, approval:instance"));
            assert!(fix.starts_with("Grant one of approval:approval, approval:instance, "), "{fix}");
            assert!(fix.contains(&format!("{page}approval%3Aapproval%2Capproval%3Ainstance&")), "{fix}");
        }
        let Error::Permission { message, .. } = told(400, &listed) else { panic!() };
        assert!(message.ends_with("(log id 2023072116)"), "{message}");
        let Error::Permission { fix, .. } = told(400, &json!({"code": 99_991_673, "msg": "not installed"})) else {
            panic!()
        };
        assert!(fix.contains("install"), "{fix}");
        let Error::Permission { fix, .. } = told(400, &json!({"code": 99_991_401, "msg": "ip"})) else { panic!() };
        assert!(fix.contains("IP 白名单"), "{fix}");
        let Error::Permission { fix, .. } = told(403, &json!({"code": 41_050, "msg": "range"})) else { panic!() };
        assert!(fix.contains("通讯录权限范围"), "{fix}");
    }

    #[test]
    fn messages_name_the_field_and_the_log() {
        let body = json!({"code": 99_992_402, "msg": "field validation failed", "error": {"logid": "L1",
            "field_violations": [{"field": "task_id", "description": "task_id is required"}]}});
        let expected = "field validation failed: task_id: task_id is required (log id L1)";
        assert_eq!(read(400, &body).message, expected);
        let Error::TokenRefused { message, .. } =
            told(400, &json!({"code": 99_991_663, "msg": "Invalid access token"}))
        else {
            panic!()
        };
        assert!(message.contains("wrong endpoint"), "{message}");
    }
}
