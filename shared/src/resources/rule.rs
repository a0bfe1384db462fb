//! Rules: conditions that decide what becomes of a request that names no flow.

use serde::{Deserialize, Serialize};

use super::{FieldErrors, MAX_NAME, MAX_TEXT};
use crate::ids::{FlowId, OrgId, RuleId};
use crate::rules::Expression;

/// Most rules of an organisation.
pub const MAX_RULES: usize = 50;
/// Largest position.
pub const LAST_POSITION: u32 = 1_000_000;

/// A rule as stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// Its id.
    pub id: RuleId,
    /// Its organisation.
    pub org: OrgId,
    /// Its name.
    pub name: String,
    /// Its position among the rules: the lowest is evaluated first; of the same position, the one that was made first.
    pub position: u32,
    /// The condition, in CEL.
    pub when: String,
    /// What becomes of a request for which it holds.
    pub then: Then,
    /// What becomes of a request for which its condition cannot be evaluated.
    #[serde(default)]
    pub on_error: OnError,
    /// Whether it is looked at.
    #[serde(default = "enabled")]
    pub enabled: bool,
    /// When it was made, milliseconds.
    pub created_at: i64,
}

/// What a rule does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", try_from = "Fields")]
pub enum Then {
    /// Approves at once; always `true`.
    Approve(bool),
    /// Rejects at once, for this reason.
    Reject(String),
    /// Lets the request follow this flow.
    Flow(FlowId),
}

/// What becomes of a request for which a rule's condition cannot be evaluated. The rules behind it are not asked in any case.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnError {
    /// It follows its source's default flow.
    #[default]
    DefaultFlow,
    /// It is rejected at once.
    Reject,
    /// It follows this flow.
    Flow(FlowId),
}

/// What a rule does, as it is written: one of these.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    approve: Option<bool>,
    reject: Option<String>,
    flow: Option<FlowId>,
}

impl TryFrom<Fields> for Then {
    type Error = &'static str;

    fn try_from(fields: Fields) -> Result<Self, Self::Error> {
        match fields {
            Fields { approve: Some(approve), reject: None, flow: None } => Ok(Self::Approve(approve)),
            Fields { approve: None, reject: Some(why), flow: None } => Ok(Self::Reject(why)),
            Fields { approve: None, reject: None, flow: Some(flow) } => Ok(Self::Flow(flow)),
            _ => Err("must hold one of `approve`, `reject` and `flow`"),
        }
    }
}

const fn enabled() -> bool {
    true
}

super::resource!(Rule, "RULE");

impl Rule {
    /// Checks all that needs nobody else.
    pub fn check(&self, errors: &mut FieldErrors) {
        errors.text("/name", &self.name, MAX_NAME);
        if self.position > LAST_POSITION {
            errors.push("/position", format!("must be at most {LAST_POSITION}"));
        }
        if let Err(invalid) = Expression::read(&self.when) {
            errors.push("/when", invalid.to_string());
        }
        match &self.then {
            Then::Approve(false) => errors.push("/then/approve", "must be `true`"),
            Then::Reject(why) => errors.text("/then/reject", why, MAX_TEXT),
            Then::Approve(true) | Then::Flow(_) => {}
        }
    }

    /// The flow that is followed where it cannot be evaluated.
    #[must_use]
    pub const fn error_flow(&self) -> Option<&FlowId> {
        match &self.on_error {
            OnError::Flow(flow) => Some(flow),
            OnError::DefaultFlow | OnError::Reject => None,
        }
    }

    /// The flow that it chooses.
    #[must_use]
    pub const fn flow(&self) -> Option<&FlowId> {
        match &self.then {
            Then::Flow(flow) => Some(flow),
            Then::Approve(_) | Then::Reject(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    #[test]
    fn what_a_failure_means_reads_as_it_is_written() {
        for (written, on_error) in [
            (json!("default_flow"), OnError::DefaultFlow),
            (json!("reject"), OnError::Reject),
            (json!({"flow": "flow_1"}), OnError::Flow("flow_1".parse().unwrap())),
        ] {
            assert_eq!(serde_json::from_value::<OnError>(written.clone()).unwrap(), on_error);
            assert_eq!(serde_json::to_value(&on_error).unwrap(), written);
        }
        let stored = json!({"id": "rule_1", "org": "org_1", "name": "n", "position": 1, "when": "true",
            "then": {"approve": true}, "created_at": 0});
        assert_eq!(serde_json::from_value::<Rule>(stored).unwrap().on_error, OnError::DefaultFlow);
    }

    #[test]
    fn what_a_rule_does_reads_as_it_is_written() {
        for (written, then) in [
            (json!({"approve": true}), Then::Approve(true)),
            (json!({"reject": "why"}), Then::Reject("why".into())),
            (json!({"flow": "flow_1"}), Then::Flow("flow_1".parse().unwrap())),
        ] {
            assert_eq!(serde_json::from_value::<Then>(written.clone()).unwrap(), then);
            assert_eq!(serde_json::to_value(&then).unwrap(), written);
        }
        for wrong in [json!({}), json!({"approve": true, "reject": "why"}), json!("approve"), json!({"flow": "con_1"})]
        {
            assert!(serde_json::from_value::<Then>(wrong).is_err());
        }
    }
}
