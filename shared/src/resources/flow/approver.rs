//! Approvers: how a flow or a request names who is to decide.

use std::fmt;

use serde::de::{Deserializer, Error as _};
use serde::ser::{SerializeMap, Serializer};
use serde::{Deserialize, Serialize};

use crate::ids::MemberId;

/// Who is asked: exactly one of these, written as an object with one member.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Approver {
    /// `{"member": "mem_…"}`: a member.
    Member(MemberId),
    /// `{"account": "…"}`: a user id of the platform.
    Account(String),
    /// `{"mobile": "…"}`: whoever has this number on the platform.
    Mobile(String),
    /// `{"email": "…"}`: whoever has this address on the platform.
    Email(String),
    /// `{"role": "…"}`: all members with this role.
    Role(String),
    /// `{"workspace_administrators": true}`: the administrators of the approval's workspace.
    WorkspaceAdministrators,
    /// `{"supervisor": n}`: so many levels up from the applicant.
    Supervisor(u8),
    /// Somebody whom a product names and who is nobody here. No request or flow can write it.
    Nobody {
        /// Who, for people.
        who: String,
        /// Why, and what can be done.
        why: String,
    },
}

/// For people: `mobile 13900000000`.
impl fmt::Display for Approver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Member(member) => write!(f, "member {member}"),
            Self::Account(text) => write!(f, "account {text}"),
            Self::Mobile(text) => write!(f, "mobile {text}"),
            Self::Email(text) => write!(f, "email {text}"),
            Self::Role(text) => write!(f, "role {text}"),
            Self::WorkspaceAdministrators => f.write_str("workspace administrators"),
            Self::Supervisor(levels) => write!(f, "supervisor {levels}"),
            Self::Nobody { who, .. } => f.write_str(who),
        }
    }
}

impl Approver {
    /// Whether this may stand for several people.
    #[must_use]
    pub fn is_several(&self) -> bool {
        matches!(self, Self::Role(_) | Self::WorkspaceAdministrators)
    }
}

/// What an approver may be made of. Read first, so that the error can say what is wrong.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    member: Option<MemberId>,
    account: Option<String>,
    mobile: Option<String>,
    email: Option<String>,
    role: Option<String>,
    workspace_administrators: Option<bool>,
    supervisor: Option<u8>,
}

const ONE_OF: &str =
    "an approver is exactly one of member, account, mobile, email, role, workspace_administrators, supervisor";

impl<'de> Deserialize<'de> for Approver {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Raw::deserialize(deserializer)?;
        let administrators = match raw.workspace_administrators {
            Some(false) => return Err(D::Error::custom("`workspace_administrators` can only be true")),
            Some(true) => Some(Self::WorkspaceAdministrators),
            None => None,
        };
        if raw.supervisor == Some(0) {
            return Err(D::Error::custom("`supervisor` must be 1 or more"));
        }
        let mut given = [
            raw.member.map(Self::Member),
            raw.account.map(Self::Account),
            raw.mobile.map(Self::Mobile),
            raw.email.map(Self::Email),
            raw.role.map(Self::Role),
            administrators,
            raw.supervisor.map(Self::Supervisor),
        ]
        .into_iter()
        .flatten();
        match (given.next(), given.next()) {
            (Some(approver), None) => Ok(approver),
            (None, _) => Err(D::Error::custom(format_args!("{ONE_OF}; none is given"))),
            (Some(_), Some(_)) => Err(D::Error::custom(format_args!("{ONE_OF}; several are given"))),
        }
    }
}

impl Serialize for Approver {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        match self {
            Self::Member(member) => map.serialize_entry("member", member)?,
            Self::Account(text) => map.serialize_entry("account", text)?,
            Self::Mobile(text) => map.serialize_entry("mobile", text)?,
            Self::Email(text) => map.serialize_entry("email", text)?,
            Self::Role(text) => map.serialize_entry("role", text)?,
            Self::WorkspaceAdministrators => map.serialize_entry("workspace_administrators", &true)?,
            Self::Supervisor(levels) => map.serialize_entry("supervisor", levels)?,
            Self::Nobody { who, .. } => map.serialize_entry("nobody", who)?,
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn each_form_reads_back_as_written() {
        for json in [
            r#"{"member":"mem_1"}"#,
            r#"{"account":"u1"}"#,
            r#"{"mobile":"13800000000"}"#,
            r#"{"email":"a@b.example"}"#,
            r#"{"role":"dba"}"#,
            r#"{"workspace_administrators":true}"#,
            r#"{"supervisor":1}"#,
        ] {
            let approver: Approver = serde_json::from_str(json).unwrap();
            assert_eq!(serde_json::to_string(&approver).unwrap(), json);
            let stored: aws_sdk_dynamodb::types::AttributeValue = serde_dynamo::to_attribute_value(&approver).unwrap();
            assert_eq!(serde_dynamo::from_attribute_value::<_, Approver>(stored).unwrap(), approver);
        }
    }

    #[test]
    fn the_error_says_what_is_wrong() {
        let error = |json: &str| serde_json::from_str::<Approver>(json).unwrap_err().to_string();
        assert!(error("{}").contains("none is given"));
        assert!(error(r#"{"member": "mem_1", "role": "x"}"#).contains("several are given"));
        assert!(error(r#"{"supervisor": 0}"#).contains("1 or more"));
        assert!(error(r#"{"workspace_administrators": false}"#).contains("only be true"));
        assert!(error(r#"{"person": "x"}"#).contains("unknown field `person`"));
        assert!(error(r#"{"member": "con_1"}"#).contains("mem_"));
    }
}
