//! A sign-in that is under way, as its browser has it: sealed for its connection.

use axum::http::{HeaderMap, HeaderValue};
use countersign::clock::World;
use countersign::crypto::hex;
use countersign::crypto::session_token::SessionToken;
use countersign::engine::App;
use countersign::http::Problem;
use countersign::http::session::{own_cookie, set_cookie};
use countersign::ids::{ConnectionId, MemberId, SessionId};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

/// The cookie's names, off loopback and on it.
const NAMES: (&str, &str) = ("__Host-countersign-sign-in", "countersign-sign-in");
/// How long a sign-in may take, in milliseconds: ten minutes.
pub(super) const MAX_AGE: i64 = 10 * 60_000;
/// How long the browser keeps it, in seconds: whoever took too long still gets where they wanted.
const KEPT: u32 = 3_600;

/// A sign-in that is under way. It has no `Debug`.
#[derive(Serialize, Deserialize)]
pub(super) struct Pending {
    /// What the platform hands back.
    pub(super) state: String,
    /// See [`countersign::providers::sign_in::Begun::verifier`].
    pub(super) verifier: String,
    /// The token of the session that it begins: whoever comes back twice gets one session.
    session: String,
    /// Where it goes.
    pub(super) back: String,
    /// When it began, milliseconds.
    pub(super) at: i64,
    /// Whose account it binds, if it does.
    pub(super) binds: Option<Binds>,
}

/// Who binds an account.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Binds {
    /// The person.
    pub(super) member: MemberId,
    /// Their session.
    pub(super) session: SessionId,
}

impl Pending {
    pub(super) fn new(world: &World, back: String, binds: Option<Binds>) -> Self {
        let random = || SessionToken::generate(world).reveal().to_owned();
        Self { state: random(), verifier: random(), session: random(), back, at: world.now(), binds }
    }

    /// The token of the session that it begins.
    pub(super) fn token(&self) -> Option<SessionToken> {
        SessionToken::parse(&self.session)
    }

    /// Where the same begins again.
    pub(super) fn again(&self, connection: &str) -> String {
        again(if self.binds.is_some() { "bind" } else { "sign-in" }, connection, &self.back)
    }

    /// Whether the platform handed back this sign-in's own state.
    pub(super) fn is_of(&self, state: &str) -> bool {
        self.state.as_bytes().ct_eq(state.as_bytes()).into()
    }

    /// The header that gives it to the browser.
    pub(super) async fn cookie(&self, app: &App, connection: &ConnectionId) -> Result<HeaderValue, Problem> {
        let text = SecretString::from(serde_json::to_string(self).map_err(Problem::internal)?);
        let sealer = app.data_key.sealer().await?;
        let sealed = sealer.seal(&text, &aad(connection), &app.world).map_err(Problem::internal)?;
        set_cookie(app, NAMES, &sealed, Some(KEPT)).ok_or_else(|| Problem::internal("the public address"))
    }

    /// The sign-in through this connection that the browser has; `None` where it has none, or another's.
    pub(super) async fn of(app: &App, headers: &HeaderMap, connection: &ConnectionId) -> Result<Option<Self>, Problem> {
        let Some(sealed) = own_cookie(headers, app, NAMES) else { return Ok(None) };
        let opened = app.data_key.sealer().await?.open(sealed, &aad(connection)).ok();
        Ok(opened.and_then(|text| serde_json::from_str(text.expose_secret()).ok()))
    }
}

/// Where a sign-in through a connection begins that goes here, or a binding.
pub(super) fn again(what: &str, connection: &str, back: &str) -> String {
    let query = url::form_urlencoded::Serializer::new(String::new()).append_pair("return", back).finish();
    format!("/{what}/{connection}?{query}")
}

/// The header that takes it away again.
pub(super) fn no_cookie(app: &App) -> Option<HeaderValue> {
    set_cookie(app, NAMES, "", Some(0))
}

/// Under what the table knows a sign-in: the hash of its state.
pub(super) fn id(state: &str) -> String {
    SessionToken::parse(state).map(|token| token.id().to_string()).unwrap_or_else(|| hex(b"none"))
}

fn aad(connection: &ConnectionId) -> String {
    format!("sign-in|{connection}")
}
