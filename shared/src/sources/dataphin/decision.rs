//! What is told of an approval, as plain facts: a delivery keeps these. What they are called and how they are sealed is the settings' of
//! each attempt, so a correction of the settings reaches what is still to be told.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::inbound::Form;
use crate::approval::{Action, NodeStatus, Person, TaskStatus, View};
use crate::delivery::{EventType, Told};
use crate::sources::News;
use crate::store::requests;

/// How a person who revokes in Dataphin is written into the approval.
pub const REVOKED_IN_DATAPHIN: &str = "Dataphin";

/// What a callback says, before the settings give it names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// Dataphin's id of the form.
    pub apply_id: String,
    /// Its tenant, if the form named one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant_id: Option<String>,
    /// Our id of the approval, which Dataphin got as the instance's.
    pub instance_id: String,
    /// What was decided.
    pub outcome: Outcome,
    /// Who decided, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<By>,
    /// What they wrote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// When (milliseconds).
    pub at: i64,
}

/// What was decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Every node passed.
    Approved,
    /// A node was rejected.
    Rejected,
    /// It was taken back.
    Withdrawn,
    /// The deadline passed.
    Expired,
    /// It could not be started.
    Failed,
    /// It was undone after approval.
    Revoked,
    /// A node passed, and others may follow.
    NodeApproved,
    /// A node was rejected.
    NodeRejected,
}

/// Who decided.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct By {
    /// The id in the customer's directory, of people whom the form named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_source_id: Option<String>,
    /// The id inside Dataphin, of people whom the form named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    /// The name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The account on the platform.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
}

/// What is kept of a form to tell of its decision.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Origin {
    apply_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant_id: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    people: Vec<Known>,
}

/// A person whom a form named, and who that is to us.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Known {
    /// `userSourceId`.
    #[serde(rename = "s", skip_serializing_if = "Option::is_none")]
    pub source_id: Option<String>,
    /// `userId`.
    #[serde(rename = "u", skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    /// `userName`.
    #[serde(rename = "n", skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The member.
    #[serde(rename = "m", skip_serializing_if = "Option::is_none")]
    pub member: Option<String>,
    /// The account on the platform that the flow starts on.
    #[serde(rename = "a", skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
}

/// What is kept of a form to tell of its decision.
#[must_use]
pub fn origin(form: &Form, people: Vec<Known>) -> Map<String, Value> {
    let origin = Origin { apply_id: form.apply_id.clone(), tenant_id: form.tenant_id.clone(), people };
    match serde_json::to_value(origin) {
        Ok(Value::Object(origin)) => origin,
        _ => Map::new(),
    }
}

impl Decision {
    /// What an event is to Dataphin; `None` where it has no word for it, or the approval is none of its forms.
    #[must_use]
    pub fn of(news: &News<'_>) -> Option<Self> {
        let origin = origin_of(news.request?)?;
        let setting =
            |name: &str, default: &str| news.settings.get(name).and_then(Value::as_str).unwrap_or(default) == "yes";
        let outcome = outcome(news.told)?;
        let view = news.record.state.view();
        let is_node = matches!(outcome, Outcome::NodeApproved | Outcome::NodeRejected);
        if is_node && !setting("tell_nodes", "no") {
            return None;
        }
        let own = news.record.state.closed.as_ref().and_then(|closure| closure.by.as_ref()).is_some_and(is_own);
        if outcome == Outcome::Withdrawn && own && !setting("tell_own_revoke", "yes") {
            return None;
        }
        let said = if is_node { said_at(&view, news.told) } else { said_last(&view, outcome) };
        let (person, comment, at) = said.unwrap_or_default();
        Some(Self {
            apply_id: origin.apply_id,
            tenant_id: origin.tenant_id,
            instance_id: news.record.id.to_string(),
            outcome,
            by: person.map(|person| by(person, &origin.people)),
            comment,
            at: at.or(view.decided_at).unwrap_or(news.told.at),
        })
    }
}

fn origin_of(request: &requests::Request) -> Option<Origin> {
    let origin: Origin = serde_json::from_value(request.origin.clone().into()).ok()?;
    (!origin.apply_id.is_empty()).then_some(origin)
}

/// Whether a withdrawal came from Dataphin itself.
fn is_own(by: &Person) -> bool {
    let is_nobody = by.member.is_none() && by.account.is_none();
    is_nobody && by.name.as_deref().is_some_and(|name| name.starts_with(REVOKED_IN_DATAPHIN))
}

fn outcome(told: &Told) -> Option<Outcome> {
    Some(match told.event {
        EventType::Approved => Outcome::Approved,
        EventType::Rejected => Outcome::Rejected,
        EventType::Withdrawn => Outcome::Withdrawn,
        EventType::Expired => Outcome::Expired,
        EventType::Failed => Outcome::Failed,
        EventType::Revoked => Outcome::Revoked,
        EventType::NodeDecided => match told.node?.status {
            NodeStatus::Rejected => Outcome::NodeRejected,
            _ => Outcome::NodeApproved,
        },
        EventType::Submitted | EventType::Started | EventType::Escalated => return None,
    })
}

/// Who did something, what they wrote, and when.
type Said = (Option<Person>, Option<String>, Option<i64>);

/// The last line of the history that is about how it ended.
fn said_last(view: &View, outcome: Outcome) -> Option<Said> {
    let action = match outcome {
        Outcome::Approved | Outcome::NodeApproved => Action::Approved,
        Outcome::Rejected | Outcome::NodeRejected => Action::Rejected,
        Outcome::Withdrawn => Action::Withdrawn,
        Outcome::Expired => Action::Expired,
        Outcome::Failed => Action::Failed,
        Outcome::Revoked => Action::Revoked,
    };
    let entry = view.history.iter().rev().find(|entry| entry.action == action && !entry.after_end)?;
    Some((entry.actor.clone(), entry.remark.clone(), None))
}

/// The last decision at the node of an event.
fn said_at(view: &View, told: &Told) -> Option<Said> {
    let node = told.node?;
    let tasks = &view.stages.get(node.stage)?.nodes.get(node.node)?.tasks;
    let decided = tasks.iter().filter(|task| matches!(task.status, TaskStatus::Approved | TaskStatus::Rejected));
    let last = decided.max_by_key(|task| task.decided_at)?;
    Some((Some(last.assignee.clone()), last.remark.clone(), last.decided_at))
}

/// Who that is to Dataphin, if the form named them.
fn by(person: Person, people: &[Known]) -> By {
    let is_same = |known: &&Known| {
        let same = |own: &Option<String>, other: &Option<String>| own.is_some() && own == other;
        same(&known.member, &person.member) || same(&known.account, &person.account)
    };
    let known = people.iter().find(is_same).cloned().unwrap_or_default();
    By {
        user_source_id: known.source_id,
        user_id: known.user_id,
        name: known.name.or(person.name),
        account: person.account,
    }
}
