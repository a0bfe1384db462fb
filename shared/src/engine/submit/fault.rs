//! What is wrong with a request, and where.

use std::fmt;

use crate::resources::flow::{NodeFault, NodePart};

/// A field of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyField {
    /// What is asked.
    Title,
    /// Why.
    Reason,
    /// Who asks.
    Applicant,
    /// The member who asks.
    ApplicantMember,
    /// The applicant's name.
    ApplicantName,
    /// The applicant's mobile number.
    ApplicantMobile,
    /// The applicant's e-mail address.
    ApplicantEmail,
    /// The applicant's account.
    ApplicantAccount,
    /// The flow.
    Flow,
    /// Free fields.
    Fields,
    /// The name of what access is asked to.
    ResourceName,
    /// The address of what access is asked to.
    ResourceUrl,
    /// Begin of what is asked for.
    StartsAt,
    /// End of what is asked for.
    EndsAt,
    /// The workspace.
    Workspace,
    /// The source.
    Source,
}

/// Where in a request, or in the flow that it follows, something is wrong. Stages, nodes and approvers count from 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Position {
    /// A field of the request.
    Field(BodyField),
    /// The nodes that the request brings, or a part of them.
    Nodes(NodePart),
    /// A stage as a whole.
    Stage {
        /// Which.
        stage: usize,
        /// Whether the request brings its nodes; else they are the flow's.
        is_own: bool,
    },
    /// A node of the flow.
    FlowNode {
        /// Its stage.
        stage: usize,
        /// Its name.
        name: String,
        /// Which node of the stage, and which part of it.
        part: NodePart,
    },
}

/// Something wrong with a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Where.
    pub position: Position,
    /// What is wrong, for people. `Display` adds what the sender does not see of the position: stage and node of a flow.
    pub why: String,
}

impl Fault {
    /// What is wrong at this position.
    pub(super) fn new(position: Position, why: impl Into<String>) -> Self {
        Self { position, why: why.into() }
    }

    /// What is wrong with this field.
    pub(super) fn of(field: BodyField, why: impl Into<String>) -> Self {
        Self::new(Position::Field(field), why)
    }
}

impl From<NodeFault> for Fault {
    /// Of the nodes that a request brings.
    fn from(fault: NodeFault) -> Self {
        Self::new(Position::Nodes(fault.part), fault.why)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let why = &self.why;
        match &self.position {
            Position::Field(_) | Position::Nodes(_) => f.write_str(why),
            Position::Stage { stage, .. } => write!(f, "stage {}: {why}", stage + 1),
            Position::FlowNode { stage, name, .. } => write!(f, "stage {}, node \"{name}\": {why}", stage + 1),
        }
    }
}
