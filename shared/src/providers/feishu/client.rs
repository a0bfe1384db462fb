//! Calls to Feishu: the access token and the one API.

use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use super::errors::{into_error, judge};
use super::settings::Settings;
use crate::providers::failure::Failure;
use crate::providers::outbound::Request;
use crate::providers::token::TokenGrant;
use crate::providers::{Account, Calls, Error};

/// How the documentation writes the content type of all bodies.
const JSON: &str = "application/json; charset=utf-8";
/// People are named by their open id everywhere: an id that belongs to this app alone.
pub(super) const BY_OPEN_ID: (&str, &str) = ("user_id_type", "open_id");

/// A connection, ready for calls.
pub(super) struct Api<'a> {
    pub(super) settings: Settings<'a>,
    calls: &'a Calls<'a>,
}

impl<'a> Api<'a> {
    pub(super) fn new(account: &'a Account, calls: &'a Calls<'a>) -> Result<Self, Error> {
        Ok(Self { settings: Settings::of(account)?, calls })
    }

    /// Milliseconds since the Unix epoch.
    pub(super) fn now(&self) -> i64 {
        self.calls.world.now()
    }

    /// A failure, for the caller.
    pub(super) fn error(&self, failure: Failure) -> Error {
        into_error(failure, &self.settings)
    }

    /// A read: the answer's `data`.
    pub(super) async fn get(&self, path: &str, query: &[(&str, &str)]) -> Result<Value, Failure> {
        let mut url = self.settings.url(path)?;
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        self.send(|| counted(path, Request::get(url.clone()))).await
    }

    /// A write: the answer's `data`. It is repeated only after a refusal of the token, which had no effect.
    pub(super) async fn post(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        let url = self.settings.url(path)?;
        self.send(|| counted(path, with_body(Request::post(url.clone()), body))).await
    }

    /// Like [`Self::post`], with people named by their open id in the body.
    pub(super) async fn post_by_open_id(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        let mut url = self.settings.url(path)?;
        url.query_pairs_mut().append_pair(BY_OPEN_ID.0, BY_OPEN_ID.1);
        self.send(|| counted(path, with_body(Request::post(url.clone()), body))).await
    }

    /// Fetches a new token, whether one is kept or not.
    pub(super) async fn renew_token(&self) -> Result<(), Failure> {
        self.calls.renew_token(&self.grant()?).await
    }

    /// A call without a token: the whole answer. `secret` is what no error may repeat.
    pub(super) async fn exchange(&self, path: &str, body: &Value, secret: &SecretString) -> Result<Value, Failure> {
        let request = with_body(Request::post(self.settings.url(path)?), body).free();
        let answer = self.calls.once(request.trusting(self.settings.authorities), judge, secret).await;
        answer.map_err(|failure| failure.without(self.settings.app_secret.expose_secret()))
    }

    /// A read in a person's own name: the answer's `data`.
    pub(super) async fn as_user(&self, path: &str, token: &SecretString) -> Result<Value, Failure> {
        let request = Request::get(self.settings.url(path)?).secret_header("authorization", &bearer(token)).free();
        let mut answer = self.calls.once(request.trusting(self.settings.authorities), judge, token).await?;
        Ok(answer["data"].take())
    }

    async fn send(&self, request: impl Fn() -> Request + Send + Sync) -> Result<Value, Failure> {
        let authorized = |token: &SecretString| request().secret_header("authorization", &bearer(token));
        let mut answer = self.calls.with_token(&self.grant()?, authorized, judge).await?;
        Ok(answer["data"].take())
    }

    /// While a token has half an hour left, fetching it again gives the same one; a new one leaves the old one valid.
    fn grant(&self) -> Result<TokenGrant<'_>, Failure> {
        let secret = self.settings.app_secret;
        let body = json!({"app_id": self.settings.app_id, "app_secret": secret.expose_secret()});
        let url = self.settings.url("/auth/v3/tenant_access_token/internal")?;
        let request = with_body(Request::post(url).repeatable(), &body);
        let key = self.settings.token_key();
        let authorities = self.settings.authorities;
        Ok(TokenGrant { key, request, authorities, secret, judge, token: "tenant_access_token", seconds: "expire" })
    }
}

fn bearer(token: &SecretString) -> SecretString {
    format!("Bearer {}", token.expose_secret()).into()
}

fn with_body(request: Request, body: &Value) -> Request {
    request.body(JSON, body.to_string().into_bytes())
}

/// A call as the monthly quota counts it: those of the contacts are free.
fn counted(path: &str, request: Request) -> Request {
    if path.starts_with("/contact/") { request.free() } else { request }
}
