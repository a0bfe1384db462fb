//! Signing in through a platform, and binding an account of one: `/sign-in/{connection}`, `/bind/{connection}` and the way back.
//!
//! Which sign-in it is, where it goes and whose it is stands in a cookie that only this browser has, sealed; the platform sees a random state. The way
//! back spends the sign-in before it asks the platform, so a code is exchanged once. Whatever fails is a page, and leads nowhere by itself.

mod back;
mod bind;
mod page;
mod pending;

use std::sync::Arc;

use axum::extract::{Path, RawQuery, State};
use axum::http::header::{LOCATION, REFERRER_POLICY, SET_COOKIE, USER_AGENT};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use countersign::engine::App;
use countersign::engine::connections::OpenConnection;
use countersign::http::Problem;
use countersign::ids::ConnectionId;
use countersign::providers::sign_in::{self, Begun, SignIn};
use countersign::resources::Connection;
use countersign::resources::organization::default_org;
use countersign::store;
use serde_json::{Value, json};
use url::Url;

pub(crate) use back::back;
pub(crate) use bind::bind;
use page::{Page, Reader};
use pending::{Binds, Pending};

/// Where people go who did not say.
const HOME: &str = "/console";
/// Longest address that is gone back to, in bytes: it stands in a cookie.
const MAX_BACK: usize = 1_024;
/// Most connections that the list of ways to sign in looks at.
const MAX_LISTED: u16 = 200;

/// A connection through which one can sign in.
struct Way {
    open: Arc<OpenConnection>,
    platform: &'static dyn SignIn,
}

/// What a browser is answered with.
type Answered = Result<Response, Page>;

/// The connection, if one can sign in through it.
async fn way(app: &App, id: &str) -> Result<Way, Page> {
    let unknown = || Page::unknown_connection();
    let id: ConnectionId = id.parse().map_err(|_| unknown())?;
    let open = match app.connection(&id).await {
        Ok(open) => open.ok_or_else(unknown)?,
        Err(error) => return Err(Page::ours(&error.into())),
    };
    let platform = sign_in::by_kind(&open.connection.kind).ok_or_else(unknown)?;
    Ok(Way { open, platform })
}

/// Where the platform sends the browser back to: one address for signing in and binding, since consoles want it registered.
fn returns_to(app: &App, connection: &ConnectionId) -> String {
    format!("{}/sign-in/{connection}/return", app.settings.public_url)
}

/// The field `return` of a query, if it leads to a page of ours; else [`HOME`].
fn wanted(app: &App, query: Option<&str>) -> String {
    let fields = url::form_urlencoded::parse(query.unwrap_or_default().as_bytes());
    let given = fields.into_iter().find(|(name, _)| name == "return").map(|(_, value)| value);
    given.and_then(|given| ours(app, &given)).unwrap_or_else(|| HOME.to_owned())
}

/// An address of ours, as a browser reads it: path and query. Compared as text a browser might read it otherwise.
fn ours(app: &App, given: &str) -> Option<String> {
    if !given.starts_with('/') || given.len() > MAX_BACK || given.contains(['\\', '\t', '\n', '\r']) {
        return None;
    }
    let own = Url::parse(&app.settings.public_url).ok()?;
    let url = own.join(given).ok()?;
    // Back to the beginning would go round.
    let is_ours = url.origin() == own.origin() && !url.path().starts_with("//") && !url.path().starts_with("/sign-in/");
    let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
    is_ours.then(|| format!("{}{query}", url.path())).filter(|back| back.len() <= MAX_BACK)
}

/// `GET /sign-in/{connection}`.
pub(crate) async fn begin(
    State(app): State<App>,
    Path(connection): Path<String>,
    RawQuery(query): RawQuery,
    method: Method,
    headers: HeaderMap,
) -> Response {
    let reader = Reader::of(&app, &headers);
    let back = wanted(&app, query.as_deref());
    reader.answer(method, to_platform(&app, &connection, &headers, back, None).await)
}

/// Sends the browser to the platform.
async fn to_platform(app: &App, connection: &str, headers: &HeaderMap, back: String, binds: Option<Binds>) -> Answered {
    let way = way(app, connection).await?;
    let id = &way.open.connection.id;
    let pending = Pending::new(&app.world, back, binds);
    let user_agent = headers.get(USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or_default();
    let begun = Begun {
        returns_to: &returns_to(app, id),
        state: &pending.state,
        verifier: &pending.verifier.clone().into(),
        user_agent,
    };
    let url = way.platform.page(&way.open.account, &begun).map_err(|error| Page::settings(&error))?;
    let cookie = pending.cookie(app, id).await.map_err(|error| Page::ours(&error))?;
    Ok(redirect(url.as_str(), &[cookie]))
}

/// Sends the browser on, with these cookies.
fn redirect(to: &str, cookies: &[HeaderValue]) -> Response {
    let Ok(to) = HeaderValue::from_str(to) else { return Problem::internal("an address").into_response() };
    let mut response = (StatusCode::SEE_OTHER, [(LOCATION, to)]).into_response();
    response.headers_mut().insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    for cookie in cookies {
        response.headers_mut().append(SET_COOKIE, cookie.clone());
    }
    response
}

/// `GET /v1/sign-ins`.
pub(crate) async fn list(State(app): State<App>) -> Result<axum::Json<Value>, Problem> {
    let found = connections(&app).await?;
    let items: Vec<Value> = found
        .iter()
        .map(|connection| json!({"connection": connection.id, "name": connection.name, "kind": connection.kind}))
        .collect();
    Ok(axum::Json(json!({ "items": items, "next_cursor": null })))
}

/// The connections of the deployment's own organisation through which one can sign in.
async fn connections(app: &App) -> Result<Vec<Connection>, store::Error> {
    let page = app.store.list::<Connection>(&default_org(), MAX_LISTED, None).await?;
    let found = page.items.into_iter().map(|found| found.value);
    Ok(found.filter(|connection| sign_in::by_kind(&connection.kind).is_some()).collect())
}
