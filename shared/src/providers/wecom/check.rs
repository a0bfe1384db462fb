//! Checks of a connection: each by one harmless call, each failure with the page that mends it.
//!
//! A token is given to any address, so it proves nothing of the trusted ones: that the application's own call shows. No call
//! tells whether the callback is set up; only a callback that comes does. Looking somebody up would count as a miss, so
//! contacts are probed by the list of departments.

use serde_json::json;

use super::client::Api;
use super::{members, template};
use crate::providers::failure::{Failure, Kind};
use crate::providers::lenient::number;
use crate::providers::{ANY_LAYOUT, Account, Calls, Check, Error};

/// Seconds of the list by which the right to approvals is probed.
const AN_HOUR: i64 = 3_600;

/// Checks credentials, trusted address and permissions.
pub(super) async fn run(account: &Account, calls: &Calls<'_>) -> Vec<Check> {
    let api = match Api::new(account, calls) {
        Ok(api) => api,
        Err(error) => return vec![Check::failed("credentials", &error, "Fill in the connection's settings")],
    };
    if let Err(failure) = api.renew_token().await {
        let fix = "WeCom admin console: copy the corporation's id (我的企业 → 企业ID) and the app's Secret into the \
                   connection; wrong ones are not tried again by themselves";
        return vec![Check::failed("credentials", &api.error(failure), fix)];
    }
    let mut checks = vec![
        Check::passed("credentials", "WeCom gave an access token"),
        application(&api).await,
        approvals(&api).await,
        our_template(&api, account).await,
    ];
    checks.extend(contacts(&api).await);
    checks
}

/// That the secret is this application's, that it is switched on, and that our address is trusted.
async fn application(api: &Api<'_>) -> Check {
    const NAME: &str = "trusted_ip";
    match api.get("/cgi-bin/agent/get", &[("agentid", api.settings.agent_id)]).await {
        Ok(app) if number(&app["close"]) == Some(1) => {
            let error = Error::Refused { code: "close".to_owned(), message: "the app is disabled".to_owned() };
            Check::failed(NAME, &error, "WeCom admin console → 应用管理 → the app: switch it on")
        }
        Ok(_) => Check::passed(NAME, "the app may be called from our address"),
        Err(failure) => told(api, NAME, failure),
    }
}

async fn approvals(api: &Api<'_>) -> Check {
    const NAME: &str = "approval";
    let now = api.now() / 1_000;
    let body =
        json!({"starttime": (now - AN_HOUR).to_string(), "endtime": now.to_string(), "new_cursor": "", "size": 1});
    match api.query("/cgi-bin/oa/getapprovalinfo", &body).await {
        Ok(_) => Check::passed(NAME, "the app may call the Approval app"),
        Err(failure) => told(api, NAME, failure),
    }
}

async fn our_template(api: &Api<'_>, account: &Account) -> Check {
    const NAME: &str = "template";
    let Some(code) = account.template(ANY_LAYOUT) else {
        return Check::passed(NAME, "not made yet: the first submit makes it, or `POST …/template`");
    };
    match template::is_ours(api, code).await {
        Ok(true) => Check::passed(NAME, "our template is there"),
        Ok(false) => {
            let message = "our template is gone, or has lost its Reference control".to_owned();
            let error = Error::NotFound { code: code.to_owned(), message };
            Check::failed(NAME, &error, "Make the template again")
        }
        Err(failure) => told(api, NAME, failure),
    }
}

/// That the app sees departments, and people in the first of them.
async fn contacts(api: &Api<'_>) -> Vec<Check> {
    const DEPARTMENTS: &str = "contacts";
    const PEOPLE: &str = "department_members";
    let departments = match members::departments(api, None).await {
        Ok(departments) => departments,
        Err(failure) => return vec![told(api, DEPARTMENTS, failure)],
    };
    let mut checks = vec![Check::passed(DEPARTMENTS, format!("the app sees {} departments", departments.len()))];
    if let Some(first) = departments.first() {
        checks.push(match members::people_of(api, &first.to_string()).await {
            Ok(people) => Check::passed(PEOPLE, format!("the app sees people in department {first}: {}", people.len())),
            Err(failure) => told(api, PEOPLE, failure),
        });
    }
    checks
}

fn told(api: &Api<'_>, name: &'static str, failure: Failure) -> Check {
    let is_wrong_app = matches!(&failure, Failure::Refused(refusal) if refusal.kind == Kind::Credentials);
    let error = api.error(failure);
    let fix = match &error {
        Error::Permission { fix, .. } => fix.clone(),
        Error::TokenRefused { .. } => {
            "A new access token is refused too: look whether another program fetches tokens of this app, and whether the app \
             is switched on; then try again in a minute"
                .to_owned()
        }
        _ if is_wrong_app => "Copy AgentId and Secret from the same app's page in the WeCom admin console".to_owned(),
        _ => "Try again in a minute".to_owned(),
    };
    Check::failed(name, &error, fix)
}
