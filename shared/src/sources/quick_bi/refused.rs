//! What Quick BI's refusals mean (its codes are documented, what to do about them is not).

use serde_json::Value;

use super::approvals::{get, text};
use crate::providers::outbound::Answer;

/// Longest text of Quick BI's that is passed on, in characters.
const MAX_MESSAGE: usize = 300;

/// A refusal of Quick BI's, or of the gateway before it.
pub(super) struct Refused {
    status: u16,
    pub(super) code: String,
    message: String,
}

impl Refused {
    pub(super) fn of(answer: &Answer, body: &Value) -> Self {
        let of = |names: [&str; 2]| names.iter().find_map(|name| get(body, name).and_then(text)).unwrap_or_default();
        let message = of(["Message", "ErrorMsg"]);
        let message = message.chars().filter(|c| !c.is_control()).take(MAX_MESSAGE).collect();
        let code = of(["Code", "ErrorCode"]).chars().filter(|c| c.is_ascii_graphic()).take(80).collect();
        Self { status: answer.status, code, message }
    }

    /// Whether repeating it is useless. What an administrator can mend (the key, its rights, our clock) is repeated.
    pub(super) fn is_final(&self) -> bool {
        const FINAL: [&str; 9] = [
            "Application.NotExist",
            "Application.Object.NotExist",
            "Instance.Expired",
            "Instance.Not.Exist",
            "Invalid.Organization",
            "User.Not.In.Organization",
            "Invalid.Parameter",
            "Invalid.Parameter.Error",
            "Invalid.Param.Error",
        ];
        FINAL.contains(&self.code.as_str())
    }

    /// Whether it is about the approver who was asked for.
    pub(super) fn is_of_approver(&self) -> bool {
        const OF_APPROVER: [&str; 4] =
            ["User.Not.In.Organization", "Invalid.Parameter", "Invalid.Parameter.Error", "Invalid.Param.Error"];
        OF_APPROVER.contains(&self.code.as_str())
    }
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { status, code, message } = self;
        match (code.as_str(), message.as_str()) {
            ("", _) => write!(f, "Quick BI answered {status} without a code"),
            (code, "") => write!(f, "Quick BI answered {status} {code}"),
            (code, message) => write!(f, "Quick BI answered {status} {code}: {message}"),
        }
    }
}
