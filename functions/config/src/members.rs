//! `/v1/members`.

use std::collections::BTreeMap;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;
use countersign::engine::App;
use countersign::http::resource::{check_list, list_of, load, must_be_unused, must_exist, pointed};
use countersign::http::{Admin, Created, Id, IfMatch, Json, ListQuery, Patch, Problem, Query, Tagged, time};
use countersign::ids::{ConnectionId, MemberId, SourceId, WorkspaceId};
use countersign::providers::Mobile;
use countersign::resources::FieldErrors;
use countersign::resources::{Access, Approver, Connection, Flow, Member, Role, Source, Workspace};
use countersign::resources::{MAX_NAME, MAX_TEXT};
use countersign::store::members::MAX_SOURCE_ID;
use serde::Deserialize;
use serde_json::{Value, json};

pub(crate) mod not_stored;
pub(crate) mod stored;

use stored::{MAX_ACCOUNTS, MAX_ROLES, MAX_SOURCE_IDS, create, remove, replace};

pub(crate) fn router() -> Router<App> {
    Router::new()
        .route("/v1/members", get(list_members).post(create_member))
        .route("/v1/members/{id}", get(get_member).patch(update_member).delete(delete_member))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct New {
    name: String,
    mobile: Option<String>,
    email: Option<String>,
    #[serde(default)]
    accounts: BTreeMap<ConnectionId, String>,
    #[serde(default)]
    source_ids: BTreeMap<SourceId, String>,
    #[serde(default)]
    roles: Vec<String>,
    #[serde(default)]
    workspaces: Vec<WorkspaceId>,
    supervisor: Option<MemberId>,
    #[serde(default)]
    access: Access,
    active: Option<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Update {
    name: Patch<String>,
    mobile: Patch<String>,
    email: Patch<String>,
    /// Account by account: what is not sent stays, `null` removes.
    accounts: BTreeMap<ConnectionId, Option<String>>,
    /// Source by source: what is not sent stays, `null` removes.
    source_ids: BTreeMap<SourceId, Option<String>>,
    roles: Patch<Vec<String>>,
    workspaces: Patch<Vec<WorkspaceId>>,
    supervisor: Patch<MemberId>,
    access: Patch<Access>,
    active: Patch<bool>,
}

fn view(member: &Member) -> Value {
    let left: BTreeMap<_, _> = member.left.iter().map(|(connection, at)| (connection, time(*at))).collect();
    json!({
        "id": member.id,
        "name": member.name,
        "mobile": member.mobile,
        "email": member.email,
        "accounts": member.accounts,
        "source_ids": member.source_ids,
        "roles": member.roles,
        "workspaces": member.workspaces,
        "supervisor": member.supervisor,
        "access": member.access,
        "active": member.active,
        "left": left,
        "created_at": time(member.created_at),
    })
}

/// Who is an administrator is for owners to say; so is what leads to an administrator's session: whether they may sign in, and their accounts,
/// with the number and the address by which a directory gives them more.
fn may_change(role: Role, old: Option<&Member>, new: Option<&Member>) -> Result<(), Problem> {
    let is_powerful = |member: Option<&Member>| member.is_some_and(|member| member.access >= Access::Admin);
    let ways = |member: &Member| {
        (member.access, member.active, member.accounts.clone(), member.mobile.clone(), member.email.clone())
    };
    if role < Role::Owner && (is_powerful(old) || is_powerful(new)) && old.map(ways) != new.map(ways) {
        return Err(Problem::forbidden("only an owner appoints, changes and removes administrators and owners"));
    }
    Ok(())
}

/// Checks a member; `old` is what is stored of them.
async fn check(app: &App, old: Option<&Member>, member: &Member, mut errors: FieldErrors) -> Result<(), Problem> {
    errors.text("/name", &member.name, MAX_NAME);
    // One that was kept before addresses were looked at so closely may stay as it is.
    if let Some(email) = member.email.as_ref().filter(|email| old.and_then(|old| old.email.as_ref()) != Some(email)) {
        errors.email("/email", email, MAX_TEXT);
    }
    check_list(&member.roles, "/roles", &mut errors);
    if member.roles.len() > MAX_ROLES {
        errors.push("/roles", format!("must have at most {MAX_ROLES} entries"));
    }
    for (index, role) in member.roles.iter().enumerate() {
        errors.text(format!("/roles/{index}"), role, MAX_NAME);
    }
    check_list(&member.workspaces, "/workspaces", &mut errors);
    if member.accounts.len() > MAX_ACCOUNTS {
        errors.push("/accounts", format!("must have at most {MAX_ACCOUNTS} entries"));
    }
    for (connection, account) in &member.accounts {
        errors.text(format!("/accounts/{connection}"), account, MAX_TEXT);
    }
    if member.source_ids.len() > MAX_SOURCE_IDS {
        errors.push("/source_ids", format!("must have at most {MAX_SOURCE_IDS} entries"));
    }
    // Those of a source that was deleted may stay until they are removed: they lead nowhere.
    let kept = |source: &SourceId, id: &String| old.and_then(|old| old.source_ids.get(source)) == Some(id);
    let given: Vec<_> = member.source_ids.iter().filter(|(source, id)| !kept(source, id)).collect();
    for (source, id) in &given {
        errors.text(format!("/source_ids/{source}"), id, MAX_SOURCE_ID);
    }
    let named: Vec<_> = given.iter().map(|(id, _)| (format!("/source_ids/{id}"), id.as_str())).collect();
    must_exist::<Source>(app, &member.org, &named, &mut errors).await?;
    let named = pointed(&member.workspaces, "/workspaces");
    must_exist::<Workspace>(app, &member.org, &named, &mut errors).await?;
    if member.supervisor.as_ref() == Some(&member.id) {
        errors.push("/supervisor", "is the same person");
    }
    // One who was deleted may stay named until somebody else is: nobody is found then.
    let is_new = |id: &&MemberId| old.and_then(|old| old.supervisor.as_ref()) != Some(*id);
    let named: Vec<_> =
        member.supervisor.iter().filter(is_new).map(|id| ("/supervisor".to_owned(), id.as_str())).collect();
    must_exist::<Member>(app, &member.org, &named, &mut errors).await?;
    let named: Vec<_> = member.accounts.keys().map(|id| (format!("/accounts/{id}"), id.as_str())).collect();
    must_exist::<Connection>(app, &member.org, &named, &mut errors).await?;
    Ok(errors.into_result()?)
}

/// A mobile number as it is kept: E.164. One that was kept before numbers were checked may stay as it is.
fn mobile(given: Option<String>, old: Option<&Member>, errors: &mut FieldErrors) -> Option<String> {
    let given = given?;
    match Mobile::parse(&given) {
        Some(mobile) => Some(mobile.to_string()),
        None => {
            if old.and_then(|old| old.mobile.as_ref()) != Some(&given) {
                errors.mobile("/mobile", &given, MAX_TEXT);
            }
            Some(given)
        }
    }
}

async fn create_member(
    Admin(caller): Admin,
    State(app): State<App>,
    Json(new): Json<New>,
) -> Result<Created<Value>, Problem> {
    let (role, mut errors) = (caller.role, FieldErrors::new());
    let member = Member {
        id: MemberId::new(&app.world),
        org: caller.org,
        name: new.name,
        mobile: mobile(new.mobile, None, &mut errors),
        email: new.email,
        accounts: new.accounts,
        source_ids: new.source_ids,
        roles: new.roles,
        workspaces: new.workspaces,
        supervisor: new.supervisor,
        left: BTreeMap::new(),
        access: new.access,
        active: new.active.unwrap_or(true),
        epoch: 0,
        created_at: app.world.now(),
    };
    may_change(role, None, Some(&member))?;
    check(&app, None, &member, errors).await?;
    create(&app, &member).await?;
    Ok(Created { version: 1, location: format!("/v1/members/{}", member.id), body: view(&member) })
}

async fn list_members(
    Admin(caller): Admin,
    State(app): State<App>,
    Query(query): Query<ListQuery>,
) -> Result<Response, Problem> {
    list_of(&app, &caller.org, &query, |member| Ok(view(member))).await
}

async fn get_member(
    Admin(caller): Admin,
    State(app): State<App>,
    Id(id): Id<MemberId>,
) -> Result<Tagged<Value>, Problem> {
    let found = app.store.get::<Member>(&caller.org, id.as_str()).await?;
    Ok(Tagged { version: found.version, body: view(&found.value) })
}

async fn update_member(
    Admin(caller): Admin,
    State(app): State<App>,
    Id(id): Id<MemberId>,
    if_match: IfMatch,
    Json(update): Json<Update>,
) -> Result<Tagged<Value>, Problem> {
    let found = load::<Member>(&app, &caller.org, id.as_str(), &if_match).await?;
    let (mut member, mut errors) = (found.value.clone(), FieldErrors::new());
    update.name.replace(&mut member.name, "/name", &mut errors);
    update.mobile.change(&mut member.mobile);
    member.mobile = mobile(member.mobile.take(), Some(&found.value), &mut errors);
    update.email.change(&mut member.email);
    update.roles.change_or_default(&mut member.roles);
    update.workspaces.change_or_default(&mut member.workspaces);
    update.supervisor.change(&mut member.supervisor);
    update.access.change_or_default(&mut member.access);
    update.active.change_or(&mut member.active, true);
    for (connection, account) in update.accounts {
        // Of another account nothing is known.
        if member.accounts.get(&connection) != account.as_ref() {
            member.left.remove(&connection);
        }
        match account {
            Some(account) => member.accounts.insert(connection, account),
            None => member.accounts.remove(&connection),
        };
    }
    for (source, id) in update.source_ids {
        match id {
            Some(id) => member.source_ids.insert(source, id),
            None => member.source_ids.remove(&source),
        };
    }
    may_change(caller.role, Some(&found.value), Some(&member))?;
    check(&app, Some(&found.value), &member, errors).await?;
    let version = replace(&app, &found, &member).await.map_err(|error| error.answer(&if_match))?;
    Ok(Tagged { version, body: view(&member) })
}

async fn delete_member(
    Admin(caller): Admin,
    State(app): State<App>,
    Id(id): Id<MemberId>,
    if_match: IfMatch,
) -> Result<StatusCode, Problem> {
    let found = load::<Member>(&app, &caller.org, id.as_str(), &if_match).await?;
    may_change(caller.role, Some(&found.value), None)?;
    must_be_unused::<Workspace>(&app, &caller.org, |workspace| workspace.administrators.contains(&id)).await?;
    let asked = Approver::Member(id);
    let asks =
        |flow: &Flow| flow.stages.iter().flat_map(|stage| &stage.nodes).any(|node| node.approvers.contains(&asked));
    must_be_unused::<Flow>(&app, &caller.org, asks).await?;
    remove(&app, &found).await.map_err(|error| error.answer(&if_match))?;
    Ok(StatusCode::NO_CONTENT)
}
