//! The nodes of a definition, as they are sent when it is made.

use std::collections::BTreeSet;

use serde_json::Value;

use super::answer::Refusal;
use super::body;
use super::gateway::Call;
use super::i18n::{MIN_KEY, Texts};
use super::model::{Approver, Mode, NodeDefinition, Starter};
use super::state::State;

/// Types of approvers that go so many levels up.
const LEVELS: &[&str] = &["Supervisor", "SupervisorTopDown", "DepartmentManager", "DepartmentManagerTopDown"];

/// Reads `node_list`: START first, END last, and nodes with names, modes and approvers between them.
pub(super) fn read(state: &State, call: &Call, texts: &Texts) -> Result<Vec<NodeDefinition>, Refusal> {
    let list = body::list(&call.body, "node_list")?;
    if list.is_empty() {
        return Err(Refusal::required("node_list"));
    }
    let mut ids = BTreeSet::new();
    for node in list {
        let id = body::required(node, "id")?;
        if !ids.insert(id) {
            return Err(Refusal::param(format!("node id {id} is not unique")));
        }
    }
    let is = |node: Option<&Value>, id: &str| node.is_some_and(|node| node["id"] == *id);
    if !is(list.first(), "START") || !is(list.last(), "END") || list.len() < 2 {
        return Err(Refusal::param("node_list begins with START and ends with END"));
    }
    let read = |(position, source)| node(state, call, texts, source, position);
    list.iter().enumerate().map(read).collect()
}

fn node(state: &State, call: &Call, texts: &Texts, source: &Value, position: usize) -> Result<NodeDefinition, Refusal> {
    let id = body::required(source, "id")?;
    let bare = matches!(id, "START" | "END");
    let name = body::text(source, "name")?;
    let kind = body::text(source, "node_type")?;
    let approvers = body::list(source, "approver")?;
    let mut read = NodeDefinition {
        custom_id: id.to_owned(),
        id: state.hex(32),
        key: if bare { id.to_owned() } else { format!("APPROVAL_{}_{position}", state.ids().next().split_off(9)) },
        name: name.map(str::to_owned),
        mode: Mode::And,
        free: false,
        // In daily use without the field and with several people: only an explicit `false` means one.
        chosen_multi: source.get("approver_chosen_multi").is_none() || body::boolean(source, "approver_chosen_multi")?,
        chosen_range: Value::from(body::list(source, "approver_chosen_range")?),
        approvers: vec![],
        ccers: vec![],
        free_cc: false,
        starter: Starter::Decides,
    };
    copied(call, source, &mut read)?;
    if bare {
        return Ok(read);
    }
    let name = name.ok_or_else(|| Refusal::required("node_list[*].name"))?;
    texts.check("node_list[*].name", name, MIN_KEY)?;
    read.mode = match kind.ok_or_else(|| Refusal::required("node_list[*].node_type"))? {
        "AND" => Mode::And,
        "OR" => Mode::Or,
        "SEQUENTIAL" => Mode::Sequential,
        other => {
            return Err(Refusal::field(
                "node_list[*].node_type",
                other,
                "the optional values are [AND, OR, SEQUENTIAL]",
            ));
        }
    };
    read.starter = match body::text(source, "starter_assignee")? {
        None | Some("STARTER") => Starter::Decides,
        Some("AUTO_PASS") => Starter::AutoPass,
        Some("SUPERVISOR") => Starter::Supervisor,
        Some("DEPARTMENT_MANAGER") => Starter::DepartmentManager,
        Some(other) => return Err(Refusal::field("node_list[*].starter_assignee", other, "not an optional value")),
    };
    if approvers.is_empty() {
        return Err(Refusal::required("node_list[*].approver"));
    }
    for one in approvers {
        match approver(call, one)? {
            Some(approver) => read.approvers.push(approver),
            None => read.free = true,
        }
    }
    if read.mode == Mode::Sequential && (!read.free || !read.approvers.is_empty()) {
        return Err(Refusal::param(format!("node {id}: SEQUENTIAL is only for approvers of type Free")));
    }
    Ok(read)
}

/// Who is asked; `None` when the initiator chooses.
fn approver(call: &Call, source: &Value) -> Result<Option<Approver>, Refusal> {
    match body::required(source, "type")? {
        "Free" => Ok(None),
        "Personal" => {
            let user = body::required(source, "user_id")?;
            Ok(Some(Approver::Person(call.account(user)?.open_id.to_owned())))
        }
        kind if LEVELS.contains(&kind) => {
            let level = body::required(source, "level")?;
            let level = level.parse().ok().filter(|level| *level > 0);
            Ok(Some(Approver::Manager(level.ok_or_else(|| Refusal::param("level is a number, as a text"))?)))
        }
        other => Err(Refusal::field("node_list[*].approver[*].type", other, "not an optional value")),
    }
}

/// Who is copied. The documentation forbids the type Free here, and yet it is used on START and END every day: taken.
fn copied(call: &Call, source: &Value, node: &mut NodeDefinition) -> Result<(), Refusal> {
    for one in body::list(source, "ccer")? {
        match approver(call, one)? {
            None => node.free_cc = true,
            Some(Approver::Person(user)) => node.ccers.push(user),
            Some(Approver::Manager(_)) => {}
        }
    }
    Ok(())
}
