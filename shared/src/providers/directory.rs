//! Reading a platform's directory: who is in it, as far as the app may see.
//!
//! It is read in steps, each one call (two, where a platform wants that). What a step finds says which steps follow, so that whoever
//! reads can stop after any of them and go on later.

use serde::{Deserialize, Serialize};

use super::failure::{Failure, Kind};
use super::{Account, Call, Calls, Contact, Error, dingtalk, feishu, wecom};

/// Every platform with a directory that can be read. The list stands apart from [`super::ALL`], so that functions that read none
/// do not carry the code.
pub static ALL: &[&dyn Directory] = &[&dingtalk::DingTalk, &feishu::Feishu, &wecom::WeCom];

/// The directory of the platform with this `kind`, if it has one.
#[must_use]
pub fn by_kind(kind: &str) -> Option<&'static dyn Directory> {
    ALL.iter().copied().find(|directory| directory.kind() == kind)
}

/// Somebody in a platform's directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirectoryEntry {
    /// Platform account id.
    pub account: String,
    /// Name, mobile and e-mail, as far as the platform shows them to us.
    pub contact: Contact,
}

/// What is to be read next. The names in JSON are short, since thousands of steps may wait in one item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Step {
    /// What the app may see: the departments at the top, and people beside them.
    #[serde(rename = "s")]
    Scope {
        /// Where the list goes on.
        #[serde(rename = "g", default, skip_serializing_if = "Option::is_none")]
        page: Option<String>,
    },
    /// A department and those below it.
    #[serde(rename = "d")]
    Department {
        /// The platform's id.
        #[serde(rename = "i")]
        id: String,
        /// Where the list goes on.
        #[serde(rename = "g", default, skip_serializing_if = "Option::is_none")]
        page: Option<String>,
    },
    /// The people directly in a department.
    #[serde(rename = "p")]
    People {
        /// The platform's id.
        #[serde(rename = "i")]
        department: String,
        /// Where the list goes on.
        #[serde(rename = "g", default, skip_serializing_if = "Option::is_none")]
        page: Option<String>,
    },
    /// People and departments that stand together in another way: a tag of WeCom, a user group of Feishu.
    #[serde(rename = "t")]
    Group {
        /// The platform's id.
        #[serde(rename = "i")]
        id: String,
        /// Where the list goes on.
        #[serde(rename = "g", default, skip_serializing_if = "Option::is_none")]
        page: Option<String>,
    },
    /// One person.
    #[serde(rename = "o")]
    Person {
        /// Platform account id.
        #[serde(rename = "i")]
        account: String,
    },
}

impl Step {
    /// Everything that the app may see.
    pub const ALL: Self = Self::Scope { page: None };

    /// A department and those below it.
    pub fn department(id: impl Into<String>) -> Self {
        Self::Department { id: id.into(), page: None }
    }

    /// The people directly in a department.
    pub fn people(department: impl Into<String>) -> Self {
        Self::People { department: department.into(), page: None }
    }

    /// A group.
    pub fn group(id: impl Into<String>) -> Self {
        Self::Group { id: id.into(), page: None }
    }

    /// One person.
    pub fn person(account: impl Into<String>) -> Self {
        Self::Person { account: account.into() }
    }

    /// The same, where its list goes on.
    #[must_use]
    pub fn after(&self, page: String) -> Self {
        let mut step = self.clone();
        match &mut step {
            Self::Scope { page: at }
            | Self::Department { page: at, .. }
            | Self::People { page: at, .. }
            | Self::Group { page: at, .. } => *at = Some(page),
            Self::Person { .. } => {}
        }
        step
    }

    /// The platform's id of what is read; `None` for the whole.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        match self {
            Self::Scope { .. } => None,
            Self::Department { id, .. } | Self::Group { id, .. } => Some(id),
            Self::People { department, .. } => Some(department),
            Self::Person { account } => Some(account),
        }
    }
}

/// What a step brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Read {
    /// People, and what is to be read besides. A step for one person who has left finds nobody.
    Found {
        /// The people.
        people: Vec<DirectoryEntry>,
        /// What is to be read besides.
        steps: Vec<Step>,
    },
    /// It is there, or may be, and the app may not see it, or the platform refuses it for a reason of its own.
    Hidden(Error),
    /// There is no such department or person.
    Missing(Error),
}

impl Read {
    /// Nothing more than these steps.
    pub(super) const fn steps(steps: Vec<Step>) -> Self {
        Self::Found { people: Vec::new(), steps }
    }

    /// These people, and the next page of the same.
    pub(super) fn people(people: Vec<DirectoryEntry>, next: Option<Step>) -> Self {
        Self::Found { people, steps: next.into_iter().collect() }
    }
}

/// A platform whose directory can be read. Implementations hold no state.
pub trait Directory: Send + Sync {
    /// The platform's name, as [`super::Provider::kind`] says it.
    fn kind(&self) -> &'static str;

    /// Whether the platform tells somebody who has left from somebody whom the app may no longer see. Where it does not, nobody is
    /// taken for gone as long as a part of the directory cannot be read.
    fn tells_gone_from_hidden(&self) -> bool {
        true
    }

    /// Takes one step.
    ///
    /// # Errors
    /// What concerns more than this step: credentials, a missing permission, throttling, no answer. See [`Read`] for the rest.
    fn read<'a>(&'a self, account: &'a Account, step: &'a Step, calls: &'a Calls<'a>) -> Call<'a, Read>;
}

/// What a step brought, where a refusal may concern its department or person alone. `error` makes it one for the caller.
pub(super) fn judge(step: &Step, read: Result<Read, Failure>, error: impl Fn(Failure) -> Error) -> Result<Read, Error> {
    let of_this_alone = !matches!(step, Step::Scope { .. });
    match read {
        Ok(read) => Ok(read),
        Err(Failure::Refused(refusal)) if of_this_alone && refusal.kind == Kind::NotFound => {
            Ok(Read::Missing(error(Failure::Refused(refusal))))
        }
        Err(Failure::Refused(refusal))
            if of_this_alone && matches!(refusal.kind, Kind::ContactScope | Kind::Refused) =>
        {
            Ok(Read::Hidden(error(Failure::Refused(refusal))))
        }
        Err(failure) => Err(error(failure)),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn whoever_can_be_read_is_a_platform() {
        for directory in ALL {
            assert!(crate::providers::by_kind(directory.kind()).is_some(), "{}", directory.kind());
        }
        assert!(by_kind("external").is_none());
    }

    #[test]
    fn a_step_is_short_where_it_is_stored_and_reads_back() {
        let steps = [
            (Step::ALL, r#"{"s":{}}"#),
            (Step::department("7").after("x".into()), r#"{"d":{"i":"7","g":"x"}}"#),
            (Step::people("7"), r#"{"p":{"i":"7"}}"#),
            (Step::group("7"), r#"{"t":{"i":"7"}}"#),
            (Step::person("u"), r#"{"o":{"i":"u"}}"#),
        ];
        for (step, text) in steps {
            assert_eq!(serde_json::to_string(&step).unwrap(), text);
            assert_eq!(serde_json::from_str::<Step>(text).unwrap(), step);
        }
    }
}
