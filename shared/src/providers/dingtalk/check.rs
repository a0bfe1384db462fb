//! Checks of a connection: each permission by one harmless call, each failure with the page that mends it.
//!
//! The calls count into the monthly quota, so this runs on demand and never on a timer. That DingTalk looks at scopes
//! before it looks at what is asked for is what the probes rest on (unconfirmed): a refusal that is not about
//! permissions shows that the permission is there.

use serde_json::{Value, json};

use super::client::Api;
use super::errors::grant;
use super::template;
use crate::providers::failure::{Failure, Kind};
use crate::providers::lenient::text;
use crate::providers::{ANY_LAYOUT, Account, Calls, Check, Error};

/// An instance id and a mobile number that nobody has.
const NO_INSTANCE: &str = "countersign-connection-test";
const NO_MOBILE: &str = "10000000000";

/// Checks credentials and permissions.
pub(super) async fn run(account: &Account, calls: &Calls<'_>) -> Vec<Check> {
    let api = match Api::new(account, calls) {
        Ok(api) => api,
        Err(error) => return vec![Check::failed("credentials", &error, "Fill in the connection's settings")],
    };
    if let Err(failure) = api.renew_token().await {
        let fix = "Developer console, the app's credentials page: copy AppKey and AppSecret into the connection";
        return vec![Check::failed("credentials", &api.error(failure), fix)];
    }
    vec![
        Check::passed("credentials", "DingTalk gave an access token"),
        template_read(&api).await,
        template_write(&api, account).await,
        instance_read(&api).await,
        instance_write(&api).await,
        member_by_mobile(&api).await,
        department_read(&api).await,
        department_members(&api).await,
        member_read(&api).await,
        organization(&api).await,
    ]
}

async fn template_read(api: &Api<'_>) -> Check {
    probe(api, "template_read", "Workflow.Form.Read", template::page(api, "1", 0).await.map(drop))
}

/// Writing is tried with a form that has no name and changes a template that there is not: nothing comes of it.
async fn template_write(api: &Api<'_>, account: &Account) -> Check {
    const NAME: &str = "template_write";
    let nothing = json!({"processCode": NO_INSTANCE, "formComponents": []});
    let written = api.post("/v1.0/workflow/forms", &nothing).await.map(drop);
    let written = probe(api, NAME, "Workflow.Form.Write", written);
    let Some(code) = account.template(ANY_LAYOUT).filter(|_| written.ok) else { return written };
    match template::text_controls(api, code).await {
        Ok(_) => Check::passed(NAME, "Workflow.Form.Write is granted, and our template is there"),
        Err(failure) => {
            let error = api.error(failure);
            let fix = match &error {
                Error::NotFound { .. } => "Make the template again".to_owned(),
                other => mend(api, other, "Workflow.Form.Read"),
            };
            Check::failed(NAME, &error, fix)
        }
    }
}

async fn instance_read(api: &Api<'_>) -> Check {
    let result = super::instance::read(api, NO_INSTANCE).await.map(drop);
    probe(api, "instance_read", "Workflow.Instance.Read", result)
}

async fn instance_write(api: &Api<'_>) -> Check {
    let body = json!({"processInstanceId": NO_INSTANCE, "isSystem": false, "operatingUserId": NO_INSTANCE});
    let result = api.post("/v1.0/workflow/processInstances/terminate", &body).await.map(drop);
    probe(api, "instance_write", "Workflow.Instance.Write", result)
}

async fn member_by_mobile(api: &Api<'_>) -> Check {
    let result = super::members::by_mobile(api, NO_MOBILE).await.map(drop);
    probe(api, "member_by_mobile", "qyapi_get_member_by_mobile", result)
}

/// The department at the top, with all of the organisation below it.
const ROOT: i64 = 1;

async fn department_read(api: &Api<'_>) -> Check {
    let result = api.query_old("/topapi/v2/department/listsub", &json!({"dept_id": ROOT})).await;
    probe(api, "department_read", "qyapi_get_department_list", seen(result))
}

async fn department_members(api: &Api<'_>) -> Check {
    let result = api.query_old("/topapi/v2/user/list", &json!({"dept_id": ROOT, "cursor": 0, "size": 1})).await;
    probe(api, "department_members", "qyapi_get_department_member", seen(result))
}

async fn member_read(api: &Api<'_>) -> Check {
    let result = api.query_old("/topapi/v2/user/get", &json!({"userid": NO_INSTANCE})).await;
    probe(api, "member_read", "qyapi_get_member", seen(result))
}

/// What is outside of the app's scope of contacts is refused for that, and not for a permission.
fn seen(result: Result<Value, Failure>) -> Result<(), Failure> {
    match result {
        Err(Failure::Refused(refusal)) if refusal.kind == Kind::ContactScope => Ok(()),
        other => other.map(drop),
    }
}

/// The organisation's name, by which one sees that `corp_id` is the right one. That DingTalk refuses the id of another
/// organisation is unconfirmed.
async fn organization(api: &Api<'_>) -> Check {
    const NAME: &str = "organization";
    const SCOPE: &str = "Contact.Org.Read";
    let passed_with = |detail: String, fix: String| Check { name: NAME, ok: true, detail, fix };
    let Some(corp) = api.settings.corp_id else {
        let fix = "Set `corp_id`: it stands on the front page of the developer console";
        return passed_with("its name is not known: `corp_id` is not set".to_owned(), fix.to_owned());
    };
    match api.get("/v1.0/contact/organizations/authInfos", &[("targetCorpId", corp)]).await {
        Ok(answer) => match text(&answer["orgName"]).or_else(|| text(&answer["result"]["orgName"])) {
            Some(name) => Check::passed(NAME, name),
            None => Check::passed(NAME, "DingTalk does not tell its name"),
        },
        Err(Failure::Refused(refusal)) if refusal.kind == Kind::Permission => {
            passed_with(format!("its name is not known: {SCOPE} is not granted"), grant(&api.settings, &[SCOPE]))
        }
        // A private deployment may not have the call.
        Err(Failure::Refused(refusal)) if refusal.code == NO_SUCH_CALL || refusal.code.starts_with("http_") => {
            Check::passed(NAME, "this DingTalk has no call for its name")
        }
        Err(Failure::Refused(refusal)) if matches!(refusal.kind, Kind::NotFound | Kind::Refused) => {
            let fix = "Copy the CorpId of the organisation that the app belongs to from the front page of the developer console";
            Check::failed(NAME, &api.error(Failure::Refused(refusal)), fix)
        }
        Err(failure) => {
            let error = api.error(failure);
            let fix = mend(api, &error, SCOPE);
            Check::failed(NAME, &error, fix)
        }
    }
}

/// The gateway's code for a path that it does not know.
const NO_SUCH_CALL: &str = "InvalidAction.NotFound";

/// A probe's result: passed where DingTalk did what was asked, or refused it for another reason than permissions.
fn probe(api: &Api<'_>, name: &'static str, scope: &str, result: Result<(), Failure>) -> Check {
    match result {
        Ok(()) => Check::passed(name, format!("{scope} is granted")),
        Err(Failure::Refused(refusal)) if matches!(refusal.kind, Kind::NotFound | Kind::Refused) => {
            Check::passed(name, format!("{scope} is granted"))
        }
        Err(failure) => {
            let error = api.error(failure);
            let fix = mend(api, &error, scope);
            Check::failed(name, &error, fix)
        }
    }
}

fn mend(api: &Api<'_>, error: &Error, scope: &str) -> String {
    match error {
        // Where DingTalk does not name the permission, we know which one the probe needs.
        Error::Permission { code, fix, .. } if is_scope(code) && !fix.contains("appscope") => {
            grant(&api.settings, &[scope])
        }
        Error::Permission { fix, .. } => fix.clone(),
        Error::QuotaExhausted { .. } => "Wait for next month, or buy calls in DingTalk's developer console".to_owned(),
        Error::TokenRefused { .. } => {
            "A new access token is refused too: check `endpoint`, and that the app is enabled; then try again in a minute".to_owned()
        }
        Error::Credentials { .. } => "Copy AppKey and AppSecret from the developer console again".to_owned(),
        _ => "Try again in a minute".to_owned(),
    }
}

fn is_scope(code: &str) -> bool {
    code.ends_with("AccessTokenPermissionDenied") || code == "60011"
}
