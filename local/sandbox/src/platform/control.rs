//! The sandbox's own endpoints of a platform, those below `_/`: acting as a person, faults, and the developer console.
//! What the page does, tests and scripts may do as well.

use std::time::Duration;

use axum::extract::{Path, State as Shared};
use axum::routing::{any, get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Platform;
use super::app::Configurable;
use super::desk::Kept as _;
use super::faults::{Change, Faults};
use super::host::{Host, Running as _};
use super::http::{Body, Refused, SameSite};
use super::inbox::Shown as _;
use super::people::{Account, department_name};
use super::sending;
use super::text::rfc3339;

/// How long the answer of an act waits for its callbacks' first attempt.
const PATIENCE: Duration = Duration::from_secs(3);
/// How often it looks whether they are out.
const LOOK: Duration = Duration::from_millis(10);

/// What a person does. The people are accounts by the time a platform sees them.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Deed {
    /// Who: an account, a mobile number or an e-mail address.
    pub(crate) user: String,
    /// What.
    pub(crate) action: Action,
    /// Who gets the task, or is added; or the node that a task is rolled back to.
    #[serde(default)]
    pub(crate) to: Option<String>,
    /// When an added person decides.
    #[serde(default)]
    pub(crate) position: Option<Position>,
    /// What they write.
    #[serde(default)]
    pub(crate) remark: Option<String>,
}

/// What a person can do; a platform refuses what it does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Action {
    Approve,
    Reject,
    Transfer,
    Withdraw,
    Comment,
    AddApprover,
    RollBack,
    /// Reminds those who are asked.
    Urge,
    /// Removes the instance.
    Delete,
    /// Notes that what was approved is paid.
    Pay,
}

/// When an added person decides, seen from the one who adds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Position {
    /// 前加签: the adder's task waits.
    Before,
    /// 后加签: the added task opens when the adder has agreed.
    After,
    /// 并加签: at the same time.
    Parallel,
}

/// Somebody who does something.
#[derive(Debug, Clone, Copy)]
pub(crate) struct By<'a> {
    /// Who does it.
    pub(crate) user: &'a str,
    /// What they write.
    pub(crate) remark: Option<&'a str>,
    /// When.
    pub(crate) now: i64,
}

impl Deed {
    /// The remark without spaces around it.
    pub(crate) fn remark(&self) -> Option<&str> {
        self.remark.as_deref().map(str::trim).filter(|remark| !remark.is_empty())
    }

    /// Who does it, with what remark, at this moment.
    pub(crate) fn by(&self, now: i64) -> By<'_> {
        By { user: &self.user, remark: self.remark(), now }
    }

    /// The other person of a transfer or an addition.
    pub(crate) fn other(&self) -> Result<&str, Refused> {
        match self.to.as_deref() {
            None | Some("") => Err(Refused::bad("`to` names the other person")),
            Some(to) if to == self.user => Err(Refused::bad("`to` is somebody else than `user`")),
            Some(to) => Ok(to),
        }
    }

    /// Checks what holds on every platform and puts accounts in place of other ways to name a person.
    fn resolve<P: Platform>(mut self) -> Result<Self, Refused> {
        let people = P::people();
        self.user = account::<P>(&people, &self.user)?;
        let names_person = matches!(self.action, Action::Transfer | Action::AddApprover);
        if let Some(to) = self.to.take().filter(|to| !to.is_empty()) {
            self.to = Some(if names_person { account::<P>(&people, &to)? } else { to });
        }
        if self.remark().is_some_and(|remark| remark.chars().count() > P::MAX_REMARK) {
            return Err(Refused::bad(format!("a remark has at most {} characters", P::MAX_REMARK)));
        }
        if self.action == Action::Comment && self.remark().is_none() {
            return Err(Refused::bad("a comment needs a `remark`"));
        }
        if self.position.is_some() && self.action != Action::AddApprover {
            return Err(Refused::bad("`position` goes with add_approver"));
        }
        Ok(self)
    }
}

/// The account of somebody named by any of their ids, a mobile number or an e-mail address.
pub(crate) fn account<P: Platform>(people: &[Account], name: &str) -> Result<String, Refused> {
    let known = |(person, account): &&Account| {
        account == name
            || person.mobile == name
            || person.email.eq_ignore_ascii_case(name)
            || P::other_ids(account).iter().any(|(_, id)| id == name)
    };
    let found = people.iter().find(known).map(|(_, account)| account.clone());
    found.ok_or_else(|| Refused::bad(format!("there is no user {name}")))
}

/// Everything below `{base}/_/`.
pub(crate) fn routes<P: Platform>(base: &str) -> Router<Host<P>> {
    Router::new()
        .route(&format!("{base}/_/people"), get(people::<P>))
        .route(&format!("{base}/_/instances"), get(instances::<P>))
        .route(&format!("{base}/_/instances/{{id}}"), get(instance::<P>))
        .route(&format!("{base}/_/instances/{{id}}/act"), post(act::<P>))
        .route(&format!("{base}/_/faults"), get(faults::<P>).post(set_faults::<P>).delete(clear_faults::<P>))
        .route(&format!("{base}/_/app"), get(app::<P>).put(enter::<P>))
        .route(&format!("{base}/_/version"), get(version::<P>))
        .route(&format!("{base}/_/{{*unknown}}"), any(unknown))
}

/// `GET _/people`.
async fn people<P: Platform>(_: SameSite) -> Json<Value> {
    let card = |(person, account): Account| {
        let mut card = json!({
            "user": account,
            "name": person.name,
            "pinyin": person.pinyin,
            "mobile": person.mobile,
            "email": person.email,
            "job_title": person.job_title,
            "department": {"id": person.department, "name": department_name(person.department)},
            "admin": person.admin,
        });
        for (name, id) in P::other_ids(&account) {
            card[name] = id.into();
        }
        card
    };
    Json(json!({"items": P::people().into_iter().map(card).collect::<Vec<_>>()}))
}

/// `GET _/instances`: newest first.
async fn instances<P: Platform>(_: SameSite, Shared(platform): Shared<Host<P>>) -> Json<Value> {
    let items: Vec<Value> = platform.desk(|desk| desk.newest_first().into_iter().map(P::Instance::summary).collect());
    Json(json!({"items": items}))
}

/// `GET _/instances/{id}`.
async fn instance<P: Platform>(
    _: SameSite,
    Shared(platform): Shared<Host<P>>,
    Path(id): Path<String>,
) -> Result<Json<Value>, Refused> {
    whole(&platform, &id)
}

/// `POST _/instances/{id}/act`. The answer, the instance, comes after the first attempt of every callback.
async fn act<P: Platform>(
    _: SameSite,
    Shared(platform): Shared<Host<P>>,
    Path(id): Path<String>,
    Body(deed): Body<Deed>,
) -> Result<Json<Value>, Refused> {
    find(&platform, &id)?;
    let deed = deed.resolve::<P>()?;
    let claim = platform.state().perform(&id, &deed)?;
    sending::spawn(&platform, claim);
    // A slow subscriber does not keep the person waiting: sending goes on by itself.
    let sent = async {
        while platform.desk(|desk| desk.sending(&id)) {
            tokio::time::sleep(LOOK).await;
        }
    };
    let _ = tokio::time::timeout(PATIENCE, sent).await;
    whole(&platform, &id)
}

fn whole<P: Platform>(platform: &Host<P>, id: &str) -> Result<Json<Value>, Refused> {
    let instance = find(platform, id)?;
    let mut value = instance.whole();
    value["sending"] = platform.desk(|desk| desk.sending(id)).into();
    value["callbacks"] = instance.callbacks().iter().map(super::outbox::Callback::told).collect();
    Ok(Json(value))
}

fn find<P: Platform>(platform: &Host<P>, id: &str) -> Result<P::Instance, Refused> {
    let found = platform.desk(|desk| desk.instances.get(id).cloned());
    found.ok_or_else(|| Refused::missing("there is no such instance"))
}

/// `GET _/faults`.
async fn faults<P: Platform>(_: SameSite, Shared(platform): Shared<Host<P>>) -> Json<Faults> {
    Json(platform.desk(|desk| desk.faults.clone()))
}

/// `POST _/faults`: changes the faults that are named.
async fn set_faults<P: Platform>(
    _: SameSite,
    Shared(platform): Shared<Host<P>>,
    Body(change): Body<Change>,
) -> Result<Json<Faults>, Refused> {
    let changed = platform.desk(|desk| {
        desk.faults.change(change)?;
        desk.version += 1;
        Ok(desk.faults.clone())
    });
    changed.map(Json).map_err(|error: String| Refused::bad(error))
}

/// `DELETE _/faults`: all is well again.
async fn clear_faults<P: Platform>(_: SameSite, Shared(platform): Shared<Host<P>>) -> Json<Faults> {
    Json(platform.desk(|desk| {
        desk.faults = Faults::default();
        desk.version += 1;
        desk.faults.clone()
    }))
}

/// `GET _/app`: settings and secrets as a connection takes them.
async fn app<P: Platform>(_: SameSite, Shared(platform): Shared<Host<P>>) -> Json<Value> {
    Json(platform.connection())
}

/// `PUT _/app`: stores a callback URL that answers the check as it should, and no other.
async fn enter<P: Platform>(
    _: SameSite,
    Shared(platform): Shared<Host<P>>,
    Body(entry): Body<<P::App as Configurable>::Entry>,
) -> Result<Json<Value>, Refused> {
    platform.enter(entry).await?;
    Ok(Json(platform.connection()))
}

/// `GET _/version`: a number that changes whenever a page would.
async fn version<P: Platform>(_: SameSite, Shared(platform): Shared<Host<P>>) -> Json<Value> {
    Json(json!({"version": platform.desk(|desk| desk.version)}))
}

/// Anything else below `_/`.
async fn unknown() -> Refused {
    Refused::missing("the sandbox has no such address")
}

impl super::outbox::Callback {
    /// As the sandbox's own endpoints tell it.
    fn told(&self) -> Value {
        let attempts = self.attempts.iter().map(|attempt| {
            json!({
                "at": rfc3339(attempt.at),
                "took_ms": attempt.took_ms,
                "ok": attempt.ok,
                "copy": attempt.copy,
                "detail": attempt.detail,
            })
        });
        json!({
            "number": self.number,
            "label": self.label,
            "state": self.state,
            "created_at": rfc3339(self.created_at),
            "event": serde_json::from_str::<Value>(&self.event).unwrap_or_else(|_| self.event.clone().into()),
            "attempts": attempts.collect::<Vec<_>>(),
        })
    }
}
