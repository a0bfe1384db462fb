//! Starting, finding, reading and withdrawing an instance.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::client::{Api, BY_OPEN_ID};
use super::events::node_id;
use super::form;
use super::template::{self, segment};
use crate::approval::{Mode, Outcome};
use crate::providers::failure::Failure;
use crate::providers::lenient::text;
use crate::providers::{Account, Error, NodePlan, Start, Started, TEMPLATE_MISSING};

const INSTANCES: &str = "/approval/v4/instances";
/// What the id of a person in this app begins with.
const OPEN_ID: &str = "ou_";
/// Codes that say that a definition is not there, or can start nothing any more.
const NO_DEFINITION: [&str; 4] = ["1390002", "1390015", "1390016", "60002"];
/// Codes that a reading by an unknown id may get; which one it is, is unconfirmed. A start with a `uuid` that is in
/// use is refused, so to say "none" wrongly starts nothing twice.
const NO_INSTANCE: [&str; 4] = ["1390001", "1390003", "60001", "60003"];

/// Starts an instance, with our id as its `uuid`: of two starts the second is refused, and finds the first.
pub(super) async fn start(api: &Api<'_>, account: &Account, start: &Start) -> Result<Started, Failure> {
    let applicant = start.applicant.as_deref().ok_or_else(|| {
        Failure::refused(
            "applicant_unknown",
            "Feishu needs the applicant's account: bind the member to this connection, or submit `account`, `mobile` or `email`",
        )
    })?;
    let approvers = start.nodes.iter().map(approvers).collect::<Result<Vec<_>, _>>()?;
    is_open_id(applicant)?;
    let (code, keys, form) = match &start.template {
        Some(code) => {
            let definition = template::read(api, code).await.map_err(Failure::before_the_call)?;
            if let Some(error) = template::mismatch(&definition, &start.nodes) {
                return Err(error.into());
            }
            template::subscribe(api, code).await.map_err(Failure::before_the_call)?;
            let keys = definition.nodes.into_iter().map(|node| node.key).collect();
            (code.as_str(), keys, form::values_for(&definition.widgets, start))
        }
        None => {
            let code = account.template(&template::layout(&start.nodes)).ok_or_else(template_missing)?;
            let keys: Vec<String> = (0..start.nodes.len()).map(node_id).collect();
            (code, keys, form::values(start))
        }
    };
    let lists: Vec<Value> =
        keys.iter().zip(&approvers).map(|(key, people)| json!({"key": key, "value": people})).collect();
    let (title, resources) = form::title(start);
    let body = json!({
        "approval_code": code,
        "open_id": applicant,
        "form": form,
        "node_approver_open_id_list": lists,
        "uuid": uuid(start),
        "title": title,
        "i18n_resources": resources,
    });
    match api.post(INSTANCES, &body).await {
        Ok(answer) => {
            let instance = text(&answer["instance_code"]).ok_or_else(|| Failure::not_understood("instance_code"))?;
            Ok(started(api, instance))
        }
        // It is there already: whatever the reading comes to, this start has not failed.
        Err(failure) if is_uuid_conflict(&failure) => {
            find(api, start).await.ok().flatten().ok_or_else(taken_but_unseen)
        }
        // An administrator disabled our definition, or it is another tenant's: another can be made.
        Err(failure) if start.template.is_none() && is_one_of(&failure, &NO_DEFINITION) => Err(template_missing()),
        Err(failure) => Err(failure),
    }
}

/// Looks for the instance that an interrupted start may have made: it is read by our `uuid`.
pub(super) async fn find(api: &Api<'_>, start: &Start) -> Result<Option<Started>, Failure> {
    match read(api, &uuid(start)).await {
        Ok(found) => {
            let instance = text(&found["instance_code"]).ok_or_else(|| Failure::not_understood("instance_code"))?;
            Ok(Some(started(api, instance)))
        }
        Err(failure) if is_one_of(&failure, &NO_INSTANCE) => Ok(None),
        Err(failure) => Err(failure),
    }
}

/// Reads an instance, by its code or its `uuid`.
pub(super) async fn read(api: &Api<'_>, instance: &str) -> Result<Value, Failure> {
    let answer = api.get(&format!("{INSTANCES}/{}", segment(instance)), &[BY_OPEN_ID]).await?;
    if answer["status"].is_string() { Ok(answer) } else { Err(Failure::not_understood("status")) }
}

/// Withdraws an instance in its applicant's name. It is read first: the call wants the definition's code, and would
/// reopen what has passed.
pub(super) async fn cancel(api: &Api<'_>, instance: &str, applicant: &str) -> Result<(), Failure> {
    let found = read(api, instance).await?;
    match super::snapshot::outcome(&found) {
        None => {}
        Some(Outcome::Withdrawn | Outcome::Revoked) => return Ok(()),
        Some(Outcome::Approved | Outcome::Rejected) => {
            return Err(Failure::refused("already_finished", "the instance is already finished"));
        }
    }
    let code = text(&found["approval_code"]).ok_or_else(|| Failure::not_understood("approval_code"))?;
    let body = json!({"approval_code": code, "instance_code": instance, "user_id": applicant});
    api.post_by_open_id("/approval/v4/instances/cancel", &body).await.map(drop)
}

/// Our id of a stage, as the platform keeps it: unique in the tenant whatever the case of its letters, at most 64
/// characters.
pub(super) fn uuid(start: &Start) -> String {
    match start.stage {
        0 => start.approval.clone(),
        stage => format!("{}-{}", start.approval, stage + 1),
    }
}

/// Why nodes of this mode and so many approvers cannot be put on Feishu.
pub(super) const fn refuses(mode: Mode, approvers: usize) -> Option<&'static str> {
    match (mode, approvers) {
        (_, 0) => Some("a node on Feishu needs at least one approver"),
        (Mode::AtLeast(_), _) => {
            Some("Feishu has no nodes that need a number of approvals; use `any`, `all` or `sequential`")
        }
        _ => None,
    }
}

/// A node's approvers, each once.
fn approvers(node: &NodePlan) -> Result<Vec<&str>, Failure> {
    let mut seen = BTreeSet::new();
    let people: Vec<&str> = node.approvers.iter().map(String::as_str).filter(|person| seen.insert(*person)).collect();
    if let Some(reason) = refuses(node.mode, people.len()) {
        return Err(Failure::refused("unsupported_node", reason));
    }
    people.iter().try_for_each(|person| is_open_id(person))?;
    Ok(people)
}

/// People are told by their open ids in all events, so a start takes nothing else.
fn is_open_id(account: &str) -> Result<(), Failure> {
    if account.starts_with(OPEN_ID) {
        return Ok(());
    }
    let message = format!("{account} is not an open_id of this app (ou_…), which Feishu accounts are");
    Err(Failure::refused("account_not_open_id", message))
}

/// The field's text says 60012, the table of codes has none: any refusal that speaks of the uuid counts (unconfirmed).
fn is_uuid_conflict(failure: &Failure) -> bool {
    matches!(failure, Failure::Refused(refusal)
        if refusal.code == "60012" || refusal.message.to_ascii_lowercase().contains("uuid"))
}

/// It is there, so the start has not failed; the next try looks again.
fn taken_but_unseen() -> Failure {
    let message = "Feishu says that the instance is there, and does not show it yet".to_owned();
    Error::Unavailable { message }.into()
}

fn is_one_of(failure: &Failure, codes: &[&str]) -> bool {
    failure.code().is_some_and(|code| codes.contains(&code))
}

fn template_missing() -> Failure {
    let message = "the connection has no definition of this layout on Feishu, or it is disabled".to_owned();
    Error::NotFound { code: TEMPLATE_MISSING.to_owned(), message }.into()
}

fn started(api: &Api<'_>, instance: String) -> Started {
    Started { url: Some(api.settings.instance_page(&instance)), instance }
}
