//! What is wrong with a list of nodes. Where it is, is said in numbers: who tells of it says it in words of its own.

use super::{Approver, MAX_APPROVERS, MAX_LEVELS, MAX_NODES, NodeSpec};
use crate::approval::Mode;
use crate::providers::Provider;
use crate::resources::fields::{wrong_email, wrong_mobile, wrong_text};
use crate::resources::{FieldErrors, MAX_NAME};

/// A part of a list of nodes. Nodes and approvers count from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NodePart {
    /// The list itself.
    List,
    /// The name of a node.
    Name(usize),
    /// The mode of a node.
    Mode(usize),
    /// The approvers of a node.
    Approvers(usize),
    /// One approver of a node.
    Approver {
        /// The node.
        node: usize,
        /// Which of its approvers.
        approver: usize,
    },
}

impl NodePart {
    /// Its JSON pointer, where the list stands at `list`.
    #[must_use]
    pub fn pointer(self, list: &str) -> String {
        match self {
            Self::List => list.to_owned(),
            Self::Name(node) => format!("{list}/{node}/name"),
            Self::Mode(node) => format!("{list}/{node}/mode"),
            Self::Approvers(node) => format!("{list}/{node}/approvers"),
            Self::Approver { node, approver } => format!("{list}/{node}/approvers/{approver}"),
        }
    }
}

/// Something wrong with nodes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeFault {
    /// With which part of them.
    pub part: NodePart,
    /// What is wrong, for people.
    pub why: String,
}

impl NodeFault {
    /// What is wrong with this part.
    #[must_use]
    pub fn new(part: NodePart, why: impl Into<String>) -> Self {
        Self { part, why: why.into() }
    }
}

/// Adds these faults of the list that stands at the pointer `list` to what is wrong with the fields of a resource.
pub fn point(faults: &[NodeFault], list: &str, errors: &mut FieldErrors) {
    for fault in faults {
        errors.push(fault.part.pointer(list), fault.why.as_str());
    }
}

/// What is wrong with nodes, by what whoever sent them is told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NodeFaults {
    /// Wrong by itself.
    pub invalid: Vec<NodeFault>,
    /// Modes that the platform lacks.
    pub unsupported_modes: Vec<NodeFault>,
    /// Approvers that cannot be resolved.
    pub unsupported_approvers: Vec<NodeFault>,
}

/// Checks nodes against the platform that is to run them.
#[must_use]
pub fn check_nodes(nodes: &[NodeSpec], provider: &dyn Provider, may_be_empty: bool) -> NodeFaults {
    let mut faults = NodeFaults::default();
    if nodes.len() > MAX_NODES || (nodes.is_empty() && !may_be_empty) {
        faults.invalid.push(NodeFault::new(NodePart::List, format!("must have 1 to {MAX_NODES} nodes")));
    }
    for (index, node) in nodes.iter().enumerate() {
        if let Some(why) = wrong_text(&node.name, MAX_NAME) {
            faults.invalid.push(NodeFault::new(NodePart::Name(index), why));
        }
        faults.check_approvers(index, node, provider);
        if let Some(why) = wrong_mode(node) {
            faults.invalid.push(NodeFault::new(NodePart::Mode(index), why));
        }
        if let Some(why) = provider.refuses(node.mode, node.approvers.len()) {
            faults.unsupported_modes.push(NodeFault::new(NodePart::Mode(index), why));
        }
    }
    faults
}

impl NodeFaults {
    fn check_approvers(&mut self, index: usize, node: &NodeSpec, provider: &dyn Provider) {
        let least = usize::from(provider.needs_approvers());
        if !(least..=MAX_APPROVERS).contains(&node.approvers.len()) {
            let why = format!("must have {least} to {MAX_APPROVERS} approvers");
            self.invalid.push(NodeFault::new(NodePart::Approvers(index), why));
        }
        for (number, approver) in node.approvers.iter().enumerate() {
            let part = NodePart::Approver { node: index, approver: number };
            if node.approvers[..number].contains(approver) {
                self.invalid.push(NodeFault::new(part, "is named twice in this node"));
            }
            let wrong = match approver {
                Approver::Account(_) if provider.asks_members() => {
                    let why = "the built-in platform asks members: name one by `member`, `mobile` or `email`";
                    self.unsupported_approvers.push(NodeFault::new(part, why));
                    None
                }
                Approver::Account(text) | Approver::Role(text) => wrong_text(text, MAX_NAME),
                Approver::Mobile(text) => wrong_mobile(text, MAX_NAME),
                Approver::Email(text) => wrong_email(text, MAX_NAME),
                Approver::Supervisor(levels) => {
                    (*levels > MAX_LEVELS).then(|| format!("`supervisor` is 1 to {MAX_LEVELS}"))
                }
                Approver::Member(_) | Approver::WorkspaceAdministrators | Approver::Nobody { .. } => None,
            };
            self.invalid.extend(wrong.map(|why| NodeFault::new(part, why)));
        }
    }
}

/// `at_least` more people than are asked could never pass. Administrators and roles count as any number.
fn wrong_mode(node: &NodeSpec) -> Option<&'static str> {
    let Mode::AtLeast(needed) = node.mode else { return None };
    let open_ended = node.approvers.is_empty() || node.approvers.iter().any(Approver::is_several);
    match needed {
        0 => Some("`at_least` must be 1 or more"),
        _ if !open_ended && usize::from(needed) > node.approvers.len() => {
            Some("`at_least` is more than there are approvers")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_has_a_pointer_below_its_list() {
        let pointers = [
            NodePart::List,
            NodePart::Name(0),
            NodePart::Mode(1),
            NodePart::Approvers(2),
            NodePart::Approver { node: 3, approver: 1 },
        ]
        .map(|part| part.pointer("/nodes"));
        let expected = ["/nodes", "/nodes/0/name", "/nodes/1/mode", "/nodes/2/approvers", "/nodes/3/approvers/1"];
        assert_eq!(pointers, expected);
    }
}
