//! Creating an instance: what is checked, in this order: types and required fields, the definition, the initiator, the
//! uuid, the form, and the people of the nodes.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::answer::{Refusal, UUID_USED};
use super::definitions;
use super::directory::{self, Account};
use super::engine::Step;
use super::gateway::Call;
use super::i18n::{PREFIX, Texts};
use super::model::{Approver, Definition, Instance, Node, NodeDefinition, Status};
use super::state::State;
use super::{body, widgets};
use crate::platform::call::Done;
use crate::platform::control::By;
use crate::platform::text::beijing;

/// Longest uuid.
const MAX_UUID: usize = 64;
/// Most entries of people to copy.
const MAX_COPIED: usize = 20;
/// Most nodes that are passed automatically.
const MAX_AUTOMATIC: usize = 10;
/// Two equal requests within this make one instance, in milliseconds. Documented.
const SAME_REQUEST: i64 = 1000;

/// People by the node that a request names them for.
type Chosen = BTreeMap<String, Vec<String>>;

/// `POST /instances`.
pub(super) fn start(state: &mut State, call: &Call) -> Result<Done, Refusal> {
    let body = &call.body;
    let (uuid, title) = (body::text(body, "uuid")?, body::text(body, "title")?);
    let approvers = chosen(body, "node_approver")?;
    let copied = chosen(body, "node_cc")?;
    let automatic = body::list(body, "node_auto_approval_list")?;
    let forbid_revoke = body::boolean(body, "forbid_revoke")?;
    for name in ["allow_resubmit", "allow_submit_again"] {
        body::boolean(body, name)?;
    }
    body::text(body, "cancel_bot_notification")?;
    let display = body::integer(body, "title_display_method")?;
    let texts = Texts::read(body)?;
    let code = body::required(body, "approval_code")?;
    let form = body::required(body, "form")?;

    let definition = definitions::find(state, code)?.clone();
    let initiator = initiator(body)?;
    let department = department(body, initiator)?;
    let digest = body.to_string();
    if let Some(uuid) = uuid {
        check_uuid(state, uuid)?;
    } else if let Some(same) = same(state, &digest) {
        return Ok(json!({"instance_code": same}).into());
    }
    let form = widgets::fill(form, &definition.widgets, &definition.texts, &texts)?;
    if let Some(title) = title {
        texts.check("title", title, PREFIX.len() + 1)?;
    }
    if display.is_some_and(|display| !(0..=1).contains(&display)) {
        return Err(Refusal::param("title_display_method is 0 or 1"));
    }
    let nodes = nodes(&definition, initiator, &approvers, &copied, automatic)?;
    let bare = |id: &str| definition.nodes.iter().find(|node| node.custom_id == id);
    let copies = |id: &str| bare(id).map(|node| cc(node, &copied)).unwrap_or_default();
    let now = state.now();
    let mut instance = Instance {
        code: state.code(),
        uuid: uuid.map(str::to_owned),
        digest,
        approval_code: code.to_owned(),
        approval_name: definition.texts.words(&definition.name, None).to_owned(),
        title: title.map(|title| texts.words(title, None).to_owned()),
        serial: format!("{}{:04}", beijing(now, "%Y%m%d"), state.desk.instances.len() + 1),
        initiator: initiator.open_id.to_owned(),
        department,
        created_at: now,
        finished_at: None,
        status: Status::Pending,
        reverted: false,
        rules: definition.rules,
        forbid_revoke,
        form,
        nodes,
        current: 0,
        turn: 0,
        cc_start: copies("START"),
        cc_end: copies("END"),
        tasks: vec![],
        comments: vec![],
        timeline: vec![],
        callbacks: vec![],
    };
    let by = By { user: initiator.open_id, remark: None, now };
    let happened = Step::new(&mut instance, by, state.ids()).begin();
    let data = json!({"instance_code": instance.code});
    let claim = state.commit(instance, &happened)?;
    Ok(Done { body: data, claim })
}

/// Who asks: `user_id` wins over `open_id`.
fn initiator(body: &Value) -> Result<&'static Account, Refusal> {
    let (user_id, open_id) = (body::text(body, "user_id")?, body::text(body, "open_id")?);
    let found = match (user_id, open_id) {
        (Some(id), _) => directory::by_id("user_id", id),
        (None, Some(id)) => directory::account(id),
        (None, None) => return Err(Refusal::param("user_id and open_id are both empty")),
    };
    found.ok_or_else(not_found)
}

fn not_found() -> Refusal {
    Refusal::new(1_390_004, "user not found")
}

/// One of the initiator's departments, never the root; by default their own.
fn department(body: &Value, initiator: &Account) -> Result<String, Refusal> {
    let own = initiator.person().map_or(1, |person| person.department);
    match body::text(body, "department_id")? {
        None => Ok(directory::department_ids(own).1.to_owned()),
        Some(id) if id != "0" && directory::department("department_id", id).is_some_and(|found| found.id == own) => {
            Ok(id.to_owned())
        }
        Some(id) => Err(Refusal::param(format!("department_id {id} is none of the initiator's"))),
    }
}

fn check_uuid(state: &State, uuid: &str) -> Result<(), Refusal> {
    if uuid.chars().count() > MAX_UUID {
        return Err(Refusal::field("uuid", uuid, format!("the max len is {MAX_UUID}")));
    }
    let used = |instance: &Instance| instance.uuid.as_ref().is_some_and(|used| used.eq_ignore_ascii_case(uuid));
    if state.desk.instances.values().any(used) {
        return Err(Refusal::new(UUID_USED, "uuid conflict"));
    }
    Ok(())
}

fn same(state: &State, digest: &str) -> Option<String> {
    let now = state.now();
    let equal = |instance: &&Instance| instance.digest == digest && now - instance.created_at < SAME_REQUEST;
    state.desk.instances.values().find(equal).map(|instance| instance.code.clone())
}

/// The people that a request chooses, from both of its lists.
fn chosen(body: &Value, prefix: &str) -> Result<Chosen, Refusal> {
    let mut chosen = Chosen::new();
    let lists = [("user_id", format!("{prefix}_user_id_list")), ("open_id", format!("{prefix}_open_id_list"))];
    let mut entries = 0;
    for (kind, name) in &lists {
        for entry in body::list(body, name)? {
            entries += 1;
            let key = body::required(entry, "key")?;
            for id in body::texts(entry, "value")? {
                let account = directory::by_id(kind, id).ok_or_else(not_found)?;
                let people = chosen.entry(key.to_owned()).or_default();
                if !people.iter().any(|one| one == account.open_id) {
                    people.push(account.open_id.to_owned());
                }
            }
        }
    }
    if prefix == "node_cc" && entries > MAX_COPIED {
        return Err(Refusal::param(format!("at most {MAX_COPIED} entries of people to copy")));
    }
    Ok(chosen)
}

/// What a request gives for a node, under either of its ids.
fn of<'a>(chosen: &'a Chosen, node: &NodeDefinition) -> Vec<&'a String> {
    [&node.id, &node.custom_id].into_iter().filter_map(|id| chosen.get(id)).flatten().collect()
}

fn cc(node: &NodeDefinition, copied: &Chosen) -> Vec<String> {
    node.ccers.iter().chain(of(copied, node)).cloned().collect()
}

fn nodes(
    definition: &Definition,
    initiator: &Account,
    approvers: &Chosen,
    copied: &Chosen,
    automatic: &[Value],
) -> Result<Vec<Node>, Refusal> {
    if automatic.len() > MAX_AUTOMATIC {
        return Err(Refusal::param(format!("at most {MAX_AUTOMATIC} entries of node_auto_approval_list")));
    }
    let named = |key: &String, fits: fn(&NodeDefinition) -> bool| {
        definition.nodes.iter().any(|node| fits(node) && (node.id == *key || node.custom_id == *key))
    };
    if let Some(key) = approvers.keys().find(|key| !named(key, |node| node.free)) {
        return Err(Refusal::param(format!("node {key} takes no approvers")));
    }
    if let Some(key) = copied.keys().find(|key| !named(key, |node| node.free_cc)) {
        return Err(Refusal::param(format!("node {key} takes nobody to copy")));
    }
    let mut passes = vec![];
    for entry in automatic {
        let (kind, id) = (body::required(entry, "node_id_type")?, body::required(entry, "node_id")?);
        let found = definition.nodes.iter().find(|node| match kind {
            "CUSTOM" => node.custom_id == id,
            _ => node.id == id,
        });
        passes.push(found.ok_or_else(|| Refusal::param(format!("there is no node {id}")))?.id.as_str());
    }
    let asked = definition.nodes.iter().filter(|node| !matches!(node.custom_id.as_str(), "START" | "END"));
    asked
        .map(|node| {
            let mut users: Vec<String> = node.approvers.iter().filter_map(|one| person(one, initiator)).collect();
            let given = of(approvers, node);
            let auto = passes.contains(&node.id.as_str());
            if node.free && given.is_empty() && !auto {
                return Err(Refusal::param(format!("node {} needs approvers", node.custom_id)));
            }
            if node.free && !node.chosen_multi && given.len() > 1 {
                return Err(Refusal::param(format!("node {} takes one approver", node.custom_id)));
            }
            for user in given {
                if !users.contains(user) {
                    users.push(user.clone());
                }
            }
            Ok(Node {
                custom_id: node.custom_id.clone(),
                id: node.id.clone(),
                key: node.key.clone(),
                name: node.name.as_deref().map_or("", |name| definition.texts.words(name, None)).to_owned(),
                mode: node.mode,
                users,
                auto,
                cc: cc(node, copied),
                starter: node.starter,
            })
        })
        .collect()
}

fn person(approver: &Approver, initiator: &Account) -> Option<String> {
    match approver {
        Approver::Person(user) => Some(user.clone()),
        Approver::Manager(level) => directory::manager(initiator.open_id, *level),
    }
}
