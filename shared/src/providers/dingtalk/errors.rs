//! What DingTalk's refusals mean.
//!
//! Two error shapes, one per API family, and a third where the network's guard answers. The code decides, never the
//! HTTP status alone: throttling is a 403, a refused token a 400, and the older API answers everything with 200.

use serde_json::Value;

use super::settings::Settings;
use crate::providers::Error;
use crate::providers::failure::{Failure, Kind, MESSAGE_LIMIT, PlatformRefusal};
use crate::providers::lenient::{number, shorten, text};
use crate::providers::outbound::Answer;

/// The window of a limit per second.
const SECOND: u64 = 1_000;
const MINUTE: u64 = 60_000;
/// How long an address is shut out after 10,000 calls in 20 seconds.
const ADDRESS_BAN: u64 = 300_000;

/// A failure, for the caller, with the administrator's page for what is missing.
pub(super) fn into_error(failure: Failure, settings: &Settings<'_>) -> Error {
    failure.into_error("DingTalk", |refusal| fix(refusal, settings))
}

fn fix(refusal: &PlatformRefusal, settings: &Settings<'_>) -> String {
    match refusal.kind {
        Kind::AddressList => "Developer console, the app's security settings: add our outgoing address to the list \
                              of server exit IPs (服务器出口IP), or empty the list"
            .to_owned(),
        Kind::ContactScope => "Developer console, the app's permissions: widen its scope of contacts \
                               (通讯录权限范围) to this person"
            .to_owned(),
        Kind::Permission if refusal.scopes.is_empty() => {
            "Developer console, the app's permissions (权限管理): grant what the call needs".to_owned()
        }
        Kind::Permission => grant(settings, &refusal.scopes),
        _ => String::new(),
    }
}

/// Where to grant permissions.
pub(super) fn grant(settings: &Settings<'_>, scopes: &[impl AsRef<str>]) -> String {
    let lines = scopes.iter().map(AsRef::as_ref);
    lines.map(|scope| format!("Grant {scope}: {}", settings.grant_page(scope))).collect::<Vec<_>>().join("\n")
}

/// Reads an answer of the newer API. `now` in milliseconds.
pub(super) fn judge_new(answer: &Answer, now: i64) -> Result<Value, Failure> {
    let Some(body) = answer.json::<Value>().filter(|body| !is_guard(body)) else {
        return Err(Failure::Refused(no_json(answer, now)));
    };
    if answer.is_success() {
        return Ok(body);
    }
    let either = |names: [&str; 2]| names.iter().find_map(|name| text(&body[*name]));
    let code = either(["code", "Code"]).unwrap_or_else(|| format!("http_{}", answer.status));
    let message = either(["message", "Message"]).unwrap_or_else(|| code.clone());
    let scopes = named_scopes(&body).unwrap_or_else(|| scopes_in(&message));
    let kind = kind_of_new(&code, answer.status);
    let message = shorten(&message, MESSAGE_LIMIT);
    Err(Failure::Refused(PlatformRefusal { code, message, kind, scopes, retry_after_ms: answer.retry_after_ms(now) }))
}

/// Reads an answer of the older API: HTTP 200 and `errcode`; what the gateway refuses is wrapped as 88 with the true
/// code in `sub_code`, a text. `now` in milliseconds.
pub(super) fn judge_old(answer: &Answer, now: i64) -> Result<Value, Failure> {
    let Some(body) = answer.json::<Value>().filter(|body| !is_guard(body)) else {
        return Err(Failure::Refused(no_json(answer, now)));
    };
    let Some(outer) = number(&body["errcode"]) else {
        return Err(Failure::not_understood("errcode"));
    };
    if outer == 0 && answer.status < 500 {
        return Ok(body);
    }
    let inner = text(&body["sub_code"]);
    let message = text(&body["sub_msg"]).or_else(|| text(&body["errmsg"])).unwrap_or_default();
    // The full list of scopes stands in `errmsg`, even where `sub_msg` holds the text.
    let scopes = scopes_in(&text(&body["errmsg"]).unwrap_or_default());
    let code = inner.unwrap_or_else(|| outer.to_string());
    let kind = kind_of_old(&code);
    let message = shorten(&message, MESSAGE_LIMIT);
    Err(Failure::Refused(PlatformRefusal { code, message, kind, scopes, retry_after_ms: answer.retry_after_ms(now) }))
}

/// The network's guard against floods from one address answers in a shape of its own.
fn is_guard(body: &Value) -> bool {
    !body.is_object() || body.get("punish").is_some()
}

/// An answer that is not DingTalk's JSON: a ban of our address, a gateway that failed, or a wrong endpoint.
fn no_json(answer: &Answer, now: i64) -> PlatformRefusal {
    let (kind, message) = match answer.status {
        500.. => (Kind::Unavailable, "its gateway failed"),
        300..400 | 404 | 405 => (Kind::Refused, "the endpoint does not answer as DingTalk does"),
        _ => (Kind::Throttled(Some(ADDRESS_BAN)), "too many calls from our address"),
    };
    let code = format!("http_{}", answer.status);
    let retry_after_ms = answer.retry_after_ms(now);
    PlatformRefusal { code, message: message.to_owned(), kind, scopes: Vec::new(), retry_after_ms }
}

fn kind_of_new(code: &str, status: u16) -> Kind {
    if let Some(denied) = code.strip_prefix("Forbidden.AccessDenied.") {
        return kind_of_denial(denied);
    }
    match code {
        "InvalidAuthentication" | "invalidAccessToken" => Kind::Token,
        "AuthenticationFailed.MissingParameter"
        | "invalidClientIdOrSecret"
        | "invalid.client"
        | "unauthorized.client" => Kind::Credentials,
        "system.busy" => Kind::Throttled(None),
        "autoflowLikeTriggerRateLimited" => Kind::Throttled(Some(SECOND)),
        "systemError" | "system.error" | "unknownError" | "ServiceUnavailable" | "internalError" | "sysErrror" => {
            Kind::Unavailable
        }
        "processInstanceNotExist"
        | "processInstanceIdError"
        | "aflowProcessInstNotExist"
        | "invalidInstanceId"
        | "process.error"
        | "processCodeError"
        | "invalidProcessCode"
        | "userNotExist" => Kind::NotFound,
        _ if status == 429 => Kind::Throttled(None),
        _ if status >= 500 => Kind::Unavailable,
        _ => Kind::Refused,
    }
}

fn kind_of_denial(denied: &str) -> Kind {
    match denied {
        "ApiCountLimitForOrg" => Kind::Quota,
        "IpNotInWhiteList" => Kind::AddressList,
        // Everybody's calls together: how long that lasts is nobody's to say.
        "QpsLimitForApi" => Kind::Throttled(None),
        _ if denied.starts_with("Qps") => Kind::Throttled(Some(SECOND)),
        _ if denied.starts_with("Qpm") => Kind::Throttled(Some(MINUTE)),
        _ => Kind::Permission,
    }
}

fn kind_of_old(code: &str) -> Kind {
    match code {
        "40001" | "40014" | "42001" => Kind::Token,
        "40000" | "40089" | "40096" | "41001" => Kind::Credentials,
        "60011" | "43007" => Kind::Permission,
        "60020" => Kind::AddressList,
        "50002" | "50004" => Kind::ContactScope,
        "90020" => Kind::Quota,
        "-1" | "90002" => Kind::Throttled(None),
        "33012" | "40104" | "60003" | "60121" => Kind::NotFound,
        // A wrapper without an inner code is the gateway's time-out.
        "15" | "88" | "isp.top-remote-connection-timeout" => Kind::Unavailable,
        _ if code.parse().is_ok_and(|code: u32| (90001..=90019).contains(&code)) => Kind::Throttled(Some(SECOND)),
        _ => Kind::Refused,
    }
}

fn named_scopes(body: &Value) -> Option<Vec<String>> {
    let detail = ["accessdenieddetail", "AccessDeniedDetail", "accessDeniedDetail"]
        .iter()
        .find_map(|name| body.get(*name).filter(|detail| detail.is_object()))?;
    let listed = ["requiredScopes", "RequiredScopes"].iter().find_map(|name| detail[*name].as_array())?;
    let scopes: Vec<String> = listed.iter().filter_map(text).collect();
    (!scopes.is_empty()).then_some(scopes)
}

/// The scopes in a message: in brackets after `权限：`, or after `requiredScopes=`.
fn scopes_in(message: &str) -> Vec<String> {
    let marked = ["requiredScopes=[", "权限：["].iter().find_map(|mark| message.split_once(mark));
    let Some((listed, _)) = marked.and_then(|(_, rest)| rest.split_once(']')) else { return Vec::new() };
    let plain = |scope: &&str| {
        !scope.is_empty() && scope.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'))
    };
    listed.split(',').map(str::trim).filter(plain).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]

    use super::*;
    use crate::providers::dingtalk::tests::account;

    fn refusal(result: Result<Value, Failure>) -> PlatformRefusal {
        match result {
            Err(Failure::Refused(refusal)) => refusal,
            other => panic!("{other:?}"),
        }
    }

    fn new_api(status: u16, body: &str) -> PlatformRefusal {
        refusal(judge_new(&Answer::of(status, body.as_bytes().to_vec()), 0))
    }

    fn old_api(body: &str) -> PlatformRefusal {
        refusal(judge_old(&Answer::of(200, body.as_bytes().to_vec()), 0))
    }

    #[test]
    fn codes_of_the_newer_api() {
        for (status, code, kind) in [
            (400, "InvalidAuthentication", Kind::Token),
            (400, "AuthenticationFailed.MissingParameter", Kind::Credentials),
            (400, "invalidClientIdOrSecret", Kind::Credentials),
            (403, "Forbidden.AccessDenied.AccessTokenPermissionDenied", Kind::Permission),
            (403, "Forbidden.AccessDenied.IpNotInWhiteList", Kind::AddressList),
            (403, "Forbidden.AccessDenied.QpsLimitForAppkeyAndApi", Kind::Throttled(Some(1_000))),
            (403, "Forbidden.AccessDenied.QpmLimitForAppkeyAndApi", Kind::Throttled(Some(60_000))),
            (403, "Forbidden.AccessDenied.QpsLimitForSuitekeyAndOrgAndApi", Kind::Throttled(Some(1_000))),
            (403, "Forbidden.AccessDenied.QpsLimitForApi", Kind::Throttled(None)),
            (403, "Forbidden.AccessDenied.ApiCountLimitForOrg", Kind::Quota),
            (429, "system.busy", Kind::Throttled(None)),
            (500, "systemError", Kind::Unavailable),
            (400, "sysErrror", Kind::Unavailable),
            (503, "ServiceUnavailable", Kind::Unavailable),
            (504, "anything", Kind::Unavailable),
            (400, "processInstanceNotExist", Kind::NotFound),
            (400, "formConverterError", Kind::Refused),
            (400, "needAuth", Kind::Refused),
        ] {
            for (name, text) in [("code", "message"), ("Code", "Message")] {
                let body = format!(r#"{{"{name}":"{code}","requestid":"01A08FE7","{text}":"why"}}"#);
                let refusal = new_api(status, &body);
                assert_eq!((refusal.kind, refusal.code.as_str(), refusal.message.as_str()), (kind, code, "why"));
            }
        }
    }

    #[test]
    fn codes_of_the_older_api() {
        for (body, code, kind) in [
            (
                r#"{"errcode":88,"sub_code":"40014","sub_msg":"不合法的access_token","errmsg":"x"}"#,
                "40014",
                Kind::Token,
            ),
            (r#"{"errcode":"88","sub_code":42001,"errmsg":"x"}"#, "42001", Kind::Token),
            (r#"{"errcode":40096,"errmsg":"不合法的appKey或appSecret"}"#, "40096", Kind::Credentials),
            (r#"{"errcode":88,"sub_code":"40000","sub_msg":"access_token is blank"}"#, "40000", Kind::Credentials),
            (r#"{"errcode":60011,"errmsg":"没有调用该接口的权限"}"#, "60011", Kind::Permission),
            (r#"{"errcode":88,"sub_code":"60020","sub_msg":"ip"}"#, "60020", Kind::AddressList),
            (r#"{"errcode":50002,"errmsg":"x"}"#, "50002", Kind::ContactScope),
            (r#"{"errcode":60121,"errmsg":"找不到该用户"}"#, "60121", Kind::NotFound),
            (r#"{"errcode":88,"sub_code":"90018","sub_msg":"x"}"#, "90018", Kind::Throttled(Some(1_000))),
            (r#"{"errcode":90002,"errmsg":"x"}"#, "90002", Kind::Throttled(None)),
            (r#"{"errcode":-1,"errmsg":"系统繁忙"}"#, "-1", Kind::Throttled(None)),
            (r#"{"errcode":90020,"errmsg":"x"}"#, "90020", Kind::Quota),
            (
                r#"{"errcode":15,"sub_code":"isp.top-remote-connection-timeout"}"#,
                "isp.top-remote-connection-timeout",
                Kind::Unavailable,
            ),
            (r#"{"errcode":88,"sub_code":"","errmsg":"x"}"#, "88", Kind::Unavailable),
            (r#"{"errcode":22,"errmsg":"x"}"#, "22", Kind::Refused),
        ] {
            let refusal = old_api(body);
            assert_eq!((refusal.code.as_str(), refusal.kind), (code, kind), "{body}");
        }
        let ok = judge_old(&Answer::of(200, br#"{"errcode":"0","result":{}}"#.to_vec()), 0);
        assert!(ok.is_ok());
        assert!(judge_old(&Answer::of(200, b"{}".to_vec()), 0).is_err());
    }

    #[test]
    fn other_shapes_are_throttling_unless_the_status_says_more() {
        let guard = r#"{"status":1111,"wait":5,"source":"x5","punish":"deny","uuid":"0"}"#;
        for body in [guard, "<html>denied</html>", "", "[]"] {
            assert_eq!(new_api(200, body).kind, Kind::Throttled(Some(ADDRESS_BAN)), "{body}");
            assert_eq!(old_api(body).kind, Kind::Throttled(Some(ADDRESS_BAN)), "{body}");
        }
        assert_eq!(new_api(504, "<html>").kind, Kind::Unavailable);
        assert_eq!(new_api(404, "<html>").kind, Kind::Refused);
    }

    #[test]
    fn missing_permissions_name_the_page_that_grants_them() {
        let account = account("https://api.example");
        let settings = Settings::of(&account).unwrap();
        let link = "https://open-dev.dingtalk.com/appscope/apply?content=dingtestappkey000001%23";
        let message =
            "应用尚未开通所需的权限：[Workflow.Form.Write]，点击链接申请并开通即可：https://open-dev.dingtalk.com/x";
        let code = "Forbidden.AccessDenied.AccessTokenPermissionDenied";
        let detail = r#"{"requiredScopes":["Workflow.Form.Write"]}"#;
        for body in [
            format!(r#"{{"requestid":"1","code":"{code}","message":"no","accessdenieddetail":{detail}}}"#),
            format!(r#"{{"RequestId":"1","Code":"{code}","Message":"no","AccessDeniedDetail":{detail}}}"#),
            format!(r#"{{"code":"{code}","message":"{message}"}}"#),
        ] {
            let error = into_error(Failure::Refused(new_api(403, &body)), &settings);
            let Error::Permission { message, fix, .. } = error else { panic!("{error:?}") };
            assert!(message.contains("Workflow.Form.Write"), "{message}");
            assert_eq!(fix, format!("Grant Workflow.Form.Write: {link}Workflow.Form.Write"));
        }
        let old = r#"{"errcode":88,"sub_code":"60011","sub_msg":"应用尚未开通所需的权限：[qyapi_get_member]，点击链接",
            "errmsg":"ding talk error[subcode=60011,submsg=应用尚未开通所需的权限：[qyapi_get_member]，点击, {requiredScopes=[qyapi_get_member, qyapi_base]}]"}"#;
        let error = into_error(Failure::Refused(old_api(old)), &settings);
        let Error::Permission { fix, .. } = error else { panic!("{error:?}") };
        assert!(fix.contains("%23qyapi_get_member\n") && fix.ends_with("%23qyapi_base"), "{fix}");
    }
}
