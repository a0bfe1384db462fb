//! Checks of a connection: each scope by one harmless call, each failure with the page that mends it.
//!
//! Scopes are looked at before what is asked for (unconfirmed, but no code of a missing scope was seen to mean
//! anything else): a refusal for another reason shows that the scope is there. What no call tells is in the
//! setting-up instructions: whether the events are added in the console, and whether the app's version is released.

use serde_json::{Value, json};

use super::client::{Api, BY_OPEN_ID};
use super::errors::grant;
use super::template;
use crate::providers::failure::{Failure, Kind};
use crate::providers::lenient::text;
use crate::providers::{Account, Calls, Check, Error, Warning};

/// A code that no definition and no instance has.
const NOTHING: &str = "00000000-0000-0000-0000-000000000000";
/// An address that nobody has.
const NO_EMAIL: &str = "connection-test@countersign.invalid";
/// Most of our definitions that are looked at; there are as many as sequences of modes.
const MAX_TEMPLATES: usize = 10;

/// Checks credentials, scopes and definitions.
pub(super) async fn run(account: &Account, calls: &Calls<'_>) -> Vec<Check> {
    let api = match Api::new(account, calls) {
        Ok(api) => api,
        Err(error) => return vec![Check::failed("credentials", &error, "Fill in the connection's settings")],
    };
    if let Err(failure) = api.renew_token().await {
        let error = api.error(failure);
        let console = api.settings.console();
        let fix = match &error {
            Error::Permission { fix, .. } => fix.clone(),
            _ => format!(
                "Copy App ID and App Secret from the app's credentials page, and check that `endpoint` is the tenant's own \
                 (Feishu or Lark): {console}/baseinfo"
            ),
        };
        return vec![Check::failed("credentials", &error, fix), callback_keys(account)];
    }
    vec![
        Check::passed("credentials", "Feishu gave an access token"),
        callback_keys(account),
        template_write(&api).await,
        templates(&api, account).await,
        instance_read(&api).await,
        instance_write(&api).await,
        member_lookup(&api).await,
        directory(&api).await,
        departments(&api).await,
        department_members(&api).await,
        organization(&api).await,
    ]
}

/// How callbacks prove where they come from.
fn callback_keys(account: &Account) -> Check {
    match warnings(&|name| account.secrets.contains_key(name)).pop() {
        Some(warning) => warning.into(),
        None => Check::passed(
            CALLBACK_KEYS,
            "callbacks must be signed with the Encrypt Key and carry the verification token",
        ),
    }
}

const CALLBACK_KEYS: &str = "callback_keys";

/// What is to be said of a connection that has these secrets.
pub(super) fn warnings(has_secret: &dyn Fn(&str) -> bool) -> Vec<Warning> {
    if has_secret("encrypt_key") {
        return Vec::new();
    }
    vec![Warning {
        name: CALLBACK_KEYS,
        detail: "callbacks carry the verification token, but are not signed or encrypted: whoever learns the token can decide",
        fix: "Set an Encrypt Key, first here as `encrypt_key`, then in the app's console under Events and callbacks.",
    }]
}

async fn template_write(api: &Api<'_>) -> Check {
    let result = template::subscribe(api, NOTHING).await.map(drop);
    probe(api, "template_write", &["approval:approval", "approval:definition"], result)
}

/// Whether our definitions are in use, and subscribed: to subscribe one again does no harm.
async fn templates(api: &Api<'_>, account: &Account) -> Check {
    const NAME: &str = "templates";
    let mut new = 0;
    for code in account.templates.values().take(MAX_TEMPLATES) {
        let read = async {
            let definition = template::read(api, code).await?;
            let was_new = template::subscribe(api, code).await?;
            Ok::<_, Failure>((definition.is_active, was_new))
        };
        match read.await {
            Ok((true, was_new)) => new += usize::from(was_new),
            Ok((false, _)) => {
                let message = format!("the definition {code} is disabled");
                let error = Error::Refused { code: "template_disabled".to_owned(), message };
                return Check::failed(
                    NAME,
                    &error,
                    "Enable it in the approval admin console, or make the template again",
                );
            }
            Err(failure) => {
                let gone = failure.is_not_found();
                let error = api.error(failure);
                let again = "Make the template again".to_owned();
                return Check::failed(
                    NAME,
                    &error,
                    if gone { again } else { mend(api, &error, &["approval:approval"]) },
                );
            }
        }
    }
    let count = account.templates.len();
    let detail = match (count, new) {
        (0, _) => "none was made yet".to_owned(),
        (_, 0) => format!("{count} made, in use and subscribed"),
        _ => format!("{count} made and in use; {new} not subscribed before this check"),
    };
    Check::passed(NAME, detail)
}

async fn instance_read(api: &Api<'_>) -> Check {
    let result = super::instance::read(api, NOTHING).await.map(drop);
    probe(api, "instance_read", &["approval:approval", "approval:approval:readonly", "approval:instance"], result)
}

/// Of a definition that there is not, nothing is started.
async fn instance_write(api: &Api<'_>) -> Check {
    let body = json!({"approval_code": NOTHING, "open_id": "ou_countersign_connection_test", "form": "[]"});
    let result = api.post("/approval/v4/instances", &body).await.map(drop);
    probe(api, "instance_write", &["approval:approval", "approval:instance"], result)
}

async fn member_lookup(api: &Api<'_>) -> Check {
    let result = match super::members::by_email(api, NO_EMAIL).await {
        Err(Failure::Ours(Error::NotFound { .. })) => Ok(()),
        other => other.map(drop),
    };
    probe(api, "member_lookup", &["contact:user.id:readonly"], result)
}

async fn directory(api: &Api<'_>) -> Check {
    let query = [BY_OPEN_ID, ("page_size", "1")];
    let result = api.get("/contact/v3/scopes", &query).await.map(drop);
    probe(api, "directory", &["contact:contact.base:readonly"], result)
}

/// The department at the top.
const ROOT: &str = "0";

async fn departments(api: &Api<'_>) -> Check {
    let result = api.get(&format!("/contact/v3/departments/{ROOT}/children"), &[("page_size", "1")]).await;
    let scopes = ["contact:contact.base:readonly", "contact:department.organize:readonly"];
    probe(api, "departments", &scopes, seen(result))
}

async fn department_members(api: &Api<'_>) -> Check {
    let query = [BY_OPEN_ID, ("department_id", ROOT), ("page_size", "1")];
    let result = api.get("/contact/v3/users/find_by_department", &query).await;
    probe(api, "department_members", &["contact:contact.base:readonly"], seen(result))
}

/// What is outside of the app's contact range is refused for that, and not for a scope.
fn seen(result: Result<Value, Failure>) -> Result<(), Failure> {
    match result {
        Err(Failure::Refused(refusal)) if refusal.kind == Kind::ContactScope => Ok(()),
        other => other.map(drop),
    }
}

/// The tenant's name, by which one sees whose it is. The app works without, so nothing here is a failure but no answer.
async fn organization(api: &Api<'_>) -> Check {
    const NAME: &str = "organization";
    const SCOPE: &str = "tenant:tenant:readonly";
    match api.get("/tenant/v2/tenant/query", &[]).await {
        Ok(answer) => match text(&answer["tenant"]["name"]) {
            Some(name) => Check::passed(NAME, name),
            None => Check::passed(NAME, "Feishu does not tell its name"),
        },
        Err(Failure::Refused(refusal)) if refusal.kind == Kind::Permission => Check {
            name: NAME,
            ok: true,
            detail: format!("its name is not known: {SCOPE} is not granted"),
            fix: grant(&api.settings, &[SCOPE]),
        },
        Err(Failure::Refused(refusal)) if matches!(refusal.kind, Kind::NotFound | Kind::Refused) => {
            Check::passed(NAME, format!("Feishu does not tell its name: {} ({})", refusal.message, refusal.code))
        }
        Err(failure) => {
            let error = api.error(failure);
            let fix = mend(api, &error, &[SCOPE]);
            Check::failed(NAME, &error, fix)
        }
    }
}

/// A probe's result: passed where Feishu did what was asked, or refused it for another reason than scopes.
fn probe(api: &Api<'_>, name: &'static str, scopes: &[&str], result: Result<(), Failure>) -> Check {
    let granted = || Check::passed(name, format!("{} is granted", scopes.join(" or ")));
    match result {
        Ok(()) => granted(),
        Err(Failure::Refused(refusal)) if matches!(refusal.kind, Kind::NotFound | Kind::Refused) => granted(),
        Err(failure) => {
            let error = api.error(failure);
            let fix = mend(api, &error, scopes);
            Check::failed(name, &error, fix)
        }
    }
}

fn mend(api: &Api<'_>, error: &Error, scopes: &[&str]) -> String {
    match error {
        // Where Feishu does not name the scopes, we know which ones the probe needs.
        Error::Permission { code, fix, .. } if code == "99991672" && !fix.contains("/auth?q=") => {
            grant(&api.settings, scopes)
        }
        Error::Permission { fix, .. } => fix.clone(),
        Error::QuotaExhausted { .. } => {
            "Wait for next month, or buy calls: the tenant's admin console, the open platform's API calls".to_owned()
        }
        Error::Credentials { .. } => "Copy App ID and App Secret again, and check `endpoint`".to_owned(),
        Error::TokenRefused { .. } => {
            "A new access token is refused too: check that `endpoint` is the tenant's own (Feishu or Lark)".to_owned()
        }
        _ => "Try again in a minute".to_owned(),
    }
}
