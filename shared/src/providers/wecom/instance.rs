//! Starting, finding and reading an instance. There is no call that withdraws one.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::client::Api;
use super::process::apv_rel;
use super::{form, template};
use crate::approval::Mode;
use crate::providers::failure::{Failure, Kind};
use crate::providers::form::reference;
use crate::providers::lenient::{items, text};
use crate::providers::{ANY_LAYOUT, Account, Error, NodePlan, Start, Started, TEMPLATE_MISSING};

/// A node that decides; 2 would be cc, 3 a handler.
const APPROVER_NODE: i64 = 1;
/// The flow comes with the call and not from the template.
const OWN_FLOW: i64 = 0;
/// Our clock and WeCom's may differ, and a form may be listed late: so many milliseconds more are looked through on both
/// sides. That the end may lie in the future is unconfirmed.
const MARGIN: i64 = 10 * 60 * 1_000;
/// The longest time that one list may span is 31 days.
const MAX_SPAN: i64 = 30 * 24 * 60 * 60 * 1_000;
/// Largest page of numbers.
const PAGE: usize = 100;
/// Lists and forms that are looked through for a lost one.
const MAX_PAGES: usize = 50;
const MAX_FORMS: usize = 300;

/// Starts an instance. There is no idempotency key, and a second call makes a second form, so the call is made once: see
/// [`find`].
pub(super) async fn start(api: &Api<'_>, account: &Account, start: &Start) -> Result<Started, Failure> {
    let Some(applicant) = &start.applicant else {
        return Err(Failure::refused(
            "applicant_unknown",
            "WeCom needs the applicant's account: bind the member to this connection, or submit `account` or `mobile`",
        ));
    };
    let template = template_of(account, start).ok_or_else(template_missing)?;
    let nodes = start.nodes.iter().map(node).collect::<Result<Vec<_>, _>>()?;
    let contents = match &start.template {
        Some(code) => {
            let controls = template::controls(api, code).await.map_err(Failure::before_the_call)?;
            form::values_for(&controls, start)?
        }
        None => form::values(start),
    };
    let body = json!({
        "creator_userid": applicant,
        "template_id": template,
        "use_template_approver": OWN_FLOW,
        "process": {"node_list": nodes},
        "apply_data": {"contents": contents},
        "summary_list": form::summary(start),
    });
    match api.post("/cgi-bin/oa/applyevent", &body).await {
        Ok(answer) => {
            let instance = text(&answer["sp_no"]).ok_or_else(|| Failure::not_understood("sp_no"))?;
            Ok(started(instance))
        }
        // Which code a deleted template brings is not documented. If ours is gone, another can be made.
        Err(failure) if start.template.is_none() && is_refused(&failure) => {
            let is_there = template::is_ours(api, template).await.unwrap_or(true);
            Err(if is_there { failure } else { template_missing() })
        }
        Err(failure) => Err(failure),
    }
}

/// Looks for the instance that an interrupted start may have made: among the applicant's forms of the template since the
/// submission, the one that carries our reference.
pub(super) async fn find(api: &Api<'_>, account: &Account, start: &Start) -> Result<Option<Started>, Failure> {
    let (Some(applicant), Some(template)) = (&start.applicant, template_of(account, start)) else { return Ok(None) };
    let reference = reference(start);
    let forms = forms_since(api, start.submitted_at - MARGIN, applicant, template).await?;
    for instance in forms.iter().take(MAX_FORMS) {
        match read(api, instance).await {
            Ok(found) if form::carries(&found, &reference) => return Ok(Some(started(instance.clone()))),
            // It is listed, so it is there: to leave it out might start it a second time.
            Err(failure) if is_refused(&failure) || failure.is_not_found() => {
                let message = format!("form {instance} cannot be read, so it is not known whether it is this one");
                return Err(Error::Unavailable { message }.into());
            }
            Err(failure) => return Err(failure),
            Ok(_) => {}
        }
    }
    if forms.len() > MAX_FORMS { Err(too_many()) } else { Ok(None) }
}

/// The numbers of the applicant's forms of a template that were submitted since a time in milliseconds.
async fn forms_since(api: &Api<'_>, since: i64, applicant: &str, template: &str) -> Result<Vec<String>, Failure> {
    let until = api.now() + MARGIN;
    let (mut from, mut cursor, mut found) = (since, String::new(), Vec::new());
    for _ in 0..MAX_PAGES {
        let to = until.min(from + MAX_SPAN);
        let seconds = |at: i64| (at / 1_000).to_string();
        let body = json!({"starttime": seconds(from), "endtime": seconds(to), "new_cursor": cursor, "size": PAGE,
            "filters": [{"key": "template_id", "value": template}, {"key": "creator", "value": applicant}]});
        let answer = api.query("/cgi-bin/oa/getapprovalinfo", &body).await?;
        found.extend(items(&answer["sp_no_list"]).iter().filter_map(text));
        // A short page is not the last one: forms that the app may not see are taken out of it.
        match text(&answer["new_next_cursor"]) {
            Some(next) if next != cursor => cursor = next,
            _ if to >= until => return Ok(found),
            _ => (from, cursor) = (to, String::new()),
        }
    }
    Err(too_many())
}

/// To say that there is none would start it a second time.
fn too_many() -> Failure {
    let message = "the applicant has too many forms to tell whether this one was started".to_owned();
    Error::Unavailable { message }.into()
}

/// Reads an instance: the `info` of the answer.
pub(super) async fn read(api: &Api<'_>, instance: &str) -> Result<Value, Failure> {
    let mut answer = api.query("/cgi-bin/oa/getapprovaldetail", &json!({"sp_no": instance})).await?;
    let info = answer["info"].take();
    if info.is_object() { Ok(info) } else { Err(Failure::not_understood("info")) }
}

/// Why nodes of this mode and so many approvers cannot be put on WeCom: it knows all, any and in turn.
pub(super) const fn refuses(mode: Mode, approvers: usize) -> Option<&'static str> {
    match (mode, approvers) {
        (_, 0) => Some("a node on WeCom needs at least one approver"),
        (Mode::AtLeast(_), _) => Some("WeCom has no nodes that need a number of approvals; use `any` or `all`"),
        _ => None,
    }
}

/// A node as `process` takes it. User ids know no case.
fn node(node: &NodePlan) -> Result<Value, Failure> {
    let mut seen = BTreeSet::new();
    let users: Vec<&String> = node.approvers.iter().filter(|user| seen.insert(user.to_lowercase())).collect();
    match (refuses(node.mode, users.len()), apv_rel(node.mode)) {
        (None, Some(apv_rel)) => Ok(json!({"type": APPROVER_NODE, "apv_rel": apv_rel, "userid": users})),
        (reason, _) => Err(Failure::refused("unsupported_node", reason.unwrap_or("WeCom has no such nodes"))),
    }
}

fn template_of<'a>(account: &'a Account, start: &'a Start) -> Option<&'a str> {
    start.template.as_deref().or_else(|| account.template(ANY_LAYOUT))
}

fn template_missing() -> Failure {
    let message = "the connection has no template on WeCom yet".to_owned();
    Error::NotFound { code: TEMPLATE_MISSING.to_owned(), message }.into()
}

fn is_refused(failure: &Failure) -> bool {
    matches!(failure, Failure::Refused(refusal) if refusal.kind == Kind::Refused)
}

/// A started instance. No address is documented that opens a form.
const fn started(instance: String) -> Started {
    Started { instance, url: None }
}
