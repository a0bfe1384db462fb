//! `GET /sign-in/{connection}/return`: the browser is back, with a code.

use axum::extract::{FromRequestParts, Path, Request, State};
use axum::http::HeaderMap;
use axum::response::Response;
use countersign::engine::App;
use countersign::http::session::{begin_with, mark_of_member, session_cookie};
use countersign::http::{Caller, Problem, SignedIn};
use countersign::providers::sign_in::Arrived;
use countersign::resources::{Access, Member};
use countersign::store::members::Claim;
use countersign::store::sessions::Holder;
use countersign::store::sign_ins::UsedSignIn;
use countersign::store::{Error, Versioned};
use secrecy::SecretString;

use super::page::{Page, Reader};
use super::pending::{MAX_AGE, Pending, id, no_cookie};
use super::{Answered, Way, bind, redirect, returns_to, way};

/// Longest code or state that is read, in bytes.
const MAX_FIELD: usize = 2_048;
/// How often, and with what pauses in milliseconds, the second of two requests looks whether the first is done.
const MAX_LOOKS: u32 = 25;
const LOOK: u64 = 200;

pub(crate) async fn back(State(app): State<App>, Path(connection): Path<String>, request: Request) -> Response {
    let (mut parts, _) = request.into_parts();
    let reader = Reader::of(&app, &parts.headers);
    // What the browser is signed in as, if it is.
    let caller = SignedIn::from_request_parts(&mut parts, &app).await.ok().map(|SignedIn(caller)| caller);
    let query = parts.uri.query().unwrap_or_default();
    let answered = finish(&app, &connection, query, &parts.headers, caller).await;
    reader.answer(parts.method, answered)
}

/// A field of the query.
fn field(query: &str, names: &[&str]) -> Option<String> {
    let find = |name: &&str| {
        let mut fields = url::form_urlencoded::parse(query.as_bytes());
        fields.find(|(key, value)| key == *name && !value.is_empty() && value.len() <= MAX_FIELD)
    };
    names.iter().find_map(find).map(|(_, value)| value.into_owned())
}

async fn finish(app: &App, connection: &str, query: &str, headers: &HeaderMap, caller: Option<Caller>) -> Answered {
    let way = way(app, connection).await?;
    let state = field(query, &["state"]).ok_or_else(|| Page::not_begun(connection, None))?;
    let ours = |error: Problem| Page::ours(&error);
    let pending = Pending::of(app, headers, &way.open.connection.id).await.map_err(ours)?;
    let Some(pending) = pending.filter(|pending| pending.is_of(&state)) else {
        return Err(match was_here(app, &state, caller.as_ref()).await? {
            Some(back) => return Ok(redirect(&back, &[])),
            None => Page::not_begun(connection, None),
        });
    };
    let again = pending.again(connection);
    if app.world.now() - pending.at >= MAX_AGE {
        return Err(Page::too_late(&again));
    }
    if pending.binds.is_some() && !bind::is_same(&pending, caller.as_ref()) {
        return Err(Page::another_person(&again));
    }
    let Some(code) = field(query, way.platform.code_names()) else {
        return Err(Page::declined(&again));
    };
    let token = pending.token().ok_or_else(|| Page::not_begun(connection, None))?;
    let session = pending.binds.as_ref().map_or_else(|| token.id(), |binds| binds.session.clone());
    let used = UsedSignIn { session, back: pending.back.clone(), ok: None };
    let store = |error: Error| Page::ours(&error.into());
    let name = id(&pending.state);
    if app.store.use_sign_in(&name, &used, app.world.now()).await.map_err(store)?.is_some() {
        return repeated(app, &name, &pending, &again).await;
    }
    let done = exchange(app, &way, &pending, &code.into(), headers).await;
    // Whoever waits for the end learns of it; whether that is written does not change what has happened.
    if let Err(error) = app.store.end_sign_in(&name, &used, done.is_ok(), app.world.now()).await {
        tracing::warn!(%error, "the end of a sign-in could not be noted");
    }
    done
}

/// Where a sign-in went that this browser's session came from, or that it was for.
async fn was_here(app: &App, state: &str, caller: Option<&Caller>) -> Result<Option<String>, Page> {
    let Some(session) = caller.and_then(|caller| caller.session.as_ref()) else { return Ok(None) };
    let used = app.store.used_sign_in(&id(state)).await.map_err(|error| Page::ours(&error.into()))?;
    Ok(used.filter(|used| used.ok == Some(true) && used.session == *session).map(|used| used.back))
}

/// The same sign-in has come back twice, as from a client's engine or by the Back key: one exchange, and both get what it brought.
async fn repeated(app: &App, name: &str, pending: &Pending, again: &str) -> Answered {
    for _ in 0..MAX_LOOKS {
        let used = app.store.used_sign_in(name).await.map_err(|error| Page::ours(&error.into()))?;
        match used.and_then(|used| used.ok) {
            None => app.world.wait(LOOK).await,
            Some(false) => break,
            Some(true) => return again_there(app, pending).await?.ok_or_else(|| Page::spent(again)),
        }
    }
    Err(Page::spent(again))
}

/// Where it went, with the session that it began, if that is not over.
async fn again_there(app: &App, pending: &Pending) -> Result<Option<Response>, Page> {
    if pending.binds.is_some() {
        let gone: Vec<_> = no_cookie(app).into_iter().collect();
        return Ok(Some(redirect(&pending.back, &gone)));
    }
    let Some(token) = pending.token() else { return Ok(None) };
    let live = app.store.session(&token.id(), app.world.now()).await.map_err(|error| Page::ours(&error.into()))?;
    if live.is_none() {
        return Ok(None);
    }
    let cookie = session_cookie(app, &token).map_err(|error| Page::ours(&error))?;
    let cookies: Vec<_> = [cookie].into_iter().chain(no_cookie(app)).collect();
    Ok(Some(redirect(&pending.back, &cookies)))
}

/// Asks the platform whose code it is, and signs that person in or binds the account.
async fn exchange(app: &App, way: &Way, pending: &Pending, code: &SecretString, headers: &HeaderMap) -> Answered {
    let connection = &way.open.connection;
    let again = pending.again(connection.id.as_str());
    let (returns_to, verifier) = (returns_to(app, &connection.id), pending.verifier.clone().into());
    let arrived = Arrived { code, returns_to: &returns_to, verifier: &verifier };
    let calls = app.calls();
    let account = way.platform.account(&way.open.account, &arrived, &calls).await;
    let account = account.map_err(|why| Page::not_known(&why, connection, &again))?;
    let claim = Claim::Account(connection.id.to_string(), way.open.provider.account_ids().key(&account).into_owned());
    let member = member_of(app, way, &claim).await?;
    if let Some(binds) = &pending.binds {
        bind::store(app, way, binds, (&account, &claim), member.as_ref(), &again).await?;
        return Ok(redirect(&pending.back, &no_cookie(app).into_iter().collect::<Vec<_>>()));
    }
    let member = member.ok_or_else(|| Page::no_member(connection, &account))?.value;
    may_sign_in(&member, way)?;
    let token = pending.token().ok_or_else(|| Page::not_begun(connection.id.as_str(), None))?;
    let of =
        (member.org.clone(), Holder::Member(member.id.clone()), mark_of_member(&member), Some(connection.id.clone()));
    let begun = begin_with(app, headers, &token, of).await;
    let cookie = begun.and_then(|_| session_cookie(app, &token)).map_err(|error| Page::ours(&error))?;
    tracing::info!(connection.id = %connection.id, member = %member.id, "signed in");
    let cookies: Vec<_> = [cookie].into_iter().chain(no_cookie(app)).collect();
    Ok(redirect(&pending.back, &cookies))
}

/// The member of the connection's organisation who has the account.
async fn member_of(app: &App, way: &Way, claim: &Claim) -> Result<Option<Versioned<Member>>, Page> {
    let (org, store) = (&way.open.connection.org, |error: Error| Page::ours(&error.into()));
    let found = app.store.members_by_claims(org, std::slice::from_ref(claim)).await.map_err(store)?;
    let Some(id) = found.into_iter().flatten().next() else { return Ok(None) };
    match app.store.get::<Member>(org, id.as_str()).await {
        Ok(member) => Ok(Some(member)),
        Err(Error::NotFound) => Ok(None),
        Err(error) => Err(store(error)),
    }
}

pub(super) fn may_sign_in(member: &Member, way: &Way) -> Result<(), Page> {
    let connection = &way.open.connection;
    if !member.active || member.left.contains_key(&connection.id) {
        return Err(Page::switched_off(connection));
    }
    if member.access >= Access::Admin && !connection.of_owner {
        return Err(Page::not_of_owner(connection));
    }
    Ok(())
}
