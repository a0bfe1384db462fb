//! The calls that the sandbox plays: method, path, permissions, limit, and code.

use crate::platform::call::Done;
use axum::http::Method;

use super::answer::Refusal;
use super::gateway::Call;
use super::state::State;
use super::{comments, contacts, definitions, instances, start, tasks};

/// How many calls are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Limit {
    /// 100 a minute.
    Slow,
    /// 1000 a minute and 50 a second.
    Fast,
}

/// A call's own code.
type Run = fn(&mut State, &Call) -> Result<Done, Refusal>;

/// One call. Of its permissions any one is enough; none is needed where there are none.
pub(super) struct Api {
    method: Method,
    path: &'static str,
    pub(super) scopes: &'static [&'static str],
    pub(super) limit: Limit,
    pub(super) run: Run,
    /// The answer has no `data`.
    pub(super) flat: bool,
}

impl Api {
    /// What its calls are counted under.
    pub(super) fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// Whether its calls count against the month's quota. Documented: contact calls and subscriptions do not.
    pub(super) fn counts(&self) -> bool {
        self.path.starts_with("/approval/") && !self.path.ends_with("subscribe")
    }

    /// Whether it changes something.
    pub(super) fn writes(&self) -> bool {
        self.method != Method::GET && self.path.starts_with("/approval/") && !self.path.ends_with("/query")
    }
}

const fn api(method: Method, path: &'static str, scopes: &'static [&'static str], limit: Limit, run: Run) -> Api {
    Api { method, path, scopes, limit, run, flat: false }
}

const ALL: &str = "approval:approval";
const READ: &str = "approval:approval:readonly";
const DEFINITION: &[&str] = &[ALL, "approval:definition"];
const INSTANCE: &[&str] = &[ALL, "approval:instance"];
const INSTANCE_READ: &[&str] = &[ALL, READ, "approval:instance"];
const TASK: &[&str] = &[ALL, READ, "approval:task"];
const COMMENT: &[&str] = &[ALL, "approval:instance.comment"];
const PEOPLE: &[&str] = &[
    "contact:contact.base:readonly",
    "contact:contact:readonly",
    "contact:contact:readonly_as_app",
    "contact:contact:access_as_app",
];
const ORGANISATION: &[&str] = &[
    "contact:contact.base:readonly",
    "contact:department.organize:readonly",
    "contact:contact:readonly",
    "contact:contact:readonly_as_app",
    "contact:contact:access_as_app",
];

/// Every call, below `/open-apis`. `:` stands for a part of the path.
const APIS: &[Api] = &[
    api(Method::POST, "/approval/v4/approvals", DEFINITION, Limit::Fast, definitions::save),
    api(Method::GET, "/approval/v4/approvals/:", &[ALL, READ, "approval:definition"], Limit::Slow, definitions::read),
    api(Method::POST, "/approval/v4/approvals/:/subscribe", DEFINITION, Limit::Slow, definitions::subscribe),
    api(Method::POST, "/approval/v4/approvals/:/unsubscribe", DEFINITION, Limit::Slow, definitions::unsubscribe),
    api(Method::POST, "/approval/v4/instances", INSTANCE, Limit::Slow, start::start),
    api(Method::GET, "/approval/v4/instances", INSTANCE_READ, Limit::Slow, instances::list),
    api(
        Method::POST,
        "/approval/v4/instances/query",
        &["approval:approval.list:readonly"],
        Limit::Fast,
        instances::query,
    ),
    api(Method::POST, "/approval/v4/instances/cancel", INSTANCE_READ, Limit::Slow, instances::cancel),
    api(Method::POST, "/approval/v4/instances/cc", INSTANCE_READ, Limit::Slow, instances::copy),
    api(Method::POST, "/approval/v4/instances/specified_rollback", TASK, Limit::Fast, tasks::roll_back),
    api(Method::POST, "/approval/v4/instances/add_sign", &[READ], Limit::Slow, tasks::add_sign),
    api(Method::GET, "/approval/v4/instances/:", INSTANCE_READ, Limit::Fast, instances::read),
    api(Method::POST, "/approval/v4/instances/:/comments", COMMENT, Limit::Fast, comments::write),
    api(Method::GET, "/approval/v4/instances/:/comments", COMMENT, Limit::Fast, comments::list),
    api(Method::DELETE, "/approval/v4/instances/:/comments/:", COMMENT, Limit::Fast, comments::remove),
    api(Method::POST, "/approval/v4/tasks/approve", TASK, Limit::Slow, tasks::approve),
    api(Method::POST, "/approval/v4/tasks/reject", TASK, Limit::Slow, tasks::reject),
    api(Method::POST, "/approval/v4/tasks/transfer", TASK, Limit::Slow, tasks::transfer),
    api(Method::POST, "/approval/v4/tasks/resubmit", TASK, Limit::Slow, tasks::resubmit),
    api(
        Method::POST,
        "/contact/v3/users/batch_get_id",
        &["contact:user.id:readonly"],
        Limit::Fast,
        contacts::batch_get_id,
    ),
    api(Method::GET, "/contact/v3/users/find_by_department", ORGANISATION, Limit::Fast, contacts::members),
    api(Method::GET, "/contact/v3/users/:", PEOPLE, Limit::Fast, contacts::user),
    api(Method::GET, "/contact/v3/departments/:", ORGANISATION, Limit::Fast, contacts::department),
    api(Method::GET, "/contact/v3/departments/:/children", ORGANISATION, Limit::Fast, contacts::children),
    api(
        Method::GET,
        "/contact/v3/group/:/member/simplelist",
        &["contact:group:readonly"],
        Limit::Fast,
        contacts::group,
    ),
    api(Method::GET, "/contact/v3/scopes", &["contact:contact.base:readonly"], Limit::Fast, contacts::scopes),
    api(Method::GET, "/tenant/v2/tenant/query", &["tenant:tenant:readonly"], Limit::Fast, contacts::tenant),
    Api { method: Method::GET, path: "/bot/v3/info", scopes: &[], limit: Limit::Fast, run: contacts::bot, flat: true },
];

/// The call with this method and path, and what its `:` stand for. A part with a name comes before `:`.
pub(super) fn find(method: &Method, path: &str) -> Option<(&'static Api, Vec<String>)> {
    let matches = |api: &'static Api| Some((api, parts(api.path, path)?));
    let of_method = APIS.iter().filter(|api| api.method == *method);
    // A GET of `/instances/cancel` reads an instance of that name: only paths without `:` shadow others, per method.
    of_method.filter_map(matches).min_by_key(|(_, parts)| parts.len())
}

/// Whether some method has this path, or it is one that the platform has and the sandbox does not play.
pub(super) fn exists(path: &str) -> bool {
    APIS.iter().any(|api| parts(api.path, path).is_some()) || path.starts_with("/approval/v4/external_")
}

/// What the `:` of a pattern stand for in a path.
fn parts(pattern: &str, path: &str) -> Option<Vec<String>> {
    let (pattern, path) = (pattern.split('/'), path.split('/'));
    if pattern.clone().count() != path.clone().count() {
        return None;
    }
    let mut found = vec![];
    for (wanted, part) in pattern.zip(path) {
        match wanted {
            ":" if !part.is_empty() => found.push(part.to_owned()),
            wanted if wanted == part => {}
            _ => return None,
        }
    }
    Some(found)
}
