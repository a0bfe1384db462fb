//! What WeCom's refusals mean.
//!
//! Business errors come with HTTP 200. `errcode` decides, never `errmsg`, which may change at any time; from the text we take
//! only what helps people: which address we called from, and whose visibility is missing.

use std::net::IpAddr;

use serde_json::Value;

use super::settings::Settings;
use crate::providers::Error;
use crate::providers::failure::{Failure, Kind, MESSAGE_LIMIT, PlatformRefusal};
use crate::providers::lenient::{number, shorten, text};
use crate::providers::outbound::Answer;

const SECOND: u64 = 1_000;
/// The shortest window of a limit. The block lasts as long as the window that was exceeded, which is not told.
const MINUTE: u64 = 60_000;

/// A failure, for the caller, with where the administrator mends it.
pub(super) fn into_error(failure: Failure, settings: &Settings<'_>) -> Error {
    failure.into_error("WeCom", |refusal| fix(refusal, settings))
}

/// Reads an answer. `errcode` is absent from some that succeeded. `now` in milliseconds.
pub(super) fn judge(answer: &Answer, now: i64) -> Result<Value, Failure> {
    let retry_after_ms = answer.retry_after_ms(now);
    let refused = |code: String, message: String, kind| {
        let message = shorten(&message, MESSAGE_LIMIT);
        Err(Failure::Refused(PlatformRefusal { code, message, kind, scopes: Vec::new(), retry_after_ms }))
    };
    let body = answer.json::<Value>().filter(Value::is_object);
    let errcode = body.as_ref().map_or(Some(0), |body| body.get("errcode").map_or(Some(0), number));
    match (body, errcode, answer.status) {
        (Some(body), Some(0), 200..300) => Ok(body),
        (Some(_), None, _) => Err(Failure::not_understood("errcode")),
        (Some(body), Some(code), _) if code != 0 => {
            let message = text(&body["errmsg"]).unwrap_or_else(|| format!("WeCom refused with {code}"));
            let kind = kind_of(code, &message);
            let message = explained(code).map_or(message.clone(), |why| format!("{why}: {message}"));
            refused(code.to_string(), message, kind)
        }
        (_, _, status) => {
            let (kind, message) = kind_of_status(status);
            refused(format!("http_{status}"), message.to_owned(), kind)
        }
    }
}

/// An answer that is not WeCom's: of a gateway, or of a wrong endpoint.
const fn kind_of_status(status: u16) -> (Kind, &'static str) {
    match status {
        429 => (Kind::Throttled(None), "too many calls from our address"),
        500.. => (Kind::Unavailable, "its gateway failed"),
        _ => (Kind::Refused, "the endpoint does not answer as WeCom does"),
    }
}

/// The table of `errcode`.
fn kind_of(code: i64, message: &str) -> Kind {
    match code {
        // 40001 is said of a secret by the call for tokens, and of a token that is not the latest one by all others.
        40001 | 40014 | 42001 => Kind::Token,
        // Secret, corporation, application; 45031: a secret that WeCom thinks weak; 301002, 40056: of two applications.
        40013 | 40091 | 41002 | 41004 | 45031 | 40056 | 301_002 => Kind::Credentials,
        60020 | 301_042 => Kind::AddressList,
        // The application is disabled, its calls are, or its right was taken away after long disuse; the call is not its.
        50003 | 60031 | 48002 | 48006 | 48009 => Kind::Permission,
        // The Approval app: not callable, switched off.
        301_055 | 301_056 | 301_088 | 50006 => Kind::Permission,
        // One code for all wrong parameters; of these one is mended in the console.
        301_025 if message.contains("not in app visi") => Kind::ContactScope,
        60011 | 60021 => Kind::ContactScope,
        45009 => Kind::Throttled(Some(MINUTE)),
        // Too many at once; another change of the same thing was faster.
        45033 | 6000 | 45035 => Kind::Throttled(Some(SECOND)),
        46004 | 60111 | 40031 | 40003 | 60003 | 60123 => Kind::NotFound,
        // Busy; a failure of the approval's own server.
        -1 | 620_004 => Kind::Unavailable,
        _ => Kind::Refused,
    }
}

/// Where WeCom's text does not say enough.
const fn explained(code: i64) -> Option<&'static str> {
    Some(match code {
        40001 => {
            "the secret, or the access token, is wrong, was replaced, or is another application's; or the application is disabled"
        }
        40013 => "there is no such corporation",
        40091 => "the secret is invalid, or another corporation's",
        45031 => "WeCom wants this secret to be reset",
        301_002 | 40056 => "agent_id and app_secret belong to different applications",
        301_007 => "the corporation was dissolved or banned",
        46004 => {
            "nobody with this number or address, or not visible to the app (misses are counted: when they are more than a \
             fifth of the staff, WeCom blocks the call for a day)"
        }
        60111 | 40031 | 40003 => "the user id is unknown, or not visible to the app",
        60003 | 60123 => "there is no such department",
        301_025 => "a parameter of the approval does not fit",
        301_026 => "the template cannot be read; it may not be in effect yet",
        301_057 => "WeCom could not submit the form",
        301_086 => "a control of the template does not fit, or its name is taken",
        301_087 => "the corporation has as many templates as WeCom allows: delete some",
        301_112 => "too many approvals in this time",
        301_115 => "the template has a print layout of its own, so it cannot be changed by API",
        40033 => "there are characters that WeCom does not take",
        _ => return None,
    })
}

/// Where the administrator mends it.
fn fix(refusal: &PlatformRefusal, settings: &Settings<'_>) -> String {
    let app = format!("WeCom admin console → 应用管理 → the app with AgentId {}", settings.agent_id);
    match refusal.kind {
        Kind::AddressList => {
            let address = caller(&refusal.message).map_or("our outgoing address".to_owned(), |ip| ip.to_string());
            format!(
                "{app} → 企业可信IP: add {address}, and wait a minute (a callback URL or a trusted domain must be set first)"
            )
        }
        Kind::ContactScope => {
            format!("{app} → 可见范围: add the person or the department (and everybody who will apply or approve)")
        }
        Kind::Permission => match refusal.code.as_str() {
            "301055" => format!(
                "WeCom admin console → 应用管理 → 审批 → API → 可调用接口的应用: add the app; and see that the applicant is in \
                 the visible range (可见范围) of the Approval app and of the app with AgentId {}",
                settings.agent_id
            ),
            "301088" => {
                "WeCom admin console → 应用管理 → 审批 → API → 可调用接口的应用: add the app (AgentId ".to_owned()
                    + settings.agent_id
                    + ")"
            }
            "301056" | "50006" => "WeCom admin console → 应用管理 → 审批: switch the Approval app on".to_owned(),
            "48009" => "Use the secret of a self-built app, not that of the address book (通讯录同步)".to_owned(),
            "48002" => format!("{app}: the secret must be that of this self-built app"),
            _ => format!("{app}: switch it and its API calls on again"),
        },
        _ => String::new(),
    }
}

/// The address that WeCom saw us come from. The text is no contract, so it may be missing.
fn caller(message: &str) -> Option<IpAddr> {
    let (_, rest) = message.split_once("from ip:")?;
    rest.trim_start().split([',', ' ']).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]

    use super::*;
    use crate::providers::wecom::tests::account;

    fn read(status: u16, body: &str) -> Result<Value, Failure> {
        judge(&Answer::of(status, body.as_bytes().to_vec()), 0)
    }

    fn error(body: &str) -> Error {
        let account = account("https://api.example");
        into_error(read(200, body).unwrap_err(), &Settings::of(&account).unwrap())
    }

    fn kind(code: i64) -> Kind {
        match read(200, &format!(r#"{{"errcode":{code},"errmsg":"why"}}"#)) {
            Err(Failure::Refused(refusal)) => {
                assert_eq!(refusal.code, code.to_string());
                assert!(refusal.message.ends_with("why"), "{}", refusal.message);
                refusal.kind
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn every_code_has_its_meaning() {
        for (codes, expected) in [
            (&[40001, 40014, 42001][..], Kind::Token),
            (&[40013, 40091, 41002, 41004, 45031, 40056, 301_002], Kind::Credentials),
            (&[60020, 301_042], Kind::AddressList),
            (&[50003, 60031, 48002, 48006, 48009, 301_055, 301_056, 301_088, 50006], Kind::Permission),
            (&[60011, 60021], Kind::ContactScope),
            (&[45009], Kind::Throttled(Some(60_000))),
            (&[45033, 6000, 45035], Kind::Throttled(Some(1_000))),
            (&[46004, 60111, 40031, 40003, 60003, 60123], Kind::NotFound),
            (&[-1, 620_004], Kind::Unavailable),
            (
                &[
                    301_025, 301_026, 301_057, 301_079, 301_086, 301_087, 301_112, 301_115, 301_007, 40033, 40058,
                    40063, 41001, 48010, 99_999,
                ],
                Kind::Refused,
            ),
        ] {
            for code in codes {
                assert_eq!(kind(*code), expected, "{code}");
            }
        }
    }

    #[test]
    fn an_absent_errcode_is_success() {
        for good in [r#"{"errcode":0,"errmsg":"ok"}"#, r#"{"sp_no":"1"}"#, r#"{"errcode":"0"}"#] {
            assert!(read(200, good).is_ok(), "{good}");
        }
        assert!(matches!(read(200, r#"{"errcode":{}}"#), Err(Failure::NotUnderstood(_))));
        assert!(matches!(read(200, r#"{"errcode":"42001"}"#), Err(failure) if failure.refuses_token()));
    }

    #[test]
    fn answers_that_are_not_wecoms() {
        for (status, body, expected) in [
            (502, "<html>", Kind::Unavailable),
            (500, r#"{"errmsg":"x"}"#, Kind::Unavailable),
            (429, "slow down", Kind::Throttled(None)),
            (404, "not found", Kind::Refused),
            (200, "<html>", Kind::Refused),
            (200, "[]", Kind::Refused),
            (302, "", Kind::Refused),
        ] {
            let Err(Failure::Refused(refusal)) = read(status, body) else { panic!("{status} {body}") };
            assert_eq!(refusal.kind, expected, "{status} {body}");
        }
    }

    #[test]
    fn an_address_that_is_not_trusted_is_named() {
        let denied = r#"{"errcode":60020,"errmsg":"not allow to access from your ip, hint: [1760_3_a], from ip: 203.0.113.7, more info at https://open.work.weixin.qq.com/devtool/query?e=60020"}"#;
        let Error::Permission { code, fix, .. } = error(denied) else { panic!() };
        assert!(code == "60020" && fix.contains("企业可信IP: add 203.0.113.7,") && fix.contains("1000012"), "{fix}");
        let Error::Permission { fix, .. } = error(r#"{"errcode":60020,"errmsg":"from ip: x"}"#) else { panic!() };
        assert!(fix.contains("add our outgoing address"), "{fix}");
    }

    #[test]
    fn a_missing_permission_says_where_to_grant_it() {
        for (body, place) in [
            (r#"{"errcode":301055,"errmsg":"no approval auth"}"#, "可调用接口的应用"),
            (r#"{"errcode":301088}"#, "可调用接口的应用"),
            (r#"{"errcode":301056}"#, "switch the Approval app on"),
            (r#"{"errcode":50003}"#, "switch it"),
            (r#"{"errcode":48002}"#, "secret"),
            (r#"{"errcode":48009}"#, "通讯录同步"),
            (r#"{"errcode":60011}"#, "可见范围"),
            (
                r#"{"errcode":301025,"errmsg":"get approval param error:creator_userid not in app visiable range"}"#,
                "可见范围",
            ),
        ] {
            let Error::Permission { fix, .. } = error(body) else { panic!("{body}") };
            assert!(fix.contains(place), "{fix}");
        }
        let error = error(r#"{"errcode":301025,"errmsg":"get approval param error:invalid control id Text-9"}"#);
        assert!(matches!(&error, Error::Refused { message, .. } if message.ends_with("Text-9")), "{error:?}");
    }
}
