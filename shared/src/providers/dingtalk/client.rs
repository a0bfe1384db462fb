//! Calls to DingTalk: the access token and the two API families.

use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde_json::Value;

use super::errors::{Failure, judge_new, judge_old};
use super::lenient::{number, text};
use super::settings::Settings;
use crate::providers::outbound::{Answer, Request};
use crate::providers::{Account, Calls, Error};

/// Header that carries the token to the newer API.
const TOKEN_HEADER: &str = "x-acs-dingtalk-access-token";
/// How long a token lives where the answer does not say, in seconds.
const TOKEN_SECONDS: i64 = 7_200;

/// Reads an answer at a time in milliseconds.
type Judge = fn(&Answer, i64) -> Result<Value, Failure>;

/// A connection, ready for calls.
pub(super) struct Api<'a> {
    pub(super) settings: Settings<'a>,
    calls: &'a Calls<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TokenRequest<'a> {
    app_key: &'a str,
    app_secret: &'a str,
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
        failure.into_error(&self.settings)
    }

    /// A read of the newer API.
    pub(super) async fn get(&self, path: &str, query: &[(&str, &str)]) -> Result<Value, Failure> {
        let mut url = self.settings.url(path)?;
        url.query_pairs_mut().extend_pairs(query);
        self.with_token(|token| Request::get(url.clone()).secret_header(TOKEN_HEADER, token), judge_new).await
    }

    /// A write of the newer API. It is repeated only after a refusal of the token, which had no effect.
    pub(super) async fn post(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        let url = self.settings.url(path)?;
        let request = |token: &SecretString| Request::post(url.clone()).secret_header(TOKEN_HEADER, token).json(body);
        self.with_token(request, judge_new).await
    }

    /// A read of the newer API that is a `POST`.
    pub(super) async fn query(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        let url = self.settings.url(path)?;
        let request = |token: &SecretString| {
            Request::post(url.clone()).repeatable().secret_header(TOKEN_HEADER, token).json(body)
        };
        self.with_token(request, judge_new).await
    }

    /// A read of the older API, which takes the token in the query.
    pub(super) async fn query_old(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        let url = self.settings.legacy_url(path)?;
        let request = |token: &SecretString| {
            let mut url = url.clone();
            url.query_pairs_mut().append_pair("access_token", token.expose_secret());
            Request::post(url).repeatable().json(body)
        };
        self.with_token(request, judge_old).await
    }

    /// Fetches a new token, whether one is kept or not: what an administrator's check wants.
    pub(super) async fn renew_token(&self) -> Result<(), Failure> {
        let key = self.settings.token_key();
        self.calls.tokens.forget(&key).await;
        self.token(&key).await.map(drop)
    }

    /// Makes a call; when DingTalk refuses the token, once more with a new one. Tokens may die before their time.
    async fn with_token(
        &self,
        request: impl Fn(&SecretString) -> Request + Send + Sync,
        judge: Judge,
    ) -> Result<Value, Failure> {
        let key = self.settings.token_key();
        let token = self.token(&key).await?;
        match self.once(request(&token), judge, &token).await {
            Err(failure) if failure.refuses_token() => {
                self.calls.tokens.forget(&key).await;
                let token = self.token(&key).await?;
                self.once(request(&token), judge, &token).await
            }
            result => result,
        }
    }

    async fn once(&self, request: Request, judge: Judge, secret: &SecretString) -> Result<Value, Failure> {
        let answer = self.calls.http.send(request).await?;
        judge(&answer, self.now()).map_err(|failure| failure.without(secret.expose_secret()))
    }

    /// The kept token, or a new one. While a token lives, fetching it again gives the same one and renews it, so
    /// several processes may fetch at once.
    async fn token(&self, key: &str) -> Result<SecretString, Failure> {
        if let Some(token) = self.calls.tokens.get(key, self.now()).await {
            return Ok(token);
        }
        let secret = self.settings.app_secret;
        let body = TokenRequest { app_key: self.settings.app_key, app_secret: secret.expose_secret() };
        let request = Request::post(self.settings.url("/v1.0/oauth2/accessToken")?).repeatable().free().json(&body);
        let answer = self.once(request, judge_new, secret).await?;
        let token = text(&answer["accessToken"]).ok_or_else(|| Failure::not_understood("accessToken"))?;
        let token = SecretString::from(token);
        let seconds = number(&answer["expireIn"]).unwrap_or(TOKEN_SECONDS).clamp(0, TOKEN_SECONDS);
        self.calls.tokens.put(key, &token, self.now() + seconds * 1_000).await;
        Ok(token)
    }
}
