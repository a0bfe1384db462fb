//! What a flow says of people who cannot be asked, of applicants who would decide on their own request, and of nodes that a
//! request brings.

use serde::{Deserialize, Serialize};

use super::{MAX_APPROVERS, MAX_NODES, NodeFault, NodePart};
use crate::resources::FieldErrors;

/// Who is asked where nobody whom a node names can be found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fallback {
    /// The administrators of the approval's workspace.
    WorkspaceAdministrators,
}

/// What becomes of an applicant who is an approver too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OwnApprover {
    /// They are asked as anybody else.
    Allow,
    /// The others of the node are asked; a node without others is left out.
    Skip,
    /// The request is refused.
    Refuse,
}

/// How much a request may bring.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RequestLimits {
    /// Most nodes.
    pub most_nodes: usize,
    /// Most approvers that a node names; a role, and the workspace's administrators, are one.
    pub most_approvers: usize,
}

impl Default for RequestLimits {
    /// Quick Audience's: five of five (documented).
    fn default() -> Self {
        Self { most_nodes: 5, most_approvers: 5 }
    }
}

impl RequestLimits {
    /// Checks the limits themselves.
    pub(super) fn check(self, errors: &mut FieldErrors) {
        for (pointer, value, most) in
            [("/most_nodes", self.most_nodes, MAX_NODES), ("/most_approvers", self.most_approvers, MAX_APPROVERS)]
        {
            if !(1..=most).contains(&value) {
                errors.push(pointer, format!("must be from 1 to {most}"));
            }
        }
    }

    /// Whatever is more than a request may bring; each fault names the limit and its setting. `approvers` says how many each of
    /// its nodes names.
    #[must_use]
    pub fn check_nodes(self, approvers: &[usize]) -> Vec<NodeFault> {
        let Self { most_nodes, most_approvers } = self;
        let many_nodes = (approvers.len() > most_nodes).then(|| {
            let why = format!("must hold 1 to {most_nodes} nodes (the flow's `most_nodes`)");
            NodeFault::new(NodePart::List, why)
        });
        let many = approvers.iter().enumerate().filter(|(_, count)| **count > most_approvers).map(|(index, _)| {
            let why = format!("must have at most {most_approvers} approvers (the flow's `most_approvers`)");
            NodeFault::new(NodePart::Approvers(index), why)
        });
        many_nodes.into_iter().chain(many).collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn errors(check: impl FnOnce(&mut FieldErrors)) -> String {
        let mut errors = FieldErrors::new();
        check(&mut errors);
        errors.into_result().map_or_else(|errors| format!("{errors:?}"), |()| String::new())
    }

    #[test]
    fn a_limit_is_named_with_its_setting() {
        let limits = RequestLimits::default();
        assert_eq!(limits.check_nodes(&[5; 5]), []);
        let many = limits.check_nodes(&[1; 6]);
        assert_eq!((many.len(), many[0].part), (1, NodePart::List));
        assert!(many[0].why.contains("1 to 5") && many[0].why.contains("most_nodes"), "{many:?}");
        let many = limits.check_nodes(&[5, 6]);
        assert_eq!((many.len(), many[0].part), (1, NodePart::Approvers(1)));
        assert!(many[0].why.contains("most_approvers"), "{many:?}");
        let wider = RequestLimits { most_nodes: 6, most_approvers: 7 };
        assert_eq!(wider.check_nodes(&[7; 6]), []);
    }

    #[test]
    fn limits_have_limits() {
        let check =
            |most_nodes, most_approvers| errors(|errors| RequestLimits { most_nodes, most_approvers }.check(errors));
        assert_eq!(check(1, 1), "");
        assert_eq!(check(MAX_NODES, MAX_APPROVERS), "");
        assert!(check(0, 1).contains("/most_nodes") && check(MAX_NODES + 1, 1).contains("/most_nodes"));
        assert!(check(1, 0).contains("/most_approvers") && check(1, MAX_APPROVERS + 1).contains("/most_approvers"));
    }

    #[test]
    fn a_flow_stored_before_has_the_defaults() {
        let read: RequestLimits = serde_json::from_str("{}").unwrap();
        assert_eq!(read, RequestLimits { most_nodes: 5, most_approvers: 5 });
    }
}
