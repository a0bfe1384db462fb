//! The call back of an external OA: one node's decision, as a form.
//!
//! `approverStatus` is this approver's answer (1 pass, 2 reject), `applyStatus` the form's state (0 pending, 1 passed,
//! 2 rejected). Several nodes: `approvalNode` counts from 1, `nextApproverName` names who is asked next.

use std::collections::BTreeMap;

use super::wire::call_back::{
    APPLY_STATUS, APPROVAL_NODE, APPROVER_NAME, APPROVER_REASON, APPROVER_STATUS, NEXT_APPROVER_NAME,
};
use super::wire::{APPLY_ID, ORGANIZATION_ID, WORKSPACE_ID};
use crate::approval::{Approval, Event, Outcome, TaskEnd, TaskFact, TaskOutcome};

/// Highest node that is believed.
const LAST_NODE: u8 = 50;
/// The fields that are read.
const FIELDS: &[&str] = &[
    APPLY_ID,
    APPROVER_STATUS,
    APPLY_STATUS,
    APPROVAL_NODE,
    APPROVER_NAME,
    APPROVER_REASON,
    NEXT_APPROVER_NAME,
    ORGANIZATION_ID,
    WORKSPACE_ID,
];
const MAX_NAME: usize = 128;
const MAX_REASON: usize = 1024;

/// What is wrong with a field of the form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct FieldError {
    /// The field.
    pub field: &'static str,
    /// What is wrong with it.
    pub problem: &'static str,
}

/// One node's decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// The form's id: our approval id.
    pub apply_id: String,
    /// Whether this approver passed it.
    pub approved: bool,
    /// What the approver wrote.
    pub reason: Option<String>,
    /// Index of the node, from 0; `None` where the OA has one node.
    pub node: Option<u8>,
    /// Who decided.
    pub approver: String,
    /// Who is asked next.
    pub next_approvers: Vec<String>,
    /// How the form ended; `None` while it is pending.
    pub outcome: Option<Outcome>,
    /// `organizationId`.
    pub organization_id: Option<String>,
    /// `workspaceId`.
    pub workspace_id: Option<String>,
}

/// Reads the form's fields, each of which may stand once.
///
/// # Errors
/// Names the field that is missing, out of range or contradicts another.
pub fn parse(form: &[(String, String)]) -> Result<Decision, FieldError> {
    let mut fields: BTreeMap<&str, &str> = BTreeMap::new();
    for (name, value) in form {
        let is_second = fields.insert(name, value.trim()).is_some();
        if let Some(field) = FIELDS.iter().find(|field| is_second && **field == name) {
            return Err(FieldError { field, problem: "stands twice" });
        }
    }
    let optional = |name: &str| fields.get(name).copied().filter(|value| !value.is_empty());
    let required = |name: &'static str| optional(name).ok_or(FieldError { field: name, problem: "is missing" });
    let text = |field: &'static str, longest: usize| match optional(field) {
        Some(value) if value.chars().count() > longest => Err(FieldError { field, problem: "is too long" }),
        value => Ok(value.map(str::to_owned)),
    };
    let apply_id = required(APPLY_ID)?.to_owned();
    let approved = match required(APPROVER_STATUS)? {
        "1" => true,
        "2" => false,
        _ => return Err(FieldError { field: APPROVER_STATUS, problem: "must be 1 (pass) or 2 (reject)" }),
    };
    let outcome = match required(APPLY_STATUS)? {
        "0" => None,
        "1" => Some(Outcome::Approved),
        "2" => Some(Outcome::Rejected),
        _ => return Err(FieldError { field: APPLY_STATUS, problem: "must be 0, 1 or 2" }),
    };
    if approved == (outcome == Some(Outcome::Rejected)) || (!approved && outcome.is_none()) {
        return Err(FieldError { field: APPLY_STATUS, problem: "contradicts approverStatus" });
    }
    required(APPROVER_NAME)?;
    Ok(Decision {
        apply_id,
        approved,
        reason: text(APPROVER_REASON, MAX_REASON)?,
        node: optional(APPROVAL_NODE).map(node).transpose()?,
        approver: text(APPROVER_NAME, MAX_NAME)?.unwrap_or_default(),
        next_approvers: names(&text(NEXT_APPROVER_NAME, MAX_REASON)?.unwrap_or_default()),
        outcome,
        organization_id: text(ORGANIZATION_ID, MAX_NAME)?,
        workspace_id: text(WORKSPACE_ID, MAX_NAME)?,
    })
}

fn node(text: &str) -> Result<u8, FieldError> {
    let number: Option<u8> = text.parse().ok().filter(|number| (1..=LAST_NODE).contains(number));
    let wrong = FieldError { field: APPROVAL_NODE, problem: "must be a number from 1 to 50" };
    number.map(|number| number - 1).ok_or(wrong)
}

/// Names separated by commas, Chinese ones included.
fn names(text: &str) -> Vec<String> {
    let names = text.split([',', '，']).map(str::trim).filter(|name| !name.is_empty());
    names.map(|name| name.chars().take(MAX_NAME).collect()).collect()
}

impl Decision {
    /// What the decision means for this approval's stage, received at `now` (milliseconds). The same decision again means
    /// nothing new: it keeps the time of the first.
    #[must_use]
    pub fn events(&self, approval: &Approval, stage: usize, now: i64) -> Vec<Event> {
        let facts = approval.stages.get(stage).map(|stage| &stage.facts);
        let node = self.node.unwrap_or_default();
        let task = task_id(node, &self.approver);
        let outcome = if self.approved { TaskOutcome::Approved } else { TaskOutcome::Rejected };
        let known = facts.and_then(|facts| facts.tasks.get(&task));
        let known_end = known.and_then(|fact| fact.end.as_ref()).filter(|end| end.outcome == outcome);
        let at = known_end.map_or(now, |end| end.at);
        let end = TaskEnd { outcome, at, remark: self.reason.clone(), to: None };
        let mut events = vec![Event::Task { task, fact: TaskFact { end: Some(end), ..fact(node, &self.approver) } }];
        if self.outcome.is_none() {
            events.extend(self.next_approvers.iter().map(|name| {
                let next = node.saturating_add(1);
                Event::Task { task: task_id(next, name), fact: fact(next, name) }
            }));
        }
        if let Some(outcome) = self.outcome {
            let known = facts.and_then(|facts| facts.outcome).filter(|(known, _)| *known == outcome);
            events.push(Event::Finished { outcome, at: known.map_or(now, |(_, at)| at) });
        }
        events
    }
}

/// Tasks have no id there: a node asks each person once.
fn task_id(node: u8, name: &str) -> String {
    format!("{}:{name}", node + 1)
}

/// The OA names people, it does not number them.
fn fact(node: u8, name: &str) -> TaskFact {
    TaskFact { assignee: name.to_owned(), name: Some(name.to_owned()), node: Some(node), ..TaskFact::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::approval::{DecidedBy, Mode, Node, NodeStatus, Person, Stage, Status};

    fn form(changes: &[(&str, &str)]) -> Vec<(String, String)> {
        let mut fields = BTreeMap::from([
            ("applyId", "apr_1"),
            ("approverStatus", "1"),
            ("approverReason", "ok"),
            ("approvalNode", "1"),
            ("approverName", "张三"),
            ("nextApproverName", "李四,王五"),
            ("applyStatus", "0"),
            ("organizationId", "o"),
            ("workspaceId", "w"),
        ]);
        fields.extend(changes.iter().copied());
        fields.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    fn approval() -> Approval {
        let node = Node::new("OA", Mode::Any, vec![]);
        let mut stage = Stage::new("con_1".into(), "external".into(), DecidedBy::NodesAndPlatform, vec![node]);
        stage.instance = Some("apr_1".into());
        Approval::new(0, Person::default(), vec![stage], 0)
    }

    fn decide(approval: &mut Approval, changes: &[(&str, &str)], now: i64) -> bool {
        let decision = parse(&form(changes)).unwrap();
        let events = decision.events(approval, 0, now);
        events.into_iter().fold(false, |changed, event| approval.apply(0, event) | changed)
    }

    #[test]
    fn nodes_pass_one_by_one_and_the_last_ends_it() {
        let mut approval = approval();
        assert!(decide(&mut approval, &[], 5));
        let statuses = |approval: &Approval| -> Vec<NodeStatus> {
            approval.view().stages[0].nodes.iter().map(|node| node.status).collect()
        };
        assert_eq!(statuses(&approval), [NodeStatus::Approved, NodeStatus::Pending]);
        assert_eq!(approval.status(), Status::Pending);
        assert!(!decide(&mut approval, &[], 99), "the same call again changes nothing");
        let last = [("approvalNode", "2"), ("approverName", "王五"), ("nextApproverName", ""), ("applyStatus", "1")];
        assert!(decide(&mut approval, &last, 7));
        assert_eq!(approval.status(), Status::Approved);
        assert_eq!(statuses(&approval), [NodeStatus::Approved, NodeStatus::Approved]);
        assert!(!decide(&mut approval, &last, 100));
    }

    #[test]
    fn a_rejection_at_any_node_rejects() {
        let mut approval = approval();
        decide(&mut approval, &[], 5);
        decide(
            &mut approval,
            &[("approvalNode", "2"), ("approverName", "李四"), ("approverStatus", "2"), ("applyStatus", "2")],
            6,
        );
        assert_eq!(approval.status(), Status::Rejected);
    }

    #[test]
    fn each_wrong_field_is_named() {
        for (changes, field) in [
            (&[("applyId", "")][..], "applyId"),
            (&[("approverStatus", "3")], "approverStatus"),
            (&[("approverStatus", "")], "approverStatus"),
            (&[("applyStatus", "")], "applyStatus"),
            (&[("applyStatus", "7")], "applyStatus"),
            (&[("applyStatus", "2")], "applyStatus"),
            (&[("approverStatus", "2")], "applyStatus"),
            (&[("approverName", "")], "approverName"),
            (&[("approvalNode", "0")], "approvalNode"),
            (&[("approvalNode", "51")], "approvalNode"),
            (&[("approvalNode", "one")], "approvalNode"),
        ] {
            assert_eq!(parse(&form(changes)).unwrap_err().field, field, "{changes:?}");
        }
        let long = "x".repeat(2000);
        assert_eq!(parse(&form(&[("approverReason", &long)])).unwrap_err().field, "approverReason");
    }
}
