//! Calls to DingTalk: the access token and the two API families.

use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde_json::Value;
use url::Url;

use super::errors::{into_error, judge_new, judge_old};
use super::settings::Settings;
use crate::providers::failure::{Failure, Judge};
use crate::providers::outbound::Request;
use crate::providers::token::TokenGrant;
use crate::providers::{Account, Calls, Error};

/// Header that carries the token to the newer API.
const TOKEN_HEADER: &str = "x-acs-dingtalk-access-token";

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
        into_error(failure, &self.settings)
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
            let request = Request::post(signed(&url, token)).repeatable().json(body);
            if is_of_contacts(path) { request.free() } else { request }
        };
        self.with_token(request, judge_old).await
    }

    /// A read of the older API that is a `GET`.
    pub(super) async fn get_old(&self, path: &str) -> Result<Value, Failure> {
        let url = self.settings.legacy_url(path)?;
        self.with_token(|token| Request::get(signed(&url, token)), judge_old).await
    }

    /// Fetches a new token, whether one is kept or not.
    pub(super) async fn renew_token(&self) -> Result<(), Failure> {
        self.calls.renew_token(&self.grant()?).await
    }

    /// A call that is not the app's, and is made once; `secret` is what no error may repeat.
    pub(super) async fn once(&self, request: Request, secret: &SecretString) -> Result<Value, Failure> {
        let request = request.trusting(self.settings.authorities).free();
        let answer = self.calls.once(request, judge_new, secret).await;
        answer.map_err(|failure| failure.without(self.settings.app_secret.expose_secret()))
    }

    /// A call of the newer API in a person's own name.
    pub(super) fn as_user(&self, request: Request, token: &SecretString) -> Request {
        request.secret_header(TOKEN_HEADER, token)
    }

    async fn with_token(
        &self,
        request: impl Fn(&SecretString) -> Request + Send + Sync,
        judge: Judge,
    ) -> Result<Value, Failure> {
        self.calls.with_token(&self.grant()?, request, judge).await
    }

    /// While a token lives, fetching it again gives the same one and renews it.
    fn grant(&self) -> Result<TokenGrant<'_>, Failure> {
        let secret = self.settings.app_secret;
        let body = TokenRequest { app_key: self.settings.app_key, app_secret: secret.expose_secret() };
        let request = Request::post(self.settings.url("/v1.0/oauth2/accessToken")?).repeatable().json(&body);
        let key = self.settings.token_key();
        let authorities = self.settings.authorities;
        Ok(TokenGrant {
            key,
            request,
            authorities,
            secret,
            judge: judge_new,
            token: "accessToken",
            seconds: "expireIn",
        })
    }
}

/// Calls of the contacts are not counted in the monthly quota.
fn is_of_contacts(path: &str) -> bool {
    ["/topapi/v2/user/", "/topapi/user/", "/topapi/v2/department/"].iter().any(|contacts| path.starts_with(contacts))
}

fn signed(url: &Url, token: &SecretString) -> Url {
    let mut url = url.clone();
    url.query_pairs_mut().append_pair("access_token", token.expose_secret());
    url
}
