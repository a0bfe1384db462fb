//! Why a request was not submitted.

use std::fmt;

use super::fault::{BodyField, Fault, Position};
use crate::engine::Error;
use crate::ids::{ApprovalId, FlowId, SourceId, WorkspaceId};
use crate::providers;
use crate::resources::flow::NodePart;
use crate::store;
use crate::store::approvals::Ruled;

/// Why a request was not submitted. Nothing was started then. What holds faults holds all of them.
///
/// `Display` says it for people, without where it is; whose fault it is, and where, is for those to say who answer.
#[derive(Debug)]
pub enum SubmitError {
    /// The request is wrong by itself, or brings more than its flow allows.
    InvalidBody(Vec<Fault>),
    /// The applicant's member is not there.
    UnknownApplicant(String),
    /// People who cannot be found on the platforms.
    UnknownPeople(Vec<Fault>),
    /// Nodes at which the applicant would decide on their own request.
    OwnApproval(Vec<Fault>),
    /// Nodes that would ask more people than a node may.
    TooManyApprovers(Vec<Fault>),
    /// Nodes whose mode the platform lacks.
    UnsupportedMode(Vec<Fault>),
    /// Approvers of a kind that cannot be resolved.
    UnsupportedApprover(Vec<Fault>),
    /// More people than one submit looks up; the number is the most.
    TooManyPeople(usize),
    /// There is no such workspace, or the source belongs to another.
    UnknownWorkspace(WorkspaceId),
    /// There is no such source.
    UnknownSource(SourceId),
    /// Nobody says which source asks, and there is not just one.
    MissingSource,
    /// Whoever calls submits for another source than the request names.
    ForeignSource,
    /// There is no such flow.
    UnknownFlow(FlowId),
    /// The source may not use the flow that the request names.
    ForbiddenFlow,
    /// Neither the request nor a rule nor the source says which flow it follows.
    MissingFlow {
        /// The rule that could not be evaluated, if that is why.
        failed: Option<Box<Ruled>>,
    },
    /// The flow's connection was deleted.
    UnknownConnection(String),
    /// This version does not know the connection's platform.
    UnknownPlatform,
    /// The flow lets no request bring nodes.
    ForbiddenNodes,
    /// The flow leaves the nodes to the request, which brings none.
    MissingNodes,
    /// The source's key of the request is that of this approval, which another request made.
    ReusedKey(ApprovalId),
    /// The table, or the data key.
    Store(store::Error),
    /// The platform.
    Provider(providers::Error),
}

impl SubmitError {
    /// Says that these faults are such an error, if there are any.
    pub(super) fn unless_empty(faults: Vec<Fault>, error: fn(Vec<Fault>) -> Self) -> Result<(), Self> {
        if faults.is_empty() { Ok(()) } else { Err(error(faults)) }
    }

    /// Its stable name, as answers, logs and what is kept of an import show it.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::InvalidBody(_) => "invalid_request",
            Self::UnknownApplicant(_) | Self::UnknownPeople(_) => "person_not_found",
            Self::OwnApproval(_) => "own_approval",
            Self::TooManyApprovers(_) => "too_many_approvers",
            Self::UnsupportedMode(_) => "unsupported_mode",
            Self::UnsupportedApprover(_) => "unsupported_approver",
            Self::TooManyPeople(_) => "too_many_people",
            Self::UnknownWorkspace(_) => "unknown_workspace",
            Self::UnknownSource(_) => "unknown_source",
            Self::MissingSource => "source_missing",
            Self::ForeignSource => "forbidden",
            Self::UnknownFlow(_) => "unknown_flow",
            Self::ForbiddenFlow => "flow_not_allowed",
            Self::MissingFlow { .. } => "no_flow",
            Self::UnknownConnection(_) => "unknown_connection",
            Self::UnknownPlatform => "unknown_kind",
            Self::ForbiddenNodes => "nodes_not_allowed",
            Self::MissingNodes => "nodes_missing",
            Self::ReusedKey(_) => "idempotency_mismatch",
            Self::Store(error) => error.name(),
            Self::Provider(error) => error.name(),
        }
    }

    /// Everything that is wrong and where; nothing for what is at no position of the request.
    #[must_use]
    pub fn faults(&self) -> Vec<Fault> {
        let position = match self {
            Self::InvalidBody(faults)
            | Self::UnknownPeople(faults)
            | Self::OwnApproval(faults)
            | Self::TooManyApprovers(faults)
            | Self::UnsupportedMode(faults)
            | Self::UnsupportedApprover(faults) => return faults.clone(),
            Self::UnknownApplicant(_) => Position::Field(BodyField::ApplicantMember),
            Self::UnknownWorkspace(_) => Position::Field(BodyField::Workspace),
            Self::UnknownSource(_) | Self::MissingSource => Position::Field(BodyField::Source),
            Self::UnknownFlow(_) | Self::ForbiddenFlow | Self::MissingFlow { .. } => Position::Field(BodyField::Flow),
            Self::ForbiddenNodes | Self::MissingNodes => Position::Nodes(NodePart::List),
            Self::TooManyPeople(_)
            | Self::ForeignSource
            | Self::UnknownConnection(_)
            | Self::UnknownPlatform
            | Self::ReusedKey(_)
            | Self::Store(_)
            | Self::Provider(_) => return Vec::new(),
        };
        vec![Fault::new(position, self.to_string())]
    }
}

impl std::error::Error for SubmitError {}

impl fmt::Display for SubmitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidBody(faults)
            | Self::UnknownPeople(faults)
            | Self::OwnApproval(faults)
            | Self::TooManyApprovers(faults)
            | Self::UnsupportedMode(faults)
            | Self::UnsupportedApprover(faults) => {
                let each: Vec<String> = faults.iter().map(ToString::to_string).collect();
                f.write_str(&each.join("; "))
            }
            Self::UnknownApplicant(why) => f.write_str(why),
            Self::TooManyPeople(most) => {
                write!(f, "more than {most} people would have to be looked up on the platforms")
            }
            Self::UnknownWorkspace(id) => write!(f, "there is no workspace {id}"),
            Self::UnknownSource(id) => write!(f, "there is no source {id}"),
            Self::MissingSource => f.write_str("this key belongs to no source: name one, or use the source's own key"),
            Self::ForeignSource => f.write_str("this key submits for another source"),
            Self::UnknownFlow(id) => write!(f, "there is no flow {id}"),
            Self::ForbiddenFlow => f.write_str("the source may not use this flow"),
            Self::MissingFlow { failed: Some(rule) } => {
                let (name, id, why) = (&rule.name, &rule.id, rule.detail.as_deref().unwrap_or_default());
                write!(
                    f,
                    "the rule \"{name}\" ({id}) could not be evaluated ({why}), and the source has no default flow"
                )
            }
            Self::MissingFlow { failed: None } => {
                f.write_str("the request names no flow, no rule chooses one, and its source has no default one")
            }
            Self::UnknownConnection(id) => write!(f, "the flow's connection {id} was deleted"),
            Self::UnknownPlatform => f.write_str("this version does not know the connection's platform"),
            Self::ForbiddenNodes => f.write_str("the flow does not let a request bring its own nodes"),
            Self::MissingNodes => f.write_str("the flow leaves the nodes to the request, which brings none"),
            Self::ReusedKey(_) => f.write_str("this Idempotency-Key was used before with another body"),
            Self::Store(error) => f.write_str(error.told()),
            Self::Provider(error) => error.fmt(f),
        }
    }
}

impl From<store::Error> for SubmitError {
    fn from(error: store::Error) -> Self {
        Self::Store(error)
    }
}

impl From<providers::Error> for SubmitError {
    fn from(error: providers::Error) -> Self {
        Self::Provider(error)
    }
}

impl From<Error> for SubmitError {
    fn from(error: Error) -> Self {
        match error {
            Error::Store(error) => error.into(),
            Error::Provider(error) => error.into(),
        }
    }
}
