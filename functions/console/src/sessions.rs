//! `/v1/sessions`: which sessions there are, and ending one.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use countersign::engine::App;
use countersign::http::extract::limit;
use countersign::http::session::holder;
use countersign::http::{Caller, Id, Listing, Problem, Query, SignedIn, Who, time};
use countersign::ids::{MemberId, SessionId};
use countersign::resources::{Member, Role};
use countersign::store::sessions::{Holder, Session};
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Filter {
    member: Option<MemberId>,
    limit: Option<u16>,
    cursor: Option<String>,
}

fn own(caller: &Caller) -> Holder {
    match &caller.who {
        Who::Key { id, .. } => Holder::Key(id.clone()),
        Who::Member { id, .. } => Holder::Member(id.clone()),
    }
}

/// One's own, or those of a member.
pub(crate) async fn list(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Query(filter): Query<Filter>,
) -> Result<Response, Problem> {
    let limit = limit(filter.limit)?;
    let whose = match filter.member.map(Holder::Member) {
        Some(whose) if whose != own(&caller) => {
            caller.require(Role::Admin)?;
            app.store.get::<Member>(&caller.org, whose.id()).await?;
            whose
        }
        Some(_) | None => own(&caller),
    };
    let page = app.store.sessions(&caller.org, &whose, limit, filter.cursor.as_deref()).await?;
    let mut listing = Listing::default();
    for session in page.items {
        // All are of one holder, whose mark of now tells which are over.
        let is_over = app.world.now() >= session.expires_at() || holder(&app, &session).await?.is_none();
        if !is_over && !listing.take(session.id.to_string(), None, Ok::<_, Problem>(view(&caller, &session)))? {
            break;
        }
    }
    listing.answer(page.next_cursor)
}

fn view(caller: &Caller, session: &Session) -> Value {
    let (member, key) = match &session.holder {
        Holder::Member(id) => (Some(id), None),
        Holder::Key(id) => (None, Some(id)),
    };
    json!({
        "id": session.id,
        "member": member,
        "key": key,
        "connection": session.via,
        "agent": session.agent,
        "created_at": time(session.created_at),
        "seen_at": time(session.seen_at),
        "expires_at": time(session.expires_at()),
        "current": caller.session.as_ref() == Some(&session.id),
    })
}

/// One's own; administrators end those of members, owners those of keys too.
pub(crate) async fn end(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Id(id): Id<SessionId>,
) -> Result<StatusCode, Problem> {
    let session = app.store.session(&id, app.world.now()).await?.ok_or_else(Problem::not_found)?;
    let needed = match &session.holder {
        Holder::Member(_) => Role::Admin,
        Holder::Key(_) => Role::Owner,
    };
    if session.org != caller.org || (session.holder != own(&caller) && caller.require(needed).is_err()) {
        return Err(Problem::not_found());
    }
    app.store.end_session(&id).await?;
    Ok(StatusCode::NO_CONTENT)
}
