//! What an approval is made of: its plan, what was learned of it, what is wanted of it, and how it ended. Names of fields are short
//! because every write pays for them.

use serde::{Deserialize, Serialize};

use super::account::AccountIds;
use super::deviation::Deviation;
use super::event::Mode;
use super::facts::Facts;
use super::learned::Learned;
pub use super::person::Person;

/// A planned node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    /// Its name.
    #[serde(rename = "n")]
    pub name: String,
    /// When it has passed.
    #[serde(rename = "md")]
    pub mode: Mode,
    /// Its approvers; empty where an outside system decides who they are.
    #[serde(rename = "ap", default, skip_serializing_if = "Vec::is_empty")]
    pub approvers: Vec<Person>,
    /// How they differ from those who were named.
    #[serde(rename = "dv", default, skip_serializing_if = "Deviation::is_none")]
    pub deviation: Deviation,
}

impl Node {
    /// A node that asks those who were named.
    #[must_use]
    pub fn new(name: impl Into<String>, mode: Mode, approvers: Vec<Person>) -> Self {
        Self { name: name.into(), mode, approvers, deviation: Deviation::default() }
    }
}

/// Whose word counts for a stage and its nodes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DecidedBy {
    /// The platform's: it may hold nodes and added approvers that the plan does not know.
    #[default]
    Platform,
    /// A node is decided by its approvers, the instance by the platform.
    NodesAndPlatform,
    /// The nodes alone: nothing runs anywhere but here.
    Nodes,
}

impl DecidedBy {
    fn is_platform(&self) -> bool {
        *self == Self::Platform
    }
}

/// What stands for the connection of a stage that names none: it runs here. No connection that somebody makes has this id.
pub const BUILTIN: &str = "con_builtin";

/// Nodes that run on one connection, as one platform instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stage {
    /// The connection's id.
    #[serde(rename = "c")]
    pub connection: String,
    /// The platform.
    #[serde(rename = "k")]
    pub kind: String,
    /// Whose word counts.
    #[serde(rename = "d", default, skip_serializing_if = "DecidedBy::is_platform")]
    pub decided_by: DecidedBy,
    /// Whether its platform's account ids know case. Not stored: the store sets it by the platform's kind when it reads.
    #[serde(skip)]
    pub account_ids: AccountIds,
    /// The nodes, in order.
    #[serde(rename = "ns")]
    pub nodes: Vec<Node>,
    /// The applicant's account on the connection, where the platform needs one. (Approvals from before have it in their request.)
    #[serde(rename = "aa", default, skip_serializing_if = "Option::is_none")]
    pub applicant: Option<String>,
    /// The customer's template, where the flow names one. (As above.)
    #[serde(rename = "tp", default, skip_serializing_if = "Option::is_none")]
    pub template: Option<String>,
    /// Names of nodes that would have asked nobody but the applicant, and are left out.
    #[serde(rename = "lo", default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<String>,
    /// Whether it runs by a definition that the customer made on the platform. There a refusal may send the form back to the
    /// applicant, and only the instance's own end ends it.
    #[serde(rename = "od", default, skip_serializing_if = "std::ops::Not::not")]
    pub own_definition: bool,
    /// The platform's id of the instance, once it runs.
    #[serde(rename = "i", default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// Where people see the instance.
    #[serde(rename = "u", default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// While a start is under way: until when nobody else may try (milliseconds).
    #[serde(rename = "ls", default, skip_serializing_if = "Option::is_none")]
    pub lease_until: Option<i64>,
    /// Whether nothing that was tried so far can have reached the platform: then the lease is only a time to wait, and nobody is
    /// at it.
    #[serde(rename = "us", default, skip_serializing_if = "std::ops::Not::not")]
    pub unsent: bool,
    /// Members among the people whom the plan does not know as members, by their accounts.
    #[serde(rename = "pp", default, skip_serializing_if = "Vec::is_empty")]
    pub people: Vec<Person>,
    /// What was learned of the instance.
    #[serde(rename = "f", default)]
    pub facts: Facts,
}

/// How an approval ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Closed {
    /// Every node passed, or a rule approved.
    Approved,
    /// A node was rejected, or a rule or the deadline rejected.
    Rejected,
    /// Taken back.
    Withdrawn,
    /// The deadline passed.
    Expired,
    /// It could not be started.
    Failed,
    /// Undone after it had been approved.
    Revoked,
}

/// The end of an approval. Once set it stays, except that an approved one may be revoked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closure {
    /// How.
    #[serde(rename = "s")]
    pub how: Closed,
    /// When, for an end that we made; `None` where the facts tell it.
    #[serde(rename = "at", default, skip_serializing_if = "Option::is_none")]
    pub at: Option<i64>,
    /// Who ended it, where it was a person that we know.
    #[serde(rename = "by", default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Person>,
    /// Why.
    #[serde(rename = "rm", default, skip_serializing_if = "Option::is_none")]
    pub remark: Option<String>,
}

/// A withdrawal that was asked for and that the platform has not taken yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Withdrawal {
    /// When it was asked for (milliseconds).
    pub at: i64,
    /// Who asked.
    pub by: Person,
    /// Why.
    #[serde(rename = "rm", default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Whether the approval ends here even where the platform cannot or will not take it back.
    #[serde(rename = "f", default, skip_serializing_if = "std::ops::Not::not")]
    pub force: bool,
}

/// One approval: plan, facts, intents and, at last, its closure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// When it was submitted (milliseconds).
    #[serde(rename = "at")]
    pub submitted_at: i64,
    /// Who asks.
    #[serde(rename = "by")]
    pub applicant: Person,
    /// The stages, in order.
    #[serde(rename = "sg")]
    pub stages: Vec<Stage>,
    /// How it ended.
    #[serde(rename = "cl", default, skip_serializing_if = "Option::is_none")]
    pub closed: Option<Closure>,
    /// A withdrawal that the platform has not taken yet.
    #[serde(rename = "wd", default, skip_serializing_if = "Option::is_none")]
    pub withdrawal: Option<Withdrawal>,
    /// Until when it waits for people.
    #[serde(rename = "dl", default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Deadline>,
    /// To how many bytes remarks and comments were cut, if they had to be.
    #[serde(rename = "ct", default, skip_serializing_if = "Option::is_none")]
    pub(super) texts_cut_to: Option<u32>,
    /// In which order all of it became known.
    #[serde(rename = "lg", default, skip_serializing_if = "Learned::is_empty")]
    pub learned: Learned,
    /// Instances that are open on their platform although nobody waits for them any more.
    #[serde(rename = "lf", default, skip_serializing_if = "Vec::is_empty")]
    pub(super) leftovers: Vec<Leftover>,
}

/// What happens when a deadline has passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnDeadline {
    /// The approval expires.
    #[default]
    Expire,
    /// It is rejected.
    Reject,
    /// It stays open, and its source is told.
    Escalate,
}

impl OnDeadline {
    fn is_expire(&self) -> bool {
        *self == Self::Expire
    }
}

/// Until when an approval waits for people. It is written when the approval is made, so a change of the flow does not move it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deadline {
    /// When it passes (milliseconds).
    pub at: i64,
    /// What happens then.
    #[serde(rename = "on", default, skip_serializing_if = "OnDeadline::is_expire")]
    pub then: OnDeadline,
    /// When it was seen to have passed (milliseconds). From then on the approval is being ended, or has been escalated.
    #[serde(rename = "p", default, skip_serializing_if = "Option::is_none")]
    pub passed_at: Option<i64>,
}

impl Deadline {
    /// A deadline that is to come.
    #[must_use]
    pub const fn new(at: i64, then: OnDeadline) -> Self {
        Self { at, then, passed_at: None }
    }

    /// How it ends an approval; `None` for one that leaves it open.
    pub(super) const fn end(&self) -> Option<Closed> {
        match self.then {
            OnDeadline::Expire => Some(Closed::Expired),
            OnDeadline::Reject => Some(Closed::Rejected),
            OnDeadline::Escalate => None,
        }
    }
}

/// What became of an instance that was left open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LeftoverEnd {
    /// It is open no more.
    Done,
    /// The platform cannot take it back, or will not.
    Refused,
    /// It was tried for too long.
    GivenUp,
}

/// An instance that is owed a cancel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leftover {
    /// Index of its stage.
    #[serde(rename = "s")]
    pub stage: usize,
    /// The platform's id of it; `None` where a start was under way that may have made one: it is to be looked for.
    #[serde(rename = "i", default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// Since when it is owed (milliseconds).
    #[serde(rename = "at")]
    pub since: i64,
    /// When it is tried next (milliseconds); means nothing once it has an end.
    #[serde(rename = "nx")]
    pub next_at: i64,
    /// What became of it.
    #[serde(rename = "e", default, skip_serializing_if = "Option::is_none")]
    pub end: Option<LeftoverEnd>,
    /// Why it is still open, by the last try.
    #[serde(rename = "w", default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

impl Stage {
    /// A stage that has not begun.
    #[must_use]
    pub fn new(connection: String, kind: String, decided_by: DecidedBy, nodes: Vec<Node>) -> Self {
        Self {
            connection,
            kind,
            decided_by,
            account_ids: AccountIds::default(),
            nodes,
            applicant: None,
            template: None,
            left_out: Vec::new(),
            own_definition: false,
            instance: None,
            url: None,
            lease_until: None,
            unsent: false,
            people: Vec::new(),
            facts: Facts::default(),
        }
    }

    /// Whether it runs here, on the built-in platform: no call is owed for it.
    #[must_use]
    pub fn runs_here(&self) -> bool {
        self.decided_by == DecidedBy::Nodes
    }

    /// Whether a try to start it may have reached the platform.
    #[must_use]
    pub const fn may_be_there(&self) -> bool {
        self.lease_until.is_some() && !self.unsent
    }
}
