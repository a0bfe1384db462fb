//! What both sides of the docking say: we play Quick Audience towards an external OA, and the external OA towards Quick
//! Audience. Names of the fields, the envelope, and times.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::{Offset, TimeZone};
use serde_json::{Map, Value, json};

use crate::providers::lenient::{plausible, shorten, text};

/// Where Quick Audience, and we instead of it, take call backs.
pub const CALL_BACK_PATH: &str = "/openapi/apply/externalApplyCallBack";

/// Fields of both messages.
pub const APPLY_ID: &str = "applyId";
/// The organisation's id on the side of Quick Audience.
pub const ORGANIZATION_ID: &str = "organizationId";
/// The organisation's name.
pub const ORGANIZATION_NAME: &str = "organizationName";
/// The workspace's name.
pub const WORKSPACE_NAME: &str = "workspaceName";
/// The workspace's id on the side of Quick Audience.
pub const WORKSPACE_ID: &str = "workspaceId";
/// By what one side names itself.
pub const ACCESS_ID: &str = "accessId";

/// Fields of the apply notice.
pub mod notice {
    #![expect(missing_docs, reason = "the wire's own names")]
    pub const APPLY_CONTENT: &str = "applyContent";
    pub const APPLY_REASON: &str = "applyReason";
    pub const APPLICANT_NAME: &str = "applicantName";
    pub const APPLICANT_PHONE: &str = "applicantPhone";
    pub const APPLICANT_MAIL: &str = "applicantMail";
    pub const MODULE_NAME: &str = "moduleName";
    pub const RESOURCE_NAME: &str = "resourceName";
    pub const RESOURCE_DETAIL_URL: &str = "resourceDetailUrl";
    pub const START_TIME: &str = "startTime";
    pub const END_TIME: &str = "endTime";
}

/// Fields of the call back.
pub mod call_back {
    #![expect(missing_docs, reason = "the wire's own names")]
    pub const APPROVER_STATUS: &str = "approverStatus";
    pub const APPROVER_REASON: &str = "approverReason";
    pub const APPROVAL_NODE: &str = "approvalNode";
    pub const APPROVER_NAME: &str = "approverName";
    pub const NEXT_APPROVER_NAME: &str = "nextApproverName";
    pub const APPLY_STATUS: &str = "applyStatus";
}

/// Longest code and longest text of an envelope that are kept, in characters.
const MAX_CODE: usize = 64;
const MAX_TEXT: usize = 500;
/// From this number on a time is in milliseconds: as seconds it would be in the year 5138.
const FIRST_MILLIS: i64 = 100_000_000_000;

/// What an envelope says of a refusal.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EnvelopeRefusal {
    /// `errorCode`.
    pub code: Option<String>,
    /// `errorDesc`.
    pub description: Option<String>,
    /// `solution`.
    pub solution: Option<String>,
    /// `traceId`.
    pub trace: Option<String>,
}

/// What an answer says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answered {
    /// `true`: bare, as a text, or in the envelope.
    Yes {
        /// `traceId` of the envelope.
        trace: Option<String>,
    },
    /// An envelope, or another object, that does not say `true`.
    No(EnvelopeRefusal),
    /// Neither.
    Unclear,
}

impl Answered {
    /// Reads an answer's body.
    #[must_use]
    pub fn of(body: &[u8]) -> Self {
        match serde_json::from_slice::<Value>(body) {
            Ok(Value::Object(envelope)) if is_true(&envelope) => {
                Self::Yes { trace: kept(&envelope, "traceId", MAX_CODE) }
            }
            Ok(Value::Object(envelope)) => Self::No(EnvelopeRefusal {
                code: kept(&envelope, "errorCode", MAX_CODE),
                description: kept(&envelope, "errorDesc", MAX_TEXT),
                solution: kept(&envelope, "solution", MAX_TEXT),
                trace: kept(&envelope, "traceId", MAX_CODE),
            }),
            Ok(value) if says_true(&value) => Self::Yes { trace: None },
            Err(_) if body.trim_ascii().eq_ignore_ascii_case(b"true") => Self::Yes { trace: None },
            _ => Self::Unclear,
        }
    }
}

/// `success` is true, and so is `data`, if it is there. The vendor calls it a Boolean and shows a text.
fn is_true(envelope: &Map<String, Value>) -> bool {
    let said = |name: &str| envelope.get(name).map(says_true);
    said("success").is_some_and(|success| success && said("data").unwrap_or(true))
}

fn says_true(value: &Value) -> bool {
    match value {
        Value::Bool(answer) => *answer,
        Value::String(text) => text.trim().eq_ignore_ascii_case("true"),
        _ => false,
    }
}

fn kept(envelope: &Map<String, Value>, name: &str, longest: usize) -> Option<String> {
    let text = envelope.get(name).and_then(text)?;
    let text = text.trim();
    (!text.is_empty()).then(|| shorten(text, longest))
}

/// The envelope: `data` is the text `"true"` as theirs is, or null where a refusal says code, description and solution.
#[must_use]
pub fn envelope(refusal: Option<(&str, &str, &str)>, trace: &str) -> Value {
    json!({
        "data": refusal.is_none().then_some("true"),
        "errorCode": refusal.map(|(code, _, _)| code),
        "errorDesc": refusal.map(|(_, description, _)| description),
        "exStack": null,
        "opers": [],
        "solution": refusal.map(|(_, _, solution)| solution),
        "success": refusal.is_none(),
        "traceId": trace,
    })
}

fn zone() -> TimeZone {
    TimeZone::fixed(Offset::constant(8))
}

/// `yyyy-MM-dd HH:mm:ss` in this time zone, from milliseconds.
pub(super) fn local_time(at: i64, zone: TimeZone) -> String {
    let time = Timestamp::from_millisecond(at).unwrap_or_default().to_zoned(zone);
    time.strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// Milliseconds of a time, which the vendor gives no format for: `yyyy-MM-dd HH:mm:ss` or a date alone, of Beijing where no offset
/// is given; ISO 8601; milliseconds, or seconds, since 1970.
#[must_use]
pub fn time(text: &str) -> Option<i64> {
    let text = text.trim();
    if let Ok(number) = text.parse::<i64>() {
        let millis = if number.abs() < FIRST_MILLIS { number.checked_mul(1000)? } else { number };
        return plausible(millis);
    }
    let of_beijing = |time: DateTime| time.to_zoned(zone()).ok().map(|time| time.timestamp());
    let time = text
        .parse::<Timestamp>()
        .ok()
        .or_else(|| text.parse::<DateTime>().ok().and_then(of_beijing))
        .or_else(|| text.parse::<Date>().ok().and_then(|date| of_beijing(date.at(0, 0, 0, 0))))?;
    plausible(time.as_millisecond())
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
            json!({"success": "true", "data": true}),
            json!({"success": true}),
        ] {
            assert!(matches!(Answered::of(yes.to_string().as_bytes()), Answered::Yes { .. }), "{yes}");
        }
        assert!(matches!(Answered::of(b" TRUE\r\n"), Answered::Yes { .. }));
        for no in [
            json!({}),
            json!({"success": false, "data": "true"}),
            json!({"success": true, "data": "false"}),
            json!({"success": true, "data": null}),
            json!({"data": true}),
        ] {
            assert!(matches!(Answered::of(no.to_string().as_bytes()), Answered::No(_)), "{no}");
        }
        for unclear in ["false", "\"false\"", "1", "null", "[]", "", "<html>"] {
            assert_eq!(Answered::of(unclear.as_bytes()), Answered::Unclear, "{unclear}");
        }
    }

    /// The vendor's own example, and a refusal in its shape.
    #[test]
    fn the_envelope_is_read_and_written() {
        let example = r#"{"data": "true", "errorCode": null, "errorDesc": null, "exStack": null, "opers": [],
            "solution": null, "success": true, "traceId": "0ada"}"#;
        assert_eq!(Answered::of(example.as_bytes()), Answered::Yes { trace: Some("0ada".into()) });
        assert_eq!(envelope(None, "0ada"), serde_json::from_str::<Value>(example).unwrap());
        let refused = envelope(Some(("E1", "closed", "ask")), "0ada");
        assert_eq!((&refused["data"], &refused["success"]), (&Value::Null, &json!(false)));
        let Answered::No(refusal) = Answered::of(refused.to_string().as_bytes()) else { panic!("{refused}") };
        let told = [refusal.code, refusal.description, refusal.solution, refusal.trace];
        assert_eq!(told, ["E1", "closed", "ask", "0ada"].map(|text| Some(text.to_owned())));
        let numbered = Answered::of(br#"{"success": false, "errorCode": 40013, "errorDesc": "  "}"#);
        assert_eq!(
            numbered,
            Answered::No(EnvelopeRefusal { code: Some("40013".into()), ..EnvelopeRefusal::default() })
        );
    }

    #[test]
    fn times_are_read_in_each_spelling() {
        let at = 1_790_000_000_000;
        assert_eq!(local_time(at, zone()), "2026-09-21 22:13:20");
        for text in [
            "2026-09-21 22:13:20",
            " 2026-09-21T22:13:20 ",
            "2026-09-21T14:13:20Z",
            "2026-09-21T22:13:20+08:00",
            "2026-09-21T14:13:20.000+0000",
            "1790000000000",
            "1790000000",
        ] {
            assert_eq!(time(text), Some(at), "{text}");
        }
        assert_eq!(time("2026-09-21").map(|at| local_time(at, zone())).as_deref(), Some("2026-09-21 00:00:00"));
        for text in ["", "soon", "2026-13-01 00:00:00", "-5", "99999999999999999", "9223372036854775807", "1e9"] {
            assert_eq!(time(text), None, "{text}");
        }
    }
}
