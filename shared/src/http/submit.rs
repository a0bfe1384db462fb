//! What a submit that failed is answered with: status, code, pointers.

use axum::http::StatusCode;

use super::problem::Problem;
use crate::engine::submit::{BodyField, Fault, Position, SubmitError};
use crate::resources::FieldErrors;

/// Where the nodes of a request stand in it.
const NODES: &str = "/nodes";
/// Where the flow stands that a request names.
const FLOW: &str = "/flow";

/// The JSON pointer to a position, in the body of `POST /v1/approvals`. Of what is wrong with a flow's own stages and nodes, the
/// request shows the flow.
#[must_use]
pub fn pointer(position: &Position) -> String {
    match position {
        Position::Field(field) => of_field(*field).to_owned(),
        Position::Nodes(part) => part.pointer(NODES),
        Position::Stage { is_own: true, .. } => NODES.to_owned(),
        Position::Stage { is_own: false, .. } | Position::FlowNode { .. } => FLOW.to_owned(),
    }
}

const fn of_field(field: BodyField) -> &'static str {
    match field {
        BodyField::Title => "/title",
        BodyField::Reason => "/reason",
        BodyField::Applicant => "/applicant",
        BodyField::ApplicantMember => "/applicant/member",
        BodyField::ApplicantName => "/applicant/name",
        BodyField::ApplicantMobile => "/applicant/mobile",
        BodyField::ApplicantEmail => "/applicant/email",
        BodyField::ApplicantAccount => "/applicant/account",
        BodyField::Flow => FLOW,
        BodyField::Fields => "/fields",
        BodyField::ResourceName => "/resource/name",
        BodyField::ResourceUrl => "/resource/url",
        BodyField::StartsAt => "/starts_at",
        BodyField::EndsAt => "/ends_at",
        BodyField::Workspace => "/workspace",
        BodyField::Source => "/source",
    }
}

fn fields(faults: &[Fault]) -> FieldErrors {
    let mut errors = FieldErrors::new();
    for fault in faults {
        errors.push(pointer(&fault.position), fault.to_string());
    }
    errors
}

impl From<SubmitError> for Problem {
    fn from(error: SubmitError) -> Self {
        use SubmitError as E;
        let (code, detail, errors) = (error.code(), error.to_string(), fields(&error.faults()));
        match error {
            E::InvalidBody(_) => Self::bad_fields(StatusCode::BAD_REQUEST, code, errors),
            E::UnknownPeople(_)
            | E::OwnApproval(_)
            | E::TooManyApprovers(_)
            | E::UnsupportedMode(_)
            | E::UnsupportedApprover(_) => Self::bad_fields(StatusCode::UNPROCESSABLE_ENTITY, code, errors),
            E::ForeignSource => Self::forbidden(detail),
            E::ReusedKey(approval) => Self::conflict(code, detail).with("approval", approval.to_string()),
            E::UnknownApplicant(_)
            | E::TooManyPeople(_)
            | E::UnknownWorkspace(_)
            | E::UnknownSource(_)
            | E::MissingSource
            | E::UnknownFlow(_)
            | E::ForbiddenFlow
            | E::MissingFlow { .. }
            | E::UnknownConnection(_)
            | E::UnknownPlatform
            | E::ForbiddenNodes
            | E::MissingNodes => Self::unprocessable(code, detail).with_errors(errors.into_list()),
            E::Store(error) => error.into(),
            E::Provider(error) => error.into(),
        }
    }
}

#[cfg(test)]
mod tests;
