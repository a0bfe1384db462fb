//! Definitions: ours, one for each sequence of modes, and those of customers.
//!
//! Who approves is chosen with each start, so a definition of ours depends on nothing but the modes of its nodes. It
//! can be neither disabled nor deleted by anybody once it is made, so it is never made twice: callers hold a lease
//! and remember its code. Events of a definition flow only once the app has subscribed it.

use serde_json::{Value, json};

use super::client::Api;
use super::events::node_id;
use super::form::{TextWidget, id_of, kind_of};
use crate::approval::Mode;
use crate::providers::failure::Failure;
use crate::providers::form::Control;
use crate::providers::lenient::{items, text};
use crate::providers::{Account, Error, NodePlan};

/// What our definitions are called, in Chinese and English. Each instance has a title of its own beside it.
const NAME: (&str, &str) = ("审批申请 (Countersign)", "Approval (Countersign)");
const DESCRIPTION: (&str, &str) =
    ("由 Countersign 创建，请勿手动提交。", "Made by Countersign, which starts its approvals.");
/// Codes that say that the app has subscribed the definition before.
const SUBSCRIBED: [&str; 2] = ["1390007", "60007"];
/// How often a subscription is tried.
const TRIES: usize = 3;

/// A node of a definition that the starter names approvers for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct OpenNode {
    /// What a start calls it.
    pub(super) key: String,
    /// `AND`, `OR` or `SEQUENTIAL`.
    pub(super) kind: String,
    /// Whether it takes several approvers.
    pub(super) takes_several: bool,
}

/// A definition as reading it tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Definition {
    pub(super) is_active: bool,
    /// Whether a node asks for a handwritten signature, which no call can give.
    pub(super) wants_signature: bool,
    pub(super) nodes: Vec<OpenNode>,
    pub(super) widgets: Vec<TextWidget>,
}

/// What a node's mode is called; `None` where there is no such node.
pub(super) const fn node_type(mode: Mode) -> Option<&'static str> {
    match mode {
        Mode::Any => Some("OR"),
        Mode::All => Some("AND"),
        Mode::Sequential => Some("SEQUENTIAL"),
        Mode::AtLeast(_) => None,
    }
}

/// The modes of the nodes, in order.
pub(super) fn layout(nodes: &[NodePlan]) -> String {
    nodes.iter().map(|node| word(node.mode)).collect::<Vec<_>>().join("-")
}

const fn word(mode: Mode) -> &'static str {
    match mode {
        Mode::Any => "any",
        Mode::All => "all",
        Mode::Sequential => "sequential",
        Mode::AtLeast(_) => "at_least",
    }
}

/// The types of the nodes of a layout.
fn node_types(layout: &str) -> Result<Vec<&'static str>, Failure> {
    let known = [Mode::Any, Mode::All, Mode::Sequential];
    let read = |part: &str| known.into_iter().find(|mode| word(*mode) == part).and_then(node_type);
    let all: Option<Vec<_>> = layout.split('-').map(read).collect();
    all.ok_or_else(|| Failure::refused("unsupported_node", "Feishu has no definition of this layout"))
}

/// Makes our definition of a layout and subscribes it, or finds that the one we made is still in use: its code.
pub(super) async fn create(api: &Api<'_>, account: &Account, layout: &str) -> Result<String, Failure> {
    let types = node_types(layout)?;
    if let Some(known) = account.template(layout)
        && is_in_use(api, known).await?
    {
        subscribe(api, known).await?;
        return Ok(known.to_owned());
    }
    let answer = api.post("/approval/v4/approvals", &definition(&types)).await?;
    let code = text(&answer["approval_code"]).ok_or_else(|| Failure::not_understood("approval_code"))?;
    for attempt in 1..=TRIES {
        match subscribe(api, &code).await {
            Ok(_) => break,
            // To forget the code would leave a definition behind that nobody can delete. Its instances are read now
            // and then all the same, and a test of the connection subscribes it.
            Err(failure) if attempt == TRIES => {
                let error = api.error(failure);
                tracing::warn!(approval_code = code, %error, "the definition is not subscribed yet: no events come");
            }
            Err(_) => {}
        }
    }
    Ok(code)
}

async fn is_in_use(api: &Api<'_>, code: &str) -> Result<bool, Failure> {
    match read(api, code).await {
        Ok(definition) => Ok(definition.is_active),
        Err(failure) if failure.is_not_found() => Ok(false),
        Err(failure) => Err(failure),
    }
}

/// Lets the app hear of a definition's instances. `false` when it did before.
pub(super) async fn subscribe(api: &Api<'_>, code: &str) -> Result<bool, Failure> {
    match api.post(&format!("/approval/v4/approvals/{}/subscribe", segment(code)), &json!({})).await {
        Ok(_) => Ok(true),
        Err(failure) if failure.code().is_some_and(|code| SUBSCRIBED.contains(&code)) => Ok(false),
        Err(failure) => Err(failure),
    }
}

/// Reads a definition.
pub(super) async fn read(api: &Api<'_>, code: &str) -> Result<Definition, Failure> {
    let query = [("locale", "zh-CN")];
    let answer = api.get(&format!("/approval/v4/approvals/{}", segment(code)), &query).await?;
    let form = answer["form"].as_str().and_then(|form| serde_json::from_str(form).ok()).unwrap_or(Value::Null);
    let nodes = items(&answer["node_list"]);
    Ok(Definition {
        is_active: answer["status"] == "ACTIVE",
        wants_signature: nodes.iter().any(|node| node["require_signature"] == true),
        nodes: nodes.iter().filter_map(open_node).collect(),
        widgets: items(&form).iter().filter_map(text_widget).collect(),
    })
}

/// A code as a segment of a path.
pub(super) fn segment(code: &str) -> String {
    url::form_urlencoded::byte_serialize(code.as_bytes()).collect()
}

fn open_node(node: &Value) -> Option<OpenNode> {
    let is_open = node["need_approver"] == true && node["node_type"] != "CC_NODE";
    let key = text(&node["node_id"]).or_else(|| text(&node["custom_node_id"])).filter(|_| is_open)?;
    let kind = text(&node["node_type"]).unwrap_or_default();
    Some(OpenNode { key, kind, takes_several: node["approver_chosen_multi"] != false })
}

/// A text widget, those in a table left out.
fn text_widget(widget: &Value) -> Option<TextWidget> {
    let kind = text(&widget["type"]).filter(|kind| matches!(kind.as_str(), "input" | "textarea"))?;
    Some(TextWidget { id: text(&widget["id"])?, kind, label: text(&widget["name"])? })
}

/// Nobody but the API starts it, so that there are no instances that we know nothing of.
fn definition(types: &[&str]) -> Value {
    let mut texts = vec![("@i18n@approval_name".to_owned(), NAME.0.to_owned(), NAME.1.to_owned())];
    texts.push(("@i18n@description".to_owned(), DESCRIPTION.0.to_owned(), DESCRIPTION.1.to_owned()));
    let widgets: Vec<Value> = Control::ALL.into_iter().map(|control| widget(control, &mut texts)).collect();
    let mut nodes = vec![json!({"id": "START"})];
    nodes.extend(types.iter().enumerate().map(|(index, kind)| node(index, kind, &mut texts)));
    nodes.push(json!({"id": "END"}));
    let resource = |locale: &str, is_default: bool, english: bool| {
        let text =
            |(key, zh, en): &(String, String, String)| json!({"key": key, "value": if english { en } else { zh }});
        json!({"locale": locale, "is_default": is_default, "texts": texts.iter().map(text).collect::<Vec<_>>()})
    };
    json!({
        "approval_name": "@i18n@approval_name",
        "description": "@i18n@description",
        "viewers": [{"viewer_type": "NONE"}],
        "form": {"form_content": Value::Array(widgets).to_string()},
        "node_list": nodes,
        // What has passed has been acted on, so it cannot be revoked; a withdrawal that comes too late must not
        // reopen it.
        "settings": {"revert_interval": 0, "revert_option": 1, "reject_option": 0, "quick_approval_option": 1},
        "config": {"can_update_viewer": false, "can_update_form": false, "can_update_process": false,
            "can_update_revert": false},
        "i18n_resources": [resource("zh-CN", true, false), resource("en-US", false, true)],
    })
}

fn widget(control: Control, texts: &mut Vec<(String, String, String)>) -> Value {
    let (chinese, english) = control.names();
    let name = format!("@i18n@{}_label", id_of(control));
    texts.push((name.clone(), chinese.to_owned(), english.to_owned()));
    json!({"id": id_of(control), "type": kind_of(control), "name": name, "required": control.is_required()})
}

fn node(index: usize, kind: &str, texts: &mut Vec<(String, String, String)>) -> Value {
    let name = format!("@i18n@{}_name", node_id(index));
    texts.push((name.clone(), format!("审批 {}", index + 1), format!("Approval {}", index + 1)));
    json!({"id": node_id(index), "name": name, "node_type": kind, "approver": [{"type": "Free"}],
        "approver_chosen_multi": true, "starter_assignee": "STARTER"})
}

/// Why a start cannot use a customer's definition for these nodes, if it cannot.
pub(super) fn mismatch(definition: &Definition, nodes: &[NodePlan]) -> Option<Error> {
    let refused = |code: &str, message: String| Some(Error::Refused { code: code.to_owned(), message });
    if !definition.is_active {
        return refused("template_disabled", "the definition is disabled or deleted".to_owned());
    }
    if definition.wants_signature {
        let message = "a node of the definition asks for a handwritten signature: switch it off";
        return refused("template_wants_signature", message.to_owned());
    }
    if definition.nodes.len() != nodes.len() {
        let (theirs, ours) = (definition.nodes.len(), nodes.len());
        let message =
            format!("the definition lets the applicant choose approvers at {theirs} nodes, the flow has {ours}");
        return refused("template_nodes_differ", message);
    }
    definition.nodes.iter().zip(nodes).enumerate().find_map(|(index, (theirs, ours))| {
        let alone = ours.approvers.len() < 2;
        if alone || (theirs.takes_several && node_type(ours.mode) == Some(theirs.kind.as_str())) {
            return None;
        }
        let several = if theirs.takes_several { "several approvers" } else { "one approver" };
        let message = format!(
            "node {} of the definition is {} with {several}, the flow's is {} with {}",
            index + 1,
            theirs.kind,
            word(ours.mode),
            ours.approvers.len()
        );
        refused("template_nodes_differ", message)
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::collections::BTreeSet;

    use super::*;

    fn plan(mode: Mode, approvers: usize) -> NodePlan {
        NodePlan { name: "Owner".into(), mode, approvers: vec!["ou_1".into(); approvers] }
    }

    #[test]
    fn a_layout_is_the_modes_in_order() {
        let nodes = [plan(Mode::Any, 1), plan(Mode::All, 3), plan(Mode::Sequential, 2)];
        assert_eq!(layout(&nodes), "any-all-sequential");
        assert_eq!(node_types(&layout(&nodes)).unwrap(), ["OR", "AND", "SEQUENTIAL"]);
        for bad in ["", "standard", "any-", "at_least", "any--all"] {
            assert!(node_types(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn our_definition_keeps_to_the_rules() {
        let definition = definition(&["OR", "SEQUENTIAL"]);
        let ids: Vec<_> = items(&definition["node_list"]).iter().map(|node| node["id"].as_str().unwrap()).collect();
        assert_eq!(ids, ["START", "node_0", "node_1", "END"]);
        assert_eq!(definition["node_list"][2]["node_type"], "SEQUENTIAL");
        assert_eq!(definition["node_list"][2]["approver"], json!([{"type": "Free"}]));
        assert_eq!(definition["viewers"], json!([{"viewer_type": "NONE"}]));
        let form: Value = serde_json::from_str(definition["form"]["form_content"].as_str().unwrap()).unwrap();
        assert_eq!(items(&form).len(), 5);

        // Every key is at least nine characters long, is used, and stands in each resource.
        let mut used: BTreeSet<String> =
            ["approval_name", "description"].map(|name| text(&definition[name]).unwrap()).into();
        used.extend(
            items(&form).iter().chain(items(&definition["node_list"])).filter_map(|named| text(&named["name"])),
        );
        for resource in items(&definition["i18n_resources"]) {
            let keys: BTreeSet<String> =
                items(&resource["texts"]).iter().filter_map(|entry| text(&entry["key"])).collect();
            assert_eq!(keys, used);
        }
        assert!(used.iter().all(|key| key.starts_with("@i18n@") && key.len() >= 9), "{used:?}");
        let defaults = items(&definition["i18n_resources"]).iter().filter(|resource| resource["is_default"] == true);
        assert_eq!(defaults.count(), 1);
    }

    #[test]
    fn a_definition_that_does_not_fit_is_refused() {
        let node = |kind: &str, takes_several| OpenNode { key: "n".into(), kind: kind.into(), takes_several };
        let fits = Definition {
            is_active: true,
            wants_signature: false,
            nodes: vec![node("AND", true), node("OR", false)],
            widgets: Vec::new(),
        };
        let code = |definition: &Definition, nodes: &[NodePlan]| match mismatch(definition, nodes) {
            Some(Error::Refused { code, .. }) => code,
            _ => String::new(),
        };
        let nodes = [plan(Mode::All, 2), plan(Mode::Sequential, 1)];
        assert_eq!(code(&fits, &nodes), "", "the mode of a single approver is of no account");
        assert_eq!(code(&Definition { is_active: false, ..fits.clone() }, &nodes), "template_disabled");
        assert_eq!(code(&Definition { wants_signature: true, ..fits.clone() }, &nodes), "template_wants_signature");
        for other in [&nodes[..1], &[plan(Mode::Any, 2), plan(Mode::Any, 1)], &[plan(Mode::All, 2), plan(Mode::Any, 2)]]
        {
            assert_eq!(code(&fits, other), "template_nodes_differ", "{other:?}");
        }
    }
}
