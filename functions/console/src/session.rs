//! `/v1/session`: signing in by a key, who one is, signing out.

use axum::extract::State;
use axum::http::header::SET_COOKIE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use countersign::engine::App;
use countersign::http::session::{begin, mark_of_key, no_session_cookie, refuse_foreign_origin, session_cookie};
use countersign::http::{Caller, Json, Peer, Problem, SignedIn, Who, auth, time};
use countersign::resources::Member;
use countersign::store::sessions::{Holder, Session};
use serde::Deserialize;
use serde_json::{Value, json};

/// A key; it has no `Debug`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct New {
    key: String,
}

/// A key becomes a session. No key is asked for, so a page of somebody else's could sign its visitors in as it pleases: it is refused.
pub(crate) async fn sign_in(
    State(app): State<App>,
    Peer(peer): Peer,
    headers: HeaderMap,
    Json(new): Json<New>,
) -> Result<Response, Problem> {
    refuse_foreign_origin(&headers, &app)?;
    let now = app.world.now();
    let wrong = app.store.wrong_keys(&peer, now).await?;
    if let Some(pause) = wrong.and_then(|wrong| wrong.pause(now)) {
        return Err(too_many(pause));
    }
    let Some(key) = auth::key(&app, new.key.trim()).await? else {
        app.store.add_wrong_key(&peer, wrong, now).await?;
        return Err(Problem::invalid_key());
    };
    let (holder, mark) = (Holder::Key(key.id.clone()), mark_of_key(&key));
    let (session, token) = begin(&app, &headers, key.org.clone(), holder, mark, None).await?;
    let body = view(&auth::of_key(key), None, Some(&session));
    Ok(([(SET_COOKIE, session_cookie(&app, &token)?)], axum::Json(body)).into_response())
}

fn too_many(pause: i64) -> Problem {
    let seconds = u64::try_from(pause).unwrap_or_default().div_ceil(1_000);
    let detail = "too many wrong keys came from this address: wait, then try again";
    Problem::new(StatusCode::TOO_MANY_REQUESTS, "too_many_attempts", detail).with_retry_after(seconds)
}

pub(crate) async fn show(State(app): State<App>, SignedIn(caller): SignedIn) -> Result<axum::Json<Value>, Problem> {
    let member = match caller.member() {
        Some(id) => Some(app.store.get::<Member>(&caller.org, id.as_str()).await?.value),
        None => None,
    };
    let session = match &caller.session {
        Some(id) => app.store.session(id, app.world.now()).await?,
        None => None,
    };
    Ok(axum::Json(view(&caller, member.as_ref(), session.as_ref())))
}

fn view(caller: &Caller, member: Option<&Member>, session: Option<&Session>) -> Value {
    let key = match &caller.who {
        Who::Key { id, name } => Some(json!({ "id": id, "name": name })),
        Who::Member { .. } => None,
    };
    json!({
        "organization": caller.org,
        "member": member.map(shown),
        "key": key,
        "role": caller.role,
        "session": session.map(|session| json!({
            "id": session.id,
            "created_at": time(session.created_at),
            "expires_at": time(session.expires_at()),
        })),
    })
}

/// What members see of themselves.
fn shown(member: &Member) -> Value {
    json!({
        "id": member.id,
        "name": member.name,
        "access": member.access,
        "accounts": member.accounts,
        "roles": member.roles,
        "workspaces": member.workspaces,
    })
}

pub(crate) async fn sign_out(State(app): State<App>, SignedIn(caller): SignedIn) -> Result<Response, Problem> {
    let Some(session) = &caller.session else {
        return Err(Problem::bad_request("no_session", "this request has a key and no session"));
    };
    app.store.end_session(session).await?;
    Ok((StatusCode::NO_CONTENT, [(SET_COOKIE, no_session_cookie(&app)?)]).into_response())
}
