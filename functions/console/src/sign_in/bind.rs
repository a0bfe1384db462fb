//! `GET /bind/{connection}`: whoever is signed in binds their account of another platform, by signing in there.
//!
//! A binding belongs to the person: it is for the member who began it, whoever else signs in with the same browser meanwhile.

use axum::extract::{FromRequestParts, Path, Request, State};
use axum::http::HeaderMap;
use axum::response::Response;
use countersign::engine::App;
use countersign::http::{Caller, SignedIn};
use countersign::providers::sign_in;
use countersign::resources::{Connection, Member};
use countersign::store::members::Claim;
use countersign::store::resources::update_write;
use countersign::store::{Error, Versioned, Write};

use super::page::{Page, Reader};
use super::pending::{Binds, Pending, again};
use super::{Answered, MAX_LISTED, Way, back::may_sign_in, to_platform, wanted, way};

/// How often a change of the member that comes between is met.
const MAX_TRIES: u32 = 5;

pub(crate) async fn bind(State(app): State<App>, Path(connection): Path<String>, request: Request) -> Response {
    let (mut parts, _) = request.into_parts();
    let reader = Reader::of(&app, &parts.headers);
    let back = wanted(&app, parts.uri.query());
    let caller = SignedIn::from_request_parts(&mut parts, &app).await.map(|SignedIn(caller)| caller);
    let answered = match caller {
        Ok(caller) => begin(&app, &connection, &parts.headers, back, &caller).await,
        Err(problem) if problem.status().is_server_error() => Err(Page::ours(&problem)),
        Err(_) => Err(sign_in_first(&app, &connection, &back).await.unwrap_or_else(|page| page)),
    };
    reader.answer(parts.method, answered)
}

async fn begin(app: &App, connection: &str, headers: &HeaderMap, back: String, caller: &Caller) -> Answered {
    let way = way(app, connection).await?;
    if way.open.connection.org != caller.org {
        return Err(Page::unknown_connection());
    }
    let (Some(member), Some(session)) = (caller.member(), &caller.session) else {
        return Err(Page::key_binds_nothing());
    };
    // Another site could send people here when their browser is signed in to the platform as somebody else: they are asked.
    if headers.get("sec-fetch-site").is_some_and(|site| site == "cross-site") {
        return Err(Page::bind_here(&way.open.connection, &again("bind", connection, &back)));
    }
    let binds = Binds { member: member.clone(), session: session.clone() };
    to_platform(app, connection, headers, back, Some(binds)).await
}

/// The ways to sign in, each leading back here.
async fn sign_in_first(app: &App, connection: &str, back: &str) -> Result<Page, Page> {
    let org = way(app, connection).await?.open.connection.org.clone();
    let found =
        app.store.list::<Connection>(&org, MAX_LISTED, None).await.map_err(|error| Page::ours(&error.into()))?;
    let others = found.items.into_iter().map(|found| found.value);
    let others = others.filter(|other| other.id.as_str() != connection && sign_in::by_kind(&other.kind).is_some());
    let here = again("bind", connection, back);
    let ways = others.map(|other| (again("sign-in", other.id.as_str(), &here), other.name)).collect();
    Ok(Page::sign_in_first(ways))
}

/// Whether a binding that is under way is that of who is signed in now.
pub(super) fn is_same(pending: &Pending, caller: Option<&Caller>) -> bool {
    let signed_in = caller.and_then(Caller::member);
    pending.binds.as_ref().is_none_or(|binds| signed_in == Some(&binds.member))
}

/// Gives the member the account. `holder` is who has it.
pub(super) async fn store(
    app: &App,
    way: &Way,
    binds: &Binds,
    (account, claim): (&str, &Claim),
    holder: Option<&Versioned<Member>>,
    again: &str,
) -> Result<(), Page> {
    let (connection, ours) = (&way.open.connection, |error: Error| Page::ours(&error.into()));
    match holder {
        Some(holder) if holder.value.id == binds.member => return Ok(()),
        Some(_) => return Err(Page::account_taken(connection)),
        None => {}
    }
    for _ in 0..MAX_TRIES {
        let found = app.store.get::<Member>(&connection.org, binds.member.as_str()).await.map_err(ours)?;
        let mut member = found.value.clone();
        member.left.remove(&connection.id);
        may_sign_in(&member, way)?;
        let mut writes = Vec::<Write>::new();
        if let Some(old) = member.accounts.insert(connection.id.clone(), account.to_owned()) {
            let key = way.open.provider.account_ids().key(&old).into_owned();
            let old = Claim::Account(connection.id.to_string(), key);
            let held = app.store.members_by_claims(&connection.org, std::slice::from_ref(&old)).await.map_err(ours)?;
            if held == [Some(member.id.clone())] {
                writes.push(old.release(&connection.org));
            }
        }
        writes.insert(0, update_write(&member, found.version).map_err(ours)?);
        writes.insert(1, claim.take(&connection.org, &member.id));
        match app.store.transact(writes).await.map_err(ours)? {
            Ok(()) => {
                tracing::info!(connection.id = %connection.id, member = %member.id, "an account is bound");
                return Ok(());
            }
            Err(refused) if refused.index == 1 => return Err(Page::account_taken(connection)),
            // Somebody has changed the member meanwhile.
            Err(_) => {}
        }
    }
    Err(Page::spent(again))
}
