//! Sessions of browsers: the cookie that holds one, and the requests that may use it.
//!
//! A browser sends its cookie whoever made the page. So a request that changes something counts only if it says that it comes from a
//! page of our own, by `Origin`. What our own is, is the public URL's scheme, host and port, and nothing that the request says.

use axum::http::header::{COOKIE, ORIGIN, USER_AGENT};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use subtle::ConstantTimeEq;
use url::{Host, Url};

use super::auth::{Caller, Who, of_key};
use super::problem::Problem;
use crate::crypto::session_token::SessionToken;
use crate::engine::App;
use crate::ids::{ConnectionId, OrgId};
use crate::resources::{ApiKeyRecord, Member};
use crate::store;
use crate::store::sessions::{Holder, Session};

/// The cookie's name off loopback: a browser takes it only with `Secure`, for `/` and for no other host.
const NAME: &str = "__Host-countersign";
/// Its name on loopback, where there is no TLS and browsers would drop the other.
const LOOPBACK_NAME: &str = "countersign-session";
/// Longest name of a browser that is kept, in characters.
const MAX_AGENT: usize = 256;

/// What of our public address decides about cookies and origins.
struct Own {
    /// As browsers write it in `Origin`, and the same with the port that is usual for the scheme.
    origins: [String; 2],
    is_loopback: bool,
    is_secure: bool,
}

impl Own {
    fn of(app: &App) -> Option<Self> {
        let url = Url::parse(&app.settings.public_url).ok()?;
        let origin = url.origin().ascii_serialization();
        let host = format!("{}://{}", url.scheme(), url.host_str()?);
        let with_port = url.port_or_known_default().map(|port| format!("{host}:{port}"));
        let is_loopback = match url.host()? {
            Host::Domain(name) => name == "localhost" || name.ends_with(".localhost"),
            Host::Ipv4(address) => address.is_loopback(),
            Host::Ipv6(address) => address.is_loopback(),
        };
        let with_port = with_port.unwrap_or_else(|| origin.clone());
        Some(Self { origins: [origin, with_port], is_loopback, is_secure: url.scheme() == "https" })
    }

    const fn cookie(&self) -> &'static str {
        if self.is_loopback { LOOPBACK_NAME } else { NAME }
    }
}

/// Refuses a request that no page of our own has made.
///
/// # Errors
/// 403 `foreign_origin`, also where no `Origin` is sent or several are.
pub fn require_own_origin(headers: &HeaderMap, app: &App) -> Result<(), Problem> {
    let mut sent = headers.get_all(ORIGIN).iter();
    let own = Own::of(app);
    if let (Some(origin), None, Some(own)) = (sent.next(), sent.next(), own)
        // Compared as bytes: what a reader of addresses would forgive is nothing that a browser sends.
        && own.origins.iter().any(|own| origin.as_bytes().eq_ignore_ascii_case(own.as_bytes()))
    {
        return Ok(());
    }
    let detail = "with a session, what changes something must come from a page of this deployment's own public address";
    Err(Problem::new(StatusCode::FORBIDDEN, "foreign_origin", detail))
}

/// Refuses a request that a page of somebody else's has made; one that no page has made passes.
///
/// # Errors
/// As [`require_own_origin`].
pub fn refuse_foreign_origin(headers: &HeaderMap, app: &App) -> Result<(), Problem> {
    if headers.contains_key(ORIGIN) { require_own_origin(headers, app) } else { Ok(()) }
}

/// The value of a cookie that stands once in a request. Names are compared byte for byte: only a space or a tab parts cookies.
#[must_use]
pub fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let pairs = headers.get_all(COOKIE).iter().flat_map(|header| header.as_bytes().split(|byte| *byte == b';'));
    let mut found = pairs.filter_map(|pair| {
        let start = pair.iter().position(|byte| !matches!(byte, b' ' | b'\t'))?;
        let at = pair.iter().position(|byte| *byte == b'=')?;
        (pair.get(start..at)? == name.as_bytes()).then(|| &pair[at + 1..])
    });
    // Two of one name: one of them is not ours, and nothing tells which.
    match (found.next(), found.next()) {
        (Some(value), None) => std::str::from_utf8(value).ok(),
        _ => None,
    }
}

/// The token of the request's session, whether or not there is such a session.
#[must_use]
pub fn token(headers: &HeaderMap, app: &App) -> Option<SessionToken> {
    cookie(headers, Own::of(app)?.cookie()).and_then(SessionToken::parse)
}

/// The header that gives a cookie to the browser, for as long as the browser runs or so many seconds; it is sent with requests that come
/// from links elsewhere too, and not shown to scripts. `name` is `__Host-…`, off loopback, and a plain one on it.
#[must_use]
pub fn set_cookie(app: &App, names: (&str, &str), value: &str, seconds: Option<u32>) -> Option<HeaderValue> {
    let own = Own::of(app)?;
    let name = if own.is_loopback { names.1 } else { names.0 };
    let age = seconds.map(|seconds| format!("; Max-Age={seconds}")).unwrap_or_default();
    let secure = if own.is_loopback && !own.is_secure { "" } else { "; Secure" };
    HeaderValue::from_str(&format!("{name}={value}; Path=/{age}; HttpOnly; SameSite=Lax{secure}")).ok()
}

/// The header that gives a session to the browser.
///
/// # Errors
/// 500 when the public address is none.
pub fn session_cookie(app: &App, token: &SessionToken) -> Result<HeaderValue, Problem> {
    set_cookie(app, (NAME, LOOPBACK_NAME), token.reveal(), None).ok_or_else(|| Problem::internal("the public address"))
}

/// The header that takes it away again.
///
/// # Errors
/// As [`session_cookie`].
pub fn no_session_cookie(app: &App) -> Result<HeaderValue, Problem> {
    set_cookie(app, (NAME, LOOPBACK_NAME), "", Some(0)).ok_or_else(|| Problem::internal("the public address"))
}

/// A cookie of ours by its names off loopback and on it.
#[must_use]
pub fn own_cookie<'a>(headers: &'a HeaderMap, app: &App, names: (&str, &str)) -> Option<&'a str> {
    cookie(headers, if Own::of(app)?.is_loopback { names.1 } else { names.0 })
}

/// Begins a session, and ends the one that the browser had.
///
/// # Errors
/// What the store's error is answered with.
pub async fn begin(
    app: &App,
    headers: &HeaderMap,
    org: OrgId,
    holder: Holder,
    mark: String,
    via: Option<ConnectionId>,
) -> Result<(Session, SessionToken), Problem> {
    let new = SessionToken::generate(&app.world);
    Ok((begin_with(app, headers, &new, (org, holder, mark, via)).await?, new))
}

/// The same with a token that was made before.
///
/// # Errors
/// What the store's error is answered with.
pub async fn begin_with(
    app: &App,
    headers: &HeaderMap,
    new: &SessionToken,
    (org, holder, mark, via): (OrgId, Holder, String, Option<ConnectionId>),
) -> Result<Session, Problem> {
    let now = app.world.now();
    let agent = headers.get(USER_AGENT).and_then(|agent| agent.to_str().ok());
    let agent = agent.map(|agent| agent.chars().take(MAX_AGENT).collect());
    let session = Session { id: new.id(), org, holder, mark, via, agent, created_at: now, seen_at: now };
    app.store.begin_session(&session).await?;
    if let Some(old) = token(headers, app) {
        app.store.end_session(&old.id()).await?;
    }
    Ok(session)
}

/// What a member's sessions must have begun with.
#[must_use]
pub fn mark_of_member(member: &Member) -> String {
    member.epoch.to_string()
}

/// What a key's sessions must have begun with.
#[must_use]
pub fn mark_of_key(key: &ApiKeyRecord) -> String {
    key.hash.clone()
}

/// 401: there is no such session, or it is over. Does not say which.
fn over() -> Problem {
    Problem::invalid_key().with_code("invalid_session", "the session is over, or there is none: sign in again")
}

/// Who calls by a session.
///
/// # Errors
/// 401 `invalid_session` (`invalid_key` where no cookie was sent), 403 `foreign_origin`, or what the store's error is answered with.
pub(super) async fn caller(parts: &Parts, app: &App) -> Result<Caller, Problem> {
    let name = Own::of(app).ok_or_else(Problem::invalid_key)?.cookie();
    let sent = cookie(&parts.headers, name).ok_or_else(Problem::invalid_key)?;
    if !matches!(parts.method, Method::GET | Method::HEAD) {
        require_own_origin(&parts.headers, app)?;
    }
    let token = SessionToken::parse(sent).ok_or_else(over)?;
    let now = app.world.now();
    let session = app.store.session(&token.id(), now).await?.ok_or_else(over)?;
    let mut caller = holder(app, &session).await?.ok_or_else(over)?;
    if session.is_to_be_noted(now) {
        match app.store.extend_session(&session, now).await {
            Ok(true) => {}
            Ok(false) => return Err(over()),
            // The session is good; only its end is not put off.
            Err(error) => tracing::warn!(%error, "a session could not be extended"),
        }
    }
    caller.session = Some(session.id);
    Ok(caller)
}

/// Whose session it is, if they still have its mark.
///
/// # Errors
/// What the store's error is answered with.
pub async fn holder(app: &App, session: &Session) -> Result<Option<Caller>, Problem> {
    let (caller, mark) = match &session.holder {
        Holder::Key(id) => match app.store.get_unscoped::<ApiKeyRecord>(id.as_str()).await {
            Ok(found) if found.value.revoked_at.is_none() => {
                let mark = mark_of_key(&found.value);
                (of_key(found.value), mark)
            }
            Ok(_) | Err(store::Error::NotFound) => return Ok(None),
            Err(error) => return Err(error.into()),
        },
        Holder::Member(id) => match app.store.get::<Member>(&session.org, id.as_str()).await {
            Ok(found) if found.value.active => (Caller::of_member(&found.value), mark_of_member(&found.value)),
            Ok(_) | Err(store::Error::NotFound) => return Ok(None),
            Err(error) => return Err(error.into()),
        },
    };
    let is_same: bool = mark.as_bytes().ct_eq(session.mark.as_bytes()).into();
    Ok((is_same && caller.org == session.org).then_some(caller))
}

impl Caller {
    fn of_member(member: &Member) -> Self {
        let who = Who::Member { id: member.id.clone(), name: member.name.clone() };
        let deployment = member.org == crate::resources::organization::default_org();
        Self { org: member.org.clone(), role: member.access.role(), source: None, who, session: None, deployment }
    }
}
