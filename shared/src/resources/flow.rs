//! Flows: named stages of nodes.

use serde::{Deserialize, Serialize};

use super::{FieldErrors, MAX_NAME};
use crate::approval::{Deadline, Mode, OnDeadline};
use crate::ids::{ConnectionId, FlowId, MemberId, OrgId};
use crate::providers::Provider;

mod approver;
mod nodes;
mod people;

pub use approver::Approver;
pub use nodes::{NodeFault, NodeFaults, NodePart, check_nodes, point};
pub use people::{Fallback, OwnApprover, RequestLimits};

/// Most stages of a flow.
pub const MAX_STAGES: usize = 5;
/// Most nodes of a stage: what DingTalk takes (documented); the others name no number.
pub const MAX_NODES: usize = 20;
/// Most approvers of a node, by name and in person.
pub const MAX_APPROVERS: usize = 50;
/// Most levels between an applicant and an approver who is named by `supervisor`.
pub const MAX_LEVELS: u8 = 20;
/// Longest deadline: a year, in hours.
pub const MAX_DEADLINE: u16 = 8760;
/// In milliseconds.
const HOUR: i64 = 60 * 60 * 1000;

/// One node of a stage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeSpec {
    /// Its name.
    pub name: String,
    /// When it has passed.
    pub mode: Mode,
    /// Who is asked.
    #[serde(default)]
    pub approvers: Vec<Approver>,
}

/// Nodes that run on one connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StageSpec {
    /// The connection; `None` for the built-in platform.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection: Option<ConnectionId>,
    /// A template of the customer's on that platform; else ours is used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<String>,
    /// The nodes, in order.
    #[serde(default)]
    pub nodes: Vec<NodeSpec>,
}

/// A flow as stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flow {
    /// Its id.
    pub id: FlowId,
    /// Its organisation.
    pub org: OrgId,
    /// Its name.
    pub name: String,
    /// The stages, in order.
    pub stages: Vec<StageSpec>,
    /// Hours from the submission until the deadline; `None` for no deadline.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline_hours: Option<u16>,
    /// What happens then.
    #[serde(default)]
    pub on_deadline: OnDeadline,
    /// Whether a request may bring nodes of its own, for the first stage.
    #[serde(default)]
    pub nodes_from_request: bool,
    /// How many of them.
    #[serde(default)]
    pub limits: RequestLimits,
    /// Who is asked where nobody whom a node names can be found; `None` refuses the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fallback: Option<Fallback>,
    /// What becomes of an applicant who is an approver too, where the flow says so; see [`Flow::own_approver`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub own_approver: Option<OwnApprover>,
    /// When it was made, milliseconds.
    pub created_at: i64,
}

super::resource!(Flow, "FLOW");

impl Flow {
    /// Checks what can be seen in the flow alone.
    pub fn check(&self, errors: &mut FieldErrors) {
        errors.text("/name", &self.name, MAX_NAME);
        if self.stages.is_empty() || self.stages.len() > MAX_STAGES {
            errors.push("/stages", format!("must have 1 to {MAX_STAGES} stages"));
        }
        for (index, stage) in self.stages.iter().enumerate() {
            if let Some(template) = &stage.template {
                errors.text(format!("/stages/{index}/template"), template, MAX_NAME);
            }
        }
        if self.deadline_hours.is_some_and(|hours| !(1..=MAX_DEADLINE).contains(&hours)) {
            errors.push("/deadline_hours", format!("must be from 1 to {MAX_DEADLINE}"));
        }
        self.limits.check(errors);
    }

    /// The deadline of an approval that is submitted at `now` (milliseconds).
    #[must_use]
    pub fn deadline(&self, now: i64) -> Option<Deadline> {
        let hours = self.deadline_hours?;
        Some(Deadline::new(now + i64::from(hours) * HOUR, self.on_deadline))
    }

    /// What becomes of an applicant who is an approver too: what the flow says. Where it says nothing, they are asked as anybody
    /// else at nodes of its own, and not at those that the request brings: whoever asks would else decide.
    #[must_use]
    pub fn own_approver(&self, from_request: bool) -> OwnApprover {
        let usual = if from_request { OwnApprover::Skip } else { OwnApprover::Allow };
        self.own_approver.unwrap_or(usual)
    }

    /// Whether the stage of this index may be without nodes of its own.
    #[must_use]
    pub fn may_be_empty(&self, index: usize, provider: &dyn Provider) -> bool {
        (self.nodes_from_request && index == 0) || !provider.needs_approvers()
    }
}

/// The members that these nodes name, with pointers to where.
#[must_use]
pub fn members_named(nodes: &[NodeSpec], pointer: &str) -> Vec<(String, MemberId)> {
    let mut named = Vec::new();
    for (n, node) in nodes.iter().enumerate() {
        for (a, approver) in node.approvers.iter().enumerate() {
            if let Approver::Member(member) = approver {
                named.push((format!("{pointer}/{n}/approvers/{a}/member"), member.clone()));
            }
        }
    }
    named
}
