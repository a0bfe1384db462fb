//! Checks of a connection: each permission by one harmless call, each failure with the page that mends it.
//!
//! The calls count into the monthly quota, so this runs on demand and never on a timer. That DingTalk looks at scopes
//! before it looks at what is asked for is what the probes rest on (unconfirmed): a refusal that is not about
//! permissions shows that the permission is there.

use serde_json::json;

use super::client::Api;
use super::errors::grant;
use super::template;
use crate::providers::failure::{Failure, Kind};
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
    ]
}

async fn template_read(api: &Api<'_>) -> Check {
    probe(api, "template_read", "Workflow.Form.Read", template::page(api, "1", 0).await.map(drop))
}

/// Writing templates has no harmless probe; reading ours shows at least that one could be made.
async fn template_write(api: &Api<'_>, account: &Account) -> Check {
    const NAME: &str = "template_write";
    const SCOPE: &str = "Workflow.Form.Write";
    let Some(code) = account.template(ANY_LAYOUT) else {
        let page = api.settings.grant_page(SCOPE);
        let detail = format!("not tried, since it would make a template; it needs {SCOPE} ({page})");
        return Check { name: NAME, ok: true, detail, fix: String::new() };
    };
    match template::text_controls(api, code).await {
        Ok(_) => Check::passed(NAME, "our template is there"),
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
