//! Starting, finding, reading and withdrawing an instance.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::client::Api;
use super::form;
use super::template::text_controls;
use crate::approval::Mode;
use crate::providers::failure::Failure;
use crate::providers::form::reference;
use crate::providers::lenient::{items, number, shorten, text};
use crate::providers::{ANY_LAYOUT, Account, Error, NodePlan, Start, Started, TEMPLATE_MISSING};

const INSTANCES: &str = "/v1.0/workflow/processInstances";
/// Largest page of instance ids.
const PAGE: usize = 20;
/// Pages that are looked through for a lost instance. Only the applicant's own are listed, so one page is usual.
const PAGES: usize = 10;
/// Our clock and DingTalk's may differ by so many milliseconds.
const CLOCK_SKEW: i64 = 5 * 60 * 1_000;
/// Instances are listed at most 120 days back; a day is left for the clocks.
const FARTHEST: i64 = 119 * 24 * 60 * 60 * 1_000;
/// Longest remark of a withdrawal, in characters.
const REMARK_LIMIT: usize = 1_024;

/// Starts an instance. There is no idempotency key, so the call is made once: see [`find`].
pub(super) async fn start(api: &Api<'_>, account: &Account, start: &Start) -> Result<Started, Failure> {
    let Some(applicant) = &start.applicant else {
        return Err(Failure::refused(
            "applicant_unknown",
            "DingTalk needs the applicant's account: bind the member to this connection, or submit `account` or `mobile`",
        ));
    };
    let template = template(account, start).ok_or_else(template_missing)?;
    let approvers = start.nodes.iter().map(approvers).collect::<Result<Vec<_>, _>>()?;
    let values = match &start.template {
        Some(code) => {
            let controls = text_controls(api, code).await.map_err(Failure::before_the_call)?;
            form::values_for(&controls, start)?
        }
        None => form::values(start),
    };
    let mut body = json!({
        "originatorUserId": applicant,
        "processCode": template,
        "approvers": approvers,
        "formComponentValues": values,
    });
    if let Some(agent) = api.settings.agent_id {
        body["microappAgentId"] = json!(agent);
    }
    let answer = match api.post(INSTANCES, &body).await {
        // Somebody deleted our template: another can be made.
        Err(failure) if start.template.is_none() && failure.code() == Some("processCodeError") => {
            return Err(template_missing());
        }
        other => other?,
    };
    // `instanceId` here, `processInstanceId` everywhere else.
    let instance = text(&answer["instanceId"]).ok_or_else(|| Failure::not_understood("instanceId"))?;
    Ok(started(api, instance))
}

/// Looks for the instance that an interrupted start may have made: among the applicant's instances of the template
/// since the submission, the one whose form carries our reference.
pub(super) async fn find(api: &Api<'_>, account: &Account, start: &Start) -> Result<Option<Started>, Failure> {
    let (Some(applicant), Some(template)) = (&start.applicant, template(account, start)) else { return Ok(None) };
    let reference = reference(start);
    let since = (start.submitted_at - CLOCK_SKEW).max(api.now() - FARTHEST);
    let mut next = 0;
    for _ in 0..PAGES {
        // Without an end time the list goes up to DingTalk's own now.
        let body = json!({"processCode": template, "startTime": since, "nextToken": next, "maxResults": PAGE,
            "userIds": [applicant]});
        let answer = api.query("/v1.0/workflow/processes/instanceIds/query", &body).await?;
        for instance in items(&answer["result"]["list"]).iter().filter_map(text) {
            match read(api, &instance).await {
                Ok(found) if form::carries(&found, &reference) => return Ok(Some(started(api, instance))),
                Err(failure) if !failure.is_not_found() => return Err(failure),
                _ => {}
            }
        }
        match number(&answer["result"]["nextToken"]) {
            Some(token) if token > next => next = token,
            _ => return Ok(None),
        }
    }
    // To say that there is none would start it a second time.
    let message = "the applicant has too many instances to tell whether this one was started".to_owned();
    Err(Error::Unavailable { message }.into())
}

/// Reads an instance: the `result` of the answer.
pub(super) async fn read(api: &Api<'_>, instance: &str) -> Result<Value, Failure> {
    let mut answer = api.get(INSTANCES, &[("processInstanceId", instance)]).await?;
    let result = answer["result"].take();
    if result.is_object() { Ok(result) } else { Err(Failure::not_understood("result")) }
}

/// Withdraws an instance in its applicant's name.
///
/// One code stands for two things: too soon (the first 15 seconds) and too late. Reading the instance tells them
/// apart.
pub(super) async fn cancel(api: &Api<'_>, instance: &str, applicant: &str, reason: &str) -> Result<(), Failure> {
    let body = json!({"processInstanceId": instance, "isSystem": false, "operatingUserId": applicant,
        "remark": shorten(reason, REMARK_LIMIT)});
    let failure = match api.post("/v1.0/workflow/processInstances/terminate", &body).await {
        Ok(answer) if answer["result"] == false => {
            return Err(Failure::refused("terminate", "DingTalk did not withdraw it"));
        }
        Ok(_) => return Ok(()),
        Err(failure) => failure,
    };
    match failure.code() {
        Some(code @ "aflowProcessInstStatusException") => {
            let code = code.to_owned();
            let status = text(&read(api, instance).await?["status"]).unwrap_or_default();
            after_status_exception(code, &status)
        }
        Some("internalError" | "820008") => Err(Failure::refused(
            "internalError",
            "the template does not let applicants withdraw: OA审批管理后台 → 模板 → 高级设置 → 允许提交人撤销审批中的审批单",
        )),
        _ => Err(failure),
    }
}

fn after_status_exception(code: String, status: &str) -> Result<(), Failure> {
    let error = match status {
        "TERMINATED" | "CANCELED" => return Ok(()),
        "COMPLETED" => Error::Refused { code, message: "the instance is already finished".to_owned() },
        _ => Error::NotYet { code, message: "DingTalk withdraws nothing in the first 15 seconds".to_owned() },
    };
    Err(error.into())
}

/// Why nodes of this mode and so many approvers cannot be put on DingTalk: its `approvers` know one, all and any.
pub(super) const fn refuses(mode: Mode, approvers: usize) -> Option<&'static str> {
    match (mode, approvers) {
        (_, 0) => Some("a node on DingTalk needs at least one approver"),
        (Mode::AtLeast(_), _) => Some("DingTalk has no nodes that need a number of approvals; use `any` or `all`"),
        (Mode::Sequential, 2..) => {
            Some("DingTalk asks the approvers of a node at once; use a node for each of them instead of `sequential`")
        }
        _ => None,
    }
}

/// A node as `approvers` takes it. A single user must be `NONE`: the 2019 rules said so, and the current ones are
/// silent (unconfirmed).
fn approvers(node: &NodePlan) -> Result<Value, Failure> {
    let mut seen = BTreeSet::new();
    let users: Vec<&String> = node.approvers.iter().filter(|user| seen.insert(*user)).collect();
    if let Some(reason) = refuses(node.mode, users.len()) {
        return Err(Failure::refused("unsupported_node", reason));
    }
    let action = match node.mode {
        _ if users.len() == 1 => "NONE",
        Mode::Any => "OR",
        _ => "AND",
    };
    Ok(json!({"actionType": action, "userIds": users}))
}

fn template<'a>(account: &'a Account, start: &'a Start) -> Option<&'a str> {
    start.template.as_deref().or_else(|| account.template(ANY_LAYOUT))
}

fn template_missing() -> Failure {
    let message = "the connection has no template on DingTalk yet".to_owned();
    Error::NotFound { code: TEMPLATE_MISSING.to_owned(), message }.into()
}

/// A started instance and its page, in the form that DingTalk's own events give (seen in captures).
fn started(api: &Api<'_>, instance: String) -> Started {
    let url = api.settings.corp_id.map(|corp| {
        let query = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("corpid", corp)
            .append_pair("procInstId", &instance)
            .finish();
        format!("https://aflow.dingtalk.com/dingtalk/mobile/homepage.htm?{query}#approval")
    });
    Started { instance, url }
}
